/* Attention of every usable set: against softmax in f64; one value per query however the work is cut, whatever K and V are kept in.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
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
#include "runtime/kernel/ref.h"
#include "tests/support/edge.h"
#include "tests/support/sets.h"

typedef struct shape {
    size_t total, heads, kv_heads, dim, window;
    bool round;
    carat_kv kv;
} shape;

/* A timeline of `total` positions with all of its K and V, and a ring of which the last `slots` positions are kept. */
typedef struct timeline {
    shape s;
    size_t slots;
    edge q, raw_k, raw_v; /* [total][...] */
    edge k, v;            /* what is left of them in the cache's type */
    edge data_k, data_v, scale_k, scale_v;
    carat_kv_rows ring_k, ring_v;
} timeline;

static edge random_floats(size_t n, float size, uint64_t seed)
{
    edge e = edge_make(n);
    for (size_t i = 0; i < n; i++)
        e.f[i] = (float)(carat_random_unit(seed, 2 * i) + carat_random_unit(seed, 2 * i + 1) - 1) * size;
    return e;
}

/* Unwritten slots hold NaN (INT8: the scale does): nothing may read them. */
static void forget(timeline *l)
{
    size_t rows = l->slots * l->s.kv_heads, bytes = rows * l->s.dim * carat_kv_size(l->s.kv);
    memset(l->ring_k.data, 0xff, bytes);
    memset(l->ring_v.data, 0xff, bytes);
    memset(l->ring_k.scale, 0xff, rows * sizeof(float));
    memset(l->ring_v.scale, 0xff, rows * sizeof(float));
}

static carat_kv_rows rows_make(size_t rows, size_t dim, carat_kv kv, edge *data, edge *scale)
{
    size_t bytes = rows * dim * carat_kv_size(kv), floats = (bytes + sizeof(float) - 1) / sizeof(float);
    *data = edge_make(floats);
    *scale = edge_make(rows);
    return (carat_kv_rows){(uint8_t *)(data->f + floats) - bytes, scale->f};
}

/* What a cache would give back of n rows. */
static edge kept(const edge *raw, size_t n, size_t dim, carat_kv kv)
{
    edge out = edge_make(n * dim), data, scale;
    carat_kv_rows one = rows_make(1, dim, kv, &data, &scale);
    for (size_t i = 0; i < n; i++) {
        carat_ref_kv_put(kv, raw->f + i * dim, dim, one.data, one.scale);
        carat_ref_kv_get(kv, &one, 0, dim, out.f + i * dim);
    }
    edge_free(&data), edge_free(&scale);
    return out;
}

static timeline timeline_make(shape s, size_t slots)
{
    timeline l = {.s = s, .slots = slots};
    float size = 4 / sqrtf(sqrtf((float)s.dim)); /* scores of a few units: sharp and flat rows */
    size_t n = s.total * s.kv_heads;
    l.q = random_floats(s.total * s.heads * s.dim, size, s.total + s.dim);
    l.raw_k = random_floats(n * s.dim, size, s.total + s.dim + 1);
    l.raw_v = random_floats(n * s.dim, 1, s.total + s.dim + 2);
    l.k = kept(&l.raw_k, n, s.dim, s.kv);
    l.v = kept(&l.raw_v, n, s.dim, s.kv);
    l.ring_k = rows_make(slots * s.kv_heads, s.dim, s.kv, &l.data_k, &l.scale_k);
    l.ring_v = rows_make(slots * s.kv_heads, s.dim, s.kv, &l.data_v, &l.scale_v);
    forget(&l);
    return l;
}

static void timeline_free(timeline *l)
{
    edge *all[] = {&l->q,      &l->raw_k,  &l->raw_v,   &l->k,      &l->v,
                   &l->data_k, &l->data_v, &l->scale_k, &l->scale_v};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        edge_free(all[i]);
}

static void put_row(const carat_kernels *k, const timeline *l, const carat_kv_rows *ring, const float *x,
                    size_t p, size_t head)
{
    size_t row = head * l->slots + p % l->slots;
    k->kv_put(l->s.kv, x + (p * l->s.kv_heads + head) * l->s.dim, l->s.dim,
              (uint8_t *)ring->data + row * l->s.dim * carat_kv_size(l->s.kv), ring->scale + row);
}

