/* The KV cache of one timeline: a ring of positions for each layer that owns K/V, each head's rows side by side.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/cache.h"

#include <string.h>

enum { RING = 64 /* tiles of keys lie at multiples of it */ };

static size_t ring(size_t positions)
{
    return (positions + RING - 1) / RING * RING;
}

carat_cache_shape carat_cache_shape_of(const carat_config *g, carat_kv type, size_t context, size_t rows)
{
    size_t sliding = (size_t)g->window - 1 + rows;
    return (carat_cache_shape){
        .config = g, .type = type, .slots = {ring(context < sliding ? context : sliding), ring(context)}};
}

static carat_kv_rows carve_rows(carat_kv type, uint64_t rows, uint64_t dim, carat_carver *v)
{
    carat_kv_rows r = {carat_carve(v, rows * dim, carat_kv_size(type)), NULL};
    if (type == CARAT_KV_INT8)
        r.scale = carat_carve(v, rows, sizeof *r.scale);
    return r;
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
        uint64_t rows = (uint64_t)shape->slots[layer->full] * layer->kv_heads;
        carat_kv_rows key = carve_rows(shape->type, rows, layer->head_dim, v);
        carat_kv_rows value = carve_rows(shape->type, rows, layer->head_dim, v);
        if (c->k) {
            c->k[l] = key;
            c->v[l] = value;
        }
    }
}

static void put_row(const carat_cache_shape *s, const carat_kv_rows *to, size_t row, const float *x,
                    size_t dim)
{
    uint8_t *data = (uint8_t *)to->data + row * dim * carat_kv_size(s->type);
    s->kern->kv_put(s->type, x, dim, data, to->scale ? to->scale + row : NULL);
}

void carat_cache_put(const carat_cache *c, uint32_t l, size_t pos, const float *k, const float *v)
{
    const carat_layer *layer = &c->shape->config->layer[l];
    size_t slots = c->shape->slots[layer->full], dim = layer->head_dim;
    for (size_t h = 0; h < layer->kv_heads; h++) {
        size_t row = h * slots + pos % slots;
        put_row(c->shape, &c->k[l], row, k + h * dim, dim);
        put_row(c->shape, &c->v[l], row, v + h * dim, dim);
    }
}

void carat_cache_view(const carat_cache *c, uint32_t l, carat_attention *a)
{
    const carat_layer *layer = &c->shape->config->layer[l];
    a->kv = c->shape->type;
    a->k = c->k[layer->kv_source];
    a->v = c->v[layer->kv_source];
    a->slots = c->shape->slots[layer->full];
}

uint64_t carat_cache_read_bytes(const carat_cache_shape *s, size_t n)
{
    const carat_config *g = s->config;
    uint64_t bytes = 0, scale = s->type == CARAT_KV_INT8 ? sizeof(float) : 0;
    for (uint32_t l = 0; l < g->layers; l++) {
        const carat_layer *layer = &g->layer[l];
        uint64_t keys = layer->full || n < g->window ? n : g->window;
        bytes += 2 * keys * layer->kv_heads * (layer->head_dim * carat_kv_size(s->type) + scale);
    }
    return bytes;
}

size_t carat_cache_low(const carat_cache_shape *shape, size_t n)
{
    return n > shape->slots[0] ? n - shape->slots[0] : 0;
}

/* Positions [first, n) of one head, `size` bytes each, in runs that do not cross the end of the ring. */
static void copy_run(const uint8_t *from, uint8_t *to, size_t slots, size_t size, size_t first, size_t n)
{
    for (size_t p = first; p < n;) {
        size_t slot = p % slots, run = slots - slot < n - p ? slots - slot : n - p;
        memcpy(to + slot * size, from + slot * size, run * size);
        p += run;
    }
}

static void copy_rows(const carat_cache_shape *s, const carat_layer *layer, const carat_kv_rows *from,
                      const carat_kv_rows *to, size_t low, size_t n)
{
    size_t slots = s->slots[layer->full], size = layer->head_dim * carat_kv_size(s->type);
    size_t first = layer->full ? 0 : low;
    for (size_t h = 0; h < layer->kv_heads; h++) {
        size_t head = h * slots;
        copy_run((const uint8_t *)from->data + head * size, (uint8_t *)to->data + head * size, slots, size,
                 first, n);
        if (from->scale)
            copy_run((const uint8_t *)(from->scale + head), (uint8_t *)(to->scale + head), slots,
                     sizeof(float), first, n);
    }
}

void carat_cache_copy(const carat_cache *from, const carat_cache *to, size_t low, size_t n)
{
    const carat_config *g = from->shape->config;
    for (uint32_t l = 0; l < g->layers; l++) {
        const carat_layer *layer = &g->layer[l];
        if (layer->shared)
            continue;
        copy_rows(from->shape, layer, &from->k[l], &to->k[l], low, n);
        copy_rows(from->shape, layer, &from->v[l], &to->v[l], low, n);
    }
}
