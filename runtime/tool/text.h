/* What the parts of `carat text` share.                                           SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_TEXT_H
#define CARAT_TOOL_TEXT_H

#include "runtime/base/cmd.h"
#include "runtime/base/str.h"

typedef struct carat_text_args {
    carat_common common;
    bool jsonl, plain, add_bos, skip_special, ids;
    const char *template; /* --template */
} carat_text_args;

/* One piece of work: its input is a whole text or a line, and its result is appended to out. */
typedef struct carat_text_job {
    const carat_text_args *args;
    carat_tokenizer *t; /* NULL: not needed */
    int32_t bos;        /* -1: none */
    carat_edition edition;
    carat_str in, out, buffer;
    int32_t *ids;
    size_t ids_cap;
    carat_err *err;
} carat_text_job;

/* Ids of a text as a JSON array and a line end. */
carat_status carat_text_put_ids(carat_text_job *j, const char *text, size_t len);

/* text_chat.c: the actions render and parse, of a whole input and of a line. What is refused ends the first and is the line
 * {"error": "..."} of the second. */
carat_status carat_text_edition(carat_text_job *j); /* --template, or what the checkpoint ships */
carat_status carat_text_render_all(carat_text_job *j);
carat_status carat_text_render_line(carat_text_job *j);
carat_status carat_text_parse_all(carat_text_job *j);
carat_status carat_text_parse_line(carat_text_job *j);

#endif
