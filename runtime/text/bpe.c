/* Byte-pair encoding: the merge table, and merging by it.                         SPDX-License-Identifier: Apache-2.0
 *
 * Short words are merged by looking at every pair anew, long ones with a heap, so that a million equal characters do not take
 * a million times a million steps. Both give the same result. */
#include "runtime/text/bpe.h"

#include <string.h>

#include "runtime/base/mem.h"

enum {
    SHORT = 24,        /* symbols; above it the heap is faster */
    WAYS = 4,          /* children of a node of the heap */
    MAX_PROBES = 1024, /* a table half full needs some dozens; more is made on purpose */
    NEAR = 256,        /* code points below this have a set of pairs without false answers */
    NEAR_WORDS = NEAR * NEAR / 64,
    FAR_BITS = 21, /* 2^21 bits for the pairs of all others */
    FAR_WORDS = 1 << (FAR_BITS - 6),
};
static const uint32_t NONE = UINT32_MAX;

/* ---- where text may be cut ------------------------------------------------------------------------------------------ */

/* The space mark shares its place with the space: a text that holds both is cut a little less often. */
static uint32_t fold(uint32_t cp)
{
    return cp == CARAT_SPACE_MARK ? ' ' : cp;
}

static size_t join_bit(uint32_t x, uint32_t y)
{
    x = fold(x);
    y = fold(y);
    if (x < NEAR && y < NEAR)
        return x * NEAR + y;
    uint64_t h = ((uint64_t)x << 32 | y) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)NEAR_WORDS * 64 + (size_t)(h >> (64 - FAR_BITS));
}

bool carat_merges_join(const carat_merges *m, uint32_t x, uint32_t y)
{
    size_t bit = join_bit(x, y);
    return m->join[bit / 64] >> bit % 64 & 1;
}

static uint32_t first_code_point(carat_span s)
{
    uint32_t cp = 0;
    int skip;
    carat_utf8_get(s.data, s.data + s.len, &cp, &skip);
    return cp;
}

static uint32_t last_code_point(carat_span s)
{
    size_t at = s.len - 1;
    while (at && (s.data[at] & 0xc0) == 0x80)
        at--;
    return first_code_point((carat_span){s.data + at, s.len - at});
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static size_t pair_hash(uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return (size_t)(h >> 24);
}

/* The slot of the pair, or a free one: then the pair does not merge. */
static const carat_merge *look(const carat_merges *m, uint32_t left, uint32_t right)
{
    for (size_t at = pair_hash(left, right) & m->mask;; at = (at + 1) & m->mask) {
        const carat_merge *s = &m->slot[at];
        if ((s->left == left && s->right == right) || s->rank == NONE)
            return s;
    }
}

static carat_status enter(carat_merges *m, carat_merge merge, carat_err *err)
{
    size_t at = pair_hash(merge.left, merge.right) & m->mask;
    for (int i = 0; i < MAX_PROBES; i++, at = (at + 1) & m->mask) {
        carat_merge *s = &m->slot[at];
        if (s->rank == NONE) {
            *s = merge;
            return CARAT_OK;
        }
        if (s->left == merge.left && s->right == merge.right)
            return carat_fail(err, CARAT_EFORMAT, "merges %" PRIu32 " and %" PRIu32 " are the same pair",
                              s->rank, merge.rank);
    }
    return carat_fail(err, CARAT_EFORMAT, "merge %" PRIu32 ": too many pairs share a hash; made on purpose?",
                      merge.rank);
}

/* One look-up would be wrong in a table without free slots: at most half of them are ever taken. */
static carat_status index_all(carat_merges *m, const carat_merge *list, carat_err *err)
{
    size_t slots = 64;
    while (slots < m->count * 2)
        slots *= 2;
    m->mask = slots - 1;
    m->slot = carat_alloc(slots, sizeof *m->slot, err);
    if (!m->slot)
        return CARAT_ENOMEM;
    memset(m->slot, 0xff, slots * sizeof *m->slot);
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < m->count; i++)
        st = enter(m, list[i], err);
    return st;
}

