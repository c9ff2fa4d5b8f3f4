/* A tiny Gemma 4 for tests.                                            SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/gemma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/base/str.h"
#include "runtime/model/slots.h"
#include "runtime/tensor/safetensors.h"
#include "tests/support/checkpoint.h"

const char gemma_e2b[] =
    "{\"architectures\":[\"Gemma4ForConditionalGeneration\"],\"model_type\":\"gemma4\",\"audio_config\":null,"
    "\"vision_config\":null,\"eos_token_id\":[1,106],\"tie_word_embeddings\":true,\"text_config\":{"
    "\"vocab_size\":300,\"hidden_size\":32,\"num_hidden_layers\":6,\"num_attention_heads\":4,\"num_key_value_"
    "heads\":2,"
    "\"head_dim\":8,\"global_head_dim\":16,\"num_global_key_value_heads\":null,\"intermediate_size\":48,"
    "\"sliding_window\":8,\"max_position_embeddings\":64,\"num_kv_shared_layers\":3,\"hidden_size_per_layer_"
    "input\":16,"
    "\"vocab_size_per_layer_input\":300,\"use_double_wide_mlp\":true,\"attention_k_eq_v\":false,"
    "\"enable_moe_block\":false,\"hidden_activation\":\"gelu_pytorch_tanh\",\"rms_norm_eps\":1e-06,"
    "\"final_logit_softcapping\":30.0,\"attention_bias\":false,\"use_bidirectional_attention\":null,"
    "\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"full_attention\",\"sliding_attention\","
    "\"sliding_attention\",\"full_attention\"],"
    "\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":10000.0},"
    "\"full_attention\":{\"rope_type\":\"proportional\",\"partial_rotary_factor\":0.25,\"rope_theta\":"
    "1000000.0}},"
    "\"bos_token_id\":2,\"eos_token_id\":1,\"pad_token_id\":0,\"model_type\":\"gemma4_text\"}}";

const char gemma_31b[] =
    "{\"architectures\":[\"Gemma4ForConditionalGeneration\"],\"model_type\":\"gemma4\",\"vision_config\":{},"
    "\"image_token_id\":280,\"text_config\":{"
    "\"vocab_size\":300,\"hidden_size\":32,\"num_hidden_layers\":6,\"num_attention_heads\":4,\"num_key_value_"
    "heads\":2,"
    "\"head_dim\":8,\"intermediate_size\":48,\"sliding_window\":8,\"max_position_embeddings\":64,"
    "\"num_kv_shared_layers\":0,\"hidden_size_per_layer_input\":0,\"attention_k_eq_v\":true,"
    "\"use_bidirectional_attention\":\"vision\",\"per_layer_config\":{\"5\":{\"head_dim\":16,\"num_key_value_"
    "heads\":1}},"
    "\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\",\"sliding_"
    "attention\","
    "\"sliding_attention\",\"full_attention\"]}}";

char *gemma_edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    carat_str s = CARAT_STR_INIT;
    if (!at) {
        fprintf(stderr, "gemma_edit: no %s\n", from);
        abort();
    }
    carat_str_add(&s, text, (size_t)(at - text));
    carat_str_puts(&s, to);
    carat_str_puts(&s, at + strlen(from));
    return carat_str_take(&s);
}

enum { MAX_TENSORS = 400 };
/* The media configs are those of towers that fit into a test. */
const char gemma_moe[] =
    "{\"architectures\":[\"Gemma4ForConditionalGeneration\"],\"model_type\":\"gemma4\",\"audio_config\":null,"
    "\"vision_config\":{\"hidden_size\":24,\"intermediate_size\":20,\"num_hidden_layers\":2,"
    "\"num_attention_heads\":2,\"num_key_value_heads\":2,\"head_dim\":12,\"patch_size\":2,"
    "\"position_embedding_size\":40,\"use_clipped_linears\":true,\"standardize\":false},"
    "\"image_token_id\":280,\"text_config\":{"
    "\"vocab_size\":300,\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"num_key_value_heads\":2,\"head_dim\":8,\"global_head_dim\":16,\"num_global_key_value_heads\":1,"
    "\"intermediate_size\":48,\"sliding_window\":8,\"max_position_embeddings\":64,"
    "\"num_kv_shared_layers\":0,\"hidden_size_per_layer_input\":0,\"attention_k_eq_v\":true,"
    "\"enable_moe_block\":true,\"num_experts\":4,\"top_k_experts\":2,\"moe_intermediate_size\":16,"
    "\"final_logit_softcapping\":30.0,\"layer_types\":[\"sliding_attention\",\"full_attention\"],"
    "\"model_type\":\"gemma4_text\"}}";

