/* Opening a checkpoint: config, slots, weights bound; and what it is, in numbers.   SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/model.h"
#include "runtime/model/moe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "runtime/base/file.h"

struct binder {
    carat_model *m;
    carat_err *err;
    carat_status status; /* the first failure; later steps do nothing */
};

static const carat_slot *needed(struct binder *b, carat_role role, uint32_t layer)
{
    const carat_slot *s = carat_slot_of(role);
    carat_need need = carat_slot_need(s, &b->m->config, layer);
    return need == CARAT_NEED_REQUIRED || need == CARAT_NEED_OPTIONAL ? s : NULL;
}

/* A matrix of the model, or an empty weight where this model or this layer has none. */
static carat_weight matrix(struct binder *b, carat_role role, uint32_t layer)
{
    carat_weight w = {0};
    const carat_slot *s = b->status ? NULL : needed(b, role, layer);
    if (!s)
        return w;
    char name[160];
    uint64_t dim[4] = {0};
    carat_slot_name(s, &b->m->config, layer, true, name);
    carat_slot_shape(s, &b->m->config, layer, dim);
    b->status = carat_weight_find(b->m->store, name, dim[0], dim[1], &w, b->err);
    if (!b->status && !w.format && carat_slot_need(s, &b->m->config, layer) == CARAT_NEED_REQUIRED)
        b->status = carat_fail(b->err, CARAT_EFORMAT, "tensor %s%s is missing", name, s->suffix);
    return w;
}

/* A norm or scalar as f32; NULL where this model has none. */
static const float *vector(struct binder *b, carat_role role, uint32_t layer)
{
    const carat_slot *s = b->status ? NULL : needed(b, role, layer);
    if (!s)
        return NULL;
    char name[160];
    uint64_t dim[4] = {0}, n = 1;
    carat_slot_name(s, &b->m->config, layer, false, name);
    const carat_tensor *t = carat_store_find(b->m->store, name);
    uint32_t ndim = carat_slot_shape(s, &b->m->config, layer, dim);
    for (uint32_t i = 0; i < ndim; i++)
        n *= dim[i];
    if (!t) {
        b->status = carat_fail(b->err, CARAT_EFORMAT, "tensor %s is missing", name);
        return NULL;
    }
    if (!carat_format_of_dtype(t->dtype)) {
        b->status = carat_fail(b->err, CARAT_EFORMAT, "tensor %s: dtype %s, should be BF16, F16 or F32", name,
                               carat_dtype_name(t->dtype));
        return NULL;
    }
    float *v = carat_arena_alloc(&b->m->arena, (size_t)n, sizeof *v, b->err);
    if (!v) {
        b->status = CARAT_ENOMEM;
        return NULL;
    }
    for (uint64_t i = 0; i < n; i++) {
        v[i] = carat_tensor_f32(t, i);
        if (!isfinite(v[i])) {
            b->status = carat_fail(b->err, CARAT_EFORMAT, "tensor %s: element %" PRIu64 " is %g", name, i,
                                   (double)v[i]);
            return NULL;
        }
    }
    return v;
}

static void bind_moe(struct binder *b, uint32_t l)
{
    carat_moe *e = &b->m->block[l].moe;
    e->router = matrix(b, CARAT_ROLE_ROUTER, l);
    e->router_scale = vector(b, CARAT_ROLE_ROUTER_SCALE, l);
    e->expert_scale = vector(b, CARAT_ROLE_EXPERT_SCALE, l);
    e->norm_pre = vector(b, CARAT_ROLE_NORM_PRE_FFN_2, l);
    e->norm_dense = vector(b, CARAT_ROLE_NORM_POST_FFN_1, l);
    e->norm_post = vector(b, CARAT_ROLE_NORM_POST_FFN_2, l);
    if (!b->status && b->m->config.moe)
        b->status = carat_experts_bind(b->m, l, &e->expert, b->err);
}

