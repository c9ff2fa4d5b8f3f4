/* The backend that computes here: a model and a session of libcarat.               SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "eval/backend.h"
#include "eval/fingerprint.h"
#include "runtime/base/cmd.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/base/util.h"

typedef struct local {
    carat_model *model;
    carat_session *session;
    carat_tokenizer *tokenizer;
    carat_numerics numerics;
    bool large;
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

/* ---- answering ----------------------------------------------------------------------------------------------- */

/* The exact text of a question; malloc'ed (carat_release). */
static carat_status render(const local *l, const carat_question *q, char **text, carat_err *err)
{
    size_t len;
    if (q->prompt) {
        if (!(*text = strdup(q->prompt)))
            return carat_fail(err, CARAT_ENOMEM, "out of memory for a prompt");
        return CARAT_OK;
    }
    carat_str request = CARAT_STR_INIT;
    carat_str_printf(&request, "{\"messages\": %s, \"add_generation_prompt\": true, \"enable_thinking\": %s}",
                     q->messages, q->thinking ? "true" : "false");
    carat_status st = carat_str_check(&request, err);
    if (!st)
        st = carat_chat_render(l->large ? CARAT_EDITION_LARGE : CARAT_EDITION_SMALL, request.data,
                               request.len, text, &len, err);
    carat_str_free(&request);
    return st;
}

/* BOS, which the template writes itself, and the text. ids: carat_release. */
static carat_status encode(const local *l, const carat_question *q, const char *text, int32_t **ids,
                           size_t *n, carat_err *err)
{
    int32_t bos = carat_model_describe(l->model)->bos, *body;
    size_t len;
    carat_status st = carat_encode(l->tokenizer, text, strlen(text), 0, &body, &len, err);
    if (st)
        return st;
    bool opens = q->prompt && bos >= 0;
    if (!(*ids = malloc((len + 1) * sizeof **ids))) {
        carat_release(body);
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a prompt");
    }
    (*ids)[0] = bos;
    memcpy(*ids + opens, body, len * sizeof *body);
    *n = len + opens;
    carat_release(body);
    return CARAT_OK;
}

static bool go_on(void *ctx, size_t done, size_t total)
{
    (void)ctx, (void)done, (void)total;
    return !carat_interrupted();
}

static carat_status hash_text(const char *text, char hex[65], carat_err *err)
{
    carat_sha256 *h;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    carat_sha256_add(h, text, strlen(text));
    carat_sha256_finish(h, hex);
    return CARAT_OK;
}

/* Hands over what a generation wrote. */
static carat_status deliver(const local *l, const carat_asking *a, size_t ticket, const carat_generated *g,
                            carat_answer *out, carat_err *err)
{
    char *raw;
    size_t len;
    carat_json *reply = NULL;
    carat_status st = carat_decode(l->tokenizer, g->ids, g->n, 0, &raw, &len, err);
    if (st)
        return st;
    if (g->json && (st = carat_json_parse(g->json, g->json_len, &reply, err)))
        goto out;
    carat_json_text(carat_json_get(reply, "thought"), "thought", &out->thought, NULL);
    carat_json_text(carat_json_get(reply, "content"), "content", &out->content, NULL);
    out->raw = raw;
    out->finish = g->finish == CARAT_FINISH_STOP     ? "stop"
                  : g->finish == CARAT_FINISH_LENGTH ? "length"
                                                     : "context";
    out->prompt_tokens = g->n_prompt;
    out->cached_tokens = g->n_prompt - g->computed;
    out->reply_tokens = g->n;
    out->first_s = g->prompt_s;
    out->total_s = g->prompt_s + g->decode_s;
    st = a->done(a->ctx, ticket, out, err);
out:
    carat_json_free(reply);
    carat_release(raw);
    return st;
}

/* What one question alone cannot be served with is its fault, not the end of the run. */
static carat_status fault(const carat_asking *a, size_t ticket, carat_answer *out, const carat_err *why,
                          carat_err *err)
{
    if (why->status != CARAT_EUSAGE && why->status != CARAT_EFORMAT && why->status != CARAT_ESUPPORT) {
        *err = *why;
        return why->status;
    }
    out->finish = "error";
    out->fault = why->text;
    return a->done(a->ctx, ticket, out, err);
}

