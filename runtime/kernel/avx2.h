/* The functions of the AVX2 set (x86-64 with AVX2, FMA, F16C).                     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_AVX2_H
#define CARAT_KERNEL_AVX2_H

#include "runtime/kernel/kernel.h"

/* avx2_act.c, avx2_qdot.c, avx2_quad.c, avx2_bytes.c, avx2_panel.c, avx2_dot.c */
void carat_avx2_quantize(const float *x, carat_act *act, size_t t);
void carat_avx2_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy);
/* qdot for two to four tokens of 4-bit weights in groups of 32, and of 8-bit weights; false: the weight or the tokens are others. */
bool carat_avx2_quad(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy);
bool carat_avx2_bytes(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                      float *y, size_t ldy);
void carat_avx2_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                       float *y, size_t ldy, void *scratch);
void carat_avx2_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                     float *y, size_t ldy);
void carat_avx2_decode(const carat_weight *w, size_t r0, size_t r1, float *out);

/* avx2_probe.c */
extern const carat_peaks carat_avx2_peaks;

/* Eight rows: first, first + step, ... */
typedef struct carat_comb {
    size_t first, step;
} carat_comb;

/* Scales of groups [g0, g0 + n) of eight rows, rows side by side: out[g * ld + i] is that of row i of the eight. Per-channel
 * weights: the one scale in every group. */
void carat_avx2_scales(const carat_weight *w, carat_comb rows, size_t g0, size_t n, float *out, size_t ld);

/* avx2_float.c, avx2_attend.c, avx2_search.c */
void carat_avx2_rmsnorm(const float *x, const float *weight, size_t n, float eps, float *y);
void carat_avx2_rope(float *x, const float *cos, const float *sin, size_t dim);
void carat_avx2_gelu_mul(const float *gate, const float *up, size_t n, float *out);
void carat_avx2_softcap(float *x, size_t n, float cap);
void carat_avx2_add(float *y, const float *x, size_t n);
void carat_avx2_scale(float *y, float s, size_t n);
void carat_avx2_round_bf16(float *x, size_t n);
float carat_avx2_max(const float *x, size_t n);
double carat_avx2_sum_exp(const float *x, size_t n, float m);
void carat_avx2_kv_put(carat_kv type, const float *x, size_t n, void *row, float *scale);
void carat_avx2_attend(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch);
void carat_avx2_attend_part(const carat_attention *a, size_t kv_head, size_t split, float *records,
                            void *scratch);
void carat_avx2_attend_join(float *first, const float *next, size_t dim);
void carat_avx2_attend_end(const float *record, size_t dim, float *out);
float carat_avx2_code_error(const float *x, size_t n, float s, int lo, int hi);
void carat_avx2_code_errors(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi,
                            float *err);
void carat_avx2_code(const float *x, size_t n, float s, int lo, int hi, int8_t *q);
float carat_avx2_absmax(const float *x, size_t n);

#endif
