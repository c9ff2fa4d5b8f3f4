/* config.json of Gemma 4 -> numbers.                                   SPDX-License-Identifier: Apache-2.0
 *
 * Follows transformers' Gemma4TextConfig (defaults, per-layer overrides, the last layer forced to full attention) and
 * Gemma4TextAttention (which layers share K/V, which have no v_proj). Keys that define shapes must be there; unknown keys are left
 * alone. Values that another arithmetic would need (another activation, RoPE type, biases) are refused: nothing is ignored that
 * would change a number. */
#include "runtime/model/config.h"

#include <string.h>
#include "runtime/base/file.h"
#include "runtime/base/str.h"

enum {
    CONFIG_MAX = 16000000,
    MAX_WIDTH = 1 << 20,
    MAX_HEADS = 1024,
    MAX_HEAD_DIM = 8192,
    MAX_VOCAB = 1 << 24
};

/* Values of one object. The first failure sticks: what is read behind it is left as it was. */
typedef struct reader {
    const carat_json *obj;
    carat_status status;
    carat_err *err;
} reader;

static void whole(reader *r, const carat_json *n, const char *what, const uint32_t range[2], uint32_t *out)
{
    uint64_t v = 0;
    if (r->status == CARAT_OK &&
        (r->status = carat_json_u64(n, what, range[0], range[1], &v, r->err)) == CARAT_OK)
        *out = (uint32_t)v;
}

static void need_u32(reader *r, const char *key, uint32_t min, uint32_t max, uint32_t *out)
{
    whole(r, carat_json_get(r->obj, key), key, (const uint32_t[2]){min, max}, out);
}

static void may_u32(reader *r, const char *key, uint32_t min, uint32_t max, uint32_t *out)
{
    const carat_json *n = carat_json_get(r->obj, key);
    if (n)
        whole(r, n, key, (const uint32_t[2]){min, max}, out);
}

static void may_flag(reader *r, const char *key, bool *out)
{
    const carat_json *n = carat_json_get(r->obj, key);
    if (n && r->status == CARAT_OK)
        r->status = carat_json_flag(n, key, out, r->err);
}

/* min < value <= max */
static void may_real(reader *r, const char *key, double min, double max, double *out)
{
    const carat_json *n = carat_json_get(r->obj, key);
    double v = 0;

    if (!n || r->status != CARAT_OK || (r->status = carat_json_f64(n, key, &v, r->err)) != CARAT_OK)
        return;
    if (v > min && v <= max)
        *out = v;
    else
        r->status = carat_fail(r->err, CARAT_EFORMAT, "%s: %g, should be above %g and at most %g", key, v,
                               min, max);
}

/* A string that fits; absent: "". */
static void may_text(reader *r, const char *key, size_t cap, char *out)
{
    const carat_json *n = carat_json_get(r->obj, key);
    const char *s = "";

    if (r->status == CARAT_OK && n)
        r->status = carat_json_text(n, key, &s, r->err);
    if (r->status == CARAT_OK && strlen(s) >= cap)
        r->status = carat_fail(r->err, CARAT_EFORMAT, "%s: a string of %zu bytes", key, strlen(s));
    if (r->status == CARAT_OK)
        memcpy(out, s, strlen(s) + 1);
}

/* A token id; null or absent leaves *out. */
static void may_token(reader *r, const char *key, uint32_t vocab, int32_t *out)
{
    uint32_t id = 0;
    if (!carat_json_get(r->obj, key))
        return;
    may_u32(r, key, 0, vocab - 1, &id);
    if (r->status == CARAT_OK)
        *out = (int32_t)id;
}

