/* Reports of runs: a table of formats, and what all of them read.                  SPDX-License-Identifier: Apache-2.0
 *
 * A format knows no suite: it shows the metrics, groups and outcomes of report.json and the records of items.jsonl. A run that was
 * not finished has records only; every format says so.
 * To add a format: write reports/NAME.c with one `const carat_report_format carat_report_NAME` at its end, add its extern line below
 * and its row in report.c. */
#ifndef CARAT_EVAL_REPORT_H
#define CARAT_EVAL_REPORT_H

#include "eval/load.h"
#include "eval/suite.h"

/* One suite of one run. Strings and trees are borrowed from the run. */
typedef struct carat_report_suite {
    const char *name, *note;   /* note may be NULL */
    const carat_json *metrics; /* {METRIC: {"value", ...}}, or NULL: none was computed */
    const carat_json *groups;  /* {KEY: {VALUE: {METRIC: {...}}}}, or NULL */
    bool asks;                 /* its items are right, wrong, unparsed or not measured */
    uint64_t outcome[4];       /* by carat_outcome */
    uint64_t truncated;        /* of those not measured: cut at the limit of tokens */
    const carat_record *record;
    size_t n;
} carat_report_suite;

typedef struct carat_report_run {
    carat_loaded loaded;
    const char *name;         /* last part of its path */
    const carat_json *method; /* everything that pins the numbers */
    carat_report_suite *suite;
    size_t n_suites;
    char when[24];   /* UTC, "2026-11-21T18:13:29": when its last file was written */
    char doubt[160]; /* "", or what in it does not fit together: shown at the top */
} carat_report_run;

enum { CARAT_REPORT_RUNS = 16 };

typedef struct carat_report {
    carat_report_run *run;
    size_t n;
    size_t items; /* of each outcome, how many are shown in full, where a format shows items */
} carat_report;

/* n: up to CARAT_REPORT_RUNS. */
carat_status carat_report_open(const char *const *dirs, size_t n, carat_report *out, carat_err *err);
void carat_report_close(carat_report *r);

/* Suites of all runs, each once, in the order in which they come; NULL past the end. */
const char *carat_report_suite_name(const carat_report *r, size_t i);
const carat_report_suite *carat_report_suite_of(const carat_report_run *run,
                                                const char *name); /* NULL: none */
/* A metric read from its JSON; NaN where a member is absent or null, n = 0 where absent. Its shape was checked at open. */
carat_metric carat_report_metric(const carat_json *node);
/* What a suite is known by: its first metric with an error, else its first; NULL: none. */
const carat_json *carat_report_headline(const carat_json *metrics);
/* With as many digits as its standard error leaves meaning to; "-" for NaN. */
void carat_report_number(carat_str *out, const carat_metric *m, double x);
int carat_report_direction(const char *metric);    /* 1: bigger is better, -1: smaller, 0: neither */
const char *carat_report_unit(const char *metric); /* "ms", "tokens/s"; "" without one */
const char *carat_report_member(const carat_record *r, const char *key); /* a text, or NULL */
uint64_t carat_report_asked_cut(const carat_record *r); /* bytes that stood before "asked" and are not kept */
void carat_report_tree(carat_jw *w, const carat_json *node);      /* as it was read */
void carat_report_scalar(carat_str *out, const carat_json *node); /* a text bare, all else as JSON */
carat_outcome carat_report_outcome(const carat_record *r);        /* of suites that ask */
/* NULL, or why the numbers of this run are not the last word: unfinished, contradictory. */
const char *carat_report_caveat(const carat_report_run *run, carat_str *scratch);

/* Items that two runs of one suite answered differently, worst news first. */
typedef enum carat_flip_kind { CARAT_LOST, CARAT_WON, CARAT_OTHERWISE, CARAT_RESCORED } carat_flip_kind;
const char *carat_flip_name(carat_flip_kind k); /* "lost", "won", "otherwise", "rescored" */
typedef struct carat_flip {
    const carat_record *a, *b;
    carat_flip_kind kind; /* right before, right now, neither, the same outcome with another score */
} carat_flip;
typedef struct carat_flips {
    carat_flip *flip;
    size_t n, of[4];
    size_t pairs,
        prompts; /* items that both runs have, found by their ids; of these asked with different prompts */
} carat_flips;
/* pairs is 0 where there are not two runs of this suite, where it asks nothing, where they share no item. */
carat_status carat_report_flips(const carat_report *r, const char *suite, carat_flips *out, carat_err *err);
void carat_report_flips_free(carat_flips *f);

typedef struct carat_report_format {
    const char *name, *summary;
    const char *file; /* what it is called in a directory, "report.html"; a "*" becomes the time of the run */
    carat_status (*write)(const carat_report *r, carat_str *out, carat_err *err);
    /* NULL, or what else stands beside it in a directory: file i, its name and its text; *done past the last. */
    carat_status (*beside)(const carat_report *r, size_t i, carat_str *name, carat_str *out, bool *done);
} carat_report_format;

extern const carat_report_format carat_report_as_text, carat_report_as_json, carat_report_as_html,
    carat_report_as_markdown, carat_report_as_junit, carat_report_as_lm_eval, carat_report_as_benchmark,
    carat_report_as_benchmark_smaller;
const carat_report_format *carat_report_format_named(const char *name);

#endif
