/* Two runs paired item by item: repeated ids, clusters, groups, what is left out; verdicts.    SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "eval/compare.h"
#include "runtime/base/file.h"
#include "tests/support/test.h"

static void put(const char *dir, const char *name, const char *text)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, dir, name);
    assert_int_equal(carat_write_file(path.data, text, strlen(text), NULL), CARAT_OK);
    carat_str_free(&path);
}

static void load(const char *dir, const char *header, const char *items, carat_loaded *out)
{
    carat_err err = {0};
    assert_int_equal(carat_make_dir(dir, NULL), CARAT_OK);
    put(dir, "header.json", header);
    put(dir, "items.jsonl", items);
    if (carat_run_load(dir, out, &err))
        fail_msg("%s", err.text);
}

/* One line of items.jsonl. */
static void add(carat_str *s, int item, const char *id, const char *cluster, const char *topic, double score)
{
    carat_str_printf(s, "{\"suite\": \"s\", \"item\": %d, \"id\": \"%s\", \"prompt_sha256\": \"p%s\", ", item,
                     id, id);
    if (cluster)
        carat_str_printf(s, "\"cluster\": \"%s\", ", cluster);
    if (topic)
        carat_str_printf(s, "\"groups\": {\"topic\": \"%s\"}, ", topic);
    if (score < 0)
        carat_str_puts(s, "\"outcome\": \"not_measured\", \"score\": null}\n");
    else
        carat_str_printf(s, "\"outcome\": \"right\", \"score\": %g}\n", score);
}

static void pairing(void **state)
{
    (void)state;
    carat_str a = CARAT_STR_INIT, b = CARAT_STR_INIT;
    carat_loaded x, y;
    carat_match m;
    carat_paired_series s;
    /* two replies to p, paired in their order; q is not measured in b; r stands elsewhere in b; only a has u, only b has v */
    add(&a, 0, "p", "one", "art", 0.1);
    add(&a, 1, "q", "two", "art", 0.2);
    add(&a, 2, "p", "one", "law", 0.3);
    add(&a, 3, "r", NULL, NULL, 0.4);
    add(&a, 4, "u", NULL, NULL, 0.5);
    add(&b, 7, "p", "one", "art", 0.6);
    add(&b, 1, "r", NULL, NULL, 0.7);
    add(&b, 9, "p", "one", "law", 0.8);
    add(&b, 2, "q", "two", "art", -1);
    add(&b, 3, "v", NULL, NULL, 0.9);
    load("a", "{}", a.data, &x);
    load("b", "{}", b.data, &y);
    assert_int_equal(carat_match_open(&x, &y, "s", false, &m, NULL), CARAT_OK);
    assert_true(m.n == 4 && m.only_a == 1 && m.only_b == 1 && m.asks && m.prompts == 0);
    assert_int_equal(carat_paired_open(&m, 0, &s, NULL), CARAT_OK);
    assert_string_equal(s.metric, "score");
    assert_true(s.n == 3 && s.left_out == 1 && s.unmeasured_a == 0 && s.unmeasured_b == 1 && s.scores &&
                !s.smaller);
    const double want_a[] = {0.1, 0.3, 0.4}, want_b[] = {0.6, 0.8, 0.7}; /* p's two in one cluster, then r */
    for (size_t i = 0; i < 3; i++)
        assert_true(s.a[i] == want_a[i] && s.b[i] == want_b[i]);
    assert_true(s.cluster[0] == s.cluster[1] && s.cluster[1] < s.cluster[2]);
    assert_true(s.n_keys == 1 && s.key[0].n_values == 2 && s.key[0].of[0] == 0 && s.key[0].of[1] == 1 &&
                s.key[0].of[2] == 2);
    carat_paired_series none;
    assert_int_equal(carat_paired_open(&m, 1, &none, NULL), CARAT_OK);
    assert_null(none.metric);

    carat_comparison c;
    carat_change whole;
    assert_int_equal(carat_compare_open(&s, 0, 1, &c, NULL), CARAT_OK);
    assert_int_equal(carat_compare_judge(&c, 1, &whole, NULL), CARAT_OK);
    assert_true(c.n == 3 && c.n_gained == 3 && c.n_lost == 0 && whole == CARAT_INCONCLUSIVE);
    assert_string_equal(c.row[1].value, "art");
    assert_string_equal(c.row[2].value, "law");
    carat_compare_close(&c);
    carat_paired_close(&s);
    carat_match_close(&m);
    carat_run_unload(&x);
    carat_run_unload(&y);
    carat_str_free(&a);
    carat_str_free(&b);
}

