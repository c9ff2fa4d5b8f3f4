/* carat: texts, conversations and replies.                                         SPDX-License-Identifier: Apache-2.0
 *
 * The second half of carat.h, which includes it; what carat.h says of ownership, errors and threads holds here too. */
#ifndef CARAT_TEXT_H
#define CARAT_TEXT_H

#include "carat.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- drafting ------------------------------------------------------------------------------------------ */

/* An assistant (gemma4_assistant) guesses ids ahead, the model checks them all in one step. What is written is id
 * for id what steps of one id and carat_sample would have written, greedy or drawn: drafting changes nothing but
 * the time. */
enum { CARAT_DRAFT_MOST = 15 }; /* drafts a round */
typedef struct carat_draft carat_draft;
typedef struct carat_draft_stats {
    uint64_t rounds, plain;     /* rounds with drafts, and without */
    uint64_t drafted, accepted; /* ids of the drafts; of them right, with all in front of them */
    uint64_t ids;               /* written by all rounds */
    double seconds;             /* of all rounds */
    double plain_step;          /* seconds of a round without drafts, lately: the yardstick */
} carat_draft_stats;

/* For a session; both it and the assistant must outlive the draft. The assistant has to fit the session's model.
 * length: drafts a round; 0: as many as pay, by how often drafts were right and what they cost lately. */
carat_status carat_draft_open(carat_session *s, const carat_model *assistant, uint32_t length,
                              carat_draft **out, carat_err *err);
void carat_draft_close(carat_draft *d);

typedef struct carat_draft_request {
    uint32_t sequence; /* its timeline holds ids[0 .. n - 1): all but the id that was drawn last */
    const carat_sampler *sampler;
    uint64_t step; /* carat_sample's, of the next id */
    int32_t *ids;  /* prompt and reply; behind them `room` places, which the round writes to */
    size_t n_prompt, n, room;
} carat_draft_request;
/* Writes 1 <= *count <= room more ids; again the timeline holds all but the last of them. */
carat_status carat_draft_round(carat_draft *d, const carat_draft_request *r, size_t *count, carat_err *err);
carat_draft_stats carat_draft_report(const carat_draft *d);

/* ---- text ---------------------------------------------------------------------------------------------- */

/* path: a directory holding tokenizer.json, or that file. A tokenizer is immutable and may be shared by threads. */
carat_status carat_tokenizer_open(const char *path, carat_tokenizer **out, carat_err *err);
void carat_tokenizer_close(carat_tokenizer *t);
uint32_t carat_tokenizer_size(const carat_tokenizer *t);
/* The id of an added or vocabulary token spelled exactly so, or -1. */
int32_t carat_tokenizer_id(const carat_tokenizer *t, const char *piece);

enum { CARAT_ENCODE_PLAIN = 1 /* special tokens in the text are ordinary characters */ };
/* Text of `len` bytes (may hold NUL; ill-formed UTF-8 becomes U+FFFD) -> ids. No BOS is added. *ids is
 * malloc'ed (free with carat_release). */
carat_status carat_encode(const carat_tokenizer *t, const char *text, size_t len, int flags, int32_t **ids,
                          size_t *n, carat_err *err);
enum { CARAT_DECODE_SKIP_SPECIAL = 1 };
/* The reverse. *text holds `len` bytes and is NUL-terminated; malloc'ed (carat_release). An id outside of the
 * vocabulary is CARAT_EFORMAT. */
carat_status carat_decode(const carat_tokenizer *t, const int32_t *ids, size_t n, int flags, char **text,
                          size_t *len, carat_err *err);
void carat_release(void *p); /* frees what is said to be malloc'ed; NULL: nothing */

/* Streaming decode: text comes out as soon as it can no longer change; bytes of an incomplete character are held. */
typedef struct carat_stream carat_stream;
carat_status carat_stream_open(const carat_tokenizer *t, int flags, carat_stream **out, carat_err *err);
void carat_stream_close(carat_stream *s);
/* Text that id completes (possibly empty), NUL-terminated, borrowed until the next call. */
carat_status carat_stream_push(carat_stream *s, int32_t id, const char **text, size_t *len, carat_err *err);

/* ---- conversations ------------------------------------------------------------------------------------- */

/* The official chat template of 2026-07-09: of E2B and E4B (small), or of 12B, 26B and 31B (large: pre-fills an
 * empty thought). */
typedef enum carat_edition { CARAT_EDITION_SMALL = 1, CARAT_EDITION_LARGE } carat_edition;
/* The edition that a checkpoint directory ships; another template, or none, is CARAT_ESUPPORT. */
carat_status carat_chat_edition(const char *dir, carat_edition *out, carat_err *err);
/* A request as JSON: {"messages", "tools", "add_generation_prompt", "enable_thinking", "preserve_thinking"} in the
 * shapes of Hugging Face -> the exact prompt. What the template refuses is CARAT_EFORMAT. *prompt is malloc'ed
 * (carat_release). */
