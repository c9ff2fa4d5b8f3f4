/* One row of values against another.                                                SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_COMPARE_H
#define CARAT_TOOL_COMPARE_H

#include "runtime/tensor/tensor.h"

/* The largest magnitude of got[i] - want[row][i]; infinity where got is not a number. */
double carat_row_difference(const carat_tensor *want, size_t row, size_t cols, const float *got);

/* A row of logits, wherever it lies. */
typedef struct carat_row_view {
    double (*at)(const void *x, size_t i);
    const void *x;
    size_t from, n;
    double log_sum; /* log of the sum of exp over the row */
    size_t best;
} carat_row_view;

carat_row_view carat_row_of_tensor(const carat_tensor *t, size_t from, size_t n);
carat_row_view carat_row_of_floats(const float *x, size_t n);
/* KL(p || q) in nats; infinity where q is not a number. */
double carat_row_kld(const carat_row_view *p, const carat_row_view *q);

#endif
