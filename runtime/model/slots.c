/* The tensors of the family as data.                                   SPDX-License-Identifier: Apache-2.0
 *
 * One row a tensor: name, shape, policy. Spellings are those of transformers' Gemma4ForConditionalGeneration and
 * Gemma4ForCausalLM. The shape column is evaluated, so what the docs print is what is checked. */
#include "runtime/model/slots.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "runtime/base/str.h"
#include "runtime/format/format.h"

/* ---- the table ---------------------------------------------------------------------------------------------- */

static const char why_table[] = "token table or head: every token passes through it";
static const char why_rows[] = "per-layer embeddings: one row a token is read";
static const char why_scalar[] = "one number that scales the whole stream";
static const char why_norm[] = "a vector: nothing to gain";
static const char why_block[] = "matrix of a block";
static const char why_ple[] = "small, and every layer's per-layer input passes through it";
static const char why_router[] = "decides which experts run";
static const char why_experts[] = "fused experts: no packed layout that loaders share";
static const char why_tower[] = "not part of the text model";

/* clang-format off */
static const carat_slot slots[] = {
    {CARAT_ROLE_EMBED,               "embed_tokens",                           ".weight", "[vocab, hidden]",                          CARAT_POLICY_EMBEDDING, true,  why_table},
    {CARAT_ROLE_HEAD,                "lm_head",                                ".weight", "[vocab, hidden]",                          CARAT_POLICY_EMBEDDING, true,  why_table},
    {CARAT_ROLE_NORM,                "norm",                                   ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_PLE_TABLE,           "embed_tokens_per_layer",                 ".weight", "[ple_vocab, layers*ple_dim]",              CARAT_POLICY_PLE,       true,  why_rows},
    {CARAT_ROLE_PLE_PROJECTION,      "per_layer_model_projection",             ".weight", "[layers*ple_dim, hidden]",                 CARAT_POLICY_KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_PROJECTION_NORM, "per_layer_projection_norm",              ".weight", "[ple_dim]",                                CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_IN,             "layers.%u.input_layernorm",              ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_ATTN,      "layers.%u.post_attention_layernorm",     ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_PRE_FFN,        "layers.%u.pre_feedforward_layernorm",    ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_FFN,       "layers.%u.post_feedforward_layernorm",   ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_Q,                   "layers.%u.self_attn.q_proj",             ".weight", "[heads*head_dim, hidden]",                 CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_K,                   "layers.%u.self_attn.k_proj",             ".weight", "[kv_heads*head_dim, hidden]",              CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_V,                   "layers.%u.self_attn.v_proj",             ".weight", "[kv_heads*head_dim, hidden]",              CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_O,                   "layers.%u.self_attn.o_proj",             ".weight", "[hidden, heads*head_dim]",                 CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_Q_NORM,              "layers.%u.self_attn.q_norm",             ".weight", "[head_dim]",                               CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_K_NORM,              "layers.%u.self_attn.k_norm",             ".weight", "[head_dim]",                               CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_GATE,                "layers.%u.mlp.gate_proj",                ".weight", "[intermediate, hidden]",                   CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_UP,                  "layers.%u.mlp.up_proj",                  ".weight", "[intermediate, hidden]",                   CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_DOWN,                "layers.%u.mlp.down_proj",                ".weight", "[hidden, intermediate]",                   CARAT_POLICY_LINEAR,    true,  why_block},
    {CARAT_ROLE_LAYER_SCALAR,        "layers.%u.layer_scalar",                 "",        "[1]",                                      CARAT_POLICY_KEEP,      false, why_scalar},
    {CARAT_ROLE_PLE_GATE,            "layers.%u.per_layer_input_gate",         ".weight", "[ple_dim, hidden]",                        CARAT_POLICY_KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_OUT,             "layers.%u.per_layer_projection",         ".weight", "[hidden, ple_dim]",                        CARAT_POLICY_KEEP,      true,  why_ple},
    {CARAT_ROLE_PLE_NORM,            "layers.%u.post_per_layer_input_norm",    ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_ROUTER,              "layers.%u.router.proj",                  ".weight", "[experts, hidden]",                        CARAT_POLICY_KEEP,      true,  why_router},
    {CARAT_ROLE_ROUTER_SCALE,        "layers.%u.router.scale",                 "",        "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_router},
    {CARAT_ROLE_EXPERT_SCALE,        "layers.%u.router.per_expert_scale",      "",        "[experts]",                                CARAT_POLICY_KEEP,      false, why_router},
    {CARAT_ROLE_EXPERTS_GATE_UP,     "layers.%u.experts.gate_up_proj",         "",        "[experts, 2*expert_intermediate, hidden]", CARAT_POLICY_KEEP,      false, why_experts},
    {CARAT_ROLE_EXPERTS_DOWN,        "layers.%u.experts.down_proj",            "",        "[experts, hidden, expert_intermediate]",   CARAT_POLICY_KEEP,      false, why_experts},
    {CARAT_ROLE_NORM_POST_FFN_1,     "layers.%u.post_feedforward_layernorm_1", ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_POST_FFN_2,     "layers.%u.post_feedforward_layernorm_2", ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_NORM_PRE_FFN_2,      "layers.%u.pre_feedforward_layernorm_2",  ".weight", "[hidden]",                                 CARAT_POLICY_KEEP,      false, why_norm},
    {CARAT_ROLE_VISION,              "vision_tower.*",                         "",        "",                                         CARAT_POLICY_KEEP,      false, why_tower},
    {CARAT_ROLE_VISION,              "vision_embedder.*",                      "",        "",                                         CARAT_POLICY_KEEP,      false, why_tower},
    {CARAT_ROLE_AUDIO,               "audio_tower.*",                          "",        "",                                         CARAT_POLICY_KEEP,      false, why_tower},
    {CARAT_ROLE_EMBED_VISION,        "embed_vision.*",                         "",        "",                                         CARAT_POLICY_KEEP,      false, why_tower},
    {CARAT_ROLE_EMBED_AUDIO,         "embed_audio.*",                          "",        "",                                         CARAT_POLICY_KEEP,      false, why_tower},
    {CARAT_ROLE_DRAFTER,             "pre_projection",                         ".weight", "[hidden, 2*backbone]",                     CARAT_POLICY_KEEP,      true,  why_tower},
    {CARAT_ROLE_DRAFTER,             "post_projection",                        ".weight", "[backbone, hidden]",                       CARAT_POLICY_KEEP,      true,  why_tower},
    {CARAT_ROLE_DRAFTER,             "masked_embedding.centroids",             ".weight", "[centroids, hidden]",                      CARAT_POLICY_KEEP,      true,  why_tower},
    {CARAT_ROLE_DRAFTER,             "masked_embedding.token_ordering",        "",        "[vocab]",                                  CARAT_POLICY_KEEP,      false, why_tower},
};
/* clang-format on */
enum { N_SLOTS = sizeof slots / sizeof *slots };

/* Longest first: every released name begins with "model." too. */
static const char *const prefixes[] = {"model.language_model.", "language_model.model.", "model."};
enum { N_PREFIXES = sizeof prefixes / sizeof *prefixes };

const carat_slot *carat_slot_at(size_t i)
{
    return i < N_SLOTS ? &slots[i] : NULL;
}

const carat_slot *carat_slot_of(carat_role role)
{
    for (size_t i = 0; i < N_SLOTS; i++)
        if (slots[i].role == role)
            return &slots[i];
    return NULL;
}

const char *carat_role_name(carat_role role)
{
    static const char *const names[CARAT_ROLE_COUNT] = {
        [CARAT_ROLE_EMBED] = "embed",
        [CARAT_ROLE_HEAD] = "head",
        [CARAT_ROLE_NORM] = "norm",
        [CARAT_ROLE_PLE_TABLE] = "ple-table",
        [CARAT_ROLE_PLE_PROJECTION] = "ple-projection",
        [CARAT_ROLE_PLE_PROJECTION_NORM] = "ple-projection-norm",
        [CARAT_ROLE_NORM_IN] = "norm-in",
        [CARAT_ROLE_NORM_POST_ATTN] = "norm-post-attn",
        [CARAT_ROLE_NORM_PRE_FFN] = "norm-pre-ffn",
        [CARAT_ROLE_NORM_POST_FFN] = "norm-post-ffn",
        [CARAT_ROLE_Q] = "q",
        [CARAT_ROLE_K] = "k",
        [CARAT_ROLE_V] = "v",
        [CARAT_ROLE_O] = "o",
        [CARAT_ROLE_Q_NORM] = "q-norm",
        [CARAT_ROLE_K_NORM] = "k-norm",
        [CARAT_ROLE_GATE] = "gate",
        [CARAT_ROLE_UP] = "up",
        [CARAT_ROLE_DOWN] = "down",
        [CARAT_ROLE_LAYER_SCALAR] = "layer-scalar",
        [CARAT_ROLE_PLE_GATE] = "ple-gate",
        [CARAT_ROLE_PLE_OUT] = "ple-out",
        [CARAT_ROLE_PLE_NORM] = "ple-norm",
        [CARAT_ROLE_ROUTER] = "router",
        [CARAT_ROLE_ROUTER_SCALE] = "router-scale",
        [CARAT_ROLE_EXPERT_SCALE] = "expert-scale",
        [CARAT_ROLE_EXPERTS_GATE_UP] = "experts-gate-up",
        [CARAT_ROLE_EXPERTS_DOWN] = "experts-down",
        [CARAT_ROLE_NORM_POST_FFN_1] = "norm-post-ffn-1",
        [CARAT_ROLE_NORM_POST_FFN_2] = "norm-post-ffn-2",
        [CARAT_ROLE_NORM_PRE_FFN_2] = "norm-pre-ffn-2",
        [CARAT_ROLE_VISION] = "vision",
        [CARAT_ROLE_AUDIO] = "audio",
        [CARAT_ROLE_EMBED_VISION] = "embed-vision",
        [CARAT_ROLE_EMBED_AUDIO] = "embed-audio",
        [CARAT_ROLE_DRAFTER] = "drafter",
    };
    return names[role];
}

const char *carat_policy_name(carat_policy p)
{
    static const char *const names[] = {"keep", "linear", "embedding", "ple"};
    return names[p];
}

bool carat_slot_layered(const carat_slot *s)
{
    return carat_starts(s->name, "layers.%u.");
}

static bool is_pattern(const carat_slot *s)
{
    return carat_ends(s->name, "*");
}

/* ---- in one model ------------------------------------------------------------------------------------------- */

static carat_need need_of_kv(const carat_slot *s, const carat_layer *l)
{
    if (l->shared) /* released files hold them, nobody reads them */
        return CARAT_NEED_IGNORED;
    return s->role == CARAT_ROLE_V && l->k_eq_v ? CARAT_NEED_ABSENT : CARAT_NEED_REQUIRED;
}

static carat_need when(bool has)
{
    return has ? CARAT_NEED_REQUIRED : CARAT_NEED_ABSENT;
}

carat_need carat_slot_need(const carat_slot *s, const carat_config *c, uint32_t layer)
{
    switch (s->role) {
    case CARAT_ROLE_HEAD: /* transformers ties over a stored head */
        return c->tied ? CARAT_NEED_IGNORED : CARAT_NEED_REQUIRED;
    case CARAT_ROLE_K:
    case CARAT_ROLE_V:
    case CARAT_ROLE_K_NORM:
        return need_of_kv(s, &c->layer[layer]);
    case CARAT_ROLE_PLE_TABLE:
    case CARAT_ROLE_PLE_PROJECTION:
    case CARAT_ROLE_PLE_PROJECTION_NORM:
    case CARAT_ROLE_PLE_GATE:
    case CARAT_ROLE_PLE_OUT:
    case CARAT_ROLE_PLE_NORM:
        return when(c->ple_dim > 0);
    case CARAT_ROLE_ROUTER:
    case CARAT_ROLE_ROUTER_SCALE:
    case CARAT_ROLE_EXPERT_SCALE:
    case CARAT_ROLE_EXPERTS_GATE_UP:
    case CARAT_ROLE_EXPERTS_DOWN:
    case CARAT_ROLE_NORM_POST_FFN_1:
    case CARAT_ROLE_NORM_POST_FFN_2:
    case CARAT_ROLE_NORM_PRE_FFN_2:
        return when(c->moe);
    case CARAT_ROLE_VISION:
    case CARAT_ROLE_EMBED_VISION:
        return c->has_vision ? CARAT_NEED_OPTIONAL : CARAT_NEED_IGNORED;
    case CARAT_ROLE_AUDIO:
    case CARAT_ROLE_EMBED_AUDIO:
        return c->has_audio ? CARAT_NEED_OPTIONAL : CARAT_NEED_IGNORED;
    case CARAT_ROLE_DRAFTER:
        return when(c->backbone_hidden > 0 &&
                    (c->centroids > 0 || !carat_starts(s->name, "masked_embedding.")));
    default:
        return CARAT_NEED_REQUIRED;
    }
}

/* One factor of a shape column: a symbol or a small number. */
static uint64_t symbol(const char *name, size_t len, const carat_config *c, uint32_t layer)
{
    const carat_layer *l = &c->layer[layer];
    const struct {
        const char *name;
        uint64_t value;
    } symbols[] = {
        {"vocab", c->vocab},
        {"hidden", c->hidden},
        {"layers", c->layers},
        {"heads", c->heads},
        {"kv_heads", l->kv_heads},
        {"head_dim", l->head_dim},
        {"ple_dim", c->ple_dim},
        {"ple_vocab", c->ple_vocab},
        {"intermediate", l->intermediate},
        {"experts", c->experts},
        {"1", 1},
        {"expert_intermediate", c->expert_intermediate},
        {"backbone", c->backbone_hidden},
        {"2", 2},
        {"centroids", c->centroids},
    };

    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (strncmp(symbols[i].name, name, len) == 0 && symbols[i].name[len] == '\0')
            return symbols[i].value;
    assert(!"a symbol that no row of the table may use");
    return 0;
}

uint32_t carat_slot_shape(const carat_slot *s, const carat_config *c, uint32_t layer, uint64_t dim[4])
{
    uint32_t ndim = 0;

    for (const char *p = s->shape; *p && *p != ']'; p++) {
        if (*p == '[' || *p == ',')
            dim[ndim++] = 1;
        if (strchr("[,* ", *p))
            continue;
        size_t len = strcspn(p, "*,] ");
        dim[ndim - 1] *= symbol(p, len, c, layer); /* config bounds every factor: no product reaches 2^53 */
        p += len - 1;
    }
    return ndim;
}

void carat_slot_name(const carat_slot *s, const carat_config *c, uint32_t layer, bool bare, char out[160])
{
    const char *prefix = s->role == CARAT_ROLE_DRAFTER ? "" : c->text_prefix;
    const char *rest = strstr(s->name, "%u"), *suffix = bare ? "" : s->suffix;

    if (s->role == CARAT_ROLE_HEAD)
        prefix = strcmp(prefix, "language_model.model.") == 0 ? "language_model." : "";
    else if (s->role == CARAT_ROLE_VISION || s->role == CARAT_ROLE_AUDIO ||
             s->role == CARAT_ROLE_EMBED_VISION || s->role == CARAT_ROLE_EMBED_AUDIO)
        prefix = carat_starts(prefix, "language_model.") ? "" : "model.";
    if (rest)
        snprintf(out, 160, "%s%.*s%u%s%s", prefix, (int)(rest - s->name), s->name, (unsigned)layer, rest + 2,
                 suffix);
    else
        snprintf(out, 160, "%s%s%s", prefix, s->name, suffix);
}

void carat_slots_adopt(carat_config *c, const carat_store *s)
{
    static const char *const parts[] = {".weight", ".weight_packed"};
    char name[160];

    for (size_t i = 0; i < N_PREFIXES; i++) {
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            snprintf(name, sizeof name, "%sembed_tokens%s", prefixes[i], parts[k]);
            if (!carat_store_find(s, name))
                continue;
            snprintf(c->text_prefix, sizeof c->text_prefix, "%s", prefixes[i]);
            return;
        }
    }
}

