/* Random matrices in every weight format, for kernel tests and benchmarks.         SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_MATRIX_H
#define CARAT_TESTS_MATRIX_H

#include "runtime/kernel/kernel.h"

/* Codes and scales end at an unreadable page each, so that a kernel which reads past the end of its file crashes. */
typedef struct test_matrix {
    carat_weight w;
    void *map[2];
    size_t map_bytes[2];
} test_matrix;

/* group 0: one scale per channel. scale_dtype: BF16, F16 or F32. */
test_matrix test_matrix_make(const carat_format *f, size_t rows, size_t cols, size_t group,
                             carat_dtype scale_dtype, uint64_t seed);
void test_matrix_free(test_matrix *m);
/* n floats, roughly normal; multiples of 1/1024 times `size`. */
void test_floats(float *x, size_t n, float size, uint64_t seed);
/* n tokens quantized by k. */
carat_act test_act(const carat_kernels *k, carat_form form, size_t cols, size_t n, const float *x);
void test_act_free(carat_act *a);

#endif
