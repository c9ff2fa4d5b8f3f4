/* Server-sent events, cut anywhere -> the data of each.                            SPDX-License-Identifier: Apache-2.0
 *
 * Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines end with LF, CR or CRLF, those that begin with a colon are comments,
 * several data lines are one text, a blank line ends an event. Other fields than data are passed over. Bytes are never looked at as
 * characters, so that one may be cut in two. */
#ifndef CARAT_EVAL_BACKENDS_SSE_H
#define CARAT_EVAL_BACKENDS_SSE_H

#include "runtime/base/str.h"

typedef carat_status carat_sse_fn(void *ctx, const char *data, size_t len, carat_err *err);

typedef struct carat_sse {
    carat_sse_fn *fn;
    void *ctx;
    size_t max; /* bytes of an event */
    carat_str line, data;
    bool any, after_cr, begun; /* data has a line; the last byte was CR; the first line is over */
} carat_sse;

carat_sse carat_sse_begin(carat_sse_fn *fn, void *ctx, size_t max);
/* Stops at the first error, also one of fn. */
carat_status carat_sse_push(carat_sse *s, const char *bytes, size_t n, carat_err *err);
/* The end of the stream: what no blank line has ended is an event, too (servers leave the last one out). */
carat_status carat_sse_finish(carat_sse *s, carat_err *err);
void carat_sse_free(carat_sse *s);

#endif