const char gemma_unified[] =
    "{\"architectures\":[\"Gemma4UnifiedForConditionalGeneration\"],\"model_type\":\"gemma4_unified\","
    "\"audio_config\":{\"audio_embed_dim\":24},"
    "\"vision_config\":{\"mm_embed_dim\":20,\"mm_posemb_size\":40,\"output_proj_dims\":20},\"text_config\":{"
    "\"vocab_size\":300,\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"num_key_value_heads\":2,\"head_dim\":8,\"global_head_dim\":16,\"num_global_key_value_heads\":1,"
    "\"intermediate_size\":48,\"sliding_window\":8,\"max_position_embeddings\":64,\"attention_k_eq_v\":true,"
    "\"final_logit_softcapping\":30.0,\"layer_types\":[\"sliding_attention\",\"full_attention\"],"
    "\"model_type\":\"gemma4_unified_text\"}}";

typedef struct list {
    carat_tensor tensor[MAX_TENSORS];
    char name[MAX_TENSORS][160];
    size_t n, bytes;
} list;

static void add(list *l, const char *name, uint32_t ndim, const uint64_t *dim)
{
    carat_tensor *t = &l->tensor[l->n];
    snprintf(l->name[l->n], sizeof *l->name, "%s", name);
    *t = (carat_tensor){.name = l->name[l->n++], .dtype = CARAT_DT_BF16, .ndim = ndim, .bytes = 2};
    for (uint32_t d = 0; d < ndim; d++)
        t->bytes *= t->dim[d] = dim[d];
    l->bytes += t->bytes;
}

/* Towers only where the config says how large they are. */
static bool wanted(const carat_slot *slot, const carat_config *c, uint32_t layer)
{
    carat_need need = carat_slot_need(slot, c, layer);
    return need == CARAT_NEED_REQUIRED || (need == CARAT_NEED_OPTIONAL && c->vision.hidden < 100);
}

static void add_slots(list *l, const carat_config *c, const char *without)
{
    const carat_slot *slot;
    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        uint32_t layers = carat_slot_layers(slot, c), each = carat_slot_each(slot, c);
        for (uint32_t k = 0; k < layers * each; k++) {
            const uint32_t at[2] = {k / each, k % each};
            char name[160];
            uint64_t dim[4];
            carat_slot_name_at(slot, c, at, false, name);
            if (wanted(slot, c, at[0]) && (!without || strcmp(name, without) != 0))
                add(l, name, carat_slot_shape(slot, c, at[0], dim), dim);
        }
    }
}

void gemma_write(const char *dir, const char *config, const char *prefix, const char *without,
                 const char *extra)
{
    carat_json *root = NULL;
    carat_config c;
    carat_err err = {0};
    carat_str s = CARAT_STR_INIT;
    list *l = calloc(1, sizeof *l);
    if (!l || carat_json_parse(config, strlen(config), &root, &err) || carat_config_parse(root, &c, &err)) {
        fprintf(stderr, "gemma_write: %s\n", err.text);
        abort();
    }
    if (prefix)
        snprintf(c.text_prefix, sizeof c.text_prefix, "%s", prefix);
    add_slots(l, &c, without);
    if (extra)
        add(l, extra, 0, NULL);
    carat_safetensors_header(l->tensor, l->n, NULL, 0, &s, NULL);
    for (size_t i = 0; i < l->bytes; i++)
        carat_str_putc(&s, 0);
    checkpoint_write(dir, "model.safetensors", s.data, s.len);
    checkpoint_text(dir, "config.json", config);
    carat_str_free(&s);
    carat_json_free(root);
    free(l);
}