static void put(const carat_kernels *k, const timeline *l, size_t p0, size_t p1)
{
    for (size_t p = p0; p < p1; p++)
        for (size_t h = 0; h < l->s.kv_heads; h++) {
            put_row(k, l, &l->ring_k, l->raw_k.f, p, h);
            put_row(k, l, &l->ring_v, l->raw_v.f, p, h);
        }
}

static carat_attention problem(timeline *l, size_t p0, size_t p1, float *out)
{
    float *q = l->q.f + p0 * l->s.heads * l->s.dim;
    return (carat_attention){.q = q,
                             .out = out ? out : q,
                             .ldq = l->s.heads * l->s.dim,
                             .kv = l->s.kv,
                             .k = l->ring_k,
                             .v = l->ring_v,
                             .n = p1 - p0,
                             .pos = p0,
                             .heads = l->s.heads,
                             .kv_heads = l->s.kv_heads,
                             .dim = l->s.dim,
                             .slots = l->slots,
                             .window = l->s.window,
                             .round_bf16 = l->s.round};
}

/* Queries [p0, p1) through k, `cut` of them at a time within one call of n = p1 - p0; in place if out is NULL. */
static void run(const carat_kernels *k, timeline *l, size_t p0, size_t p1, size_t cut, float *out)
{
    carat_attention a = problem(l, p0, p1, out);
    void *scratch = carat_alloc(carat_attend_bytes(a.dim), 1, NULL);
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

/* Rows from query p0 on; got[0] is its first. */
static void close_to_right(const carat_kernels *k, const timeline *l, size_t p0, const float *got)
{
    shape s = l->s;
    double *want = malloc(s.dim * sizeof *want);
    for (size_t r = p0 * s.heads; r < s.total * s.heads; r += 5) { /* one in five, all heads in turn */
        right_row(l, r / s.heads, r % s.heads, want);
        for (size_t d = 0; d < s.dim; d++)
            if (!(fabs(got[(r - p0 * s.heads) * s.dim + d] - want[d]) <= 3e-6))
                fail_msg(
                    "%s: kv %d, dim %zu, heads %zu/%zu, window %zu, slots %zu: query %zu head %zu [%zu] is "
                    "%.9g, not %.9g",
                    k->name, (int)s.kv, s.dim, s.heads, s.kv_heads, s.window, l->slots, r / s.heads,
                    r % s.heads, d, (double)got[(r - p0 * s.heads) * s.dim + d], want[d]);
    }
    free(want);
}

static void same(const carat_kernels *k, const char *what, shape s, const float *got, const float *want)
{
    size_t row = s.heads * s.dim;
    for (size_t i = 0; i < s.total * row; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s %s: kv %d, dim %zu, heads %zu/%zu, window %zu: query %zu, [%zu] is %a, not %a",
                     k->name, what, (int)s.kv, s.dim, s.heads, s.kv_heads, s.window, i / row, i % row,
                     (double)got[i], (double)want[i]);
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
        put(k, &l, p, end);
        run(k, &l, p, end, CHUNK, whole.f + p * row);
        run(k, &l, p, end, 5, other.f + p * row);
    }
    same(k, "cut in fives", s, other.f, whole.f);
    if (!s.round)
        close_to_right(k, &l, 0, whole.f);

    forget(&l);
    for (size_t p = 0; p < s.total; p++) {
        put(k, &l, p, p + 1);
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
            size_t total = dims[i] > 100 ? 70 : 140;
            check(test_set(s), (shape){total, 8, 1, dims[i], 0, false, CARAT_KV_F32});
            check(test_set(s), (shape){total, 4, 2, dims[i], 50, false, CARAT_KV_F32});
        }
}

static void test_windows(void **state)
{
    (void)state;
    static const size_t windows[] = {1, 2, 63, 64, 65, 100, 128, 300};
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
            check(test_set(s), (shape){200, 3, 3, 16, windows[i], false, CARAT_KV_F32});
            check(test_set(s), (shape){140, 5, 5, 24, windows[i], false, CARAT_KV_F32});
            check(test_set(s), (shape){70, 56, 1, 8, windows[i], false,
                                       CARAT_KV_F32}); /* more heads than rows in a group */
        }
}

