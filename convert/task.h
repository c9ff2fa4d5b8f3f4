/* One piece of work of the pipeline: some rows or bytes of one tensor.             SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_TASK_H
#define CARAT_CONVERT_TASK_H

#include "convert/shards.h"

typedef struct carat_task {
    carat_row *row;
    uint64_t begin, end;   /* COPY: bytes; CAST: elements; CODE, DECODE: rows */
    const uint8_t *source; /* what it reads, for page hints */
    uint64_t bytes;
    carat_loss loss;
    carat_status status;
    carat_err err;
} carat_task;

typedef struct carat_task_env {
    const carat_plan_table *plan;
    const carat_shards *shards;
    const carat_kernels *kernels;
    const carat_method *method;
    uint64_t task_bytes; /* of source, roughly */
    uint64_t scratch;    /* bytes per thread */
} carat_task_env;

/* Scratch that tasks of this row need. */
uint64_t carat_task_scratch(const carat_task_env *e, const carat_row *row);
/* The next task of the row from unit `begin` on; false when the row is used up. */
bool carat_task_cut(const carat_task_env *e, carat_row *row, uint64_t begin, carat_task *out);
/* Does it; failures and losses are left in the task. */
void carat_task_do(const carat_task_env *e, carat_task *t, uint8_t *scratch);

#endif