static void bind_block(struct binder *b, uint32_t l)
{
    carat_block *k = &b->m->block[l];
    const carat_layer *layer = &b->m->config.layer[l];
    k->q = matrix(b, CARAT_ROLE_Q, l);
    if (!layer->shared) {
        k->k = matrix(b, CARAT_ROLE_K, l);
        k->v = matrix(b, CARAT_ROLE_V, l);
        k->k_norm = vector(b, CARAT_ROLE_K_NORM, l);
    }
    k->o = matrix(b, CARAT_ROLE_O, l);
    k->gate = matrix(b, CARAT_ROLE_GATE, l);
    k->up = matrix(b, CARAT_ROLE_UP, l);
    k->down = matrix(b, CARAT_ROLE_DOWN, l);
    k->ple_gate = matrix(b, CARAT_ROLE_PLE_GATE, l);
    k->ple_out = matrix(b, CARAT_ROLE_PLE_OUT, l);
    k->norm_in = vector(b, CARAT_ROLE_NORM_IN, l);
    k->norm_post_attn = vector(b, CARAT_ROLE_NORM_POST_ATTN, l);
    k->norm_pre_ffn = vector(b, CARAT_ROLE_NORM_PRE_FFN, l);
    k->norm_post_ffn = vector(b, CARAT_ROLE_NORM_POST_FFN, l);
    k->q_norm = vector(b, CARAT_ROLE_Q_NORM, l);
    k->ple_norm = vector(b, CARAT_ROLE_PLE_NORM, l);
    const float *scalar = vector(b, CARAT_ROLE_LAYER_SCALAR, l);
    k->scalar = scalar ? *scalar : 1;
    bind_moe(b, l);
}

/* RoPE frequencies as transformers' modeling_rope_utils computes them, in f32: 1 / theta^(2i / dim); "proportional" keeps the
 * first partial x dim / 2 of them (the exponent's denominator stays dim) and leaves the others at 0, which rotates nothing. */
static carat_status bind_rope(carat_model *m, carat_err *err)
{
    const carat_config *c = &m->config;
    for (int full = 0; full < 2; full++) {
        uint32_t dim = full ? c->global_head_dim : c->head_dim;
        double theta = full ? c->theta_full : c->theta_sliding;
        uint32_t rotated = full ? (uint32_t)(c->partial_full * dim / 2) : dim / 2;
        float *f = carat_arena_alloc(&m->arena, dim / 2 ? dim / 2 : 1, sizeof *f, err);
        if (!f)
            return CARAT_ENOMEM;
        for (uint32_t i = 0; i < rotated && i < dim / 2; i++) {
            float exponent = (float)(2 * i) / (float)dim;
            f[i] = 1.0f / (float)pow(theta, (double)exponent);
        }
        m->inv_freq[full] = f;
    }
    return CARAT_OK;
}

/* token_ordering: every id of the vocabulary once, stored as I64. */
static const int32_t *ordering(struct binder *b)
{
    const carat_slot *s = b->status ? NULL : needed(b, CARAT_ROLE_TOKEN_ORDER, 0);
    if (!s)
        return NULL;
    const carat_tensor *t = carat_store_find(b->m->store, s->name);
    size_t n = b->m->config.vocab;
    int32_t *v = carat_arena_alloc(&b->m->arena, n, sizeof *v, b->err);
    bool *seen = carat_arena_alloc(&b->m->arena, n, sizeof *seen, b->err);
    if (!v || !seen) {
        b->status = CARAT_ENOMEM;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t id;
        memcpy(&id, t->data + i * sizeof id, sizeof id);
        if (id < 0 || id >= (int64_t)n || seen[id]) {
            b->status = carat_fail(b->err, CARAT_EFORMAT,
                                   "tensor %s: id %" PRId64
                                   " at %zu is %s; a vocabulary of %zu wants each id once",
                                   s->name, id, i, id < 0 || id >= (int64_t)n ? "none" : "there twice", n);
            return NULL;
        }
        seen[id] = true;
        v[i] = (int32_t)id;
    }
    return v;
}

static void bind_draft(struct binder *b)
{
    carat_draft_parts *d = &b->m->draft;
    d->pre = matrix(b, CARAT_ROLE_DRAFT_IN, 0);
    d->post = matrix(b, CARAT_ROLE_DRAFT_OUT, 0);
    if (!b->m->config.centroids)
        return;
    d->centroids = matrix(b, CARAT_ROLE_CENTROIDS, 0);
    d->ordering = ordering(b);
}

