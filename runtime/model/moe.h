/* A mixture of experts: what a session needs for it, and the branch itself.        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_MODEL_MOE_H
#define CARAT_MODEL_MOE_H

#include "runtime/base/mem.h"
#include "runtime/kernel/matmul.h"
#include "runtime/model/model.h"

/* The tokens that chose one expert: entries [first, first + n). */
typedef struct carat_group {
    uint32_t expert, first, n;
    carat_act in, mid; /* inputs of gate and up, of down: those of its entries */
} carat_group;

/* An entry is one choice of one row: B * top of them at most, sorted by expert, those of an expert by row. */
typedef struct carat_moe_work {
    /* [B][experts]: logits, then what each expert's output is weighted with, 0 where not chosen */
    float *router;
    uint32_t *choice; /* [B][top]: the experts of a row, ascending */
    uint32_t *entry;  /* [B][top]: where they stand */
    uint32_t *row;    /* [entry]: the row that it came from */
    float *x;         /* [entry][hidden]: inputs, then outputs */
    float *gate, *up; /* [entry][expert_intermediate] */
    void *in, *mid;   /* quantized inputs of gate and up, of down */
    carat_act act_in, act_mid;
    carat_group *group; /* [groups]: experts that some row chose */
    uint32_t groups;
    uint32_t *count;        /* [experts + 1] */
    carat_product *product; /* [3 * groups]: gate and up of each group, then the downs */
} carat_moe_work;

/* Lays out the buffers for passes of `rows` rows; nothing for a dense model. */
void carat_moe_carve(carat_moe_work *e, const carat_model *m, bool integer, size_t rows, carat_carver *v);

/* Binds the experts of a layer: fused as transformers stores them, or matrices of their own. The experts of a layer must be
 * stored alike. [experts], in the model's arena. */
carat_status carat_experts_bind(carat_model *m, uint32_t layer, carat_expert **out, carat_err *err);

/* The experts of the top largest of p[0..n), in ascending order: the larger probability goes first, equal ones by the lower index
 * (torch.topk leaves open which of equal ones it takes). NaN counts as smallest. Always `top` different ones, top <= n. */
void carat_moe_choose(const float *p, uint32_t n, uint32_t top, uint32_t *choice);

#endif