static carat_status answer(local *l, const carat_asking *a, size_t ticket, const carat_question *q,
                           carat_err *err)
{
    char hex[65], *text = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    carat_err why = {0};
    carat_generation *g = NULL;
    carat_generate_options o = {.tokenizer = l->tokenizer,
                                .sampler = q->sampler,
                                .max_new = q->max_new,
                                .raw = q->prompt != NULL,
                                .stop = q->stop,
                                .n_stop = q->n_stop,
                                .go_on = go_on};
    carat_answer out = {.tries = 1};
    carat_status st = render(l, q, &text, &why);
    if (!st && !(st = hash_text(text, hex, &why)))
        out.prompt_sha256 = hex;
    if (!st && !(st = encode(l, q, text, &ids, &n, &why)) &&
        !(st = carat_generation_open(l->session, &o, ids, n, &g, &why)))
        st = carat_generate(&g, 1, &why);
    if (st)
        st = fault(a, ticket, &out, &why, err);
    else if (carat_generation_result(g)->finish == CARAT_FINISH_CANCELLED)
        st = carat_fail(err, CARAT_EINTR, "interrupted");
    else
        st = deliver(l, a, ticket, carat_generation_result(g), &out, err);
    carat_generation_close(g);
    free(ids);
    carat_release(text);
    return st;
}

static carat_status ask(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err)
{
    (void)parallel;
    carat_question q;
    size_t ticket;
    carat_status st = CARAT_OK;
    while (!st && questions->next(questions->ctx, &ticket, &q))
        st = answer(self, questions, ticket, &q, err);
    return st;
}

static void describe(void *self, carat_str *out)
{
    local *l = self;
    carat_str_printf(out, "%s weights, %s numerics, %s KV cache, %s kernels",
                     carat_model_describe(l->model)->scheme, carat_numerics_name(l->numerics),
                     carat_kv_name(carat_session_kv(l->session)), carat_session_kernels(l->session));
}

static carat_status pin(void *self, carat_jw *w, carat_err *err)
{
    local *l = self;
    const carat_model_info *info = carat_model_describe(l->model);
    const char *const field[][2] = {{"scheme", info->scheme},
                                    {"numerics", carat_numerics_name(l->numerics)},
                                    {"kv", carat_kv_name(carat_session_kv(l->session))},
                                    {"kernels", carat_session_kernels(l->session)},
                                    {"template", l->large ? "large" : "small"}};
    char hex[65];
    carat_status st = carat_fingerprint(info->path, hex, err);
    if (st)
        return st;
    carat_jw_key(w, "model_fingerprint");
    carat_jw_text(w, hex);
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        carat_jw_key(w, field[i][0]);
        carat_jw_text(w, field[i][1]);
    }
    if ((st = carat_fingerprint_template(info->path, hex, err)))
        return st;
    carat_jw_key(w, "template_sha256");
    carat_jw_text(w, *hex ? hex : NULL);
    return CARAT_OK;
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
    if (!so.context)
        so.context = 8192;
    if (so.context > info->context_max)
        so.context = info->context_max;
    if ((st = carat_session_open(l->model, &so, &l->session, err)))
        goto out;
    carat_tokenizer_open(info->path, &l->tokenizer, NULL); /* suites that need one say so themselves */
    bool small = strcmp(info->family, "E2B") == 0 || strcmp(info->family, "E4B") == 0 ||
                 strcmp(info->family, "custom") == 0;
    l->large = !small;
    *out = (carat_backend){.self = l,
                           .vocab = info->vocab,
                           .bos = info->bos,
                           .context = so.context,
                           .large = l->large,
                           .tokenizer = l->tokenizer,
                           .score = score,
                           .nll = nll,
                           .ask = l->tokenizer ? ask : NULL,
                           .log_sum = log_sum,
                           .describe = describe,
                           .pin = pin,
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
