/* Sampling against transformers' processors, as recorded in tests/golden/sample.txt.   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

/* Up to MOST numbers of one field; the fields of a line stand between bars. */
static size_t numbers(char **field, double out[MOST])
{
    size_t n = 0;
    char *p = *field, *end;
    for (double v = strtod(p, &end); end != p && n < MOST; v = strtod(p, &end)) {
        out[n++] = v;
        p = end;
    }
    char *bar = strchr(p, '|');
    *field = bar ? bar + 1 : p;
    return n;
}

static void check_case(char *line, int at)
{
    double head[MOST], list[MOST], banned[MOST], score[MOST], want[2 * MOST];
    int32_t history[MOST], suppress[MOST];
    float logits[MOST];
    carat_choice got[MOST];
    assert_int_equal(numbers(&line, head), 7);
    size_t n_history = numbers(&line, list) - 1, n_suppress = numbers(&line, banned);
    size_t vocab = numbers(&line, score), n_want = 0;
    for (char *end = line; n_want < 2 * MOST; line = end) {
        want[n_want] = strtod(line, &end);
        if (end == line)
            break;
        n_want++;
    }
    for (size_t i = 0; i < n_history; i++)
        history[i] = (int32_t)list[i + 1];
    for (size_t i = 0; i < n_suppress; i++)
        suppress[i] = (int32_t)banned[i];
    for (size_t i = 0; i < vocab; i++)
        logits[i] = (float)score[i];
    carat_sampler s = {
        .temperature = head[0], .top_k = (uint32_t)head[1], .top_p = head[2], .min_p = head[3]};
    s.repetition_penalty = head[4];
    s.presence_penalty = head[5];
    s.frequency_penalty = head[6];
    s.suppress = suppress;
    s.n_suppress = n_suppress;
    carat_history h = {history, (size_t)list[0], n_history};
    size_t n = carat_sample_filter(&s, &h, logits, (uint32_t)vocab, got);
    if (n != n_want / 2)
        fail_msg("case %d: %zu ids, transformers leaves %zu", at, n, n_want / 2);
    for (size_t i = 0; i < n_want; i += 2) {
        size_t j = 0;
        while (j < n && got[j].id != (int32_t)want[i])
            j++;
        if (j == n || !(fabs((double)got[j].p - want[i + 1]) <= 1e-6 * want[i + 1] + 1e-37))
            fail_msg("case %d: id %.0f should have probability %g", at, want[i], want[i + 1]);
    }
}

static void golden(void **state)
{
    (void)state;
    char path[512], *line = NULL;
    size_t cap = 0;
    int cases = 0;
    snprintf(path, sizeof path, "%s/tests/golden/sample.txt", getenv("ROOT") ? getenv("ROOT") : ".");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0)
        if (*line != '#')
            check_case(line, ++cases);
    free(line);
    fclose(f);
    assert_true(cases >= 100);
}

/* Draws follow the distribution: 20000 of them within four standard errors, and the same ones again. */
static void draws(void **state)
{
    (void)state;
    const float logits[4] = {0, 1, 2, -INFINITY};
    carat_choice c[4], scratch[4];
    carat_sampler s = {.temperature = 1, .top_p = 1, .seed = 3};
    unsigned seen[4] = {0};
    enum { DRAWS = 20000 };
    for (uint64_t step = 0; step < DRAWS; step++) {
        int32_t id = carat_sample(&s, NULL, logits, 4, step, scratch);
        assert_int_equal(id, carat_sample(&s, NULL, logits, 4, step, scratch));
        seen[id]++;
    }
    size_t n = carat_sample_filter(&s, NULL, logits, 4, c);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        double p = (double)c[i].p, slack = 4 * sqrt(DRAWS * p * (1 - p));
        assert_true(fabs(seen[c[i].id] - DRAWS * p) < slack);
    }
    assert_int_equal(seen[3], 0);
    assert_int_equal(carat_sample_pick(c, n, 0), c[0].id);
    assert_int_equal(carat_sample_pick(c, n, 0x1.fffffffffffffp-1), c[2].id);
}

/* Ten equal logits, as transformers' TopPLogitsWarper leaves them: the mass that meets 1 - top_p exactly goes. */
static void on_the_edge(void **state)
{
    (void)state;
    static const struct {
        double top_p;
        size_t kept;
    } rows[] = {{0.9, 9}, {0.5, 5}, {0.1, 2}, {0.95, 10}};
    const float logits[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    carat_choice c[10];
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        carat_sampler s = {.temperature = 1, .top_p = rows[k].top_p};
        assert_int_equal(carat_sample_filter(&s, NULL, logits, 10, c), rows[k].kept);
        for (size_t i = 0; i < rows[k].kept; i++)
            assert_true(c[i].id >= 10 - (int32_t)rows[k].kept);
    }
}

/* Nothing left to draw says so, greedy or not. */
static void nothing(void **state)
{
    (void)state;
    const float logits[2] = {1, 2};
    const int32_t all[3] = {0, 1, 900};
    carat_choice c[2];
    carat_sampler s = {.top_p = 1, .suppress = all, .n_suppress = 3};
    assert_int_equal(carat_sample(&s, NULL, logits, 2, 0, c), -1);
    s.temperature = 1;
    assert_int_equal(carat_sample(&s, NULL, logits, 2, 0, c), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden), cmocka_unit_test(draws),
                                       cmocka_unit_test(on_the_edge), cmocka_unit_test(nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
