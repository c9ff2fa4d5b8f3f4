/* Plans: rows, their output tensors, and the plan of convert.                      SPDX-License-Identifier: Apache-2.0 */
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

/* One output tensor named MODULE + suffix (suffix NULL: the name of the source tensor). */
static carat_status add_part(carat_plan_table *p, carat_row *row, const char *suffix, carat_tensor shape,
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
    if (suffix) {
        carat_str name = CARAT_STR_INIT;
        carat_str_printf(&name, "%s%s", row->module, suffix);
        if (!(st = carat_str_check(&name, err)) &&
            !(part.t.name = carat_arena_copy(&p->arena, name.data, name.len, err)))
            st = CARAT_ENOMEM;
        carat_str_free(&name);
        if (st)
            return st;
    }
    if (!row->n_parts)
        row->part = (uint32_t)p->n_parts;
    row->n_parts++;
    row->after += part.t.bytes;
    p->parts[p->n_parts++] = part;
    return CARAT_OK;
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
        st = add_part(p, row, NULL, same, err);
    } else {
        row->action = CARAT_ACTION_COPY;
        st = add_part(p, row, NULL, same, err);
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

/* ---- convert ------------------------------------------------------------------------------------------------ */

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

static carat_status convert_row(const carat_store *s, const carat_tensor *t, const carat_dtype *dtype,
                                carat_plan_table *p, carat_err *err)
{
    carat_str module = CARAT_STR_INIT, scratch = CARAT_STR_INIT;
    const char *part = split(t->name, &module);
    bool codes = !strcmp(part, ".weight_packed") ||
                 (!strcmp(part, ".weight") && find_part(s, module.data, ".weight_scale", &scratch));
    bool helper = (!strcmp(part, ".weight_scale") || !strcmp(part, ".weight_shape")) &&
                  (find_part(s, module.data, ".weight_packed", &scratch) ||
                   find_part(s, module.data, ".weight", &scratch));
    carat_row *row = NULL;
    carat_status st = carat_str_check(&module, err);
    if (st || (dtype && helper)) /* a helper belongs to the row of its codes */
        goto out;
    if (!(row = carat_plan_row(p, t, module.data, err))) {
        st = CARAT_ENOMEM;
        goto out;
    }
    if (dtype && codes) {
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
    st = carat_plan_parts(p, row, err);
out:
    carat_str_free(&module);
    carat_str_free(&scratch);
    return st;
}

carat_status carat_plan_convert(const carat_store *s, const carat_dtype *dtype, carat_plan_table *out,
                                carat_err *err)
{
    carat_plan_table p = {0};
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < carat_store_count(s); i++)
        st = convert_row(s, carat_store_at(s, i), dtype, &p, err);
    if (!st)
        st = carat_plan_check(&p, err);
    if (st)
        carat_plan_free(&p);
    else
        *out = p;
    return st;
}
