/* AVX2: integer products of two to four tokens with 4-bit weights in groups of 32. SPDX-License-Identifier: Apache-2.0
 *
 * One token is a matter of memory, four are one of instructions: here the codes of sixteen rows are unpacked once for all tokens and
 * lie side by side, four columns of eight rows to a vector, so that a broadcast of four columns of a token meets eight rows at a
 * time and no sums across a vector are needed. The rows are two combs of eight that lie an eighth of the piece apart, as in
 * avx2_qdot.c. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2_rows.h"

enum {
    ROWS = 8,
    TOKENS = 4,
    COLUMNS = 32, /* of a group */
    SCALES = 8,   /* groups whose scales are brought into order at once */
    AHEAD = 512   /* bytes of a row that are asked for early */
};

typedef struct quad {
    const carat_weight *w;
    const carat_act *x;
    size_t t0;
    carat_comb rows; /* of the first comb; the second follows it */
    carat_rows8 r[2];
} quad;

static inline carat_rows8 comb_at(const quad *q, size_t comb)
{
    return carat_rows_of(q->w, (carat_comb){q->rows.first + comb, q->rows.step});
}

/* d[k]: bytes at + 4k .. at + 4k + 3 of the eight rows, side by side. */
static inline void gather(const carat_rows8 *r, size_t at, __m256i d[4])
{
    __m256i m[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)carat_row_at(*r, i, at));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)carat_row_at(*r, i + 4, at));
        m[i] = _mm256_set_m128i(b, a);
    }
    __m256i a = _mm256_unpacklo_epi32(m[0], m[1]), b = _mm256_unpacklo_epi32(m[2], m[3]);
    __m256i e = _mm256_unpackhi_epi32(m[0], m[1]), f = _mm256_unpackhi_epi32(m[2], m[3]);
    d[0] = _mm256_unpacklo_epi64(a, b);
    d[1] = _mm256_unpackhi_epi64(a, b);
    d[2] = _mm256_unpacklo_epi64(e, f);
    d[3] = _mm256_unpackhi_epi64(e, f);
}

/* Asks for 128 bytes of row i that come AHEAD bytes later, at the end of rows for those of the rows that follow the combs: the processor's
 * own prefetchers do not follow so many rows. One row at a time: many requests at once would wait for each other. */
static inline __attribute__((always_inline)) void fetch_codes(const quad *q, size_t combs, size_t i,
                                                              size_t at)
{
    size_t row = (size_t)q->w->row_bytes;
    at += at + AHEAD < row ? AHEAD : AHEAD + (combs - 1) * row;
    for (size_t c = 0; c < combs; c++) {
        const char *p = (const char *)q->r[c].top + i * q->r[c].step + at;
        _mm_prefetch(p, _MM_HINT_T0);
        _mm_prefetch(p + 64, _MM_HINT_T0);
    }
}

/* Asks for the scales of the rows that follow the combs. */
static inline void fetch_scales(const quad *q, size_t combs)
{
    size_t row = (size_t)q->w->groups * carat_dtype_size(q->w->scale_dtype);
    for (size_t i = 0; i < ROWS; i++) {
        const char *next = (const char *)q->w->scale + (q->rows.first + combs + i * q->rows.step) * row;
        for (size_t j = 0; j < combs * row; j += 64)
            _mm_prefetch(next + j, _MM_HINT_T0);
    }
}

/* Four columns of every token: sum[t][c] += w[c] x[t]. */
static inline __attribute__((always_inline)) void unit(size_t combs, size_t n, const __m256i w[2],
                                                       const int8_t *const x[TOKENS], size_t at, bool begin,
                                                       __m256i sum[TOKENS][2])
{
#pragma GCC unroll 4
    for (size_t t = 0; t < n; t++) {
        __m256i codes = carat_four_bytes(x[t] + at);
#pragma GCC unroll 2
        for (size_t c = 0; c < combs; c++) {
            __m256i pairs = _mm256_maddubs_epi16(w[c], codes);
            sum[t][c] = carat_in_order(begin ? pairs : _mm256_add_epi16(sum[t][c], pairs));
        }
    }
}

/* 32 columns of every token, into sums of 16 bits: at most 16 * 15 * 127. `at`: the first column. */
static inline __attribute__((always_inline)) void run(const quad *q, size_t combs, size_t n, size_t at,
                                                      const int8_t *const x[TOKENS], __m256i sum[TOKENS][2])
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i d[2][4];
#pragma GCC unroll 2
    for (size_t c = 0; c < combs; c++)
        gather(&q->r[c], at / 2, d[c]);
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; k++) {
        __m256i even[2], odd[2];
#pragma GCC unroll 2
        for (size_t c = 0; c < combs; c++) {
            even[c] = _mm256_and_si256(d[c][k], low);
            odd[c] = _mm256_and_si256(_mm256_srli_epi16(d[c][k], 4), low);
        }
        unit(combs, n, even, x, at + 4 * k, k == 0, sum);
        unit(combs, n, odd, x, at + COLUMNS / 2 + 4 * k, false, sum);
    }
}

