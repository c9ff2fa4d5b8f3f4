/* The safetensors container.                                          SPDX-License-Identifier: Apache-2.0
 *
 * Owns the one check of every number in a header against the file it came with: behind carat_safetensors_parse a tensor's data, bytes and
 * dims can be trusted. Format: github.com/huggingface/safetensors. Nothing here touches the data itself. */
#include "runtime/tensor/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/base/json.h"

enum {
    LENGTH_BYTES = 8,
    HEADER_MAX = 100000000,
    NAME_MAX_BYTES = 400 /* so that a message still has room */
};

typedef struct parser {
    const uint8_t *data; /* behind the header */
    uint64_t size;       /* of the data */
    uint64_t start;      /* where it begins in the file */
    uint32_t file;
    carat_arena *arena;
    carat_st_file out;
} parser;

/* ---- reading ------------------------------------------------------------------------------------------------ */

static carat_status header_length(const uint8_t *data, size_t size, uint64_t *out, carat_err *err)
{
    uint64_t n = 0;

    if (size < LENGTH_BYTES)
        return carat_fail(err, CARAT_EFORMAT, "%zu bytes are too few for a safetensors file", size);
    for (int i = 0; i < LENGTH_BYTES; i++)
        n |= (uint64_t)data[i] << (8 * i);
    if (n > HEADER_MAX)
        return carat_fail(err, CARAT_EFORMAT, "header of %" PRIu64 " bytes, the format allows %d", n,
                          HEADER_MAX);
    if (n > size - LENGTH_BYTES)
        return carat_fail(err, CARAT_EFORMAT,
                          "header of %" PRIu64 " bytes in a file of %zu: the file is cut off", n, size);
    if (n == 0 || data[LENGTH_BYTES] != '{')
        return carat_fail(err, CARAT_EFORMAT, "header does not begin with {: not a safetensors file");
    *out = n;
    return CARAT_OK;
}

/* Names become parts of messages, paths of reports and regular-expression subjects: printable text only. */
static carat_status check_name(const char *name, carat_err *err)
{
    if (*name == '\0')
        return carat_fail(err, CARAT_EFORMAT, "a tensor without a name");
    if (strlen(name) > NAME_MAX_BYTES)
        return carat_fail(err, CARAT_ESUPPORT, "tensor name of %zu bytes, carat reads up to %d", strlen(name),
                          NAME_MAX_BYTES);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return carat_fail(err, CARAT_EFORMAT, "tensor name %s has a control character", name);
    return CARAT_OK;
}

static carat_status read_dtype(const carat_json *entry, carat_tensor *t, carat_err *err)
{
    const carat_json *node = carat_json_get(entry, "dtype");
    const char *name = NULL;

    if (!carat_json_is_string(node))
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: dtype is missing or no string", t->name);
    carat_status status = carat_json_text(node, "dtype", &name, err);
    if (status != CARAT_OK)
        return status;
    if (!carat_dtype_parse(name, &t->dtype))
        return carat_fail(err, CARAT_ESUPPORT, "tensor %s: dtype %s is not one that carat reads", t->name,
                          name);
    return CARAT_OK;
}

static carat_status read_shape(const carat_json *entry, carat_tensor *t, carat_err *err)
{
    const carat_json *shape = carat_json_get(entry, "shape");
    uint64_t bytes = carat_dtype_size(t->dtype);
    bool fits = true;

    if (!carat_json_is_array(shape))
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: shape is missing or no list", t->name);
    for (const carat_json *d = carat_json_first(shape); d; d = carat_json_next(d)) {
        if (t->ndim == CARAT_MAX_DIMS)
            return carat_fail(err, CARAT_ESUPPORT, "tensor %s: more than %d dimensions", t->name,
                              CARAT_MAX_DIMS);
        carat_status status = carat_json_u64(d, "shape", 0, UINT64_C(1) << 53, &t->dim[t->ndim], err);
        if (status != CARAT_OK)
            return carat_fail_in(err, status, t->name);
        fits = carat_mul_u64(bytes, t->dim[t->ndim++], &bytes) && fits;
    }
    /* A dimension of 0 makes any product 0, but the product of the others must still be a number. */
    if (!fits)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: its shape has more than 2^64 bytes", t->name);
    t->bytes = bytes;
    return CARAT_OK;
}

