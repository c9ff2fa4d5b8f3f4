/* The mixture of a tile's values: sum = keep * sum + weights V.                    SPDX-License-Identifier: Apache-2.0
 *
 * A few rows, as in decoding, read V in the order in which it lies in memory. For many, as in reading a prompt, V becomes panels of
 * floats first, and the rest is a small matrix product (Goto and van de Geijn 2008). Every sum runs over the keys in order. */
#ifndef CARAT_KERNEL_BODY_ATTEND_MIX_H
#define CARAT_KERNEL_BODY_ATTEND_MIX_H

#include "runtime/kernel/body_attend_tile.h"

enum {
    NEAR = 16 * 1024, /* bytes of V that few rows pass over together */
    MANY = 20,        /* rows for which it pays to lay out V as floats */
    M_ROWS = 6,       /* of a block of many: M_ROWS x PANEL sums in registers */
    M_VECS = PANEL / W,
    V_PANEL = CARAT_ATTEND_PANEL_FLOATS
};
_Static_assert(PANEL % W == 0 && ROWS % M_ROWS == 0, "whole vectors and blocks");

/* ---- few rows ------------------------------------------------------------------------------------------------- */

/* Columns from d on of the result; keys [j0, j1). */
typedef struct patch {
    const tile *t;
    size_t d;
    size_t tail; /* lanes of a single vector; 0: all */
    size_t j0, j1;
    const uint8_t *soon; /* the next tile of K, from where nothing has asked for it; NULL: there is none */
    bool first;          /* they are the tile's first: what was there is scaled by keep */
} patch;

/* sum[i] = keep[i] * sum[i] + weight[i] V for rows from i0 on, `vecs` vectors wide. */
static inline __attribute__((always_inline)) void mix_block(carat_kv type, size_t rows, size_t vecs,
                                                            const group *g, size_t i0, const patch *s)
{
    vec sum[F_ROWS][V_COLS];
    size_t ld = g->ld_sum;
    float *out = g->sum + i0 * ld + s->d;
    const float *p = g->score + i0 * TILE;
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < vecs; u++)
            sum[i][u] = v_load(out + i * ld + u * W);
    if (s->first)
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (size_t u = 0; u < vecs; u++)
                sum[i][u] = v_mul(sum[i][u], v_set1(g->keep[i0 + i]));
    for (size_t j = s->j0; j < s->j1; j++) {
        const uint8_t *v = s->t->v[j];
        vec y[V_COLS];
        if (i0 == 0 && s->soon) {
            const uint8_t *soon = s->soon + (j - s->j0) * vecs * W * kv_size(type);
            __builtin_prefetch(soon, 0, 2);
            if (vecs * W * kv_size(type) > LINE)
                __builtin_prefetch(soon + LINE, 0, 2);
        }
#pragma GCC unroll 8
        for (size_t u = 0; u < vecs; u++)
            y[u] = vecs == 1 && s->tail ? kv_load_n(type, v, s->d, s->tail) : kv_load(type, v, s->d + u * W);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            vec x = v_set1(p[i * TILE + j]);
#pragma GCC unroll 8
            for (size_t u = 0; u < vecs; u++)
                sum[i][u] = v_fma(x, y[u], sum[i][u]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < vecs; u++)
            v_store(out + i * ld + u * W, sum[i][u]);
}

static inline __attribute__((always_inline)) void mix_patch(carat_kv type, size_t vecs, const group *g,
                                                            patch *s)
{
    size_t i = 0;
    for (; i + F_ROWS <= g->n; i += F_ROWS)
        mix_block(type, F_ROWS, vecs, g, i, s);
    for (; i + 2 <= g->n; i += 2)
        mix_block(type, 2, vecs, g, i, s);
    if (i < g->n)
        mix_block(type, 1, vecs, g, i, s);
    s->soon += s->soon ? (s->j1 - s->j0) * vecs * W * kv_size(type) : 0;
}

