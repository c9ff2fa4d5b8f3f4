/* Attention of a few rows, as in decoding: K and V are widened as they are read, row after row, as they lie in memory.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_BODY_ATTEND_FEW_H
#define CARAT_KERNEL_BODY_ATTEND_FEW_H

#include "runtime/kernel/body_attend_tile.h"

enum {
    LINE = 64,
    F_ROWS = 4,     /* of a block: F_ROWS x V_COLS sums in registers */
    NEAR = 16 * 1024 /* bytes of V that stay in L1 while all rows pass */
};
_Static_assert(F_ROWS == 4, "v_sum4 folds a block's rows");

/* ---- scores --------------------------------------------------------------------------------------------------- */

/* Of a block. */
typedef struct operands {
    const float *const *q;
    const uint8_t *const *k, *const *soon; /* rows that are read next; NULL: asked for already */
} operands;

/* W columns from d on. */
static inline __attribute__((always_inline)) void score_step(carat_kv type, size_t rows, size_t keys,
                                                             const operands *o, size_t d, vec (*sum)[V_COLS])
{
    vec y[V_COLS];
#pragma GCC unroll 8
    for (size_t j = 0; j < keys; j++)
        y[j] = kv_load(type, o->k[j], d);
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++) {
        vec x = v_load(o->q[i] + d);
#pragma GCC unroll 8
        for (size_t j = 0; j < keys; j++)
            sum[i][j] = v_fma(x, y[j], sum[i][j]);
    }
}

/* score[i][j] = q[i] . k[j]: W partial sums along dim, folded at the end. Asks for the rows `soon`, if any. */
static inline __attribute__((always_inline)) void score_block(carat_kv type, size_t rows, size_t keys,
                                                              const operands *o, size_t dim, float *score)
{
    vec sum[F_ROWS][V_COLS];
    float lane[F_ROWS];
#pragma GCC unroll 8
    for (size_t i = 0; i < F_ROWS; i++)
#pragma GCC unroll 8
        for (size_t j = 0; j < keys; j++)
            sum[i][j] = v_set1(0);
    size_t d = 0, size = kv_size(type), step = LINE / size;
    for (; d + step <= dim; d += step) {
        if (o->soon)
#pragma GCC unroll 8
            for (size_t j = 0; j < keys; j++)
                __builtin_prefetch(o->soon[j] + d * size, 0, 2);
#pragma GCC unroll 16
        for (size_t e = 0; e < step; e += W)
            score_step(type, rows, keys, o, d + e, sum);
    }
    for (; d + W <= dim; d += W)
        score_step(type, rows, keys, o, d, sum);
    if (d < dim)
#pragma GCC unroll 8
        for (size_t j = 0; j < keys; j++) {
            vec y = kv_load_n(type, o->k[j], d, dim - d);
#pragma GCC unroll 8
            for (size_t i = 0; i < rows; i++)
                sum[i][j] = v_fma(v_load_n(o->q[i] + d, dim - d), y, sum[i][j]);
        }
#pragma GCC unroll 8
    for (size_t j = 0; j < keys; j++) {
        v_sum4(lane, sum[0][j], sum[1][j], sum[2][j], sum[3][j]);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++)
            score[i * TILE + j] = lane[i];
    }
}

/* Scores of all rows and `keys` keys from j on; F_ROWS rows at a time, then two, then one. */
static inline __attribute__((always_inline)) void score_keys(carat_kv type, const group *g, const tile *t,
                                                             size_t j, size_t keys)
{
    size_t i = 0, dim = g->a->dim;
    operands o = {g->q, t->k + j, t->v + j};
    float *score = g->score + j;
    for (; i + F_ROWS <= g->n; i += F_ROWS, o.q += F_ROWS, o.soon = NULL)
        score_block(type, F_ROWS, keys, &o, dim, score + i * TILE);
    for (; i + 2 <= g->n; i += 2, o.q += 2, o.soon = NULL)
        score_block(type, 2, keys, &o, dim, score + i * TILE);
    if (i < g->n)
        score_block(type, 1, keys, &o, dim, score + i * TILE);
}

static inline __attribute__((always_inline)) void score_few(carat_kv type, const group *g, const tile *t)
{
    size_t j = t->j0;
    for (; j + V_COLS <= t->j1; j += V_COLS)
        score_keys(type, g, t, j, V_COLS);
    for (; j < t->j1; j++)
        score_keys(type, g, t, j, 1);
}

/* ---- mixing --------------------------------------------------------------------------------------------------- */

/* Columns from d on of the result; keys [j0, j1). */
typedef struct patch {
    const tile *t;
    size_t d;
    size_t tail; /* lanes of a single vector; 0: all */
    size_t j0, j1;
    size_t ahead; /* bytes from a key to that of the next tile; 0: there is none */
    bool first;   /* they are the tile's first: what was there is scaled by keep */
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
        if (i0 == 0 && s->ahead) {
            const uint8_t *soon = s->t->k[j] + s->ahead + s->d * kv_size(type);
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
                                                            const patch *s)
{
    size_t i = 0;
    for (; i + F_ROWS <= g->n; i += F_ROWS)
        mix_block(type, F_ROWS, vecs, g, i, s);
    for (; i + 2 <= g->n; i += 2)
        mix_block(type, 2, vecs, g, i, s);
    if (i < g->n)
        mix_block(type, 1, vecs, g, i, s);
}

/* A few keys at a time with all of their columns, so that V is read once and in order. */
static inline __attribute__((always_inline)) void mix_few(carat_kv type, const group *g, const tile *t)
{
    size_t dim = g->a->dim, near = NEAR / (dim * kv_size(type)) + 1;
    patch s = {.t = t, .first = true, .ahead = t->more ? TILE * dim * kv_size(type) : 0};
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

#endif
