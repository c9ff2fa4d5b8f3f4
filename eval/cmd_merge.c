/* carat merge: the shards of a run into one.                                       SPDX-License-Identifier: Apache-2.0
 *
 * Shards are runs of one method with different items. Their records go over as they are, byte for byte, in the order of an undivided
 * run; the report is computed anew from them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/load.h"
#include "eval/mark.h"
#include "eval/method.h"
#include "eval/summary.h"
#include "runtime/base/cmd.h"

struct args {
    carat_common common;
    const char *out;
    bool partial, force;
};

enum { EXIT_UNMEASURED = 5, MAX_SHARDS = 65536 };

static const struct args defaults = {0};

struct job {
    const struct args *a;
    carat_loaded *shard; /* [n] */
    size_t n;
    carat_str header, items;
    carat_summary summary[CARAT_LOADED_SUITES];
    size_t n_suites, missing;
};

/* A record and where it comes from. */
typedef struct piece {
    const carat_record *record;
    size_t shard;
} piece;

/* ---- what there is ------------------------------------------------------------------------------------------- */

static carat_status load(struct job *j, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (!(j->shard = carat_alloc(j->a->common.npos, sizeof *j->shard, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < j->a->common.npos && !st; i++) {
        const char *dir = j->a->common.pos[i];
        for (size_t k = 0; k < i; k++)
            if (carat_same_file(dir, j->a->common.pos[k]))
                return carat_fail(err, CARAT_EUSAGE, "%s and %s are one run", j->a->common.pos[k], dir);
        if (!(st = carat_run_load(dir, &j->shard[i], err)))
            j->n++;
        if (st || !i)
            continue;
        if ((st = carat_method_same(j->shard[0].header, j->shard[i].header, CARAT_SAME_SHARDS, err))) {
            char where[300];
            snprintf(where, sizeof where, "%.140s, %.140s", j->a->common.pos[0], dir);
            carat_fail_in(err, st, where);
        }
    }
    return st;
}

/* "shard": "1/3" becomes null: then the header is that of an undivided run. */
static carat_status read_header(struct job *j, carat_err *err)
{
    static const char key[] = "\"shard\": \"";
    carat_str path = CARAT_STR_INIT;
    char *text;
    size_t len;
    carat_path_join(&path, j->a->common.pos[0], "header.json");
    carat_status st = carat_read_file(path.data, (size_t)1 << 28, &text, &len, err);
    carat_str_free(&path);
    if (st)
        return st;
    char *at = NULL;
    for (char *p = text; (p = strstr(p, key)); p++)
        at = p; /* the last one is that of the top level */
    size_t head = at ? (size_t)(at - text) : len;
    carat_str_add(&j->header, text, head);
    if (at) {
        carat_str_puts(&j->header, "\"shard\": null");
        carat_str_puts(&j->header, at + sizeof key - 1 + strcspn(at + sizeof key - 1, "\"") + 1);
    }
    free(text);
    return carat_str_check(&j->header, err);
}

/* ---- one suite ----------------------------------------------------------------------------------------------- */

static int by_item(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return (x->record->item > y->record->item) - (x->record->item < y->record->item);
}

static size_t records_of(const struct job *j, const char *suite)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++) {
        const carat_loaded_suite *s = carat_run_suite(&j->shard[i], suite);
        n += s ? s->n : 0;
    }
    return n;
}

static void collect(const struct job *j, const char *suite, piece *out)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++) {
        const carat_loaded_suite *s = carat_run_suite(&j->shard[i], suite);
        for (size_t k = 0; s && k < s->n; k++)
            out[n++] = (piece){&j->shard[i].record[s->first + k], i};
    }
    if (n)
        qsort(out, n, sizeof *out, by_item);
}

/* The shard that item i belongs to, by the header of the first run; "" where it was not divided. */
static void whose(const struct job *j, uint64_t item, char out[48])
{
    const char *text = NULL;
    unsigned i, n;
    carat_json_text(carat_json_get(j->shard[0].header, "shard"), "shard", &text, NULL);
    *out = 0;
    if (text && sscanf(text, "%5u/%5u", &i, &n) == 2 && n)
        snprintf(out, 48, " (of shard %u/%u)", (unsigned)(item % n) + 1, n);
}

