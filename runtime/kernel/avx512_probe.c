/* AVX-512: the peaks of vpdpbusd and vfmadd.                                       SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#include "runtime/kernel/avx512.h"

enum { CHAINS = 16 };

static int spin_int8(size_t rounds)
{
    __m512i sum[CHAINS], x = _mm512_set1_epi32((int)rounds & 3), v = _mm512_setzero_si512();
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_epi32(i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], sum[i], x);
    for (int i = 0; i < CHAINS; i++)
        v = _mm512_add_epi32(v, sum[i]);
    int out[16];
    _mm512_storeu_si512(out, v);
    return out[0];
}

static int spin_f32(size_t rounds)
{
    __m512 sum[CHAINS], x = _mm512_set1_ps(0.5f), v = _mm512_setzero_ps();
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], x, x);
    for (int i = 0; i < CHAINS; i++)
        v = _mm512_add_ps(v, sum[i]);
    float out[16];
    _mm512_storeu_ps(out, v);
    return (int)out[0];
}

const carat_peaks carat_avx512_peaks = {
    .int8_name = "vpdpbusd",
    .int8 = spin_int8,
    .int8_ops = CHAINS * 128.0,
    .f32_name = "vfmadd132ps",
    .f32 = spin_f32,
    .f32_ops = CHAINS * 32.0,
};
