/* The tensors of the family as data: the one place that knows their names.         SPDX-License-Identifier: Apache-2.0
 *
 * The binder, inspect, convert and quantize walk these rows. To add a tensor: one row in slots.c. */
#ifndef CARAT_MODEL_SLOTS_H
#define CARAT_MODEL_SLOTS_H

#include "runtime/model/config.h"
#include "runtime/tensor/store.h"

typedef enum carat_role {
    CARAT_ROLE_EMBED,
    CARAT_ROLE_HEAD,
    CARAT_ROLE_NORM,
    CARAT_ROLE_PLE_TABLE,
    CARAT_ROLE_PLE_PROJECTION,
    CARAT_ROLE_PLE_PROJECTION_NORM,
    CARAT_ROLE_NORM_IN,
    CARAT_ROLE_NORM_POST_ATTN,
    CARAT_ROLE_NORM_PRE_FFN,
    CARAT_ROLE_NORM_POST_FFN,
    CARAT_ROLE_Q,
    CARAT_ROLE_K,
    CARAT_ROLE_V,
    CARAT_ROLE_O,
    CARAT_ROLE_Q_NORM,
    CARAT_ROLE_K_NORM,
    CARAT_ROLE_GATE,
    CARAT_ROLE_UP,
    CARAT_ROLE_DOWN,
    CARAT_ROLE_LAYER_SCALAR,
    CARAT_ROLE_PLE_GATE,
    CARAT_ROLE_PLE_OUT,
    CARAT_ROLE_PLE_NORM,
    CARAT_ROLE_ROUTER,
    CARAT_ROLE_ROUTER_SCALE,
    CARAT_ROLE_EXPERT_SCALE,
    CARAT_ROLE_EXPERTS_GATE_UP,
    CARAT_ROLE_EXPERTS_DOWN,
    CARAT_ROLE_EXPERT_GATE,
    CARAT_ROLE_EXPERT_UP,
    CARAT_ROLE_EXPERT_DOWN,
    CARAT_ROLE_NORM_POST_FFN_1,
    CARAT_ROLE_NORM_POST_FFN_2,
    CARAT_ROLE_NORM_PRE_FFN_2,
    CARAT_ROLE_DRAFT_IN,
    CARAT_ROLE_DRAFT_OUT,
    CARAT_ROLE_CENTROIDS,
    CARAT_ROLE_TOKEN_ORDER,
    CARAT_ROLE_VISION_PATCH,
    CARAT_ROLE_VISION_POSITIONS,
    CARAT_ROLE_VISION_STD_BIAS,
    CARAT_ROLE_VISION_STD_SCALE,
    CARAT_ROLE_VISION_NORM_IN,
    CARAT_ROLE_VISION_NORM_POST_ATTN,
    CARAT_ROLE_VISION_NORM_PRE_FFN,
    CARAT_ROLE_VISION_NORM_POST_FFN,
    CARAT_ROLE_VISION_Q,
    CARAT_ROLE_VISION_CLIP,
    CARAT_ROLE_VISION_K,
    CARAT_ROLE_VISION_V,
    CARAT_ROLE_VISION_O,
    CARAT_ROLE_VISION_GATE,
    CARAT_ROLE_VISION_UP,
    CARAT_ROLE_VISION_DOWN,
    CARAT_ROLE_VISION_Q_NORM,
    CARAT_ROLE_VISION_K_NORM,
    CARAT_ROLE_AUDIO_CONV_0,
    CARAT_ROLE_AUDIO_CONV_0_NORM,
    CARAT_ROLE_AUDIO_CONV_1,
    CARAT_ROLE_AUDIO_CONV_1_NORM,
    CARAT_ROLE_AUDIO_IN,
    CARAT_ROLE_AUDIO_FFN_1_NORM_PRE,
    CARAT_ROLE_AUDIO_FFN_1_UP,
    CARAT_ROLE_AUDIO_CLIP,
    CARAT_ROLE_AUDIO_FFN_1_DOWN,
    CARAT_ROLE_AUDIO_FFN_1_NORM_POST,
    CARAT_ROLE_AUDIO_FFN_2_NORM_PRE,
    CARAT_ROLE_AUDIO_FFN_2_UP,
    CARAT_ROLE_AUDIO_FFN_2_DOWN,
    CARAT_ROLE_AUDIO_FFN_2_NORM_POST,
    CARAT_ROLE_AUDIO_NORM_PRE_ATTN,
    CARAT_ROLE_AUDIO_Q,
    CARAT_ROLE_AUDIO_K,
    CARAT_ROLE_AUDIO_V,
    CARAT_ROLE_AUDIO_O,
    CARAT_ROLE_AUDIO_RELATIVE_K,
    CARAT_ROLE_AUDIO_DIM_SCALE,
    CARAT_ROLE_AUDIO_NORM_POST_ATTN,
    CARAT_ROLE_AUDIO_CONV_NORM_PRE,
    CARAT_ROLE_AUDIO_CONV_START,
    CARAT_ROLE_AUDIO_CONV_DEPTH,
    CARAT_ROLE_AUDIO_CONV_NORM,
    CARAT_ROLE_AUDIO_CONV_END,
    CARAT_ROLE_AUDIO_NORM_OUT,
    CARAT_ROLE_AUDIO_OUT,
    CARAT_ROLE_AUDIO_OUT_BIAS,
    CARAT_ROLE_PATCH_NORM_1,
    CARAT_ROLE_PATCH_NORM_1_BIAS,
    CARAT_ROLE_PATCH_DENSE,
    CARAT_ROLE_PATCH_DENSE_BIAS,
    CARAT_ROLE_PATCH_NORM_2,
    CARAT_ROLE_PATCH_NORM_2_BIAS,
    CARAT_ROLE_PATCH_POSITIONS,
    CARAT_ROLE_PATCH_POSITIONS_NORM,
    CARAT_ROLE_PATCH_POSITIONS_BIAS,
    CARAT_ROLE_EMBED_VISION,
    CARAT_ROLE_EMBED_AUDIO,
    CARAT_ROLE_COUNT
} carat_role;

