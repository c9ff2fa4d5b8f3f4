/* The pieces of a tokenizer: an open-addressing table over bytes that lie back to back.  SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/vocab.h"

#include <string.h>

#include "runtime/base/mem.h"

/* A table half full has runs of some dozens at worst; longer ones are made on purpose, to make loading quadratic. */
enum { MAX_PROBES = 1024 };

/* Multiply and shift over 8-byte words. */
static uint64_t hash_of(carat_span s)
{
    uint64_t h = s.len, w;
    const char *p = s.data;
    size_t n = s.len;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (w = 0; n; n--)
        w = w << 8 | (unsigned char)*p++;
    h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 29;
}

/* ---- byte pieces ------------------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int carat_span_byte(carat_span s)
{
    if (s.len != 6 || memcmp(s.data, "<0x", 3) != 0 || s.data[5] != '>')
        return -1;
    int high = hex_digit(s.data[3]), low = hex_digit(s.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

/* All that a look-up needs to know of a piece but its bytes. */
struct carat_vocab_slot {
    uint32_t hash;  /* upper half */
    uint32_t owner; /* id + 1; 0: free */
    carat_piece piece;
};

/* The slot of a piece, or the free one where it belongs; NULL after MAX_PROBES. */
static struct carat_vocab_slot *probe(const carat_vocab *v, carat_span s, uint64_t hash)
{
    size_t at = hash & v->mask;
    for (int i = 0; i < MAX_PROBES; i++, at = (at + 1) & v->mask) {
        struct carat_vocab_slot *slot = &v->slot[at];
        if (!slot->owner || (slot->hash == hash >> 32 && slot->piece.len == s.len &&
                             memcmp(v->text.data + slot->piece.begin, s.data, s.len) == 0))
            return slot;
    }
    return NULL;
}

uint64_t carat_vocab_ask(const carat_vocab *v, carat_span piece)
{
    uint64_t hash = hash_of(piece);
    if (v->slot)
        __builtin_prefetch(&v->slot[hash & v->mask]);
    return hash;
}

void carat_vocab_touch(const carat_vocab *v, uint64_t asked)
{
    if (v->slot)
        __builtin_prefetch(v->text.data + v->slot[asked & v->mask].piece.begin);
}

int32_t carat_vocab_find_asked(const carat_vocab *v, carat_span piece, uint64_t asked)
{
    const struct carat_vocab_slot *slot = v->slot ? probe(v, piece, asked) : NULL;
    return slot && slot->owner ? (int32_t)(slot->owner - 1) : -1;
}

int32_t carat_vocab_find(const carat_vocab *v, carat_span piece)
{
    return carat_vocab_find_asked(v, piece, hash_of(piece));
}

static carat_status enter(carat_vocab *v, uint32_t id, carat_err *err)
{
    carat_span p = carat_vocab_piece(v, id);
    uint64_t hash = hash_of(p);
    struct carat_vocab_slot *slot = probe(v, p, hash);
    if (!slot)
        return carat_fail(err, CARAT_EFORMAT,
                          "piece %" PRIu32 ": too many pieces share a hash; made on purpose?", id);
    if (slot->owner)
        return carat_fail(err, CARAT_EFORMAT, "piece \"%.*s\" has two ids, %" PRIu32 " and %" PRIu32,
                          (int)(p.len < 100 ? p.len : 100), p.data, slot->owner - 1, id);
    *slot = (struct carat_vocab_slot){(uint32_t)(hash >> 32), id + 1, v->piece[id]};
    return CARAT_OK;
}

static carat_status index_all(carat_vocab *v, carat_err *err)
{
    size_t slots = 64;
    while (slots < v->size * 2)
        slots *= 2;
    carat_free(v->slot);
    v->mask = slots - 1;
    v->slot = carat_alloc(slots, sizeof *v->slot, err);
    carat_status st = v->slot ? CARAT_OK : CARAT_ENOMEM;
    for (size_t id = 0; !st && id < v->size; id++)
        st = enter(v, (uint32_t)id, err);
    return st;
}

