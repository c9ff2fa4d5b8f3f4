/* The functions of the NEON sets.                                                  SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_NEON_H
#define CARAT_KERNEL_NEON_H

#include "runtime/kernel/kernel.h"

/* neon_int.c, neon_dot.c */
void carat_neon_quantize(const float *x, carat_act *act, size_t t);
void carat_neon_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                     float *y, size_t ldy);
void carat_neon_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy);
void carat_neon_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                       float *y, size_t ldy, void *scratch);
void carat_neon_decode(const carat_weight *w, size_t r0, size_t r1, float *out);

/* neon_float.c, neon_attend.c, neon_search.c */
void carat_neon_rmsnorm(const float *x, const float *weight, size_t n, float eps, float *y);
void carat_neon_rope(float *x, const float *cos, const float *sin, size_t dim);
void carat_neon_gelu_mul(const float *gate, const float *up, size_t n, float *out);
void carat_neon_softcap(float *x, size_t n, float cap);
void carat_neon_add(float *y, const float *x, size_t n);
void carat_neon_scale(float *y, float s, size_t n);
void carat_neon_round_bf16(float *x, size_t n);
float carat_neon_max(const float *x, size_t n);
double carat_neon_sum_exp(const float *x, size_t n, float m);
void carat_neon_kv_put(carat_kv type, const float *x, size_t n, void *row, float *scale);
void carat_neon_attend(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch);
void carat_neon_attend_part(const carat_attention *a, size_t kv_head, size_t split, float *records,
                            void *scratch);
void carat_neon_attend_join(float *first, const float *next, size_t dim);
void carat_neon_attend_end(const float *record, size_t dim, float *out);
float carat_neon_code_error(const float *x, size_t n, float s, int lo, int hi);
void carat_neon_code_errors(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi,
                            float *err);
void carat_neon_code(const float *x, size_t n, float s, int lo, int hi, int8_t *q);
float carat_neon_absmax(const float *x, size_t n);

#endif
