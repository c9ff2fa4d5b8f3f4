/* What goes into the blocks: embeddings, rotation angles, per-layer inputs (transformers Gemma4TextModel).
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include "runtime/model/session.h"

/* sqrt(width), which transformers holds in a buffer and casts to the weights' dtype. */
static double embed_scale(const carat_session *s, size_t width)
{
    float factor = (float)sqrt((double)width);
    return (double)(s->numerics == CARAT_BF16 ? carat_bf16_round(factor) : factor);
}

/* x * factor: multiplied in f32, rounded once. */
static void times(const carat_session *s, float *x, size_t n, double factor)
{
    s->kern->scale(x, (float)factor, n);
    carat_round(s, x, n);
}

static void angles_of(const carat_session *s, bool full, size_t dim, size_t t, size_t pos)
{
    const float *inv = s->m->inv_freq[full];
    float *cosine = s->cos[full] + t * (dim / 2), *sine = s->sin[full] + t * (dim / 2);
    for (size_t i = 0; i < dim / 2; i++) {
        float angle = inv[i] * (float)pos; /* one f32 product, as the reference rounds it */
        cosine[i] = inv[i] != 0 ? (float)cos((double)angle) : 1;
        sine[i] = inv[i] != 0 ? (float)sin((double)angle) : 0;
    }
    carat_round(s, cosine, dim / 2);
    carat_round(s, sine, dim / 2);
}

void carat_angles(const carat_session *s, size_t row, size_t pos)
{
    angles_of(s, false, s->m->config.head_dim, row, pos);
    angles_of(s, true, s->m->config.global_head_dim, row, pos);
}

void carat_embed_id(const carat_session *s, int32_t id, float *h)
{
    const carat_weight *e = &s->m->embed;
    size_t hidden = s->m->config.hidden;
    e->format->decode(e, (uint64_t)id, 0, hidden, h);
    carat_round(s, h, hidden);
    times(s, h, hidden, embed_scale(s, hidden));
}

static void embed_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    carat_embed_id(w->s, carat_pass_id(w->p, t), w->s->h + t * w->m->config.hidden);
    carat_angles(w->s, t, carat_pass_pos(w->p, t));
}

void carat_pass_embed(const carat_work *w)
{
    carat_rows(w, 0, w->p->n, embed_row, 0);
}

/* ---- per-layer inputs ---------------------------------------------------------------------------------------- */

static carat_feed projection_feed(const carat_work *w)
{
    const carat_weight *const in[] = {&w->m->ple_projection};
    return carat_feed_open(w->s, w->s->h, w->m->config.hidden, in, 1);
}

static void projection_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    carat_feed f = projection_feed(w);
    carat_feed_put(w, &f, t);
}

/* ple[layer] = (norm(context * hidden^-1/2) + token * sqrt(ple_dim)) * 2^-1/2 for the layers that this row runs through. */
static void combine_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    carat_session *s = w->s;
    const carat_config *c = &w->m->config;
    size_t p = c->ple_dim, layers = t >= w->p->first ? c->layers : w->m->info.layers_kv;
    float *row = s->ple + t * c->layers * p, *token = w->scratch;
    const carat_weight *table = &w->m->ple_table;
    table->format->decode(table, (uint64_t)carat_pass_id(w->p, t), 0, layers * p, token);
    carat_round(s, token, layers * p);
    times(s, token, layers * p, embed_scale(s, p));
    carat_round(s, row, layers * p);
    times(s, row, layers * p, 1 / sqrt((double)c->hidden));
    for (size_t l = 0; l < layers; l++)
        carat_norm(s, row + l * p, w->m->ple_projection_norm, p, row + l * p);
    s->kern->add(row, token, layers * p);
    carat_round(s, row, layers * p);
    times(s, row, layers * p, sqrt(0.5));
}

/* Rows that stop early get the projection rows of the early layers only: 2/3 of it is not computed for them. */
void carat_pass_ple(const carat_work *w)
{
    carat_session *s = w->s;
    const carat_config *c = &w->m->config;
    if (!c->ple_dim)
        return;
    carat_rows(w, 0, w->p->n, projection_row, 0);
    carat_feed f = projection_feed(w);
    size_t all = (size_t)c->layers * c->ple_dim, early = (size_t)w->m->info.layers_kv * c->ple_dim;
    if (w->p->first == 0) {
        carat_multiply(w, &f, 0, w->p->n, &(carat_out){&w->m->ple_projection, s->ple, all}, 1);
    } else {
        carat_weight low = carat_weight_rows(&w->m->ple_projection, 0, early);
        carat_weight high = carat_weight_rows(&w->m->ple_projection, early, all - early);
        carat_multiply(w, &f, 0, w->p->n, &(carat_out){&low, s->ple, all}, 1);
        carat_team_barrier(w->team);
        if (w->p->first < w->p->n && all > early)
            carat_multiply(w, &f, w->p->first, w->p->n, &(carat_out){&high, s->ple + early, all}, 1);
    }
    carat_team_barrier(w->team);
    carat_rows(w, 0, w->p->n, combine_row, 0);
}
