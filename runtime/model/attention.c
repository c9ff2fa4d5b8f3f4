/* Attention of one layer (transformers Gemma4TextAttention).                       SPDX-License-Identifier: Apache-2.0
 *
 * q = rope(norm(Wq x)), k = rope(norm(Wk x)), v = norm(Wv x) without weight, or of the raw k where K=V; scale 1. Layers that
 * share K/V read the cache of their source layer, which this pass has filled already. */
#include <string.h>
#include "runtime/model/session.h"

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
    const carat_span *span = carat_pass_span(w->p, t);
    if (layer->shared || (layer->full && span->refill))
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
    carat_cache_put(&span->line->cache, l, span->pos + (t - span->row), k, v);
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
    carat_attend(w, l, first);
    carat_rows(w, first, n, output_row, l);
    carat_multiply(w, &mid, first, n, &(carat_out){&b->o, s->o, w->m->config.hidden}, 1);
    carat_team_barrier(w->team);
}
