/* A picture of what depth costs: time per decoded token over positions in the cache.   SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/depth_plot.h"

#include <math.h>

#include "runtime/base/file.h"
#include "runtime/base/str.h"

enum { WIDE = 720, HIGH = 440, LEFT = 70, RIGHT = 30, TOP = 56, BOTTOM = 60, TICKS = 5 };

struct scale {
    double depth, ms; /* at the right and upper edge */
};

/* 1, 2 or 5 times a power of ten: TICKS of them reach at least x. */
static double tick_of(double x)
{
    double step = pow(10, floor(log10(x / TICKS)));
    static const double times[] = {1, 2, 5, 10};
    int i = 0;
    while (i < 3 && times[i] * step * TICKS < x)
        i++;
    return times[i] * step;
}

static double across(const struct scale *s, double depth)
{
    return LEFT + depth / s->depth * (WIDE - LEFT - RIGHT);
}

static double up(const struct scale *s, double ms)
{
    return HIGH - BOTTOM - ms / s->ms * (HIGH - TOP - BOTTOM);
}

/* Milliseconds if depth cost nothing but reading. */
static double least(const carat_depth_point *first, const carat_depth_point *p)
{
    return first->usual + (p->kv_bytes - first->kv_bytes) / p->bytes_per_ms;
}

static void axes(carat_str *out, const struct scale *s)
{
    for (int i = 0; i <= TICKS; i++) {
        double y = up(s, s->ms * i / TICKS), x = across(s, s->depth * i / TICKS);
        carat_str_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT,
                         WIDE - RIGHT, y, y);
        carat_str_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 8, y + 4,
                         s->ms * i / TICKS);
        carat_str_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x,
                         HIGH - BOTTOM + 20, s->depth * i / TICKS);
    }
    carat_str_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">positions in the cache</text>\n",
                     (WIDE + LEFT - RIGHT) / 2, HIGH - 16);
    carat_str_printf(
        out,
        "<text x=\"%d\" y=\"%d\">milliseconds a token; dashed: what reading K and V adds at least</text>\n",
        LEFT, TOP - 12);
}

static void points(carat_str *out, const struct scale *s, const carat_depth_point *p, size_t n)
{
    for (int dashed = 0; dashed < 2; dashed++) {
        carat_str_printf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"",
                         dashed ? "#888" : "#1f6fb2", dashed ? " stroke-dasharray=\"6 4\"" : "");
        for (size_t i = 0; i < n; i++)
            carat_str_printf(out, "%.1f,%.1f ", across(s, p[i].depth),
                             up(s, dashed ? least(p, &p[i]) : p[i].usual));
        carat_str_puts(out, "\"/>\n");
    }
    for (size_t i = 0; i < n; i++) {
        double x = across(s, p[i].depth);
        carat_str_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#1f6fb2\"/>\n",
                         x, x, up(s, p[i].fast), up(s, p[i].slow));
        carat_str_printf(out,
                         "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#1f6fb2\"><title>depth %g: %.2f "
                         "ms</title></circle>\n",
                         x, up(s, p[i].usual), p[i].depth, p[i].usual);
    }
}

carat_status carat_depth_plot(const char *file, const char *title, const carat_depth_point *p, size_t n,
                              carat_err *err)
{
    struct scale s = {1, 1e-3};
    for (size_t i = 0; i < n; i++) {
        s.depth = fmax(s.depth, p[i].depth);
        s.ms = fmax(s.ms, fmax(p[i].slow, least(p, &p[i])));
    }
    s = (struct scale){TICKS * tick_of(s.depth), TICKS * tick_of(s.ms)};
    carat_str out = CARAT_STR_INIT;
    carat_str_printf(
        &out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
        "<text x=\"%d\" y=\"24\" font-size=\"14\">%s</text>\n",
        WIDE, HIGH, LEFT, title);
    axes(&out, &s);
    points(&out, &s, p, n);
    carat_str_puts(&out, "</svg>\n");
    carat_status st = carat_str_check(&out, err);
    if (!st)
        st = carat_write_file(file, out.data, out.len, err);
    carat_str_free(&out);
    return st;
}
