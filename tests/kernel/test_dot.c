/* Rows as floats, and float products of few tokens, of every usable set.           SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "tests/support/matrix.h"
#include "tests/support/sets.h"

/* The error of a dot product of n f32 terms, as a part of the sum of their magnitudes: 16 lanes of n / 16 additions each. */
static double budget(size_t n)
{
    return ((double)n / 16 + 8) * 0x1p-24;
}

typedef struct shape {
    const carat_format *format;
    size_t rows, cols, group;
} shape;

static void shape_at(size_t i, shape *s)
{
    static const size_t cols[] = {16, 24, 64, 96, 544, 1536}, groups[] = {0, 16, 32, 96};
    const carat_format *f = carat_format_at(i % 6);
    *s = (shape){f, 1 + carat_random(3, i) % 21, cols[carat_random(4, i) % 6], 0};
    size_t group = groups[carat_random(5, i) % 4];
    if (f->integer && group && s->cols % group == 0)
        s->group = group;
}

static void decoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        shape s;
        shape_at(i, &s);
        test_matrix m = test_matrix_make(s.format, s.rows, s.cols, s.group,
                                         i % 7 ? CARAT_DT_BF16 : CARAT_DT_F32, i);
        float *want = carat_alloc(s.rows * s.cols, sizeof *want, NULL);
        float *got = carat_alloc(s.rows * s.cols, sizeof *got, NULL);
        for (size_t r = 0; r < s.rows; r++)
            s.format->decode(&m.w, r, 0, s.cols, want + r * s.cols);
        for (size_t k = 0; test_set(k); k++) {
            size_t cut = s.rows / 2;
            test_set(k)->decode(&m.w, 0, cut, got);
            test_set(k)->decode(&m.w, cut, s.rows, got + cut * s.cols);
            for (size_t j = 0; j < s.rows * s.cols; j++)
                if (got[j] != want[j])
                    fail_msg("%s decode %s, %zu x %zu, group %zu: %a, not %a", test_set(k)->name,
                             s.format->name, s.rows, s.cols, s.group, (double)got[j], (double)want[j]);
        }
        carat_free(want);
        carat_free(got);
        test_matrix_free(&m);
    }
}

static void check_products(const carat_kernels *k, const carat_weight *w, const float *x, const float *values)
{
    enum { TOKENS = 4, LDY = 32 };
    float y[TOKENS * LDY], alone[TOKENS * LDY];
    size_t rows = (size_t)w->rows, cols = (size_t)w->cols;
    for (size_t n = 1; n <= TOKENS; n++) {
        k->fdot(w, 0, rows, x, cols, n, y, LDY);
        for (size_t t = 0; t < n; t++)
            for (size_t r = 0; r < rows; r++) {
                double sum = 0, size = 0;
                for (size_t c = 0; c < cols; c++) {
                    sum += (double)values[r * cols + c] * (double)x[t * cols + c];
                    size += fabs((double)values[r * cols + c] * (double)x[t * cols + c]);
                }
                if (!(fabs((double)y[t * LDY + r] - sum) <= budget(cols) * size))
                    fail_msg("%s fdot %s, %zu columns: %g, not %g", k->name, w->format->name, cols,
                             (double)y[t * LDY + r], sum);
                k->fdot(w, r, r + 1, x + t * cols, cols, 1, alone + t * LDY, LDY);
                if (memcmp(&alone[t * LDY + r], &y[t * LDY + r], sizeof *y) != 0)
                    fail_msg("%s fdot %s, %zu columns: a row of %zu tokens differs from the row alone",
                             k->name, w->format->name, cols, n);
            }
    }
}

static void few_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        shape s;
        shape_at(i, &s);
        test_matrix m = test_matrix_make(s.format, s.rows, s.cols, s.group, CARAT_DT_BF16, i);
        float *values = carat_alloc(s.rows * s.cols, sizeof *values, NULL),
              *x = carat_alloc(4 * s.cols, sizeof *x, NULL);
        carat_kernels_ref.decode(&m.w, 0, s.rows, values);
        test_floats(x, 4 * s.cols, 1.0f, i + 1);
        for (size_t k = 0; test_set(k); k++)
            check_products(test_set(k), &m.w, x, values);
        carat_free(values);
        carat_free(x);
        test_matrix_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding),
        cmocka_unit_test(few_tokens),
    };
    return cmocka_run_group_tests_name("kernel/dot", tests, NULL, NULL);
}