/* ---- reading it ----------------------------------------------------------------------------------------------------- */

/* A merge that was read and whose pieces are being looked for. */
typedef struct asked {
    carat_span a, b;
    uint64_t ask_a, ask_b;
    carat_str buffer_a, buffer_b; /* of strings with escapes */
} asked;

enum {
    AHEAD = 16
}; /* merges read before the first of them is looked up: the look-ups miss the cache, and so miss it together */

typedef struct reader {
    carat_merges *m;
    const carat_vocab *v;
    carat_merge *list;
    size_t cap;
    asked ring[AHEAD];
    size_t read;
    carat_str joined;
    carat_err *err;
} reader;

static carat_status refuse(const reader *r, size_t merge, carat_span a, const char *why)
{
    return carat_fail(r->err, CARAT_EFORMAT, "merge %zu: \"%.*s\" %s", merge,
                      (int)(a.len < 100 ? a.len : 100), a.data, why);
}

/* Files list the ways to make a piece one after the other, in the order of the pieces: nearly always the product is that of the
 * merge before, or the next one. */
static int32_t find_joined(reader *r, carat_span a, carat_span b)
{
    carat_str_clear(&r->joined);
    carat_str_add(&r->joined, a.data, a.len);
    carat_str_add(&r->joined, b.data, b.len);
    uint32_t guess = r->m->count ? r->list[r->m->count - 1].into : 0;
    for (uint32_t id = guess; id <= guess + 1 && id < r->v->size; id++) {
        carat_span p = carat_vocab_piece(r->v, id);
        if (p.len == r->joined.len && memcmp(p.data, r->joined.data, p.len) == 0)
            return (int32_t)id;
    }
    return carat_vocab_find(r->v, (carat_span){r->joined.data, r->joined.len});
}

static carat_status resolve(reader *r, const asked *q)
{
    size_t rank = r->m->count;
    carat_span a = q->a, b = q->b;
    if (!a.len || !b.len)
        return refuse(r, rank, a.len ? b : a, "is an empty piece");
    if (carat_span_byte(a) >= 0 || carat_span_byte(b) >= 0)
        return refuse(r, rank, carat_span_byte(a) >= 0 ? a : b,
                      "is the piece of a byte, and carat merges no bytes");
    int32_t left = carat_vocab_find_asked(r->v, a, q->ask_a),
            right = carat_vocab_find_asked(r->v, b, q->ask_b);
    if (left < 0 || right < 0)
        return refuse(r, rank, left < 0 ? a : b, "is no piece of the vocabulary");
    int32_t into = find_joined(r, a, b);
    if (into < 0)
        return refuse(r, rank, (carat_span){r->joined.data, r->joined.len}, "is no piece of the vocabulary");
    carat_status st = carat_grow((void **)&r->list, &r->cap, rank + 1, sizeof *r->list, r->err);
    if (st)
        return st;
    r->list[r->m->count++] = (carat_merge){(uint32_t)left, (uint32_t)right, (uint32_t)rank, (uint32_t)into};
    size_t bit = join_bit(last_code_point(a), first_code_point(b));
    r->m->join[bit / 64] |= UINT64_C(1) << bit % 64;
    return carat_str_check(&r->joined, r->err);
}

/* "a b", of older files, whose pieces hold no space. */
static carat_status read_spaced(reader *r, carat_scan *s, asked *q)
{
    carat_span a;
    if (!carat_scan_string(s, &q->buffer_a, &a))
        return CARAT_OK;
    const char *space = memchr(a.data, ' ', a.len), *end = a.data + a.len;
    if (!space || memchr(space + 1, ' ', (size_t)(end - space - 1)))
        return refuse(r, r->read, a, "should be two pieces with one space between");
    q->a = (carat_span){a.data, (size_t)(space - a.data)};
    q->b = (carat_span){space + 1, (size_t)(end - space - 1)};
    return CARAT_OK;
}