/* Scores far apart, a first tile of nothing but -inf weights, and what must not be seen: infinite and NaN scores stay in their rows. */
static void test_extremes(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++) {
        const carat_kernels *k = test_set(s);
        timeline l = timeline_make((shape){150, 2, 1, 16, 0, false, CARAT_KV_F32}, 150);
        edge out = edge_make(150 * 32);
        for (size_t i = 0; i < 150 * 16; i++)
            l.raw_k.f[i] *= i / 16 % 3 ? 1e-30f : 60;
        put(k, &l, 0, 150);
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

/* In bfloat16 a sum that differs in its last bit may round to the neighbour; that must be rare. */
static void close_to_ref(const carat_kernels *k, shape s)
{
    size_t row = s.heads * s.dim, n = s.total * row, differ = 0;
    timeline l = timeline_make(s, s.total);
    edge want = edge_make(n), got = edge_make(n);
    put(k, &l, 0, s.total);
    run(&carat_kernels_ref, &l, 0, s.total, s.total, want.f);
    run(k, &l, 0, s.total, s.total, got.f);
    for (size_t i = 0; i < n; i++) {
        differ += memcmp(&got.f[i], &want.f[i], sizeof(float)) != 0;
        if (!(fabsf(got.f[i] - want.f[i]) <= 0.01f))
            fail_msg("%s: dim %zu: [%zu] is %.9g, not %.9g", k->name, s.dim, i, (double)got.f[i],
                     (double)want.f[i]);
    }
    assert_true(differ <= n / 100);
    edge_free(&want), edge_free(&got), timeline_free(&l);
}

static void test_rounded(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++) {
        check(test_set(s), (shape){150, 4, 2, 16, 0, true, CARAT_KV_F32});
        check(test_set(s), (shape){150, 4, 1, 72, 70, true, CARAT_KV_F32});
        check(test_set(s), (shape){100, 8, 1, 20, 64, true, CARAT_KV_F32});
        close_to_ref(test_set(s), (shape){150, 4, 2, 16, 0, true, CARAT_KV_F32});
        close_to_ref(test_set(s), (shape){200, 4, 1, 72, 70, true, CARAT_KV_F32});
        close_to_ref(test_set(s), (shape){150, 8, 1, 64, 0, true, CARAT_KV_BF16});
    }
}

static const carat_kv types[] = {CARAT_KV_F32, CARAT_KV_BF16, CARAT_KV_F16, CARAT_KV_INT8};

/* Each type over odd shapes; and those that only round give the bits of f32 over the rounded values. */
static void test_types(void **state)
{
    (void)state;
    static const size_t dims[] = {16, 7, 20, 72};
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
            for (size_t t = 1; t < 4; t++) {
                const carat_kernels *k = test_set(s);
                check(k, (shape){100, 8, 1, dims[i], 0, false, types[t]});
                check(k, (shape){110, 4, 2, dims[i], 50, false, types[t]});
                if (types[t] == CARAT_KV_INT8)
                    continue;
                shape typed = {70, 4, 2, dims[i], 0, false, types[t]};
                timeline a = timeline_make(typed, 70), b = timeline_make(typed, 70);
                size_t n = 70 * 4 * dims[i];
                edge got = edge_make(n), want = edge_make(n);
                put(k, &a, 0, 70);
                run(k, &a, 0, 70, 70, got.f);
                timeline_free(&b);
                typed.kv = CARAT_KV_F32;
                b = timeline_make(typed, 70);
                memcpy(b.raw_k.f, a.k.f, 70 * 2 * dims[i] * sizeof(float));
                memcpy(b.raw_v.f, a.v.f, 70 * 2 * dims[i] * sizeof(float));
                put(k, &b, 0, 70);
                run(k, &b, 0, 70, 70, want.f);
                same(k, "as f32", typed, got.f, want.f);
                edge_free(&got), edge_free(&want), timeline_free(&a), timeline_free(&b);
            }
}

