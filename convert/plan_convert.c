/* The plan of convert: everything copied, or everything as floats.                 SPDX-License-Identifier: Apache-2.0 */
#include "convert/plan.h"

#include <string.h>

#include "runtime/base/str.h"

/* The module of a tensor name and what stands behind it: one of the parts of a packed matrix, ".weight", or "". */
static const char *split(const char *name, carat_str *module)
{
    static const char *const parts[] = {".weight_packed", ".weight_scale", ".weight_shape", ".weight"};
    const char *part = "";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !*part; i++)
        if (carat_ends(name, parts[i]))
            part = parts[i];
    carat_str_clear(module);
    carat_str_add(module, name, strlen(name) - strlen(part));
    return part;
}

static const carat_tensor *find_part(const carat_store *s, const char *module, const char *part,
                                     carat_str *scratch)
{
    carat_str_clear(scratch);
    carat_str_printf(scratch, "%s%s", module, part);
    return scratch->failed ? NULL : carat_store_find(s, scratch->data);
}

static bool is_float(carat_dtype t)
{
    return carat_format_of_dtype(t) != NULL;
}

/* ---- experts that lie one by one -> the stacks that transformers reads ------------------------------------------ */

typedef struct joiner {
    const carat_config *c;
    const carat_store *s;
    const carat_dtype *dtype;
    uint32_t *stack[2]; /* [layers]: part of the plan + 1, 0 while there is none: gate_up_proj, down_proj */
} joiner;

static bool is_expert(const carat_match *m)
{
    return m->slot->role == CARAT_ROLE_EXPERT_GATE || m->slot->role == CARAT_ROLE_EXPERT_UP ||
           m->slot->role == CARAT_ROLE_EXPERT_DOWN;
}

/* The row of one expert's matrix: its first companion adds the stack, the others write into it. */
static carat_status join_row(const joiner *j, const carat_match *m, carat_plan_table *p, carat_row *row,
                             carat_err *err)
{
    bool down = m->slot->role == CARAT_ROLE_EXPERT_DOWN, up = m->slot->role == CARAT_ROLE_EXPERT_UP;
    uint32_t *part = &j->stack[down][m->layer];
    const carat_slot *fused = carat_slot_of(down ? CARAT_ROLE_EXPERTS_DOWN : CARAT_ROLE_EXPERTS_GATE_UP);
    uint64_t matrix = row->w.rows * row->w.cols * carat_dtype_size(*j->dtype);
    carat_status st = CARAT_OK;

    row->action = CARAT_ACTION_DECODE;
    row->dtype = *j->dtype;
    row->before = carat_weight_bytes(&row->w);
    row->at = down ? m->number * matrix : (2 * (uint64_t)m->number + up) * matrix;
    if (!*part) {
        char name[160];
        carat_tensor shape = {.dtype = *j->dtype};
        carat_slot_name(fused, j->c, m->layer, false, name);
        shape.ndim = carat_slot_shape(fused, j->c, m->layer, shape.dim);
        if ((st = carat_plan_add(p, row, name, shape, err)))
            return st;
        *part = row->part + 1;
    }
    row->part = *part - 1;
    p->before += row->before;
    p->after += row->after;
    return st;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------- */

static carat_status convert_row(const joiner *j, const carat_tensor *t, carat_plan_table *p, carat_err *err)
{
    const carat_store *s = j->s;
    const carat_dtype *dtype = j->dtype;
    carat_str module = CARAT_STR_INIT, scratch = CARAT_STR_INIT;
    const char *part = split(t->name, &module);
    bool codes = !strcmp(part, ".weight_packed") ||
                 (!strcmp(part, ".weight") && find_part(s, module.data, ".weight_scale", &scratch));
    bool helper = (!strcmp(part, ".weight_scale") || !strcmp(part, ".weight_shape")) &&
                  (find_part(s, module.data, ".weight_packed", &scratch) ||
                   find_part(s, module.data, ".weight", &scratch));
    carat_match m;
    bool expert = dtype && carat_slot_match(j->c, t->name, &m) && is_expert(&m);
    carat_row *row = NULL;
    carat_status st = carat_str_check(&module, err);
    if (st || (dtype && helper)) /* a helper belongs to the row of its codes */
        goto out;
    if (!(row = carat_plan_row(p, t, module.data, err))) {
        st = CARAT_ENOMEM;
        goto out;
    }
    if ((dtype && codes) || expert) {
        if ((st = carat_weight_find(s, module.data, 0, 0, &row->w, err)))
            goto out;
        row->dtype = *dtype;
        row->before = carat_weight_bytes(&row->w);
        row->got = (carat_scheme){"", CARAT_SCHEME_FLOAT, *dtype, 0, 0};
    } else if (dtype && is_float(t->dtype)) {
        row->got = (carat_scheme){"", CARAT_SCHEME_FLOAT, *dtype, 0, 0};
    } else if (dtype) {
        row->why = "not a float tensor: carried";
    }
    st = expert ? join_row(j, &m, p, row, err) : carat_plan_parts(p, row, err);
out:
    carat_str_free(&module);
    carat_str_free(&scratch);
    return st;
}

carat_status carat_plan_convert(const carat_config *c, const carat_store *s, const carat_dtype *dtype,
                                carat_plan_table *out, carat_err *err)
{
    carat_plan_table p = {0};
    joiner j = {.c = c, .s = s, .dtype = dtype};
    carat_status st = CARAT_OK;
    for (int i = 0; !st && i < 2; i++)
        if (!(j.stack[i] = carat_arena_alloc(&p.arena, c->layers, sizeof **j.stack, err)))
            st = CARAT_ENOMEM;
    for (size_t i = 0; !st && i < carat_store_count(s); i++)
        st = convert_row(&j, carat_store_at(s, i), &p, err);
    if (!st)
        st = carat_plan_check(&p, err);
    if (st)
        carat_plan_free(&p);
    else
        *out = p;
    return st;
}