/* ["a", "b"]. */
static carat_status read_pair(reader *r, carat_scan *s, asked *q)
{
    bool two = carat_scan_open(s, '[') && carat_scan_string(s, &q->buffer_a, &q->a) &&
               carat_scan_more(s, ']') && carat_scan_string(s, &q->buffer_b, &q->b) &&
               !carat_scan_more(s, ']');
    return two || s->wrong ? CARAT_OK : carat_fail(r->err, CARAT_EFORMAT, "merge %zu is not a pair", r->read);
}

static carat_status read_one(reader *r, carat_scan *s)
{
    asked *q = &r->ring[r->read % AHEAD];
    carat_status st = r->read < AHEAD ? CARAT_OK : resolve(r, q);
    if (!st)
        st = carat_scan_peek(s) == '"' ? read_spaced(r, s, q) : read_pair(r, s, q);
    if (st || s->wrong)
        return st;
    q->ask_a = carat_vocab_ask(r->v, q->a);
    q->ask_b = carat_vocab_ask(r->v, q->b);
    r->read++;
    q = &r->ring[(r->read + AHEAD / 2) %
                 AHEAD]; /* one half of the way ahead; before the first round any place will do */
    carat_vocab_touch(r->v, q->ask_a);
    carat_vocab_touch(r->v, q->ask_b);
    return CARAT_OK;
}

static carat_status read_all(reader *r, carat_scan *s)
{
    carat_status st = CARAT_OK;
    for (bool more = carat_scan_open(s, '['); more && !st; more = carat_scan_more(s, ']'))
        st = read_one(r, s);
    if (!st)
        st = carat_scan_check(s, r->err);
    while (!st && r->m->count < r->read)
        st = resolve(r, &r->ring[r->m->count % AHEAD]);
    return st;
}

carat_status carat_merges_read(carat_merges *m, const carat_vocab *v, carat_scan *s, carat_err *err)
{
    reader r = {.m = m, .v = v, .joined = CARAT_STR_INIT, .err = err};
    for (int i = 0; i < AHEAD; i++)
        r.ring[i].buffer_a = r.ring[i].buffer_b = (carat_str)CARAT_STR_INIT;
    m->count = 0;
    m->join = carat_alloc(NEAR_WORDS + FAR_WORDS, sizeof *m->join, err);
    carat_status st = m->join ? read_all(&r, s) : CARAT_ENOMEM;
    if (!st)
        st = index_all(m, r.list, err);
    carat_free(r.list);
    carat_str_free(&r.joined);
    for (int i = 0; i < AHEAD; i++) {
        carat_str_free(&r.ring[i].buffer_a);
        carat_str_free(&r.ring[i].buffer_b);
    }
    return st;
}

void carat_merges_free(carat_merges *m)
{
    carat_free(m->slot);
    carat_free(m->join);
    *m = (carat_merges){0};
}

/* ---- merging: short ------------------------------------------------------------------------------------------------- */

