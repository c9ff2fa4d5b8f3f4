/* JSON values as Python sees them: reading and asking.                            SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/map.h"
#include "runtime/text/pystr.h"

enum {
    MAX_DEPTH = 256,
    MAX_DIGITS = 4300, /* of an integer, as in Python */
    MAX_FLOAT = 4300   /* characters of a number with a point or an exponent; ours */
};

const carat_value carat_undefined = {.kind = CARAT_UNDEFINED};
const carat_value carat_none = {.kind = CARAT_NONE};

/* ---- reading ------------------------------------------------------------------------------------------------ */

typedef struct reader {
    carat_scan s;
    carat_arena *arena;
    carat_str buffer;
    bool lax;
    carat_status status; /* of what the scanner does not judge */
    carat_err *err;
} reader;

static bool give_up(reader *r, carat_status status)
{
    r->status = r->status ? r->status : status;
    return false;
}

static bool beyond(reader *r, const char *what)
{
    return give_up(
        r, carat_fail(r->err, CARAT_ESUPPORT, "at byte %zu: %s", (size_t)(r->s.p - r->s.begin), what));
}

static bool bad(reader *r, const char *what)
{
    r->s.wrong = r->s.wrong ? r->s.wrong : what;
    return false;
}

static bool keep(reader *r, carat_span s, carat_span *out)
{
    char *copy = carat_arena_copy(r->arena, s.data, s.len, r->err);
    *out = (carat_span){copy, s.len};
    return copy || give_up(r, CARAT_ENOMEM);
}

static bool take_word(reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->s.end - r->s.p) < len || memcmp(r->s.p, word, len) != 0)
        return false;
    r->s.p += len;
    return true;
}

static bool digits(reader *r)
{
    const char *begin = r->s.p;
    while (r->s.p < r->s.end && *r->s.p >= '0' && *r->s.p <= '9')
        r->s.p++;
    return r->s.p > begin;
}

static bool at(const reader *r, const char *any)
{
    return r->s.p < r->s.end && *r->s.p && strchr(any, *r->s.p);
}

static bool read_number(reader *r, carat_value *v)
{
    const char *begin = r->s.p;
    r->s.p += *begin == '-';
    const char *first = r->s.p;
    if (!digits(r))
        return bad(r, "a value should begin here");
    if (*first == '0' && r->s.p - first > 1) {
        r->s.p = first + 1;
        return bad(r, "a number with a leading zero");
    }
    size_t whole = (size_t)(r->s.p - first);
    v->kind = CARAT_INT;
    if (at(r, ".")) {
        v->kind = CARAT_FLOAT;
        r->s.p++;
        if (!digits(r))
            return bad(r, "no digit behind the point");
    }
    if (at(r, "eE")) {
        v->kind = CARAT_FLOAT;
        r->s.p++;
        r->s.p += at(r, "+-");
        if (!digits(r))
            return bad(r, "no digit in the exponent");
    }
    size_t len = (size_t)(r->s.p - begin);
    if (v->kind == CARAT_INT ? whole > MAX_DIGITS : len > MAX_FLOAT)
        return beyond(r, "a number of more than 4300 digits");
    if (v->kind == CARAT_INT && *first == '0')
        begin = first, len = 1; /* -0 is 0 */
    if (!keep(r, (carat_span){begin, len}, &v->text))
        return false;
    if (v->kind == CARAT_FLOAT)
        v->number = strtod(v->text.data, NULL);
    return true;
}

static bool read_constant(reader *r, carat_value *v)
{
    static const struct {
        const char *word;
        carat_value value;
        bool lax;
    } constants[] = {
        {"null", {.kind = CARAT_NONE}, false},
        {"true", {.kind = CARAT_BOOL, .truth = true}, false},
        {"false", {.kind = CARAT_BOOL}, false},
        {"NaN", {.kind = CARAT_FLOAT, .number = NAN}, true},
        {"Infinity", {.kind = CARAT_FLOAT, .number = INFINITY}, true},
        {"-Infinity", {.kind = CARAT_FLOAT, .number = -INFINITY}, true},
    };
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if ((r->lax || !constants[i].lax) && take_word(r, constants[i].word)) {
            v->kind = constants[i].value.kind;
            v->truth = constants[i].value.truth;
            v->number = constants[i].value.number;
            return true;
        }
    return false;
}

static bool read_string(reader *r, carat_span *out)
{
    carat_span s;
    return carat_scan_string(&r->s, &r->buffer, &s) && keep(r, s, out);
}