/* ---- from a name to its slot -------------------------------------------------------------------------------- */

/* Does `name` spell the slot? Layer numbers are plain decimals below c->layers. */
static bool spells(const carat_slot *s, const char *name, uint32_t layers, uint32_t *layer)
{
    const char *mark = strstr(s->name, "%u");
    uint32_t n = 0;

    *layer = 0;
    if (is_pattern(s))
        return strncmp(name, s->name, strlen(s->name) - 1) == 0;
    if (!mark)
        return strcmp(name, s->name) == 0;
    size_t head = (size_t)(mark - s->name);
    if (strncmp(name, s->name, head) != 0)
        return false;
    const char *p = name + head;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9' && n < layers; p++)
        n = 10 * n + (uint32_t)(*p - '0');
    *layer = n;
    return n < layers && strcmp(p, mark + 2) == 0;
}

/* Cuts the part of a module's tensors off the base. */
static const char *cut_part(char *base)
{
    static const char *const parts[] = {
        ".weight",       ".weight_packed",      ".weight_scale", ".weight_shape", ".weight_zero_point",
        ".weight_g_idx", ".weight_global_scale"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!carat_ends(base, parts[i]))
            continue;
        base[strlen(base) - strlen(parts[i])] = '\0';
        return parts[i];
    }
    return "";
}

