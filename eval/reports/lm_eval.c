/* Reports in the schema of lm-evaluation-harness (0.4: result_schema.py).          SPDX-License-Identifier: Apache-2.0
 *
 * results_TIME.json, and samples_SUITE_TIME.jsonl beside it in a directory, as its EvaluationTracker names them. A metric is
 * "NAME,none" with "NAME_stderr,none". A group of a suite ("category": "math") is a subtask, SUITE/category/math. What the schema has no
 * word for stands under "carat": outcomes and the method. Items that were not measured are samples without a metric; the harness
 * itself would have marked them wrong. Of a long prompt its end is kept, and arg_0 says so. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "eval/report.h"
#include "runtime/base/hash.h"

/* A member of the method that is a text; NULL. */
static const char *method(const carat_report_run *run, const char *key)
{
    const char *text = NULL;
    carat_json_text(carat_json_get(run->method, key), key, &text, NULL);
    return text;
}

/* ---- results -------------------------------------------------------------------------------------------------- */

static void put_number(carat_jw *w, const char *name, const char *suffix, double x)
{
    carat_str key = CARAT_STR_INIT;
    carat_str_printf(&key, "%s%s,none", name, suffix);
    carat_jw_key(w, key.data);
    if (isfinite(x))
        carat_jw_f64(w, x);
    else
        carat_jw_text(w, "N/A");
    carat_str_free(&key);
}

static void put_task(carat_jw *w, const char *task, const char *alias, const carat_json *metrics)
{
    size_t n = 0;
    carat_jw_key(w, task);
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "name", task);
    carat_jw_put_text(w, "alias", alias);
    for (const carat_json *c = carat_json_first(metrics); c; c = carat_json_next(c)) {
        carat_metric m = carat_report_metric(c);
        if (isnan(m.estimate.value))
            continue;
        put_number(w, m.name, "", m.estimate.value);
        put_number(w, m.name, "_stderr", m.estimate.error);
        n = n ? n : m.estimate.n;
    }
    carat_jw_put_u64(w, "sample_len", n);
    carat_jw_close(w);
}

static void put_direction(carat_jw *w, const char *metric)
{
    int direction = carat_report_direction(metric);
    if (direction)
        carat_jw_bool(w, direction > 0);
    else
        carat_jw_null(w);
}

/* What is told of each task: one object a part, {TASK: ...}. Subtasks carry the name and the metrics of their group. */
typedef void put_part(carat_jw *w, const carat_report_run *run, const carat_report_suite *s, const char *task,
                      const carat_json *metrics);

static void part_result(carat_jw *w, const carat_report_run *run, const carat_report_suite *s,
                        const char *task, const carat_json *metrics)
{
    (void)run;
    put_task(w, task, metrics == s->metrics ? s->name : carat_json_key(metrics), metrics);
}

static void part_config(carat_jw *w, const carat_report_run *run, const carat_report_suite *s,
                        const char *task, const carat_json *metrics)
{
    (void)run;
    carat_jw_key(w, task);
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "task", task);
    carat_jw_put_text(w, "output_type", s->asks ? "generate_until" : "loglikelihood_rolling");
    carat_jw_put_text(w, "description", s->note ? s->note : "");
    carat_jw_key(w, "metric_list");
    carat_jw_open(w, '[');
    for (const carat_json *c = carat_json_first(metrics); c; c = carat_json_next(c)) {
        carat_jw_open(w, '{');
        carat_jw_put_text(w, "metric", carat_json_key(c));
        carat_jw_put_text(w, "aggregation", "mean");
        carat_jw_key(w, "higher_is_better");
        put_direction(w, carat_json_key(c));
        carat_jw_close(w);
    }
    carat_jw_close(w);
    carat_jw_close(w);
}

static void part_version(carat_jw *w, const carat_report_run *run, const carat_report_suite *s,
                         const char *task, const carat_json *metrics)
{
    (void)s, (void)metrics;
    carat_jw_put_text(w, task, method(run, "carat"));
}

static void part_direction(carat_jw *w, const carat_report_run *run, const carat_report_suite *s,
                           const char *task, const carat_json *metrics)
{
    (void)run, (void)s;
    carat_jw_key(w, task);
    carat_jw_open(w, '{');
    for (const carat_json *c = carat_json_first(metrics); c; c = carat_json_next(c)) {
        carat_jw_key(w, carat_json_key(c));
        put_direction(w, carat_json_key(c));
    }
    carat_jw_close(w);
}

static void part_samples(carat_jw *w, const carat_report_run *run, const carat_report_suite *s,
                         const char *task, const carat_json *metrics)
{
    (void)run;
    carat_metric m = carat_report_metric(carat_json_first(metrics));
    bool whole = metrics == s->metrics;
    uint64_t unmeasured = s->outcome[CARAT_NOT_MEASURED] < s->n ? s->outcome[CARAT_NOT_MEASURED] : s->n;
    carat_jw_key(w, task);
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "original", whole ? s->n : m.estimate.n);
    carat_jw_put_u64(w, "effective", whole ? s->n - unmeasured : m.estimate.n);
    carat_jw_close(w);
}