/* A list of ids, or one. Ids behind the vocabulary are kept: they cannot come up, and released files hold them. */
static void may_ids(reader *r, const char *key, uint32_t max, int32_t *out, uint32_t *n)
{
    const carat_json *list = carat_json_get(r->obj, key);
    const carat_json *node = carat_json_is_array(list) ? carat_json_first(list) : list;
    uint32_t count = 0, id = 0;

    for (; node && r->status == CARAT_OK; node = node == list ? NULL : carat_json_next(node)) {
        whole(r, node, key, (const uint32_t[2]){0, INT32_MAX}, &id);
        if (r->status == CARAT_OK && count == max)
            r->status = carat_fail(r->err, CARAT_ESUPPORT, "%s: more than %u ids", key, (unsigned)max);
        if (r->status == CARAT_OK)
            out[count++] = (int32_t)id;
    }
    if (list && r->status == CARAT_OK)
        *n = count;
}

static void refuse(reader *r, carat_status status, const char *text)
{
    if (r->status == CARAT_OK)
        r->status = carat_fail(r->err, status, "%s", text);
}

/* ---- what kind of model ------------------------------------------------------------------------------------- */

static carat_status read_kind(const carat_json *root, carat_config *c, const carat_json **text,
                              carat_err *err)
{
    static const struct {
        const char *model_type;
        carat_kind kind;
        bool text_only;
        const char *prefix;
    } kinds[] = {
        {"gemma4", CARAT_KIND_GEMMA4, false, "model.language_model."},
        {"gemma4_text", CARAT_KIND_GEMMA4, true, "model."},
        {"gemma4_unified", CARAT_KIND_UNIFIED, false, "model.language_model."},
        {"gemma4_unified_text", CARAT_KIND_UNIFIED, true, "model."},
        {"gemma4_assistant", CARAT_KIND_ASSISTANT, false, "model."},
        {"gemma4_unified_assistant", CARAT_KIND_UNIFIED_ASSISTANT, false, "model."},
    };
    reader r = {root, CARAT_OK, err};
    const carat_json *names = carat_json_get(root, "architectures");

    if (!carat_json_is_object(root))
        return carat_fail(err, CARAT_EFORMAT, "not an object");
    may_text(&r, "model_type", sizeof c->model_type, c->model_type);
    r.obj = carat_json_get(root, "quantization_config");
    may_text(&r, "quant_method", sizeof c->quant_method, c->quant_method);
    if (r.status != CARAT_OK)
        return r.status;
    const carat_json *first = carat_json_is_array(names) ? carat_json_first(names) : NULL;
    const char *name = "";
    if (carat_json_is_string(first))
        carat_json_text(first, "architectures", &name, NULL);
    if (strlen(name) < sizeof c->architecture)
        memcpy(c->architecture, name, strlen(name) + 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].model_type, c->model_type) != 0)
            continue;
        c->kind = kinds[i].kind;
        c->text_only = kinds[i].text_only;
        memcpy(c->text_prefix, kinds[i].prefix, strlen(kinds[i].prefix) + 1);
        *text = c->text_only ? root : carat_json_get(root, "text_config");
        if (!carat_json_is_object(*text))
            return carat_fail(err, CARAT_EFORMAT, "model_type %s without a text_config", c->model_type);
        return CARAT_OK;
    }
    if (*c->model_type == '\0')
        return carat_fail(err, CARAT_EFORMAT, "model_type: missing, should be gemma4 or gemma4_text");
    return carat_fail(err, CARAT_ESUPPORT, "model_type %s: not of the Gemma 4 family", c->model_type);
}

bool carat_config_is_drafter(const carat_config *c)
{
    return c->kind == CARAT_KIND_ASSISTANT || c->kind == CARAT_KIND_UNIFIED_ASSISTANT;
}

/* ---- the numbers of the text model -------------------------------------------------------------------------- */