/* The least precision a quantization policy may give a tensor by default; --set can ask for more, never silently less. */
typedef enum carat_policy {
    CARAT_POLICY_KEEP,      /* norms, scalars, routers, towers, PLE projections: stay as they are */
    CARAT_POLICY_LINEAR,    /* matrices of the blocks: what --scheme says */
    CARAT_POLICY_EMBEDDING, /* token table (and tied head): --embeddings */
    CARAT_POLICY_PLE,       /* per-layer embedding table: --ple */
    CARAT_POLICY_EXPERTS    /* matrices of the experts: --experts, or else --scheme */
} carat_policy;

/* What stands in front of a slot's name. */
typedef enum carat_home {
    CARAT_HOME_TEXT,   /* the text prefix of the checkpoint */
    CARAT_HOME_HEAD,   /* lm_head: nothing, or "language_model." in the older spelling */
    CARAT_HOME_MEDIA,  /* towers and their projections: "model.", or nothing in the older spelling */
    CARAT_HOME_DRAFTER /* nothing: what only assistants have */
} carat_home;

/* name: behind its prefix and without ".weight"; the first "%u" is the layer, a second one the expert, "%s" one of the four
 * bounds that a clipped matrix has (input_min, input_max, output_min, output_max). shape: symbols as the docs print them:
 * "[heads*head_dim, hidden]"; v_ and a_ are sizes of vision_config and audio_config, "[]" a scalar. */
typedef struct carat_slot {
    carat_role role;
    const char *title; /* of the role: "q", "ple-table", ... */
    carat_home home;
    const char *name;
    const char *suffix; /* ".weight" or "" */
    const char *shape;
    carat_policy policy;
    bool matrix;     /* may be stored packed */
    const char *why; /* reason of the policy, for reports */
} carat_slot;

const carat_slot *carat_slot_at(size_t i); /* NULL past the end */
const carat_slot *carat_slot_of(carat_role role);

/* Does this model have the slot in this layer (layer ignored for slots outside layers)? Required: the model cannot run without it.
 * Optional: of a tower; a checkpoint has all of that tower or nothing of it. Ignorable: may be on disk, nobody reads it (k_proj of
 * KV-shared layers, towers that the config does not have). Experts are required fused or apart, as carat_slots_adopt found
 * them. */
typedef enum carat_need {
    CARAT_NEED_ABSENT,
    CARAT_NEED_REQUIRED,
    CARAT_NEED_OPTIONAL,
    CARAT_NEED_IGNORED
} carat_need;
carat_need carat_slot_need(const carat_slot *s, const carat_config *c, uint32_t layer);
bool carat_slot_layered(const carat_slot *s);
/* How many layers such a slot counts through: those of the text model, of a tower (0 where there is none), or 1 outside layers.
 * In each there are carat_slot_each tensors: one, one an expert, or the four bounds. */
uint32_t carat_slot_layers(const carat_slot *s, const carat_config *c);
uint32_t carat_slot_each(const carat_slot *s, const carat_config *c);
/* Shape in this model: returns ndim, dims in dim[]. */
uint32_t carat_slot_shape(const carat_slot *s, const carat_config *c, uint32_t layer, uint64_t dim[4]);
/* Full name of a slot in this model: prefix + name (+ suffix unless bare). carat_slot_name is number 0 of carat_slot_each. */
void carat_slot_name(const carat_slot *s, const carat_config *c, uint32_t layer, bool bare, char out[160]);
void carat_slot_name_at(const carat_slot *s, const carat_config *c, const uint32_t at[2], bool bare,
                        char out[160]); /* at: layer, number */

/* Which slot a tensor of a checkpoint fills. Every spelling of the prefix is known, and the parts of packed matrices
 * (.weight_packed, .weight_scale, .weight_shape) belong to their matrix. */
typedef struct carat_match {
    const carat_slot *slot; /* NULL: unknown name */
    uint32_t layer;
    uint32_t number;  /* the expert, or which bound; else 0 */
    char base[160];   /* the module: the name without its part */
    const char *part; /* ".weight", ".weight_packed", ".weight_scale", ".weight_shape" or "" */
} carat_match;
bool carat_slot_match(const carat_config *c, const char *tensor, carat_match *out);

/* Learns from a store how this checkpoint spells and stores: c->text_prefix (released, text-only or older), c->class_names, and
 * layer[].experts_apart: experts lie one by one, in 2-D ("layers.N.experts.E.gate_proj", as packed ones must), not fused in 3-D.
 * To be called once a store is open, before carat_slot_name and carat_slot_need. */
void carat_slots_adopt(carat_config *c, const carat_store *s);
const char *carat_role_name(carat_role role);  /* "q", "ple table", ... */
const char *carat_policy_name(carat_policy p); /* "keep", "linear", "embedding", "ple" */

/* Checks a store against the table: a missing required tensor (of a tower: one that is missing while others of it are there), an
 * unknown name or a wrong shape is an error that names it (the first, and how many more). Packed matrices are checked by carat_weight_find. Unknown tensors outside the known prefixes are errors too unless
 * `lenient`. */
carat_status carat_slots_check(const carat_config *c, const carat_store *s, bool lenient, carat_err *err);

#endif