/* Of equal keys the last value stays, where the first stood. */
static bool drop_equal_keys(reader *r, carat_value *map)
{
    carat_table seen = {0};
    carat_value **places = calloc(map->count, sizeof *places), *last = NULL;
    bool ok = places || give_up(r, carat_fail(r->err, CARAT_ENOMEM, "out of memory for an object"));
    uint32_t n = 0;
    for (carat_value *m = map->first, *next; ok && m; m = next) {
        next = m->next;
        uint32_t place = n;
        bool was;
        carat_status st = carat_table_put(&seen, m->key.data, m->key.len, n, &was, r->err);
        ok = !st || give_up(r, st);
        if (ok && was && carat_table_get(&seen, m->key.data, m->key.len, &place)) {
            carat_value *kept = places[place], *after = kept->next;
            *kept = *m;
            kept->next = after;
            map->count--;
        } else if (ok) {
            places[n++] = m;
            if (last)
                last->next = m;
            last = m;
            m->next = NULL;
        }
    }
    carat_table_free(&seen);
    free(places);
    return ok;
}

static bool read_value(reader *r, carat_value *v, unsigned depth);

static bool read_children(reader *r, carat_value *v, unsigned depth)
{
    bool map = v->kind == CARAT_MAP;
    char close = map ? '}' : ']';
    carat_value **end = &v->first;
    if (depth >= MAX_DEPTH)
        return beyond(r, "nested deeper than 256");
    for (bool more = carat_scan_open(&r->s, map ? '{' : '['); more; more = carat_scan_more(&r->s, close)) {
        carat_value *child = carat_arena_alloc(r->arena, 1, sizeof *child, r->err);
        if (!child)
            return give_up(r, CARAT_ENOMEM);
        carat_span key;
        if (map && (!carat_scan_key(&r->s, &r->buffer, &key) || !keep(r, key, &child->key)))
            return false;
        if (!read_value(r, child, depth + 1))
            return false;
        *end = child;
        end = &child->next;
        v->count++;
    }
    return !r->s.wrong && (!map || v->count < 2 || drop_equal_keys(r, v));
}

static bool read_value(reader *r, carat_value *v, unsigned depth)
{
    char c = carat_scan_peek(&r->s);
    if (c == '{' || c == '[') {
        v->kind = c == '{' ? CARAT_MAP : CARAT_LIST;
        return read_children(r, v, depth);
    }
    if (c == '"') {
        v->kind = CARAT_STRING;
        return read_string(r, &v->text);
    }
    if (!c)
        return bad(r, "a value is missing");
    if (read_constant(r, v))
        return true;
    return (c == '-' || (c >= '0' && c <= '9')) ? read_number(r, v) : bad(r, "a value should begin here");
}

