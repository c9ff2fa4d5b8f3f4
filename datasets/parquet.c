/* Parquet tables: rows put together from columns (parquet.h).                      SPDX-License-Identifier: Apache-2.0 */
#include "datasets/parquet.h"

#include <string.h>

#include "datasets/table.h"
#include "runtime/base/json.h"

typedef struct parquet {
    carat_pq_file file;
    carat_pq_column *column; /* [leaves] */
    uint32_t group;          /* the next one */
    uint64_t left;           /* rows of the group under way */
    char path[];
} parquet;

static bool is_parquet(const char *name, const uint8_t *head, size_t n)
{
    (void)name;
    return n >= 4 && !memcmp(head, "PAR1", 4);
}

static void close_table(void *state)
{
    parquet *t = state;
    for (uint32_t i = 0; t->column && i < t->file.leaves; i++)
        carat_pq_column_end(&t->column[i]);
    carat_free(t->column);
    carat_pq_close(&t->file);
    carat_free(t);
}

static carat_status open_table(const char *path, void **state, carat_err *err)
{
    size_t len = strlen(path);
    parquet *t = carat_alloc(sizeof *t + len + 1, 1, err);
    if (!t)
        return CARAT_ENOMEM;
    memcpy(t->path, path, len + 1);
    carat_status st = carat_pq_open(t->path, &t->file, err);
    if (!st && !(t->column = carat_alloc(t->file.leaves, sizeof *t->column, err)))
        st = CARAT_ENOMEM;
    if (st) {
        close_table(t);
        return st;
    }
    for (uint32_t i = 0; i < t->file.leaves; i++) {
        t->column[i].file = &t->file;
        t->column[i].node = t->file.leaf[i];
    }
    *state = t;
    return CARAT_OK;
}

/* ---- one row ------------------------------------------------------------------------------------------------- */

/* A row under way; the first failure stays, later steps do nothing. */
typedef struct row {
    parquet *t;
    carat_jw *w;
    carat_status st;
    carat_err *err;
} row;

static carat_pq_column *column_of(const row *r, const carat_pq_node *n)
{
    return &r->t->column[n->leaf];
}

/* The levels of the first column below n; false when it has ended. */
static bool peek(row *r, const carat_pq_node *n, uint32_t *rep, uint32_t *def)
{
    carat_pq_column *c = column_of(r, n);
    bool have = false;
    if (!r->st)
        r->st = carat_pq_column_peek(c, &have, r->err);
    if (have) {
        *rep = c->rep[c->i];
        *def = c->def[c->i];
    }
    return have;
}

static bool must_peek(row *r, const carat_pq_node *n, uint32_t *rep, uint32_t *def)
{
    bool have = peek(r, n, rep, def);
    if (!have && !r->st)
        r->st = carat_fail(r->err, CARAT_EFORMAT, "%s: column %.*s ends before its rows do", r->t->path,
                           (int)n->name_len, n->name);
    return have;
}

/* Passes over one entry of every column below n: all say that there is nothing. */
static void pass_over(row *r, const carat_pq_node *n)
{
    uint32_t rep, def, last = n->leaf;
    for (const carat_pq_node *k = n; k < r->t->file.node + n->next; k++)
        if (k->type != CARAT_PQ_GROUP)
            last = k->leaf;
    for (uint32_t i = n->leaf; i <= last; i++)
        if (must_peek(r, r->t->file.leaf[i], &rep, &def))
            r->t->column[i].i++;
}

static bool is_text(const carat_pq_value *v)
{
    const char *p = (const char *)v->data, *end = p + v->len;
    for (uint32_t cp; p < end;) {
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!n)
            return false;
        p += n;
    }
    return true;
}

static void put_value(row *r, const carat_pq_node *n, const carat_pq_value *v)
{
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    enum { UINT_32 = 13, UINT_64 = 14 };
    switch (n->type) {
    case CARAT_PQ_BOOLEAN:
        carat_jw_bool(r->w, v->data[0]);
        break;
    case CARAT_PQ_INT32:
        memcpy(&i32, v->data, sizeof i32);
        carat_jw_i64(r->w, n->converted == UINT_32 ? (int64_t)(uint32_t)i32 : i32);
        break;
    case CARAT_PQ_INT64:
        memcpy(&i64, v->data, sizeof i64);
        if (n->converted == UINT_64)
            carat_jw_u64(r->w, (uint64_t)i64);
        else
            carat_jw_i64(r->w, i64);
        break;
    case CARAT_PQ_FLOAT:
        memcpy(&f32, v->data, sizeof f32);
        carat_jw_f64(r->w, (double)f32);
        break;
    case CARAT_PQ_DOUBLE:
        memcpy(&f64, v->data, sizeof f64);
        carat_jw_f64(r->w, f64);
        break;
    default:
        if (!is_text(v))
            r->st = carat_fail(r->err, CARAT_ESUPPORT, "%s: column %.*s holds bytes that are not text",
                               r->t->path, (int)n->name_len, n->name);
        carat_jw_bytes(r->w, (const char *)v->data, v->len);
    }
}

