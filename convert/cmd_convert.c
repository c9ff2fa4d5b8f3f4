/* carat convert: the same weights in another container or type.                    SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "convert/export.h"

typedef struct args {
    carat_common common;
    const char *dtype;
    uint64_t memory;
    bool force;
} args;

static const carat_opt options[] = {
    {"dtype", 0, CARAT_OPT_TEXT, offsetof(args, dtype), "bf16|f16|f32",
     "decode packed matrices and cast floats to this type"},
    {"memory", 0, CARAT_OPT_SIZE, offsetof(args, memory), "SIZE",
     "own memory the run may hold (default: 512M)"},
    {"force", 0, CARAT_OPT_FLAG, offsetof(args, force), NULL, "replace an existing OUT"},
    {NULL, 0, CARAT_OPT_FLAG, 0, NULL, NULL},
};

static const struct {
    const char *name, *torch;
    carat_dtype dtype;
} dtypes[] = {
    {"bf16", "bfloat16", CARAT_DT_BF16},
    {"f16", "float16", CARAT_DT_F16},
    {"f32", "float32", CARAT_DT_F32},
};

typedef struct job {
    carat_store *store;
    carat_config *config;
    carat_plan_table plan;
} job;

/* Opens the source and looks at all of it, before anything is written. */
static carat_status open_job(const char *src, const carat_dtype *dtype, job *j, carat_err *err)
{
    carat_status st = carat_store_open(src, &j->store, err);
    if (st)
        return st;
    if (!(j->config = carat_alloc(1, sizeof *j->config, err)))
        return CARAT_ENOMEM;
    if ((st = carat_config_load(carat_store_dir(j->store), j->config, err)))
        return st;
    carat_slots_adopt(j->config, j->store);
    if ((st = carat_slots_check(j->config, j->store, false, err)))
        return st;
    return carat_plan_convert(j->config, j->store, dtype, &j->plan, err);
}

static carat_status convert(const args *a, carat_err *err)
{
    size_t d = 0, n = sizeof dtypes / sizeof dtypes[0];
    while (a->dtype && d < n && strcmp(dtypes[d].name, a->dtype) != 0)
        d++;
    if (d == n)
        return carat_fail(err, CARAT_EUSAGE, "unknown type '%s'; known: bf16, f16, f32", a->dtype);
    job j = {0};
    carat_status st = open_job(a->common.pos[0], a->dtype ? &dtypes[d].dtype : NULL, &j, err);
    if (!st) {
        carat_export e = {.store = j.store,
                          .plan = &j.plan,
                          .out = a->common.pos[1],
                          .scheme = a->dtype ? a->dtype : "keep",
                          .common = &a->common,
                          .force = a->force,
                          .memory = a->memory,
                          .keep_meta = !a->dtype};
        e.config.keep_all = !a->dtype;
        e.config.dtype = a->dtype ? dtypes[d].torch : NULL;
        st = carat_export_run(&e, err);
    }
    if (!st && a->common.talk.verbosity >= 0) {
        char before[16], after[16];
        carat_format_bytes(j.plan.before, before);
        carat_format_bytes(j.plan.after, after);
        printf("%zu tensors, %s -> %s\n", j.plan.n_parts, before, after);
    }
    carat_plan_free(&j.plan);
    carat_free(j.config);
    carat_store_close(j.store);
    return st;
}

static int run(const void *p, carat_err *err)
{
    return carat_cmd_exit(convert(p, err), err);
}

const carat_cmd carat_cmd_convert = {
    .name = "convert",
    .summary = "the same weights in another container or type",
    .usage = "SRC OUT [--dtype bf16|f16|f32] [options]",
    .detail =
        "Without --dtype, tensors are copied bit for bit into files of at most 5 GB. With --dtype, packed "
        "matrices are decoded\n"
        "(code x scale exactly, then rounded once to the type), float tensors are cast, integers are "
        "carried, experts\n"
        "that lie one by one are fused again, and the config loses its quantization_config.\n"
        "Nothing stands under the name OUT before it is complete. A run that was ended is simply run again.",
    .example = "$ carat convert gemma-4-E2B-int4 gemma-4-E2B-plain --dtype bf16",
    .options = options,
    .args_size = sizeof(args),
    .npos_min = 2,
    .npos_max = 2,
    .run = run,
};
