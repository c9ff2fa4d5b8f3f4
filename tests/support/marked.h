/* A reply to one item of a suite, marked, for tests.                              SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_MARKED_H
#define CARAT_TESTS_MARKED_H

#include "eval/suite.h"
#include "tests/support/test.h"

/* record: what the suite writes, one object. */
static inline carat_verdict marked(const carat_suite *suite, void *s, size_t i, const char *reply,
                                   carat_str *record)
{
    carat_verdict v;
    carat_jw w = carat_jw_begin(record);
    carat_str_clear(record);
    carat_jw_open(&w, '{');
    carat_answer a = {.content = reply, .finish = "stop"};
    assert_int_equal(suite->grade(s, i, &a, &w, &v, NULL), CARAT_OK);
    carat_jw_close(&w);
    return v;
}

#endif
