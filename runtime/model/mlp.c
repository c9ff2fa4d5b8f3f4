/* The second half of a layer: gated MLP (moe.c has the experts beside it), per-layer input, layer scalar (transformers Gemma4TextDecoderLayer, Gemma4TextMLP).
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/session.h"

static carat_feed mlp_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].gate, &w->m->block[l].up};
    return carat_feed_open(w->s, w->s->x, w->m->config.hidden, in, 2);
}

static carat_feed down_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].down};
    return carat_feed_open(w->s, w->s->gate, w->m->config.layer[l].intermediate, in, 1);
}

static carat_feed ple_gate_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].ple_gate};
    return carat_feed_open(w->s, w->s->h, w->m->config.hidden, in, 1);
}

static carat_feed ple_out_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].ple_out};
    return carat_feed_open(w->s, w->s->ple_gate, w->m->config.ple_dim, in, 1);
}

/* h += norm(attention); x = norm(h) */
static void input_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const carat_block *b = &w->m->block[l];
    size_t hidden = w->m->config.hidden;
    float *h = s->h + t * hidden, *o = s->o + t * hidden;
    carat_round(s, o, hidden);
    carat_norm_add(s, o, b->norm_post_attn, hidden, h);
    carat_norm(s, h, b->norm_pre_ffn, hidden, s->x + t * hidden);
    carat_feed f = mlp_feed(w, l);
    carat_feed_put(w, &f, t);
}

/* gate = gelu(gate) * up, with a rounding behind each step in bf16. */
void carat_gelu_times(const carat_session *s, float *gate, const float *up, size_t n)
{
    if (s->numerics != CARAT_BF16) {
        s->kern->gelu_mul(gate, up, n, gate);
        return;
    }
    s->kern->gelu_mul(gate, NULL, n, gate);
    s->kern->round_bf16(gate, n);
    for (size_t i = 0; i < n; i++)
        gate[i] = carat_bf16_round(gate[i] * up[i]);
}

static void middle_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    size_t n = w->m->config.layer[l].intermediate;
    float *gate = s->gate + t * n, *up = s->up + t * n;
    carat_round(s, gate, n);
    carat_round(s, up, n);
    carat_gelu_times(s, gate, up, n);
    carat_feed f = down_feed(w, l);
    carat_feed_put(w, &f, t);
}

/* h += norm(mlp) */
static void output_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    size_t hidden = w->m->config.hidden;
    float *o = s->o + t * hidden;
    carat_round(s, o, hidden);
    if (w->m->config.moe)
        carat_experts_add(w, l, t);
    carat_norm_add(s, o, w->m->block[l].norm_post_ffn, hidden, s->h + t * hidden);
    if (w->m->config.ple_dim) {
        carat_feed f = ple_gate_feed(w, l);
        carat_feed_put(w, &f, t);
    }
}

static void ple_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    size_t p = w->m->config.ple_dim;
    float *gate = s->ple_gate + t * p;
    carat_round(s, gate, p);
    carat_gelu_times(s, gate, s->ple + (t * w->m->config.layers + l) * p, p);
    carat_feed f = ple_out_feed(w, l);
    carat_feed_put(w, &f, t);
}

/* h = (h + norm(per-layer input)) * scalar; then the next layer's input for rows that go there. */
static void end_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const carat_block *b = &w->m->block[l];
    size_t hidden = w->m->config.hidden;
    float *h = s->h + t * hidden;
    if (w->m->config.ple_dim) {
        float *o = s->o + t * hidden;
        carat_round(s, o, hidden);
        carat_norm_add(s, o, b->ple_norm, hidden, h);
    }
    s->kern->scale(h, b->scalar, hidden);
    carat_round(s, h, hidden);
    uint32_t next = l + 1;
    if (next < w->m->config.layers && (next < w->m->info.layers_kv || t >= w->p->first))
        carat_attention_input(w, next, t);
}

static void mlp_end_row(const carat_work *w, uint32_t l, size_t t)
{
    output_row(w, l, t);
    end_row(w, l, t);
}

void carat_pass_mlp(const carat_work *w, uint32_t l, size_t first)
{
    carat_session *s = w->s;
    const carat_block *b = &w->m->block[l];
    size_t n = w->p->n, inner = w->m->config.layer[l].intermediate, hidden = w->m->config.hidden,
           p = w->m->config.ple_dim;
    carat_rows(w, first, n, input_row, l);
    carat_feed f = mlp_feed(w, l);
    const carat_out gate_up[] = {{&b->gate, s->gate, inner}, {&b->up, s->up, inner}};
    carat_multiply(w, &f, first, n, gate_up, 2);
    carat_team_barrier(w->team);
    carat_rows(w, first, n, middle_row, l);
    f = down_feed(w, l);
    carat_multiply(w, &f, first, n, &(carat_out){&b->down, s->o, hidden}, 1);
    carat_team_barrier(w->team);
    if (w->m->config.moe)
        carat_pass_experts(w, l, first);
    if (!p) {
        carat_rows(w, first, n, mlp_end_row, l);
        return;
    }
    carat_rows(w, first, n, output_row, l);
    f = ple_gate_feed(w, l);
    carat_multiply(w, &f, first, n, &(carat_out){&b->ple_gate, s->ple_gate, p}, 1);
    carat_team_barrier(w->team);
    carat_rows(w, first, n, ple_row, l);
    f = ple_out_feed(w, l);
    carat_multiply(w, &f, first, n, &(carat_out){&b->ple_out, s->o, hidden}, 1);
    carat_team_barrier(w->team);
    carat_rows(w, first, n, end_row, l);
}