static void read_sizes(reader *r, carat_config *c)
{
    need_u32(r, "vocab_size", 1, MAX_VOCAB, &c->vocab);
    need_u32(r, "hidden_size", 1, MAX_WIDTH, &c->hidden);
    need_u32(r, "num_hidden_layers", 1, CARAT_MAX_LAYERS, &c->layers);
    need_u32(r, "num_attention_heads", 1, MAX_HEADS, &c->heads);
    need_u32(r, "num_key_value_heads", 1, MAX_HEADS, &c->kv_heads);
    need_u32(r, "head_dim", 2, MAX_HEAD_DIM, &c->head_dim);
    need_u32(r, "intermediate_size", 1, MAX_WIDTH, &c->intermediate);
    need_u32(r, "sliding_window", 1, INT32_MAX, &c->window);
    need_u32(r, "max_position_embeddings", 1, INT32_MAX, &c->context_max);
    may_u32(r, "num_kv_shared_layers", 0, c->layers, &c->shared_layers);
    if (c->kind == CARAT_KIND_GEMMA4)
        need_u32(r, "hidden_size_per_layer_input", 0, MAX_WIDTH, &c->ple_dim);
    if (c->ple_dim > 0)
        need_u32(r, "vocab_size_per_layer_input", 1, MAX_VOCAB, &c->ple_vocab);
    if (r->status == CARAT_OK && (uint64_t)c->ple_dim * c->layers > INT32_MAX)
        refuse(r, CARAT_EFORMAT, "hidden_size_per_layer_input x num_hidden_layers is above 2^31");
    may_flag(r, "enable_moe_block", &c->moe);
    if (!c->moe)
        return;
    need_u32(r, "num_experts", 1, 65536, &c->experts);
    need_u32(r, "top_k_experts", 1, c->experts, &c->experts_top);
    need_u32(r, "moe_intermediate_size", 1, MAX_WIDTH, &c->expert_intermediate);
}

/* Everything that changes the arithmetic without changing a shape. */
static void read_arithmetic(reader *r, carat_config *c)
{
    char text[64] = "";
    bool bias = false;

    may_real(r, "rms_norm_eps", 0, 1, &c->eps);
    may_real(r, "final_logit_softcapping", 0, 1e6, &c->softcap);
    may_flag(r, "attention_bias", &bias);
    if (bias)
        refuse(r, CARAT_ESUPPORT, "attention_bias is true: biases in attention are not supported");
    may_text(r, "hidden_activation", sizeof text, text);
    if (r->status == CARAT_OK && *text && strcmp(text, "gelu_pytorch_tanh") != 0)
        r->status = carat_fail(r->err, CARAT_ESUPPORT, "hidden_activation %s: Gemma 4 uses gelu_pytorch_tanh",
                               text);
    may_text(r, "use_bidirectional_attention", sizeof text, text);
    if (r->status != CARAT_OK || *text == '\0')
        return;
    if (strcmp(text, "vision") == 0)
        c->bidirectional_vision = true;
    else
        r->status = carat_fail(r->err, CARAT_ESUPPORT,
                               "use_bidirectional_attention \"%s\": only null and \"vision\" are supported",
                               text);
}

/* One of rope_parameters. *partial comes back as 1 where every dimension rotates. */
static void read_rope(reader *text, const char *layer_type, double *theta, double *partial)
{
    const carat_json *all = carat_json_get(text->obj, "rope_parameters");
    reader r = {carat_json_get(all, layer_type), text->status, text->err};
    char type[32] = "";
    double factor = 1;

    if (!all || r.status != CARAT_OK) /* absent: Gemma 4's own */
        return;
    if (!carat_json_is_object(r.obj)) {
        text->status = carat_fail(r.err, CARAT_EFORMAT, "rope_parameters: no %s", layer_type);
        return;
    }
    double share = 1;
    may_text(&r, "rope_type", sizeof type, type);
    may_real(&r, "rope_theta", 0, 1e15, theta);
    may_real(&r, "partial_rotary_factor", 0, 1, &share);
    may_real(&r, "factor", 0, 1e6, &factor);
    bool proportional = strcmp(type, "proportional") == 0;
    if (r.status == CARAT_OK && !carat_json_get(r.obj, "rope_theta"))
        r.status = carat_fail(r.err, CARAT_EFORMAT, "rope_parameters: %s without rope_theta", layer_type);
    if (r.status == CARAT_OK && !proportional && strcmp(type, "default") != 0)
        r.status = carat_fail(r.err, CARAT_ESUPPORT,
                              "rope_type \"%s\" of %s: only default and proportional are supported", type,
                              layer_type);
    if (r.status == CARAT_OK && factor != 1)
        r.status = carat_fail(r.err, CARAT_ESUPPORT, "rope_parameters: factor %g of %s is not supported",
                              factor, layer_type);
    *partial = proportional ? share : 1;
    text->status = r.status;
}

