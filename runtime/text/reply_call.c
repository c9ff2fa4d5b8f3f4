/* The text of a tool call -> its arguments as JSON.                               SPDX-License-Identifier: Apache-2.0
 *
 * Follows transformers' "json" content parser with Gemma 4's settings (strings between <|"|>, keys without quotes) and, where the
 * request's tools name types, its casts of strings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/text/reply.h"
#include "runtime/text/pystr.h"

static const char mark[] = "<|\"|>";
enum { MARK = sizeof mark - 1, MAX_DIGITS = 4300 };

/* ---- the dialect -------------------------------------------------------------------------------------------- */

/* Length of a bare key at p, which a colon must follow; else 0. */
static size_t bare_key(const char *p, const char *end)
{
    const char *begin = p;
    uint32_t cp;
    int skip, n;
    while (p < end && (n = carat_utf8_get(p, end, &cp, &skip)) && carat_is_regex_word(cp))
        p += n;
    return p < end && *p == ':' ? (size_t)(p - begin) : 0;
}

/* Gemma's spelling -> JSON, textually as transformers does it: also inside of ordinary quotes. */
static void to_json(carat_str *out, carat_span text)
{
    char before = 0;
    for (const char *p = text.data, *end = p + text.len; p < end;) {
        size_t key = before == '{' || before == ',' ? bare_key(p, end) : 0;
        bool marked = (size_t)(end - p) >= 2 * MARK && memcmp(p, mark, MARK) == 0;
        const char *close = marked ? memmem(p + MARK, (size_t)(end - p) - MARK, mark, MARK) : NULL;
        carat_jw w = carat_jw_begin(out);
        if (close) {
            carat_jw_bytes(&w, p + MARK, (size_t)(close - p) - MARK);
            p = close + MARK;
            before = '"';
        } else if (key) {
            carat_jw_bytes(&w, p, key);
            p += key;
            before = p[-1];
        } else {
            before = *p;
            carat_str_putc(out, *p++);
        }
    }
}

/* ---- casts -------------------------------------------------------------------------------------------------- */

/* What int() and float() take before they look at the number: stripped, digits of any script as 0..9, an underscore between two
 * digits dropped. False if something else is in it. */
static bool plain_number(carat_span raw, carat_str *out)
{
    carat_span s = carat_strip(raw);
    bool digit = false, joined = false; /* the last one was a digit; an underscore waits for one */
    for (const char *p = s.data, *end = p + s.len; p < end;) {
        uint32_t cp;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        int value = n ? carat_decimal(cp) : -1;
        if (!n || !cp || (value < 0 && cp > 126) || (joined && value < 0) || (cp == '_' && !digit))
            return false;
        if (cp != '_')
            carat_str_putc(out, value < 0 ? (char)cp : (char)('0' + value));
        digit = value >= 0;
        joined = cp == '_';
        p += n;
    }
    return !joined && out->len;
}

/* int(raw), spelled as Python prints it. */
static bool cast_int(carat_span raw, carat_str *out)
{
    carat_str s = CARAT_STR_INIT;
    bool ok = plain_number(raw, &s);
    const char *p = s.data + (*s.data == '-' || *s.data == '+');
    size_t digits = strspn(p, "0123456789");
    ok = ok && digits && !p[digits] && digits <= MAX_DIGITS;
    if (ok) {
        const char *first = p + strspn(p, "0");
        carat_str_puts(out, *s.data == '-' && *first ? "-" : "");
        carat_str_puts(out, *first ? first : "0");
    }
    carat_str_free(&s);
    return ok;
}

/* float(raw): the grammar of a decimal, or a name. */
static bool cast_float(carat_span raw, double *out)
{
    static const char *const names[] = {"inf", "infinity", "nan"};
    carat_str s = CARAT_STR_INIT;
    bool ok = plain_number(raw, &s);
    const char *p = s.data + (*s.data == '-' || *s.data == '+');
    bool named = false;
    for (size_t i = 0; i < 3; i++)
        named = named || strcasecmp(p, names[i]) == 0;
    size_t whole = strspn(p, "0123456789"), fraction = 0;
    p += whole;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    if (whole + fraction && (*p == 'e' || *p == 'E')) {
        p += 1 + (p[1] == '-' || p[1] == '+');
        whole = strspn(p, "0123456789");
        p += whole;
        fraction = 0;
    }
    ok = ok && (named || (whole + fraction && !*p));
    if (ok)
        *out = strtod(s.data, NULL);
    carat_str_free(&s);
    return ok;
}

