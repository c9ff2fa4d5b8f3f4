/* Statistics from the command line: for comparison with other programs, and simulated verdicts.   SPDX-License-Identifier: Apache-2.0
 *
 * usage: stats                 reads "NAME NUMBER..." a line, prints the numbers it comes to (tests/hf/test_stats.py)
 *        stats simulate N      verdicts of compare and gate over N pairs of made-up runs of 12,032 questions in 14 categories */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/compare.h"
#include "eval/gate.h"
#include "runtime/base/util.h"

enum { MOST = 100000, ITEMS = 12032, CATEGORIES = 14, SOURCES = 11 };

/* The questions of MMLU-Pro's test split by category and, within, by source: its 91 clusters. */
static const uint16_t sources[CATEGORIES][SOURCES] = {
    {351, 147, 140, 79},
    {560, 75, 74, 43, 37},
    {508, 216, 115, 101, 63, 47, 33, 32, 17},
    {90, 76, 76, 62, 60, 46},
    {400, 216, 143, 85},
    {169, 148, 115, 102, 100, 70, 67, 67, 66, 65},
    {254, 179, 86, 79, 72, 54, 48, 46},
    {145, 84, 83, 69},
    {1003, 55, 43},
    {344, 304, 242, 143, 83, 74, 71, 50, 40},
    {265, 195, 87, 84, 65, 53, 52, 52, 51, 20},
    {139, 130, 98, 73, 59},
    {391, 193, 136, 127, 104, 80, 68, 67, 55, 45, 33},
    {324, 305, 169},
};

/* ---- one line ------------------------------------------------------------------------------------------------ */

struct line {
    double x[MOST];
    uint32_t cluster[MOST];
    size_t n;
};

static void print_difference(const carat_pairs *p)
{
    carat_difference d;
    carat_estimate r;
    carat_estimate_difference(p, &d, NULL);
    carat_estimate_ratio(p, &r, NULL);
    printf("%.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", d.value, d.error, d.p, d.low, d.high, r.value,
           r.error);
}

/* The last `n` numbers as cluster numbers. */
static const uint32_t *clusters_of(struct line *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        l->cluster[i] = (uint32_t)l->x[l->n - n + i];
    return l->cluster;
}

static void answer(const char *name, struct line *l)
{
    const double *x = l->x;
    const uint64_t u = (uint64_t)x[0], v = (uint64_t)x[1], w = (uint64_t)x[2];
    if (!strcmp(name, "wilson"))
        printf("%.17g %.17g\n", carat_wilson(x[0], x[1], x[2]).low, carat_wilson(x[0], x[1], x[2]).high);
    else if (!strcmp(name, "share_at_most"))
        printf("%.17g\n", carat_share_at_most(u, v, x[2]));
    else if (!strcmp(name, "mcnemar"))
        printf("%.17g\n", carat_mcnemar(u, v));
    else if (!strcmp(name, "mcnemar_power"))
        printf("%.17g\n", carat_mcnemar_power(u, x[1], x[2], x[3]));
    else if (!strcmp(name, "binomial"))
        printf("%.17g %.17g\n", carat_binomial_pmf(u, v, x[2]), carat_binomial_cdf(u, v, x[2]));
    else if (!strcmp(name, "student"))
        printf("%.17g %.17g\n", carat_student_p(x[0], x[1]), carat_student_quantile(x[2], x[1]));
    else if (!strcmp(name, "normal"))
        printf("%.17g %.17g\n", carat_normal_quantile(x[0]), carat_normal_cdf(x[1]));
    else if (!strcmp(name, "power"))
        printf("%.17g %.17g\n", carat_power(x[0], x[1], x[2]), carat_detectable(x[1], x[2], x[3]));
    else if (!strcmp(name, "pass_at"))
        printf("%.17g\n", carat_pass_at(u, v, w));
    else if (!strcmp(name, "holm")) {
        carat_holm(x, l->n, l->x, NULL);
        for (size_t i = 0; i < l->n; i++)
            printf("%.17g%c", x[i], i + 1 < l->n ? ' ' : '\n');
    } else if (!strcmp(name, "mean")) { /* values, clusters */
        carat_estimate e;
        carat_estimate_mean(&(carat_observations){x, clusters_of(l, l->n / 2), l->n / 2, 1}, &e, NULL);
        printf("%.17g %.17g %.17g %.17g\n", e.value, e.error, e.low, e.high);
    } else if (!strcmp(name, "difference") || !strcmp(name, "scores")) { /* a, b, clusters */
        size_t n = l->n / 3;
        print_difference(&(carat_pairs){x, x + n, clusters_of(l, n), n, 1, name[0] == 's'});
    } else {
        printf("unknown\n");
    }
}

