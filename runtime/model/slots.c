/* The tensors of the family: names, shapes and needs in one model.                 SPDX-License-Identifier: Apache-2.0
 *
 * The rows lie in slots_table.c; this file reads them: from a row to a name and a shape, and from a name back to its row. */
#include "runtime/model/slots.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "runtime/base/str.h"
#include "runtime/format/format.h"

/* Longest first: every released name begins with "model." too. */
static const char *const prefixes[] = {"model.language_model.", "language_model.model.", "model."};
enum { N_PREFIXES = sizeof prefixes / sizeof *prefixes };

static const char *const bounds[] = {"input_min", "input_max", "output_min", "output_max"};
enum { N_BOUNDS = sizeof bounds / sizeof *bounds };

/* As released (first) and as the class Gemma4UnifiedForConditionalGeneration has them in memory. */
static const char *const respelt[][2] = {
    {"vision_embedder.", "embed_vision."},
    {"embed_vision.embedding_projection", "embed_vision.multimodal_embedder.embedding_projection"},
};
enum { N_RESPELT = sizeof respelt / sizeof *respelt };

const carat_slot *carat_slot_of(carat_role role)
{
    const carat_slot *s;
    for (size_t i = 0; (s = carat_slot_at(i)); i++)
        if (s->role == role)
            return s;
    return NULL;
}

const char *carat_role_name(carat_role role)
{
    return carat_slot_of(role)->title;
}

const char *carat_policy_name(carat_policy p)
{
    static const char *const names[] = {"keep", "linear", "embedding", "ple", "experts"};
    return names[p];
}

bool carat_slot_layered(const carat_slot *s)
{
    return strstr(s->name, "%u") != NULL;
}

/* ---- in one model ------------------------------------------------------------------------------------------- */

static bool of_vision(const carat_slot *s)
{
    return carat_starts(s->name, "vision_") || carat_starts(s->name, "embed_vision.");
}

uint32_t carat_slot_layers(const carat_slot *s, const carat_config *c)
{
    if (!carat_slot_layered(s))
        return 1;
    if (s->home != CARAT_HOME_MEDIA)
        return c->layers;
    return of_vision(s) ? c->vision.layers : c->audio.layers;
}

uint32_t carat_slot_each(const carat_slot *s, const carat_config *c)
{
    const char *layer = strstr(s->name, "%u");
    if (strstr(s->name, "%s"))
        return N_BOUNDS;
    return layer && strstr(layer + 2, "%u") ? c->experts : 1;
}

static carat_need when(bool has)
{
    return has ? CARAT_NEED_REQUIRED : CARAT_NEED_ABSENT;
}

static carat_need need_of_kv(const carat_slot *s, const carat_layer *l)
{
    if (l->shared) /* released files hold them, nobody reads them */
        return CARAT_NEED_IGNORED;
    return when(s->role != CARAT_ROLE_V || !l->k_eq_v);
}

/* Of a tower that the config does not have, tensors may lie about. */
static carat_need need_of_media(const carat_slot *s, const carat_config *c)
{
    bool vision = of_vision(s), unified = c->kind == CARAT_KIND_UNIFIED;
    bool clipped = vision ? c->vision.clipped : c->audio.clipped;

    if (!(vision ? c->has_vision : c->has_audio))
        return CARAT_NEED_IGNORED;
    bool has = true;
    if (s->role == CARAT_ROLE_VISION_CLIP || s->role == CARAT_ROLE_AUDIO_CLIP)
        has = clipped;
    else if (s->role == CARAT_ROLE_VISION_STD_BIAS || s->role == CARAT_ROLE_VISION_STD_SCALE)
        has = c->vision.standardize;
    if (carat_starts(s->name, "vision_embedder."))
        has = unified;
    else if (!carat_starts(s->name, "embed_"))
        has = has && !unified;
    return has ? CARAT_NEED_OPTIONAL : CARAT_NEED_ABSENT;
}

carat_need carat_slot_need(const carat_slot *s, const carat_config *c, uint32_t layer)
{
    if (s->home == CARAT_HOME_MEDIA)
        return need_of_media(s, c);
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
    case CARAT_ROLE_EXPERTS_GATE_UP:
    case CARAT_ROLE_EXPERTS_DOWN:
        return when(c->moe && !c->layer[layer].experts_apart);
    case CARAT_ROLE_EXPERT_GATE:
    case CARAT_ROLE_EXPERT_UP:
    case CARAT_ROLE_EXPERT_DOWN:
        return when(c->moe && c->layer[layer].experts_apart);
    case CARAT_ROLE_ROUTER:
    case CARAT_ROLE_ROUTER_SCALE:
    case CARAT_ROLE_EXPERT_SCALE:
    case CARAT_ROLE_NORM_POST_FFN_1:
    case CARAT_ROLE_NORM_POST_FFN_2:
    case CARAT_ROLE_NORM_PRE_FFN_2:
        return when(c->moe);
    case CARAT_ROLE_DRAFT_IN:
    case CARAT_ROLE_DRAFT_OUT:
        return when(c->backbone_hidden > 0);
    case CARAT_ROLE_CENTROIDS:
    case CARAT_ROLE_TOKEN_ORDER:
        return when(c->backbone_hidden > 0 && c->centroids > 0);
    default:
        return CARAT_NEED_REQUIRED;
    }
}

