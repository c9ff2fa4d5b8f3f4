/* Charts as SVG (chart.h).                                                         SPDX-License-Identifier: Apache-2.0 */
#include "eval/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/markup.h"

enum { WIDE = 360, HIGH = 200, LEFT = 46, RIGHT = 10, TOP = 10, BOTTOM = 36, BINS = 48 };

/* ---- axes ----------------------------------------------------------------------------------------------------- */

carat_axis carat_axis_over(double low, double high, int ticks)
{
    if (!(high > low))
        high = low + (fabs(low) > 0 ? fabs(low) * 0.1 : 1);
    static const double times[] = {1, 2, 2.5, 5, 10};
    double rough = (high - low) / ticks, base = pow(10, floor(log10(rough)));
    size_t i = 0;
    while (i + 1 < sizeof times / sizeof *times && times[i] * base < rough * (1 - 1e-9))
        i++;
    double step = times[i] * base;
    return (carat_axis){floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step, false};
}

double carat_axis_at(const carat_axis *a, double x)
{
    double at = (x - a->low) / (a->high - a->low);
    return at < 0 ? 0 : at > 1 ? 1 : at == at ? at : 0;
}

void carat_axis_label(const carat_axis *a, double tick, carat_str *out)
{
    int exponent = (int)lround(tick);
    if (!a->log) {
        double digits = ceil(-log10(a->step) - 1e-9);
        bool quarter = fabs(a->step * pow(10, digits) - round(a->step * pow(10, digits))) > 1e-6;
        digits += quarter;
        carat_str_printf(out, "%.*f",
                         digits < 0   ? 0
                         : digits > 9 ? 9
                                      : (int)digits,
                         fabs(tick) < a->step / 2 ? 0 : tick);
    } else if (exponent >= -3 && exponent <= 4)
        carat_str_printf(out, "%g", pow(10, exponent));
    else
        carat_str_printf(out, "1e%d", exponent);
}

/* ---- bars in tables ------------------------------------------------------------------------------------------- */

void carat_chart_interval(carat_str *out, const carat_estimate *e, double low, double high, unsigned series)
{
    carat_axis a = {low, high, 1, false};
    double at = 100 * carat_axis_at(&a, e->value), from = 100 * carat_axis_at(&a, e->low),
           to = 100 * carat_axis_at(&a, e->high);
    carat_str_printf(
        out,
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\"><title>%.4g",
        e->value);
    if (isfinite(e->low) && isfinite(e->high))
        carat_str_printf(out, ", 95 %% interval %.4g to %.4g", e->low, e->high);
    carat_str_printf(out, "</title><rect class=\"track\" width=\"100\" height=\"10\"/>");
    if (isfinite(e->value))
        carat_str_printf(out, "<rect class=\"s%u fill\" y=\"3\" width=\"%.2f\" height=\"4\"/>",
                         series % CARAT_SERIES, at);
    if (isfinite(e->low) && isfinite(e->high) && to >= from)
        carat_str_printf(out, "<rect class=\"s%u band\" x=\"%.2f\" y=\"1\" width=\"%.2f\" height=\"8\"/>",
                         series % CARAT_SERIES, from, fmax(to - from, 0.4));
    if (isfinite(e->value))
        carat_str_printf(out, "<rect class=\"s%u mark\" x=\"%.2f\" width=\"0.8\" height=\"10\"/>",
                         series % CARAT_SERIES, fmin(at, 99.2));
    carat_str_puts(out, "</svg>");
}

void carat_chart_shares(carat_str *out, const carat_share *s, size_t n)
{
    double total = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)s[i].n;
    carat_str_puts(
        out,
        "<svg class=\"shares\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\"><title>");
    for (size_t i = 0; i < n; i++)
        carat_str_printf(out, "%s%s %" PRIu64, i ? ", " : "", s[i].label, s[i].n);
    carat_str_puts(out, "</title><rect class=\"track\" width=\"100\" height=\"10\"/>");
    for (size_t i = 0; i < n && total > 0; i++) {
        double wide = 100 * (double)s[i].n / total;
        if (s[i].n)
            carat_str_printf(out, "<rect class=\"%s\" x=\"%.3f\" width=\"%.3f\" height=\"10\"/>", s[i].name,
                             at, wide);
        at += wide;
    }
    carat_str_puts(out, "</svg>");
}

