/* carat compare: two runs, item by item.                                          SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/compare_print.h"
#include "runtime/base/cmd.h"

struct args {
    carat_common common;
    carat_opt_list margin;
    bool any_prompt;
};

enum { SERIES = 4 /* at most, of one suite */ };

struct job {
    const struct args *a;
    carat_loaded run[2];
    carat_header_diff diff;
    carat_match match[CARAT_LOADED_SUITES];
    size_t n_matches;
    const carat_match *of[CARAT_LOADED_SUITES * SERIES]; /* the match of each comparison */
    carat_paired_series series[CARAT_LOADED_SUITES * SERIES];
    carat_comparison list[CARAT_LOADED_SUITES * SERIES];
    size_t n;
};

/* ---- margins ------------------------------------------------------------------------------------------------- */

static carat_status read_margin(const char *text, double *out, carat_err *err)
{
    const char *eq = strrchr(text, '='), *number = eq ? eq + 1 : text;
    char *end;
    *out = strtod(number, &end);
    if (end == number || *end || !(*out >= 0 && *out < 1e6))
        return carat_fail(err, CARAT_EUSAGE, "--margin %s: X or SUITE=X, X a number from 0", text);
    return CARAT_OK;
}

static carat_status check_margins(const struct args *a, carat_err *err)
{
    double x;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < a->margin.n && !st; i++)
        st = read_margin(a->margin.item[i], &x, err);
    return st;
}

/* A margin of a suite that neither run holds would be forgotten in silence. */
static carat_status check_margin_suites(const struct job *j, carat_err *err)
{
    for (size_t i = 0; i < j->a->margin.n; i++) {
        const char *text = j->a->margin.item[i], *eq = strrchr(text, '=');
        bool known = !eq;
        for (size_t r = 0; r < 2 && !known; r++)
            for (size_t k = 0; k < j->run[r].n_suites && !known; k++) {
                const char *name = j->run[r].suite[k].name;
                known = strlen(name) == (size_t)(eq - text) && memcmp(text, name, (size_t)(eq - text)) == 0;
            }
        if (!known)
            return carat_fail(err, CARAT_EUSAGE, "--margin %s: neither run holds that suite", text);
    }
    return CARAT_OK;
}

