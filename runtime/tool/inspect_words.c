/* What inspect found out, in words and tables.                                     SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "runtime/tool/inspect.h"

static const char *const part_names[CARAT_N_PARTS] = {
    "blocks", "embeddings", "per-layer embeddings", "other text", "vision and audio", "unused"};

static void print_shape(const carat_tensor *t, char out[96])
{
    size_t len = 0;
    out[len++] = '[';
    for (uint32_t d = 0; d < t->ndim; d++)
        len += (size_t)snprintf(out + len, 96 - len, "%s%" PRIu64, d ? ", " : "", t->dim[d]);
    snprintf(out + len, 96 - len, "]");
}

static void print_layers(const carat_config *c)
{
    uint32_t full = 0, kv = carat_config_layers_kv(c);

    for (uint32_t l = 0; l < c->layers; l++)
        full += c->layer[l].full;
    printf("  %u layers: %u sliding (window %u), %u full", c->layers, c->layers - full, c->window, full);
    if (kv < c->layers && kv > 0)
        printf("; layers 0-%u own K/V, %u-%u reuse it", kv - 1, kv, c->layers - 1);
    printf("\n  hidden %u, %u heads; sliding: %u key-value heads of %u; full: %u of %u%s\n", c->hidden,
           c->heads, c->kv_heads, c->head_dim, c->global_kv_heads, c->global_head_dim,
           c->layer[c->layers - 1].k_eq_v ? ", K = V" : "");
    printf("  MLP %u", c->intermediate);
    if (c->layer[c->layers - 1].intermediate != c->intermediate)
        printf(" (%u in layers that reuse K/V)", c->layer[c->layers - 1].intermediate);
    if (c->moe)
        printf(", %u experts of %u, %u at a time", c->experts, c->expert_intermediate, c->experts_top);
    printf("\n");
}

/* What a drafter is beside its layers. */
static void print_drafter(const carat_config *c)
{
    printf("  drafts for a model of hidden %u, whose K/V it reads; ", c->backbone_hidden);
    if (c->centroids)
        printf("head over the best %u of %u clusters of tokens\n", c->centroids_top, c->centroids);
    else
        printf("head over all tokens\n");
}

static void print_media(const carat_inspect_report *r)
{
    const carat_vision_sizes *v = &r->config.vision;
    const carat_audio_sizes *a = &r->config.audio;
    bool unified = r->config.kind == CARAT_KIND_UNIFIED;
    const char *no_vision = r->vision_missing ? "; its tensors are not here" : "",
               *no_audio = r->audio_missing ? "; its tensors are not here" : "";

    if (r->config.has_vision && unified)
        printf("  vision: no encoder, patches of %u x %u pixels projected to %u%s\n", v->patch * v->pooling,
               v->patch * v->pooling, v->hidden, no_vision);
    else if (r->config.has_vision)
        printf("  vision: %u layers, hidden %u, %u heads of %u, MLP %u, patches of %u x %u%s%s%s\n",
               v->layers, v->hidden, v->heads, v->head_dim, v->intermediate, v->patch, v->patch,
               v->clipped ? ", clipped" : "", v->standardize ? ", standardized" : "", no_vision);
    if (r->config.has_audio && unified)
        printf("  audio: no encoder, %u samples a token%s\n", a->out, no_audio);
    else if (r->config.has_audio)
        printf("  audio: %u conformer layers, hidden %u, %u heads%s%s\n", a->layers, a->hidden, a->heads,
               a->clipped ? ", clipped" : "", no_audio);
}

static void print_architecture(const carat_inspect_report *r)
{
    const carat_config *c = &r->config;

    printf("%s\n", carat_store_dir(r->store));
    printf("Gemma 4 %s: %s%s%s, text%s%s, blocks stored as %s\n", carat_config_family(c), c->model_type,
           *c->architecture ? ", " : "", c->architecture, c->has_vision ? " + vision" : "",
           c->has_audio ? " + audio" : "", *r->scheme ? r->scheme : "nothing");
    print_layers(c);
    if (c->ple_dim)
        printf("  per-layer embeddings: %u x %u of %u\n", c->ple_vocab, c->layers, c->ple_dim);
    printf("  vocabulary %u, head %s, ", c->vocab, c->tied ? "tied" : "its own");
    printf(c->softcap > 0 ? "soft-cap %g\n" : "no soft-cap\n", c->softcap);
    printf("  RoPE theta %g (sliding), %g (full, %g of each head rotates); at most %u positions\n",
           c->theta_sliding, c->theta_full, c->partial_full, c->context_max);
    if (c->backbone_hidden)
        print_drafter(c);
    print_media(r);
}

