/* Attention of every usable set: against softmax in f64; one value per query however the work is cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "tests/support/edge.h"
#include "tests/support/sets.h"

typedef struct shape {
    size_t total, heads, kv_heads, dim, window;
    bool round;
} shape;

/* A timeline of `total` positions with all of its K and V, and a ring of which the last `slots` positions are kept. */
typedef struct timeline {
    shape s;
    size_t slots;
    edge q, k, v; /* [total][...] */
    edge ring_k, ring_v;
} timeline;

static edge random_floats(size_t n, float size, uint64_t seed)
{
    edge e = edge_make(n);
    for (size_t i = 0; i < n; i++)
        e.f[i] = (float)(carat_random_unit(seed, 2 * i) + carat_random_unit(seed, 2 * i + 1) - 1) * size;
    return e;
}

/* Unwritten slots hold NaN: nothing may read them. */
static void forget(timeline *l)
{
    for (size_t i = 0; i < l->slots * l->s.kv_heads * l->s.dim; i++)
        l->ring_k.f[i] = l->ring_v.f[i] = NAN;
}

static timeline timeline_make(shape s, size_t slots)
{
    timeline l = {.s = s, .slots = slots};
    float size = 4 / sqrtf(sqrtf((float)s.dim)); /* scores of a few units: sharp and flat rows */
    l.q = random_floats(s.total * s.heads * s.dim, size, s.total + s.dim);
    l.k = random_floats(s.total * s.kv_heads * s.dim, size, s.total + s.dim + 1);
    l.v = random_floats(s.total * s.kv_heads * s.dim, 1, s.total + s.dim + 2);
    l.ring_k = edge_make(slots * s.kv_heads * s.dim);
    l.ring_v = edge_make(slots * s.kv_heads * s.dim);
    forget(&l);
    return l;
}

static void timeline_free(timeline *l)
{
    edge_free(&l->q), edge_free(&l->k), edge_free(&l->v), edge_free(&l->ring_k), edge_free(&l->ring_v);
}

static void put(timeline *l, size_t p0, size_t p1)
{
    size_t row = l->s.kv_heads * l->s.dim;
    for (size_t p = p0; p < p1; p++) {
        memcpy(l->ring_k.f + p % l->slots * row, l->k.f + p * row, row * sizeof(float));
        memcpy(l->ring_v.f + p % l->slots * row, l->v.f + p * row, row * sizeof(float));
    }
}

/* Queries [p0, p1) through k, `cut` of them at a time within one call of n = p1 - p0; in place if out is NULL. */
static void run(const carat_kernels *k, timeline *l, size_t p0, size_t p1, size_t cut, float *out)
{
    float *q = l->q.f + p0 * l->s.heads * l->s.dim;
    carat_attention a = {.q = q,
                         .out = out ? out : q,
                         .k = l->ring_k.f,
                         .v = l->ring_v.f,
                         .n = p1 - p0,
                         .pos = p0,
                         .heads = l->s.heads,
                         .kv_heads = l->s.kv_heads,
                         .dim = l->s.dim,
                         .slots = l->slots,
                         .window = l->s.window,
                         .round_bf16 = l->s.round};
    void *scratch = carat_alloc(carat_attend_bytes(&a), 1, NULL);
    for (size_t h = 0; h < a.kv_heads; h++)
        for (size_t t = 0; t < a.n; t += cut)
            k->attend(&a, h, t, t + cut < a.n ? t + cut : a.n, scratch);
    carat_free(scratch);
}

/* One query in f64. */
static void right_row(const timeline *l, size_t p, size_t head, double *out)
{
    size_t window = l->s.window, first = window && p + 1 > window ? p + 1 - window : 0, dim = l->s.dim;
    size_t row = l->s.kv_heads * dim, at = head / (l->s.heads / l->s.kv_heads) * dim;
    const float *q = l->q.f + (p * l->s.heads + head) * dim;
    double *s = calloc(p + 1, sizeof *s), most = -INFINITY, sum = 0;
    for (size_t i = first; i <= p; i++) {
        for (size_t d = 0; d < dim; d++)
            s[i] += (double)q[d] * l->k.f[i * row + at + d];
        most = fmax(most, s[i]);
    }
    for (size_t i = first; i <= p; i++)
        sum += s[i] = exp(s[i] - most);
    for (size_t d = 0; d < dim; d++) {
        out[d] = 0;
        for (size_t i = first; i <= p; i++)
            out[d] += s[i] / sum * l->v.f[i * row + at + d];
    }
    free(s);
}

