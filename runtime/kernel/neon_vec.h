/* Float vectors on NEON (AArch64): 4 lanes; the words are explained in avx2_vec.h. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_NEON_VEC_H
#define CARAT_KERNEL_NEON_VEC_H

#include <arm_neon.h>

#include "runtime/kernel/neon.h"

#define SET(name) carat_neon_##name

enum { W = 4, D = W / 2, V_COLS = 4 };
typedef float32x4_t vec;
typedef float64x2_t dvec;

static inline vec v_set1(float x)
{
    return vdupq_n_f32(x);
}
static inline vec v_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void v_store(float *p, vec x)
{
    vst1q_f32(p, x);
}
static inline vec v_load_n(const float *p, size_t n)
{
    float lane[W] = {0};
    __builtin_memcpy(lane, p, n * sizeof *p);
    return vld1q_f32(lane);
}
static inline void v_store_n(float *p, vec x, size_t n)
{
    float lane[W];
    vst1q_f32(lane, x);
    __builtin_memcpy(p, lane, n * sizeof *p);
}
static inline vec v_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}
static inline vec v_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}
static inline vec v_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}
static inline vec v_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}
static inline vec v_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}
static inline vec v_fnma(vec a, vec b, vec c)
{
    return vfmsq_f32(c, a, b);
}
static inline vec v_min(vec a, vec b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline vec v_max(vec a, vec b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vec v_max_nan(vec m, vec x)
{
    return vmaxq_f32(m, x);
}
static inline vec v_round(vec x)
{
    return vrndnq_f32(x);
}
static inline vec v_abs(vec x)
{
    return vabsq_f32(x);
}
static inline vec v_copysign(vec mag, vec sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000), sign, mag);
}
static inline vec v_exp2i(vec n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}
static inline vec v_ldexp(vec x, vec n)
{
    int32x4_t i = vcvtnq_s32_f32(n), half = vshrq_n_s32(i, 1), bias = vdupq_n_s32(127);
    int32x4_t a = vshlq_n_s32(vaddq_s32(half, bias), 23);
    int32x4_t b = vshlq_n_s32(vaddq_s32(vsubq_s32(i, half), bias), 23);
    return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}
static inline vec v_absmax(vec m, vec x)
{
    return vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(m), vreinterpretq_u32_f32(vabsq_f32(x))));
}
static inline vec v_bf16(vec x)
{
    uint32x4_t b = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(b, 16), vdupq_n_u32(1));
    uint32x4_t r = vaddq_u32(vaddq_u32(b, vdupq_n_u32(0x7fff)), odd),
               quiet = vorrq_u32(b, vdupq_n_u32(0x400000));
    return vreinterpretq_f32_u32(vandq_u32(vbslq_u32(vceqq_f32(x, x), r, quiet), vdupq_n_u32(0xffff0000)));
}
static inline float v_sum(vec x)
{
    float32x2_t s = vadd_f32(vget_low_f32(x), vget_high_f32(x));
    return vget_lane_f32(s, 0) + vget_lane_f32(s, 1);
}
/* a0 + a2, a1 + a3, b0 + b2, b1 + b3 */
static inline vec v_fold2(vec a, vec b)
{
    return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                     vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
}
static inline void v_sum4(float *out, vec a, vec b, vec c, vec d)
{
    vst1q_f32(out, vpaddq_f32(v_fold2(a, b), v_fold2(c, d)));
}
static inline void v_store_i8(int8_t *q, vec x, size_t n)
{
    int16x4_t h = vmovn_s32(vcvtnq_s32_f32(x));
    int8_t lane[8];
    vst1_s8(lane, vmovn_s16(vcombine_s16(h, h)));
    __builtin_memcpy(q, lane, n);
}

static inline vec v_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
static inline vec v_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
static inline vec v_load_i8(const int8_t *p)
{
    int8_t lane[8] = {0};
    __builtin_memcpy(lane, p, W);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(lane)))));
}
static inline void v_store_bf16(uint16_t *p, vec x)
{
    vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_f32(v_bf16(x)), 16));
}
static inline void v_store_f16(uint16_t *p, vec x)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}

static inline dvec d_set1(double x)
{
    return vdupq_n_f64(x);
}
static inline dvec d_low(vec x)
{
    return vcvt_f64_f32(vget_low_f32(x));
}
static inline dvec d_high(vec x)
{
    return vcvt_high_f64_f32(x);
}
static inline void d_store(double *p, dvec x)
{
    vst1q_f64(p, x);
}
static inline dvec d_add(dvec a, dvec b)
{
    return vaddq_f64(a, b);
}
static inline dvec d_sub(dvec a, dvec b)
{
    return vsubq_f64(a, b);
}
static inline dvec d_mul(dvec a, dvec b)
{
    return vmulq_f64(a, b);
}
static inline dvec d_fma(dvec a, dvec b, dvec c)
{
    return vfmaq_f64(c, a, b);
}
static inline dvec d_fnma(dvec a, dvec b, dvec c)
{
    return vfmsq_f64(c, a, b);
}
static inline dvec d_min(dvec a, dvec b)
{
    return vbslq_f64(vcltq_f64(a, b), a, b);
}
static inline dvec d_max(dvec a, dvec b)
{
    return vbslq_f64(vcgtq_f64(a, b), a, b);
}
static inline dvec d_round(dvec x)
{
    return vrndnq_f64(x);
}
static inline dvec d_ldexp(dvec x, dvec n)
{
    int64x2_t i = vcvtnq_s64_f64(n), half = vshrq_n_s64(i, 1), bias = vdupq_n_s64(1023);
    int64x2_t a = vshlq_n_s64(vaddq_s64(half, bias), 52);
    int64x2_t b = vshlq_n_s64(vaddq_s64(vsubq_s64(i, half), bias), 52);
    return vmulq_f64(vmulq_f64(x, vreinterpretq_f64_s64(a)), vreinterpretq_f64_s64(b));
}

#endif
