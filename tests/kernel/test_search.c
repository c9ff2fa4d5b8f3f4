/* Weight search of every usable set: the definition's bits; absmax, NaN rules.     SPDX-License-Identifier: Apache-2.0 */
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

static const size_t sizes[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 100, 128, 1536};
enum { SIZES = sizeof sizes / sizeof *sizes, SCALES = 37 };

/* The definition in f64 from products that are exact there: an independent reading of ref_search.c. */
static double error_of(const float *x, size_t n, float s, int lo, int hi)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double q = nearbyint((double)(x[i] * (1.0f / s)));
        q = q < lo ? lo : q > hi ? hi : q;
        sum += (x[i] - q * s) * (x[i] - q * s);
    }
    return sum;
}

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void check(const carat_kernels *k, const float *x, size_t n, int lo, int hi)
{
    edge scales = edge_make(SCALES), got = edge_make(SCALES);
    float top = carat_kernels_ref.absmax(x, n);
    for (int i = 0; i < SCALES; i++)
        scales.f[i] = (top > 0 && top < 1e38f ? top : 1) * (0.3f + 0.03f * (float)i) / (float)hi;
    for (size_t ns = 0; ns <= SCALES; ns += ns < 18 ? 1 : SCALES - 18) {
        k->code_errors(x, n, scales.f + SCALES - ns, ns, lo, hi, got.f + SCALES - ns);
        for (size_t i = SCALES - ns; i < SCALES; i++) {
            float want = carat_kernels_ref.code_error(x, n, scales.f[i], lo, hi);
            float one = k->code_error(x, n, scales.f[i], lo, hi);
            if (!same_bits(got.f[i], want) || !same_bits(one, want))
                fail_msg("%s: error of %zu values at scale %a: %a in a batch, %a alone, not %a", k->name, n,
                         (double)scales.f[i], (double)got.f[i], (double)one, (double)want);
        }
    }
    int8_t q[1536 + 1], right[1536];
    q[n] = 99;
    k->code(x, n, scales.f[3], lo, hi, q);
    carat_kernels_ref.code(x, n, scales.f[3], lo, hi, right);
    assert_true(n == 0 || memcmp(q, right, n) == 0);
    assert_int_equal(q[n], 99);
    edge_free(&scales), edge_free(&got);
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < SIZES; i++)
            for (int odd = 0; odd < 6; odd++) {
                size_t n = sizes[i];
                edge x = edge_make(n);
                for (size_t j = 0; j < n; j++)
                    x.f[j] = (float)(carat_random_unit(n, j) - 0.5) * 0.1f;
                static const float strange[] = {0, NAN, INFINITY, 1e30f, 1e-42f, 0};
                if (odd && n)
                    x.f[n / 2] = strange[odd - 1];
                if (odd == 5)
                    memset(x.f, 0, n * sizeof(float));
                check(test_set(s), x.f, n, -8, 7);
                check(test_set(s), x.f, n, -128, 127);
                check(test_set(s), x.f, n, 1, 7); /* zero is not a code */
                edge_free(&x);
            }
}

static void test_reference(void **state)
{
    (void)state;
    float x[96];
    for (uint64_t r = 0; r < 300; r++) {
        for (int j = 0; j < 96; j++)
            x[j] = (float)(carat_random_unit(r, (uint64_t)j) - 0.5);
        float s = (float)(0.02 + 0.1 * carat_random_unit(r, 1000));
        double want = error_of(x, 96, s, -8, 7), got = carat_kernels_ref.code_error(x, 96, s, -8, 7);
        assert_true(fabs(got - want) <= 1e-5 * want);
    }
    float half[8] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 100, -100};
    static const int8_t even[8] = {0, 2, 2, 0, -2, -2, 7, -8};
    float far[4] = {NAN, INFINITY, -INFINITY, 0};
    static const int8_t ends[4] = {-8, 7, -8, 0};
    for (size_t s = 0; test_set(s); s++) {
        int8_t q[8];
        test_set(s)->code(half, 8, 1, -8, 7, q);
        assert_memory_equal(q, even, 8);
        test_set(s)->code(far, 4, 1, -8, 7, q);
        assert_memory_equal(q, ends, 4);
        assert_true(isnan(test_set(s)->code_error(far, 1, 1, -8, 7)));
        assert_true(test_set(s)->code_error(far + 3, 1, 0, -8, 7) == 0); /* scale 0 of a group of zeros */
    }
}

static void test_absmax(void **state)
{
    (void)state;
    for (size_t s = 0; test_set(s); s++)
        for (size_t i = 0; i < SIZES; i++) {
            const carat_kernels *k = test_set(s);
            size_t n = sizes[i];
            edge x = edge_make(n);
            float want = 0;
            for (size_t j = 0; j < n; j++) {
                x.f[j] = (float)(carat_random_unit(n + 1, j) - 0.5);
                want = fmaxf(want, fabsf(x.f[j]));
            }
            assert_true(k->absmax(x.f, n) == want);
            for (size_t bad = 0; bad < n; bad += 1 + n / 9) {
                float keep = x.f[bad];
                x.f[bad] = -INFINITY;
                assert_true(k->absmax(x.f, n) == INFINITY);
                x.f[bad] = bad % 2 ? NAN : -NAN;
                assert_true(isnan(k->absmax(x.f, n)));
                x.f[(bad + 1) % n] = n > 1 ? INFINITY : NAN;
                assert_true(isnan(k->absmax(x.f, n)));
                x.f[(bad + 1) % n] = 0;
                x.f[bad] = keep;
            }
            edge_free(&x);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits), cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_absmax)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
