/* quantization_config in compressed-tensors' form.                                 SPDX-License-Identifier: Apache-2.0
 *
 * Loaders match modules by regular expressions that are anchored at the start of the name only. Names differ between
 * transformers (model.language_model.layers.N) and vLLM (language_model.model.layers.N), so no expression here knows what
 * stands before "layers". Every kind of matrix gets one expression per scheme: layers\.\d+ when all layers agree, else the list of
 * layers. What stays float is listed under `ignore` in the same way: vLLM wants every linear layer to be in one of the lists. vLLM fuses
 * q, k, v (gate, up) and asks for all of them in every layer, also for the v that K=V layers and the k, v that KV-shared layers do not
 * have: those follow their neighbours. */
#include "convert/qconfig.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "convert/plan_experts.h"
#include "runtime/base/str.h"

enum { MAX_KINDS = 160, MAX_GROUPS = 16 };

/* Which scheme a module has, by row of the table of slots and layer: NULL where there is no such module. */
typedef struct grid {
    const carat_scheme *at[MAX_KINDS][CARAT_MAX_LAYERS];
    const carat_scheme *group[MAX_GROUPS]; /* distinct packed schemes, in order of appearance */
    size_t n_groups;
} grid;

static size_t kind_of(carat_role role)
{
    size_t i = 0;
    while (carat_slot_at(i)->role != role)
        i++;
    assert(i < MAX_KINDS);
    return i;
}

static carat_status note_scheme(grid *g, const carat_scheme *s, carat_err *err)
{
    for (size_t i = 0; i < g->n_groups; i++)
        if (carat_scheme_equal(g->group[i], s))
            return CARAT_OK;
    if (g->n_groups == MAX_GROUPS)
        return carat_fail(err, CARAT_ESUPPORT, "more than %d different schemes in one checkpoint",
                          MAX_GROUPS);
    g->group[g->n_groups++] = s;
    return CARAT_OK;
}

/* A stack of experts speaks for the matrices in it. */
static void fill_row(const carat_row *row, grid *g)
{
    static const carat_role inside[] = {CARAT_ROLE_EXPERT_GATE, CARAT_ROLE_EXPERT_UP, CARAT_ROLE_EXPERT_DOWN};
    bool fused = carat_is_experts(row->slot) && !row->slot->matrix;
    if (row->slot->matrix)
        g->at[kind_of(row->slot->role)][row->layer] = &row->got;
    for (size_t i = 0; fused && i < sizeof inside / sizeof inside[0]; i++)
        g->at[kind_of(inside[i])][row->layer] = &row->got;
}

/* transformers decodes with the first group's scheme whatever the module's: a scale per row survives that, one per group does
 * not. */
static void put_grouped_first(grid *g)
{
    for (size_t i = 1; i < g->n_groups; i++)
        for (size_t k = i; k > 0 && g->group[k]->group && !g->group[k - 1]->group; k--) {
            const carat_scheme *s = g->group[k];
            g->group[k] = g->group[k - 1];
            g->group[k - 1] = s;
        }
}

static carat_status fill(const carat_config *c, const carat_plan_table *p, grid *g, carat_err *err)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        if (!row->slot)
            continue;
        fill_row(row, g);
        carat_status st = carat_scheme_packs(&row->got) ? note_scheme(g, &row->got, err) : CARAT_OK;
        if (st)
            return st;
    }
    put_grouped_first(g);
    const carat_scheme **q = g->at[kind_of(CARAT_ROLE_Q)], **k = g->at[kind_of(CARAT_ROLE_K)],
                       **v = g->at[kind_of(CARAT_ROLE_V)];
    for (uint32_t l = 0; l < c->layers; l++) { /* what is absent follows what it would be fused with */
        k[l] = k[l] ? k[l] : q[l];
        v[l] = v[l] ? v[l] : k[l];
    }
    return CARAT_OK;
}

