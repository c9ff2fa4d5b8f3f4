/* Text -> ids.                                                                    SPDX-License-Identifier: Apache-2.0
 *
 * Added tokens are taken out first; what lies between is cut into words where no merge can reach across (bpe.h), and each word is
 * merged by itself. A word seen before is copied from where its ids already stand in the result: the cache is a table of places
 * in this text, it dies with the call, and it holds no text of its own. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/tokenizer.h"

enum {
    CACHED_LEN = 64,     /* bytes of the longest word that is remembered */
    CACHE_MAX = 1 << 15, /* words: the table then fits into a second-level cache */
};

/* A word that was merged before: text[begin .. begin + len) gave ids[out .. out + n). */
typedef struct seen {
    uint32_t hash, begin, out;
    uint16_t len, n; /* len 0: free */
} seen;

typedef struct encoder {
    const carat_tokenizer *t;
    const char *text, *end;
    uint32_t *ids; /* [n]; as ints they are what the caller gets */
    size_t n, cap;
    seen *cache;
    size_t mask;
    carat_bpe bpe;
    carat_err *err;
} encoder;

typedef struct word {
    const char *begin;
    size_t len, chars;
    uint32_t hash;
    uint32_t first; /* code point */
} word;

/* ---- one word --------------------------------------------------------------------------------------------------- */

