/* Scores on the page: metrics with intervals, outcomes, groups.                    SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/markup.h"
#include "eval/reports/html.h"

/* What a bar spans: 0 to 1 for what is a share, else from 0 to a little above the highest of all runs. */
struct span {
    double low, high;
};

static void widen(struct span *s, const carat_metric *m)
{
    const double seen[] = {m->estimate.value, m->estimate.low, m->estimate.high};
    for (size_t i = 0; i < 3; i++)
        if (isfinite(seen[i])) {
            s->low = fmin(s->low, seen[i]);
            s->high = fmax(s->high, seen[i]);
        }
}

static struct span settle(struct span s, bool share)
{
    if (share && s.low >= 0 && s.high <= 1)
        return (struct span){0, 1};
    carat_axis a = carat_axis_over(fmin(s.low, 0), s.high, 4);
    return (struct span){a.low, a.high};
}

static bool is_share(const carat_report_suite *s, const char *metric)
{
    return s->asks || strstr(metric, "agreement");
}

static void put_interval(carat_str *out, const carat_metric *m)
{
    carat_str_puts(out, "<td class=\"num\">");
    if (isfinite(m->estimate.low) && isfinite(m->estimate.high)) {
        carat_report_number(out, m, m->estimate.low);
        carat_str_puts(out, "&ndash;");
        carat_report_number(out, m, m->estimate.high);
    }
    carat_str_puts(out, "</td>");
}

/* A metric as the runs that have it measured it. */
struct row {
    carat_metric of[CARAT_REPORT_RUNS];
    size_t run[CARAT_REPORT_RUNS], n;
    struct span span;
    bool share;
};

static struct row read_row(const carat_report *r, const char *suite, const char *metric)
{
    struct row row = {.n = 0};
    bool share = true;
    for (size_t i = 0; i < r->n; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        const carat_json *node = s ? carat_json_get(s->metrics, metric) : NULL;
        if (!node)
            continue;
        row.of[row.n] = carat_report_metric(node);
        widen(&row.span, &row.of[row.n]);
        share = share && is_share(s, metric);
        row.run[row.n++] = i;
    }
    row.share = share && row.span.low >= 0 && row.span.high <= 1;
    row.span = settle(row.span, share);
    return row;
}

static void put_direction(carat_str *out, const char *metric)
{
    int direction = carat_report_direction(metric);
    const char *unit = carat_report_unit(metric);
    if (*unit && !strstr(metric, unit))
        carat_str_printf(out, "&nbsp;<span class=\"soft\">%s</span>", unit);
    if (direction)
        carat_str_printf(out, "&nbsp;<span class=\"soft\" title=\"%s is better\">%s</span>",
                         direction < 0 ? "smaller" : "bigger", direction < 0 ? "&darr;" : "&uarr;");
}

/* A line a run, under what names the metric. */
static void put_row(const carat_report *r, const struct row *row, const carat_str *name, bool big,
                    carat_str *out)
{
    for (size_t i = 0; i < row->n; i++) {
        const carat_metric *m = &row->of[i];
        if (i)
            carat_str_puts(out, "<tr><td></td>");
        else
            carat_str_printf(out, "<tr><th scope=\"row\" class=\"term\">%s</th>", name->data);
        if (r->n > 1) {
            carat_str_puts(out, "<td>");
            carat_html_run(r, row->run[i], out);
            carat_str_puts(out, "</td>");
        }
        carat_str_puts(out, big ? "<td class=\"num big\">" : "<td class=\"num\">");
        carat_report_number(out, m, m->estimate.value);
        carat_str_puts(out, "</td>");
        put_interval(out, m);
        carat_str_puts(out, "<td class=\"plot wide\">");
        if (isfinite(m->estimate.value) && (row->share || r->n > 1 || isfinite(m->estimate.low)))
            carat_chart_interval(out, &m->estimate, row->span.low, row->span.high, (unsigned)row->run[i]);
        carat_str_printf(out, "</td><td class=\"num wide\">%zu</td></tr>\n", m->estimate.n);
    }
}

