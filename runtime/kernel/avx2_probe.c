/* AVX2: the peaks of vpmaddubsw and vfmadd.                                        SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#include "runtime/kernel/avx2.h"

enum { CHAINS = 10 };

/* Bytes times bytes, added up as int16: what a kernel for 4-bit weights does most of. */
static int spin_int8(size_t rounds)
{
    __m256i sum[CHAINS], x = _mm256_set1_epi8((char)(rounds & 3)), v = _mm256_setzero_si256();
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_epi8((char)i);
    for (size_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_add_epi16(sum[i], _mm256_maddubs_epi16(sum[i], x));
        __asm__ volatile("" : "+x"(x));
    }
    for (int i = 0; i < CHAINS; i++)
        v = _mm256_add_epi16(v, sum[i]);
    return _mm256_extract_epi16(v, 0);
}

static int spin_f32(size_t rounds)
{
    __m256 sum[CHAINS], x = _mm256_set1_ps(0.5f), v = _mm256_setzero_ps();
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (size_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(x, x, sum[i]);
        __asm__ volatile("" : "+x"(x));
    }
    for (int i = 0; i < CHAINS; i++)
        v = _mm256_add_ps(v, sum[i]);
    return (int)_mm256_cvtss_f32(v);
}

const carat_peaks carat_avx2_peaks = {
    .int8_name = "vpmaddubsw+vpaddw",
    .int8 = spin_int8,
    .int8_ops = CHAINS * 64.0,
    .f32_name = "vfmadd231ps",
    .f32 = spin_f32,
    .f32_ops = CHAINS * 16.0,
};
