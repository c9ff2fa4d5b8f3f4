/* Growing byte strings, and UTF-8.                                                SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char carat_str_empty[1] = "";

static bool reserve(carat_str *s, size_t more)
{
    if (s->failed || more > SIZE_MAX / 2 - s->len - 1) {
        s->failed = true;
        return false;
    }
    size_t need = s->len + more + 1;
    if (need <= s->cap)
        return true;
    size_t cap = s->cap ? s->cap + s->cap / 2 : 64;
    if (cap < need)
        cap = need;
    char *p = realloc(s->cap ? s->data : NULL, cap);
    if (!p) {
        s->failed = true;
        return false;
    }
    s->data = p;
    s->cap = cap;
    return true;
}

void carat_str_add(carat_str *s, const char *bytes, size_t len)
{
    if (!len || !reserve(s, len))
        return;
    memcpy(s->data + s->len, bytes, len);
    s->len += len;
    s->data[s->len] = 0;
}

void carat_str_puts(carat_str *s, const char *text)
{
    carat_str_add(s, text, strlen(text));
}

void carat_str_putc(carat_str *s, char c)
{
    carat_str_add(s, &c, 1);
}

void carat_str_printf(carat_str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n <= 0 || !reserve(s, (size_t)n)) {
        s->failed |= n < 0;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)n;
}

void carat_str_clear(carat_str *s)
{
    s->len = 0;
    if (s->cap)
        s->data[0] = 0;
}

void carat_str_free(carat_str *s)
{
    if (s->cap)
        free(s->data);
    *s = (carat_str)CARAT_STR_INIT;
}

carat_status carat_str_check(const carat_str *s, carat_err *err)
{
    return s->failed
               ? carat_fail(err, CARAT_ENOMEM, "out of memory while building a text of %zu bytes", s->len)
               : CARAT_OK;
}

char *carat_str_take(carat_str *s)
{
    char *p = NULL;
    if (!s->failed && reserve(s, 0)) {
        p = s->data;
        p[s->len] = 0;
        s->cap = 0;
    }
    carat_str_free(s);
    return p;
}

bool carat_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool carat_ends(const char *s, const char *suffix)
{
    size_t a = strlen(s), b = strlen(suffix);
    return a >= b && memcmp(s + a - b, suffix, b) == 0;
}

/* Table 3-7 of the Unicode standard: the second byte's range depends on the first. */
int carat_utf8_get(const char *ptr, const char *end, uint32_t *cp, int *skip)
{
    const unsigned char *p = (const unsigned char *)ptr;
    size_t n = (size_t)(end - ptr);
    unsigned c = p[0], low = 0x80, high = 0xbf;
    int need;
    *skip = 1;
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf)
        need = 1, *cp = c & 0x1f;
    else if (c >= 0xe0 && c <= 0xef)
        need = 2, *cp = c & 0x0f, low = c == 0xe0 ? 0xa0 : 0x80, high = c == 0xed ? 0x9f : 0xbf;
    else if (c >= 0xf0 && c <= 0xf4)
        need = 3, *cp = c & 0x07, low = c == 0xf0 ? 0x90 : 0x80, high = c == 0xf4 ? 0x8f : 0xbf;
    else
        return 0;
    for (int i = 1; i <= need; i++) {
        if ((size_t)i >= n || p[i] < low || p[i] > high) {
            *skip = i;
            return 0;
        }
        *cp = *cp << 6 | (p[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    return need + 1;
}

int carat_utf8_put(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}