static void print_totals(const carat_inspect_report *r)
{
    char bytes[16];

    printf("\n%-22s %8s %16s %12s\n", "", "tensors", "parameters", "bytes");
    for (int p = 0; p < CARAT_N_PARTS; p++) {
        if (r->parts[p].tensors == 0)
            continue;
        carat_format_bytes(r->parts[p].bytes, bytes);
        printf("%-22s %8" PRIu64 " %16" PRIu64 " %12s\n", part_names[p], r->parts[p].tensors,
               r->parts[p].params, bytes);
    }
    carat_format_bytes(r->all.bytes, bytes);
    printf("%-22s %8" PRIu64 " %16" PRIu64 " %12s\n", "total", r->all.tensors, r->all.params, bytes);
    printf("%-22s %8s %16" PRIu64 "  (blocks, chosen experts, head)\n", "active for a token", "", r->active);
}

static void print_memory(const carat_inspect_report *r)
{
    char weights[16], kv[16], scratch[16];

    if (!r->runs) {
        printf("\nmemory: %s\n", r->why_not);
        return;
    }
    carat_format_bytes(r->plan.weights, weights);
    carat_format_bytes(r->plan.kv, kv);
    carat_format_bytes(r->plan.scratch, scratch);
    printf("\nmemory for %u tokens of context: weights %s (mapped), KV cache %s (%s), scratch %s\n",
           r->context, weights, kv, carat_kv_name(r->plan.kv_type), scratch);
}

/* "layers.N.experts.N.gate_proj" from "layers.%u.experts.%u.gate_proj"; the bounds of a clipped matrix as "*". */
static void pattern_of(const carat_slot *slot, char *out, size_t cap)
{
    size_t len = 0;
    for (const char *p = slot->name; *p && len + 1 < cap; p++) {
        char mark = p[0] != '%' ? *p : p[1] == 'u' ? 'N' : '*';
        p += p[0] == '%';
        out[len++] = mark;
    }
    out[len] = '\0';
}

/* Without --tensors: one line for each slot that is there. */
static void print_slots(const carat_inspect_report *r)
{
    const carat_slot *slot;
    char bytes[16], name[64];

    printf("\n%-38s %-20s %7s %10s  %-12s %s\n", "slot", "role", "tensors", "bytes", "policy", "why");
    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        carat_inspect_total sum = {0};
        for (const carat_inspect_entry *e = r->entries; e < r->entries + r->n; e++) {
            sum.tensors += e->match.slot == slot;
            sum.bytes += e->match.slot == slot ? e->tensor->bytes : 0;
        }
        if (sum.tensors == 0)
            continue;
        pattern_of(slot, name, sizeof name);
        carat_format_bytes(sum.bytes, bytes);
        printf("%-38s %-20s %7" PRIu64 " %10s  %-12s %s\n", name, carat_role_name(slot->role), sum.tensors,
               bytes, carat_inspect_policy(slot), slot->why);
    }
}

static void print_tensors(const carat_inspect_report *r)
{
    char shape[96];

    printf("\n%-20s %-5s %-20s %12s  %-12s %s\n", "role", "dtype", "shape", "bytes", "policy", "name");
    for (const carat_inspect_entry *e = r->entries; e < r->entries + r->n; e++) {
        print_shape(e->tensor, shape);
        printf("%-20s %-5s %-20s %12" PRIu64 "  %-12s %s\n", carat_role_name(e->match.slot->role),
               carat_dtype_name(e->tensor->dtype), shape, e->tensor->bytes, e->policy, e->tensor->name);
    }
}

void carat_inspect_words(const carat_inspect_report *r)
{
    print_architecture(r);
    print_totals(r);
    print_memory(r);
    if (r->args->tensors)
        print_tensors(r);
    else
        print_slots(r);
}