carat_status carat_value_parse(carat_arena *a, carat_span json, bool lax, const carat_value **out,
                               carat_err *err)
{
    reader r = {carat_scan_begin(json.data, json.len), a, CARAT_STR_INIT, lax, CARAT_OK, err};
    carat_value *v = carat_arena_alloc(a, 1, sizeof *v, err);
    if (!v)
        return CARAT_ENOMEM;
    if (read_value(&r, v, 0))
        carat_scan_finish(&r.s);
    carat_str_free(&r.buffer);
    carat_status st = r.status ? r.status : carat_scan_check(&r.s, err);
    if (!st)
        *out = v;
    return st;
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

const carat_value *carat_value_find(const carat_value *map, carat_span key)
{
    if (map->kind == CARAT_MAP)
        for (const carat_value *m = map->first; m; m = m->next)
            if (m->key.len == key.len && memcmp(m->key.data, key.data, key.len) == 0)
                return m;
    return &carat_undefined;
}

const carat_value *carat_value_get(const carat_value *v, const char *key)
{
    return carat_value_find(v, (carat_span){key, strlen(key)});
}

bool carat_value_true(const carat_value *v)
{
    switch (v->kind) {
    case CARAT_BOOL:
        return v->truth;
    case CARAT_INT:
        return !carat_span_is(v->text, "0");
    case CARAT_FLOAT:
        return v->number != 0;
    case CARAT_STRING:
        return v->text.len > 0;
    case CARAT_LIST:
    case CARAT_MAP:
        return v->count > 0;
    default:
        return false;
    }
}

bool carat_value_is(const carat_value *v, const char *text)
{
    return v->kind == CARAT_STRING && carat_span_is(v->text, text);
}

static bool is_number(const carat_value *v)
{
    return v->kind == CARAT_BOOL || v->kind == CARAT_INT || v->kind == CARAT_FLOAT;
}

static bool same_spans(carat_span a, carat_span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* 1, 1.0 and True are equal, and large integers exactly so: a whole float is compared as its digits. */
static carat_span digits_of(const carat_value *v, char buffer[400])
{
    if (v->kind == CARAT_INT)
        return v->text;
    double number = v->kind == CARAT_BOOL ? v->truth : v->number;
    int len = snprintf(buffer, 400, "%.0f", number == 0 ? 0 : number);
    return (carat_span){buffer, (size_t)len};
}

static bool same_numbers(const carat_value *a, const carat_value *b)
{
    char x[400], y[400];
    if (a->kind == CARAT_FLOAT && b->kind == CARAT_FLOAT)
        return a->number == b->number;
    const carat_value *f = a->kind == CARAT_FLOAT ? a : b;
    if (f->kind == CARAT_FLOAT && !(isfinite(f->number) && f->number == floor(f->number)))
        return false;
    return same_spans(digits_of(a, x), digits_of(b, y));
}

bool carat_value_same(const carat_value *a, const carat_value *b)
{
    if (is_number(a) && is_number(b))
        return same_numbers(a, b);
    if (a->kind != b->kind)
        return false;
    if (a->kind == CARAT_STRING)
        return same_spans(a->text, b->text);
    if (a->count != b->count)
        return false;
    for (const carat_value *x = a->first, *y = b->first; x;
         x = x->next, y = a->kind == CARAT_LIST ? y->next : y) {
        const carat_value *other = a->kind == CARAT_LIST ? y : carat_value_find(b, x->key);
        if (!carat_value_same(x, other))
            return false;
    }
    return true;
}

bool carat_each_begin(carat_each *e, const carat_value *v)
{
    *e = (carat_each){v->first, v->text, v->kind, {0}};
    return v->kind == CARAT_LIST || v->kind == CARAT_MAP || v->kind == CARAT_STRING ||
           v->kind == CARAT_UNDEFINED;
}

const carat_value *carat_each_next(carat_each *e)
{
    const carat_value *v = e->next;
    e->item = (carat_value){.kind = CARAT_STRING};
    if (e->kind == CARAT_STRING && e->rest.len) {
        uint32_t cp;
        int skip, n = carat_utf8_get(e->rest.data, e->rest.data + e->rest.len, &cp, &skip);
        size_t len = (size_t)(n ? n : skip);
        e->item.text = (carat_span){e->rest.data, len};
        e->rest = (carat_span){e->rest.data + len, e->rest.len - len};
        return &e->item;
    }
    if (!v)
        return NULL;
    e->next = v->next;
    e->item.text = v->key;
    return e->kind == CARAT_MAP ? &e->item : v;
}

/* ---- sorting ------------------------------------------------------------------------------------------------ */

typedef struct member {
    size_t from, len, order; /* the lowered key in one long text */
    const char *text;
    const carat_value *value;
} member;

static int by_key(const void *left, const void *right)
{
    const member *a = left, *b = right;
    int order = memcmp(a->text + a->from, b->text + b->from, a->len < b->len ? a->len : b->len);
    if (order || a->len != b->len)
        return order ? order : a->len < b->len ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

carat_status carat_value_sorted(carat_arena *a, const carat_value *map, const carat_value ***out,
                                carat_err *err)
{
    carat_str lowered = CARAT_STR_INIT;
    const carat_value **sorted = carat_arena_alloc(a, map->count + 1, sizeof *sorted, err);
    member *members = carat_alloc(map->count + 1, sizeof *members, err);
    carat_status st = sorted && members ? CARAT_OK : CARAT_ENOMEM;
    size_t n = 0;
    for (const carat_value *v = map->first; !st && v; v = v->next, n++) {
        members[n] = (member){.from = lowered.len, .order = n, .value = v};
        carat_lower(&lowered, v->key);
        members[n].len = lowered.len - members[n].from;
    }
    st = st ? st : carat_str_check(&lowered, err);
    for (size_t i = 0; !st && i < n; i++)
        members[i].text = lowered.data;
    if (!st)
        qsort(members, n, sizeof *members, by_key);
    for (size_t i = 0; !st && i < n; i++)
        sorted[i] = members[i].value;
    if (!st)
        *out = sorted;
    carat_free(members);
    carat_str_free(&lowered);
    return st;
}