static void task_name(carat_str *out, const carat_report_suite *s, const carat_json *key,
                      const carat_json *value)
{
    carat_str_clear(out);
    carat_str_printf(out, "%s/%s/%s", s->name, carat_json_key(key), carat_json_key(value));
}

static void put_tasks(carat_jw *w, const char *part, const carat_report_run *run, put_part *put,
                      bool subtasks)
{
    carat_str name = CARAT_STR_INIT;
    carat_jw_key(w, part);
    carat_jw_open(w, '{');
    for (size_t i = 0; i < run->n_suites; i++) {
        const carat_report_suite *s = &run->suite[i];
        put(w, run, s, s->name, s->metrics);
        for (const carat_json *k = subtasks ? carat_json_first(s->groups) : NULL; k; k = carat_json_next(k))
            for (const carat_json *v = carat_json_first(k); v; v = carat_json_next(v)) {
                task_name(&name, s, k, v);
                put(w, run, s, name.data, v);
            }
    }
    carat_jw_close(w);
    carat_str_free(&name);
}

static void put_subtasks(carat_jw *w, const carat_report_run *run)
{
    carat_str name = CARAT_STR_INIT;
    carat_jw_key(w, "group_subtasks");
    carat_jw_open(w, '{');
    for (size_t i = 0; i < run->n_suites; i++) {
        const carat_report_suite *s = &run->suite[i];
        if (!carat_json_count(s->groups))
            continue;
        carat_jw_key(w, s->name);
        carat_jw_open(w, '[');
        for (const carat_json *k = carat_json_first(s->groups); k; k = carat_json_next(k))
            for (const carat_json *v = carat_json_first(k); v; v = carat_json_next(v)) {
                task_name(&name, s, k, v);
                carat_jw_text(w, name.data);
            }
        carat_jw_close(w);
    }
    carat_jw_close(w);
    carat_str_free(&name);
}

static void put_outcomes(carat_jw *w, const carat_report_suite *s)
{
    carat_jw_key(w, s->name);
    carat_jw_open(w, '{');
    for (int o = s->asks ? CARAT_RIGHT : CARAT_NOT_MEASURED; o <= CARAT_NOT_MEASURED; o++) {
        carat_jw_put_u64(w, carat_outcome_name((carat_outcome)o), s->outcome[o]);
    }
    carat_jw_put_u64(w, "truncated", s->truncated);
    carat_jw_close(w);
}

static void put_about(carat_jw *w, const carat_report_run *run)
{
    carat_str text = CARAT_STR_INIT;
    struct tm t = {0};
    const char *model = method(run, "model");
    model = model ? model : "unknown";
    carat_jw_key(w, "config");
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "model", "carat");
    carat_str_printf(&text, "model=%s", model);
    carat_jw_put_text(w, "model_args", text.data);
    carat_jw_put_text(w, "batch_size", NULL);
    carat_jw_close(w);
    carat_jw_put_text(w, "model_source", "carat");
    carat_jw_put_text(w, "model_name", model);
    carat_str_clear(&text);
    for (const char *p = model; *p; p++)
        carat_str_putc(&text, strchr("\"<>:/|\\?*[]", *p) ? '_' : *p);
    carat_jw_put_text(w, "model_name_sanitized", text.data);
    carat_jw_put_f64(w, "date", strptime(run->when, "%Y-%m-%dT%H:%M:%S", &t) ? (double)timegm(&t) : 0);
    carat_jw_key(w, "carat");
    carat_jw_open(w, '{');
    carat_str_clear(&text);
    carat_jw_put_text(w, "caveat", carat_report_caveat(run, &text));
    carat_jw_key(w, "outcomes");
    carat_jw_open(w, '{');
    for (size_t i = 0; i < run->n_suites; i++)
        put_outcomes(w, &run->suite[i]);
    carat_jw_close(w);
    carat_jw_key(w, "method");
    carat_report_tree(w, run->method);
    carat_jw_close(w);
    carat_str_free(&text);
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    const carat_report_run *run = &r->run[0];
    if (r->n > 1)
        return carat_fail(err, CARAT_EUSAGE, "lm-eval's schema holds one run, got %zu", r->n);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    put_tasks(&w, "results", run, part_result, true);
    put_subtasks(&w, run);
    put_tasks(&w, "configs", run, part_config, true);
    put_tasks(&w, "versions", run, part_version, true);
    carat_jw_key(&w, "n-shot");
    carat_jw_open(&w, '{');
    carat_jw_close(&w);
    put_tasks(&w, "higher_is_better", run, part_direction, true);
    put_tasks(&w, "n-samples", run, part_samples, true);
    put_about(&w, run);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return carat_str_check(out, err);
}

/* ---- samples -------------------------------------------------------------------------------------------------- */

