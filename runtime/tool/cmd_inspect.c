/* carat inspect: what a checkpoint is.                                 SPDX-License-Identifier: Apache-2.0
 *
 * Owns the counting and the words; names come from the table of slots, memory from carat_session_price. A checkpoint that does not
 * agree with its config is refused like everywhere else. */
#include <stdio.h>
#include <string.h>
#include "runtime/base/cmd.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/format/format.h"
#include "runtime/model/slots.h"

typedef struct inspect_args {
    carat_common common;
    bool tensors;
    int64_t context;
    const char *kv;
} inspect_args;

/* Parts of a model that people ask the size of. */
typedef enum part {
    PART_BLOCKS,
    PART_EMBEDDING,
    PART_PLE,
    PART_OTHER_TEXT,
    PART_MEDIA,
    PART_UNUSED,
    N_PARTS
} part;
static const char *const part_names[N_PARTS] = {"blocks",     "embeddings", "per-layer embeddings",
                                                "other text", "towers",     "unused"};
static const char *const part_keys[N_PARTS] = {"blocks",     "embeddings", "ple",
                                               "other_text", "towers",     "unused"};

typedef struct total {
    uint64_t tensors, params, bytes;
} total;

/* One tensor, with all that is said about it. */
typedef struct entry {
    const carat_tensor *tensor;
    carat_match match;
    part part;
    uint64_t
        params; /* weights that it holds: packed codes counted one by one; scales and shapes count none */
    const char *policy;
} entry;

typedef struct report {
    const inspect_args *args;
    carat_store *store;
    carat_config config;
    entry *entries; /* [n], in file order */
    size_t n;
    total parts[N_PARTS], all;
    uint64_t active; /* parameters that one decoded token multiplies with */
    char scheme[16]; /* of the block matrices */
    bool runs;
    carat_plan plan;
    uint32_t context;
    char why_not[sizeof((carat_err *)0)->text];
} report;

/* ---- counting ----------------------------------------------------------------------------------------------- */

static part part_of(const carat_match *m, const carat_config *c)
{
    if (m->slot->home == CARAT_HOME_MEDIA)
        return PART_MEDIA;
    if (carat_slot_need(m->slot, c, m->layer) == CARAT_NEED_IGNORED)
        return PART_UNUSED;
    if (m->slot->role == CARAT_ROLE_EMBED || m->slot->role == CARAT_ROLE_HEAD)
        return PART_EMBEDDING;
    if (m->slot->role == CARAT_ROLE_PLE_TABLE)
        return PART_PLE;
    return carat_slot_layered(m->slot) ? PART_BLOCKS : PART_OTHER_TEXT;
}

static uint64_t params_of(const carat_store *s, const carat_tensor *t, const carat_match *m)
{
    carat_weight w = {0};

    if (strcmp(m->part, ".weight_packed") == 0)
        return carat_weight_find(s, m->base, 0, 0, &w, NULL) == CARAT_OK ? w.rows * w.cols : 0;
    if (*m->part && strcmp(m->part, ".weight") != 0)
        return 0;
    return t->bytes / carat_dtype_size(t->dtype);
}

static const char *policy_of(const carat_match *m, part p)
{
    static const char *const options[] = {"keep", "--scheme", "--embeddings", "--ple", "--experts"};
    return p == PART_UNUSED ? "unused" : options[m->slot->policy];
}

static carat_status list(report *r, carat_err *err)
{
    if (!(r->entries = carat_alloc(carat_store_count(r->store), sizeof *r->entries, err)))
        return CARAT_ENOMEM;
    for (; r->n < carat_store_count(r->store); r->n++) {
        entry *e = &r->entries[r->n];
        e->tensor = carat_store_at(r->store, r->n);
        carat_slot_match(&r->config, e->tensor->name, &e->match); /* carat_slots_check has seen to it */
        e->part = part_of(&e->match, &r->config);
        e->params = params_of(r->store, e->tensor, &e->match);
        e->policy = policy_of(&e->match, e->part);
    }
    return CARAT_OK;
}

