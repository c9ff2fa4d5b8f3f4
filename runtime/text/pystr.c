/* Characters and case as Python's str and regex see them.                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/pystr.h"

#include "runtime/base/unicode.h"
#include "runtime/text/pystr_tables.h"

/* How many of the sorted edges are at or before cp. */
static size_t edges_before(const uint32_t *edge, size_t n, uint32_t cp)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (edge[middle] <= cp)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static bool in_set(const uint32_t *edge, size_t n, uint32_t cp)
{
    return edges_before(edge, n, cp) % 2;
}

bool carat_is_word(uint32_t cp)
{
    return in_set(carat_pystr_word, carat_pystr_word_n, cp);
}

bool carat_is_printable(uint32_t cp)
{
    return in_set(carat_pystr_print, carat_pystr_print_n, cp);
}

int carat_decimal(uint32_t cp)
{
    size_t at = edges_before(carat_pystr_zero, carat_pystr_zero_n, cp);
    return at && cp - carat_pystr_zero[at - 1] < 10 ? (int)(cp - carat_pystr_zero[at - 1]) : -1;
}

carat_span carat_strip(carat_span s)
{
    const char *end = s.data + s.len, *begin = end, *last = end;
    bool found = false;
    for (const char *p = s.data; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        const char *after = p + (n ? n : skip);
        if (!n || !carat_unicode_space(cp)) {
            begin = found ? begin : p;
            last = after;
            found = true;
        }
        p = after;
    }
    return (carat_span){begin, (size_t)(last - begin)};
}

/* ---- case --------------------------------------------------------------------------------------------------- */

typedef struct casing {
    const carat_case_run *run;
    size_t runs;
    const carat_case_several *several;
    size_t n_several;
} casing;

static void put(carat_str *out, uint32_t cp)
{
    char utf8[4];
    carat_str_add(out, utf8, (size_t)carat_utf8_put(cp, utf8));
}

static void put_changed(carat_str *out, const casing *c, uint32_t cp)
{
    for (size_t i = 0; i < c->n_several; i++)
        if (c->several[i].cp == cp) {
            for (int k = 0; k < 3 && c->several[i].to[k]; k++)
                put(out, c->several[i].to[k]);
            return;
        }
    size_t low = 0, high = c->runs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->run[middle].to < cp)
            low = middle + 1;
        else
            high = middle;
    }
    const carat_case_run *r = &c->run[low];
    bool changes = low < c->runs && cp >= r->from && (cp - r->from) % r->step == 0;
    put(out, changes ? (uint32_t)((int32_t)cp + r->difference) : cp);
}

/* The nearest character from p on (forwards), or before p, that a sigma does not look through: is it cased? */
static bool cased_after(const char *p, const char *end)
{
    while (p < end) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!in_set(carat_pystr_ignorable, carat_pystr_ignorable_n, cp))
            return in_set(carat_pystr_cased, carat_pystr_cased_n, cp);
        p += n ? n : skip;
    }
    return false;
}

static bool is_capital_sigma(uint32_t cp)
{
    return cp == 0x3a3;
}

void carat_lower(carat_str *out, carat_span s)
{
    const casing lower = {carat_pystr_lower, carat_pystr_lower_n, carat_pystr_lower_several,
                          carat_pystr_lower_several_n};
    bool cased = false; /* what stands before, ignorable characters aside */
    for (const char *p = s.data, *end = s.data + s.len; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!n)
            carat_str_add(out, p, (size_t)skip);
        else if (is_capital_sigma(cp))
            put(out, cased && !cased_after(p + n, end) ? 0x3c2 : 0x3c3);
        else
            put_changed(out, &lower, cp);
        if (!in_set(carat_pystr_ignorable, carat_pystr_ignorable_n, cp))
            cased = in_set(carat_pystr_cased, carat_pystr_cased_n, cp);
        p += n ? n : skip;
    }
}

void carat_upper(carat_str *out, carat_span s)
{
    const casing upper = {carat_pystr_upper, carat_pystr_upper_n, carat_pystr_upper_several,
                          carat_pystr_upper_several_n};
    for (const char *p = s.data, *end = s.data + s.len; p < end;) {
        uint32_t cp = 0;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (n)
            put_changed(out, &upper, cp);
        else
            carat_str_add(out, p, (size_t)skip);
        p += n ? n : skip;
    }
}
