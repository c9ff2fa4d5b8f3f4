/* carat eval: suites over a model or an endpoint, kept as a run.                   SPDX-License-Identifier: Apache-2.0
 *
 * Owns the options and the order of things; method.h what pins a run, ask.h how items are asked, summary.h what they come to. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/ask.h"
#include "eval/method.h"
#include "eval/summary.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"

struct args {
    carat_common common;
    const char *suites, *reference, *write_reference, *numerics, *kernels, *kv, *out;
    const char *endpoint, *model, *tokenizer, *extra_body, *thinking, *from, *to, *shard;
    carat_opt_list data, variant, setting;
    int64_t context, stride, limit, parallel, max_tokens, samples;
    double temperature;
    bool strip_options, official_fallback, exclude_errata, unsafe_no_sandbox, regrade, no_prefix_reuse;
};

enum { MAX_SUITES = 16, WINDOW = 512, EXIT_UNMEASURED = 5 };
static const struct args defaults = {.temperature = CARAT_NUM_UNSET};

struct job {
    const struct args *a;
    const carat_suite *suite[MAX_SUITES];
    carat_eval eval[MAX_SUITES];
    void *state[MAX_SUITES];
    size_t items[MAX_SUITES];
    carat_summary summary[MAX_SUITES];
    size_t n_suites, n_open, n_summaries;
    carat_shard shard;
    carat_backend model, reference;
    carat_str header;
    carat_run run;
};

/* ---- options ------------------------------------------------------------------------------------------------- */

static carat_status pick_suites(struct job *j, carat_err *err)
{
    if (!j->a->suites)
        return carat_fail(err, CARAT_EUSAGE, "which suite? --suite perplexity,kld (`carat list suites`)");
    for (const char *p = j->a->suites;;) {
        size_t len = strcspn(p, ",");
        const carat_suite *s = carat_suite_named(p, len);
        if (!s)
            return carat_fail(err, CARAT_EUSAGE, "unknown suite '%.*s'; `carat list suites` names them",
                              (int)len, p);
        for (size_t i = 0; i < j->n_suites; i++)
            if (j->suite[i] == s)
                return carat_fail(err, CARAT_EUSAGE, "--suite names %s twice", s->name);
        if (j->n_suites == MAX_SUITES)
            return carat_fail(err, CARAT_EUSAGE, "more than %d suites", MAX_SUITES);
        j->suite[j->n_suites++] = s;
        if (!p[len])
            return CARAT_OK;
        p += len + 1;
    }
}

/* The value given as SUITE=VALUE, or NULL. */
static const char *given(const carat_opt_list *list, const char *suite)
{
    size_t len = strlen(suite);
    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->item[i], suite, len) == 0 && list->item[i][len] == '=')
            return list->item[i] + len + 1;
    return NULL;
}

/* Suites that compute share a text: one without its own takes the first that was given to such a suite. */
static const char *data_of(const struct args *a, const carat_suite *suite)
{
    const char *own = given(&a->data, suite->name);
    for (size_t i = 0; i < a->data.n && !own && !suite->question; i++) {
        size_t len = strcspn(a->data.item[i], "=");
        const carat_suite *s = carat_suite_named(a->data.item[i], len);
        own = s && !s->question ? a->data.item[i] + len + 1 : NULL;
    }
    return own;
}

static bool names_variant(const carat_suite *s, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = s->variants; p && *p; p += strspn(p, ", ")) {
        size_t n = strcspn(p, ", ");
        if (n == len && memcmp(p, name, len) == 0)
            return true;
        p += n;
    }
    return false;
}

/* --variant SUITE=NAME, or NAME, which goes to each suite that has it. */
static carat_status pick_variants(struct job *j, carat_err *err)
{
    const carat_opt_list *list = &j->a->variant;
    for (size_t i = 0; i < list->n; i++) {
        const char *eq = strchr(list->item[i], '='), *name = eq ? eq + 1 : list->item[i];
        size_t len = eq ? (size_t)(eq - list->item[i]) : 0, taken = 0;
        for (size_t k = 0; k < j->n_suites; k++)
            if ((!eq ||
                 (strlen(j->suite[k]->name) == len && !memcmp(j->suite[k]->name, list->item[i], len))) &&
                names_variant(j->suite[k], name)) {
                j->eval[k].variant = name;
                taken++;
            }
        if (!taken)
            return carat_fail(err, CARAT_EUSAGE, "--variant %s: no suite of %s has it (`carat eval --help`)",
                              list->item[i], j->a->suites);
    }
    return CARAT_OK;
}

