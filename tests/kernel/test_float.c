/* Float kernels of every usable set: against the reference's bits, or libm in f64. SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/util.h"
#include "tests/support/edge.h"
#include "tests/support/sets.h"

static const size_t sizes[] = {0,  1,  2,  3,  4,  5,  7,  8,   9,   15,  16,   17,  23,
                               31, 32, 33, 40, 63, 64, 65, 100, 127, 256, 1000, 1536};
enum { SIZES = sizeof sizes / sizeof *sizes, MOST = 1536 };

static float noise(uint64_t seed, uint64_t i, float size)
{
    return (float)((carat_random_unit(seed, 2 * i) + carat_random_unit(seed, 2 * i + 1) - 1) * size);
}

static edge filled(size_t n, float size, uint64_t seed)
{
    edge e = edge_make(n);
    for (size_t i = 0; i < n; i++)
        e.f[i] = noise(seed, i, size);
    return e;
}

static void same(const carat_kernels *k, const char *what, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s %s, n = %zu: [%zu] is %a, not %a", k->name, what, n, i, (double)got[i],
                     (double)want[i]);
}

static const carat_kernels *reference(void)
{
    return &carat_kernels_ref;
}

/* ---- the same bits in every set ----------------------------------------------------------------------------- */

static void rmsnorm_n(const carat_kernels *k, size_t n)
{
    edge x = filled(n, 3, n), w = filled(n, 2, n + 1), y = edge_make(n), want = edge_make(n);
    for (int weighted = 0; weighted < 2; weighted++) {
        const float *weight = weighted ? w.f : NULL;
        reference()->rmsnorm(x.f, weight, n, 1e-6f, want.f);
        k->rmsnorm(x.f, weight, n, 1e-6f, y.f);
        same(k, "rmsnorm", y.f, want.f, n);
        memcpy(y.f, x.f, n * sizeof(float));
        k->rmsnorm(y.f, weight, n, 1e-6f, y.f);
        same(k, "rmsnorm in place", y.f, want.f, n);

        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)x.f[i] * x.f[i];
        for (size_t i = 0; i < n; i++) {
            double right = x.f[i] / sqrt(sum / (double)n + 1e-6) * (weighted ? w.f[i] : 1);
            assert_true(fabs(want.f[i] - right) <= 1e-6 * fabs(right));
        }
    }
    edge_free(&x), edge_free(&w), edge_free(&y), edge_free(&want);
}

static void rope_n(const carat_kernels *k, size_t n)
{
    edge x = filled(2 * n, 3, n), y = edge_make(2 * n), c = filled(n, 1, n + 1), s = filled(n, 1, n + 2);
    memcpy(y.f, x.f, 2 * n * sizeof(float));
    k->rope(y.f, c.f, s.f, 2 * n);
    for (size_t i = 0; i < n; i++) {
        float a = x.f[i] * c.f[i], b = x.f[n + i] * s.f[i], u = x.f[n + i] * c.f[i], v = x.f[i] * s.f[i];
        float want[2] = {a - b, u + v};
        same(k, "rope", y.f + i, &want[0], 1);
        same(k, "rope", y.f + n + i, &want[1], 1);
    }
    edge_free(&x), edge_free(&y), edge_free(&c), edge_free(&s);
}

static void simple_n(const carat_kernels *k, size_t n)
{
    edge x = filled(n, 3, n), y = filled(n, 5, n + 1), z = edge_make(n), want = edge_make(n);
    memcpy(z.f, y.f, n * sizeof(float));
    k->add(z.f, x.f, n);
    for (size_t i = 0; i < n; i++)
        want.f[i] = y.f[i] + x.f[i];
    same(k, "add", z.f, want.f, n);
    k->scale(z.f, 0.7f, n);
    for (size_t i = 0; i < n; i++)
        want.f[i] *= 0.7f;
    same(k, "scale", z.f, want.f, n);

    float most = -INFINITY;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, x.f[i]);
    float got = k->max(x.f, n);
    same(k, "max", &got, &most, 1);
    for (size_t bad = 0; bad < n; bad += 1 + n / 7) { /* a NaN anywhere, of either sign, is seen */
        float keep = x.f[bad];
        x.f[bad] = bad % 2 ? NAN : -NAN;
        assert_true(isnan(k->max(x.f, n)));
        x.f[bad] = INFINITY;
        assert_true(k->max(x.f, n) == INFINITY);
        x.f[bad] = keep;
    }
    edge_free(&x), edge_free(&y), edge_free(&z), edge_free(&want);
}

