/* Parts of the page, shared between its files.                                     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_REPORTS_HTML_H
#define CARAT_EVAL_REPORTS_HTML_H

#include "eval/report.h"

extern const char *const carat_html_style[]; /* html_style.c: what it looks like; pieces up to NULL */
/* html_charts.c: distributions of what the records of a suite hold: divergence, latency. */
carat_status carat_html_distributions(const carat_report *r, const char *suite, carat_str *out,
                                      carat_err *err);
/* html_items.c: items of one run; what flipped between two. */
void carat_html_items(const carat_report *r, const carat_report_suite *s, carat_str *out);
carat_status carat_html_flips(const carat_report *r, const char *suite, carat_str *out, carat_err *err);
/* html_scores.c: the headline of each suite; all of one suite's metrics, outcomes and groups. */
void carat_html_overview(const carat_report *r, carat_str *out);
void carat_html_scores(const carat_report *r, const char *suite, carat_str *out);
/* html_verdicts.c: of two runs, what `carat compare` says. */
carat_status carat_html_verdicts(const carat_report *r, carat_str *out, carat_err *err);
/* html.c: text between two pieces of markup; a run's coloured mark and its name. */
void carat_html_put(carat_str *out, const char *before, const char *text, const char *after);
void carat_html_run(const carat_report *r, size_t i, carat_str *out);

#endif