static bool is_date(const char *s)
{
    static const char shape[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
            return false;
    return true;
}

static carat_status read_shard(const char *text, carat_shard *out, carat_err *err)
{
    unsigned i = 0, n = 0;
    int end = 0;
    if (!text)
        return CARAT_OK;
    if (sscanf(text, "%5u/%5u%n", &i, &n, &end) != 2 || text[end] || i < 1 || i > n)
        return carat_fail(err, CARAT_EUSAGE, "--shard %s: I/N, with I from 1 to N", text);
    *out = (carat_shard){i - 1, n};
    return CARAT_OK;
}

static carat_status check_source(const struct args *a, carat_err *err)
{
    if (!a->common.npos == !a->endpoint)
        return carat_fail(err, CARAT_EUSAGE, "give either MODEL or --endpoint URL --model NAME");
    if (!a->endpoint != !a->model)
        return carat_fail(err, CARAT_EUSAGE,
                          a->endpoint ? "--endpoint needs --model NAME, as the server calls it"
                                      : "--model goes with --endpoint; a local model is the "
                                        "argument itself");
    if (!a->endpoint && (a->tokenizer || a->extra_body || a->setting.n))
        return carat_fail(err, CARAT_EUSAGE, "--tokenizer, --extra-body and --set go with --endpoint");
    if (a->endpoint && (a->numerics || a->kernels || a->kv))
        return carat_fail(err, CARAT_EUSAGE, "--numerics, --kernels and --kv are the server's own affair");
    return CARAT_OK;
}

static carat_status check_numbers(const struct args *a, carat_err *err)
{
    int64_t window = a->context ? a->context : WINDOW;
    if (window < 2 || window > 1 << 20)
        return carat_fail(err, CARAT_EUSAGE, "--context %" PRId64 ": from 2 to %d", a->context, 1 << 20);
    if (a->stride < 0 || a->stride > window - 1)
        return carat_fail(err, CARAT_EUSAGE, "--stride %" PRId64 ": from 1 to context - 1 = %" PRId64,
                          a->stride, window - 1);
    if (a->limit < 0)
        return carat_fail(err, CARAT_EUSAGE, "--limit %" PRId64 ": 0 or more items", a->limit);
    if (a->parallel < 0 || a->parallel > 4096)
        return carat_fail(err, CARAT_EUSAGE, "--parallel %" PRId64 ": from 1 to 4096", a->parallel);
    if (a->max_tokens < 0 || a->max_tokens > 1 << 24)
        return carat_fail(err, CARAT_EUSAGE, "--max-tokens %" PRId64 ": from 1 to %d", a->max_tokens,
                          1 << 24);
    if (a->samples < 0 || a->samples > 10000)
        return carat_fail(err, CARAT_EUSAGE, "--samples %" PRId64 ": from 1 to 10000", a->samples);
    if (a->temperature != CARAT_NUM_UNSET && !(a->temperature >= 0 && a->temperature <= 100))
        return carat_fail(err, CARAT_EUSAGE, "--temperature %g: from 0 to 100", a->temperature);
    return CARAT_OK;
}

static carat_status check_args(const struct args *a, carat_err *err)
{
    for (size_t i = 0; i < a->data.n; i++) {
        size_t len = strcspn(a->data.item[i], "=");
        if (!a->data.item[i][len] || !carat_suite_named(a->data.item[i], len))
            return carat_fail(err, CARAT_EUSAGE, "--data %s: SUITE=FILE, with a suite of `carat list suites`",
                              a->data.item[i]);
    }
    if (a->thinking && strcmp(a->thinking, "on") != 0 && strcmp(a->thinking, "off") != 0)
        return carat_fail(err, CARAT_EUSAGE, "--thinking %s: on or off", a->thinking);
    if ((a->from && !is_date(a->from)) || (a->to && !is_date(a->to)))
        return carat_fail(err, CARAT_EUSAGE, "--from and --to take a date as 2024-08-01");
    if (a->shard && !a->out)
        return carat_fail(err, CARAT_EUSAGE, "--shard needs -o RUN: `carat merge` reads it from there");
    if (a->regrade && !a->out)
        return carat_fail(err, CARAT_EUSAGE, "--regrade needs -o RUN: the replies are there");
    if (a->regrade && !carat_is_dir(a->out))
        return carat_fail(err, CARAT_EUSAGE, "%s: no run whose replies could be marked anew", a->out);
    carat_status st = check_source(a, err);
    return st ? st : check_numbers(a, err);
}

/* Is the word one of the suite's own options? */
static bool heeds(const carat_suite *s, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = s->heeds; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

/* An option that no suite asked for heeds would be forgotten in silence. */
static carat_status check_heeded(const struct job *j, carat_err *err)
{
    const struct args *a = j->a;
    const struct {
        const char *name;
        bool given;
    } option[] = {{"samples", a->samples > 0},
                  {"from", a->from != NULL},
                  {"to", a->to != NULL},
                  {"exclude-errata", a->exclude_errata},
                  {"strip-options", a->strip_options},
                  {"official-fallback", a->official_fallback},
                  {"stride", a->stride > 0},
                  {"reference", a->reference != NULL},
                  {"write-reference", a->write_reference != NULL}};
    for (size_t i = 0; i < sizeof option / sizeof *option; i++) {
        bool heeded = !option[i].given;
        for (size_t k = 0; k < j->n_suites; k++)
            heeded = heeded || heeds(j->suite[k], option[i].name);
        if (!heeded)
            return carat_fail(err, CARAT_EUSAGE, "--%s means nothing to --suite %s", option[i].name,
                              a->suites);
    }
    for (size_t i = 0, k; i < a->data.n; i++) {
        const char *path = strchr(a->data.item[i], '=') + 1;
        for (k = 0; k < j->n_suites && data_of(a, j->suite[k]) != path;)
            k++;
        if (k == j->n_suites)
            return carat_fail(err, CARAT_EUSAGE, "--data %s: nothing in --suite %s reads it", a->data.item[i],
                              a->suites);
    }
    return CARAT_OK;
}

static carat_eval eval_of(struct job *j, const carat_suite *s)
{
    const struct args *a = j->a;
    uint32_t context = (uint32_t)(a->context ? a->context : WINDOW);
    bool file = a->reference && carat_is_file(a->reference) && !carat_ends(a->reference, ".safetensors");
    return (carat_eval){.model = &j->model,
                        .reference = j->reference.self ? &j->reference : NULL,
                        .reference_file = file ? a->reference : NULL,
                        .write_reference = a->write_reference,
                        .data = data_of(a, s),
                        .talk = &a->common.talk,
                        .context = context,
                        .stride = a->stride ? (uint32_t)a->stride : context - 1,
                        .limit = (size_t)a->limit,
                        .seed = (uint64_t)a->common.seed,
                        .thinking = a->thinking && strcmp(a->thinking, "on") == 0,
                        .max_new = (size_t)a->max_tokens,
                        .samples = heeds(s, "samples") ? (uint32_t)a->samples : 0,
                        .temperature = a->temperature,
                        .from = a->from,
                        .to = a->to,
                        .strip_options = a->strip_options,
                        .official_fallback = a->official_fallback,
                        .exclude_errata = a->exclude_errata,
                        .unsafe_no_sandbox = a->unsafe_no_sandbox};
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static carat_status open_models(struct job *j, carat_err *err)
{
    const struct args *a = j->a;
    if (a->endpoint) {
        carat_openai_options o = {.url = a->endpoint,
                                  .model = a->model,
                                  .tokenizer = a->tokenizer,
                                  .extra_body = a->extra_body,
                                  .setting = a->setting.item,
                                  .n_settings = a->setting.n,
                                  .seed = (uint64_t)a->common.seed};
        return carat_backend_openai(&o, &j->model, err);
    }
    bool asking = false;
    for (size_t i = 0; i < j->n_suites; i++)
        asking = asking || j->suite[i]->question;
    uint32_t context = (uint32_t)(a->context || asking ? a->context : WINDOW);
    carat_local_options o = {.model = a->common.pos[0],
                             .numerics = a->numerics,
                             .kernels = a->kernels,
                             .kv = a->kv,
                             .context = context,
                             .threads = (uint32_t)a->common.threads,
                             .no_prefix_reuse = a->no_prefix_reuse,
                             .talk = a->common.talk};
    carat_status st = carat_backend_local(&o, &j->model, err);
    if (st || !a->reference || (carat_is_file(a->reference) && !carat_ends(a->reference, ".safetensors")))
        return st;
    o.model = a->reference;
    o.numerics = o.kv = NULL; /* a reference computes exactly */
    return carat_backend_local(&o, &j->reference, err);
}

static carat_status open_suites(struct job *j, carat_err *err)
{
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < j->n_suites; i++)
        j->eval[i] = eval_of(j, j->suite[i]);
    if ((st = pick_variants(j, err)))
        return st;
    for (size_t i = 0; i < j->n_suites && !st; i++) {
        const carat_suite *s = j->suite[i];
        if (s->question && !j->model.ask)
            return carat_fail(err, CARAT_EUSAGE, "%s asks questions: this model has no tokenizer.json",
                              s->name);
        if (!(st = s->open(&j->eval[i], &j->state[i], &j->items[i], err)))
            j->n_open++;
        if (!st && !j->items[i])
            st = carat_fail(err, CARAT_EFORMAT, "%s: nothing to measure: no item of %s was asked for",
                            s->name, j->eval[i].data ? j->eval[i].data : "its sample");
    }
    return st;
}

static carat_status open_run(struct job *j, carat_err *err)
{
    const struct args *a = j->a;
    carat_method m = {.suites = a->suites,
                      .model = a->endpoint ? a->model : a->common.pos[0],
                      .reference = a->reference,
                      .model_backend = &j->model,
                      .reference_backend = &j->reference,
                      .suite = j->suite,
                      .eval = j->eval,
                      .state = j->state,
                      .items = j->items,
                      .n = j->n_suites,
                      .shard = j->shard,
                      .threads = a->common.threads,
                      .parallel = a->parallel};
    carat_status st = carat_method_write(&m, &j->header, err);
    if (!st && !(st = carat_run_open(a->out, j->header.data, &j->run, err)) && j->run.moved)
        carat_note(&a->common.talk,
                   "this run was begun at another address; %s there is taken to be the same model", a->model);
    return st;
}

/* ---- running a suite ----------------------------------------------------------------------------------------- */

static carat_status interrupted(const struct job *j, carat_err *err)
{
    return carat_fail(err, CARAT_EINTR, "interrupted; %s",
                      j->a->out ? "the same command goes on" : "with -o RUN the same command could go on");
}

static carat_status compute_item(struct job *j, size_t k, size_t i, carat_err *err)
{
    const carat_suite *s = j->suite[k];
    carat_str line = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&line);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "suite", s->name);
    carat_jw_put_u64(&w, "item", i);
    carat_status st = s->item(j->state[k], i, &w, err);
    carat_jw_close(&w);
    if (!st)
        st = carat_run_keep(&j->run, &line, err);
    carat_str_free(&line);
    return st;
}

