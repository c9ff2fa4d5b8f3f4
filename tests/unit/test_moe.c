/* Which experts a router chooses.                                                   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include "runtime/model/moe.h"

enum { MOST = 64 };

static void choose(const float *p, uint32_t n, uint32_t top, const uint32_t *want)
{
    uint32_t got[MOST];
    carat_moe_choose(p, n, top, got);
    assert_memory_equal(got, want, top * sizeof *got);
}

static void largest(void **state)
{
    (void)state;
    const float p[] = {0.1f, 0.4f, 0.05f, 0.3f, 0.15f};
    choose(p, 5, 1, (const uint32_t[]){1});
    choose(p, 5, 3, (const uint32_t[]){1, 3, 4});
    choose(p, 5, 5, (const uint32_t[]){0, 1, 2, 3, 4});
    choose(p, 1, 1, (const uint32_t[]){0});
}

/* Equal ones go by the lower index, whatever stands around them. */
static void ties(void **state)
{
    (void)state;
    const float same[] = {0.25f, 0.25f, 0.25f, 0.25f}, some[] = {0.1f, 0.3f, 0.1f, 0.3f, 0.1f, 0.1f};
    const float zeros[] = {0, 1, -0.0f, 0};
    choose(same, 4, 1, (const uint32_t[]){0});
    choose(same, 4, 3, (const uint32_t[]){0, 1, 2});
    choose(some, 6, 1, (const uint32_t[]){1});
    choose(some, 6, 4, (const uint32_t[]){0, 1, 2, 3});
    choose(zeros, 4, 3, (const uint32_t[]){0, 1, 2});
}

/* NaN counts as smallest, and there are always `top` different experts: a broken model ends in one error, not in a wild index. */
static void nan_last(void **state)
{
    (void)state;
    const float p[] = {NAN, 0.1f, NAN, 0.2f, -INFINITY}, all[] = {NAN, NAN, NAN};
    choose(p, 5, 2, (const uint32_t[]){1, 3});
    choose(p, 5, 4, (const uint32_t[]){0, 1, 3, 4});
    choose(all, 3, 2, (const uint32_t[]){0, 1});
}

/* Rank by the definition: an expert is chosen if fewer than `top` go before it. */
static void definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        uint64_t x = seed * 2654435761u + 1;
        uint32_t n = (uint32_t)(seed % MOST) + 1, top = (uint32_t)(seed * 7 % n) + 1, want[MOST], k = 0;
        float p[MOST];
        for (uint32_t i = 0; i < n; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            p[i] = (float)(x >> 60); /* 16 values: many ties */
        }
        for (uint32_t i = 0; i < n; i++) {
            uint32_t ahead = 0;
            for (uint32_t j = 0; j < n; j++)
                ahead += p[j] > p[i] || (p[j] == p[i] && j < i);
            if (ahead < top)
                want[k++] = i;
        }
        assert_int_equal(k, top);
        choose(p, n, top, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest),
        cmocka_unit_test(ties),
        cmocka_unit_test(nan_last),
        cmocka_unit_test(definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
