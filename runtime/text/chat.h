/* The chat template's parts.                                                      SPDX-License-Identifier: Apache-2.0
 *
 * One renderer for both editions of the official template of 2026-07-09, written after the template and not a Jinja engine: chat.c
 * walks over the messages, declare.c prints tools, argument.c prints values. What the template does with odd requests (a missing
 * key, a number where text should be) is done as Jinja does it; where Jinja raises, rendering stops with a reason that sticks. */
#ifndef CARAT_TEXT_CHAT_H
#define CARAT_TEXT_CHAT_H

#include "runtime/text/value.h"

typedef struct carat_chat {
    carat_str *out;
    carat_arena *arena;
    carat_status status; /* the first failure */
    carat_err *err;
} carat_chat;

/* Stops the rendering, unless it has stopped before. */
void carat_chat_refuse(carat_chat *c, const char *fmt, ...) CARAT_PRINTF(2, 3);
/* v['key'], where v is what stands at `where` in the request: of something missing, Jinja raises. */
const carat_value *carat_chat_item(carat_chat *c, const carat_value *v, const char *where, const char *key);
/* v.get('key'): only objects have it; None when absent. */
const carat_value *carat_chat_get(carat_chat *c, const carat_value *v, const char *where, const char *key);
/* 'text' + v: only strings can be added to text. */
void carat_chat_add(carat_chat *c, const carat_value *v, const char *what);
/* for item in v; false (and refused) if Python cannot iterate over it. */
bool carat_chat_each(carat_chat *c, carat_each *e, const carat_value *v, const char *what);
const carat_value **carat_chat_sorted(carat_chat *c, const carat_value *map); /* NULL: stopped */
/* v | upper, as a string value in the arena. */
carat_value carat_chat_upper(carat_chat *c, const carat_value *v);

/* argument.c: the template's format_argument; `quoted`: keys stand between <|"|>. */
void carat_chat_argument(carat_chat *c, const carat_value *v, bool quoted);
/* declare.c: format_function_declaration. */
void carat_chat_declare(carat_chat *c, const carat_value *tool);

#endif