/* The items that have no result yet. */
static carat_status compute(struct job *j, size_t k, const carat_json *const *results, carat_err *err)
{
    const carat_suite *s = j->suite[k];
    uint64_t total = 0, done = 0, kept = 0;
    for (size_t i = 0; i < j->items[k]; i++) {
        uint64_t size = carat_shard_has(j->shard, i) ? s->size(j->state[k], i) : 0;
        total += size;
        kept += results[i] ? size : 0;
    }
    carat_progress bar = carat_progress_begin(&j->a->common.talk, s->name, "token", total);
    carat_status st = CARAT_OK;
    bar.before = done = kept;
    for (size_t i = 0; i < j->items[k] && !st; i++) {
        if (!carat_shard_has(j->shard, i) || results[i])
            continue;
        if (carat_interrupted())
            st = interrupted(j, err);
        else
            st = compute_item(j, k, i, err);
        done += s->size(j->state[k], i);
        carat_progress_at(&bar, done);
    }
    carat_progress_end(&bar);
    return st;
}

static carat_status ask(struct job *j, size_t k, const carat_json *const *results, carat_err *err)
{
    carat_asked q = {.suite = j->suite[k],
                     .state = j->state[k],
                     .eval = &j->eval[k],
                     .run = &j->run,
                     .results = results,
                     .items = j->items[k],
                     .shard = j->shard,
                     .parallel = (uint32_t)j->a->parallel,
                     .graders = (uint32_t)j->a->common.threads,
                     .again = j->a->regrade,
                     .talk = &j->a->common.talk};
    carat_status st = carat_ask(&q, err);
    return st == CARAT_EINTR ? interrupted(j, err) : st;
}