static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t top = bits >> 16, rest = bits & 0xffff;
    if (isnan(x))
        top |= 0x40;
    else if (rest > 0x8000 || (rest == 0x8000 && top % 2))
        top++;
    top <<= 16;
    memcpy(&x, &top, sizeof top);
    return x;
}

/* Every 16-bit pattern above, and below it what rounds down, ties and rounds up. */
static void test_round_bf16(void **state)
{
    (void)state;
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    enum { N = 65536 * 6 - 1 };
    float *x = malloc(N * sizeof *x), *want = malloc(N * sizeof *want);
    for (size_t s = 0; test_set(s); s++) {
        for (uint32_t i = 0; i < N; i++) {
            uint32_t bits = i / 6 << 16 | low[i % 6];
            memcpy(&x[i], &bits, sizeof bits);
            want[i] = rounded(x[i]);
        }
        test_set(s)->round_bf16(x, N);
        same(test_set(s), "round_bf16", x, want, N);
    }
    free(x), free(want);
}

static void test_exact(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < SIZES; i++) {
            rmsnorm_n(test_set(s), sizes[i]);
            rope_n(test_set(s), sizes[i]);
            simple_n(test_set(s), sizes[i]);
        }
}

/* ---- exp and tanh: bounds against libm in f64 --------------------------------------------------------------- */

static double gelu(double x)
{
    double u = 0.79788456080286536 * (x + 0.044715 * x * x * x);
    return x < 0 ? x / (1 + exp(-2 * u)) : 0.5 * x * (1 + tanh(u));
}

/* The largest excess of error over 1e-6 relative + 1e-7 absolute, over a grid finer than the function's features. */
static void test_gelu(void **state)
{
    (void)state;
    enum { N = 40003 };
    float *x = malloc(N * sizeof *x), *up = malloc(N * sizeof *up), *y = malloc(N * sizeof *y);
    for (size_t s = 0; test_set(s); s++) {
        const carat_kernels *k = test_set(s);
        for (int i = 0; i < N; i++) {
            x[i] = ldexpf((float)(i - N / 2) / (N / 2), i % 3 == 0 ? 1 : i % 3 == 1 ? 4 : 7);
            up[i] = noise(3, (uint64_t)i, 2);
        }
        k->gelu_mul(x, up, N, y);
        for (int i = 0; i < N; i++) {
            double want = gelu(x[i]) * up[i];
            if (!(fabs(y[i] - want) <= 1e-6 * fabs(want) + 1e-7 * fabs(up[i])))
                fail_msg("%s gelu_mul(%a): %.9g, not %.9g", k->name, (double)x[i], (double)y[i], want);
        }
        memcpy(y, x, N * sizeof *y);
        k->gelu_mul(y, NULL, N, y);
        for (int i = 0; i < N; i++)
            assert_true(fabs(y[i] - gelu(x[i])) <= 1e-6 * fabs(gelu(x[i])) + 1e-7);
        for (size_t n = 0; n < 40; n++) { /* the same value wherever it stands; both aliases */
            edge a = edge_make(n), b = edge_make(n), c = edge_make(n);
            for (size_t i = 0; i < n; i++)
                a.f[i] = b.f[i] = x[N / 2 + 97 * i];
            k->gelu_mul(a.f, b.f, n, c.f);
            k->gelu_mul(a.f, b.f, n, a.f);
            same(k, "gelu_mul", a.f, c.f, n);
            for (size_t i = 0; i < n; i++)
                a.f[i] = b.f[i];
            k->gelu_mul(a.f, b.f, n, b.f);
            same(k, "gelu_mul", b.f, c.f, n);
            edge_free(&a), edge_free(&b), edge_free(&c);
        }
        float odd[5] = {NAN, INFINITY, -INFINITY, 0, -0.0f};
        k->gelu_mul(odd, NULL, 5, odd);
        assert_true(isnan(odd[0]) && odd[1] == INFINITY && !(odd[2] > 0) && odd[3] == 0 && odd[4] == 0);
    }
    free(x), free(up), free(y);
}

