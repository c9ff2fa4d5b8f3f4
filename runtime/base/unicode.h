/* Characters as Python's str, re and regex see them.                              SPDX-License-Identifier: Apache-2.0
 *
 * Official graders, chat templates and response parsers are Python: what they call white space or a word decides scores
 * and prompts. Everything here is asked of one code point; what is no character belongs to no class. */
#ifndef CARAT_BASE_UNICODE_H
#define CARAT_BASE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool carat_is_space(uint32_t cp);   /* str.isspace, \s of re */
bool carat_is_re_word(uint32_t cp); /* \w of re: letters, numbers (categories L*, N*) and the underscore */
bool carat_is_regex_word(
    uint32_t cp); /* \w of the package regex: marks too, but of the numbers only digits and letters */
bool carat_is_printable(uint32_t cp); /* str.isprintable */
int carat_decimal(uint32_t cp);       /* 0..9 for a decimal digit of any script, else -1 */

/* What a sigma asks of its neighbours: is one of them cased, when those are left out that case looks through? */
bool carat_is_cased(uint32_t cp);
bool carat_is_case_ignorable(uint32_t cp);

/* str.lower and str.upper of one character, without regard to its neighbours: how many characters to[0..3) it becomes. */
int carat_to_lower(uint32_t cp, uint32_t to[3]);
int carat_to_upper(uint32_t cp, uint32_t to[3]);

#endif
