/* Characters and case as Python's str and regex see them.                         SPDX-License-Identifier: Apache-2.0
 *
 * The official chat template and transformers' response parser run in Python; these are the parts of its str that they use. */
#ifndef CARAT_TEXT_PYSTR_H
#define CARAT_TEXT_PYSTR_H

#include "runtime/text/scan.h"

bool carat_is_word(uint32_t cp);      /* \w of the regex module: re's (base/unicode.h) and marks */
bool carat_is_printable(uint32_t cp); /* str.isprintable */
int carat_decimal(uint32_t cp);       /* 0..9 for a decimal digit of any script, else -1 */

/* str.strip; a byte that is no UTF-8 is not white space. */
carat_span carat_strip(carat_span s);
/* str.lower and str.upper, appended; bytes that are no UTF-8 stay. */
void carat_lower(carat_str *out, carat_span s);
void carat_upper(carat_str *out, carat_span s);

#endif
