/* Attention, written once in the words of <isa>_vec.h.                             SPDX-License-Identifier: Apache-2.0
 *
 * Online softmax over tiles of 64 keys (Milakov and Gimelshein 2018; Dao et al. 2022), the tiles at fixed positions: [0, 64), [64, 128) ...
 * A row is one query of one head; up to ROWS rows that share a KV head go through a tile together, so that K and V are read
 * once for them. Nothing that one row computes depends on its neighbours: keys it may not see weigh exactly 0, and blocking
 * changes which products are made at the same time, never the order within a sum. Without a window a row's sums begin anew at
 * each split and are joined afterwards.
 *
 * INT8 rows: the scale of K multiplies the finished score, that of V the weight. round_bf16: a first walk finds maximum and sum
 * of the whole row, a second one mixes the rounded probabilities. */
#include "runtime/kernel/body_attend_mix.h"
#include "runtime/kernel/body_attend_score.h"

/* What a walk over the keys does with a tile's scores. */
typedef enum stage {
    ONLINE, /* weights relative to the maximum so far, mixed at once */
    SURVEY, /* maximum and sum only */
    SETTLED /* probabilities of the whole row, rounded, mixed */
} stage;

/* ---- weights -------------------------------------------------------------------------------------------------- */

/* Row i as the walk wants it: scaled, rounded, -inf where it does not see; all 64 columns, so that sums over them have one order whatever
 * is visible. False if it sees nothing of this tile. */
static bool look(const group *g, size_t i, const tile *t)
{
    float *s = g->score + i * TILE;
    size_t from = g->first[i] > t->base ? g->first[i] - t->base : 0;
    size_t to = lesser(g->end[i] > t->base ? g->end[i] - t->base : 0, TILE);
    if (from >= to)
        return false;
    if (g->a->kv == CARAT_KV_INT8)
        for (size_t j = 0; j < TILE; j += W)
            v_store(s + j, v_mul(v_load(s + j), v_load(t->k_scale + j)));
    if (g->a->round_bf16)
        for (size_t j = 0; j < TILE; j += W)
            v_store(s + j, v_bf16(v_load(s + j)));
    for (size_t j = 0; j < from; j++)
        s[j] = -INFINITY;
    for (size_t j = to; j < TILE; j++)
        s[j] = -INFINITY;
    return true;
}

