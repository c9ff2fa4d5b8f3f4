/* Scores over time as one SVG file (history.h).                                    SPDX-License-Identifier: Apache-2.0
 *
 * A panel a metric of a suite, a line a model, a whisker for each interval; a line breaks where what was measured changed.
 * Light and dark by the reader's preference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eval/chart.h"
#include "eval/history.h"
#include "eval/markup.h"
#include "runtime/base/mem.h"

enum {
    WIDE = 760,
    LEFT = 64,
    RIGHT = 24,
    TOP = 34,
    BOTTOM = 34,
    PANEL = 230,
    PANELS = 64,
    LINE = 18,
    INSET = 12,
    NAME_SHOWN = 90
};

static const char style[] =
    ":root{color-scheme:light dark}svg{background:#fff;font:12px system-ui,-apple-system,'Segoe "
    "UI',Roboto,sans-serif;"
    "font-variant-numeric:tabular-nums}text{fill:#59636e}.title{fill:#1b1f24;font-weight:600;font-size:13px}."
    "mid{text-anchor:"
    "middle}.end{text-anchor:end}.grid{stroke:#d5dae0;stroke-width:.7}.s0{--k:#1f5fa8}.s1{--k:#b4540a}.s2{--"
    "k:#6b4fa0}.s3{--k:"
    "#1d7a74}.s4{--k:#a13670}.s5{--k:#5f6b1e}.line{fill:none;stroke:var(--k);stroke-width:1.6}.dot{fill:var(-"
    "-k)}.whisker{"
    "stroke:var(--k);stroke-width:1.2;opacity:.7}\n"
    "@media(prefers-color-scheme:dark){svg{background:#15181c}text{fill:#9ca6b1}.title{fill:#e4e8ec}.grid{"
    "stroke:#333a42}"
    ".s0{--k:#6fb1f5}.s1{--k:#f0a35e}.s2{--k:#b79df0}.s3{--k:#5cc4bc}.s4{--k:#ec86bb}.s5{--k:#b9c76a}}\n";

/* Texts are in the arena. */
struct point {
    const char *suite, *metric, *model, *label, *way;
    char written[24];
    double when;
    carat_estimate e;
    size_t series; /* of its model */
};

struct plot {
    struct point *point;
    size_t n, cap;
    const char **model; /* in the order in which they come */
    size_t n_models, cap_models;
    double first, last; /* seconds */
    carat_arena texts;
};

static double seconds_of(const char *written)
{
    struct tm t = {0};
    return strptime(written, "%Y-%m-%dT%H:%M:%S", &t) ? (double)timegm(&t) : 0;
}

static carat_status series_of(struct plot *p, const char *model, size_t *out, carat_err *err)
{
    for (*out = 0; *out < p->n_models; ++*out)
        if (strcmp(p->model[*out], model) == 0)
            return CARAT_OK;
    carat_status st = carat_grow((void **)&p->model, &p->cap_models, p->n_models + 1, sizeof *p->model, err);
    if (!st)
        p->model[p->n_models++] = model;
    return st;
}

static carat_status take(void *ctx, const carat_past_row *row, carat_err *err)
{
    struct plot *p = ctx;
    if (!isfinite(row->metric.estimate.value))
        return CARAT_OK;
    carat_status st = carat_grow((void **)&p->point, &p->cap, p->n + 1, sizeof *p->point, err);
    if (st)
        return st;
    struct point *at = &p->point[p->n];
    *at = (struct point){
        .suite = carat_arena_copy(&p->texts, row->suite, strlen(row->suite), err),
        .metric = carat_arena_copy(&p->texts, row->metric.name, strlen(row->metric.name), err),
        .model = carat_arena_copy(&p->texts, row->model, strlen(row->model), err),
        .label = carat_arena_copy(&p->texts, row->label, strlen(row->label), err),
        .way = carat_arena_copy(&p->texts, row->way, strlen(row->way), err),
        .when = seconds_of(row->written),
        .e = row->metric.estimate};
    if (!at->suite || !at->metric || !at->model || !at->label || !at->way)
        return CARAT_ENOMEM;
    snprintf(at->written, sizeof at->written, "%s", row->written);
    if ((st = series_of(p, at->model, &at->series, err)))
        return st;
    p->first = p->n ? fmin(p->first, at->when) : at->when;
    p->last = p->n ? fmax(p->last, at->when) : at->when;
    p->n++;
    return CARAT_OK;
}

