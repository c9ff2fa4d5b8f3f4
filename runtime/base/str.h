/* Growing byte strings.                                                           SPDX-License-Identifier: Apache-2.0
 *
 * Invariants: data is never NULL and always NUL-terminated (the bytes may hold NULs too; len counts). Out of
 * memory is sticky: appends do nothing any more, `failed` says so, and carat_str_check turns it into an error
 * at the end. */
#ifndef CARAT_BASE_STR_H
#define CARAT_BASE_STR_H

#include "runtime/base/err.h"

typedef struct carat_str {
    char *data;
    size_t len, cap;
    bool failed;
} carat_str;

extern const char carat_str_empty[1]; /* what data points to before the first append; never written to */
#define CARAT_STR_INIT                                                                                       \
    {                                                                                                        \
        (char *)carat_str_empty, 0, 0, false                                                                 \
    }

void carat_str_add(carat_str *s, const char *bytes, size_t len);
void carat_str_puts(carat_str *s, const char *text);
void carat_str_putc(carat_str *s, char c);
void carat_str_printf(carat_str *s, const char *fmt, ...) CARAT_PRINTF(2, 3);
void carat_str_clear(carat_str *s); /* len = 0, keeps the memory */
void carat_str_free(carat_str *s);  /* back to CARAT_STR_INIT */
carat_status carat_str_check(const carat_str *s, carat_err *err);
/* The bytes as a malloc'ed string that outlives s (which becomes empty); NULL if failed. */
char *carat_str_take(carat_str *s);

bool carat_starts(const char *s, const char *prefix);
bool carat_ends(const char *s, const char *suffix);

/* UTF-8. Decodes one code point of [p, end); returns its length 1..4, or 0 if ill-formed, then *skip is the
 * length of the maximal ill-formed subpart (as WHATWG's decoder: what one U+FFFD stands for). */
int carat_utf8_get(const char *p, const char *end, uint32_t *cp, int *skip);
int carat_utf8_put(uint32_t cp, char out[4]); /* returns the length */

#endif
