/* carat inspect: what a checkpoint is.                                             SPDX-License-Identifier: Apache-2.0
 *
 * Owns the counting; inspect_words.c and inspect_json.c say it. Names come from the table of slots, memory from carat_session_price. A
 * checkpoint that does not agree with its config is refused like everywhere else. */
#include "runtime/tool/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/format/format.h"

/* ---- counting ----------------------------------------------------------------------------------------------- */

static carat_inspect_part part_of(const carat_match *m, const carat_config *c)
{
    if (m->slot->home == CARAT_HOME_MEDIA)
        return CARAT_PART_MEDIA;
    if (carat_slot_need(m->slot, c, m->layer) == CARAT_NEED_IGNORED)
        return CARAT_PART_UNUSED;
    if (m->slot->role == CARAT_ROLE_EMBED || m->slot->role == CARAT_ROLE_HEAD)
        return CARAT_PART_EMBEDDING;
    if (m->slot->role == CARAT_ROLE_PLE_TABLE)
        return CARAT_PART_PLE;
    return carat_slot_layered(m->slot) ? CARAT_PART_BLOCKS : CARAT_PART_OTHER_TEXT;
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

const char *carat_inspect_policy(const carat_slot *slot)
{
    static const char *const options[] = {"keep", "--scheme", "--embeddings", "--ple", "--experts"};
    return options[slot->policy];
}

static carat_status list(carat_inspect_report *r, carat_err *err)
{
    if (!(r->entries = carat_alloc(carat_store_count(r->store), sizeof *r->entries, err)))
        return CARAT_ENOMEM;
    for (; r->n < carat_store_count(r->store); r->n++) {
        carat_inspect_entry *e = &r->entries[r->n];
        e->tensor = carat_store_at(r->store, r->n);
        carat_slot_match(&r->config, e->tensor->name, &e->match); /* carat_slots_check has seen to it */
        e->part = part_of(&e->match, &r->config);
        e->params = params_of(r->store, e->tensor, &e->match);
        e->policy = e->part == CARAT_PART_UNUSED ? "unused" : carat_inspect_policy(e->match.slot);
    }
    return CARAT_OK;
}

static bool is_expert(carat_role role)
{
    return role >= CARAT_ROLE_EXPERTS_GATE_UP && role <= CARAT_ROLE_EXPERT_DOWN;
}

static void count(carat_inspect_report *r)
{
    const carat_config *c = &r->config;

    for (const carat_inspect_entry *e = r->entries; e < r->entries + r->n; e++) {
        carat_inspect_total *sums[] = {&r->parts[e->part], &r->all};
        for (int k = 0; k < 2; k++) {
            sums[k]->tensors++;
            sums[k]->params += e->params;
            sums[k]->bytes += e->tensor->bytes;
        }
        bool head = e->match.slot->role == (c->tied ? CARAT_ROLE_EMBED : CARAT_ROLE_HEAD);
        if (e->part == CARAT_PART_BLOCKS && is_expert(e->match.slot->role))
            r->active += e->params / c->experts * c->experts_top;
        else if (e->part == CARAT_PART_BLOCKS || e->part == CARAT_PART_OTHER_TEXT || head)
            r->active += e->params;
    }
}

/* How the matrices of the blocks are stored: one word if they are all alike. */
static void find_scheme(carat_inspect_report *r)
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

/* A tower of which the config speaks and the files hold nothing. */
static void find_missing(carat_inspect_report *r)
{
    const carat_slot *vision = carat_slot_of(CARAT_ROLE_EMBED_VISION),
                     *audio = carat_slot_of(CARAT_ROLE_EMBED_AUDIO);
    r->vision_missing = r->config.has_vision;
    r->audio_missing = r->config.has_audio;
    for (const carat_inspect_entry *e = r->entries; e < r->entries + r->n; e++) {
        r->vision_missing = r->vision_missing && e->match.slot != vision;
        r->audio_missing = r->audio_missing && e->match.slot != audio;
    }
}

/* What a session would cost; a model that this build does not run says why. */
static carat_status price(carat_inspect_report *r, carat_err *err)
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

/* ---- --check: every number ------------------------------------------------------------------------------------ */

/* The first element of a float tensor that is NaN, or infinite where it must not be; `bytes / size` for none. Clip bounds may be
 * open, that is infinite. */
static uint64_t bad_element(const carat_tensor *t, bool open)
{
    uint64_t n = t->bytes / carat_dtype_size(t->dtype), i = 0;
    while (i < n) {
        float x = carat_tensor_f32(t, i);
        if (isnan(x) || (isinf(x) && !open))
            break;
        i++;
    }
    return i;
}

static carat_status check_numbers(const carat_inspect_report *r, carat_err *err)
{
    carat_progress bar = carat_progress_begin(&r->args->common.talk, "checking", "B",
                                              carat_store_bytes(r->store));
    carat_status st = CARAT_OK;
    uint64_t done = 0;
    for (size_t i = 0; !st && i < r->n; i++) {
        const carat_tensor *t = r->entries[i].tensor;
        carat_role role = r->entries[i].match.slot->role;
        bool open = role == CARAT_ROLE_VISION_CLIP || role == CARAT_ROLE_AUDIO_CLIP;
        carat_map_advise(t->data, t->bytes, CARAT_ADVISE_NEED);
        if (carat_format_of_dtype(t->dtype)) {
            uint64_t k = bad_element(t, open);
            if (k < t->bytes / carat_dtype_size(t->dtype))
                st = carat_fail(err, CARAT_EFORMAT, "tensor %s: element %" PRIu64 " is %g", t->name, k,
                                (double)carat_tensor_f32(t, k));
        }
        carat_map_advise(t->data, t->bytes, CARAT_ADVISE_DONE);
        carat_progress_at(&bar, done += t->bytes);
        if (!st && carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted");
    }
    carat_progress_end(&bar);
    return st;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static carat_status open_report(carat_inspect_report *r, carat_err *err)
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
    find_missing(r);
    if (r->args->check && (status = check_numbers(r, err)) != CARAT_OK)
        return carat_fail_in(err, status, path);
    return price(r, err);
}

static int run(const void *args, carat_err *err)
{
    carat_inspect_report r = {.args = args};
    carat_status status;

    if (r.args->context < 0 || r.args->context > INT32_MAX)
        status = carat_fail(err, CARAT_EUSAGE, "--context %" PRId64 ": not a number of tokens",
                            r.args->context);
    else
        status = open_report(&r, err);
    if (status == CARAT_OK && r.args->common.json)
        status = carat_inspect_json(&r, err);
    else if (status == CARAT_OK)
        carat_inspect_words(&r);
    carat_free(r.entries);
    carat_store_close(r.store);
    return carat_cmd_exit(status, err);
}

static const carat_opt options[] = {
    {"tensors", 0, CARAT_OPT_FLAG, offsetof(carat_inspect_args, tensors), NULL,
     "every tensor, not only every slot"},
    {"check", 0, CARAT_OPT_FLAG, offsetof(carat_inspect_args, check), NULL,
     "read every weight and scale: NaN and infinity are refused"},
    {"context", 0, CARAT_OPT_INT, offsetof(carat_inspect_args, context), "N",
     "price a session of N tokens (default 4096)"},
    {"kv", 0, CARAT_OPT_TEXT, offsetof(carat_inspect_args, kv), "TYPE",
     "with K and V as f32, bf16, f16 or int8 (default: f32; f16 on packed weights)"},
    {0},
};

const carat_cmd carat_cmd_inspect = {
    .name = "inspect",
    .summary = "what a checkpoint is: architecture, parameters, tensors, memory",
    .usage = "MODEL [--tensors] [--context N] [--check] [--json]",
    .detail = "Checks the files against the config and says what they hold, what a session of N tokens would "
              "cost, and\n"
              "what quantize would do with each tensor: follow --scheme, --experts, --embeddings or --ple, "
              "or keep it.\n"
              "\"active\" counts what one decoded token multiplies with; packed weights count one by one.",
    .example = "$ carat inspect google/gemma-4-E2B-it --context 8192",
    .options = options,
    .args_size = sizeof(carat_inspect_args),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
