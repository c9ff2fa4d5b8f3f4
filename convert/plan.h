/* Plans: what becomes of every tensor, decided before a byte is written.           SPDX-License-Identifier: Apache-2.0
 *
 * A plan is a pure function of the checkpoint's names, shapes and config and of what was asked for. Rows stand in the
 * source's file order; each owns its output tensors (parts). Nobody downstream decides anything any more. */
#ifndef CARAT_CONVERT_PLAN_H
#define CARAT_CONVERT_PLAN_H

#include "quantize/encode.h"
#include "quantize/recipe.h"
#include "runtime/base/mem.h"

typedef enum carat_action {
    CARAT_ACTION_COPY,   /* bytes as they are */
    CARAT_ACTION_CAST,   /* float -> float, element by element */
    CARAT_ACTION_DECODE, /* packed -> float, row by row */
    CARAT_ACTION_CODE    /* float -> packed, row by row */
} carat_action;

typedef struct carat_part {
    carat_tensor t; /* name, dtype, dims, bytes of the output */
    uint32_t shard;
    uint64_t at; /* offset in that file */
} carat_part;

typedef struct carat_row {
    const char *name;       /* of the source tensor; of a packed source, its codes */
    const char *module;     /* name without .weight and the like */
    const char *role;       /* "q_proj"; "other" for a name that no slot knows */
    const carat_slot *slot; /* NULL: no slot knows it */
    uint32_t layer;
    const carat_tensor *src; /* of a packed source, its codes; of one expert in a fused source, the stack */
    carat_weight w;          /* the source as a matrix; format NULL: not one (COPY only) */
    carat_scheme wanted, got;
    int rule;        /* the --set that asked, or -1 */
    bool strict;     /* asked for by name: that or an error */
    const char *why; /* of got, where it is not simply what was wanted; may be NULL */
    carat_action action;
    carat_dtype dtype;      /* CAST, DECODE: of the output */
    uint64_t before, after; /* bytes */
    uint32_t part, n_parts; /* codes, scales, shape; or one tensor; 0: writes into the part of another row */
    uint64_t at;            /* DECODE: byte of the part where its output begins */
    carat_loss loss;        /* filled in by the run, CODE only */
} carat_row;

typedef struct carat_plan_table {
    carat_arena arena; /* every name */
    carat_row *rows;
    carat_part *parts;
    size_t n_rows, cap_rows, n_parts, cap_parts;
    uint64_t before, after;
} carat_plan_table;

/* Quantizing: policy of the slots, the recipe, group sizes that fit, one scheme for what vLLM fuses. A name asked for by
 * --set that cannot be had is an error that names it. */
carat_status carat_plan_quantize(const carat_config *c, const carat_store *s, const carat_recipe *r,
                                 carat_plan_table *out, carat_err *err);
/* Converting: with a dtype every float tensor is cast, every packed matrix decoded, and experts that lie one by one are fused into
 * the stacks that transformers reads; without (NULL), all is copied. */
carat_status carat_plan_convert(const carat_config *c, const carat_store *s, const carat_dtype *dtype,
                                carat_plan_table *out, carat_err *err);
void carat_plan_free(carat_plan_table *p);

/* Building blocks of the two. A name in the plan's arena: */
const char *carat_plan_text(carat_plan_table *p, const char *text, carat_err *err);
carat_row *carat_plan_row(carat_plan_table *p, const carat_tensor *t, const char *module, carat_err *err);
/* Fixes action, output tensors and sizes from row->got (and row->dtype for CAST and DECODE). */
carat_status carat_plan_parts(carat_plan_table *p, carat_row *row, carat_err *err);
/* One output tensor; name NULL: that of the source tensor. */
carat_status carat_plan_add(carat_plan_table *p, carat_row *row, const char *name, carat_tensor shape,
                            carat_err *err);
/* Last: no output name twice. */
carat_status carat_plan_check(const carat_plan_table *p, carat_err *err);

#endif
