/* Text inside HTML and XML: nothing a model writes gets out of it.                 SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "eval/markup.h"

static void is_text(const char *text, size_t len, const char *want)
{
    carat_str out = CARAT_STR_INIT;
    carat_markup_text(&out, text, len);
    assert_string_equal(out.data, want);
    carat_str_free(&out);
}

static void markup_is_escaped(void **state)
{
    (void)state;
    is_text("</script><b a=\"1\" c='2'>&amp;", 29,
            "&lt;/script&gt;&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
    is_text("]]>", 3, "]]&gt;");
    is_text("", 0, "");
}

static void controls_become_pictures(void **state)
{
    (void)state;
    is_text("a\tb\nc\rd", 7,
            "a\tb\nc\xE2\x90\x8D"
            "d");
    is_text("\0\x01\x1b\x7f", 4, "\xE2\x90\x80\xE2\x90\x81\xE2\x90\x9B\xE2\x90\xA1");
    is_text("\xC2\x85\xC2\x9F\xC2\xA0", 6,
            "\xEF\xBF\xBD\xEF\xBF\xBD\xC2\xA0"); /* C1; a no-break space stays */
}

static void what_is_no_text_is_replaced(void **state)
{
    (void)state;
    is_text("\xFF", 1, "\xEF\xBF\xBD");
    is_text("\xE2\x82", 2, "\xEF\xBF\xBD");                             /* cut short */
    is_text("\xC0\xBC", 2, "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* '<' in two bytes */
    is_text("\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a surrogate */
    is_text("\xEF\xBF\xBE\xEF\xBF\xBF", 6, "\xEF\xBF\xBD\xEF\xBF\xBD"); /* U+FFFE, U+FFFF: not in XML */
    is_text("\xF4\x8F\xBF\xBF", 4, "\xEF\xBF\xBD");                     /* U+10FFFF */
    is_text("\xF0\x9F\x98\x80\xE2\x80\xAE", 7, "\xF0\x9F\x98\x80\xE2\x80\xAE");
}

static void attributes_keep_their_lines(void **state)
{
    (void)state;
    carat_str out = CARAT_STR_INIT;
    carat_markup_attr(&out, "a\tb\n\"c\"");
    assert_string_equal(out.data, "a&#9;b&#10;&quot;c&quot;");
    carat_str_free(&out);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    const char *text = "a\xE2\x82\xAC"
                       "b";
    const size_t want[] = {0, 1, 1, 1, 4, 5, 5};
    for (size_t max = 0; max < 7; max++)
        assert_int_equal(carat_text_cut(text, 5, max), want[max]);
    assert_int_equal(carat_text_cut("\x80\x80\x80", 3, 2), 0); /* no character begins */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_escaped),           cmocka_unit_test(controls_become_pictures),
        cmocka_unit_test(what_is_no_text_is_replaced), cmocka_unit_test(attributes_keep_their_lines),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