static carat_status bind(carat_model *m, carat_err *err)
{
    struct binder b = {m, err, CARAT_OK};
    const carat_config *c = &m->config;
    m->block = carat_arena_alloc(&m->arena, c->layers, sizeof *m->block, err);
    if (!m->block)
        return CARAT_ENOMEM;
    m->embed = matrix(&b, CARAT_ROLE_EMBED, 0);
    m->head = c->tied ? m->embed : matrix(&b, CARAT_ROLE_HEAD, 0);
    m->norm = vector(&b, CARAT_ROLE_NORM, 0);
    if (c->ple_dim) {
        m->ple_table = matrix(&b, CARAT_ROLE_PLE_TABLE, 0);
        m->ple_projection = matrix(&b, CARAT_ROLE_PLE_PROJECTION, 0);
        m->ple_projection_norm = vector(&b, CARAT_ROLE_PLE_PROJECTION_NORM, 0);
    }
    for (uint32_t l = 0; l < c->layers && !b.status; l++)
        bind_block(&b, l);
    if (carat_config_is_drafter(c))
        bind_draft(&b);
    if (b.status)
        return b.status;
    if (c->ple_dim) /* one row a token: reading ahead would only push useful pages out */
        carat_map_advise(m->ple_table.data, m->ple_table.rows * m->ple_table.row_bytes, CARAT_ADVISE_RANDOM);
    return bind_rope(m, err);
}

/* ---- what it is --------------------------------------------------------------------------------------------- */

/* The router, and as many experts as a token chooses: they are stored alike, so any will do. */
static void experts_of(const carat_moe *e, uint32_t top, carat_matrix_fn *fn, void *ctx, int layer)
{
    fn(ctx, &e->router, layer);
    for (uint32_t i = 0; i < top; i++) {
        fn(ctx, &e->expert[i].gate, layer);
        fn(ctx, &e->expert[i].up, layer);
        fn(ctx, &e->expert[i].down, layer);
    }
}

void carat_model_matrices(const carat_model *m, carat_matrix_fn *fn, void *ctx)
{
    for (uint32_t l = 0; l < m->config.layers; l++) {
        const carat_block *b = &m->block[l];
        const carat_weight *all[] = {&b->q,  &b->k,    &b->v,        &b->o,      &b->gate,
                                     &b->up, &b->down, &b->ple_gate, &b->ple_out};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            if (all[i]->format)
                fn(ctx, all[i], (int)l);
        if (b->moe.expert)
            experts_of(&b->moe, m->config.experts_top, fn, ctx, (int)l);
    }
    if (m->ple_projection.format)
        fn(ctx, &m->ple_projection, -1);
    const carat_weight *draft[] = {&m->draft.pre, &m->draft.post, &m->draft.centroids};
    for (size_t i = 0; i < 3; i++)
        if (draft[i]->format)
            fn(ctx, draft[i], -1);
    carat_weight head =
        m->head; /* of a head behind centroids, only the rows of the likeliest clusters are read */
    if (m->draft.ordering)
        head = carat_weight_rows(&head, 0, head.rows / m->config.centroids * m->config.centroids_top);
    fn(ctx, &head, -1);
}

struct tally {
    const carat_model *m;
    carat_model_info *info;
    bool mixed;
};

static void count_matrix(void *ctx, const carat_weight *w, int layer)
{
    struct tally *t = ctx;
    uint64_t ops = 2 * w->rows * w->cols, layers_kv = t->info->layers_kv;
    t->info->bytes_per_token += carat_weight_bytes(w);
    t->info->ops_per_token += ops;
    if (layer >= 0 && (uint64_t)layer < layers_kv)
        t->info->ops_per_prompt_token += ops;
    else if (w == &t->m->ple_projection)
        t->info->ops_per_prompt_token += ops / t->m->config.layers * layers_kv;
    const carat_block *b = layer < 0 ? NULL : &t->m->block[layer];
    if (!b || w == &b->ple_gate || w == &b->ple_out || w == &b->moe.router)
        return;
    char scheme[16];
    carat_weight_scheme(w, scheme);
    carat_model *m = (carat_model *)(uintptr_t)t->m;
    if (!*m->scheme)
        memcpy(m->scheme, scheme, sizeof m->scheme);
    else if (strcmp(m->scheme, scheme) != 0)
        t->mixed = true;
    if (w->format->integer)
        t->info->packed = true;
}

