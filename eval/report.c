/* What all reports read (report.h).                                                SPDX-License-Identifier: Apache-2.0 */
#include "eval/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

static const carat_report_format *const formats[] = {
    &carat_report_as_text,      &carat_report_as_json,
    &carat_report_as_html,      &carat_report_as_markdown,
    &carat_report_as_junit,     &carat_report_as_lm_eval,
    &carat_report_as_benchmark, &carat_report_as_benchmark_smaller};

const carat_report_format *carat_report_format_named(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

static const char *listed(size_t i, const char **summary)
{
    if (i >= sizeof formats / sizeof *formats)
        return NULL;
    *summary = formats[i]->summary;
    return formats[i]->name;
}

extern const carat_listing carat_reports_listing;
const carat_listing carat_reports_listing = {"reports", listed};

/* ---- the shape of report.json, checked once ------------------------------------------------------------------- */

static carat_status check_metric(const carat_json *m, const char *what, carat_err *err)
{
    static const char *const numbers[] = {"value", "stderr", "low", "high", "n"};
    double x;
    if (!carat_json_is_object(m))
        return carat_fail(err, CARAT_EFORMAT, "%s: %s should be an object", what, carat_json_key(m));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const carat_json *node = carat_json_get(m, numbers[i]);
        if (node && carat_json_f64(node, numbers[i], &x, NULL))
            return carat_fail(err, CARAT_EFORMAT, "%s: %s of %s should be a number or null", what, numbers[i],
                              carat_json_key(m));
    }
    return CARAT_OK;
}

/* Objects, `depth` levels of them, with metrics below. */
static carat_status check_tree(const carat_json *node, unsigned depth, const char *what, carat_err *err)
{
    if (!depth)
        return check_metric(node, what, err);
    if (!carat_json_is_object(node))
        return carat_fail(err, CARAT_EFORMAT, "%s: %s should be an object", what, carat_json_key(node));
    carat_status st = CARAT_OK;
    for (const carat_json *c = carat_json_first(node); c && !st; c = carat_json_next(c))
        st = check_tree(c, depth - 1, what, err);
    return st;
}

static carat_status check_shape(const carat_json *report, carat_err *err)
{
    static const struct {
        const char *name;
        unsigned depth;
    } parts[] = {{"results", 2}, {"groups", 4}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const carat_json *node = carat_json_get(report, parts[i].name);
        carat_status st = node ? check_tree(node, parts[i].depth, parts[i].name, err) : CARAT_OK;
        if (st)
            return st;
    }
    return carat_json_get(report, "results") ? CARAT_OK
                                             : carat_fail(err, CARAT_EFORMAT, "it has no \"results\"");
}

/* ---- suites --------------------------------------------------------------------------------------------------- */

static carat_status read_count(const carat_json *node, const char *what, uint64_t *out, carat_err *err)
{
    *out = 0;
    return node ? carat_json_u64(node, what, 0, UINT64_MAX, out, err) : CARAT_OK;
}

static void count_records(const carat_report_suite *s, uint64_t outcome[4], uint64_t *truncated)
{
    for (size_t i = 0; i < s->n; i++) {
        bool cut = false;
        outcome[carat_report_outcome(&s->record[i])]++;
        carat_json_flag(carat_json_get(s->record[i].json, "truncated"), "truncated", &cut, NULL);
        *truncated += cut;
    }
}

/* Outcomes as report.json has them; as the records have them in a run that was not finished. */
static carat_status read_outcomes(carat_report_run *run, carat_report_suite *s, carat_err *err)
{
    const carat_json *all = carat_json_get(run->loaded.report, "outcomes");
    const carat_json *mine = carat_json_get(all, s->name);
    uint64_t counted[4] = {0}, truncated = 0;
    s->asks = carat_json_get(mine, "right") || (s->n && carat_report_member(s->record, "outcome"));
    if (s->asks)
        count_records(s, counted, &truncated);
    if (!mine) {
        memcpy(s->outcome, counted, sizeof counted);
        s->truncated = truncated;
        return CARAT_OK;
    }
    carat_status st = read_count(carat_json_get(carat_json_get(run->loaded.report, "truncated"), s->name),
                                 "truncated", &s->truncated, err);
    for (int o = 0; o < 4 && !st; o++) {
        st = read_count(carat_json_get(mine, carat_outcome_name((carat_outcome)o)), "outcomes",
                        &s->outcome[o], err);
        if (s->asks && !st && s->outcome[o] != counted[o])
            snprintf(run->doubt, sizeof run->doubt,
                     "report.json counts %" PRIu64 " %s in %.40s, items.jsonl %" PRIu64
                     ": the same `carat eval` again makes the report anew",
                     s->outcome[o], carat_outcome_name((carat_outcome)o), s->name, counted[o]);
    }
    return st;
}

