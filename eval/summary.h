/* What a run comes to: metrics, outcomes and groups of each suite, as report.json and as text.   SPDX-License-Identifier: Apache-2.0
 *
 * Made from the records alone, so a merged run gets the same report as an undivided one. */
#ifndef CARAT_EVAL_SUMMARY_H
#define CARAT_EVAL_SUMMARY_H

#include "eval/tally.h"

/* What the records of one group come to, of suites that compute. */
typedef struct carat_part {
    const char *key, *value; /* borrowed from the records */
    carat_results results;
} carat_part;

typedef struct carat_summary {
    const carat_suite *suite;
    carat_results results;
    carat_standing standing; /* of suites that ask */
    carat_part *part;        /* of suites that compute, sorted by key, then value */
    size_t n_parts;
} carat_summary;

/* records: [n], all there. state: NULL where the suite is not open. */
carat_status carat_summary_make(const carat_suite *suite, void *state, const carat_json *const *records,
                                size_t n, uint64_t seed, carat_summary *out, carat_err *err);
void carat_summary_free(carat_summary *s);
size_t carat_summary_unmeasured(const carat_summary *s);
/* report.json; header: the text of header.json. */
carat_status carat_summary_write(const carat_summary *list, size_t n, const char *header, carat_str *out,
                                 carat_err *err);
void carat_summary_print(const carat_summary *s);

#endif
