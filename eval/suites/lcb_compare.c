/* When LiveCodeBench calls an output right.                                        SPDX-License-Identifier: Apache-2.0
 *
 * Python's str.strip and str.split over Unicode white space, and decimal.Decimal's grammar and exact equality (CPython 3.11: signs,
 * underscores anywhere, digits of all scripts, infinities, NaNs, exponents up to 999999999999999999). */
#include <string.h>

#include "eval/suites/lcb.h"
#include "runtime/base/unicode.h"

enum { KEEP = 150 }; /* characters at each end of a shortened text */

static const int64_t exponent_max = 999999999999999999, exponent_tiny = -1999999999999999997;

/* The code point at p; ill-formed bytes are characters of their own that are nothing in particular. */
static uint32_t point(const char *p, const char *end, int *len)
{
    uint32_t cp;
    int skip;
    if ((uint8_t)*p < 0x80) {
        *len = 1;
        return (uint8_t)*p;
    }
    *len = carat_utf8_get(p, end, &cp, &skip);
    if (*len)
        return cp;
    *len = 1;
    return 0xFFFFFFFF;
}

static bool space(uint32_t cp)
{
    return cp <= 0x10FFFF && carat_is_space(cp);
}

static carat_bytes strip(const char *p, const char *end)
{
    int len;
    while (p < end && space(point(p, end, &len)))
        p += len;
    while (end > p) {
        const char *last = end - 1;
        while (last > p && ((uint8_t)*last & 0xC0) == 0x80 && end - last < 4)
            last--;
        if (!space(point(last, end, &len)) || last + len != end)
            break;
        end = last;
    }
    return (carat_bytes){p, (size_t)(end - p)};
}

/* Takes the next line off a text; *more is false when there was none. */
static carat_bytes next_line(const char **p, const char *end, bool *more)
{
    carat_bytes line = {0};
    *more = *p != NULL;
    if (!*more)
        return line;
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    line = strip(*p, nl ? nl : end);
    *p = nl ? nl + 1 : NULL;
    return line;
}

static carat_bytes next_token(const char **p, const char *end)
{
    int len;
    while (*p < end && space(point(*p, end, &len)))
        *p += len;
    const char *from = *p;
    while (*p < end && !space(point(*p, end, &len)))
        *p += len;
    return (carat_bytes){from, (size_t)(*p - from)};
}

/* ---- decimals */

typedef enum kind { NO_NUMBER, FINITE, INFINITE, QUIET, SIGNALLING } kind;

typedef struct decimal {
    kind kind;
    bool negative;
    const char *digits; /* in a buffer of the caller, without zeros at either end; none: zero */
    size_t n;
    int64_t exponent; /* of the last digit */
} decimal;

static const uint32_t zeros[] = {
    /* first of ten digits each: Unicode 14, category Nd */
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,
    0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
};

/* The token in ASCII, without underscores; false when it holds what no number has. */
static bool ascii(carat_bytes token, carat_str *out)
{
    const char *p = token.data, *end = p + token.n;
    int len;
    for (; p < end; p += len) {
        uint32_t cp = point(p, end, &len);
        if (cp > 0x7F) {
            size_t i = 0;
            while (i < sizeof zeros / sizeof *zeros && !(cp >= zeros[i] && cp < zeros[i] + 10))
                i++;
            if (i == sizeof zeros / sizeof *zeros)
                return false;
            carat_str_putc(out, (char)('0' + (cp - zeros[i])));
        } else if (cp == 0)
            return false;
        else if (cp != '_')
            carat_str_putc(out, (char)cp);
    }
    return true;
}

static bool all_digits(const char *p)
{
    return p[strspn(p, "0123456789")] == 0;
}

/* [eE] sign digits at the end of a number; false when malformed. Beyond any allowed exponent the exact value does not matter. */
static bool exponent(const char *p, int64_t *out)
{
    *out = 0;
    if (!*p)
        return true;
    if (*p != 'e' && *p != 'E')
        return false;
    p++;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (!*p || !all_digits(p))
        return false;
    for (; *p; p++)
        if (*out < INT64_C(4000000000000000000) / 10)
            *out = *out * 10 + (*p - '0');
    *out = negative ? -*out : *out;
    return true;
}

/* Digits with a point, squeezed in place into digits alone. */
static decimal finite(char *p, bool negative)
{
    decimal d = {.kind = NO_NUMBER, .negative = negative};
    size_t whole = strspn(p, "0123456789"), part = 0;
    const char *rest = p + whole;
    if (*rest == '.') {
        part = strspn(rest + 1, "0123456789");
        rest += 1 + part;
    }
    if (whole + part == 0 || !exponent(rest, &d.exponent))
        return d;
    if (part)
        memmove(p + whole, p + whole + 1, part);
    d.n = whole + part;
    d.exponent -= (int64_t)part;
    while (d.n && *p == '0') {
        p++;
        d.n--;
    }
    /* what Decimal can hold without rounding */
    if (d.exponent < exponent_tiny || d.exponent + (d.n ? (int64_t)d.n - 1 : 0) > exponent_max)
        return d;
    while (d.n && p[d.n - 1] == '0') {
        d.n--;
        d.exponent++;
    }
    d.digits = p;
    d.kind = FINITE;
    return d;
}

