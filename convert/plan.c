/* Plans: rows and their output tensors.                                            SPDX-License-Identifier: Apache-2.0 */
#include "convert/plan.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/map.h"
#include "runtime/base/str.h"

void carat_plan_free(carat_plan_table *p)
{
    free(p->rows);
    free(p->parts);
    carat_arena_free(&p->arena);
    *p = (carat_plan_table){0};
}

carat_row *carat_plan_row(carat_plan_table *p, const carat_tensor *t, const char *module, carat_err *err)
{
    if (carat_grow((void **)&p->rows, &p->cap_rows, p->n_rows + 1, sizeof *p->rows, err))
        return NULL;
    char *copy = carat_arena_copy(&p->arena, module, strlen(module), err);
    if (!copy)
        return NULL;
    carat_row *r = &p->rows[p->n_rows++];
    *r = (carat_row){0};
    r->name = t->name;
    r->module = copy;
    r->role = "other";
    r->src = t;
    r->rule = -1;
    r->wanted = r->got = carat_scheme_keep;
    r->before = t->bytes;
    return r;
}

const char *carat_plan_text(carat_plan_table *p, const char *text, carat_err *err)
{
    return carat_arena_copy(&p->arena, text, strlen(text), err);
}

carat_status carat_plan_add(carat_plan_table *p, carat_row *row, const char *name, carat_tensor shape,
                            carat_err *err)
{
    carat_status st = carat_grow((void **)&p->parts, &p->cap_parts, p->n_parts + 1, sizeof *p->parts, err);
    if (st)
        return st;
    carat_part part = {shape, 0, 0};
    uint64_t n = 1;
    bool fits = true;
    for (uint32_t i = 0; i < shape.ndim; i++)
        fits = fits && carat_mul_u64(n, shape.dim[i], &n);
    if (!fits || !carat_mul_u64(n, carat_dtype_size(shape.dtype), &part.t.bytes))
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: more bytes than 64 bits can count", row->name);
    part.t.name = row->name;
    if (name && !(part.t.name = carat_plan_text(p, name, err)))
        return CARAT_ENOMEM;
    if (!row->n_parts)
        row->part = (uint32_t)p->n_parts;
    row->n_parts++;
    row->after += part.t.bytes;
    p->parts[p->n_parts++] = part;
    return CARAT_OK;
}

/* One output tensor named MODULE + suffix. */
static carat_status add_part(carat_plan_table *p, carat_row *row, const char *suffix, carat_tensor shape,
                             carat_err *err)
{
    carat_str name = CARAT_STR_INIT;
    carat_str_printf(&name, "%s%s", row->module, suffix);
    carat_status st = carat_str_check(&name, err);
    if (!st)
        st = carat_plan_add(p, row, name.data, shape, err);
    carat_str_free(&name);
    return st;
}

static carat_status code_parts(carat_plan_table *p, carat_row *row, carat_err *err)
{
    const carat_weight *w = &row->w;
    carat_dtype scale = carat_coder_scale_dtype(row->src->dtype);
    uint64_t groups = row->got.group ? w->cols / row->got.group : 1;
    bool packed = row->got.kind == CARAT_SCHEME_PACKED;
    carat_tensor codes = {.dtype = packed ? CARAT_DT_I32 : CARAT_DT_I8, .ndim = 2, .dim = {w->rows, w->cols}};
    if (packed)
        codes.dim[1] = w->cols * (unsigned)row->got.bits / 32;
    carat_tensor scales = {.dtype = scale, .ndim = 2, .dim = {w->rows, groups}};
    carat_tensor shape = {.dtype = CARAT_DT_I64, .ndim = 1, .dim = {2}};
    carat_status st = add_part(p, row, packed ? ".weight_packed" : ".weight", codes, err);
    if (!st)
        st = add_part(p, row, ".weight_scale", scales, err);
    if (!st && packed)
        st = add_part(p, row, ".weight_shape", shape, err);
    return st;
}

carat_status carat_plan_parts(carat_plan_table *p, carat_row *row, carat_err *err)
{
    carat_tensor same = *row->src;
    carat_status st;
    if (carat_scheme_packs(&row->got)) {
        row->action = CARAT_ACTION_CODE;
        st = code_parts(p, row, err);
    } else if (row->w.format && row->w.format->integer) {
        row->action = CARAT_ACTION_DECODE;
        st = add_part(p, row, ".weight",
                      (carat_tensor){.dtype = row->dtype, .ndim = 2, .dim = {row->w.rows, row->w.cols}}, err);
    } else if (row->got.kind == CARAT_SCHEME_FLOAT && row->got.dtype != same.dtype) {
        row->action = CARAT_ACTION_CAST;
        row->dtype = same.dtype = row->got.dtype;
        st = carat_plan_add(p, row, NULL, same, err);
    } else {
        row->action = CARAT_ACTION_COPY;
        st = carat_plan_add(p, row, NULL, same, err);
    }
    p->before += row->before;
    p->after += row->after;
    return st;
}

/* Two tensors of the source may claim one name of the output (X.weight beside X.weight_packed). */
carat_status carat_plan_check(const carat_plan_table *p, carat_err *err)
{
    carat_table names = {0};
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < p->n_parts; i++) {
        const char *name = p->parts[i].t.name;
        bool was = false;
        st = carat_table_put(&names, name, strlen(name), (uint32_t)i, &was, err);
        if (!st && was)
            st = carat_fail(err, CARAT_EFORMAT, "two tensors of the source would both become %s", name);
    }
    carat_table_free(&names);
    return st;
}
