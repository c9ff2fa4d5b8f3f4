/* Strings as Python's str has them.                                               SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/pystr.h"

carat_span carat_strip(carat_span s)
{
    const char *end = s.data + s.len, *begin = end, *last = end;
    bool found = false;
    for (const char *p = s.data; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        const char *after = p + (n ? n : skip);
        if (!n || !carat_is_space(cp)) {
            begin = found ? begin : p;
            last = after;
            found = true;
        }
        p = after;
    }
    return (carat_span){begin, (size_t)(last - begin)};
}

static void put(carat_str *out, const uint32_t *cp, int n)
{
    for (int i = 0; i < n; i++) {
        char utf8[4];
        carat_str_add(out, utf8, (size_t)carat_utf8_put(cp[i], utf8));
    }
}

/* The nearest character from p on that a sigma does not look through: is it cased? */
static bool cased_after(const char *p, const char *end)
{
    while (p < end) {
        uint32_t cp = 0xfffd;
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!carat_is_case_ignorable(cp))
            return carat_is_cased(cp);
        p += n ? n : skip;
    }
    return false;
}

void carat_lower(carat_str *out, carat_span s)
{
    static const uint32_t capital_sigma = 0x3a3, sigma = 0x3c3, final_sigma = 0x3c2;
    bool cased = false; /* what stands before, ignorable characters aside */
    for (const char *p = s.data, *end = s.data + s.len; p < end;) {
        uint32_t cp = 0xfffd, to[3];
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!n)
            carat_str_add(out, p, (size_t)skip);
        else if (cp == capital_sigma)
            put(out, cased && !cased_after(p + n, end) ? &final_sigma : &sigma, 1);
        else
            put(out, to, carat_to_lower(cp, to));
        if (!carat_is_case_ignorable(cp))
            cased = carat_is_cased(cp);
        p += n ? n : skip;
    }
}

void carat_upper(carat_str *out, carat_span s)
{
    for (const char *p = s.data, *end = s.data + s.len; p < end;) {
        uint32_t cp = 0, to[3];
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (n)
            put(out, to, carat_to_upper(cp, to));
        else
            carat_str_add(out, p, (size_t)skip);
        p += n ? n : skip;
    }
}
