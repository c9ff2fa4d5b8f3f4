/* JSON: strict reading, and trees (json.h). The only user of cJSON.                SPDX-License-Identifier: Apache-2.0
 *
 * cJSON accepts more than JSON (leading zeros, raw control bytes, duplicate keys, NUL cut short) and forgets
 * whether a number was spelled as an integer. A first pass over the text checks the spelling (RFC 8259) and
 * notes each number's kind; a walk over the tree then checks keys and hands the kinds to the nodes, so that a
 * config.json that is carried over keeps 30.0. */
#include "runtime/base/json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/base/file.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

enum { MAX_DEPTH = 256, FLOAT_BIT = 1 << 10 /* of cJSON.type: spelled with a point or an exponent */ };

/* ---- the first pass ------------------------------------------------------------------------------------ */

struct scan {
    const char *p, *begin, *end;
    unsigned char *is_float; /* one per number, in order */
    size_t numbers, cap;
    carat_err *err;
};

static carat_status bad(const struct scan *s, const char *what)
{
    return carat_fail(s->err, CARAT_EFORMAT, "not JSON at byte %zu: %s", (size_t)(s->p - s->begin), what);
}

static bool is_digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static carat_status scan_number(struct scan *s)
{
    const char *start = s->p;
    bool fraction = false;
    s->p += *s->p == '-';
    if (!is_digit(s))
        return bad(s, "a number without digits");
    if (*s->p == '0' && s->p + 1 < s->end && s->p[1] >= '0' && s->p[1] <= '9')
        return bad(s, "a number with a leading zero");
    while (is_digit(s))
        s->p++;
    if (s->p < s->end && *s->p == '.') {
        fraction = true;
        s->p++;
        if (!is_digit(s))
            return bad(s, "no digit behind the point");
        while (is_digit(s))
            s->p++;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        fraction = true;
        s->p++;
        s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
        if (!is_digit(s))
            return bad(s, "no digit in the exponent");
        while (is_digit(s))
            s->p++;
    }
    if (s->p - start > 60)
        return bad(s, "a number of more than 60 characters");
    char text[64] = {0};
    memcpy(text, start, (size_t)(s->p - start));
    if (!isfinite(strtod(text, NULL)))
        return bad(s, "a number that is not finite");
    carat_status st = carat_grow((void **)&s->is_float, &s->cap, s->numbers + 1, 1, s->err);
    if (!st)
        s->is_float[s->numbers++] = fraction;
    return st;
}

/* cJSON takes a \\u that four hexadecimal digits do not follow for U+0000, and cuts the string there. */
static carat_status scan_escape(struct scan *s)
{
    if (s->end - s->p < 2)
        return bad(s, "a string without an end");
    bool unicode = s->p[1] == 'u', zero = true;
    for (int i = 2; unicode && i < 6; i++) {
        if (s->end - s->p <= i || !isxdigit((unsigned char)s->p[i]))
            return bad(s, "\\u without four hexadecimal digits");
        zero = zero && s->p[i] == '0';
    }
    if (unicode && zero)
        return bad(s, "a NUL in a string");
    s->p += unicode ? 6 : 2;
    return CARAT_OK;
}

static carat_status scan_string(struct scan *s)
{
    for (s->p++; s->p < s->end && *s->p != '"';) {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20)
            return bad(s, "a control character in a string");
        if (c == '\\') {
            carat_status st = scan_escape(s);
            if (st)
                return st;
        } else if (c < 0x80) {
            s->p++;
        } else {
            uint32_t cp;
            int skip, n = carat_utf8_get(s->p, s->end, &cp, &skip);
            if (!n)
                return bad(s, "ill-formed UTF-8");
            s->p += n;
        }
    }
    if (s->p >= s->end)
        return bad(s, "a string without an end");
    s->p++;
    return CARAT_OK;
}

