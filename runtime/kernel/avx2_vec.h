/* Float vectors on AVX2 + FMA: 8 lanes.                                            SPDX-License-Identifier: Apache-2.0
 *
 * The body_*.h files are written in these words, and compiled once per set: avx512_vec.h and neon_vec.h offer the same.
 *     W lanes of float in a vec, D = W / 2 lanes of double in a dvec; 4 x V_COLS sums, and what they are made of, fit the registers.
 *     v_min(a, b) = a < b ? a : b and v_max(a, b) = a > b ? a : b, lane by lane: a NaN in either gives b.
 *     v_load_n / v_store_n touch n <= W floats; the other lanes read as zero.
 *     v_load_bf16 / _f16 / _i8 widen W values; v_store_bf16 / _f16 round W values to nearest even (a NaN stays one, f16 overflows to
 *     infinity).
 *     v_sum folds in halves: lane i + lane i + W/2, and so on. */
#ifndef CARAT_KERNEL_AVX2_VEC_H
#define CARAT_KERNEL_AVX2_VEC_H

#include <immintrin.h>

#include "runtime/kernel/avx2.h"

#define SET(name) carat_avx2_##name

enum { W = 8, D = W / 2, V_COLS = 3 };
typedef __m256 vec;
typedef __m256d dvec;

static inline vec v_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline vec v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}
static inline __m256i v_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, v_mask(n));
}
static inline void v_store_n(float *p, vec x, size_t n)
{
    _mm256_maskstore_ps(p, v_mask(n), x);
}
static inline vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
static inline vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}
static inline vec v_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}
static inline vec v_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}
static inline vec v_fma(vec a, vec b, vec c) /* a * b + c */
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec v_fnma(vec a, vec b, vec c) /* c - a * b */
{
    return _mm256_fnmadd_ps(a, b, c);
}
static inline vec v_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}
static inline vec v_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}
/* The larger one; NaN once m or x is NaN. */
static inline vec v_max_nan(vec m, vec x)
{
    return _mm256_blendv_ps(_mm256_max_ps(m, x), m, _mm256_cmp_ps(m, m, _CMP_UNORD_Q));
}
static inline vec v_round(vec x) /* ties to even */
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec v_abs(vec x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}
static inline vec v_copysign(vec mag, vec sign)
{
    return _mm256_or_ps(v_abs(mag), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}
/* 2^n for whole n in [-126, 127]. */
static inline vec v_exp2i(vec n)
{
    __m256i i = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(i, 23));
}
/* x * 2^n for whole n in [-252, 254], in two steps, so that results may be infinite or subnormal. */
static inline vec v_ldexp(vec x, vec n)
{
    __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), bias = _mm256_set1_epi32(127);
    __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}
/* The bits of the larger magnitude: integer order, in which a NaN is above infinity. */
static inline vec v_absmax(vec m, vec x)
{
    return _mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(m), _mm256_castps_si256(v_abs(x))));
}
static inline vec v_bf16(vec x)
{
    __m256i b = _mm256_castps_si256(x),
            odd = _mm256_and_si256(_mm256_srli_epi32(b, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(b, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(b, _mm256_set1_epi32(0x400000));
    vec y = _mm256_blendv_ps(_mm256_castsi256_ps(r), _mm256_castsi256_ps(quiet),
                             _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_and_ps(y, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000)));
}
static inline float v_sum(vec x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
/* out[0..4) = v_sum of each. */
static inline void v_sum4(float *out, vec a, vec b, vec c, vec d)
{
    vec ac = _mm256_add_ps(_mm256_permute2f128_ps(a, c, 0x20), _mm256_permute2f128_ps(a, c, 0x31));
    vec bd = _mm256_add_ps(_mm256_permute2f128_ps(b, d, 0x20), _mm256_permute2f128_ps(b, d, 0x31));
    vec s = _mm256_add_ps(_mm256_unpacklo_ps(ac, bd),
                          _mm256_unpackhi_ps(ac, bd)); /* a0 b0 a1 b1 | c0 d0 c1 d1 */
    s = _mm256_add_ps(s, _mm256_permute_ps(s, 0x4e));
    _mm_storeu_ps(out, _mm_castpd_ps(_mm_unpacklo_pd(_mm_castps_pd(_mm256_castps256_ps128(s)),
                                                     _mm_castps_pd(_mm256_extractf128_ps(s, 1)))));
}
/* Whole numbers in [-128, 127] to n <= W bytes. */
static inline void v_store_i8(int8_t *q, vec x, size_t n)
{
    __m256i i = _mm256_cvtps_epi32(x);
    __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    int64_t bytes = _mm_cvtsi128_si64(_mm_packs_epi16(h, h));
    __builtin_memcpy(q, &bytes, n);
}

static inline vec v_load_bf16(const uint16_t *p)
{
    __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(b, 16));
}
static inline vec v_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline vec v_load_i8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline void v_store_bf16(uint16_t *p, vec x)
{
    __m256i b = _mm256_srli_epi32(_mm256_castps_si256(v_bf16(x)), 16);
    _mm_storeu_si128((__m128i *)p,
                     _mm_packus_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1)));
}
static inline void v_store_f16(uint16_t *p, vec x)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

static inline dvec d_set1(double x)
{
    return _mm256_set1_pd(x);
}
static inline dvec d_low(vec x) /* lanes 0 .. D-1 */
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}
static inline dvec d_high(vec x)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}
static inline void d_store(double *p, dvec x)
{
    _mm256_storeu_pd(p, x);
}
static inline dvec d_add(dvec a, dvec b)
{
    return _mm256_add_pd(a, b);
}
static inline dvec d_sub(dvec a, dvec b)
{
    return _mm256_sub_pd(a, b);
}
static inline dvec d_mul(dvec a, dvec b)
{
    return _mm256_mul_pd(a, b);
}
static inline dvec d_fma(dvec a, dvec b, dvec c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline dvec d_fnma(dvec a, dvec b, dvec c)
{
    return _mm256_fnmadd_pd(a, b, c);
}
static inline dvec d_min(dvec a, dvec b)
{
    return _mm256_min_pd(a, b);
}
static inline dvec d_max(dvec a, dvec b)
{
    return _mm256_max_pd(a, b);
}
static inline dvec d_round(dvec x)
{
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for whole n in [-1074, 1025], in two steps. */
static inline dvec d_ldexp(dvec x, dvec n)
{
    __m128i i = _mm256_cvtpd_epi32(n), half = _mm_srai_epi32(i, 1), bias = _mm_set1_epi32(1023);
    __m256i a = _mm256_slli_epi64(_mm256_cvtepi32_epi64(_mm_add_epi32(half, bias)), 52);
    __m256i b = _mm256_slli_epi64(_mm256_cvtepi32_epi64(_mm_add_epi32(_mm_sub_epi32(i, half), bias)), 52);
    return _mm256_mul_pd(_mm256_mul_pd(x, _mm256_castsi256_pd(a)), _mm256_castsi256_pd(b));
}

#endif