static double margin_of(const struct args *a, const carat_paired_series *s)
{
    double margin = carat_compare_margin(s), x = 0;
    size_t len = strlen(s->suite);
    bool own = false;
    for (size_t i = 0; i < a->margin.n; i++) {
        const char *text = a->margin.item[i];
        bool named = strchr(text, '=') != NULL;
        read_margin(text, &x, NULL);
        if (named ? strncmp(text, s->suite, len) == 0 && text[len] == '=' : !own)
            margin = x;
        own = own || (named && margin == x && strncmp(text, s->suite, len) == 0 && text[len] == '=');
    }
    return carat_compare_margin_of(s, margin);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

static carat_status compare_suite(struct job *j, const char *suite, carat_err *err)
{
    carat_match *m = &j->match[j->n_matches];
    carat_status st = carat_match_open(&j->run[0], &j->run[1], suite, j->a->any_prompt, m, err);
    if (st)
        return st;
    j->n_matches++;
    for (size_t i = 0; i < SERIES; i++) {
        carat_paired_series *s = &j->series[j->n];
        if ((st = carat_paired_open(m, i, s, err)))
            return st;
        if (!s->metric) {
            if (i == 0)
                carat_note(&j->a->common.talk,
                           "%s: nothing in its records that can be paired; see `carat report`", suite);
            break;
        }
        j->of[j->n] = m;
        if ((st = carat_compare_open(s, margin_of(j->a, s), (uint64_t)j->a->common.seed, &j->list[j->n],
                                     err))) {
            carat_paired_close(s);
            return st;
        }
        j->n++;
    }
    return CARAT_OK;
}

static carat_status load_runs(struct job *j, carat_err *err)
{
    for (size_t i = 0; i < 2; i++) {
        carat_loaded *r = &j->run[i];
        carat_status st = carat_run_load(j->a->common.pos[i], r, err);
        if (st)
            return st;
        if (!r->report)
            carat_note(&j->a->common.talk, "%s is not finished (no report.json): its %zu items are compared",
                       r->dir, r->n);
        if (r->torn)
            carat_note(&j->a->common.talk, "%s: the last line of items.jsonl is cut off and left out",
                       r->dir);
    }
    return carat_header_diff_open(j->run[0].header, j->run[1].header, &j->diff, err);
}

static carat_status compare_all(struct job *j, carat_err *err)
{
    const carat_loaded *a = &j->run[0], *b = &j->run[1];
    for (size_t i = 0; i < a->n_suites; i++) {
        carat_status st = CARAT_OK;
        if (!carat_run_suite(b, a->suite[i].name))
            carat_note(&j->a->common.talk, "%s is only in %s", a->suite[i].name, a->dir);
        else
            st = compare_suite(j, a->suite[i].name, err);
        if (st)
            return st;
    }
    for (size_t i = 0; i < b->n_suites; i++)
        if (!carat_run_suite(a, b->suite[i].name))
            carat_note(&j->a->common.talk, "%s is only in %s", b->suite[i].name, b->dir);
    if (!j->n)
        return carat_fail(err, CARAT_EFORMAT, "%s and %s have no suite in common that can be compared",
                          a->dir, b->dir);
    return CARAT_OK;
}

static carat_status run_job(struct job *j, bool *worse, carat_err *err)
{
    carat_change whole;
    carat_status st = check_margins(j->a, err);
    if (st || (st = load_runs(j, err)) || (st = check_margin_suites(j, err)) || (st = compare_all(j, err)) ||
        (st = carat_compare_judge(j->list, j->n, &whole, err)))
        return st;
    const carat_compared c = {&j->run[0], &j->run[1], &j->diff, j->of, j->list, j->n, whole};
    carat_str text = CARAT_STR_INIT;
    if (j->a->common.json)
        carat_compared_json(&c, &text);
    else
        carat_compared_text(&c, &text);
    if (!(st = carat_str_check(&text, err)))
        fputs(text.data, stdout);
    carat_str_free(&text);
    *worse = whole == CARAT_WORSE;
    return st;
}

static int run(const void *args, carat_err *err)
{
    struct job *j = carat_alloc(1, sizeof *j, err);
    if (!j)
        return carat_cmd_exit(CARAT_ENOMEM, err);
    j->a = args;
    bool worse = false;
    carat_status st = run_job(j, &worse, err);
    for (size_t i = 0; i < j->n; i++) {
        carat_compare_close(&j->list[i]);
        carat_paired_close(&j->series[i]);
    }
    for (size_t i = 0; i < j->n_matches; i++)
        carat_match_close(&j->match[i]);
    carat_header_diff_close(&j->diff);
    carat_run_unload(&j->run[0]);
    carat_run_unload(&j->run[1]);
    carat_free(j);
    return st ? carat_cmd_exit(st, err) : worse;
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"margin", 0, CARAT_OPT_LIST, AT(margin), "X|SUITE=X",
     "up to X is the same: a share of a score or perplexity, nats of KLD (none; tokens: 0.001)"},
    {"any-prompt", 0, CARAT_OPT_FLAG, AT(any_prompt), NULL,
     "also compare items that were asked with other prompts"},
    {0},
};

const carat_cmd carat_cmd_compare = {
    .name = "compare",
    .summary = "two runs item by item: better, worse, same or inconclusive",
    .usage = "RUN_A RUN_B [options]",
    .detail = "Items are paired by id; only pairs that both runs measured count. Of each suite and\n"
              "each of its groups (categories, lengths) it prints the difference B - A with its 95\n"
              "% interval and a verdict:\n"
              "  same          the whole interval lies within +- margin: none is stated unless by\n"
              "                --margin, and few items are never enough. (Or both are one run.)\n"
              "  worse, better the adjusted p value is at most 0.05 and 0 is outside the interval\n"
              "  inconclusive  neither: \"detectable\" is the least true difference that these\n"
              "                items find with 80 % power\n"
              "Intervals: at each end the wider of a paired bootstrap over clusters (10,000 draws,\n"
              "fixed by --seed) and of Student's t over clusters. With scores two made-up items,\n"
              "half of each outcome, are counted (Agresti and Min 2005), so that a few items that\n"
              "all agree do not claim certainty; where none was gained or none lost, an exact\n"
              "bound says how many more might have been: 3.7 in n where no item differs.\n"
              "p values: McNemar's exact test where scores are 0 and 1 and items independent, else\n"
              "t over clusters; adjusted by Holm's method, over all suites for the lines \"all\",\n"
              "over its values for each group.\n"
              "Tokens of perplexity and kld are paired one by one, in clusters of 64. A group of\n"
              "fewer than 20 clusters counts its items as independent, its error widened as much as\n"
              "clusters widen that of the whole suite.\n"
              "The verdict of the whole looks at the lines \"all\": worse if one is worse, else\n"
              "inconclusive if one is. Exit code 1 if it is worse, else 0: inconclusive too. `carat\n"
              "gate` passes only what was shown to be good enough.",
    .example = "$ carat compare run-bf16 run-int4 --margin 0.01 --margin kld=0.05",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 2,
    .npos_max = 2,
    .run = run,
};
