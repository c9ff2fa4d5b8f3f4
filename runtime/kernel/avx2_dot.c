/* AVX2: rows as floats, and float products of few tokens at the speed of memory.   SPDX-License-Identifier: Apache-2.0
 *
 * Column c of a row goes to lane c % 16 (two registers), the lanes are added as a tree: for every format, number of tokens and cut
 * of the rows. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"

enum { LANES = 16, TOKENS = 4 };

typedef struct lanes {
    __m256 lo, hi;
} lanes;

static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* ---- decoding ----------------------------------------------------------------------------------------------- */

/* 16 values of a float format. */
static inline lanes decode_float(carat_code code, const uint8_t *p)
{
    if (code == CARAT_CODE_F32)
        return (lanes){_mm256_castsi256_ps(load(p)), _mm256_castsi256_ps(load(p + 32))};
    __m256i v = load(p);
    __m128i a = _mm256_castsi256_si128(v), b = _mm256_extracti128_si256(v, 1);
    if (code == CARAT_CODE_F16)
        return (lanes){_mm256_cvtph_ps(a), _mm256_cvtph_ps(b)};
    return (lanes){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(a), 16)),
                   _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(b), 16))};
}

/* 16 codes of an integer format from column c of a row on. */
static inline lanes decode_codes(carat_code code, const uint8_t *row, size_t c)
{
    __m128i v;
    if (code == CARAT_CODE_U4) {
        __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(row + c / 2)), low = _mm_set1_epi8(15);
        v = _mm_unpacklo_epi8(_mm_and_si128(b, low), _mm_and_si128(_mm_srli_epi16(b, 4), low));
        v = _mm_sub_epi8(v, _mm_set1_epi8(8));
    } else {
        v = _mm_loadu_si128((const __m128i *)(const void *)(row + c));
        if (code == CARAT_CODE_U8)
            v = _mm_xor_si128(v, _mm_set1_epi8(-128));
    }
    return (lanes){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v)),
                   _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(v, 8)))};
}

static inline void decode_float_span(carat_code code, size_t size, const uint8_t *p, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        lanes v = decode_float(code, p + i * size);
        _mm256_storeu_ps(out + i, v.lo);
        _mm256_storeu_ps(out + i + 8, v.hi);
    }
}

/* Where a row's groups begin and what they are worth, one after the other: no division in the loops. */
typedef struct group_walk {
    size_t group, end; /* columns up to `end` have this scale */
    __m256 scale;
} group_walk;

static inline group_walk walk_to(const carat_weight *w, size_t r, size_t group)
{
    return (group_walk){group, (group + 1) * w->group, _mm256_set1_ps(carat_weight_scale(w, r, group))};
}

/* 16 values from column c on, which lies in the walk's group or begins the next. */
static inline lanes decode_walk(carat_code code, const carat_weight *w, size_t r, size_t c, group_walk *g)
{
    if (c == g->end)
        *g = walk_to(w, r, g->group + 1);
    lanes v = decode_codes(code, w->data + r * w->row_bytes, c);
    return (lanes){_mm256_mul_ps(v.lo, g->scale), _mm256_mul_ps(v.hi, g->scale)};
}

static inline __attribute__((always_inline)) void decode_code_span(carat_code code, const carat_weight *w,
                                                                   size_t r, size_t c, size_t n, float *out)
{
    group_walk g = walk_to(w, r, c / w->group);
    for (size_t i = 0; i < n; i += LANES) {
        lanes v = decode_walk(code, w, r, c + i, &g);
        _mm256_storeu_ps(out + i, v.lo);
        _mm256_storeu_ps(out + i + 8, v.hi);
    }
}

/* Do groups fill vectors? */
static bool even_groups(const carat_weight *w)
{
    return w->groups == 1 || w->group % LANES == 0;
}