/* Where a slot's name may stand: text slots behind every text prefix, the rest at the top or behind "model.". */
static const char *behind_prefix(const carat_slot *s, const char *base, size_t prefix)
{
    bool text = !is_pattern(s) && s->role != CARAT_ROLE_HEAD && s->role != CARAT_ROLE_DRAFTER;
    if (prefix == N_PREFIXES)
        return text ? NULL : base;
    if (s->role == CARAT_ROLE_HEAD)
        return carat_starts(base, "language_model.") ? base + strlen("language_model.") : NULL;
    if (!carat_starts(base, prefixes[prefix]) || s->role == CARAT_ROLE_DRAFTER)
        return NULL;
    return base + strlen(prefixes[prefix]);
}

static bool part_fits(const carat_slot *s, const char *part)
{
    if (is_pattern(s))
        return true;
    return strcmp(part, s->suffix) == 0 || (s->matrix && *part != '\0');
}

bool carat_slot_match(const carat_config *c, const char *tensor, carat_match *out)
{
    carat_match m = {.part = ""};

    if (strlen(tensor) >= sizeof m.base)
        return false;
    memcpy(m.base, tensor, strlen(tensor) + 1);
    m.part = cut_part(m.base);
    for (size_t i = 0; i < N_SLOTS; i++) {
        for (size_t p = 0; p <= N_PREFIXES; p++) {
            const char *name = behind_prefix(&slots[i], m.base, p);
            if (!name || !spells(&slots[i], name, c->layers, &m.layer) || !part_fits(&slots[i], m.part))
                continue;
            m.slot = &slots[i];
            *out = m;
            return true;
        }
    }
    return false;
}
