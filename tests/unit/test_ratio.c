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

/* ---- against the definition ---------------------------------------------------------------------------------- */

typedef struct text {
    uint32_t at[600];
    size_t n;
} text;

/* The matches of a[alo..ahi) and b[blo..bhi), by looking at every pair of places. */
static size_t matches(const text *a, const text *b, const bool *popular, size_t alo, size_t ahi, size_t blo,
                      size_t bhi)
{
    size_t i = alo, j = blo, k = 0;
    for (size_t x = alo; x < ahi; x++)
        for (size_t y = blo; y < bhi; y++) {
            size_t n = 0;
            while (x + n < ahi && y + n < bhi && a->at[x + n] == b->at[y + n] && !popular[b->at[y + n]])
                n++;
            if (n > k) {
                i = x;
                j = y;
                k = n;
            }
        }
    for (; i > alo && j > blo && a->at[i - 1] == b->at[j - 1]; k++) {
        i--;
        j--;
    }
    while (i + k < ahi && j + k < bhi && a->at[i + k] == b->at[j + k])
        k++;
    return !k ? 0
              : k + matches(a, b, popular, alo, i, blo, j) + matches(a, b, popular, i + k, ahi, j + k, bhi);
}

static uint32_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)*seed * n >> 32);
}

/* Texts of few or many elements; often the second is the first with changes, or the first repeats itself. */
static void random_texts(uint32_t *seed, text *a, text *b)
{
    static const uint32_t elements[] = {1, 2, 3, 7, 40, 150, 500};
    uint32_t of = elements[draw(seed, 7)], longest = draw(seed, 12) ? 40 : 300;
    a->n = draw(seed, longest);
    for (size_t i = 0; i < a->n; i++)
        a->at[i] = draw(seed, of);
    if (draw(seed, 3) == 0)
        for (size_t i = 1 + draw(seed, 20), d = i; i < a->n; i++)
            a->at[i] = a->at[i - d];
    b->n = 0;
    if (draw(seed, 3) == 0)
        for (b->n = 0; b->n < longest - 1 - draw(seed, 3) * longest / 4; b->n++)
            b->at[b->n] = draw(seed, of);
    for (size_t i = 0; b->n == 0 && i < a->n;)
        for (; i < a->n && b->n < 500; i = draw(seed, 25) ? i + 1 : draw(seed, (uint32_t)a->n))
            b->at[b->n++] = draw(seed, 15) ? a->at[i] : draw(seed, of);
}

static void definition(void **state)
{
    (void)state;
    static text a, b;
    uint32_t seed = 1;
    for (int round = 0; round < 4000; round++) {
        bool autojunk = draw(&seed, 2), popular[500] = {false};
        size_t count[500] = {0};
        random_texts(&seed, &a, &b);
        for (size_t j = 0; autojunk && b.n >= 200 && j < b.n; j++)
            popular[b.at[j]] = ++count[b.at[j]] > b.n / 100 + 1;
        double want = a.n + b.n ? 2.0 * (double)matches(&a, &b, popular, 0, a.n, 0, b.n) / (double)(a.n + b.n)
                                : 1,
               got;
        assert_int_equal(
            carat_ratio(&(carat_points){a.at, a.n}, &(carat_points){b.at, b.n}, autojunk, &got, NULL),
            CARAT_OK);
        if (got != want)
            fail_msg("round %d: %zu and %zu elements: %.17g should be %.17g", round, a.n, b.n, got, want);
    }
}

/* Texts of 100,000 elements whose table of equal pairs has 10^10 entries, or whose runs are found one by one. */
static void long_texts(void **state)
{
    (void)state;
    enum { N = 100000 };
    uint32_t *a = test_malloc(N * sizeof *a), *b = test_malloc(N * sizeof *b);
    double r;
    const carat_points x = {a, N}, y = {b, N};
    for (uint32_t i = 0; i < N; i++)
        a[i] = b[i] = 7;
    assert_int_equal(carat_ratio(&x, &y, false, &r, NULL), CARAT_OK);
    assert_true(r == 1);
    for (uint32_t i = 0; i < N; i++) {
        a[i] = i % 2 ? 2 * N + i : i;
        b[i] = i % 2 ? 4 * N + i : i;
    }
    assert_int_equal(carat_ratio(&x, &y, true, &r, NULL), CARAT_OK);
    assert_true(r == 0.5);
    for (uint32_t i = 0; i < N; i++) {
        a[i] = i % 300;
        b[i] = (i + 150) % 300;
    }
    assert_int_equal(carat_ratio(&x, &y, true, &r, NULL), CARAT_OK);
    assert_true(r == 1.0 - 150.0 / N);
    test_free(a);
    test_free(b);
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
        assert_true(carat_is_space(space[i]));
    for (size_t i = 0; i < sizeof not_space / sizeof *not_space; i++)
        assert_false(carat_is_space(not_space[i]));
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        assert_true(carat_is_re_word(word[i]));
    for (size_t i = 0; i < sizeof not_word / sizeof *not_word; i++)
        assert_false(carat_is_re_word(not_word[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts), cmocka_unit_test(popular), cmocka_unit_test(definition),
        cmocka_unit_test(long_texts),  cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
