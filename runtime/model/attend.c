/* How the attention of a pass is shared out over the team.                         SPDX-License-Identifier: Apache-2.0
 *
 * A prompt is cut into tiles of queries, decoding into shares of heads; where few queries see long contexts, the keys are
 * cut too, and K and V are read once for all heads that share them. The kernels promise the same bits for each of these. */
#include <string.h>

#include "runtime/base/par.h"
#include "runtime/model/session.h"

enum {
    PIECES = 4,     /* for each thread, so that they end together, ... */
    LEAST_HEADS = 4 /* ... if each has as many rows as a block of the kernels */
};

/* One span's attention: tiles of queries, and a single query as shares of its heads. */
struct cut {
    carat_attention a;
    size_t row; /* of a's first query in the pass, counted from the first that attends */
    size_t tile, parts, items;
    size_t splits; /* of its keys */
};

/* The heads of one KV head as `parts` equal shares, one of which is `part`: a smaller problem of the same shape, shifted. */
static carat_attention share(const carat_attention *a, size_t kv_head, size_t part, size_t parts)
{
    size_t group = a->heads / a->kv_heads, sub = group / parts;
    size_t shift = (kv_head * (group - sub) + part * sub) * a->dim;
    carat_attention s = *a;
    s.heads = sub * a->kv_heads;
    s.q = a->q + shift;
    s.out = a->out + shift;
    return s;
}

static void recut(struct cut *c)
{
    c->items = (c->a.n + c->tile - 1) / c->tile * c->a.kv_heads * c->parts;
}

/* Keys that a query of the span sees. */
static size_t depth(const carat_attention *a)
{
    size_t keys = a->pos + a->n;
    return a->window && keys > a->window ? a->window : keys;
}

/* Rows from `first` on of every span -> cuts. */
static size_t cut_spans(const carat_work *w, uint32_t l, size_t first, struct cut *cut)
{
    carat_session *s = w->s;
    const carat_layer *layer = &w->m->config.layer[l];
    size_t d = layer->head_dim, heads = w->m->config.heads, n = 0;
    size_t share = heads / layer->kv_heads, tile = (CARAT_ATTEND_ROWS + share - 1) / share;
    uint32_t source = s->lender ? s->lent[layer->full] : l;
    /* A drafter stands one position behind the last key; transformers gives it the last W + 1 keys. */
    size_t window = w->m->config.window + (s->lender != NULL);
    for (size_t i = 0; i < w->p->spans; i++) {
        const carat_span *span = &w->p->span[i];
        if (span->row + span->n <= first)
            continue;
        size_t skip = first > span->row ? first - span->row : 0;
        float *q = s->q + (span->row + skip) * heads * d;
        carat_attention a = {.q = q,
                             .out = q,
                             .ldq = heads * d,
                             .n = span->n - skip,
                             .pos = span->pos + skip,
                             .heads = heads,
                             .kv_heads = layer->kv_heads,
                             .dim = d,
                             .window = layer->full ? 0 : window,
                             .round_bf16 = s->numerics == CARAT_BF16};
        carat_cache_view(&span->line->cache, source, &a);
        cut[n++] = (struct cut){.a = a,
                                .row = span->row + skip - first,
                                .tile = tile < a.n ? tile : a.n,
                                .parts = 1,
                                .splits = (a.pos + a.n + CARAT_ATTEND_SPLIT - 1) / CARAT_ATTEND_SPLIT};
    }
    return n;
}

/* ---- whole rows ---------------------------------------------------------------------------------------------- */

/* Smaller tiles and shares, such that no piece is more than a thread's share of the whole. */
static void balance(const carat_work *w, struct cut *cut, size_t n)
{
    double work = 0, fair;
    for (struct cut *c = cut; c < cut + n; c++)
        work += (double)(c->a.n * depth(&c->a));
    fair = work / carat_team_size(w->team);
    for (struct cut *c = cut; c < cut + n; c++) {
        size_t kv_heads = c->a.kv_heads, group = c->a.heads / kv_heads, keys = depth(&c->a);
        while (c->tile > 1 && (double)(c->tile * keys) > fair * (double)kv_heads)
            c->tile = (c->tile + 1) / 2;
        while (c->a.n == 1 && (double)keys > fair * (double)(kv_heads * c->parts) &&
               group % (c->parts * 2) == 0)
            c->parts *= 2;
        recut(c);
    }
}

static void attend_rows(const carat_work *w, struct cut *cut, size_t n)
{
    size_t total = 0, item, end;
    balance(w, cut, n);
    for (size_t i = 0; i < n; i++)
        total += cut[i].items;
    while (carat_team_take(w->team, total, 1, &item, &end)) {
        const struct cut *c = cut;
        for (; item >= c->items; c++)
            item -= c->items;
        const carat_attention *a = &c->a;
        size_t kv = a->kv_heads, t0 = item / (kv * c->parts) * c->tile;
        size_t t1 = a->n - t0 < c->tile ? a->n : t0 + c->tile;
        carat_attention part = c->parts > 1 ? share(a, item % kv, item / kv % c->parts, c->parts) : *a;
        w->s->kern->attend(&part, item % kv, t0, t1, w->scratch);
    }
    carat_team_barrier(w->team);
}

