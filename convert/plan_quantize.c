/* The plan of quantize: which tensor gets which scheme, and why.                   SPDX-License-Identifier: Apache-2.0
 *
 * Rules, in this order:
 *   1. A slot's policy or the last matching --set says what is wanted.
 *   2. Matrices can be packed, those of the towers only when a --set names them; norms, scalars, convolutions are carried as
 *      they are. A --set that reaches no matrix at all is an error: it asked for something that is not done.
 *   3. A group size that does not divide the width: asked for by name (--set, --experts), an error; by --scheme, the
 *      largest smaller group that does, or else the tensor is kept.
 *   4. What vLLM fuses into one matrix (q, k, v; gate, up) ends with one scheme. A --set for one of them carries the others
 *      along; two that disagree are an error. The unused k and v of KV-shared layers go along too: vLLM loads them.
 *   5. The experts of a layer are decided as one: plan_experts.h. */
#include "convert/plan_experts.h"

#include <string.h>

#include "runtime/base/str.h"

static const char *role_name(const carat_slot *slot)
{
    static const char *const prefixes[] = {"layers.%u.", "self_attn.", "mlp."};
    const char *name = slot->name;
    if (slot->home == CARAT_HOME_MEDIA)
        return carat_starts(name, "audio_") || carat_starts(name, "embed_audio.") ? "audio" : "vision";
    switch (slot->role) {
    case CARAT_ROLE_EXPERT_GATE:
        return "experts.gate_proj";
    case CARAT_ROLE_EXPERT_UP:
        return "experts.up_proj";
    case CARAT_ROLE_EXPERT_DOWN:
        return "experts.down_proj";
    default:
        break;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        name += carat_starts(name, prefixes[i]) ? strlen(prefixes[i]) : 0;
    return name;
}

/* Can this tensor be stored packed at all? If not, `why`. */
static bool can_pack(const carat_row *row, const char **why)
{
    const carat_slot *s = row->slot;
    if (!s)
        *why = "unknown: carried as it is";
    else if (!s->matrix)
        *why = s->why;
    else if (!row->w.format)
        *why = "not a float tensor: carried";
    else
        return true;
    return false;
}

static bool is_table(const carat_slot *s)
{
    return s && (s->policy == CARAT_POLICY_EMBEDDING || s->policy == CARAT_POLICY_PLE);
}

/* Rule 3, and what else a wish can be refused for. */
static carat_status grant(const carat_recipe *r, carat_row *row, carat_err *err)
{
    const carat_scheme *want = &row->wanted;
    const char *why = NULL;
    char asker[200];
    row->got = *want;
    if (want->kind == CARAT_SCHEME_KEEP) {
        row->why = row->rule >= 0 ? "kept by --set" : row->slot ? row->slot->why : "carried as it is";
        return CARAT_OK;
    }
    if (!can_pack(row, &why)) {
        row->got = carat_scheme_keep;
        row->why = why;
        return CARAT_OK;
    }
    if (is_table(row->slot) && want->kind == CARAT_SCHEME_BYTES)
        return carat_fail(err, CARAT_ESUPPORT,
                          "%s: w8a8 quantizes the input of a matrix product; a table has none: use int8",
                          row->name);
    if (carat_scheme_fits(want, row->w.cols))
        return CARAT_OK;
    carat_scheme near = carat_scheme_nearest(want, row->w.cols);
    bool packs = carat_scheme_packs(&near);
    carat_recipe_asker(r, row->slot, row->rule, asker);
    if (row->strict)
        return carat_fail(err, CARAT_ESUPPORT, "%s: width %" PRIu64 " does not fit %s, asked for by %s%s%s",
                          row->name, row->w.cols, want->name, asker, packs ? "; the next that fits: " : "",
                          packs ? near.name : "");
    row->got = near;
    row->why = packs ? "the wanted group does not divide its width: the next smaller one"
                     : "no group size divides its width: kept";
    return CARAT_OK;
}

static void take_matrix(carat_row *row, const carat_tensor *t)
{
    if (t->ndim == 2 && carat_format_of_dtype(t->dtype))
        row->w = (carat_weight){.format = carat_format_of_dtype(t->dtype),
                                .data = t->data,
                                .rows = t->dim[0],
                                .cols = t->dim[1],
                                .row_bytes = t->dim[1] * carat_dtype_size(t->dtype)};
}

/* experts: what was decided for their layer; NULL for any other tensor. */
static carat_status make_row(const carat_recipe *r, const carat_tensor *t, const carat_match *m,
                             const carat_layer_experts *experts, carat_plan_table *p, carat_err *err)
{
    carat_row *row = carat_plan_row(p, t, m->slot ? m->base : t->name, err);
    if (!row)
        return CARAT_ENOMEM;
    row->slot = m->slot;
    row->layer = m->layer;
    take_matrix(row, t);
    if (experts) {
        row->wanted = experts->wanted;
        row->got = experts->got;
        row->rule = experts->rule;
        row->why = m->slot->matrix && !carat_scheme_packs(&row->got) ? m->slot->why : experts->why;
        return CARAT_OK;
    }
    carat_wish wish = carat_recipe_ask(r, row->slot, row->module);
    row->wanted = wish.scheme;
    row->rule = wish.rule;
    row->strict = wish.strict;
    return grant(r, row, err);
}

static carat_status make_rows(const carat_config *c, const carat_store *s, const carat_recipe *r,
                              carat_plan_table *p, carat_err *err)
{
    carat_layer_experts *experts = carat_arena_alloc(&p->arena, c->layers, sizeof *experts, err);
    carat_status st = experts ? CARAT_OK : CARAT_ENOMEM;
    if (!st && c->moe)
        st = carat_plan_experts(c, r, experts, err);
    for (size_t i = 0; !st && i < carat_store_count(s); i++) {
        const carat_tensor *t = carat_store_at(s, i);
        carat_match m = {.slot = NULL};
        bool known = carat_slot_match(c, t->name, &m);
        if (known && (carat_starts(m.part, ".weight_") || (t->dtype == CARAT_DT_I8 && m.slot->matrix)))
            return carat_fail(err, CARAT_ESUPPORT,
                              "%s: quantized already; decode it first: carat convert SRC OUT --dtype bf16",
                              t->name);
        const carat_layer_experts *what = carat_is_experts(m.slot) ? &experts[m.layer] : NULL;
        if (what && !m.slot->matrix && carat_scheme_packs(&what->got))
            st = carat_plan_take_apart(p, c, t, &m, what, err);
        else
            st = make_row(r, t, &m, what, p, err);
    }
    for (size_t i = 0; i < p->n_rows; i++)
        p->rows[i].role = p->rows[i].slot ? role_name(p->rows[i].slot) : p->rows[i].role;
    return st;
}

/* ---- rule 2: every --set must reach something ---------------------------------------------------------------- */

static carat_status check_rules(const carat_recipe *r, const carat_plan_table *p, carat_err *err)
{
    for (size_t rule = 0; rule < carat_recipe_rules(r); rule++) {
        const carat_row *first = NULL;
        const char *why = NULL, *first_why = NULL;
        bool reached = false;
        for (size_t i = 0; i < p->n_rows && !reached; i++) {
            const carat_row *row = &p->rows[i];
            if (!carat_recipe_matches(r, rule, row->slot, row->module) && row->rule != (int)rule)
                continue;
            reached = carat_is_experts(p->rows[i].slot) || can_pack(&p->rows[i], &why);
            if (!first) {
                first = &p->rows[i];
                first_why = why;
            }
        }
        if (!first)
            return carat_fail(err, CARAT_EUSAGE,
                              "--set '%s' matches no tensor; `carat inspect MODEL --tensors` lists the names",
                              carat_recipe_rule(r, rule));
        if (!reached && !carat_ends(carat_recipe_rule(r, rule), "=keep"))
            return carat_fail(err, CARAT_ESUPPORT, "--set '%s' reaches no matrix, only %s (%s)",
                              carat_recipe_rule(r, rule), first->name, first_why);
    }
    return CARAT_OK;
}

/* ---- rule 4: fused matrices ---------------------------------------------------------------------------------- */

typedef struct fusion {
    carat_role roles[3];
    size_t n;
    const char *why;
} fusion;

static const fusion fusions[] = {
    {{CARAT_ROLE_Q, CARAT_ROLE_K, CARAT_ROLE_V}, 3, "goes along: vLLM fuses q, k and v into one matrix"},
    {{CARAT_ROLE_GATE, CARAT_ROLE_UP}, 2, "goes along: vLLM fuses gate and up into one matrix"},
};
enum { N_FUSIONS = sizeof fusions / sizeof fusions[0] };

static carat_status agree(const fusion *f, carat_row *const member[3], carat_err *err)
{
    carat_row *lead = NULL;
    for (size_t i = 0; i < f->n; i++) {
        carat_row *m = member[i];
        if (!m || m->rule < 0)
            continue;
        if (lead && !carat_scheme_equal(&lead->got, &m->got))
            return carat_fail(
                err, CARAT_ESUPPORT,
                "%s would be %s and %s %s, but vLLM fuses them into one matrix: --set one scheme for both",
                lead->module, lead->got.name, m->module, m->got.name);
        lead = lead ? lead : m;
    }
    for (size_t i = 0; lead && i < f->n; i++) {
        carat_row *m = member[i];
        if (!m || m == lead || carat_scheme_equal(&m->got, &lead->got))
            continue;
        if (!carat_scheme_fits(&lead->got, m->w.cols))
            return carat_fail(err, CARAT_ESUPPORT,
                              "%s: width %" PRIu64 " does not fit %s of %s, with which vLLM fuses it",
                              m->module, m->w.cols, lead->got.name, lead->module);
        m->got = lead->got;
        m->why = f->why;
    }
    return CARAT_OK;
}

static carat_status fuse(const carat_config *c, carat_plan_table *p, carat_err *err)
{
    carat_row **member = carat_alloc((size_t)c->layers * N_FUSIONS * 3, sizeof *member, err);
    if (!member)
        return CARAT_ENOMEM;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < p->n_rows; i++) {
        carat_row *row = &p->rows[i];
        for (size_t f = 0; row->slot && row->w.format && row->layer < c->layers && f < N_FUSIONS; f++)
            for (size_t k = 0; k < fusions[f].n; k++)
                if (row->slot->role == fusions[f].roles[k])
                    member[((size_t)row->layer * N_FUSIONS + f) * 3 + k] = row;
    }
    for (size_t g = 0; !st && g < (size_t)c->layers * N_FUSIONS; g++)
        st = agree(&fusions[g % N_FUSIONS], &member[g * 3], err);
    carat_free(member);
    return st;
}

carat_status carat_plan_quantize(const carat_config *c, const carat_store *s, const carat_recipe *r,
                                 carat_plan_table *out, carat_err *err)
{
    carat_plan_table p = {0};
    carat_status st = make_rows(c, s, r, &p, err);
    if (!st)
        st = check_rules(r, &p, err);
    if (!st)
        st = fuse(c, &p, err);
    for (size_t i = 0; !st && i < p.n_rows; i++)
        st = carat_plan_parts(&p, &p.rows[i], err);
    if (!st)
        st = carat_plan_check(&p, err);
    if (st)
        carat_plan_free(&p);
    else
        *out = p;
    return st;
}
