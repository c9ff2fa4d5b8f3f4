/* Values to compare: scores of replies, numbers of tokens, in clusters and groups (pairs.h).   SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/pairs.h"
#include "eval/suite.h"
#include "eval/windows.h"
#include "runtime/base/map.h"

/* Arrays of numbers in the records of suites that compute. */
static const struct token_series {
    const char *key, *metric;
    bool smaller;
} token_series[] = {
    {"kld", "kld_mean", true}, {"same", "top1_agreement", false}, {"nll", "nll_per_token", true}};

/* ---- one pair ------------------------------------------------------------------------------------------------ */

/* An error in a record is about a file, a suite and an item. */
static carat_status in_record(const carat_loaded *run, const carat_match *m, const carat_record *r,
                              carat_status st, carat_err *err)
{
    char where[256], buf[24];
    snprintf(where, sizeof where, "%.120s/items.jsonl: %s item %.60s", run->dir, m->suite,
             carat_record_name(r, buf));
    return carat_fail_in(err, st, where);
}

/* *measured: there is a score. */
static carat_status score_of(const carat_record *r, bool *measured, double *score, carat_err *err)
{
    const char *outcome;
    carat_status st = carat_json_text(carat_json_get(r->json, "outcome"), "outcome", &outcome, err);
    if (st)
        return st;
    int o = 0;
    while (o <= CARAT_NOT_MEASURED && strcmp(outcome, carat_outcome_name((carat_outcome)o)) != 0)
        o++;
    if (o > CARAT_NOT_MEASURED)
        return carat_fail(err, CARAT_EFORMAT, "outcome '%.40s': none of right, wrong, unparsed, not_measured",
                          outcome);
    *measured = o != CARAT_NOT_MEASURED;
    if (!*measured)
        return CARAT_OK;
    if ((st = carat_json_f64(carat_json_get(r->json, "score"), "score", score, err)))
        return st;
    if (!(*score >= 0 && *score <= 1))
        return carat_fail(err, CARAT_EFORMAT, "score: %g, should be from 0 to 1", *score);
    return CARAT_OK;
}

static void add(carat_paired_series *s, double a, double b, uint32_t cluster, size_t item)
{
    s->a[s->n] = a;
    s->b[s->n] = b;
    s->cluster[s->n] = cluster;
    s->item[s->n++] = (uint32_t)item;
}

static carat_status add_tokens(const carat_match *m, size_t i, const char *key, uint32_t *cluster,
                               carat_paired_series *s, carat_err *err)
{
    const carat_json *x = carat_json_first(carat_json_get(m->a[i]->json, key)),
                     *y = carat_json_first(carat_json_get(m->b[i]->json, key));
    for (size_t k = 0; x && y; k++, x = carat_json_next(x), y = carat_json_next(y)) {
        double a, b;
        carat_status st = carat_json_f64(x, key, &a, err);
        if (st)
            return in_record(m->run_a, m, m->a[i], st, err);
        if ((st = carat_json_f64(y, key, &b, err)))
            return in_record(m->run_b, m, m->b[i], st, err);
        *cluster += k > 0 && k % CARAT_CLUSTER_TOKENS == 0;
        add(s, a, b, *cluster, i);
    }
    ++*cluster;
    return CARAT_OK;
}

/* ---- clusters of replies ------------------------------------------------------------------------------------- */

/* Numbers of clusters in the order in which they first come; a record without one is its own. */
static carat_status number_clusters(const carat_match *m, uint32_t *of, uint32_t *count, carat_err *err)
{
    carat_table seen = {0};
    carat_status st = CARAT_OK;
    *count = 0;
    for (size_t i = 0; i < m->n && !st; i++) {
        const char *name;
        bool was = false;
        of[i] = *count;
        if (!carat_json_text(carat_json_get(m->a[i]->json, "cluster"), "cluster", &name, NULL)) {
            st = carat_table_put(&seen, name, strlen(name), *count, &was, err);
            if (was)
                carat_table_get(&seen, name, strlen(name), &of[i]);
        }
        *count += !was;
    }
    carat_table_free(&seen);
    return st;
}