static bool is_expert(carat_role role)
{
    return role >= CARAT_ROLE_EXPERTS_GATE_UP && role <= CARAT_ROLE_EXPERT_DOWN;
}

static void count(report *r)
{
    const carat_config *c = &r->config;

    for (const entry *e = r->entries; e < r->entries + r->n; e++) {
        total *sums[] = {&r->parts[e->part], &r->all};
        for (int k = 0; k < 2; k++) {
            sums[k]->tensors++;
            sums[k]->params += e->params;
            sums[k]->bytes += e->tensor->bytes;
        }
        bool head = e->match.slot->role == (c->tied ? CARAT_ROLE_EMBED : CARAT_ROLE_HEAD);
        if (e->part == PART_BLOCKS && is_expert(e->match.slot->role))
            r->active += e->params / c->experts * c->experts_top;
        else if (e->part == PART_BLOCKS || e->part == PART_OTHER_TEXT || head)
            r->active += e->params;
    }
}

/* How the matrices of the blocks are stored: one word if they are all alike. */
static void find_scheme(report *r)
{
    const carat_config *c = &r->config;
    const carat_slot *slot;
    char name[160], scheme[16];
    carat_weight w;

    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        if (slot->policy != CARAT_POLICY_LINEAR)
            continue;
        for (uint32_t l = 0; l < c->layers; l++) {
            carat_slot_name(slot, c, l, true, name);
            if (carat_slot_need(slot, c, l) != CARAT_NEED_REQUIRED ||
                carat_weight_find(r->store, name, 0, 0, &w, NULL) != CARAT_OK || !w.format)
                continue;
            carat_weight_scheme(&w, scheme);
            if (*r->scheme && strcmp(r->scheme, scheme) != 0)
                snprintf(r->scheme, sizeof r->scheme, "mixed");
            else
                memcpy(r->scheme, scheme, sizeof scheme);
        }
    }
}

/* What a session would cost; a model that this build does not run says why. */
static carat_status price(report *r, carat_err *err)
{
    carat_model *m = NULL;
    carat_err inner = {0};
    carat_status status = carat_model_open(r->args->common.pos[0], &m, &inner);

    r->context = (uint32_t)r->args->context;
    if (r->context == 0)
        r->context = r->config.context_max < 4096 ? r->config.context_max : 4096;
    if (status == CARAT_OK) {
        carat_session_options o = {.context = r->context, .threads = (uint32_t)r->args->common.threads};
        o.numerics = carat_model_describe(m)->packed ? CARAT_INT8 : CARAT_F32;
        if ((status = carat_kv_parse(r->args->kv, &o.kv, err))) {
            carat_model_close(m);
            return status;
        }
        status = carat_session_price(m, &o, &r->plan, &inner);
        r->runs = status == CARAT_OK;
    }
    carat_model_close(m);
    if (status == CARAT_OK)
        return CARAT_OK;
    if (status != CARAT_ESUPPORT)
        return carat_fail(err, status, "%s", inner.text);
    snprintf(r->why_not, sizeof r->why_not, "%s", inner.text);
    return CARAT_OK;
}

/* ---- words -------------------------------------------------------------------------------------------------- */

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

static void print_architecture(const report *r)
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
}

