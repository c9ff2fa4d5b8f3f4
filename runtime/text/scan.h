/* A strict pull scanner over JSON text, for tables too big for a tree.            SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json holds 262,144 pieces and 514,906 merges in 32 MB; a tree of it costs seven times that. The scanner walks
 * the text once and copies nothing. It also reads what base/json.h refuses on purpose: strings that hold NUL.
 *
 * The first thing that is wrong sticks: every call after it does nothing, and carat_scan_check tells. Members of an object:
 *
 *     for (bool more = carat_scan_open(&s, '{'); more; more = carat_scan_more(&s, '}'))
 *         if (carat_scan_key(&s, &buffer, &key)) ... read one value ...
 */
#ifndef CARAT_TEXT_SCAN_H
#define CARAT_TEXT_SCAN_H

#include "runtime/base/str.h"

typedef struct carat_span {
    const char *data; /* not NUL-terminated */
    size_t len;
} carat_span;

typedef struct carat_scan {
    const char *p, *begin, *end;
    const char *wrong; /* NULL: all is well so far */
} carat_scan;

carat_scan carat_scan_begin(const char *text, size_t len);
/* CARAT_EFORMAT and "not JSON at byte N: ..." if something was wrong. */
carat_status carat_scan_check(const carat_scan *s, carat_err *err);

/* Reads the bracket; true if an element follows, false for an empty one (whose closing bracket is then read). */
bool carat_scan_open(carat_scan *s, char bracket);
/* Behind an element: true after a comma, false after the closing bracket. */
bool carat_scan_more(carat_scan *s, char bracket);
/* A string of well-formed UTF-8. *out points into the text or, if the string has escapes, into *buffer. */
bool carat_scan_string(carat_scan *s, carat_str *buffer, carat_span *out);
/* The same and the ':' behind it. */
bool carat_scan_key(carat_scan *s, carat_str *buffer, carat_span *out);
/* An integer 0..2^32-1, without sign, fraction or exponent. */
bool carat_scan_u32(carat_scan *s, uint32_t *out);
/* Any value, found by its brackets and quotes alone: whoever uses the bytes of *out must parse them. */
bool carat_scan_skip(carat_scan *s, carat_span *out);
/* The first byte of the next value, or 0 at the end of the text. */
char carat_scan_peek(carat_scan *s);
/* Nothing but white space may follow. */
bool carat_scan_finish(carat_scan *s);

bool carat_span_is(carat_span a, const char *text);

#endif
