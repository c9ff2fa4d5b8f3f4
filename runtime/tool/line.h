/* Lines that a person types: edited on a terminal, plain elsewhere.                SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_LINE_H
#define CARAT_TOOL_LINE_H

#include "runtime/base/err.h"

typedef struct carat_line carat_line;

/* history: the file that entered lines are kept in, or NULL. Editing happens when standard input and output are terminals. */
carat_status carat_line_open(const char *history, bool color, carat_line **out, carat_err *err);
void carat_line_close(carat_line *l);
bool carat_line_edited(const carat_line *l); /* a terminal */
/* The next line without its line break (a pasted text may hold some), borrowed until the next call; *text is NULL at the end of the
 * input. CARAT_EINTR: Ctrl-C. */
carat_status carat_line_read(carat_line *l, const char *prompt, const char **text, carat_err *err);
void carat_line_remember(carat_line *l, const char *text); /* in the history */

#endif
