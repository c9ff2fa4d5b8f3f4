/* What was wanted, what was got, and what it cost: tables for people, JSON for scripts.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_REPORT_H
#define CARAT_CONVERT_REPORT_H

#include <stdio.h>
#include "convert/plan.h"
#include "runtime/base/json.h"

typedef struct carat_quantize_report {
    const carat_plan_table *plan;
    const carat_recipe *recipe;
    const carat_store *store;
    const char *out, *method;
    const char (*sha256)[65]; /* of the source files; NULL: a dry run, no losses either */
} carat_quantize_report;

/* One line per role and scheme, or (each) per tensor; then totals; after a run, the tensors that lost most. */
void carat_report_table(const carat_quantize_report *r, bool each, FILE *f);
/* The whole of it as one JSON object. */
carat_status carat_report_json(const carat_quantize_report *r, carat_str *out, carat_err *err);

#endif
