/* A model in memory: config, store, and every weight bound to its place.           SPDX-License-Identifier: Apache-2.0
 *
 * Matrices stay where they lie in the mapped files; only norms and scalars (a few kB a layer) are copied, to f32. */
#ifndef CARAT_MODEL_MODEL_H
#define CARAT_MODEL_MODEL_H

#include "runtime/base/mem.h"
#include "runtime/format/format.h"
#include "runtime/model/config.h"
#include "runtime/model/slots.h"

typedef struct carat_expert {
    carat_weight gate, up, down;
} carat_expert;

/* What a layer of a mixture of experts has besides. */
typedef struct carat_moe {
    carat_weight router;       /* [experts, hidden] */
    const float *router_scale; /* [hidden] */
    const float *expert_scale; /* [experts] */
    const float *norm_pre, *norm_dense,
        *norm_post;       /* before the experts, behind the dense branch, behind the experts */
    carat_expert *expert; /* [experts]; NULL: a dense layer */
} carat_moe;

/* One decoder layer. Absent matrices have format == NULL. */
typedef struct carat_block {
    carat_weight q, k, v, o;
    carat_weight gate, up, down;
    carat_weight ple_gate, ple_out;
    carat_moe moe;
    const float *norm_in, *norm_post_attn, *norm_pre_ffn, *norm_post_ffn; /* [hidden] */
    const float *q_norm, *k_norm;                                         /* [head_dim] */
    const float *ple_norm;                                                /* [hidden] */
    float scalar;
} carat_block;

/* What a drafter has beside a text model; formats are NULL and pointers too where there is none. */
typedef struct carat_draft_parts {
    carat_weight pre;  /* [hidden, 2 * backbone]: the target's scaled embedding, then its hidden state -> h */
    carat_weight post; /* [backbone, hidden]: normed h -> the hidden state of the next step */
    carat_weight centroids;  /* [centroids, hidden] */
    const int32_t *ordering; /* [vocab]: the ids of cluster c are [c * vocab / centroids, ...) */
} carat_draft_parts;

struct carat_model {
    carat_config config;
    carat_store *store;
    carat_arena arena; /* norms, blocks */
    carat_weight embed, head;
    carat_weight ple_table, ple_projection;
    const float *norm, *ple_projection_norm;
    carat_block *block; /* [layers] */
    float *inv_freq[2]; /* RoPE, [dim / 2]: sliding, full */
    carat_draft_parts draft;
    carat_model_info info;
    uint64_t mapped; /* bytes of weights that decoding reads sooner or later: those of every expert */
    char scheme[16];
};

/* Calls fn for every matrix that decoding one token multiplies with; of the experts for as many as a token chooses. */
typedef void carat_matrix_fn(void *ctx, const carat_weight *w, int layer); /* layer -1: outside the blocks */
void carat_model_matrices(const carat_model *m, carat_matrix_fn *fn, void *ctx);

#endif
