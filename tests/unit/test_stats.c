/* Statistics: known values, clusters, degenerate inputs.                           SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/stats.h"
#include "tests/support/test.h"

static void means(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6};
    const uint32_t own[] = {0, 1, 2, 3, 4, 5}, pairs[] = {0, 0, 1, 1, 2, 2}, one[] = {7, 7, 7, 7, 7, 7};
    carat_estimate e;
    assert_int_equal(carat_estimate_mean(&(carat_observations){x, own, 6, 1}, &e, NULL), CARAT_OK);
    assert_float_equal(e.value, 3.5, 1e-15);
    /* clusters of one: the standard error of a mean, sd / sqrt(n) */
    assert_float_equal(e.error, sqrt(3.5 / 6), 1e-12);
    assert_true(e.low > 1.5 && e.low < 3 && e.high > 4 && e.high < 5.5);
    /* pairs: sums 3, 7, 11 about 7; sqrt(32 * 3 / 2) / 6 */
    assert_int_equal(carat_estimate_mean(&(carat_observations){x, pairs, 6, 1}, &e, NULL), CARAT_OK);
    assert_float_equal(e.error, sqrt(48) / 6, 1e-12);
    assert_int_equal(carat_estimate_mean(&(carat_observations){x, one, 6, 1}, &e, NULL), CARAT_OK);
    assert_float_equal(e.value, 3.5, 1e-15);
    assert_true(isnan(e.error) && isnan(e.low));
    assert_int_equal(carat_estimate_mean(&(carat_observations){x, one, 0, 1}, &e, NULL), CARAT_OK);
    assert_true(isnan(e.value) && e.n == 0);
}

static void quantiles(void **state)
{
    (void)state;
    const double x[] = {9, 1, 8, 2, 7, 3, 6, 4, 5, 0};
    const uint32_t own[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const carat_observations o = {x, own, 10, 1};
    carat_estimate e;
    assert_int_equal(carat_estimate_quantile(&o, 0.5, &e, NULL), CARAT_OK);
    assert_float_equal(e.value, 4, 0); /* five of ten are at or below it */
    assert_true(e.low >= 0 && e.low <= 4 && e.high >= 4 && e.high <= 9);
    assert_int_equal(carat_estimate_quantile(&o, 0.51, &e, NULL), CARAT_OK);
    assert_float_equal(e.value, 5, 0);
    assert_int_equal(carat_estimate_quantile(&o, 1, &e, NULL), CARAT_OK);
    assert_float_equal(e.value, 9, 0);
    assert_true(isnan(e.error));
}

static void same_draws(void **state)
{
    (void)state;
    double x[40];
    uint32_t own[40];
    for (uint32_t i = 0; i < 40; i++) {
        x[i] = sqrt(i + 1.0);
        own[i] = i;
    }
    carat_estimate a, b, c;
    carat_estimate_mean(&(carat_observations){x, own, 40, 1}, &a, NULL);
    carat_estimate_mean(&(carat_observations){x, own, 40, 1}, &b, NULL);
    carat_estimate_mean(&(carat_observations){x, own, 40, 2}, &c, NULL);
    assert_true(a.low == b.low && a.high == b.high);
    assert_true(a.low != c.low || a.high != c.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(means), cmocka_unit_test(quantiles),
                                       cmocka_unit_test(same_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