/* The next code point of well-formed text. */
static uint32_t next(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xe0) {
        *at += 2;
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (p[0] < 0xf0) {
        *at += 3;
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    *at += 4;
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* The same after the normalizer. */
static uint32_t next_marked(const carat_tokenizer *t, const char **at)
{
    uint32_t cp = next(at);
    return cp == ' ' && t->mark_spaces ? (uint32_t)CARAT_SPACE_MARK : cp;
}

static carat_status reserve(encoder *e, size_t more)
{
    return carat_grow((void **)&e->ids, &e->cap, e->n + more, sizeof *e->ids, e->err);
}

/* The symbols of one character: its piece, or the pieces of its bytes. There must be room for 4. */
static void put_character(encoder *e, uint32_t cp)
{
    uint32_t piece = cp < e->t->singles ? e->t->single[cp] : 0;
    if (piece) {
        e->ids[e->n++] = piece - 1;
        return;
    }
    char utf8[4];
    int len = carat_utf8_put(cp, utf8);
    for (int i = 0; i < len; i++)
        e->ids[e->n++] = e->t->byte_id[(unsigned char)utf8[i]];
}

static carat_status merge_word(encoder *e, const word *w)
{
    carat_status st = reserve(e, 4 * w->chars);
    if (st)
        return st;
    size_t out = e->n;
    for (const char *p = w->begin; p < w->begin + w->len;)
        put_character(e, next_marked(e->t, &p));
    size_t n = e->n - out;
    st = carat_bpe_merge(&e->bpe, &e->t->merges, e->ids + out, &n, e->err);
    e->n = out + n;
    return st;
}

static carat_status put_word(encoder *e, const word *w)
{
    if (w->chars == 1) {
        carat_status st = reserve(e, 4);
        if (!st)
            put_character(e, w->first);
        return st;
    }
    if (w->len > CACHED_LEN)
        return merge_word(e, w);
    seen *s = &e->cache[w->hash & e->mask];
    if (s->hash == w->hash && s->len == w->len && memcmp(e->text + s->begin, w->begin, w->len) == 0) {
        carat_status st = reserve(e, s->n);
        if (!st)
            memcpy(e->ids + e->n, e->ids + s->out, s->n * sizeof *e->ids);
        e->n += st ? 0 : s->n;
        return st;
    }
    size_t out = e->n;
    carat_status st = merge_word(e, w);
    *s = (seen){w->hash, (uint32_t)(w->begin - e->text), (uint32_t)out, (uint16_t)w->len,
                (uint16_t)(e->n - out)};
    return st;
}

/* ---- text between added tokens ---------------------------------------------------------------------------------- */

static carat_status put_segment(encoder *e, const char *p, const char *end)
{
    carat_status st = CARAT_OK;
    while (!st && p < end) {
        word w = {.begin = p, .chars = 1};
        uint32_t x = w.first = next_marked(e->t, &p);
        uint64_t hash = x;
        while (p < end) {
            const char *q = p;
            uint32_t y = next_marked(e->t, &q);
            if (!carat_merges_join(&e->t->merges, x, y))
                break;
            hash = (hash ^ y << 1) * UINT64_C(0x9e3779b97f4a7c15);
            w.chars++;
            x = y;
            p = q;
        }
        w.len = (size_t)(p - w.begin);
        w.hash = (uint32_t)(hash >> 32);
        st = put_word(e, &w);
    }
    return st;
}

static carat_status put_text(encoder *e, bool plain)
{
    carat_status st = CARAT_OK;
    for (const char *p = e->text; !st && p < e->end;) {
        uint32_t id = 0;
        const char *token = carat_finder_next(e->t, p, e->end, plain, &id);
        st = put_segment(e, p, token);
        if (!st && token < e->end)
            st = reserve(e, 1);
        if (!st && token < e->end) {
            e->ids[e->n++] = id;
            token += carat_vocab_piece(&e->t->vocab, id).len;
        }
        p = token;
    }
    return st;
}

/* ---- ill-formed text -------------------------------------------------------------------------------------------- */

static const char *skip_well_formed(const char *p, const char *end, int *skip)
{
    uint32_t cp;
    for (int n; p < end; p += n) {
        n = (unsigned char)*p < 0x80 ? 1 : carat_utf8_get(p, end, &cp, skip);
        if (!n)
            return p;
    }
    return end;
}

/* A copy with U+FFFD for each maximal ill-formed subpart. */
static carat_status repair(const char *p, const char *end, carat_str *out, carat_err *err)
{
    while (p < end) {
        int skip = 0;
        const char *bad = skip_well_formed(p, end, &skip);
        carat_str_add(out, p, (size_t)(bad - p));
        if (bad < end)
            carat_str_puts(out, "\xef\xbf\xbd");
        p = bad < end ? bad + skip : end;
    }
    return carat_str_check(out, err);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static carat_status encode(encoder *e, int flags)
{
    size_t len = (size_t)(e->end - e->text);
    if (len > INT32_MAX)
        return carat_fail(e->err, CARAT_EUSAGE, "a text of %zu bytes; at most %d can be encoded at once", len,
                          INT32_MAX);
    size_t words = 64;
    while (words < len / 8 && words < CACHE_MAX)
        words *= 2;
    e->mask = words - 1;
    e->cache = carat_alloc(words, sizeof *e->cache, e->err);
    carat_status st = e->cache ? reserve(e, len / 4 + 4) : CARAT_ENOMEM;
    return st ? st : put_text(e, flags & CARAT_ENCODE_PLAIN);
}

carat_status carat_encode(const carat_tokenizer *t, const char *text, size_t len, int flags, int32_t **ids,
                          size_t *n, carat_err *err)
{
    carat_str repaired = CARAT_STR_INIT;
    encoder e = {.t = t, .text = text, .end = text + len, .err = err};
    carat_status st = CARAT_OK;
    int skip;
    if (skip_well_formed(text, e.end, &skip) < e.end) {
        st = repair(text, e.end, &repaired, err);
        e.text = repaired.data;
        e.end = repaired.data + repaired.len;
    }
    if (!st)
        st = encode(&e, flags);
    if (st) {
        carat_free(e.ids);
    } else {
        *ids = (int32_t *)e.ids;
        *n = e.n;
    }
    carat_free(e.cache);
    carat_bpe_free(&e.bpe);
    carat_str_free(&repaired);
    return st;
}

void carat_release(void *p)
{
    free(p);
}