static carat_status read_offsets(const parser *p, const carat_json *entry, carat_tensor *t, carat_err *err)
{
    const carat_json *pair = carat_json_get(entry, "data_offsets");
    uint64_t at[2];

    if (!carat_json_is_array(pair) || carat_json_count(pair) != 2)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: data_offsets is no pair of numbers", t->name);
    const carat_json *node = carat_json_first(pair);
    for (int i = 0; i < 2; i++, node = carat_json_next(node)) {
        carat_status status = carat_json_u64(node, "data_offsets", 0, UINT64_C(1) << 53, &at[i], err);
        if (status != CARAT_OK)
            return carat_fail_in(err, status, t->name);
    }
    if (at[1] < at[0])
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: ends at %" PRIu64 ", before its begin %" PRIu64,
                          t->name, at[1], at[0]);
    if (at[1] > p->size)
        return carat_fail(err, CARAT_EFORMAT,
                          "tensor %s: ends at %" PRIu64 ", the file holds %" PRIu64 " bytes of data", t->name,
                          at[1], p->size);
    if (at[1] - at[0] != t->bytes)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: %" PRIu64 " bytes, dtype and shape say %" PRIu64,
                          t->name, at[1] - at[0], t->bytes);
    t->data = p->data + at[0];
    t->file = p->file;
    t->offset = p->start + at[0];
    return CARAT_OK;
}

static carat_status read_tensor(parser *p, const carat_json *entry, carat_tensor *t, carat_err *err)
{
    const char *name = carat_json_key(entry);
    carat_status status = check_name(name, err);

    if (status == CARAT_OK && !carat_json_is_object(entry))
        status = carat_fail(err, CARAT_EFORMAT, "tensor %s: its entry is no object", name);
    if (status != CARAT_OK)
        return status;
    t->name = carat_arena_copy(p->arena, name, strlen(name), err);
    if (!t->name)
        return CARAT_ENOMEM;
    if ((status = read_dtype(entry, t, err)) != CARAT_OK || (status = read_shape(entry, t, err)) != CARAT_OK)
        return status;
    return read_offsets(p, entry, t, err);
}

static carat_status read_metadata(parser *p, const carat_json *object, carat_err *err)
{
    size_t n = 0;

    if (!carat_json_is_object(object))
        return carat_fail(err, CARAT_EFORMAT, "__metadata__ is no object");
    p->out.meta = carat_arena_alloc(p->arena, 2 * carat_json_count(object), sizeof *p->out.meta, err);
    if (!p->out.meta)
        return CARAT_ENOMEM;
    for (const carat_json *m = carat_json_first(object); m; m = carat_json_next(m)) {
        const char *pair[2] = {carat_json_key(m), NULL};
        if (!carat_json_is_string(m))
            return carat_fail(err, CARAT_EFORMAT, "__metadata__: the value of %s is no string", pair[0]);
        carat_status status = carat_json_text(m, "__metadata__", &pair[1], err);
        if (status != CARAT_OK)
            return status;
        for (int i = 0; i < 2; i++)
            if (!(p->out.meta[n++] = carat_arena_copy(p->arena, pair[i], strlen(pair[i]), err)))
                return CARAT_ENOMEM;
    }
    p->out.n_meta = n / 2;
    return CARAT_OK;
}

