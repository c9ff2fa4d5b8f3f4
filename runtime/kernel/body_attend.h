/* Attention, written once in the words of <isa>_vec.h.                             SPDX-License-Identifier: Apache-2.0
 *
 * Online softmax over tiles of 64 keys (Milakov and Gimelshein 2018; Dao et al. 2022), the tiles at fixed positions: [0, 64), [64, 128) ...
 * A row is one query of one head; up to ROWS rows that share a KV head go through a tile together, so that K and V are read
 * once for them. Nothing that one row computes depends on its neighbours: keys it may not see weigh exactly 0, and blocking
 * changes which products are made at the same time, never the order within a sum. */
#include <math.h>
#include <string.h>

#include "runtime/kernel/attend.h"
#include "runtime/kernel/body_math.h"
#include "runtime/kernel/ref.h"

enum {
    TILE = CARAT_ATTEND_TILE,
    ROWS = CARAT_ATTEND_ROWS,
    KEYS = 4,          /* of a score block: V_ROWS x KEYS sums in registers */
    VECS = 4,          /* of a block of the result: V_ROWS x VECS sums in registers */
    PACK = 3 * V_ROWS, /* more rows than this: K and V pass through a packed copy that stays in L1 */
};
_Static_assert(ROWS % V_ROWS == 0, "whole blocks");
_Static_assert(CARAT_ATTEND_PANEL >= VECS * W, "a panel of V fits its scratch");

typedef struct group {
    size_t n, dim;
    size_t ld_score, ld_sum;
    const float *q[ROWS];
    size_t first[ROWS], end[ROWS]; /* the positions a row sees */
    float most[ROWS], total[ROWS]; /* running maximum, and sum of weights */
    float keep[ROWS];              /* what the tile at hand leaves of older sums */
    float *score, *sum;            /* [n][ld_score], [n][ld_sum] */
    float *pack;
} group;

/* Keys base + [j0, j1) of a tile. All 64 pointers are valid, whatever j0 and j1 are. */
typedef struct tile {
    size_t base, j0, j1;
    const float *k[TILE], *v[TILE];
} tile;

static void tile_at(const carat_attention *a, size_t kv_head, size_t base, const group *g, tile *out)
{
    size_t lo = SIZE_MAX, hi = 0, pitch = a->kv_heads * a->dim;
    for (size_t i = 0; i < g->n; i++) {
        lo = g->first[i] < lo ? g->first[i] : lo;
        hi = g->end[i] > hi ? g->end[i] : hi;
    }
    out->base = base;
    out->j0 = lo > base ? lo - base : 0;
    out->j1 = hi - base < TILE ? hi - base : TILE;
    size_t slot = base % a->slots;
    for (size_t j = 0; j < TILE; j++) {
        out->k[j] = a->k + slot * pitch + kv_head * a->dim;
        out->v[j] = a->v + slot * pitch + kv_head * a->dim;
        slot = slot + 1 == a->slots ? 0 : slot + 1;
    }
}

/* score[i][j] = q[i] . k[j] for KEYS keys: W partial sums along dim, folded at the end. */
static inline __attribute__((always_inline)) void
score_block(size_t rows, const float *const *q, const float *const *k, size_t dim, float *score, size_t ld)
{
    vec sum[V_ROWS][KEYS];
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < KEYS; j++)
            sum[i][j] = v_set1(0);
    size_t d = 0;
    for (; d + W <= dim; d += W) {
        vec x[V_ROWS];
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++)
            x[i] = v_load(q[i] + d);
#pragma GCC unroll 8
        for (int j = 0; j < KEYS; j++) {
            vec y = v_load(k[j] + d);
#pragma GCC unroll 8
            for (size_t i = 0; i < rows; i++)
                sum[i][j] = v_fma(x[i], y, sum[i][j]);
        }
    }
    if (d < dim)
