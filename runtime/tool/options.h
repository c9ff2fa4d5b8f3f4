/* What the inference commands have in common: numerics by name, lists of ids.      SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_OPTIONS_H
#define CARAT_TOOL_OPTIONS_H

#include "runtime/base/err.h"

/* "f32", "bf16" or "int8"; NULL: fallback. */
carat_status carat_numerics_parse(const char *name, carat_numerics fallback, carat_numerics *out,
                                  carat_err *err);
const char *carat_numerics_name(carat_numerics n);
/* "2,17,9" (blanks allowed) -> ids, malloc'ed. */
carat_status carat_ids_parse(const char *text, int32_t **ids, size_t *n, carat_err *err);

#endif
