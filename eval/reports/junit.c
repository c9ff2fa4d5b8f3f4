/* Reports as JUnit XML, for what shows test results in CI.                         SPDX-License-Identifier: Apache-2.0
 *
 * Within Apache Ant's schema (windyroad's JUnit.xsd, the strictest about) and thus Jenkins'. A suite is a testsuite, an item of a suite
 * that asks a testcase: right passes, wrong and unparsed are failures, not measured is an error. Suites that compute have a testcase a
 * metric, which passes. Whether a score is good enough is for `carat gate` to say. */
#include <math.h>
#include <string.h>

#include "eval/markup.h"
#include "eval/report.h"

enum { SHOWN = 4000 /* bytes of a reply in a failure */ };

/* Members of the method, nested ones as outer.inner. */
static void put_properties(carat_str *out, const carat_json *node, const char *prefix)
{
    for (const carat_json *c = carat_json_first(node); c; c = carat_json_next(c)) {
        carat_str name = CARAT_STR_INIT, value = CARAT_STR_INIT;
        carat_str_printf(&name, "%s%s%s", prefix, *prefix ? "." : "",
                         carat_json_key(c) ? carat_json_key(c) : "item");
        if (carat_json_is_object(c)) {
            put_properties(out, c, name.data);
        } else if (!carat_json_is_null(c)) {
            carat_report_scalar(&value, c);
            carat_str_puts(out, "      <property name=\"");
            carat_markup_attr(out, name.data);
            carat_str_puts(out, "\" value=\"");
            carat_markup_attr(out, value.data);
            carat_str_puts(out, "\"/>\n");
        }
        out->failed |= name.failed || value.failed;
        carat_str_free(&name);
        carat_str_free(&value);
    }
}

/* Seconds with three digits, the most that Jenkins' schema takes. */
static double seconds_of(const carat_record *r)
{
    double s = 0;
    carat_json_f64(carat_json_get(r->json, "seconds"), "seconds", &s, NULL);
    return s >= 0 && s < 1e9 ? s : 0;
}

static void put_problem(carat_str *out, const carat_record *r, carat_outcome o)
{
    const char *tag = o == CARAT_NOT_MEASURED ? "error" : "failure", *reply = carat_report_member(r, "reply");
    const char *fault = carat_report_member(r, "fault"), *pred = carat_report_member(r, "pred");
    bool cut = false;
    carat_json_flag(carat_json_get(r->json, "truncated"), "truncated", &cut, NULL);
    carat_str_printf(out, ">\n      <%s type=\"%s\" message=\"", tag, carat_outcome_name(o));
    if (o == CARAT_NOT_MEASURED)
        carat_markup_attr(out, fault ? fault : cut ? "truncated at the limit of tokens" : "not measured");
    else if (o == CARAT_UNPARSED)
        carat_str_puts(out, "no answer found in the reply");
    else if (pred) {
        carat_str_puts(out, "answered ");
        carat_markup_attr(out, pred);
    } else
        carat_str_puts(out, "wrong");
    carat_str_puts(out, "\">");
    if (reply) {
        size_t len = strlen(reply), shown = carat_text_cut(reply, len, SHOWN);
        carat_markup_text(out, reply, shown);
        if (shown < len)
            carat_str_printf(out, "\n... (%zu more bytes in items.jsonl)", len - shown);
    }
    carat_str_printf(out, "</%s>\n    </testcase>\n", tag);
}

static void put_item(carat_str *out, const carat_report_run *run, const carat_report_suite *s,
                     const carat_record *r)
{
    const char *id = carat_report_member(r, "id");
    carat_outcome o = carat_report_outcome(r);
    carat_str_puts(out, "    <testcase classname=\"");
    carat_markup_attr(out, run->name);
    carat_str_putc(out, '.');
    carat_markup_attr(out, s->name);
    carat_str_puts(out, "\" name=\"");
    if (id)
        carat_markup_attr(out, id);
    else
        carat_str_printf(out, "item %" PRIu64, r->item);
    carat_str_printf(out, "\" time=\"%.3f\"", seconds_of(r));
    if (o == CARAT_RIGHT)
        carat_str_puts(out, "/>\n");
    else
        put_problem(out, r, o);
}

static void put_metric(carat_str *out, const carat_report_run *run, const carat_report_suite *s,
                       const char *name)
{
    carat_str_puts(out, "    <testcase classname=\"");
    carat_markup_attr(out, run->name);
    carat_str_putc(out, '.');
    carat_markup_attr(out, s->name);
    carat_str_puts(out, "\" name=\"");
    carat_markup_attr(out, name);
    carat_str_puts(out, "\" time=\"0.000\"/>\n");
}

static void put_suite(carat_str *out, const carat_report_run *run, const carat_report_suite *s, size_t id)
{
    carat_str scratch = CARAT_STR_INIT;
    const char *caveat = carat_report_caveat(run, &scratch);
    size_t of[4] = {0}, tests = s->asks ? s->n : carat_json_count(s->metrics);
    double seconds = 0;
    for (size_t i = 0; i < s->n && s->asks; i++) {
        of[carat_report_outcome(&s->record[i])]++;
        seconds += seconds_of(&s->record[i]);
    }
    carat_str_printf(out, "  <testsuite id=\"%zu\" package=\"", id);
    carat_markup_attr(out, run->name);
    carat_str_puts(out, "\" name=\"");
    carat_markup_attr(out, s->name);
    carat_str_printf(out,
                     "\" timestamp=\"%s\" hostname=\"localhost\" tests=\"%zu\" failures=\"%zu\" "
                     "errors=\"%zu\" time=\"%.3f\">\n",
                     run->when, tests, of[CARAT_WRONG] + of[CARAT_UNPARSED], of[CARAT_NOT_MEASURED], seconds);
    carat_str_puts(out, "    <properties>\n");
    put_properties(out, run->method, "");
    carat_str_puts(out, "    </properties>\n");
    for (size_t i = 0; i < s->n && s->asks; i++)
        put_item(out, run, s, &s->record[i]);
    for (const carat_json *c = s->asks ? NULL : carat_json_first(s->metrics); c; c = carat_json_next(c))
        put_metric(out, run, s, carat_json_key(c));
    carat_str_puts(out, "    <system-out>");
    for (const carat_json *c = carat_json_first(s->metrics); c; c = carat_json_next(c)) {
        carat_metric m = carat_report_metric(c);
        carat_markup_puts(out, m.name);
        carat_str_puts(out, " = ");
        carat_report_number(out, &m, m.estimate.value);
        if (isfinite(m.estimate.error))
            carat_str_printf(out, " +- %.2g", m.estimate.error);
        carat_str_putc(out, '\n');
    }
    carat_str_puts(out, "</system-out>\n    <system-err>");
    carat_markup_puts(out, caveat ? caveat : "");
    carat_str_puts(out, "</system-err>\n  </testsuite>\n");
    carat_str_free(&scratch);
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    size_t id = 0;
    carat_str_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->run[i].n_suites; k++)
            put_suite(out, &r->run[i], &r->run[i].suite[k], id++);
    carat_str_puts(out, "</testsuites>\n");
    return carat_str_check(out, err);
}

const carat_report_format carat_report_as_junit = {
    .name = "junit",
    .summary = "JUnit XML: an item a test case",
    .file = "junit.xml",
    .write = write,
};
