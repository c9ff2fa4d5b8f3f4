/* A strict pull scanner over JSON text (RFC 8259).                                SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/scan.h"

#include <string.h>

carat_scan carat_scan_begin(const char *text, size_t len)
{
    return (carat_scan){text, text, text + len, NULL};
}

carat_status carat_scan_check(const carat_scan *s, carat_err *err)
{
    if (!s->wrong)
        return CARAT_OK;
    return carat_fail(err, CARAT_EFORMAT, "not JSON at byte %zu: %s", (size_t)(s->p - s->begin), s->wrong);
}

bool carat_span_is(carat_span a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static bool bad(carat_scan *s, const char *what)
{
    if (!s->wrong)
        s->wrong = what;
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Most of a pretty-printed file is indentation: eight spaces at a time. */
static void space(carat_scan *s)
{
    const char *p = s->p;
    while (p < s->end && is_space(*p)) {
        p++;
        while (s->end - p >= 8 && memcmp(p, "        ", 8) == 0)
            p += 8;
    }
    s->p = p;
}

char carat_scan_peek(carat_scan *s)
{
    space(s);
    return s->p < s->end && !s->wrong ? *s->p : 0;
}

static bool take(carat_scan *s, char c)
{
    if (carat_scan_peek(s) != c)
        return false;
    s->p++;
    return true;
}

bool carat_scan_open(carat_scan *s, char bracket)
{
    if (!take(s, bracket))
        return bad(s, bracket == '{' ? "an object should begin here" : "an array should begin here");
    return !take(s, bracket == '{' ? '}' : ']');
}

bool carat_scan_more(carat_scan *s, char bracket)
{
    if (s->wrong || take(s, bracket))
        return false;
    return take(s, ',') ||
           bad(s, bracket == '}' ? "no ',' or '}' behind a member" : "no ',' or ']' behind an element");
}

bool carat_scan_finish(carat_scan *s)
{
    return (carat_scan_peek(s) == 0 && !s->wrong && s->p == s->end) || bad(s, "something behind the value");
}

/* ---- strings ------------------------------------------------------------------------------------------------ */

static bool hex4(carat_scan *s, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        char c = s->p < s->end ? *s->p : 0;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
        else
            return bad(s, "\\u without four hexadecimal digits");
    }
    *out = v;
    return true;
}

/* Behind "\u". A pair of surrogates is one code point; half a pair is none. */
static bool escaped_code_point(carat_scan *s, uint32_t *cp)
{
    uint32_t low = 0;
    if (!hex4(s, cp))
        return false;
    if (*cp < 0xd800 || *cp > 0xdfff)
        return true;
    if (*cp > 0xdbff || s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
        return bad(s, "half a surrogate pair");
    s->p += 2;
    if (!hex4(s, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return bad(s, "half a surrogate pair");
    *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool escape(carat_scan *s, carat_str *buffer)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    char c = s->p < s->end ? *s->p : 0;
    const char *at = c ? strchr(names, c) : NULL;
    if (at) {
        s->p++;
        carat_str_putc(buffer, means[at - names]);
        return true;
    }
    if (c != 'u')
        return bad(s, "an unknown escape");
    s->p++;
    uint32_t cp = 0;
    char utf8[4];
    if (!escaped_code_point(s, &cp))
        return false;
    carat_str_add(buffer, utf8, (size_t)carat_utf8_put(cp, utf8));
    return true;
}

/* Moves over ordinary characters, up to a quote or a backslash. */
static bool plain(carat_scan *s)
{
    const char *p = s->p;
    for (;;) {
        while (p < s->end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
            p++;
        s->p = p;
        if (p == s->end)
            return bad(s, "a string without an end");
        if (*p == '"' || *p == '\\')
            return true;
        uint32_t cp;
        int skip, n = (unsigned char)*p < 0x20 ? 0 : carat_utf8_get(p, s->end, &cp, &skip);
        if (!n)
            return bad(s, (unsigned char)*p < 0x20 ? "a control character in a string" : "ill-formed UTF-8");
        p += n;
    }
}

bool carat_scan_string(carat_scan *s, carat_str *buffer, carat_span *out)
{
    if (!take(s, '"'))
        return bad(s, "a string should begin here");
    const char *begin = s->p;
    if (!plain(s))
        return false;
    if (*s->p == '"') {
        *out = (carat_span){begin, (size_t)(s->p++ - begin)};
        return true;
    }
    carat_str_clear(buffer);
    carat_str_add(buffer, begin, (size_t)(s->p - begin));
    while (*s->p == '\\') {
        s->p++;
        if (!escape(s, buffer))
            return false;
        begin = s->p;
        if (!plain(s))
            return false;
        carat_str_add(buffer, begin, (size_t)(s->p - begin));
    }
    s->p++;
    *out = (carat_span){buffer->data, buffer->len};
    return !buffer->failed || bad(s, "a string that does not fit into memory");
}

bool carat_scan_key(carat_scan *s, carat_str *buffer, carat_span *out)
{
    return carat_scan_string(s, buffer, out) && (take(s, ':') || bad(s, "no ':' behind a key"));
}

/* ---- the rest ----------------------------------------------------------------------------------------------- */

bool carat_scan_u32(carat_scan *s, uint32_t *out)
{
    char c = carat_scan_peek(s);
    if (c < '0' || c > '9')
        return bad(s, "a whole number should stand here");
    const char *begin = s->p;
    uint64_t v = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        v = v * 10 + (uint64_t)(*s->p - '0');
        if (v > UINT32_MAX)
            return bad(s, "a number above 4294967295");
    }
    if (*begin == '0' && s->p - begin > 1)
        return bad(s, "a number with a leading zero");
    if (s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E'))
        return bad(s, "a whole number should stand here");
    *out = (uint32_t)v;
    return true;
}

/* To behind the closing quote, without looking at what is inside. */
static bool skip_string(carat_scan *s)
{
    const char *p = s->p + 1;
    while (p < s->end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    s->p = p < s->end ? p + 1 : s->end;
    return p < s->end || bad(s, "a string without an end");
}

static bool is_structure(char c)
{
    return c == ',' || c == ':' || c == '{' || c == '}' || c == '[' || c == ']' || c == '"';
}

bool carat_scan_skip(carat_scan *s, carat_span *out)
{
    size_t depth = 0;
    char c = carat_scan_peek(s);
    const char *begin = s->p;
    if (c == ',' || c == ':' || c == '}' || c == ']')
        return bad(s, "a value is missing");
    do {
        c = carat_scan_peek(s);
        if (!c)
            return bad(s, "a value is missing");
        if (c == '"') {
            if (!skip_string(s))
                return false;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        s->p++;
        while (!is_structure(c) && s->p < s->end && !is_structure(*s->p) && !is_space(*s->p))
            s->p++; /* the rest of a number or a word */
    } while (depth);
    *out = (carat_span){begin, (size_t)(s->p - begin)};
    return true;
}
