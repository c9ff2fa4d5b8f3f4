/* Integer kernels of every usable set against the reference, bit by bit.           SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "tests/support/matrix.h"
#include "tests/support/sets.h"

enum { MAX_ROWS = 40, MAX_TOKENS = 13, LDY = 64 };

typedef struct shape {
    size_t rows, cols, group, tokens; /* group 0: per channel */
} shape;

static const carat_format *const formats[] = {&carat_format_int8, &carat_format_int8_packed,
                                              &carat_format_int4};
enum { FORMATS = sizeof formats / sizeof *formats };

/* ---- products ----------------------------------------------------------------------------------------------- */

static void same_floats(const float *got, const float *want, size_t n, const char *what,
                        const carat_kernels *k, const carat_weight *w, size_t tokens)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s %s: %s, %zu rows, %zu columns, group %u, %zu tokens: y[%zu][%zu] is %a, not %a",
                     k->name, what, w->format->name, (size_t)w->rows, (size_t)w->cols, w->group, tokens,
                     i / LDY, i % LDY, (double)got[i], (double)want[i]);
}

/* qdot in fours from every token, whole and in two cuts; qpanel over all tokens and over some. */
static void check_set(const carat_kernels *k, const carat_weight *w, const carat_act *x, size_t tokens,
                      const float *want)
{
    float got[MAX_TOKENS * LDY];
    size_t rows = (size_t)w->rows, cut = rows > 9 ? 8 : rows;
    memset(got, 0, sizeof got);
    for (size_t t = 0; t < tokens; t += 4) {
        size_t n = tokens - t < 4 ? tokens - t : 4;
        k->qdot(w, 0, cut, x, t, n, got, LDY);
        k->qdot(w, cut, rows, x, t, n, got, LDY);
    }
    same_floats(got, want, tokens * LDY, "qdot", k, w, tokens);

    void *scratch = carat_alloc(carat_panel_bytes((size_t)w->cols), 1, NULL);
    memset(got, 0, sizeof got);
    for (size_t r = 0; r < rows; r += CARAT_PANEL_ROWS) {
        size_t end = rows - r < CARAT_PANEL_ROWS ? rows : r + CARAT_PANEL_ROWS;
        k->qpanel(w, r, end, x, 0, tokens / 3, got, LDY, scratch);
        k->qpanel(w, r, end, x, tokens / 3, tokens, got, LDY, scratch);
    }
    same_floats(got, want, tokens * LDY, "qpanel", k, w, tokens);
    carat_free(scratch);
}

static void check_shape(const carat_format *f, shape s, carat_dtype scale_dtype, uint64_t seed)
{
    float want[MAX_TOKENS * LDY] = {0};
    float *x = carat_alloc(s.tokens * s.cols, sizeof *x, NULL);
    test_floats(x, s.tokens * s.cols, 3.0f, seed + 1);
    test_matrix m = test_matrix_make(f, s.rows, s.cols, s.group, scale_dtype, seed);
    carat_act a = test_act(&carat_kernels_ref, carat_act_form(&m.w, true), s.cols, s.tokens, x);
    carat_kernels_ref.qdot(&m.w, 0, s.rows, &a, 0, s.tokens, want, LDY);
    for (size_t i = 0; test_set(i); i++)
        check_set(test_set(i), &m.w, &a, s.tokens, want);
    test_act_free(&a);
    test_matrix_free(&m);
    carat_free(x);
}

static void products_of_odd_sizes(void **state)
{
    static const size_t cols[] = {16, 32, 64, 96, 128, 192, 256, 320, 544, 1152, 1536},
                        groups[] = {0, 16, 32, 64, 96, 128};
    (void)state;
    uint64_t seed = 0;
    for (size_t f = 0; f < FORMATS; f++)
        for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
            for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
                for (size_t i = 0; i < 6; i++, seed += 3) {
                    if (groups[g] && cols[c] % groups[g])
                        continue;
                    shape s = {1 + carat_random(7, seed) % MAX_ROWS, cols[c], groups[g],
                               1 + carat_random(8, seed) % MAX_TOKENS};
                    carat_dtype scales[] = {CARAT_DT_BF16, CARAT_DT_BF16, CARAT_DT_F32, CARAT_DT_F16};
                    check_shape(formats[f], s, scales[seed % 4], seed);
                }
}

static void products_of_every_row_and_token_count(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        for (size_t rows = 1; rows <= MAX_ROWS; rows++)
            check_shape(formats[f], (shape){rows, 160, 32, 5}, CARAT_DT_BF16, rows);
        for (size_t tokens = 1; tokens <= MAX_TOKENS; tokens++)
            check_shape(formats[f], (shape){33, 256, f % 2 ? 0 : 32, tokens}, CARAT_DT_BF16, tokens);
    }
}

/* Columns that end inside a vector, a byte or a word: only per-channel formats can have them. */
static void products_of_ragged_columns(void **state)
{
    (void)state;
    for (size_t cols = 8; cols < 300; cols += 4)
        check_shape(&carat_format_int4, (shape){11, cols, 0, 6}, CARAT_DT_BF16, cols);
    for (size_t cols = 1; cols < 300; cols += 7)
        for (size_t f = 0; f < 2; f++)
            check_shape(formats[f], (shape){11, cols, 0, 6}, CARAT_DT_F32, cols);
}