/* Group g: acc[t][c] += isum * (wscale * xscale). wscale: [combs][SCALES][ROWS], at this group. */
static inline __attribute__((always_inline)) void group(const quad *q, size_t combs, size_t n, size_t g,
                                                        const float *wscale, const int8_t *const x[TOKENS],
                                                        __m256 acc[TOKENS][2])
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i sum[TOKENS][2];
    run(q, combs, n, g * COLUMNS, x, sum);
#pragma GCC unroll 4
    for (size_t t = 0; t < n; t++) {
        size_t at = (q->t0 + t) * q->x->groups + g;
        __m256i offset = _mm256_slli_epi32(_mm256_set1_epi32(q->x->sum[at]), 3);
        __m256 xscale = _mm256_broadcast_ss(q->x->scale + at);
#pragma GCC unroll 2
        for (size_t c = 0; c < combs; c++) {
            __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(wscale + c * SCALES * ROWS), xscale);
            acc[t][c] = _mm256_fmadd_ps(
                _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_madd_epi16(sum[t][c], one), offset)), scale,
                acc[t][c]);
        }
    }
}

/* All groups; y of lanes from `from` on. */
static inline __attribute__((always_inline)) void rows(const quad *q, size_t combs, size_t n, size_t from,
                                                       float *y, size_t ldy)
{
    float wscale[2][SCALES * ROWS];
    __m256 acc[TOKENS][2];
    size_t groups = q->x->groups;
    const carat_rows8 scale[2] = {carat_scales_of(q->w, q->rows),
                                  carat_scales_of(q->w, (carat_comb){q->rows.first + 1, q->rows.step})};
    const int8_t *x[TOKENS];
    for (size_t t = 0; t < n; t++) {
        x[t] = q->x->q + (q->t0 + t) * q->x->ldq;
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    }
    fetch_scales(q, combs);
    for (size_t g0 = 0; g0 < groups; g0 += SCALES) {
        size_t end = groups - g0 < SCALES ? groups - g0 : SCALES;
        if (end == SCALES && q->w->scale_dtype == CARAT_DT_BF16)
            for (size_t c = 0; c < combs; c++)
                carat_scales_8x8(scale[c], 2 * g0, wscale[c], ROWS);
        else
            for (size_t c = 0; c < combs; c++)
                carat_avx2_scales(q->w, (carat_comb){q->rows.first + c, q->rows.step}, g0, end, wscale[c],
                                  ROWS);
        for (size_t g = 0; g < end; g++) {
            fetch_codes(q, combs, g, g0 * COLUMNS / 2);
            group(q, combs, n, g0 + g, wscale[0] + g * ROWS, x, acc);
        }
    }
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < combs; c++) {
            float out[ROWS];
            _mm256_storeu_ps(out, acc[t][c]);
            for (size_t i = from; i < ROWS; i++)
                y[(q->t0 + t) * ldy + q->rows.first + c + i * q->rows.step] = out[i];
        }
}

static void rows_of(quad *q, size_t combs, size_t n, size_t from, float *y, size_t ldy)
{
    q->r[0] = comb_at(q, 0);
    q->r[1] = comb_at(q, 1);
    if (n == 4 && combs == 2)
        rows(q, 2, 4, from, y, ldy);
    else if (n == 4)
        rows(q, 1, 4, from, y, ldy);
    else if (n == 3 && combs == 2)
        rows(q, 2, 3, from, y, ldy);
    else if (n == 3)
        rows(q, 1, 3, from, y, ldy);
    else if (combs == 2)
        rows(q, 2, 2, from, y, ldy);
    else
        rows(q, 1, 2, from, y, ldy);
}

bool carat_avx2_quad(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy)
{
    size_t step = (r1 - r0) / ROWS, odd = (r1 - r0) % ROWS;
    if (n < 2 || w->format->code != CARAT_CODE_U4 || x->form.group != COLUMNS || w->cols % COLUMNS ||
        r1 < ROWS)
        return false;
    quad q = {.w = w, .x = x, .t0 = t0};
    for (size_t r = 0; r < step; r += 2) {
        q.rows = (carat_comb){r0 + r, step};
        rows_of(&q, step - r < 2 ? 1 : 2, n, 0, y, ldy);
    }
    q.rows = (carat_comb){r1 - ROWS, 1};
    if (odd)
        rows_of(&q, 1, n, ROWS - odd, y, ldy);
    return true;
}
