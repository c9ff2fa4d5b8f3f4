/* Which kind of table a file is (table.h).                                         SPDX-License-Identifier: Apache-2.0 */
#include "datasets/table.h"

#include <string.h>

#include "datasets/archive.h"

/* In this order: the last one takes what nobody else knows. */
static const carat_table_kind *const kinds[] = {
    &carat_table_parquet,
    &carat_table_csv,
    &carat_table_jsonl,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const carat_table_kind *carat_table_kind_at(size_t i)
{
    return i < KINDS ? kinds[i] : NULL;
}

/* The path without .gz and the like. */
static void bare_name(const char *path, carat_str *out)
{
    static const char *const suffixes[] = {".gz", ".zst", ".xz", ".bz2"};
    carat_str_puts(out, path);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (carat_ends(path, suffixes[i])) {
            out->len -= strlen(suffixes[i]);
            out->data[out->len] = 0;
            return;
        }
}

carat_status carat_table_open(const char *path, carat_table *out, carat_err *err)
{
    char head[512];
    size_t n = 0;
    carat_str name = CARAT_STR_INIT;
    carat_stream_in *s;
    carat_status st = carat_stream_in_open(path, &s, err);
    if (st)
        return st;
    st = carat_stream_in_read(s, head, sizeof head, &n, err);
    carat_stream_in_close(s);
    bare_name(path, &name);
    if (!st)
        st = carat_str_check(&name, err);
    const carat_table_kind *kind = NULL;
    for (size_t i = 0; !st && !kind; i++)
        if (i + 1 == KINDS || kinds[i]->is(name.data, (const uint8_t *)head, n))
            kind = kinds[i];
    carat_str_free(&name);
    void *state;
    if (!st && !(st = kind->open(path, &state, err)))
        *out = (carat_table){kind, state};
    return st;
}

carat_status carat_table_next(carat_table *t, carat_str *row, bool *more, carat_err *err)
{
    carat_str_clear(row);
    carat_status st = t->kind->next(t->state, row, more, err);
    return st ? st : carat_str_check(row, err);
}

void carat_table_close(carat_table *t)
{
    if (t->kind)
        t->kind->close(t->state);
    *t = (carat_table){0};
}

carat_status carat_table_each(const char *path, carat_row_fn *fn, void *ctx, carat_err *err)
{
    carat_table t = {0};
    carat_str row = CARAT_STR_INIT;
    bool more = true;
    carat_status st = carat_table_open(path, &t, err);
    for (size_t i = 1; !st; i++) {
        carat_json *node;
        carat_err why;
        if ((st = carat_table_next(&t, &row, &more, err)) || !more)
            break;
        if (!(st = carat_json_parse(row.data, row.len, &node, &why))) {
            st = fn(ctx, node, &row, &why);
            carat_json_free(node);
        }
        if (st)
            carat_fail(err, st, "%s: row %zu: %.300s", path, i, why.text);
    }
    carat_table_close(&t);
    carat_str_free(&row);
    return st;
}
