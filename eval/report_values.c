/* Members, numbers and names of metrics in reports (report.h).                     SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/report.h"

uint64_t carat_report_asked_cut(const carat_record *r)
{
    uint64_t cut = 0;
    carat_json_u64(carat_json_get(r->json, "asked_cut"), "asked_cut", 0, UINT64_MAX, &cut, NULL);
    return cut;
}

const char *carat_report_member(const carat_record *r, const char *key)
{
    const char *text = NULL;
    carat_json_text(carat_json_get(r->json, key), key, &text, NULL);
    return text;
}

carat_outcome carat_report_outcome(const carat_record *r)
{
    const char *name = carat_report_member(r, "outcome");
    for (int o = 0; name && o < CARAT_NOT_MEASURED; o++)
        if (strcmp(name, carat_outcome_name((carat_outcome)o)) == 0)
            return (carat_outcome)o;
    return CARAT_NOT_MEASURED;
}

static double number(const carat_json *node, const char *key)
{
    double x;
    return carat_json_f64(carat_json_get(node, key), key, &x, NULL) ? NAN : x;
}

carat_metric carat_report_metric(const carat_json *node)
{
    double n = number(node, "n");
    return (carat_metric){carat_json_key(node),
                          {number(node, "value"), number(node, "stderr"), number(node, "low"),
                           number(node, "high"), n >= 1 && n < 0x1p53 ? (size_t)n : 0}};
}

const carat_json *carat_report_headline(const carat_json *metrics)
{
    for (const carat_json *c = carat_json_first(metrics); c; c = carat_json_next(c))
        if (isfinite(carat_report_metric(c).estimate.error))
            return c;
    return carat_json_first(metrics);
}

void carat_report_number(carat_str *out, const carat_metric *m, double x)
{
    double error = m->estimate.error;
    if (isnan(x))
        carat_str_puts(out, "-");
    else if (isfinite(error) && error > 0 && fabs(x) < 1e9 && error < 1e9) {
        double digits = 1 - floor(log10(error));
        carat_str_printf(out, "%.*f", digits < 0 ? 0 : digits > 9 ? 9 : (int)digits, x);
    } else
        carat_str_printf(out, fabs(x) >= 1e4 && fabs(x) < 1e15 ? "%.0f" : "%.4g", x);
}

static bool in_table(const char *name, const char *const *words, size_t n,
                     bool (*fits)(const char *, const char *))
{
    for (size_t i = 0; i < n; i++)
        if (fits(name, words[i]))
            return true;
    return false;
}

int carat_report_direction(const char *metric)
{
    static const char *const neither[] = {"level_", "items"};
    static const char *const begins[] = {
        "perplexity", "byte_perplexity", "nll",   "bits_per_byte", "kld", "coding_kld", "ttft", "itl", "load",
        "peak",       "energy",          "joules"};
    static const char *const ends[] = {"_ms", "_s", "_bytes", "_mib", "_gb", "_joules"};
    if (in_table(metric, neither, sizeof neither / sizeof *neither, carat_starts))
        return 0;
    if (carat_ends(metric, "per_s"))
        return 1;
    return in_table(metric, begins, sizeof begins / sizeof *begins, carat_starts) ||
                   in_table(metric, ends, sizeof ends / sizeof *ends, carat_ends)
               ? -1
               : 1;
}

const char *carat_report_unit(const char *metric)
{
    static const struct {
        const char *word, *unit;
    } units[] = {{"tokens_per_s", "tokens/s"},
                 {"gb_per_s", "GB/s"},
                 {"joules", "J"},
                 {"_ms", "ms"},
                 {"per_s", "1/s"},
                 {"_s", "s"},
                 {"_mib", "MiB"},
                 {"_gb", "GB"},
                 {"_bytes", "bytes"},
                 {"bits_per_byte", "bits/byte"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strstr(metric, units[i].word) && (i < 4 || carat_ends(metric, units[i].word)))
            return units[i].unit;
    return carat_starts(metric, "kld") || carat_starts(metric, "nll") ? "nats" : "";
}

void carat_report_scalar(carat_str *out, const carat_json *node)
{
    const char *text;
    if (!carat_json_text(node, "", &text, NULL)) {
        carat_str_puts(out, text);
        return;
    }
    carat_jw w = carat_jw_begin(out);
    carat_report_tree(&w, node);
}

static void put_members(carat_jw *w, const carat_json *node, bool object)
{
    carat_jw_open(w, object ? '{' : '[');
    for (const carat_json *c = carat_json_first(node); c; c = carat_json_next(c)) {
        if (object)
            carat_jw_key(w, carat_json_key(c));
        carat_report_tree(w, c);
    }
    carat_jw_close(w);
}

void carat_report_tree(carat_jw *w, const carat_json *node)
{
    const char *text;
    double x;
    bool flag;
    if (carat_json_is_object(node) || carat_json_is_array(node))
        put_members(w, node, carat_json_is_object(node));
    else if (!carat_json_text(node, "", &text, NULL))
        carat_jw_text(w, text);
    else if (!carat_json_f64(node, "", &x, NULL) && fabs(x) < 0x1p53 && x == floor(x))
        carat_jw_i64(w, (int64_t)x);
    else if (carat_json_is_number(node))
        carat_jw_f64(w, x);
    else if (!carat_json_flag(node, "", &flag, NULL))
        carat_jw_bool(w, flag);
    else
        carat_jw_null(w);
}
