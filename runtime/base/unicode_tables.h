/* The tables behind unicode.c.                                                     SPDX-License-Identifier: Apache-2.0
 *
 * Sets are lists of edges: a range begins at an even place and ends before the next. Written by scripts/make-unicode. */
#ifndef CARAT_BASE_UNICODE_TABLES_H
#define CARAT_BASE_UNICODE_TABLES_H

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

extern const uint32_t carat_unicode_re_word[], carat_unicode_regex_word[], carat_unicode_printable[],
    carat_unicode_cased[], carat_unicode_ignorable[], carat_unicode_zero[];
extern const size_t carat_unicode_re_word_n, carat_unicode_regex_word_n, carat_unicode_printable_n,
    carat_unicode_cased_n, carat_unicode_ignorable_n, carat_unicode_zero_n;
extern const carat_case_run carat_unicode_lower[], carat_unicode_upper[];
extern const size_t carat_unicode_lower_n, carat_unicode_upper_n;
extern const carat_case_several carat_unicode_lower_several[], carat_unicode_upper_several[];
extern const size_t carat_unicode_lower_several_n, carat_unicode_upper_several_n;

#endif