/* Long contexts: splits, alone and in pieces, in any order, are joined to the same bits, which are right. */
static void divided(const carat_kernels *k, shape s, size_t p0)
{
    size_t row = s.heads * s.dim, share = s.heads / s.kv_heads, n = s.total - p0;
    size_t record = carat_attend_record(s.dim), last = (s.total - 1) / CARAT_ATTEND_SPLIT;
    timeline l = timeline_make(s, s.total);
    edge whole = edge_make(n * row), other = edge_make(n * row);
    put(k, &l, 0, s.total);
    run(k, &l, p0, s.total, 16, whole.f);
    close_to_right(k, &l, p0, whole.f);
    carat_attention a = problem(&l, p0, s.total, other.f);
    float *records = malloc((last + 1) * n * share * record * sizeof *records);
    void *scratch = carat_alloc(carat_attend_bytes(a.dim), 1, NULL);
    for (size_t h = 0; h < s.kv_heads; h++) {
        for (size_t split = last + 1; split-- > 0;)
            k->attend_part(&a, h, split, records + split * n * share * record, scratch);
        for (size_t r = 0; r < n * share; r++) {
            for (size_t split = 1; split <= last; split++)
                k->attend_join(records + r * record, records + (split * n * share + r) * record, s.dim);
            k->attend_end(records + r * record, s.dim,
                          other.f + (r / share * s.heads + h * share + r % share) * s.dim);
        }
    }
    for (size_t i = 0; i < n * row; i++)
        if (memcmp(&other.f[i], &whole.f[i], sizeof(float)) != 0)
            fail_msg("%s: kv %d, dim %zu: joined [%zu] is %a, not %a", k->name, (int)s.kv, s.dim, i,
                     (double)other.f[i], (double)whole.f[i]);
    free(records);
    carat_free(scratch);
    edge_free(&whole), edge_free(&other), timeline_free(&l);
}

static void test_splits(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++) {
        if (!test_set(s)->attend_part)
            continue;
        for (size_t t = 0; t < 4; t++)
            divided(test_set(s), (shape){1060, 6, 2, 20, 0, false, types[t]}, 1010 + 5 * t);
        divided(test_set(s), (shape){1040, 8, 1, 16, 0, false, CARAT_KV_F32},
                1020); /* some queries see a split more */
    }
}

/* What each type keeps: the rules of kernel.h, and one set of bits for all. */
static void test_put(void **state)
{
    (void)state;
    static const float odd[] = {0,      -0.0f,         1,       -1,          65504,       65519.99f,
                                65520,  -70000,        1e-7f,   6e-8f,       3e-8f,       2.9e-8f,
                                1e-40f, 3.3895314e38f, 1.0039f, 1.00390625f, 1.01171875f, -2.00390625f,
                                2049,   2051,          1e30f};
    enum { N = 37 };
    float x[N];
    uint8_t want[N * 4], got[N * 4];
    for (size_t i = 0; i < N; i++)
        x[i] = i < sizeof odd / sizeof *odd ? odd[i] : (float)carat_random_unit(3, i) - 0.5f;
    for (int bad = 0; bad < 4; bad++) {
        x[33] = bad == 1 ? NAN : bad == 2 ? -INFINITY : 0.5f;
        for (size_t i = 0; bad == 3 && i < N; i++)
            x[i] = 9e-31f;
        for (size_t s = 0; test_set(s); s++)
            for (size_t t = 0; t < 4; t++)
                for (size_t n = 1; n <= N; n++) {
                    float scale[2] = {5, 5};
                    memset(want, 0xaa, sizeof want);
                    memset(got, 0xaa, sizeof got);
                    carat_ref_kv_put(types[t], x, n, want, &scale[0]);
                    test_set(s)->kv_put(types[t], x, n, got, &scale[1]);
                    assert_memory_equal(got, want, sizeof got);
                    assert_memory_equal(&scale[0], &scale[1], sizeof *scale);
                    if (types[t] == CARAT_KV_INT8 && n == N)
                        assert_true(bad == 0 || bad == 3 ? bad == 3 ? scale[0] == 0 : scale[0] > 0
                                                         : isnan(scale[0]));
                }
    }
    float small[3] = {-2, 0.5f, 1};
    int8_t q[3];
    float scale;
    carat_ref_kv_put(CARAT_KV_INT8, small, 3, q, &scale);
    assert_true(q[0] == -127 && q[1] == 32 && q[2] == 64 &&
                scale == 2 / 127.0f); /* 31.75, 63.5: ties to even */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes),   cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_extremes), cmocka_unit_test(test_rounded),
                                       cmocka_unit_test(test_types),    cmocka_unit_test(test_splits),
                                       cmocka_unit_test(test_put)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