/* Does a module with this scheme belong to group `group` (NULL: to those that stay float)? */
static bool belongs(const carat_scheme *s, const carat_scheme *group)
{
    if (!s)
        return false;
    return group ? carat_scheme_packs(s) && carat_scheme_equal(s, group) : !carat_scheme_packs(s);
}

/* ---- expressions --------------------------------------------------------------------------------------------------- */

/* Names that loaders have in memory where they differ from those on disk: vLLM's experts, the 12B's embedder. */
static const char *const in_memory[][2] = {
    {"experts.%u.", "(moe\\.)?experts\\.\\d+\\."},
    {"vision_embedder.", "(vision_embedder|embed_vision)\\."},
    {"embed_vision.", "embed_vision\\.(multimodal_embedder\\.)?"},
};

/* "self_attn\.q_proj" from "self_attn.q_proj". */
static void put_escaped(carat_str *s, const char *name)
{
    while (*name) {
        size_t k = 0, n = sizeof in_memory / sizeof in_memory[0];
        while (k < n && !carat_starts(name, in_memory[k][0]))
            k++;
        if (k < n) {
            carat_str_puts(s, in_memory[k][1]);
            name += strlen(in_memory[k][0]);
        } else {
            if (*name == '.')
                carat_str_putc(s, '\\');
            carat_str_putc(s, *name++);
        }
    }
}

/* The layers of one kind that belong to a group, as an expression: "\d+" for all, else "(0|3)". */
static void put_layers(carat_str *s, const carat_scheme *const *at, const carat_scheme *group, bool all)
{
    char sep = '(';
    if (all) {
        carat_str_puts(s, "\\d+");
        return;
    }
    for (size_t l = 0; l < CARAT_MAX_LAYERS; l++)
        if (belongs(at[l], group)) {
            carat_str_printf(s, "%c%zu", sep, l);
            sep = '|';
        }
    carat_str_putc(s, ')');
}

static void write_kind(const grid *g, size_t kind, const carat_scheme *group, carat_jw *w)
{
    const carat_slot *slot = carat_slot_at(kind);
    const char *layer = strstr(slot->name, "%u");
    size_t there = 0, in = 0;
    for (size_t l = 0; l < CARAT_MAX_LAYERS; l++) {
        there += g->at[kind][l] != NULL;
        in += belongs(g->at[kind][l], group);
    }
    bool always = slot->role == CARAT_ROLE_HEAD && !group && !there; /* tied: loaders ask all the same */
    if (!in && !always)
        return;
    carat_str re = CARAT_STR_INIT, head = CARAT_STR_INIT;
    carat_str_puts(&re, "re:.*");
    carat_str_add(&head, slot->name, layer ? (size_t)(layer - slot->name) : strlen(slot->name));
    put_escaped(&re, head.data ? head.data : "");
    if (layer) {
        put_layers(&re, g->at[kind], group, in == there);
        put_escaped(&re, layer + 2);
    }
    carat_str_putc(&re, '$');
    carat_jw_text(w, re.data);
    carat_str_free(&re);
    carat_str_free(&head);
}

/* Is anything packed whose name begins with these `len` characters, "vision_tower."? */
static bool tower_packed(const grid *g, const char *name, size_t len)
{
    const carat_slot *slot;
    for (size_t k = 0; (slot = carat_slot_at(k)); k++)
        for (size_t l = 0; strncmp(slot->name, name, len) == 0 && l < CARAT_MAX_LAYERS; l++)
            if (g->at[k][l] && carat_scheme_packs(g->at[k][l]))
                return true;
    return false;
}