/* ---- charts with axes ----------------------------------------------------------------------------------------- */

static double across(const carat_axis *a, double x)
{
    return LEFT + carat_axis_at(a, x) * (WIDE - LEFT - RIGHT);
}

static double up(const carat_axis *a, double y)
{
    return HIGH - BOTTOM - carat_axis_at(a, y) * (HIGH - TOP - BOTTOM);
}

static void begin(carat_str *out, const char *title)
{
    carat_str_printf(out, "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\"><title>", WIDE, HIGH);
    carat_markup_puts(out, title);
    carat_str_puts(out, "</title>\n");
}

static void grid_up(carat_str *out, const carat_axis *y)
{
    for (int i = 0; y->low + i * y->step <= y->high + y->step / 2; i++) {
        double at = up(y, y->low + i * y->step);
        carat_str_printf(out,
                         "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text "
                         "class=\"end\" x=\"%d\" y=\"%.1f\">",
                         LEFT, WIDE - RIGHT, at, at, LEFT - 5, at + 3.5);
        carat_axis_label(y, y->low + i * y->step, out);
        carat_str_puts(out, "</text>\n");
    }
}

static void tick_across(carat_str *out, double x, const char *label)
{
    carat_str_printf(out,
                     "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text class=\"mid\" "
                     "x=\"%.1f\" y=\"%d\">%s</text>\n",
                     x, x, HIGH - BOTTOM, HIGH - BOTTOM + 4, x, HIGH - BOTTOM + 15, label);
}

static void name_across(carat_str *out, const char *what)
{
    carat_str_printf(out, "<text class=\"mid\" x=\"%d\" y=\"%d\">", (LEFT + WIDE - RIGHT) / 2, HIGH - 5);
    carat_markup_puts(out, what);
    carat_str_puts(out, "</text>\n");
}

static void end(carat_str *out)
{
    carat_str_puts(out, "</svg>\n");
}

static double smallest_positive(const carat_sorted *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->value[i] > 0)
            return s->value[i];
    return INFINITY;
}

static void count_bins(const carat_sorted *s, const carat_axis *x, double share[BINS])
{
    memset(share, 0, BINS * sizeof *share);
    for (size_t i = 0; i < s->n; i++) {
        double at = s->value[i] > 0 ? carat_axis_at(x, log10(s->value[i])) : 0;
        int bin = (int)(at * BINS);
        share[bin < BINS ? bin : BINS - 1] += 100.0 / (double)s->n;
    }
}

static void put_steps(carat_str *out, const carat_axis *x, const carat_axis *y, const double share[BINS],
                      unsigned series)
{
    carat_str_printf(out, "<path class=\"s%u %s\" d=\"M%d %d", series % CARAT_SERIES,
                     series ? "line" : "area", LEFT, HIGH - BOTTOM);
    for (int i = 0; i < BINS; i++) {
        double from = x->low + (x->high - x->low) * i / BINS,
               to = x->low + (x->high - x->low) * (i + 1) / BINS;
        carat_str_printf(out, "L%.1f %.1fL%.1f %.1f", across(x, from), up(y, share[i]), across(x, to),
                         up(y, share[i]));
    }
    carat_str_printf(out, "L%d %d\"/>\n", WIDE - RIGHT, HIGH - BOTTOM);
}