static void print_totals(const report *r)
{
    char bytes[16];

    printf("\n%-22s %8s %16s %12s\n", "", "tensors", "parameters", "bytes");
    for (int p = 0; p < N_PARTS; p++) {
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

static void print_memory(const report *r)
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
static void print_slots(const report *r)
{
    const carat_slot *slot;
    char bytes[16], name[64];

    printf("\n%-38s %-20s %7s %10s  %-12s %s\n", "slot", "role", "tensors", "bytes", "policy", "why");
    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        const carat_match m = {.slot = slot};
        total sum = {0};
        for (const entry *e = r->entries; e < r->entries + r->n; e++) {
            sum.tensors += e->match.slot == slot;
            sum.bytes += e->match.slot == slot ? e->tensor->bytes : 0;
        }
        if (sum.tensors == 0)
            continue;
        pattern_of(slot, name, sizeof name);
        carat_format_bytes(sum.bytes, bytes);
        printf("%-38s %-20s %7" PRIu64 " %10s  %-12s %s\n", name, carat_role_name(slot->role), sum.tensors,
               bytes, policy_of(&m, PART_BLOCKS), slot->why);
    }
}

static void print_tensors(const report *r)
{
    char shape[96];

    printf("\n%-20s %-5s %-20s %12s  %-12s %s\n", "role", "dtype", "shape", "bytes", "policy", "name");
    for (const entry *e = r->entries; e < r->entries + r->n; e++) {
        print_shape(e->tensor, shape);
        printf("%-20s %-5s %-20s %12" PRIu64 "  %-12s %s\n", carat_role_name(e->match.slot->role),
               carat_dtype_name(e->tensor->dtype), shape, e->tensor->bytes, e->policy, e->tensor->name);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

static void put_u64(carat_jw *w, const char *key, uint64_t v)
{
    carat_jw_key(w, key);
    carat_jw_u64(w, v);
}

static void put_text(carat_jw *w, const char *key, const char *text)
{
    carat_jw_key(w, key);
    carat_jw_text(w, text);
}

static void json_config(carat_jw *w, const carat_config *c)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"vocab", c->vocab},
                   {"hidden", c->hidden},
                   {"layers", c->layers},
                   {"layers_kv", carat_config_layers_kv(c)},
                   {"heads", c->heads},
                   {"kv_heads", c->kv_heads},
                   {"global_kv_heads", c->global_kv_heads},
                   {"head_dim", c->head_dim},
                   {"global_head_dim", c->global_head_dim},
                   {"intermediate", c->intermediate},
                   {"ple_dim", c->ple_dim},
                   {"window", c->window},
                   {"context_max", c->context_max},
                   {"experts", c->experts},
                   {"experts_top", c->experts_top}};

    carat_jw_key(w, "config");
    carat_jw_open(w, '{');
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_u64(w, numbers[i].key, numbers[i].value);
    carat_jw_key(w, "tied");
    carat_jw_bool(w, c->tied);
    carat_jw_key(w, "softcap");
    carat_jw_f64(w, c->softcap);
    carat_jw_close(w);
}

static void json_totals(carat_jw *w, const report *r)
{
    carat_jw_key(w, "parameters");
    carat_jw_open(w, '{');
    put_u64(w, "total", r->all.params);
    put_u64(w, "active", r->active);
    for (int p = 0; p < N_PARTS; p++)
        put_u64(w, part_keys[p], r->parts[p].params);
    carat_jw_close(w);
    carat_jw_key(w, "bytes");
    carat_jw_open(w, '{');
    put_u64(w, "total", r->all.bytes);
    for (int p = 0; p < N_PARTS; p++)
        put_u64(w, part_keys[p], r->parts[p].bytes);
    carat_jw_close(w);
    carat_jw_key(w, "memory");
    if (!r->runs) {
        carat_jw_null(w);
        put_text(w, "memory_unknown", r->why_not);
        return;
    }
    carat_jw_open(w, '{');
    put_u64(w, "context", r->context);
    put_u64(w, "weights", r->plan.weights);
    put_u64(w, "kv", r->plan.kv);
    put_u64(w, "scratch", r->plan.scratch);
    carat_jw_key(w, "kv_type");
    carat_jw_text(w, carat_kv_name(r->plan.kv_type));
    carat_jw_close(w);
}

