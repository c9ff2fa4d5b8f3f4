/* Teams: every piece exactly once, no thread past a barrier early.                 SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdatomic.h>

#include "runtime/base/mem.h"
#include "runtime/base/par.h"

enum { TOTAL = 10007, PHASES = 20 };

typedef struct job {
    atomic_uchar taken[PHASES][TOTAL];
    size_t total, piece;
    atomic_int wrong, inside;
} job;

static void phases(carat_team *t, int rank, void *ctx)
{
    job *j = ctx;
    size_t begin, end;
    if (rank < 0 || rank >= carat_team_size(t))
        atomic_fetch_add(&j->wrong, 1);
    for (size_t p = 0; p < PHASES; p++) {
        while (carat_team_take(t, j->total, j->piece, &begin, &end)) {
            if (begin >= end || end > j->total || end - begin > j->piece)
                atomic_fetch_add(&j->wrong, 1);
            for (size_t i = begin; i < end; i++)
                atomic_fetch_add(&j->taken[p][i], 1);
        }
        carat_team_barrier(t);
        /* everyone's pieces of this phase are done, whoever took them */
        for (size_t i = 0; i < j->total; i += 97)
            if (atomic_load(&j->taken[p][i]) != 1)
                atomic_fetch_add(&j->wrong, 1);
        carat_team_barrier(t);
    }
}

static void pieces_and_barriers(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 7};
    static const size_t shapes[][2] = {{TOTAL, 16}, {TOTAL, 1}, {TOTAL, TOTAL * 2}, {1, 1}, {0, 5}, {5, 2}};
    for (size_t k = 0; k < sizeof threads / sizeof *threads; k++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            carat_team *t;
            assert_int_equal(carat_team_open(threads[k], &t, NULL), CARAT_OK);
            assert_int_equal(carat_team_size(t), threads[k]);
            job *j = carat_alloc(1, sizeof *j, NULL);
            assert_non_null(j);
            j->total = shapes[s][0];
            j->piece = shapes[s][1];
            carat_team_run(t, phases, j);
            assert_int_equal(atomic_load(&j->wrong), 0);
            for (size_t p = 0; p < PHASES; p++)
                for (size_t i = 0; i < TOTAL; i++)
                    if (atomic_load(&j->taken[p][i]) != (i < j->total))
                        fail_msg("phase %zu, item %zu: taken %d times", p, i, atomic_load(&j->taken[p][i]));
            carat_free(j);
            carat_team_close(t);
        }
}

static void add_range(size_t begin, size_t end, int rank, void *ctx)
{
    (void)rank;
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add((atomic_size_t *)ctx, i);
}

static void ranges(void **state)
{
    (void)state;
    carat_team *t;
    assert_int_equal(carat_team_open(2, &t, NULL), CARAT_OK);
    for (size_t n = 0; n < 200; n++) {
        atomic_size_t sum = 0;
        carat_team_for(t, n, 3, add_range, &sum);
        assert_int_equal(atomic_load(&sum), n ? n * (n - 1) / 2 : 0);
    }
    carat_team_close(t);
}

static void sizes(void **state)
{
    (void)state;
    carat_team *t = NULL;
    carat_err err = {0};
    assert_true(carat_cores() >= 1);
    assert_int_equal(carat_team_open(0, &t, NULL), CARAT_OK);
    assert_int_equal(carat_team_size(t), carat_cores());
    carat_team_close(t);
    carat_team_close(NULL);
    assert_fails(carat_team_open(-1, &t, &err), CARAT_EUSAGE, &err, "-1");
    assert_fails(carat_team_open(257, &t, &err), CARAT_EUSAGE, &err, "257");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_and_barriers),
        cmocka_unit_test(ranges),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
