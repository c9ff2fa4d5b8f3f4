/* vision_config and audio_config -> the sizes of the towers.                       SPDX-License-Identifier: Apache-2.0
 *
 * Only what gives their tensors a shape; defaults are those of transformers' Gemma4VisionConfig, Gemma4AudioConfig,
 * Gemma4UnifiedVisionConfig and Gemma4UnifiedAudioConfig. How the towers compute is not read here. */
#include <stddef.h>
#include "runtime/model/config.h"

enum { MAX_WIDTH = 1 << 20, MAX_PLACES = 1 << 24 };

typedef struct key {
    const char *name;
    size_t at; /* uint32_t in carat_config */
    uint32_t max, fallback;
} key;

static const key vision_keys[] = {
    {"hidden_size", offsetof(carat_config, vision.hidden), MAX_WIDTH, 768},
    {"intermediate_size", offsetof(carat_config, vision.intermediate), MAX_WIDTH, 3072},
    {"num_hidden_layers", offsetof(carat_config, vision.layers), CARAT_MAX_LAYERS, 16},
    {"num_attention_heads", offsetof(carat_config, vision.heads), 1024, 12},
    {"num_key_value_heads", offsetof(carat_config, vision.kv_heads), 1024, 12},
    {"head_dim", offsetof(carat_config, vision.head_dim), 8192, 64},
    {"patch_size", offsetof(carat_config, vision.patch), 1024, 16},
    {"position_embedding_size", offsetof(carat_config, vision.positions), MAX_PLACES, 10240},
};

static const key audio_keys[] = {
    {"hidden_size", offsetof(carat_config, audio.hidden), MAX_WIDTH, 1024},
    {"num_hidden_layers", offsetof(carat_config, audio.layers), CARAT_MAX_LAYERS, 12},
    {"num_attention_heads", offsetof(carat_config, audio.heads), 1024, 8},
    {"conv_kernel_size", offsetof(carat_config, audio.kernel), 1024, 5},
    {"output_proj_dims", offsetof(carat_config, audio.out), MAX_WIDTH, 1536},
};

static const key unified_vision_keys[] = {
    {"patch_size", offsetof(carat_config, vision.patch), 1024, 16},
    {"pooling_kernel_size", offsetof(carat_config, vision.pooling), 64, 3},
    {"mm_embed_dim", offsetof(carat_config, vision.hidden), MAX_WIDTH, 3840},
    {"mm_posemb_size", offsetof(carat_config, vision.positions), MAX_PLACES, 1120},
    {"output_proj_dims", offsetof(carat_config, vision.out), MAX_WIDTH, 3840},
};

static const key unified_audio_keys[] = {
    {"audio_embed_dim", offsetof(carat_config, audio.out), MAX_WIDTH, 640},
};

static carat_status read_keys(const carat_json *o, const key *keys, size_t n, carat_config *c, carat_err *err)
{
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < n; i++) {
        const carat_json *node = carat_json_get(o, keys[i].name);
        uint64_t v = keys[i].fallback;
        if (node)
            st = carat_json_u64(node, keys[i].name, 1, keys[i].max, &v, err);
        *(uint32_t *)(void *)((char *)c + keys[i].at) = (uint32_t)v;
    }
    return st;
}

static carat_status read_flag(const carat_json *o, const char *name, bool *out, carat_err *err)
{
    const carat_json *node = carat_json_get(o, name);
    return node ? carat_json_flag(node, name, out, err) : CARAT_OK;
}

/* Channels of the two convolutions; the second one's output is one row of channels x a quarter of the 128 mel bands. */
static carat_status read_channels(const carat_json *o, carat_config *c, carat_err *err)
{
    const carat_json *list = carat_json_get(o, "subsampling_conv_channels"), *node = carat_json_first(list);
    c->audio.channels[0] = 128;
    c->audio.channels[1] = 32;
    if (!list)
        return CARAT_OK;
    if (!carat_json_is_array(list) || carat_json_count(list) != 2)
        return carat_fail(err, CARAT_EFORMAT, "subsampling_conv_channels: should be two numbers");
    for (int i = 0; i < 2; i++, node = carat_json_next(node)) {
        uint64_t v = 0;
        carat_status st = carat_json_u64(node, "subsampling_conv_channels", 1, 65536, &v, err);
        if (st)
            return st;
        c->audio.channels[i] = (uint32_t)v;
    }
    return CARAT_OK;
}

static carat_status read_vision(const carat_json *o, carat_config *c, carat_err *err)
{
    bool unified = c->kind == CARAT_KIND_UNIFIED;
    carat_status st = unified ? read_keys(o, unified_vision_keys,
                                          sizeof unified_vision_keys / sizeof *unified_vision_keys, c, err)
                              : read_keys(o, vision_keys, sizeof vision_keys / sizeof *vision_keys, c, err);
    if (!unified) {
        c->vision.out = c->vision.hidden;
        c->vision.pooling = 1; /* pools behind the tower, not in a weight */
    }
    if (!st)
        st = read_flag(o, "use_clipped_linears", &c->vision.clipped, err);
    return st ? st : read_flag(o, "standardize", &c->vision.standardize, err);
}

static carat_status read_audio(const carat_json *o, carat_config *c, carat_err *err)
{
    if (c->kind == CARAT_KIND_UNIFIED)
        return read_keys(o, unified_audio_keys, sizeof unified_audio_keys / sizeof *unified_audio_keys, c,
                         err);
    carat_status st = read_keys(o, audio_keys, sizeof audio_keys / sizeof *audio_keys, c, err);
    if (!st)
        st = read_channels(o, c, err);
    c->audio.clipped = true;
    if (!st)
        st = read_flag(o, "use_clipped_linears", &c->audio.clipped, err);
    if (!st && c->audio.hidden % c->audio.heads)
        st = carat_fail(err, CARAT_EFORMAT, "%u heads cannot share hidden_size %u", (unsigned)c->audio.heads,
                        (unsigned)c->audio.hidden);
    return st;
}

carat_status carat_config_media(const carat_json *root, carat_config *c, carat_err *err)
{
    const carat_json *vision = carat_json_get(root, "vision_config"),
                     *audio = carat_json_get(root, "audio_config");
    carat_status st = CARAT_OK;

    c->has_vision = carat_json_is_object(vision);
    c->has_audio = carat_json_is_object(audio);
    if (c->has_vision && (st = read_vision(vision, c, err)))
        return carat_fail_in(err, st, "vision_config");
    if (c->has_audio && (st = read_audio(audio, c, err)))
        return carat_fail_in(err, st, "audio_config");
    return CARAT_OK;
}
