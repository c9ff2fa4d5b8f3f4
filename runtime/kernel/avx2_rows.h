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

#endif
