/* Sizes that overflow are refused; blocks are aligned and zeroed.                  SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdlib.h>

#include "runtime/base/mem.h"

static void overflow(void **state)
{
    (void)state;
    size_t z;
    assert_true(carat_mul(SIZE_MAX, 1, &z) && z == SIZE_MAX);
    assert_true(carat_mul(SIZE_MAX, 0, &z) && z == 0);
    assert_true(carat_mul((size_t)1 << 32, ((size_t)1 << 32) - 1, &z) && z == (((size_t)1 << 32) - 1) << 32);
    assert_false(carat_mul((size_t)1 << 32, (size_t)1 << 32, &z));
    assert_true(z == SIZE_MAX);
    assert_true(carat_add(SIZE_MAX - 1, 1, &z) && z == SIZE_MAX);
    assert_false(carat_add(SIZE_MAX, 1, &z));
    assert_true(z == SIZE_MAX);
    uint64_t u;
    assert_false(carat_mul_u64(UINT64_MAX / 2 + 1, 2, &u));
    assert_true(u == UINT64_MAX);
    assert_true(carat_mul_u64(UINT64_MAX / 3, 3, &u) && u == UINT64_MAX);
}

static void blocks(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = carat_alloc(n, 3, NULL);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % CARAT_ALIGN, 0);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xaa, 3 * n);
        carat_free(p);
    }
    carat_free(NULL);
    carat_err err = {0};
    assert_null(carat_alloc(SIZE_MAX / 2, 3, &err));
    assert_int_equal(err.status, CARAT_ENOMEM);
    assert_null(carat_alloc(SIZE_MAX, 1, &err)); /* only the padding overflows */
    assert_null(carat_alloc(SIZE_MAX / 4, 2, &err));
    assert_int_equal(err.status, CARAT_ENOMEM);
}

static void growth(void **state)
{
    (void)state;
    uint32_t *v = NULL;
    size_t cap = 0;
    carat_err err = {0};
    for (size_t n = 1; n < 5000; n++) {
        assert_int_equal(carat_grow((void **)&v, &cap, n, sizeof *v, &err), CARAT_OK);
        assert_true(cap >= n);
        v[n - 1] = (uint32_t)n;
    }
    for (size_t n = 1; n < 5000; n++)
        assert_int_equal(v[n - 1], n);
    uint32_t *was = v;
    size_t had = cap;
    assert_fails(carat_grow((void **)&v, &cap, SIZE_MAX / 2, sizeof *v, &err), CARAT_ENOMEM, &err, "bytes");
    assert_ptr_equal(v, was); /* what was there is kept */
    assert_int_equal(cap, had);
    free(v);
}

static void arenas(void **state)
{
    (void)state;
    carat_arena a = {0};
    carat_err err = {0};
    unsigned char *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        size_t n = i == 100 ? 1 << 20 : i * 13; /* one larger than a block */
        pieces[i] = carat_arena_alloc(&a, n, 1, &err);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i, n);
    }
    for (size_t i = 1; i < 200; i++)
        assert_int_equal(pieces[i][i * 13 - 1], i); /* nobody wrote over it */
    char *s = carat_arena_copy(&a, "ab\0cd", 4, &err);
    assert_memory_equal(s, "ab\0c\0", 5);
    assert_null(carat_arena_alloc(&a, SIZE_MAX / 2, 4, &err));
    assert_int_equal(err.status, CARAT_ENOMEM);
    assert_null(carat_arena_alloc(&a, SIZE_MAX - 20, 1, &err));
    carat_arena_free(&a);
    carat_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow),
        cmocka_unit_test(blocks),
        cmocka_unit_test(growth),
        cmocka_unit_test(arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
