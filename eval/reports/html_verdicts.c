/* Two runs compared, metric by metric: the verdicts of `carat compare` with its default margins.   SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/compare.h"
#include "eval/reports/html.h"

enum { SERIES = 4 /* at most, of one suite */ };

/* One suite of both runs. */
struct pair {
    const char *suite;
    carat_match match;
    carat_paired_series series[SERIES];
    size_t n;
    bool open;
    carat_err why; /* of one that cannot be compared */
};

struct table {
    struct pair *pair;
    size_t n;
    carat_comparison *list; /* of all series, in the order of the pairs */
    size_t n_list;
};

static void free_table(struct table *t)
{
    for (size_t i = 0; i < t->n_list; i++)
        carat_compare_close(&t->list[i]);
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->pair[i].n; k++)
            carat_paired_close(&t->pair[i].series[k]);
        if (t->pair[i].open)
            carat_match_close(&t->pair[i].match);
    }
    carat_free(t->pair);
    carat_free(t->list);
}

static carat_status add(struct table *t, const carat_report *r, const char *suite, carat_err *err)
{
    struct pair *p = &t->pair[t->n++];
    p->suite = suite;
    carat_status st = carat_match_open(&r->run[0].loaded, &r->run[1].loaded, suite, false, &p->match,
                                       &p->why);
    if (st == CARAT_EFORMAT) /* said in the table */
        return CARAT_OK;
    if (st) {
        if (err)
            *err = p->why;
        return st;
    }
    p->open = true;
    for (; p->n < SERIES && !st; p->n++) {
        carat_paired_series *s = &p->series[p->n];
        if ((st = carat_paired_open(&p->match, p->n, s, &p->why)) == CARAT_EFORMAT)
            return CARAT_OK;
        if (st && err)
            *err = p->why;
        if (st || !s->metric)
            return st;
        if ((st = carat_compare_open(s, carat_compare_margin_of(s, carat_compare_margin(s)), 0,
                                     &t->list[t->n_list], err))) {
            carat_paired_close(s);
            return st;
        }
        t->n_list++;
    }
    return st;
}

static void put_number(carat_str *out, const carat_difference *d, double x)
{
    carat_metric m = {"", {d->value, d->error, d->low, d->high, d->n}};
    carat_report_number(out, &m, x);
}

static void put_row(carat_str *out, const char *suite, const carat_comparison *c)
{
    const carat_compare_row *row = &c->row[0];
    const carat_difference *d = &row->d;
    static const char *const classes[] = {"wrong", "not_measured", "right", "not_measured"};
    double least = carat_difference_detectable(d, CARAT_ALPHA, CARAT_POWER);
    carat_html_put(out, "<tr><th scope=\"row\" class=\"term\">", suite, " <span class=\"soft\">");
    carat_html_put(out, "", c->series->metric, "</span></th>");
    carat_str_printf(out,
                     "<td><span class=\"of\"><i class=\"swatch %s\"></i>%s</span></td><td class=\"num\">",
                     classes[row->change], carat_change_name(row->change));
    carat_str_puts(out, d->value > 0 ? "+" : "");
    put_number(out, d, d->value);
    carat_str_puts(out, "</td><td class=\"num wide\">");
    if (isfinite(d->low) && isfinite(d->high)) {
        put_number(out, d, d->low);
        carat_str_puts(out, " to ");
        put_number(out, d, d->high);
    }
    carat_str_puts(out, "</td><td class=\"num wide\">");
    if (isfinite(row->p_adjusted))
        carat_str_printf(out, "%.2g", row->p_adjusted);
    carat_str_puts(out, "</td><td class=\"num wide\">");
    if (isfinite(least))
        put_number(out, d, least);
    carat_str_puts(out, "</td></tr>\n");
}

static void put_table(carat_str *out, const struct table *t)
{
    carat_str_puts(
        out, "<h3>The second against the first</h3>\n<div "
             "class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Suite</th><th scope=\"col\">Verdict</th>"
             "<th scope=\"col\" class=\"num\">Difference</th><th scope=\"col\" "
             "class=\"num wide\">95&nbsp;% interval</th>"
             "<th scope=\"col\" class=\"num wide\">p (Holm)</th><th scope=\"col\" class=\"num "
             "wide\">Detectable</th>"
             "</tr></thead>\n<tbody>\n");
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct pair *p = &t->pair[i];
        for (size_t k = 0; k < p->n; k++)
            put_row(out, p->suite, &t->list[at++]);
        if (*p->why.text) {
            carat_html_put(out, "<tr><th scope=\"row\" class=\"term\">", p->suite,
                           "</th><td colspan=\"5\" class=\"word\">not compared: ");
            carat_html_put(out, "", p->why.text, "</td></tr>\n");
        }
    }
    carat_str_puts(out, "</tbody></table></div>\n<p class=\"soft\">Paired item by item. Detectable: the "
                        "smallest difference that these items show "
                        "with a power of 80&nbsp;%. Margins and groups: <b>carat compare</b>.</p>\n");
}

carat_status carat_html_verdicts(const carat_report *r, carat_str *out, carat_err *err)
{
    if (r->n != 2)
        return CARAT_OK;
    const carat_loaded *a = &r->run[0].loaded;
    struct table t = {.pair = carat_alloc(a->n_suites, sizeof *t.pair, err),
                      .list = carat_alloc(a->n_suites * SERIES, sizeof *t.list, err)};
    carat_status st = t.pair && t.list ? CARAT_OK : CARAT_ENOMEM;
    carat_change whole;
    for (size_t i = 0; i < a->n_suites && !st; i++)
        if (carat_run_suite(&r->run[1].loaded, a->suite[i].name))
            st = add(&t, r, a->suite[i].name, err);
    if (!st && t.n_list)
        st = carat_compare_judge(t.list, t.n_list, &whole, err);
    if (!st && t.n)
        put_table(out, &t);
    free_table(&t);
    return st;
}