/* Scores -> weights exp(score - maximum so far); the running maximum and sum. */
static void weigh(group *g, size_t i)
{
    float *s = g->score + i * TILE, lane[W], most = g->most[i];
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

/* Scores -> rounded probabilities, once maximum and sum are known. */
static void settle(group *g, size_t i)
{
    float *s = g->score + i * TILE;
    vec top = v_set1(g->most[i]), total = v_set1(g->total[i]);
    for (size_t j = 0; j < TILE; j += W)
        v_store(s + j, v_bf16(v_div(v_exp(v_sub(v_load(s + j), top)), total)));
}

static void weigh_tile(group *g, const tile *t, stage what)
{
    for (size_t i = 0; i < g->n; i++) {
        float *s = g->score + i * TILE;
        g->keep[i] = 1;
        if (!look(g, i, t)) {
            memset(s, 0, TILE * sizeof *s);
            continue;
        }
        if (what == SETTLED)
            settle(g, i);
        else
            weigh(g, i);
        if (g->a->kv == CARAT_KV_INT8)
            for (size_t j = 0; j < TILE; j += W)
                v_store(s + j, v_mul(v_load(s + j), v_load(t->v_scale + j)));
    }
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

static group group_in(const carat_attention *a, size_t kv_head, void *scratch)
{
    float *score = scratch;
    return (group){.a = a,
                   .kv_head = kv_head,
                   .ld_sum = carat_attend_record(a->dim),
                   .score = score,
                   .packed = score + ROWS * TILE};
}

/* Rows [r0, r0 + n) of a KV head, counted query by query: row r is query r / share, head r % share of those that share. */
static void group_at(size_t r0, size_t n, group *g)
{
    const carat_attention *a = g->a;
    size_t share = a->heads / a->kv_heads;
    g->n = n;
    for (size_t i = 0; i < n; i++) {
        size_t t = (r0 + i) / share, h = g->kv_head * share + (r0 + i) % share, p = a->pos + t;
        g->q[i] = a->q + t * a->ldq + h * a->dim;
        g->end[i] = p + 1;
        g->first[i] = a->window && p + 1 > a->window ? p + 1 - a->window : 0;
    }
}

/* Only the keys in [begin, end) from here on. */
static void narrow(group *g, size_t begin, size_t end)
{
    for (size_t i = 0; i < g->n; i++) {
        g->first[i] = g->first[i] > begin ? g->first[i] : begin;
        g->end[i] = lesser(g->end[i], end);
    }
}

static void start(group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->most[i] = -INFINITY;
        g->total[i] = 0;
        memset(g->sum + i * g->ld_sum, 0, (g->ld_sum - CARAT_RECORD_HEAD) * sizeof *g->sum);
    }
}

static void walk(group *g, stage what)
{
    tile t;
    size_t last = g->end[g->n - 1];
    for (size_t base = g->first[0] / TILE * TILE; base < last; base += TILE) {
        tile_at(g, base, &t);
        score_tile(g, &t);
        weigh_tile(g, &t, what);
        if (what != SURVEY)
            mix_tile(g, &t);
    }
}

/* out = sum / by */
static void divide(const float *sum, float by, size_t dim, float *out)
{
    vec f = v_set1(by);
    size_t d = 0;
    for (; d + W <= dim; d += W)
        v_store(out + d, v_div(v_load(sum + d), f));
    if (d < dim)
        v_store_n(out + d, v_div(v_load(sum + d), f), dim - d);
}

static float *result(const group *g, size_t i)
{
    return g->a->out + (g->q[i] - g->a->q);
}

static void attend_rounded(group *g)
{
    start(g);
    walk(g, SURVEY);
    walk(g, SETTLED);
    for (size_t i = 0; i < g->n; i++) {
        const float *sum = g->sum + i * g->ld_sum;
        float *out = result(g, i);
        size_t d = 0, dim = g->a->dim;
        for (; d + W <= dim; d += W)
            v_store(out + d, v_bf16(v_load(sum + d)));
        if (d < dim)
            v_store_n(out + d, v_bf16(v_load(sum + d)), dim - d);
    }
}

static void attend_whole(group *g)
{
    start(g);
    walk(g, ONLINE);
    for (size_t i = 0; i < g->n; i++)
        divide(g->sum + i * g->ld_sum, g->total[i], g->a->dim, result(g, i));
}

/* ---- splits --------------------------------------------------------------------------------------------------- */

/* The sums of rows lie in records; most and total join them when the walk is over. */
static void attend_split(group *g, size_t split, float *records)
{
    group part = *g;
    part.sum = records + CARAT_RECORD_HEAD;
    narrow(&part, split * SPLIT, (split + 1) * SPLIT);
    start(&part);
    walk(&part, ONLINE);
    for (size_t i = 0; i < g->n; i++) {
        float *r = records + i * g->ld_sum;
        r[CARAT_RECORD_MOST] = part.most[i];
        r[CARAT_RECORD_TOTAL] = part.total[i];
        r[CARAT_RECORD_SEEN] = part.first[i] < part.end[i];
    }
}

void SET(attend_join)(float *first, const float *next, size_t dim)
{
    if (!(next[CARAT_RECORD_SEEN] > 0))
        return;
    if (!(first[CARAT_RECORD_SEEN] > 0)) {
        memcpy(first, next, carat_attend_record(dim) * sizeof *first);
        return;
    }
    float most = first[CARAT_RECORD_MOST] > next[CARAT_RECORD_MOST] ? first[CARAT_RECORD_MOST]
                                                                    : next[CARAT_RECORD_MOST];
    vec x = v_exp(v_set1(first[CARAT_RECORD_MOST] - most)), y = v_exp(v_set1(next[CARAT_RECORD_MOST] - most));
    float keep[W], take[W], *a = first + CARAT_RECORD_HEAD;
    const float *b = next + CARAT_RECORD_HEAD;
    v_store(keep, x);
    v_store(take, y);
    first[CARAT_RECORD_MOST] = most;
    first[CARAT_RECORD_TOTAL] = first[CARAT_RECORD_TOTAL] * keep[0] + next[CARAT_RECORD_TOTAL] * take[0];
    for (size_t d = 0; d < dim; d += W) /* records are padded */
        v_store(a + d, v_fma(v_load(b + d), y, v_mul(v_load(a + d), x)));
}

void SET(attend_end)(const float *record, size_t dim, float *out)
{
    divide(record + CARAT_RECORD_HEAD, record[CARAT_RECORD_TOTAL], dim, out);
}

static void attend_splits(group *g, float *records)
{
    size_t dim = g->a->dim, last = (g->end[g->n - 1] - 1) / SPLIT;
    float *part = records + ROWS * g->ld_sum;
    attend_split(g, 0, records);
    for (size_t s = 1; s <= last; s++) {
        attend_split(g, s, part);
        for (size_t i = 0; i < g->n; i++)
            SET(attend_join)(records + i * g->ld_sum, part + i * g->ld_sum, dim);
    }
    for (size_t i = 0; i < g->n; i++)
        SET(attend_end)(records + i * g->ld_sum, dim, result(g, i));
}

void SET(attend_part)(const carat_attention *a, size_t kv_head, size_t split, float *records, void *scratch)
{
    group g = group_in(a, kv_head, scratch);
    size_t end = a->n * (a->heads / a->kv_heads);
    for (size_t r = 0; r < end; r += ROWS) {
        group_at(r, lesser(end - r, ROWS), &g);
        attend_split(&g, split, records + r * g.ld_sum);
    }
}

void SET(attend)(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch)
{
    group g = group_in(a, kv_head, scratch);
    size_t share = a->heads / a->kv_heads, end = t1 * share;
    float *records = g.packed + carat_attend_packed(a->dim);
    g.sum = records + CARAT_RECORD_HEAD;
    for (size_t r = t0 * share; r < end; r += ROWS) {
        group_at(r, lesser(end - r, ROWS), &g);
        if (a->round_bf16)
            attend_rounded(&g);
        else if (a->window || g.end[g.n - 1] <= SPLIT)
            attend_whole(&g);
        else
            attend_splits(&g, records);
    }
}
