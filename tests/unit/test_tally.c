/* Outcomes, groups and intervals of records; the journal they are kept in.        SPDX-License-Identifier: Apache-2.0
 *
 * Wilson's intervals here are statsmodels' (proportion_confint, method "wilson"); clustered errors are those of a least-squares fit of a
 * constant in statsmodels with cov_type="cluster". */
#include <math.h>
#include <stdlib.h>

#include "eval/mark.h"
#include "eval/run.h"
#include "eval/tally.h"
#include "tests/support/test.h"

enum { MOST = 64 };

struct set {
    carat_json *node[MOST];
    const carat_json *list[MOST];
    size_t n;
};

static void add(struct set *s, const char *outcome, double score, const char *cluster, const char *category)
{
    char text[400], number[32] = "null";
    if (strcmp(outcome, "not_measured") != 0)
        snprintf(number, sizeof number, "%.17g", score);
    int len = snprintf(
        text, sizeof text,
        "{\"suite\": \"s\", \"item\": %zu, \"cluster\": %s%s%s, \"groups\": {\"category\": \"%s\"}, "
        "\"truncated\": false, \"fault\": null, \"outcome\": \"%s\", \"score\": %s}",
        s->n, cluster ? "\"" : "", cluster ? cluster : "null", cluster ? "\"" : "", category, outcome,
        number);
    assert_int_equal(carat_json_parse(text, (size_t)len, &s->node[s->n], NULL), CARAT_OK);
    s->list[s->n] = s->node[s->n];
    s->n++;
}

static void drop(struct set *s)
{
    for (size_t i = 0; i < s->n; i++)
        carat_json_free(s->node[i]);
}

static void near(double a, double b)
{
    if (!(fabs(a - b) < 1e-9))
        fail_msg("%.15g, should be %.15g", a, b);
}

static void four_outcomes(void **state)
{
    (void)state;
    struct set s = {.n = 0};
    carat_standing t;
    for (int i = 0; i < 7; i++)
        add(&s, "right", 1, NULL, i < 4 ? "math" : "law");
    add(&s, "wrong", 0, NULL, "math");
    add(&s, "unparsed", 0, NULL, "law");
    add(&s, "unparsed", 0, NULL, "law");
    add(&s, "not_measured", 0, NULL, "law");
    assert_int_equal(carat_standing_take(s.list, s.n, 0, &t, NULL), CARAT_OK);
    assert_int_equal(t.all.outcome[CARAT_RIGHT], 7);
    assert_int_equal(t.all.outcome[CARAT_WRONG], 1);
    assert_int_equal(t.all.outcome[CARAT_UNPARSED], 2);
    assert_int_equal(t.all.outcome[CARAT_NOT_MEASURED], 1);
    assert_int_equal(t.all.score.n, 10);
    near(t.all.score.value, 0.7);
    near(t.all.score.error, 0.152752523165195);
    near(t.all.score.low, 0.396778147461145);
    near(t.all.score.high, 0.892208732593699);
    assert_int_equal(t.n, 2);
    assert_string_equal(t.group[0].value, "law");
    assert_string_equal(t.group[1].value, "math");
    assert_int_equal(t.group[0].outcome[CARAT_NOT_MEASURED], 1);
    near(t.group[0].score.value, 0.6);
    near(t.group[1].score.value, 0.8);
    near(t.group[1].score.low, 0.375534629762525);
    carat_standing_free(&t);
    drop(&s);
}

/* Clusters in any order of the items; a cluster that agrees with itself counts as one. */
static void clusters(void **state)
{
    (void)state;
    struct set s = {.n = 0};
    carat_standing t;
    static const char *const name[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 16; i++)
        add(&s, i % 4 < 2 ? "right" : "wrong", i % 4 < 2, name[i % 4], "x");
    assert_int_equal(carat_standing_take(s.list, s.n, 0, &t, NULL), CARAT_OK);
    near(t.all.score.value, 0.5);
    near(t.all.score.error, 0.288675134594813); /* of four observations, not of sixteen */
    assert_true(t.all.score.low < 0.2 && t.all.score.high > 0.8);
    carat_standing_free(&t);
    drop(&s);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"truncated\": false, \"outcome\": \"maybe\", \"score\": 1}",
        "{\"truncated\": false, \"outcome\": \"right\"}",
        "{\"truncated\": 3, \"outcome\": \"right\", \"score\": 1}",
        "{\"truncated\": false, \"score\": 1}",
        "{\"truncated\": false, \"outcome\": \"right\", \"score\": 1, \"groups\": {\"a\": 1}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        carat_json *node;
        carat_standing t;
        carat_err err = {0};
        assert_int_equal(carat_json_parse(bad[i], strlen(bad[i]), &node, NULL), CARAT_OK);
        const carat_json *list[] = {node};
        assert_int_equal(carat_standing_take(list, 1, 0, &t, &err), CARAT_EFORMAT);
        carat_json_free(node);
    }
}

static void keep(carat_run *r, const char *suite, int item, const char *more)
{
    carat_str line = CARAT_STR_INIT;
    carat_str_printf(&line, "{\"suite\": \"%s\", \"item\": %d%s}", suite, item, more);
    assert_int_equal(carat_run_keep(r, &line, NULL), CARAT_OK);
    carat_str_free(&line);
}

/* Whatever the order and however often: in the end one line an item, the last of each, in order. */
static void journal(void **state)
{
    (void)state;
    static const char header[] = "{\"carat\": \"x\", \"threads\": 1}\n",
                      other[] = "{\"carat\": \"y\", \"threads\": 1}\n";
    carat_run r;
    carat_err err = {0};
    char *text;
    size_t len;
    assert_int_equal(carat_run_open("run", header, &r, &err), CARAT_OK);
    keep(&r, "b", 2, ", \"x\": 1");
    keep(&r, "b", 0, "");
    keep(&r, "a", 1, "");
    keep(&r, "b", 2, ", \"x\": 2");
    carat_run_close(&r);
    assert_int_equal(carat_run_open("run", other, &r, &err), CARAT_EUSAGE);
    assert_non_null(strstr(err.text, "carat was \"x\", now it is \"y\""));
    assert_int_equal(carat_run_open("run", "{\"carat\": \"x\", \"threads\": 7}\n", &r, &err), CARAT_OK);
    assert_string_equal(r.header, header);
    const carat_json *found[3] = {NULL};
    carat_run_find(&r, "b", found, 3);
    assert_true(found[0] && !found[1] && found[2]);
    uint64_t x;
    assert_int_equal(carat_json_u64(carat_json_get(found[2], "x"), "x", 0, 9, &x, NULL), CARAT_OK);
    assert_int_equal(x, 2);
    assert_int_equal(carat_run_tidy(&r, &err), CARAT_OK);
    carat_run_close(&r);
    assert_int_equal(carat_read_file("run/items.jsonl", 1000, &text, &len, &err), CARAT_OK);
    assert_string_equal(text, "{\"suite\": \"b\", \"item\": 0}\n{\"suite\": \"b\", \"item\": 2, \"x\": 2}\n"
                              "{\"suite\": \"a\", \"item\": 1}\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(four_outcomes), cmocka_unit_test(clusters),
                                       cmocka_unit_test(refused), cmocka_unit_test(journal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
