/* A comparison for people and for programs.                                       SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_COMPARE_PRINT_H
#define CARAT_EVAL_COMPARE_PRINT_H

#include "eval/compare.h"
#include "eval/header_diff.h"

typedef struct carat_compared {
    const carat_loaded *a, *b;
    const carat_header_diff *diff;
    const carat_match *const *match; /* [n] of each comparison */
    const carat_comparison *list;    /* [n] */
    size_t n;
    carat_change whole;
} carat_compared;

void carat_compared_text(const carat_compared *c, carat_str *out);
void carat_compared_json(const carat_compared *c, carat_str *out);

#endif
