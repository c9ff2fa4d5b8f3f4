/* Values in a prompt, and how the template gets at them.                          SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/text/chat.h"
#include "runtime/text/pystr.h"

void carat_chat_refuse(carat_chat *c, const char *fmt, ...)
{
    char text[256];
    va_list args;
    if (c->status)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->status = carat_fail(c->err, CARAT_EFORMAT, "the chat template refuses: %s", text);
}

const carat_value *carat_chat_item(carat_chat *c, const carat_value *v, const char *where, const char *key)
{
    if (v->kind == CARAT_UNDEFINED)
        carat_chat_refuse(c, "%s is missing", where);
    return carat_value_get(v, key);
}

const carat_value *carat_chat_get(carat_chat *c, const carat_value *v, const char *where, const char *key)
{
    if (v->kind != CARAT_MAP)
        carat_chat_refuse(c, "%s is not an object", where);
    const carat_value *found = carat_value_get(v, key);
    return found->kind == CARAT_UNDEFINED ? &carat_none : found;
}

void carat_chat_add(carat_chat *c, const carat_value *v, const char *what)
{
    if (v->kind == CARAT_STRING)
        carat_str_add(c->out, v->text.data, v->text.len);
    else
        carat_chat_refuse(c, v->kind == CARAT_UNDEFINED ? "%s is missing" : "%s is not a string", what);
}

bool carat_chat_each(carat_chat *c, carat_each *e, const carat_value *v, const char *what)
{
    if (!carat_each_begin(e, v))
        carat_chat_refuse(c, "%s is not a list", what);
    return !c->status;
}

const carat_value **carat_chat_sorted(carat_chat *c, const carat_value *map)
{
    const carat_value **sorted = NULL;
    if (!c->status)
        c->status = carat_value_sorted(c->arena, map, &sorted, c->err);
    return sorted;
}

carat_value carat_chat_upper(carat_chat *c, const carat_value *v)
{
    carat_value upper = {.kind = CARAT_STRING};
    carat_str text = CARAT_STR_INIT, big = CARAT_STR_INIT;
    carat_value_str(&text, v);
    carat_upper(&big, (carat_span){text.data, text.len});
    const char *kept = carat_arena_copy(c->arena, big.data, big.len, c->err);
    carat_status st = kept ? carat_str_check(text.failed ? &text : &big, c->err) : CARAT_ENOMEM;
    c->status = c->status ? c->status : st;
    upper.text = (carat_span){kept ? kept : "", kept ? big.len : 0};
    carat_str_free(&text);
    carat_str_free(&big);
    return upper;
}

static void quote(carat_str *out, carat_span s)
{
    carat_str_puts(out, "<|\"|>");
    carat_str_add(out, s.data, s.len);
    carat_str_puts(out, "<|\"|>");
}

static void put_map(carat_chat *c, const carat_value *v, bool quoted)
{
    const carat_value **sorted = carat_chat_sorted(c, v);
    carat_str_putc(c->out, '{');
    for (size_t i = 0; sorted && i < v->count; i++) {
        if (i)
            carat_str_putc(c->out, ',');
        if (quoted)
            quote(c->out, sorted[i]->key);
        else
            carat_str_add(c->out, sorted[i]->key.data, sorted[i]->key.len);
        carat_str_putc(c->out, ':');
        carat_chat_argument(c, sorted[i], quoted);
    }
    carat_str_putc(c->out, '}');
}

void carat_chat_argument(carat_chat *c, const carat_value *v, bool quoted)
{
    switch (v->kind) {
    case CARAT_NONE:
        carat_str_puts(c->out, "null");
        break;
    case CARAT_STRING:
        quote(c->out, v->text);
        break;
    case CARAT_BOOL:
        carat_str_puts(c->out, v->truth ? "true" : "false");
        break;
    case CARAT_MAP:
        put_map(c, v, quoted);
        break;
    case CARAT_LIST:
    case CARAT_UNDEFINED: /* Jinja takes it for an empty sequence */
        carat_str_putc(c->out, '[');
        for (const carat_value *item = v->first; item; item = item->next) {
            carat_chat_argument(c, item, quoted);
            carat_str_puts(c->out, item->next ? "," : "");
        }
        carat_str_putc(c->out, ']');
        break;
    default:
        carat_value_str(c->out, v);
    }
}
