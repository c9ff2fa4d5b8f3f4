/* One pass over given ids.                                                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/forward.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/drafter.h"

carat_status carat_ids_append(carat_ids *ids, const int32_t *v, size_t n, carat_err *err)
{
    size_t total;
    if (!carat_add(ids->n, n, &total))
        return carat_fail(err, CARAT_ENOMEM, "%zu and %zu ids are too many", ids->n, n);
    int32_t *grown = carat_alloc(total, sizeof *grown, err);
    if (!grown)
        return CARAT_ENOMEM;
    if (ids->n)
        memcpy(grown, ids->v, ids->n * sizeof *grown);
    if (n)
        memcpy(grown + ids->n, v, n * sizeof *grown);
    carat_free(ids->v);
    *ids = (carat_ids){grown, total};
    return CARAT_OK;
}

carat_status carat_ids_check(const carat_ids *ids, uint32_t vocab, carat_err *err)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->v[i] < 0 || (uint32_t)ids->v[i] >= vocab)
            return carat_fail(err, CARAT_EUSAGE,
                              "id %" PRId32 " at position %zu is outside the vocabulary of %" PRIu32,
                              ids->v[i], i, vocab);
    return CARAT_OK;
}

void carat_ids_free(carat_ids *ids)
{
    carat_free(ids->v);
    *ids = (carat_ids){0};
}

static carat_status open_session(const carat_model *m, const carat_forward_options *o, size_t n,
                                 carat_session **out, carat_err *err)
{
    uint32_t context_max = carat_model_describe(m)->context_max;
    if (n > context_max)
        return carat_fail(err, CARAT_EUSAGE, "%zu ids are more than the %" PRIu32 " positions of the model",
                          n, context_max);
    if (o->batch < 0 || o->batch > UINT32_MAX)
        return carat_fail(err, CARAT_EUSAGE, "option --batch: %" PRId64 " is outside 0 .. %" PRIu32, o->batch,
                          UINT32_MAX);
    carat_session_options so = {.context = (uint32_t)n,
                                .batch = (uint32_t)o->batch,
                                .threads = (uint32_t)o->threads,
                                .numerics = o->numerics,
                                .kv = o->kv,
                                .kernels = o->kernels};
    return carat_session_open(m, &so, out, err);
}

carat_status carat_forward(const carat_model *m, const carat_forward_options *o, const carat_sync_request *r,
                           carat_err *err)
{
    carat_session *s = NULL;
    carat_status st = open_session(m, o, r->n, &s, err);
    if (!st)
        st = carat_session_sync(s, r, err);
    carat_session_close(s);
    return st;
}

carat_status carat_forward_draft(const carat_forward_options *o, const carat_replay *r, carat_err *err)
{
    carat_session *s = NULL;
    carat_drafter *d = NULL;
    uint32_t vocab = carat_model_describe(r->model)->vocab;
    float *row = carat_alloc(vocab, sizeof *row, err);
    carat_status st = row ? open_session(r->model, o, r->ids->n, &s, err) : CARAT_ENOMEM;
    carat_sync_request sync = {.ids = r->ids->v, .n = r->ids->n, .logits_from = r->ids->n - 1};
    if (!st)
        st = carat_session_sync(s, &sync, err);
    if (!st)
        st = carat_drafter_open(r->drafter, s, &d, err);
    if (!st)
        carat_drafter_begin(d, 0, carat_session_hidden(s, 0));
    for (size_t i = 0; !st && i < r->taken->n; i++) {
        st = carat_drafter_step(d, r->taken->v[i], err);
        if (st)
            break;
        carat_drafter_row(d, row);
        r->fn(r->ctx, i, row, carat_drafter_hidden(d));
    }
    carat_drafter_close(d);
    carat_session_close(s);
    carat_free(row);
    return st;
}
