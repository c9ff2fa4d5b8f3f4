/* The backend that computes here: a model and a session of libcarat.               SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/backend.h"
#include "runtime/base/mem.h"

typedef struct local {
    carat_model *model;
    carat_session *session;
    carat_tokenizer *tokenizer;
    carat_numerics numerics;
} local;

static carat_status score(void *self, const int32_t *ids, size_t n, size_t from, carat_logits_fn *fn,
                          void *ctx, carat_err *err)
{
    local *l = self;
    carat_sync_request r = {.ids = ids, .n = n, .logits_from = from, .logits = fn, .ctx = ctx};
    return carat_session_sync(l->session, &r, err);
}

static carat_status nll(void *self, const int32_t *ids, size_t n, size_t from, double *out, carat_err *err)
{
    local *l = self;
    carat_sync_request r = {.ids = ids, .n = n - 1, .logits_from = from - 1, .next = ids + 1, .nll = out + 1};
    return carat_session_sync(l->session, &r, err);
}

static double log_sum(void *self, const float *logits)
{
    return carat_session_log_sum(((local *)self)->session, logits);
}

static void describe(void *self, carat_str *out)
{
    local *l = self;
    carat_str_printf(out, "%s weights, %s numerics, %s KV cache, %s kernels",
                     carat_model_describe(l->model)->scheme, carat_numerics_name(l->numerics),
                     carat_kv_name(carat_session_kv(l->session)), carat_session_kernels(l->session));
}

static void close_local(void *self)
{
    local *l = self;
    carat_session_close(l->session);
    carat_tokenizer_close(l->tokenizer);
    carat_model_close(l->model);
    carat_free(l);
}

carat_status carat_backend_local(const carat_local_options *o, carat_backend *out, carat_err *err)
{
    local *l = carat_alloc(1, sizeof *l, err);
    if (!l)
        return CARAT_ENOMEM;
    carat_kv kv = CARAT_KV_AUTO;
    carat_status st;
    if ((st = carat_numerics_parse(o->numerics, CARAT_F32, &l->numerics, err)) ||
        (st = carat_kv_parse(o->kv, &kv, err)) || (st = carat_model_open(o->model, &l->model, err)))
        goto out;
    const carat_model_info *info = carat_model_describe(l->model);
    carat_session_options so = {.context = o->context,
                                .threads = o->threads,
                                .numerics = l->numerics,
                                .kv = kv,
                                .kernels = o->kernels};
    if (so.context > info->context_max)
        so.context = info->context_max;
    if ((st = carat_session_open(l->model, &so, &l->session, err)))
        goto out;
    carat_tokenizer_open(info->path, &l->tokenizer, NULL); /* suites that need one say so themselves */
    bool small = strcmp(info->family, "E2B") == 0 || strcmp(info->family, "E4B") == 0 ||
                 strcmp(info->family, "custom") == 0;
    *out = (carat_backend){.self = l,
                           .vocab = info->vocab,
                           .bos = info->bos,
                           .context = so.context,
                           .large = !small,
                           .tokenizer = l->tokenizer,
                           .score = score,
                           .nll = nll,
                           .log_sum = log_sum,
                           .describe = describe,
                           .close = close_local};
    return CARAT_OK;
out:
    close_local(l);
    return st;
}

void carat_backend_close(carat_backend *b)
{
    if (b->close)
        b->close(b->self);
    *b = (carat_backend){0};
}
