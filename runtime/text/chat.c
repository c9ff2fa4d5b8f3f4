/* Messages -> prompt, in Gemma 4's framing.                                       SPDX-License-Identifier: Apache-2.0
 *
 * Follows the chat template of 2026-07-09 (shared by all sizes but for one statement). For now one user turn with an
 * optional system text. */
#include <string.h>

#include "runtime/base/str.h"
#include "runtime/text/scan.h"

/* Jinja's trim: Python's str.strip, so what Unicode calls white space and the separators U+001C..1F. */
static bool is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000;
}

static carat_span trim(const char *text)
{
    const char *end = text + strlen(text), *begin = NULL, *last = text;
    for (const char *p = text; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        const char *after = p + (n ? n : skip);
        if (!n || !is_space(cp)) {
            begin = begin ? begin : p;
            last = after;
        }
        p = after;
    }
    begin = begin ? begin : text;
    return (carat_span){begin, (size_t)(last - begin)};
}

static void put_turn(carat_str *out, const char *role, const char *text)
{
    carat_span s = trim(text);
    carat_str_printf(out, "<|turn>%s\n", role);
    carat_str_add(out, s.data, s.len);
    carat_str_puts(out, "<turn|>\n");
}

carat_status carat_chat_frame(const char *system, const char *user, bool large, char **prompt, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_str_puts(&s, "<bos>");
    if (system)
        put_turn(&s, "system", system);
    put_turn(&s, "user", user);
    carat_str_puts(&s, "<|turn>model\n");
    if (large)
        carat_str_puts(&s, "<|channel>thought\n<channel|>");
    carat_status st = carat_str_check(&s, err);
    char *taken = st ? NULL : carat_str_take(&s);
    if (taken)
        *prompt = taken;
    carat_str_free(&s);
    return st || taken ? st : carat_fail(err, CARAT_ENOMEM, "out of memory for a prompt");
}