/* ---- drawing -------------------------------------------------------------------------------------------------- */

static double across(const struct plot *p, double when)
{
    double from = LEFT + INSET, width = WIDE - RIGHT - INSET - from;
    return p->last > p->first ? from + (when - p->first) / (p->last - p->first) * width : from + width / 2;
}

static double up(const carat_axis *y, double value, double top)
{
    return top + PANEL - BOTTOM - carat_axis_at(y, value) * (PANEL - TOP - BOTTOM);
}

static void put_cut(carat_str *out, const char *text)
{
    size_t len = strlen(text), shown = carat_text_cut(text, len, NAME_SHOWN);
    carat_markup_text(out, text, shown);
    carat_str_puts(out, shown < len ? "..." : "");
}

static carat_axis axis_of(const struct point *p, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, fmin(p[i].e.value, p[i].e.low)); /* fmin passes NaN over */
        high = fmax(high, fmax(p[i].e.value, p[i].e.high));
    }
    return carat_axis_over(low, high, 4);
}

static void put_days(const struct plot *p, double top, carat_str *out)
{
    enum { TICKS = 5 };
    bool hours = p->last - p->first < 4 * 86400.0;
    int ticks = p->last > p->first ? TICKS : 1;
    for (int i = 0; i < ticks; i++) {
        double when = ticks > 1 ? p->first + (p->last - p->first) * i / (ticks - 1) : p->first;
        time_t at = (time_t)when;
        struct tm t;
        char text[24] = "";
        if (gmtime_r(&at, &t))
            strftime(text, sizeof text, hours ? "%m-%d %H:%M" : "%Y-%m-%d", &t);
        const char *side = ticks == 1 ? "mid" : i == 0 ? "start" : i == ticks - 1 ? "end" : "mid";
        carat_str_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", side, across(p, when),
                         top + PANEL - BOTTOM + 18, text);
    }
}

/* The points of one metric, and where they are drawn. */
struct panel {
    const struct point *at;
    size_t n;
    carat_axis y;
    double top;
};