static int answer_lines(void)
{
    struct line *l = malloc(sizeof *l);
    char *text = NULL;
    size_t cap = 0;
    while (l && getline(&text, &cap, stdin) > 0) {
        char *rest, *name = strtok_r(text, " \n", &rest), *word;
        for (l->n = 0; (word = strtok_r(NULL, " \n", &rest)) && l->n < MOST;)
            l->x[l->n++] = strtod(word, NULL);
        answer(name ? name : "", l);
    }
    free(text);
    free(l);
    return 0;
}

/* ---- simulated runs ------------------------------------------------------------------------------------------ */

/* Two runs of one model at a temperature: question i is answered right with a chance of its own, drawn from three kinds (known, half
 * known, unknown); b's chance is a's times `keep`. scatter: what b makes of the questions of one cluster is better or worse as a whole,
 * by that share where the chance is one half, less where it is nearer to 0 or 1; over all clusters that comes to nothing. */
static void draw_runs(const carat_paired_series *s, double keep, double scatter, uint64_t seed)
{
    for (uint64_t i = 0; i < ITEMS; i++) {
        double kind = carat_random_unit(seed, 4 * i), luck = carat_random_unit(seed, 4 * i + 1);
        double chance = kind < 0.5 ? 0.9 + 0.1 * luck : kind < 0.8 ? luck : 0.2 * luck;
        double mood = carat_random_unit(~seed, s->cluster[i]) < 0.5 ? -scatter : scatter;
        s->a[i] = carat_random_unit(seed, 4 * i + 2) < chance;
        s->b[i] = carat_random_unit(seed, 4 * i + 3) < (chance + mood * 4 * chance * (1 - chance)) * keep;
    }
}

static const double mean_chance = 0.5 * 0.95 + 0.3 * 0.5 + 0.2 * 0.1;

/* What a gate is asked about the pair. Runs of one model must not fail any; a true drop is found by the first. */
enum { NO_DROP, DROP_2, RECOVERY, NO_DROP_THERE, RULES };
static const carat_rule rules[RULES] = {
    [NO_DROP] = {.suite = "simulated", .check = CARAT_MAX_DROP, .bound = 0},
    [DROP_2] = {.suite = "simulated", .check = CARAT_MAX_DROP, .bound = 0.02},
    [RECOVERY] = {.suite = "simulated", .check = CARAT_MIN_RECOVERY, .bound = 97},
    [NO_DROP_THERE] = {.suite = "simulated", .key = "category", .value = "d", .check = CARAT_MAX_DROP},
};
static const char *const rule_names[RULES] = {"no_drop", "drop_2", "recovery_97", "no_drop_in_d"};

struct tally {
    size_t pairs, worse, category_worse, better, covered;
    size_t gate[RULES][CARAT_PASS + 1];
    double power;
};

static void simulate_one(carat_paired_series *s, double drop, double scatter, uint64_t seed, struct tally *t)
{
    carat_comparison c;
    carat_change whole;
    draw_runs(s, 1 - drop / mean_chance, scatter, seed);
    if (carat_compare_open(s, 0, seed, &c, NULL) || carat_compare_judge(&c, 1, &whole, NULL))
        exit(1);
    t->worse += whole == CARAT_WORSE;
    t->better += whole == CARAT_BETTER;
    t->covered += c.row[0].d.low <= -drop && -drop <= c.row[0].d.high;
    bool category = false;
    for (size_t k = 1; k < c.n; k++)
        category = category || c.row[k].change == CARAT_WORSE;
    t->category_worse += category;
    t->power += drop > 0 ? carat_difference_power(&c.row[0].d, drop, CARAT_ALPHA) : 0;
    carat_compare_close(&c);
    for (size_t i = 0; i < (s->n_keys ? RULES : NO_DROP_THERE); i++) {
        if (i != NO_DROP && t->pairs % 4)
            continue; /* bootstraps take their time */
        carat_gate_line l = {.bound = rules[i].bound};
        if (carat_gate_pairs(&rules[i], s, seed, &l, NULL))
            exit(1);
        t->gate[i][l.pass]++;
    }
    t->pairs++;
}

