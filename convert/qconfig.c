/* quantization_config in compressed-tensors' form.                                 SPDX-License-Identifier: Apache-2.0
 *
 * Loaders match modules by regular expressions that are anchored at the start of the name only. Names differ between
 * transformers (model.language_model.layers.N) and vLLM (language_model.model.layers.N), so no expression here knows what
 * stands before "layers". Every matrix kind of the blocks gets one expression per scheme: layers\.\d+ when all layers agree,
 * else the list of layers. What stays float is listed under `ignore` in the same way: vLLM wants every linear layer to be in one
 * of the lists. vLLM fuses q, k, v (gate, up) and asks for all of them in every layer, also for the v that K=V layers and the k, v that
 * KV-shared layers do not have: those follow their neighbours. */
#include "convert/qconfig.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/str.h"

static const carat_role kinds[] = {CARAT_ROLE_Q,       CARAT_ROLE_K,     CARAT_ROLE_V,    CARAT_ROLE_O,
                                   CARAT_ROLE_GATE,    CARAT_ROLE_UP,    CARAT_ROLE_DOWN, CARAT_ROLE_PLE_GATE,
                                   CARAT_ROLE_PLE_OUT, CARAT_ROLE_ROUTER};
enum { N_KINDS = sizeof kinds / sizeof kinds[0], MAX_GROUPS = 16 };

/* Which scheme a module has: NULL where there is no such module. */
typedef struct grid {
    const carat_scheme *at[CARAT_MAX_LAYERS][N_KINDS];
    const carat_scheme *group[MAX_GROUPS]; /* distinct packed schemes, in order of appearance */
    size_t n_groups, layers;
} grid;

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

