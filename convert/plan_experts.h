/* Experts: one scheme for all of a layer.                                          SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints hold the experts of a layer as two stacks, gate_up_proj [E, 2I, H] and down_proj [E, H, I]. transformers reads
 * these and nothing else; vLLM reads packed experts only as matrices of their own (layers.N.experts.E.gate_proj ...) and looks one
 * scheme up for the whole layer. So a layer is decided as one: packed and taken apart, or left fused. */
#ifndef CARAT_CONVERT_PLAN_EXPERTS_H
#define CARAT_CONVERT_PLAN_EXPERTS_H

#include "convert/plan.h"

typedef struct carat_layer_experts {
    carat_scheme wanted, got;
    int rule; /* the --set that asked, or -1 */
    const char *why;
} carat_layer_experts;

/* Decides for each layer of a mixture of experts: out[layers]. A --set for one matrix carries all along; two that disagree, and a
 * group size that was asked for by name and does not divide a width, are errors. */
carat_status carat_plan_experts(const carat_config *c, const carat_recipe *r, carat_layer_experts *out,
                                carat_err *err);
/* Is this tensor one of experts, fused or apart? */
bool carat_is_experts(const carat_slot *slot);
/* The rows of a fused stack that is taken apart: one for each matrix of each expert, in the order of the stack. */
carat_status carat_plan_take_apart(carat_plan_table *p, const carat_config *c, const carat_tensor *stack,
                                   const carat_match *m, const carat_layer_experts *what, carat_err *err);

#endif