/* No item twice, and all of them. */
static carat_status check(struct job *j, const char *suite, const piece *p, size_t n, carat_err *err)
{
    uint64_t items, first = 0;
    char shard[48];
    const carat_json *pinned = carat_json_get(carat_json_get(j->shard[0].header, "suite"), suite);
    carat_status st = carat_json_u64(carat_json_get(pinned, "items"), "suite.items", 0, UINT64_MAX, &items,
                                     err);
    if (st)
        return carat_fail_in(err, st, "header.json");
    for (size_t i = 1; i < n; i++)
        if (p[i].record->item == p[i - 1].record->item)
            return carat_fail(err, CARAT_EUSAGE, "%s item %" PRIu64 " is in both %.140s and %.140s", suite,
                              p[i].record->item, j->a->common.pos[p[i - 1].shard],
                              j->a->common.pos[p[i].shard]);
    if (n && p[n - 1].record->item >= items)
        return carat_fail(err, CARAT_EFORMAT, "%s item %" PRIu64 ": the suite has %" PRIu64 " items", suite,
                          p[n - 1].record->item, items);
    while (first < n && p[first].record->item == first)
        first++;
    j->missing += items - n;
    whose(j, first, shard);
    if (n < items && !j->a->partial)
        return carat_fail(err, CARAT_EUSAGE,
                          "%s: %" PRIu64 " of %" PRIu64 " items are missing, the first is %" PRIu64
                          "%s; finish that run, or --partial",
                          suite, items - n, items, first, shard);
    return CARAT_OK;
}

static uint64_t seed_of(const struct job *j)
{
    uint64_t seed = 0;
    carat_json_u64(carat_json_get(j->shard[0].header, "seed"), "seed", 0, UINT64_MAX, &seed, NULL);
    return seed;
}

static carat_status summarize(struct job *j, const carat_suite *s, const piece *p, size_t n, carat_err *err)
{
    carat_summary *sum = &j->summary[j->n_suites];
    const carat_json **records = carat_alloc(n, sizeof *records, err);
    const char *note = NULL;
    if (!records)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        records[i] = p[i].record->json;
    carat_status st = carat_summary_make(s, NULL, records, n, seed_of(j), sum, err);
    carat_free(records);
    if (st)
        return st;
    j->n_suites++;
    for (size_t i = 0; i < j->n && !note; i++) /* what a suite knows only while it is open */
        if (!carat_json_text(carat_json_get(carat_json_get(j->shard[i].report, "notes"), s->name), "", &note,
                             NULL))
            snprintf(sum->results.note, sizeof sum->results.note, "%s", note);
    return CARAT_OK;
}

/* The lines of a run's items.jsonl. */
typedef struct lines {
    char *text;
    size_t *start, n, cap;
} lines;

static carat_status read_lines(const char *dir, lines *out, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    size_t len;
    carat_path_join(&path, dir, "items.jsonl");
    carat_status st = carat_read_file(path.data, (size_t)1 << 32, &out->text, &len, err);
    carat_str_free(&path);
    if (st || (st = carat_grow((void **)&out->start, &out->cap, 1, sizeof *out->start, err)))
        return st;
    out->start[0] = 0;
    for (char *p = out->text, *nl; !st && (nl = memchr(p, '\n', len - (size_t)(p - out->text))); p = nl + 1)
        if (!(st = carat_grow((void **)&out->start, &out->cap, out->n + 2, sizeof *out->start, err)))
            out->start[++out->n] = (size_t)(nl + 1 - out->text);
    return st;
}

static carat_status put_lines(struct job *j, const lines *from, const piece *p, size_t n, carat_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const lines *l = &from[p[i].shard];
        size_t at = p[i].record->line;
        if (at >= l->n)
            return carat_fail(err, CARAT_EIO, "%s/items.jsonl changed while it was read",
                              j->a->common.pos[p[i].shard]);
        carat_str_add(&j->items, l->text + l->start[at], l->start[at + 1] - l->start[at]);
    }
    return carat_str_check(&j->items, err);
}

static carat_status merge_suite(struct job *j, const lines *from, const char *name, carat_err *err)
{
    const carat_suite *s = carat_suite_named(name, strlen(name));
    size_t n = records_of(j, name);
    if (!s)
        return carat_fail(err, CARAT_ESUPPORT, "header.json: unknown suite %s", name);
    piece *p = carat_alloc(n, sizeof *p, err);
    if (!p)
        return CARAT_ENOMEM;
    collect(j, name, p);
    carat_status st = check(j, name, p, n, err);
    if (!st && !(st = put_lines(j, from, p, n, err)))
        st = summarize(j, s, p, n, err);
    carat_free(p);
    return st;
}

