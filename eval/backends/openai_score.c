/* Log-probabilities of a text's tokens from a server.                              SPDX-License-Identifier: Apache-2.0
 *
 * /completions with `echo` and `logprobs`, as OpenAI's first interface had it, as vLLM and SGLang serve it and lm-eval's
 * local-completions asks for it: choices[0].logprobs.token_logprobs has a number for each token of the prompt (null for the first, which
 * nothing predicts) and for what was written behind it. The prompt goes as token ids where there is a tokenizer here, so that windows are
 * those of a local model; else as text, and tokens are those the server makes of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "eval/backends/openai.h"
#include "eval/backends/openai_reply.h"
#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"
#include "runtime/base/util.h"

#define NEEDED "perplexity needs a server that takes `echo` with `logprobs` in /completions, as vLLM's does"

/* ---- asking -------------------------------------------------------------------------------------------------- */

static carat_status refused(const carat_oai *o, const char *why, carat_err *err)
{
    return carat_fail(err, CARAT_ESUPPORT, "%s: no log-probabilities of a given text: %s; " NEEDED,
                      o->url_plain, why);
}

static carat_status pause_for(double seconds, carat_err *err)
{
    for (double end = carat_now() + seconds, left; (left = end - carat_now()) > 0;) {
        if (carat_interrupted())
            return carat_fail(err, CARAT_EINTR, "interrupted");
        double nap = fmin(left, 0.1);
        nanosleep(&(struct timespec){0, (long)(nap * 1e9)}, NULL);
    }
    return CARAT_OK;
}

/* What is to be said of a page that is no reply, and will be none. */
static carat_status give_up(const carat_oai *o, const carat_oai_page *page, uint32_t tries, carat_err *err)
{
    carat_str words = CARAT_STR_INIT, what = CARAT_STR_INIT;
    carat_oai_said(o, page, &words);
    if (!page->trouble)
        carat_str_printf(&what, "HTTP %d: ", page->status);
    carat_str_puts(&what, words.data);
    bool no_such_thing = !page->trouble && !carat_oai_passes(page->status) && page->status != 401 &&
                         page->status != 403;
    carat_status st = no_such_thing ? refused(o, what.data, err)
                                    : carat_fail(err, CARAT_EIO, "%s: %s (%" PRIu32 " %s)", o->url_plain,
                                                 what.data, tries, tries == 1 ? "try" : "tries");
    carat_str_free(&words);
    carat_str_free(&what);
    return st;
}

