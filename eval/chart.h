/* Charts as SVG elements inside a page or a file of their own.                     SPDX-License-Identifier: Apache-2.0
 *
 * Colours are classes (s0, s1, ... for series; right, wrong, ...), so that the style sheet decides and light and dark are one file.
 * Bars in tables stretch with their cell and hold no text; charts with text are drawn 360 units wide, so that they are readable at the
 * width of a phone. Each has a title for those who do not see it. */
#ifndef CARAT_EVAL_CHART_H
#define CARAT_EVAL_CHART_H

#include "eval/stats.h"
#include "runtime/base/str.h"

enum { CARAT_SERIES = 6 /* colours */ };

/* A range with round ticks at low, low + step, ... high; log: exponents of ten. */
typedef struct carat_axis {
    double low, high, step;
    bool log;
} carat_axis;
carat_axis carat_axis_over(double low, double high, int ticks); /* reaches at least from low to high */
double carat_axis_at(const carat_axis *a, double x);            /* 0 to 1, clipped */
void carat_axis_label(const carat_axis *a, double tick, carat_str *out);

/* A value with its interval on [low, high]; series chooses the colour. */
void carat_chart_interval(carat_str *out, const carat_estimate *e, double low, double high, unsigned series);

/* Shares of a whole, side by side. */
typedef struct carat_share {
    const char *name, *label; /* class; what it is called */
    uint64_t n;
} carat_share;
void carat_chart_shares(carat_str *out, const carat_share *s, size_t n);

/* Observations, ascending. */
typedef struct carat_sorted {
    const char *name;
    const double *value;
    size_t n;
} carat_sorted;
/* Shares of values by order of magnitude; zeros stand in the lowest bin. */
void carat_chart_histogram(carat_str *out, const carat_sorted *s, size_t n, const char *title,
                           const char *unit);
/* Value over percentile, the upper percentiles spread out. */
void carat_chart_percentiles(carat_str *out, const carat_sorted *s, size_t n, const char *title,
                             const char *unit);

#endif
