/* JSON values as Python sees them: what json.loads, ==, dictsort, str and repr of Python 3.11 gave.   SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "runtime/text/pystr.h"
#include "runtime/text/value.h"
#include "tests/support/test.h"

static carat_arena arena;

static carat_span span(const char *text)
{
    return (carat_span){text, strlen(text)};
}

static const carat_value *value(const char *json)
{
    const carat_value *v = NULL;
    carat_err err = {0};
    if (carat_value_parse(&arena, span(json), true, &v, &err))
        fail_msg("%s: %s", json, err.text);
    return v;
}

typedef void put_fn(carat_str *out, const carat_value *v);

static void gives(put_fn *put, const char *json, const char *want)
{
    carat_str s = CARAT_STR_INIT;
    put(&s, value(json));
    assert_string_equal(s.data, want);
    carat_str_free(&s);
}

static void spelling(void **state)
{
    (void)state;
    gives(carat_value_str,
          "[1, -0, 1.0, -0.0, 1e16, 1e15, 1E-5, 1e-4, 1e20, 5e-324, 1e400, 123456789012345678901234567890]",
          "[1, 0, 1.0, -0.0, 1e+16, 1000000000000000.0, 1e-05, 0.0001, 1e+20, 5e-324, inf, "
          "123456789012345678901234567890]");
    gives(carat_value_str, "[0.1, 1.5, 2.5e22, 1.7976931348623157e308, 123456.789, 1e22, 9007199254740993.0]",
          "[0.1, 1.5, 2.5e+22, 1.7976931348623157e+308, 123456.789, 1e+22, 9007199254740992.0]");
    gives(carat_value_str, "\"it's\"", "it's");
    gives(carat_value_str, "[true, false, null, {}, []]", "[True, False, None, {}, []]");
    gives(carat_value_repr,
          "[\"it's\", \"a\\\"b\", \"'\\\"\", "
          "\"\\n\\t\\r\\\\\\u0000\\u007f\\u00a0\\u00e9\\u200b\\u2028\\ud83d\\ude00\\udb40\\udc01\"]",
          "[\"it's\", 'a\"b', '\\'\"', "
          "'\\n\\t\\r\\\\\\x00\\x7f\\xa0\xc3\xa9\\u200b\\u2028\xf0\x9f\x98\x80\\U000e0001']");
    gives(carat_value_repr, "{\"a\": {\"b\": [1]}, \"c\": \"d\"}", "{'a': {'b': [1]}, 'c': 'd'}");
    gives(
        carat_value_json,
        "{\"a\": [1.0, -0.0, 1e16, 10000000000000000000000, NaN, -Infinity, true, null, \"\\u0000\\\"\"]}",
        "{\"a\": [1.0, -0.0, 1e+16, 10000000000000000000000, NaN, -Infinity, true, null, \"\\u0000\\\"\"]}");
}

static void reads(double v, const char *want)
{
    carat_str s = CARAT_STR_INIT;
    carat_float_repr(&s, v);
    assert_true(strtod(s.data, NULL) == v);
    if (want)
        assert_string_equal(s.data, want);
    assert_true(s.len <= 23);
    carat_str_free(&s);
}

/* Below a power of two floats are denser than above: the nearest short decimal may not read back, the next one does. */
static void shortest(void **state)
{
    (void)state;
    for (int e = -1074; e < 1024; e++)
        reads(ldexp(1, e), NULL);
    reads(ldexp(1, -1017), "7.120236347223045e-307");
    reads(ldexp(1, -957), "8.209073602596753e-289");
    reads(ldexp(1, -44), "5.684341886080802e-14");
    reads(ldexp(1, 89), "6.189700196426902e+26");
    reads(9.5367431640625e-07, "9.5367431640625e-07");
    reads(0.00012207031, "0.00012207031");
}

static void equal_keys(void **state)
{
    (void)state;
    gives(carat_value_json, "{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}");
    gives(carat_value_json, "{\"a\": 1, \"a\": 2, \"a\": 3}", "{\"a\": 3}");
    gives(carat_value_json, "{\"a\": 1, \"b\": 2, \"b\": {\"x\": 1, \"x\": []}, \"c\": 4}",
          "{\"a\": 1, \"b\": {\"x\": []}, \"c\": 4}");
    assert_int_equal(value("{\"\\u0061\": 1, \"a\": 2}")->count, 1);
}

static bool same(const char *a, const char *b)
{
    return carat_value_same(value(a), value(b));
}

static void equality(void **state)
{
    (void)state;
    assert_true(same("1", "1.0") && same("true", "1") && same("0", "-0.0") && same("false", "0.0"));
    assert_true(same("10000000000000000000000", "1e22") && !same("10000000000000000000001", "1e22"));
    assert_true(!same("1", "1.5") && !same("1", "\"1\"") && !same("null", "false") && !same("NaN", "NaN"));
    assert_true(same("{\"a\": 1, \"b\": [2]}", "{\"b\": [2.0], \"a\": true}"));
    assert_true(!same("{\"a\": 1}", "{\"b\": 1}") && !same("[1, 2]", "[1]") && !same("[1]", "[[1]]"));
}