/* The records that there are, without gaps: those of a shard. */
static size_t close_gaps(const carat_json **records, size_t items)
{
    size_t n = 0;
    for (size_t i = 0; i < items; i++)
        if (records[i])
            records[n++] = records[i];
    return n;
}

static carat_status run_suite(struct job *j, size_t k, carat_err *err)
{
    const carat_suite *s = j->suite[k];
    const carat_json **results = carat_alloc(j->items[k], sizeof *results, err);
    if (!results)
        return CARAT_ENOMEM;
    carat_run_find(&j->run, s->name, results, j->items[k]);
    carat_status st = s->question ? ask(j, k, results, err) : compute(j, k, results, err);
    if (!st) {
        carat_run_find(&j->run, s->name, results, j->items[k]);
        size_t n = close_gaps(results, j->items[k]);
        st = carat_summary_make(s, j->state[k], results, n, j->eval[k].seed, &j->summary[k], err);
    }
    carat_free(results);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status finish(struct job *j, carat_err *err)
{
    carat_str report = CARAT_STR_INIT;
    const char *header = j->run.header ? j->run.header : j->header.data;
    carat_status st = carat_run_tidy(&j->run, err);
    if (!st && !(st = carat_summary_write(j->summary, j->n_summaries, header, &report, err)))
        st = carat_run_report(&j->run, "report.json", &report, err);
    if (!st && j->a->common.json)
        fputs(report.data, stdout);
    carat_str_free(&report);
    return st;
}

static carat_status run_job(struct job *j, carat_err *err)
{
    carat_status st = pick_suites(j, err);
    if (st || (st = check_args(j->a, err)) || (st = check_heeded(j, err)) ||
        (st = read_shard(j->a->shard, &j->shard, err)) || (st = open_models(j, err)) ||
        (st = open_suites(j, err)) || (st = open_run(j, err)))
        return st;
    for (size_t i = 0; i < j->n_suites && !st; i++)
        if (!(st = run_suite(j, i, err))) {
            j->n_summaries++;
            if (!j->a->common.json)
                carat_summary_print(&j->summary[i]);
        }
    return st ? st : finish(j, err);
}

static size_t unmeasured(const struct job *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_summaries; i++)
        n += carat_summary_unmeasured(&j->summary[i]);
    return n;
}

