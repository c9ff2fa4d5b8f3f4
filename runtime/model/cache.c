/* The KV cache of one timeline: f32 rows in a ring of positions for each layer that owns K/V.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/cache.h"

#include <string.h>

enum { RING = 64 /* tiles of keys lie at multiples of it */ };

static size_t ring(size_t positions)
{
    return (positions + RING - 1) / RING * RING;
}

carat_cache_shape carat_cache_shape_of(const carat_config *g, size_t context, size_t rows)
{
    size_t sliding = (size_t)g->window - 1 + rows;
    return (carat_cache_shape){g, {ring(context < sliding ? context : sliding), ring(context)}};
}

/* Floats of one position. */
static size_t width(const carat_layer *layer)
{
    return (size_t)layer->kv_heads * layer->head_dim;
}

void carat_cache_carve(carat_cache *c, const carat_cache_shape *shape, carat_carver *v)
{
    const carat_config *g = shape->config;
    c->shape = shape;
    c->k = carat_carve(v, g->layers, sizeof *c->k);
    c->v = carat_carve(v, g->layers, sizeof *c->v);
    for (uint32_t l = 0; l < g->layers; l++) {
        const carat_layer *layer = &g->layer[l];
        if (layer->shared)
            continue;
        uint64_t n = (uint64_t)shape->slots[layer->full] * width(layer);
        float *key = carat_carve(v, n, sizeof *key), *value = carat_carve(v, n, sizeof *value);
        if (c->k) {
            c->k[l] = key;
            c->v[l] = value;
        }
    }
}

void carat_cache_put(const carat_cache *c, uint32_t l, size_t pos, const float *k, const float *v)
{
    const carat_layer *layer = &c->shape->config->layer[l];
    size_t n = width(layer), slot = pos % c->shape->slots[layer->full];
    memcpy(c->k[l] + slot * n, k, n * sizeof *k);
    memcpy(c->v[l] + slot * n, v, n * sizeof *v);
}

void carat_cache_view(const carat_cache *c, uint32_t l, carat_attention *a)
{
    const carat_layer *layer = &c->shape->config->layer[l];
    a->k = c->k[layer->kv_source];
    a->v = c->v[layer->kv_source];
    a->slots = c->shape->slots[layer->full];
}

size_t carat_cache_low(const carat_cache_shape *shape, size_t n)
{
    return n > shape->slots[0] ? n - shape->slots[0] : 0;
}

/* Positions [first, n) of one layer, in runs that do not cross the end of the ring. */
static void copy_rows(const float *from, float *to, size_t slots, size_t width, size_t first, size_t n)
{
    for (size_t p = first; p < n;) {
        size_t slot = p % slots, run = slots - slot < n - p ? slots - slot : n - p;
        memcpy(to + slot * width, from + slot * width, run * width * sizeof *to);
        p += run;
    }
}

void carat_cache_copy(const carat_cache *from, const carat_cache *to, size_t low, size_t n)
{
    const carat_config *g = from->shape->config;
    for (uint32_t l = 0; l < g->layers; l++) {
        const carat_layer *layer = &g->layer[l];
        if (layer->shared)
            continue;
        size_t slots = from->shape->slots[layer->full], first = layer->full ? 0 : low;
        copy_rows(from->k[l], to->k[l], slots, width(layer), first, n);
        copy_rows(from->v[l], to->v[l], slots, width(layer), first, n);
    }
}
