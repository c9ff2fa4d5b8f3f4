/* The tensors of the family: the table.                                            SPDX-License-Identifier: Apache-2.0
 *
 * One row a tensor (a clip bound: one row for the four of a matrix). Names and shapes are those of the released files, which
 * transformers' classes Gemma4ForConditionalGeneration, Gemma4ForCausalLM, Gemma4UnifiedForConditionalGeneration and
 * Gemma4AssistantForCausalLM read; the shape column is evaluated, so what the docs print is what is checked. */
#include "runtime/model/slots.h"

static const char why_table[] = "token table or head: every token passes through it";
static const char why_rows[] = "per-layer embeddings: one row a token is read";
static const char why_scalar[] = "one number that scales the whole stream";
static const char why_norm[] = "a vector: nothing to gain";
static const char why_block[] = "matrix of a block";
static const char why_ple[] = "small, and every layer's per-layer input passes through it";
static const char why_router[] = "decides which experts run";
static const char why_experts[] = "experts: one scheme for all of a layer";
static const char why_tower[] = "not part of the text model";
static const char why_clip[] = "a bound that activations are clipped to";
static const char why_draft[] = "joins the drafter to its target";
static const char why_order[] = "token ids, not weights";

#define TEXT      CARAT_HOME_TEXT
#define HEAD      CARAT_HOME_HEAD
#define MEDIA     CARAT_HOME_MEDIA
#define DRAFTER   CARAT_HOME_DRAFTER
#define KEEP      CARAT_POLICY_KEEP
#define LINEAR    CARAT_POLICY_LINEAR
#define EMBEDDING CARAT_POLICY_EMBEDDING
#define PLE       CARAT_POLICY_PLE
#define EXPERTS   CARAT_POLICY_EXPERTS