/* ---- filling it ------------------------------------------------------------------------------------------------- */

static carat_status add_text(carat_vocab *v, carat_span s, carat_piece *out, carat_err *err)
{
    if (s.len > UINT32_MAX - v->text.len)
        return carat_fail(err, CARAT_ESUPPORT, "the pieces have more than %" PRIu32 " bytes", UINT32_MAX);
    *out = (carat_piece){(uint32_t)v->text.len, (uint32_t)s.len};
    carat_str_add(&v->text, s.data, s.len);
    return carat_str_check(&v->text, err);
}

/* One entry of the file, whose ids may come in any order. */
typedef struct entry {
    carat_piece piece;
    uint32_t id;
} entry;

typedef struct entries {
    entry *e;
    size_t n, cap;
} entries;

static carat_status read_entries(carat_vocab *v, carat_scan *s, entries *list, carat_err *err)
{
    carat_str buffer = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (bool more = carat_scan_open(s, '{'); more && !st; more = carat_scan_more(s, '}')) {
        carat_span piece;
        entry e;
        if (!carat_scan_key(s, &buffer, &piece) || !carat_scan_u32(s, &e.id))
            break;
        if (list->n == CARAT_VOCAB_MAX)
            st = carat_fail(err, CARAT_ESUPPORT, "the vocabulary has more than %d pieces", CARAT_VOCAB_MAX);
        if (!st)
            st = carat_grow((void **)&list->e, &list->cap, list->n + 1, sizeof *list->e, err);
        if (!st)
            st = add_text(v, piece, &e.piece, err);
        if (!st)
            list->e[list->n++] = e;
    }
    carat_str_free(&buffer);
    return st ? st : carat_scan_check(s, err);
}

/* n entries with n different ids below n leave no hole. */
static carat_status place_entries(carat_vocab *v, const entries *list, carat_err *err)
{
    carat_status st = carat_grow((void **)&v->piece, &v->cap, list->n + 1, sizeof *v->piece, err);
    if (st)
        return st;
    for (size_t i = 0; i < list->n; i++)
        v->piece[i].len = UINT32_MAX;
    for (size_t i = 0; i < list->n; i++) {
        entry e = list->e[i];
        if (e.id >= list->n)
            return carat_fail(err, CARAT_EFORMAT, "vocab holds %zu pieces, but gives one the id %" PRIu32,
                              list->n, e.id);
        if (v->piece[e.id].len != UINT32_MAX)
            return carat_fail(err, CARAT_EFORMAT, "vocab gives two pieces the id %" PRIu32, e.id);
        v->piece[e.id] = e.piece;
    }
    v->size = list->n;
    return CARAT_OK;
}

carat_status carat_vocab_read(carat_vocab *v, carat_scan *s, carat_err *err)
{
    entries list = {NULL, 0, 0};
    carat_status st = read_entries(v, s, &list, err);
    if (!st)
        st = place_entries(v, &list, err);
    if (!st)
        st = index_all(v, err);
    carat_free(list.e);
    return st;
}

carat_status carat_vocab_append(carat_vocab *v, carat_span piece, carat_err *err)
{
    if (v->size == CARAT_VOCAB_MAX)
        return carat_fail(err, CARAT_ESUPPORT, "the vocabulary has more than %d pieces", CARAT_VOCAB_MAX);
    carat_status st = carat_grow((void **)&v->piece, &v->cap, v->size + 1, sizeof *v->piece, err);
    if (!st)
        st = add_text(v, piece, &v->piece[v->size], err);
    if (st)
        return st;
    v->size++;
    return v->size * 2 > v->mask ? index_all(v, err) : enter(v, (uint32_t)v->size - 1, err);
}

void carat_vocab_free(carat_vocab *v)
{
    carat_str_free(&v->text);
    carat_free(v->piece);
    carat_free(v->slot);
    *v = (carat_vocab)CARAT_VOCAB_INIT;
}
