/* Fuzz target: a request to render, a reply to parse. The first byte chooses; a reply's rest is prefix, tools and text, each up to a
 * line end. Whatever comes, there is a result or one line; a reply cut at every byte gives the same result as the whole, and nothing that
 * is shown holds a tag that was taken for one.                                SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void one_line(carat_status st, const carat_err *err)
{
    must(st == CARAT_EFORMAT || st == CARAT_ESUPPORT);
    must(*err->text && !strchr(err->text, '\n'));
}

static void render(const char *data, size_t size)
{
    for (carat_edition e = CARAT_EDITION_SMALL; e <= CARAT_EDITION_LARGE; e++) {
        char *prompt = NULL;
        size_t len = 0;
        carat_err err = {0};
        carat_status st = carat_chat_render(e, data, size, &prompt, &len, &err);
        if (st)
            one_line(st, &err);
        else
            must(len >= 5 && memcmp(prompt, "<bos>", 5) == 0 && prompt[len] == 0);
        must(!st == !!prompt);
        carat_release(prompt);
    }
}

static void shown(void *ctx, carat_reply_kind kind, const char *text, size_t len)
{
    (void)kind;
    must(len > 0);
    carat_str_add(ctx, text, len);
}

typedef struct reply {
    const char *prefix, *tools, *text;
    size_t prefix_len, text_len;
} reply;

/* The JSON or the error, then what was shown. */
static carat_str parse(const reply *q, size_t step)
{
    carat_str out = CARAT_STR_INIT, seen = CARAT_STR_INIT;
    carat_reply *r = NULL;
    const char *json = NULL;
    size_t len = 0;
    carat_err err = {0};
    carat_status st = carat_reply_open(q->prefix, q->prefix_len, q->tools, shown, &seen, &r, &err);
    for (size_t at = 0; !st && at < q->text_len; at += step) {
        size_t n = step < q->text_len - at ? step : q->text_len - at;
        must(carat_reply_push(r, q->text + at, n, &err) == CARAT_OK);
    }
    st = st ? st : carat_reply_finish(r, &json, &len, &err);
    if (st) {
        one_line(st, &err);
        carat_str_puts(&out, err.text);
    } else {
        must(len > 2 && json[0] == '{' && json[len - 1] == '}');
        carat_str_add(&out, json, len);
    }
    carat_str_add(&out, seen.data, seen.len);
    carat_str_free(&seen);
    carat_reply_close(r);
    return out;
}

/* Up to a line end; *rest moves behind it. */
static char *line(const char **rest, const char *end, size_t *len)
{
    const char *stop = memchr(*rest, '\n', (size_t)(end - *rest));
    *len = (size_t)((stop ? stop : end) - *rest);
    char *copy = strndup(*rest, *len);
    *rest = stop ? stop + 1 : end;
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    if (!size || *p == 'm') {
        render(p + (size > 0), size - (size > 0));
        return 0;
    }
    p++;
    reply q = {0};
    size_t tools_len;
    char *prefix = line(&p, end, &q.prefix_len), *tools = line(&p, end, &tools_len);
    q.prefix_len = strlen(prefix);
    q.prefix = prefix;
    q.tools = *tools ? tools : NULL;
    q.text = p;
    q.text_len = (size_t)(end - p);
    carat_str whole = parse(&q, q.text_len + 1);
    static const size_t steps[] = {1, 2, 7};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        carat_str cut = parse(&q, steps[i]);
        must(cut.len == whole.len && memcmp(cut.data, whole.data, cut.len) == 0);
        carat_str_free(&cut);
    }
    carat_str_free(&whole);
    free(prefix);
    free(tools);
    return 0;
}
