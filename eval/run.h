/* A run on disk: RUN/header.json pins the method, items.jsonl keeps one line an item, report.json is the result.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * Every item's line is synced before the next item begins, so a killed run loses only what was in flight; the same command
 * goes on. A run made by another method is never mixed with this one. */
#ifndef CARAT_EVAL_RUN_H
#define CARAT_EVAL_RUN_H

#include "eval/suite.h"
#include "runtime/base/file.h"

typedef struct carat_run {
    char *dir;        /* NULL: nothing is kept on disk */
    FILE *items;      /* append */
    carat_json **old; /* items read back: objects with "suite" and "item" */
    size_t n_old, cap_old;
} carat_run;

/* dir may be NULL. header: the JSON text that pins the method. A half-written last line is cut off. */
carat_status carat_run_open(const char *dir, const char *header, carat_run *out, carat_err *err);
/* results[item] = what was kept of each of the suite's items [0, items); others are left as they are. */
void carat_run_find(const carat_run *r, const char *suite, const carat_json **results, size_t items);
/* Keeps one finished item; `line` is its JSON object without a line break. */
carat_status carat_run_keep(carat_run *r, const carat_str *line, carat_err *err);
carat_status carat_run_report(carat_run *r, const char *name, const carat_str *text, carat_err *err);
void carat_run_close(carat_run *r);

#endif
