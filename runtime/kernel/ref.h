/* The reference set: what right means, in plain C.                                 SPDX-License-Identifier: Apache-2.0
 * Included by the tables: a set takes from here what it does not do better. */
#ifndef CARAT_KERNEL_REF_H
#define CARAT_KERNEL_REF_H

#include "runtime/kernel/kernel.h"

/* ref_int.c, ref_dot.c */
void carat_ref_quantize(const float *x, carat_act *act, size_t t);
void carat_ref_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                    float *y, size_t ldy);
void carat_ref_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                    float *y, size_t ldy);
void carat_ref_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                      float *y, size_t ldy, void *scratch);
void carat_ref_decode(const carat_weight *w, size_t r0, size_t r1, float *out);

/* ref_float.c, ref_kv.c, ref_attend.c, ref_search.c */
void carat_ref_rmsnorm(const float *x, const float *weight, size_t n, float eps, float *y);
void carat_ref_rope(float *x, const float *cos, const float *sin, size_t dim);
void carat_ref_gelu_mul(const float *gate, const float *up, size_t n, float *out);
void carat_ref_softcap(float *x, size_t n, float cap);
void carat_ref_add(float *y, const float *x, size_t n);
void carat_ref_scale(float *y, float s, size_t n);
void carat_ref_round_bf16(float *x, size_t n);
float carat_ref_max(const float *x, size_t n);
double carat_ref_sum_exp(const float *x, size_t n, float m);
void carat_ref_kv_put(carat_kv type, const float *x, size_t n, void *row, float *scale);
/* Row `row` of a cache -> x[0..n). */
void carat_ref_kv_get(carat_kv type, const carat_kv_rows *rows, size_t row, size_t n, float *x);
void carat_ref_attend(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch);
float carat_ref_code_error(const float *x, size_t n, float s, int lo, int hi);
void carat_ref_code_errors(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi,
                           float *err);
void carat_ref_code(const float *x, size_t n, float s, int lo, int hi, int8_t *q);
float carat_ref_absmax(const float *x, size_t n);

#endif
