/* Experts: one scheme for all of a layer.                                          SPDX-License-Identifier: Apache-2.0 */
#include "convert/plan_experts.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/str.h"

static const carat_role matrices[] = {CARAT_ROLE_EXPERT_GATE, CARAT_ROLE_EXPERT_UP, CARAT_ROLE_EXPERT_DOWN};
static const carat_role stacks[] = {CARAT_ROLE_EXPERTS_GATE_UP, CARAT_ROLE_EXPERTS_DOWN};

bool carat_is_experts(const carat_slot *slot)
{
    return slot && slot->policy == CARAT_POLICY_EXPERTS;
}

/* ---- what is wanted ------------------------------------------------------------------------------------------------ */

/* The wish that speaks for a layer so far, and who made it. */
typedef struct lead {
    carat_wish wish;
    char module[160];
    bool found;
} lead;

static carat_status hear(const carat_config *c, const carat_recipe *r, const carat_slot *slot,
                         const uint32_t at[2], lead *l, carat_err *err)
{
    char module[160];
    carat_slot_name_at(slot, c, at, true, module);
    carat_wish wish = carat_recipe_ask(r, slot, module);
    if (l->found && wish.rule >= 0 && l->wish.rule >= 0 && !carat_scheme_equal(&wish.scheme, &l->wish.scheme))
        return carat_fail(
            err, CARAT_ESUPPORT,
            "%s would be %s and %s %s, but experts of a layer share one scheme: --set one for all of them",
            l->module, l->wish.scheme.name, module, wish.scheme.name);
    if (!l->found || wish.rule > l->wish.rule) {
        l->wish = wish;
        memcpy(l->module, module, sizeof module);
    }
    l->found = true;
    return CARAT_OK;
}

/* A stack's own name speaks only if a --set means it: "experts\.gate_up_proj=keep". */
static carat_status hear_stacks(const carat_config *c, const carat_recipe *r, uint32_t layer, lead *l,
                                carat_err *err)
{
    carat_status st = CARAT_OK;
    for (size_t k = 0; !st && k < sizeof stacks / sizeof stacks[0]; k++) {
        char module[160];
        carat_slot_name(carat_slot_of(stacks[k]), c, layer, true, module);
        if (carat_recipe_ask(r, carat_slot_of(stacks[k]), module).rule >= 0)
            st = hear(c, r, carat_slot_of(stacks[k]), (const uint32_t[2]){layer, 0}, l, err);
    }
    return st;
}

/* ---- what can be had ----------------------------------------------------------------------------------------------- */

static bool fits(const carat_scheme *s, const carat_config *c)
{
    return carat_scheme_fits(s, c->hidden) && carat_scheme_fits(s, c->expert_intermediate);
}

static carat_status grant(const carat_config *c, const carat_recipe *r, const lead *l,
                          carat_layer_experts *out, carat_err *err)
{
    static const char stays[] = "experts stay fused, as transformers reads them";
    *out = (carat_layer_experts){l->wish.scheme, l->wish.scheme, l->wish.rule, NULL};
    if (!carat_scheme_packs(&out->wanted)) {
        out->why = l->wish.rule >= 0 && out->wanted.kind == CARAT_SCHEME_KEEP ? "kept by --set" : stays;
        return CARAT_OK;
    }
    if (fits(&out->wanted, c))
        return CARAT_OK;
    carat_scheme near = carat_scheme_nearest(&out->wanted, c->hidden);
    near = carat_scheme_packs(&near) ? carat_scheme_nearest(&near, c->expert_intermediate) : near;
    if (carat_scheme_packs(&near) && !fits(&near, c))
        near = carat_scheme_keep;
    if (l->wish.strict) {
        char asker[200];
        carat_recipe_asker(r, carat_slot_of(CARAT_ROLE_EXPERT_DOWN), l->wish.rule, asker);
        return carat_fail(err, CARAT_ESUPPORT,
                          "%s: experts are %u and %u wide, which does not fit %s, asked for by %s%s%s",
                          l->module, (unsigned)c->hidden, (unsigned)c->expert_intermediate, out->wanted.name,
                          asker, carat_scheme_packs(&near) ? "; the next that fits: " : "",
                          carat_scheme_packs(&near) ? near.name : "");
    }
    out->got = near;
    out->why = carat_scheme_packs(&near)
                   ? "the wanted group does not divide a width of the experts: the next smaller one for all"
                   : "no group size divides both widths of the experts: kept, fused";
    return CARAT_OK;
}

carat_status carat_plan_experts(const carat_config *c, const carat_recipe *r, carat_layer_experts *out,
                                carat_err *err)
{
    carat_status st = CARAT_OK;
    for (uint32_t l = 0; !st && l < c->layers; l++) {
        lead first = {.found = false};
        for (uint32_t k = 0; !st && k < c->experts * 3; k++)
            st = hear(c, r, carat_slot_of(matrices[k % 3]), (const uint32_t[2]){l, k / 3}, &first, err);
        if (!st)
            st = hear_stacks(c, r, l, &first, err);
        if (!st)
            st = grant(c, r, &first, &out[l], err);
    }
    return st;
}

/* ---- a stack taken apart ------------------------------------------------------------------------------------------- */

static carat_status add_matrix(carat_plan_table *p, const carat_config *c, const carat_tensor *stack,
                               const carat_match *place, carat_weight w, carat_err *err)
{
    char module[160], name[170];
    carat_slot_name_at(place->slot, c, (const uint32_t[2]){place->layer, place->number}, true, module);
    snprintf(name, sizeof name, "%s.weight", module);
    carat_row *row = carat_plan_row(p, stack, module, err);
    if (!row || !(row->name = carat_plan_text(p, name, err)))
        return CARAT_ENOMEM;
    row->slot = place->slot;
    row->layer = place->layer;
    row->w = w;
    row->before = w.rows * w.row_bytes;
    return CARAT_OK;
}

carat_status carat_plan_take_apart(carat_plan_table *p, const carat_config *c, const carat_tensor *stack,
                                   const carat_match *m, const carat_layer_experts *what, carat_err *err)
{
    bool down = m->slot->role == CARAT_ROLE_EXPERTS_DOWN;
    uint32_t each = down ? 1 : 2;
    carat_weight w = {.format = carat_format_of_dtype(stack->dtype),
                      .data = stack->data,
                      .rows = stack->dim[1] / each,
                      .cols = stack->dim[2],
                      .row_bytes = stack->dim[2] * carat_dtype_size(stack->dtype)};
    carat_status st = CARAT_OK;
    for (uint32_t k = 0; !st && k < c->experts * each; k++, w.data += w.rows * w.row_bytes) {
        carat_match place = {.layer = m->layer, .number = k / each};
        place.slot = carat_slot_of(down       ? CARAT_ROLE_EXPERT_DOWN
                                   : k % each ? CARAT_ROLE_EXPERT_UP
                                              : CARAT_ROLE_EXPERT_GATE);
        if ((st = add_matrix(p, c, stack, &place, w, err)))
            return st;
        carat_row *row = &p->rows[p->n_rows - 1];
        row->wanted = what->wanted;
        row->got = what->got;
        row->rule = what->rule;
        row->why = what->why;
    }
    return st;
}