static carat_status fill(const carat_config *c, const carat_plan_table *p, grid *g, carat_err *err)
{
    g->layers = c->layers;
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        if (!row->slot)
            continue;
        for (size_t k = 0; k < N_KINDS && row->src->ndim == 2 && row->layer < g->layers; k++)
            if (kinds[k] == row->slot->role)
                g->at[row->layer][k] = &row->got;
        carat_status st = carat_scheme_packs(&row->got) ? note_scheme(g, &row->got, err) : CARAT_OK;
        if (st)
            return st;
    }
    for (size_t l = 0; l < g->layers; l++) { /* what is absent follows what it would be fused with */
        const carat_scheme **at = g->at[l];
        at[1] = at[1] ? at[1] : at[0];
        at[2] = at[2] ? at[2] : at[1];
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

/* "self_attn.q_proj" from "layers.%u.self_attn.q_proj", dots escaped. */
static void put_tail(carat_str *s, const char *slot_name)
{
    for (const char *p = slot_name + strlen("layers.%u."); *p; p++) {
        if (*p == '.')
            carat_str_putc(s, '\\');
        carat_str_putc(s, *p);
    }
}

static void write_kinds(const grid *g, const carat_scheme *group, carat_jw *w)
{
    carat_str re = CARAT_STR_INIT;
    for (size_t k = 0; k < N_KINDS; k++) {
        size_t there = 0, in = 0;
        for (size_t l = 0; l < g->layers; l++) {
            there += g->at[l][k] != NULL;
            in += belongs(g->at[l][k], group);
        }
        if (!in)
            continue;
        carat_str_clear(&re);
        carat_str_puts(&re, "re:.*layers\\.");
        if (in == there) {
            carat_str_puts(&re, "\\d+");
        } else {
            char sep = '(';
            for (size_t l = 0; l < g->layers; l++)
                if (belongs(g->at[l][k], group)) {
                    carat_str_printf(&re, "%c%zu", sep, l);
                    sep = '|';
                }
            carat_str_putc(&re, ')');
        }
        carat_str_puts(&re, "\\.");
        put_tail(&re, carat_slot_of(kinds[k])->name);
        carat_str_putc(&re, '$');
        carat_jw_text(w, re.data);
    }
    carat_str_free(&re);
}

/* Modules outside the blocks, by role. */
static const struct {
    carat_role role;
    const char *re;
} singles[] = {
    {CARAT_ROLE_EMBED, "re:.*embed_tokens$"},
    {CARAT_ROLE_PLE_TABLE, "re:.*embed_tokens_per_layer$"},
    {CARAT_ROLE_PLE_PROJECTION, "re:.*per_layer_model_projection$"},
    {CARAT_ROLE_HEAD, "re:.*lm_head$"},
    {CARAT_ROLE_VISION_PATCH, "re:.*vision_tower.*"},
    {CARAT_ROLE_PATCH_DENSE, "re:.*vision_embedder.*"},
    {CARAT_ROLE_AUDIO_OUT, "re:.*audio_tower.*"},
    {CARAT_ROLE_EMBED_VISION, "re:.*embed_vision.*"},
    {CARAT_ROLE_EMBED_AUDIO, "re:.*embed_audio.*"},
};
enum { N_SINGLES = sizeof singles / sizeof singles[0] };

static void write_singles(const carat_plan_table *p, const carat_scheme *group, carat_jw *w)
{
    for (size_t k = 0; k < N_SINGLES; k++) {
        bool found = singles[k].role == CARAT_ROLE_HEAD && !group, packed_head = false;
        for (size_t i = 0; i < p->n_rows; i++) {
            const carat_row *row = &p->rows[i];
            if (!row->slot || row->slot->role != singles[k].role)
                continue;
            found = found || belongs(&row->got, group);
            packed_head = packed_head ||
                          (singles[k].role == CARAT_ROLE_HEAD && carat_scheme_packs(&row->got));
        }
        if (found && !(packed_head && !group))
            carat_jw_text(w, singles[k].re);
    }
}

static const char *format_of(const carat_scheme *s)
{
    return s->kind == CARAT_SCHEME_BYTES ? "int-quantized" : "pack-quantized";
}

static void write_args(carat_jw *w, int bits, const char *strategy, uint32_t group, bool dynamic)
{
    carat_jw_open(w, '{');
    carat_jw_key(w, "num_bits");
    carat_jw_i64(w, bits);
    carat_jw_key(w, "type");
    carat_jw_text(w, "int");
    carat_jw_key(w, "symmetric");
    carat_jw_bool(w, true);
    carat_jw_key(w, "strategy");
    carat_jw_text(w, strategy);
    carat_jw_key(w, "group_size");
    if (group)
        carat_jw_u64(w, group);
    else
        carat_jw_null(w);
    carat_jw_key(w, "dynamic");
    carat_jw_bool(w, dynamic);
    carat_jw_close(w);
}

static void write_group(const carat_plan_table *p, const grid *g, size_t i, carat_jw *w)
{
    const carat_scheme *s = g->group[i];
    char name[24];
    snprintf(name, sizeof name, "group_%zu", i % MAX_GROUPS);
    carat_jw_key(w, name);
    carat_jw_open(w, '{');
    carat_jw_key(w, "targets");
    carat_jw_open(w, '[');
    write_kinds(g, s, w);
    write_singles(p, s, w);
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
    carat_jw_key(w, "format");
    carat_jw_text(w, format_of(s));
    carat_jw_close(w);
}

static void write_config(const carat_plan_table *p, const grid *g, carat_jw *w)
{
    bool mixed = false;
    for (size_t i = 1; i < g->n_groups; i++)
        mixed = mixed || strcmp(format_of(g->group[i]), format_of(g->group[0])) != 0;
    carat_jw_open(w, '{');
    carat_jw_key(w, "quant_method");
    carat_jw_text(w, "compressed-tensors");
    carat_jw_key(w, "version");
    carat_jw_text(w, "0.20.0");
    carat_jw_key(w, "format");
    carat_jw_text(w, mixed ? "mixed-precision" : format_of(g->group[0]));
    carat_jw_key(w, "quantization_status");
    carat_jw_text(w, "compressed");
    carat_jw_key(w, "global_compression_ratio");
    carat_jw_null(w);
    carat_jw_key(w, "kv_cache_scheme");
    carat_jw_null(w);
    carat_jw_key(w, "config_groups");
    carat_jw_open(w, '{');
    for (size_t i = 0; i < g->n_groups; i++)
        write_group(p, g, i, w);
    carat_jw_close(w);
    carat_jw_key(w, "ignore");
    carat_jw_open(w, '[');
    write_kinds(g, NULL, w);
    write_singles(p, NULL, w);
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
        write_config(p, g, &w);
        if (!(st = carat_str_check(&text, err)))
            st = carat_json_parse(text.data, text.len, out, err);
    }
    carat_str_free(&text);
    carat_free(g);
    return st;
}
