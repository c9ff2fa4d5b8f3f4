/* carat eval: suites over a model, kept as a run.                                  SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/run.h"
#include "runtime/base/cmd.h"
#include "runtime/base/hash.h"
#include "runtime/base/mem.h"

struct args {
    carat_common common;
    const char *suites, *reference, *write_reference, *numerics, *kernels, *kv, *out;
    carat_opt_list data;
    int64_t context, stride, limit;
};

enum { MAX_SUITES = 16 };

static const struct args defaults = {.context = 512};

/* One invocation. */
struct job {
    const struct args *a;
    const carat_suite *suite[MAX_SUITES];
    size_t n_suites;
    carat_backend model, reference;
    carat_run run;
    carat_str report; /* JSON */
};

static carat_status pick_suites(struct job *j, carat_err *err)
{
    if (!j->a->suites)
        return carat_fail(err, CARAT_EUSAGE, "which suite? --suite perplexity,kld (`carat list suites`)");
    for (const char *p = j->a->suites;;) {
        size_t len = strcspn(p, ",");
        const carat_suite *s = carat_suite_named(p, len);
        if (!s)
            return carat_fail(err, CARAT_EUSAGE, "unknown suite %.*s; `carat list suites` names them",
                              (int)len, p);
        if (j->n_suites == MAX_SUITES)
            return carat_fail(err, CARAT_EUSAGE, "more than %d suites", MAX_SUITES);
        j->suite[j->n_suites++] = s;
        if (!p[len])
            return CARAT_OK;
        p += len + 1;
    }
}

/* The file given as --data SUITE=FILE; a suite without one of its own takes the first that was given. */
static const char *data_of(const struct args *a, const char *suite)
{
    size_t len = strlen(suite);
    for (size_t i = 0; i < a->data.n; i++)
        if (strncmp(a->data.item[i], suite, len) == 0 && a->data.item[i][len] == '=')
            return a->data.item[i] + len + 1;
    const char *eq = a->data.n ? strchr(a->data.item[0], '=') : NULL;
    return eq ? eq + 1 : NULL;
}

static carat_status check_args(const struct args *a, carat_err *err)
{
    for (size_t i = 0; i < a->data.n; i++) {
        size_t len = strcspn(a->data.item[i], "=");
        if (!a->data.item[i][len] || !carat_suite_named(a->data.item[i], len))
            return carat_fail(err, CARAT_EUSAGE, "--data %s: SUITE=FILE, with a suite of `carat list suites`",
                              a->data.item[i]);
    }
    if (a->context < 2 || a->context > 1 << 20)
        return carat_fail(err, CARAT_EUSAGE, "--context %" PRId64 ": from 2 to %d", a->context, 1 << 20);
    if (a->stride < 0 || a->stride > a->context - 1)
        return carat_fail(err, CARAT_EUSAGE, "--stride %" PRId64 ": from 1 to context - 1 = %" PRId64,
                          a->stride, a->context - 1);
    if (a->limit < 0)
        return carat_fail(err, CARAT_EUSAGE, "--limit %" PRId64 ": 0 or more items", a->limit);
    return CARAT_OK;
}

/* Everything that decides the numbers, as the text of header.json. */
static carat_status pin_method(struct job *j, carat_str *out, carat_err *err)
{
    const struct args *a = j->a;
    carat_jw w = carat_jw_begin(out);
    carat_str text = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "carat");
    carat_jw_text(&w, CARAT_VERSION);
    carat_jw_key(&w, "suites");
    carat_jw_text(&w, a->suites);
    carat_jw_key(&w, "model");
    carat_jw_text(&w, a->common.pos[0]);
    j->model.describe(j->model.self, &text);
    carat_jw_key(&w, "backend");
    carat_jw_text(&w, text.data);
    carat_jw_key(&w, "reference");
    carat_jw_text(&w, a->reference);
    if (j->reference.self) {
        carat_str_clear(&text);
        j->reference.describe(j->reference.self, &text);
        carat_jw_key(&w, "reference_backend");
        carat_jw_text(&w, text.data);
    }
    carat_jw_key(&w, "context");
    carat_jw_i64(&w, a->context);
    carat_jw_key(&w, "stride");
    carat_jw_i64(&w, a->stride ? a->stride : a->context - 1);
    carat_jw_key(&w, "limit");
    carat_jw_i64(&w, a->limit);
    carat_jw_key(&w, "seed");
    carat_jw_i64(&w, a->common.seed);
    carat_jw_key(&w, "data");
    carat_jw_open(&w, '{');
    for (size_t i = 0; i < j->n_suites && !st; i++) {
        const char *path = data_of(a, j->suite[i]->name);
        char hex[65] = "";
        if (path && !(st = carat_sha256_file(path, hex, err))) {
            carat_jw_key(&w, j->suite[i]->name);
            carat_jw_text(&w, hex);
        }
    }
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    carat_str_free(&text);
    return st ? st : carat_str_check(out, err);
}

