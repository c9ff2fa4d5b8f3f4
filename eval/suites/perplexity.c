/* Perplexity of a text, or of the replies of conversations.                        SPDX-License-Identifier: Apache-2.0
 *
 * nll(token) = log sum exp(logits) - logits[token], in nats, f64. perplexity = exp(mean nll); bits_per_byte = total nll / ln 2 /
 * bytes of the scored text, which does not depend on the tokenizer. Windows and BOS: windows.h. Over an endpoint the numbers are the
 * server's. */
#include <math.h>
#include <stdio.h>

#include "eval/windows.h"

typedef struct perplexity {
    const carat_eval *e;
    carat_windows windows;
    double *nll; /* of the item under way, by position */
} perplexity;

static void close_suite(void *state)
{
    perplexity *p = state;
    carat_windows_close(&p->windows);
    carat_free(p->nll);
    carat_free(p);
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    perplexity *p = carat_alloc(1, sizeof *p, err);
    if (!p)
        return CARAT_ENOMEM;
    p->e = e;
    carat_status st = carat_windows_open(e, "perplexity", false, &p->windows, err);
    if (!st && !(p->nll = carat_alloc((size_t)e->context + 1, sizeof *p->nll, err)))
        st = CARAT_ENOMEM;
    if (st) {
        close_suite(p);
        return st;
    }
    *state = p;
    *items = p->windows.n;
    return CARAT_OK;
}

static size_t size_of(const void *state, size_t i)
{
    const carat_window *w = &((const perplexity *)state)->windows.window[i];
    return w->text ? w->n / 4 + 1 : w->n - w->from;
}

static void put_losses(carat_jw *w, uint64_t bytes, const double *nll, size_t n)
{
    carat_jw_put_u64(w, "bytes", bytes);
    carat_jw_key(w, "nll");
    carat_jw_open(w, '[');
    for (size_t k = 0; k < n; k++)
        carat_jw_f64(w, nll[k]);
    carat_jw_close(w);
}

static carat_status item(void *state, size_t i, carat_jw *w, carat_err *err)
{
    perplexity *p = state;
    uint64_t bytes;
    const carat_window *at = &p->windows.window[i];
    carat_backend *b = p->e->model;
    carat_text_nll told;
    carat_status st;
    carat_window_groups(at, w);
    if (at->text) {
        if (!(st = b->nll_text(b->self, at->text, &told, err))) {
            put_losses(w, told.bytes, told.nll, told.n);
            carat_free(told.nll);
        }
        return st;
    }
    if ((st = b->nll(b->self, at->ids, at->n, at->from, p->nll, err)) ||
        (st = carat_window_bytes(p->e, at, &bytes, err)))
        return st;
    put_losses(w, bytes, p->nll + at->from, at->n - at->from);
    return CARAT_OK;
}

static carat_status pin(const void *state, carat_jw *w, carat_err *err)
{
    const perplexity *p = state;
    (void)err;
    if (p->windows.pieces)
        carat_jw_put_text(w, "windows",
                          "pieces of text, 3 bytes a token of the context; the server's tokens");
    return CARAT_OK;
}

static carat_estimate scaled(carat_estimate e, double factor)
{
    return (carat_estimate){e.value * factor, e.error * factor, e.low * factor, e.high * factor, e.n};
}

static carat_status report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err)
{
    const perplexity *p = state;
    carat_series s;
    carat_estimate nll;
    double bytes = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t b;
        carat_status st = carat_json_u64(carat_json_get(results[i], "bytes"), "bytes", 0, UINT64_MAX, &b,
                                         err);
        if (st)
            return st;
        bytes += (double)b;
    }
    carat_status st = carat_series_read(results, n, "nll", &s, err);
    if (st)
        return st;
    carat_observations o = carat_series_of(&s, out->seed);
    st = carat_estimate_mean(&o, &nll, err);
    carat_series_free(&s);
    if (st)
        return st;
    double ppl = exp(nll.value), per_byte = bytes > 0 ? (double)nll.n / bytes : NAN;
    out->metric[out->n++] = (carat_metric){"perplexity",
                                           {ppl, ppl * nll.error, exp(nll.low), exp(nll.high), nll.n}};
    out->metric[out->n++] = (carat_metric){"nll_per_token", nll};
    out->metric[out->n++] = (carat_metric){"bits_per_byte", scaled(nll, per_byte / log(2))};
    carat_estimate byte = scaled(nll, per_byte);
    double bppl = exp(byte.value);
    out->metric[out->n++] = (carat_metric){"byte_perplexity",
                                           {bppl, bppl * byte.error, exp(byte.low), exp(byte.high), nll.n}};
    if (!p)
        return CARAT_OK; /* the notes of the shards say it */
    snprintf(
        out->note, sizeof out->note, "%s; errors and intervals over clusters of %d tokens",
        p->windows.pieces ? "pieces of text scored one by one: tokens, and BOS if any, are the server's, and "
                            "bytes are those of "
                            "the text they stand for; --tokenizer would make the windows of a local model"
        : p->windows.chat ? "loss on the last reply of each conversation, its <turn|> included"
        : p->e->model->bos >= 0 ? "BOS opens every window and is not scored; every text token is scored once"
                                : "no BOS; the first token of the text is not scored",
        CARAT_CLUSTER_TOKENS);
    return CARAT_OK;
}

const carat_suite carat_suite_perplexity = {
    .name = "perplexity",
    .summary = "how well the model predicts a text (or replies): per token and per byte",
    .heeds = "stride",
    .open = open_suite,
    .size = size_of,
    .pin = pin,
    .item = item,
    .report = report,
    .close = close_suite,
};
