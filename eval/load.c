/* A finished run read back (load.h).                                              SPDX-License-Identifier: Apache-2.0 */
#include "eval/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"

enum { MAX_JSON = 1 << 28, MAX_LINE = 1 << 28 };
static const size_t MAX_ITEMS = (size_t)1 << 32;

/* ---- the records --------------------------------------------------------------------------------------------- */

static carat_status suite_of(carat_loaded *run, const char *name, uint32_t *out, carat_err *err)
{
    for (*out = 0; *out < run->n_suites; ++*out)
        if (strcmp(run->suite[*out].name, name) == 0)
            return CARAT_OK;
    if (run->n_suites == CARAT_LOADED_SUITES)
        return carat_fail(err, CARAT_EFORMAT, "suite '%.40s': more than %d suites in one run", name,
                          CARAT_LOADED_SUITES);
    run->suite[run->n_suites++] = (carat_loaded_suite){.name = name};
    return CARAT_OK;
}

/* Takes the tree. */
static carat_status add_record(carat_loaded *run, size_t *cap, carat_json *json, carat_err *err)
{
    carat_record r = {.json = json, .line = run->n};
    const char *name;
    carat_status st = CARAT_OK;
    if (!carat_json_is_object(json))
        st = carat_fail(err, CARAT_EFORMAT, "a record should be an object");
    if (st || (st = carat_json_text(carat_json_get(json, "suite"), "suite", &name, err)) ||
        (st = carat_json_u64(carat_json_get(json, "item"), "item", 0, UINT64_MAX, &r.item, err)) ||
        (st = suite_of(run, name, &r.suite, err)) ||
        (st = carat_grow((void **)&run->record, cap, run->n + 1, sizeof r, err))) {
        carat_json_free(json);
        return st;
    }
    run->record[run->n++] = r;
    return CARAT_OK;
}

static carat_status read_lines(carat_loaded *run, const char *text, size_t len, carat_err *err)
{
    size_t cap = 0, number = 0;
    for (const char *p = text, *end = text + len, *nl; p < end; p = nl + 1) {
        carat_json *json;
        carat_status st;
        number++;
        if (!(nl = memchr(p, '\n', (size_t)(end - p)))) {
            run->torn = true;
            return CARAT_OK;
        }
        if (nl - p > MAX_LINE)
            st = carat_fail(err, CARAT_EFORMAT, "longer than %d bytes", MAX_LINE);
        else if (!(st = carat_json_parse(p, (size_t)(nl - p), &json, err)))
            st = add_record(run, &cap, json, err);
        if (st) {
            char where[32];
            snprintf(where, sizeof where, "line %zu", number);
            return carat_fail_in(err, st, where);
        }
    }
    return CARAT_OK;
}

static int by_suite_and_item(const void *a, const void *b)
{
    const carat_record *x = a, *y = b;
    if (x->suite != y->suite)
        return (x->suite > y->suite) - (x->suite < y->suite);
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Sorts the records, keeps the last of each item, and notes where each suite's begin. */
static void settle(carat_loaded *run)
{
    size_t n = 0;
    if (run->n)
        qsort(run->record, run->n, sizeof *run->record, by_suite_and_item);
    for (size_t i = 0; i < run->n; i++) {
        carat_record r = run->record[i];
        carat_loaded_suite *s = &run->suite[r.suite];
        if (s->n && run->record[n - 1].item == r.item) {
            carat_json_text(carat_json_get(r.json, "suite"), "suite", &s->name, NULL);
            carat_json_free(run->record[n - 1].json); /* which may have held the name */
            run->record[n - 1] = r;
            continue;
        }
        if (!s->n++)
            s->first = n;
        run->record[n++] = r;
    }
    run->n = n;
}

static carat_status read_items(carat_loaded *run, const char *path, carat_err *err)
{
    char *text; /* not a mapping: a run that is going on may cut its file */
    size_t len;
    carat_status st = carat_read_file(path, MAX_ITEMS, &text, &len, err);
    if (st)
        return st;
    st = read_lines(run, text, len, err);
    free(text);
    settle(run);
    return st ? carat_fail_in(err, st, path) : CARAT_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static carat_status read_object(const char *path, carat_json **out, carat_err *err)
{
    carat_status st = carat_json_load(path, MAX_JSON, out, err);
    if (!st && !carat_json_is_object(*out))
        st = carat_fail(err, CARAT_EFORMAT, "%s: should be an object", path);
    return st;
}

carat_status carat_run_load(const char *dir, carat_loaded *out, carat_err *err)
{
    carat_loaded run = {.dir = dir};
    carat_str path = CARAT_STR_INIT;
    carat_status st;
    carat_path_join(&path, dir, "header.json");
    if (!(st = carat_str_check(&path, err)) && carat_is_dir(dir) && !carat_is_file(path.data))
        st = carat_fail(err, CARAT_EFORMAT, "%s: no run of `carat eval`: it has no header.json", dir);
    if (st || (st = read_object(path.data, &run.header, err)))
        goto out;
    carat_path_join(&path, dir, "report.json");
    if (carat_is_file(path.data) && (st = read_object(path.data, &run.report, err)))
        goto out;
    carat_path_join(&path, dir, "items.jsonl");
    st = read_items(&run, path.data, err);
out:
    carat_str_free(&path);
    if (st)
        carat_run_unload(&run);
    else
        *out = run;
    return st;
}

const carat_loaded_suite *carat_run_suite(const carat_loaded *run, const char *name)
{
    for (size_t i = 0; i < run->n_suites; i++)
        if (strcmp(run->suite[i].name, name) == 0)
            return &run->suite[i];
    return NULL;
}

const carat_record *carat_run_record(const carat_loaded *run, const carat_loaded_suite *suite, uint64_t item)
{
    size_t low = suite->first, high = suite->first + suite->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (run->record[mid].item < item)
            low = mid + 1;
        else
            high = mid;
    }
    return low < suite->first + suite->n && run->record[low].item == item ? &run->record[low] : NULL;
}

void carat_run_unload(carat_loaded *run)
{
    for (size_t i = 0; i < run->n; i++)
        carat_json_free(run->record[i].json);
    free(run->record);
    carat_json_free(run->header);
    carat_json_free(run->report);
    *run = (carat_loaded){0};
}
