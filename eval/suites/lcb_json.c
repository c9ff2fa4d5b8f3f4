/* Python's == on what json.loads makes of two texts.                               SPDX-License-Identifier: Apache-2.0
 *
 * One text is written by a program nobody trusts. Integers of any length and floats are compared as exact numbers, as Python does; true
 * is 1 and false is 0; NaN, Infinity and -Infinity are numbers; of a repeated key the last value counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/suites/lcb.h"
#include "runtime/base/mem.h"

enum { MAX_DEPTH = 200 };

typedef enum type { NOTHING, INTEGER, REAL, TEXT, LIST, OBJECT } type;

typedef struct value {
    type type;
    /* INTEGER: digits without zeros in front, "-" before them; TEXT: UTF-8; OBJECT: of a member, its key */
    const char *text;
    size_t n;
    double real;
    const char *key;
    size_t key_n;
    struct value *child, *next;
    size_t children, order; /* order: among its siblings */
} value;

typedef struct parser {
    const char *p, *end;
    carat_arena *arena;
    int depth;
    bool bad; /* not JSON, or no memory */
} parser;

static void blanks(parser *x)
{
    while (x->p < x->end && memchr(" \t\n\r", *x->p, 4))
        x->p++;
}

static bool taken(parser *x, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(x->end - x->p) < n || memcmp(x->p, word, n) != 0)
        return false;
    x->p += n;
    return true;
}

static int hex4(const parser *x, const char *p)
{
    int v = 0;
    if (x->end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, p[i] | 32);
        if (!p[i] || !at || (p[i] < '0'))
            return -1;
        v = v << 4 | (int)(at - digits);
    }
    return v;
}

