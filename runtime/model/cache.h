/* Keys and values of one timeline: how they lie in memory, and what attention reads.  SPDX-License-Identifier: Apache-2.0
 *
 * Sliding layers keep a ring of their window and the rows of a pass, full layers every position; layers that share K/V own
 * nothing. Nobody else knows how a row is stored. */
#ifndef CARAT_MODEL_CACHE_H
#define CARAT_MODEL_CACHE_H

#include "runtime/base/mem.h"
#include "runtime/kernel/kernel.h"
#include "runtime/model/config.h"

/* What the caches of a session have in common. */
typedef struct carat_cache_shape {
    const carat_config *config;
    const carat_kernels *kern; /* for storing rows; NULL while only prices are asked for */
    carat_kv type;
    size_t slots[2]; /* positions held: by sliding layers (a ring), by full layers; multiples of 64 */
} carat_cache_shape;

typedef struct carat_cache {
    const carat_cache_shape *shape;
    carat_kv_rows *k, *v; /* [layers], empty for layers that own none */
} carat_cache;

/* Room for `context` positions, passes of at most `rows` of them. */
carat_cache_shape carat_cache_shape_of(const carat_config *g, carat_kv type, size_t context, size_t rows);
void carat_cache_carve(carat_cache *c, const carat_cache_shape *shape, carat_carver *v);
/* Stores one position of a layer that owns K/V: k, v [kv_heads][dim], as attention is to see them. */
void carat_cache_put(const carat_cache *c, uint32_t layer, size_t pos, const float *k, const float *v);
/* Where attention of `layer` reads: fills kv, k, v and slots. Layers that share K/V see those of their source. */
void carat_cache_view(const carat_cache *c, uint32_t layer, carat_attention *a);
/* Bytes that attention reads to decode at a depth of n positions, all layers together. */
uint64_t carat_cache_read_bytes(const carat_cache_shape *shape, size_t n);
/* The first position that sliding layers still hold when [0, n) have been written. */
size_t carat_cache_low(const carat_cache_shape *shape, size_t n);
/* Copies positions [0, n), on sliding layers only those from `low` on. Both caches have one shape. */
void carat_cache_copy(const carat_cache *from, const carat_cache *to, size_t low, size_t n);

#endif
