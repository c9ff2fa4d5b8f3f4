/* What a run comes to (summary.h).                                                 SPDX-License-Identifier: Apache-2.0 */
#include "eval/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

static bool asks(const carat_summary *s)
{
    return s->suite->question != NULL;
}

/* ---- groups of suites that compute --------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const carat_part *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : strcmp(x->value, y->value);
}

static carat_status add_part(carat_summary *s, const carat_json *member, size_t *cap, carat_err *err)
{
    const char *key = carat_json_key(member), *value;
    carat_status st = carat_json_text(member, key, &value, err);
    for (size_t i = 0; !st && i < s->n_parts; i++)
        if (strcmp(s->part[i].key, key) == 0 && strcmp(s->part[i].value, value) == 0)
            return CARAT_OK;
    if (!st && !(st = carat_grow((void **)&s->part, cap, s->n_parts + 1, sizeof *s->part, err)))
        s->part[s->n_parts++] = (carat_part){key, value, {.seed = s->results.seed}};
    return st;
}

static bool belongs(const carat_json *record, const carat_part *p)
{
    const char *value;
    const carat_json *of = carat_json_get(carat_json_get(record, "groups"), p->key);
    return of && !carat_json_text(of, p->key, &value, NULL) && strcmp(value, p->value) == 0;
}

/* The suite reports on the records of each group as it does on all. */
static carat_status divide(carat_summary *s, void *state, const carat_json *const *records, size_t n,
                           carat_err *err)
{
    size_t cap = 0;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++)
        for (const carat_json *g = carat_json_first(carat_json_get(records[i], "groups")); g && !st;
             g = carat_json_next(g))
            st = add_part(s, g, &cap, err);
    const carat_json **some = st || !s->n_parts ? NULL : carat_alloc(n, sizeof *some, err);
    if (st || !s->n_parts || !some)
        return st || !s->n_parts ? st : CARAT_ENOMEM;
    qsort(s->part, s->n_parts, sizeof *s->part, by_name);
    for (size_t k = 0; k < s->n_parts && !st; k++) {
        carat_results *r = &s->part[k].results;
        for (size_t i = 0; i < n; i++)
            if (belongs(records[i], &s->part[k]))
                some[r->items++] = records[i];
        st = s->suite->report(state, some, r->items, r, err);
    }
    carat_free(some);
    return st;
}

carat_status carat_summary_make(const carat_suite *suite, void *state, const carat_json *const *records,
                                size_t n, uint64_t seed, carat_summary *out, carat_err *err)
{
    carat_summary s = {.suite = suite, .results = {.items = n, .seed = seed}};
    carat_status st = CARAT_OK;
    if (asks(&s)) {
        if ((st = carat_standing_take(records, n, seed, &s.standing, err)))
            return st;
        s.results.metric[s.results.n++] = (carat_metric){suite->metric, s.standing.all.score};
        snprintf(s.results.note, sizeof s.results.note,
                 "of what was measured; an unparsed reply scores 0; intervals are 95 %%");
    }
    if (suite->report)
        st = suite->report(state, records, n, &s.results, err);
    if (!st && !asks(&s))
        st = divide(&s, state, records, n, err);
    if (st)
        carat_summary_free(&s);
    else
        *out = s;
    return st;
}

void carat_summary_free(carat_summary *s)
{
    carat_standing_free(&s->standing);
    free(s->part);
    s->part = NULL;
}

size_t carat_summary_unmeasured(const carat_summary *s)
{
    return s->standing.all.outcome[CARAT_NOT_MEASURED];
}

/* ---- report.json --------------------------------------------------------------------------------------------- */

static void put_estimate(carat_jw *w, const char *name, const carat_estimate *e)
{
    carat_jw_key(w, name);
    carat_jw_open(w, '{');
    carat_jw_put_f64(w, "value", e->value);
    carat_jw_put_f64(w, "stderr", e->error);
    carat_jw_put_f64(w, "low", e->low);
    carat_jw_put_f64(w, "high", e->high);
    carat_jw_put_u64(w, "n", e->n);
    carat_jw_close(w);
}

static void put_metrics(carat_jw *w, const carat_results *r)
{
    carat_jw_open(w, '{');
    for (size_t i = 0; i < r->n; i++)
        put_estimate(w, r->metric[i].name, &r->metric[i].estimate);
    carat_jw_close(w);
}

static void put_results(carat_jw *w, const carat_summary *s)
{
    put_metrics(w, &s->results);
}

static void put_note(carat_jw *w, const carat_summary *s)
{
    carat_jw_text(w, s->results.note);
}

/* Perplexity and divergence have no right and wrong; a run that ended has measured all of its items. */
static void put_outcomes(carat_jw *w, const carat_summary *s)
{
    carat_jw_open(w, '{');
    if (asks(s)) {
        for (carat_outcome o = CARAT_RIGHT; o <= CARAT_NOT_MEASURED; o++) {
            carat_jw_put_u64(w, carat_outcome_name(o), s->standing.all.outcome[o]);
        }
    } else {
        carat_jw_put_u64(w, "measured", s->results.items);
        carat_jw_put_u64(w, "not_measured", 0);
    }
    carat_jw_close(w);
}

