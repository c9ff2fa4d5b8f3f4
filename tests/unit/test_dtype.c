/* Element types; halves against the definition in exact arithmetic.    SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include "tests/support/test.h"
#include "runtime/tensor/tensor.h"

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < CARAT_DT_COUNT; i++) {
        carat_dtype back;
        assert_true(carat_dtype_parse(carat_dtype_name((carat_dtype)i), &back));
        assert_int_equal(back, i);
        assert_in_range(carat_dtype_size((carat_dtype)i), 1, 8);
    }
    carat_dtype t;
    assert_false(carat_dtype_parse("bf16", &t));
    assert_false(carat_dtype_parse("", &t));
}

/* sign, exponent and mantissa by ldexp: exact for every half. */
static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return bits & 0x8000 ? -v : v;
}

static void every_half_reads_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float got = carat_f16_get((uint16_t)bits);
        if ((bits & 0x7c00) == 0x7c00) {
            assert_true(bits & 1023 ? isnan(got) : isinf(got));
            assert_int_equal(signbit(got) != 0, bits >> 15);
        } else {
            assert_true((double)got == half_value((uint16_t)bits));
            assert_int_equal(signbit(got) != 0, bits >> 15);
        }
        if (!isnan(got))
            assert_int_equal(carat_f16_put(got), bits);
    }
}

/* Between two neighbours: below, at and above the middle. */
static void halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        double low = half_value((uint16_t)bits), high = half_value((uint16_t)(bits + 1)),
               middle = (low + high) / 2;
        float below = nextafterf((float)middle, -1), above = nextafterf((float)middle, 1e9f);
        assert_int_equal(carat_f16_put(below), bits);
        assert_int_equal(carat_f16_put(above), bits + 1);
        assert_int_equal(carat_f16_put((float)middle), bits % 2 ? bits + 1 : bits);
        assert_int_equal(carat_f16_put(-above), (bits + 1) | 0x8000);
    }
    assert_int_equal(carat_f16_put(65519.996f), 0x7bff);
    assert_int_equal(carat_f16_put(65520.0f), 0x7c00);
    assert_int_equal(carat_f16_put(-INFINITY), 0xfc00);
    assert_int_equal(carat_f16_put(1e-30f), 0);
    assert_true((carat_f16_put(NAN) & 0x7fff) > 0x7c00);
}

static void brain_floats(void **state)
{
    (void)state;
    assert_int_equal(carat_bf16_put(1.0f), 0x3f80);
    assert_int_equal(carat_bf16_put(1.00390625f), 0x3f80); /* a tie: to even */
    assert_int_equal(carat_bf16_put(1.01171875f), 0x3f82);
    assert_int_equal(carat_bf16_put(3.4e38f), 0x7f80);
    assert_true((carat_bf16_put(NAN) & 0x7fff) > 0x7f80);
    for (uint32_t bits = 0; bits < 0x7f80; bits++)
        assert_int_equal(carat_bf16_put(carat_bf16_get((uint16_t)bits)), bits);
}

static void elements_are_read_unaligned(void **state)
{
    (void)state;
    uint8_t room[40];
    float f = -1.5f;
    double d = 2.75;
    uint16_t h = carat_f16_put(0.5f), b = carat_bf16_put(3.0f);
    carat_tensor t = {.ndim = 1, .dim = {2}, .data = room + 1};
    memcpy(room + 1 + 4, &f, 4);
    t.dtype = CARAT_DT_F32, t.bytes = 8;
    assert_true(carat_tensor_f32(&t, 1) == -1.5f);
    memcpy(room + 1 + 8, &d, 8);
    t.dtype = CARAT_DT_F64, t.bytes = 16;
    assert_true(carat_tensor_f32(&t, 1) == 2.75f);
    memcpy(room + 1 + 2, &h, 2);
    t.dtype = CARAT_DT_F16, t.bytes = 4;
    assert_true(carat_tensor_f32(&t, 1) == 0.5f);
    memcpy(room + 1 + 2, &b, 2);
    t.dtype = CARAT_DT_BF16;
    assert_true(carat_tensor_f32(&t, 1) == 3.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),           cmocka_unit_test(every_half_reads_exactly),
        cmocka_unit_test(halves_round_to_nearest_even), cmocka_unit_test(brain_floats),
        cmocka_unit_test(elements_are_read_unaligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
