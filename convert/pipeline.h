/* The run: source bytes -> output bytes, in bounded memory, on all cores.          SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_PIPELINE_H
#define CARAT_CONVERT_PIPELINE_H

#include "convert/shards.h"
#include "runtime/base/par.h"
#include "runtime/base/util.h"

typedef struct carat_pipeline {
    carat_plan_table *plan;     /* row->loss is filled in */
    const carat_shards *shards; /* created */
    const carat_store *store;
    const carat_kernels *kernels;
    const carat_method *method; /* NULL when nothing is coded */
    carat_team *team;
    uint64_t memory; /* bytes of its own that the run may hold */
    const carat_talk *talk;
    char (*sha256)[65]; /* [files of the store], filled in; NULL: not wanted */
} carat_pipeline;

/* Bytes that the run will hold, for this plan and team; more than `memory` means that it will not run. */
uint64_t carat_pipeline_price(const carat_pipeline *p);
/* Output bytes and losses are the same for any team and kernel set. Interrupted: CARAT_EINTR. A weight that cannot be coded
 * or cast: CARAT_EFORMAT with tensor and position, always the first in file order. */
carat_status carat_pipeline_run(const carat_pipeline *p, carat_err *err);

#endif