/* A few keys at a time with all of their columns, so that V is read once and in order; it is widened as it is read. */
static inline __attribute__((always_inline)) void mix_few(carat_kv type, const group *g, const tile *t)
{
    size_t dim = g->a->dim, bytes = dim * kv_size(type), near = (NEAR + bytes - 1) / bytes;
    patch s = {.t = t, .first = true, .soon = t->more ? t->k[t->j0] + TILE * bytes : NULL};
    for (s.j0 = t->j0; s.j0 < t->j1; s.j0 = s.j1) {
        s.j1 = lesser(s.j0 + near, t->j1);
        s.tail = 0;
        for (s.d = 0; s.d + V_COLS * W <= dim; s.d += V_COLS * W)
            mix_patch(type, V_COLS, g, &s);
        for (; s.d + 2 * W <= dim; s.d += 2 * W)
            mix_patch(type, 2, g, &s);
        for (; s.d + W <= dim; s.d += W)
            mix_patch(type, 1, g, &s);
        s.tail = dim - s.d;
        if (s.tail)
            mix_patch(type, 1, g, &s);
        s.first = false;
    }
}

/* ---- many rows ------------------------------------------------------------------------------------------------ */

/* Keys [j0, j1) of V -> to[panel][key][column], columns behind dim 0. */
static inline __attribute__((always_inline)) void pack_values(carat_kv type, const tile *t, size_t dim,
                                                              float *to)
{
    for (size_t j = t->j0; j < t->j1; j++)
        for (size_t d = 0; d < dim; d += PANEL) {
            float *at = to + d / PANEL * V_PANEL + j * PANEL;
#pragma GCC unroll 8
            for (size_t u = 0; u < PANEL; u += W)
                v_store(at + u, d + u + W <= dim ? kv_load(type, t->v[j], d + u)
                                : d + u < dim    ? kv_load_n(type, t->v[j], d + u, dim - d - u)
                                                 : v_set1(0));
        }
}

/* sum[i] = keep[i] * sum[i] + weight[i] V for rows from i0 on and the columns of a panel. */
static inline __attribute__((always_inline)) void mix_panel(size_t rows, const group *g, const tile *t,
                                                            size_t i0, const float *v, float *sum)
{
    vec s[M_ROWS][M_VECS];
    size_t ld = g->ld_sum;
    const float *p = g->score + i0 * TILE;
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            s[i][u] = v_mul(v_load(sum + i * ld + u * W), v_set1(g->keep[i0 + i]));
    for (size_t j = t->j0; j < t->j1; j++) {
        vec y[M_VECS];
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            y[u] = v_load(v + j * PANEL + u * W);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            vec x = v_set1(p[i * TILE + j]);
#pragma GCC unroll 8
            for (size_t u = 0; u < M_VECS; u++)
                s[i][u] = v_fma(x, y[u], s[i][u]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            v_store(sum + i * ld + u * W, s[i][u]);
}

/* The columns of a panel of all rows. */
static void mix_rows(const group *g, const tile *t, const float *v, float *sum)
{
    size_t i = 0;
    for (; i + M_ROWS <= g->n; i += M_ROWS)
        mix_panel(M_ROWS, g, t, i, v, sum + i * g->ld_sum);
    for (; i + 2 <= g->n; i += 2)
        mix_panel(2, g, t, i, v, sum + i * g->ld_sum);
    if (i < g->n)
        mix_panel(1, g, t, i, v, sum + i * g->ld_sum);
}

static inline __attribute__((always_inline)) void mix_many(carat_kv type, const group *g, const tile *t)
{
    size_t dim = g->a->dim;
    pack_values(type, t, dim, g->packed);
    for (size_t d = 0; d < dim; d += PANEL)
        mix_rows(g, t, g->packed + d / PANEL * V_PANEL, g->sum + d);
}

/* ---- both ----------------------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void mix_as(carat_kv type, const group *g, const tile *t)
{
    if (g->n < MANY)
        mix_few(type, g, t);
    else
        mix_many(type, g, t);
}

static void mix_tile(const group *g, const tile *t)
{
    switch (g->a->kv) {
    case CARAT_KV_BF16:
        mix_as(CARAT_KV_BF16, g, t);
        break;
    case CARAT_KV_F16:
        mix_as(CARAT_KV_F16, g, t);
        break;
    case CARAT_KV_INT8:
        mix_as(CARAT_KV_INT8, g, t);
        break;
    default:
        mix_as(CARAT_KV_F32, g, t);
    }
}

#endif
