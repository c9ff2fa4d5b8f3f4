/* The experts of one layer (transformers Gemma4TextRouter, Gemma4TextExperts with the eager back end).
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * Router: softmax(Wr (norm(h) * scale * hidden^-1/2)) in f32 over all experts, the `top` largest divided by their sum, times
 * per_expert_scale. Experts read norm2(h) and are gated MLPs. Only experts that a row chose are read; rows that chose the same one
 * share a pass over it. A row's outputs are summed in ascending order of the experts, as the eager back end does, so its bits
 * depend neither on the other rows nor on the threads. bf16 numerics round where that back end rounds: the products, gelu, gelu x
 * up, the weighted output and each partial sum; logits too, but not what comes of them. */
#include "runtime/model/moe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "runtime/model/session.h"

/* ---- memory -------------------------------------------------------------------------------------------------- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

void carat_moe_carve(carat_moe_work *e, const carat_model *m, bool integer, size_t rows, carat_carver *v)
{
    const carat_config *c = &m->config;
    if (!c->moe)
        return;
    uint64_t n = (uint64_t)rows * c->experts_top, groups = n < c->experts ? n : c->experts;
    size_t in = 0, mid = 0;
    for (uint32_t l = 0; l < c->layers; l++) {
        const carat_expert *x = m->block[l].moe.expert;
        carat_form of[] = {carat_act_form(&x->gate, integer), carat_act_form(&x->down, integer)};
        if (of[0].order != CARAT_ORDER_FLOAT)
            in = most(in, carat_act_bytes(of[0], c->hidden, n));
        if (of[1].order != CARAT_ORDER_FLOAT)
            mid = most(mid, carat_act_bytes(of[1], c->expert_intermediate, n));
    }
    e->router = carat_carve(v, (uint64_t)rows * c->experts, sizeof *e->router);
    e->choice = carat_carve(v, n, sizeof *e->choice);
    e->entry = carat_carve(v, n, sizeof *e->entry);
    e->row = carat_carve(v, n, sizeof *e->row);
    e->x = carat_carve(v, n * c->hidden, sizeof *e->x);
    e->gate = carat_carve(v, n * c->expert_intermediate, sizeof *e->gate);
    e->up = carat_carve(v, n * c->expert_intermediate, sizeof *e->up);
    e->in = carat_carve(v, in, 1);
    e->mid = carat_carve(v, mid, 1);
    e->group = carat_carve(v, groups, sizeof *e->group);
    e->count = carat_carve(v, (uint64_t)c->experts + 1, sizeof *e->count);
    e->product = carat_carve(v, 3 * groups, sizeof *e->product);
}

/* ---- the router ---------------------------------------------------------------------------------------------- */

static carat_feed router_feed(const carat_work *w, uint32_t l)
{
    const carat_weight *const in[] = {&w->m->block[l].moe.router};
    return carat_feed_open(w->s, w->s->x, w->m->config.hidden, in, 1);
}

/* x = norm(h) * scale * hidden^-1/2 */
static void router_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const float *scale = w->m->block[l].moe.router_scale;
    size_t hidden = w->m->config.hidden;
    float *x = s->x + t * hidden;
    carat_norm(s, s->h + t * hidden, NULL, hidden, x);
    for (size_t i = 0; i < hidden; i++)
        x[i] *= scale[i];
    carat_round(s, x, hidden);
    s->kern->scale(x, (float)(1 / sqrt((double)hidden)), hidden);
    carat_round(s, x, hidden);
    carat_feed f = router_feed(w, l);
    carat_feed_put(w, &f, t);
}

/* Does p = a go before p = b of a lower index? */
static bool before(float a, float b)
{
    return b != b ? a == a : a > b;
}

void carat_moe_choose(const float *p, uint32_t n, uint32_t top, uint32_t *choice)
{
    uint32_t have = 0;
    for (uint32_t i = 0; i < n; i++) { /* choice[0, have) by rank; when it is full, the last one falls out */
        if (have == top && !before(p[i], p[choice[top - 1]]))
            continue;
        uint32_t at = have < top ? have++ : top - 1;
        for (; at > 0 && before(p[i], p[choice[at - 1]]); at--)
            choice[at] = choice[at - 1];
        choice[at] = i;
    }
    for (uint32_t i = 1; i < top; i++) { /* by index */
        uint32_t e = choice[i], at = i;
        for (; at > 0 && choice[at - 1] > e; at--)
            choice[at] = choice[at - 1];
        choice[at] = e;
    }
}

