/* Sessions: what one costs, and carving its memory.                                SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/session.h"

#include <string.h>

#include "runtime/base/par.h"
#include "runtime/base/util.h"

enum { DEFAULT_CONTEXT = 4096, DEFAULT_BATCH = 512, MAX_BATCH = 4096, MAX_SEQUENCES = 1024 };

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
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
    if (!out->sequences)
        out->sequences = 1;
    if (out->sequences > MAX_SEQUENCES)
        return carat_fail(err, CARAT_EUSAGE, "%" PRIu32 " sequences: at most %d", out->sequences,
                          MAX_SEQUENCES);
    if (!out->threads)
        out->threads = (uint32_t)carat_cores();
    if (!out->kv)
        out->kv = out->numerics == CARAT_F32    ? CARAT_KV_F32
                  : out->numerics == CARAT_BF16 ? CARAT_KV_BF16
                                                : CARAT_KV_F16;
    if (out->kv > CARAT_KV_INT8)
        return carat_fail(err, CARAT_EUSAGE, "KV cache type %d: from 0 to %d", (int)out->kv, CARAT_KV_INT8);
    return CARAT_OK;
}

/* ---- carving ------------------------------------------------------------------------------------------------- */

/* The widest of everything over the layers. */
struct widths {
    size_t q, kv, inner, acts, cols;
};

static void widen_acts(struct widths *w, const carat_session *s, size_t cols, const carat_weight *a,
                       const carat_weight *b, const carat_weight *c)
{
    const carat_weight none = {0};
    const carat_weight *const in[] = {a, b ? b : &none, c ? c : &none};
    w->acts = most(w->acts, carat_feed_bytes(in, 3, s->numerics == CARAT_INT8, cols, s->rows));
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
        widen_acts(&w, s, c->hidden, &b->moe.router, NULL, NULL);
        w.cols = most(w.cols, c->expert_intermediate);
        widen_acts(&w, s, c->hidden, &b->ple_gate, NULL, NULL);
        widen_acts(&w, s, c->ple_dim, &b->ple_out, NULL, NULL);
    }
    widen_acts(&w, s, c->hidden, &m->ple_projection, NULL, NULL);
    widen_acts(&w, s, c->hidden, &m->head, &m->draft.post, &m->draft.centroids);
    widen_acts(&w, s, 2 * (size_t)c->backbone_hidden, &m->draft.pre, NULL, NULL);
    return w;
}

static void carve_caches(carat_session *s, carat_carver *c)
{
    for (uint32_t i = 0; i < s->sequences; i++) {
        carat_cache cache;
        carat_cache_carve(&cache, &s->shape, c);
        if (s->line)
            s->line[i].cache = cache;
    }
}

static void carve_timelines(carat_session *s, carat_carver *c)
{
    s->line = carat_carve(c, s->sequences, sizeof *s->line);
    for (uint32_t i = 0; i < s->sequences; i++) {
        int32_t *ids = carat_carve(c, s->context, sizeof *ids);
        if (s->line)
            s->line[i].ids = ids;
    }
}

