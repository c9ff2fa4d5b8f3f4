/* Strings, and UTF-8 as the Unicode standard (table 3-7) has it.                   SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdlib.h>

#include "runtime/base/str.h"

static void building(void **state)
{
    (void)state;
    carat_str s = CARAT_STR_INIT;
    assert_string_equal(s.data, "");
    carat_str_clear(&s);
    carat_str_puts(&s, "");
    carat_str_add(&s, "a\0b", 3);
    carat_str_putc(&s, 0);
    carat_str_printf(&s, "%d-%s", 42, "x");
    assert_int_equal(s.len, 8);
    assert_memory_equal(s.data, "a\0b\00042-x", 9);
    for (int i = 0; i < 1000; i++)
        carat_str_printf(&s, "%0*d", i % 90, i); /* formatted texts across every growth */
    assert_int_equal(s.data[s.len], 0);
    assert_int_equal(carat_str_check(&s, NULL), CARAT_OK);
    carat_str_clear(&s);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.data, "");
    carat_str_puts(&s, "kept");
    char *taken = carat_str_take(&s);
    assert_string_equal(taken, "kept");
    assert_string_equal(s.data, "");
    free(taken);
    taken = carat_str_take(&s); /* of an empty string: "" and not NULL */
    assert_string_equal(taken, "");
    free(taken);
    carat_str_free(&s);
    carat_str_free(&s);
}

static void out_of_memory_is_sticky(void **state)
{
    (void)state;
    carat_str s = CARAT_STR_INIT;
    carat_err err = {0};
    carat_str_puts(&s, "before");
    carat_str_add(&s, "x", SIZE_MAX - 3); /* overflows: must not touch the byte */
    assert_true(s.failed);
    carat_str_puts(&s, "after");
    assert_string_equal(s.data, "before");
    assert_fails(carat_str_check(&s, &err), CARAT_ENOMEM, &err, "memory");
    assert_null(carat_str_take(&s));
    carat_str_free(&s);
}

static void affixes(void **state)
{
    (void)state;
    assert_true(carat_starts("abc", "ab") && carat_starts("abc", "") && carat_starts("", ""));
    assert_false(carat_starts("ab", "abc"));
    assert_true(carat_ends("abc", "bc") && carat_ends("abc", "") && carat_ends("", ""));
    assert_false(carat_ends("bc", "abc"));
}

static void utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xd800 && cp < 0xe000)
            continue;
        char bytes[4];
        uint32_t back = 0xffffffff;
        int skip, n = carat_utf8_put(cp, bytes);
        int want = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        if (n != want || carat_utf8_get(bytes, bytes + n, &back, &skip) != n || back != cp)
            fail_msg("U+%04X: %d bytes, back as U+%04X", cp, n, back);
        for (int cut = 1; cut < n; cut++) /* its beginning alone is one ill-formed piece */
            if (carat_utf8_get(bytes, bytes + cut, &back, &skip) != 0 || skip != cut)
                fail_msg("U+%04X cut after %d bytes: skip %d", cp, cut, skip);
    }
}

static void utf8_ill_formed(void **state)
{
    (void)state;
    /* bytes; how long the first ill-formed piece is */
    static const struct {
        const char *bytes;
        int skip;
    } cases[] = {
        {"\x80", 1},             /* a continuation alone */
        {"\xc0\x80", 1},         /* overlong NUL */
        {"\xc1\xbf", 1},         /* overlong */
        {"\xe0\x80\x80", 1},     /* overlong */
        {"\xe0\x9f\xbf", 1},     /* overlong */
        {"\xed\xa0\x80", 1},     /* a surrogate */
        {"\xed\xbf\xbf", 1},     /* a surrogate */
        {"\xf0\x80\x80\x80", 1}, /* overlong */
        {"\xf0\x8f\xbf\xbf", 1}, /* overlong */
        {"\xf4\x90\x80\x80", 1}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", 1}, /* past U+10FFFF */
        {"\xff", 1},
        {"\xe2\x82x", 2},     /* two good bytes of three */
        {"\xf0\x9f\x98x", 3}, /* three good bytes of four */
        {"\xf1\x80\xe1", 2},
        {"\xe1\xc3\xa9", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t cp;
        int skip = -1,
            n = carat_utf8_get(cases[i].bytes, cases[i].bytes + strlen(cases[i].bytes), &cp, &skip);
        if (n != 0 || skip != cases[i].skip)
            fail_msg("case %zu: length %d, skip %d, wanted %d", i, n, skip, cases[i].skip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building),        cmocka_unit_test(out_of_memory_is_sticky),
        cmocka_unit_test(affixes),         cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(utf8_ill_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