/* Categories and clusters as MMLU-Pro has them; own: each question its own cluster. */
static void lay_out(uint32_t *category, uint32_t *cluster, bool own)
{
    uint32_t i = 0, count = 0;
    for (uint32_t c = 0; c < CATEGORIES; c++)
        for (uint32_t k = 0; k < SOURCES && sources[c][k]; k++, count++)
            for (uint32_t n = 0; n < sources[c][k]; n++, i++) {
                category[i] = c;
                cluster[i] = own ? i : count;
            }
}

static void simulate_drop(carat_paired_series *s, bool own, double drop, double scatter, size_t repeats)
{
    struct tally t = {0};
    double n = (double)repeats;
    s->n_keys = drop == 0 && !own; /* false findings in categories too */
    for (size_t r = 0; r < repeats; r++)
        simulate_one(s, drop, scatter, (uint64_t)(drop * 1e6) + 1000003 * r, &t);
    printf(
        "{\"clusters\": %d, \"scatter\": %g, \"drop\": %g, \"repeats\": %zu, \"worse\": %g, \"better\": %g, "
        "\"category_worse\": %g, "
        "\"covered\": %g, \"power\": %g",
        own ? ITEMS : 91, scatter, drop, repeats, (double)t.worse / n, (double)t.better / n,
        (double)t.category_worse / n, (double)t.covered / n, t.power / n);
    for (size_t i = 0; i < (s->n_keys ? RULES : NO_DROP_THERE); i++) {

        const size_t *g = t.gate[i];
        double asked = (double)(g[CARAT_FAIL] + g[CARAT_UNDECIDED] + g[CARAT_PASS]);
        printf(", \"%s\": {\"fail\": %g, \"pass\": %g}", rule_names[i], (double)g[CARAT_FAIL] / asked,
               (double)g[CARAT_PASS] / asked);
    }
    printf("}\n");
    fflush(stdout);
}

static int simulate(size_t repeats)
{
    static const char *names[CATEGORIES] = {"a", "b", "c", "d", "e", "f", "g",
                                            "h", "i", "j", "k", "l", "m", "n"};
    static const double drops[] = {0, 0.03, 0.0115};
    double *a = malloc(ITEMS * sizeof *a), *b = malloc(ITEMS * sizeof *b);
    uint32_t *cluster = malloc(ITEMS * sizeof *cluster), *category = malloc(ITEMS * sizeof *category),
             *item = calloc(ITEMS, sizeof *item);
    carat_paired_series s = {.suite = "simulated",
                             .metric = "acc",
                             .scores = true,
                             .a = a,
                             .b = b,
                             .cluster = cluster,
                             .item = item,
                             .n = ITEMS,
                             .key = {{"category", names, CATEGORIES, category}}};
    for (int own = 1; own >= 0 && a && b && cluster && category && item; own--) {
        lay_out(category, cluster, own);
        for (size_t k = 0; k < sizeof drops / sizeof *drops; k++)
            simulate_drop(&s, own, drops[k], 0, drops[k] == 0 ? repeats : (repeats + 1) / 2);
        if (!own)
            simulate_drop(&s, own, 0, 0.1, (repeats + 1) / 2);
    }
    free(a);
    free(b);
    free(cluster);
    free(category);
    free(item);
    return 0;
}

int main(int argc, char **argv)
{
    return argc > 2 && !strcmp(argv[1], "simulate") ? simulate((size_t)atol(argv[2])) : answer_lines();
}
