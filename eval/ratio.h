/* Similarity of two texts: Python's difflib.SequenceMatcher(None, a, b).ratio().   SPDX-License-Identifier: Apache-2.0
 *
 * The algorithm is that of CPython's Lib/difflib.py (Ratcliff and Obershelp 1988, with "popular" elements of b left out of the index),
 * over code points. The order of the arguments and autojunk both change the value: they belong to a suite's definition. */
#ifndef CARAT_EVAL_RATIO_H
#define CARAT_EVAL_RATIO_H

#include "runtime/base/err.h"

/* A text as code points; each ill-formed run of bytes counts as one U+FFFD. */
typedef struct carat_points {
    uint32_t *data;
    size_t n;
} carat_points;
carat_status carat_points_open(const char *text, size_t len, carat_points *out, carat_err *err);
void carat_points_close(carat_points *p);

/* 2 * matches / (a.n + b.n), the very double that CPython gives; 1 when both are empty. Texts of up to 2^31 - 2 code points. */
carat_status carat_ratio(const carat_points *a, const carat_points *b, bool autojunk, double *out,
                         carat_err *err);

#endif
