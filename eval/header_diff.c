/* What two headers do not have in common (header_diff.h).                         SPDX-License-Identifier: Apache-2.0 */
#include "eval/header_diff.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MEMBERS = 4096 /* of an object that is looked into: members are found by walking */ };

/* A member, also one that is null. */
static const carat_json *member(const carat_json *object, const char *key)
{
    const carat_json *m = carat_json_is_object(object) ? carat_json_first(object) : NULL;
    while (m && strcmp(carat_json_key(m), key) != 0)
        m = carat_json_next(m);
    return m;
}

void carat_json_line(const carat_json *node, carat_str *out)
{
    carat_str s = CARAT_STR_INIT;
    if (!node) {
        carat_str_puts(out, "absent");
        return;
    }
    carat_json_print(node, &s, NULL);
    for (const char *p = s.data; *p; p++) /* the line breaks and indents of the printer: strings hold none */
        if (*p != '\n')
            carat_str_putc(out, *p);
        else
            while (p[1] == ' ')
                p++;
    carat_str_free(&s);
}

static bool small(const carat_json *node)
{
    return carat_json_is_object(node) && carat_json_count(node) <= MAX_MEMBERS;
}

static bool same(const carat_json *a, const carat_json *b)
{
    carat_str x = CARAT_STR_INIT, y = CARAT_STR_INIT;
    carat_json_line(a, &x);
    carat_json_line(b, &y);
    bool equal = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    carat_str_free(&x);
    carat_str_free(&y);
    return equal;
}

static carat_status note(carat_header_diff *d, const char *path, const carat_json *a, const carat_json *b,
                         carat_err *err)
{
    carat_status st = carat_grow((void **)&d->field, &d->cap, d->n + 1, sizeof *d->field, err);
    if (st)
        return st;
    d->field[d->n] = (carat_field_diff){carat_arena_copy(&d->paths, path, strlen(path), err), a, b};
    return d->field[d->n++].path ? CARAT_OK : CARAT_ENOMEM;
}

/* path is put back as it was. Depth is bounded by the parser's. */
static carat_status walk(carat_header_diff *d, carat_str *path, const carat_json *a, const carat_json *b,
                         carat_err *err)
{
    carat_status st = CARAT_OK;
    for (int side = 0; side < 2; side++)
        for (const carat_json *m = carat_json_first(side ? b : a); m && !st; m = carat_json_next(m)) {
            const char *key = carat_json_key(m);
            const carat_json *x = member(a, key), *y = member(b, key);
            size_t len = path->len;
            if (side && x)
                continue; /* was looked at from the other side */
            carat_str_printf(path, "%s%s", len ? "." : "", key);
            if ((st = carat_str_check(path, err)))
                break;
            if (small(x) && small(y))
                st = walk(d, path, x, y, err);
            else if (!x || !y || !same(x, y))
                st = note(d, path->data, x, y, err);
            path->len = len;
            path->data[len] = 0;
        }
    return st;
}

carat_status carat_header_diff_open(const carat_json *a, const carat_json *b, carat_header_diff *out,
                                    carat_err *err)
{
    carat_header_diff d = {0};
    carat_str path = CARAT_STR_INIT;
    carat_status st = small(a) && small(b)
                          ? walk(&d, &path, a, b, err)
                          : carat_fail(err, CARAT_EFORMAT, "a header with more than %d members", MAX_MEMBERS);
    carat_str_free(&path);
    if (st)
        carat_header_diff_close(&d);
    else
        *out = d;
    return st;
}

void carat_header_diff_close(carat_header_diff *d)
{
    free(d->field);
    carat_arena_free(&d->paths);
    *d = (carat_header_diff){0};
}
