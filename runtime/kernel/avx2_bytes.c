/* AVX2: integer products of two to four tokens with 8-bit weights.                 SPDX-License-Identifier: Apache-2.0
 *
 * The codes of a row are loaded once, into both halves of a vector, where they meet two tokens at a time. Four rows' sums then fold
 * into one vector, of which either half belongs to a token. The rows are eight far streams, as in avx2_qdot.c. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2_rows.h"

enum {
    ROWS = 8,
    HALF = ROWS / 2,
    TOKENS = 4,
    PAIRS = TOKENS / 2,
    STEP = 16, /* bytes of a row that are loaded at once */
    SCALES = 8 /* groups whose scales are brought into order at once */
};

typedef struct few {
    const carat_weight *w;
    const carat_act *x;
    size_t t0, n;
    carat_comb rows;
    const int8_t *q[TOKENS]; /* codes of the tokens; the last one again where there are fewer */
} few;

static inline __m128i load_16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* 16 codes of two tokens, one in each half. */
static inline __m256i two_tokens(const few *q, size_t pair, size_t at)
{
    return _mm256_set_m128i(load_16(q->q[2 * pair + 1] + at), load_16(q->q[2 * pair] + at));
}

/* acc of both tokens of a pair, from the sums of rows 0..3 and 4..7. */
static inline __attribute__((always_inline)) void
add_pair(const few *q, size_t pair, size_t g, const __m256i half[2], const float *wscale, __m256 acc[TOKENS])
{
    __m256i sum[2] = {_mm256_permute2x128_si256(half[0], half[1], 0x20),
                      _mm256_permute2x128_si256(half[0], half[1], 0x31)};
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++) {
        size_t t = 2 * pair + i, at = (q->t0 + (t < q->n ? t : q->n - 1)) * q->x->groups + g;
        acc[t] = carat_add_group(acc[t], sum[i], wscale, q->x->scale[at]);
    }
}

/* |w| * (x with the sign of w), as in avx2_qdot.c. */
static inline __attribute__((always_inline)) void group_of(const few *q, carat_code code, carat_rows8 r,
                                                           size_t pairs, size_t g, const float *wscale,
                                                           __m256 acc[TOKENS])
{
    const __m256i one = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(-128);
    size_t begin = g * q->x->form.group, end = begin + q->x->form.group;
    if (end > q->x->cols)
        end = q->x->cols;
    __m256i half[PAIRS][2];
#pragma GCC unroll 2
    for (size_t h = 0; h < 2; h++) {
        __m256i v[PAIRS][HALF];
        for (size_t p = 0; p < pairs; p++)
            for (size_t i = 0; i < HALF; i++)
                v[p][i] = _mm256_setzero_si256();
        for (size_t c = begin; c < end; c += STEP) {
            __m256i x[PAIRS];
            for (size_t p = 0; p < pairs; p++)
                x[p] = two_tokens(q, p, c);
#pragma GCC unroll 4
            for (size_t i = 0; i < HALF; i++) {
                __m256i w = _mm256_broadcastsi128_si256(load_16(carat_row_at(r, HALF * h + i, c)));
                if (code == CARAT_CODE_U8)
                    w = _mm256_xor_si256(w, flip);
                __m256i size = _mm256_abs_epi8(w);
#pragma GCC unroll 2
                for (size_t p = 0; p < pairs; p++) {
                    __m256i products = _mm256_maddubs_epi16(size, _mm256_sign_epi8(x[p], w));
                    v[p][i] = _mm256_add_epi32(v[p][i], _mm256_madd_epi16(products, one));
                }
            }
        }
#pragma GCC unroll 2
        for (size_t p = 0; p < pairs; p++)
            half[p][h] = carat_half_tree_32(v[p]);
    }
#pragma GCC unroll 2
    for (size_t p = 0; p < pairs; p++)
        add_pair(q, p, g, half[p], wscale, acc);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* All groups of eight rows. */
static inline __attribute__((always_inline)) void all_groups(const few *q, carat_code code, size_t pairs,
                                                             __m256 acc[TOKENS])
{
    float wscale[SCALES * ROWS];
    size_t groups = q->x->groups;
    bool per_channel = q->w->groups == 1, octets = !per_channel && q->w->scale_dtype == CARAT_DT_BF16;
    carat_rows8 r = carat_rows_of(q->w, q->rows), s = carat_scales_of(q->w, q->rows);
    for (size_t t = 0; t < TOKENS; t++)
        acc[t] = _mm256_setzero_ps();
    for (size_t g0 = 0; g0 < groups; g0 += SCALES) {
        size_t n = groups - g0 < SCALES ? groups - g0 : SCALES;
        if (octets && n == SCALES)
            carat_scales_8x8(s, 2 * g0, wscale, ROWS);
        else if (g0 == 0 || !per_channel)
            carat_avx2_scales(q->w, q->rows, g0, per_channel ? SCALES : n, wscale, ROWS);
        for (size_t g = 0; g < n; g++)
            group_of(q, code, r, pairs, g0 + g, wscale + g * ROWS, acc);
    }
}

static inline __attribute__((always_inline)) void tokens(const few *q, carat_code code, __m256 acc[TOKENS])
{
    if (q->n > 2)
        all_groups(q, code, 2, acc);
    else
        all_groups(q, code, 1, acc);
}

/* The products of eight rows, those from lane `from` on. */
static void eight_rows(const few *q, size_t from, float *y, size_t ldy)
{
    __m256 acc[TOKENS];
    if (q->w->format->code == CARAT_CODE_U8)
        tokens(q, CARAT_CODE_U8, acc);
    else
        tokens(q, CARAT_CODE_I8, acc);
    carat_put_rows(acc, q->t0, q->n, q->rows, from, y, ldy);
}

bool carat_avx2_bytes(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                      float *y, size_t ldy)
{
    size_t step = (r1 - r0) / ROWS, odd = (r1 - r0) % ROWS, group = x->form.group;
    if (n < 2 || r1 < ROWS || w->format->code == CARAT_CODE_U4 || w->cols % STEP || group % STEP)
        return false;
    few q = {.w = w, .x = x, .t0 = t0, .n = n};
    for (size_t t = 0; t < TOKENS; t++)
        q.q[t] = x->q + (t0 + (t < n ? t : n - 1)) * x->ldq;
    for (size_t r = 0; r < step; r++) {
        q.rows = (carat_comb){r0 + r, step};
        eight_rows(&q, 0, y, ldy);
    }
    q.rows = (carat_comb){r1 - ROWS, 1};
    if (odd)
        eight_rows(&q, ROWS - odd, y, ldy);
    return true;
}