static carat_status scan_text(struct scan *s)
{
    unsigned depth = 0;
    carat_status st = CARAT_OK;
    while (!st && s->p < s->end) {
        char c = *s->p;
        if (c == '"') {
            st = scan_string(s);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            st = scan_number(s);
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return bad(s, "nested deeper than 256");
            s->p++;
        } else {
            if (c == '}' || c == ']')
                depth -= depth > 0;
            else if ((unsigned char)c <= 0x20 && (!c || !strchr(" \t\r\n", c)))
                return bad(s, "a control character"); /* cJSON would take it for a space */
            s->p++;
        }
    }
    return st;
}

/* ---- the tree ------------------------------------------------------------------------------------------ */

static carat_status check_keys(const cJSON *object, carat_err *err)
{
    carat_table seen = {0};
    carat_status st = CARAT_OK;
    for (const cJSON *n = object->child; !st && n; n = n->next) {
        bool was;
        st = carat_table_put(&seen, n->string, strlen(n->string), 0, &was, err);
        if (!st && was)
            st = carat_fail(err, CARAT_EFORMAT, "duplicate key '%s'", n->string);
    }
    carat_table_free(&seen);
    return st;
}

static carat_status settle(cJSON *node, const unsigned char **is_float, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (cJSON_IsNumber(node) && *is_float && *(*is_float)++)
        node->type |= FLOAT_BIT;
    if (cJSON_IsObject(node))
        st = check_keys(node, err);
    for (cJSON *n = node->child; !st && n; n = n->next)
        st = settle(n, is_float, err);
    return st;
}

carat_status carat_json_parse(const char *text, size_t len, carat_json **root, carat_err *err)
{
    struct scan s = {text, text, text + len, NULL, 0, 0, err};
    const char *end = NULL;
    cJSON *tree = NULL;
    carat_status st = scan_text(&s);
    if (st)
        goto out;
    tree = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!tree) {
        s.p = end && end >= text && end <= text + len ? end : text;
        st = bad(&s, "unexpected text");
        goto out;
    }
    for (s.p = end; s.p < s.end; s.p++)
        if (!strchr(" \t\r\n", *s.p)) {
            st = bad(&s, "text behind the value");
            goto out;
        }
    const unsigned char *kinds = s.is_float;
    st = settle(tree, &kinds, err);
    if (!st) {
        *root = tree;
        tree = NULL;
    }
out:
    cJSON_Delete(tree);
    free(s.is_float);
    return st;
}

carat_status carat_json_load(const char *path, size_t max, carat_json **root, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, max, &text, &len, err);
    if (st)
        return st;
    st = carat_json_parse(text, len, root, err);
    free(text);
    return st ? carat_fail_in(err, st, path) : CARAT_OK;
}

void carat_json_free(carat_json *root)
{
    cJSON_Delete(root);
}

const carat_json *carat_json_get(const carat_json *obj, const char *key)
{
    const cJSON *n = cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;
    return cJSON_IsNull(n) ? NULL : n;
}

const carat_json *carat_json_first(const carat_json *n)
{
    return n ? n->child : NULL;
}

const carat_json *carat_json_next(const carat_json *n)
{
    return n ? n->next : NULL;
}

const char *carat_json_key(const carat_json *n)
{
    return n ? n->string : NULL;
}

size_t carat_json_count(const carat_json *n)
{
    size_t count = 0;
    for (const cJSON *c = n ? n->child : NULL; c; c = c->next)
        count++;
    return count;
}

bool carat_json_is_object(const carat_json *n)
{
    return cJSON_IsObject(n);
}

bool carat_json_is_array(const carat_json *n)
{
    return cJSON_IsArray(n);
}

bool carat_json_is_string(const carat_json *n)
{
    return cJSON_IsString(n);
}

bool carat_json_is_number(const carat_json *n)
{
    return cJSON_IsNumber(n);
}

bool carat_json_is_bool(const carat_json *n)
{
    return cJSON_IsBool(n);
}

bool carat_json_is_null(const carat_json *n)
{
    return cJSON_IsNull(n);
}

