/* Reports as one page that needs nothing else: no network, no script.              SPDX-License-Identifier: Apache-2.0 */
#include "eval/reports/html.h"

#include <string.h>

#include "eval/chart.h"
#include "eval/markup.h"

void carat_html_put(carat_str *out, const char *before, const char *text, const char *after)
{
    carat_str_puts(out, before);
    carat_markup_puts(out, text);
    carat_str_puts(out, after);
}

void carat_html_run(const carat_report *r, size_t i, carat_str *out)
{
    carat_str_puts(out, "<span class=\"of\">");
    if (r->n > 1)
        carat_str_printf(out, "<i class=\"swatch s%zu\"></i>", i % CARAT_SERIES);
    carat_str_puts(out, "<bdi class=\"run\" title=\"");
    carat_markup_attr(out, r->run[i].name);
    carat_html_put(out, "\">", r->run[i].name, "</bdi></span>");
}

/* ---- head ----------------------------------------------------------------------------------------------------- */

static void put_head(const carat_report *r, carat_str *out)
{
    carat_str_puts(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                        "style-src 'unsafe-inline'\">\n"
                        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    for (size_t i = 0; i < r->n; i++)
        carat_html_put(out, i ? ", " : "carat: ", r->run[i].name, "");
    carat_str_puts(out, "</title>\n<style>\n");
    for (size_t i = 0; carat_html_style[i]; i++)
        carat_str_puts(out, carat_html_style[i]);
    carat_str_puts(out, "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>");
    for (size_t i = 0; i < r->n; i++)
        carat_html_put(out, !i ? "" : i + 1 < r->n ? ", " : " and ", r->run[i].name, "");
    carat_str_puts(out, "</h1>\n");
}

static void put_runs(const carat_report *r, carat_str *out)
{
    carat_str scratch = CARAT_STR_INIT;
    for (size_t i = 0; i < r->n; i++) {
        const char *model = NULL, *backend = NULL;
        carat_json_text(carat_json_get(r->run[i].method, "model"), "model", &model, NULL);
        carat_json_text(carat_json_get(r->run[i].method, "backend"), "backend", &backend, NULL);
        carat_str_puts(out, "<div class=\"of\">");
        if (r->n > 1)
            carat_str_printf(out, "<i class=\"swatch s%zu\"></i>", i % CARAT_SERIES);
        carat_html_put(out, "<p class=\"word\"><bdi>", model ? model : r->run[i].name, "</bdi>");
        if (backend)
            carat_html_put(out, " <span class=\"soft\">", backend, "</span>");
        carat_str_printf(out, " <span class=\"soft\">%.10s %.5s UTC</span></p></div>\n", r->run[i].when,
                         r->run[i].when + 11);
    }
    for (size_t i = 0; i < r->n; i++) {
        const char *caveat = carat_report_caveat(&r->run[i], &scratch);
        if (caveat) {
            carat_html_put(out, "<p class=\"caveat\" role=\"note\"><b>", r->run[i].name, "</b>: ");
            carat_html_put(out, "", caveat, "</p>\n");
        }
    }
    carat_str_free(&scratch);
}

/* ---- method --------------------------------------------------------------------------------------------------- */

static void put_method_row(const carat_report *r, const char *name, const carat_str *value, carat_str *out)
{
    bool differs = false;
    for (size_t i = 1; i < r->n; i++)
        differs |= strcmp(value[i].data, value[0].data) != 0;
    carat_html_put(out,
                   differs ? "<tr class=\"differs\"><th scope=\"row\" class=\"term\">"
                           : "<tr><th scope=\"row\" class=\"term\">",
                   name, "</th>");
    for (size_t i = 0; i < r->n; i++) {
        carat_html_put(out, "<td class=\"word\"><bdi>", value[i].data, "</bdi></td>");
        if (!differs && r->n > 1) {
            carat_str_printf(out, "<td class=\"soft\" colspan=\"%zu\">the same</td>", r->n - 1);
            break;
        }
    }
    carat_str_puts(out, "</tr>\n");
}

/* Members of the first run's method, and below each that is an object its own members. */
static void put_members(const carat_report *r, const carat_json *const *node, const char *prefix,
                        carat_str *out)
{
    for (size_t of = 0; of < r->n; of++)
        for (const carat_json *c = carat_json_first(node[of]); c; c = carat_json_next(c)) {
            const carat_json *same[CARAT_REPORT_RUNS] = {NULL};
            carat_str name = CARAT_STR_INIT, value[CARAT_REPORT_RUNS];
            bool told = false;
            carat_str_printf(&name, "%s%s%s", prefix, *prefix ? "." : "", carat_json_key(c));
            for (size_t i = 0; i < r->n; i++) {
                value[i] = (carat_str)CARAT_STR_INIT;
                same[i] = carat_json_get(node[i], carat_json_key(c));
                told |= i < of && same[i];
                if (same[i])
                    carat_report_scalar(&value[i], same[i]);
            }
            if (!told && carat_json_is_object(c))
                put_members(r, same, name.data, out);
            else if (!told && !carat_json_is_null(c))
                put_method_row(r, name.data, value, out);
            for (size_t i = 0; i < r->n; i++)
                carat_str_free(&value[i]);
            carat_str_free(&name);
        }
}

static void put_method(const carat_report *r, carat_str *out)
{
    const carat_json *node[CARAT_REPORT_RUNS];
    carat_str_puts(
        out,
        "<section>\n<h2 id=\"method\">Method</h2>\n<p class=\"soft\">Everything that decides the numbers");
    carat_str_puts(out, r->n > 1 ? "; rows in which the runs differ are marked.</p>\n" : ".</p>\n");
    carat_str_puts(out, "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Field</th>");
    for (size_t i = 0; i < r->n; i++) {
        node[i] = r->run[i].method;
        carat_str_puts(out, "<th scope=\"col\">");
        carat_html_run(r, i, out);
        carat_str_puts(out, "</th>");
    }
    carat_str_puts(out, "</tr></thead>\n<tbody>\n");
    put_members(r, node, "", out);
    carat_str_puts(out, "</tbody></table></div>\n</section>\n");
}

/* ---- the page ------------------------------------------------------------------------------------------------- */

static carat_status put_suite(const carat_report *r, size_t index, const char *suite, carat_str *out,
                              carat_err *err)
{
    const carat_report_suite *first = NULL;
    for (size_t i = 0; i < r->n && !first; i++)
        first = carat_report_suite_of(&r->run[i], suite);
    carat_str_printf(out, "<section>\n<h2 id=\"suite-%zu\">", index);
    carat_html_put(out, "", suite, "</h2>\n");
    if (first->note)
        carat_html_put(out, "<p class=\"soft\">", first->note, "</p>\n");
    carat_html_scores(r, suite, out);
    carat_status st = carat_html_distributions(r, suite, out, err);
    if (!st)
        st = carat_html_flips(r, suite, out, err);
    if (!st && r->n == 1 && first->asks)
        carat_html_items(r, first, out);
    carat_str_puts(out, "</section>\n");
    return st;
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    const char *suite;
    carat_status st = CARAT_OK;
    put_head(r, out);
    put_runs(r, out);
    carat_str_puts(
        out, "<p class=\"paper soft\">On paper stands what was unfolded on the screen: items are folded, "
             "with their prompts and replies.</p>\n</header>\n");
    carat_html_overview(r, out);
    st = carat_html_verdicts(r, out, err);
    for (size_t i = 0; (suite = carat_report_suite_name(r, i)) && !st; i++)
        st = put_suite(r, i, suite, out, err);
    put_method(r, out);
    carat_str_puts(out, "<footer><p>Written by carat " CARAT_VERSION
                        ". Intervals are 95&nbsp;% intervals; ± is one standard error. Replies "
                        "stand as they came, control characters shown as their "
                        "pictures.</p></footer>\n</main>\n</body>\n</html>\n");
    return st ? st : carat_str_check(out, err);
}

const carat_report_format carat_report_as_html = {
    .name = "html",
    .summary = "one page with charts, replies to click open; needs nothing outside it",
    .file = "report.html",
    .write = write,
};