static decimal parse(carat_bytes token, carat_str *buffer)
{
    decimal d = {.kind = NO_NUMBER};
    carat_str_clear(buffer);
    if (!ascii(token, buffer) || buffer->failed || !buffer->len)
        return d;
    char *p = buffer->data;
    d.negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (!strcasecmp(p, "inf") || !strcasecmp(p, "infinity"))
        d.kind = INFINITE;
    else if (!strncasecmp(p, "nan", 3) && all_digits(p + 3))
        d.kind = QUIET;
    else if (!strncasecmp(p, "snan", 4) && all_digits(p + 4))
        d.kind = SIGNALLING;
    else
        d = finite(p, d.negative);
    return d;
}

static bool equal(const decimal *a, const decimal *b)
{
    if (a->kind != b->kind || a->kind == QUIET)
        return false;
    if (a->kind == INFINITE || a->n == 0 || b->n == 0)
        return a->kind == INFINITE ? a->negative == b->negative : a->n == b->n;
    return a->negative == b->negative && a->exponent == b->exponent && a->n == b->n &&
           !memcmp(a->digits, b->digits, a->n);
}

/* Are all tokens numbers? *n: how many. */
static bool numbers(carat_bytes line, carat_str *buffer, size_t *n)
{
    const char *p = line.data, *end = p + line.n;
    carat_bytes token;
    for (*n = 0; (token = next_token(&p, end)).n; ++*n)
        if (parse(token, buffer).kind == NO_NUMBER)
            return false;
    return true;
}

/* Two lists of Decimals with Python's ==: of the same length, and then up to the first pair that differs. */
static carat_match same_numbers(carat_bytes got, carat_bytes want, carat_str buffer[2])
{
    const char *p = got.data, *p_end = p + got.n, *q = want.data, *q_end = q + want.n;
    size_t n, m;
    if (!numbers(got, &buffer[0], &n) || !numbers(want, &buffer[1], &m) || n != m)
        return CARAT_LINE;
    while (n--) {
        decimal a = parse(next_token(&p, p_end), &buffer[0]), b = parse(next_token(&q, q_end), &buffer[1]);
        if (a.kind == SIGNALLING || b.kind == SIGNALLING)
            return CARAT_SIGNAL;
        if (!equal(&a, &b))
            return CARAT_LINE;
    }
    return CARAT_SAME;
}

/* ---- texts */

static size_t count_lines(carat_bytes text)
{
    size_t n = 1;
    const char *p = text.data, *end = p + text.n;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        p++;
        n++;
    }
    return n;
}

static carat_bytes strip_bytes(carat_bytes b)
{
    const char *p = b.n ? b.data : "";
    return strip(p, p + b.n);
}

carat_match carat_lcb_compare(carat_bytes got, carat_bytes want, size_t *line)
{
    carat_str buffer[2] = {CARAT_STR_INIT, CARAT_STR_INIT};
    carat_match match = CARAT_SAME;
    bool more;
    got = strip_bytes(got);
    want = strip_bytes(want);
    *line = 0;
    if (count_lines(got) != count_lines(want))
        return CARAT_LENGTH;
    const char *p = got.data, *p_end = p + got.n, *q = want.data, *q_end = q + want.n;
    for (;; ++*line) {
        carat_bytes a = next_line(&p, p_end, &more), b = next_line(&q, q_end, &more);
        if (!more)
            break;
        if (a.n == b.n && !memcmp(a.data, b.data, a.n))
            continue;
        if ((match = same_numbers(a, b, buffer)))
            break;
    }
    carat_str_free(&buffer[0]);
    carat_str_free(&buffer[1]);
    return match;
}

carat_bytes carat_lcb_line(carat_bytes text, size_t i)
{
    text = strip_bytes(text);
    const char *p = text.data, *end = p + text.n;
    bool more;
    carat_bytes line;
    do
        line = next_line(&p, end, &more);
    while (i-- && more);
    return line;
}

void carat_lcb_shorten(carat_bytes text, carat_str *out)
{
    const char *p = text.data, *end = p + text.n, *head = NULL;
    size_t n = 0;
    int len;
    for (const char *q = p; q < end; q += len, n++) {
        if (n == KEEP)
            head = q;
        point(q, end, &len);
    }
    if (n <= 2 * KEEP) {
        carat_str_add(out, p, text.n);
        return;
    }
    carat_str_add(out, p, (size_t)(head - p));
    carat_str_puts(out, "...(truncated) ...");
    const char *tail = p;
    for (size_t skip = n - KEEP; skip--; tail += len)
        point(tail, end, &len);
    carat_str_add(out, tail, (size_t)(end - tail));
}

carat_bytes carat_lcb_extract(const char *reply)
{
    const char *line = reply, *from = NULL,
               *to = NULL; /* of the last two fences: behind the first, at the second */
    size_t fences = 0;
    for (;;) {
        const char *nl = strchr(line, '\n'), *end = nl ? nl : line + strlen(line);
        const char *hit = memmem(line, (size_t)(end - line), "```", 3);
        if (hit) {
            from = to ? strchr(to, '\n') + 1 : NULL;
            to = line;
            fences++;
        }
        if (!nl)
            break;
        line = nl + 1;
    }
    if (fences < 2 || from >= to)
        return (carat_bytes){"", 0};
    return (carat_bytes){from, (size_t)(to - 1 - from)};
}
