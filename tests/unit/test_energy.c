/* Energy counters: packages, a turn of the counter, none.                          SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/energy.h"
#include "runtime/base/file.h"
#include "tests/support/test.h"

static void put(const char *root, int package, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/intel-rapl:%d", root, package);
    assert_int_equal(carat_make_dir(path, NULL), CARAT_OK);
    snprintf(path, sizeof path, "%s/intel-rapl:%d/%s", root, package, name);
    assert_int_equal(carat_write_file(path, text, strlen(text), NULL), CARAT_OK);
}

static void counters(void **state)
{
    (void)state;
    char root[512];
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/carat-energy", tmp ? tmp : "/tmp");
    assert_int_equal(carat_remove_tree(root, NULL), CARAT_OK);
    carat_energy none = carat_energy_read(root);
    assert_true(none.n == 0 && isnan(carat_energy_between(&none, &none)));
    for (int i = 0; i < 2; i++) {
        put(root, i, "max_energy_range_uj", "262143328850\n");
        put(root, i, "energy_uj", i ? "262143000000\n" : "1000000\n");
    }
    carat_energy a = carat_energy_read(root);
    put(root, 0, "energy_uj", "3500000\n");
    put(root, 1, "energy_uj", "671150\n");
    carat_energy b = carat_energy_read(root);
    assert_true(a.n == 2 && b.n == 2);
    assert_true(fabs(carat_energy_between(&a, &b) - 3.5) < 1e-9); /* 2.5 J, and 1 J past the counter's end */
    assert_true(isnan(carat_energy_between(&none, &b)));
    assert_int_equal(carat_remove_tree(root, NULL), CARAT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
