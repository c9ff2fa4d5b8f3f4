/* Values as text: Python's str, repr and json.dumps.                              SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/text/pystr.h"
#include "runtime/text/value.h"

/* |v| = 0.DIGITS x 10^*point with the fewest digits that read back equal. Below a power of two floats are denser than above it: there
 * the nearest decimal may not read back while the next one up does. */
static void shortest(double v, char digits[24], int *point)
{
    char text[40];
    uint64_t whole = 0;
    for (int n = 1; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, v);
        whole = 0;
        const char *p = text;
        for (; *p != 'e'; p++)
            whole = *p >= '0' && *p <= '9' ? whole * 10 + (uint64_t)(*p - '0') : whole;
        *point = (int)strtol(p + 1, NULL, 10) + 1;
        if (strtod(text, NULL) == v)
            break;
        snprintf(text, sizeof text, "%" PRIu64 "e%d", whole + 1, *point - n);
        if (n < 17 && strtod(text, NULL) == v) {
            whole++;
            break;
        }
    }
    snprintf(digits, 24, "%" PRIu64, whole);
}

/* float.__repr__: a point from 1e-4 up to 1e16, else an exponent of two digits or more. */
void carat_float_repr(carat_str *out, double v)
{
    char digits[24];
    int point;
    if (!isfinite(v)) {
        carat_str_puts(out, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
        return;
    }
    shortest(fabs(v), digits, &point);
    int n = (int)strlen(digits), e = point - 1;
    carat_str_puts(out, signbit(v) ? "-" : "");
    if (e < -4 || e >= 16)
        carat_str_printf(out, "%.1s%s%se%c%02d", digits, n > 1 ? "." : "", digits + 1, e < 0 ? '-' : '+',
                         abs(e));
    else if (point <= 0)
        carat_str_printf(out, "0.%.*s%s", -point, "0000", digits);
    else if (point >= n)
        carat_str_printf(out, "%s%.*s.0", digits, point - n, "0000000000000000");
    else
        carat_str_printf(out, "%.*s.%s", point, digits, digits + point);
}

static void put_scalar(carat_str *out, const carat_value *v)
{
    if (v->kind == CARAT_FLOAT)
        carat_float_repr(out, v->number);
    else if (v->kind == CARAT_INT)
        carat_str_add(out, v->text.data, v->text.len);
    else if (v->kind == CARAT_BOOL)
        carat_str_puts(out, v->truth ? "True" : "False");
    else if (v->kind == CARAT_NONE)
        carat_str_puts(out, "None");
}

static void repr_string(carat_str *out, carat_span s)
{
    static const char means[] = "\t\n\r\\", names[] = "tnr\\";
    bool single = memchr(s.data, '\'', s.len) != NULL, both = single && memchr(s.data, '"', s.len) != NULL;
    char quote = single && !both ? '"' : '\'';
    carat_str_putc(out, quote);
    for (const char *p = s.data, *end = s.data + s.len; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        const char *found = cp && cp < 128 ? strchr(means, (int)cp) : NULL;
        if (found)
            carat_str_printf(out, "\\%c", names[found - means]);
        else if (cp == (unsigned char)quote)
            carat_str_printf(out, "\\%c", quote);
        else if (carat_is_printable(cp))
            carat_str_add(out, p, (size_t)(n ? n : skip));
        else
            carat_str_printf(out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        p += n ? n : skip;
    }
    carat_str_putc(out, quote);
}

void carat_value_repr(carat_str *out, const carat_value *v)
{
    if (v->kind == CARAT_STRING) {
        repr_string(out, v->text);
    } else if (v->kind == CARAT_LIST || v->kind == CARAT_MAP) {
        carat_str_putc(out, v->kind == CARAT_MAP ? '{' : '[');
        for (const carat_value *m = v->first; m; m = m->next) {
            if (v->kind == CARAT_MAP) {
                repr_string(out, m->key);
                carat_str_puts(out, ": ");
            }
            carat_value_repr(out, m);
            carat_str_puts(out, m->next ? ", " : "");
        }
        carat_str_putc(out, v->kind == CARAT_MAP ? '}' : ']');
    } else {
        put_scalar(out, v);
    }
}

void carat_value_str(carat_str *out, const carat_value *v)
{
    if (v->kind == CARAT_STRING)
        carat_str_add(out, v->text.data, v->text.len);
    else
        carat_value_repr(out, v);
}

void carat_value_json(carat_str *out, const carat_value *v)
{
    carat_jw w = carat_jw_begin(out);
    if (v->kind == CARAT_STRING) {
        carat_jw_bytes(&w, v->text.data, v->text.len);
    } else if (v->kind == CARAT_LIST || v->kind == CARAT_MAP) {
        carat_str_putc(out, v->kind == CARAT_MAP ? '{' : '[');
        for (const carat_value *m = v->first; m; m = m->next) {
            w = carat_jw_begin(out);
            if (v->kind == CARAT_MAP) {
                carat_jw_bytes(&w, m->key.data, m->key.len);
                carat_str_puts(out, ": ");
            }
            carat_value_json(out, m);
            carat_str_puts(out, m->next ? ", " : "");
        }
        carat_str_putc(out, v->kind == CARAT_MAP ? '}' : ']');
    } else if (v->kind == CARAT_BOOL) {
        carat_jw_bool(&w, v->truth);
    } else if (v->kind == CARAT_FLOAT && !isfinite(v->number)) {
        carat_str_puts(out, isnan(v->number) ? "NaN" : v->number < 0 ? "-Infinity" : "Infinity");
    } else if (v->kind == CARAT_FLOAT || v->kind == CARAT_INT) {
        put_scalar(out, v);
    } else {
        carat_jw_null(&w);
    }
}