carat_status carat_chat_render(carat_edition edition, const char *request, size_t len, char **prompt,
                               size_t *prompt_len, carat_err *err);
/* The same of one user turn, with a system text before it unless that is NULL; *prompt is NUL-terminated. */
carat_status carat_chat_frame(carat_edition edition, const char *system, const char *user, char **prompt,
                              carat_err *err);

/* What a model wrote -> thought, content, tool calls, while it writes. `prefix`: the prompt, whose open thought the
 * reply goes on; `tools`: the request's JSON list, by whose types arguments are cast. Both may be NULL. */
typedef struct carat_reply carat_reply;
typedef enum carat_reply_kind { CARAT_REPLY_THOUGHT, CARAT_REPLY_CONTENT, CARAT_REPLY_CALL } carat_reply_kind;
/* Text that belongs to the thought or the content, or one call {"name", "arguments"} as JSON. */
typedef void carat_reply_fn(void *ctx, carat_reply_kind kind, const char *text, size_t len);
carat_status carat_reply_open(const char *prefix, size_t prefix_len, const char *tools, carat_reply_fn *fn,
                              void *ctx, carat_reply **out, carat_err *err);
void carat_reply_close(carat_reply *r);
/* The next bytes, cut anywhere. Nothing of a tag is ever shown; a call that cannot be read is told by finish. */
carat_status carat_reply_push(carat_reply *r, const char *text, size_t len, carat_err *err);
/* The end. *json: {"thought": str|null, "content": str|null, "tool_calls": [{"name", "arguments"}]}, borrowed until
 * close. A call that cannot be read is CARAT_EFORMAT. */
carat_status carat_reply_finish(carat_reply *r, const char **json, size_t *len, carat_err *err);

/* ---- generation ---------------------------------------------------------------------------------------- */

typedef enum carat_finish {
    CARAT_FINISH_NONE = 0,
    CARAT_FINISH_STOP,     /* a stop id, or a stop string */
    CARAT_FINISH_LENGTH,   /* max_new */
    CARAT_FINISH_CONTEXT,  /* the session's context is full */
    CARAT_FINISH_CANCELLED /* go_on said no */
} carat_finish;

typedef struct carat_generate_options {
    const carat_tokenizer *tokenizer; /* NULL: ids only */
    carat_sampler sampler;
    uint64_t step;      /* number of the first draw */
    size_t max_new;     /* 0: until the context is full */
    uint32_t sequence;  /* of the session */
    carat_draft *draft; /* of the session: the same reply, sooner, but one at a time; NULL: none */
    bool ignore_eos;    /* go on behind a stop id */
    bool raw;           /* the text has no structure: all of it is content, special tokens are not shown */
    const char *const *stop; /* strings that end the reply; not looked for in thoughts and calls, not shown */
    size_t n_stop;
    const char *tools;     /* as for carat_reply_open */
    carat_reply_fn *reply; /* the text as soon as it is final; may be NULL */
    /* Asked between passes of the prompt (`done` of its `total` tokens are computed) and between tokens (done =
     * total): false stops the reply where it is. NULL: go on. */
    bool (*go_on)(void *ctx, size_t done, size_t total);
    void *ctx;
} carat_generate_options;

/* A reply, and how it came to be. */
typedef struct carat_generated {
    const int32_t *ids; /* the reply's; a stop id is the last */
    size_t n, n_prompt;
    size_t computed; /* of the prompt's tokens; the others were in the session */
    carat_finish finish;
    const char *stop; /* the stop string that was found, or NULL */
    const char *json; /* as from carat_reply_finish; NULL without a tokenizer, and with a fault */
    size_t json_len;
    const char *fault; /* what is wrong with the reply's text (a tool call that cannot be read), or NULL */
    double prompt_s, decode_s; /* seconds; prompt_s: of all prompts that were computed together */
} carat_generated;

/* A reply to be written in a session's sequence. The prompt is copied; everything in the options is borrowed until
 * close. */
typedef struct carat_generation carat_generation;
carat_status carat_generation_open(carat_session *s, const carat_generate_options *o, const int32_t *prompt,
                                   size_t n, carat_generation **out, carat_err *err);
void carat_generation_close(carat_generation *g);
/* Writes all n replies to their ends, those of one session with different sequences side by side: each step appends
 * a token to every unfinished one in a pass over the weights. The text of a reply is the same alone and in company. */
carat_status carat_generate(carat_generation *const *list, size_t n, carat_err *err);
/* A piece of that: computes the prompts of the replies that have not begun, in passes that they share, and their
 * first tokens; where all have, appends a token to each unfinished one (the first CARAT_STEP_ROWS of them). Replies
 * may join the list and leave it between calls.
 * Where prompts fail together, none has begun: each can be tried alone. */
carat_status carat_generation_step(carat_generation *const *list, size_t n, size_t *unfinished,
                                   carat_err *err);
/* Borrowed until close; complete when `finish` is set. */
const carat_generated *carat_generation_result(const carat_generation *g);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
