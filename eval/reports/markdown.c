/* Reports as GitHub's Markdown: job summaries, pull requests.                      SPDX-License-Identifier: Apache-2.0
 *
 * GitHub takes 1 MiB a step: the flips are bounded, and replies left to the page. */
#include <math.h>
#include <string.h>

#include "eval/report.h"

/* Text in a cell: what Markdown or HTML would act on is escaped, lines become spaces. */
static void put_cell(carat_str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            carat_str_putc(out, ' ');
        else if (*p == '<')
            carat_str_puts(out, "&lt;");
        else if (*p == '&')
            carat_str_puts(out, "&amp;");
        else if (strchr("\\`*_|[]#~!@$>", *p))
            carat_str_printf(out, "\\%c", *p);
        else
            carat_str_putc(out, *p);
    }
}

static void put_estimate(carat_str *out, const carat_metric *m)
{
    carat_report_number(out, m, m->estimate.value);
    if (isfinite(m->estimate.error)) {
        carat_str_puts(out, " ± ");
        carat_report_number(out, m, m->estimate.error);
    }
    carat_str_puts(out, " | ");
    if (isfinite(m->estimate.low) && isfinite(m->estimate.high)) {
        carat_str_puts(out, "[");
        carat_report_number(out, m, m->estimate.low);
        carat_str_puts(out, ", ");
        carat_report_number(out, m, m->estimate.high);
        carat_str_puts(out, "]");
    }
    carat_str_puts(out, " | ");
    if (m->estimate.n)
        carat_str_printf(out, "%zu", m->estimate.n);
    carat_str_puts(out, " |\n");
}

static void put_scores(carat_str *out, const carat_report *r)
{
    carat_str_puts(out, "| Run | Suite | Metric | Value | 95 % interval | n |\n|---|---|---|--:|---|--:|\n");
    const char *suite;
    for (size_t k = 0; (suite = carat_report_suite_name(r, k)); k++)
        for (size_t i = 0; i < r->n; i++) {
            const carat_report_suite *s = carat_report_suite_of(&r->run[i], suite);
            for (const carat_json *c = s ? carat_json_first(s->metrics) : NULL; c; c = carat_json_next(c)) {
                carat_metric m = carat_report_metric(c);
                carat_str_puts(out, "| ");
                put_cell(out, r->run[i].name);
                carat_str_puts(out, " | ");
                put_cell(out, s->name);
                carat_str_puts(out, " | ");
                put_cell(out, m.name);
                int direction = carat_report_direction(m.name);
                carat_str_puts(out, direction < 0 ? " ↓ | " : direction ? " ↑ | " : " | ");
                put_estimate(out, &m);
            }
        }
}

static void put_outcomes(carat_str *out, const carat_report *r)
{
    carat_str_puts(out, "\n| Run | Suite | Right | Wrong | Unparsed | Not measured | of these truncated "
                        "|\n|---|---|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->run[i].n_suites; k++) {
            const carat_report_suite *s = &r->run[i].suite[k];
            if (!s->asks)
                continue;
            carat_str_puts(out, "| ");
            put_cell(out, r->run[i].name);
            carat_str_puts(out, " | ");
            put_cell(out, s->name);
            for (int o = 0; o < 4; o++)
                carat_str_printf(out, " | %" PRIu64, s->outcome[o]);
            carat_str_printf(out, " | %" PRIu64 " |\n", s->truncated);
        }
}

static void put_groups(carat_str *out, const carat_report_run *run, const carat_report_suite *s)
{
    for (const carat_json *key = carat_json_first(s->groups); key; key = carat_json_next(key)) {
        carat_str_puts(out, "\n<details><summary>");
        put_cell(out, s->name);
        carat_str_puts(out, " by ");
        put_cell(out, carat_json_key(key));
        carat_str_puts(out, ", ");
        put_cell(out, run->name);
        carat_str_puts(out, "</summary>\n\n| ");
        put_cell(out, carat_json_key(key));
        carat_str_puts(out, " | Metric | Value | 95 % interval | n |\n|---|---|--:|---|--:|\n");
        for (const carat_json *v = carat_json_first(key); v; v = carat_json_next(v))
            for (const carat_json *c = carat_json_first(v); c; c = carat_json_next(c)) {
                carat_metric m = carat_report_metric(c);
                carat_str_puts(out, "| ");
                put_cell(out, carat_json_key(v));
                carat_str_puts(out, " | ");
                put_cell(out, m.name);
                carat_str_puts(out, " | ");
                put_estimate(out, &m);
            }
        carat_str_puts(out, "\n</details>\n");
    }
}

static carat_status put_flips(carat_str *out, const carat_report *r, const char *suite, carat_err *err)
{
    carat_flips f;
    carat_status st = carat_report_flips(r, suite, &f, err);
    if (st || !f.pairs)
        return st;
    carat_str_puts(out, "\n**");
    put_cell(out, suite);
    carat_str_printf(out,
                     "**: of %zu items in both, %zu right in the first only, %zu in the second only, %zu "
                     "changed otherwise.\n",
                     f.pairs, f.of[CARAT_LOST], f.of[CARAT_WON],
                     f.of[CARAT_OTHERWISE] + f.of[CARAT_RESCORED]);
    if (f.prompts)
        carat_str_printf(out, "%zu of them were asked with different prompts.\n", f.prompts);
    size_t shown = f.n < r->items ? f.n : r->items;
    if (shown)
        carat_str_printf(out,
                         "\n<details><summary>%zu of %zu that changed</summary>\n\n| Item | Before | After "
                         "|\n|---|---|---|\n",
                         shown, f.n);
    for (size_t i = 0; i < shown; i++) {
        const char *id = carat_report_member(f.flip[i].a, "id");
        carat_str_puts(out, "| ");
        if (id)
            put_cell(out, id);
        else
            carat_str_printf(out, "%" PRIu64, f.flip[i].a->item);
        carat_str_printf(out, " | %s | %s |\n", carat_outcome_name(carat_report_outcome(f.flip[i].a)),
                         carat_outcome_name(carat_report_outcome(f.flip[i].b)));
    }
    if (shown)
        carat_str_puts(out, "\n</details>\n");
    carat_report_flips_free(&f);
    return CARAT_OK;
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    carat_str scratch = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    carat_str_puts(out, "## carat");
    for (size_t i = 0; i < r->n; i++) {
        carat_str_puts(out, i ? " and " : ": ");
        put_cell(out, r->run[i].name);
    }
    carat_str_puts(out, "\n\n");
    for (size_t i = 0; i < r->n; i++) {
        const char *caveat = carat_report_caveat(&r->run[i], &scratch);
        if (!caveat)
            continue;
        carat_str_puts(out, "> **");
        put_cell(out, r->run[i].name);
        carat_str_puts(out, "**: ");
        put_cell(out, caveat);
        carat_str_puts(out, "\n\n");
    }
    carat_str_free(&scratch);
    put_scores(out, r);
    put_outcomes(out, r);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->run[i].n_suites; k++)
            put_groups(out, &r->run[i], &r->run[i].suite[k]);
    for (size_t k = 0; r->n == 2 && k < r->run[0].n_suites && !st; k++)
        st = put_flips(out, r, r->run[0].suite[k].name, err);
    return st ? st : carat_str_check(out, err);
}

const carat_report_format carat_report_as_markdown = {
    .name = "markdown",
    .summary = "GitHub's: job summaries, pull requests",
    .file = "report.md",
    .write = write,
};
