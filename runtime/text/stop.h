/* Strings that end a reply, found while it is written.                             SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TEXT_STOP_H
#define CARAT_TEXT_STOP_H

#include "runtime/base/str.h"

/* Zero-initialise but for list, n and held (CARAT_STR_INIT). */
typedef struct carat_stop {
    const char *const *list; /* borrowed; none empty */
    size_t n;
    carat_str held; /* text that may be the beginning of one */
    size_t shown;   /* of held: given away by the last call */
} carat_stop;

/* More text. *safe (a cut of s->held, valid until the next call) is what can be shown: all but an end that may yet become a stop
 * string; nothing of a stop string is ever in it. The string that is complete, cut off with all behind it, or NULL. Where the text is
 * cut between calls makes no difference: the string that ends first wins, of those the longest. */
const char *carat_stop_push(carat_stop *s, const char *text, size_t len, const char **safe, size_t *safe_len);
/* Gives up what is held: the text that looked like a beginning is shown after all. */
void carat_stop_flush(carat_stop *s, const char **safe, size_t *safe_len);

#endif