/* ---- checked values ------------------------------------------------------------------------------------ */

static carat_status wrong(const carat_json *n, const char *what, const char *wanted, carat_err *err)
{
    return carat_fail(err, CARAT_EFORMAT, "%s: %s, should be %s", what, n ? "of another type" : "missing",
                      wanted);
}

carat_status carat_json_u64(const carat_json *n, const char *what, uint64_t min, uint64_t max, uint64_t *out,
                            carat_err *err)
{
    if (!cJSON_IsNumber(n))
        return wrong(n, what, "an integer", err);
    double v = n->valuedouble;
    if (v < 0 || v >= 0x1p53 || v != floor(v))
        return carat_fail(err, CARAT_EFORMAT, "%s: %.17g, should be an integer from 0 to 2^53 - 1", what, v);
    if ((uint64_t)v < min || (uint64_t)v > max)
        return carat_fail(err, CARAT_EFORMAT, "%s: %.0f, should be from %" PRIu64 " to %" PRIu64, what, v,
                          min, max);
    *out = (uint64_t)v;
    return CARAT_OK;
}

carat_status carat_json_f64(const carat_json *n, const char *what, double *out, carat_err *err)
{
    if (!cJSON_IsNumber(n))
        return wrong(n, what, "a number", err);
    *out = n->valuedouble;
    return CARAT_OK;
}

carat_status carat_json_text(const carat_json *n, const char *what, const char **out, carat_err *err)
{
    if (!cJSON_IsString(n))
        return wrong(n, what, "a string", err);
    *out = n->valuestring;
    return CARAT_OK;
}

carat_status carat_json_flag(const carat_json *n, const char *what, bool *out, carat_err *err)
{
    if (!cJSON_IsBool(n))
        return wrong(n, what, "true or false", err);
    *out = cJSON_IsTrue(n);
    return CARAT_OK;
}

carat_status carat_json_set(carat_json *obj, const char *key, carat_json *value, carat_err *err)
{
    cJSON_bool ok = cJSON_GetObjectItemCaseSensitive(obj, key)
                        ? cJSON_ReplaceItemInObjectCaseSensitive(obj, key, value)
                        : cJSON_AddItemToObject(obj, key, value);
    if (ok)
        return CARAT_OK;
    cJSON_Delete(value);
    return carat_fail(err, CARAT_ENOMEM, "out of memory setting '%s'", key);
}

void carat_json_remove(carat_json *obj, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(obj, key);
}

/* ---- printing a tree ----------------------------------------------------------------------------------- */

static void print_node(const cJSON *node, unsigned depth, carat_str *out)
{
    if (cJSON_IsObject(node) || cJSON_IsArray(node)) {
        bool object = cJSON_IsObject(node);
        carat_str_putc(out, object ? '{' : '[');
        for (const cJSON *n = node->child; n; n = n->next) {
            carat_str_printf(out, "\n%*s", (int)depth * 2 + 2, "");
            if (object) {
                carat_json_put_text(out, n->string, strlen(n->string));
                carat_str_puts(out, ": ");
            }
            print_node(n, depth + 1, out);
            if (n->next)
                carat_str_putc(out, ',');
        }
        if (node->child)
            carat_str_printf(out, "\n%*s", (int)depth * 2, "");
        carat_str_putc(out, object ? '}' : ']');
    } else if (cJSON_IsString(node)) {
        carat_json_put_text(out, node->valuestring, strlen(node->valuestring));
    } else if (cJSON_IsNumber(node)) {
        carat_json_put_number(out, node->valuedouble, (node->type & FLOAT_BIT) != 0);
    } else {
        carat_str_puts(out, cJSON_IsTrue(node) ? "true" : cJSON_IsFalse(node) ? "false" : "null");
    }
}

carat_status carat_json_print(const carat_json *root, carat_str *out, carat_err *err)
{
    print_node(root, 0, out);
    carat_str_putc(out, '\n');
    return carat_str_check(out, err);
}