/* ---- running a suite ----------------------------------------------------------------------------------------- */

static carat_status compute_item(struct job *j, const carat_suite *s, void *state, size_t i, carat_err *err)
{
    carat_str line = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&line);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "suite");
    carat_jw_text(&w, s->name);
    carat_jw_key(&w, "item");
    carat_jw_u64(&w, i);
    carat_status st = s->item(state, i, &w, err);
    carat_jw_close(&w);
    if (!st)
        st = carat_run_keep(&j->run, &line, err);
    carat_str_free(&line);
    return st;
}

/* The items that have no result yet. */
static carat_status compute(struct job *j, const carat_suite *s, void *state,
                            const carat_json *const *results, size_t items, carat_err *err)
{
    uint64_t total = 0, done = 0;
    for (size_t i = 0; i < items; i++)
        total += s->size(state, i);
    carat_progress bar = carat_progress_begin(&j->a->common.talk, s->name, "token", total);
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < items && !st; i++) {
        if (carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted after %zu of %zu items; the same command goes on",
                            i, items);
        else if (!results[i])
            st = compute_item(j, s, state, i, err);
        done += s->size(state, i);
        carat_progress_at(&bar, done);
    }
    carat_progress_end(&bar);
    return st;
}

static void print_results(const struct job *j, const carat_suite *s, const carat_results *r)
{
    if (j->a->common.json)
        return;
    printf("%s\n", s->name);
    for (size_t i = 0; i < r->n; i++) {
        const carat_estimate *e = &r->metric[i].estimate;
        printf("  %-18s %12.6g", r->metric[i].name, e->value);
        if (isfinite(e->error))
            printf("  +- %-10.3g [%.6g, %.6g]", e->error, e->low, e->high);
        if (e->n)
            printf("  n = %zu", e->n);
        putchar('\n');
    }
    printf("  (%s)\n", r->note);
}

static void write_results(carat_jw *w, const carat_results *r)
{
    carat_jw_open(w, '{');
    for (size_t i = 0; i < r->n; i++) {
        const carat_estimate *e = &r->metric[i].estimate;
        carat_jw_key(w, r->metric[i].name);
        carat_jw_open(w, '{');
        carat_jw_key(w, "value");
        carat_jw_f64(w, e->value);
        carat_jw_key(w, "stderr");
        carat_jw_f64(w, e->error);
        carat_jw_key(w, "low");
        carat_jw_f64(w, e->low);
        carat_jw_key(w, "high");
        carat_jw_f64(w, e->high);
        carat_jw_key(w, "n");
        carat_jw_u64(w, e->n);
        carat_jw_close(w);
    }
    carat_jw_close(w);
}