static int run(const void *args, carat_err *err)
{
    struct job *j = carat_alloc(1, sizeof *j, err);
    if (!j)
        return carat_cmd_exit(CARAT_ENOMEM, err);
    *j = (struct job){.a = args, .header = CARAT_STR_INIT};
    carat_status st = run_job(j, err);
    size_t lost = st ? 0 : unmeasured(j);
    if (lost)
        carat_note(&j->a->common.talk,
                   "%zu items were not measured; the same command asks again for those that "
                   "were not cut at their limit",
                   lost);
    for (size_t i = 0; i < j->n_summaries; i++)
        carat_summary_free(&j->summary[i]);
    carat_run_close(&j->run);
    for (size_t i = 0; i < j->n_open; i++)
        j->suite[i]->close(j->state[i]);
    carat_backend_close(&j->model);
    carat_backend_close(&j->reference);
    carat_str_free(&j->header);
    carat_free(j);
    return lost ? EXIT_UNMEASURED : carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"suite", 's', CARAT_OPT_TEXT, AT(suites), "NAME[,NAME]",
     "what to measure: names of `carat list suites`"},
    {"data", 0, CARAT_OPT_LIST, AT(data), "SUITE=PATH",
     "text or conversations (.jsonl) where a suite computes, else a data set (a sample)"},
    {"output", 'o', CARAT_OPT_TEXT, AT(out), "RUN",
     "keep the run in this directory; the same command goes on with it"},
    {"limit", 0, CARAT_OPT_INT, AT(limit), "N", "the first N items only"},
    {"variant", 0, CARAT_OPT_LIST, AT(variant), "[SUITE=]NAME", "of a suite's protocol"},
    {"endpoint", 0, CARAT_OPT_TEXT, AT(endpoint), "URL",
     "ask a server that speaks OpenAI's protocol (http://host:8000/v1) instead of MODEL"},
    {"model", 0, CARAT_OPT_TEXT, AT(model), "NAME", "endpoint: the model, as the server calls it"},
    {"tokenizer", 0, CARAT_OPT_TEXT, AT(tokenizer), "PATH",
     "endpoint: the model's tokenizer.json or its folder, to count tokens here as well"},
    {"extra-body", 0, CARAT_OPT_TEXT, AT(extra_body), "JSON", "endpoint: members for every request"},
    {"set", 0, CARAT_OPT_LIST, AT(setting), "NAME=VALUE", "endpoint: a setting (above)"},
    {"parallel", 0, CARAT_OPT_INT, AT(parallel), "N",
     "questions at a time (default: what suits the backend; here at most 32)"},
    {"no-prefix-reuse", 0, CARAT_OPT_FLAG, AT(no_prefix_reuse), NULL,
     "compute every prompt whole: the same replies, later (for comparison)"},
    {"thinking", 0, CARAT_OPT_TEXT, AT(thinking), "on|off", "let the model think first (off)"},
    {"max-tokens", 0, CARAT_OPT_INT, AT(max_tokens), "N", "longest reply, thoughts included"},
    {"samples", 0, CARAT_OPT_INT, AT(samples), "K", "replies to each problem, for pass@k (1)"},
    {"temperature", 0, CARAT_OPT_NUM, AT(temperature), "T", "instead of the protocol's"},
    {"from", 0, CARAT_OPT_TEXT, AT(from), "DATE", "livecodebench: problems of this day or later"},
    {"to", 0, CARAT_OPT_TEXT, AT(to), "DATE", "livecodebench: problems of this day or earlier"},
    {"exclude-errata", 0, CARAT_OPT_FLAG, AT(exclude_errata), NULL,
     "livecodebench: without the problems of its ERRATA.md, which right programs may fail"},
    {"strip-options", 0, CARAT_OPT_FLAG, AT(strip_options), NULL,
     "mmlu-pro: without the stray blanks around options"},
    {"official-fallback", 0, CARAT_OPT_FLAG, AT(official_fallback), NULL,
     "mmlu-pro: the official random guess counts where no answer was found"},
    {"unsafe-no-sandbox", 0, CARAT_OPT_FLAG, AT(unsafe_no_sandbox), NULL,
     "run model-written programs unprotected where no sandbox is to be had"},
    {"shard", 0, CARAT_OPT_TEXT, AT(shard), "I/N",
     "every Nth item, from the Ith; `carat merge` joins the runs"},
    {"regrade", 0, CARAT_OPT_FLAG, AT(regrade), NULL, "mark the replies of a run anew, and ask for nothing"},
    {"context", 'c', CARAT_OPT_INT, AT(context), "N",
     "perplexity, kld: tokens in a window, BOS included (512); others: longest prompt and reply"},
    {"stride", 0, CARAT_OPT_INT, AT(stride), "N",
     "text tokens from window to window (context - 1: disjoint)"},
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
    .summary = "measure a model: questions of the known suites, perplexity, divergence from a reference",
    .usage = "(MODEL | --endpoint URL --model NAME) --suite NAME[,NAME] [--data SUITE=PATH] [options]",
    .detail =
        "Suites that ask keep four outcomes apart: right, wrong, unparsed (no answer in the reply), not "
        "measured (no reply,\n"
        "or one cut at its limit). The score is the mean over the first three; with any item not measured "
        "the "
        "exit code is 5,\n"
        "and the same command asks again for those without a reply.\n"
        "Window k of a text is BOS + tokens [k x stride, k x stride + context - 1); every token is "
        "scored once, in the first\n"
        "window that holds it. Errors come from clusters of 64 tokens, intervals (95 %) from 2000 "
        "bootstrap resamples of them.\n"
        "Over an endpoint perplexity asks /completions for `echo` with `logprobs` (vLLM): with --tokenizer "
        "of the "
        "same windows,\n"
        "else of pieces of text whose tokens are the server's. kld needs all logits: no endpoint gives "
        "them.\n"
        "Suites that compute take the first text given to one of them, if they have none of their "
        "own.\n" CARAT_OPENAI_SETTINGS,
    .example = "$ carat eval e2b-int4 --suite mmlu-pro --data mmlu-pro=MMLU-Pro/data -o run\n"
               "$ carat eval --endpoint http://127.0.0.1:8000/v1 --model google/gemma-4-E2B-it --suite "
               "mmlu-pro --variant api -o run\n"
               "$ carat eval e2b-int4 --suite perplexity,kld --reference gemma-4-E2B --data "
               "perplexity=book.txt -o run",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 0,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