static void put_whole(carat_str *out, double v)
{
    carat_str_printf(out, "%.0f", v == 0 ? 0.0 : v);
}

static bool cast_number(carat_span raw, carat_str *out)
{
    double v;
    carat_value number = {.kind = CARAT_FLOAT};
    if (!cast_float(raw, &v) || !isfinite(v))
        return false;
    number.number = v;
    if (v == floor(v) && !memchr(raw.data, '.', raw.len))
        put_whole(out, v);
    else
        carat_value_json(out, &number);
    return true;
}

static bool cast_bool(carat_span raw, carat_str *out)
{
    carat_str s = CARAT_STR_INIT;
    carat_lower(&s, carat_strip(raw));
    bool yes = !strcmp(s.data, "true") || !strcmp(s.data, "1");
    bool no = !strcmp(s.data, "false") || !strcmp(s.data, "0");
    bool ok = (yes || no) && strlen(s.data) == s.len;
    if (ok)
        carat_str_puts(out, yes ? "true" : "false");
    carat_str_free(&s);
    return ok;
}

static bool cast_json(carat_span raw, carat_kind kind, carat_str *out)
{
    carat_arena arena = {0};
    const carat_value *v = &carat_undefined;
    bool ok = !carat_value_parse(&arena, raw, true, &v, NULL) && v->kind == kind;
    if (ok)
        carat_value_json(out, v);
    carat_arena_free(&arena);
    return ok;
}

static bool cast_to(const carat_value *type, carat_span raw, carat_str *out)
{
    double v;
    if (carat_value_is(type, "integer")) {
        if (cast_int(raw, out))
            return true;
        if (!cast_float(raw, &v) || !isfinite(v) || v != floor(v))
            return false;
        put_whole(out, v);
        return true;
    }
    if (carat_value_is(type, "number"))
        return cast_number(raw, out);
    if (carat_value_is(type, "boolean"))
        return cast_bool(raw, out);
    carat_span s = carat_strip(raw);
    if (carat_value_is(type, "null") && (carat_span_is(s, "null") || carat_span_is(s, "None"))) {
        carat_str_puts(out, "null");
        return true;
    }
    return (carat_value_is(type, "object") && cast_json(raw, CARAT_MAP, out)) ||
           (carat_value_is(type, "array") && cast_json(raw, CARAT_LIST, out));
}

/* A value as JSON; a string as the first of the types that takes it. */
static void put_cast(carat_str *out, const carat_value *v, const carat_value *types)
{
    for (const carat_value *t = types->first; t && v->kind == CARAT_STRING; t = t->next)
        if (cast_to(t, v->text, out))
            return;
    carat_value_json(out, v);
}

/* ---- schemas ------------------------------------------------------------------------------------------------ */

typedef struct type_list {
    carat_arena *arena;
    carat_value list;
    carat_value **end;
    carat_err *err;
} type_list;

static carat_status add_type(type_list *t, carat_span name)
{
    carat_value *v = carat_arena_alloc(t->arena, 1, sizeof *v, t->err);
    if (!v)
        return CARAT_ENOMEM;
    v->kind = CARAT_STRING;
    v->text = name;
    *t->end = v;
    t->end = &v->next;
    t->list.count++;
    return CARAT_OK;
}

/* The types that a schema allows, in its order: type, then those of anyOf and oneOf, then null if it is nullable. */
static carat_status add_types(type_list *t, const carat_value *schema)
{
    const carat_value *type = carat_value_get(schema, "type");
    carat_value **from = t->end;
    carat_status st = type->kind == CARAT_STRING ? add_type(t, type->text) : CARAT_OK;
    for (const carat_value *one = type->kind == CARAT_LIST ? type->first : NULL; one && !st; one = one->next)
        st = one->kind == CARAT_STRING ? add_type(t, one->text) : CARAT_OK;
    for (int i = 0; i < 2 && !st; i++) {
        const carat_value *choices = carat_value_get(schema, i ? "oneOf" : "anyOf");
        carat_each e;
        if (!carat_value_true(choices))
            continue;
        if (!carat_each_begin(&e, choices))
            return carat_fail(t->err, CARAT_EFORMAT, "tools: %s is not a list", i ? "oneOf" : "anyOf");
        for (const carat_value *c; !st && (c = carat_each_next(&e));)
            st = add_types(t, c);
    }
    bool has_null = !carat_value_true(carat_value_get(schema, "nullable"));
    for (const carat_value *v = *from; v && !has_null; v = v->next)
        has_null = carat_value_is(v, "null");
    return st || has_null ? st : add_type(t, (carat_span){"null", 4});
}

