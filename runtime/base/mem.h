/* Memory: overflow-checked sizes, aligned blocks, arenas.                         SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_BASE_MEM_H
#define CARAT_BASE_MEM_H

#include "runtime/base/err.h"

enum { CARAT_ALIGN = 64 }; /* of every block: a cache line, and the widest vector register */

/* a * b and a + b; false on overflow (then *out is SIZE_MAX). */
bool carat_mul(size_t a, size_t b, size_t *out);
bool carat_add(size_t a, size_t b, size_t *out);
/* Product of n factors into *out, with the same rule; for u64 shapes. */
bool carat_mul_u64(uint64_t a, uint64_t b, uint64_t *out);

/* n x size bytes, zeroed, aligned to CARAT_ALIGN; NULL and err on overflow or when memory is out. Never NULL
 * for 0. */
void *carat_alloc(size_t n, size_t size, carat_err *err);
void carat_free(void *p); /* frees what carat_alloc gave; accepts NULL */
/* Zeroed pages that cost memory only once they are written; NULL and err when the address space is out. */
void *carat_reserve(size_t bytes, carat_err *err);
void carat_unreserve(void *p, size_t bytes); /* accepts NULL */
/* Grows *p (from carat_grow only, start with NULL / 0) to hold at least `need` elements; contents are kept.
 */
carat_status carat_grow(void **p, size_t *cap, size_t need, size_t size, carat_err *err);

/* One block for many things: walked twice, first without a base, which only counts, then with one, which hands out
 * pointers. Each piece is aligned to CARAT_ALIGN; what does not fit an address leaves `overflow`. */
typedef struct carat_carver {
    uint8_t *base;
    uint64_t used;
    bool overflow;
} carat_carver;
void *carat_carve(carat_carver *c, uint64_t n, uint64_t size); /* NULL without a base */

/* Things that die together. Zero-initialise; no free of single pieces. */
typedef struct carat_arena {
    struct carat_arena_block *head;
} carat_arena;
void *carat_arena_alloc(carat_arena *a, size_t n, size_t size, carat_err *err);    /* zeroed, 16-aligned */
char *carat_arena_copy(carat_arena *a, const char *s, size_t len, carat_err *err); /* NUL-terminated */
void carat_arena_free(carat_arena *a);

#endif
