/* difflib's ratio (ratio.h), without difflib's running time.                      SPDX-License-Identifier: Apache-2.0
 *
 * difflib takes the longest run that both texts share (of equally long ones the earliest in a, then in b), and goes on left and right
 * of it. It looks for each with a table of all pairs of equal elements. Here, instead:
 *  - Pieces of length 2^t get a number each, equal for equal pieces (Karp, Miller & Rosenberg 1972), so that two numbers tell whether
 *    pieces of any length up to 2^(t+1) are equal. Pieces with a popular element, and those that only one text has, have none.
 *  - No run right or left of the longest one is longer than it. So the longest run of a part is sought from its parent's length downwards,
 *    and those of equal length that difflib finds one after the other, each to the right of the one before, are found in one pass.
 * That is O(n log n) for each length that occurs on the way down, which are at most sqrt(2 n) below one another, and few in real texts. */
#include "eval/ratio.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/str.h"

carat_status carat_points_open(const char *text, size_t len, carat_points *out, carat_err *err)
{
    carat_points p = {carat_alloc(len ? len : 1, sizeof *p.data, err), 0};
    if (!p.data)
        return CARAT_ENOMEM;
    for (const char *at = text, *end = text + len; at < end;) {
        uint32_t cp = 0xFFFD;
        int skip = 1, n = carat_utf8_get(at, end, &cp, &skip);
        p.data[p.n++] = n ? cp : 0xFFFD;
        at += n ? n : skip;
    }
    *out = p;
    return CARAT_OK;
}

void carat_points_close(carat_points *p)
{
    carat_free(p->data);
    *p = (carat_points){0};
}

enum { LEVELS = 32 };
enum { END = INT32_MAX };
#define NONE UINT32_MAX

/* A part of a and of b that is still to be matched, and how long a run in it can be at most. */
typedef struct part {
    uint32_t alo, ahi, blo, bhi, most;
} part;

/* Places in one text, ascending. */
typedef struct places {
    uint32_t *at;
    size_t n;
} places;

typedef struct slot {
    uint64_t key;
    uint32_t value; /* NONE: the slot is free */
} slot;

typedef struct matcher {
    const uint32_t *a, *b;
    uint32_t na, nb;
    uint32_t *name_a[LEVELS],
        *name_b[LEVELS]; /* [t][place]: the number of the piece of length 2^t there; NONE: it has none */
    unsigned levels;
    places in_a, in_b; /* where the part under way may have its longest run */
    uint32_t *seen;    /* [na + nb]: by number: the look that saw it last */
    uint32_t look;
    uint32_t *next; /* [nb]: the next place in in_b with the same piece, as an index; behind the last NONE */
    slot *slot;     /* [2^slot_bits] */
    unsigned slot_bits, used_bits; /* all, and those in use */
    part *stack;
    size_t depth, cap;
    uint64_t total;
} matcher;

/* ---- a table from pieces to numbers ---------------------------------------------------------------------------- */

static void table_clear(matcher *m, size_t n)
{
    m->used_bits = 3;
    while ((size_t)1 << m->used_bits < 2 * n)
        m->used_bits++;
    for (size_t i = 0; i < (size_t)1 << m->used_bits; i++)
        m->slot[i].value = NONE;
}

/* The slot of a key: its own, or the free one where it belongs. */
static slot *table_find(const matcher *m, uint64_t key)
{
    size_t mask = ((size_t)1 << m->used_bits) - 1;
    size_t i = (size_t)(key * 0x9E3779B97F4A7C15u >> (64 - m->used_bits));
    while (m->slot[i].value != NONE && m->slot[i].key != key)
        i = (i + 1) & mask;
    return &m->slot[i];
}

/* ---- numbers for pieces ---------------------------------------------------------------------------------------- */

/* The key of the piece of length 2^t or more that ends `ahead` behind the end of the first 2^t elements; false: it has a piece without
 * a number. */
static bool key_at(const uint32_t *name, uint32_t at, uint32_t ahead, uint64_t *key)
{
    uint32_t first = name[at], second = name[at + ahead];
    *key = (uint64_t)first << 32 | second;
    return first != NONE && second != NONE;
}

