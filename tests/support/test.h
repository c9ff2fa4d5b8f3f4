/* What every unit test includes: cmocka and a few checks.                          SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_TEST_H
#define CARAT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "runtime/base/err.h"

/* The call failed with this status, and its line holds `text`. */
static inline void assert_fails(carat_status got, carat_status want, const carat_err *err, const char *text)
{
    assert_int_equal(got, want);
    assert_int_equal(err->status, want);
    if (!strstr(err->text, text))
        fail_msg("the error should hold \"%s\": %s", text, err->text);
    assert_null(strchr(err->text, '\n'));
}

#endif
