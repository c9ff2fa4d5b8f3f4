/* A reference file of scripts/hf-reference, checked: ids, logits, taps.             SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_REFERENCE_H
#define CARAT_TOOL_REFERENCE_H

#include "runtime/base/file.h"
#include "runtime/tensor/safetensors.h"
#include "runtime/tool/forward.h"

typedef struct carat_reference {
    carat_map map;
    carat_arena arena;
    carat_st_file file;
    carat_ids ids;
    const carat_tensor *logits;      /* f32 run, [n, vocab] */
    const carat_tensor *logits_bf16; /* bfloat16 run, or NULL */
    carat_ids taken;                 /* what a drafter took, step by step; none: no drafter in this file */
    const carat_tensor *draft_logits, *draft_logits_bf16, *draft_hidden; /* [taken.n, vocab or hidden] */
} carat_reference;                                                       /* zero-initialise */

/* The file is untrusted: every shape is checked against n = the number of ids and the model's sizes. */
carat_status carat_reference_open(const char *path, const carat_model_info *info, carat_reference *out,
                                  carat_err *err);
void carat_reference_close(carat_reference *r);

/* The tap `name` ("block.3"; with bf16 "block.3_bf16"), [n, hidden], of a router [n, experts], or NULL. Shape and values were checked at open. */
const carat_tensor *carat_reference_tap(const carat_reference *r, const char *name, bool bf16);
/* The largest magnitude of rows [0, n) of a tensor. */
double carat_reference_largest(const carat_tensor *t);

#endif
