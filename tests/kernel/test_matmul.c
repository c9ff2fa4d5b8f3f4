/* Products over a team: right, and the same bits for any number of threads, batch and place in it.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "runtime/kernel/matmul.h"
#include "tests/support/matrix.h"
#include "tests/support/sets.h"

enum { MAX_PRODUCTS = 3 };

typedef struct job {
    const carat_kernels *k;
    const carat_product *p;
    size_t np;
    bool few;
    uint8_t *scratch;
    size_t scratch_bytes;
} job;

static void work(carat_team *team, int rank, void *ctx)
{
    const job *j = ctx;
    carat_matmul(j->k, team, j->p, j->np, j->few, j->scratch + (size_t)rank * j->scratch_bytes);
}

static void run(const carat_kernels *k, int threads, const carat_product *p, size_t np, bool few)
{
    carat_team *team = NULL;
    size_t cols = 0;
    for (size_t i = 0; i < np; i++)
        cols = p[i].w->cols > cols ? (size_t)p[i].w->cols : cols;
    job j = {.k = k, .p = p, .np = np, .few = few, .scratch_bytes = carat_matmul_scratch(cols, p->n)};
    j.scratch = carat_alloc((size_t)threads, j.scratch_bytes, NULL);
    assert_non_null(j.scratch);
    assert_int_equal(carat_team_open(threads, &team, NULL), CARAT_OK);
    carat_team_run(team, work, &j);
    carat_team_close(team);
    carat_free(j.scratch);
}

/* y of one matrix for n tokens at x: a block of n * rows floats. */
static float *product(const carat_kernels *k, const carat_weight *w, bool integer, const float *x, size_t n,
                      bool few)
{
    carat_act a = test_act(k, carat_act_form(w, integer), (size_t)w->cols, n, x);
    float *y = carat_alloc(n * (size_t)w->rows, sizeof *y, NULL);
    carat_product p = {w, &a, y, (size_t)w->rows, n};
    run(k, 1, &p, 1, few);
    test_act_free(&a);
    return y;
}

/* Every token alone, and in batches of every size up to 40 at several places, has the bits it has among 512. */
static void check_batches(const carat_kernels *k, const carat_weight *w, bool integer, bool few)
{
    enum { MANY = 512 };
    size_t rows = (size_t)w->rows, cols = (size_t)w->cols;
    float *x = carat_alloc(MANY * cols, sizeof *x, NULL);
    test_floats(x, MANY * cols, 1.0f, 11);
    float *all = product(k, w, integer, x, MANY, few);
    for (size_t n = 1; n <= 40; n++) {
        size_t t = n * 11 % (MANY - n);
        float *y = product(k, w, integer, x + t * cols, n, few);
        if (memcmp(y, all + t * rows, n * rows * sizeof *y) != 0)
            fail_msg("%s %s %zu x %zu%s%s: %zu tokens differ from the same among %d", k->name,
                     w->format->name, rows, cols, integer ? " int8" : "", few ? " few" : "", n, MANY);
        carat_free(y);
    }
    carat_free(all);
    carat_free(x);
}

static void batches(void **state)
{
    static const size_t shapes[][2] = {{64, 64}, {131, 96}, {300, 640}, {40, 1536}, {257, 264}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        test_matrix f = test_matrix_make(&carat_format_bf16, shapes[i][0], shapes[i][1], 0, CARAT_DT_BF16, i);
        test_matrix q = test_matrix_make(&carat_format_int4, shapes[i][0], shapes[i][1], i % 2 ? 32 : 0,
                                         CARAT_DT_BF16, i);
        if (shapes[i][1] % 32)
            q.w.group = (uint32_t)shapes[i][1], q.w.groups = 1;
        check_batches(test_set(0), &f.w, false, false);
        check_batches(test_set(0), &f.w, false, true);
        check_batches(test_set(0), &q.w, true, false);
        test_matrix_free(&f);
        test_matrix_free(&q);
    }
}

