/* Characters (unicode.h) looked up in tables.                                      SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/unicode.h"

#include "runtime/base/unicode_tables.h"

bool carat_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1F);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

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

bool carat_is_re_word(uint32_t cp)
{
    return in_set(carat_unicode_re_word, carat_unicode_re_word_n, cp);
}

bool carat_is_regex_word(uint32_t cp)
{
    return in_set(carat_unicode_regex_word, carat_unicode_regex_word_n, cp);
}

bool carat_is_printable(uint32_t cp)
{
    return in_set(carat_unicode_printable, carat_unicode_printable_n, cp);
}

bool carat_is_cased(uint32_t cp)
{
    return in_set(carat_unicode_cased, carat_unicode_cased_n, cp);
}

bool carat_is_case_ignorable(uint32_t cp)
{
    return in_set(carat_unicode_ignorable, carat_unicode_ignorable_n, cp);
}

int carat_decimal(uint32_t cp)
{
    size_t at = edges_before(carat_unicode_zero, carat_unicode_zero_n, cp);
    return at && cp - carat_unicode_zero[at - 1] < 10 ? (int)(cp - carat_unicode_zero[at - 1]) : -1;
}

typedef struct casing {
    const carat_case_run *run;
    size_t runs;
    const carat_case_several *several;
    size_t n_several;
} casing;

static int change(const casing *c, uint32_t cp, uint32_t to[3])
{
    for (size_t i = 0; i < c->n_several; i++)
        if (c->several[i].cp == cp) {
            int n = 0;
            for (; n < 3 && c->several[i].to[n]; n++)
                to[n] = c->several[i].to[n];
            return n;
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
    to[0] = changes ? (uint32_t)((int32_t)cp + r->difference) : cp;
    return 1;
}

int carat_to_lower(uint32_t cp, uint32_t to[3])
{
    const casing lower = {carat_unicode_lower, carat_unicode_lower_n, carat_unicode_lower_several,
                          carat_unicode_lower_several_n};
    return change(&lower, cp, to);
}

int carat_to_upper(uint32_t cp, uint32_t to[3])
{
    const casing upper = {carat_unicode_upper, carat_unicode_upper_n, carat_unicode_upper_several,
                          carat_unicode_upper_several_n};
    return change(&upper, cp, to);
}