static void read_ropes(reader *r, carat_config *c)
{
    double partial_sliding = 1;

    read_rope(r, "full_attention", &c->theta_full, &c->partial_full);
    read_rope(r, "sliding_attention", &c->theta_sliding, &partial_sliding);
    if (partial_sliding != 1)
        refuse(r, CARAT_ESUPPORT, "partial_rotary_factor of sliding_attention: only 1 is supported");
}

/* ---- layers ------------------------------------------------------------------------------------------------- */

static void read_layer_types(reader *r, carat_config *c)
{
    const carat_json *types = carat_json_get(r->obj, "layer_types");
    uint32_t i = 0;

    if (r->status != CARAT_OK)
        return;
    if (!carat_json_is_array(types) || carat_json_count(types) != c->layers) {
        r->status = carat_fail(r->err, CARAT_EFORMAT, "layer_types: %zu entries for %u layers",
                               carat_json_count(types), (unsigned)c->layers);
        return;
    }
    for (const carat_json *n = carat_json_first(types); n; n = carat_json_next(n), i++) {
        const char *type = "";
        if ((r->status = carat_json_text(n, "layer_types", &type, r->err)) != CARAT_OK)
            return;
        c->layer[i].full = strcmp(type, "full_attention") == 0;
        if (!c->layer[i].full && strcmp(type, "sliding_attention") != 0) {
            r->status = carat_fail(r->err, CARAT_ESUPPORT, "layer_types: \"%s\" is not supported", type);
            return;
        }
    }
    c->layer[c->layers - 1].full = true; /* as transformers, whatever the file says */
}

/* One entry of per_layer_config. */
static void read_override(reader *r, const carat_json *entry, carat_config *c)
{
    const char *key = carat_json_key(entry);
    uint32_t i = 0, digits = 0;

    for (; key[digits] >= '0' && key[digits] <= '9' && digits < 4; digits++)
        i = 10 * i + (uint32_t)(key[digits] - '0');
    if (digits == 0 || key[digits] != '\0' || i >= c->layers || !carat_json_is_object(entry)) {
        r->status = carat_fail(r->err, CARAT_EFORMAT, "per_layer_config: \"%s\" is none of the %u layers",
                               key, (unsigned)c->layers);
        return;
    }
    for (const carat_json *n = carat_json_first(entry); n && r->status == CARAT_OK; n = carat_json_next(n)) {
        const char *what = carat_json_key(n);
        if (strcmp(what, "head_dim") == 0)
            whole(r, n, what, (const uint32_t[2]){2, MAX_HEAD_DIM}, &c->layer[i].head_dim);
        else if (strcmp(what, "num_key_value_heads") == 0)
            whole(r, n, what, (const uint32_t[2]){1, MAX_HEADS}, &c->layer[i].kv_heads);
        else
            r->status = carat_fail(r->err, CARAT_ESUPPORT,
                                   "per_layer_config of layer %u: %s is not supported", (unsigned)i, what);
    }
}

