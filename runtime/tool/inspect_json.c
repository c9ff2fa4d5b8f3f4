/* What inspect found out, as JSON.                                                 SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "runtime/base/json.h"
#include "runtime/tool/inspect.h"

static const char *const part_keys[CARAT_N_PARTS] = {"blocks",     "embeddings", "ple",
                                                     "other_text", "towers",     "unused"};

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
        carat_jw_put_u64(w, numbers[i].key, numbers[i].value);
    carat_jw_put_bool(w, "tied", c->tied);
    carat_jw_put_f64(w, "softcap", c->softcap);
    carat_jw_close(w);
}

static void json_totals(carat_jw *w, const carat_inspect_report *r)
{
    carat_jw_key(w, "parameters");
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "total", r->all.params);
    carat_jw_put_u64(w, "active", r->active);
    for (int p = 0; p < CARAT_N_PARTS; p++)
        carat_jw_put_u64(w, part_keys[p], r->parts[p].params);
    carat_jw_close(w);
    carat_jw_key(w, "bytes");
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "total", r->all.bytes);
    for (int p = 0; p < CARAT_N_PARTS; p++)
        carat_jw_put_u64(w, part_keys[p], r->parts[p].bytes);
    carat_jw_close(w);
    carat_jw_key(w, "memory");
    if (!r->runs) {
        carat_jw_null(w);
        carat_jw_put_text(w, "memory_unknown", r->why_not);
        return;
    }
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "context", r->context);
    carat_jw_put_u64(w, "weights", r->plan.weights);
    carat_jw_put_u64(w, "kv", r->plan.kv);
    carat_jw_put_u64(w, "scratch", r->plan.scratch);
    carat_jw_put_text(w, "kv_type", carat_kv_name(r->plan.kv_type));
    carat_jw_close(w);
}

static void json_tensor(carat_jw *w, const carat_inspect_report *r, const carat_inspect_entry *e)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "name", e->tensor->name);
    carat_jw_put_text(w, "role", carat_role_name(e->match.slot->role));
    carat_jw_key(w, "layer");
    if (carat_slot_layered(e->match.slot))
        carat_jw_u64(w, e->match.layer);
    else
        carat_jw_null(w);
    carat_jw_put_text(w, "dtype", carat_dtype_name(e->tensor->dtype));
    carat_jw_key(w, "shape");
    carat_jw_open(w, '[');
    for (uint32_t d = 0; d < e->tensor->ndim; d++)
        carat_jw_u64(w, e->tensor->dim[d]);
    carat_jw_close(w);
    carat_jw_put_u64(w, "bytes", e->tensor->bytes);
    carat_jw_put_text(w, "file", carat_store_file(r->store, e->tensor->file));
    carat_jw_put_text(w, "policy", e->policy);
    carat_jw_put_text(w, "why", e->match.slot->why);
    carat_jw_close(w);
}

carat_status carat_inspect_json(const carat_inspect_report *r, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);

    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "path", carat_store_dir(r->store));
    carat_jw_put_text(&w, "family", carat_config_family(&r->config));
    carat_jw_put_text(&w, "model_type", r->config.model_type);
    carat_jw_put_text(&w, "architecture", r->config.architecture);
    carat_jw_put_text(&w, "scheme", r->scheme);
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