static void put_truncated(carat_jw *w, const carat_summary *s)
{
    carat_jw_u64(w, s->standing.all.truncated);
}

/* Opens the object of key, if it is another than the last one. */
static void open_key(carat_jw *w, const char **last, const char *key)
{
    if (*last && strcmp(*last, key) == 0)
        return;
    if (*last)
        carat_jw_close(w);
    carat_jw_key(w, *last = key);
    carat_jw_open(w, '{');
}

static void put_groups(carat_jw *w, const carat_summary *s)
{
    const char *key = NULL;
    carat_jw_open(w, '{');
    for (size_t i = 0; i < s->standing.n; i++) {
        const carat_group *g = &s->standing.group[i];
        open_key(w, &key, g->key);
        carat_jw_key(w, g->value);
        carat_jw_open(w, '{');
        put_estimate(w, s->suite->metric, &g->score);
        carat_jw_close(w);
    }
    for (size_t i = 0; i < s->n_parts; i++) {
        const carat_part *p = &s->part[i];
        open_key(w, &key, p->key);
        carat_jw_key(w, p->value);
        put_metrics(w, &p->results);
    }
    if (key)
        carat_jw_close(w);
    carat_jw_close(w);
}

/* "name": {SUITE: what put writes, ...}; of those that ask, or of all. */
static void put_all(carat_jw *w, const char *name, const carat_summary *list, size_t n, bool asking,
                    void (*put)(carat_jw *, const carat_summary *))
{
    carat_jw_key(w, name);
    carat_jw_open(w, '{');
    for (size_t i = 0; i < n; i++)
        if (asks(&list[i]) || !asking) {
            carat_jw_key(w, list[i].suite->name);
            put(w, &list[i]);
        }
    carat_jw_close(w);
}

carat_status carat_summary_write(const carat_summary *list, size_t n, const char *header, carat_str *out,
                                 carat_err *err)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    put_all(&w, "results", list, n, false, put_results);
    put_all(&w, "notes", list, n, false, put_note);
    put_all(&w, "outcomes", list, n, false, put_outcomes);
    put_all(&w, "truncated", list, n, true, put_truncated);
    put_all(&w, "groups", list, n, false, put_groups);
    carat_jw_key(&w, "method");
    carat_str_printf(out, "%.*s}\n", (int)strcspn(header, "\n"), header);
    return carat_str_check(out, err);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static void print_estimate(const char *name, int width, const carat_estimate *e)
{
    if (isnan(e->value)) {
        printf("  %-*s %12s\n", width, name, "-");
        return;
    }
    printf("  %-*s %12.6g", width, name, e->value);
    if (isfinite(e->error))
        printf("  +- %-10.3g [%.6g, %.6g]", e->error, e->low, e->high);
    if (e->n)
        printf("  n = %zu", e->n);
    putchar('\n');
}

static void print_groups(const carat_summary *s)
{
    const char *key = NULL;
    int width = 18;
    for (size_t i = 0; i < s->standing.n; i++) {
        int len = (int)strlen(s->standing.group[i].value) + 2;
        width = len > width && len < 48 ? len : width;
    }
    for (size_t i = 0; i < s->standing.n; i++) {
        const carat_group *g = &s->standing.group[i];
        char name[64];
        if (!key || strcmp(key, g->key) != 0)
            printf("  %s by %s\n", s->suite->metric, key = g->key);
        snprintf(name, sizeof name, "  %s", g->value);
        print_estimate(name, width, &g->score);
    }
}

void carat_summary_print(const carat_summary *s)
{
    const carat_results *r = &s->results;
    printf("%s\n", s->suite->name);
    for (size_t i = 0; i < r->n; i++)
        print_estimate(r->metric[i].name, 18, &r->metric[i].estimate);
    if (asks(s)) {
        const size_t *o = s->standing.all.outcome;
        printf("  right %zu, wrong %zu, unparsed %zu, not measured %zu", o[CARAT_RIGHT], o[CARAT_WRONG],
               o[CARAT_UNPARSED], o[CARAT_NOT_MEASURED]);
        if (s->standing.all.truncated)
            printf(" (%zu cut at their limit of tokens)", s->standing.all.truncated);
        putchar('\n');
        print_groups(s);
    }
    for (size_t i = 0; i < s->n_parts && s->part[i].results.n; i++) { /* the first metric of each group */
        const carat_part *p = &s->part[i];
        char name[64];
        if (i == 0 || strcmp(p->key, s->part[i - 1].key) != 0)
            printf("  %s by %s\n", p->results.metric[0].name, p->key);
        snprintf(name, sizeof name, "  %s", p->value);
        print_estimate(name, 18, &p->results.metric[0].estimate);
    }
    printf("  (%s)\n", r->note);
}
