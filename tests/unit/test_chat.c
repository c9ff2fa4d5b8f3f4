/* The chat frame: Gemma 4's published templates rendered by Jinja give these texts.   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

static void frames(const char *system, const char *user, bool large, const char *want)
{
    char *got = NULL;
    carat_err err = {0};
    assert_int_equal(carat_chat_frame(system, user, large, &got, &err), CARAT_OK);
    assert_string_equal(got, want);
    carat_release(got);
}

static void samples(void **state)
{
    (void)state;
    frames(NULL, "Hello", false, "<bos><|turn>user\nHello<turn|>\n<|turn>model\n");
    frames(NULL, "Hello", true,
           "<bos><|turn>user\nHello<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
    frames(" Be brief. ", " Hi ", false,
           "<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n");
    frames(" Be brief. ", " Hi ", true,
           "<bos><|turn>system\nBe "
           "brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
}

/* What Jinja's trim takes away: all that Unicode calls white space, but no zero-width space and no byte order mark. */
static void trimming(void **state)
{
    (void)state;
    frames(NULL,
           "\n\t\x1c \xc2\x85\xc2\xa0\xe1\x9a\x80\xe2\x80\x83\xe2\x80\xa8\xe3\x80\x80 a  b "
           "\xe2\x81\x9f\xe2\x80\xaf\r\n",
           false, "<bos><|turn>user\na  b<turn|>\n<|turn>model\n");
    frames(NULL, "\xe2\x80\x8b x \xef\xbb\xbf", false,
           "<bos><|turn>user\n\xe2\x80\x8b x \xef\xbb\xbf<turn|>\n<|turn>model\n");
    frames("", " \n ", false, "<bos><|turn>system\n<turn|>\n<|turn>user\n<turn|>\n<|turn>model\n");
    frames(NULL, "\xff x", false, "<bos><|turn>user\n\xef\xbf\xbd x<turn|>\n<|turn>model\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples), cmocka_unit_test(trimming)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