/* All codes and activations at their extremes: sums that just fit their lanes. */
static void products_at_the_limits(void **state)
{
    static const uint8_t patterns[] = {0x00, 0xff, 0x80, 0x7f, 0x0f, 0xf0};
    (void)state;
    for (size_t f = 0; f < FORMATS; f++)
        for (size_t i = 0; i < sizeof patterns * 3; i++) {
            test_matrix m = test_matrix_make(formats[f], 32, 512, i % 2 ? 32 : 0, CARAT_DT_BF16, i);
            memset((void *)(uintptr_t)m.w.data, patterns[i / 3], 32 * m.w.row_bytes);
            float x[4 * 512], want[MAX_TOKENS * LDY] = {0};
            for (size_t c = 0; c < 4 * 512; c++)
                x[c] = i % 3 == 0 ? 1.0f : i % 3 == 1 ? -1.0f : c % 2 ? 1.0f : -1.0f;
            carat_act a = test_act(&carat_kernels_ref, carat_act_form(&m.w, true), 512, 4, x);
            carat_kernels_ref.qdot(&m.w, 0, 32, &a, 0, 4, want, LDY);
            for (size_t k = 0; test_set(k); k++)
                check_set(test_set(k), &m.w, &a, 4, want);
            test_act_free(&a);
            test_matrix_free(&m);
        }
}

/* The reference against the definition written down in another way: codes through decode (exact), in double. */
static void reference_is_the_definition(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++)
        for (size_t g = 0; g < 3; g++) {
            size_t cols = 96, group = g == 0 ? 0 : g == 1 ? 32 : 16;
            float x[96], row[96], y = 0, xq[96];
            test_floats(x, cols, 2.0f, g);
            test_matrix m = test_matrix_make(formats[f], 1, cols, group, CARAT_DT_BF16, f);
            carat_form form = carat_act_form(&m.w, true);
            carat_act a = test_act(&carat_kernels_ref, form, cols, 1, x);
            for (size_t c = 0; c < cols; c++) {
                size_t at = form.order == CARAT_ORDER_PLAIN ? c : c / 32 * 32 + c % 32 / 2 + c % 2 * 16;
                xq[c] = a.scale[c / form.group] * (float)a.q[at];
                assert_true(fabsf(xq[c] - x[c]) <= a.scale[c / form.group] * 0.5001f);
            }
            m.w.format->decode(&m.w, 0, 0, cols, row);
            double sum = 0, size = 0;
            for (size_t c = 0; c < cols; c++) {
                sum += (double)row[c] * (double)xq[c];
                size += fabs((double)row[c] * (double)xq[c]);
            }
            carat_kernels_ref.qdot(&m.w, 0, 1, &a, 0, 1, &y, 1);
            assert_true(fabs((double)y - sum) <= 1e-6 * size);
            test_act_free(&a);
            test_matrix_free(&m);
        }
}

/* ---- activations -------------------------------------------------------------------------------------------- */

static void check_quantize(carat_form form, size_t cols, const float *x)
{
    carat_act want = test_act(&carat_kernels_ref, form, cols, 1, x);
    for (size_t i = 0; test_set(i); i++) {
        carat_act got = test_act(test_set(i), form, cols, 1, x);
        if (memcmp(got.q, want.q, want.ldq) != 0)
            fail_msg("%s quantize: %zu columns, group %u: codes differ", test_set(i)->name, cols, form.group);
        for (size_t g = 0; g < want.groups; g++) {
            bool same = isnan(want.scale[g]) ? isnan(got.scale[g]) : got.scale[g] == want.scale[g];
            if (!same || got.sum[g] != want.sum[g])
                fail_msg("%s quantize: %zu columns, group %u: scale %a, not %a; sum %d, not %d",
                         test_set(i)->name, cols, form.group, (double)got.scale[g], (double)want.scale[g],
                         got.sum[g], want.sum[g]);
        }
        test_act_free(&got);
    }
    test_act_free(&want);
}

static void activations(void **state)
{
    static const uint32_t groups[] = {16, 32, 64, 96, 128};
    float x[640];
    (void)state;
    for (size_t cols = 1; cols <= 640; cols += cols < 70 ? 1 : 57)
        for (size_t g = 0; g < 5; g++)
            for (int order = CARAT_ORDER_PLAIN; order <= CARAT_ORDER_NIBBLE; order++) {
                test_floats(x, cols, g == 3 ? 1e-20f : 5.0f, cols * 5 + g);
                for (size_t c = 0; c < cols && g == 1; c++)
                    x[c] = (float)((int)(c * 37 % 255) - 127) * 0.5f; /* ties */
                check_quantize((carat_form){(carat_order)order, groups[g]}, cols, x);
            }
}

static void activations_that_are_not_numbers(void **state)
{
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, 1e-31f, 3.4e38f};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (size_t at = 0; at < 2; at++) {
            float x[128];
            test_floats(x, 128, i >= 4 && at ? 0.0f : 1.0f, i);
            x[at * 61 + 3] = odd[i];
            carat_form form = {CARAT_ORDER_NIBBLE, 64};
            check_quantize(form, 128, x);
            carat_act a = test_act(&carat_kernels_ref, form, 128, 1, x);
            assert_int_equal(isnan(a.scale[at * 61 + 3 >= 64]) != 0, i < 4);
            test_act_free(&a);
        }
}

/* So that nobody takes a set for checked that was not there. */
static void avx512_was_checked(void **state)
{
    (void)state;
    for (size_t i = 0; test_set(i); i++)
        if (strcmp(test_set(i)->name, "avx512") == 0)
            return;
    print_message("no AVX-512 here, and no SIMDe (libsimde-dev) to simulate it\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_the_definition),
        cmocka_unit_test(products_of_odd_sizes),
        cmocka_unit_test(products_of_every_row_and_token_count),
        cmocka_unit_test(products_of_ragged_columns),
        cmocka_unit_test(products_at_the_limits),
        cmocka_unit_test(activations),
        cmocka_unit_test(avx512_was_checked),
        cmocka_unit_test(activations_that_are_not_numbers),
    };
    return cmocka_run_group_tests_name("kernel/int", tests, NULL, NULL);
}
