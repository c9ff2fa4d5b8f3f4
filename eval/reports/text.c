/* Reports for a terminal.                                                          SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/markup.h"
#include "eval/report.h"

/* Runs side by side have a column of names; a single one needs none. */
static int name_width(const carat_report *r)
{
    size_t width = 0;
    for (size_t i = 0; r->n > 1 && i < r->n; i++)
        if (strlen(r->run[i].name) > width)
            width = strlen(r->run[i].name);
    return (int)(width > 32 ? 32 : width);
}

/* What came out of a file, padded: nothing in it that a terminal would act on. */
static void put_plain(carat_str *out, const char *text, int width)
{
    carat_str plain = CARAT_STR_INIT;
    carat_text_plain(&plain, text);
    carat_str_printf(out, "%-*s", width, plain.data);
    out->failed |= plain.failed;
    carat_str_free(&plain);
}

static void put_name(carat_str *out, const carat_report_run *run, int width)
{
    char name[40];
    if (!width)
        return;
    size_t len = carat_text_cut(run->name, strlen(run->name), (size_t)width);
    memcpy(name, run->name, len);
    name[len] = 0;
    carat_str_puts(out, "  ");
    put_plain(out, name, width);
}

static void put_padded(carat_str *out, const carat_metric *m, double x, int width)
{
    carat_str text = CARAT_STR_INIT;
    carat_report_number(&text, m, x);
    carat_str_printf(out, "%*s", width, text.data);
    out->failed |= text.failed;
    carat_str_free(&text);
}

static void put_estimate(carat_str *out, const carat_metric *m)
{
    put_padded(out, m, m->estimate.value, 12);
    if (isfinite(m->estimate.error)) {
        carat_str_puts(out, "  +- ");
        put_padded(out, m, m->estimate.error, -9);
    }
    if (isfinite(m->estimate.low) && isfinite(m->estimate.high)) {
        carat_str_puts(out, " [");
        carat_report_number(out, m, m->estimate.low);
        carat_str_puts(out, ", ");
        carat_report_number(out, m, m->estimate.high);
        carat_str_puts(out, "]");
    }
    if (m->estimate.n)
        carat_str_printf(out, "  n = %zu", m->estimate.n);
    carat_str_putc(out, '\n');
}

static void put_outcomes(carat_str *out, const carat_report_suite *s)
{
    if (!s->asks) {
        carat_str_printf(out, "%zu measured, %" PRIu64 " not measured\n", s->n,
                         s->outcome[CARAT_NOT_MEASURED]);
        return;
    }
    carat_str_printf(out,
                     "%" PRIu64 " right, %" PRIu64 " wrong, %" PRIu64 " unparsed, %" PRIu64 " not measured",
                     s->outcome[CARAT_RIGHT], s->outcome[CARAT_WRONG], s->outcome[CARAT_UNPARSED],
                     s->outcome[CARAT_NOT_MEASURED]);
    if (s->truncated)
        carat_str_printf(out, " (%" PRIu64 " truncated)", s->truncated);
    carat_str_putc(out, '\n');
}

static void put_metrics(carat_str *out, const carat_report *r, const char *suite)
{
    int width = name_width(r);
    for (size_t i = 0; i < r->n; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        if (!s)
            continue;
        for (const carat_json *c = carat_json_first(s->metrics); c; c = carat_json_next(c)) {
            carat_metric m = carat_report_metric(c);
            put_name(out, &r->run[i], width);
            carat_str_puts(out, "  ");
            put_plain(out, m.name, 20);
            put_estimate(out, &m);
        }
        put_name(out, &r->run[i], width);
        carat_str_puts(out, "  ");
        put_outcomes(out, s);
        if (s->note) {
            carat_str_puts(out, "  (");
            put_plain(out, s->note, 0);
            carat_str_puts(out, ")\n");
        }
    }
}

static void put_group(carat_str *out, const carat_json *value)
{
    for (const carat_json *c = carat_json_first(value); c; c = carat_json_next(c)) {
        carat_metric m = carat_report_metric(c);
        carat_str_puts(out, "    ");
        put_plain(out, carat_json_key(value), 24);
        carat_str_putc(out, ' ');
        put_plain(out, m.name, 12);
        put_estimate(out, &m);
    }
}

static void put_groups(carat_str *out, const carat_report *r, const char *suite)
{
    for (size_t i = 0; i < r->n; i++) {
        const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
        for (const carat_json *key = s ? carat_json_first(s->groups) : NULL; key;
             key = carat_json_next(key)) {
            carat_str_puts(out, "  by ");
            put_plain(out, carat_json_key(key), 0);
            carat_str_puts(out, r->n > 1 ? ", " : "");
            put_plain(out, r->n > 1 ? r->run[i].name : "", 0);
            carat_str_putc(out, '\n');
            for (const carat_json *value = carat_json_first(key); value; value = carat_json_next(value))
                put_group(out, value);
        }
    }
}

static carat_status put_flips(carat_str *out, const carat_report *r, const char *suite, carat_err *err)
{
    carat_flips f;
    carat_status st = carat_report_flips(r, suite, &f, err);
    if (st || !f.pairs)
        return st;
    if (f.prompts)
        carat_str_printf(out, "  %zu of %zu items were asked with different prompts\n", f.prompts, f.pairs);
    carat_str_printf(out,
                     "  of %zu items in both: %zu right in the first only, %zu in the second only, %zu "
                     "changed otherwise\n",
                     f.pairs, f.of[CARAT_LOST], f.of[CARAT_WON],
                     f.of[CARAT_OTHERWISE] + f.of[CARAT_RESCORED]);
    carat_report_flips_free(&f);
    return CARAT_OK;
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    carat_str scratch = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < r->n; i++) {
        const char *caveat = carat_report_caveat(&r->run[i], &scratch);
        carat_str_printf(out, "%s  %s UTC\n", r->run[i].loaded.dir, r->run[i].when);
        if (caveat) {
            carat_str_puts(out, "! ");
            put_plain(out, caveat, 0);
            carat_str_putc(out, '\n');
        }
    }
    carat_str_free(&scratch);
    const char *suite;
    for (size_t i = 0; (suite = carat_report_suite_name(r, i)) && !st; i++) {
        carat_str_putc(out, '\n');
        put_plain(out, suite, 0);
        carat_str_putc(out, '\n');
        put_metrics(out, r, suite);
        put_groups(out, r, suite);
        st = put_flips(out, r, suite, err);
    }
    return st ? st : carat_str_check(out, err);
}

const carat_report_format carat_report_as_text = {
    .name = "text",
    .summary = "for a terminal: scores with intervals, outcomes, groups",
    .file = "report.txt",
    .write = write,
};
