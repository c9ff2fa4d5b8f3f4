/* One pass through the model: embeddings, blocks, head (transformers Gemma4TextModel, Gemma4ForCausalLM).
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * The whole pass is one parallel region. A row whose logits nobody wants ends after the last layer that owns K/V: what
 * comes later would only feed its own logits. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include "runtime/model/session.h"

/* Hands rows [from, end) of a stage to the tap; every thread calls it between barriers. */
static void tap(const carat_work *w, const char *name, size_t from, size_t rows, const float *data)
{
    if (!w->p->tap)
        return;
    if (w->rank == 0)
        w->p->tap(w->p->ctx, name, carat_pass_pos(w->p, from), rows, w->m->config.hidden, data);
    carat_team_barrier(w->team);
}

static void first_input_row(const carat_work *w, uint32_t layer, size_t t)
{
    carat_attention_input(w, layer, t);
}

void carat_pass_blocks(const carat_work *w)
{
    const carat_pass *p = w->p;
    carat_rows(w, 0, p->n, first_input_row, 0);
    for (uint32_t l = 0; l < w->m->config.layers; l++) {
        size_t first = l < w->m->info.layers_kv ? 0 : p->first;
        if (first == p->n)
            break;
        carat_pass_attention(w, l, first);
        carat_pass_mlp(w, l, first);
        char name[24];
        snprintf(name, sizeof name, "block.%u", (unsigned)l);
        tap(w, name, 0, p->n, w->s->h);
    }
}

/* ---- head ---------------------------------------------------------------------------------------------------- */

carat_feed carat_head_feed(const carat_work *w)
{
    const carat_weight *const in[] = {&w->m->head};
    return carat_feed_open(w->s, w->s->x, w->m->config.hidden, in, 1);
}

void carat_final_norm_row(const carat_work *w, uint32_t from, size_t t)
{
    size_t hidden = w->m->config.hidden;
    carat_norm(w->s, w->s->h + (from + t) * hidden, w->m->norm, hidden, w->s->x + t * hidden);
    carat_feed f = carat_head_feed(w);
    carat_feed_put(w, &f, t);
}

void carat_cap_row(const carat_session *s, float *x, size_t n)
{
    float cap = (float)s->m->config.softcap;
    carat_round(s, x, n);
    if (!(cap > 0))
        return;
    if (s->numerics != CARAT_BF16) {
        s->kern->softcap(x, n, cap);
        return;
    }
    for (size_t i = 0; i < n; i++)
        x[i] /= cap;
    s->kern->round_bf16(x, n);
    s->kern->softcap(x, n, 1);
    s->kern->round_bf16(x, n);
    s->kern->scale(x, cap, n);
    s->kern->round_bf16(x, n);
}

enum { CAP_PIECE = 16384 };

/* Caps the rows' logits in pieces of the vocabulary, so that one row keeps every thread busy. */
void carat_pass_cap(const carat_work *w, size_t rows)
{
    carat_session *s = w->s;
    size_t vocab = w->m->config.vocab, pieces = (vocab + CAP_PIECE - 1) / CAP_PIECE, b, e;
    while (carat_team_take(w->team, rows * pieces, 1, &b, &e)) {
        size_t from = b % pieces * CAP_PIECE, n = vocab - from < CAP_PIECE ? vocab - from : CAP_PIECE;
        float *x = s->logits + (w->p->kept + b / pieces) * vocab + from;
        carat_cap_row(s, x, n);
        if (isnan(s->kern->max(x, n)))
            atomic_store_explicit(&w->p->bad, true, memory_order_relaxed);
    }
    carat_team_barrier(w->team);
}

/* Final norm of rows [from, end), at most CARAT_LOGIT_ROWS of them, and their logits if wanted. */
static void head(const carat_work *w, size_t from, size_t end, bool wanted)
{
    carat_session *s = w->s;
    size_t vocab = w->m->config.vocab, rows = end - from, b, e;
    carat_rows(w, 0, rows, carat_final_norm_row, (uint32_t)from);
    tap(w, "norm", from, rows, s->x);
    if (!wanted)
        return;
    carat_feed f = carat_head_feed(w);
    float *logits = s->logits + w->p->kept * vocab;
    carat_multiply(w, &f, 0, rows, &(carat_out){&w->m->head, logits, vocab}, 1);
    carat_team_barrier(w->team);
    carat_pass_cap(w, rows);
    if (!w->p->logits)
        return;
    while (carat_team_take(w->team, rows, 1, &b, &e))
        w->p->logits(w->p->ctx, carat_pass_pos(w->p, from + b), logits + b * vocab);
    carat_team_barrier(w->team);
}

static void heads(const carat_work *w, size_t from, size_t end, bool wanted)
{
    for (size_t t = from; t < end; t += CARAT_LOGIT_ROWS)
        head(w, t, end - t < CARAT_LOGIT_ROWS ? end : t + CARAT_LOGIT_ROWS, wanted);
}

static void run(carat_team *team, int rank, void *ctx)
{
    carat_pass *p = ctx;
    carat_session *s = p->s;
    carat_work w = {p, s, s->m, team, rank, s->scratch + (size_t)rank * s->scratch_stride};
    carat_pass_embed(&w);
    tap(&w, "embed", 0, p->n, s->h);
    carat_pass_ple(&w);
    carat_pass_blocks(&w);
    if (p->tap)
        heads(&w, 0, p->wanted, false);
    if (p->nll)
        carat_pass_score(&w);
    else
        heads(&w, p->wanted, p->n, true);
}

const carat_span *carat_pass_span(const carat_pass *p, size_t t)
{
    const carat_span *s = p->span;
    while (t >= s->row + s->n)
        s++;
    return s;
}

size_t carat_pass_pos(const carat_pass *p, size_t t)
{
    const carat_span *s = carat_pass_span(p, t);
    return s->pos + (t - s->row);
}

int32_t carat_pass_id(const carat_pass *p, size_t t)
{
    return carat_pass_span(p, t)->line->ids[carat_pass_pos(p, t)];
}

void carat_pass_run(carat_pass *p)
{
    carat_team_run(p->s->team, run, p);
}
