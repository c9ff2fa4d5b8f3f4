/* Text inside HTML, SVG and XML.                                                   SPDX-License-Identifier: Apache-2.0
 *
 * What a model wrote may hold anything. It comes out as text that is well-formed in XML 1.0 and in HTML, wherever it stands: markup
 * characters are escaped, control characters become their pictures (U+2400 + c), ill-formed UTF-8 and what XML forbids U+FFFD. */
#ifndef CARAT_EVAL_MARKUP_H
#define CARAT_EVAL_MARKUP_H

#include "runtime/base/str.h"

void carat_markup_text(carat_str *out, const char *text,
                       size_t len);                       /* between tags; line feeds and tabs stay */
void carat_markup_attr(carat_str *out, const char *text); /* between double quotes, of one line */
void carat_markup_puts(carat_str *out, const char *text); /* carat_markup_text of a whole string */
/* On a terminal or in one line of a table: without markup, and without anything a terminal would act on. */
void carat_text_plain(carat_str *out, const char *text);
/* The longest prefix of at most max bytes that ends between characters. */
size_t carat_text_cut(const char *text, size_t len, size_t max);

#endif
