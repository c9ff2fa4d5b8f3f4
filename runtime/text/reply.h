/* Tool calls in a reply; the reply itself is in carat.h.                           SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TEXT_REPLY_H
#define CARAT_TEXT_REPLY_H

#include "runtime/text/value.h"

/* One call: its name and the text between the name and <tool_call|> -> {"name", "arguments"} appended as JSON. tools: the request's
 * list or carat_undefined; where it names types, arguments that are strings are cast. CARAT_EFORMAT: the text cannot be read. */
carat_status carat_reply_call(carat_str *out, carat_span name, carat_span text, const carat_value *tools,
                              carat_err *err);

#endif