/* p = softmax(p) */
static void softmax(float *p, uint32_t n)
{
    float top = p[0];
    double sum = 0;
    for (uint32_t i = 1; i < n; i++)
        top = p[i] > top ? p[i] : top;
    for (uint32_t i = 0; i < n; i++) {
        p[i] = expf(p[i] - top);
        sum += (double)p[i];
    }
    for (uint32_t i = 0; i < n; i++)
        p[i] = (float)((double)p[i] / sum);
}

/* Logits -> choice and weights; x = the experts' input. */
static void route_row(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const carat_config *c = &w->m->config;
    const carat_moe *m = &w->m->block[l].moe;
    float *p = s->moe.router + t * c->experts, sum = 0;
    uint32_t *choice = s->moe.choice + t * c->experts_top, next = 0;
    carat_round(s, p, c->experts);
    softmax(p, c->experts);
    carat_moe_choose(p, c->experts, c->experts_top, choice);
    for (uint32_t i = 0; i < c->experts_top; i++)
        sum += p[choice[i]];
    for (uint32_t e = 0; e < c->experts; e++) {
        bool chosen = next < c->experts_top && choice[next] == e;
        next += chosen;
        p[e] = chosen ? p[e] / sum * m->expert_scale[e] : 0;
    }
    carat_norm(s, s->h + t * c->hidden, m->norm_pre, c->hidden, s->x + t * c->hidden);
}

/* ---- tokens by expert ---------------------------------------------------------------------------------------- */

/* The inputs of entries in the form that `weight` wants: f32 as they stand, or a quantized copy in memory. */
static carat_act act_for(const carat_session *s, const carat_weight *weight, float *x, size_t n, void *memory)
{
    carat_form form = carat_act_form(weight, s->numerics == CARAT_INT8);
    if (form.order == CARAT_ORDER_FLOAT)
        return (carat_act){.form = form, .cols = (size_t)weight->cols, .f = x};
    return carat_act_carve(form, (size_t)weight->cols, n, memory);
}

static void list_products(const carat_work *w, uint32_t l)
{
    const carat_config *c = &w->m->config;
    carat_moe_work *e = &w->s->moe;
    size_t inner = c->expert_intermediate, hidden = c->hidden;
    for (uint32_t i = 0; i < e->groups; i++) {
        carat_group *g = &e->group[i];
        const carat_expert *x = &w->m->block[l].moe.expert[g->expert];
        g->in = carat_act_from(&e->act_in, g->first);
        g->mid = carat_act_from(&e->act_mid, g->first);
        e->product[2 * i] = (carat_product){&x->gate, &g->in, e->gate + g->first * inner, inner, g->n};
        e->product[2 * i + 1] = (carat_product){&x->up, &g->in, e->up + g->first * inner, inner, g->n};
        e->product[2 * e->groups + i] = (carat_product){&x->down, &g->mid, e->x + g->first * hidden, hidden,
                                                        g->n};
    }
}

/* Sorts the choices of rows [first, n) by expert, and lists what is to be multiplied. One thread's work. */
static void group(const carat_work *w, uint32_t l, size_t first)
{
    const carat_config *c = &w->m->config;
    carat_moe_work *e = &w->s->moe;
    const carat_expert *x = w->m->block[l].moe.expert;
    size_t top = c->experts_top, begin = first * top, end = w->p->n * top;
    memset(e->count, 0, ((size_t)c->experts + 1) * sizeof *e->count);
    for (size_t i = begin; i < end; i++)
        e->count[e->choice[i] + 1]++;
    e->groups = 0;
    for (uint32_t i = 0; i < c->experts; i++) {
        if (e->count[i + 1])
            e->group[e->groups++] = (carat_group){.expert = i, .first = e->count[i], .n = e->count[i + 1]};
        e->count[i + 1] += e->count[i]; /* count[i]: where the next entry of expert i goes */
    }
    for (size_t i = begin; i < end; i++) {
        e->entry[i] = e->count[e->choice[i]]++;
        e->row[e->entry[i]] = (uint32_t)(i / top);
    }
    e->act_in = act_for(w->s, &x->gate, e->x, end - begin, e->in);
    e->act_mid = act_for(w->s, &x->down, e->gate, end - begin, e->mid);
    list_products(w, l);
}

