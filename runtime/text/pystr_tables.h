/* The tables behind pystr.c.                                                    SPDX-License-Identifier: Apache-2.0
 *
 * Sets are lists of edges: a range begins at an even place and ends before the next. Written by scripts/make-pystr. */
#ifndef CARAT_TEXT_PYSTR_TABLES_H
#define CARAT_TEXT_PYSTR_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* Every step-th character of [from, to] changes by `difference`. */
typedef struct carat_case_run {
    uint32_t from, to, step;
    int32_t difference;
} carat_case_run;

typedef struct carat_case_several {
    uint32_t cp, to[3]; /* 0: none */
} carat_case_several;

extern const uint32_t carat_pystr_word[], carat_pystr_print[], carat_pystr_cased[], carat_pystr_ignorable[],
    carat_pystr_zero[];
extern const size_t carat_pystr_word_n, carat_pystr_print_n, carat_pystr_cased_n, carat_pystr_ignorable_n,
    carat_pystr_zero_n;
extern const carat_case_run carat_pystr_lower[], carat_pystr_upper[];
extern const size_t carat_pystr_lower_n, carat_pystr_upper_n;
extern const carat_case_several carat_pystr_lower_several[], carat_pystr_upper_several[];
extern const size_t carat_pystr_lower_several_n, carat_pystr_upper_several_n;

#endif
