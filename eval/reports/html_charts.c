/* Distributions of what the records of a suite hold.                               SPDX-License-Identifier: Apache-2.0
 *
 * A member of the records is drawn by its name, whatever suite wrote it: "kld" (a list of numbers) as a histogram over orders of
 * magnitude, times ("first_s", "seconds", lists that end in "_ms") as percentiles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/markup.h"
#include "eval/reports/html.h"
#include "runtime/base/mem.h"

static const struct {
    const char *key, *title, *unit;
    void (*draw)(carat_str *out, const carat_sorted *s, size_t n, const char *title, const char *unit);
} drawn[] = {
    {"kld", "Divergence from the reference, token by token", "nats", carat_chart_histogram},
    {"first_s", "Time to the first token", "seconds", carat_chart_percentiles},
    {"seconds", "Time of a reply", "seconds", carat_chart_percentiles},
    {"ttft_ms", "Time to the first token", "ms", carat_chart_percentiles},
    {"itl_ms", "Time between tokens", "ms", carat_chart_percentiles},
};

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* All numbers under key in the records, sorted; *out is to be freed. */
static carat_status collect(const carat_report_suite *s, const char *key, double **out, size_t *n,
                            carat_err *err)
{
    size_t cap = 0;
    carat_status st = CARAT_OK;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < s->n && !st; i++) {
        const carat_json *node = carat_json_get(s->record[i].json, key);
        bool list = carat_json_is_array(node);
        for (const carat_json *c = list ? carat_json_first(node) : node; c && !st;
             c = list ? carat_json_next(c) : NULL) {
            double x;
            if (carat_json_f64(c, key, &x, NULL) || !(x >= 0))
                continue;
            if (!(st = carat_grow((void **)out, &cap, *n + 1, sizeof **out, err)))
                (*out)[(*n)++] = x;
        }
    }
    if (*n)
        qsort(*out, *n, sizeof **out, ascending);
    return st;
}

static void put_figure(const carat_report *r, const carat_sorted *s, size_t k, carat_str *out)
{
    size_t values = 0;
    carat_str_printf(out, "<figure><figcaption>%s</figcaption>\n", drawn[k].title);
    drawn[k].draw(out, s, r->n, drawn[k].title, drawn[k].unit);
    for (size_t i = 0; i < r->n; i++)
        values += s[i].n;
    carat_str_printf(out, "<p class=\"soft\">%zu values", values);
    for (size_t i = 0; r->n == 1 && s[0].n && i < 3; i++) {
        static const double at[] = {0.5, 0.9, 0.99};
        size_t rank = (size_t)ceil(at[i] * (double)s[0].n);
        carat_str_printf(out, " · p%g %.3g", 100 * at[i], s[0].value[rank ? rank - 1 : 0]);
    }
    carat_str_puts(out, "</p></figure>\n");
}

carat_status carat_html_distributions(const carat_report *r, const char *suite, carat_str *out,
                                      carat_err *err)
{
    carat_sorted s[CARAT_SERIES];
    double *values[CARAT_SERIES] = {NULL};
    carat_status st = CARAT_OK;
    bool open = false;
    for (size_t k = 0; k < sizeof drawn / sizeof *drawn && !st && r->n <= CARAT_SERIES; k++) {
        bool any = false;
        for (size_t i = 0; i < r->n && !st; i++) {
            const carat_report_suite *of = carat_report_suite_of(&r->run[i], suite);
            s[i] = (carat_sorted){r->run[i].name, NULL, 0};
            if (of && !(st = collect(of, drawn[k].key, &values[i], &s[i].n, err)))
                s[i].value = values[i];
            any |= s[i].n && s[i].value[s[i].n - 1] > 0;
        }
        if (any && !st) {
            carat_str_puts(out, open ? "" : "<div class=\"charts\">\n");
            open = true;
            put_figure(r, s, k, out);
        }
        for (size_t i = 0; i < r->n; i++) {
            free(values[i]);
            values[i] = NULL;
        }
    }
    carat_str_puts(out, open ? "</div>\n" : "");
    return st;
}