/* clang-format off */
static const carat_slot slots[] = {
    {CARAT_ROLE_EMBED,                 "embed",                 TEXT,    "embed_tokens",                                              ".weight", "[vocab, hidden]",                          EMBEDDING, true,  why_table},
    {CARAT_ROLE_HEAD,                  "head",                  HEAD,    "lm_head",                                                   ".weight", "[vocab, hidden]",                          EMBEDDING, true,  why_table},
    {CARAT_ROLE_NORM,                  "norm",                  TEXT,    "norm",                                                      ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_PLE_TABLE,             "ple-table",             TEXT,    "embed_tokens_per_layer",                                    ".weight", "[ple_vocab, layers*ple_dim]",              PLE,       true,  why_rows},
    {CARAT_ROLE_PLE_PROJECTION,        "ple-projection",        TEXT,    "per_layer_model_projection",                                ".weight", "[layers*ple_dim, hidden]",                 KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_PROJECTION_NORM,   "ple-projection-norm",   TEXT,    "per_layer_projection_norm",                                 ".weight", "[ple_dim]",                                KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_IN,               "norm-in",               TEXT,    "layers.%u.input_layernorm",                                 ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_ATTN,        "norm-post-attn",        TEXT,    "layers.%u.post_attention_layernorm",                        ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_PRE_FFN,          "norm-pre-ffn",          TEXT,    "layers.%u.pre_feedforward_layernorm",                       ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_FFN,         "norm-post-ffn",         TEXT,    "layers.%u.post_feedforward_layernorm",                      ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_Q,                     "q",                     TEXT,    "layers.%u.self_attn.q_proj",                                ".weight", "[heads*head_dim, hidden]",                 LINEAR,    true,  why_block},
    {CARAT_ROLE_K,                     "k",                     TEXT,    "layers.%u.self_attn.k_proj",                                ".weight", "[kv_heads*head_dim, hidden]",              LINEAR,    true,  why_block},
    {CARAT_ROLE_V,                     "v",                     TEXT,    "layers.%u.self_attn.v_proj",                                ".weight", "[kv_heads*head_dim, hidden]",              LINEAR,    true,  why_block},
    {CARAT_ROLE_O,                     "o",                     TEXT,    "layers.%u.self_attn.o_proj",                                ".weight", "[hidden, heads*head_dim]",                 LINEAR,    true,  why_block},
    {CARAT_ROLE_Q_NORM,                "q-norm",                TEXT,    "layers.%u.self_attn.q_norm",                                ".weight", "[head_dim]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_K_NORM,                "k-norm",                TEXT,    "layers.%u.self_attn.k_norm",                                ".weight", "[head_dim]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_GATE,                  "gate",                  TEXT,    "layers.%u.mlp.gate_proj",                                   ".weight", "[intermediate, hidden]",                   LINEAR,    true,  why_block},
    {CARAT_ROLE_UP,                    "up",                    TEXT,    "layers.%u.mlp.up_proj",                                     ".weight", "[intermediate, hidden]",                   LINEAR,    true,  why_block},
    {CARAT_ROLE_DOWN,                  "down",                  TEXT,    "layers.%u.mlp.down_proj",                                   ".weight", "[hidden, intermediate]",                   LINEAR,    true,  why_block},
    {CARAT_ROLE_LAYER_SCALAR,          "layer-scalar",          TEXT,    "layers.%u.layer_scalar",                                    "",        "[1]",                                      KEEP,      false, why_scalar},
    {CARAT_ROLE_PLE_GATE,              "ple-gate",              TEXT,    "layers.%u.per_layer_input_gate",                            ".weight", "[ple_dim, hidden]",                        KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_OUT,               "ple-out",               TEXT,    "layers.%u.per_layer_projection",                            ".weight", "[hidden, ple_dim]",                        KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_NORM,              "ple-norm",              TEXT,    "layers.%u.post_per_layer_input_norm",                       ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_ROUTER,                "router",                TEXT,    "layers.%u.router.proj",                                     ".weight", "[experts, hidden]",                        KEEP,      true,  why_router},
    {CARAT_ROLE_ROUTER_SCALE,          "router-scale",          TEXT,    "layers.%u.router.scale",                                    "",        "[hidden]",                                 KEEP,      false, why_router},
    {CARAT_ROLE_EXPERT_SCALE,          "expert-scale",          TEXT,    "layers.%u.router.per_expert_scale",                         "",        "[experts]",                                KEEP,      false, why_router},
    {CARAT_ROLE_EXPERTS_GATE_UP,       "experts-gate-up",       TEXT,    "layers.%u.experts.gate_up_proj",                            "",        "[experts, 2*expert_intermediate, hidden]", EXPERTS,   false, why_experts},
    {CARAT_ROLE_EXPERTS_DOWN,          "experts-down",          TEXT,    "layers.%u.experts.down_proj",                               "",        "[experts, hidden, expert_intermediate]",   EXPERTS,   false, why_experts},
    {CARAT_ROLE_EXPERT_GATE,           "expert-gate",           TEXT,    "layers.%u.experts.%u.gate_proj",                            ".weight", "[expert_intermediate, hidden]",            EXPERTS,   true,  why_experts},
    {CARAT_ROLE_EXPERT_UP,             "expert-up",             TEXT,    "layers.%u.experts.%u.up_proj",                              ".weight", "[expert_intermediate, hidden]",            EXPERTS,   true,  why_experts},
    {CARAT_ROLE_EXPERT_DOWN,           "expert-down",           TEXT,    "layers.%u.experts.%u.down_proj",                            ".weight", "[hidden, expert_intermediate]",            EXPERTS,   true,  why_experts},
    {CARAT_ROLE_NORM_POST_FFN_1,       "norm-post-ffn-1",       TEXT,    "layers.%u.post_feedforward_layernorm_1",                    ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_FFN_2,       "norm-post-ffn-2",       TEXT,    "layers.%u.post_feedforward_layernorm_2",                    ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_PRE_FFN_2,        "norm-pre-ffn-2",        TEXT,    "layers.%u.pre_feedforward_layernorm_2",                     ".weight", "[hidden]",                                 KEEP,      false, why_norm},
    {CARAT_ROLE_DRAFT_IN,              "draft-in",              DRAFTER, "pre_projection",                                            ".weight", "[hidden, 2*backbone]",                     KEEP,      true,  why_draft},
    {CARAT_ROLE_DRAFT_OUT,             "draft-out",             DRAFTER, "post_projection",                                           ".weight", "[backbone, hidden]",                       KEEP,      true,  why_draft},
    {CARAT_ROLE_CENTROIDS,             "centroids",             DRAFTER, "masked_embedding.centroids",                                ".weight", "[centroids, hidden]",                      KEEP,      true,  why_draft},
    {CARAT_ROLE_TOKEN_ORDER,           "token-order",           DRAFTER, "masked_embedding.token_ordering",                           "",        "[vocab]",                                  KEEP,      false, why_order},
    {CARAT_ROLE_VISION_PATCH,          "vision-patch",          MEDIA,   "vision_tower.patch_embedder.input_proj",                    ".weight", "[v_hidden, v_pixels]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_POSITIONS,      "vision-positions",      MEDIA,   "vision_tower.patch_embedder.position_embedding_table",      "",        "[2, v_positions, v_hidden]",               KEEP,      false, why_tower},
    {CARAT_ROLE_VISION_STD_BIAS,       "vision-std-bias",       MEDIA,   "vision_tower.std_bias",                                     "",        "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_STD_SCALE,      "vision-std-scale",      MEDIA,   "vision_tower.std_scale",                                    "",        "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_NORM_IN,        "vision-norm-in",        MEDIA,   "vision_tower.encoder.layers.%u.input_layernorm",            ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_NORM_POST_ATTN, "vision-norm-post-attn", MEDIA,   "vision_tower.encoder.layers.%u.post_attention_layernorm",   ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_NORM_PRE_FFN,   "vision-norm-pre-ffn",   MEDIA,   "vision_tower.encoder.layers.%u.pre_feedforward_layernorm",  ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_NORM_POST_FFN,  "vision-norm-post-ffn",  MEDIA,   "vision_tower.encoder.layers.%u.post_feedforward_layernorm", ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_Q,              "vision-q",              MEDIA,   "vision_tower.encoder.layers.%u.self_attn.q_proj.linear",    ".weight", "[v_heads*v_head_dim, v_hidden]",           KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.self_attn.q_proj.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_K,              "vision-k",              MEDIA,   "vision_tower.encoder.layers.%u.self_attn.k_proj.linear",    ".weight", "[v_kv_heads*v_head_dim, v_hidden]",        KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.self_attn.k_proj.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_V,              "vision-v",              MEDIA,   "vision_tower.encoder.layers.%u.self_attn.v_proj.linear",    ".weight", "[v_kv_heads*v_head_dim, v_hidden]",        KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.self_attn.v_proj.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_O,              "vision-o",              MEDIA,   "vision_tower.encoder.layers.%u.self_attn.o_proj.linear",    ".weight", "[v_hidden, v_heads*v_head_dim]",           KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.self_attn.o_proj.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_GATE,           "vision-gate",           MEDIA,   "vision_tower.encoder.layers.%u.mlp.gate_proj.linear",       ".weight", "[v_inner, v_hidden]",                      KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.mlp.gate_proj.%s",           "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_UP,             "vision-up",             MEDIA,   "vision_tower.encoder.layers.%u.mlp.up_proj.linear",         ".weight", "[v_inner, v_hidden]",                      KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.mlp.up_proj.%s",             "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_DOWN,           "vision-down",           MEDIA,   "vision_tower.encoder.layers.%u.mlp.down_proj.linear",       ".weight", "[v_hidden, v_inner]",                      KEEP,      true,  why_tower},
    {CARAT_ROLE_VISION_CLIP,           "vision-clip",           MEDIA,   "vision_tower.encoder.layers.%u.mlp.down_proj.%s",           "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_VISION_Q_NORM,         "vision-q-norm",         MEDIA,   "vision_tower.encoder.layers.%u.self_attn.q_norm",           ".weight", "[v_head_dim]",                             KEEP,      false, why_norm},
    {CARAT_ROLE_VISION_K_NORM,         "vision-k-norm",         MEDIA,   "vision_tower.encoder.layers.%u.self_attn.k_norm",           ".weight", "[v_head_dim]",                             KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_CONV_0,          "audio-conv-0",          MEDIA,   "audio_tower.subsample_conv_projection.layer0.conv",         ".weight", "[a_conv0, 1, 3, 3]",                       KEEP,      false, why_tower},
    {CARAT_ROLE_AUDIO_CONV_0_NORM,     "audio-conv-0-norm",     MEDIA,   "audio_tower.subsample_conv_projection.layer0.norm",         ".weight", "[a_conv0]",                                KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_CONV_1,          "audio-conv-1",          MEDIA,   "audio_tower.subsample_conv_projection.layer1.conv",         ".weight", "[a_conv1, a_conv0, 3, 3]",                 KEEP,      false, why_tower},
    {CARAT_ROLE_AUDIO_CONV_1_NORM,     "audio-conv-1-norm",     MEDIA,   "audio_tower.subsample_conv_projection.layer1.norm",         ".weight", "[a_conv1]",                                KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_IN,              "audio-in",              MEDIA,   "audio_tower.subsample_conv_projection.input_proj_linear",   ".weight", "[a_hidden, 32*a_conv1]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_FFN_1_NORM_PRE,  "audio-ffn-1-norm-pre",  MEDIA,   "audio_tower.layers.%u.feed_forward1.pre_layer_norm",        ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_FFN_1_UP,        "audio-ffn-1-up",        MEDIA,   "audio_tower.layers.%u.feed_forward1.ffw_layer_1.linear",    ".weight", "[4*a_hidden, a_hidden]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.feed_forward1.ffw_layer_1.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_FFN_1_DOWN,      "audio-ffn-1-down",      MEDIA,   "audio_tower.layers.%u.feed_forward1.ffw_layer_2.linear",    ".weight", "[a_hidden, 4*a_hidden]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.feed_forward1.ffw_layer_2.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_FFN_1_NORM_POST, "audio-ffn-1-norm-post", MEDIA,   "audio_tower.layers.%u.feed_forward1.post_layer_norm",       ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_FFN_2_NORM_PRE,  "audio-ffn-2-norm-pre",  MEDIA,   "audio_tower.layers.%u.feed_forward2.pre_layer_norm",        ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_FFN_2_UP,        "audio-ffn-2-up",        MEDIA,   "audio_tower.layers.%u.feed_forward2.ffw_layer_1.linear",    ".weight", "[4*a_hidden, a_hidden]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.feed_forward2.ffw_layer_1.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_FFN_2_DOWN,      "audio-ffn-2-down",      MEDIA,   "audio_tower.layers.%u.feed_forward2.ffw_layer_2.linear",    ".weight", "[a_hidden, 4*a_hidden]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.feed_forward2.ffw_layer_2.%s",        "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_FFN_2_NORM_POST, "audio-ffn-2-norm-post", MEDIA,   "audio_tower.layers.%u.feed_forward2.post_layer_norm",       ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_NORM_PRE_ATTN,   "audio-norm-pre-attn",   MEDIA,   "audio_tower.layers.%u.norm_pre_attn",                       ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_Q,               "audio-q",               MEDIA,   "audio_tower.layers.%u.self_attn.q_proj.linear",             ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.self_attn.q_proj.%s",                 "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_K,               "audio-k",               MEDIA,   "audio_tower.layers.%u.self_attn.k_proj.linear",             ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.self_attn.k_proj.%s",                 "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_V,               "audio-v",               MEDIA,   "audio_tower.layers.%u.self_attn.v_proj.linear",             ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.self_attn.v_proj.%s",                 "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_O,               "audio-o",               MEDIA,   "audio_tower.layers.%u.self_attn.post.linear",               ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.self_attn.post.%s",                   "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_RELATIVE_K,      "audio-relative-k",      MEDIA,   "audio_tower.layers.%u.self_attn.relative_k_proj",           ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_DIM_SCALE,       "audio-dim-scale",       MEDIA,   "audio_tower.layers.%u.self_attn.per_dim_scale",             "",        "[a_head_dim]",                             KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_NORM_POST_ATTN,  "audio-norm-post-attn",  MEDIA,   "audio_tower.layers.%u.norm_post_attn",                      ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_CONV_NORM_PRE,   "audio-conv-norm-pre",   MEDIA,   "audio_tower.layers.%u.lconv1d.pre_layer_norm",              ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_CONV_START,      "audio-conv-start",      MEDIA,   "audio_tower.layers.%u.lconv1d.linear_start.linear",         ".weight", "[2*a_hidden, a_hidden]",                   KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.lconv1d.linear_start.%s",             "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_CONV_DEPTH,      "audio-conv-depth",      MEDIA,   "audio_tower.layers.%u.lconv1d.depthwise_conv1d",            ".weight", "[a_hidden, 1, a_kernel]",                  KEEP,      false, why_tower},
    {CARAT_ROLE_AUDIO_CONV_NORM,       "audio-conv-norm",       MEDIA,   "audio_tower.layers.%u.lconv1d.conv_norm",                   ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_CONV_END,        "audio-conv-end",        MEDIA,   "audio_tower.layers.%u.lconv1d.linear_end.linear",           ".weight", "[a_hidden, a_hidden]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_CLIP,            "audio-clip",            MEDIA,   "audio_tower.layers.%u.lconv1d.linear_end.%s",               "",        "[]",                                       KEEP,      false, why_clip},
    {CARAT_ROLE_AUDIO_NORM_OUT,        "audio-norm-out",        MEDIA,   "audio_tower.layers.%u.norm_out",                            ".weight", "[a_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_AUDIO_OUT,             "audio-out",             MEDIA,   "audio_tower.output_proj",                                   ".weight", "[a_out, a_hidden]",                        KEEP,      true,  why_tower},
    {CARAT_ROLE_AUDIO_OUT_BIAS,        "audio-out-bias",        MEDIA,   "audio_tower.output_proj.bias",                              "",        "[a_out]",                                  KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_NORM_1,          "patch-norm-1",          MEDIA,   "vision_embedder.patch_ln1",                                 ".weight", "[v_pixels]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_NORM_1_BIAS,     "patch-norm-1-bias",     MEDIA,   "vision_embedder.patch_ln1.bias",                            "",        "[v_pixels]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_DENSE,           "patch-dense",           MEDIA,   "vision_embedder.patch_dense",                               ".weight", "[v_hidden, v_pixels]",                     KEEP,      true,  why_tower},
    {CARAT_ROLE_PATCH_DENSE_BIAS,      "patch-dense-bias",      MEDIA,   "vision_embedder.patch_dense.bias",                          "",        "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_NORM_2,          "patch-norm-2",          MEDIA,   "vision_embedder.patch_ln2",                                 ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_NORM_2_BIAS,     "patch-norm-2-bias",     MEDIA,   "vision_embedder.patch_ln2.bias",                            "",        "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_POSITIONS,       "patch-positions",       MEDIA,   "vision_embedder.pos_embedding",                             "",        "[v_positions, 2, v_hidden]",               KEEP,      false, why_tower},
    {CARAT_ROLE_PATCH_POSITIONS_NORM,  "patch-positions-norm",  MEDIA,   "vision_embedder.pos_norm",                                  ".weight", "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_PATCH_POSITIONS_BIAS,  "patch-positions-bias",  MEDIA,   "vision_embedder.pos_norm.bias",                             "",        "[v_hidden]",                               KEEP,      false, why_norm},
    {CARAT_ROLE_EMBED_VISION,          "embed-vision",          MEDIA,   "embed_vision.embedding_projection",                         ".weight", "[hidden, v_out]",                          KEEP,      true,  why_tower},
    {CARAT_ROLE_EMBED_AUDIO,           "embed-audio",           MEDIA,   "embed_audio.embedding_projection",                          ".weight", "[hidden, a_out]",                          KEEP,      true,  why_tower},
};
/* clang-format on */

const carat_slot *carat_slot_at(size_t i)
{
    return i < sizeof slots / sizeof *slots ? &slots[i] : NULL;
}