#pragma GCC unroll 8
        for (int j = 0; j < KEYS; j++) {
            vec y = v_load_n(k[j] + d, dim - d);
#pragma GCC unroll 8
            for (size_t i = 0; i < rows; i++)
                sum[i][j] = v_fma(v_load_n(q[i] + d, dim - d), y, sum[i][j]);
        }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
        v_sum4(score + i * ld, sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
}

/* The scores of a group with one block of keys, V_ROWS rows at a time, then two, then one. */
static void score_keys(const group *g, const float *const *k, float *score)
{
    size_t i = 0, ld = g->ld_score;
    for (; i + V_ROWS <= g->n; i += V_ROWS)
        score_block(V_ROWS, g->q + i, k, g->dim, score + i * ld, ld);
    for (; i + 2 <= g->n; i += 2)
        score_block(2, g->q + i, k, g->dim, score + i * ld, ld);
    if (i < g->n)
        score_block(1, g->q + i, k, g->dim, score + i * ld, ld);
}

/* Scores of a tile, from j0 rounded down to whole blocks of keys. score: column 0 of the tile. */
static void score_tile(const group *g, const tile *t, float *score)
{
    for (size_t j = t->j0 / KEYS * KEYS; j < t->j1; j += KEYS)
        score_keys(g, t->k + j, score + j);
}

/* Columns [d, d + vectors) of the result, and where those of V begin: v[j] + off. */
typedef struct panel {
    const float *const *v;
    const float *score; /* column 0 of the tile */
    size_t off, d, j0, j1;
    size_t tail; /* lanes of the last vector */
} panel;

/* sum[i] = keep[i] * sum[i] + score[i] V for rows from i0 on, `vecs` vectors wide. */
static inline __attribute__((always_inline)) void mix_block(size_t rows, int vecs, bool partial,
                                                            const group *g, size_t i0, const panel *s)
{
    vec sum[V_ROWS][VECS];
    size_t ld = g->ld_sum, lp = g->ld_score;
    float *out = g->sum + i0 * ld + s->d;
    const float *p = s->score + i0 * lp;
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int u = 0; u < vecs; u++)
            sum[i][u] = v_mul(v_load(out + i * ld + u * W), v_set1(g->keep[i0 + i]));
    for (size_t j = s->j0; j < s->j1; j++) {
        const float *v = s->v[j] + s->off;
        vec y[VECS];
#pragma GCC unroll 8
        for (int u = 0; u < vecs; u++)
            y[u] = partial ? v_load_n(v + u * W, s->tail) : v_load(v + u * W);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            vec x = v_set1(p[i * lp + j]);
#pragma GCC unroll 8
            for (int u = 0; u < vecs; u++)
                sum[i][u] = v_fma(x, y[u], sum[i][u]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int u = 0; u < vecs; u++)
            v_store(out + i * ld + u * W, sum[i][u]);
}

static inline __attribute__((always_inline)) void mix_panel(int vecs, bool partial, const group *g,
                                                            const panel *s)
{
    size_t i = 0;
    for (; i + V_ROWS <= g->n; i += V_ROWS)
        mix_block(V_ROWS, vecs, partial, g, i, s);
    for (; i + 2 <= g->n; i += 2)
        mix_block(2, vecs, partial, g, i, s);
    if (i < g->n)
        mix_block(1, vecs, partial, g, i, s);
}

static void mix_tile(const group *g, const tile *t, const float *score)
{
    panel s = {.v = t->v, .score = score, .j0 = t->j0, .j1 = t->j1};
    for (; s.d + VECS * W <= g->dim; s.d += VECS * W) {
        s.off = s.d;
        mix_panel(VECS, false, g, &s);
    }
    for (; s.d + W <= g->dim; s.d += W) {
        s.off = s.d;
        mix_panel(1, false, g, &s);
    }
    s.off = s.d;
    s.tail = g->dim - s.d;
    if (s.tail)
        mix_panel(1, true, g, &s);
}