static carat_status put_hash(carat_jw *w, const char *key, const char *text, size_t len)
{
    carat_sha256 *h;
    char hex[65];
    carat_status st = carat_sha256_open(&h, NULL);
    if (st)
        return st;
    carat_sha256_add(h, text, len);
    carat_sha256_finish(h, hex);
    carat_jw_put_text(w, key, hex);
    return CARAT_OK;
}

/* The item itself: what names it and what groups it is in. */
static void put_document(carat_jw *w, const carat_record *r)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "id", carat_report_member(r, "id"));
    const carat_json *groups = carat_json_get(r->json, "groups");
    const carat_json *g = carat_json_is_object(groups) ? carat_json_first(groups) : NULL;
    for (; g; g = carat_json_next(g)) {
        const char *value = NULL;
        carat_json_text(g, "groups", &value, NULL);
        if (strcmp(carat_json_key(g), "id"))
            carat_jw_put_text(w, carat_json_key(g), value);
    }
    carat_jw_close(w);
}

static const char *first_of(const carat_record *r, const char *const *keys, const char *otherwise)
{
    for (; *keys; keys++)
        if (carat_report_member(r, *keys))
            return carat_report_member(r, *keys);
    return otherwise;
}

/* [text] or [[text]], as lists of replies stand in the schema */
static void put_listed(carat_jw *w, const char *key, const char *text, bool twice)
{
    carat_jw_key(w, key);
    carat_jw_open(w, '[');
    if (twice)
        carat_jw_open(w, '[');
    if (text)
        carat_jw_text(w, text);
    if (twice)
        carat_jw_close(w);
    carat_jw_close(w);
}

static void put_asked(carat_jw *w, const carat_record *r)
{
    const char *asked = carat_report_member(r, "asked");
    carat_jw_key(w, "arguments");
    carat_jw_open(w, '{');
    carat_jw_key(w, "gen_args_0");
    carat_jw_open(w, '{');
    carat_str text = CARAT_STR_INIT;
    uint64_t cut = carat_report_asked_cut(r);
    if (cut)
        carat_str_printf(&text, "[%" PRIu64 " bytes in front are not kept] ... ", cut);
    carat_str_puts(&text, asked ? asked : "");
    carat_jw_put_text(w, "arg_0", text.data);
    w->out->failed |= text.failed;
    carat_str_free(&text);
    carat_jw_close(w);
    carat_jw_close(w);
}

static carat_status put_sample(carat_str *out, const carat_report_suite *s, const carat_record *r)
{
    static const char *const golds[] = {"answer", "target", "gold", NULL}, *const found[] = {"pred", "reply",
                                                                                             NULL};
    const carat_json *score_of = carat_json_first(s->metrics);
    const char *metric = score_of ? carat_json_key(score_of) : "score", *target = first_of(r, golds, "");
    const char *hash = carat_report_member(r, "prompt_sha256"), *reply = carat_report_member(r, "reply");
    double score;
    bool measured = carat_report_outcome(r) != CARAT_NOT_MEASURED &&
                    !carat_json_f64(carat_json_get(r->json, "score"), "score", &score, NULL);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_u64(&w, "doc_id", r->item);
    carat_jw_key(&w, "doc");
    size_t doc = out->len;
    put_document(&w, r);
    size_t doc_end = out->len;
    carat_jw_put_text(&w, "target", target);
    put_asked(&w, r);
    put_listed(&w, "resps", reply ? reply : "", true);
    put_listed(&w, "filtered_resps", first_of(r, found, ""), false);
    carat_jw_put_text(&w, "filter", "none");
    put_listed(&w, "metrics", measured ? metric : NULL, false);
    carat_status st = put_hash(&w, "doc_hash", out->data + doc, doc_end - doc);
    carat_jw_put_text(&w, "prompt_hash", hash ? hash : "");
    if (!st)
        st = put_hash(&w, "target_hash", target, strlen(target));
    carat_jw_put_text(&w, "outcome", carat_outcome_name(carat_report_outcome(r)));
    if (measured) {
        carat_jw_put_f64(&w, metric, score);
    }
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return st;
}

static carat_status beside(const carat_report *r, size_t i, carat_str *name, carat_str *out, bool *done)
{
    const carat_report_run *run = &r->run[0];
    *done = i >= run->n_suites;
    if (*done || !run->suite[i].asks)
        return CARAT_OK;
    const carat_report_suite *s = &run->suite[i];
    carat_str_printf(name, "samples_%s_*.jsonl", s->name);
    carat_status st = CARAT_OK;
    for (size_t k = 0; k < s->n && !st; k++)
        st = put_sample(out, s, &s->record[k]);
    return st;
}

const carat_report_format carat_report_as_lm_eval = {
    .name = "lm-eval",
    .summary = "lm-evaluation-harness: results; into a directory also its samples",
    .file = "results_*.json",
    .write = write,
    .beside = beside,
};
