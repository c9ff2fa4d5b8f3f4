/* Axes with round ticks, numbers with the digits they deserve, directions of metrics.   SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/report.h"

static void axis_is(double low, double high, double want_low, double want_high, double step,
                    const char *labels)
{
    carat_axis a = carat_axis_over(low, high, 4);
    carat_str out = CARAT_STR_INIT;
    for (int i = 0; a.low + i * a.step <= a.high + a.step / 2; i++) {
        carat_str_puts(&out, i ? " " : "");
        carat_axis_label(&a, a.low + i * a.step, &out);
    }
    assert_true(fabs(a.low - want_low) < 1e-9 * (1 + fabs(want_low)));
    assert_true(fabs(a.high - want_high) < 1e-9 * (1 + fabs(want_high)));
    assert_true(fabs(a.step - step) < 1e-9 * step);
    assert_string_equal(out.data, labels);
    carat_str_free(&out);
}

static void axes_have_round_ticks(void **state)
{
    (void)state;
    axis_is(0, 1, 0, 1, 0.25, "0.00 0.25 0.50 0.75 1.00");
    axis_is(0, 0.4, 0, 0.4, 0.1, "0.0 0.1 0.2 0.3 0.4");
    axis_is(0.61, 0.69, 0.6, 0.7, 0.02, "0.60 0.62 0.64 0.66 0.68 0.70");
    axis_is(-3, 17, -5, 20, 5, "-5 0 5 10 15 20");
    axis_is(5, 5, 5, 5.6, 0.2, "5.0 5.2 5.4 5.6");
}

static void axes_clip(void **state)
{
    (void)state;
    carat_axis a = {0, 2, 1, false};
    assert_true(carat_axis_at(&a, 1) == 0.5);
    assert_true(carat_axis_at(&a, -1) == 0);
    assert_true(carat_axis_at(&a, 3) == 1);
    assert_true(carat_axis_at(&a, NAN) == 0);
    assert_true(carat_axis_at(&a, INFINITY) == 1);
}

static void number_is(double value, double error, const char *want)
{
    carat_metric m = {"acc", {value, error, NAN, NAN, 1}};
    carat_str out = CARAT_STR_INIT;
    carat_report_number(&out, &m, value);
    assert_string_equal(out.data, want);
    carat_str_free(&out);
}

static void numbers_have_the_digits_of_their_error(void **state)
{
    (void)state;
    number_is(0.694321, 0.0042, "0.6943");
    number_is(0.694321, 0.042, "0.694");
    number_is(0.694321, 0.0099, "0.6943");
    number_is(1234.5, 56, "1234"); /* half to even, as printf */
    number_is(0.5, 0, "0.5");
    number_is(0.123456, NAN, "0.1235");
    number_is(35033088, NAN, "35033088");
    number_is(NAN, 0.1, "-");
}

static void metrics_have_directions(void **state)
{
    (void)state;
    static const char *const bigger[] = {"acc",          "pass@1",           "score", "top1_agreement",
                                         "tokens_per_s", "tokens_per_s_at_8"};
    static const char *const smaller[] = {
        "perplexity", "perplexity_ratio", "nll_per_token", "bits_per_byte", "kld_mean",         "kld_p99",
        "ttft_ms",    "ttft_ms_at_2",     "itl_ms_p50",    "load_cold_s",   "peak_memory_bytes"};
    for (size_t i = 0; i < sizeof bigger / sizeof *bigger; i++)
        assert_int_equal(carat_report_direction(bigger[i]), 1);
    for (size_t i = 0; i < sizeof smaller / sizeof *smaller; i++)
        assert_int_equal(carat_report_direction(smaller[i]), -1);
    assert_int_equal(carat_report_direction("level_2"), 0);
    assert_string_equal(carat_report_unit("ttft_ms_at_2"), "ms");
    assert_string_equal(carat_report_unit("tokens_per_s_at_8"), "tokens/s");
    assert_string_equal(carat_report_unit("peak_memory_bytes"), "bytes");
    assert_string_equal(carat_report_unit("kld_mean"), "nats");
    assert_int_equal(carat_report_direction("read_gb_per_s"), 1);
    assert_int_equal(carat_report_direction("energy_joules_per_token_at_8"), -1);
    assert_string_equal(carat_report_unit("read_gb_per_s"), "GB/s");
    assert_string_equal(carat_report_unit("energy_joules_per_token_at_8"), "J");
    assert_string_equal(carat_report_unit("acc"), "");
}

/* A percentile curve of numbers that are not: nothing but a drawing comes out. */
static void charts_of_nothing(void **state)
{
    (void)state;
    carat_str out = CARAT_STR_INIT;
    const double zeros[] = {0, 0, 0}, wide[] = {0, 1e-300, 1, 1e300};
    carat_sorted none = {"none", NULL, 0}, zero = {"zero", zeros, 3}, far = {"far", wide, 4};
    carat_chart_histogram(&out, &none, 1, "x", "y");
    carat_chart_percentiles(&out, &none, 1, "x", "y");
    carat_chart_histogram(&out, &zero, 1, "x", "y");
    carat_chart_percentiles(&out, &zero, 1, "x", "y");
    assert_int_equal(out.len, 0);
    carat_chart_histogram(&out, &far, 1, "x", "y");
    carat_chart_percentiles(&out, &far, 1, "x", "y");
    assert_true(out.len > 0 && out.len < 100000);
    assert_null(strstr(out.data, "nan"));
    assert_null(strstr(out.data, "inf"));
    carat_str_clear(&out);
    carat_chart_interval(&out, &(carat_estimate){0.5, NAN, NAN, NAN, 0}, 0, 1, 0);
    carat_chart_interval(&out, &(carat_estimate){NAN, NAN, 2, 1, 0}, 0, 1, 0);
    assert_null(strstr(out.data, "\"nan"));
    carat_str_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_have_round_ticks),
        cmocka_unit_test(axes_clip),
        cmocka_unit_test(numbers_have_the_digits_of_their_error),
        cmocka_unit_test(metrics_have_directions),
        cmocka_unit_test(charts_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
