/* JSON: what must be refused, what must come back as it was.                       SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/json.h"

static void accepted(const char *text)
{
    carat_json *root = NULL;
    carat_err err = {0};
    if (carat_json_parse(text, strlen(text), &root, &err))
        fail_msg("%s: %s", text, err.text);
    carat_json_free(root);
}

static void refused_bytes(const char *text, size_t len)
{
    carat_json *root = NULL;
    carat_err err = {0};
    char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read behind it */
    assert_non_null(exact);
    memcpy(exact, text, len);
    carat_status st = carat_json_parse(exact, len, &root, &err);
    free(exact);
    if (st != CARAT_EFORMAT || root || !*err.text || strchr(err.text, '\n'))
        fail_msg("accepted, or without a reason: %s (%s)", text, err.text);
}

static void refused(const char *text)
{
    refused_bytes(text, strlen(text));
}

static void good_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        " \t\r\n1 ",
                                        "null",
                                        "\"\"",
                                        "-0",
                                        "1e5",
                                        "1E+5",
                                        "0.5e-3",
                                        "[1,[2,{\"a\":[]}]]",
                                        "{\"a\":1,\"A\":2}",
                                        "\"\\u00e9\\ud83d\\ude00\\\\u0000\\n\\/\"",
                                        "{\"\":0}",
                                        "1e308",
                                        "9007199254740991",
                                        "\"\xf0\x9f\x98\x80\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        accepted(texts[i]);
}

static void bad_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        "[1",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"a\":1,}",
                                        "[1,]",
                                        "[,1]",
                                        "{,}",
                                        "{1:2}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "nul",
                                        "nulll",
                                        "True",
                                        "tru",
                                        "NaN",
                                        "Infinity",
                                        "-",
                                        "-Infinity",
                                        "+1",
                                        ".5",
                                        "5.",
                                        "1.e5",
                                        "01",
                                        "-01",
                                        "1e",
                                        "1e+",
                                        "0x10",
                                        "1_000",
                                        "--1",
                                        "1-2",
                                        "[1-2]",
                                        "[1 2]",
                                        "1 2",
                                        "{} {}",
                                        "[]]",
                                        "{}x",
                                        "\"",
                                        "\"a",
                                        "\"\\",
                                        "\"\\\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"a\nb\"",
                                        "\"\x01\"",
                                        "/* */1",
                                        "[1]//",
                                        "\"\xff\"",
                                        "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xe2\x82\"",
                                        "\x01 1",
                                        "[1,\x02 2]",
                                        "1e309",
                                        "-1e999",
                                        "[1e400]",
                                        "\xff\xfe",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\" 1}",
                                        "{\"a\":1:2}",
                                        "[}",
                                        "{]",
                                        "[\"a\":1]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refused(texts[i]);
    refused_bytes("1\0", 2);
    refused_bytes("{\"a\0b\":1}", 9);
    refused_bytes("\0", 1);
    refused("\"\\u0000\"");
    refused("{\"a\\u0000b\":1}");
    refused("1000000000000000000000000000000000000000000000000000000000000000000000000000000");
}

static void duplicate_keys(void **state)
{
    (void)state;
    refused("{\"a\":1,\"a\":1}");
    refused("{\"a\":1,\"\\u0061\":2}"); /* the same key in another spelling */
    refused("[{\"x\":{\"k\":1,\"j\":2,\"k\":3}}]");
    refused("{\"\":1,\"\":2}");
    accepted("[{\"a\":1},{\"a\":1}]");
}

