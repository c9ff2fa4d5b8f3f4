/* config.json of Gemma 4 -> numbers, every one checked.                            SPDX-License-Identifier: Apache-2.0
 *
 * Reads the conditional-generation form (text_config inside) and the text-only form (Gemma4TextConfig at the top), the
 * released keys (global_head_dim, num_global_key_value_heads), and the per_layer_config that transformers 5.23 saves.
 * Source of defaults and derived values: transformers Gemma4TextConfig. Shape-defining keys must be there. */
#ifndef CARAT_MODEL_CONFIG_H
#define CARAT_MODEL_CONFIG_H

#include "runtime/base/err.h"
#include "runtime/base/json.h"

enum { CARAT_MAX_LAYERS = 256, CARAT_MAX_STOPS = 8 };

typedef enum carat_kind {
    CARAT_KIND_GEMMA4,
    CARAT_KIND_UNIFIED,
    CARAT_KIND_ASSISTANT,
    CARAT_KIND_UNIFIED_ASSISTANT
} carat_kind;

typedef struct carat_layer {
    bool full;          /* full_attention, else sliding_attention */
    bool shared;        /* owns no K/V: reads those of layer kv_source */
    uint32_t kv_source; /* itself when not shared */
    uint32_t head_dim, kv_heads;
    bool k_eq_v; /* no v_proj: V is the raw K */
    uint32_t intermediate;
    bool experts_apart; /* stored one by one in 2-D instead of fused in 3-D; see carat_slots_adopt */
} carat_layer;

/* Sizes of the encoders; of the 12B "Unified", which has none, those of its patch embedder and audio projection. */
typedef struct carat_vision_sizes {
    uint32_t hidden, intermediate, layers, heads, kv_heads, head_dim;
    uint32_t patch, pooling; /* patch x pooling: pixels a side that one row of the first matrix sees */
    uint32_t positions;
    uint32_t out; /* width of what embed_vision projects */
    bool clipped, standardize;
} carat_vision_sizes;

typedef struct carat_audio_sizes {
    uint32_t hidden, layers, heads, kernel, channels[2];
    uint32_t out; /* width of what embed_audio projects */
    bool clipped;
} carat_audio_sizes;

typedef struct carat_config {
    carat_kind kind;
    bool text_only; /* Gemma4ForCausalLM: names begin with "model." instead of "model.language_model." */
    char model_type[40], architecture[64];
    uint32_t vocab, hidden, layers, heads;
    uint32_t head_dim, global_head_dim, kv_heads, global_kv_heads;
    uint32_t intermediate;       /* of layers that are not double-wide */
    uint32_t ple_dim, ple_vocab; /* hidden_size_per_layer_input (0: none), vocab_size_per_layer_input */
    uint32_t shared_layers;      /* num_kv_shared_layers */
    uint32_t window;             /* keys visible in sliding layers, self included */
    uint32_t context_max;
    double eps, softcap;                            /* softcap 0: none */
    double theta_sliding, theta_full, partial_full; /* RoPE; partial_rotary_factor of full layers */
    bool tied;                                      /* tie_word_embeddings */
    bool bidirectional_vision;                      /* use_bidirectional_attention == "vision" */
    bool moe;
    uint32_t experts, experts_top, expert_intermediate;
    bool has_vision, has_audio;
    carat_vision_sizes vision;         /* zeros without has_vision */
    carat_audio_sizes audio;           /* zeros without has_audio */
    uint32_t backbone_hidden;          /* assistants: hidden size of the model they draft for; else 0 */
    uint32_t centroids, centroids_top; /* assistants with ordered embeddings; else 0 */
    char quant_method[40];             /* quantization_config.quant_method, "" where there is none */
    char text_prefix[32];              /* in front of the text model's tensor names; see carat_slots_adopt */
    bool class_names; /* some tensors of the 12B are spelt as in its class, not as released */
    int32_t bos, pad, eos[CARAT_MAX_STOPS];
    uint32_t n_eos;
    int32_t image_token, audio_token, video_token; /* -1: none */
    carat_layer layer[CARAT_MAX_LAYERS];
    /* generation_config.json beside it, where there is one */
    bool sample; /* do_sample */
    double temperature, top_p, min_p, repetition_penalty;
    uint32_t top_k;
    int32_t suppress[16];
    uint32_t n_suppress;
} carat_config;

/* Reads DIR/config.json, and DIR/generation_config.json if present. */
carat_status carat_config_load(const char *dir, carat_config *out, carat_err *err);
carat_status carat_config_parse(const carat_json *root, carat_config *out, carat_err *err);
/* has_vision, has_audio and the sizes behind them, from vision_config and audio_config; a step of carat_config_parse. */
carat_status carat_config_media(const carat_json *root, carat_config *c, carat_err *err);
/* A drafter (MTP assistant): no K/V of its own, it reads those of the model it drafts for. */
bool carat_config_is_drafter(const carat_config *c);
/* "E2B", "E4B", "12B", "26B-A4B", "31B", "E2B assistant" ..., or "custom". */
const char *carat_config_family(const carat_config *c);
/* Layers [0, this) are all that a prompt token without wanted logits needs: 1 + the last layer that owns K/V. */
uint32_t carat_config_layers_kv(const carat_config *c);

#endif
