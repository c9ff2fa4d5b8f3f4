/* Parquet's footer: schema and row groups (parquet.h).                             SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "datasets/parquet.h"
#include "datasets/thrift.h"

enum { MAX_NODES = 4096, MAX_GROUPS = 1 << 20 };
enum { CONVERTED_UTF8 = 0, CONVERTED_LIST = 3, CONVERTED_DECIMAL = 5 };

typedef struct meta {
    carat_pq_file *f;
    carat_thrift t;
    carat_err *err;
} meta;

static carat_status broken(const carat_pq_file *f, const char *what, carat_err *err)
{
    return carat_fail(err, CARAT_EFORMAT, "%s: %s", f->path, what);
}

/* LogicalType is a union: the field that is set names the type. */
static void logical_type(carat_thrift *t, carat_pq_node *n)
{
    enum { STRING = 1, LIST = 3, INTEGER = 10, UNKNOWN = 11, JSON = 12 };
    for (carat_field f = {0}; carat_thrift_next(t, &f); carat_thrift_skip(t, f.type)) {
        n->list |= f.id == LIST;
        if (f.id == STRING || f.id == JSON)
            n->converted = CONVERTED_UTF8;
        if (f.id != STRING && f.id != LIST && f.id != INTEGER && f.id != UNKNOWN && f.id != JSON)
            n->plain_int = false;
    }
}

/* Converted types whose numbers are more than numbers: decimals, dates, times. */
static bool is_plain(int converted)
{
    enum { DATE = 6, TIMESTAMP_MICROS = 10, INTERVAL = 21 };
    return converted != CONVERTED_DECIMAL && converted != INTERVAL &&
           !(converted >= DATE && converted <= TIMESTAMP_MICROS);
}

static carat_pq_node read_node(carat_thrift *t)
{
    carat_pq_node n = {.type = CARAT_PQ_GROUP, .converted = -1, .plain_int = true, .name = ""};
    for (carat_field f = {0}; carat_thrift_next(t, &f);) {
        int64_t v;
        switch (f.id) {
        case 1:
        case 3:
        case 5:
        case 6:
            v = carat_thrift_int(t);
            if (v < 0 || v > (f.id == 1 ? CARAT_PQ_FIXED : f.id == 3 ? CARAT_PQ_REPEATED : MAX_NODES))
                t->bad = true;
            else if (f.id == 1)
                n.type = (carat_pq_type)v;
            else if (f.id == 3)
                n.repeat = (carat_pq_repeat)v;
            else if (f.id == 5)
                n.children = (uint32_t)v;
            else
                n.converted = (int)v;
            break;
        case 4:
            n.name = carat_thrift_bytes(t, &n.name_len);
            break;
        case 10:
            logical_type(t, &n);
            break;
        default:
            carat_thrift_skip(t, f.type);
        }
    }
    n.list |= n.converted == CONVERTED_LIST;
    n.plain_int &= is_plain(n.converted);
    return n;
}

/* Levels, leaf numbers and `next` of element i and all below it; returns the element behind them, 0 if the tree is broken. */
static uint32_t number(carat_pq_file *f, uint32_t i, uint32_t def, uint32_t rep, int depth)
{
    if (i >= f->nodes || depth > CARAT_PARQUET_DEPTH)
        return 0;
    carat_pq_node *n = &f->node[i];
    n->max_def = def += i && n->repeat != CARAT_PQ_REQUIRED;
    n->max_rep = rep += i && n->repeat == CARAT_PQ_REPEATED;
    n->leaf = f->leaves;
    n->next = i + 1;
    if (n->type != CARAT_PQ_GROUP) {
        if (n->children || !i)
            return 0;
        f->leaf[f->leaves++] = n;
        return n->next;
    }
    if (!n->children)
        return 0;
    for (uint32_t k = 0; k < n->children && n->next; k++)
        n->next = number(f, n->next, def, rep, depth + 1);
    return n->next;
}

static carat_status read_schema(meta *m)
{
    carat_pq_file *f = m->f;
    carat_thrift_type type;
    size_t n = carat_thrift_list(&m->t, &type);
    if (m->t.bad || type != CARAT_THRIFT_STRUCT || !n || n > MAX_NODES || f->node)
        return broken(f, "the schema is malformed", m->err);
    f->node = carat_arena_alloc(&f->arena, n, sizeof *f->node, m->err);
    f->leaf = carat_arena_alloc(&f->arena, n, sizeof *f->leaf, m->err);
    if (!f->node || !f->leaf)
        return CARAT_ENOMEM;
    f->nodes = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        f->node[i] = read_node(&m->t);
    if (m->t.bad || number(f, 0, 0, 0, 0) != n)
        return broken(f, "the schema is malformed", m->err);
    return CARAT_OK;
}

