/* Attention of one layer (transformers Gemma4TextAttention).                       SPDX-License-Identifier: Apache-2.0
 *
 * q = rope(norm(Wq x)), k = rope(norm(Wk x)), v = norm(Wv x) without weight, or of the raw k where K=V; scale 1. Layers that
 * share K/V read the cache of their source layer, which this pass has filled already. */
#include <string.h>
#include "runtime/model/session.h"

enum { QUERY_TILE = 16 };

static carat_feed input_feed(const carat_work *w, uint32_t l)
{
    const carat_block *b = &w->m->block[l];
    const carat_weight *const in[] = {&b->q, &b->k, &b->v};
    return carat_feed_open(w->s, w->s->x, w->m->config.hidden, in, 3);
}

void carat_attention_input(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    size_t hidden = w->m->config.hidden;
    carat_norm(s, s->h + t * hidden, w->m->block[l].norm_in, hidden, s->x + t * hidden);
    carat_feed f = input_feed(w, l);
    carat_feed_put(w, &f, t);
}

/* y = x * cos + rotate_half(x) * sin, each product and the sum rounded, as transformers does in bfloat16. */
static void rope_bf16(float *x, const float *cos, const float *sin, size_t dim)
{
    size_t half = dim / 2;
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = carat_bf16_round(carat_bf16_round(a * cos[i]) + carat_bf16_round(-b * sin[i]));
        x[i + half] = carat_bf16_round(carat_bf16_round(b * cos[i]) + carat_bf16_round(a * sin[i]));
    }
}

static void rotate(const carat_session *s, float *x, bool full, size_t t, size_t dim)
{
    const float *cos = s->cos[full] + t * (dim / 2), *sin = s->sin[full] + t * (dim / 2);
    if (s->numerics == CARAT_BF16)
        rope_bf16(x, cos, sin, dim);
    else
        s->kern->rope(x, cos, sin, dim);
}

/* Norms and rotates the heads of one row; K and V go to the cache. */
static void heads_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const carat_block *b = &w->m->block[l];
    const carat_layer *layer = &w->m->config.layer[l];
    size_t d = layer->head_dim, heads = w->m->config.heads, kv = layer->kv_heads;
    float *q = s->q + t * heads * d;
    carat_round(s, q, heads * d);
    for (size_t i = 0; i < heads; i++) {
        carat_norm(s, q + i * d, b->q_norm, d, q + i * d);
        rotate(s, q + i * d, layer->full, t, d);
    }
    if (layer->shared)
        return;
    float *k = s->k + t * kv * d, *v = s->v + t * kv * d;
    carat_round(s, k, kv * d);
    if (!layer->k_eq_v)
        carat_round(s, v, kv * d);
    for (size_t i = 0; i < kv * d; i += d) {
        carat_norm(s, (layer->k_eq_v ? k : v) + i, NULL, d, v + i);
        carat_norm(s, k + i, b->k_norm, d, k + i);
        rotate(s, k + i, layer->full, t, d);
    }
    carat_cache_put(&carat_pass_span(w->p, t)->line->cache, l, carat_pass_pos(w->p, t), k, v);
}

/* The heads of one KV head as `parts` equal shares, one of which is `part`: with a single query the rows of q are heads, so a
 * share is a smaller problem of the same shape, shifted. */
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

/* How one span's attention is cut: into tiles of queries, and a single query into shares of its heads. */
struct cut {
    carat_attention a;
    size_t tile, parts, items;
};

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

/* Rows from `first` on of every span -> cuts, such that no piece is more than a thread's share of the whole. */
static size_t cut_spans(const carat_work *w, uint32_t l, size_t first, struct cut *cut)
{
    carat_session *s = w->s;
    const carat_layer *layer = &w->m->config.layer[l];
    size_t d = layer->head_dim, heads = w->m->config.heads, n = 0;
    uint32_t source = s->lender ? s->lent[layer->full] : l;
    /* A drafter stands one position behind the last key; transformers gives it the last W + 1 keys. */
    size_t window = w->m->config.window + (s->lender != NULL);
    double work = 0, fair;
    for (size_t i = 0; i < w->p->spans; i++) {
        const carat_span *span = &w->p->span[i];
        if (span->row + span->n <= first)
            continue;
        size_t skip = first > span->row ? first - span->row : 0;
        float *q = s->q + (span->row + skip) * heads * d;
        carat_attention a = {.q = q,
                             .out = q,
                             .n = span->n - skip,
                             .pos = span->pos + skip,
                             .heads = heads,
                             .kv_heads = layer->kv_heads,
                             .dim = d,
                             .window = layer->full ? 0 : window,
                             .round_bf16 = s->numerics == CARAT_BF16};
        carat_cache_view(&span->line->cache, source, &a);
        cut[n] = (struct cut){a, QUERY_TILE < a.n ? QUERY_TILE : a.n, 1, 0};
        recut(&cut[n++]);
        work += (double)(a.n * depth(&a));
    }
    fair = work / carat_team_size(w->team);
    for (struct cut *c = cut; c < cut + n; c++) {
        size_t group = heads / layer->kv_heads, keys = depth(&c->a);
        while (c->tile > 1 && (double)(c->tile * keys) > fair * layer->kv_heads)
            c->tile = (c->tile + 1) / 2;
        while (c->a.n == 1 && (double)keys > fair * (double)(layer->kv_heads * c->parts) &&
               group % (c->parts * 2) == 0)
            c->parts *= 2;
        recut(c);
    }
    return n;
}

static void attend(const carat_work *w, uint32_t l, size_t first)
{
    struct cut cut[CARAT_STEP_ROWS];
    size_t n = cut_spans(w, l, first, cut), total = 0, item, end;
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

static carat_feed output_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].o};
    return carat_feed_open(w->s, w->s->q, (size_t)w->m->config.heads * w->m->config.layer[l].head_dim, in, 1);
}

static void output_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_feed f = output_feed(w, l);
    carat_feed_put(w, &f, t);
}

void carat_pass_attention(const carat_work *w, uint32_t l, size_t first)
{
    carat_session *s = w->s;
    const carat_block *b = &w->m->block[l];
    const carat_layer *layer = &w->m->config.layer[l];
    size_t q = (size_t)w->m->config.heads * layer->head_dim, kv = (size_t)layer->kv_heads * layer->head_dim,
           n = w->p->n;
    carat_feed in = input_feed(w, l), mid = output_feed(w, l);
    const carat_out out[] = {{&b->q, s->q, q}, {&b->k, s->k, kv}, {&b->v, s->v, kv}};
    carat_multiply(w, &in, first, n, out, 3);
    carat_team_barrier(w->team);
    carat_rows(w, first, n, heads_row, l);
    attend(w, l, first);
    carat_rows(w, first, n, output_row, l);
    carat_multiply(w, &mid, first, n, &(carat_out){&b->o, s->o, w->m->config.hidden}, 1);
    carat_team_barrier(w->team);
}