/* Gives the pieces in in_b numbers, those in in_a the same, and forgets the places whose piece the other text does not have. half:
 * 2^t of the level below, whose numbers make the keys; 0: elements themselves. */
static void number_pieces(matcher *m, unsigned t, uint32_t half)
{
    const uint32_t *from_a = t ? m->name_a[t - 1] : m->a, *from_b = t ? m->name_b[t - 1] : m->b;
    uint32_t count = 0;
    size_t kept = 0;
    uint64_t key;
    table_clear(m, m->in_b.n);
    for (size_t i = 0; i < m->in_b.n; i++) {
        uint32_t at = m->in_b.at[i];
        if (at + 2 * half > m->nb || !key_at(from_b, at, half, &key))
            continue;
        slot *s = table_find(m, key);
        if (s->value == NONE)
            *s = (slot){key, count++};
        m->name_b[t][at] = s->value;
        m->in_b.at[kept++] = at;
    }
    m->in_b.n = kept;
    m->look++;
    kept = 0;
    for (size_t i = 0; i < m->in_a.n; i++) {
        uint32_t at = m->in_a.at[i];
        if (at + 2 * half > m->na || !key_at(from_a, at, half, &key))
            continue;
        uint32_t name = table_find(m, key)->value;
        if (name == NONE)
            continue;
        m->name_a[t][at] = name;
        m->seen[name] = m->look;
        m->in_a.at[kept++] = at;
    }
    m->in_a.n = kept;
    kept = 0;
    for (size_t i = 0; i < m->in_b.n; i++) {
        uint32_t at = m->in_b.at[i];
        if (m->seen[m->name_b[t][at]] == m->look)
            m->in_b.at[kept++] = at;
        else
            m->name_b[t][at] = NONE;
    }
    m->in_b.n = kept;
}

/* Elements of b that are more than 1 % of 200 or more have no number. */
static void drop_popular(matcher *m)
{
    uint32_t most = m->nb / 100 + 1, *count = m->next; /* [nb], free as yet */
    memset(count, 0, m->nb * sizeof *count);
    for (uint32_t j = 0; j < m->nb; j++)
        if (m->name_b[0][j] != NONE)
            count[m->name_b[0][j]]++;
    for (int text = 0; text < 2; text++) {
        uint32_t *name = text ? m->name_b[0] : m->name_a[0];
        places *p = text ? &m->in_b : &m->in_a;
        size_t kept = 0;
        for (size_t i = 0; i < p->n; i++)
            if (count[name[p->at[i]]] > most)
                name[p->at[i]] = NONE;
            else
                p->at[kept++] = p->at[i];
        p->n = kept;
    }
}

static void all_places(places *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p->at[i] = i;
    p->n = n;
}

static carat_status number_all(matcher *m, bool autojunk, carat_err *err)
{
    all_places(&m->in_a, m->na);
    all_places(&m->in_b, m->nb);
    for (unsigned t = 0; t < LEVELS; t++) {
        uint32_t *names = carat_alloc((size_t)m->na + m->nb, sizeof *names, err);
        if (!names)
            return CARAT_ENOMEM;
        memset(names, 0xFF, ((size_t)m->na + m->nb) * sizeof *names);
        m->name_a[t] = names;
        m->name_b[t] = names + m->na;
        number_pieces(m, t, t ? 1u << (t - 1) : 0);
        if (t == 0 && autojunk && m->nb >= 200)
            drop_popular(m);
        if (!m->in_a.n || !m->in_b.n)
            break;
        m->levels = t + 1;
    }
    return CARAT_OK;
}

/* ---- the longest run of a part --------------------------------------------------------------------------------- */