/* The reply to the request as a tree, tried as questions are. */
static carat_status ask(const carat_oai *o, const carat_str *body, carat_json **root, carat_err *err)
{
    carat_http_limits limit = o->limit;
    carat_oai_page page = {.body = CARAT_STR_INIT};
    carat_status st;
    limit.first = 0; /* nothing comes before all of it is there */
    for (uint32_t tries = 1;; tries++) {
        carat_err why = {0};
        if ((st = carat_oai_fetch(o, o->url_plain, body, limit, &page, err)))
            break;
        bool whole = !page.trouble && page.status == 200;
        if (whole && !carat_json_parse(page.body.data, page.body.len, root, &why))
            break;
        if (whole) {
            page.trouble = CARAT_HTTP_LOST;
            carat_str_clear(&page.body);
            carat_str_printf(&page.body, "the reply cannot be read: %s", why.text);
        }
        bool again = page.trouble ? page.trouble != CARAT_HTTP_VAIN : carat_oai_passes(page.status);
        double wait = fmax(fmin(o->backoff * exp2(tries - 1), o->wait_most), page.retry_after);
        if (!again || tries == o->tries || wait > o->wait_most)
            st = give_up(o, &page, tries, err);
        else
            st = pause_for(wait, err);
        if (st)
            break;
    }
    carat_str_free(&page.body);
    return st;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

typedef struct scored {
    carat_json *root;
    const carat_json *token, *logprob; /* the first of each */
    size_t n;                          /* tokens of the prompt */
} scored;

/* How many of the `all` tokens are the prompt's: as `usage` says, else by what was written behind it. */
static carat_status count_prompt(const carat_oai *o, scored *s, size_t all, carat_err *err)
{
    const carat_json *usage = carat_json_get(s->root, "usage");
    uint64_t prompt = 0, written = 0;
    bool told = !carat_json_u64(carat_json_get(usage, "prompt_tokens"), "prompt_tokens", 1, all, &prompt,
                                NULL);
    bool both = !carat_json_u64(carat_json_get(usage, "completion_tokens"), "completion_tokens", 0, all,
                                &written, NULL);
    if (!told && !both)
        return refused(o, "the reply does not say how many tokens the text has (usage)", err);
    s->n = told ? (size_t)prompt : all - (size_t)written;
    if (all - s->n > 1 || (told && both && prompt + written != all)) {
        char why[160];
        snprintf(why, sizeof why, "%zu log-probabilities for %zu tokens of text and %" PRIu64 " written", all,
                 s->n, written);
        return refused(o, why, err);
    }
    return CARAT_OK;
}

static carat_status score(const carat_oai *o, const carat_str *body, scored *s, carat_err *err)
{
    carat_status st = ask(o, body, &s->root, err);
    if (st)
        return st;
    const carat_json *choice = carat_json_first(carat_json_get(s->root, "choices"));
    const carat_json *l = carat_json_get(choice, "logprobs"), *tokens = carat_json_get(l, "tokens"),
                     *logprobs = carat_json_get(l, "token_logprobs");
    size_t all = carat_json_count(logprobs);
    if (!carat_json_is_array(logprobs) || !all || carat_json_count(tokens) != all)
        return refused(o, l ? "its `logprobs` are of another shape" : "the reply has no `logprobs`", err);
    s->token = carat_json_first(tokens);
    s->logprob = carat_json_first(logprobs);
    return count_prompt(o, s, all, err);
}

/* -log p of token k in nats. Only the first may have none: NaN. */
static carat_status loss_of(const carat_oai *o, const carat_json *logprob, size_t k, double *nll,
                            carat_err *err)
{
    char why[96];
    double v = NAN;
    *nll = NAN;
    if (k == 0 && carat_json_is_null(logprob))
        return CARAT_OK;
    if (carat_json_f64(logprob, "", &v, NULL) || !(v <= 1e-6)) {
        snprintf(why, sizeof why, "that of token %zu is %g", k, v);
        return refused(o, why, err);
    }
    *nll = v < 0 ? -v : 0;
    return CARAT_OK;
}

/* ---- token ids ----------------------------------------------------------------------------------------------- */

/* A tokenizer that is not the model's would give a number that means nothing: of the tokens that are plain words in both, half must
 * be the same ones. */
static carat_status same_tokens(const carat_oai *o, const int32_t *ids, const scored *s, carat_err *err)
{
    size_t seen = 0, equal = 0, k = 0;
    carat_status st = CARAT_OK;
    for (const carat_json *t = s->token; t && k < s->n && !st; t = carat_json_next(t), k++) {
        const char *theirs = "";
        char *ours;
        size_t len;
        if ((st = carat_decode(o->tokenizer, ids + k, 1, 0, &ours, &len, err)))
            return st;
        carat_json_text(t, "", &theirs, NULL);
        theirs += carat_starts(theirs, "\xe2\x96\x81") ? 3 : *theirs == ' ';
        const char *word = ours + (*ours == ' ');
        bool plain = *word != 0;
        for (const char *p = word; *p && plain; p++)
            plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        plain = plain && *theirs && !carat_starts(theirs, "token_id:"); /* as vLLM may be told to say it */
        seen += plain;
        equal += plain && strcmp(word, theirs) == 0;
        carat_release(ours);
    }
    if (2 * equal < seen)
        return carat_fail(
            err, CARAT_EFORMAT,
            "%s: only %zu of %zu words are the same tokens there and in --tokenizer: is it that of %s?",
            o->url_plain, equal, seen, o->model);
    return CARAT_OK;
}

carat_status carat_oai_nll(void *self, const int32_t *ids, size_t n, size_t from, double *nll, carat_err *err)
{
    const carat_oai *o = self;
    carat_str body = CARAT_STR_INIT;
    scored s = {0};
    carat_status st = carat_oai_score_body(o, NULL, ids, n, &body, err);
    if (st || (st = score(o, &body, &s, err)))
        goto out;
    if (s.n != n) {
        st = carat_fail(err, CARAT_EFORMAT, "%s: %zu tokens were sent, it counts %zu", o->url_plain, n, s.n);
        goto out;
    }
    const carat_json *l = s.logprob;
    for (size_t k = 0; k < n && !st; k++, l = carat_json_next(l)) {
        double v;
        if (!(st = loss_of(o, l, k, &v, err)) && k >= from)
            nll[k] = v;
    }
    if (!st)
        st = same_tokens(o, ids, &s, err);
out:
    carat_json_free(s.root);
    carat_str_free(&body);
    return st;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

carat_status carat_oai_nll_text(void *self, const char *text, carat_text_nll *out, carat_err *err)
{
    const carat_oai *o = self;
    carat_str body = CARAT_STR_INIT;
    scored s = {0};
    *out = (carat_text_nll){.bytes = strlen(text)};
    carat_status st = carat_oai_score_body(o, text, NULL, 0, &body, err);
    if (st || (st = score(o, &body, &s, err)))
        goto out;
    if (!(out->nll = carat_alloc(s.n, sizeof *out->nll, err))) {
        st = CARAT_ENOMEM;
        goto out;
    }
    const carat_json *l = s.logprob;
    for (size_t k = 0; k < s.n && !st; k++, l = carat_json_next(l)) {
        const char *first = "";
        double v;
        st = loss_of(o, l, k, &v, err);
        if (!st && !isnan(v)) {
            out->nll[out->n++] = v;
        } else if (!st) { /* a BOS, which is no text; or the text's own first token */
            carat_json_text(s.token, "", &first, NULL);
            out->bytes -= carat_starts(text, first) ? strlen(first) : 0;
        }
    }
out:
    if (st) {
        carat_free(out->nll);
        *out = (carat_text_nll){0};
    }
    carat_json_free(s.root);
    carat_str_free(&body);
    return st;
}