/* One factor of a shape column: a number or a symbol. */
static uint64_t symbol(const char *name, size_t len, const carat_config *c, uint32_t layer)
{
    const carat_layer *l = &c->layer[layer];
    const carat_vision_sizes *v = &c->vision;
    const carat_audio_sizes *a = &c->audio;
    uint64_t side = (uint64_t)v->patch * v->pooling, number = 0;
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
        {"expert_intermediate", c->expert_intermediate},
        {"backbone", c->backbone_hidden},
        {"centroids", c->centroids},
        {"v_hidden", v->hidden},
        {"v_inner", v->intermediate},
        {"v_heads", v->heads},
        {"v_kv_heads", v->kv_heads},
        {"v_head_dim", v->head_dim},
        {"v_positions", v->positions},
        {"v_pixels", 3 * side * side},
        {"v_out", v->out},
        {"a_hidden", a->hidden},
        {"a_head_dim", a->heads ? a->hidden / a->heads : 0},
        {"a_kernel", a->kernel},
        {"a_conv0", a->channels[0]},
        {"a_conv1", a->channels[1]},
        {"a_out", a->out},
    };

    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (strncmp(symbols[i].name, name, len) == 0 && symbols[i].name[len] == '\0')
            return symbols[i].value;
    for (size_t i = 0; i < len; i++) {
        assert(name[i] >= '0' && name[i] <= '9'); /* else a symbol that no row of the table may use */
        number = 10 * number + (uint64_t)(name[i] - '0');
    }
    return number;
}