static void close_to_right(const carat_kernels *k, const timeline *l, const float *got)
{
    shape s = l->s;
    double *want = malloc(s.dim * sizeof *want);
    for (size_t r = 0; r < s.total * s.heads; r += 5) { /* one in five, all heads in turn */
        right_row(l, r / s.heads, r % s.heads, want);
        for (size_t d = 0; d < s.dim; d++)
            if (!(fabs(got[r * s.dim + d] - want[d]) <= 3e-6))
                fail_msg("%s: dim %zu, heads %zu/%zu, window %zu, slots %zu: query %zu head %zu [%zu] is "
                         "%.9g, not %.9g",
                         k->name, s.dim, s.heads, s.kv_heads, s.window, l->slots, r / s.heads, r % s.heads, d,
                         (double)got[r * s.dim + d], want[d]);
    }
    free(want);
}

static void same(const carat_kernels *k, const char *what, shape s, const float *got, const float *want)
{
    size_t row = s.heads * s.dim;
    for (size_t i = 0; i < s.total * row; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s %s: dim %zu, heads %zu/%zu, window %zu: query %zu, [%zu] is %a, not %a", k->name,
                     what, s.dim, s.heads, s.kv_heads, s.window, i / row, i % row, (double)got[i],
                     (double)want[i]);
}

/* A ring just long enough for a chunk of queries and the window before it. The timeline in chunks is the batch; then in pieces of a
 * chunk; then each query alone, as decoding does it; then in place. */
static void check(const carat_kernels *k, shape s)
{
    enum { CHUNK = 37 };
    size_t row = s.heads * s.dim;
    timeline l = timeline_make(s, s.window ? s.window + CHUNK - 1 : s.total);
    edge whole = edge_make(s.total * row), other = edge_make(s.total * row);
    for (size_t p = 0; p < s.total; p += CHUNK) {
        size_t end = p + CHUNK < s.total ? p + CHUNK : s.total;
        put(&l, p, end);
        run(k, &l, p, end, CHUNK, whole.f + p * row);
        run(k, &l, p, end, 5, other.f + p * row);
    }
    same(k, "cut in fives", s, other.f, whole.f);
    if (!s.round)
        close_to_right(k, &l, whole.f);

    forget(&l);
    for (size_t p = 0; p < s.total; p++) {
        put(&l, p, p + 1);
        run(k, &l, p, p + 1, 1, other.f + p * row);
    }
    same(k, "alone", s, other.f, whole.f);
    run(k, &l, s.total - 1, s.total, 1, NULL);
    memcpy(other.f + (s.total - 1) * row, l.q.f + (s.total - 1) * row, row * sizeof(float));
    same(k, "in place", s, other.f, whole.f);
    edge_free(&whole), edge_free(&other), timeline_free(&l);
}

static void test_shapes(void **state)
{
    (void)state;
    static const size_t dims[] = {16, 24, 32, 72, 256, 512, 20, 7};
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
            size_t total = dims[i] > 100 ? 90 : 200;
            check(test_set(s), (shape){total, 8, 1, dims[i], 0, false});
            check(test_set(s), (shape){total, 4, 2, dims[i], 50, false});
        }
}

static void test_windows(void **state)
{
    (void)state;
    static const size_t windows[] = {1, 2, 63, 64, 65, 100, 128, 300};
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
            check(test_set(s), (shape){260, 6, 3, 16, windows[i], false});
            check(test_set(s), (shape){140, 5, 5, 24, windows[i], false});
            check(test_set(s),
                  (shape){70, 56, 1, 8, windows[i], false}); /* more heads than rows in a group */
        }
}

/* Scores far apart, a first tile of nothing but -inf weights, and what must not be seen: infinite and NaN scores stay in their rows. */
static void test_extremes(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++) {
        const carat_kernels *k = test_set(s);
        timeline l = timeline_make((shape){150, 2, 1, 16, 0, false}, 150);
        edge out = edge_make(150 * 32);
        for (size_t i = 0; i < 150 * 16; i++)
            l.k.f[i] *= i / 16 % 3 ? 1e-30f : 60;
        put(&l, 0, 150);
        run(k, &l, 0, 150, 150, out.f);
        for (size_t i = 0; i < 150 * 32; i++)
            assert_true(fabsf(out.f[i]) <= 1.000001f);
        for (size_t d = 0; d < 16; d++)
            assert_true(out.f[d] == l.v.f[d] &&
                        out.f[16 + d] == l.v.f[d]); /* the first query sees itself only */

        l.q.f[70 * 32 + 3] = NAN;
        l.q.f[71 * 32 + 20] = INFINITY;
        run(k, &l, 0, 150, 150, out.f);
        assert_true(isnan(out.f[70 * 32]) && isnan(out.f[71 * 32 + 16]));
        for (size_t i = 0; i < 150 * 32; i++)
            assert_true(i / 16 == 140 || i / 16 == 143 || !isnan(out.f[i]));
        edge_free(&out), timeline_free(&l);
    }
}

static void test_rounded(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++) {
        check(test_set(s), (shape){150, 4, 2, 16, 0, true});
        check(test_set(s), (shape){150, 4, 1, 72, 70, true});
        check(test_set(s), (shape){100, 8, 1, 20, 64, true});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_extremes), cmocka_unit_test(test_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