/* softcap with cap 1 is tanh: 3e-7 relative everywhere, odd, within +-1. */
static void test_softcap(void **state)
{
    (void)state;
    enum { N = 60001 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    for (size_t s = 0; test_set(s); s++) {
        const carat_kernels *k = test_set(s);
        for (int i = 0; i < N; i++)
            y[i] = x[i] = ldexpf((float)(i + 1) / N * (i % 2 ? 1.0f : -1.0f), i % 40 - 34);
        k->softcap(y, N, 1);
        for (int i = 0; i < N; i++) {
            double want = tanh(x[i]);
            if (!(fabs(y[i] - want) <= 3e-7 * fabs(want)) || fabsf(y[i]) > 1)
                fail_msg("%s softcap(%a): %a, not %a", k->name, (double)x[i], (double)y[i], want);
        }
        memcpy(y, x, N * sizeof *y);
        k->softcap(y, N, 30);
        for (int i = 0; i < N; i++)
            assert_true(fabs(y[i] - 30 * tanh(x[i] / 30.0)) <= 4e-7 * fabs(30 * tanh(x[i] / 30.0)));
        for (size_t n = 0; n < 40; n++) {
            edge a = edge_make(n);
            for (size_t i = 0; i < n; i++)
                a.f[i] = x[i];
            k->softcap(a.f, n, 30);
            same(k, "softcap", a.f, y, n);
            edge_free(&a);
        }
        float odd[5] = {NAN, INFINITY, -INFINITY, 3e38f, 1e-44f};
        k->softcap(odd, 5, 30);
        assert_true(isnan(odd[0]) && odd[1] == 30 && odd[2] == -30 && odd[3] == 30 && fabsf(odd[4]) < 1e-43f);
    }
    free(x), free(y);
}

static void test_sum_exp(void **state)
{
    (void)state;
    enum { N = 20011 };
    float *x = malloc(N * sizeof *x);
    for (size_t s = 0; test_set(s); s++) {
        const carat_kernels *k = test_set(s);
        for (int i = 0; i < N; i++) { /* one at a time: the error of exp itself */
            x[i] = (float)(i - N + 50) / N * 708;
            double want = exp((double)x[i] - 0.25), got = k->sum_exp(x + i, 1, 0.25f);
            if (!(fabs(got - want) <= 1e-14 * want))
                fail_msg("%s exp(%.9g): %.17g, not %.17g", k->name, (double)x[i] - 0.25, got, want);
        }
        for (size_t n = 0; n < 70; n++) {
            edge e = filled(n, 20, n);
            double want = 0;
            for (size_t i = 0; i < n; i++)
                want += exp((double)e.f[i] - 3);
            assert_true(fabs(k->sum_exp(e.f, n, 3) - want) <= 1e-13 * want);
            edge_free(&e);
        }
        float odd[3] = {0, -INFINITY, 0};
        assert_true(k->sum_exp(odd, 3, 0) == 2);
        odd[1] = NAN;
        assert_true(isnan(k->sum_exp(odd, 3, 0)));
        odd[1] = INFINITY;
        assert_true(k->sum_exp(odd, 3, 0) == INFINITY);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),   cmocka_unit_test(test_round_bf16), cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_softcap), cmocka_unit_test(test_sum_exp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
