/* The backend that computes here: a model and a session of libcarat (local.h).     SPDX-License-Identifier: Apache-2.0 */
#include "eval/backends/local.h"

#include <string.h>

#include "eval/fingerprint.h"
#include "runtime/base/mem.h"

enum { USUAL_CONTEXT = 512 /* of a session, until more is needed */ };

/* The session, with room for a sequence of n. Its first timeline is about to be overwritten. */
static carat_status session(carat_local *l, size_t n, carat_err *err)
{
    size_t most = carat_model_describe(l->model)->context_max;
    if (l->lines.line)
        l->lines.line[0].held = 0;
    if (l->session && (n <= l->options.context || n > most))
        return CARAT_OK; /* what is too long for the model is refused where it is synced */
    carat_lines_close(&l->lines);
    carat_session_close(l->session);
    l->session = NULL;
    l->options.sequences = 1;
    if (n > l->options.context)
        l->options.context = (uint32_t)(n < most ? n : most);
    return carat_session_open(l->model, &l->options, &l->session, err);
}

static carat_status score(void *self, const int32_t *ids, size_t n, size_t from, carat_logits_fn *fn,
                          void *ctx, carat_err *err)
{
    carat_local *l = self;
    carat_sync_request r = {.ids = ids, .n = n, .logits_from = from, .logits = fn, .ctx = ctx};
    carat_status st = session(l, n, err);
    return st ? st : carat_session_sync(l->session, &r, err);
}

static carat_status nll(void *self, const int32_t *ids, size_t n, size_t from, double *out, carat_err *err)
{
    carat_local *l = self;
    carat_sync_request r = {.ids = ids, .n = n - 1, .logits_from = from - 1, .next = ids + 1, .nll = out + 1};
    carat_status st = session(l, n, err);
    return st ? st : carat_session_sync(l->session, &r, err);
}

static double log_sum(void *self, const float *logits)
{
    return carat_session_log_sum(((carat_local *)self)->session, logits);
}

static void describe(void *self, carat_str *out)
{
    carat_local *l = self;
    carat_str_printf(out, "%s weights, %s numerics, %s KV cache, %s kernels",
                     carat_model_describe(l->model)->scheme, carat_numerics_name(l->options.numerics),
                     carat_kv_name(l->options.kv), l->options.kernels);
}

static const char *edition_name(carat_edition e)
{
    return e == CARAT_EDITION_LARGE ? "large" : e == CARAT_EDITION_SMALL ? "small" : NULL;
}

static carat_status pin(void *self, carat_jw *w, carat_err *err)
{
    carat_local *l = self;
    const carat_model_info *info = carat_model_describe(l->model);
    const char *const field[][2] = {{"scheme", info->scheme},
                                    {"numerics", carat_numerics_name(l->options.numerics)},
                                    {"kv", carat_kv_name(l->options.kv)},
                                    {"kernels", l->options.kernels},
                                    {"template", edition_name(l->edition)}};
    char hex[65];
    carat_status st = carat_fingerprint(info->path, hex, err);
    if (st)
        return st;
    carat_jw_put_text(w, "model_fingerprint", hex);
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        carat_jw_put_text(w, field[i][0], field[i][1]);
    }
    if ((st = carat_fingerprint_template(info->path, hex, err)))
        return st;
    carat_jw_put_text(w, "template_sha256", *hex ? hex : NULL);
    return CARAT_OK;
}

static void close_local(void *self)
{
    carat_local *l = self;
    carat_lines_close(&l->lines);
    carat_session_close(l->session);
    carat_tokenizer_close(l->tokenizer);
    carat_model_close(l->model);
    carat_free(l);
}

/* Opens a session, so that what cannot work is known now and the options are those in effect. */
static carat_status settle(carat_local *l, const carat_local_options *o, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(l->model);
    carat_session_options *so = &l->options;
    *so = (carat_session_options){
        .context = o->context ? o->context : USUAL_CONTEXT, .threads = o->threads, .kernels = o->kernels};
    if (so->context > info->context_max)
        so->context = info->context_max;
    carat_status st;
    if ((st = carat_numerics_parse(o->numerics, CARAT_F32, &so->numerics, err)) ||
        (st = carat_kv_parse(o->kv, &so->kv, err)) || (st = session(l, so->context, err)))
        return st;
    so->kv = carat_session_kv(l->session);
    so->kernels = carat_session_kernels(l->session); /* of a table that lives as long as the program */
    return CARAT_OK;
}

carat_status carat_backend_local(const carat_local_options *o, carat_backend *out, carat_err *err)
{
    carat_local *l = carat_alloc(1, sizeof *l, err);
    if (!l)
        return CARAT_ENOMEM;
    l->talk = o->talk;
    l->reuse = !o->no_prefix_reuse;
    carat_status st = carat_model_open(o->model, &l->model, err);
    if (st || (st = settle(l, o, err))) {
        close_local(l);
        return st;
    }
    const carat_model_info *info = carat_model_describe(l->model);
    carat_tokenizer_open(info->path, &l->tokenizer, NULL); /* suites that need one say so themselves */
    carat_chat_edition(info->path, &l->edition, &l->frameless);
    bool small = strcmp(info->family, "E2B") == 0 || strcmp(info->family, "E4B") == 0 ||
                 strcmp(info->family, "custom") == 0;
    *out = (carat_backend){.self = l,
                           .vocab = info->vocab,
                           .bos = info->bos,
                           .context = info->context_max,
                           .large = l->edition ? l->edition == CARAT_EDITION_LARGE : !small,
                           .tokenizer = l->tokenizer,
                           .score = score,
                           .nll = nll,
                           .ask = l->tokenizer ? carat_local_ask : NULL,
                           .log_sum = log_sum,
                           .describe = describe,
                           .pin = pin,
                           .reload = carat_local_reload,
                           .close = close_local};
    return CARAT_OK;
}

void carat_backend_close(carat_backend *b)
{
    if (b->close)
        b->close(b->self);
    *b = (carat_backend){0};
}
