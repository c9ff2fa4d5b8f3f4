/* Binding a layer's experts: fused in one tensor, or one matrix each.               SPDX-License-Identifier: Apache-2.0
 *
 * Fused (transformers): gate_up_proj [experts, 2 * inner, hidden], of each expert first the gate's rows, then the up's; down_proj
 * [experts, hidden, inner]. Apart (vLLM's loader, packed checkpoints): experts.E.gate_proj, up_proj, down_proj. */
#include "runtime/kernel/kernel.h"
#include "runtime/model/moe.h"

/* Rows [row, row + rows) of a fused tensor, its first two dimensions taken as one. */
static carat_weight slice(const carat_tensor *t, uint64_t row, uint64_t rows)
{
    uint64_t row_bytes = t->dim[2] * carat_dtype_size(t->dtype);
    return (carat_weight){.format = carat_format_of_dtype(t->dtype),
                          .data = t->data + row * row_bytes,
                          .rows = rows,
                          .cols = t->dim[2],
                          .row_bytes = row_bytes};
}

static const carat_tensor *fused(const carat_model *m, carat_role role, uint32_t layer)
{
    char name[160];
    carat_slot_name(carat_slot_of(role), &m->config, layer, false, name);
    return carat_store_find(m->store, name);
}

static void bind_fused(const carat_model *m, uint32_t layer, carat_expert *x)
{
    const carat_config *c = &m->config;
    const carat_tensor *gate_up = fused(m, CARAT_ROLE_EXPERTS_GATE_UP, layer);
    const carat_tensor *down = fused(m, CARAT_ROLE_EXPERTS_DOWN, layer);
    uint64_t inner = c->expert_intermediate;
    for (uint32_t e = 0; e < c->experts; e++) {
        x[e].gate = slice(gate_up, 2 * e * inner, inner);
        x[e].up = slice(gate_up, (2 * e + 1) * inner, inner);
        x[e].down = slice(down, (uint64_t)e * c->hidden, c->hidden);
    }
}

static carat_status find_part(const carat_model *m, carat_role role, const uint32_t at[2], carat_weight *w,
                              carat_err *err)
{
    const carat_slot *s = carat_slot_of(role);
    uint64_t dim[4];
    char name[160];
    carat_slot_name_at(s, &m->config, at, true, name);
    carat_slot_shape(s, &m->config, at[0], dim);
    carat_status st = carat_weight_find(m->store, name, dim[0], dim[1], w, err);
    if (!st && !w->format)
        st = carat_fail(err, CARAT_EFORMAT, "tensor %s.weight is missing", name);
    return st;
}

static bool alike(const carat_weight *a, const carat_weight *b)
{
    return a->format == b->format && a->group == b->group && a->scale_dtype == b->scale_dtype;
}

static carat_status check_alike(uint32_t layer, uint32_t e, const carat_weight *w, const carat_weight *want,
                                carat_err *err)
{
    char got[16], first[16];
    if (alike(w, want))
        return CARAT_OK;
    carat_weight_scheme(w, got);
    carat_weight_scheme(want, first);
    return carat_fail(err, CARAT_ESUPPORT,
                      "layer %u: expert %u is stored as %s, expert 0 as %s; the experts of a layer must be "
                      "stored alike",
                      (unsigned)layer, (unsigned)e, got, first);
}

static carat_status bind_apart(const carat_model *m, uint32_t layer, carat_expert *x, carat_err *err)
{
    for (uint32_t e = 0; e < m->config.experts; e++) {
        const uint32_t at[2] = {layer, e};
        carat_status st = find_part(m, CARAT_ROLE_EXPERT_GATE, at, &x[e].gate, err);
        if (!st)
            st = find_part(m, CARAT_ROLE_EXPERT_UP, at, &x[e].up, err);
        if (!st)
            st = find_part(m, CARAT_ROLE_EXPERT_DOWN, at, &x[e].down, err);
        if (!st)
            st = check_alike(layer, e, &x[e].gate, &x->gate, err);
        if (!st)
            st = check_alike(layer, e, &x[e].up, &x->gate, err);
        if (!st)
            st = check_alike(layer, e, &x[e].down, &x->down, err);
        if (st)
            return st;
    }
    return CARAT_OK;
}

carat_status carat_experts_bind(carat_model *m, uint32_t layer, carat_expert **out, carat_err *err)
{
    carat_expert *x = carat_arena_alloc(&m->arena, m->config.experts, sizeof *x, err);
    carat_status st = x ? CARAT_OK : CARAT_ENOMEM;
    if (x && !m->config.layer[layer].experts_apart)
        bind_fused(m, layer, x); /* shapes and types were checked by carat_slots_check */
    else if (x)
        st = bind_apart(m, layer, x, err);
    if (!st)
        *out = x;
    return st;
}