/* Sets in_a and in_b to the places whose pieces of length 2^t both parts have. */
static bool share(matcher *m, const part *p, unsigned t)
{
    uint32_t len = 1u << t, look = ++m->look;
    const uint32_t *name_a = m->name_a[t], *name_b = m->name_b[t];
    m->in_a.n = m->in_b.n = 0;
    for (uint32_t j = p->blo; j + len <= p->bhi; j++)
        if (name_b[j] != NONE)
            m->seen[name_b[j]] = look;
    for (uint32_t i = p->alo; i + len <= p->ahi; i++)
        if (name_a[i] != NONE && m->seen[name_a[i]] == look)
            m->in_a.at[m->in_a.n++] = i;
    if (!m->in_a.n)
        return false;
    look = ++m->look;
    for (size_t i = 0; i < m->in_a.n; i++)
        m->seen[name_a[m->in_a.at[i]]] = look;
    for (uint32_t j = p->blo; j + len <= p->bhi; j++)
        if (name_b[j] != NONE && m->seen[name_b[j]] == look)
            m->in_b.at[m->in_b.n++] = j;
    return true;
}

/* Do both parts have a piece of length len, 2^t <= len < 2^(t+1)? If so, keeps the places of a where it is. */
static bool share_longer(matcher *m, const part *p, unsigned t, uint32_t len)
{
    uint32_t ahead = len - (1u << t);
    size_t kept = 0;
    uint64_t key;
    table_clear(m, m->in_b.n);
    for (size_t i = 0; i < m->in_b.n; i++) {
        uint32_t at = m->in_b.at[i];
        if (at + len <= p->bhi && key_at(m->name_b[t], at, ahead, &key))
            *table_find(m, key) = (slot){key, 0};
    }
    for (size_t i = 0; i < m->in_a.n; i++) {
        uint32_t at = m->in_a.at[i];
        if (at + len <= p->ahi && key_at(m->name_a[t], at, ahead, &key) && table_find(m, key)->value != NONE)
            m->in_a.at[kept++] = at;
    }
    if (kept)
        m->in_a.n = kept;
    return kept;
}

/* The length of the longest run of elements with numbers that a part has; 0: there is none. *t: the level to find it with. in_a and in_b then
 * hold all places where it can be. */
