/* Values as text: Python's str, repr and json.dumps.                              SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/text/pystr.h"
#include "runtime/text/value.h"

/* float.__repr__: the fewest digits that read back equal; a point from 1e-4 up to 1e16, else an exponent of two digits or more. */
void carat_float_repr(double v, char out[40])
{
    char digits[32], *exponent, mark[24] = "";
    int precision = 0;
    if (!isfinite(v)) {
        snprintf(out, 40, "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
        return;
    }
    do
        snprintf(digits, sizeof digits, "%.*e", precision, v);
    while (strtod(digits, NULL) != v && ++precision < 17);
    exponent = strchr(digits, 'e');
    int e = atoi(exponent + 1);
    if (e >= -4 && e < 16) {
        snprintf(out, 40, "%.*f", precision > e ? precision - e : 1, v);
        return;
    }
    *exponent = 0;
    snprintf(mark, sizeof mark, "e%c%02d", e < 0 ? '-' : '+', abs(e));
    snprintf(out, 40, "%s%s", digits, mark);
}

static void put_scalar(carat_str *out, const carat_value *v)
{
    char number[40];
    if (v->kind == CARAT_FLOAT)
        carat_float_repr(v->number, number);
    carat_span s = v->kind == CARAT_INT ? v->text : (carat_span){number, 0};
    const char *word = v->kind == CARAT_FLOAT  ? number
                       : v->kind == CARAT_BOOL ? (v->truth ? "True" : "False")
                       : v->kind == CARAT_NONE ? "None"
                                               : "";
    carat_str_add(out, s.data, s.len);
    carat_str_puts(out, word);
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