static void put_leaf(row *r, const carat_pq_node *n)
{
    uint32_t rep, def;
    carat_pq_column *c = column_of(r, n);
    if (!must_peek(r, n, &rep, &def))
        return;
    if (def != n->max_def)
        r->st = carat_fail(r->err, CARAT_EFORMAT, "%s: column %.*s: a value is missing where one must be",
                           r->t->path, (int)n->name_len, n->name);
    else
        put_value(r, n, &c->value[c->value_at++]);
    c->i++;
}

static void put_field(row *r, const carat_pq_node *n);

static void put_key(row *r, const carat_pq_node *n)
{
    char name[256];
    size_t len = n->name_len < sizeof name - 1 ? n->name_len : sizeof name - 1;
    memcpy(name, n->name, len);
    name[len] = 0;
    carat_jw_key(r->w, name);
}

static void put_struct(row *r, const carat_pq_node *n)
{
    carat_jw_open(r->w, '{');
    for (const carat_pq_node *k = n + 1; k < r->t->file.node + n->next && !r->st;
         k = r->t->file.node + k->next) {
        put_key(r, k);
        put_field(r, k);
    }
    carat_jw_close(r->w);
}

/* The elements of a repeated element; `wrapped`: each is its only child (LogicalTypes.md, the three-level form of lists). */
static void put_repeated(row *r, const carat_pq_node *n, bool wrapped)
{
    uint32_t rep, def;
    if (!must_peek(r, n, &rep, &def))
        return;
    carat_jw_open(r->w, '[');
    if (def < n->max_def) {
        pass_over(r, n);
    } else {
        do {
            if (wrapped)
                put_field(r, n + 1);
            else if (n->type == CARAT_PQ_GROUP)
                put_struct(r, n);
            else
                put_leaf(r, n);
        } while (!r->st && peek(r, n, &rep, &def) && rep == n->max_rep);
    }
    carat_jw_close(r->w);
}

/* An element that is there: a value, a list or a struct. */
static void put_present(row *r, const carat_pq_node *n)
{
    const carat_pq_node *k = n + 1;
    if (n->type != CARAT_PQ_GROUP)
        put_leaf(r, n);
    else if (n->list && n->children == 1 && k->repeat == CARAT_PQ_REPEATED)
        put_repeated(r, k, k->type == CARAT_PQ_GROUP && k->children == 1);
    else
        put_struct(r, n);
}

static void put_field(row *r, const carat_pq_node *n)
{
    uint32_t rep, def;
    if (r->st)
        return;
    if (n->repeat == CARAT_PQ_REPEATED) {
        put_repeated(r, n, false);
    } else if (n->repeat == CARAT_PQ_OPTIONAL && must_peek(r, n, &rep, &def) && def < n->max_def) {
        pass_over(r, n);
        carat_jw_null(r->w);
    } else {
        put_present(r, n);
    }
}

static carat_status begin_group(parquet *t, carat_err *err)
{
    for (uint32_t i = 0; i < t->file.leaves; i++) {
        carat_status st = carat_pq_column_begin(&t->column[i], t->group, err);
        if (st)
            return st;
    }
    t->left = t->file.rows[t->group++];
    return CARAT_OK;
}

static carat_status next_row(void *state, carat_str *out, bool *more, carat_err *err)
{
    parquet *t = state;
    while (!t->left && t->group < t->file.groups) {
        carat_status st = begin_group(t, err);
        if (st)
            return st;
    }
    *more = t->left > 0;
    if (!*more)
        return CARAT_OK;
    carat_jw w = carat_jw_begin(out);
    row r = {t, &w, CARAT_OK, err};
    put_struct(&r, t->file.node);
    t->left--;
    return r.st;
}

const carat_table_kind carat_table_parquet = {
    .name = "parquet",
    .summary = "Apache Parquet: plain and dictionary encodings; snappy, gzip, zstd",
    .is = is_parquet,
    .open = open_table,
    .next = next_row,
    .close = close_table,
};
