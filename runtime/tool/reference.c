/* Reading a reference file.                                                        SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"

static const carat_tensor *find(const carat_reference *r, const char *name)
{
    for (size_t i = 0; i < r->file.n; i++)
        if (!strcmp(r->file.tensors[i].name, name))
            return &r->file.tensors[i];
    return NULL;
}

static carat_status read_ids(const carat_reference *r, const char *name, carat_ids *out, carat_err *err)
{
    const carat_tensor *t = find(r, name);
    if (!t)
        return carat_fail(err, CARAT_EFORMAT, "no tensor %s; scripts/hf-reference makes reference files",
                          name);
    bool wide = t->dtype == CARAT_DT_I64;
    if ((!wide && t->dtype != CARAT_DT_I32) || t->ndim != 1 || !t->dim[0])
        return carat_fail(err, CARAT_EFORMAT, "%s: %s with %" PRIu32 " dimensions, wants I64 [n] and n > 0",
                          name, carat_dtype_name(t->dtype), t->ndim);
    out->n = (size_t)t->dim[0];
    out->v = carat_alloc(out->n, sizeof *out->v, err);
    if (!out->v)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < out->n; i++) {
        int64_t id = 0;
        int32_t narrow = 0;
        memcpy(wide ? (void *)&id : (void *)&narrow, t->data + i * (wide ? 8 : 4), wide ? 8 : 4);
        id = wide ? id : narrow;
        if (id < 0 || id > INT32_MAX)
            return carat_fail(err, CARAT_EFORMAT, "%s: %" PRId64 " at position %zu is no id", name, id, i);
        out->v[i] = (int32_t)id;
    }
    return CARAT_OK;
}

static carat_status check(const carat_tensor *t, size_t rows, uint64_t cols, carat_err *err)
{
    if (t->dtype != CARAT_DT_F32 || t->ndim != 2 || t->dim[0] != rows || t->dim[1] != cols)
        return carat_fail(err, CARAT_EFORMAT,
                          "%s: %s [%" PRIu64 ", %" PRIu64 "] in %" PRIu32
                          " dimensions, %zu ids and this model want F32 [%zu, %" PRIu64 "]",
                          t->name, carat_dtype_name(t->dtype), t->dim[0], t->ndim > 1 ? t->dim[1] : 0,
                          t->ndim, rows, rows, cols);
    for (uint64_t i = 0; i < t->dim[0] * t->dim[1]; i++)
        if (!isfinite(carat_tensor_f32(t, i)))
            return carat_fail(err, CARAT_EFORMAT,
                              "%s: value %" PRIu64 " of row %" PRIu64
                              " is not finite: nothing can be compared to it",
                              t->name, i % cols, i / cols);
    return CARAT_OK;
}

/* Every tensor that this program would compare: embed, block.N, norm, router.N, with and without _bf16. */
static carat_status check_taps(const carat_reference *r, const carat_model_info *info, carat_err *err)
{
    for (size_t i = 0; i < r->file.n; i++) {
        const carat_tensor *t = &r->file.tensors[i];
        bool tap = !strncmp(t->name, "block.", 6) || !strncmp(t->name, "embed", 5) ||
                   !strncmp(t->name, "norm", 4);
        bool router = info->experts && !strncmp(t->name, "router.", 7);
        uint32_t cols = router ? info->experts : info->hidden;
        carat_status st = tap || router ? check(t, r->ids.n, cols, err) : CARAT_OK;
        if (st)
            return st;
    }
    return CARAT_OK;
}

/* What a drafter did, where the file has that. */
static carat_status check_draft(carat_reference *r, const carat_model_info *info, carat_err *err)
{
    static const char *const names[] = {"draft_logits", "draft_logits_bf16", "draft_hidden"};
    const carat_tensor **at[] = {&r->draft_logits, &r->draft_logits_bf16, &r->draft_hidden};
    if (!find(r, "draft_ids"))
        return CARAT_OK;
    carat_status st = read_ids(r, "draft_ids", &r->taken, err);
    if (!st && carat_ids_check(&r->taken, info->vocab, err))
        st = CARAT_EFORMAT;
    for (size_t i = 0; i < 3 && !st; i++) {
        *at[i] = find(r, names[i]);
        st = *at[i] ? check(*at[i], r->taken.n, i < 2 ? info->vocab : info->hidden, err)
                    : carat_fail(err, CARAT_EFORMAT, "no tensor %s beside draft_ids", names[i]);
    }
    return st;
}

static carat_status check_all(carat_reference *r, const carat_model_info *info, carat_err *err)
{
    carat_status st = read_ids(r, "input_ids", &r->ids, err);
    if (!st && carat_ids_check(&r->ids, info->vocab, err))
        st = CARAT_EFORMAT;
    if (st)
        return st;
    r->logits = find(r, "logits");
    r->logits_bf16 = find(r, "logits_bf16");
    if (!r->logits)
        return carat_fail(err, CARAT_EFORMAT, "no tensor logits; scripts/hf-reference makes reference files");
    st = check(r->logits, r->ids.n, info->vocab, err);
    if (!st && r->logits_bf16)
        st = check(r->logits_bf16, r->ids.n, info->vocab, err);
    if (!st)
        st = check_taps(r, info, err);
    return st ? st : check_draft(r, info, err);
}

carat_status carat_reference_open(const char *path, const carat_model_info *info, carat_reference *out,
                                  carat_err *err)
{
    carat_reference r = {0};
    carat_status st = carat_map_open(path, &r.map, err);
    if (st)
        return st;
    st = carat_safetensors_parse(r.map.data, r.map.size, 0, &r.arena, &r.file, err);
    if (!st)
        st = check_all(&r, info, err);
    if (st) {
        carat_reference_close(&r);
        return carat_fail_in(err, st, path);
    }
    *out = r;
    return CARAT_OK;
}

void carat_reference_close(carat_reference *r)
{
    carat_ids_free(&r->ids);
    carat_ids_free(&r->taken);
    carat_arena_free(&r->arena);
    carat_map_close(&r->map);
    *r = (carat_reference){0};
}

const carat_tensor *carat_reference_tap(const carat_reference *r, const char *name, bool bf16)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", name, bf16 ? "_bf16" : "");
    return find(r, full);
}

double carat_reference_largest(const carat_tensor *t)
{
    double largest = 0;
    for (uint64_t i = 0; i < t->dim[0] * t->dim[1]; i++)
        largest = fmax(largest, fabs((double)carat_tensor_f32(t, i)));
    return largest;
}
