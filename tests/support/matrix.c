/* Random matrices in every weight format.                                          SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

/* `bytes` bytes whose end is the end of readable memory. */
static uint8_t *fenced(test_matrix *m, int i, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    uint8_t *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(p != MAP_FAILED && mprotect(p + whole, page, PROT_NONE) == 0, "fenced memory");
    m->map[i] = p;
    m->map_bytes[i] = whole + page;
    return p + whole - bytes;
}

/* A product of codes and scales that no rounding to f32 spoils, in sizes as checkpoints have them. */
static float random_float(uint64_t seed, uint64_t i)
{
    return (float)(carat_random_unit(seed, 2 * i) + carat_random_unit(seed, 2 * i + 1) - 1.0);
}

static void put_float(uint8_t *p, carat_dtype t, float x)
{
    uint16_t half = t == CARAT_DT_BF16 ? carat_bf16_put(x) : carat_f16_put(x);
    if (t == CARAT_DT_F32)
        memcpy(p, &x, sizeof x);
    else
        memcpy(p, &half, sizeof half);
}

static carat_dtype dtype_of(carat_code code)
{
    return code == CARAT_CODE_F32 ? CARAT_DT_F32 : code == CARAT_CODE_F16 ? CARAT_DT_F16 : CARAT_DT_BF16;
}

static void fill_codes(uint8_t *p, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t r = carat_random(seed, i);
        memcpy(p + i, &r, bytes - i < 8 ? bytes - i : 8);
    }
}

test_matrix test_matrix_make(const carat_format *f, size_t rows, size_t cols, size_t group,
                             carat_dtype scale_dtype, uint64_t seed)
{
    test_matrix m = {.w = {.format = f, .rows = rows, .cols = cols}};
    carat_weight *w = &m.w;
    size_t bits = cols * (size_t)f->bits;
    w->row_bytes = f->integer && f->bits < 8 ? (bits + 31) / 32 * 4 : bits / 8;
    uint8_t *data = fenced(&m, 0, rows * w->row_bytes);
    w->data = data;
    w->group = (uint32_t)(group ? group : cols);
    w->groups = (uint32_t)(cols / w->group);
    if (!f->integer) {
        size_t size = carat_dtype_size(dtype_of(f->code));
        for (size_t i = 0; i < rows * cols; i++)
            put_float(data + i * size, dtype_of(f->code), random_float(seed, i));
        return m;
    }
    fill_codes(data, rows * w->row_bytes, seed);
    size_t size = carat_dtype_size(scale_dtype), n = rows * w->groups;
    uint8_t *scale = fenced(&m, 1, n * size);
    for (size_t i = 0; i < n; i++)
        put_float(scale + i * size, scale_dtype, 0.01f + 0.01f * (float)carat_random_unit(seed + 1, i));
    w->scale = scale;
    w->scale_dtype = scale_dtype;
    return m;
}

void test_matrix_free(test_matrix *m)
{
    for (int i = 0; i < 2; i++)
        if (m->map[i])
            munmap(m->map[i], m->map_bytes[i]);
    *m = (test_matrix){0};
}

void test_floats(float *x, size_t n, float size, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = size * random_float(seed, i);
}

carat_act test_act(const carat_kernels *k, carat_form form, size_t cols, size_t n, const float *x)
{
    void *mem = carat_alloc(carat_act_bytes(form, cols, n), 1, NULL);
    must(mem != NULL, "act");
    carat_act a = carat_act_carve(form, cols, n, mem);
    if (form.order == CARAT_ORDER_FLOAT)
        memcpy(a.f, x, n * cols * sizeof *x);
    else
        for (size_t t = 0; t < n; t++)
            k->quantize(x + t * cols, &a, t);
    return a;
}

void test_act_free(carat_act *a)
{
    carat_free(a->q ? (void *)a->q : (void *)a->f);
}
