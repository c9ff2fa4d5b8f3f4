/* A run read back: order, torn ends, what is refused.                              SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "eval/load.h"
#include "runtime/base/file.h"
#include "tests/support/test.h"

static void put(const char *dir, const char *name, const char *text)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, dir, name);
    assert_int_equal(carat_write_file(path.data, text, strlen(text), NULL), CARAT_OK);
    carat_str_free(&path);
}

static carat_status load(const char *items, carat_loaded *out, carat_err *err)
{
    assert_int_equal(carat_make_dir("run", NULL), CARAT_OK);
    put("run", "header.json", "{\"carat\": \"0\"}\n");
    put("run", "items.jsonl", items);
    return carat_run_load("run", out, err);
}

static void order(void **state)
{
    (void)state;
    carat_loaded r;
    carat_err err;
    assert_int_equal(load("{\"suite\": \"b\", \"item\": 7}\n{\"suite\": \"a\", \"item\": 1}\n"
                          "{\"suite\": \"b\", \"item\": 2, \"id\": \"x\"}\n{\"suite\": \"b\", \"it",
                          &r, &err),
                     CARAT_OK);
    assert_true(r.torn);
    assert_null(r.report);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.n_suites, 2);
    const carat_loaded_suite *b = carat_run_suite(&r, "b"), *a = carat_run_suite(&r, "a");
    assert_true(b && a && b->n == 2 && b->first == 0 && a->n == 1 && a->first == 2);
    assert_int_equal(r.record[0].item, 2);
    assert_int_equal(r.record[1].item, 7);
    assert_true(carat_run_record(&r, b, 7) == &r.record[1]);
    assert_null(carat_run_record(&r, b, 1));
    assert_null(carat_run_record(&r, a, 7));
    assert_null(carat_run_record(&r, a, 0));
    assert_null(carat_run_suite(&r, "c"));
    carat_run_unload(&r);
    assert_int_equal(load("", &r, &err), CARAT_OK);
    assert_true(r.n == 0 && !r.torn);
    carat_run_unload(&r);
}

/* A run under way has two lines for an item that was asked again. */
static void last_counts(void **state)
{
    (void)state;
    carat_loaded r;
    carat_err err;
    uint64_t x;
    assert_int_equal(
        load("{\"suite\": \"a\", \"item\": 1, \"x\": 1}\n{\"suite\": \"a\", \"item\": 0, \"x\": 2}\n"
             "{\"suite\": \"a\", \"item\": 1, \"x\": 3}\n",
             &r, &err),
        CARAT_OK);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.suite[0].name, "a");
    assert_int_equal(r.suite[0].n, 2);
    assert_int_equal(carat_json_u64(carat_json_get(r.record[1].json, "x"), "x", 0, 9, &x, &err), CARAT_OK);
    assert_int_equal(x, 3);
    carat_run_unload(&r);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *items, *text;
    } cases[] = {
        {"{\"suite\": \"a\", \"item\": 1}\n[1]\n", "line 2: a record should be an object"},
        {"\n", "line 1: not JSON"},
        {"{\"suite\": \"a\"}\n", "line 1: item: missing"},
        {"{\"suite\": 1, \"item\": 1}\n", "line 1: suite: of another type"},
        {"{\"suite\": \"a\", \"item\": -1}\n", "line 1: item: -1"},
        {"{\"suite\": \"a\", \"item\": 1.5}\n", "line 1: item: 1.5"},
        {"{\"suite\": \"a\", \"item\": 1e300}\n", "line 1: item"},
        {"{\"suite\": \"a\", \"item\": 1, \"score\": NaN}\n", "line 1: not JSON"},
    };
    carat_loaded r;
    carat_err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        carat_status st = load(cases[i].items, &r, &err);
        assert_fails(st, CARAT_EFORMAT, &err, cases[i].text);
    }
    carat_str many = CARAT_STR_INIT;
    for (int i = 0; i <= CARAT_LOADED_SUITES; i++)
        carat_str_printf(&many, "{\"suite\": \"s%d\", \"item\": 0}\n", i);
    assert_fails(load(many.data, &r, &err), CARAT_EFORMAT, &err, "more than 64 suites");
    carat_str_free(&many);

    assert_int_equal(load("", &r, &err), CARAT_OK);
    carat_run_unload(&r);
    put("run", "report.json", "[]");
    assert_fails(carat_run_load("run", &r, &err), CARAT_EFORMAT, &err, "report.json: should be an object");
    put("run", "report.json", "{}");
    assert_int_equal(carat_run_load("run", &r, &err), CARAT_OK);
    assert_non_null(r.report);
    carat_run_unload(&r);
    assert_int_equal(carat_make_dir("empty", NULL), CARAT_OK);
    assert_fails(carat_run_load("empty", &r, &err), CARAT_EFORMAT, &err, "no header.json");
    assert_fails(carat_run_load("nowhere", &r, &err), CARAT_EIO, &err, "nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(last_counts),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