static void depth(void **state)
{
    (void)state;
    char text[2 * 300 + 1];
    for (size_t n = 250; n <= 300; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        text[2 * n] = 0;
        if (n <= 256)
            accepted(text);
        else
            refused(text);
    }
    size_t huge = 10u << 20;
    char *deep = malloc(huge);
    assert_non_null(deep);
    memset(deep, '[', huge);
    refused_bytes(deep, huge);
    for (size_t i = 0; i + 5 <= huge; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    refused_bytes(deep, huge);
    free(deep);
}

static void values(void **state)
{
    (void)state;
    const char *text =
        "{\"n\":3,\"f\":2.5,\"neg\":-1,\"s\":\"x\",\"t\":true,\"z\":null,\"big\":9007199254740993,"
        "\"max\":9007199254740991,\"A\":1,\"a\":2,\"e\":1e2}";
    carat_json *root;
    carat_err err = {0};
    uint64_t u = 77;
    double d;
    bool b;
    const char *s;
    assert_int_equal(carat_json_parse(text, strlen(text), &root, &err), CARAT_OK);
    assert_int_equal(carat_json_u64(carat_json_get(root, "n"), "n", 1, 3, &u, &err), CARAT_OK);
    assert_int_equal(u, 3);
    assert_fails(carat_json_u64(carat_json_get(root, "n"), "n", 4, 9, &u, &err), CARAT_EFORMAT, &err, "n: 3");
    assert_fails(carat_json_u64(carat_json_get(root, "f"), "f", 0, 9, &u, &err), CARAT_EFORMAT, &err,
                 "f: 2.5");
    assert_fails(carat_json_u64(carat_json_get(root, "neg"), "neg", 0, 9, &u, &err), CARAT_EFORMAT, &err,
                 "neg: -1");
    assert_fails(carat_json_u64(carat_json_get(root, "s"), "s", 0, 9, &u, &err), CARAT_EFORMAT, &err, "s: ");
    assert_fails(carat_json_u64(carat_json_get(root, "no"), "no", 0, 9, &u, &err), CARAT_EFORMAT, &err,
                 "missing");
    /* 2^53 + 1 is not exact in a double: refused rather than read as 2^53 */
    assert_fails(carat_json_u64(carat_json_get(root, "big"), "big", 0, UINT64_MAX, &u, &err), CARAT_EFORMAT,
                 &err, "big");
    assert_int_equal(u, 3); /* failures leave it alone */
    assert_int_equal(carat_json_u64(carat_json_get(root, "max"), "max", 0, UINT64_MAX, &u, &err), CARAT_OK);
    assert_true(u == 9007199254740991);
    assert_int_equal(carat_json_u64(carat_json_get(root, "a"), "a", 0, 9, &u, &err), CARAT_OK);
    assert_int_equal(u, 2); /* and not A's */
    assert_int_equal(carat_json_f64(carat_json_get(root, "f"), "f", &d, &err), CARAT_OK);
    assert_true(d == 2.5);
    assert_int_equal(carat_json_text(carat_json_get(root, "s"), "s", &s, &err), CARAT_OK);
    assert_string_equal(s, "x");
    assert_int_equal(carat_json_flag(carat_json_get(root, "t"), "t", &b, &err), CARAT_OK);
    assert_true(b);
    assert_fails(carat_json_flag(carat_json_get(root, "n"), "n", &b, &err), CARAT_EFORMAT, &err,
                 "true or false");
    assert_null(carat_json_get(root, "z"));
    assert_null(carat_json_get(NULL, "z"));
    assert_null(carat_json_get(carat_json_get(root, "s"), "z"));
    assert_null(carat_json_first(NULL));
    assert_int_equal(carat_json_count(root), 11);
    carat_json_free(root);
    carat_json_free(NULL);
}

static void carried_over(void **state)
{
    (void)state;
    /* two-space indent, keys in their order, numbers as they were spelled: integers stay integers, floats floats */
    const char *text =
        "{\n  \"b\": 30.0,\n  \"a\": [\n    1,\n    -0.5,\n    1e-06,\n    9007199254740991\n  ],\n"
        "  \"e\": {},\n  \"l\": [],\n  \"s\": \"\\\"\\\\\\n\\t\\u0001\xc3\xa9\",\n  \"n\": null\n}\n";
    carat_json *root, *one;
    carat_str out = CARAT_STR_INIT;
    carat_err err = {0};
    assert_int_equal(carat_json_parse(text, strlen(text), &root, &err), CARAT_OK);
    assert_int_equal(carat_json_print(root, &out, &err), CARAT_OK);
    assert_string_equal(out.data, text);
    assert_int_equal(carat_json_parse("1", 1, &one, &err), CARAT_OK);
    assert_int_equal(carat_json_set(root, "b", one, &err), CARAT_OK);
    carat_json_remove(root, "a");
    carat_json_remove(root, "nothing");
    carat_str_clear(&out);
    assert_int_equal(carat_json_print(root, &out, &err), CARAT_OK);
    assert_int_equal(strncmp(out.data, "{\n  \"b\": 1,\n  \"e\": {}", 21), 0);
    carat_json_free(root);
    carat_str_free(&out);
}

static void written(void **state)
{
    (void)state;
    carat_str out = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&out);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "k\"");
    carat_jw_open(&w, '[');
    carat_jw_u64(&w, UINT64_MAX);
    carat_jw_i64(&w, INT64_MIN);
    carat_jw_f64(&w, 0.1);
    carat_jw_f64(&w, NAN);
    carat_jw_f64(&w, -INFINITY);
    carat_jw_text(&w, NULL);
    carat_jw_bytes(&w, "a\0\xff", 3);
    carat_jw_bool(&w, true);
    carat_jw_open(&w, '{');
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_jw_key(&w, "z");
    carat_jw_null(&w);
    carat_jw_close(&w);
    assert_string_equal(out.data,
                        "{\"k\\\"\": [18446744073709551615, -9223372036854775808, 0.1, null, null, null, "
                        "\"a\\u0000\xef\xbf\xbd\", true, {}], \"z\": null}");
    carat_str_free(&out);
}

static void doubles_come_back(void **state)
{
    (void)state;
    static const double v[] = {0,       -0.0,   1,     1e15,    1e16,       1e17, 0.1,
                               1 / 3.0, 5e-324, 1e308, -1e-310, 123456.789, 1e21, 4503599627370497.5,
                               1e-5,    0x1p53};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        carat_str out = CARAT_STR_INIT;
        carat_jw w = carat_jw_begin(&out);
        carat_json *root;
        double back;
        carat_err err = {0};
        carat_jw_f64(&w, v[i]);
        assert_int_equal(carat_json_parse(out.data, out.len, &root, &err), CARAT_OK);
        assert_int_equal(carat_json_f64(root, "v", &back, &err), CARAT_OK);
        if (memcmp(&back, &v[i], sizeof back))
            fail_msg("%.17g is written %s and comes back %.17g", v[i], out.data, back);
        carat_json_free(root);
        carat_str_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),     cmocka_unit_test(bad_texts),
        cmocka_unit_test(duplicate_keys), cmocka_unit_test(depth),
        cmocka_unit_test(values),         cmocka_unit_test(carried_over),
        cmocka_unit_test(written),        cmocka_unit_test(doubles_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