static carat_status add_suite(carat_report_run *run, const char *name, carat_err *err)
{
    for (size_t i = 0; i < run->n_suites; i++)
        if (strcmp(run->suite[i].name, name) == 0)
            return CARAT_OK;
    const carat_json *report = run->loaded.report;
    carat_report_suite *s = &run->suite[run->n_suites++];
    const carat_loaded_suite *l = carat_run_suite(&run->loaded, name);
    *s = (carat_report_suite){.name = name,
                              .metrics = carat_json_get(carat_json_get(report, "results"), name),
                              .groups = carat_json_get(carat_json_get(report, "groups"), name)};
    carat_json_text(carat_json_get(carat_json_get(report, "notes"), name), "notes", &s->note, NULL);
    if (l) {
        s->record = run->loaded.record + l->first;
        s->n = l->n;
    }
    return read_outcomes(run, s, err);
}

/* ---- runs ----------------------------------------------------------------------------------------------------- */

static void date_run(carat_report_run *run)
{
    carat_str path = CARAT_STR_INIT;
    struct stat at;
    struct tm t;
    carat_path_join(&path, run->loaded.dir, run->loaded.report ? "report.json" : "items.jsonl");
    if (stat(path.data, &at) != 0 || !gmtime_r(&at.st_mtime, &t) ||
        !strftime(run->when, sizeof run->when, "%Y-%m-%dT%H:%M:%S", &t))
        strcpy(run->when, "1970-01-01T00:00:00");
    carat_str_free(&path);
}

static const char *name_of(const char *dir)
{
    const char *base = carat_path_base(dir);
    return *base && strcmp(base, ".") ? base : dir;
}

static carat_status open_run(carat_report_run *run, const char *dir, carat_err *err)
{
    carat_status st = carat_run_load(dir, &run->loaded, err);
    if (st)
        return st;
    const carat_json *report = run->loaded.report, *results = carat_json_get(report, "results");
    if (report && (st = check_shape(report, err)))
        goto bad;
    const carat_json *method = carat_json_get(report, "method");
    run->method = carat_json_is_object(method) ? method : run->loaded.header;
    run->name = name_of(dir);
    date_run(run);
    run->suite = carat_alloc(carat_json_count(results) + run->loaded.n_suites, sizeof *run->suite, err);
    if (!run->suite)
        return CARAT_ENOMEM;
    for (const carat_json *s = carat_json_first(results); s && !st; s = carat_json_next(s))
        st = add_suite(run, carat_json_key(s), err);
    for (size_t i = 0; i < run->loaded.n_suites && !st; i++)
        st = add_suite(run, run->loaded.suite[i].name, err);
    if (!st)
        return CARAT_OK;
bad:
    carat_fail_in(err, st, "report.json");
    return carat_fail_in(err, st, dir);
}

carat_status carat_report_open(const char *const *dirs, size_t n, carat_report *out, carat_err *err)
{
    carat_report r = {.run = carat_alloc(n, sizeof *r.run, err), .n = n};
    carat_status st = r.run ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; i < n && !st; i++)
        st = open_run(&r.run[i], dirs[i], err);
    if (st)
        carat_report_close(&r);
    else
        *out = r;
    return st;
}

void carat_report_close(carat_report *r)
{
    for (size_t i = 0; r->run && i < r->n; i++) {
        carat_free(r->run[i].suite);
        carat_run_unload(&r->run[i].loaded);
    }
    carat_free(r->run);
    *r = (carat_report){0};
}

const char *carat_report_caveat(const carat_report_run *run, carat_str *scratch)
{
    carat_str_clear(scratch);
    if (!run->loaded.report)
        carat_str_printf(scratch,
                         "not finished: %zu items so far, no scores yet; the same `carat eval` goes on",
                         run->loaded.n);
    else
        carat_str_puts(scratch, run->doubt);
    return scratch->len ? scratch->data : NULL;
}

const carat_report_suite *carat_report_suite_of(const carat_report_run *run, const char *name)
{
    for (size_t i = 0; i < run->n_suites; i++)
        if (strcmp(run->suite[i].name, name) == 0)
            return &run->suite[i];
    return NULL;
}

const char *carat_report_suite_name(const carat_report *r, size_t i)
{
    for (size_t k = 0; k < r->n; k++)
        for (size_t s = 0; s < r->run[k].n_suites; s++) {
            const char *name = r->run[k].suite[s].name;
            bool before = false;
            for (size_t b = 0; b < k && !before; b++)
                before = carat_report_suite_of(&r->run[b], name) != NULL;
            if (!before && !i--)
                return name;
        }
    return NULL;
}