/* By place in the file. An empty tensor shares its begin with the next one and goes in front of it. */
static int by_offset(const void *a, const void *b)
{
    const carat_tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static carat_status check_tiling(const parser *p, carat_err *err)
{
    uint64_t end = p->start;

    for (size_t i = 0; i < p->out.n; i++) {
        const carat_tensor *t = &p->out.tensors[i];
        if (t->offset < end)
            return carat_fail(err, CARAT_EFORMAT, "tensor %s overlaps tensor %s", t->name, t[-1].name);
        if (t->offset > end)
            return carat_fail(err, CARAT_EFORMAT, "hole of %" PRIu64 " bytes in front of tensor %s",
                              t->offset - end, t->name);
        end = t->offset + t->bytes;
    }
    if (end != p->start + p->size)
        return carat_fail(err, CARAT_EFORMAT, "%" PRIu64 " bytes behind the last tensor",
                          p->start + p->size - end);
    return CARAT_OK;
}

static carat_status read_entries(parser *p, const carat_json *root, carat_err *err)
{
    p->out.tensors = carat_arena_alloc(p->arena, carat_json_count(root), sizeof *p->out.tensors, err);
    if (!p->out.tensors)
        return CARAT_ENOMEM;
    for (const carat_json *entry = carat_json_first(root); entry; entry = carat_json_next(entry)) {
        carat_status status = strcmp(carat_json_key(entry), "__metadata__") == 0
                                  ? read_metadata(p, entry, err)
                                  : read_tensor(p, entry, &p->out.tensors[p->out.n++], err);
        if (status != CARAT_OK)
            return status;
    }
    if (p->out.n > 1)
        qsort(p->out.tensors, p->out.n, sizeof *p->out.tensors, by_offset);
    return check_tiling(p, err);
}

carat_status carat_safetensors_parse(const uint8_t *data, size_t size, uint32_t file, carat_arena *arena,
                                     carat_st_file *out, carat_err *err)
{
    carat_json *root = NULL;
    uint64_t length = 0;
    carat_status status = header_length(data, size, &length, err);

    if (status != CARAT_OK)
        return status;
    const char *header = (const char *)data + LENGTH_BYTES;
    if ((status = carat_json_parse(header, length, &root, err)) != CARAT_OK)
        return carat_fail_in(err, status, "header");
    uint64_t start = LENGTH_BYTES + length;
    parser p = {.data = data + start, .size = size - start, .start = start, .file = file, .arena = arena};
    status = read_entries(&p, root, err);
    carat_json_free(root);
    if (status == CARAT_OK)
        *out = p.out;
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void write_entry(carat_jw *w, const carat_tensor *t, uint64_t begin, uint64_t end)
{
    carat_jw_key(w, t->name);
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "dtype", carat_dtype_name(t->dtype));
    carat_jw_key(w, "shape");
    carat_jw_open(w, '[');
    for (uint32_t d = 0; d < t->ndim; d++)
        carat_jw_u64(w, t->dim[d]);
    carat_jw_close(w);
    carat_jw_key(w, "data_offsets");
    carat_jw_open(w, '[');
    carat_jw_u64(w, begin);
    carat_jw_u64(w, end);
    carat_jw_close(w);
    carat_jw_close(w);
}

static carat_status tensor_bytes(const carat_tensor *t, uint64_t *out, carat_err *err)
{
    uint64_t bytes = carat_dtype_size(t->dtype);

    for (uint32_t d = 0; d < t->ndim; d++)
        if (!carat_mul_u64(bytes, t->dim[d], &bytes))
            return carat_fail(err, CARAT_EUSAGE, "tensor %s: its shape has more than 2^64 bytes", t->name);
    *out = bytes;
    return CARAT_OK;
}

carat_status carat_safetensors_header(const carat_tensor *tensors, size_t n, const char *const *meta,
                                      size_t n_meta, carat_str *out, carat_err *err)
{
    static const char length[LENGTH_BYTES]; /* filled in at the end */
    uint64_t at = 0, bytes = 0;

    carat_str_clear(out);
    carat_str_add(out, length, sizeof length);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    if (n_meta > 0) {
        carat_jw_key(&w, "__metadata__");
        carat_jw_open(&w, '{');
        for (size_t i = 0; i < n_meta; i++) {
            carat_jw_put_text(&w, meta[2 * i], meta[2 * i + 1]);
        }
        carat_jw_close(&w);
    }
    for (size_t i = 0; i < n; i++, at += bytes) {
        carat_status status = tensor_bytes(&tensors[i], &bytes, err);
        if (status != CARAT_OK)
            return status;
        write_entry(&w, &tensors[i], at, at + bytes);
    }
    carat_jw_close(&w);
    while (out->len % CARAT_ALIGN != 0 && !out->failed)
        carat_str_putc(out, ' ');
    carat_status status = carat_str_check(out, err);
    if (status != CARAT_OK)
        return status;
    uint64_t header = out->len - LENGTH_BYTES;
    if (header > HEADER_MAX)
        return carat_fail(err, CARAT_EUSAGE, "header of %" PRIu64 " bytes, the format allows %d", header,
                          HEADER_MAX);
    for (int i = 0; i < LENGTH_BYTES; i++)
        out->data[i] = (char)(header >> (8 * i) & 0xff);
    return CARAT_OK;
}