/* On a phone the bar and n give way. */
static void put_table(const carat_report *r, const char *what, carat_str *out)
{
    carat_str_printf(out, "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">%s</th>%s", what,
                     r->n > 1 ? "<th scope=\"col\">Run</th>" : "");
    carat_str_puts(
        out,
        "<th scope=\"col\" class=\"num\">Value</th><th scope=\"col\" class=\"num\">95&nbsp;% interval</th>"
        "<th scope=\"col\" class=\"wide\">The same as a bar</th><th scope=\"col\" class=\"num "
        "wide\">n</th></tr></thead>\n<tbody>\n");
}

static bool seen_before(const carat_report *r, size_t run, const char *suite, const char *metric)
{
    for (size_t i = 0; i < run; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        if (s && carat_json_get(s->metrics, metric))
            return true;
    }
    return false;
}

static void put_metrics(const carat_report *r, const char *suite, carat_str *out)
{
    carat_str name = CARAT_STR_INIT;
    put_table(r, "Metric", out);
    for (size_t i = 0; i < r->n; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        const carat_json *headline = s ? carat_report_headline(s->metrics) : NULL;
        for (const carat_json *c = s ? carat_json_first(s->metrics) : NULL; c; c = carat_json_next(c)) {
            if (seen_before(r, i, suite, carat_json_key(c)))
                continue;
            struct row row = read_row(r, suite, carat_json_key(c));
            carat_str_clear(&name);
            carat_markup_puts(&name, carat_json_key(c));
            put_direction(&name, carat_json_key(c));
            put_row(r, &row, &name, c == headline, out);
        }
    }
    carat_str_puts(out, "</tbody></table></div>\n");
    out->failed |= name.failed;
    carat_str_free(&name);
}

/* The headline of each suite: what a reader came for, and the way to the rest. */
void carat_html_overview(const carat_report *r, carat_str *out)
{
    carat_str name = CARAT_STR_INIT;
    const char *suite;
    put_table(r, "Suite", out);
    for (size_t i = 0; (suite = carat_report_suite_name(r, i)); i++) {
        const carat_json *first = NULL;
        for (size_t k = 0; k < r->n && !first; k++) {
            const carat_report_suite *s = carat_report_suite_of(&r->run[k], suite);
            first = s ? carat_report_headline(s->metrics) : NULL;
        }
        carat_str_clear(&name);
        carat_str_printf(&name, "<a href=\"#suite-%zu\">", i);
        carat_html_put(&name, "", suite, "</a> <span class=\"soft\">");
        carat_html_put(&name, "", first ? carat_json_key(first) : "no score yet", "</span>");
        if (!first) {
            carat_str_printf(out, "<tr><th scope=\"row\" class=\"term\" colspan=\"%d\">%s</th></tr>\n",
                             r->n > 1 ? 6 : 5, name.data);
            continue;
        }
        put_direction(&name, carat_json_key(first));
        struct row row = read_row(r, suite, carat_json_key(first));
        put_row(r, &row, &name, true, out);
    }
    carat_str_puts(out, "</tbody></table></div>\n");
    out->failed |= name.failed;
    carat_str_free(&name);
}

/* ---- outcomes and groups -------------------------------------------------------------------------------------- */

static void put_outcomes(const carat_report *r, size_t run, const carat_report_suite *s, carat_str *out)
{
    uint64_t cut = s->truncated < s->outcome[CARAT_NOT_MEASURED] ? s->truncated
                                                                 : s->outcome[CARAT_NOT_MEASURED],
             total = 0;
    const carat_share shares[] = {{"right", "right", s->outcome[CARAT_RIGHT]},
                                  {"wrong", "wrong", s->outcome[CARAT_WRONG]},
                                  {"unparsed", "unparsed", s->outcome[CARAT_UNPARSED]},
                                  {"not_measured", "not measured", s->outcome[CARAT_NOT_MEASURED] - cut},
                                  {"truncated", "truncated, thus not measured", cut}};
    for (size_t i = 0; i < 5; i++)
        total += shares[i].n;
    if (r->n > 1) {
        carat_str_puts(out, "<div class=\"label\">");
        carat_html_run(r, run, out);
        carat_str_puts(out, "</div>\n");
    }
    carat_chart_shares(out, shares, 5);
    carat_str_puts(out, "<ul class=\"key\">");
    for (size_t i = 0; i < 5; i++)
        if (shares[i].n || i < 4)
            carat_str_printf(out,
                             "<li><i class=\"swatch %s\"></i><span>%" PRIu64
                             " %s <span class=\"soft\">%.1f&nbsp;%%</span></span></li>",
                             shares[i].name, shares[i].n, shares[i].label,
                             total ? 100.0 * (double)shares[i].n / (double)total : 0.0);
    carat_str_puts(out, "</ul>\n");
}

