/* Attention of many rows, as in reading a prompt: K and V of a tile become panels of floats first, and the two products
 * are small matrix products (Goto and van de Geijn 2008), M_ROWS x PANEL sums in registers.
 *                                                                                  SPDX-License-Identifier: Apache-2.0
 * A score is the same sum as in body_attend_few.h: W partial sums, that of the columns d = r (mod W) for each r, folded in
 * halves; here the keys lie along the lanes, and one partial sum is made after the other. */
#ifndef CARAT_KERNEL_BODY_ATTEND_MANY_H
#define CARAT_KERNEL_BODY_ATTEND_MANY_H

#include "runtime/kernel/body_attend_tile.h"

enum { M_ROWS = 6, M_VECS = PANEL / W, LEVELS = W == 4 ? 2 : 3, V_PANEL = CARAT_ATTEND_PANEL_FLOATS };
_Static_assert(1 << LEVELS == W && PANEL % W == 0 && TILE % PANEL == 0, "whole vectors and panels");
_Static_assert(ROWS % M_ROWS == 0, "whole blocks");

/* ---- scores --------------------------------------------------------------------------------------------------- */

/* Floats from the columns of one remainder mod W to those of the next: not a power of two. */
static inline size_t stride(size_t dim)
{
    return ((dim + W - 1) / W + 1) * PANEL;
}

/* PANEL keys -> to[r][i][key] = k[key][i * W + r], zeros behind dim. */
static inline __attribute__((always_inline)) void pack_keys(carat_kv type, const uint8_t *const *k,
                                                            size_t dim, float *to)
{
    size_t ld = stride(dim);
    for (size_t i = 0; i * W < dim; i++)
        for (size_t j = 0; j < PANEL; j += W) {
            vec x[W];
            bool whole = i * W + W <= dim;
#pragma GCC unroll 8
            for (size_t u = 0; u < W; u++)
                x[u] = whole ? kv_load(type, k[j + u], i * W) : kv_load_n(type, k[j + u], i * W, dim % W);
            v_transpose(x);
#pragma GCC unroll 8
            for (size_t r = 0; r < W; r++)
                v_store(to + r * ld + i * PANEL + j, x[r]);
        }
}

typedef struct block {
    vec x[M_ROWS][M_VECS];
} block;

/* sum[i][key] = sum of q[i][d] k[key][d] over d = r, r + W ... below dim. */
static inline __attribute__((always_inline)) void partial(size_t rows, const float *const *q, const float *k,
                                                          size_t r, size_t dim, block *sum)
{
    vec s[M_ROWS][M_VECS];
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            s[i][u] = v_set1(0);
    for (size_t d = r; d < dim; d += W, k += PANEL) {
        vec y[M_VECS];
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            y[u] = v_load(k + u * W);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            vec x = v_set1(q[i][d]);
#pragma GCC unroll 8
            for (size_t u = 0; u < M_VECS; u++)
                s[i][u] = v_fma(x, y[u], s[i][u]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (size_t u = 0; u < M_VECS; u++)
            sum->x[i][u] = s[i][u];
}

static inline __attribute__((always_inline)) void add_block(size_t rows, const block *a, const block *b,
                                                            block *to)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t u = 0; u < M_VECS; u++)
            to->x[i][u] = v_add(a->x[i][u], b->x[i][u]);
}

/* score[i][key] of `rows` rows and PANEL keys. Partial sums come in the order in which halves fold: 0, 4, 2, 6, 1, 5, 3, 7. */
static inline __attribute__((always_inline)) void score_panel(size_t rows, const float *const *q,
                                                              const float *k, size_t dim, float *score)
{
    block half[LEVELS + 1];
    for (unsigned n = 0; n < W; n++) {
        size_t r = 0, level = 0;
        for (unsigned b = 1; b < W; b *= 2)
            r = r * 2 + (n / b & 1);
        block sum;
        partial(rows, q, k + r * stride(dim), r, dim, &sum);
        for (; n >> level & 1; level++)
            add_block(rows, &half[level], &sum, &sum);
        half[level] = sum;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t u = 0; u < M_VECS; u++)
            v_store(score + i * TILE + u * W, half[LEVELS].x[i][u]);
}

/* PANEL keys of all rows; score: of the first. */
static void score_rows(const group *g, size_t dim, float *score)
{
    size_t i = 0;
    for (; i + M_ROWS <= g->n; i += M_ROWS)
        score_panel(M_ROWS, g->q + i, g->packed, dim, score + i * TILE);
    for (; i + 2 <= g->n; i += 2)
        score_panel(2, g->q + i, g->packed, dim, score + i * TILE);
    if (i < g->n)
        score_panel(1, g->q + i, g->packed, dim, score + i * TILE);
}

static inline __attribute__((always_inline)) void score_many(carat_kv type, const group *g, const tile *t)
{
    size_t dim = g->a->dim;
    for (size_t j = t->j0 / PANEL * PANEL; j < t->j1; j += PANEL) {
        pack_keys(type, t->k + j, dim, g->packed);
        score_rows(g, dim, g->score + j);
    }
}

/* ---- mixing --------------------------------------------------------------------------------------------------- */

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

#endif