/* Head sizes: per_layer_config wins; else the released keys speak for the full layers, the number of K/V heads only with K = V. */
static void read_heads(reader *r, carat_config *c, bool k_eq_v)
{
    const carat_json *overrides = carat_json_get(r->obj, "per_layer_config");

    c->global_head_dim = c->head_dim;
    c->global_kv_heads = c->kv_heads;
    if (!overrides) {
        need_u32(r, "global_head_dim", 2, MAX_HEAD_DIM, &c->global_head_dim);
        if (k_eq_v)
            may_u32(r, "num_global_key_value_heads", 1, MAX_HEADS, &c->global_kv_heads);
    } else if (!carat_json_is_object(overrides))
        refuse(r, CARAT_EFORMAT, "per_layer_config is no object");
    for (uint32_t i = 0; i < c->layers; i++) {
        carat_layer *l = &c->layer[i];
        l->head_dim = l->full ? c->global_head_dim : c->head_dim;
        l->kv_heads = l->full ? c->global_kv_heads : c->kv_heads;
        l->k_eq_v = k_eq_v && l->full;
    }
    for (const carat_json *n = carat_json_first(overrides); n && r->status == CARAT_OK;
         n = carat_json_next(n))
        read_override(r, n, c);
}

/* Layers of one type are alike (transformers computes one RoPE table a type), and what is left divides evenly. */
static void check_heads(reader *r, carat_config *c)
{
    const carat_layer *seen[2] = {NULL, NULL};

    for (uint32_t i = 0; i < c->layers && r->status == CARAT_OK; i++) {
        const carat_layer *l = &c->layer[i], *other = seen[l->full];
        if (other && (other->head_dim != l->head_dim || other->kv_heads != l->kv_heads))
            r->status = carat_fail(r->err, CARAT_ESUPPORT,
                                   "layers %d and %u are of one type, but differ in head_dim or "
                                   "num_key_value_heads",
                                   (int)(other - c->layer), (unsigned)i);
        else if (l->head_dim % 2 != 0)
            r->status = carat_fail(r->err, CARAT_EFORMAT, "layer %u: head_dim %u is odd, RoPE needs pairs",
                                   (unsigned)i, (unsigned)l->head_dim);
        else if (c->heads % l->kv_heads != 0)
            r->status = carat_fail(r->err, CARAT_EFORMAT,
                                   "layer %u: %u heads cannot share %u key-value heads", (unsigned)i,
                                   (unsigned)c->heads, (unsigned)l->kv_heads);
        seen[l->full] = l;
    }
    if (r->status == CARAT_OK && seen[true]) {
        c->global_head_dim = seen[true]->head_dim; /* the last layer is full */
        c->global_kv_heads = seen[true]->kv_heads;
    }
}

/* Which layers read the K/V of another: the last shared_layers ones, from the last owner of the same type. */
static void share_layers(reader *r, carat_config *c, bool double_wide)
{
    if (carat_config_is_drafter(c) && c->shared_layers == 0)
        c->shared_layers = c->layers;
    uint32_t first = c->layers - c->shared_layers, source[2] = {UINT32_MAX, UINT32_MAX};

    for (uint32_t i = 0; i < c->layers && r->status == CARAT_OK; i++) {
        carat_layer *l = &c->layer[i];
        l->shared = i >= first;
        if (!l->shared)
            source[l->full] = i;
        l->kv_source = l->shared && !carat_config_is_drafter(c) ? source[l->full]
                                                                : i; /* an assistant reads its target's */
        l->intermediate = c->intermediate << (double_wide && l->shared);
        if (l->kv_source == UINT32_MAX)
            r->status = carat_fail(r->err, CARAT_EFORMAT,
                                   "num_kv_shared_layers %u: no layer before %u has K/V for the %s layer %u",
                                   (unsigned)c->shared_layers, (unsigned)first, l->full ? "full" : "sliding",
                                   (unsigned)i);
    }
}

static carat_status read_text(const carat_json *text, carat_config *c, carat_err *err)
{
    reader r = {text, CARAT_OK, err};
    bool k_eq_v = false, double_wide = false;

    read_sizes(&r, c);
    read_arithmetic(&r, c);
    read_ropes(&r, c);
    may_flag(&r, "attention_k_eq_v", &k_eq_v);
    may_flag(&r, "use_double_wide_mlp", &double_wide);
    read_layer_types(&r, c);
    if (r.status == CARAT_OK)
        read_heads(&r, c, k_eq_v);
    check_heads(&r, c);
    share_layers(&r, c, double_wide);
    if (r.status == CARAT_OK) {
        may_token(&r, "bos_token_id", c->vocab, &c->bos);
        may_token(&r, "pad_token_id", c->vocab, &c->pad);
        may_ids(&r, "eos_token_id", CARAT_MAX_STOPS, c->eos, &c->n_eos);
    }
    return r.status;
}

