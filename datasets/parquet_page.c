/* Parquet's pages: levels and values of a column (parquet.h).                      SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "datasets/codec.h"
#include "datasets/parquet.h"
#include "datasets/thrift.h"

enum { MAX_PAGE = 1 << 30, MAX_VALUES = 1 << 27 };
enum { DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 };
enum { PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, RLE_DICTIONARY = 8 };

/* By CompressionCodec; NULL: not read, or none. */
static const struct {
    const char *name;
    carat_unpack_fn *unpack;
} codecs[] = {{"none", NULL},
              {"snappy", carat_unpack_snappy},
              {"gzip", carat_unpack_gz},
              {"lzo", NULL},
              {"brotli", NULL},
              {"lz4", NULL},
              {"zstd", carat_unpack_zstd},
              {"lz4_raw", NULL}};

typedef struct page {
    int64_t type, unpacked, packed;
    int64_t values, encoding;
    int64_t def_bytes, rep_bytes; /* of v2 pages, in front of the packed bytes */
    bool plain_v2;                /* v2 page with is_compressed false */
    const uint8_t *data;          /* [packed] */
} page;

static carat_status broken(const carat_pq_column *c, const char *what, carat_err *err)
{
    return carat_fail(err, CARAT_EFORMAT, "%s: column %.*s: %s", c->file->path, (int)c->node->name_len,
                      c->node->name, what);
}

/* The header of one kind of page: its field `id` -> where it goes. */
static void page_fields(carat_thrift *t, page *p, int64_t *const *to, int n)
{
    for (carat_field f = {0}; carat_thrift_next(t, &f);) {
        if (f.id == 7 && p->type == DATA_PAGE_V2 && f.type <= CARAT_THRIFT_FALSE)
            p->plain_v2 = f.type == CARAT_THRIFT_FALSE;
        else if (f.id > 0 && f.id < n && to[f.id])
            *to[f.id] = carat_thrift_int(t);
        else
            carat_thrift_skip(t, f.type);
    }
}

static carat_status next_page(carat_pq_column *c, page *out, carat_err *err)
{
    const uint8_t *base = c->file->map.data;
    carat_thrift t = {base + c->at, base + c->chunk.end, false};
    page p = {.type = -1, .unpacked = -1, .packed = -1, .values = -1, .encoding = -1};
    int64_t *const data[] = {NULL, &p.values, &p.encoding};
    int64_t *const v2[] = {NULL, &p.values, NULL, NULL, &p.encoding, &p.def_bytes, &p.rep_bytes};
    for (carat_field f = {0}; carat_thrift_next(&t, &f);) {
        int64_t *to = f.id == 1 ? &p.type : f.id == 2 ? &p.unpacked : f.id == 3 ? &p.packed : NULL;
        if (to)
            *to = carat_thrift_int(&t);
        else if (f.id == 5 || f.id == 7)
            page_fields(&t, &p, data, 3);
        else if (f.id == 8)
            page_fields(&t, &p, v2, 7);
        else
            carat_thrift_skip(&t, f.type);
    }
    if (t.bad || p.packed < 0 || p.packed > t.end - t.p || p.unpacked < 0 || p.unpacked > MAX_PAGE ||
        p.values > MAX_VALUES || p.def_bytes < 0 || p.rep_bytes < 0)
        return broken(c, "a page is malformed", err);
    p.data = t.p;
    c->at = (uint64_t)(t.p - base) + (uint64_t)p.packed;
    *out = p;
    return CARAT_OK;
}

/* The page's bytes, unpacked, into *to; v2 pages keep their levels unpacked in front. */
static carat_status unpack(carat_pq_column *c, const page *p, uint8_t **to, carat_err *err)
{
    size_t codec = (size_t)c->chunk.codec, levels = (size_t)(p->def_bytes + p->rep_bytes);
    bool stored = codec == 0 || p->plain_v2;
    if (p->def_bytes > p->packed || p->rep_bytes > p->packed - p->def_bytes || levels > (size_t)p->unpacked ||
        (stored && p->packed != p->unpacked))
        return broken(c, "a page is malformed", err);
    if (codec >= sizeof codecs / sizeof *codecs || (!stored && !codecs[codec].unpack))
        return carat_fail(err, CARAT_ESUPPORT,
                          "%s: column %.*s is packed with %s; snappy, gzip, zstd and none are read",
                          c->file->path, (int)c->node->name_len, c->node->name,
                          codec < sizeof codecs / sizeof *codecs ? codecs[codec].name : "something new");
    carat_free(*to);
    if (!(*to = carat_alloc((size_t)p->unpacked + 1, 1, err)))
        return CARAT_ENOMEM;
    size_t head = stored ? (size_t)p->packed : levels;
    memcpy(*to, p->data, head);
    if (!stored && (size_t)p->unpacked > levels &&
        !codecs[codec].unpack(p->data + levels, (size_t)p->packed - levels, *to + levels,
                              (size_t)p->unpacked - levels))
        return broken(c, "a page cannot be unpacked", err);
    return CARAT_OK;
}

