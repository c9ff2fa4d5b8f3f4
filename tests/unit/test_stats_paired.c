/* Tests of counts and of paired differences: published values, edges, clusters.    SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/stats.h"
#include "tests/support/test.h"

static void near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%.17g should be %.17g", got, want);
}

static void distributions(void **state)
{
    (void)state;
    /* scipy.stats: norm.ppf, t.ppf, t.sf; binomials by hand */
    near(carat_normal_quantile(0.975), 1.959963984540054, 1e-15);
    near(carat_normal_quantile(1e-10), -6.361340902404056, 1e-13);
    assert_float_equal(carat_normal_quantile(0.5), 0, 1e-15);
    near(carat_student_quantile(0.975, 1), 12.706204736174698, 1e-12);
    near(carat_student_quantile(0.975, 10), 2.228138851986274, 1e-12);
    near(carat_student_p(1, 1), 0.5, 1e-14);
    near(carat_student_p(2, 5), 0.10193947882985843, 1e-13);
    assert_float_equal(carat_student_p(0, 7), 1, 1e-15);
    assert_float_equal(carat_student_p(INFINITY, 7), 0, 0);
    near(carat_binomial_pmf(3, 10, 0.5), 120.0 / 1024, 1e-14);
    near(carat_binomial_cdf(3, 10, 0.5), 176.0 / 1024, 1e-14);
    near(carat_binomial_cdf(0, 1000, 0.5), 0x1p-1000, 1e-11);
    assert_true(carat_binomial_cdf(10, 10, 0.3) == 1 && carat_binomial_pmf(11, 10, 0.3) == 0);
    assert_true(isnan(carat_binomial_cdf(1, 2, NAN)) && isnan(carat_student_p(NAN, 3)));
}

static void counts(void **state)
{
    (void)state;
    /* one-sided 95 % lower bounds, from the paper's formula */
    assert_float_equal(carat_wilson(80, 100, 0.9).low, 0.726696, 5e-7);
    assert_float_equal(carat_wilson(50, 50, 0.9).low, 0.948667, 5e-7);
    assert_true(carat_wilson(50, 50, 0.95).high == 1 && carat_wilson(0, 50, 0.95).low == 0);
    assert_true(isnan(carat_wilson(0, 0, 0.95).low));
    const carat_estimate plain = {.value = 0.8, .error = NAN, .n = 100},
                         wide = {.value = 0.8, .error = 0.08, .n = 100};
    near(carat_wilson_mean(&plain, 0.95).low, carat_wilson(80, 100, 0.95).low, 1e-14);
    near(carat_wilson_mean(&wide, 0.95).low, carat_wilson(20, 25, 0.95).low,
         1e-12); /* four times the variance */
    assert_float_equal(carat_mcnemar(10, 2), 0.038574, 5e-7);
    assert_float_equal(carat_mcnemar(25, 10), 0.016674, 5e-7);
    assert_float_equal(carat_mcnemar(80, 120), 0.005685, 5e-7);
    assert_true(carat_mcnemar(0, 0) == 1 && carat_mcnemar(7, 7) == 1);
    near(carat_pass_at(5, 2, 1), 0.4, 1e-15);
    near(carat_pass_at(5, 2, 2), 0.7, 1e-15);
    assert_true(carat_pass_at(5, 0, 3) == 0 && carat_pass_at(5, 3, 3) == 1 && isnan(carat_pass_at(5, 1, 6)));
    double p[] = {0.01, 0.04, NAN, 0.03, 0.005};
    assert_int_equal(carat_holm(p, 5, p, NULL), CARAT_OK);
    near(p[0], 0.03, 1e-15);
    near(p[1], 0.06, 1e-15);
    assert_true(isnan(p[2]));
    /* statsmodels: proportion_confint(12, 40, 0.05, "beta") */
    near(carat_share_at_most(12, 40, 0.025), 0.4653162853, 1e-9);
    near(carat_share_at_most(0, 100, 0.05), 0.0295130496, 1e-9);
    assert_true(carat_share_at_most(7, 7, 0.025) == 1);
    near(p[3], 0.06, 1e-15);
    near(p[4], 0.02, 1e-15);
}