/* Scores of row i in a tile -> weights exp(score - maximum), 0 where the row does not see; all 64 columns, so that the sum
 * has one order whatever is visible. */
static void soften(group *g, size_t i, size_t base)
{
    float *s = g->score + i * g->ld_score;
    size_t from = g->first[i] > base ? g->first[i] - base : 0, to = g->end[i] > base ? g->end[i] - base : 0;
    if (to > TILE)
        to = TILE;
    g->keep[i] = 1;
    if (from >= to) {
        memset(s, 0, TILE * sizeof *s);
        return;
    }
    for (size_t j = 0; j < from; j++)
        s[j] = -INFINITY;
    for (size_t j = to; j < TILE; j++)
        s[j] = -INFINITY;

    float lane[W], most = g->most[i];
    vec m = v_set1(most);
    for (size_t j = 0; j < TILE; j += W)
        m = v_max(m, v_load(s + j));
    v_store(lane, m);
    for (int j = 0; j < W; j++)
        most = lane[j] > most ? lane[j] : most;

    vec top = v_set1(most), sum = v_set1(0);
    for (size_t j = 0; j < TILE; j += W) {
        vec e = v_exp(v_sub(v_load(s + j), top));
        sum = v_add(sum, e);
        v_store(s + j, e);
    }
    v_store(lane, v_exp(v_set1(g->most[i] - most)));
    g->keep[i] = lane[0];
    g->total[i] = g->total[i] * lane[0] + v_sum(sum);
    g->most[i] = most;
}

/* Rows [r0, r0 + n) of a KV head, counted query by query: row r is query t0 + r / share, head r % share of those that share. */
static void group_at(const carat_attention *a, size_t kv_head, size_t r0, size_t n, group *g)
{
    size_t share = a->heads / a->kv_heads;
    g->n = n;
    g->dim = a->dim;
    for (size_t i = 0; i < n; i++) {
        size_t t = (r0 + i) / share, h = kv_head * share + (r0 + i) % share, p = a->pos + t;
        g->q[i] = a->q + (t * a->heads + h) * a->dim;
        g->end[i] = p + 1;
        g->first[i] = a->window && p + 1 > a->window ? p + 1 - a->window : 0;
        g->most[i] = -INFINITY;
        g->total[i] = 0;
        g->keep[i] = 1;
    }
    memset(g->sum, 0, n * g->ld_sum * sizeof *g->sum);
}

static void write_row(const carat_attention *a, const group *g, size_t i, float by)
{
    float *out = a->out + (g->q[i] - a->q);
    const float *sum = g->sum + i * g->ld_sum;
    vec f = v_set1(by);
    size_t d = 0;
    for (; d + W <= g->dim; d += W)
        v_store(out + d, v_div(v_load(sum + d), f));
    if (d < g->dim)
        v_store_n(out + d, v_div(v_load(sum + d), f), g->dim - d);
}

void SET(attend)(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch)
{
    if (a->round_bf16) {
        carat_ref_attend(a, kv_head, t0, t1, scratch);
        return;
    }
    size_t share = a->heads / a->kv_heads, end = t1 * share;
    group g = {.ld_score = TILE, .ld_sum = carat_attend_pitch(a->dim)};
    tile t;
    g.score = scratch;
    g.sum = g.score + ROWS * TILE;
    for (size_t r = t0 * share; r < end; r += ROWS) {
        group_at(a, kv_head, r, end - r < ROWS ? end - r : ROWS, &g);
        size_t last = g.end[g.n - 1];
        for (size_t base = g.first[0] / TILE * TILE; base < last; base += TILE) {
            tile_at(a, kv_head, base, &g, &t);
            score_tile(&g, &t, g.score);
            for (size_t i = 0; i < g.n; i++)
                soften(&g, i, base);
            mix_tile(&g, &t, g.score);
        }
        for (size_t i = 0; i < g.n; i++)
            write_row(a, &g, i, g.total[i]);
    }
}