/* Every kind of one group (NULL: what stays float, where a tower of which nothing is packed takes one expression). */
static void write_kinds(const grid *g, const carat_scheme *group, carat_jw *w)
{
    const carat_slot *slot;
    const char *done = "";
    char re[64];
    for (size_t k = 0; (slot = carat_slot_at(k)); k++) {
        size_t len = strcspn(slot->name, ".") + 1;
        if (!slot->matrix)
            continue;
        if (group || slot->home != CARAT_HOME_MEDIA || tower_packed(g, slot->name, len)) {
            write_kind(g, k, group, w);
        } else if (g->at[k][0] && strncmp(done, slot->name, len) != 0) {
            snprintf(re, sizeof re, "re:.*%.*s.*", (int)len - 1, slot->name);
            carat_jw_text(w, re);
            done = slot->name;
        }
    }
}

static const char *format_of(const carat_scheme *s)
{
    return s->kind == CARAT_SCHEME_BYTES ? "int-quantized" : "pack-quantized";
}

static void write_args(carat_jw *w, int bits, const char *strategy, uint32_t group, bool dynamic)
{
    carat_jw_open(w, '{');
    carat_jw_put_i64(w, "num_bits", bits);
    carat_jw_put_text(w, "type", "int");
    carat_jw_put_bool(w, "symmetric", true);
    carat_jw_put_text(w, "strategy", strategy);
    carat_jw_key(w, "group_size");
    if (group)
        carat_jw_u64(w, group);
    else
        carat_jw_null(w);
    carat_jw_put_bool(w, "dynamic", dynamic);
    carat_jw_close(w);
}

static void write_group(const grid *g, size_t i, carat_jw *w)
{
    const carat_scheme *s = g->group[i];
    char name[24];
    snprintf(name, sizeof name, "group_%zu", i % MAX_GROUPS);
    carat_jw_key(w, name);
    carat_jw_open(w, '{');
    carat_jw_key(w, "targets");
    carat_jw_open(w, '[');
    write_kinds(g, s, w);
    carat_jw_close(w);
    carat_jw_key(w, "weights");
    write_args(w, s->bits, s->group ? "group" : "channel", s->group, false);
    carat_jw_key(w, "input_activations");
    if (s->kind == CARAT_SCHEME_BYTES)
        write_args(w, 8, "token", 0, true);
    else
        carat_jw_null(w);
    carat_jw_key(w, "output_activations");
    carat_jw_null(w);
    carat_jw_put_text(w, "format", format_of(s));
    carat_jw_close(w);
}

static void write_config(const grid *g, carat_jw *w)
{
    bool mixed = false;
    for (size_t i = 1; i < g->n_groups; i++)
        mixed = mixed || strcmp(format_of(g->group[i]), format_of(g->group[0])) != 0;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "quant_method", "compressed-tensors");
    carat_jw_put_text(w, "version", "0.20.0");
    carat_jw_put_text(w, "format", mixed ? "mixed-precision" : format_of(g->group[0]));
    carat_jw_put_text(w, "quantization_status", "compressed");
    carat_jw_key(w, "global_compression_ratio");
    carat_jw_null(w);
    carat_jw_key(w, "kv_cache_scheme");
    carat_jw_null(w);
    carat_jw_key(w, "config_groups");
    carat_jw_open(w, '{');
    for (size_t i = 0; i < g->n_groups; i++)
        write_group(g, i, w);
    carat_jw_close(w);
    carat_jw_key(w, "ignore");
    carat_jw_open(w, '[');
    write_kinds(g, NULL, w);
    carat_jw_close(w);
    carat_jw_close(w);
}

carat_status carat_qconfig_make(const carat_config *c, const carat_plan_table *p, carat_json **out,
                                carat_err *err)
{
    grid *g = carat_alloc(1, sizeof *g, err);
    if (!g)
        return CARAT_ENOMEM;
    carat_str text = CARAT_STR_INIT;
    carat_status st = fill(c, p, g, err);
    *out = NULL;
    if (!st && g->n_groups) {
        carat_jw w = carat_jw_begin(&text);
        write_config(g, &w);
        if (!(st = carat_str_check(&text, err)))
            st = carat_json_parse(text.data, text.len, out, err);
    }
    carat_str_free(&text);
    carat_free(g);
    return st;
}
