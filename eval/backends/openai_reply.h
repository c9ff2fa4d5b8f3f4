/* What a server of OpenAI's protocol says -> thought, content, how it ended.       SPDX-License-Identifier: Apache-2.0
 *
 * Owns the shapes of replies and their dialects: content, text, reasoning (vLLM, OpenRouter), reasoning_content (llama.cpp, vLLM before),
 * thoughts left in the content with their markers. Knows nothing of HTTP and of trying again. */
#ifndef CARAT_EVAL_BACKENDS_OPENAI_REPLY_H
#define CARAT_EVAL_BACKENDS_OPENAI_REPLY_H

#include "eval/backend.h"
#include "runtime/base/str.h"

typedef struct carat_oai_reply {
    carat_str text, thought;    /* of the choice, as the server divides them */
    carat_str content;          /* carat_oai_divide: the final channel */
    bool has_text, has_content; /* null, or nothing but a thought, is not "" */
    bool named_thought, done;   /* the server tells thoughts apart; [DONE] came */
    char finish[32];            /* "": none came */
    carat_str error;            /* of an error object; empty: none */
    int code;                   /* its HTTP-like code; 0: none */
    uint64_t prompt_tokens, cached_tokens, reply_tokens;
} carat_oai_reply;

carat_oai_reply carat_oai_reply_begin(void);
void carat_oai_reply_clear(carat_oai_reply *r); /* for another try */
void carat_oai_reply_free(carat_oai_reply *r);

/* Takes in one JSON object: a whole reply, or a chunk of a stream ("[DONE]" too). CARAT_EFORMAT: it is neither. */
carat_status carat_oai_read(carat_oai_reply *r, const char *json, size_t len, carat_err *err);
/* The line that describes an error: {"error": {"message"}}, {"detail"}, or the bytes as they are. */
void carat_oai_error(const char *body, size_t len, carat_str *out);
/* Divides the text of a whole reply into thought and content, as carat does for a model of its own, and ends the content at the first
 * stop string (then finish is "stop"). CARAT_EFORMAT: thought and answer cannot be told apart, so that nothing may be graded. */
carat_status carat_oai_divide(carat_oai_reply *r, const carat_question *q, carat_err *err);
/* "stop" or "length"; NULL: one that says the reply does not count. */
const char *carat_oai_finish(const carat_oai_reply *r);

#endif
