/* What the integer products of the AVX2 set share: eight rows at a distance, and sums in a fixed order.   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_AVX2_ROWS_H
#define CARAT_KERNEL_AVX2_ROWS_H

#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"

/* Eight rows at a constant distance; kept so, their addresses need no multiplication. */
typedef struct carat_rows8 {
    const uint8_t *top, *middle; /* rows 0 and 4 */
    size_t step;
} carat_rows8;

static inline carat_rows8 carat_rows_of(const carat_weight *w, carat_comb rows)
{
    size_t step = rows.step * (size_t)w->row_bytes;
    const uint8_t *top = w->data + rows.first * w->row_bytes;
    return (carat_rows8){top, top + 4 * step, step};
}

static inline const uint8_t *carat_row_at(carat_rows8 r, size_t i, size_t at)
{
    return (i < 4 ? r.top : r.middle) + i % 4 * r.step + at;
}

/* The scales of eight rows, two bytes each: as their bytes. */
static inline carat_rows8 carat_scales_of(const carat_weight *w, carat_comb rows)
{
    size_t row = 2 * (size_t)w->groups, step = rows.step * row;
    const uint8_t *top = w->scale + rows.first * row;
    return (carat_rows8){top, top + 4 * step, step};
}

/* Eight rows of eight bf16 that begin at byte `at` -> eight groups of eight f32, ld floats apart. Pairs of groups travel as 32 bits and
 * are parted at the end. */
static inline void carat_scales_8x8(carat_rows8 s, size_t at, float *out, size_t ld)
{
    const __m256i high = _mm256_set1_epi32((int)0xffff0000u);
    __m256i m[4], d[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        m[i] = _mm256_set_m128i(_mm_loadu_si128((const __m128i *)(const void *)carat_row_at(s, i + 4, at)),
                                _mm_loadu_si128((const __m128i *)(const void *)carat_row_at(s, i, at)));
    __m256i a = _mm256_unpacklo_epi32(m[0], m[1]), b = _mm256_unpacklo_epi32(m[2], m[3]);
    __m256i e = _mm256_unpackhi_epi32(m[0], m[1]), f = _mm256_unpackhi_epi32(m[2], m[3]);
    d[0] = _mm256_unpacklo_epi64(a, b);
    d[1] = _mm256_unpackhi_epi64(a, b);
    d[2] = _mm256_unpacklo_epi64(e, f);
    d[3] = _mm256_unpackhi_epi64(e, f);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + 2 * i * ld, _mm256_castsi256_ps(_mm256_slli_epi32(d[i], 16)));
        _mm256_storeu_ps(out + (2 * i + 1) * ld, _mm256_castsi256_ps(_mm256_and_si256(d[i], high)));
    }
}

/* Four bytes in every lane. */
static inline __m256i carat_four_bytes(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

/* Makes the compiler add in the written order: gcc would balance the sums into trees, for which registers do not suffice. */
static inline __m256i carat_in_order(__m256i v)
{
    __asm__("" : "+x"(v));
    return v;
}

/* The sums of 32 bits of four vectors in each half, side by side, in four lanes of that half: as pairs of 16-bit sums, or whole. */
static inline __m256i carat_half_tree_16(const __m256i v[4])
{
    __m256i ab = _mm256_add_epi16(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
    __m256i cd = _mm256_add_epi16(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
    return _mm256_add_epi16(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

static inline __m256i carat_half_tree_32(const __m256i v[4])
{
    __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
    __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

/* acc + isum * (wscale * xscale). */
static inline __m256 carat_add_group(__m256 acc, __m256i isum, const float *wscale, float xscale)
{
    __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(wscale), _mm256_set1_ps(xscale));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum), scale, acc);
}

/* The sum of codes from -8 on, where codes from 0 on were summed up. */
static inline __m256i carat_less_offset(__m256i isum, const int32_t *xsum)
{
    return _mm256_sub_epi32(isum, _mm256_slli_epi32(_mm256_set1_epi32(*xsum), 3));
}

/* Eight rows of n tokens to where they belong, those from lane `from` on. */
static inline void carat_put_rows(const __m256 *acc, size_t t0, size_t n, carat_comb rows, size_t from,
                                  float *y, size_t ldy)
{
    for (size_t t = 0; t < n; t++) {
        float out[8];
        _mm256_storeu_ps(out, acc[t]);
        for (size_t i = from; i < 8; i++)
            y[(t0 + t) * ldy + rows.first + i * rows.step] = out[i];
    }
}

#endif
