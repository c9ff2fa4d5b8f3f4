/* The chat frame: Gemma 4's published templates rendered by Jinja give these texts.   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/cases.h"
#include "tests/support/test.h"

static void frames(const char *system, const char *user, carat_edition edition, const char *want)
{
    char *got = NULL;
    carat_err err = {0};
    assert_int_equal(carat_chat_frame(edition, system, user, &got, &err), CARAT_OK);
    assert_string_equal(got, want);
    carat_release(got);
}

static void samples(void **state)
{
    (void)state;
    frames(NULL, "Hello", CARAT_EDITION_SMALL, "<bos><|turn>user\nHello<turn|>\n<|turn>model\n");
    frames(NULL, "Hello", CARAT_EDITION_LARGE,
           "<bos><|turn>user\nHello<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
    frames(" Be brief. ", " Hi ", CARAT_EDITION_SMALL,
           "<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n");
    frames(" Be brief. ", " Hi ", CARAT_EDITION_LARGE,
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
    frames(NULL, "\xe2\x80\x8b x \xef\xbb\xbf", CARAT_EDITION_SMALL,
           "<bos><|turn>user\n\xe2\x80\x8b x \xef\xbb\xbf<turn|>\n<|turn>model\n");
    frames("", " \n ", CARAT_EDITION_SMALL,
           "<bos><|turn>system\n<turn|>\n<|turn>user\n<turn|>\n<|turn>model\n");
    frames(NULL, "\xff x", CARAT_EDITION_SMALL, "<bos><|turn>user\n\xef\xbf\xbd x<turn|>\n<|turn>model\n");
}

static void rendered(const carat_str *request, carat_edition edition, const carat_value *want)
{
    char *got;
    size_t len;
    carat_err err = {0};
    carat_status st = carat_chat_render(edition, request->data, request->len, &got, &len, &err);
    if (want->kind != CARAT_STRING) {
        assert_int_equal(st, CARAT_EFORMAT);
        assert_null(strchr(err.text, '\n'));
        return;
    }
    if (st)
        fail_msg("%s\n%s", request->data, err.text);
    if (len != want->text.len || memcmp(got, want->text.data, len) != 0)
        fail_msg("%s\nwant: %s\n got: %s", request->data, want->text.data, got);
    carat_release(got);
}

static void check(const carat_value *line)
{
    carat_str request = CARAT_STR_INIT;
    carat_value_json(&request, carat_value_get(line, "request"));
    rendered(&request, CARAT_EDITION_SMALL, carat_value_get(line, "small"));
    rendered(&request, CARAT_EDITION_LARGE, carat_value_get(line, "large"));
    carat_str_free(&request);
}

/* What Jinja makes of the official templates, refusals included (tests/text/make-chat). */
static void cases(void **state)
{
    (void)state;
    assert_true(carat_test_cases("tests/text/template.test", check) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples), cmocka_unit_test(trimming),
                                       cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