/* What assistants have beside a text model (transformers Gemma4AssistantConfig). */
static void read_drafter(reader *r, carat_config *c)
{
    bool ordered = false;
    c->softcap = 0; /* its head has none, whatever text_config says */
    need_u32(r, "backbone_hidden_size", 1, MAX_WIDTH, &c->backbone_hidden);
    may_flag(r, "use_ordered_embeddings", &ordered);
    if (ordered) {
        need_u32(r, "num_centroids", 1, c->vocab, &c->centroids);
        need_u32(r, "centroid_intermediate_top_k", 1, c->centroids, &c->centroids_top);
    }
    if (r->status == CARAT_OK && ordered && c->vocab % c->centroids != 0)
        r->status = carat_fail(r->err, CARAT_EFORMAT,
                               "num_centroids %" PRIu32 " does not divide a vocab_size of %" PRIu32,
                               c->centroids, c->vocab);
    if (r->status == CARAT_OK && (c->ple_dim || c->moe || c->shared_layers != c->layers ||
                                  c->layer[0].intermediate != c->intermediate))
        refuse(r, CARAT_EFORMAT,
               "a drafter has no per-layer inputs, experts or double-wide MLP, and all its layers share K/V");
}

/* ---- the whole file ----------------------------------------------------------------------------------------- */

carat_status carat_config_parse(const carat_json *root, carat_config *out, carat_err *err)
{
    static const struct {
        const char *key;
        int32_t id;
    } media[3] = {{"image_token_id", 258880}, {"audio_token_id", 258881}, {"video_token_id", 258884}};
    const carat_json *text = NULL;
    carat_config c = {.eps = 1e-6,
                      .theta_sliding = 1e4,
                      .theta_full = 1e6,
                      .partial_full = 0.25,
                      .tied = true,
                      .bos = 2,
                      .pad = 0,
                      .eos = {1},
                      .n_eos = 1,
                      .temperature = 1,
                      .top_p = 1};
    carat_status status = read_kind(root, &c, &text, err);
    reader r = {root, status, err};
    int32_t *ids[3] = {&c.image_token, &c.audio_token, &c.video_token};

    if (status == CARAT_OK)
        r.status = read_text(text, &c, err);
    if (r.status != CARAT_OK)
        return r.status;
    if ((status = carat_config_media(root, &c, err)) != CARAT_OK)
        return status;
    may_flag(&r, "tie_word_embeddings", &c.tied);
    may_ids(&r, "eos_token_id", CARAT_MAX_STOPS, c.eos, &c.n_eos);
    for (int i = 0; i < 3; i++) {
        *ids[i] = (i == 1 ? c.has_audio : c.has_vision) && (uint32_t)media[i].id < c.vocab ? media[i].id : -1;
        may_token(&r, media[i].key, UINT32_C(1) << 31,
                  ids[i]); /* text-only exports keep ids behind a cut vocabulary */
    }
    if (carat_config_is_drafter(&c))
        read_drafter(&r, &c);
    if (r.status == CARAT_OK)
        *out = c;
    return r.status;
}

