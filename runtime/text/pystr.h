/* Strings as Python's str has them.                                               SPDX-License-Identifier: Apache-2.0
 *
 * The official chat template and transformers' response parser run in Python; these are the parts of its str that they use. */
#ifndef CARAT_TEXT_PYSTR_H
#define CARAT_TEXT_PYSTR_H

#include "runtime/base/unicode.h"
#include "runtime/text/scan.h"

/* str.strip; a byte that is no UTF-8 is not white space. */
carat_span carat_strip(carat_span s);
/* str.lower and str.upper, appended; bytes that are no UTF-8 stay. */
void carat_lower(carat_str *out, carat_span s);
void carat_upper(carat_str *out, carat_span s);

#endif
