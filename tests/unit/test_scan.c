/* The scanner: strings with escapes and NUL, whole numbers, skipping, and what must be refused.   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdlib.h>

#include "runtime/text/scan.h"

/* A string: what comes out, or the reason why nothing does. */
static void is_text(const char *json, const char *want, size_t len)
{
    carat_str buffer = CARAT_STR_INIT;
    carat_span got = {"", 0};
    carat_err err = {0};
    size_t n = strlen(json);
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, json, n);
    carat_scan s = carat_scan_begin(exact, n);
    if (carat_scan_string(&s, &buffer, &got))
        carat_scan_finish(&s);
    if (carat_scan_check(&s, &err))
        fail_msg("%s: %s", json, err.text);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, want, len);
    carat_str_free(&buffer);
    free(exact);
}

static void is_refused(const char *json, const char *why)
{
    carat_str buffer = CARAT_STR_INIT;
    carat_span got;
    carat_err err = {0};
    size_t n = strlen(json);
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, json, n);
    carat_scan s = carat_scan_begin(exact, n);
    if (carat_scan_string(&s, &buffer, &got))
        carat_scan_finish(&s);
    assert_fails(carat_scan_check(&s, &err), CARAT_EFORMAT, &err, why);
    carat_str_free(&buffer);
    free(exact);
}

static void strings(void **state)
{
    (void)state;
    is_text("\"\"", "", 0);
    is_text(" \"abc\" \r\n", "abc", 3);
    is_text("\"\xe2\x96\x81x\"", "\xe2\x96\x81x", 4);
    is_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    is_text("\"a\\u0000b\"", "a\0b", 3);
    is_text("\"\\u00e9\\u2581\\uD83d\\ude00!\"", "\xc3\xa9\xe2\x96\x81\xf0\x9f\x98\x80!", 10);
    is_refused("", "a string should begin here");
    is_refused("x", "a string should begin here");
    is_refused("\"", "without an end");
    is_refused("\"abc\\", "escape");
    is_refused("\"\\x\"", "unknown escape");
    is_refused("\"\\u12g4\"", "hexadecimal");
    is_refused("\"\\u12", "hexadecimal");
    is_refused("\"\\ud83d\"", "half a surrogate pair");
    is_refused("\"\\ud83d\\u0041\"", "half a surrogate pair");
    is_refused("\"\\ude00\"", "half a surrogate pair");
    is_refused("\"\n\"", "control character");
    is_refused("\"\xff\"", "ill-formed");
    is_refused("\"\xe2\x96", "ill-formed");
    is_refused("\"\xed\xa0\x80\"", "ill-formed");
    is_refused("\"a\" 1", "behind the value");
}

static void numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "-1", "01", "1.0", "1e2", "4294967296", "99999999999999999999",
                                      "+1", "x"};
    uint32_t v = 0;
    carat_scan s = carat_scan_begin(" 4294967295 ", 12);
    assert_true(carat_scan_u32(&s, &v) && carat_scan_finish(&s));
    assert_int_equal(v, UINT32_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s = carat_scan_begin(bad[i], strlen(bad[i]));
        assert_false(carat_scan_u32(&s, &v));
        assert_non_null(s.wrong);
    }
}

static void skipping(void **state)
{
    (void)state;
    static const char *const good[] = {
        "1", "null", "\"a]}\\\"\"", "[]", "{}", "[1,[2,{\"a\":[\"]\"]}],-1.5e3]", "{\"x\":{\"y\":\"}\"}}"};
    static const char *const bad[] = {"", ",", "]", "[", "{\"a\":", "\"a", "[1,2", "\"\\"};
    carat_span out;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        carat_scan s = carat_scan_begin(good[i], strlen(good[i]));
        assert_true(carat_scan_skip(&s, &out) && carat_scan_finish(&s));
        assert_int_equal(out.len, strlen(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        carat_scan s = carat_scan_begin(bad[i], strlen(bad[i]));
        assert_false(carat_scan_skip(&s, &out));
    }
}

/* Trailing commas, missing commas, other brackets: an error sticks and ends the loop. */
static void lists(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1,]", "[1 2]", "[,1]", "[1}", "[", "[1,", "[1", "{}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t v;
        int rounds = 0;
        carat_scan s = carat_scan_begin(bad[i], strlen(bad[i]));
        for (bool more = carat_scan_open(&s, '['); more; more = carat_scan_more(&s, ']'))
            assert_true(carat_scan_u32(&s, &v) || s.wrong), assert_true(rounds++ < 3);
        assert_non_null(s.wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(strings), cmocka_unit_test(numbers),
                                       cmocka_unit_test(skipping), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
