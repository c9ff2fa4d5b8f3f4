/* Products of a phase: y = x W^T for several weights, shared out over a team.      SPDX-License-Identifier: Apache-2.0
 *
 * The only user of BLIS (matmul.c): many-token float products decode a panel of rows to f32 and call BLIS with one thread inside our own loop, with
 * its "small/unpacked" paths off, so that a row's bits do not depend on how many tokens are in the batch. */
#ifndef CARAT_KERNEL_MATMUL_H
#define CARAT_KERNEL_MATMUL_H

#include "runtime/base/par.h"
#include "runtime/kernel/kernel.h"

typedef struct carat_product {
    const carat_weight *w;
    const carat_act *x; /* [n] tokens in the weight's form */
    float *y;           /* [n][ldy], ldy >= w->rows */
    size_t ldy, n;
} carat_product;

/* few: the float path is the few-token kernel (decode) whatever n is; else the panel path whatever n is. The two differ in the last bits, so a
 * caller that wants equal bits for a position keeps to one of them. Integer products have the same bits on every path. */
size_t carat_matmul_scratch(size_t max_cols, size_t max_tokens); /* bytes per thread */
/* To be called by every thread of the team inside a phase; takes pieces until none is left; ends without a barrier. */
void carat_matmul(const carat_kernels *k, carat_team *team, const carat_product *p, size_t np, bool few,
                  void *scratch);
/* One product by the calling thread alone. */
void carat_matmul_alone(const carat_kernels *k, const carat_product *p, bool few, void *scratch);
/* Once per process before any team runs (sets BLIS to one thread). */
void carat_matmul_init(void);

#endif
