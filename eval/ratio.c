/* difflib's ratio (ratio.h).                                                      SPDX-License-Identifier: Apache-2.0 */
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

/* A part of a and of b that is still to be matched. */
typedef struct part {
    size_t alo, ahi, blo, bhi;
} part;

typedef struct run {
    size_t a, b, len;
} run;

typedef struct matcher {
    const uint32_t *a, *b;
    uint32_t *place;       /* [nb]: positions of b, by code point, then ascending */
    uint32_t *first, *end; /* [na]: place[first..end) are the positions of a[i] in b */
    uint32_t *row[2];      /* [nb + 1]: length of the match that ends before b[j] */
    part *stack;
    size_t depth, cap;
} matcher;

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* The first of keys[0..n) that is not below `key`. */
static size_t lower_bound(const uint64_t *keys, size_t n, uint64_t key)
{
    size_t low = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (keys[low + half] < key) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

/* Where each element of a stands in b; popular elements of b stand nowhere. */
static carat_status index_b(matcher *m, size_t na, size_t nb, bool autojunk, carat_err *err)
{
    uint64_t *keys = carat_alloc(nb ? nb : 1, sizeof *keys, err);
    if (!keys)
        return CARAT_ENOMEM;
    for (size_t j = 0; j < nb; j++)
        keys[j] = (uint64_t)m->b[j] << 32 | j;
    qsort(keys, nb, sizeof *keys, by_value);
    for (size_t j = 0; j < nb; j++)
        m->place[j] = (uint32_t)keys[j];
    size_t most = autojunk && nb >= 200 ? nb / 100 + 1 : nb;
    for (size_t i = 0; i < na; i++) {
        size_t from = lower_bound(keys, nb, (uint64_t)m->a[i] << 32);
        size_t to = from + lower_bound(keys + from, nb - from, ((uint64_t)m->a[i] + 1) << 32);
        m->first[i] = (uint32_t)from;
        m->end[i] = (uint32_t)(to - from > most ? from : to);
    }
    carat_free(keys);
    return CARAT_OK;
}

/* The first of [from, to) that is not below b. */
static const uint32_t *at_least(const uint32_t *from, const uint32_t *to, size_t b)
{
    while (from < to) {
        const uint32_t *mid = from + (to - from) / 2;
        if (*mid < b)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* The part of a[i]'s positions that lies in the part of b. */
static void clip(const matcher *m, size_t i, const part *p, const uint32_t **from, const uint32_t **to)
{
    const uint32_t *f = m->place + m->first[i], *t = m->place + m->end[i];
    *from = at_least(f, t, p->blo);
    *to = at_least(*from, t, p->bhi);
}

/* The longest run of indexed elements that both parts share; the earliest in a, then in b, of equally long ones. */
static run longest_indexed(const matcher *m, const part *p)
{
    run best = {p->alo, p->blo, 0};
    uint32_t *old = m->row[0], *now = m->row[1];
    const uint32_t *old_from = NULL, *old_to = NULL;
    for (size_t i = p->alo; i < p->ahi; i++) {
        const uint32_t *from, *to;
        clip(m, i, p, &from, &to);
        for (const uint32_t *j = from; j < to; j++) {
            uint32_t k = now[*j + 1] = old[*j] + 1;
            if (k > best.len)
                best = (run){i - k + 1, *j - k + 1, k};
        }
        for (const uint32_t *j = old_from; j < old_to; j++)
            old[*j + 1] = 0;
        uint32_t *swap = old;
        old = now;
        now = swap;
        old_from = from;
        old_to = to;
    }
    for (const uint32_t *j = old_from; j < old_to; j++)
        old[*j + 1] = 0;
    return best;
}

static run longest(const matcher *m, const part *p)
{
    run r = longest_indexed(m, p);
    while (r.a > p->alo && r.b > p->blo && m->a[r.a - 1] == m->b[r.b - 1]) {
        r.a--;
        r.b--;
        r.len++;
    }
    while (r.a + r.len < p->ahi && r.b + r.len < p->bhi && m->a[r.a + r.len] == m->b[r.b + r.len])
        r.len++;
    return r;
}

static carat_status push(matcher *m, part p, carat_err *err)
{
    if (p.alo >= p.ahi || p.blo >= p.bhi)
        return CARAT_OK;
    carat_status st = carat_grow((void **)&m->stack, &m->cap, m->depth + 1, sizeof *m->stack, err);
    if (!st)
        m->stack[m->depth++] = p;
    return st;
}

static carat_status match(matcher *m, size_t na, size_t nb, uint64_t *total, carat_err *err)
{
    carat_status st = push(m, (part){0, na, 0, nb}, err);
    while (!st && m->depth) {
        part p = m->stack[--m->depth];
        run r = longest(m, &p);
        *total += r.len;
        if (r.len && !(st = push(m, (part){p.alo, r.a, p.blo, r.b}, err)))
            st = push(m, (part){r.a + r.len, p.ahi, r.b + r.len, p.bhi}, err);
    }
    return st;
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
    /* place [nb], first and end [na] each, two rows [nb + 1] */
    uint32_t *memory = carat_alloc(2 * a->n + 3 * b->n + 2, sizeof *memory, err);
    if (!memory)
        return CARAT_ENOMEM;
    matcher m = {.a = a->data, .b = b->data, .place = memory, .first = memory + b->n};
    m.end = m.first + a->n;
    m.row[0] = m.end + a->n;
    m.row[1] = m.row[0] + b->n + 1;
    uint64_t total = 0;
    carat_status st = index_b(&m, a->n, b->n, autojunk, err);
    if (!st)
        st = match(&m, a->n, b->n, &total, err);
    if (!st)
        *out = 2.0 * (double)total / (double)(a->n + b->n);
    free(m.stack);
    carat_free(memory);
    return st;
}
