/* LiveCodeBench: unpickling, equal outputs, equal JSON, extraction, prompts, dates.  SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "datasets/pickle.h"
#include "eval/suites/lcb.h"
#include "runtime/base/file.h"
#include "tests/support/test.h"

static carat_bytes bytes(const char *text)
{
    return (carat_bytes){text, strlen(text)};
}

/* ---- pickles: bytes that CPython 3.11's pickle.dumps wrote */

static void unpickled(const void *data, size_t n, const char *want)
{
    carat_str s = CARAT_STR_INIT;
    carat_err err = {0};
    if (want)
        assert_int_equal(carat_unpickle_text(data, n, &s, &err), CARAT_OK);
    else
        assert_fails(carat_unpickle_text(data, n, &s, &err), CARAT_EFORMAT, &err,
                     "not a pickle of one string");
    assert_string_equal(s.data, want ? want : "");
    carat_str_free(&s);
}

#define PICKLE(literal, want) unpickled(literal, sizeof literal - 1, want)

static void pickles(void **state)
{
    (void)state;
    PICKLE("Vab\np0\n.", "ab");
    PICKLE("V\\u20ac\xe9\\u005c\np0\n.", "\u20ac\u00e9\\");
    PICKLE("X\x02\0\0\0abq\0.", "ab");
    PICKLE("\x80\x02X\x02\0\0\0abq\0.", "ab");
    PICKLE("\x80\x04\x95\x06\0\0\0\0\0\0\0\x8c\x02"
           "ab\x94.",
           "ab");
    PICKLE("\x80\x05\x95\x04\0\0\0\0\0\0\0\x8c\0\x94.", "");
    /* programs, other types, lies */
    PICKLE("\x80\x02"
           "cos\nsystem\nq\0X\x04\0\0\0trueq\1\x85q\2Rq\3.",
           NULL);
    PICKLE("cos\nsystem\n(S'true'\ntR.", NULL);
    PICKLE("\x80\x04]\x94\x8c\1a\x94"
           "a.",
           NULL);
    PICKLE("\x80\x04N.", NULL);
    PICKLE("\x80\x06\x8c\1a\x94.", NULL);
    PICKLE("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
           "ab\x94.",
           NULL);
    PICKLE("\x80\x04\x8c\2\xff\xfe\x94.", NULL);
    PICKLE("\x80\x04\x8c\1a\x94.x", NULL);
    PICKLE("\x80\x04\x8c\1a\x94", NULL);
    PICKLE("", NULL);
}

static void base64(void **state)
{
    (void)state;
    carat_str s = CARAT_STR_INIT;
    carat_err err = {0};
    assert_int_equal(carat_base64("YWJjZA==", 8, &s, &err), CARAT_OK);
    assert_string_equal(s.data, "abcd");
    assert_fails(carat_base64("YWJ", 3, &s, &err), CARAT_EFORMAT, &err, "multiple of 4");
    assert_fails(carat_base64("YW=j", 4, &s, &err), CARAT_EFORMAT, &err, "character 2");
    carat_str_free(&s);
}

/* A stream of 1 MiB of zeros must not unpack to more than is allowed. */
static void bomb(void **state)
{
    (void)state;
    carat_str packed = CARAT_STR_INIT, s = CARAT_STR_INIT;
    carat_err err = {0};
    assert_int_equal(
        carat_base64(
            "eJxjYBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgY3gAA+gAAAQ==", 88,
            &packed, &err),
        CARAT_OK);
    assert_int_equal(carat_inflate(packed.data, packed.len, 16, &s, &err), CARAT_EFORMAT);
    carat_str_free(&packed);
    carat_str_free(&s);
}

/* ---- equal outputs: expected values are CPython's (tests/hf compares many more) */

static void compared(const char *got, const char *want, carat_match match)
{
    size_t line;
    if (carat_lcb_compare(bytes(got), bytes(want), &line) != match)
        fail_msg("'%s' against '%s'", got, want);
}

