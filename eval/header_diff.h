/* What two headers do not have in common.                                         SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_HEADER_DIFF_H
#define CARAT_EVAL_HEADER_DIFF_H

#include "runtime/base/json.h"
#include "runtime/base/mem.h"

typedef struct carat_field_diff {
    const char *path;        /* "suite.mmlu-pro.variant" */
    const carat_json *a, *b; /* of the trees; NULL: absent */
} carat_field_diff;

typedef struct carat_header_diff {
    carat_field_diff *field;
    size_t n, cap;
    carat_arena paths;
} carat_header_diff;

/* Every member that differs, in the order of a, what only b has behind. Arrays are compared as wholes. */
carat_status carat_header_diff_open(const carat_json *a, const carat_json *b, carat_header_diff *out,
                                    carat_err *err);
void carat_header_diff_close(carat_header_diff *d);
/* A value as one line of JSON; "absent" for NULL. */
void carat_json_line(const carat_json *node, carat_str *out);

#endif