/* Bytes of the experts that one token does not choose. */
static uint64_t idle_experts(const carat_model *m)
{
    const carat_config *c = &m->config;
    uint64_t bytes = 0;
    for (uint32_t l = 0; c->moe && l < c->layers; l++) {
        const carat_expert *x = m->block[l].moe.expert;
        uint64_t one = carat_weight_bytes(&x->gate) + carat_weight_bytes(&x->up) +
                       carat_weight_bytes(&x->down);
        bytes += (c->experts - c->experts_top) * one;
    }
    return bytes;
}

static void describe(carat_model *m)
{
    const carat_config *c = &m->config;
    carat_model_info *i = &m->info;
    *i = (carat_model_info){.path = carat_store_dir(m->store),
                            .family = carat_config_family(c),
                            .vocab = c->vocab,
                            .hidden = c->hidden,
                            .layers = c->layers,
                            .layers_kv = carat_config_layers_kv(c),
                            .context_max = c->context_max,
                            .experts = c->moe ? c->experts : 0,
                            .experts_top = c->moe ? c->experts_top : 0,
                            .bos = c->bos,
                            .pad = c->pad,
                            .n_eos = c->n_eos};
    memcpy(i->eos, c->eos, sizeof i->eos);
    struct tally t = {m, i, false};
    carat_model_matrices(m, count_matrix, &t);
    i->params_active = i->ops_per_token / 2;
    m->mapped = i->bytes_per_token + idle_experts(m);
    if (t.mixed)
        snprintf(m->scheme, sizeof m->scheme, "mixed");
    i->scheme = m->scheme;
    for (size_t k = 0; k < carat_store_count(m->store); k++) {
        const carat_tensor *x = carat_store_at(m->store, k);
        carat_match match;
        if (!carat_slot_match(c, x->name, &match) || !match.slot || match.slot->home == CARAT_HOME_MEDIA)
            continue;
        i->weight_bytes += x->bytes;
        if (strcmp(match.part, ".weight_scale") == 0 || strcmp(match.part, ".weight_shape") == 0)
            continue;
        uint64_t dim[4] = {0}, n = 1;
        for (uint32_t d = 0, nd = carat_slot_shape(match.slot, c, match.layer, dim); d < nd; d++)
            n *= dim[d];
        i->params += n;
    }
}

carat_status carat_model_open(const char *path, carat_model **out, carat_err *err)
{
    carat_model *m = carat_alloc(1, sizeof *m, err);
    if (!m)
        return CARAT_ENOMEM;
    carat_status st = carat_store_open(path, &m->store, err);
    if (st)
        goto out;
    if ((st = carat_config_load(carat_store_dir(m->store), &m->config, err)))
        goto out;
    carat_slots_adopt(&m->config, m->store);
    if ((st = carat_slots_check(&m->config, m->store, false, err)) || (st = bind(m, err))) {
        carat_fail_in(err, st, path);
        goto out;
    }
    describe(m);
    *out = m;
    return CARAT_OK;
out:
    carat_model_close(m);
    return st;
}

void carat_model_close(carat_model *m)
{
    if (!m)
        return;
    carat_store_close(m->store);
    carat_arena_free(&m->arena);
    carat_free(m);
}

const carat_model_info *carat_model_describe(const carat_model *m)
{
    return &m->info;
}

carat_sampler carat_model_sampler(const carat_model *m)
{
    const carat_config *c = &m->config;
    carat_sampler p = {.top_p = 1,
                       .repetition_penalty = c->repetition_penalty,
                       .suppress = c->suppress,
                       .n_suppress = c->n_suppress};
    if (c->sample) {
        p.temperature = c->temperature;
        p.top_k = c->top_k;
        p.top_p = c->top_p;
        p.min_p = c->min_p;
    }
    return p;
}
