/* Distributions of what the records of a suite hold.                               SPDX-License-Identifier: Apache-2.0
 *
 * A member of the records is drawn by its name, whatever suite wrote it: "kld" (a list of numbers) as a histogram over orders of
 * magnitude, times as percentiles. Where each record holds a list of times of its own (as many requests at once), it is a curve of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/markup.h"
#include "eval/reports/html.h"
#include "runtime/base/mem.h"

typedef struct kind {
    const char *key, *title, *unit;
    bool apart; /* records apart, if they are few */
    void (*draw)(carat_str *out, const carat_sorted *s, size_t n, const char *title, const char *unit);
} kind;

static const kind kinds[] = {
    {"kld", "Divergence from the reference, token by token", "nats", false, carat_chart_histogram},
    {"first_s", "Time to the first token", "seconds", false, carat_chart_percentiles},
    {"seconds", "Time of a reply", "seconds", false, carat_chart_percentiles},
    {"ttft_ms", "Time to the first token", "ms", true, carat_chart_percentiles},
    {"itl_ms", "Time between tokens", "ms", true, carat_chart_percentiles},
};

/* The curves of one figure; names are borrowed. */
struct figure {
    carat_sorted s[CARAT_SERIES];
    double *values[CARAT_SERIES];
    size_t n;
};

static void clear(struct figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->values[i]);
    *f = (struct figure){.n = 0};
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* All numbers under key in n records, as one more curve; none where there are none. */
static carat_status add_curve(struct figure *f, const char *name, const carat_record *r, size_t n,
                              const char *key, carat_err *err)
{
    size_t cap = 0, count = 0;
    double *values = NULL;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        const carat_json *node = carat_json_get(r[i].json, key);
        bool list = carat_json_is_array(node);
        for (const carat_json *c = list ? carat_json_first(node) : node; c && !st;
             c = list ? carat_json_next(c) : NULL) {
            double x;
            if (carat_json_f64(c, key, &x, NULL) || !(x >= 0))
                continue;
            if (!(st = carat_grow((void **)&values, &cap, count + 1, sizeof *values, err)))
                values[count++] = x;
        }
    }
    if (st || !count || f->n == CARAT_SERIES) {
        free(values);
        return st;
    }
    qsort(values, count, sizeof *values, ascending);
    f->values[f->n] = values;
    f->s[f->n++] = (carat_sorted){name, values, count};
    return CARAT_OK;
}

static void put_key(carat_str *out, const carat_sorted *s, size_t index, bool named)
{
    static const double at[] = {0.5, 0.9, 0.99};
    carat_str_puts(out, "<li>");
    if (named) {
        carat_str_printf(out, "<i class=\"swatch s%zu\"></i><bdi>", index % CARAT_SERIES);
        carat_markup_puts(out, s->name);
        carat_str_puts(out, "</bdi>");
    }
    carat_str_printf(out, "<span class=\"soft\">%zu values", s->n);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        size_t rank = (size_t)ceil(at[i] * (double)s->n);
        double x = s->value[rank ? rank - 1 : 0];
        carat_str_printf(out, x >= 100 ? " · p%g&nbsp;%.0f" : " · p%g&nbsp;%.3g", 100 * at[i], x);
    }
    carat_str_puts(out, "</span></li>");
}

static void put_figure(const struct figure *f, const kind *k, const char *of, carat_str *out)
{
    bool any = false;
    for (size_t i = 0; i < f->n; i++)
        any |= f->s[i].value[f->s[i].n - 1] > 0;
    if (!any)
        return;
    carat_str_printf(out, "<figure><figcaption>%s", k->title);
    carat_str_puts(out, of ? ", " : "");
    carat_markup_puts(out, of ? of : "");
    carat_str_puts(out, "</figcaption>\n");
    k->draw(out, f->s, f->n, k->title, k->unit);
    carat_str_puts(out, "<ul class=\"key\">");
    for (size_t i = 0; i < f->n; i++)
        put_key(out, &f->s[i], i, f->n > 1);
    carat_str_puts(out, "</ul></figure>\n");
}

static const char *name_of(const carat_record *r)
{
    const char *id = carat_report_member(r, "id");
    return id ? id : "";
}

/* A figure with a curve a run. */
static carat_status draw_runs(const carat_report *r, const char *suite, const kind *k, carat_str *out,
                              carat_err *err)
{
    struct figure f = {.n = 0};
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < r->n && !st; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        if (s)
            st = add_curve(&f, r->run[i].name, s->record, s->n, k->key, err);
    }
    if (!st)
        put_figure(&f, k, NULL, out);
    clear(&f);
    return st;
}

/* Of one run a figure with a curve a record; of several runs a figure a record with a curve a run. */
static carat_status draw_records(const carat_report *r, const carat_report_suite *first, const kind *k,
                                 carat_str *out, carat_err *err)
{
    struct figure f = {.n = 0};
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < first->n && !st; i++) {
        const carat_record *at = &first->record[i];
        if (!carat_json_get(at->json, k->key))
            continue;
        for (size_t run = 0; run < r->n && !st; run++) {
            const carat_loaded_suite *s = carat_run_suite(&r->run[run].loaded, first->name);
            const carat_record *same = s ? carat_run_record(&r->run[run].loaded, s, at->item) : NULL;
            if (same)
                st = add_curve(&f, r->n > 1 ? r->run[run].name : name_of(at), same, 1, k->key, err);
        }
        if (r->n > 1) {
            put_figure(&f, k, name_of(at), out);
            clear(&f);
        }
    }
    if (!st && r->n == 1)
        put_figure(&f, k, NULL, out);
    clear(&f);
    return st;
}

carat_status carat_html_distributions(const carat_report *r, const char *suite, carat_str *out,
                                      carat_err *err)
{
    const carat_report_suite *first = NULL;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < r->n && !first; i++)
        first = carat_report_suite_of(&r->run[i], suite);
    size_t before = out->len;
    carat_str_puts(out, "<div class=\"charts\">\n");
    size_t empty = out->len;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !st; k++)
        st = kinds[k].apart && first->n <= CARAT_SERIES ? draw_records(r, first, &kinds[k], out, err)
                                                        : draw_runs(r, suite, &kinds[k], out, err);
    if (out->len == empty && !out->failed) {
        out->len = before;
        out->data[before] = 0;
    } else {
        carat_str_puts(out, "</div>\n");
    }
    return st;
}