/* Behind "\u": a character, pairs of surrogates joined; a lone one is written as it is. */
static size_t unicode(parser *x, char *out)
{
    int cp = hex4(x, x->p), low;
    if (cp < 0) {
        x->bad = true;
        return 0;
    }
    x->p += 4;
    if (cp >= 0xD800 && cp < 0xDC00 && x->end - x->p >= 6 && x->p[0] == '\\' && x->p[1] == 'u' &&
        (low = hex4(x, x->p + 2)) >= 0xDC00 && low < 0xE000) {
        x->p += 6;
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    if (cp >= 0xD800 && cp < 0xE000) {
        out[0] = (char)0xED;
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    return (size_t)carat_utf8_put((uint32_t)cp, out);
}

/* Behind the opening quote. */
static void string(parser *x, const char **text, size_t *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *close = x->p;
    while (close < x->end && *close != '"')
        close += 1 + (*close == '\\');
    if (close >= x->end) {
        x->bad = true;
        return;
    }
    char *out = carat_arena_alloc(x->arena, (size_t)(close - x->p) + 1, 1, NULL);
    x->bad = !out;
    *n = 0;
    *text = out;
    while (!x->bad && x->p < close) {
        char c = *x->p++;
        if ((uint8_t)c < 0x20)
            x->bad = true;
        else if (c != '\\')
            out[(*n)++] = c;
        else if (*x->p == 'u') {
            x->p++;
            *n += unicode(x, out + *n);
        } else {
            const char *at = memchr(from, *x->p++, sizeof from - 1);
            x->bad = !at;
            out[(*n)++] = at ? to[at - from] : 0;
        }
    }
    x->p = close + 1;
}

static void number(parser *x, value *v)
{
    const char *start = x->p;
    bool negative = taken(x, "-");
    if (taken(x, "Infinity")) {
        v->type = REAL;
        v->real = negative ? -INFINITY : INFINITY;
        return;
    }
    const char *digits = x->p;
    while (x->p < x->end && *x->p >= '0' && *x->p <= '9')
        x->p++;
    size_t n = (size_t)(x->p - digits);
    if (n == 0 || (n > 1 && *digits == '0')) {
        x->bad = true;
        return;
    }
    const char *mark = x->p;
    while (x->p < x->end && strchr("0123456789.eE+-", *x->p) && *x->p)
        x->p++;
    char *text = carat_arena_copy(x->arena, start, (size_t)(x->p - start), NULL), *stop;
    if (!text) {
        x->bad = true;
    } else if (x->p == mark) {
        v->type = INTEGER;
        v->text = *digits == '0' ? "0" : text;
        v->n = strlen(v->text);
    } else {
        v->type = REAL;
        v->real = strtod(text, &stop);
        const char *point = strchr(text, '.'), *e = strpbrk(text, "eE");
        x->bad = *stop || (point && (point[1] < '0' || point[1] > '9')) || (e && point > e);
    }
}

static value *parse(parser *x);

/* Behind the opening bracket. */
static void children(parser *x, value *v, char close)
{
    value **tail = &v->child;
    blanks(x);
    if (x->p < x->end && *x->p == close) {
        x->p++;
        return;
    }
    while (!x->bad) {
        const char *key = NULL;
        size_t n = 0;
        blanks(x);
        if (close == '}') {
            if (!taken(x, "\"")) {
                x->bad = true;
                return;
            }
            string(x, &key, &n);
            blanks(x);
            x->bad = x->bad || !taken(x, ":");
        }
        value *child = x->bad ? NULL : parse(x);
        if (!child)
            return;
        child->order = v->children;
        child->key = key;
        child->key_n = n;
        *tail = child;
        tail = &child->next;
        v->children++;
        blanks(x);
        if (taken(x, close == '}' ? "}" : "]"))
            return;
        x->bad = !taken(x, ",");
    }
}

static value *parse(parser *x)
{
    value *v = carat_arena_alloc(x->arena, 1, sizeof *v, NULL);
    blanks(x);
    if (!v || x->p == x->end || ++x->depth > MAX_DEPTH) {
        x->bad = true;
        return NULL;
    }
    if (taken(x, "null"))
        v->type = NOTHING;
    else if (taken(x, "true") || taken(x, "false")) {
        v->type = INTEGER;
        v->text = x->p[-2] == 'u' ? "1" : "0";
        v->n = 1;
    } else if (taken(x, "NaN")) {
        v->type = REAL;
        v->real = NAN;
    } else if (taken(x, "Infinity")) {
        v->type = REAL;
        v->real = INFINITY;
    } else if (taken(x, "\"")) {
        v->type = TEXT;
        string(x, &v->text, &v->n);
    } else if (taken(x, "[")) {
        v->type = LIST;
        children(x, v, ']');
    } else if (taken(x, "{")) {
        v->type = OBJECT;
        children(x, v, '}');
    } else
        number(x, v);
    x->depth--;
    return x->bad ? NULL : v;
}

static bool same_text(const char *a, size_t n, const char *b, size_t m)
{
    return n == m && !memcmp(a, b, n);
}

static bool same_numbers(const value *a, const value *b)
{
    if (a->type == INTEGER && b->type == INTEGER)
        return same_text(a->text, a->n, b->text, b->n);
    if (a->type == REAL && b->type == REAL)
        return a->real == b->real;
    const value *integer = a->type == INTEGER ? a : b, *real = a->type == INTEGER ? b : a;
    char text[400]; /* the longest double has 309 digits */
    if (!isfinite(real->real) || real->real != floor(real->real))
        return false;
    snprintf(text, sizeof text, "%.0f", real->real == 0 ? 0.0 : real->real);
    return same_text(integer->text, integer->n, text, strlen(text));
}

static int by_key(const void *a, const void *b)
{
    const value *x = *(const value *const *)a, *y = *(const value *const *)b;
    size_t n = x->key_n < y->key_n ? x->key_n : y->key_n;
    int order = n ? memcmp(x->key, y->key, n) : 0;
    if (order)
        return order;
    if (x->key_n != y->key_n)
        return x->key_n < y->key_n ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool same(const value *a, const value *b, carat_arena *arena);

/* Inside of lists and objects Python takes one object for equal to itself, and json.loads has one NaN only. */
static bool same_inside(const value *a, const value *b, carat_arena *arena)
{
    return (a->type == REAL && b->type == REAL && isnan(a->real) && isnan(b->real)) || same(a, b, arena);
}

/* Members by key, of equal keys the last. */
static const value **members(const value *v, carat_arena *arena, size_t *n)
{
    const value **list = carat_arena_alloc(arena, v->children + 1, sizeof *list, NULL);
    *n = 0;
    if (!list)
        return NULL;
    for (const value *c = v->child; c; c = c->next)
        list[(*n)++] = c;
    qsort(list, *n, sizeof *list, by_key);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (i + 1 == *n || !same_text(list[i]->key, list[i]->key_n, list[i + 1]->key, list[i + 1]->key_n))
            list[kept++] = list[i];
    *n = kept;
    return list;
}

static bool same_objects(const value *a, const value *b, carat_arena *arena)
{
    size_t n, m;
    const value **x = members(a, arena, &n), **y = members(b, arena, &m);
    if (!x || !y || n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_text(x[i]->key, x[i]->key_n, y[i]->key, y[i]->key_n) || !same_inside(x[i], y[i], arena))
            return false;
    return true;
}

static bool same(const value *a, const value *b, carat_arena *arena)
{
    bool numbers = (a->type == INTEGER || a->type == REAL) && (b->type == INTEGER || b->type == REAL);
    if (numbers)
        return same_numbers(a, b);
    if (a->type != b->type)
        return false;
    if (a->type == TEXT)
        return same_text(a->text, a->n, b->text, b->n);
    if (a->type == OBJECT)
        return same_objects(a, b, arena);
    if (a->children != b->children)
        return false;
    for (a = a->child, b = b->child; a; a = a->next, b = b->next)
        if (!same_inside(a, b, arena))
            return false;
    return true;
}

static const value *parse_all(carat_bytes text, carat_arena *arena)
{
    parser x = {text.data, (const char *)text.data + text.n, arena, 0, false};
    const value *v = text.n ? parse(&x) : NULL;
    blanks(&x);
    return v && x.p == x.end ? v : NULL;
}

carat_status carat_lcb_json_equal(carat_bytes a, carat_bytes b, bool *equal, carat_err *err)
{
    carat_arena arena = {0};
    *equal = false;
    /* One value has many spellings, but none this much longer than another. */
    if (a.n / 32 > b.n + 256)
        return CARAT_OK;
    const value *y = parse_all(b, &arena), *x = y ? parse_all(a, &arena) : NULL;
    *equal = x && y && same(x, y, &arena);
    carat_arena_free(&arena);
    return y ? CARAT_OK : carat_fail(err, CARAT_EFORMAT, "the expected output is not JSON");
}
