/* What suites ask: a model behind a few calls, wherever it runs.                   SPDX-License-Identifier: Apache-2.0
 *
 * A suite never sees a session or a tensor. To add a backend: one file in backends/ that fills this struct. */
#ifndef CARAT_EVAL_BACKEND_H
#define CARAT_EVAL_BACKEND_H

#include "runtime/base/json.h"
#include "runtime/base/util.h"
#include "runtime/carat.h"

/* One question. Everything in it is borrowed until its answer was delivered. Exactly one of prompt and messages is set. */
typedef struct carat_question {
    const char *prompt;   /* plain text that the model goes on with (BOS is the backend's), or NULL */
    const char *messages; /* JSON: [{"role", "content"}, ...], framed by the checkpoint's template, or NULL */
    bool thinking;        /* messages only */
    /* looked for in the final channel only, by carat itself, whatever the backend does */
    const char *const *stop;
    size_t n_stop;
    size_t max_new;        /* tokens, thoughts included */
    carat_sampler sampler; /* its seed is the item's own: a reply does not depend on what runs beside it */
} carat_question;

/* A reply, or the reason why there is none. Borrowed during the call of `done`. */
typedef struct carat_answer {
    const char *raw;     /* all that the model wrote, with its markers as far as the backend shows them */
    const char *thought; /* NULL: none */
    const char *content; /* the final channel: the only thing that may be graded; NULL: none */
    const char *finish;  /* "stop", "length", "context", "error" */
    const char *fault;   /* why this counts as not measured; NULL: it was measured */
    /* the end of what was asked, for people who look at the record; not the backend's: set by who asks. NULL: not told */
    const char *asked;
    uint64_t asked_cut; /* bytes that were asked before those */
    /* hex, of the exact bytes sent: the rendered text, or the request's messages */
    const char *prompt_sha256;
    uint64_t prompt_tokens, cached_tokens, reply_tokens; /* 0: unknown */
    double wait_s, first_s, total_s; /* in the queue; from the start to the first token; to the end */
    /* when each token, or piece of a stream, was there, from the start; NULL: unknown */
    const double *token_s;
    size_t n_token_s;
    uint32_t tries;
} carat_answer;

/* What predicting a text came to. */
typedef struct carat_text_nll {
    double *nll; /* [n] of each token that something stands in front of, in nats; carat_free */
    size_t n;
    uint64_t bytes; /* of the text that these tokens stand for */
} carat_text_nll;

/* Where a backend gets its questions from and leaves the answers, in whatever order they end; all called from the thread that called
 * ask. next: false when there is none left. done: an error ends the asking. */
typedef struct carat_asking {
    void *ctx;
    bool (*next)(void *ctx, size_t *ticket, carat_question *out);
    carat_status (*done)(void *ctx, size_t ticket, const carat_answer *a, carat_err *err);
} carat_asking;

typedef struct carat_backend {
    void *self;
    uint32_t vocab;
    int32_t bos;                      /* -1: none */
    uint32_t context;                 /* longest sequence that score takes */
    bool large;                       /* chat framing of the large models */
    const carat_tokenizer *tokenizer; /* NULL: none */
    /* fn(ctx, pos, logits [vocab]) for positions [from, n), from several threads at once, in no fixed order. */
    carat_status (*score)(void *self, const int32_t *ids, size_t n, size_t from, carat_logits_fn *fn,
                          void *ctx, carat_err *err);
    /* nll[i] = -log p(ids[i] | ids[0..i)) in nats, for i in [from, n), from >= 1 */
    carat_status (*nll)(void *self, const int32_t *ids, size_t n, size_t from, double *nll, carat_err *err);
    /* The same of a text as it is, by the tokens that the backend makes of it, its own BOS included: where there is no tokenizer here. */
    carat_status (*nll_text)(void *self, const char *text, carat_text_nll *out, carat_err *err);
    /* Answers all questions, up to `parallel` at a time (0: as many as the backend likes). A question that fails is an answer with a fault; only what makes going on
     * senseless (no memory, Ctrl-C: CARAT_EINTR) is an error. NULL: this backend cannot write. */
    carat_status (*ask)(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err);
    /* log of the sum of exp over the vocabulary, in f64; callable from fn */
    double (*log_sum)(void *self, const float *logits);
    /* one line that names what computes: "int4-g32 weights, int8 numerics, bf16 KV cache, avx2 kernels" */
    void (*describe)(void *self, carat_str *out);
    /* Members of header.json that pin what computes: scheme, numerics, kv, kernels, what identifies the weights and the template; of an
     * endpoint its address without secrets, and its protocol. NULL: the line of describe has to do. */
    carat_status (*pin)(void *self, carat_jw *w, carat_err *err);
    /* Opens the model anew and computes one token -> seconds. cold: the files are dropped from the page cache first; where that cannot be
     * done (others use them), NaN. NULL: this backend does not load. */
    carat_status (*reload)(void *self, bool cold, double *seconds, carat_err *err);
    void (*close)(void *self);
} carat_backend; /* what a backend cannot do is NULL */