static void power(void **state)
{
    (void)state;
    /* three items, all lost: p = 0.25 at best; six: 2/64 */
    assert_true(carat_mcnemar_power(3, 1, 0, 0.05) == 0);
    near(carat_mcnemar_power(6, 1, 0, 0.05), 1, 1e-12);
    near(carat_mcnemar_power(6, 0.5, 0.5, 0.05), 2.0 / 64, 1e-12);
    assert_true(carat_mcnemar_power(100, 0, 0, 0.05) == 0);
    near(carat_power(0, 1, 0.05), 0.05, 1e-12);
    near(carat_power(carat_detectable(2, 0.05, 0.8), 2, 0.05), 0.8, 1e-5);
    /* 12,032 questions of which 6 % flip: 0.6 points */
    carat_difference d = {.binary = true,
                          .exact = true,
                          .n = 12032,
                          .clusters = 12032,
                          .gained = 361,
                          .lost = 361,
                          .error = 0.0022345};
    assert_float_equal(carat_difference_detectable(&d, 0.05, 0.8), 0.0063, 5e-5);
    near(carat_difference_power(&d, carat_difference_detectable(&d, 0.05, 0.8), 0.05), 0.8, 2e-3);
}

/* Eight items that all agree, in two clusters: neither way of counting sees a difference of two points. */
static void power_of_agreement(void **state)
{
    (void)state;
    carat_difference d = {.binary = true, .n = 8, .clusters = 2, .error = 0.01};
    assert_true(carat_difference_power(&d, 0.02, 0.05) < 0.01);
    assert_true(carat_difference_detectable(&d, 0.05, 0.8) > 0.5);
    d = (carat_difference){.n = 8, .clusters = 1, .error = 0.01};
    assert_true(isnan(carat_difference_power(&d, 0.02, 0.05)) &&
                isnan(carat_difference_detectable(&d, 0.05, 0.8)));
}

/* Few clusters that agree within: the design effect is what the errors say. */
static void design_effect(void **state)
{
    (void)state;
    double a[40] = {0}, b[40], effect;
    uint32_t own[40], four[40];
    for (uint32_t i = 0; i < 40; i++) {
        b[i] = i / 4 % 2;
        own[i] = i;
        four[i] = i / 4;
    }
    const carat_pairs clustered = {a, b, four, 40, 1, false}, plain = {a, b, own, 40, 1, false};
    carat_difference c, p;
    assert_int_equal(carat_estimate_difference(&clustered, &c, NULL), CARAT_OK);
    assert_int_equal(carat_estimate_difference(&plain, &p, NULL), CARAT_OK);
    assert_int_equal(carat_design_effect(&clustered, &effect, NULL), CARAT_OK);
    near(effect, c.error * c.error / (p.error * p.error), 1e-12);
    assert_true(effect > 4 && effect < 5);
    carat_difference_widen(&p, sqrt(effect));
    near(p.error, c.error, 1e-12);
    assert_true(p.low < 0.28 && p.high > 0.72);
    carat_design_effect(&plain, &effect, NULL);
    near(effect, 1, 1e-12);
    carat_design_effect(&(carat_pairs){a, a, four, 40, 1, false}, &effect, NULL);
    assert_true(isnan(effect));
}

static carat_difference difference(const double *a, const double *b, const uint32_t *cluster, size_t n,
                                   bool scores)
{
    carat_difference d;
    assert_int_equal(carat_estimate_difference(&(carat_pairs){a, b, cluster, n, 1, scores}, &d, NULL),
                     CARAT_OK);
    return d;
}