static size_t scratch_bytes(const carat_session *s, const struct widths *w)
{
    const carat_config *c = &s->m->config;
    size_t bytes = most(carat_matmul_scratch(w->cols, s->rows),
                        (size_t)c->layers * c->ple_dim * sizeof(float));
    for (uint32_t l = 0; l < c->layers; l++)
        bytes = most(bytes, carat_attend_bytes(c->layer[l].head_dim));
    return (bytes + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
}

static void carve_activations(carat_session *s, carat_carver *c)
{
    const carat_config *g = &s->m->config;
    struct widths w = widths_of(s);
    uint64_t b = s->rows, f = sizeof(float);
    s->h = carat_carve(c, b * g->hidden, f);
    s->x = carat_carve(c, b * g->hidden, f);
    s->o = carat_carve(c, b * g->hidden, f);
    s->q = carat_carve(c, b * w.q, f);
    s->k = carat_carve(c, b * w.kv, f);
    s->v = carat_carve(c, b * w.kv, f);
    s->gate = carat_carve(c, b * w.inner, f);
    s->up = carat_carve(c, b * w.inner, f);
    s->ple = carat_carve(c, b * g->layers * g->ple_dim, f);
    s->ple_gate = carat_carve(c, b * g->ple_dim, f);
    for (int full = 0; full < 2; full++) {
        uint64_t half = (full ? g->global_head_dim : g->head_dim) / 2;
        s->cos[full] = carat_carve(c, b * half, f);
        s->sin[full] = carat_carve(c, b * half, f);
    }
    uint64_t rows = b < CARAT_LOGIT_ROWS ? b : CARAT_LOGIT_ROWS;
    s->logit_bytes = most(rows * g->vocab * f, carat_score_bytes(s, rows));
    s->logits = carat_carve(c, s->logit_bytes, 1);
    s->acts = carat_carve(c, w.acts, 1);
    carat_moe_carve(&s->moe, s->m, s->numerics == CARAT_INT8, s->rows, c);
    s->records = carat_carve(c, (uint64_t)CARAT_RECORDS * g->heads,
                             carat_attend_record(g->global_head_dim) * f);
    s->scratch_stride = scratch_bytes(s, &w);
    s->scratch = carat_carve(c, (uint64_t)carat_team_size(s->team), s->scratch_stride);
}

static carat_status prepare(const carat_model *m, const carat_session_options *o, carat_session *s,
                            carat_err *err)
{
    carat_session_options full = {0};
    carat_status st = settle(m, o, &full, err);
    if (st)
        return st;
    if (carat_config_is_drafter(&m->config))
        return carat_fail(
            err, CARAT_ESUPPORT,
            "model_type %s: a drafter has no K/V of its own and runs beside the model it drafts for; give it "
            "to --draft",
            m->config.model_type);
    *s = (carat_session){.m = m,
                         .numerics = full.numerics,
                         .context = full.context,
                         .batch = full.batch,
                         .rows = most(full.batch, CARAT_STEP_ROWS),
                         .sequences = full.sequences};
    s->shape = carat_cache_shape_of(&m->config, full.kv, s->context, s->rows);
    if ((st = carat_kernels_pick(full.kernels, &s->kern, err)))
        return st;
    s->shape.kern = s->kern;
    return carat_team_open((int)full.threads, &s->team, err);
}

static carat_status lay_out(carat_session *s, void *memory, carat_plan *plan, carat_err *err)
{
    carat_carver c = {memory, 0, false};
    carve_timelines(s, &c);
    plan->scratch = c.used;
    carve_caches(s, &c);
    plan->kv = c.used - plan->scratch;
    carve_activations(s, &c);
    plan->scratch = c.used - plan->kv;
    if (c.overflow || c.used > SIZE_MAX / 2)
        return carat_fail(err, CARAT_ENOMEM,
                          "a context of %zu positions needs more memory than an address can hold",
                          s->context);
    plan->weights = s->m->mapped;
    plan->kv_type = s->shape.type;
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

/* Memory is only taken as it is written: what does not fit must be refused before, or the kernel ends us in mid-sentence. */
static carat_status affordable(const carat_session *s, const carat_plan *plan, carat_err *err)
{
    uint64_t have = carat_memory_available(), need = plan->kv + plan->scratch;
    char a[16], b[16], c[16], d[16];
    if (need <= have)
        return CARAT_OK;
    carat_format_bytes(need, a);
    carat_format_bytes(plan->kv, b);
    carat_format_bytes(plan->scratch, c);
    carat_format_bytes(have, d);
    return carat_fail(
        err, CARAT_ENOMEM,
        "a context of %zu positions needs %s (KV cache %s, scratch %s): %s of memory are free; a smaller "
        "context or an int8 KV cache needs less",
        s->context, a, b, c, d);
}

/* Pays for a session that was prepared; closes it if that fails. */
static carat_status furnish(carat_session *s, carat_session **out, carat_err *err)
{
    carat_plan plan = {0};
    carat_status st = lay_out(s, NULL, &plan, err);
    if (st)
        goto out;
    if ((st = affordable(s, &plan, err)))
        goto out;
    s->memory_bytes = (size_t)(plan.kv + plan.scratch);
    s->memory = carat_reserve(s->memory_bytes, err);
    if (!s->memory) {
        st = CARAT_ENOMEM;
        goto out;
    }
    if ((st = lay_out(s, s->memory, &plan, err)))
        goto out;
    memset((uint8_t *)s->memory + plan.kv, 0, (size_t)plan.scratch); /* paid at once; the cache as it fills */
    carat_matmul_init();
    *out = s;
    return CARAT_OK;
out:
    carat_session_close(s);
    return st;
}

carat_status carat_session_open(const carat_model *m, const carat_session_options *o, carat_session **out,
                                carat_err *err)
{
    carat_session *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    carat_status st = prepare(m, o, s, err);
    if (!st)
        return furnish(s, out, err);
    carat_session_close(s);
    return st;
}

carat_status carat_session_open_lent(const carat_model *m, const carat_session *lender, carat_session **out,
                                     carat_err *err)
{
    const carat_config *target = &lender->m->config;
    carat_session *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    *s = (carat_session){.m = m,
                         .kern = lender->kern,
                         .numerics = lender->numerics,
                         .context = lender->context,
                         .batch = 1,
                         .rows = 1,
                         .shape = lender->shape,
                         .lender = lender};
    for (uint32_t l = 0; l < target->layers; l++)
        if (!target->layer[l].shared)
            s->lent[target->layer[l].full] = l;
    carat_status st = carat_team_open(carat_team_size(lender->team), &s->team, err);
    if (!st)
        return furnish(s, out, err);
    carat_session_close(s);
    return st;
}

void carat_session_close(carat_session *s)
{
    if (!s)
        return;
    carat_team_close(s->team);
    carat_unreserve(s->memory, s->memory_bytes);
    carat_free(s);
}

const char *carat_session_kernels(const carat_session *s)
{
    return s->kern->name;
}

carat_kv carat_session_kv(const carat_session *s)
{
    return s->shape.type;
}
