/* Server-sent events (sse.h).                                                      SPDX-License-Identifier: Apache-2.0 */
#include "eval/backends/sse.h"

#include <string.h>

carat_sse carat_sse_begin(carat_sse_fn *fn, void *ctx, size_t max)
{
    return (carat_sse){.fn = fn, .ctx = ctx, .max = max, .line = CARAT_STR_INIT, .data = CARAT_STR_INIT};
}

void carat_sse_free(carat_sse *s)
{
    carat_str_free(&s->line);
    carat_str_free(&s->data);
}

static carat_status end_event(carat_sse *s, carat_err *err)
{
    carat_status st = carat_str_check(&s->data, err);
    if (!st && s->any)
        st = s->fn(s->ctx, s->data.data, s->data.len, err);
    carat_str_clear(&s->data);
    s->any = false;
    return st;
}

static carat_status end_line(carat_sse *s, carat_err *err)
{
    carat_status st = carat_str_check(&s->line, err);
    const char *p = s->line.data;
    size_t n = s->line.len;
    if (!s->begun && n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3, n -= 3; /* a byte order mark */
    s->begun = true;
    if (!st && n == 0)
        st = end_event(s, err);
    else if (n >= 4 && memcmp(p, "data", 4) == 0 && (n == 4 || p[4] == ':')) {
        size_t skip = n == 4 ? 4 : n > 5 && p[5] == ' ' ? 6 : 5;
        if (s->any)
            carat_str_putc(&s->data, '\n');
        carat_str_add(&s->data, p + skip, n - skip);
        s->any = true;
    }
    carat_str_clear(&s->line);
    return st;
}

carat_status carat_sse_push(carat_sse *s, const char *bytes, size_t n, carat_err *err)
{
    carat_status st = CARAT_OK;
    for (const char *p = bytes, *end = bytes + n; p < end && !st;) {
        const char *stop = p;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        carat_str_add(&s->line, p, (size_t)(stop - p));
        if (s->line.len + s->data.len > s->max)
            return carat_fail(err, CARAT_EFORMAT, "an event of the stream has more than %zu bytes", s->max);
        if (stop > p)
            s->after_cr = false;
        if (stop == end)
            break;
        if (*stop == '\n' && s->after_cr)
            s->after_cr = false; /* the second half of CRLF */
        else {
            s->after_cr = *stop == '\r';
            st = end_line(s, err);
        }
        p = stop + 1;
    }
    return st;
}

carat_status carat_sse_finish(carat_sse *s, carat_err *err)
{
    carat_status st = s->line.len ? end_line(s, err) : CARAT_OK;
    return st ? st : end_event(s, err);
}