typedef struct carat_local_options {
    const char *model, *numerics, *kernels, *kv; /* NULL: f32, the best, what goes with the numerics */
    uint32_t context, threads; /* context: longest sequence that score takes; questions get what they need */
    bool no_prefix_reuse;      /* every prompt is computed whole: for comparison */
    carat_talk talk;
} carat_local_options;
carat_status carat_backend_local(const carat_local_options *o, carat_backend *out, carat_err *err);
void carat_backend_close(carat_backend *b);

/* A server that speaks OpenAI's protocol: vLLM, llama.cpp's llama-server, `transformers serve`, OpenRouter and the like. A prompt goes to
 * URL/completions, messages go to URL/chat/completions. The key is that of CARAT_API_KEY, else OPENAI_API_KEY; it goes into the
 * Authorization header of requests to URL's own host and into nothing else. */
typedef struct carat_openai_options {
    const char *url;            /* "http://host:8000/v1" */
    const char *model;          /* as the server calls it */
    const char *tokenizer;      /* tokenizer.json of the model, or its directory; NULL: none is at hand */
    const char *extra_body;     /* JSON object whose members join every request; NULL: none */
    const char *const *setting; /* "NAME=VALUE"; CARAT_OPENAI_SETTINGS documents them */
    size_t n_settings;
    uint64_t seed; /* of the jitter between tries */
} carat_openai_options;
/* For --help. */
/* clang-format off */
#define CARAT_OPENAI_SETTINGS \
    "An endpoint is any server of OpenAI's protocol: URL/completions for plain prompts, URL/chat/completions for messages.\n" \
    "The key is that of CARAT_API_KEY, else OPENAI_API_KEY. Settings (--set NAME=VALUE, times in seconds):\n" \
    "  stream=on|off   ask for a stream, which shows when the first token comes (on)\n" \
    "  thinking=template|reasoning|none   say whether to think by chat_template_kwargs.enable_thinking (vLLM, llama.cpp;\n" \
    "                  the default), by `reasoning` (OpenRouter), or not at all\n" \
    "  limit=max_tokens|max_completion_tokens   the member that bounds a reply (max_tokens)\n" \
    "  connect=10 first=600 stall=120 total=7200   until there is a connection; until the first byte of a reply; between\n" \
    "                  its bytes; for a question with all its tries\n" \
    "  tries=5 backoff=1 wait=300   tries of a question; the wait before the second, doubled for each further one, drawn\n" \
    "                  between half of it and all; the longest wait, also for a Retry-After\n" \
    "Tried again: no connection, one that breaks or is late, 408, 409, 425, 429 and 5xx (Retry-After is heeded), a reply\n" \
    "that is not whole or cannot be read. Not tried again: 400, 401, 403, 404, 422 and the like. A question without a\n" \
    "whole reply is not measured, never wrong. After 16 of them in a row each further one is tried once, until one is\n" \
    "answered."
/* clang-format on */
/* Asks the server for its models once: a server that is not there, or refuses the key, is known before the first question. */
carat_status carat_backend_openai(const carat_openai_options *o, carat_backend *out, carat_err *err);

#endif