static const carat_json *group_metric(const carat_report_run *run, const char *suite, const char *key,
                                      const char *value)
{
    const carat_report_suite *s = carat_report_suite_of(run, suite);
    return s ? carat_json_first(carat_json_get(carat_json_get(s->groups, key), value)) : NULL;
}

/* One group: a line a run within each cell, so that the rows stay short on a phone. */
static void put_group(const carat_report *r, const char *suite, const char *key, const char *value,
                      carat_str *out)
{
    carat_str numbers = CARAT_STR_INIT, counts = CARAT_STR_INIT;
    carat_html_put(out, "<tr><th scope=\"row\" class=\"term\"><bdi>", value,
                   "</bdi></th><td class=\"plot\">");
    for (size_t i = 0; i < r->n; i++) {
        const carat_json *node = group_metric(&r->run[i], suite, key, value);
        carat_metric m = carat_report_metric(node);
        if (!node)
            continue;
        carat_chart_interval(out, &m.estimate, 0, fmax(1, fmax(m.estimate.value, m.estimate.high)),
                             (unsigned)i);
        carat_str_puts(&numbers, numbers.len ? "<br>" : "");
        carat_report_number(&numbers, &m, m.estimate.value);
        if (isfinite(m.estimate.error)) {
            carat_str_puts(&numbers, " <span class=\"soft\">±&nbsp;");
            carat_report_number(&numbers, &m, m.estimate.error);
            carat_str_puts(&numbers, "</span>");
        }
        carat_str_printf(&counts, "%s%zu", counts.len ? "<br>" : "", m.estimate.n);
    }
    carat_str_printf(out, "</td><td class=\"num\">%s</td><td class=\"num wide\">%s</td></tr>\n", numbers.data,
                     counts.data);
    out->failed |= numbers.failed || counts.failed;
    carat_str_free(&numbers);
    carat_str_free(&counts);
}

static void put_groups(const carat_report *r, const carat_report_suite *s, carat_str *out)
{
    for (const carat_json *key = carat_json_first(s->groups); key; key = carat_json_next(key)) {
        const char *metric = carat_json_key(carat_json_first(carat_json_first(key)));
        carat_html_put(out, "<h3>By ", carat_json_key(key), "</h3>\n");
        carat_html_put(out, "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">",
                       carat_json_key(key), "</th><th scope=\"col\">0 to 1, with 95&nbsp;% interval</th>");
        carat_html_put(
            out, "<th scope=\"col\" class=\"num\">", metric ? metric : "value",
            " ± standard error</th><th scope=\"col\" class=\"num wide\">n</th></tr></thead>\n<tbody>\n");
        for (const carat_json *v = carat_json_first(key); v; v = carat_json_next(v))
            put_group(r, s->name, carat_json_key(key), carat_json_key(v), out);
        carat_str_puts(out, "</tbody></table></div>\n");
    }
}

void carat_html_scores(const carat_report *r, const char *suite, carat_str *out)
{
    const carat_report_suite *first = NULL;
    for (size_t i = 0; i < r->n && !first; i++)
        first = carat_report_suite_of(&r->run[i], suite);
    put_metrics(r, suite, out);
    if (first->asks)
        carat_str_puts(out, "<h3>Outcomes</h3>\n");
    for (size_t i = 0; i < r->n; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        if (s && s->asks)
            put_outcomes(r, i, s, out);
    }
    put_groups(r, first, out);
}