static void decode_row(const carat_weight *w, size_t r, float *out)
{
    size_t n = (size_t)w->cols, whole = w->format->integer && !even_groups(w) ? 0 : n / LANES * LANES;
    const uint8_t *row = w->data + r * w->row_bytes;
    if (whole)
        switch (w->format->code) {
        case CARAT_CODE_F32:
            decode_float_span(CARAT_CODE_F32, 4, row, whole, out);
            break;
        case CARAT_CODE_F16:
            decode_float_span(CARAT_CODE_F16, 2, row, whole, out);
            break;
        case CARAT_CODE_BF16:
            decode_float_span(CARAT_CODE_BF16, 2, row, whole, out);
            break;
        case CARAT_CODE_U4:
            decode_code_span(CARAT_CODE_U4, w, r, 0, whole, out);
            break;
        case CARAT_CODE_U8:
            decode_code_span(CARAT_CODE_U8, w, r, 0, whole, out);
            break;
        default:
            decode_code_span(CARAT_CODE_I8, w, r, 0, whole, out);
        }
    if (whole < n)
        w->format->decode(w, r, whole, n - whole, out + whole);
}

void carat_avx2_decode(const carat_weight *w, size_t r0, size_t r1, float *out)
{
    for (size_t r = r0; r < r1; r++)
        decode_row(w, r, out + (r - r0) * w->cols);
}

/* ---- products ----------------------------------------------------------------------------------------------- */

static inline lanes add_product(lanes acc, lanes w, const float *x)
{
    return (lanes){_mm256_fmadd_ps(w.lo, _mm256_loadu_ps(x), acc.lo),
                   _mm256_fmadd_ps(w.hi, _mm256_loadu_ps(x + 8), acc.hi)};
}