/* ColumnMetaData. */
static void read_column(meta *m, carat_pq_chunk *c)
{
    int64_t data = -1, dict = -1, size = -1, values = -1, codec = -1;
    carat_thrift *t = &m->t;
    for (carat_field f = {0}; carat_thrift_next(t, &f);) {
        int64_t *to = f.id == 4    ? &codec
                      : f.id == 5  ? &values
                      : f.id == 7  ? &size
                      : f.id == 9  ? &data
                      : f.id == 11 ? &dict
                                   : NULL;
        if (to)
            *to = carat_thrift_int(t);
        else
            carat_thrift_skip(t, f.type);
    }
    int64_t first = dict > 0 && dict < data ? dict : data;
    if (!values) /* an empty chunk need not lie anywhere */
        first = 4, size = 0;
    if (first < 4 || size < 0 || values < 0 || codec < 0 || (uint64_t)first > m->f->map.size ||
        (uint64_t)size > m->f->map.size - (uint64_t)first) {
        t->bad = true;
        return;
    }
    *c = (carat_pq_chunk){(int)codec, (uint64_t)values, (uint64_t)first, (uint64_t)(first + size)};
}

/* ColumnChunk: what it says of the column's bytes. */
static void read_chunk(meta *m, carat_pq_chunk *c)
{
    for (carat_field f = {0}; carat_thrift_next(&m->t, &f);) {
        if (f.id == 3)
            read_column(m, c);
        else
            carat_thrift_skip(&m->t, f.type);
    }
    m->t.bad |= !c->end;
}

/* RowGroup: its columns stand in the order of the leaves. */
static void read_group(meta *m, carat_pq_chunk *chunk, uint64_t *rows)
{
    carat_thrift *t = &m->t;
    carat_thrift_type type;
    size_t have = 0;
    int64_t n = -1;
    for (carat_field f = {0}; carat_thrift_next(t, &f);) {
        if (f.id == 1) {
            have = carat_thrift_list(t, &type);
            t->bad |= have != m->f->leaves || type != CARAT_THRIFT_STRUCT;
            for (size_t i = 0; i < have && !t->bad; i++)
                read_chunk(m, &chunk[i]);
        } else if (f.id == 3) {
            n = carat_thrift_int(t);
        } else {
            carat_thrift_skip(t, f.type);
        }
    }
    t->bad |= !have || n < 0;
    *rows = (uint64_t)n;
}

static carat_status read_groups(meta *m)
{
    carat_pq_file *f = m->f;
    carat_thrift_type type;
    size_t n = carat_thrift_list(&m->t, &type);
    if (m->t.bad || !f->node || n > MAX_GROUPS || f->rows)
        return broken(f, "the row groups are malformed", m->err);
    f->chunk = carat_arena_alloc(&f->arena, n * f->leaves + 1, sizeof *f->chunk, m->err);
    f->rows = carat_arena_alloc(&f->arena, n + 1, sizeof *f->rows, m->err);
    if (!f->chunk || !f->rows)
        return CARAT_ENOMEM;
    f->groups = (uint32_t)n;
    for (size_t i = 0; i < n && !m->t.bad; i++)
        read_group(m, f->chunk + i * f->leaves, &f->rows[i]);
    return m->t.bad ? broken(f, "the row groups are malformed", m->err) : CARAT_OK;
}

static carat_status read_footer(carat_pq_file *f, carat_err *err)
{
    enum { TAIL = 8 };
    const uint8_t *p = f->map.data;
    uint64_t size = f->map.size, len;
    if (size < 4 + TAIL || memcmp(p, "PAR1", 4) != 0)
        return broken(f, "not a Parquet file", err);
    if (memcmp(p + size - 4, "PAR1", 4) != 0)
        return broken(f, "the footer of the Parquet file is missing: is it cut off?", err);
    const uint8_t *tail = p + size - TAIL;
    len = (uint64_t)tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 | (uint64_t)tail[3] << 24;
    if (len > size - 4 - TAIL)
        return carat_fail(err, CARAT_EFORMAT, "%s: a footer of %" PRIu64 " bytes in a file of %" PRIu64,
                          f->path, len, size);
    meta m = {f, {tail - len, tail, false}, err};
    carat_status st = CARAT_OK;
    for (carat_field g = {0}; !st && carat_thrift_next(&m.t, &g);) {
        if (g.id == 2)
            st = read_schema(&m);
        else if (g.id == 4)
            st = read_groups(&m);
        else
            carat_thrift_skip(&m.t, g.type);
    }
    if (!st && (m.t.bad || !f->node || !f->rows))
        st = broken(f, "the footer of the Parquet file is malformed", err);
    return st;
}

carat_status carat_pq_open(const char *path, carat_pq_file *out, carat_err *err)
{
    carat_pq_file f = {.path = path};
    carat_status st = carat_map_open(path, &f.map, err);
    if (!st)
        st = read_footer(&f, err);
    if (st)
        carat_pq_close(&f);
    else
        *out = f;
    return st;
}

void carat_pq_close(carat_pq_file *f)
{
    carat_arena_free(&f->arena);
    carat_map_close(&f->map);
    *f = (carat_pq_file){0};
}
