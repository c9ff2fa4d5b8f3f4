/* JSON: writing without a tree (json.h), and how strings and numbers are spelled.     SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"

void carat_json_put_number(carat_str *out, double v, bool floating)
{
    char text[40];
    if (fabs(v) < 0x1p53 && v == floor(v) && !(floating && fabs(v) >= 1e16)) {
        carat_str_printf(out, floating ? "%.1f" : "%.0f", v);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    carat_str_puts(out, text);
}

void carat_json_put_text(carat_str *out, const char *s, size_t len)
{
    carat_str_putc(out, '"');
    for (const char *p = s, *end = s + len; p < end;) {
        unsigned char c = (unsigned char)*p;
        uint32_t cp;
        int skip = 1, n = carat_utf8_get(p, end, &cp, &skip);
        if (c == '"' || c == '\\')
            carat_str_printf(out, "\\%c", c);
        else if (c == '\n')
            carat_str_puts(out, "\\n");
        else if (c == '\t')
            carat_str_puts(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            carat_str_printf(out, "\\u%04x", c);
        else if (n)
            carat_str_add(out, p, (size_t)n);
        else
            carat_str_puts(out, "\xef\xbf\xbd");
        p += n ? n : skip;
    }
    carat_str_putc(out, '"');
}

carat_jw carat_jw_begin(carat_str *out)
{
    return (carat_jw){out, 0, true, false, {0}};
}

static void before_value(carat_jw *w)
{
    if (!w->first && !w->after_key)
        carat_str_puts(w->out, ", ");
    w->first = w->after_key = false;
}

void carat_jw_open(carat_jw *w, char bracket)
{
    before_value(w);
    carat_str_putc(w->out, bracket);
    if (w->depth < sizeof w->close)
        w->close[w->depth] = bracket == '{' ? '}' : ']';
    w->depth++;
    w->first = true;
}

void carat_jw_close(carat_jw *w)
{
    w->depth--;
    carat_str_putc(w->out, w->close[w->depth]);
    w->first = false;
}

void carat_jw_key(carat_jw *w, const char *key)
{
    before_value(w);
    carat_json_put_text(w->out, key, strlen(key));
    carat_str_puts(w->out, ": ");
    w->after_key = true;
}

void carat_jw_bytes(carat_jw *w, const char *text, size_t len)
{
    before_value(w);
    carat_json_put_text(w->out, text, len);
}

void carat_jw_text(carat_jw *w, const char *text)
{
    if (text)
        carat_jw_bytes(w, text, strlen(text));
    else
        carat_jw_null(w);
}

void carat_jw_u64(carat_jw *w, uint64_t v)
{
    before_value(w);
    carat_str_printf(w->out, "%" PRIu64, v);
}

void carat_jw_i64(carat_jw *w, int64_t v)
{
    before_value(w);
    carat_str_printf(w->out, "%" PRId64, v);
}

void carat_jw_f64(carat_jw *w, double v)
{
    before_value(w);
    if (isfinite(v))
        carat_json_put_number(w->out, v, true);
    else
        carat_str_puts(w->out, "null");
}

void carat_jw_bool(carat_jw *w, bool v)
{
    before_value(w);
    carat_str_puts(w->out, v ? "true" : "false");
}

void carat_jw_null(carat_jw *w)
{
    before_value(w);
    carat_str_puts(w->out, "null");
}

void carat_jw_put_text(carat_jw *w, const char *key, const char *text)
{
    carat_jw_key(w, key);
    carat_jw_text(w, text);
}

void carat_jw_put_u64(carat_jw *w, const char *key, uint64_t v)
{
    carat_jw_key(w, key);
    carat_jw_u64(w, v);
}

void carat_jw_put_i64(carat_jw *w, const char *key, int64_t v)
{
    carat_jw_key(w, key);
    carat_jw_i64(w, v);
}

void carat_jw_put_f64(carat_jw *w, const char *key, double v)
{
    carat_jw_key(w, key);
    carat_jw_f64(w, v);
}

void carat_jw_put_bool(carat_jw *w, const char *key, bool v)
{
    carat_jw_key(w, key);
    carat_jw_bool(w, v);
}
