/* Sessions: what one costs, carving its memory, and keeping the timeline.          SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/session.h"

#include <math.h>
#include <string.h>
#include "runtime/base/par.h"

enum { RING = 64, DEFAULT_CONTEXT = 4096, DEFAULT_BATCH = 512, MAX_BATCH = 4096 };

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t ring(size_t positions)
{
    return (positions + RING - 1) / RING * RING;
}

/* Options with the defaults filled in, checked against the model. */
static carat_status settle(const carat_model *m, const carat_session_options *o, carat_session_options *out,
                           carat_err *err)
{
    *out = *o;
    uint32_t max = m->config.context_max;
    if (!out->context)
        out->context = max < DEFAULT_CONTEXT ? max : DEFAULT_CONTEXT;
    if (!out->batch)
        out->batch = DEFAULT_BATCH;
    if (out->context > max)
        return carat_fail(err, CARAT_EUSAGE,
                          "a context of %" PRIu32 " positions: this model was made for %" PRIu32,
                          out->context, max);
    if (out->batch > MAX_BATCH)
        return carat_fail(err, CARAT_EUSAGE, "a batch of %" PRIu32 " tokens: at most %d", out->batch,
                          MAX_BATCH);
    if (out->batch > out->context)
        out->batch = out->context;
    if (!out->threads)
        out->threads = (uint32_t)carat_cores();
    return CARAT_OK;
}

/* ---- carving ------------------------------------------------------------------------------------------------- */

/* Walks the layout: with a base it hands out pointers, without one it only counts. */
struct carver {
    uint8_t *base;
    uint64_t used;
    bool overflow;
};