static size_t merge_short(const carat_merges *m, uint32_t *id, size_t n)
{
    const carat_merge *pair[SHORT]; /* [i]: of symbols i and i + 1 */
    for (size_t i = 0; i + 1 < n; i++)
        pair[i] = look(m, id[i], id[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (pair[i]->rank < pair[best]->rank)
                best = i;
        if (pair[best]->rank == NONE)
            break;
        id[best] = pair[best]->into;
        n--;
        memmove(id + best + 1, id + best + 2, (n - best - 1) * sizeof *id);
        if (best + 1 < n) {
            for (size_t i = best; i + 1 < n; i++)
                pair[i] = pair[i + 1];
            pair[best] = look(m, id[best], id[best + 1]);
        }
        if (best)
            pair[best - 1] = look(m, id[best - 1], id[best]);
    }
    return n;
}

/* ---- merging: long -------------------------------------------------------------------------------------------------- */

/* Symbols keep the index of their first code point; a merge takes the right one out of the list. */
struct carat_bpe_node {
    uint32_t id, prev, next; /* NONE at the ends */
    uint32_t rank, into;     /* of the pair with next; rank NONE: does not merge, or the symbol is gone */
};

/* A heap of rank << 32 | index, least first: equal ranks come out from left to right. An entry is stale, and dropped, if the
 * symbol's pair has another rank by now. Four children a node: the heap of a long run does not fit into the cache, and half
 * as deep is half as many misses. */
static void sift_down(uint64_t *heap, size_t n, size_t at)
{
    uint64_t v = heap[at];
    for (size_t child; (child = WAYS * at + 1) < n; at = child) {
        size_t last = child + WAYS < n ? child + WAYS : n;
        for (size_t i = child + 1; i < last; i++)
            child = heap[i] < heap[child] ? i : child;
        if (heap[child] >= v)
            break;
        heap[at] = heap[child];
    }
    heap[at] = v;
}

static void push(uint64_t *heap, size_t *n, uint64_t v)
{
    size_t at = (*n)++;
    for (; at && heap[(at - 1) / WAYS] > v; at = (at - 1) / WAYS)
        heap[at] = heap[(at - 1) / WAYS];
    heap[at] = v;
}

static uint64_t pop(uint64_t *heap, size_t *n)
{
    uint64_t top = heap[0];
    heap[0] = heap[--*n];
    if (*n)
        sift_down(heap, *n, 0);
    return top;
}

/* Looks the pair of symbol `at` and its right neighbour up anew. */
static void renew(const carat_merges *m, struct carat_bpe_node *node, uint32_t at)
{
    struct carat_bpe_node *s = &node[at];
    s->rank = NONE;
    if (s->next == NONE)
        return;
    const carat_merge *pair = look(m, s->id, node[s->next].id);
    s->rank = pair->rank;
    s->into = pair->into;
}

static void join(struct carat_bpe_node *node, uint32_t at)
{
    struct carat_bpe_node *s = &node[at], *right = &node[s->next];
    s->id = s->into;
    s->next = right->next;
    right->rank = NONE;
    if (s->next != NONE)
        node[s->next].prev = at;
}

/* heap has room for 2 n entries: each merge takes one entry out and puts at most two in, and there are fewer than n merges. */
static size_t merge_long(const carat_merges *m, struct carat_bpe_node *node, uint64_t *heap, uint32_t *id,
                         size_t n)
{
    size_t waiting = 0, out = 0;
    for (uint32_t i = 0; i < n; i++)
        node[i] = (struct carat_bpe_node){id[i], i ? i - 1 : NONE, i + 1 < n ? i + 1 : NONE, NONE, 0};
    for (uint32_t i = 0; i < n; i++) {
        renew(m, node, i);
        if (node[i].rank != NONE)
            heap[waiting++] = (uint64_t)node[i].rank << 32 | i;
    }
    for (size_t i = (waiting + WAYS - 2) / WAYS; i-- > 0;)
        sift_down(heap, waiting, i);
    while (waiting) {
        uint64_t top = pop(heap, &waiting);
        uint32_t at = (uint32_t)top;
        if (node[at].rank != top >> 32)
            continue;
        join(node, at);
        uint32_t touched[2] = {at, node[at].prev};
        for (int i = 0; i < 2 && touched[i] != NONE; i++) {
            renew(m, node, touched[i]);
            if (node[touched[i]].rank != NONE)
                push(heap, &waiting, (uint64_t)node[touched[i]].rank << 32 | touched[i]);
        }
    }
    for (uint32_t i = 0; i != NONE; i = node[i].next)
        id[out++] = node[i].id;
    return out;
}

carat_status carat_bpe_merge(carat_bpe *b, const carat_merges *m, uint32_t *ids, size_t *n, carat_err *err)
{
    if (*n <= SHORT) {
        *n = merge_short(m, ids, *n);
        return CARAT_OK;
    }
    carat_status st = carat_grow((void **)&b->node, &b->node_cap, *n, sizeof *b->node, err);
    if (!st)
        st = carat_grow((void **)&b->heap, &b->heap_cap, 2 * *n, sizeof *b->heap, err);
    if (!st)
        *n = merge_long(m, b->node, b->heap, ids, *n);
    return st;
}

void carat_bpe_free(carat_bpe *b)
{
    carat_free(b->node);
    carat_free(b->heap);
    *b = (carat_bpe){0};
}