void carat_chart_histogram(carat_str *out, const carat_sorted *s, size_t n, const char *title,
                           const char *unit)
{
    double share[CARAT_SERIES][BINS], low = INFINITY, high = 0, most = 0;
    n = n < CARAT_SERIES ? n : CARAT_SERIES;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, smallest_positive(&s[i]));
        high = fmax(high, s[i].n ? s[i].value[s[i].n - 1] : 0);
    }
    if (!(high > 0))
        return;
    double first = floor(log10(fmax(low, 1e-10))), last = ceil(log10(high));
    carat_axis x = {first, fmax(last, first + 1), fmax(1, ceil((last - first) / 7)), true};
    for (size_t i = 0; i < n; i++) {
        count_bins(&s[i], &x, share[i]);
        for (int b = 0; b < BINS; b++)
            most = fmax(most, share[i][b]);
    }
    carat_axis y = carat_axis_over(0, most, 4);
    begin(out, title);
    grid_up(out, &y);
    carat_str label = CARAT_STR_INIT;
    for (double t = x.low; t <= x.high + 0.5; t += x.step) {
        carat_str_clear(&label);
        carat_axis_label(&x, t, &label);
        tick_across(out, across(&x, t), label.data);
    }
    for (size_t i = 0; i < n; i++)
        put_steps(out, &x, &y, share[i], (unsigned)i);
    carat_str_clear(&label);
    carat_str_printf(&label, "%s (%% of values)", unit);
    name_across(out, label.data);
    end(out);
    carat_str_free(&label);
}

/* Where percentile p stands: linear up to the median, logarithmic in what lies above it. */
static double nines(double p)
{
    return p < 0.5 ? p : 0.5 + log10((1 - 0.5) / (1 - p)) / log10(5);
}

/* The smallest value with at least a share p of all at or below it. */
static double quantile(const carat_sorted *s, double p)
{
    double rank = ceil(p * (double)s->n);
    return s->value[rank < 1 ? 0 : (size_t)rank < s->n ? (size_t)rank - 1 : s->n - 1];
}

static double percentile_at(double at)
{
    return at < 0.5 ? at : 1 - 0.5 * pow(5, -(at - 0.5));
}

static void put_curve(carat_str *out, const carat_sorted *s, const carat_axis *x, const carat_axis *y,
                      unsigned series)
{
    enum { POINTS = 120 };
    carat_str_printf(out, "<path class=\"s%u line\" d=\"", series % CARAT_SERIES);
    for (int i = 0; i <= POINTS; i++) {
        double at = x->high * i / POINTS, v = quantile(s, percentile_at(at));
        carat_str_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', across(x, at),
                         up(y, y->log ? log10(fmax(v, 1e-12)) : v));
    }
    carat_str_puts(out, "\"/>\n");
}

void carat_chart_percentiles(carat_str *out, const carat_sorted *s, size_t n, const char *title,
                             const char *unit)
{
    static const double marks[] = {0, 0.25, 0.5, 0.9, 0.99, 0.999};
    double high = 0, low = INFINITY;
    size_t most = 0;
    n = n < CARAT_SERIES ? n : CARAT_SERIES;
    for (size_t i = 0; i < n; i++)
        most = s[i].n > most ? s[i].n : most;
    carat_axis x = {0, nines(most >= 1000 ? 0.999 : most >= 100 ? 0.99 : 0.9), 1, false};
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, smallest_positive(&s[i]));
        high = fmax(high, s[i].n ? quantile(&s[i], percentile_at(x.high)) : 0);
    }
    if (!(high > 0))
        return;
    bool far = high > 100 * low;
    carat_axis y = far ? (carat_axis){floor(log10(fmax(low, 1e-12))), ceil(log10(high)), 1, true}
                       : carat_axis_over(0, high, 4);
    y.high = fmax(y.high, y.low + y.step);
    begin(out, title);
    grid_up(out, &y);
    for (size_t i = 0; i < sizeof marks / sizeof *marks && nines(marks[i]) <= x.high + 1e-9; i++) {
        char label[16];
        snprintf(label, sizeof label, "%g", 100 * marks[i]);
        tick_across(out, across(&x, nines(marks[i])), label);
    }
    for (size_t i = 0; i < n; i++)
        if (s[i].n)
            put_curve(out, &s[i], &x, &y, (unsigned)i);
    carat_str label = CARAT_STR_INIT;
    carat_str_printf(&label, "percentile (%s)", unit);
    name_across(out, label.data);
    end(out);
    carat_str_free(&label);
}
