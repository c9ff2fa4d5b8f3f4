/* Character classes as Python's str and re have them.                             SPDX-License-Identifier: Apache-2.0
 *
 * Official graders and templates are Python; what they call white space or a word decides scores and prompts. */
#ifndef CARAT_BASE_UNICODE_H
#define CARAT_BASE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool carat_unicode_space(uint32_t cp); /* str.isspace, re's \s */
bool carat_unicode_word(uint32_t cp);  /* re's \w: letters, numbers (categories L*, N*) and the underscore */

typedef struct carat_range {
    uint32_t first, last;
} carat_range;
extern const carat_range carat_unicode_alnum[]; /* ascending */
extern const size_t carat_unicode_alnum_count;

#endif
