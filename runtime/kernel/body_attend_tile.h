/* What attention works on: a group of rows and a tile of keys.                     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_BODY_ATTEND_TILE_H
#define CARAT_KERNEL_BODY_ATTEND_TILE_H

#include "runtime/kernel/attend.h"
#include "runtime/kernel/body_kv.h"
#include "runtime/kernel/body_math.h"

enum {
    TILE = CARAT_ATTEND_TILE,
    ROWS = CARAT_ATTEND_ROWS,
    PANEL = CARAT_ATTEND_PANEL,
    SPLIT = CARAT_ATTEND_SPLIT,
    LINE = 64,
    F_ROWS = 4 /* of a block: F_ROWS x V_COLS sums in registers */
};

typedef struct group {
    const carat_attention *a;
    size_t kv_head;
    size_t n; /* rows */
    size_t ld_sum;
    const float *q[ROWS];
    size_t first[ROWS], end[ROWS]; /* the positions a row sees */
    float most[ROWS], total[ROWS]; /* running maximum, and sum of weights */
    float keep[ROWS];              /* what the tile at hand leaves of older sums */
    float *score;                  /* [n][TILE] */
    float *sum;                    /* row i at sum + i * ld_sum, padded to whole panels */
    float *packed;                 /* V of the tile at hand: [panels][TILE + 1][PANEL] */
} group;

/* Keys base + [j0, j1). All 64 pointers are valid, whatever j0 and j1 are. */
typedef struct tile {
    size_t base, j0, j1;
    bool more; /* another tile follows */
    const uint8_t *k[TILE], *v[TILE];
    float k_scale[TILE], v_scale[TILE]; /* INT8: 0 outside [j0, j1) */
} tile;

static inline size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Slots from `slot` on become the tile's keys from j on; as many as there are before the ring or the tile ends. */
static size_t tile_run(const carat_attention *a, size_t head, size_t slot, size_t j, tile *out)
{
    size_t row = a->dim * carat_kv_size(a->kv), n = lesser(TILE - j, a->slots - slot);
    const uint8_t *k = (const uint8_t *)a->k.data + (head + slot) * row,
                  *v = (const uint8_t *)a->v.data + (head + slot) * row;
    for (size_t i = 0; i < n; i++, k += row, v += row) {
        out->k[j + i] = k;
        out->v[j + i] = v;
    }
    if (a->kv == CARAT_KV_INT8)
        for (size_t i = 0; i < n; i++) {
            bool seen = j + i >= out->j0 && j + i < out->j1;
            out->k_scale[j + i] = seen ? a->k.scale[head + slot + i] : 0;
            out->v_scale[j + i] = seen ? a->v.scale[head + slot + i] : 0;
        }
    return n;
}

static void tile_at(const group *g, size_t base, tile *out)
{
    const carat_attention *a = g->a;
    size_t lo = SIZE_MAX, hi = 0, slot = base % a->slots;
    for (size_t i = 0; i < g->n; i++) {
        lo = lesser(lo, g->first[i]);
        hi = g->end[i] > hi ? g->end[i] : hi;
    }
    out->base = base;
    out->j0 = lo > base ? lo - base : 0;
    out->j1 = lesser(hi - base, TILE);
    out->more = hi - base > TILE;
    for (size_t j = 0; j < TILE; slot = 0)
        j += tile_run(a, g->kv_head * a->slots, slot, j, out);
}

#endif