/* ---- splits of long contexts ---------------------------------------------------------------------------------- */

/* One split of one span, and where its records lie. */
struct unit {
    const struct cut *c;
    size_t split, record;
};

/* As many units as there are records for, from split *split of span *c on; every thread lists the same. A wave. */
static size_t list_units(const struct cut **c, size_t *split, const struct cut *end, struct unit *unit)
{
    size_t n = 0, room = CARAT_SPLITS, used = CARAT_STEP_ROWS;
    while (*c < end && n < CARAT_SPLITS && (*c)->a.n <= room) {
        unit[n++] = (struct unit){*c, *split, used};
        room -= (*c)->a.n;
        used += (*c)->a.n;
        if (++*split == (*c)->splits) {
            *split = 0;
            ++*c;
        }
    }
    return n;
}

/* Record `index` of a wave: [rows of the step, then those of each unit][heads, query by query]. */
static float *record_at(const carat_work *w, const carat_attention *a, size_t index)
{
    return w->s->records + index * a->heads * carat_attend_record(a->dim);
}

static void sum_units(const carat_work *w, const struct unit *unit, size_t n)
{
    size_t kv = unit->c->a.kv_heads, group = unit->c->a.heads / kv, parts = 1, b, e;
    size_t team = (size_t)carat_team_size(w->team);
    while (unit->c->a.n == 1 && group % (parts * 2) == 0 &&
           n * kv * parts < (group / parts > LEAST_HEADS ? PIECES * team : team))
        parts *= 2;
    while (carat_team_take(w->team, n * kv * parts, 1, &b, &e)) {
        const struct unit *u = &unit[b / (kv * parts)];
        const carat_attention *a = &u->c->a;
        size_t head = b / parts % kv, use = a->n == 1 ? parts : 1, part = b % parts;
        if (part >= use)
            continue;
        carat_attention sub = share(a, head, part, use);
        size_t at = (head * a->n * group + part * (group / use)) * carat_attend_record(a->dim);
        w->s->kern->attend_part(&sub, head, u->split, record_at(w, a, u->record) + at, w->scratch);
    }
    carat_team_barrier(w->team);
}

/* Record r of each unit joins that of its row; rows whose last split this was are done. */
static void join_row(const carat_work *w, const struct unit *unit, size_t n, size_t row, size_t head)
{
    for (const struct unit *u = unit; u < unit + n; u++) {
        const carat_attention *a = &u->c->a;
        if (row < u->c->row || row >= u->c->row + a->n)
            continue;
        size_t group = a->heads / a->kv_heads, t = row - u->c->row, record = carat_attend_record(a->dim);
        size_t at = (head / group * a->n * group + t * group + head % group) * record;
        float *sum = record_at(w, a, row) + head * record, *next = record_at(w, a, u->record) + at;
        if (u->split == 0)
            memcpy(sum, next, record * sizeof *sum);
        else
            w->s->kern->attend_join(sum, next, a->dim);
        if (u->split + 1 == u->c->splits)
            w->s->kern->attend_end(sum, a->dim, a->out + t * a->ldq + head * a->dim);
    }
}

static void attend_splits(const carat_work *w, const struct cut *cut, size_t n)
{
    const struct cut *c = cut, *end = cut + n;
    struct unit unit[CARAT_SPLITS];
    size_t split = 0, heads = cut->a.heads, count, b, e;
    while ((count = list_units(&c, &split, end, unit))) {
        sum_units(w, unit, count);
        size_t row = unit->c->row, rows = unit[count - 1].c->row + unit[count - 1].c->a.n - row;
        while (carat_team_take(w->team, rows * heads, 1, &b, &e))
            join_row(w, unit, count, row + b / heads, b % heads);
        carat_team_barrier(w->team);
    }
}

void carat_attend(const carat_work *w, uint32_t l, size_t first)
{
    struct cut cut[CARAT_SPANS];
    size_t n = cut_spans(w, l, first, cut), splits = 1, rows = w->p->n - first;
    for (size_t i = 0; i < n; i++)
        splits = cut[i].splits > splits ? cut[i].splits : splits;
    bool whole = !w->m->config.layer[l].full || w->s->numerics == CARAT_BF16 || !w->s->kern->attend_part;
    if (whole || splits == 1 || rows > CARAT_STEP_ROWS)
        attend_rows(w, cut, n);
    else
        attend_splits(w, cut, n);
}
