/* Errors stay one line whatever is put into them.                                  SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>

static void one_line(void **state)
{
    (void)state;
    carat_err err;
    assert_int_equal(carat_fail(&err, CARAT_EFORMAT, "name %s", "a\nb\x1b[31m\x7f"), CARAT_EFORMAT);
    assert_string_equal(err.text, "name a?b?[31m?");
    assert_int_equal(err.status, CARAT_EFORMAT);
    assert_int_equal(carat_fail(NULL, CARAT_EIO, "x"), CARAT_EIO);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char *text = malloc(5000);
    assert_non_null(text);
    memset(text, 'x', 4999);
    text[4999] = 0;
    carat_err err;
    carat_fail(&err, CARAT_EFORMAT, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    carat_fail_in(&err, CARAT_EFORMAT, "a/b"); /* the place must not be lost */
    assert_int_equal(strncmp(err.text, "a/b: xxx", 8), 0);
    assert_true(strlen(err.text) < sizeof err.text);
    carat_fail_in(&err, CARAT_EFORMAT, text);
    assert_true(strlen(err.text) < sizeof err.text);
    free(text);
}

static void from_errno(void **state)
{
    (void)state;
    carat_err err;
    errno = ENOENT;
    assert_fails(carat_fail_errno(&err, "%s", "f"), CARAT_EIO, &err, "f: No such file");
    errno = ENOMEM;
    assert_fails(carat_fail_errno(&err, "f"), CARAT_ENOMEM, &err, "f: ");
}

static void exit_codes(void **state)
{
    (void)state;
    static const int want[] = {0, 2, 3, 3, 4, 4, 130};
    for (int i = CARAT_OK; i <= CARAT_EINTR; i++)
        assert_int_equal(carat_exit_code((carat_status)i), want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(from_errno),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