/* ---- levels and indices -------------------------------------------------------------------------------------- */

/* Values of `bits` bits that lie side by side: `take` of them into out; the run has `bytes`, of which the last page may lack some. */
static const uint8_t *packed_run(const uint8_t *p, const uint8_t *end, unsigned bits, uint64_t bytes,
                                 uint32_t *out, uint64_t take)
{
    uint64_t there = (uint64_t)(end - p);
    if (bytes > there && (take * bits + 7) / 8 > there)
        return NULL;
    for (uint64_t i = 0; i < take; i++) {
        uint64_t bit = i * bits, v = 0;
        for (unsigned k = 0; k < bits; k++)
            v |= (uint64_t)(p[(bit + k) >> 3] >> ((bit + k) & 7) & 1) << k;
        out[i] = (uint32_t)v;
    }
    return p + (bytes < there ? bytes : there);
}

bool carat_pq_hybrid(const uint8_t *p, size_t len, unsigned bits, uint32_t *out, size_t n)
{
    const uint8_t *end = p + len;
    size_t have = 0, width = (bits + 7) / 8;
    if (!bits)
        memset(out, 0, n * sizeof *out);
    while (bits && have < n) {
        uint64_t head = 0;
        unsigned shift = 0;
        do {
            if (p == end || shift > 56)
                return false;
            head |= (uint64_t)(*p & 0x7F) << shift;
            shift += 7;
        } while (*p++ & 0x80);
        if (head & 1) {
            uint64_t count = (head >> 1) * 8, take = count < n - have ? count : n - have;
            if (head >> 1 > MAX_VALUES || !(p = packed_run(p, end, bits, count / 8 * bits, out + have, take)))
                return false;
            have += take;
            continue;
        }
        uint32_t v = 0;
        if ((size_t)(end - p) < width)
            return false;
        for (size_t k = 0; k < width; k++)
            v |= (uint32_t)*p++ << 8 * k;
        for (uint64_t k = 0; k < head >> 1 && have < n; k++)
            out[have++] = v;
    }
    return true;
}

static unsigned bits_of(uint32_t max)
{
    unsigned bits = 0;
    while (max >> bits)
        bits++;
    return bits;
}