static uint32_t longest(matcher *m, const part *p, unsigned *t)
{
    uint32_t most = p->most;
    if (most > p->ahi - p->alo)
        most = p->ahi - p->alo;
    if (most > p->bhi - p->blo)
        most = p->bhi - p->blo;
    *t = m->levels;
    while (*t > 0 && most >> (*t - 1) == 0)
        --*t;
    do {
        if (*t == 0)
            return 0;
    } while (!share(m, p, --*t));
    uint32_t have = 1u << *t, lack = have * 2 > most ? most + 1 : have * 2;
    while (lack - have > 1) {
        uint32_t len = have + (lack - have) / 2;
        if (share_longer(m, p, *t, len))
            have = len;
        else
            lack = len;
    }
    return have;
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

static carat_status push(matcher *m, part p, carat_err *err)
{
    if (p.alo >= p.ahi || p.blo >= p.bhi)
        return CARAT_OK;
    carat_status st = carat_grow((void **)&m->stack, &m->cap, m->depth + 1, sizeof *m->stack, err);
    if (!st)
        m->stack[m->depth++] = p;
    return st;
}

/* How far both texts agree from (i, j) on within the part, whether the elements have numbers or not. */
static uint32_t agree(const matcher *m, const part *p, uint32_t i, uint32_t j)
{
    uint32_t n = 0;
    while (i + n < p->ahi && j + n < p->bhi && m->a[i + n] == m->b[j + n])
        n++;
    return n;
}

static uint32_t agree_before(const matcher *m, const part *p, uint32_t i, uint32_t j)
{
    uint32_t n = 0;
    while (i - n > p->alo && j - n > p->blo && m->a[i - n - 1] == m->b[j - n - 1])
        n++;
    return n;
}

/* Files the places of in_b under their pieces: the first in the table, the others behind it. */
static void file_places(matcher *m, const part *p, unsigned t, uint32_t len)
{
    uint64_t key;
    table_clear(m, m->in_b.n);
    for (size_t k = m->in_b.n; k-- > 0;) {
        uint32_t at = m->in_b.at[k];
        if (at + len > p->bhi || !key_at(m->name_b[t], at, len - (1u << t), &key))
            continue;
        slot *s = table_find(m, key);
        m->next[k] = s->value == NONE ? END : s->value;
        *s = (slot){key, (uint32_t)k};
    }
}

/* The first place in b, from p->blo on, of the piece of length len at i; END: there is none. */
static uint32_t place_of(matcher *m, const part *p, unsigned t, uint32_t len, uint32_t i)
{
    uint64_t key;
    if (i < p->alo || i + len > p->ahi || !key_at(m->name_a[t], i, len - (1u << t), &key))
        return END;
    slot *s = table_find(m, key);
    if (s->value == NONE)
        return END;
    while (s->value != END && m->in_b.at[s->value] < p->blo)
        s->value = m->next[s->value];
    return s->value == END ? END : m->in_b.at[s->value];
}

/* The runs of length len that difflib takes, from left to right; between them are parts whose runs are shorter. */
static carat_status take_runs(matcher *m, part p, unsigned t, uint32_t len, carat_err *err)
{
    carat_status st = CARAT_OK;
    file_places(m, &p, t, len);
    for (size_t k = 0; k < m->in_a.n && !st; k++) {
        uint32_t i = m->in_a.at[k], j = place_of(m, &p, t, len, i);
        if (j == END)
            continue;
        uint32_t before = agree_before(m, &p, i, j), run = before + agree(m, &p, i, j);
        i -= before;
        j -= before;
        m->total += run;
        st = push(m, (part){p.alo, i, p.blo, j, len - 1}, err);
        p.alo = i + run;
        p.blo = j + run;
    }
    p.most = len - 1;
    return st ? st : push(m, p, err);
}

static carat_status match(matcher *m, carat_err *err)
{
    carat_status st = push(m, (part){0, m->na, 0, m->nb, UINT32_MAX}, err);
    while (!st && m->depth) {
        part p = m->stack[--m->depth];
        unsigned t;
        uint32_t len = longest(m, &p, &t);
        if (len)
            st = take_runs(m, p, t, len, err);
        else
            m->total += agree(m, &p, p.alo, p.blo); /* what difflib finds where nothing has a number */
    }
    return st;
}

static carat_status prepare(matcher *m, bool autojunk, carat_err *err)
{
    size_t longer = m->na > m->nb ? m->na : m->nb;
    m->slot_bits = 3;
    while ((size_t)1 << m->slot_bits < 2 * longer)
        m->slot_bits++;
    m->slot = carat_alloc((size_t)1 << m->slot_bits, sizeof *m->slot, err);
    m->seen = carat_alloc((size_t)m->na + m->nb, sizeof *m->seen, err);
    m->next = carat_alloc(m->nb + 1, sizeof *m->next, err);
    m->in_a.at = carat_alloc(m->na + 1, sizeof *m->in_a.at, err);
    m->in_b.at = carat_alloc(m->nb + 1, sizeof *m->in_b.at, err);
    if (!m->slot || !m->seen || !m->next || !m->in_a.at || !m->in_b.at)
        return CARAT_ENOMEM;
    return number_all(m, autojunk, err);
}

static void close_matcher(matcher *m)
{
    for (unsigned t = 0; t < LEVELS; t++)
        carat_free(m->name_a[t]);
    carat_free(m->slot);
    carat_free(m->seen);
    carat_free(m->next);
    carat_free(m->in_a.at);
    carat_free(m->in_b.at);
    free(m->stack);
}

carat_status carat_ratio(const carat_points *a, const carat_points *b, bool autojunk, double *out,
                         carat_err *err)
{
    if (a->n > INT32_MAX - 1 || b->n > INT32_MAX - 1)
        return carat_fail(err, CARAT_ESUPPORT, "texts of %zu and %zu characters are too long to compare",
                          a->n, b->n);
    if (a->n + b->n == 0) {
        *out = 1;
        return CARAT_OK;
    }
    matcher m = {.a = a->data, .b = b->data, .na = (uint32_t)a->n, .nb = (uint32_t)b->n};
    carat_status st = prepare(&m, autojunk, err);
    if (!st)
        st = match(&m, err);
    if (!st)
        *out = 2.0 * (double)m.total / (double)(a->n + b->n);
    close_matcher(&m);
    return st;
}
