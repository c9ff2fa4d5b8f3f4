/* What a task does: copy, cast, decode or code.                                    SPDX-License-Identifier: Apache-2.0
 *
 * NaN and infinities: a matrix that is coded, cast or decoded must be finite, and stay so in the wanted type. Vectors and scalars
 * keep theirs (clip bounds of the towers are infinite by default), but must not become infinite on the way. */
#include "convert/task.h"

#include <math.h>
#include <string.h>

/* Units of a row: what begin and end count, their number and the source bytes of one. */
typedef struct units {
    uint64_t count, bytes;
} units;

static units units_of(const carat_row *row)
{
    switch (row->action) {
    case CARAT_ACTION_COPY:
        return (units){row->src->bytes, 1};
    case CARAT_ACTION_CAST:
        return (units){row->src->bytes / carat_dtype_size(row->src->dtype),
                       carat_dtype_size(row->src->dtype)};
    default:
        return (units){row->w.rows, row->w.row_bytes};
    }
}

static uint64_t units_per_task(const carat_task_env *e, const carat_row *row)
{
    uint64_t bytes = units_of(row).bytes;
    return bytes && e->task_bytes / bytes ? e->task_bytes / bytes : 1;
}

static uint64_t align(uint64_t n)
{
    return (n + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
}

/* Layout of the scratch of a coding task: the row, its codes, bytes of all rows, scales of all rows. */
typedef struct code_scratch {
    uint64_t x, q, codes, scales, end;
} code_scratch;

static code_scratch code_layout(const carat_coder *c, uint64_t rows)
{
    code_scratch s = {0};
    s.q = s.x + align(c->cols * sizeof(float));
    s.codes = s.q + align(c->cols);
    s.scales = s.codes + align(rows * c->row_bytes);
    s.end = s.scales + align(rows * c->scale_bytes);
    return s;
}

static carat_coder coder_of(const carat_task_env *e, const carat_row *row)
{
    return carat_coder_make(e->kernels, e->method, &row->got, row->src->dtype, row->w.cols);
}

uint64_t carat_task_scratch(const carat_task_env *e, const carat_row *row)
{
    uint64_t n = units_per_task(e, row);
    units u = units_of(row);
    n = n > u.count ? u.count : n;
    if (row->action == CARAT_ACTION_CODE) {
        carat_coder c = coder_of(e, row);
        return code_layout(&c, n).end;
    }
    if (row->action == CARAT_ACTION_DECODE)
        n *= row->w.cols;
    return row->action == CARAT_ACTION_COPY
               ? 0
               : align(n * sizeof(float)) + align(n * carat_dtype_size(row->dtype));
}

bool carat_task_cut(const carat_task_env *e, carat_row *row, uint64_t begin, carat_task *out)
{
    units u = units_of(row);
    if (begin >= u.count)
        return false;
    uint64_t n = units_per_task(e, row);
    n = n > u.count - begin ? u.count - begin : n;
    const uint8_t *data = row->w.format && row->action != CARAT_ACTION_COPY ? row->w.data : row->src->data;
    *out = (carat_task){
        .row = row, .begin = begin, .end = begin + n, .source = data + begin * u.bytes, .bytes = n * u.bytes};
    return true;
}

/* "tensor NAME[3, 17]: weight is nan ..." with the position in the tensor's own dimensions. */
static carat_status bad_value(const carat_row *row, uint64_t element, float x, const char *what,
                              carat_err *err)
{
    uint64_t cols = row->w.format ? row->w.cols : row->src->ndim ? row->src->dim[row->src->ndim - 1] : 1;
    cols = cols ? cols : 1;
    return carat_fail(err, CARAT_EFORMAT, "tensor %s: element [%" PRIu64 ", %" PRIu64 "] is %g, %s",
                      row->name, element / cols, element % cols, (double)x, what);
}

static void do_code(const carat_task_env *e, carat_task *t, uint8_t *scratch)
{
    const carat_row *row = t->row;
    carat_coder c = coder_of(e, row);
    code_scratch s = code_layout(&c, t->end - t->begin);
    float *x = (float *)(void *)(scratch + s.x);
    for (uint64_t r = t->begin; r < t->end; r++) {
        uint64_t i = r - t->begin;
        carat_code_out out = {scratch + s.codes + i * c.row_bytes, scratch + s.scales + i * c.scale_bytes,
                              (int8_t *)(scratch + s.q)};
        size_t bad;
        e->kernels->decode(&row->w, r, r + 1, x);
        if (!carat_code_row(&c, x, &out, &t->loss, &bad)) {
            t->status = bad_value(row, r * c.cols + bad, x[bad], "which no code can stand for", &t->err);
            return;
        }
    }
    uint64_t n = t->end - t->begin;
    t->status = carat_shards_put(e->shards, row->part, t->begin * c.row_bytes, scratch + s.codes,
                                 n * c.row_bytes, &t->err);
    if (!t->status)
        t->status = carat_shards_put(e->shards, row->part + 1, t->begin * c.scale_bytes, scratch + s.scales,
                                     n * c.scale_bytes, &t->err);
    if (!t->status && row->n_parts == 3 && t->begin == 0) {
        const int64_t shape[2] = {(int64_t)row->w.rows, (int64_t)row->w.cols};
        t->status = carat_shards_put(e->shards, row->part + 2, 0, shape, sizeof shape, &t->err);
    }
}

/* x[n] as dtype; the index of the first value that became infinite, or n. */
static size_t store(const float *x, size_t n, carat_dtype dtype, uint8_t *out)
{
    size_t bad = n;
    if (dtype == CARAT_DT_F32) {
        memcpy(out, x, n * sizeof *x);
        return bad;
    }
    for (size_t i = n; i-- > 0;) {
        uint16_t b = dtype == CARAT_DT_F16 ? carat_f16_put(x[i]) : carat_bf16_put(x[i]);
        memcpy(out + 2 * i, &b, 2);
        float back = dtype == CARAT_DT_F16 ? carat_f16_get(b) : carat_bf16_get(b);
        bad = isinf(back) && !isinf(x[i]) ? i : bad;
    }
    return bad;
}

/* CAST and DECODE: elements [first, first + n) of the output, decoded in x already. */
static void store_floats(const carat_task_env *e, carat_task *t, const float *x, size_t n, uint64_t first,
                         uint8_t *out)
{
    const carat_row *row = t->row;
    for (size_t i = 0; i < n && row->src->ndim >= 2; i++)
        if (!isfinite(x[i])) {
            t->status = bad_value(row, first + i, x[i], "in a matrix", &t->err);
            return;
        }
    size_t bad = store(x, n, row->dtype, out);
    if (bad < n) {
        t->status = bad_value(row, first + bad, x[bad], "beyond the range of the wanted type", &t->err);
        return;
    }
    size_t size = carat_dtype_size(row->dtype);
    t->status = carat_shards_put(e->shards, row->part, row->at + first * size, out, n * size, &t->err);
}

static void do_cast(const carat_task_env *e, carat_task *t, uint8_t *scratch)
{
    const carat_tensor *src = t->row->src;
    uint64_t count = src->bytes / carat_dtype_size(src->dtype);
    carat_weight flat = {.format = carat_format_of_dtype(src->dtype),
                         .data = src->data,
                         .rows = 1,
                         .cols = count,
                         .row_bytes = src->bytes};
    size_t n = (size_t)(t->end - t->begin);
    float *x = (float *)(void *)scratch;
    flat.format->decode(&flat, 0, t->begin, n, x);
    store_floats(e, t, x, n, t->begin, scratch + align(n * sizeof(float)));
}

static void do_decode(const carat_task_env *e, carat_task *t, uint8_t *scratch)
{
    const carat_weight *w = &t->row->w;
    size_t n = (size_t)((t->end - t->begin) * w->cols);
    float *x = (float *)(void *)scratch;
    for (uint64_t r = t->begin; r < t->end; r++)
        w->format->decode(w, r, 0, w->cols, x + (r - t->begin) * w->cols);
    store_floats(e, t, x, n, t->begin * w->cols, scratch + align(n * sizeof(float)));
}

void carat_task_do(const carat_task_env *e, carat_task *t, uint8_t *scratch)
{
    switch (t->row->action) {
    case CARAT_ACTION_COPY:
        t->status = carat_shards_put(e->shards, t->row->part, t->begin, t->source, t->bytes, &t->err);
        break;
    case CARAT_ACTION_CAST:
        do_cast(e, t, scratch);
        break;
    case CARAT_ACTION_DECODE:
        do_decode(e, t, scratch);
        break;
    case CARAT_ACTION_CODE:
        do_code(e, t, scratch);
        break;
    }
}
