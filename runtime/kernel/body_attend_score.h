/* Scores of a tile of keys: each row of queries times each of K.                   SPDX-License-Identifier: Apache-2.0
 *
 * K is widened as it is read, once for F_ROWS rows; the keys of a tile stay in L2 while all rows pass. */
#ifndef CARAT_KERNEL_BODY_ATTEND_SCORE_H
#define CARAT_KERNEL_BODY_ATTEND_SCORE_H

#include "runtime/kernel/body_attend_tile.h"

_Static_assert(F_ROWS == 4, "v_sum4 folds the sums of a block's rows");

/* Of a block. */
typedef struct operands {
    const float *const *q;
    const uint8_t *const *k;
    const uint8_t *soon; /* as many bytes that are read next; NULL: asked for already */
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

/* score[i][j] = q[i] . k[j]: W partial sums along dim, folded at the end. Asks for what comes `soon`, in the order of memory, which the hardware follows. */
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
                __builtin_prefetch(o->soon + d * size * keys + j * LINE, 0, 2);
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

/* `rows` rows from i0 on; the first ask for V, which is read next. */
static inline __attribute__((always_inline)) void score_rows(carat_kv type, size_t rows, const group *g,
                                                             const tile *t, size_t i0)
{
    size_t dim = g->a->dim, j = t->j0;
    float *score = g->score + i0 * TILE;
    operands o = {.q = g->q + i0};
    for (; j + V_COLS <= t->j1; j += V_COLS) {
        o.k = t->k + j;
        o.soon = i0 ? NULL : t->v[j];
        score_block(type, rows, V_COLS, &o, dim, score + j);
    }
    for (; j < t->j1; j++) {
        o.k = t->k + j;
        o.soon = i0 ? NULL : t->v[j];
        score_block(type, rows, 1, &o, dim, score + j);
    }
}

static inline __attribute__((always_inline)) void score_as(carat_kv type, const group *g, const tile *t)
{
    size_t i = 0;
    for (; i + F_ROWS <= g->n; i += F_ROWS)
        score_rows(type, F_ROWS, g, t, i);
    for (; i + 2 <= g->n; i += 2)
        score_rows(type, 2, g, t, i);
    if (i < g->n)
        score_rows(type, 1, g, t, i);
}

static void score_tile(const group *g, const tile *t)
{
    switch (g->a->kv) {
    case CARAT_KV_BF16:
        score_as(CARAT_KV_BF16, g, t);
        break;
    case CARAT_KV_F16:
        score_as(CARAT_KV_F16, g, t);
        break;
    case CARAT_KV_INT8:
        score_as(CARAT_KV_INT8, g, t);
        break;
    default:
        score_as(CARAT_KV_F32, g, t);
    }
}

#endif