static void outputs(void **state)
{
    (void)state;
    compared("6\n", " 6", CARAT_SAME);
    compared("1 2\n3", "1  2\r\n3\n\n", CARAT_SAME);
    compared("1.0", "1", CARAT_SAME);
    compared("1e3 1_000 +1", "1000 1e+3 01", CARAT_SAME);
    compared("-0", "0.00", CARAT_SAME);
    compared("inf -Infinity", "Infinity -inf", CARAT_SAME);
    compared("\u0661\uFF12", "12", CARAT_SAME);
    compared("1e999999999999999999", "10e999999999999999998", CARAT_SAME);
    compared("0.1", "0.10000000000000000000000000000000000001", CARAT_LINE);
    compared("nan", "NaN", CARAT_LINE);
    compared("nan", "nan", CARAT_SAME);
    compared("sNaN", "NaN", CARAT_SIGNAL);
    compared("1 sNaN", "2 NaN", CARAT_LINE);
    compared("1 2", "1", CARAT_LINE);
    compared("yes", "YES", CARAT_LINE);
    compared("a  b", "a b", CARAT_LINE);
    compared("1e1000000000000000000", "10e999999999999999999", CARAT_LINE);
    compared("1.2.3", "1.2.30", CARAT_LINE);
    compared("a\n\nb", "a\nb", CARAT_LENGTH);
    compared("", "", CARAT_SAME);
    compared("\u00a0", "", CARAT_SAME);
}

static void same_json(const char *a, const char *b, bool want)
{
    bool equal;
    assert_int_equal(carat_lcb_json_equal(bytes(a), bytes(b), &equal, NULL), CARAT_OK);
    if (equal != want)
        fail_msg("%s against %s", a, b);
}

static void json(void **state)
{
    (void)state;
    same_json("1", "1.0", true);
    same_json("true", "1", true);
    same_json("[false, 0.0]", "[0, false]", true);
    same_json("9007199254740993", "9007199254740992.0", false);
    same_json("1000000000000000000000000000000", "1e30",
              false); /* the double is 1000000000000000019884624838656 */
    same_json("123456789012345678901234567890", "123456789012345678901234567890", true);
    same_json("-0", "0", true);
    same_json("NaN", "NaN", false);
    same_json("[NaN]", "[NaN]", true); /* the same object to json.loads */
    same_json("Infinity", "1e999", true);
    same_json("\"\\u00e9\\ud83d\\ude00\"", "\"\u00e9\U0001F600\"", true);
    same_json("{\"a\": 1, \"b\": [2]}", "{\"b\": [2.0], \"a\": true}", true);
    same_json("{\"a\": 2, \"a\": 1}", "{\"a\": 1}", true);
    same_json("{\"a\": 1}", "{\"a\": 1, \"b\": null}", false);
    same_json("null", "0", false);
    same_json("\"1\"", "1", false);
    same_json("[1, 2]", "[2, 1]", false);
    same_json("[1", "[1]", false);
    same_json("[1] ", "[1]", true);
    same_json("[1]x", "[1]", false);
    same_json("01", "1", false);
    bool equal;
    carat_err err = {0};
    assert_fails(carat_lcb_json_equal(bytes("1"), bytes("x"), &equal, &err), CARAT_EFORMAT, &err, "not JSON");
}

static void extracts(const char *reply, const char *code)
{
    carat_bytes b = carat_lcb_extract(reply);
    assert_int_equal(b.n, strlen(code));
    assert_memory_equal(b.data, code, b.n);
}

static void extraction(void **state)
{
    (void)state;
    extracts("```python\na\nb\n```", "a\nb");
    extracts("```\na\n```\nthen\n```\nb\n```\n", "b");
    extracts("```\na\n```\nunclosed\n```\nb\n", "unclosed");
    extracts("```\n```", "");
    extracts("```\n\n```", "");
    extracts("one ``` only", "");
    extracts("", "");
}

static void shortened(void **state)
{
    (void)state;
    char text[1000];
    carat_str s = CARAT_STR_INIT;
    memset(text, 'a', sizeof text);
    carat_lcb_shorten((carat_bytes){text, 300}, &s);
    assert_int_equal(s.len, 300);
    carat_str_clear(&s);
    carat_lcb_shorten((carat_bytes){text, 301}, &s);
    assert_int_equal(s.len, 150 + strlen("...(truncated) ...") + 150);
    carat_str_free(&s);
}

