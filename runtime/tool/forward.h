/* One pass over given ids, as several verbs need it: a list of ids; open - sync - close.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_FORWARD_H
#define CARAT_TOOL_FORWARD_H

#include "runtime/base/err.h"

typedef struct carat_ids {
    int32_t *v; /* carat_ids_free */
    size_t n;
} carat_ids; /* zero-initialise */

carat_status carat_ids_append(carat_ids *ids, const int32_t *v, size_t n, carat_err *err);
/* Every id is in [0, vocab). */
carat_status carat_ids_check(const carat_ids *ids, uint32_t vocab, carat_err *err);
void carat_ids_free(carat_ids *ids);

typedef struct carat_forward_options {
    carat_numerics numerics;
    const char *kernels; /* NULL: auto */
    int64_t threads, batch;
    carat_kv kv;
} carat_forward_options;

/* Opens a session of r->n positions, syncs r, closes it. */
carat_status carat_forward(const carat_model *m, const carat_forward_options *o, const carat_sync_request *r,
                           carat_err *err);

/* One draft step: logits [vocab] and the next hidden state [backbone], valid during the call. */
typedef void carat_replay_fn(void *ctx, size_t step, const float *logits, const float *hidden);

typedef struct carat_replay {
    const carat_model *model, *drafter;
    const carat_ids *ids;   /* the timeline; at least one */
    const carat_ids *taken; /* what the drafter takes, step by step, as if it had drafted it */
    carat_replay_fn *fn;
    void *ctx;
} carat_replay;

/* Opens a session, syncs the ids, drafts. */
carat_status carat_forward_draft(const carat_forward_options *o, const carat_replay *r, carat_err *err);

#endif
