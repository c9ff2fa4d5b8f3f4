/* Text inside HTML, SVG and XML (markup.h).                                        SPDX-License-Identifier: Apache-2.0 */
#include "eval/markup.h"

#include <string.h>

static const char *entity(uint32_t cp)
{
    return cp == '&'    ? "&amp;"
           : cp == '<'  ? "&lt;"
           : cp == '>'  ? "&gt;"
           : cp == '"'  ? "&quot;"
           : cp == '\'' ? "&#39;"
                        : NULL;
}

/* A character that both formats allow as it is, or the one that stands for it. */
static uint32_t shown(uint32_t cp)
{
    if (cp < 0x20)
        return 0x2400 + cp;
    if (cp == 0x7F)
        return 0x2421;
    bool nonsense = (cp >= 0x80 && cp < 0xA0) || (cp & 0xFFFE) == 0xFFFE || (cp >= 0xFDD0 && cp <= 0xFDEF);
    return nonsense ? 0xFFFD : cp;
}

static void put(carat_str *out, const char *text, size_t len, bool attribute)
{
    for (const char *p = text, *end = text + len; p < end;) {
        uint32_t cp = 0xFFFD;
        int skip = 1, n = carat_utf8_get(p, end, &cp, &skip);
        p += n ? n : skip;
        const char *name = n ? entity(cp) : NULL;
        char bytes[4];
        if (name)
            carat_str_puts(out, name);
        else if (n && (cp == '\n' || cp == '\t') && attribute)
            carat_str_printf(out, "&#%" PRIu32 ";", cp);
        else if (n && (cp == '\n' || cp == '\t'))
            carat_str_putc(out, (char)cp);
        else
            carat_str_add(out, bytes, (size_t)carat_utf8_put(n ? shown(cp) : 0xFFFD, bytes));
    }
}

void carat_markup_text(carat_str *out, const char *text, size_t len)
{
    put(out, text, len, false);
}

void carat_markup_attr(carat_str *out, const char *text)
{
    put(out, text, strlen(text), true);
}

void carat_markup_puts(carat_str *out, const char *text)
{
    put(out, text, strlen(text), false);
}

void carat_text_plain(carat_str *out, const char *text)
{
    for (const char *p = text, *end = text + strlen(text); p < end;) {
        uint32_t cp = 0xFFFD;
        int skip = 1, n = carat_utf8_get(p, end, &cp, &skip);
        char bytes[4];
        p += n ? n : skip;
        carat_str_add(out, bytes, (size_t)carat_utf8_put(n ? shown(cp) : 0xFFFD, bytes));
    }
}

size_t carat_text_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}
