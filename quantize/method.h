/* Methods: how the scale of a group of weights is chosen.                          SPDX-License-Identifier: Apache-2.0
 *
 * To add a method: NAME.c with one `const carat_method carat_method_NAME` at its end, its extern line below and its row
 * in method.c. */
#ifndef CARAT_QUANTIZE_METHOD_H
#define CARAT_QUANTIZE_METHOD_H

#include "runtime/base/cmd.h"
#include "runtime/kernel/kernel.h"

/* What a scale is chosen for. Scales are stored in 16 bits, and positive floats order like their bits: a method works on
 * bit patterns, so that whatever it tries is a scale that can be stored. */
typedef struct carat_grid {
    const carat_kernels *k;
    carat_dtype scale_dtype; /* BF16 or F16 */
    int lo, hi;              /* codes: -2^(b-1), 2^(b-1) - 1 */
} carat_grid;

float carat_grid_value(const carat_grid *g, uint16_t bits);
/* The storable positive finite scale next to x (nearest even; at least the smallest that has a finite reciprocal). */
uint16_t carat_grid_nearest(const carat_grid *g, float x);

typedef struct carat_method {
    const char *name, *summary;
    /* The scale of one group x[0..n), absmax = max|x| > 0 and finite, and its squared error (the kernels' code_error).
     * Depends on its arguments only. */
    uint16_t (*scale)(const carat_grid *g, const float *x, size_t n, float absmax, float *error);
} carat_method;

extern const carat_method carat_method_search, carat_method_absmax;
/* NULL or a name of `carat list methods`. */
carat_status carat_method_pick(const char *name, const carat_method **out, carat_err *err);
extern const carat_listing carat_methods_listing;

#endif
