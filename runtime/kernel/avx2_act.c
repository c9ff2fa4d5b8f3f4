/* AVX2: activations to int8; scales of weights with rows side by side.             SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "runtime/kernel/avx2_rows.h"
#include "runtime/kernel/ref.h"

enum { RUN = 32 };

/* The 32 values at c, those past `end` as zeros (through `pad`). */
static const float *run_at(const float *x, size_t c, size_t end, float pad[RUN])
{
    if (end - c >= RUN)
        return x + c;
    memset(pad, 0, RUN * sizeof *pad);
    memcpy(pad, x + c, (end - c) * sizeof *x);
    return pad;
}

/* Bits of the largest magnitude: as integers they order like the floats, NaN above all. */
static uint32_t max_bits(const float *x, size_t begin, size_t end)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    float pad[RUN];
    for (size_t c = begin; c < end; c += RUN) {
        const float *p = run_at(x, c, end, pad);
        for (int i = 0; i < RUN; i += 8)
            max = _mm256_max_epi32(max,
                                   _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(p + i)), magnitude));
    }
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

static int32_t sum_lanes(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

/* 32 codes in column order, or evens before odds; their lane sums are added to *sum. */
static __m256i codes(const float *p, __m256 inverse, bool nibble, __m256i *sum)
{
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i even_odd = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    __m256i v[4];
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(p + 8 * i), inverse));
        *sum = _mm256_add_epi32(*sum, v[i]);
    }
    __m256i q = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    q = _mm256_permutevar8x32_epi32(q, in_order);
    return nibble ? _mm256_permute4x64_epi64(_mm256_shuffle_epi8(q, even_odd), 0xd8) : q;
}

void carat_avx2_quantize(const float *x, carat_act *act, size_t t)
{
    if (act->form.group % RUN) {
        carat_ref_quantize(x, act, t);
        return;
    }
    int8_t *q = act->q + t * act->ldq;
    bool nibble = act->form.order == CARAT_ORDER_NIBBLE;
    memset(q + act->cols / RUN * RUN, 0, act->ldq - act->cols / RUN * RUN);
    for (size_t g = 0; g < act->groups; g++) {
        size_t begin = g * act->form.group, end = begin + act->form.group;
        if (end > act->cols)
            end = act->cols;
        uint32_t bits = max_bits(x, begin, end);
        float max = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128((int)bits))), pad[RUN];
        bool finite = bits < 0x7f800000u, zero = max < CARAT_ACT_TINY;
        __m256 inverse = _mm256_set1_ps(127.0f / max);
        __m256i sum = _mm256_setzero_si256();
        for (size_t c = begin; c < end; c += RUN) {
            __m256i v = _mm256_setzero_si256();
            if (finite && !zero)
                v = codes(run_at(x, c, end, pad), inverse, nibble, &sum);
            _mm256_storeu_si256((__m256i *)(void *)(q + c), v);
        }
        act->scale[t * act->groups + g] = !finite ? NAN : zero ? 0.0f : max / 127.0f;
        act->sum[t * act->groups + g] = sum_lanes(sum);
    }
}

void carat_avx2_scales(const carat_weight *w, carat_comb rows, size_t g0, size_t n, float *out, size_t ld)
{
    size_t g = 0;
    if (w->groups == 1) { /* per channel: the same in every group */
        for (size_t i = 0; i < 8; i++)
            out[i] = carat_weight_scale(w, rows.first + i * rows.step, 0);
        for (g = 1; g < n; g++)
            memcpy(out + g * ld, out, 8 * sizeof *out);
        return;
    }
    if (w->scale_dtype == CARAT_DT_BF16) {
        carat_rows8 s = carat_scales_of(w, rows);
        for (; g + 8 <= n; g += 8)
            carat_scales_8x8(s, 2 * (g0 + g), out + g * ld, ld);
        if (g < n && g0 + n >= 8) { /* the last few: the eight that end with them */
            float tail[64];
            carat_scales_8x8(s, 2 * (g0 + n - 8), tail, 8);
            for (; g < n; g++)
                memcpy(out + g * ld, tail + (8 - (n - g)) * 8, 8 * sizeof *out);
        }
    }
    for (; g < n; g++)
        for (size_t i = 0; i < 8; i++)
            out[g * ld + i] = carat_weight_scale(w, rows.first + i * rows.step, g0 + g);
}