/* Several products at once, in one take-loop, on teams of several sizes; nothing is written outside y. */
static void teams(void **state)
{
    enum { N = 9, LDY = 400, COLS = 160 };
    const carat_format *formats[MAX_PRODUCTS] = {&carat_format_int4, &carat_format_bf16, &carat_format_int8};
    static const size_t rows[MAX_PRODUCTS] = {293, 131, 7};
    test_matrix m[MAX_PRODUCTS];
    carat_act a[MAX_PRODUCTS];
    carat_product p[MAX_PRODUCTS];
    float x[N * COLS];
    float *y[2];
    (void)state;
    test_floats(x, N * COLS, 1.0f, 3);
    for (size_t i = 0; i < 2; i++)
        y[i] = carat_alloc(MAX_PRODUCTS * N * LDY, sizeof *y[i], NULL);
    for (size_t i = 0; i < MAX_PRODUCTS; i++) {
        m[i] = test_matrix_make(formats[i], rows[i], COLS, i == 0 ? 32 : 0, CARAT_DT_BF16, i);
        a[i] = test_act(test_set(0), carat_act_form(&m[i].w, true), COLS, N, x);
    }
    for (size_t n = 1; n <= N; n += 4)
        for (int few = 0; few < 2; few++)
            for (int threads = 1; threads <= 4; threads++) {
                float *out = y[threads > 1];
                for (size_t i = 0; i < MAX_PRODUCTS * N * LDY; i++)
                    out[i] = -123.0f;
                for (size_t i = 0; i < MAX_PRODUCTS; i++)
                    p[i] = (carat_product){&m[i].w, &a[i], out + i * N * LDY, LDY, 1 + (n + 4 * i) % N};
                run(test_set(0), threads, p, MAX_PRODUCTS, few);
                for (size_t i = 0; i < MAX_PRODUCTS * N * LDY; i++) {
                    bool inside = i / LDY % N < p[i / LDY / N].n && i % LDY < rows[i / LDY / N];
                    assert_true(inside == (out[i] != -123.0f));
                }
                assert_memory_equal(out, y[0], MAX_PRODUCTS * N * LDY * sizeof *out);
            }
    for (size_t i = 0; i < MAX_PRODUCTS; i++) {
        test_act_free(&a[i]);
        test_matrix_free(&m[i]);
    }
    carat_free(y[0]);
    carat_free(y[1]);
}

/* Both float paths against double. Budget: 2^-24 times a term per addition of the longest chain, of the magnitudes' sum. */
static void float_paths(void **state)
{
    (void)state;
    for (size_t f = 0; carat_format_at(f); f++) {
        size_t rows = 150, cols = 384, n = 6;
        test_matrix m = test_matrix_make(carat_format_at(f), rows, cols, 0, CARAT_DT_BF16, f);
        float *x = carat_alloc(n * cols, sizeof *x, NULL), *w = carat_alloc(rows * cols, sizeof *w, NULL);
        test_floats(x, n * cols, 1.0f, f + 9);
        carat_kernels_ref.decode(&m.w, 0, rows, w);
        for (int few = 0; few < 2; few++) {
            float *y = product(test_set(0), &m.w, false, x, n, few);
            for (size_t i = 0; i < n * rows; i++) {
                double sum = 0, size = 0;
                for (size_t c = 0; c < cols; c++) {
                    double v = (double)w[i % rows * cols + c] * (double)x[i / rows * cols + c];
                    sum += v;
                    size += fabs(v);
                }
                assert_true(fabs((double)y[i] - sum) <= (double)cols * 0x1p-24 * size);
            }
            carat_free(y);
        }
        carat_free(x);
        carat_free(w);
        test_matrix_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_paths),
        cmocka_unit_test(teams),
        cmocka_unit_test(batches),
    };
    carat_matmul_init();
    return cmocka_run_group_tests_name("kernel/matmul", tests, NULL, NULL);
}