static void sorting(void **state)
{
    (void)state;
    const carat_value **sorted;
    carat_str got = CARAT_STR_INIT;
    const carat_value *v = value(
        "{\"z2\": 1, \"b\": 1, \"B\": 1, \"_z\": 1, \"A\": 1, \"a\": 1, \"z10\": 1, \"Z1\": 1, \"\xc3\xa4\": "
        "1, \"\xc3\x84\": 1, "
        "\"\xce\xa3\": 1, \"\xce\x91\xce\xa3\": 1, \"\xce\xb1\xcf\x82\": 1, \"\xce\xb1\xcf\x83\": 1}");
    assert_int_equal(carat_value_sorted(&arena, v, &sorted, NULL), CARAT_OK);
    for (size_t i = 0; i < v->count; i++) {
        carat_str_add(&got, sorted[i]->key.data, sorted[i]->key.len);
        carat_str_putc(&got, ' ');
    }
    assert_string_equal(got.data, "_z A a b B Z1 z10 z2 \xc3\xa4 \xc3\x84 \xce\x91\xce\xa3 \xce\xb1\xcf\x82 "
                                  "\xce\xb1\xcf\x83 \xce\xa3 ");
    carat_str_free(&got);
}

static void cased(const char *text, const char *lower, const char *upper)
{
    carat_str s = CARAT_STR_INIT;
    carat_lower(&s, span(text));
    assert_string_equal(s.data, lower);
    carat_str_clear(&s);
    carat_upper(&s, span(text));
    assert_string_equal(s.data, upper);
    carat_str_free(&s);
}

static void casing(void **state)
{
    (void)state;
    cased("Stra\xc3\x9f"
          "e",
          "stra\xc3\x9f"
          "e",
          "STRASSE");
    cased("\xc4\xb0", "i\xcc\x87", "\xc4\xb0");
    cased("\xce\xa3 \xce\x91\xce\xa3 \xce\x91\xce\xa3\xce\x91 \xce\x91'\xce\xa3.",
          "\xcf\x83 \xce\xb1\xcf\x82 \xce\xb1\xcf\x83\xce\xb1 \xce\xb1'\xcf\x82.",
          "\xce\xa3 \xce\x91\xce\xa3 \xce\x91\xce\xa3\xce\x91 \xce\x91'\xce\xa3.");
    cased("\xef\xac\x81 \xf0\x90\x90\x80 \xc7\x85 \xff", "\xef\xac\x81 \xf0\x90\x90\xa8 \xc7\x86 \xff",
          "FI \xf0\x90\x90\x80 \xc7\x84 \xff");
    assert_true(carat_is_regex_word('_') && carat_is_regex_word(0x0915) && carat_is_regex_word(0x094d) &&
                !carat_is_regex_word('-') && !carat_is_regex_word(0x2028));
    assert_int_equal(carat_decimal(0x0663), 3);
    assert_int_equal(carat_decimal(0xbd), -1);
}

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "{",   "[1,]",   "01",        "1.",        "-",   "+1",
                                        "1e",  "tru", "nul",    "{\"a\" 1}", "{\"a\": }", "\"x", "\"\x01\"",
                                        "1 2", "[1}", "{a: 1}", "'a'",       "NaN"};
    const carat_value *v;
    carat_err err = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_fails(carat_value_parse(&arena, span(texts[i]), false, &v, &err), CARAT_EFORMAT, &err,
                     "not JSON at byte");
    assert_fails(carat_value_parse(&arena, span("\"\\ud800\""), false, &v, &err), CARAT_EFORMAT, &err,
                 "half a surrogate pair");
    char deep[300], digits[4400];
    memset(deep, '[', sizeof deep);
    assert_fails(carat_value_parse(&arena, (carat_span){deep, sizeof deep}, false, &v, &err), CARAT_ESUPPORT,
                 &err, "nested deeper than 256");
    memset(digits, '7', sizeof digits);
    assert_fails(carat_value_parse(&arena, (carat_span){digits, 4301}, false, &v, &err), CARAT_ESUPPORT, &err,
                 "4300 digits");
    assert_int_equal(carat_value_parse(&arena, (carat_span){digits, 4300}, false, &v, &err), CARAT_OK);
    assert_int_equal(v->text.len, 4300);
}

static void items(void **state)
{
    (void)state;
    carat_each e;
    const carat_value *v;
    carat_str got = CARAT_STR_INIT;
    static const char *const things[] = {"\"a\xc3\xa9\xf0\x9f\x98\x80\"", "{\"k\": 1, \"l\": 2}",
                                         "[1, \"x\"]", "[]", "\"\""};
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        assert_true(carat_each_begin(&e, value(things[i])));
        while ((v = carat_each_next(&e))) {
            carat_value_repr(&got, v);
            carat_str_putc(&got, ' ');
        }
        carat_str_putc(&got, '|');
    }
    assert_string_equal(got.data, "'a' '\xc3\xa9' '\xf0\x9f\x98\x80' |'k' 'l' |1 'x' |||");
    assert_true(!carat_each_begin(&e, value("5")) && !carat_each_begin(&e, value("null")) &&
                !carat_each_begin(&e, value("true")));
    carat_str_free(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spelling),   cmocka_unit_test(shortest),
                                       cmocka_unit_test(equal_keys), cmocka_unit_test(equality),
                                       cmocka_unit_test(sorting),    cmocka_unit_test(casing),
                                       cmocka_unit_test(refused),    cmocka_unit_test(items)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    carat_arena_free(&arena);
    return failed;
}