/* The parameters of the last tool of that name. */
static const carat_value *properties_of(const carat_value *tools, carat_span name)
{
    const carat_value *found = &carat_undefined;
    for (const carat_value *tool = tools->kind == CARAT_LIST ? tools->first : NULL; tool; tool = tool->next) {
        const carat_value *function = carat_value_get(tool, "function");
        function = function->kind == CARAT_UNDEFINED ? tool : function;
        const carat_value *own = carat_value_get(function, "name");
        if (own->kind == CARAT_STRING && own->text.len == name.len &&
            memcmp(own->text.data, name.data, name.len) == 0)
            found = carat_value_get(carat_value_get(function, "parameters"), "properties");
    }
    return found;
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

static carat_status put_argument(carat_str *out, carat_arena *arena, const carat_value *v,
                                 const carat_value *schema, carat_err *err)
{
    type_list t = {.arena = arena, .list = {.kind = CARAT_LIST}, .err = err};
    t.end = &t.list.first;
    carat_status st = add_types(&t, schema);
    if (st)
        return st;
    bool array = false;
    for (const carat_value *type = t.list.first; type; type = type->next)
        array = array || carat_value_is(type, "array");
    if (v->kind != CARAT_LIST || array || !t.list.count) {
        put_cast(out, v, &t.list);
        return CARAT_OK;
    }
    carat_str_putc(out, '[');
    for (const carat_value *item = v->first; item; item = item->next) {
        put_cast(out, item, &t.list);
        carat_str_puts(out, item->next ? ", " : "");
    }
    carat_str_putc(out, ']');
    return CARAT_OK;
}

static carat_status put_arguments(carat_str *out, carat_arena *arena, const carat_value *v,
                                  const carat_value *properties, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (v->kind != CARAT_MAP || properties->kind != CARAT_MAP) {
        carat_value_json(out, v);
        return CARAT_OK;
    }
    carat_str_putc(out, '{');
    for (const carat_value *m = v->first; m && !st; m = m->next) {
        carat_jw w = carat_jw_begin(out);
        carat_jw_bytes(&w, m->key.data, m->key.len);
        carat_str_puts(out, ": ");
        st = put_argument(out, arena, m, carat_value_find(properties, m->key), err);
        carat_str_puts(out, m->next ? ", " : "}");
    }
    carat_str_puts(out, v->first ? "" : "}");
    return st;
}

carat_status carat_reply_call(carat_str *out, carat_span name, carat_span text, const carat_value *tools,
                              carat_err *err)
{
    carat_arena arena = {0};
    carat_str json = CARAT_STR_INIT;
    const carat_value *v = &carat_undefined;
    carat_status st = CARAT_OK;
    if (memchr(text.data, 1, text.len) || memchr(text.data, 2, text.len))
        st = carat_fail(err, CARAT_EFORMAT, "a control character in the arguments");
    if (!st) {
        to_json(&json, text);
        st = carat_str_check(&json, err);
    }
    st = st ? st : carat_value_parse(&arena, (carat_span){json.data, json.len}, true, &v, err);
    if (!st) {
        carat_jw w = carat_jw_begin(out);
        carat_str_puts(out, "{\"name\": ");
        carat_jw_bytes(&w, name.data, name.len);
        carat_str_puts(out, ", \"arguments\": ");
        st = put_arguments(out, &arena, v, properties_of(tools, name), err);
        carat_str_puts(out, "}");
    }
    st = st ? st : carat_str_check(out, err);
    carat_str_free(&json);
    carat_arena_free(&arena);
    if (st) {
        char where[96];
        snprintf(where, sizeof where, "the call of %.*s cannot be read", (int)(name.len < 40 ? name.len : 40),
                 name.data);
        carat_fail_in(err, st, where);
    }
    return st;
}
