/* Schemes, the scale search against brute force, and the bytes of a coded row.     SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "quantize/encode.h"
#include "tests/support/matrix.h"
#include "tests/support/sets.h"
#include "tests/support/test.h"

static carat_scheme scheme(const char *name)
{
    carat_scheme s;
    carat_err err;
    if (carat_scheme_parse(name, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static void reads_the_names_of_schemes(void **state)
{
    (void)state;
    carat_scheme s = scheme("int4-g32");
    assert_int_equal(s.kind, CARAT_SCHEME_PACKED);
    assert_int_equal(s.bits, 4);
    assert_int_equal(s.group, 32);
    s = scheme("int8");
    assert_int_equal(s.group, 0);
    assert_int_equal(scheme("int8-g256").group, 256);
    assert_int_equal(scheme("w8a8").kind, CARAT_SCHEME_BYTES);
    assert_int_equal(scheme("f16").dtype, CARAT_DT_F16);
    static const char *const wrong[] = {"",         "int4", "int4-g33", "int4-g",
                                        "int3-g32", "INT8", "int8 ",    "bf16x"};
    carat_err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(carat_scheme_parse(wrong[i], &s, &err), CARAT_EUSAGE);
    assert_fails(carat_scheme_parse("q4_k", &s, &err), CARAT_ESUPPORT, &err, "not in this build");
    const char *summary;
    for (size_t i = 0; carat_schemes_listing.item(i, &summary); i++)
        assert_string_equal(scheme(carat_schemes_listing.item(i, &summary)).name,
                            carat_schemes_listing.item(i, &summary));
}

static void knows_which_widths_fit(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        uint64_t cols;
        const char *nearest;
    } cases[] = {
        {"int4-g128", 1536, "int4-g128"},
        {"int4-g128", 704, "int4-g64"},
        {"int4-g64", 96, "int4-g32"},
        {"int4-g256", 48, "int4-g16"},
        {"int4-g32", 72, "keep"},
        {"int8", 72, "int8"},
        {"int8", 70, "keep"},
        {"int8-g32", 48, "int8-g16"},
        {"w8a8", 70, "w8a8"},
        {"bf16", 7, "bf16"},
        {"int4-g32", 0, "keep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        carat_scheme s = scheme(cases[i].scheme), got = carat_scheme_nearest(&s, cases[i].cols);
        assert_string_equal(got.name, cases[i].nearest);
        assert_int_equal(carat_scheme_fits(&s, cases[i].cols), carat_scheme_equal(&s, &got));
    }
}

/* ---- the search ----------------------------------------------------------------------------------------------- */

/* The error of coding x with scale s, in f64, written from the definition and not from the kernels. */
static double error_of(const float *x, size_t n, float s, int lo, int hi)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float q = rintf(x[i] * (1.0f / s));
        q = q < (float)lo ? (float)lo : q > (float)hi ? (float)hi : q;
        double d = (double)x[i] - (double)q * (double)s;
        sum += d * d;
    }
    return sum;
}

static double brute_force(const carat_grid *g, const float *x, size_t n, float absmax)
{
    uint16_t lo = carat_grid_nearest(g, 0.3f * absmax / (float)g->hi),
             hi = carat_grid_nearest(g, 1.5f * absmax / (float)g->hi);
    double best = INFINITY;
    for (uint32_t b = lo; b <= hi; b++) {
        double e = error_of(x, n, carat_grid_value(g, (uint16_t)b), g->lo, g->hi);
        best = e < best ? e : best;
    }
    return best;
}

/* With 8 bits the error of a short group jumps from scale to scale (lattices that fit by luck), and is tiny anyway. */
static void finds_nearly_the_best_scale(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 32, 64, 128, 300};
    static const carat_dtype dtypes[] = {CARAT_DT_BF16, CARAT_DT_F16};
    float x[300];
    for (int bits = 4; bits <= 8; bits += 4)
        for (size_t d = 0; d < 2; d++)
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
                carat_grid g = {test_set(0), dtypes[d], -(1 << (bits - 1)), (1 << (bits - 1)) - 1};
                double found = 0, best = 0, plain = 0;
                for (uint64_t seed = 0; seed < 60; seed++) {
                    test_floats(x, sizes[k], 0.02f, 1000 * k + seed);
                    float m = g.k->absmax(x, sizes[k]), e;
                    uint16_t b = carat_method_search.scale(&g, x, sizes[k], m, &e);
                    double mine = error_of(x, sizes[k], carat_grid_value(&g, b), g.lo, g.hi);
                    assert_true(fabs(mine - (double)e) <= 1e-4 * mine);
                    uint16_t p = carat_method_absmax.scale(&g, x, sizes[k], m, &e);
                    double simple = error_of(x, sizes[k], carat_grid_value(&g, p), g.lo, g.hi);
                    assert_true(mine <= simple * (1 + 1e-5));
                    found += mine;
                    plain += simple;
                    best += brute_force(&g, x, sizes[k], m);
                }
                if (found > (bits == 4 ? 1.01 : 1.2) * best)
                    fail_msg("%d bits, %zu weights: error %g, brute force over all scales %g", bits, sizes[k],
                             found, best);
                assert_true(found < plain);
            }
}

