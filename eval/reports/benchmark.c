/* Reports for github-action-benchmark: one list for each direction.                SPDX-License-Identifier: Apache-2.0
 *
 * [{"name": "mmlu-pro/acc", "unit": "acc", "value": 0.694, "range": "± 0.0042", "extra": "n = 12032\n..."}], for its tools
 * customBiggerIsBetter and customSmallerIsBetter, which know one direction a file. A metric without a value, or of which neither is better, is
 * left out. */
#include <math.h>

#include "eval/report.h"

static void put_entry(carat_jw *w, const carat_report *r, const carat_report_run *run, const char *suite,
                      const carat_metric *m)
{
    carat_str s = CARAT_STR_INIT;
    const char *unit = carat_report_unit(m->name);
    if (r->n > 1)
        carat_str_printf(&s, "%s: ", run->name);
    carat_str_printf(&s, "%s/%s", suite, m->name);
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "name", s.data);
    carat_jw_put_text(w, "unit", *unit ? unit : m->name);
    carat_jw_put_f64(w, "value", m->estimate.value);
    if (isfinite(m->estimate.error)) {
        carat_str_clear(&s);
        carat_str_printf(&s, "± %.2g", m->estimate.error);
        carat_jw_put_text(w, "range", s.data);
    }
    carat_str_clear(&s);
    carat_str_printf(&s, "%s is better", carat_report_direction(m->name) < 0 ? "smaller" : "bigger");
    if (m->estimate.n)
        carat_str_printf(&s, "\nn = %zu", m->estimate.n);
    if (isfinite(m->estimate.low) && isfinite(m->estimate.high))
        carat_str_printf(&s, "\n95 %% interval [%.6g, %.6g]", m->estimate.low, m->estimate.high);
    carat_jw_put_text(w, "extra", s.data);
    carat_jw_close(w);
    w->out->failed |= s.failed;
    carat_str_free(&s);
}

static carat_status write_direction(const carat_report *r, int direction, carat_str *out, carat_err *err)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->run[i].n_suites; k++) {
            const carat_report_suite *s = &r->run[i].suite[k];
            for (const carat_json *c = carat_json_first(s->metrics); c; c = carat_json_next(c)) {
                carat_metric m = carat_report_metric(c);
                if (isfinite(m.estimate.value) && carat_report_direction(m.name) == direction)
                    put_entry(&w, r, &r->run[i], s->name, &m);
            }
        }
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return carat_str_check(out, err);
}

static carat_status write_bigger(const carat_report *r, carat_str *out, carat_err *err)
{
    return write_direction(r, 1, out, err);
}

static carat_status write_smaller(const carat_report *r, carat_str *out, carat_err *err)
{
    return write_direction(r, -1, out, err);
}

const carat_report_format carat_report_as_benchmark = {
    .name = "benchmark",
    .summary = "github-action-benchmark's customBiggerIsBetter: accuracies, rates",
    .file = "bigger.json",
    .write = write_bigger,
};

const carat_report_format carat_report_as_benchmark_smaller = {
    .name = "benchmark-smaller",
    .summary = "github-action-benchmark's customSmallerIsBetter: perplexity, divergence, latency",
    .file = "smaller.json",
    .write = write_smaller,
};