static void put_line(const struct plot *p, const struct panel *panel, size_t series, carat_str *out)
{
    const struct point *at = panel->at;
    const carat_axis *y = &panel->y;
    size_t n = panel->n;
    double top = panel->top;
    const char *way = NULL; /* of the point before; a line breaks where what was measured changed */
    carat_str_printf(out, "<g class=\"s%zu\"><path class=\"line\" d=\"", series % CARAT_SERIES);
    for (size_t i = 0; i < n; i++)
        if (at[i].series == series) {
            carat_str_printf(out, "%c%.1f %.1f", way && !strcmp(way, at[i].way) ? 'L' : 'M',
                             across(p, at[i].when), up(y, at[i].e.value, top));
            way = at[i].way;
        }
    carat_str_puts(out, "\"/>\n");
    for (size_t i = 0; i < n; i++) {
        if (at[i].series != series)
            continue;
        double x = across(p, at[i].when);
        if (isfinite(at[i].e.low) && isfinite(at[i].e.high))
            carat_str_printf(out, "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                             x, x, up(y, at[i].e.low, top), up(y, at[i].e.high, top));
        carat_str_printf(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>", x,
                         up(y, at[i].e.value, top));
        put_cut(out, at[i].model);
        carat_str_puts(out, *at[i].label ? ", " : "");
        put_cut(out, at[i].label);
        carat_str_puts(out, ", way ");
        put_cut(out, at[i].way);
        carat_str_puts(out, ", ");
        carat_markup_puts(out, at[i].written);
        carat_str_printf(out, " UTC: %.5g", at[i].e.value);
        if (isfinite(at[i].e.low) && isfinite(at[i].e.high))
            carat_str_printf(out, " (95 %% interval %.5g to %.5g)", at[i].e.low, at[i].e.high);
        carat_str_puts(out, "</title></circle>\n");
    }
    carat_str_puts(out, "</g>\n");
}

static void put_panel(const struct plot *p, const struct point *at, size_t n, double top, carat_str *out)
{
    carat_axis y = axis_of(at, n);
    int direction = carat_report_direction(at->metric);
    const struct panel panel = {at, n, y, top};
    carat_str_printf(out, "<text class=\"title\" x=\"%d\" y=\"%.1f\">", LEFT, top + 18);
    put_cut(out, at->suite);
    carat_str_puts(out, ": ");
    put_cut(out, at->metric);
    carat_str_printf(out, " %s</text>\n",
                     direction < 0 ? "(smaller is better)"
                     : direction   ? "(bigger is better)"
                                   : "");
    for (int i = 0; y.low + i * y.step <= y.high + y.step / 2; i++) {
        double tick = y.low + i * y.step, h = up(&y, tick, top);
        carat_str_printf(out,
                         "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text "
                         "class=\"end\" x=\"%d\" y=\"%.1f\">",
                         LEFT, WIDE - RIGHT, h, h, LEFT - 6, h + 4);
        carat_axis_label(&y, tick, out);
        carat_str_puts(out, "</text>\n");
    }
    put_days(p, top, out);
    for (size_t s = 0; s < p->n_models; s++) {
        bool here = false;
        for (size_t i = 0; i < n; i++)
            here |= at[i].series == s;
        if (here)
            put_line(p, &panel, s, out);
    }
}

static size_t panel_size(const struct plot *p, size_t from)
{
    size_t n = 1;
    while (from + n < p->n && strcmp(p->point[from].suite, p->point[from + n].suite) == 0 &&
           strcmp(p->point[from].metric, p->point[from + n].metric) == 0)
        n++;
    return n;
}

static void draw(const struct plot *p, carat_str *out)
{
    size_t panels = 0;
    for (size_t at = 0; at < p->n; at += panel_size(p, at))
        panels++;
    double legend = 12 + LINE * (double)p->n_models, high = legend + (double)panels * PANEL;
    carat_str_printf(out,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
                     "height=\"%.0f\" role=\"img\">\n<title>Scores over time</title>\n<style>%s</style>\n",
                     WIDE, high, WIDE, high, style);
    for (size_t i = 0; i < p->n_models; i++) {
        double y = 20 + LINE * (double)i;
        carat_str_printf(
            out, "<circle class=\"s%zu dot\" cx=\"%d\" cy=\"%.1f\" r=\"4\"/><text x=\"%d\" y=\"%.1f\">",
            i % CARAT_SERIES, LEFT + 4, y - 4, LEFT + 14, y);
        put_cut(out, p->model[i]);
        carat_str_puts(out, "</text>\n");
    }
    double top = legend;
    for (size_t at = 0, n; at < p->n; at += n, top += PANEL) {
        n = panel_size(p, at);
        put_panel(p, &p->point[at], n, top, out);
    }
    carat_str_puts(out, "</svg>\n");
}

carat_status carat_past_plot(carat_past *h, const carat_past_filter *filter, carat_str *out, carat_err *err)
{
    struct plot p = {0};
    carat_status st = carat_past_each(h, filter, take, &p, err);
    if (!st && !p.n)
        st = carat_fail(err, CARAT_EUSAGE, "no score to draw; `carat history list` shows what there is");
    if (!st) {
        draw(&p, out);
        st = carat_str_check(out, err);
    }
    free(p.point);
    free(p.model);
    carat_arena_free(&p.texts);
    return st;
}
