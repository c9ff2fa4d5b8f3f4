/* Raw reply -> thought, content, tool calls, while it is written.                 SPDX-License-Identifier: Apache-2.0
 *
 * Follows transformers' ResponseParser with the response_template that Gemma 4 ships. A reply is content; <|channel>thought\n opens a
 * thought, <|tool_call>call:NAME a call, each up to its own closing tag; <turn|>, <|tool_response> and <eos> end the content. Of
 * several thoughts or contents the last is kept. What may yet become a tag is held back until it is one or is not, so that
 * the result does not depend on how the text was cut. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/unicode.h"
#include "runtime/text/reply.h"
#include "runtime/text/pystr.h"

typedef enum state { CONTENT, THOUGHT, NAME, CALL } state;

struct carat_reply {
    carat_reply_fn *fn; /* NULL while the prompt is read */
    void *ctx;
    carat_arena arena;
    const carat_value *tools;
    state state;
    carat_str held; /* what may be a tag, or a character cut in two */
    carat_str body; /* of the open region */
    carat_str name; /* of the open call */
    size_t looked;  /* bytes of the body looked at for white space, */
    size_t solid;   /* of which so many are not white space at the end, */
    size_t shown;   /* of which so many have been shown, or are white space in front */
    carat_str thought, content, calls, json;
    carat_status status; /* of the first call that could not be read */
    carat_err err;
};

/* ---- regions ------------------------------------------------------------------------------------------------ */

/* The first character has bytes to come. */
static bool is_cut(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    return end - p < (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1);
}

/* Shows what is new of the body, but for white space at its ends. */
static void show(carat_reply *r, bool whole)
{
    const char *end = r->body.data + r->body.len;
    while (r->looked < r->body.len) {
        const char *p = r->body.data + r->looked;
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!n && !whole && is_cut(p, end))
            break;
        bool space = n && carat_is_space(cp);
        if (!space && !r->solid)
            r->shown = r->looked;
        r->looked += (size_t)(n ? n : skip);
        r->solid = space ? r->solid : r->looked;
    }
    if (r->fn && r->solid > r->shown)
        r->fn(r->ctx, r->state == THOUGHT ? CARAT_REPLY_THOUGHT : CARAT_REPLY_CONTENT,
              r->body.data + r->shown, r->solid - r->shown);
    r->shown = r->solid > r->shown ? r->solid : r->shown;
}

static void add(carat_reply *r, const char *text, size_t len)
{
    carat_str_add(&r->body, text, len);
    if (r->state != CALL)
        show(r, false);
}

static void add_call(carat_reply *r)
{
    size_t from = r->calls.len + (r->calls.len ? 2 : 0);
    carat_str call = CARAT_STR_INIT;
    carat_err err = {0};
    carat_status st = carat_reply_call(&call, (carat_span){r->name.data, r->name.len},
                                       (carat_span){r->body.data, r->body.len}, r->tools, &err);
    if (st && !r->status) {
        r->status = st;
        r->err = err;
    }
    if (!st) {
        carat_str_puts(&r->calls, from ? ", " : "");
        carat_str_add(&r->calls, call.data, call.len);
        if (r->fn)
            r->fn(r->ctx, CARAT_REPLY_CALL, call.data, call.len);
    }
    carat_str_free(&call);
}

/* Ends the open region; what follows is content. Content that never began ends without a trace. */
static void close_region(carat_reply *r)
{
    carat_str *field = r->state == THOUGHT ? &r->thought : &r->content;
    if (r->state == CALL) {
        add_call(r);
    } else if (r->state == THOUGHT || r->body.len) {
        show(r, true);
        carat_span value = carat_strip((carat_span){r->body.data, r->body.len});
        carat_str_clear(field);
        carat_str_add(field, value.data, value.len);
    }
    carat_str_clear(&r->body);
    r->looked = r->solid = r->shown = 0;
    r->state = CONTENT;
}

static void open_region(carat_reply *r, state next)
{
    close_region(r);
    carat_str_clear(&r->name);
    r->state = next;
}

/* ---- tags --------------------------------------------------------------------------------------------------- */

typedef struct tag {
    const char *text;
    state inside; /* where it is a tag */
    state next;   /* what it opens; CONTENT: it only closes */
} tag;

static const tag tags[] = {
    {"<|channel>thought\n", CONTENT, THOUGHT},
    {"<|tool_call>call:", CONTENT, NAME},
    {"<turn|>", CONTENT, CONTENT},
    {"<|tool_response>", CONTENT, CONTENT},
    {"<eos>", CONTENT, CONTENT},
    {"<channel|>", THOUGHT, CONTENT},
    {"<tool_call|>", CALL, CONTENT},
};

typedef enum found { NO_TAG, MAYBE, TAG } found;

/* Is there a tag at p? A call's tag is one only if a name follows. */
static found find_tag(const carat_reply *r, const char *p, const char *end, const tag **out)
{
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t len = strlen(tags[i].text), have = (size_t)(end - p);
        if (tags[i].inside != r->state || memcmp(p, tags[i].text, have < len ? have : len) != 0)
            continue;
        *out = &tags[i];
        if (have < len)
            return MAYBE;
        if (tags[i].next != NAME)
            return TAG;
        uint32_t cp;
        int skip;
        const char *name = p + len;
        if (name == end || (!carat_utf8_get(name, end, &cp, &skip) && is_cut(name, end)))
            return MAYBE;
        return carat_utf8_get(name, end, &cp, &skip) && carat_is_regex_word(cp) ? TAG : NO_TAG;
    }
    return NO_TAG;
}