static void *carve(struct carver *c, uint64_t n, uint64_t size)
{
    uint64_t bytes;
    if (!carat_mul_u64(n, size, &bytes) || bytes > INT64_MAX - CARAT_ALIGN - c->used) {
        c->overflow = true;
        return NULL;
    }
    void *p = c->base ? c->base + c->used : NULL;
    c->used += (bytes + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
    return p;
}

/* The widest of everything over the layers. */
struct widths {
    size_t q, kv, inner, acts, cols;
};

static void widen_acts(struct widths *w, const carat_session *s, size_t cols, const carat_weight *a,
                       const carat_weight *b, const carat_weight *c)
{
    const carat_weight none = {0};
    const carat_weight *const in[] = {a, b ? b : &none, c ? c : &none};
    w->acts = most(w->acts, carat_feed_bytes(in, 3, s->numerics == CARAT_INT8, cols, s->batch));
    w->cols = most(w->cols, cols);
}

static struct widths widths_of(const carat_session *s)
{
    const carat_model *m = s->m;
    const carat_config *c = &m->config;
    struct widths w = {0};
    for (uint32_t l = 0; l < c->layers; l++) {
        const carat_layer *layer = &c->layer[l];
        const carat_block *b = &m->block[l];
        size_t q = (size_t)c->heads * layer->head_dim;
        w.q = most(w.q, q);
        w.kv = most(w.kv, (size_t)layer->kv_heads * layer->head_dim);
        w.inner = most(w.inner, layer->intermediate);
        widen_acts(&w, s, c->hidden, &b->q, &b->k, &b->v);
        widen_acts(&w, s, q, &b->o, NULL, NULL);
        widen_acts(&w, s, c->hidden, &b->gate, &b->up, NULL);
        widen_acts(&w, s, layer->intermediate, &b->down, NULL, NULL);
        widen_acts(&w, s, c->hidden, &b->ple_gate, NULL, NULL);
        widen_acts(&w, s, c->ple_dim, &b->ple_out, NULL, NULL);
    }
    widen_acts(&w, s, c->hidden, &m->ple_projection, NULL, NULL);
    widen_acts(&w, s, c->hidden, &m->head, NULL, NULL);
    return w;
}

static void carve_cache(carat_session *s, struct carver *c)
{
    const carat_config *g = &s->m->config;
    s->slots[0] = ring(s->context < g->window - 1 + s->batch ? s->context : g->window - 1 + s->batch);
    s->slots[1] = ring(s->context);
    s->cache_k = carve(c, g->layers, sizeof *s->cache_k);
    s->cache_v = carve(c, g->layers, sizeof *s->cache_v);
    for (uint32_t l = 0; l < g->layers; l++) {
        const carat_layer *layer = &g->layer[l];
        if (layer->shared)
            continue;
        uint64_t n = (uint64_t)s->slots[layer->full] * layer->kv_heads * layer->head_dim;
        float *k = carve(c, n, sizeof *k), *v = carve(c, n, sizeof *v);
        if (c->base) {
            s->cache_k[l] = k;
            s->cache_v[l] = v;
        }
    }
}

static size_t scratch_bytes(const carat_session *s, const struct widths *w)
{
    const carat_config *c = &s->m->config;
    size_t bytes = most(carat_matmul_scratch(w->cols, s->batch),
                        (size_t)c->layers * c->ple_dim * sizeof(float));
    for (uint32_t l = 0; l < c->layers; l++) {
        const carat_layer *layer = &c->layer[l];
        carat_attention a = {.n = s->batch,
                             .heads = c->heads,
                             .kv_heads = layer->kv_heads,
                             .dim = layer->head_dim,
                             .slots = s->slots[layer->full],
                             .window = layer->full ? 0 : c->window,
                             .round_bf16 = s->numerics == CARAT_BF16};
        bytes = most(bytes, carat_attend_bytes(&a));
    }
    return (bytes + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
}

static void carve_activations(carat_session *s, struct carver *c)
{
    const carat_config *g = &s->m->config;
    struct widths w = widths_of(s);
    uint64_t b = s->batch, f = sizeof(float);
    s->h = carve(c, b * g->hidden, f);
    s->x = carve(c, b * g->hidden, f);
    s->o = carve(c, b * g->hidden, f);
    s->q = carve(c, b * w.q, f);
    s->k = carve(c, b * w.kv, f);
    s->v = carve(c, b * w.kv, f);
    s->gate = carve(c, b * w.inner, f);
    s->up = carve(c, b * w.inner, f);
    s->ple = carve(c, b * g->layers * g->ple_dim, f);
    s->ple_gate = carve(c, b * g->ple_dim, f);
    for (int full = 0; full < 2; full++) {
        uint64_t half = (full ? g->global_head_dim : g->head_dim) / 2;
        s->cos[full] = carve(c, b * half, f);
        s->sin[full] = carve(c, b * half, f);
    }
    s->logits = carve(c, (uint64_t)CARAT_LOGIT_ROWS * g->vocab, f);
    s->acts = carve(c, w.acts, 1);
    s->scratch_stride = scratch_bytes(s, &w);
    s->scratch = carve(c, (uint64_t)carat_team_size(s->team), s->scratch_stride);
    s->ids = carve(c, s->context, sizeof *s->ids);
}

static carat_status prepare(const carat_model *m, const carat_session_options *o, carat_session *s,
                            carat_err *err)
{
    carat_session_options full = {0};
    carat_status st = settle(m, o, &full, err);
    if (st)
        return st;
    *s = (carat_session){.m = m, .numerics = full.numerics, .context = full.context, .batch = full.batch};
    if ((st = carat_kernels_pick(full.kernels, &s->kern, err)))
        return st;
    return carat_team_open((int)full.threads, &s->team, err);
}

static carat_status lay_out(carat_session *s, void *memory, carat_plan *plan, carat_err *err)
{
    struct carver c = {memory, 0, false};
    carve_cache(s, &c);
    plan->kv = c.used;
    carve_activations(s, &c);
    plan->scratch = c.used - plan->kv;
    if (c.overflow || c.used > SIZE_MAX / 2)
        return carat_fail(err, CARAT_ENOMEM,
                          "a context of %zu positions needs more memory than an address can hold",
                          s->context);
    plan->weights = s->m->info.bytes_per_token;
    return CARAT_OK;
}

carat_status carat_session_price(const carat_model *m, const carat_session_options *o, carat_plan *out,
                                 carat_err *err)
{
    carat_session s;
    carat_plan plan = {0};
    carat_status st = prepare(m, o, &s, err);
    if (st)
        return st;
    if (!(st = lay_out(&s, NULL, &plan, err)))
        *out = plan;
    carat_team_close(s.team);
    return st;
}

carat_status carat_session_open(const carat_model *m, const carat_session_options *o, carat_session **out,
                                carat_err *err)
{
    carat_session *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    carat_plan plan = {0};
    carat_status st = prepare(m, o, s, err);
    if (st || (st = lay_out(s, NULL, &plan, err)))
        goto out;
    s->memory = carat_alloc((size_t)(plan.kv + plan.scratch), 1, err);
    if (!s->memory) {
        st = CARAT_ENOMEM;
        goto out;
    }
    if ((st = lay_out(s, s->memory, &plan, err)))
        goto out;
    carat_matmul_init();
    *out = s;
    return CARAT_OK;
out:
    carat_session_close(s);
    return st;
}

void carat_session_close(carat_session *s)
{
    if (!s)
        return;
    carat_team_close(s->team);
    carat_free(s->memory);
    carat_free(s);
}

const char *carat_session_kernels(const carat_session *s)
{
    return s->kern->name;
}

const float *carat_session_logits(const carat_session *s)
{
    return s->last;
}

double carat_session_log_sum(const carat_session *s, const float *logits)
{
    uint32_t n = s->m->config.vocab;
    float max = s->kern->max(logits, n);
    return (double)max + log(s->kern->sum_exp(logits, n, max));
}

size_t carat_session_length(const carat_session *s)
{
    return s->n;
}

size_t carat_session_computed(const carat_session *s)
{
    return s->computed;
}

/* ---- the timeline -------------------------------------------------------------------------------------------- */

static carat_status check_ids(const carat_session *s, const carat_sync_request *r, carat_err *err)
{
    const carat_config *c = &s->m->config;
    uint32_t vocab = c->ple_dim && c->ple_vocab < c->vocab ? c->ple_vocab : c->vocab;
    if (!r->n)
        return carat_fail(err, CARAT_EUSAGE, "no token ids: at least one is needed");
    if (r->n > s->context)
        return carat_fail(err, CARAT_EUSAGE, "%zu tokens: the context has room for %zu", r->n, s->context);
    for (size_t i = 0; i < r->n; i++) {
        if (r->ids[i] < 0 || (uint32_t)r->ids[i] >= vocab)
            return carat_fail(err, CARAT_EUSAGE,
                              "token id %" PRId32 " at position %zu: the vocabulary has %" PRIu32, r->ids[i],
                              i, vocab);
        if (r->ids[i] == c->image_token || r->ids[i] == c->audio_token || r->ids[i] == c->video_token)
            return carat_fail(err, CARAT_ESUPPORT,
                              "token id %" PRId32
                              " at position %zu stands for media, which this build does not read",
                              r->ids[i], i);
    }
    return CARAT_OK;
}

/* How many leading positions can stay: the common prefix, if the rings still hold the window in front of its end. */
static size_t keep(const carat_session *s, const carat_sync_request *r)
{
    size_t n = 0, window = s->m->config.window;
    size_t max = r->logits_from < r->n ? r->logits_from : r->n;
    if (r->tap)
        max = 0;
    while (n < s->n && n < max && s->ids[n] == r->ids[n])
        n++;
    return n + 1 >= window + s->low || s->low == 0 ? n : 0;
}

/* What the sliding rings have lost once positions [0, n) were written. */
static void note_written(carat_session *s, size_t n)
{
    s->n = n;
    if (n > s->slots[0] && n - s->slots[0] > s->low)
        s->low = n - s->slots[0];
}

carat_status carat_session_sync(carat_session *s, const carat_sync_request *r, carat_err *err)
{
    carat_status st = check_ids(s, r, err);
    if (st)
        return st;
    size_t pos = keep(s, r), kept = pos;
    size_t from = r->logits_from < r->n && !r->logits ? r->n - 1 : r->logits_from;
    memcpy(s->ids, r->ids, r->n * sizeof *s->ids);
    s->n = pos;
    s->last = NULL;
    if (pos == 0)
        s->low = 0;
    bool few = r->n - pos == 1;
    while (pos < r->n) {
        size_t n = r->n - pos < s->batch ? r->n - pos : s->batch;
        size_t wanted = from <= pos ? 0 : from - pos < n ? from - pos : n;
        carat_pass p = {.s = s,
                        .ids = s->ids + pos,
                        .n = n,
                        .pos = pos,
                        .first = r->tap ? 0 : wanted,
                        .wanted = wanted,
                        .few = few,
                        .logits = r->logits,
                        .tap = r->tap,
                        .ctx = r->ctx};
        carat_pass_run(&p);
        note_written(s, pos + n);
        if (p.bad) {
            s->n = 0;
            return carat_fail(
                err, CARAT_EFORMAT,
                "a logit between positions %zu and %zu is not a number: the weights hold NaN or overflow",
                pos, pos + n - 1);
        }
        pos += n;
        if (pos == r->n && wanted < n)
            s->last = s->logits + (n - 1 - wanted) % CARAT_LOGIT_ROWS * s->m->config.vocab;
    }
    s->computed = r->n - kept;
    return CARAT_OK;
}