static carat_change judged(const carat_paired_series *s, double margin)
{
    carat_comparison c;
    carat_change whole;
    assert_int_equal(carat_compare_open(s, margin, 1, &c, NULL), CARAT_OK);
    assert_int_equal(carat_compare_judge(&c, 1, &whole, NULL), CARAT_OK);
    carat_compare_close(&c);
    return whole;
}

static carat_change verdict(double a, double b, size_t n, double margin, bool smaller)
{
    double x[400], y[400];
    uint32_t own[400], item[400] = {0};
    for (uint32_t i = 0; i < n; i++) {
        x[i] = a + 0.01 * (i % 5);
        y[i] = b + 0.01 * (i % 7);
        own[i] = i;
    }
    const carat_paired_series s = {.suite = "s",
                                   .metric = "m",
                                   .smaller = smaller,
                                   .a = x,
                                   .b = y,
                                   .cluster = own,
                                   .item = item,
                                   .n = n};
    return judged(&s, margin);
}

static void verdicts(void **state)
{
    (void)state;
    assert_int_equal(verdict(1, 2, 400, 0, false), CARAT_BETTER);
    assert_int_equal(verdict(1, 2, 400, 0, true), CARAT_WORSE);
    assert_int_equal(verdict(2, 1, 400, 0, false), CARAT_WORSE);
    assert_int_equal(verdict(2, 1, 400, 0, true), CARAT_BETTER);
    assert_int_equal(verdict(1, 1.01, 400, 0.05, false), CARAT_SAME); /* above 0, within the margin */
    assert_int_equal(verdict(1, 1.06, 400, 0.05, false), CARAT_BETTER);
    assert_int_equal(verdict(1, 0.99, 400, 0, false), CARAT_INCONCLUSIVE);
    assert_int_equal(verdict(1, 2, 1, 0.05, false), CARAT_INCONCLUSIVE); /* one item has no interval */
}

/* Replies that all agree: how many it takes for "the same" within one point, and what a run against itself is. */
static carat_change agreeing(size_t n, double margin, bool one_run, bool shared)
{
    static double x[1000];
    static uint32_t cluster[1000], item[1000];
    for (uint32_t i = 0; i < n; i++) {
        x[i] = i % 3 == 0;
        cluster[i] = shared ? i / 4 : i;
    }
    const carat_paired_series s = {.suite = "s",
                                   .metric = "acc",
                                   .scores = true,
                                   .one_run = one_run,
                                   .a = x,
                                   .b = x,
                                   .cluster = cluster,
                                   .item = item,
                                   .n = n};
    return judged(&s, margin);
}

static void agreement(void **state)
{
    (void)state;
    assert_int_equal(agreeing(3, 0.01, false, false), CARAT_INCONCLUSIVE);
    assert_int_equal(agreeing(1000, 0, false, false), CARAT_INCONCLUSIVE);   /* no margin was stated */
    assert_int_equal(agreeing(367, 0.01, false, false), CARAT_INCONCLUSIVE); /* 0.99^367 > 0.025 > 0.99^368 */
    assert_int_equal(agreeing(368, 0.01, false, false), CARAT_SAME);
    assert_int_equal(agreeing(360, 0.01, false, true), CARAT_INCONCLUSIVE);
    assert_int_equal(agreeing(400, 0.01, false, true), CARAT_SAME);
    assert_int_equal(agreeing(3, 0, true, false), CARAT_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairing), cmocka_unit_test(verdicts),
                                       cmocka_unit_test(agreement)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
