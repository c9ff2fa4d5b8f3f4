/* The parts of the backend that asks a server in OpenAI's protocol.                SPDX-License-Identifier: Apache-2.0
 *
 * openai.c: what is asked, and of whom. openai_ask.c: many questions in flight, tries, what comes of them. openai_reply.c: what the
 * server says. openai_fetch.c: one request, and what is served. openai_score.c: log-probabilities of a text. */
#ifndef CARAT_EVAL_BACKENDS_OPENAI_H
#define CARAT_EVAL_BACKENDS_OPENAI_H

#include "datasets/http.h"
#include "eval/backend.h"
#include "runtime/base/json.h"

/* How a server is told to think or not to. */
typedef enum carat_oai_thinking {
    CARAT_OAI_TEMPLATE,  /* "chat_template_kwargs": {"enable_thinking": BOOL}: vLLM, llama.cpp, SGLang */
    CARAT_OAI_REASONING, /* "reasoning": {"enabled": BOOL}: OpenRouter */
    CARAT_OAI_SILENT     /* not at all: servers that refuse what they do not know */
} carat_oai_thinking;

typedef struct carat_oai {
    char *url, *url_chat, *url_plain, *model, *key; /* key NULL: none */
    char *extra;                                    /* inside the braces of --extra-body; "": nothing */
    char *template_extra;                           /* inside those of its chat_template_kwargs */
    carat_json *extra_tree;
    bool stream;
    carat_oai_thinking thinking;
    const char *limit_name; /* of the member that bounds a reply: "max_tokens" */
    carat_http_limits limit;
    uint32_t tries;
    double backoff, wait_most; /* before the second try; before any */
    uint64_t seed;
    char tokenizer_sha256[65];
    carat_tokenizer *tokenizer; /* NULL: none was named */
    carat_str served;           /* what the server says of the model; empty: nothing */
} carat_oai;

/* The request for a question. */
carat_status carat_oai_body(const carat_oai *o, const carat_question *q, carat_str *out, carat_err *err);
/* Puts *** where the key stands in words of the server. */
void carat_oai_hide(const carat_oai *o, carat_str *text);
/* The key stands in a text that would be kept. (Short keys are no secrets: "EMPTY", "none".) */
bool carat_oai_betrays(const carat_oai *o, const char *text);

/* The request for log-probabilities of a text, or of ids where text is NULL. */
carat_status carat_oai_score_body(const carat_oai *o, const char *text, const int32_t *ids, size_t n,
                                  carat_str *out, carat_err *err);
/* Is a reply with this status worth another try? */
bool carat_oai_passes(int status);

/* A whole reply. */
typedef struct carat_oai_page {
    carat_str body; /* or what the trouble was */
    int status;
    carat_http_trouble trouble;
    double retry_after; /* seconds; < 0: not said */
} carat_oai_page;
/* Sends one request and waits. body NULL: GET. An error is no memory, or Ctrl-C; all else is told in the page. */
carat_status carat_oai_fetch(const carat_oai *o, const char *url, const carat_str *body,
                             carat_http_limits limit, carat_oai_page *out, carat_err *err);
/* The line that says why a page is none, without the key. */
void carat_oai_said(const carat_oai *o, const carat_oai_page *p, carat_str *out);
/* Asks for the models: fills `served`. */
carat_status carat_oai_greet(carat_oai *o, carat_err *err);

/* carat_backend.nll, nll_text */
carat_status carat_oai_nll(void *self, const int32_t *ids, size_t n, size_t from, double *nll,
                           carat_err *err);
carat_status carat_oai_nll_text(void *self, const char *text, carat_text_nll *out, carat_err *err);
/* carat_backend.ask */
carat_status carat_oai_ask(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err);

#endif