/* Reads the name of a call as far as it goes; returns what is behind it. */
static const char *read_name(carat_reply *r, const char *p, const char *end)
{
    uint32_t cp;
    int skip, n = 0;
    while (p < end && (n = carat_utf8_get(p, end, &cp, &skip)) && carat_is_regex_word(cp)) {
        carat_str_add(&r->name, p, (size_t)n);
        p += n;
    }
    if (p < end && (n || !is_cut(p, end)))
        r->state = CALL;
    return p;
}

/* Takes from [p, end) whatever is decided; returns the rest. */
static const char *take(carat_reply *r, const char *p, const char *end)
{
    while (p < end) {
        if (r->state == NAME) {
            p = read_name(r, p, end);
            if (r->state == NAME)
                return p;
            continue;
        }
        const char *sign = memchr(p, '<', (size_t)(end - p));
        const tag *t = NULL;
        found f = sign ? find_tag(r, sign, end, &t) : NO_TAG;
        const char *stop = !sign ? end : f == NO_TAG ? sign + 1 : sign;
        add(r, p, (size_t)(stop - p));
        if (f == MAYBE)
            return stop;
        p = stop;
        if (f == TAG) {
            p += strlen(t->text);
            open_region(r, t->next);
        }
    }
    return end;
}

static carat_status feed(carat_reply *r, const char *text, size_t len, carat_err *err)
{
    const char *rest;
    size_t left;
    if (r->held.len) {
        carat_str_add(&r->held, text, len);
        rest = take(r, r->held.data, r->held.data + r->held.len);
        left = (size_t)(r->held.data + r->held.len - rest);
        memmove(r->held.data, rest, left);
        r->held.data[left] = 0;
        r->held.len = left;
    } else {
        rest = take(r, text, text + len);
        carat_str_add(&r->held, rest, (size_t)(text + len - rest));
    }
    carat_status st = carat_str_check(&r->held, err);
    return st ? st : carat_str_check(&r->body, err);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

/* Behind the last place where a model begins to write. */
static carat_span own_part(carat_span prefix)
{
    static const char *const anchors[] = {"<|turn>model\n", "<tool_response|>"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(anchors[i]);
        for (const char *p; (p = memmem(prefix.data, prefix.len, anchors[i], len));) {
            prefix.len -= (size_t)(p + len - prefix.data);
            prefix.data = p + len;
        }
    }
    return prefix;
}

carat_status carat_reply_open(const char *prefix, size_t prefix_len, const char *tools, carat_reply_fn *fn,
                              void *ctx, carat_reply **out, carat_err *err)
{
    carat_reply *r = calloc(1, sizeof *r);
    if (!r)
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a reply");
    *r = (carat_reply){.ctx = ctx, .tools = &carat_undefined};
    carat_str *strings[] = {&r->held, &r->body, &r->name, &r->thought, &r->content, &r->calls, &r->json};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        *strings[i] = (carat_str)CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (tools) {
        st = carat_value_parse(&r->arena, (carat_span){tools, strlen(tools)}, false, &r->tools, err);
        if (st)
            carat_fail_in(err, st, "tools");
    }
    if (!st && prefix) {
        carat_span own = own_part((carat_span){prefix, prefix_len});
        st = feed(r, own.data, own.len, err);
    }
    r->fn = fn;
    if (st) {
        carat_reply_close(r);
        return st;
    }
    *out = r;
    return CARAT_OK;
}

void carat_reply_close(carat_reply *r)
{
    if (!r)
        return;
    carat_str *strings[] = {&r->held, &r->body, &r->name, &r->thought, &r->content, &r->calls, &r->json};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        carat_str_free(strings[i]);
    carat_arena_free(&r->arena);
    free(r);
}

carat_status carat_reply_push(carat_reply *r, const char *text, size_t len, carat_err *err)
{
    return feed(r, text, len, err);
}

static void put_field(carat_jw *w, const char *key, const carat_str *text)
{
    carat_jw_key(w, key);
    if (text->len)
        carat_jw_bytes(w, text->data, text->len);
    else
        carat_jw_null(w);
}

carat_status carat_reply_finish(carat_reply *r, const char **json, size_t *len, carat_err *err)
{
    if (r->state == NAME)
        r->state = CALL;
    add(r, r->held.data, r->held.len);
    carat_str_clear(&r->held);
    close_region(r);
    if (r->status)
        return carat_fail(err, r->status, "%s", r->err.text);
    carat_str_clear(&r->json);
    carat_jw w = carat_jw_begin(&r->json);
    carat_jw_open(&w, '{');
    put_field(&w, "thought", &r->thought);
    put_field(&w, "content", &r->content);
    carat_jw_key(&w, "tool_calls");
    carat_str_putc(&r->json, '[');
    carat_str_add(&r->json, r->calls.data, r->calls.len);
    carat_str_puts(&r->json, "]}");
    carat_str *parts[] = {&r->body, &r->thought, &r->content, &r->calls, &r->json};
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++)
        st = carat_str_check(parts[i], err);
    if (!st) {
        *json = r->json.data;
        *len = r->json.len;
    }
    return st;
}
