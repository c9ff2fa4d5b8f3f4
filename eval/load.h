/* A finished run read back: header, report and records as JSON trees.             SPDX-License-Identifier: Apache-2.0
 *
 * For compare, gate, report, merge, history: none of them knows a suite. The records stand in one order whatever the order in which they
 * were written: suites as they first come in items.jsonl, items by their number. A run directory is untrusted input. */
#ifndef CARAT_EVAL_LOAD_H
#define CARAT_EVAL_LOAD_H

#include "runtime/base/json.h"

typedef struct carat_record {
    uint32_t suite; /* index into carat_loaded.suite */
    uint64_t item;
    size_t line;
    carat_json *json; /* the line of items.jsonl; its members are checked by who reads them */
} carat_record;

typedef struct carat_loaded_suite {
    const char *name;
    size_t first, n; /* its records: record[first .. first + n) */
} carat_loaded_suite;

enum { CARAT_LOADED_SUITES = 64 };

typedef struct carat_loaded {
    const char *dir; /* as given to carat_run_load: borrowed */
    carat_json *header;
    carat_json *report; /* NULL: the run was not finished */
    carat_record *record;
    size_t n;
    carat_loaded_suite suite[CARAT_LOADED_SUITES];
    size_t n_suites;
    bool torn; /* the last line of items.jsonl was half-written; it is left out */
} carat_loaded;

/* Each line of items.jsonl is an object with "suite" and "item"; of two lines for one item, as a run under way may have, the last counts. Errors name file and line. */
carat_status carat_run_load(const char *dir, carat_loaded *out, carat_err *err);
/* NULL: the run has no such suite, no such item. */
const carat_loaded_suite *carat_run_suite(const carat_loaded *run, const char *name);
const carat_record *carat_run_record(const carat_loaded *run, const carat_loaded_suite *suite, uint64_t item);
void carat_run_unload(carat_loaded *run);

#endif
