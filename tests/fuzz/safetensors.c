/* Fuzz target: a safetensors file. What the parser accepts must lie inside the file, and must come back from a header
 * that is written of it.                                               SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_tensors(const carat_st_file *f, const uint8_t *data, size_t size)
{
    uint64_t end = 0;
    for (size_t i = 0; i < f->n; i++) {
        const carat_tensor *t = &f->tensors[i];
        uint64_t bytes = carat_dtype_size(t->dtype);
        for (uint32_t d = 0; d < t->ndim; d++)
            bytes *= t->dim[d];
        must(bytes == t->bytes && t->offset <= size && t->bytes <= size - t->offset);
        must(t->data == data + t->offset && (i == 0 || t->offset == end));
        must(*t->name != '\0' && t->ndim <= CARAT_MAX_DIMS);
        end = t->offset + t->bytes;
    }
    must(f->n == 0 || end == size);
}

/* The same tensors behind a header of our own. */
static void check_round_trip(const carat_st_file *f)
{
    carat_str s = CARAT_STR_INIT;
    carat_arena arena = {0};
    carat_st_file again = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < f->n; i++)
        total += f->tensors[i].bytes;
    must(carat_safetensors_header(f->tensors, f->n, f->meta, f->n_meta, &s, NULL) == CARAT_OK);
    must(s.len % 64 == 0);
    for (uint64_t i = 0; i < total; i++)
        carat_str_putc(&s, 0);
    must(carat_safetensors_parse((const uint8_t *)s.data, s.len, 0, &arena, &again, NULL) == CARAT_OK);
    must(again.n == f->n && again.n_meta == f->n_meta);
    carat_arena_free(&arena);
    carat_str_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    carat_arena arena = {0};
    carat_st_file f = {0};
    carat_err err = {0};
    if (carat_safetensors_parse(data, size, 0, &arena, &f, &err) == CARAT_OK) {
        check_tensors(&f, data, size);
        check_round_trip(&f);
    } else
        must(*err.text && !strchr(err.text, '\n'));
    carat_arena_free(&arena);
    return 0;
}