static uint32_t word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One set of levels; max 0 has none. v1 pages put their length in front, v2 pages in the header. */
static bool levels(const page *p, uint32_t max, int64_t v2_bytes, const uint8_t **at, const uint8_t *end,
                   uint32_t *out)
{
    size_t n = (size_t)p->values, len = (size_t)v2_bytes;
    if (p->type == DATA_PAGE && max) {
        if (end - *at < 4)
            return false;
        len = word(*at);
        *at += 4;
    }
    if (len > (size_t)(end - *at))
        return false;
    bool ok = carat_pq_hybrid(*at, max ? len : 0, bits_of(max), out, n);
    *at += p->type == DATA_PAGE && !max ? 0 : len;
    for (size_t i = 0; i < n && ok; i++)
        ok = out[i] <= max;
    return ok;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static size_t fixed_width(carat_pq_type type)
{
    switch (type) {
    case CARAT_PQ_INT32:
    case CARAT_PQ_FLOAT:
        return 4;
    case CARAT_PQ_INT64:
    case CARAT_PQ_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static bool plain(carat_pq_type type, const uint8_t *p, const uint8_t *end, carat_pq_value *out, size_t n)
{
    static const uint8_t truth[2] = {0, 1};
    size_t width = fixed_width(type);
    if (type == CARAT_PQ_BOOLEAN && (size_t)(end - p) < (n + 7) / 8)
        return false;
    if (width && (size_t)(end - p) / width < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (type == CARAT_PQ_BOOLEAN) {
            out[i] = (carat_pq_value){&truth[p[i >> 3] >> (i & 7) & 1], 1};
        } else if (width) {
            out[i] = (carat_pq_value){p + i * width, width};
        } else {
            if (end - p < 4 || word(p) > (size_t)(end - p) - 4)
                return false;
            out[i] = (carat_pq_value){p + 4, word(p)};
            p += 4 + out[i].len;
        }
    }
    return true;
}

static carat_status read_dictionary(carat_pq_column *c, const page *p, carat_err *err)
{
    if (p->values < 0 || (p->encoding != PLAIN && p->encoding != PLAIN_DICTIONARY))
        return broken(c, "a dictionary is malformed", err);
    carat_status st = unpack(c, p, &c->dict, err);
    carat_free(c->word);
    c->word = NULL;
    c->words = 0;
    if (st)
        return st;
    if (!(c->word = carat_alloc((size_t)p->values, sizeof *c->word, err)))
        return CARAT_ENOMEM;
    if (!plain(c->node->type, c->dict, c->dict + p->unpacked, c->word, (size_t)p->values))
        return broken(c, "a dictionary is malformed", err);
    c->words = (size_t)p->values;
    return CARAT_OK;
}

/* Runs of booleans, behind the length of all. */
static carat_status run_booleans(carat_pq_column *c, const uint8_t *at, const uint8_t *end, size_t n,
                                 carat_err *err)
{
    static const uint8_t truth[2] = {0, 1};
    uint32_t *bit = carat_alloc(n, sizeof *bit, err);
    if (!bit)
        return CARAT_ENOMEM;
    bool ok = !n || (end - at >= 4 && word(at) <= (size_t)(end - at) - 4 &&
                     carat_pq_hybrid(at + 4, word(at), 1, bit, n));
    for (size_t i = 0; i < n && ok; i++)
        c->value[i] = (carat_pq_value){&truth[bit[i] & 1], 1};
    carat_free(bit);
    return ok ? CARAT_OK : broken(c, "values are missing", err);
}

/* Values of the page that are there (levels say how many), from [at, end). */
static carat_status read_values(carat_pq_column *c, const page *p, const uint8_t *at, const uint8_t *end,
                                carat_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->def[i] == c->node->max_def;
    if (p->encoding == PLAIN)
        return plain(c->node->type, at, end, c->value, n) ? CARAT_OK : broken(c, "values are missing", err);
    if (p->encoding == RLE && c->node->type == CARAT_PQ_BOOLEAN)
        return run_booleans(c, at, end, n, err);
    if (p->encoding != PLAIN_DICTIONARY && p->encoding != RLE_DICTIONARY)
        return carat_fail(err, CARAT_ESUPPORT,
                          "%s: column %.*s has encoding %d; plain and dictionary are read", c->file->path,
                          (int)c->node->name_len, c->node->name, (int)p->encoding);
    if (!n)
        return CARAT_OK;
    uint32_t *index = carat_alloc(n, sizeof *index, err);
    if (!index)
        return CARAT_ENOMEM;
    bool ok = at < end && *at <= 32 && carat_pq_hybrid(at + 1, (size_t)(end - at) - 1, *at, index, n);
    for (size_t i = 0; i < n && ok; i++) {
        ok = index[i] < c->words;
        if (ok)
            c->value[i] = c->word[index[i]];
    }
    carat_free(index);
    return ok ? CARAT_OK : broken(c, "an index lies outside of the dictionary", err);
}

static carat_status read_data(carat_pq_column *c, const page *p, carat_err *err)
{
    if (p->values < 0 || (uint64_t)p->values > c->left)
        return broken(c, "a page has more values than its column", err);
    carat_status st = unpack(c, p, &c->page, err);
    carat_free(c->value);
    carat_free(c->rep);
    carat_free(c->def);
    c->value = carat_alloc((size_t)p->values, sizeof *c->value, err);
    c->rep = carat_alloc((size_t)p->values, sizeof *c->rep, err);
    c->def = carat_alloc((size_t)p->values, sizeof *c->def, err);
    c->n = c->i = c->value_at = 0;
    if (st)
        return st;
    if (!c->value || !c->rep || !c->def)
        return CARAT_ENOMEM;
    const uint8_t *at = c->page, *end = c->page + p->unpacked;
    if (!levels(p, c->node->max_rep, p->rep_bytes, &at, end, c->rep) ||
        !levels(p, c->node->max_def, p->def_bytes, &at, end, c->def))
        return broken(c, "the levels of a page are malformed", err);
    c->n = (size_t)p->values;
    c->left -= (uint64_t)p->values;
    return read_values(c, p, at, end, err);
}

carat_status carat_pq_column_begin(carat_pq_column *c, uint32_t group, carat_err *err)
{
    c->chunk = c->file->chunk[(size_t)group * c->file->leaves + c->node->leaf];
    c->at = c->chunk.first;
    c->left = c->chunk.values;
    c->n = c->i = c->value_at = c->words = 0;
    if (c->node->type == CARAT_PQ_INT96 || c->node->type == CARAT_PQ_FIXED)
        return carat_fail(err, CARAT_ESUPPORT,
                          "%s: column %.*s: 96-bit times and fixed-length bytes are not read", c->file->path,
                          (int)c->node->name_len, c->node->name);
    if (!c->node->plain_int)
        return carat_fail(err, CARAT_ESUPPORT, "%s: column %.*s: dates, times and decimals are not read",
                          c->file->path, (int)c->node->name_len, c->node->name);
    return CARAT_OK;
}

carat_status carat_pq_column_peek(carat_pq_column *c, bool *have, carat_err *err)
{
    while (c->i == c->n && c->left) {
        page p;
        carat_status st = next_page(c, &p, err);
        if (!st && p.type == DICTIONARY_PAGE)
            st = read_dictionary(c, &p, err);
        else if (!st && (p.type == DATA_PAGE || p.type == DATA_PAGE_V2))
            st = read_data(c, &p, err);
        if (st)
            return st;
    }
    *have = c->i < c->n;
    return CARAT_OK;
}

void carat_pq_column_end(carat_pq_column *c)
{
    carat_free(c->page);
    carat_free(c->dict);
    carat_free(c->value);
    carat_free(c->word);
    carat_free(c->rep);
    carat_free(c->def);
    *c = (carat_pq_column){0};
}
