/* Stop strings: however the text is cut, what is shown and what is found are the same.     SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/stop.h"

#include "runtime/base/util.h"
#include "tests/support/test.h"

/* What the definition says: the string that ends first, of those the longest. */
static const char *plain(const char *text, const char *const *list, size_t n, size_t *shown)
{
    for (size_t end = 1; end <= strlen(text); end++) {
        const char *best = NULL;
        for (size_t i = 0; i < n; i++) {
            size_t len = strlen(list[i]);
            if (len <= end && !memcmp(text + end - len, list[i], len) && (!best || len > strlen(best)))
                best = list[i];
        }
        if (best) {
            *shown = end - strlen(best);
            return best;
        }
    }
    *shown = strlen(text);
    return NULL;
}

/* Pushes `text` in pieces that the bits of `cuts` end; checks that nothing was shown that had to be taken back. */
static void in_pieces(const char *text, const char *const *list, size_t n, uint64_t cuts)
{
    carat_stop s = {.list = list, .n = n, .held = CARAT_STR_INIT};
    carat_str shown = CARAT_STR_INIT;
    const char *safe, *found = NULL;
    size_t len = strlen(text), safe_len, want_len;
    const char *want = plain(text, list, n, &want_len);
    for (size_t from = 0; from < len && !found;) {
        size_t to = from + 1;
        while (to < len && !(cuts >> to & 1))
            to++;
        found = carat_stop_push(&s, text + from, to - from, &safe, &safe_len);
        carat_str_add(&shown, safe, safe_len);
        assert_true(shown.len <= want_len);
        from = to;
    }
    carat_stop_flush(&s, &safe, &safe_len);
    carat_str_add(&shown, safe, safe_len);
    assert_ptr_equal(found, want);
    assert_int_equal(shown.len, want_len);
    assert_memory_equal(shown.data, text, want_len);
    carat_str_free(&shown);
    carat_str_free(&s.held);
}

static void any_cut(void **state)
{
    (void)state;
    static const char *const list[] = {"abc", "bb", "ca", "aaaa", "b\xc3\xa9", "aab"};
    static const char *const letters[] = {"a", "b", "c", "\xc3\xa9", "a", "b"};
    for (uint64_t k = 0; k < 20000; k++) {
        char text[64] = "";
        size_t n = carat_random(1, k) % 14;
        for (uint64_t i = 0; i < n; i++)
            strcat(text, letters[carat_random(2, k * 64 + i) % 6]);
        size_t first = carat_random(3, k) % 6, count = 1 + carat_random(4, k) % (6 - first);
        in_pieces(text, list + first, count, carat_random(5, k));
    }
}

static void edges(void **state)
{
    (void)state;
    static const char *const list[] = {"\n\n"};
    in_pieces("one\ntwo\n\nthree", list, 1, 0);
    in_pieces("one\n", list, 1, ~UINT64_C(0));
    in_pieces("\n\n", list, 1, ~UINT64_C(0));
    in_pieces("text", NULL, 0, ~UINT64_C(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_cut), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
