/* The messages of a conversation, and the ids they come to.                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_CONVERSATION_H
#define CARAT_TOOL_CONVERSATION_H

#include "runtime/base/str.h"

typedef struct carat_message {
    char *role; /* malloc'ed */
    char *json; /* the message as the chat template takes it; malloc'ed */
} carat_message;

/* Zero-initialise but for edition and thinking. */
typedef struct carat_conversation {
    carat_edition edition;
    bool thinking;
    carat_message *list;
    size_t n, cap;
    /* What the session's timeline holds: its text and its ids. */
    char *said;
    int32_t *said_ids;
    size_t n_said;
} carat_conversation;

void carat_conversation_free(carat_conversation *c);
/* A message behind the others; thought may be NULL. */
carat_status carat_conversation_add(carat_conversation *c, const char *role, const char *content,
                                    const char *thought, carat_err *err);
void carat_conversation_drop(carat_conversation *c); /* the last message */
/* Puts a system message first, or replaces it; NULL takes it away. */
carat_status carat_conversation_system(carat_conversation *c, const char *text, carat_err *err);
const char *carat_conversation_last(const carat_conversation *c); /* role of the last message, or NULL */

/* The prompt up to where the model begins to write -> ids, malloc'ed. Where its text goes on what was said (below), the ids of that
 * stay as they were written: the same text can be cut into tokens in other ways. */
carat_status carat_conversation_ids(carat_conversation *c, const carat_tokenizer *t, int32_t **ids, size_t *n,
                                    carat_err *err);
/* Tells what stands in the timeline now: the prompt's ids and behind them the reply's, stop token left out. */
carat_status carat_conversation_said(carat_conversation *c, const carat_tokenizer *t, const int32_t *ids,
                                     size_t n, carat_err *err);

/* {"messages": [...], "enable_thinking": bool}: what `carat text render` takes too. load also takes the bare list; on failure c stays. */
carat_status carat_conversation_save(const carat_conversation *c, const char *path, carat_err *err);
carat_status carat_conversation_load(carat_conversation *c, const char *path, carat_err *err);

#endif