/* The pairs in the order of their clusters, each cluster's in theirs: a counting sort. */
static carat_status order_by_cluster(const carat_match *m, uint32_t *of, uint32_t *order, carat_err *err)
{
    uint32_t count, *start = NULL;
    carat_status st = number_clusters(m, of, &count, err);
    if (st)
        return st;
    if (!(start = carat_alloc((size_t)count + 1, sizeof *start, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < m->n; i++)
        start[of[i] + 1]++;
    for (uint32_t c = 0; c < count; c++)
        start[c + 1] += start[c];
    for (size_t i = 0; i < m->n; i++)
        order[start[of[i]]++] = (uint32_t)i;
    carat_free(start);
    return CARAT_OK;
}

static carat_status read_scores(const carat_match *m, carat_paired_series *s, carat_err *err)
{
    uint32_t *of = carat_alloc(m->n, sizeof *of, err), *order = carat_alloc(m->n, sizeof *order, err);
    carat_status st = of && order ? order_by_cluster(m, of, order, err) : CARAT_ENOMEM;
    for (size_t k = 0; k < m->n && !st; k++) {
        size_t i = order[k];
        bool x, y;
        double a = 0, b = 0;
        if ((st = score_of(m->a[i], &x, &a, err)))
            in_record(m->run_a, m, m->a[i], st, err);
        else if ((st = score_of(m->b[i], &y, &b, err)))
            in_record(m->run_b, m, m->b[i], st, err);
        else if (x && y)
            add(s, a, b, of[i], i);
        else {
            s->unmeasured_a += !x;
            s->unmeasured_b += !y;
            s->left_out++;
        }
    }
    carat_free(of);
    carat_free(order);
    return st;
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

/* The value of each pair under one key, as an index. */
static carat_status read_key(const carat_match *m, carat_series_key *key, uint32_t *of_item, carat_err *err)
{
    carat_table seen = {0};
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < m->n && !st; i++) {
        const char *value;
        bool was;
        of_item[i] = UINT32_MAX;
        if (carat_json_text(carat_json_get(carat_json_get(m->a[i]->json, "groups"), key->name), key->name,
                            &value, NULL))
            continue;
        if ((st = carat_table_put(&seen, value, strlen(value), (uint32_t)key->n_values, &was, err)))
            break;
        if (!was && key->n_values == CARAT_SERIES_VALUES)
            st = carat_fail(err, CARAT_EFORMAT, "%s: more than %d values of group %s", m->suite,
                            CARAT_SERIES_VALUES, key->name);
        else if (!was)
            key->value[key->n_values++] = value;
        carat_table_get(&seen, value, strlen(value), &of_item[i]);
    }
    carat_table_free(&seen);
    return st;
}

static carat_status add_key(const carat_match *m, const char *name, carat_paired_series *s, carat_err *err)
{
    carat_series_key *key = &s->key[s->n_keys++];
    key->name = name;
    key->value = carat_alloc(CARAT_SERIES_VALUES, sizeof *key->value, err);
    key->of = carat_alloc(s->n, sizeof *key->of, err);
    uint32_t *of_item = carat_alloc(m->n, sizeof *of_item, err);
    carat_status st = key->value && key->of && of_item ? read_key(m, key, of_item, err) : CARAT_ENOMEM;
    for (size_t i = 0; i < s->n && !st; i++) {
        uint32_t value = of_item[s->item[i]];
        key->of[i] = value == UINT32_MAX ? (uint32_t)key->n_values : value;
    }
    carat_free(of_item);
    return st;
}

/* Every key that a record of run a has. */
static carat_status read_groups(const carat_match *m, carat_paired_series *s, carat_err *err)
{
    for (size_t i = 0; i < m->n; i++)
        for (const carat_json *g = carat_json_first(carat_json_get(m->a[i]->json, "groups")); g;
             g = carat_json_next(g)) {
            size_t k = 0;
            while (k < s->n_keys && (!carat_json_key(g) || strcmp(s->key[k].name, carat_json_key(g)) != 0))
                k++;
            if (k < s->n_keys || !carat_json_key(g) || k == CARAT_SERIES_KEYS)
                continue;
            carat_status st = add_key(m, carat_json_key(g), s, err);
            if (st)
                return st;
        }
    return CARAT_OK;
}

/* ---- a series ------------------------------------------------------------------------------------------------ */

static carat_status make_room(carat_paired_series *s, size_t n, carat_err *err)
{
    s->a = carat_alloc(n, sizeof *s->a, err);
    s->b = carat_alloc(n, sizeof *s->b, err);
    s->cluster = carat_alloc(n, sizeof *s->cluster, err);
    s->item = carat_alloc(n, sizeof *s->item, err);
    return s->a && s->b && s->cluster && s->item ? CARAT_OK : CARAT_ENOMEM;
}

/* The name under which the report shows the score: the first metric of the suite. */
static const char *score_name(const carat_match *m)
{
    const carat_json *first = carat_json_first(
        carat_json_get(carat_json_get(m->run_a->report, "results"), m->suite));
    return first && carat_json_key(first) ? carat_json_key(first) : "score";
}

/* Suites that compute: the same text in the same windows. */
static carat_status check_text(const carat_match *m, carat_err *err)
{
    static const char *const numbers[] = {"context", "stride"};
    const carat_json *x = carat_match_pinned(m->run_a, "data", m->suite),
                     *y = carat_match_pinned(m->run_b, "data", m->suite);
    const char *p = "", *q = "";
    if (carat_json_is_string(x) && carat_json_is_string(y) && !carat_match_same_text(x, y)) {
        carat_json_text(x, "", &p, NULL);
        carat_json_text(y, "", &q, NULL);
        return carat_fail(err, CARAT_EFORMAT, "%s: another text in %s (%.16s) than in %s (%.16s)", m->suite,
                          m->run_a->dir, p, m->run_b->dir, q);
    }
    for (size_t i = 0; i < 2; i++) {
        double v, w;
        if (!carat_json_f64(carat_json_get(m->run_a->header, numbers[i]), "", &v, NULL) &&
            !carat_json_f64(carat_json_get(m->run_b->header, numbers[i]), "", &w, NULL) && v != w)
            return carat_fail(err, CARAT_EFORMAT, "%s: %s %g in %s, %g in %s: other tokens stand before each",
                              m->suite, numbers[i], v, m->run_a->dir, w, m->run_b->dir);
    }
    return CARAT_OK;
}

static carat_status open_tokens(const carat_match *m, const struct token_series *t, carat_paired_series *s,
                                carat_err *err)
{
    size_t total = 0;
    carat_status st = check_text(m, err);
    if (st)
        return st;
    for (size_t i = 0; i < m->n; i++) {
        size_t n = carat_json_count(carat_json_get(m->a[i]->json, t->key));
        size_t other = carat_json_count(carat_json_get(m->b[i]->json, t->key));
        char buf[24];
        if (n != other)
            return carat_fail(
                err, CARAT_EFORMAT, "%s item %.60s: %zu values of %s in %s, %zu in %s: another tokenizer?",
                m->suite, carat_record_name(m->a[i], buf), n, t->key, m->run_a->dir, other, m->run_b->dir);
        total += n;
    }
    uint32_t cluster = 0;
    st = make_room(s, total, err);
    for (size_t i = 0; i < m->n && !st; i++)
        st = add_tokens(m, i, t->key, &cluster, s, err);
    return st;
}

/* Token series i of those that the records have; NULL past the last. */
static const struct token_series *series_at(const carat_match *m, size_t i)
{
    for (size_t k = 0; k < sizeof token_series / sizeof *token_series; k++)
        if (carat_json_is_array(carat_json_get(m->a[0]->json, token_series[k].key)) && i-- == 0)
            return &token_series[k];
    return NULL;
}

carat_status carat_paired_open(const carat_match *m, size_t i, carat_paired_series *out, carat_err *err)
{
    carat_paired_series s = {.suite = m->suite, .one_run = m->one_run};
    carat_status st = CARAT_OK;
    const struct token_series *t = m->asks ? NULL : series_at(m, i);
    *out = s;
    if (m->asks ? i > 0 : !t)
        return CARAT_OK;
    s.metric = t ? t->metric : score_name(m);
    s.scores = m->asks;
    s.smaller = t && t->smaller;
    st = t ? open_tokens(m, t, &s, err) : make_room(&s, m->n, err);
    if (!st && m->asks)
        st = read_scores(m, &s, err);
    if (!st)
        st = read_groups(m, &s, err);
    if (st)
        carat_paired_close(&s);
    else
        *out = s;
    return st;
}

void carat_paired_close(carat_paired_series *s)
{
    carat_free(s->a);
    carat_free(s->b);
    carat_free(s->cluster);
    carat_free(s->item);
    for (size_t k = 0; k < s->n_keys; k++) {
        carat_free(s->key[k].value);
        carat_free(s->key[k].of);
    }
    *s = (carat_paired_series){0};
}