static carat_status run_suite(struct job *j, const carat_suite *s, carat_results *out, carat_err *err)
{
    const struct args *a = j->a;
    bool file = a->reference && carat_is_file(a->reference) && !carat_ends(a->reference, ".safetensors");
    carat_eval e = {.model = &j->model,
                    .reference = j->reference.self ? &j->reference : NULL,
                    .reference_file = file ? a->reference : NULL,
                    .write_reference = a->write_reference,
                    .data = data_of(a, s->name),
                    .context = (uint32_t)a->context,
                    .stride = (uint32_t)(a->stride ? a->stride : a->context - 1),
                    .limit = (size_t)a->limit,
                    .seed = (uint64_t)a->common.seed};
    void *state;
    size_t items;
    carat_status st = s->open(&e, &state, &items, err);
    if (st)
        return st;
    const carat_json **results = carat_alloc(items, sizeof *results, err);
    if (!results) {
        st = CARAT_ENOMEM;
        goto out;
    }
    carat_run_find(&j->run, s->name, results, items);
    if ((st = compute(j, s, state, results, items, err)))
        goto out;
    carat_run_find(&j->run, s->name, results, items);
    out->items = items;
    out->seed = e.seed;
    st = s->report(state, results, items, out, err);
out:
    carat_free(results);
    s->close(state);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status open_models(struct job *j, carat_err *err)
{
    const struct args *a = j->a;
    carat_local_options o = {a->common.pos[0],           a->numerics, a->kernels, a->kv, (uint32_t)a->context,
                             (uint32_t)a->common.threads};
    carat_status st = carat_backend_local(&o, &j->model, err);
    if (st || !a->reference || (carat_is_file(a->reference) && !carat_ends(a->reference, ".safetensors")))
        return st;
    o.model = a->reference;
    o.numerics = o.kv = NULL; /* a reference computes exactly */
    return carat_backend_local(&o, &j->reference, err);
}

/* Perplexity and divergence have no right and wrong; a run that ended has measured all of its items. */
static void write_outcomes(carat_jw *w, const struct job *j, const carat_results *results)
{
    carat_jw_open(w, '{');
    for (size_t i = 0; i < j->n_suites; i++) {
        carat_jw_key(w, j->suite[i]->name);
        carat_jw_open(w, '{');
        carat_jw_key(w, "measured");
        carat_jw_u64(w, results[i].items);
        carat_jw_key(w, "not_measured");
        carat_jw_u64(w, 0);
        carat_jw_close(w);
    }
    carat_jw_close(w);
}

static carat_status run_job(struct job *j, carat_err *err)
{
    carat_str header = CARAT_STR_INIT;
    carat_results results[MAX_SUITES];
    memset(results, 0, sizeof results);
    carat_status st = pick_suites(j, err);
    if (st || (st = check_args(j->a, err)) || (st = open_models(j, err)) ||
        (st = pin_method(j, &header, err)) || (st = carat_run_open(j->a->out, header.data, &j->run, err)))
        goto out;
    for (size_t i = 0; i < j->n_suites && !st; i++)
        if (!(st = run_suite(j, j->suite[i], &results[i], err)))
            print_results(j, j->suite[i], &results[i]);
    if (st)
        goto out;
    carat_jw w = carat_jw_begin(&j->report);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "results");
    carat_jw_open(&w, '{');
    for (size_t i = 0; i < j->n_suites; i++) {
        carat_jw_key(&w, j->suite[i]->name);
        write_results(&w, &results[i]);
    }
    carat_jw_close(&w);
    carat_jw_key(&w, "notes");
    carat_jw_open(&w, '{');
    for (size_t i = 0; i < j->n_suites; i++) {
        carat_jw_key(&w, j->suite[i]->name);
        carat_jw_text(&w, results[i].note);
    }
    carat_jw_close(&w);
    carat_jw_key(&w, "outcomes");
    write_outcomes(&w, j, results);
    carat_jw_key(&w, "method");
    carat_str_printf(&j->report, "%.*s}\n", (int)header.len - 1, header.data);
    st = carat_run_report(&j->run, "report.json", &j->report, err);
    if (!st && j->a->common.json)
        fputs(j->report.data, stdout);
out:
    carat_str_free(&header);
    return st;
}

static int run(const void *args, carat_err *err)
{
    struct job j = {.a = args, .report = CARAT_STR_INIT};
    carat_status st = run_job(&j, err);
    carat_run_close(&j.run);
    carat_backend_close(&j.model);
    carat_backend_close(&j.reference);
    carat_str_free(&j.report);
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"suite", 's', CARAT_OPT_TEXT, AT(suites), "NAME[,NAME]", "what to measure: perplexity, kld"},
    {"data", 0, CARAT_OPT_LIST, AT(data), "SUITE=FILE",
     "UTF-8 text, or conversations (.jsonl: {\"messages\": [...]} a line)"},
    {"output", 'o', CARAT_OPT_TEXT, AT(out), "RUN",
     "keep the run in this directory; the same command goes on with it"},
    {"context", 'c', CARAT_OPT_INT, AT(context), "N", "tokens in a window, BOS included (512)"},
    {"stride", 0, CARAT_OPT_INT, AT(stride), "N",
     "text tokens from window to window (context - 1: disjoint)"},
    {"limit", 0, CARAT_OPT_INT, AT(limit), "N", "the first N windows or conversations only"},
    {"reference", 0, CARAT_OPT_TEXT, AT(reference), "MODEL|FILE", "what kld compares with"},
    {"write-reference", 0, CARAT_OPT_TEXT, AT(write_reference), "FILE",
     "kld: make a compact reference file of MODEL"},
    {"numerics", 0, CARAT_OPT_TEXT, AT(numerics), "NAME", "f32 (default), bf16 or int8"},
    {"kv", 0, CARAT_OPT_TEXT, AT(kv), "TYPE",
     "K and V as f32, bf16, f16 or int8 (default: f32; bf16 and f16 in bf16 and int8 numerics)"},
    {"kernels", 0, CARAT_OPT_TEXT, AT(kernels), "NAME", "auto, or a name of `carat list kernels`"},
    {0},
};

const carat_cmd carat_cmd_eval = {
    .name = "eval",
    .summary = "measure a model: perplexity, divergence from a reference",
    .usage = "MODEL --suite NAME[,NAME] --data SUITE=FILE [options]",
    .detail = "Window k of a text is BOS + tokens [k x stride, k x stride + context - 1); every token is "
              "scored once, in the first\n"
              "window that holds it. Errors come from clusters of 64 tokens, intervals (95 %) from 2000 "
              "bootstrap resamples of them.\n"
              "A suite without --data of its own takes the first one given.",
    .example = "$ carat eval e2b-int4 --suite perplexity,kld --reference gemma-4-E2B --data "
               "perplexity=book.txt -o run",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
