/* One step of a drafter (transformers Gemma4AssistantForCausalLM).                  SPDX-License-Identifier: Apache-2.0
 *
 *     h = pre([embedding of the last token, hidden state]);  four layers;  y = norm(h);  hidden' = post(y)
 *     logits = E y without soft-cap, or E y for the ids of the best clusters only (Gemma4AssistantMaskedEmbedder)
 *
 * The layers are the stages of any pass; only what stands before and behind them is here. */
#include "runtime/model/drafter.h"

#include <math.h>
#include <string.h>

/* ---- does it fit? -------------------------------------------------------------------------------------------- */

struct pair {
    const char *what;
    uint32_t drafter, target;
};

static carat_status check_fit(const carat_model *m, const carat_model *t, carat_err *err)
{
    const carat_config *d = &m->config, *c = &t->config;
    bool full = false, sliding = false;
    for (uint32_t l = 0; l < d->layers; l++)
        *(d->layer[l].full ? &full : &sliding) = true;
    const struct pair pairs[] = {
        {"backbone_hidden_size", d->backbone_hidden, c->hidden},
        {"vocab_size", d->vocab, c->vocab},
        {"head_dim of sliding layers", sliding ? d->head_dim : c->head_dim, c->head_dim},
        {"num_key_value_heads of sliding layers", sliding ? d->kv_heads : c->kv_heads, c->kv_heads},
        {"sliding_window", sliding ? d->window : c->window, c->window},
        {"head_dim of full layers", full ? d->global_head_dim : c->global_head_dim, c->global_head_dim},
        {"num_key_value_heads of full layers", full ? d->global_kv_heads : c->global_kv_heads,
         c->global_kv_heads},
    };
    if (!carat_config_is_drafter(d))
        return carat_fail(err, CARAT_EUSAGE, "%s is a model of type %s, not a drafter (gemma4_assistant)",
                          m->info.path, d->model_type);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].drafter != pairs[i].target)
            return carat_fail(err, CARAT_EUSAGE,
                              "%s does not fit: its %s is %" PRIu32 ", that of the model is %" PRIu32,
                              m->info.path, pairs[i].what, pairs[i].drafter, pairs[i].target);
    bool owned[2] = {false, false};
    for (uint32_t l = 0; l < c->layers; l++)
        owned[c->layer[l].full] |= !c->layer[l].shared;
    if ((full && !owned[1]) || (sliding && !owned[0]))
        return carat_fail(err, CARAT_EUSAGE, "%s does not fit: the model has no %s layer with K/V",
                          m->info.path, full && !owned[1] ? "full" : "sliding");
    return CARAT_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

carat_status carat_drafter_open(const carat_model *m, const carat_session *target, carat_drafter **out,
                                carat_err *err)
{
    const carat_config *c = &m->config;
    carat_status st = check_fit(m, target->m, err);
    if (st)
        return st;
    carat_drafter *d = carat_alloc(1, sizeof *d, err);
    if (!d)
        return CARAT_ENOMEM;
    size_t cluster = c->centroids ? c->vocab / c->centroids : 0, picked = cluster * c->centroids_top;
    d->target = target;
    d->candidates = picked ? picked : c->vocab;
    size_t words = 2 * (size_t)c->backbone_hidden + c->centroids + c->centroids_top + picked;
    if ((st = carat_session_open_lent(m, target, &d->s, err)))
        goto out;
    d->memory = carat_alloc(words, sizeof(float), err);
    if (!d->memory) {
        st = CARAT_ENOMEM;
        goto out;
    }
    d->in = d->memory;
    d->scores = d->in + 2 * (size_t)c->backbone_hidden;
    d->best = (uint32_t *)(void *)(d->scores + c->centroids);
    d->ids = picked ? (int32_t *)(void *)(d->best + c->centroids_top) : NULL;
    *out = d;
    return CARAT_OK;
out:
    carat_drafter_close(d);
    return st;
}

void carat_drafter_close(carat_drafter *d)
{
    if (!d)
        return;
    carat_session_close(d->s);
    carat_free(d->memory);
    carat_free(d);
}

/* ---- a step -------------------------------------------------------------------------------------------------- */

struct draft_pass {
    carat_pass pass; /* first: what the stages see */
    carat_drafter *d;
};

static carat_drafter *drafter_of(const carat_work *w)
{
    return ((struct draft_pass *)(void *)w->p)->d;
}

static carat_feed pre_feed(const carat_work *w)
{
    const carat_weight *const in[] = {&w->m->draft.pre};
    return carat_feed_open(w->s, drafter_of(w)->in, 2 * (size_t)w->m->config.backbone_hidden, in, 1);
}

static void pre_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    carat_feed f = pre_feed(w);
    carat_feed_put(w, &f, t);
}

static void round_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    size_t hidden = w->m->config.hidden;
    carat_round(w->s, w->s->h + t * hidden, hidden);
}

static carat_feed head_feed(const carat_work *w)
{
    const carat_weight *const in[] = {&w->m->head, &w->m->draft.post, &w->m->draft.centroids};
    return carat_feed_open(w->s, w->s->x, w->m->config.hidden, in, 3);
}

static void norm_row(const carat_work *w, uint32_t unused, size_t t)
{
    (void)unused;
    size_t hidden = w->m->config.hidden;
    carat_norm(w->s, w->s->h + t * hidden, w->m->norm, hidden, w->s->x + t * hidden);
    carat_feed f = head_feed(w);
    carat_feed_put(w, &f, t);
}

