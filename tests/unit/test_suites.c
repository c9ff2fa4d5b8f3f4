/* The suites mrcr and gsm8k: what they ask, and how they mark.                     SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/grade.h"
#include "eval/suite.h"
#include "runtime/base/file.h"
#include "tests/support/marked.h"
#include "tests/support/test.h"

static void *opened(const carat_suite *suite, const carat_eval *e, size_t *n)
{
    void *s = NULL;
    carat_err err;
    if (suite->open(e, &s, n, &err))
        fail_msg("%s", err.text);
    return s;
}

static void numbers(void **state)
{
    (void)state;
    assert_true(carat_last_number("In 2 days it is $1,234.50.") == 1234.5);
    assert_true(carat_last_number("3 - 7 = -4.") == -4);
    assert_true(carat_last_number("x\n#### 72") == 72);
    assert_true(carat_last_number("12,") == 12);
    assert_true(carat_last_number("7") == 7);
    assert_true(isnan(carat_last_number("none.")) && isnan(carat_last_number("")));
}

static void gsm8k(void **state)
{
    (void)state;
    const carat_suite *const suite = &carat_suite_gsm8k;
    carat_eval e = {.limit = 7};
    size_t n;
    carat_question q;
    carat_str r = CARAT_STR_INIT;
    void *s = opened(suite, &e, &n);
    assert_int_equal(n, 7);
    assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
    assert_string_equal(q.messages, "[{\"role\": \"user\", \"content\": \"Compute 11 + 1.\"}]");
    assert_int_equal(marked(suite, s, 0, "10 + 1 = 11. So 11 + 1 = 12.", &r).outcome, CARAT_RIGHT);
    assert_string_equal(r.data, "{\"pred\": 12.0, \"answer\": 12.0}");
    assert_int_equal(marked(suite, s, 0, "12 or 13", &r).outcome, CARAT_WRONG);
    assert_int_equal(marked(suite, s, 0, "who knows", &r).outcome, CARAT_UNPARSED);
    assert_string_equal(r.data, "{\"pred\": null, \"answer\": 12.0}");
    carat_str_free(&r);
    suite->close(s);
}

static const carat_suite *const mrcr = &carat_suite_mrcr;

static void mrcr_sample(void **state)
{
    (void)state;
    carat_eval e = {0};
    size_t n;
    carat_question q;
    carat_str r = CARAT_STR_INIT;
    void *s = opened(mrcr, &e, &n);
    assert_int_equal(n, 12);
    carat_item it = mrcr->describe(s, 11);
    assert_string_equal(it.id, "0-11");
    assert_int_equal(it.n_groups, 3);
    assert_string_equal(it.group[0].value, "3");
    assert_string_equal(it.group[1].value, "0-4096");
    assert_string_equal(it.group[2].value, "3 needles, 0-4096");
    for (size_t i = n; i-- > 0;) { /* backwards: each is found again */
        assert_int_equal(mrcr->question(s, i, &q, NULL), CARAT_OK);
        assert_true(carat_starts(q.messages, "[{\"role\": \"user\", \"content\": "));
    }
    const char *last = strstr(q.messages, "Repeat the");
    assert_non_null(last);
    for (size_t i = 0; i < n; i++)
        mrcr->release(s, i);
    static const char poem[] = "The bird is pink and cold,\nit dreams of fish at the forest,\nand foggy is "
                               "the Saturday it waits for.";
    assert_int_equal(marked(mrcr, s, 0, poem, &r).outcome, CARAT_RIGHT);
    carat_verdict v = marked(mrcr, s, 0, "The bird is blue", &r);
    assert_true(v.outcome == CARAT_WRONG && v.score > 0 && v.score < 0.5);
    v = marked(mrcr, s, 3, poem, &r); /* asks for a string in front */
    assert_true(v.outcome == CARAT_UNPARSED && v.score == 0);
    assert_string_equal(r.data, "{\"prefix\": false}");
    carat_str_free(&r);
    mrcr->close(s);
}

static void mrcr_refusals(void **state)
{
    (void)state;
    char path[] = "/tmp/carat-mrcr-XXXXXX";
    close(mkstemp(path));
    static const struct {
        const char *row, *variant, *words;
    } bad[] = {
        {"{\"queries\": \"q\", \"answer\": \"a\"}", NULL, "row 1: no column prompt; --variant v2"},
        {"{\"prompt\": \"[]\", \"answer\": \"a\"}", "v2", "no column queries; --variant openai"},
        {"{\"prompt\": \"[]\", \"answer\": \"a\", \"random_string_to_prepend\": \"\", \"n_needles\": 2}",
         NULL, "not a list of messages"},
        {"{\"prompt\": \"[{}]\", \"answer\": \"a\", \"random_string_to_prepend\": \"\", \"n_needles\": 2}",
         NULL, "role"},
        {"{\"prompt\": \"[\", \"answer\": \"a\", \"random_string_to_prepend\": \"\", \"n_needles\": 2}", NULL,
         "row 1"},
        {"{\"prompt\": \"[]\", \"answer\": \"a\", \"random_string_to_prepend\": \"\", \"n_needles\": -1}",
         NULL, "n_needles"},
        {"", NULL, "no conversations"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        carat_err err;
        size_t n;
        void *s;
        carat_eval e = {.data = path, .variant = bad[i].variant};
        assert_int_equal(carat_write_file(path, bad[i].row, strlen(bad[i].row), NULL), CARAT_OK);
        assert_true(mrcr->open(&e, &s, &n, &err) != CARAT_OK);
        if (!strstr(err.text, bad[i].words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].words);
    }
    unlink(path);
}

static void mrcr_official(void **state)
{
    (void)state;
    const char *root = getenv("ROOT");
    char path[512];
    carat_str r = CARAT_STR_INIT;
    for (int v2 = 0; v2 < 2; v2++) {
        snprintf(path, sizeof path, "%s/../shared/data/eval/mrcr/%s", root ? root : ".",
                 v2 ? "v2_toy.csv" : "conversations.parquet");
        if (!carat_is_file(path)) {
            print_message("SKIP conversations of MRCR: no %s\n", path);
            skip();
        }
        carat_eval e = {.data = path, .variant = v2 ? "v2" : NULL};
        size_t n;
        carat_question q;
        void *s = opened(mrcr, &e, &n);
        assert_int_equal(n, v2 ? 2 : 3);
        carat_results results = {0};
        assert_int_equal(mrcr->report(s, NULL, 0, &results, NULL), CARAT_OK);
        assert_null(strstr(results.note, "contradict"));
        assert_non_null(strstr(results.note, "no tokenizer"));
        assert_int_equal(mrcr->question(s, n - 1, &q, NULL), CARAT_OK);
        carat_json *list;
        assert_int_equal(carat_json_parse(q.messages, strlen(q.messages), &list, NULL), CARAT_OK);
        assert_true(v2 ? carat_json_count(list) == 1 : carat_json_count(list) > 3);
        carat_json_free(list);
        mrcr->close(s);
    }
    carat_str_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(gsm8k),
                                       cmocka_unit_test(mrcr_sample), cmocka_unit_test(mrcr_refusals),
                                       cmocka_unit_test(mrcr_official)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
