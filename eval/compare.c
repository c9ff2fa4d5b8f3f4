/* Verdicts over two runs (compare.h).                                             SPDX-License-Identifier: Apache-2.0 */
#include "eval/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *carat_change_name(carat_change c)
{
    static const char *const names[] = {"worse", "inconclusive", "better", "same"};
    return names[c];
}

static carat_change judge(const carat_compare_row *r, const carat_paired_series *s, double margin)
{
    const carat_difference *d = &r->d;
    if (s->one_run)
        return CARAT_SAME;
    if (!(d->low <= d->high))
        return CARAT_INCONCLUSIVE; /* too few clusters for an interval */
    if (d->low >= -margin && d->high <= margin)
        return CARAT_SAME;
    if (r->p_adjusted <= CARAT_ALPHA && (d->low > 0 || d->high < 0))
        return (d->low > 0) == s->smaller ? CARAT_WORSE : CARAT_BETTER;
    return CARAT_INCONCLUSIVE;
}

/* Adjusts the p values of rows [0, n) as one family and gives each its verdict. */
static carat_status judge_family(carat_compare_row *row, size_t n, const carat_paired_series *s,
                                 double margin, carat_err *err)
{
    double *p = carat_alloc(n, sizeof *p, err);
    if (!p)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        p[i] = row[i].d.p;
    carat_status st = carat_holm(p, n, p, err);
    for (size_t i = 0; i < n && !st; i++) {
        row[i].p_adjusted = p[i];
        row[i].change = judge(&row[i], s, margin);
    }
    carat_free(p);
    return st;
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

/* Of a group with few clusters: see CARAT_FEW_CLUSTERS. */
static carat_status few_clusters(const carat_paired_series *s, uint32_t *cluster, size_t n, double *widen,
                                 carat_err *err)
{
    size_t clusters = 0;
    double effect;
    for (size_t i = 0; i < n; i++)
        clusters += i == 0 || cluster[i] != cluster[i - 1];
    if (clusters == n || clusters >= CARAT_FEW_CLUSTERS)
        return CARAT_OK;
    const carat_pairs whole = {s->a, s->b, s->cluster, s->n, 0, s->scores};
    carat_status st = carat_design_effect(&whole, &effect, err);
    if (st || isnan(effect))
        return st;
    for (size_t i = 0; i < n; i++)
        cluster[i] = (uint32_t)i;
    *widen = effect > 1 ? sqrt(effect) : 1;
    return CARAT_OK;
}

carat_status carat_series_part(const carat_paired_series *s, const carat_series_key *key, uint32_t value,
                               carat_pairs *out, double *widen, carat_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += !key->of || key->of[i] == value;
    double *a = carat_alloc(n, sizeof *a, err), *b = carat_alloc(n, sizeof *b, err);
    uint32_t *cluster = carat_alloc(n, sizeof *cluster, err);
    *out = (carat_pairs){a, b, cluster, n, 0, s->scores};
    *widen = 1;
    if (!a || !b || !cluster) {
        carat_free(a);
        carat_free(b);
        carat_free(cluster);
        *out = (carat_pairs){0};
        return CARAT_ENOMEM;
    }
    for (size_t i = 0, k = 0; i < s->n; i++)
        if (!key->of || key->of[i] == value) {
            a[k] = s->a[i];
            b[k] = s->b[i];
            cluster[k++] = s->cluster[i];
        }
    return key->of ? few_clusters(s, cluster, n, widen, err) : CARAT_OK;
}

static carat_status compare_part(const carat_paired_series *s, const carat_series_key *key, uint32_t value,
                                 uint64_t seed, carat_compare_row *out, carat_err *err)
{
    carat_pairs part = {0};
    double widen;
    *out = (carat_compare_row){.key = key->name, .value = key->value[value]};
    carat_status st = carat_series_part(s, key, value, &part, &widen, err);
    part.seed = seed;
    if (!st && !(st = carat_estimate_difference(&part, &out->d, err)))
        carat_difference_widen(&out->d, widen);
    carat_free((void *)part.a);
    carat_free((void *)part.b);
    carat_free((void *)part.cluster);
    return st;
}

static int by_value(const void *a, const void *b)
{
    return strcmp(((const carat_compare_row *)a)->value, ((const carat_compare_row *)b)->value);
}

static carat_status compare_groups(carat_comparison *c, uint64_t seed, carat_err *err)
{
    const carat_paired_series *s = c->series;
    for (size_t k = 0; k < s->n_keys; k++) {
        carat_compare_row *first = &c->row[c->n];
        for (uint32_t v = 0; v < s->key[k].n_values; v++) {
            carat_status st = compare_part(s, &s->key[k], v, seed, &c->row[c->n], err);
            if (st)
                return st;
            c->n++;
        }
        if (s->key[k].n_values) {
            qsort(first, s->key[k].n_values, sizeof *first, by_value);
            carat_status st = judge_family(first, s->key[k].n_values, s, c->margin, err);
            if (st)
                return st;
        }
    }
    return CARAT_OK;
}

/* ---- flips --------------------------------------------------------------------------------------------------- */

static int rising(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static carat_status list_flips(carat_comparison *c, carat_err *err)
{
    const carat_paired_series *s = c->series;
    c->gained = carat_alloc(s->n, sizeof *c->gained, err);
    c->lost = carat_alloc(s->n, sizeof *c->lost, err);
    if (!c->gained || !c->lost)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < s->n; i++) {
        if (s->b[i] > s->a[i])
            c->gained[c->n_gained++] = s->item[i];
        else if (s->b[i] < s->a[i])
            c->lost[c->n_lost++] = s->item[i];
    }
    qsort(c->gained, c->n_gained, sizeof *c->gained, rising);
    qsort(c->lost, c->n_lost, sizeof *c->lost, rising);
    return CARAT_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

double carat_compare_margin(const carat_paired_series *s)
{
    return s->scores ? 0 : 0.001;
}

double carat_compare_margin_of(const carat_paired_series *s, double margin)
{
    return strcmp(s->metric, "nll_per_token") == 0 ? log1p(margin) : margin;
}

carat_status carat_compare_open(const carat_paired_series *s, double margin, uint64_t seed,
                                carat_comparison *out, carat_err *err)
{
    carat_comparison c = {.series = s, .margin = margin};
    size_t rows = 1;
    for (size_t k = 0; k < s->n_keys; k++)
        rows += s->key[k].n_values;
    carat_status st = CARAT_ENOMEM;
    const carat_pairs all = {s->a, s->b, s->cluster, s->n, seed, s->scores};
    if (!(c.row = carat_alloc(rows, sizeof *c.row, err)) ||
        (st = carat_estimate_difference(&all, &c.row[0].d, err)))
        goto out;
    c.n = 1;
    if (!(st = compare_groups(&c, seed, err)) && s->scores)
        st = list_flips(&c, err);
out:
    if (st)
        carat_compare_close(&c);
    else
        *out = c;
    return st;
}

void carat_compare_close(carat_comparison *c)
{
    carat_free(c->row);
    carat_free(c->gained);
    carat_free(c->lost);
    *c = (carat_comparison){0};
}

carat_status carat_compare_judge(carat_comparison *list, size_t n, carat_change *whole, carat_err *err)
{
    double *p = carat_alloc(n, sizeof *p, err);
    if (!p)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        p[i] = list[i].row[0].d.p;
    carat_status st = carat_holm(p, n, p, err);
    *whole = n ? CARAT_SAME : CARAT_INCONCLUSIVE;
    for (size_t i = 0; i < n && !st; i++) {
        carat_compare_row *r = &list[i].row[0];
        r->p_adjusted = p[i];
        r->change = judge(r, list[i].series, list[i].margin);
        if (r->change < *whole)
            *whole = r->change;
    }
    carat_free(p);
    return st;
}
