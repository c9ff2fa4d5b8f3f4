/* What the inference commands have in common: lists of ids.                         SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_OPTIONS_H
#define CARAT_TOOL_OPTIONS_H

#include "runtime/base/err.h"

/* "2,17,9" (blanks allowed) -> ids, malloc'ed. */
carat_status carat_ids_parse(const char *text, int32_t **ids, size_t *n, carat_err *err);

#endif