static carat_status read_generation(const carat_json *root, carat_config *c, carat_err *err)
{
    reader r = {root, CARAT_OK, err};

    if (!carat_json_is_object(root))
        return carat_fail(err, CARAT_EFORMAT, "not an object");
    may_flag(&r, "do_sample", &c->sample);
    may_real(&r, "temperature", -1e-30, 1e6, &c->temperature);
    may_real(&r, "top_p", -1e-30, 1, &c->top_p);
    may_real(&r, "min_p", -1e-30, 1, &c->min_p);
    may_real(&r, "repetition_penalty", 0, 1e6, &c->repetition_penalty);
    c->top_k = c->sample ? 50 : 0; /* transformers' default */
    may_u32(&r, "top_k", 0, INT32_MAX, &c->top_k);
    may_token(&r, "bos_token_id", c->vocab, &c->bos);
    may_token(&r, "pad_token_id", c->vocab, &c->pad);
    may_ids(&r, "eos_token_id", CARAT_MAX_STOPS, c->eos, &c->n_eos);
    may_ids(&r, "suppress_tokens", sizeof c->suppress / sizeof *c->suppress, c->suppress, &c->n_suppress);
    return r.status;
}

/* DIR/name as a tree; NULL where there is no such file. Anything but a file is refused: a pipe would be waited for. */
static carat_status load_file(carat_str *path, const char *dir, const char *name, carat_json **root,
                              carat_err *err)
{
    carat_path_join(path, dir, name);
    carat_status status = carat_str_check(path, err);

    *root = NULL;
    if (status != CARAT_OK || !carat_exists(path->data))
        return status;
    if (!carat_is_file(path->data))
        return carat_fail(err, CARAT_EFORMAT, "%s: not a file", path->data);
    return carat_json_load(path->data, CONFIG_MAX, root, err);
}

carat_status carat_config_load(const char *dir, carat_config *out, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_json *root = NULL, *generation = NULL;
    carat_config c = {0};
    carat_status status = load_file(&path, dir, "config.json", &root, err);

    if (status == CARAT_OK && !root)
        status = carat_fail(err, CARAT_EFORMAT,
                            "%s: missing; a checkpoint needs its config.json beside the weights", path.data);
    else if (status == CARAT_OK && (status = carat_config_parse(root, &c, err)) != CARAT_OK)
        carat_fail_in(err, status, path.data);
    if (status == CARAT_OK)
        status = load_file(&path, dir, "generation_config.json", &generation, err);
    if (status == CARAT_OK && generation && (status = read_generation(generation, &c, err)) != CARAT_OK)
        carat_fail_in(err, status, path.data);
    if (status == CARAT_OK)
        *out = c;
    carat_json_free(root);
    carat_json_free(generation);
    carat_str_free(&path);
    return status;
}

const char *carat_config_family(const carat_config *c)
{
    static const struct {
        const char *name;
        carat_kind kind;
        uint32_t hidden, layers, backbone;
        bool moe;
    } families[] = {
        {"E2B", CARAT_KIND_GEMMA4, 1536, 35, 0, false},
        {"E4B", CARAT_KIND_GEMMA4, 2560, 42, 0, false},
        {"12B", CARAT_KIND_UNIFIED, 3840, 48, 0, false},
        {"26B-A4B", CARAT_KIND_GEMMA4, 2816, 30, 0, true},
        {"31B", CARAT_KIND_GEMMA4, 5376, 60, 0, false},
        {"E2B assistant", CARAT_KIND_ASSISTANT, 256, 4, 1536, false},
        {"E4B assistant", CARAT_KIND_ASSISTANT, 256, 4, 2560, false},
        {"12B assistant", CARAT_KIND_UNIFIED_ASSISTANT, 1024, 4, 3840, false},
        {"26B-A4B assistant", CARAT_KIND_ASSISTANT, 1024, 4, 2816, false},
        {"31B assistant", CARAT_KIND_ASSISTANT, 1024, 4, 5376, false},
    };

    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].kind == c->kind && families[i].hidden == c->hidden &&
            families[i].layers == c->layers && families[i].moe == c->moe &&
            families[i].backbone == c->backbone_hidden)
            return families[i].name;
    return "custom";
}

uint32_t carat_config_layers_kv(const carat_config *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->layers; i++)
        if (!c->layer[i].shared)
            n = i + 1;
    return n;
}
