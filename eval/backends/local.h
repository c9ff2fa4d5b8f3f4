/* The local backend inside: what its files share.                                  SPDX-License-Identifier: Apache-2.0
 *
 * local.c opens, scores and describes; local_prompt.c turns questions into ids and ids into answers; local_lines.c knows what each
 * timeline of the session holds; local_load.c times loading; local_ask.c writes replies side by side. */
#ifndef CARAT_EVAL_LOCAL_H
#define CARAT_EVAL_LOCAL_H

#include "eval/backend.h"
#include "runtime/base/util.h"

/* What a timeline of the session holds. Only positions that a sync computed are ever lent to another prompt: those that steps
 * appended differ in the last bits from what a sync makes of the same ids, and a reply must not depend on what ran before it. */
typedef struct carat_line {
    int32_t *ids;   /* [context]: of the prompt it is for */
    size_t n, held; /* of the prompt; of it computed */
    uint64_t used;  /* when last */
    bool busy;
} carat_line;

/* Lines [0, slots) are for replies. Those behind keep prefixes that several prompts begin with, and nothing else, so that they can be
 * lent however long the replies become (a sliding window forgets). */
typedef struct carat_lines {
    carat_session *session;
    carat_line *line;
    uint32_t slots, pins;
    uint64_t clock;
} carat_lines;

typedef struct carat_local {
    carat_model *model;
    carat_tokenizer *tokenizer;
    carat_session *session;        /* opened anew where more is needed; NULL after a failure */
    carat_session_options options; /* of the session */
    carat_lines lines;     /* of the session, if it was opened for questions; a score uses the first */
    uint32_t parallel;     /* that they were opened for */
    carat_edition edition; /* 0: messages cannot be framed, for the reason below */
    carat_err frameless;
    carat_talk talk;
    bool reuse; /* of prefixes */
} carat_local;

/* Answers questions (backend.h). */
carat_status carat_local_ask(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err);

/* carat_backend.reload. */
carat_status carat_local_reload(void *self, bool cold, double *seconds, carat_err *err);

/* ---- prompts ------------------------------------------------------------------------------------------------- */

/* A question as the model sees it. */
typedef struct carat_local_prompt {
    int32_t *ids;
    size_t n;
    char sha256[65]; /* of the text */
} carat_local_prompt;
carat_status carat_local_prompt_make(const carat_local *l, const carat_question *q, carat_local_prompt *out,
                                     carat_err *err);
void carat_local_prompt_free(carat_local_prompt *p);
/* Fills raw, thought, content, finish and the counts of an answer and hands it to fn, during whose call it is good. */
typedef carat_status carat_local_deliver_fn(void *ctx, const carat_answer *a, carat_err *err);
carat_status carat_local_answer(const carat_local *l, const carat_generated *g, carat_answer *out,
                                carat_local_deliver_fn *fn, void *ctx, carat_err *err);

/* ---- timelines ----------------------------------------------------------------------------------------------- */

carat_status carat_lines_open(carat_session *s, uint32_t slots, uint32_t pins, size_t context,
                              carat_lines *out, carat_err *err);
void carat_lines_close(carat_lines *l);
/* How many ids of a prompt some line in [first, end) was given too: `held`: those that stand in its cache. */
size_t carat_lines_common(const carat_lines *l, uint32_t first, uint32_t end, const int32_t *ids, size_t n,
                          bool held);
/* A free slot, the one whose content serves the prompt best, else the one unused for longest; slots if there is none. */
uint32_t carat_lines_slot(const carat_lines *l, const int32_t *ids, size_t n);
uint32_t carat_lines_oldest_pin(const carat_lines *l);
/* Line `to` is for this prompt from now on; what others hold of its first `most` ids is copied, unless !reuse. It holds line[to].held. */
carat_status carat_lines_assign(carat_lines *l, uint32_t to, const int32_t *ids, size_t n, size_t most,
                                carat_err *err);
/* Computes up to `count` more of the prompt's ids. */
carat_status carat_lines_compute(carat_lines *l, uint32_t line, size_t count, carat_err *err);

#endif
