/* Reading a pickle of one string, and base64 (pickle.h).                           SPDX-License-Identifier: Apache-2.0
 *
 * Opcodes as CPython's pickletools describes them. */
#include "datasets/pickle.h"

#include <string.h>

typedef struct input {
    const uint8_t *p, *end;
} input;

/* A little-endian number of `bytes` bytes; false when it is cut off. */
static bool number(input *in, size_t bytes, uint64_t *out)
{
    if ((size_t)(in->end - in->p) < bytes)
        return false;
    *out = 0;
    for (size_t i = 0; i < bytes; i++)
        *out |= (uint64_t)*in->p++ << (8 * i);
    return true;
}

/* UTF-8 with lone surrogates let through, as pickle writes them ("surrogatepass"). */
static bool is_text(const uint8_t *s, size_t n)
{
    const char *p = (const char *)s, *end = p + n;
    while (p < end) {
        uint32_t cp;
        int skip, len = carat_utf8_get(p, end, &cp, &skip);
        bool surrogate = end - p >= 3 && (uint8_t)p[0] == 0xED && ((uint8_t)p[1] & 0xE0) == 0xA0 &&
                         ((uint8_t)p[2] & 0xC0) == 0x80;
        if (!len && !surrogate)
            return false;
        p += len ? len : 3;
    }
    return true;
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Protocol 0: Latin-1 up to the end of the line, other characters (and '\\', '\n', '\0', '\r', 0x1a) as \uXXXX or \UXXXXXXXX. */
static bool escaped(input *in, carat_str *out)
{
    while (in->p < in->end && *in->p != '\n') {
        uint32_t cp = *in->p++;
        char utf8[4];
        if (cp == '\\') {
            int digits = in->p == in->end ? 0 : *in->p == 'u' ? 4 : *in->p == 'U' ? 8 : 0;
            if (!digits || in->end - in->p < digits + 1)
                return false;
            in->p++;
            for (cp = 0; digits--; in->p++) {
                if (hex(*in->p) < 0)
                    return false;
                cp = cp << 4 | (uint32_t)hex(*in->p);
            }
            if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
                return false;
        }
        carat_str_add(out, utf8, (size_t)carat_utf8_put(cp, utf8));
    }
    return in->p < in->end && in->p++;
}

/* The opcode that carries the string. */
static bool string(input *in, carat_str *out)
{
    uint64_t op, n;
    if (!number(in, 1, &op))
        return false;
    if (op == 'V')
        return escaped(in, out);
    size_t width = op == 0x8C ? 1 : op == 'X' ? 4 : op == 0x8D ? 8 : 0; /* (SHORT_)BINUNICODE(8) */
    if (!width || !number(in, width, &n) || n > (uint64_t)(in->end - in->p) || !is_text(in->p, (size_t)n))
        return false;
    carat_str_add(out, (const char *)in->p, (size_t)n);
    in->p += n;
    return true;
}

/* Remembering the string under a number, which nothing ever asks for; then the end. */
static bool memo_and_stop(input *in)
{
    uint64_t op, index;
    if (!number(in, 1, &op))
        return false;
    if (op == 'q' || op == 'r') { /* BINPUT, LONG_BINPUT */
        if (!number(in, op == 'q' ? 1 : 4, &index) || !number(in, 1, &op))
            return false;
    } else if (op == 'p') { /* PUT: decimal digits and a line break */
        size_t digits = 0;
        while (in->p < in->end && *in->p >= '0' && *in->p <= '9' && digits < 10) {
            in->p++;
            digits++;
        }
        if (!digits || in->p == in->end || *in->p++ != '\n' || !number(in, 1, &op))
            return false;
    } else if (op == 0x94 && !number(in, 1, &op)) /* MEMOIZE */
        return false;
    return op == '.' && in->p == in->end;
}

carat_status carat_unpickle_text(const void *from, size_t n, carat_str *out, carat_err *err)
{
    input in = {from, (const uint8_t *)from + n};
    uint64_t protocol, frame;
    bool good = true;
    if (n && in.p[0] == 0x80) { /* PROTO */
        in.p++;
        good = number(&in, 1, &protocol) && protocol >= 2 && protocol <= 5;
    }
    if (good && in.p < in.end && in.p[0] == 0x95) { /* FRAME: large strings are written behind it */
        in.p++;
        good = number(&in, 8, &frame) && frame <= (uint64_t)(in.end - in.p);
    }
    size_t before = out->len;
    good = good && string(&in, out) && memo_and_stop(&in);
    if (!good) {
        if (out->len > before)
            out->data[out->len = before] = 0;
        return carat_fail(err, CARAT_EFORMAT, "not a pickle of one string (at byte %zu of %zu)",
                          (size_t)(in.p - (const uint8_t *)from), n);
    }
    return carat_str_check(out, err);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

carat_status carat_base64(const char *text, size_t n, carat_str *out, carat_err *err)
{
    size_t pad = 0;
    while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
        pad++;
    if (n % 4)
        return carat_fail(err, CARAT_EFORMAT, "base64 of %zu characters, which is no multiple of 4", n);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        size_t have = i + 4 == n ? 4 - pad : 4;
        for (size_t k = 0; k < 4; k++) {
            int d = k < have ? digit(text[i + k]) : 0;
            if (d < 0)
                return carat_fail(err, CARAT_EFORMAT, "character %zu is none of base64", i + k);
            bits = bits << 6 | (uint32_t)d;
        }
        const char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        carat_str_add(out, bytes, have - 1);
    }
    return carat_str_check(out, err);
}
