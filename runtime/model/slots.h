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
    CARAT_ROLE_NORM_POST_FFN_1,
    CARAT_ROLE_NORM_POST_FFN_2,
    CARAT_ROLE_NORM_PRE_FFN_2,
    CARAT_ROLE_VISION, /* from here on: carried, not run yet */
    CARAT_ROLE_AUDIO,
    CARAT_ROLE_EMBED_VISION,
    CARAT_ROLE_EMBED_AUDIO,
    CARAT_ROLE_DRAFTER,
    CARAT_ROLE_COUNT
} carat_role;

/* The least precision a quantization policy may give a tensor by default; --set can ask for more, never silently less. */
typedef enum carat_policy {
    CARAT_POLICY_KEEP,      /* norms, scalars, routers, towers, PLE projections: stay as they are */
    CARAT_POLICY_LINEAR,    /* matrices of the blocks: what --scheme says */
    CARAT_POLICY_EMBEDDING, /* token table (and tied head): --embeddings */
    CARAT_POLICY_PLE        /* per-layer embedding table: --ple */
} carat_policy;

/* name: behind the text prefix, "%u" is the layer: "layers.%u.self_attn.q_proj"; without ".weight". "vision_tower.*" stands for all
 * names that begin so. shape: symbols as the docs print them: "[heads*head_dim, hidden]"; "" where it is not checked. */
typedef struct carat_slot {
    carat_role role;
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
 * Ignorable: may be on disk, nobody reads it (k_proj of KV-shared layers). */
typedef enum carat_need {
    CARAT_NEED_ABSENT,
    CARAT_NEED_REQUIRED,
    CARAT_NEED_OPTIONAL,
    CARAT_NEED_IGNORED
} carat_need;
carat_need carat_slot_need(const carat_slot *s, const carat_config *c, uint32_t layer);
bool carat_slot_layered(const carat_slot *s);
/* Shape in this model: returns ndim, dims in dim[]; 0 where the slot says none. */
uint32_t carat_slot_shape(const carat_slot *s, const carat_config *c, uint32_t layer, uint64_t dim[4]);
/* Full name of a slot in this model: prefix + name (+ suffix unless bare). */
void carat_slot_name(const carat_slot *s, const carat_config *c, uint32_t layer, bool bare, char out[160]);

/* Which slot a tensor of a checkpoint fills. Every spelling of the prefix is known, and the parts of packed matrices
 * (.weight_packed, .weight_scale, .weight_shape) belong to their matrix. */
typedef struct carat_match {
    const carat_slot *slot; /* NULL: unknown name */
    uint32_t layer;
    char base[160];   /* the module: the name without its part */
    const char *part; /* ".weight", ".weight_packed", ".weight_scale", ".weight_shape" or "" */
} carat_match;
bool carat_slot_match(const carat_config *c, const char *tensor, carat_match *out);

/* Sets c->text_prefix to the spelling that this checkpoint uses (released, text-only or older). To be called once a store is open, before
 * carat_slot_name. */
void carat_slots_adopt(carat_config *c, const carat_store *s);
const char *carat_role_name(carat_role role);  /* "q", "ple table", ... */
const char *carat_policy_name(carat_policy p); /* "keep", "linear", "embedding", "ple" */

/* Checks a store against the table: a missing required tensor, an unknown name or a wrong shape is an error that names it (the first, and how
 * many more). Packed matrices are checked by carat_weight_find. Unknown tensors outside the known prefixes are errors too unless
 * `lenient`. */
carat_status carat_slots_check(const carat_config *c, const carat_store *s, bool lenient, carat_err *err);

#endif
