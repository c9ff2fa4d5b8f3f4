/* The registry of formats, and how a checkpoint's tensors make a matrix. SPDX-License-Identifier: Apache-2.0
 *
 * Owns the spelling of compressed-tensors (int-quantized, pack-quantized; symmetric). What is not listed here is refused by name: a
 * matrix is never read in a way that merely fits its size. */
#include "runtime/format/format.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const carat_format *const formats[] = {
    &carat_format_f32,  &carat_format_f16,         &carat_format_bf16,
    &carat_format_int8, &carat_format_int8_packed, &carat_format_int4,
};

const carat_format *carat_format_at(size_t i)
{
    return i < sizeof formats / sizeof formats[0] ? formats[i] : NULL;
}

const carat_format *carat_format_of_dtype(carat_dtype t)
{
    switch (t) {
    case CARAT_DT_F32:
        return &carat_format_f32;
    case CARAT_DT_F16:
        return &carat_format_f16;
    case CARAT_DT_BF16:
        return &carat_format_bf16;
    default:
        return NULL;
    }
}

/* ---- a matrix ----------------------------------------------------------------------------------------------- */

carat_weight carat_weight_rows(const carat_weight *w, uint64_t row, uint64_t n)
{
    assert(row + n <= w->rows);
    carat_weight part = *w;
    part.data += row * w->row_bytes;
    part.rows = n;
    if (w->scale)
        part.scale += row * w->groups * carat_dtype_size(w->scale_dtype);
    return part;
}

float carat_weight_scale(const carat_weight *w, uint64_t row, uint64_t group)
{
    uint64_t i = row * w->groups + group;
    uint16_t half;
    float single;

    if (w->scale_dtype == CARAT_DT_F32) {
        memcpy(&single, w->scale + 4 * i, sizeof single);
        return single;
    }
    memcpy(&half, w->scale + 2 * i, sizeof half);
    return w->scale_dtype == CARAT_DT_BF16 ? carat_bf16_get(half) : carat_f16_get(half);
}

uint64_t carat_weight_bytes(const carat_weight *w)
{
    uint64_t scales = w->scale ? w->rows * w->groups * carat_dtype_size(w->scale_dtype) : 0;
    return w->rows * w->row_bytes + scales;
}

void carat_weight_scheme(const carat_weight *w, char out[16])
{
    if (!w->format->integer)
        snprintf(out, 16, "%s", w->format->name);
    else if (w->groups == 1)
        snprintf(out, 16, "int%d", w->format->bits);
    else
        snprintf(out, 16, "int%d-g%u", w->format->bits, (unsigned)w->group);
}

/* ---- finding it --------------------------------------------------------------------------------------------- */

/* Indices into finder.part, in the order of `suffixes`. */
enum { WEIGHT, PACKED, SCALE, SHAPE, ZERO_POINT, G_IDX, GLOBAL_SCALE, N_PARTS };
static const char *const suffixes[N_PARTS] = {
    ".weight",       ".weight_packed",      ".weight_scale", ".weight_shape", ".weight_zero_point",
    ".weight_g_idx", ".weight_global_scale"};

typedef struct finder {
    const char *base;
    const carat_tensor *part[N_PARTS];
    uint64_t rows, cols; /* wanted; 0: whatever is there */
    carat_err *err;
} finder;

static carat_status look_up(const carat_store *s, finder *f)
{
    char name[512];

    for (int i = 0; i < N_PARTS; i++) {
        int len = snprintf(name, sizeof name, "%s%s", f->base, suffixes[i]);
        f->part[i] = len < (int)sizeof name ? carat_store_find(s, name) : NULL;
    }
    if (f->part[ZERO_POINT])
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_zero_point: asymmetric quantization is not supported", f->base);
    if (f->part[G_IDX])
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_g_idx: groups in activation order are not supported", f->base);
    if (f->part[GLOBAL_SCALE])
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_global_scale: FP4 weights are not supported", f->base);
    if (f->part[WEIGHT] && f->part[PACKED])
        return carat_fail(f->err, CARAT_EFORMAT, "matrix %s is there twice, as .weight and as .weight_packed",
                          f->base);
    return CARAT_OK;
}

static carat_status check_shape(const finder *f, uint64_t rows, uint64_t cols)
{
    if ((f->rows && f->rows != rows) || (f->cols && f->cols != cols))
        return carat_fail(f->err, CARAT_EFORMAT,
                          "matrix %s: shape [%" PRIu64 ", %" PRIu64 "], the config says [%" PRIu64
                          ", %" PRIu64 "]",
                          f->base, rows, cols, f->rows, f->cols);
    if (rows == 0 || cols == 0 || rows > UINT32_MAX || cols > UINT32_MAX)
        return carat_fail(f->err, CARAT_EFORMAT, "matrix %s: shape [%" PRIu64 ", %" PRIu64 "]", f->base, rows,
                          cols);
    return CARAT_OK;
}

static carat_status need_2d(const finder *f, int part)
{
    if (f->part[part]->ndim != 2)
        return carat_fail(f->err, CARAT_EFORMAT, "tensor %s%s: %u dimensions, a matrix has 2", f->base,
                          suffixes[part], (unsigned)f->part[part]->ndim);
    return CARAT_OK;
}