static void chooses_alike_in_every_kernel_set(void **state)
{
    (void)state;
    float x[256];
    const carat_kernels *k;
    for (uint64_t seed = 0; seed < 50; seed++) {
        test_floats(x, 256, 1, seed);
        float e, want_error = 0;
        uint16_t want = 0;
        for (size_t i = 0; (k = test_set(i)); i++) {
            carat_grid g = {k, CARAT_DT_BF16, -8, 7};
            uint16_t got = carat_method_search.scale(&g, x, 256, k->absmax(x, 256), &e);
            if (i == 0) {
                want = got;
                want_error = e;
            }
            assert_int_equal(got, want);
            assert_memory_equal(&e, &want_error, sizeof e);
        }
    }
}

static void takes_the_larger_scale_of_a_tie(void **state)
{
    (void)state;
    /* One weight: many scales reach it exactly, 2, 1 and others: 2 is the largest. */
    float x[16] = {14}, e;
    carat_grid g = {test_set(0), CARAT_DT_BF16, -8, 7};
    uint16_t b = carat_method_search.scale(&g, x, 16, 14, &e);
    assert_true(carat_grid_value(&g, b) == 2.0f);
    assert_true(e == 0);
}

static void serves_the_ends_of_the_range(void **state)
{
    (void)state;
    static const float sizes[] = {1e-45f, 1e-38f, 1e-30f, 1e-8f, 1e4f, 3e38f};
    float x[32], e;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int d = 0; d < 2; d++) {
            carat_grid g = {test_set(0), d ? CARAT_DT_F16 : CARAT_DT_BF16, -8, 7};
            for (size_t k = 0; k < 32; k++)
                x[k] = sizes[i] * (k % 2 ? -1.0f : 0.5f);
            float s = carat_grid_value(&g, carat_method_search.scale(&g, x, 32, sizes[i], &e));
            assert_true(isfinite(s) && s > 0 && isfinite(1 / s));
        }
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* Codes a row whose weights are q * s for whole q that use the whole range, so that s is found and q comes back. */
static void code(const char *name, const int8_t *q, size_t cols, float s, uint8_t *codes, uint8_t *scales,
                 carat_loss *loss)
{
    float x[64];
    int8_t scratch[64];
    carat_scheme sc = scheme(name);
    carat_coder c = carat_coder_make(test_set(0), &carat_method_absmax, &sc, CARAT_DT_BF16, cols);
    for (size_t i = 0; i < cols; i++)
        x[i] = (float)q[i] * s;
    carat_code_out out = {codes, scales, scratch};
    size_t bad;
    assert_true(carat_code_row(&c, x, &out, loss, &bad));
}

/* Test vectors of the format, from compressed-tensors: -8..-1 packs to 10 32 54 76, 0..7 to 98 ba dc fe. */
static void packs_as_the_format_says(void **state)
{
    (void)state;
    int8_t q[16];
    uint8_t codes[16], scales[2];
    carat_loss loss = {0};
    for (int i = 0; i < 16; i++)
        q[i] = (int8_t)(i - 8);
    q[0] = -7; /* max|x| = 7 s: the scale is s itself */
    code("int4-g16", q, 16, 0.5f, codes, scales, &loss);
    static const uint8_t want4[8] = {0x11, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
    assert_memory_equal(codes, want4, 8);
    assert_int_equal(scales[0] | scales[1] << 8, 0x3f00);
    assert_true(loss.error == 0 && loss.worst == 0);

    static const int8_t q8[4] = {-127, 127, 0, -1};
    static const uint8_t packed[4] = {1, 255, 128, 127}, raw[4] = {0x81, 0x7f, 0, 0xff};
    code("int8", q8, 4, 0.25f, codes, scales, &loss);
    assert_memory_equal(codes, packed, 4);
    code("w8a8", q8, 4, 0.25f, codes, scales, &loss);
    assert_memory_equal(codes, raw, 4);
}

static void codes_zeros_and_finds_bad_weights(void **state)
{
    (void)state;
    float x[64] = {0};
    int8_t q[64];
    uint8_t codes[32], scales[4];
    size_t bad = 99;
    carat_scheme s = scheme("int4-g32");
    carat_coder c = carat_coder_make(test_set(0), &carat_method_search, &s, CARAT_DT_BF16, 64);
    carat_code_out out = {codes, scales, q};
    carat_loss loss = {0};
    x[40] = 1;
    assert_true(carat_code_row(&c, x, &out, &loss, &bad));
    assert_int_equal(loss.zero, 1);
    assert_int_equal(scales[0] | scales[1] << 8, 0x3f80); /* 1.0 */
    for (int i = 0; i < 16; i++)
        assert_int_equal(codes[i], 0x88);
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        x[37] = wrong[i];
        carat_loss before = loss;
        assert_false(carat_code_row(&c, x, &out, &loss, &bad));
        assert_int_equal(bad, 37);
        assert_memory_equal(&loss, &before, sizeof loss);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_names_of_schemes),
        cmocka_unit_test(knows_which_widths_fit),
        cmocka_unit_test(finds_nearly_the_best_scale),
        cmocka_unit_test(chooses_alike_in_every_kernel_set),
        cmocka_unit_test(takes_the_larger_scale_of_a_tie),
        cmocka_unit_test(serves_the_ends_of_the_range),
        cmocka_unit_test(packs_as_the_format_says),
        cmocka_unit_test(codes_zeros_and_finds_bad_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
