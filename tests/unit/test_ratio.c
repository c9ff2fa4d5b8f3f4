/* difflib's ratio: values that CPython 3.11 gave.                                  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/ratio.h"
#include "runtime/base/unicode.h"
#include "tests/support/test.h"

static double ratio_of(const char *a, const char *b, bool autojunk)
{
    carat_points x, y;
    double r = -1;
    assert_int_equal(carat_points_open(a, strlen(a), &x, NULL), CARAT_OK);
    assert_int_equal(carat_points_open(b, strlen(b), &y, NULL), CARAT_OK);
    assert_int_equal(carat_ratio(&x, &y, autojunk, &r, NULL), CARAT_OK);
    carat_points_close(&x);
    carat_points_close(&y);
    return r;
}

static void short_texts(void **state)
{
    (void)state;
    assert_true(ratio_of("abcd", "bcde", true) == 0.75);
    assert_true(ratio_of("private Thread currentThread;", "private volatile Thread currentThread;", true) ==
                0.8656716417910447);
    assert_true(ratio_of("qabxcd", "abycdf", true) == 0.6666666666666666);
    assert_true(ratio_of("", "", true) == 1);
    assert_true(ratio_of("abc", "", true) == 0);
    assert_true(ratio_of("", "abc", true) == 0);
    /* code points, not bytes: one of three is shared */
    assert_true(ratio_of("αxβ", "γxδ", true) == 1 / 3.0);
}

/* n symbols of the alphabet by the generator that the expected values were made with. */
static void fill(char *out, size_t n, uint32_t seed, const char *alphabet)
{
    size_t len = strlen(alphabet);
    for (size_t i = 0; i < n; i++) {
        seed = (seed * 1103515245u + 12345u) & 0x7fffffffu;
        out[i] = alphabet[(seed >> 16) % len];
    }
    out[n] = 0;
}

static double generated(size_t na, uint32_t sa, size_t nb, uint32_t sb, bool autojunk)
{
    char a[512], b[512];
    fill(a, na, sa, "abcdefghij");
    fill(b, nb, sb, "abcdefghij");
    return ratio_of(a, b, autojunk);
}

/* Elements of b that are more than 1 % of 200 or more are "popular": around that edge the value jumps. */
static void popular(void **state)
{
    (void)state;
    assert_true(generated(199, 1, 199, 2, true) == 0.15577889447236182);
    assert_true(generated(199, 2, 199, 1, true) == 0.21105527638190955);
    assert_true(generated(200, 1, 200, 2, true) == 0.005);
    assert_true(generated(200, 2, 200, 1, true) == 0.005);
    assert_true(generated(200, 1, 200, 2, false) == 0.155);
    assert_true(generated(200, 1, 199, 2, true) == 0.15538847117794485);
    assert_true(generated(199, 2, 200, 1, true) == 0.005012531328320802);
    char a[512];
    fill(a, 400, 7, "abcde");
    assert_true(ratio_of(a, a, true) == 1);
}

static void classes(void **state)
{
    (void)state;
    static const uint32_t space[] = {9,    13,     28,     31,     32,     0x85,   0xA0,
                                     5760, 0x2000, 0x200A, 0x2028, 0x202F, 0x205F, 0x3000};
    static const uint32_t not_space[] = {8, 14, 27, 33, 0x84, 0x180E, 0x200B, 0xFEFF};
    static const uint32_t word[] = {'_', '0', 'z', 'A', 0xAA, 0xBD, 0xB2, 0x3B1, 0x4E00, 0x1D7FF, 0x660};
    static const uint32_t not_word[] = {' ', '-', '@', '[', '`', '{', 0xAD, 0x301, 0x1F600, 0xFFFD, 0x200D};
    for (size_t i = 0; i < sizeof space / sizeof *space; i++)
        assert_true(carat_unicode_space(space[i]));
    for (size_t i = 0; i < sizeof not_space / sizeof *not_space; i++)
        assert_false(carat_unicode_space(not_space[i]));
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        assert_true(carat_unicode_word(word[i]));
    for (size_t i = 0; i < sizeof not_word / sizeof *not_word; i++)
        assert_false(carat_unicode_word(not_word[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts),
        cmocka_unit_test(popular),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