/* The suites in the order in which they were asked for. */
static carat_status merge(struct job *j, carat_err *err)
{
    const carat_json *suites = carat_json_get(j->shard[0].header, "suite");
    lines *from = carat_alloc(j->n, sizeof *from, err);
    carat_status st = from ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; i < j->n && !st; i++)
        st = read_lines(j->a->common.pos[i], &from[i], err);
    if (!st && (!carat_json_first(suites) || carat_json_count(suites) > CARAT_LOADED_SUITES))
        st = carat_fail(err, CARAT_EFORMAT, "%s/header.json: \"suite\" should hold 1 to %d suites",
                        j->a->common.pos[0], CARAT_LOADED_SUITES);
    for (const carat_json *s = carat_json_first(suites); s && !st; s = carat_json_next(s))
        st = merge_suite(j, from, carat_json_key(s), err);
    for (size_t i = 0; from && i < j->n; i++) {
        free(from[i].text);
        free(from[i].start);
    }
    carat_free(from);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status write_file(const char *dir, const char *name, const carat_str *text, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, dir, name);
    carat_status st = carat_str_check(&path, err);
    if (!st)
        st = carat_write_file(path.data, text->data, text->len, err);
    carat_str_free(&path);
    return st;
}

static carat_status write_run(struct job *j, carat_err *err)
{
    carat_output o;
    carat_str report = CARAT_STR_INIT;
    carat_status st = carat_summary_write(j->summary, j->n_suites, j->header.data, &report, err);
    if (st || (st = carat_output_begin(&o, j->a->out, "header.json", j->a->force, err)))
        goto out;
    if (!(st = write_file(o.temp_path, "header.json", &j->header, err)) &&
        !(st = write_file(o.temp_path, "items.jsonl", &j->items, err)) &&
        !(st = write_file(o.temp_path, "report.json", &report, err)))
        st = carat_output_commit(&o, err);
    carat_output_abort(&o);
    if (!st && j->a->common.json)
        fputs(report.data, stdout);
    for (size_t i = 0; !st && !j->a->common.json && i < j->n_suites; i++)
        carat_summary_print(&j->summary[i]);
out:
    carat_str_free(&report);
    return st;
}

static carat_status run_job(struct job *j, carat_err *err)
{
    const struct args *a = j->a;
    carat_status st;
    if (!a->out)
        return carat_fail(err, CARAT_EUSAGE, "where to? -o RUN");
    for (size_t i = 0; i < a->common.npos; i++)
        if (carat_same_file(a->common.pos[i], a->out))
            return carat_fail(err, CARAT_EUSAGE, "-o %s is one of the runs to merge", a->out);
        else if ((st = carat_output_spares(a->out, a->common.pos[i], err)))
            return st;
    if ((st = carat_output_check(a->out, "header.json", a->force, err)))
        return st;
    if ((st = load(j, err)) || (st = read_header(j, err)) || (st = merge(j, err)))
        return st;
    return write_run(j, err);
}

static int run(const void *args, carat_err *err)
{
    struct job *j = carat_alloc(1, sizeof *j, err);
    if (!j)
        return carat_cmd_exit(CARAT_ENOMEM, err);
    *j = (struct job){.a = args, .header = CARAT_STR_INIT, .items = CARAT_STR_INIT};
    carat_status st = run_job(j, err);
    size_t lost = j->missing;
    if (!st && j->missing)
        carat_note(&j->a->common.talk, "%zu items are missing", j->missing);
    for (size_t i = 0; i < j->n_suites; i++) {
        lost += carat_summary_unmeasured(&j->summary[i]);
        carat_summary_free(&j->summary[i]);
    }
    for (size_t i = 0; i < j->n; i++)
        carat_run_unload(&j->shard[i]);
    carat_free(j->shard);
    carat_str_free(&j->header);
    carat_str_free(&j->items);
    carat_free(j);
    return !st && lost ? EXIT_UNMEASURED : carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"output", 'o', CARAT_OPT_TEXT, AT(out), "RUN", "the whole run: a new directory"},
    {"partial", 0, CARAT_OPT_FLAG, AT(partial), NULL, "although items are missing"},
    {"force", 'f', CARAT_OPT_FLAG, AT(force), NULL, "replace an existing RUN"},
    {0},
};

const carat_cmd carat_cmd_merge = {
    .name = "merge",
    .summary = "join the shards of an evaluation into one run",
    .usage = "RUN... -o RUN",
    .detail =
        "Shards are runs of `carat eval --shard I/N` with the same method and different items. The result is "
        "that of the run\n"
        "that was not divided: the same records in the same order, the report computed anew. Runs of "
        "different "
        "methods, an\n"
        "item in two runs and missing items are refused.",
    .example = "$ for i in 1 2 3; do carat eval e2b-int4 --suite mmlu-pro --shard $i/3 -o run.$i; done\n"
               "$ carat merge run.1 run.2 run.3 -o run",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = MAX_SHARDS,
    .defaults = &defaults,
    .run = run,
};