/* Scales [rows, groups] of a matrix whose rows and cols are known. */
static carat_status take_scales(const finder *f, carat_weight *w)
{
    const carat_tensor *s = f->part[SCALE];

    if (!s)
        return carat_fail(f->err, CARAT_EFORMAT, "matrix %s: its tensor %s.weight_scale is missing", f->base,
                          f->base);
    if (s->dtype != CARAT_DT_BF16 && s->dtype != CARAT_DT_F16 && s->dtype != CARAT_DT_F32)
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_scale: dtype %s, scales are BF16, F16 or F32", f->base,
                          carat_dtype_name(s->dtype));
    if (s->ndim == 0 || (s->ndim == 1 && s->dim[0] == 1 && w->rows != 1))
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_scale: one scale for the whole matrix is not supported", f->base);
    uint64_t groups = s->ndim == 1 ? 1 : s->dim[1];
    if (s->ndim > 2 || s->dim[0] != w->rows || groups == 0 || w->cols % groups != 0)
        return carat_fail(f->err, CARAT_EFORMAT,
                          "tensor %s.weight_scale: shape [%" PRIu64 ", %" PRIu64
                          "] does not divide a matrix [%" PRIu64 ", %" PRIu64 "]",
                          f->base, s->dim[0], groups, w->rows, w->cols);
    w->scale = s->data;
    w->scale_dtype = s->dtype;
    w->groups = (uint32_t)groups;
    w->group = (uint32_t)(w->cols / groups);
    if (groups > 1 && w->group % 8 != 0)
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "matrix %s: groups of %u columns, carat runs multiples of 8", f->base,
                          (unsigned)w->group);
    return CARAT_OK;
}

static carat_status find_plain(const finder *f, carat_weight *w)
{
    const carat_tensor *t = f->part[WEIGHT];
    carat_status status = need_2d(f, WEIGHT);

    if (status != CARAT_OK || (status = check_shape(f, t->dim[0], t->dim[1])) != CARAT_OK)
        return status;
    w->rows = t->dim[0];
    w->cols = t->dim[1];
    w->data = t->data;
    w->row_bytes = w->cols * carat_dtype_size(t->dtype);
    if (t->dtype == CARAT_DT_I8) {
        w->format = &carat_format_int8;
        return take_scales(f, w);
    }
    w->format = carat_format_of_dtype(t->dtype);
    if (!w->format)
        return carat_fail(f->err, CARAT_ESUPPORT, "tensor %s.weight: dtype %s is not supported for a matrix",
                          f->base, carat_dtype_name(t->dtype));
    if (f->part[SCALE])
        return carat_fail(f->err, CARAT_EFORMAT, "tensor %s.weight_scale: a scale beside %s weights", f->base,
                          carat_dtype_name(t->dtype));
    return CARAT_OK;
}

static int64_t load_i64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return (int64_t)v;
}

/* The width of a row in 32-bit words tells 4 bits from 8. */
static const carat_format *format_of_words(uint64_t words, uint64_t cols)
{
    bool four = words == (cols + 7) / 8, eight = words == (cols + 3) / 4;
    if (four == eight)
        return NULL;
    return four ? &carat_format_int4 : &carat_format_int8_packed;
}

static carat_status find_packed(const finder *f, carat_weight *w)
{
    const carat_tensor *t = f->part[PACKED], *shape = f->part[SHAPE];
    carat_status status = need_2d(f, PACKED);

    if (status != CARAT_OK)
        return status;
    if (t->dtype != CARAT_DT_I32)
        return carat_fail(f->err, CARAT_ESUPPORT, "tensor %s.weight_packed: dtype %s, pack-quantized is I32",
                          f->base, carat_dtype_name(t->dtype));
    if (!shape || shape->dtype != CARAT_DT_I64 || shape->ndim != 1 || shape->dim[0] != 2)
        return carat_fail(f->err, CARAT_EFORMAT, "matrix %s: tensor %s.weight_shape is not there as I64 [2]",
                          f->base, f->base);
    int64_t rows = load_i64(shape->data), cols = load_i64(shape->data + 8);
    if (rows < 0 || (uint64_t)rows != t->dim[0] || cols < 1 || cols > UINT32_MAX)
        return carat_fail(f->err, CARAT_EFORMAT,
                          "tensor %s.weight_shape: [%" PRId64 ", %" PRId64 "] beside %" PRIu64 " packed rows",
                          f->base, rows, cols, t->dim[0]);
    if ((status = check_shape(f, (uint64_t)rows, (uint64_t)cols)) != CARAT_OK)
        return status;
    w->rows = (uint64_t)rows;
    w->cols = (uint64_t)cols;
    w->data = t->data;
    w->row_bytes = 4 * t->dim[1];
    w->format = format_of_words(t->dim[1], w->cols);
    if (!w->format)
        return carat_fail(f->err, CARAT_ESUPPORT,
                          "tensor %s.weight_packed: %" PRIu64 " words for %" PRIu64
                          " columns are neither 4 nor 8 bits",
                          f->base, t->dim[1], w->cols);
    return take_scales(f, w);
}

carat_status carat_weight_find(const carat_store *s, const char *base, uint64_t rows, uint64_t cols,
                               carat_weight *out, carat_err *err)
{
    finder f = {.base = base, .rows = rows, .cols = cols, .err = err};
    carat_weight w = {0};
    carat_status status = look_up(s, &f);

    if (status != CARAT_OK)
        return status;
    if (f.part[WEIGHT])
        status = find_plain(&f, &w);
    else if (f.part[PACKED])
        status = find_packed(&f, &w);
    else if (f.part[SCALE] || f.part[SHAPE])
        status = carat_fail(err, CARAT_EFORMAT,
                            "matrix %s: scale or shape without its .weight or .weight_packed", base);
    if (status == CARAT_OK)
        *out = w;
    return status;
}