static float total(lanes acc)
{
    __m256 v = _mm256_add_ps(acc.lo, acc.hi);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* The columns past the last whole 16, decoded and padded with zeros; x likewise. */
static lanes add_tail(lanes acc, const carat_weight *w, size_t r, const float *x)
{
    size_t whole = (size_t)w->cols / LANES * LANES, n = (size_t)w->cols - whole;
    if (!n)
        return acc;
    float a[LANES] = {0}, b[LANES] = {0};
    w->format->decode(w, r, whole, n, a);
    memcpy(b, x + whole, n * sizeof *b);
    return add_product(acc, (lanes){_mm256_loadu_ps(a), _mm256_loadu_ps(a + 8)}, b);
}

/* Rows r, r + step, ... (`rows` of them) times nt tokens, rows * nt <= 4; the weights come straight from the file. */
static inline __attribute__((always_inline)) void dot_float(carat_code code, size_t size,
                                                            const carat_weight *w, carat_comb r, size_t rows,
                                                            const float *x, size_t ldx, size_t nt,
                                                            lanes acc[TOKENS])
{
    const uint8_t *p = w->data + r.first * w->row_bytes;
    size_t row = r.step * (size_t)w->row_bytes;
    size_t whole = (size_t)w->cols / LANES * LANES;
    lanes sum[TOKENS]; /* acc might lie in x, as far as the compiler knows: these stay in registers */
    for (size_t i = 0; i < rows * nt; i++)
        sum[i] = acc[i];
    for (size_t c = 0; c < whole; c += LANES)
        for (size_t i = 0; i < rows; i++) {
            lanes v = decode_float(code, p + i * row + c * size);
            for (size_t t = 0; t < nt; t++)
                sum[i * nt + t] = add_product(sum[i * nt + t], v, x + t * ldx + c);
        }
    for (size_t i = 0; i < rows * nt; i++)
        acc[i] = sum[i];
}

static inline __attribute__((always_inline)) void dot_shape(carat_code code, size_t size,
                                                            const carat_weight *w, carat_comb r, size_t rows,
                                                            const float *x, size_t ldx, size_t nt,
                                                            lanes acc[TOKENS])
{
    if (rows == 4)
        dot_float(code, size, w, r, 4, x, ldx, 1, acc);
    else if (nt == 1)
        dot_float(code, size, w, r, 1, x, ldx, 1, acc);
    else if (nt == 2)
        dot_float(code, size, w, r, 1, x, ldx, 2, acc);
    else if (nt == 3)
        dot_float(code, size, w, r, 1, x, ldx, 3, acc);
    else
        dot_float(code, size, w, r, 1, x, ldx, 4, acc);
}

static inline __attribute__((always_inline)) void dot_codes(carat_code code, const carat_weight *w, size_t r,
                                                            const float *x, size_t ldx, size_t nt,
                                                            lanes acc[TOKENS])
{
    group_walk g = walk_to(w, r, 0);
    size_t whole = (size_t)w->cols / LANES * LANES;
    lanes sum[TOKENS];
    for (size_t t = 0; t < nt; t++)
        sum[t] = acc[t];
    for (size_t c = 0; c < whole; c += LANES) {
        lanes v = decode_walk(code, w, r, c, &g);
        for (size_t t = 0; t < nt; t++)
            sum[t] = add_product(sum[t], v, x + t * ldx + c);
    }
    for (size_t t = 0; t < nt; t++)
        acc[t] = sum[t];
}

static inline __attribute__((always_inline)) void dot_codes_shape(carat_code code, const carat_weight *w,
                                                                  size_t r, const float *x, size_t ldx,
                                                                  size_t nt, lanes acc[TOKENS])
{
    if (nt == 1)
        dot_codes(code, w, r, x, ldx, 1, acc);
    else if (nt == 2)
        dot_codes(code, w, r, x, ldx, 2, acc);
    else if (nt == 3)
        dot_codes(code, w, r, x, ldx, 3, acc);
    else
        dot_codes(code, w, r, x, ldx, 4, acc);
}

/* Groups that end inside a vector: by way of the format's own decode. */
static void dot_ragged(const carat_weight *w, size_t r, const float *x, size_t ldx, size_t nt,
                       lanes acc[TOKENS])
{
    float v[LANES];
    size_t whole = (size_t)w->cols / LANES * LANES;
    for (size_t c = 0; c < whole; c += LANES) {
        w->format->decode(w, r, c, LANES, v);
        for (size_t t = 0; t < nt; t++)
            acc[t] = add_product(acc[t], (lanes){_mm256_loadu_ps(v), _mm256_loadu_ps(v + 8)},
                                 x + t * ldx + c);
    }
}

static void dot_rows(const carat_weight *w, carat_comb r, size_t rows, const float *x, size_t ldx, size_t nt,
                     lanes acc[TOKENS])
{
    if (w->format->integer && !even_groups(w)) {
        dot_ragged(w, r.first, x, ldx, nt, acc);
        return;
    }
    switch (w->format->code) {
    case CARAT_CODE_F32:
        dot_shape(CARAT_CODE_F32, 4, w, r, rows, x, ldx, nt, acc);
        break;
    case CARAT_CODE_F16:
        dot_shape(CARAT_CODE_F16, 2, w, r, rows, x, ldx, nt, acc);
        break;
    case CARAT_CODE_BF16:
        dot_shape(CARAT_CODE_BF16, 2, w, r, rows, x, ldx, nt, acc);
        break;
    case CARAT_CODE_U4:
        dot_codes_shape(CARAT_CODE_U4, w, r.first, x, ldx, nt, acc);
        break;
    case CARAT_CODE_U8:
        dot_codes_shape(CARAT_CODE_U8, w, r.first, x, ldx, nt, acc);
        break;
    default:
        dot_codes_shape(CARAT_CODE_I8, w, r.first, x, ldx, nt, acc);
    }
}

static void dot_to(const carat_weight *w, carat_comb r, size_t rows, const float *x, size_t ldx, size_t n,
                   float *y, size_t ldy)
{
    lanes acc[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        acc[i].lo = acc[i].hi = _mm256_setzero_ps();
    dot_rows(w, r, rows, x, ldx, n, acc);
    for (size_t i = 0; i < rows; i++) {
        size_t row = r.first + i * r.step;
        for (size_t t = 0; t < n; t++)
            y[t * ldy + row] = total(add_tail(acc[i * n + t], w, row, x + t * ldx));
    }
}

/* One token meets four rows at a time, a quarter of the piece apart: far streams come faster than rows side by side. */
void carat_avx2_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                     float *y, size_t ldy)
{
    size_t step = n == 1 && !w->format->integer ? (r1 - r0) / TOKENS : 0;
    for (size_t r = 0; r < step; r++)
        dot_to(w, (carat_comb){r0 + r, step}, TOKENS, x, ldx, n, y, ldy);
    for (size_t r = r0 + TOKENS * step; r < r1; r++)
        dot_to(w, (carat_comb){r, 1}, 1, x, ldx, n, y, ldy);
}