/* The input of an entry; `unused` is the layer. */
static void entry_in(const carat_work *w, uint32_t unused, size_t i)
{
    (void)unused;
    carat_moe_work *e = &w->s->moe;
    size_t hidden = w->m->config.hidden;
    const float *x = w->s->x + e->row[i] * hidden;
    if (e->act_in.form.order == CARAT_ORDER_FLOAT)
        memcpy(e->x + i * hidden, x, hidden * sizeof *x);
    else
        w->s->kern->quantize(x, &e->act_in, i);
}

static void entry_mid(const carat_work *w, uint32_t unused, size_t i)
{
    (void)unused;
    carat_moe_work *e = &w->s->moe;
    size_t n = w->m->config.expert_intermediate;
    float *gate = e->gate + i * n, *up = e->up + i * n;
    carat_round(w->s, gate, n);
    carat_round(w->s, up, n);
    carat_gelu_times(w->s, gate, up, n);
    if (e->act_mid.form.order != CARAT_ORDER_FLOAT)
        w->s->kern->quantize(gate, &e->act_mid, i);
}

/* ---- the branch ---------------------------------------------------------------------------------------------- */

static void tap(const carat_work *w, uint32_t l)
{
    char name[24];
    if (!w->p->tap)
        return;
    snprintf(name, sizeof name, "router.%u", (unsigned)l);
    if (w->rank == 0)
        w->p->tap(w->p->ctx, name, carat_pass_pos(w->p, 0), w->p->n, w->m->config.experts, w->s->moe.router);
    carat_team_barrier(w->team);
}

void carat_pass_experts(const carat_work *w, uint32_t l, size_t first)
{
    carat_session *s = w->s;
    carat_moe_work *e = &s->moe;
    size_t n = w->p->n, entries = (n - first) * w->m->config.experts_top;
    carat_rows(w, first, n, router_row, l);
    carat_feed f = router_feed(w, l);
    carat_multiply(w, &f, first, n, &(carat_out){&w->m->block[l].moe.router, e->router, w->m->config.experts},
                   1);
    carat_team_barrier(w->team);
    carat_rows(w, first, n, route_row, l);
    tap(w, l);
    if (w->rank == 0)
        group(w, l, first);
    carat_team_barrier(w->team);
    carat_rows(w, 0, entries, entry_in, l);
    carat_matmul(s->kern, w->team, e->product, 2 * e->groups, w->p->few, w->scratch);
    carat_team_barrier(w->team);
    carat_rows(w, 0, entries, entry_mid, l);
    carat_matmul(s->kern, w->team, e->product + 2 * e->groups, e->groups, w->p->few, w->scratch);
    carat_team_barrier(w->team);
}

void carat_experts_add(const carat_work *w, uint32_t l, size_t t)
{
    carat_session *s = w->s;
    const carat_config *c = &w->m->config;
    const carat_moe *m = &w->m->block[l].moe;
    size_t hidden = c->hidden, top = c->experts_top;
    float *o = s->o + t * hidden, *sum = s->x + t * hidden;
    memset(sum, 0, hidden * sizeof *sum);
    for (size_t i = t * top; i < (t + 1) * top; i++) {
        float *y = s->moe.x + s->moe.entry[i] * hidden;
        carat_round(s, y, hidden);
        s->kern->scale(y, s->moe.router[t * c->experts + s->moe.choice[i]], hidden);
        carat_round(s, y, hidden);
        s->kern->add(sum, y, hidden);
        carat_round(s, sum, hidden);
    }
    carat_norm(s, o, m->norm_dense, hidden, o);
    carat_norm_add(s, sum, m->norm_post, hidden, o);
}
