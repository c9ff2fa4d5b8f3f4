/* The table from names to numbers.                                                 SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>

#include "runtime/base/map.h"

enum { MANY = 20000 };

static void many_names(void **state)
{
    (void)state;
    static char names[MANY][16];
    carat_table t = {0};
    uint32_t v = 0;
    assert_false(carat_table_get(&t, "x", 1, &v)); /* of an empty table */
    for (uint32_t i = 0; i < MANY; i++) {
        int len = snprintf(names[i], sizeof names[i], "name.%u", i);
        bool was = true;
        assert_int_equal(carat_table_put(&t, names[i], (size_t)len, i, &was, NULL), CARAT_OK);
        assert_false(was);
    }
    assert_int_equal(t.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(carat_table_get(&t, names[i], strlen(names[i]), &v));
        assert_int_equal(v, i);
        assert_false(carat_table_get(&t, names[i], strlen(names[i]) - 1, &v) && v == i);
    }
    assert_false(carat_table_get(&t, "name.20000", 10, &v));
    carat_table_free(&t);
    carat_table_free(&t);
    assert_false(carat_table_get(&t, "name.1", 6, &v));
}

static void keys_are_bytes(void **state)
{
    (void)state;
    carat_table t = {0};
    uint32_t v;
    bool was;
    assert_int_equal(carat_table_put(&t, "a\0b", 3, 1, NULL, NULL), CARAT_OK);
    assert_int_equal(carat_table_put(&t, "a\0c", 3, 2, NULL, NULL), CARAT_OK);
    assert_int_equal(carat_table_put(&t, "a", 1, 3, NULL, NULL), CARAT_OK);
    assert_int_equal(carat_table_put(&t, "", 0, 4, NULL, NULL), CARAT_OK);
    assert_true(carat_table_get(&t, "a\0b", 3, &v) && v == 1);
    assert_true(carat_table_get(&t, "a\0c", 3, &v) && v == 2);
    assert_true(carat_table_get(&t, "a", 1, &v) && v == 3);
    assert_true(carat_table_get(&t, "", 0, &v) && v == 4);
    assert_int_equal(carat_table_put(&t, "a", 1, 9, &was, NULL), CARAT_OK);
    assert_true(was);
    assert_true(carat_table_get(&t, "a", 1, &v) && v == 3); /* the first one stays */
    carat_table_free(&t);
}

static void hashing(void **state)
{
    (void)state;
    assert_true(carat_hash_bytes("abc", 3, 0) != carat_hash_bytes("abc", 3, 1));
    assert_true(carat_hash_bytes("abc", 3, 0) != carat_hash_bytes("abc\0", 4, 0));
    assert_true(carat_hash_bytes("12345678a", 9, 0) != carat_hash_bytes("12345678b", 9, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_names),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(hashing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