static void paired(void **state)
{
    (void)state;
    double a[40], b[40];
    uint32_t own[40], one[40] = {0}, four[40];
    for (uint32_t i = 0; i < 40; i++) {
        a[i] = 1;
        b[i] = i >= 12;
        own[i] = i;
        four[i] = i / 4;
    }
    carat_difference d = difference(a, b, own, 40, true);
    near(d.value, -0.3, 1e-12);
    assert_true(d.exact && d.lost == 12 && d.gained == 0 && d.clusters == 40);
    near(d.p, 2 * 0x1p-12, 1e-12);
    assert_true(d.low < -0.42 && d.low > -0.5 && d.high > -0.17 && d.high < -0.1);
    /* twelve lost items in three clusters of four say less */
    carat_difference c = difference(a, b, four, 40, true);
    assert_true(!c.exact && c.clusters == 10 && c.error > 1.5 * d.error && c.p > d.p && c.low < d.low &&
                c.high > d.high);
    /* one cluster says nothing; none differs says little */
    d = difference(a, b, one, 40, true);
    assert_true(isnan(d.p) && isnan(d.low) && isnan(d.error));
    near(d.value, -0.3, 1e-12);
    d = difference(a, a, own, 10, true);
    assert_true(d.value == 0 && d.p == 1);
    near(d.high, 1 - pow(0.025, 0.1), 1e-12); /* the rule of three, at either end */
    near(d.low, -d.high, 1e-12);
    carat_estimate same;
    assert_int_equal(carat_estimate_ratio(&(carat_pairs){a, a, own, 10, 1, true}, &same, NULL), CARAT_OK);
    near(same.low, 1 + d.low, 1e-12); /* of ten that are all right */
    d = difference(a, b, own, 0, true);
    assert_true(isnan(d.value) && d.n == 0);
    /* values that are no scores: no made-up items */
    d = difference(a, a, own, 10, false);
    assert_true(d.low == 0 && d.high == 0 && d.p == 1 && !d.exact);
    for (uint32_t i = 0; i < 40; i++)
        b[i] = 1 + 0.01 * (i % 7);
    d = difference(a, b, own, 40, false);
    assert_true(d.low > 0.02 && d.high < 0.04 && d.p < 1e-6);
    carat_estimate r;
    assert_int_equal(carat_estimate_ratio(&(carat_pairs){a, b, own, 40, 1, false}, &r, NULL), CARAT_OK);
    near(r.value, 1 + d.value, 1e-12);
    assert_true(r.low < r.value && r.high > r.value && r.high - r.low < 0.02);
    for (uint32_t i = 0; i < 40; i++)
        a[i] = 0;
    assert_int_equal(carat_estimate_ratio(&(carat_pairs){a, b, own, 40, 1, false}, &r, NULL), CARAT_OK);
    assert_true(isnan(r.value));
}

/* Items in clusters of one with few kinds of differences are drawn as counts: that must be the distribution of drawing them one by
 * one, which a difference of one item in the last digits enforces. */
static void counted_draws(void **state)
{
    (void)state;
    double a[500], b[500], c[500];
    uint32_t own[500];
    for (uint32_t i = 0; i < 500; i++) {
        a[i] = i % 3 != 0;
        b[i] = i % 4 != 0;
        c[i] = b[i] == a[i] ? b[i] + 1e-9 * i : b[i];
        own[i] = i;
    }
    carat_difference x = difference(a, b, own, 500, false), y = difference(a, c, own, 500, false);
    assert_float_equal(x.low, y.low, 0.15 * x.error);
    assert_float_equal(x.high, y.high, 0.15 * x.error);
    assert_float_equal(x.low, x.value - 1.96 * x.error, 0.15 * x.error);
    carat_difference again = difference(a, b, own, 500, false);
    assert_true(again.low == x.low && again.high == x.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distributions), cmocka_unit_test(counts),
                                       cmocka_unit_test(power),         cmocka_unit_test(power_of_agreement),
                                       cmocka_unit_test(design_effect), cmocka_unit_test(paired),
                                       cmocka_unit_test(counted_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