/* The clusters of the highest scores, the earlier one of a tie, into d->best; their ids into d->ids. */
static void choose_clusters(const carat_config *c, carat_drafter *d, const int32_t *ordering)
{
    uint32_t n = 0, top = c->centroids_top, cluster = c->vocab / c->centroids;
    for (uint32_t i = 0; i < c->centroids; i++) {
        if (n == top && !(d->scores[i] > d->scores[d->best[n - 1]]))
            continue;
        uint32_t k = n < top ? n++ : n - 1;
        for (; k > 0 && d->scores[i] > d->scores[d->best[k - 1]]; k--)
            d->best[k] = d->best[k - 1];
        d->best[k] = i;
    }
    for (uint32_t k = 0; k < top; k++)
        memcpy(d->ids + (size_t)k * cluster, ordering + (size_t)d->best[k] * cluster,
               cluster * sizeof *d->ids);
}

/* Logits of the chosen ids: their rows of the head lie anywhere, so they are multiplied one by one. */
static void picked_logits(const carat_work *w, const carat_feed *f)
{
    carat_drafter *d = drafter_of(w);
    carat_session *s = w->s;
    enum { PIECE = 128 };
    size_t b, e;
    while (carat_team_take(w->team, d->candidates, PIECE, &b, &e)) {
        for (size_t i = b; i < e; i++) {
            carat_weight row = carat_weight_rows(&w->m->head, (uint64_t)d->ids[i], 1);
            carat_multiply_alone(w, f, 0, &(carat_out){&row, s->logits + i, 1});
        }
        carat_round(s, s->logits + b, e - b);
        if (isnan(s->kern->max(s->logits + b, e - b)))
            atomic_store_explicit(&w->p->bad, true, memory_order_relaxed);
    }
    carat_team_barrier(w->team);
}

static void head(const carat_work *w)
{
    carat_drafter *d = drafter_of(w);
    const carat_config *c = &w->m->config;
    float *hidden = d->in + c->backbone_hidden;
    carat_feed f = head_feed(w);
    if (!d->ids) {
        const carat_out out[] = {{&w->m->head, w->s->logits, c->vocab},
                                 {&w->m->draft.post, hidden, c->backbone_hidden}};
        carat_multiply(w, &f, 0, 1, out, 2);
        carat_team_barrier(w->team);
        carat_pass_cap(w, 1);
    } else {
        const carat_out out[] = {{&w->m->draft.centroids, d->scores, c->centroids},
                                 {&w->m->draft.post, hidden, c->backbone_hidden}};
        carat_multiply(w, &f, 0, 1, out, 2);
        carat_team_barrier(w->team);
        if (w->rank == 0) {
            carat_round(w->s, d->scores, c->centroids);
            choose_clusters(c, d, w->m->draft.ordering);
        }
        carat_team_barrier(w->team);
        picked_logits(w, &f);
    }
    if (w->rank == 0)
        carat_round(w->s, hidden, c->backbone_hidden);
}

static void run(carat_team *team, int rank, void *ctx)
{
    struct draft_pass *p = ctx;
    carat_session *s = p->pass.s;
    carat_work w = {&p->pass, s, s->m, team, rank, s->scratch + (size_t)rank * s->scratch_stride};
    carat_rows(&w, 0, 1, pre_row, 0);
    carat_feed f = pre_feed(&w);
    carat_multiply(&w, &f, 0, 1, &(carat_out){&s->m->draft.pre, s->h, s->m->config.hidden}, 1);
    carat_team_barrier(team);
    carat_rows(&w, 0, 1, round_row, 0);
    carat_pass_blocks(&w);
    carat_rows(&w, 0, 1, norm_row, 0);
    head(&w);
}

void carat_drafter_begin(carat_drafter *d, uint32_t sequence, const float *hidden)
{
    size_t backbone = d->s->m->config.backbone_hidden;
    d->line = &d->target->line[sequence];
    memcpy(d->in + backbone, hidden, backbone * sizeof *hidden);
    carat_angles(d->s, 0, d->line->n);
}

carat_status carat_drafter_step(carat_drafter *d, int32_t id, carat_err *err)
{
    carat_span span = {
        .line = d->line, .n = 1, .pos = d->line->n - 1}; /* stands with the last key: its own row has none */
    struct draft_pass p = {.pass = {.s = d->s, .span = &span, .spans = 1, .n = 1, .few = true}, .d = d};
    carat_embed_id(d->target, id, d->in);
    carat_team_run(d->s->team, run, &p);
    if (p.pass.bad)
        return carat_fail(err, CARAT_EFORMAT,
                          "a logit of the drafter is not a number: its weights hold NaN or overflow");
    return CARAT_OK;
}

const float *carat_drafter_logits(const carat_drafter *d)
{
    return d->s->logits;
}

void carat_drafter_row(const carat_drafter *d, float *row)
{
    const float *logits = d->s->logits;
    size_t vocab = d->s->m->config.vocab;
    if (!d->ids) {
        memcpy(row, logits, vocab * sizeof *row);
        return;
    }
    float least = logits[0];
    for (size_t i = 1; i < d->candidates; i++)
        least = logits[i] < least ? logits[i] : least;
    least -= 1;
    carat_round(d->s, &least, 1);
    for (size_t i = 0; i < vocab; i++)
        row[i] = least;
    for (size_t i = 0; i < d->candidates; i++)
        row[d->ids[i]] = logits[i];
}

const float *carat_drafter_hidden(const carat_drafter *d)
{
    return d->in + d->s->m->config.backbone_hidden;
}