uint32_t carat_slot_shape(const carat_slot *s, const carat_config *c, uint32_t layer, uint64_t dim[4])
{
    uint32_t ndim = 0;

    for (const char *p = s->shape; *p && *p != ']' && s->shape[1] != ']'; p++) {
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

/* ---- from a slot to its name --------------------------------------------------------------------------------- */

static const char *prefix_of(const carat_slot *s, const carat_config *c)
{
    bool older = carat_starts(c->text_prefix, "language_model.");
    switch (s->home) {
    case CARAT_HOME_TEXT:
        return c->text_prefix;
    case CARAT_HOME_HEAD:
        return older ? "language_model." : "";
    case CARAT_HOME_MEDIA:
        return older ? "" : "model.";
    default:
        return "";
    }
}

/* Writes a name with its layer, expert or bound filled in; room for 160 bytes is enough for every row and number. */
static void fill_in(const char *name, const uint32_t at[2], char *out, size_t cap)
{
    size_t len = 0, n = 0;
    for (; *name && len + 12 < cap; name++) {
        if (*name != '%') {
            out[len++] = *name;
            continue;
        }
        name++; /* u or s */
        len += *name == 'u' ? (size_t)snprintf(out + len, cap - len, "%u", (unsigned)at[n++])
                            : (size_t)snprintf(out + len, cap - len, "%s", bounds[at[1] % N_BOUNDS]);
    }
    out[len] = '\0';
}

void carat_slot_name_at(const carat_slot *s, const carat_config *c, const uint32_t at[2], bool bare,
                        char out[160])
{
    char name[120];
    const char *head = "", *tail = name;

    fill_in(s->name, at, name, sizeof name);
    for (size_t i = 0; c->class_names && i < N_RESPELT && !*head; i++)
        if (carat_starts(name, respelt[i][0])) {
            head = respelt[i][1];
            tail = name + strlen(respelt[i][0]);
        }
    snprintf(out, 160, "%s%s%s%s", prefix_of(s, c), head, tail, bare ? "" : s->suffix);
}

void carat_slot_name(const carat_slot *s, const carat_config *c, uint32_t layer, bool bare, char out[160])
{
    carat_slot_name_at(s, c, (const uint32_t[2]){layer, 0}, bare, out);
}

/* ---- from a name to its slot -------------------------------------------------------------------------------- */

/* A plain decimal below limit: no sign, no leading zero. */
static bool take_number(const char **name, uint32_t limit, uint32_t *out)
{
    const char *p = *name;
    uint32_t n = 0;

    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9' && n < limit; p++)
        n = 10 * n + (uint32_t)(*p - '0');
    *name = p;
    *out = n;
    return n < limit;
}

static bool take_bound(const char **name, uint32_t *out)
{
    for (uint32_t i = 0; i < N_BOUNDS; i++) {
        if (!carat_starts(*name, bounds[i]))
            continue;
        *name += strlen(bounds[i]);
        *out = i;
        return true;
    }
    return false;
}

/* Does `name` spell the slot? limit: how many layers and experts there are. */
static bool spells(const carat_slot *s, const char *name, const uint32_t limit[2], uint32_t at[2])
{
    const char *p = s->name;
    size_t n = 0;

    at[0] = at[1] = 0;
    while (*p) {
        bool same = *p == *name;
        if (*p == '%') {
            same = p[1] == 'u' ? take_number(&name, limit[n], &at[n]) : take_bound(&name, &at[1]);
            p++;
            n++;
        } else
            name++;
        if (!same)
            return false;
        p++;
    }
    return *name == '\0';
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

static bool part_fits(const carat_slot *s, const char *part)
{
    return strcmp(part, s->suffix) == 0 || (s->matrix && *part != '\0');
}

/* May a slot stand behind this prefix? Text behind every one, towers at the top or behind "model.". */
static bool stands_behind(const carat_slot *s, const char *prefix)
{
    switch (s->home) {
    case CARAT_HOME_TEXT:
        return *prefix != '\0' && strcmp(prefix, "language_model.") != 0;
    case CARAT_HOME_HEAD:
        return *prefix == '\0' || strcmp(prefix, "language_model.") == 0;
    case CARAT_HOME_MEDIA:
        return *prefix == '\0' || strcmp(prefix, "model.") == 0;
    default:
        return *prefix == '\0';
    }
}

/* Tries every row for `name`, which stood behind `prefix`. */
static bool find_row(const carat_config *c, const char *name, const char *prefix, carat_match *m)
{
    const carat_slot *s;
    for (size_t i = 0; (s = carat_slot_at(i)); i++) {
        if (*s->name != *name || !stands_behind(s, prefix) || !part_fits(s, m->part))
            continue;
        uint32_t layers = carat_slot_layers(s, c), at[2];
        const uint32_t limit[2] = {layers ? layers : CARAT_MAX_LAYERS, c->experts ? c->experts : 65536};
        if (!spells(s, name, limit, at))
            continue;
        m->slot = s;
        m->layer = at[0];
        m->number = at[1];
        return true;
    }
    return false;
}

/* A name as the class of the 12B has it -> as released. */
static bool released_name(const char *name, char out[160])
{
    for (size_t i = N_RESPELT; i-- > 0;) { /* the longer one first */
        size_t len = strlen(respelt[i][1]);
        if (!carat_starts(name, respelt[i][1]))
            continue;
        snprintf(out, 160, "%s%.120s", respelt[i][0], name + len);
        return true;
    }
    return false;
}

bool carat_slot_match(const carat_config *c, const char *tensor, carat_match *out)
{
    static const char *const all[] = {"model.language_model.", "language_model.model.", "language_model.",
                                      "model.", ""};
    carat_match m = {.part = ""};
    char other[160];

    if (strlen(tensor) >= sizeof m.base)
        return false;
    memcpy(m.base, tensor, strlen(tensor) + 1);
    m.part = cut_part(m.base);
    for (size_t p = 0; p < sizeof all / sizeof *all; p++) {
        if (!carat_starts(m.base, all[p]))
            continue;
        const char *name = m.base + strlen(all[p]);
        if (find_row(c, name, all[p], &m) ||
            (c->kind == CARAT_KIND_UNIFIED && released_name(name, other) && find_row(c, other, all[p], &m))) {
            *out = m;
            return true;
        }
    }
    return false;
}

/* ---- how a checkpoint spells -------------------------------------------------------------------------------- */

static bool has_module(const carat_store *s, const char *base)
{
    static const char *const parts[] = {".weight", ".weight_packed"};
    char name[200];
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        snprintf(name, sizeof name, "%s%s", base, parts[k]);
        if (carat_store_find(s, name))
            return true;
    }
    return false;
}

/* No stack of experts in this layer, but a matrix of one. */
static bool has_apart(const carat_config *c, const carat_store *s, uint32_t layer)
{
    static const carat_role stacks[] = {CARAT_ROLE_EXPERTS_GATE_UP, CARAT_ROLE_EXPERTS_DOWN};
    static const carat_role matrices[] = {CARAT_ROLE_EXPERT_GATE, CARAT_ROLE_EXPERT_UP,
                                          CARAT_ROLE_EXPERT_DOWN};
    char name[160];
    bool found = false;

    for (size_t k = 0; k < sizeof stacks / sizeof *stacks; k++) {
        carat_slot_name(carat_slot_of(stacks[k]), c, layer, false, name);
        if (carat_store_find(s, name))
            return false;
    }
    for (uint32_t i = 0; !found && i < 3 * c->experts; i++) {
        carat_slot_name_at(carat_slot_of(matrices[i % 3]), c, (const uint32_t[2]){layer, i / 3}, true, name);
        found = has_module(s, name);
    }
    return found;
}

void carat_slots_adopt(carat_config *c, const carat_store *s)
{
    char name[160];

    for (size_t i = 0; i < N_PREFIXES; i++) {
        snprintf(name, sizeof name, "%sembed_tokens", prefixes[i]);
        if (!has_module(s, name))
            continue;
        snprintf(c->text_prefix, sizeof c->text_prefix, "%s", prefixes[i]);
        break;
    }
    c->class_names = c->kind == CARAT_KIND_UNIFIED && (has_module(s, "model.embed_vision.patch_dense") ||
                                                       has_module(s, "embed_vision.patch_dense"));
    for (uint32_t l = 0; c->moe && l < c->layers; l++)
        c->layer[l].experts_apart = has_apart(c, s, l);
}
