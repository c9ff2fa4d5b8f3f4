/* Rows of floats -> codes, scales and their error.                                 SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_QUANTIZE_ENCODE_H
#define CARAT_QUANTIZE_ENCODE_H

#include "quantize/method.h"
#include "quantize/scheme.h"

/* What coding did to some weights; sums are taken row by row and added in row order, so they do not depend on threads. */
typedef struct carat_loss {
    double error;  /* sum of (x - q*s)^2 */
    double energy; /* sum of x^2 */
    float worst;   /* max |x - q*s| */
    uint64_t zero; /* groups that are all zero */
} carat_loss;
void carat_loss_add(carat_loss *sum, const carat_loss *part);
double carat_loss_nmse(const carat_loss *l); /* error / energy; 0 for no energy */

typedef struct carat_coder {
    carat_grid grid;
    const carat_method *method;
    const carat_format *format;    /* packs the codes */
    size_t cols, group, groups;    /* group = cols for one scale a row */
    size_t row_bytes, scale_bytes; /* per row */
} carat_coder;

/* scheme must pack and fit cols. Scales are f16 for f16 sources, else bf16. */
carat_coder carat_coder_make(const carat_kernels *k, const carat_method *m, const carat_scheme *s,
                             carat_dtype source, size_t cols);
static inline carat_dtype carat_coder_scale_dtype(carat_dtype source)
{
    return source == CARAT_DT_F16 ? CARAT_DT_F16 : CARAT_DT_BF16;
}

/* One row x[cols] -> codes [row_bytes] and scales [scale_bytes]; q: scratch of cols. A group of zeros gets
 * scale 1 and codes 0. False when a weight is NaN or infinite: *bad is its column, nothing is added to `loss`. */
typedef struct carat_code_out {
    uint8_t *codes, *scales;
    int8_t *q;
} carat_code_out;
bool carat_code_row(const carat_coder *c, const float *x, const carat_code_out *out, carat_loss *loss,
                    size_t *bad);

#endif
