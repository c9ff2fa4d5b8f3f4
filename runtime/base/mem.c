/* Memory: overflow-checked sizes, aligned blocks, arenas.                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool carat_mul(size_t a, size_t b, size_t *out)
{
    bool ok = !__builtin_mul_overflow(a, b, out);
    if (!ok)
        *out = SIZE_MAX;
    return ok;
}

bool carat_add(size_t a, size_t b, size_t *out)
{
    bool ok = !__builtin_add_overflow(a, b, out);
    if (!ok)
        *out = SIZE_MAX;
    return ok;
}

bool carat_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    bool ok = !__builtin_mul_overflow(a, b, out);
    if (!ok)
        *out = UINT64_MAX;
    return ok;
}

void *carat_alloc(size_t n, size_t size, carat_err *err)
{
    size_t bytes, padded;
    if (!carat_mul(n, size, &bytes) || !carat_add(bytes, CARAT_ALIGN, &padded)) {
        carat_fail(err, CARAT_ENOMEM, "%zu x %zu bytes of memory are more than an address can hold", n, size);
        return NULL;
    }
    void *p = aligned_alloc(CARAT_ALIGN, padded / CARAT_ALIGN * CARAT_ALIGN);
    if (!p) {
        carat_fail(err, CARAT_ENOMEM, "out of memory: %zu bytes asked for", bytes);
        return NULL;
    }
    memset(p, 0, bytes);
    return p;
}

void carat_free(void *p)
{
    free(p);
}

void *carat_reserve(size_t bytes, carat_err *err)
{
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED)
        return p;
    carat_fail(err, CARAT_ENOMEM, "out of memory: %zu bytes asked for", bytes);
    return NULL;
}

void carat_unreserve(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes ? bytes : 1);
}

carat_status carat_grow(void **p, size_t *cap, size_t need, size_t size, carat_err *err)
{
    if (need <= *cap)
        return CARAT_OK;
    size_t wanted = *cap < 8 ? 8 : *cap + *cap / 2, bytes;
    if (wanted < need)
        wanted = need;
    if (!carat_mul(wanted, size, &bytes))
        return carat_fail(err, CARAT_ENOMEM, "%zu x %zu bytes of memory are more than an address can hold",
                          wanted, size);
    void *q = realloc(*p, bytes);
    if (!q)
        return carat_fail(err, CARAT_ENOMEM, "out of memory: %zu bytes asked for", bytes);
    *p = q;
    *cap = wanted;
    return CARAT_OK;
}

/* ---- arenas -------------------------------------------------------------------------------------------- */

enum { BLOCK_BYTES = 1 << 16, ARENA_ALIGN = 16 };

struct carat_arena_block {
    struct carat_arena_block *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

void *carat_arena_alloc(carat_arena *a, size_t n, size_t size, carat_err *err)
{
    size_t bytes, need;
    if (!carat_mul(n, size, &bytes) ||
        !carat_add(bytes, ARENA_ALIGN + sizeof(struct carat_arena_block), &need)) {
        carat_fail(err, CARAT_ENOMEM, "%zu x %zu bytes of memory are more than an address can hold", n, size);
        return NULL;
    }
    bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct carat_arena_block *b = a->head;
    if (!b || b->cap - b->used < bytes) {
        size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        b = calloc(1, sizeof *b + cap);
        if (!b) {
            carat_fail(err, CARAT_ENOMEM, "out of memory: %zu bytes asked for", cap);
            return NULL;
        }
        b->cap = cap;
        b->next = a->head;
        a->head = b;
    }
    void *p = b->bytes + b->used;
    b->used += bytes;
    return p;
}

char *carat_arena_copy(carat_arena *a, const char *s, size_t len, carat_err *err)
{
    char *p = carat_arena_alloc(a, len + 1, 1, err);
    if (p)
        memcpy(p, s, len);
    return p;
}

void carat_arena_free(carat_arena *a)
{
    while (a->head) {
        struct carat_arena_block *b = a->head;
        a->head = b->next;
        free(b);
    }
}

void *carat_carve(carat_carver *c, uint64_t n, uint64_t size)
{
    uint64_t bytes;
    if (!carat_mul_u64(n, size, &bytes) || bytes > INT64_MAX - CARAT_ALIGN - c->used) {
        c->overflow = true;
        return NULL;
    }
    void *p = c->base ? c->base + c->used : NULL;
    c->used += (bytes + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
    return p;
}
