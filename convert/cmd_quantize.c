/* carat quantize: weights in fewer bits, in a form that others load.               SPDX-License-Identifier: Apache-2.0
 *
 * The command lies in convert/ because it joins the two: quantize/ knows schemes, recipes and how a row is coded, and never sees
 * convert/, which knows plans, files and the run. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "convert/export.h"
#include "convert/qconfig.h"
#include "convert/report.h"
#include "runtime/base/file.h"

typedef struct args {
    carat_common common;
    const char *scheme, *experts, *embeddings, *ple, *method, *report;
    carat_opt_list set;
    uint64_t memory;
    bool dry_run, force;
} args;

static const carat_opt options[] = {
    {"scheme", 0, CARAT_OPT_TEXT, offsetof(args, scheme), "SCHEME",
     "matrices of the blocks; `carat list schemes`"},
    {"set", 0, CARAT_OPT_LIST, offsetof(args, set), "REGEX=SCHEME",
     "another scheme for modules whose name matches; the last wins"},
    {"experts", 0, CARAT_OPT_TEXT, offsetof(args, experts), "SCHEME",
     "experts (default: as --scheme); bf16 or keep leaves them fused"},
    {"embeddings", 0, CARAT_OPT_TEXT, offsetof(args, embeddings), "SCHEME",
     "token table and head (default: keep)"},
    {"ple", 0, CARAT_OPT_TEXT, offsetof(args, ple), "SCHEME", "per-layer embedding table (default: keep)"},
    {"method", 0, CARAT_OPT_TEXT, offsetof(args, method), "NAME",
     "how scales are chosen: search (default), absmax"},
    {"memory", 0, CARAT_OPT_SIZE, offsetof(args, memory), "SIZE",
     "own memory the run may hold (default: 512M)"},
    {"dry-run", 0, CARAT_OPT_FLAG, offsetof(args, dry_run), NULL, "print the plan, write nothing"},
    {"report", 0, CARAT_OPT_TEXT, offsetof(args, report), "FILE.json",
     "write the report: every tensor, its error, what loads it"},
    {"force", 0, CARAT_OPT_FLAG, offsetof(args, force), NULL, "replace an existing OUT"},
    {NULL, 0, CARAT_OPT_FLAG, 0, NULL, NULL},
};

typedef struct job {
    const args *a;
    carat_store *store;
    carat_config *config;
    carat_recipe *recipe;
    const carat_method *method;
    carat_plan_table plan;
    char (*sha256)[65];
} job;

static carat_status open_job(const args *a, job *j, carat_err *err)
{
    const carat_recipe_args ask = {a->scheme, a->experts, a->embeddings, a->ple, a->set.item, a->set.n};
    const char *src = a->common.pos[0];
    carat_status st;
    j->a = a;
    if ((st = carat_recipe_open(&ask, &j->recipe, err)) ||
        (st = carat_method_pick(a->method, &j->method, err)))
        return st;
    if ((st = carat_store_open(src, &j->store, err)))
        return st;
    j->config = carat_alloc(1, sizeof *j->config, err);
    j->sha256 = carat_alloc(carat_store_files(j->store), sizeof *j->sha256, err);
    if (!j->config || !j->sha256)
        return CARAT_ENOMEM;
    if ((st = carat_config_load(carat_store_dir(j->store), j->config, err)))
        return st;
    carat_slots_adopt(j->config, j->store);
    if ((st = carat_slots_check(j->config, j->store, false, err)))
        return st;
    return carat_plan_quantize(j->config, j->store, j->recipe, &j->plan, err);
}

static void close_job(job *j)
{
    carat_plan_free(&j->plan);
    carat_free(j->sha256);
    carat_free(j->config);
    carat_recipe_close(j->recipe);
    carat_store_close(j->store);
}

static carat_status write_out(job *j, carat_err *err)
{
    carat_export e = {.store = j->store,
                      .plan = &j->plan,
                      .out = j->a->common.pos[1],
                      .scheme = j->a->scheme,
                      .method = j->method,
                      .common = &j->a->common,
                      .force = j->a->force,
                      .memory = j->a->memory,
                      .hash = true,
                      .sha256 = j->sha256};
    carat_status st = carat_qconfig_make(j->config, &j->plan, &e.config.quantization, err);
    return st ? st : carat_export_run(&e, err);
}

static carat_status print_report(const job *j, carat_err *err)
{
    const args *a = j->a;
    carat_quantize_report r = {&j->plan,        j->recipe,
                               j->store,        a->common.pos[1],
                               j->method->name, a->dry_run ? NULL : (const char(*)[65])j->sha256};
    carat_str text = CARAT_STR_INIT;
    carat_status st = carat_report_json(&r, &text, err);
    if (!st && a->report)
        st = carat_write_file(a->report, text.data, text.len, err);
    if (!st && a->common.json)
        fwrite(text.data, 1, text.len, stdout);
    else if (!st && a->common.talk.verbosity >= 0)
        carat_report_table(&r, a->common.talk.verbosity > 0, stdout);
    carat_str_free(&text);
    return st;
}

/* Before the work: can the report be written when it is done? Within OUT it can, which stands by then. */
static carat_status check_report(const job *j, carat_err *err)
{
    const char *report = j->a->report, *out = j->a->common.pos[1];
    if (!report || (carat_starts(report, out) && strchr(report + strlen(out), '/')))
        return CARAT_OK;
    carat_status st = carat_output_spares(report, carat_store_dir(j->store), err);
    bool force = j->a->force || carat_file_begins(report, "{\"carat\"");
    return st ? st : carat_output_check(report, NULL, force, err);
}

static int run(const void *p, carat_err *err)
{
    const args *a = p;
    job j = {0};
    carat_status st = open_job(a, &j, err);
    if (!st)
        st = check_report(&j, err);
    if (!st)
        st = a->dry_run ? carat_outdir_check(j.store, a->common.pos[1], a->force, err) : write_out(&j, err);
    if (!st)
        st = print_report(&j, err);
    close_job(&j);
    return carat_cmd_exit(st, err);
}

const carat_cmd carat_cmd_quantize = {
    .name = "quantize",
    .summary = "weights in 8 or 4 bits, loadable by transformers and vLLM",
    .usage = "SRC OUT --scheme SCHEME [options]",
    .detail =
        "Reads a float checkpoint and writes a directory in compressed-tensors' layout: matrices of the "
        "blocks as --scheme says;\n"
        "norms, scalars, towers and per-layer projections stay as they are; embedding tables too unless "
        "asked for.\n"
        "Scales are searched for the least squared error. Rows stream through in pieces: memory does not "
        "grow with the\n"
        "model, and the bytes written are the same for any number of threads.\n"
        "\n"
        "Nothing stands under the name OUT before it is complete. A run that was ended is simply run again.\n"
        "Every tensor gets a row in the report: wanted, got, why, bytes, error. A group size that does not "
        "divide a width\n"
        "falls back to the next smaller one that does and says so, unless --set asked for it by name: then "
        "it is an error.",
    .example =
        "$ carat quantize gemma-4-E2B gemma-4-E2B-int4 --scheme int4-g32 --embeddings int8 --ple int8 \\\n"
        "      --set 'layers\\.(0|34)\\.=int8' --report report.json",
    .options = options,
    .args_size = sizeof(args),
    .npos_min = 2,
    .npos_max = 2,
    .run = run,
};