static void json_tensor(carat_jw *w, const report *r, const entry *e)
{
    carat_jw_open(w, '{');
    put_text(w, "name", e->tensor->name);
    put_text(w, "role", carat_role_name(e->match.slot->role));
    carat_jw_key(w, "layer");
    if (carat_slot_layered(e->match.slot))
        carat_jw_u64(w, e->match.layer);
    else
        carat_jw_null(w);
    put_text(w, "dtype", carat_dtype_name(e->tensor->dtype));
    carat_jw_key(w, "shape");
    carat_jw_open(w, '[');
    for (uint32_t d = 0; d < e->tensor->ndim; d++)
        carat_jw_u64(w, e->tensor->dim[d]);
    carat_jw_close(w);
    put_u64(w, "bytes", e->tensor->bytes);
    put_text(w, "file", carat_store_file(r->store, e->tensor->file));
    put_text(w, "policy", e->policy);
    put_text(w, "why", e->match.slot->why);
    carat_jw_close(w);
}

static carat_status print_json(const report *r, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);

    carat_jw_open(&w, '{');
    put_text(&w, "path", carat_store_dir(r->store));
    put_text(&w, "family", carat_config_family(&r->config));
    put_text(&w, "model_type", r->config.model_type);
    put_text(&w, "architecture", r->config.architecture);
    put_text(&w, "scheme", r->scheme);
    json_config(&w, &r->config);
    json_totals(&w, r);
    carat_jw_key(&w, "tensors");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < r->n; i++)
        json_tensor(&w, r, &r->entries[i]);
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_status status = carat_str_check(&s, err);
    if (status == CARAT_OK)
        puts(s.data);
    carat_str_free(&s);
    return status;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static carat_status open_report(report *r, carat_err *err)
{
    const char *path = r->args->common.pos[0];
    carat_status status = carat_store_open(path, &r->store, err);

    if (status == CARAT_OK)
        status = carat_config_load(carat_store_dir(r->store), &r->config, err);
    if (status != CARAT_OK)
        return status;
    carat_slots_adopt(&r->config, r->store);
    if ((status = carat_slots_check(&r->config, r->store, false, err)) != CARAT_OK)
        return carat_fail_in(err, status, path);
    if ((status = list(r, err)) != CARAT_OK)
        return status;
    count(r);
    find_scheme(r);
    return price(r, err);
}

static int run(const void *args, carat_err *err)
{
    report r = {.args = args};
    carat_status status;

    if (r.args->context < 0 || r.args->context > INT32_MAX)
        status = carat_fail(err, CARAT_EUSAGE, "--context %" PRId64 ": not a number of tokens",
                            r.args->context);
    else
        status = open_report(&r, err);
    if (status == CARAT_OK && r.args->common.json)
        status = print_json(&r, err);
    else if (status == CARAT_OK) {
        print_architecture(&r);
        print_totals(&r);
        print_memory(&r);
        if (r.args->tensors)
            print_tensors(&r);
        else
            print_slots(&r);
    }
    carat_free(r.entries);
    carat_store_close(r.store);
    return carat_cmd_exit(status, err);
}

static const carat_opt options[] = {
    {"tensors", 0, CARAT_OPT_FLAG, offsetof(inspect_args, tensors), NULL,
     "every tensor, not only every slot"},
    {"context", 0, CARAT_OPT_INT, offsetof(inspect_args, context), "N",
     "price a session of N tokens (default 4096)"},
    {"kv", 0, CARAT_OPT_TEXT, offsetof(inspect_args, kv), "TYPE",
     "with K and V as f32, bf16, f16 or int8 (default: f32; bf16 on packed weights)"},
    {0},
};

const carat_cmd carat_cmd_inspect = {
    .name = "inspect",
    .summary = "what a checkpoint is: architecture, parameters, tensors, memory",
    .usage = "MODEL [--tensors] [--context N] [--json]",
    .detail = "Checks the files against the config and says what they hold, what a session of N tokens would "
              "cost, and\n"
              "what quantize would do with each tensor: follow --scheme, --embeddings or --ple, or keep it.\n"
              "\"active\" counts what one decoded token multiplies with; packed weights count one by one.",
    .example = "$ carat inspect google/gemma-4-E2B-it --context 8192",
    .options = options,
    .args_size = sizeof(inspect_args),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
