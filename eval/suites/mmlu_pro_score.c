/* MMLU-Pro: what is reported beside the share of right answers.                    SPDX-License-Identifier: Apache-2.0
 *
 * acc_official: as evaluate_from_local.py counts, a reply without a letter is a guess of Python's random, seeded with 12345: categories
 * by name, rows in their order, random.randint(0, options - 1) against answer_index; every category is drawn twice, the second draw
 * counts. acc_expected: such a reply counts 1 / options, what a guess is worth on average. acc_macro (ours): the mean over categories.
 * All of it comes from the records, so that merged shards give the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/pyrandom.h"
#include "eval/suites/mmlu_pro.h"

typedef struct marked {
    const char *category, *cluster; /* cluster: NULL: its own */
    uint64_t item, options, answer_index, level;
    double right, official, expected;
    bool found;
} marked;

static int by_category(const void *x, const void *y)
{
    const marked *a = x, *b = y;
    int order = strcmp(a->category, b->category);
    return order ? order : (a->item > b->item) - (a->item < b->item);
}

static int by_cluster(const void *x, const void *y)
{
    const marked *a = x, *b = y;
    int order = a->cluster && b->cluster ? strcmp(a->cluster, b->cluster) : !!a->cluster - !!b->cluster;
    return order ? order : (a->item > b->item) - (a->item < b->item);
}

static const char *text_of(const carat_json *record, const char *key)
{
    const char *text;
    const carat_json *node = carat_json_get(record, key);
    return carat_json_text(node, key, &text, NULL) ? NULL : text;
}

/* *measured: whether the record is one of a reply that was graded. */
static carat_status read_record(const carat_json *r, marked *out, bool *measured, carat_err *err)
{
    const char *outcome = text_of(r, "outcome");
    *measured = outcome && strcmp(outcome, "not_measured") != 0;
    if (!*measured)
        return CARAT_OK;
    *out = (marked){.category = text_of(carat_json_get(r, "groups"), "category"),
                    .cluster = text_of(r, "cluster")};
    if (!out->category)
        return carat_fail(err, CARAT_EFORMAT, "a record of mmlu-pro names no category");
    carat_status st = carat_json_u64(carat_json_get(r, "item"), "item", 0, UINT64_MAX, &out->item, err);
    if (!st)
        st = carat_json_u64(carat_json_get(r, "n_options"), "n_options", 1, CARAT_MMLU_OPTIONS, &out->options,
                            err);
    if (!st)
        st = carat_json_u64(carat_json_get(r, "answer_index"), "answer_index", 0, CARAT_MMLU_OPTIONS,
                            &out->answer_index, err);
    if (!st)
        st = carat_json_u64(carat_json_get(r, "level"), "level", 0, 3, &out->level, err);
    out->found = out->level > 0;
    out->right = out->official = !strcmp(outcome, "right");
    out->expected = out->found ? out->right : 1.0 / (double)(out->options ? out->options : 1);
    return st;
}

/* rows: sorted by category. */
static void guess(marked *row, size_t n)
{
    carat_pyrandom random;
    carat_pyrandom_seed(&random, 12345);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && !strcmp(row[to].category, row[from].category);)
            to++;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = from; i < to; i++)
                if (!row[i].found)
                    row[i].official = carat_pyrandom_below(&random, (uint32_t)row[i].options) ==
                                      row[i].answer_index;
    }
}

static double macro(const marked *row, size_t n)
{
    double sum = 0;
    size_t categories = 0;
    for (size_t from = 0, to; from < n; from = to, categories++) {
        double right = 0;
        for (to = from; to < n && !strcmp(row[to].category, row[from].category); to++)
            right += row[to].right;
        sum += right / (double)(to - from);
    }
    return sum / (double)categories;
}

/* The mean of one member over rows sorted by cluster. */
static carat_status mean(const marked *row, size_t n, size_t offset, uint64_t seed, carat_estimate *out,
                         carat_err *err)
{
    double *value = carat_alloc(n, sizeof *value, err);
    uint32_t *cluster = carat_alloc(n, sizeof *cluster, err);
    carat_status st = value && cluster ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; !st && i < n; i++) {
        bool same = i && row[i].cluster && row[i - 1].cluster && !strcmp(row[i].cluster, row[i - 1].cluster);
        cluster[i] = i ? cluster[i - 1] + !same : 0;
        memcpy(&value[i], (const char *)&row[i] + offset, sizeof *value);
    }
    carat_observations o = {value, cluster, n, seed};
    if (!st)
        st = carat_estimate_mean(&o, out, err);
    carat_free(value);
    carat_free(cluster);
    return st;
}

static void share(carat_results *out, const char *name, size_t k, size_t n)
{
    carat_estimate e = {(double)k / (double)n, NAN, NAN, NAN, n};
    out->metric[out->n++] = (carat_metric){name, e};
}

/* --official-fallback: the score is the one with guesses. */
static void replace_acc(carat_results *out, const carat_estimate *official)
{
    for (size_t i = 0; i < out->n; i++)
        if (!strcmp(out->metric[i].name, "acc"))
            out->metric[i].estimate = *official;
}

/* What the editions have that guess. row: sorted by category; in the end by cluster. */
static carat_status measure_guesses(marked *row, size_t n, bool count, carat_results *out, carat_err *err)
{
    static const char *const names[] = {"level_none", "level_1", "level_2", "level_3"};
    size_t level[4] = {0};
    carat_estimate official, expected;
    guess(row, n);
    qsort(row, n, sizeof *row, by_cluster);
    carat_status st = mean(row, n, offsetof(marked, official), out->seed, &official, err);
    if (!st)
        st = mean(row, n, offsetof(marked, expected), out->seed, &expected, err);
    if (st)
        return st;
    if (count)
        replace_acc(out, &official);
    out->metric[out->n++] = (carat_metric){"acc_official", official};
    out->metric[out->n++] = (carat_metric){"acc_expected", expected};
    for (size_t i = 0; i < n; i++)
        level[row[i].level]++;
    for (size_t i = 0; i < 4; i++)
        share(out, names[i], level[i], n);
    return CARAT_OK;
}

static carat_status measure(marked *row, size_t n, const carat_mmlu_counts *c, carat_results *out,
                            carat_err *err)
{
    qsort(row, n, sizeof *row, by_category);
    out->metric[out->n++] = (carat_metric){"acc_macro", {macro(row, n), NAN, NAN, NAN, n}};
    return c->official ? measure_guesses(row, n, c->guesses, out, err) : CARAT_OK;
}

carat_status carat_mmlu_report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                               carat_err *err)
{
    carat_mmlu_counts c = {0};
    size_t count = 0;
    carat_status st = CARAT_OK;
    marked *row = carat_alloc(n ? n : 1, sizeof *row, err);
    if (!row)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < n && !st; i++) {
        bool measured, flag = false;
        uint64_t shots;
        if ((st = read_record(results[i], &row[count], &measured, err)) || !measured)
            continue;
        count++;
        c.errata += carat_json_get(results[i], "errata") != NULL;
        c.official |= !carat_json_flag(carat_json_get(results[i], "official_fallback"), "", &flag, NULL);
        c.guesses |= flag;
        c.fewer += !carat_json_u64(carat_json_get(results[i], "shots"), "", 0, CARAT_MMLU_SHOTS - 1, &shots,
                                   NULL);
    }
    if (!st && count)
        st = measure(row, count, &c, out, err);
    carat_free(row);
    if (!st)
        carat_mmlu_note(state, c, out->note, sizeof out->note);
    return st;
}