static void sample(void **state)
{
    (void)state;
    carat_lcb *l;
    carat_lcb_tests t;
    carat_err err = {0};
    carat_lcb_options o = {.path = "sample:livecodebench"};
    assert_int_equal(carat_lcb_open(&o, &l, &err), CARAT_OK);
    assert_int_equal(carat_lcb_count(l), 6);
    assert_string_equal(carat_lcb_at(l, 0)->id, "sample_add");
    assert_null(carat_lcb_find(l, "sample"));
    const carat_lcb_problem *p = carat_lcb_find(l, "sample_pairs"); /* its private tests are packed */
    assert_int_equal(carat_lcb_tests_open(p, &t, &err), CARAT_OK);
    assert_int_equal(t.n, 3);
    assert_string_equal(t.function, "frequent");
    assert_string_equal(t.test[2].output, "[]");
    carat_lcb_tests_close(&t);
    carat_lcb_close(l);
    o.from = o.to = "2025-02-01"; /* both ends are included */
    assert_int_equal(carat_lcb_open(&o, &l, &err), CARAT_OK);
    assert_int_equal(carat_lcb_count(l), 1);
    carat_lcb_close(l);
    o.from = "2026-01-01";
    o.to = NULL;
    assert_fails(carat_lcb_open(&o, &l, &err), CARAT_EFORMAT, &err, "no problems between these dates");
}

/* A verdict that took a second run says so, any other does not. */
static void second_run(void **state)
{
    (void)state;
    for (int retried = 0; retried < 2; retried++) {
        carat_str out = CARAT_STR_INIT;
        carat_lcb_verdict v = {
            .code = -3, .results = CARAT_STR_INIT, .message = CARAT_STR_INIT, .retried = retried};
        carat_str_puts(&v.results, "[true, -3]");
        carat_str_puts(&v.message, "Time Limit Exceeded");
        carat_jw w = carat_jw_begin(&out);
        carat_jw_open(&w, '{');
        carat_lcb_write(&v, &w);
        carat_jw_close(&w);
        assert_string_equal(out.data,
                            retried ? "{\"passed\": false, \"results\": [true, -3], \"error_code\": -3, "
                                      "\"error_message\": \"Time Limit Exceeded\", \"retried\": true}"
                                    : "{\"passed\": false, \"results\": [true, -3], \"error_code\": -3, "
                                      "\"error_message\": \"Time Limit Exceeded\"}");
        carat_lcb_verdict_free(&v);
        carat_str_free(&out);
    }
}

/* Messages as the official code makes them, for the samples beside this tree. */
static void prompts(void **state)
{
    (void)state;
    const char *root = getenv("ROOT");
    char path[1024], *data, *save = NULL;
    size_t n;
    carat_lcb *l;
    snprintf(path, sizeof path, "%s/../shared/data/eval/lcb/problems.jsonl", root ? root : ".");
    if (!carat_exists(path)) {
        print_message("SKIP no samples beside this tree\n");
        skip();
    }
    assert_int_equal(carat_lcb_open(&(carat_lcb_options){.path = path}, &l, NULL), CARAT_OK);
    snprintf(path, sizeof path, "%s/../shared/data/eval/lcb/prompts.jsonl", root ? root : ".");
    assert_int_equal(carat_read_file(path, 1 << 24, &data, &n, NULL), CARAT_OK);
    size_t seen = 0;
    for (char *line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save), seen++) {
        carat_json *row, *mine;
        const char *id, *a, *b;
        carat_str s = CARAT_STR_INIT;
        carat_jw w = carat_jw_begin(&s);
        assert_int_equal(carat_json_parse(line, strlen(line), &row, NULL), CARAT_OK);
        assert_int_equal(carat_json_text(carat_json_get(row, "question_id"), "id", &id, NULL), CARAT_OK);
        carat_lcb_prompt(carat_lcb_find(l, id), &w);
        assert_int_equal(carat_json_parse(s.data, s.len, &mine, NULL), CARAT_OK);
        const carat_json *x = carat_json_first(carat_json_get(row, "chat")), *y = carat_json_first(mine);
        assert_int_equal(carat_json_count(mine), 2);
        for (; x; x = carat_json_next(x), y = carat_json_next(y)) {
            carat_json_text(carat_json_get(x, "content"), "content", &a, NULL);
            carat_json_text(carat_json_get(y, "content"), "content", &b, NULL);
            assert_string_equal(a, b);
        }
        carat_json_free(row);
        carat_json_free(mine);
        carat_str_free(&s);
    }
    assert_int_equal(seen, carat_lcb_count(l));
    free(data);
    carat_lcb_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickles),   cmocka_unit_test(base64), cmocka_unit_test(bomb),
        cmocka_unit_test(outputs),   cmocka_unit_test(json),   cmocka_unit_test(extraction),
        cmocka_unit_test(shortened), cmocka_unit_test(sample), cmocka_unit_test(second_run),
        cmocka_unit_test(prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
