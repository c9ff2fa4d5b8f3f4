/* The AVX-512 set under other names and on SIMDe, which runs anywhere with AVX2: bits are checked here, speed is not.
 * To add a file of the set: a sim_NAME.c of two lines, and its functions below.    SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_SIM_H
#define CARAT_TESTS_SIM_H

/* SIMDe's aliases replace the intrinsics of immintrin.h, which is included first for that reason. */
#include <immintrin.h>
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

/* What SIMDe 0.7.4 lacks. */
static inline __m512 test_cvtepi32_ps(__m512i v)
{
    int in[16];
    float out[16];
    _mm512_storeu_si512(in, v);
    for (int i = 0; i < 16; i++)
        out[i] = (float)in[i];
    return _mm512_loadu_ps(out);
}
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps test_cvtepi32_ps

#define carat_kernels_avx512 test_kernels_sim
#define carat_avx512_qpanel  test_sim_qpanel

#endif
