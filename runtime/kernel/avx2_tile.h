/* Reading the tile of a panel: sixteen bytes of eight rows at a time.               SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_AVX2_TILE_H
#define CARAT_KERNEL_AVX2_TILE_H

#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"
#include "runtime/kernel/avx2_rows.h"

enum { CARAT_RUN_BYTES = 16 };

/* The last n < 16 bytes of row r, from `at` on, and zeros: what lies behind may be outside the file, and the activations there are 0. */
static inline __m128i carat_run_tail(const carat_weight *w, size_t r, size_t at, size_t n)
{
    uint8_t pad[CARAT_RUN_BYTES] = {0};
    memcpy(pad, w->data + r * w->row_bytes + at, n);
    return _mm_loadu_si128((const __m128i *)(const void *)pad);
}

/* d[k]: bytes at + 4k .. at + 4k + 3 of rows [r, r + 8), rows side by side. */
static inline void carat_run_gather(const carat_weight *w, size_t r, size_t at, __m256i d[4])
{
    size_t end = (size_t)(w->format->code == CARAT_CODE_U4 ? (w->cols + 1) / 2 : w->cols);
    carat_rows8 rows = carat_rows_of(w, (carat_comb){r, 1});
    __m256i m[4];
    if (end - at >= CARAT_RUN_BYTES)
        for (size_t j = 0; j < 4; j++)
            m[j] = _mm256_set_m128i(
                _mm_loadu_si128((const __m128i *)(const void *)carat_row_at(rows, j + 4, at)),
                _mm_loadu_si128((const __m128i *)(const void *)carat_row_at(rows, j, at)));
    else
        for (size_t j = 0; j < 4; j++)
            m[j] = _mm256_set_m128i(carat_run_tail(w, r + j + 4, at, end - at),
                                    carat_run_tail(w, r + j, at, end - at));
    __m256i a = _mm256_unpacklo_epi32(m[0], m[1]), b = _mm256_unpacklo_epi32(m[2], m[3]);
    __m256i e = _mm256_unpackhi_epi32(m[0], m[1]), f = _mm256_unpackhi_epi32(m[2], m[3]);
    d[0] = _mm256_unpacklo_epi64(a, b);
    d[1] = _mm256_unpackhi_epi64(a, b);
    d[2] = _mm256_unpacklo_epi64(e, f);
    d[3] = _mm256_unpackhi_epi64(e, f);
}

static inline void carat_run_store(uint8_t *out, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)out, v);
}

#endif
