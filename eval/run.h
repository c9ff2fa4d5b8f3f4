/* A run on disk: RUN/header.json pins the method, items.jsonl keeps one line an item, report.json is the result.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * A line is appended and synced as soon as its item is done, so a killed run loses only what was in flight; the same command goes on.
 * A run made by another method is never mixed with this one, and two processes never write one run: the file `lock` is locked
 * (fcntl, so a crash or a power cut leaves no stale lock). Where an item is done again (its first record says that it could not be
 * measured), its last line counts; when the run is complete, items.jsonl is left with one line an item, in the order of the items,
 * whatever the order in which they were done. */
#ifndef CARAT_EVAL_RUN_H
#define CARAT_EVAL_RUN_H

#include "eval/suite.h"
#include "runtime/base/file.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

/* Shard `index` (from 0) of `count`: the items i with i % count == index. */
typedef struct carat_shard {
    uint32_t index, count; /* count 0: no shards */
} carat_shard;
bool carat_shard_has(carat_shard s, size_t i);

/* An item that has a line. */
typedef struct carat_kept {
    uint32_t suite; /* in the order in which they came */
    uint64_t item;
    size_t line; /* the one that counts */
} carat_kept;

typedef struct carat_run {
    char *dir;    /* NULL: nothing is kept on disk */
    char *header; /* the text of header.json: of the first call, where several made the run */
    bool moved;   /* the server's address is a new one; the header now tells it too */
    int lock;     /* file descriptor; -1: none */
    int items;    /* file descriptor, appends; -1: closed */
    uint64_t length;
    bool lazy;         /* lines need no sync of their own: what they were made from is on disk */
    size_t fresh;      /* lines written since open */
    bool broken;       /* a line could not be written: nothing more is */
    carat_json **line; /* all lines, those that no longer count too */
    size_t n, cap;
    carat_kept *kept;
    size_t n_kept, cap_kept;
    carat_table index; /* "item suite" -> kept */
    carat_table suites;
    carat_arena names;
} carat_run;

/* dir may be NULL. header: the JSON text that pins the method. A half-written last line is cut off. */
carat_status carat_run_open(const char *dir, const char *header, carat_run *out, carat_err *err);
/* results[item] = what was kept of each of the suite's items [0, items), borrowed until close; others are left as they are. */
void carat_run_find(const carat_run *r, const char *suite, const carat_json **results, size_t items);
/* Keeps one finished item; `line` is its JSON object without a line break. */
carat_status carat_run_keep(carat_run *r, const carat_str *line, carat_err *err);
/* All items are done: one line an item, in order. */
carat_status carat_run_tidy(carat_run *r, carat_err *err);
carat_status carat_run_report(carat_run *r, const char *name, const carat_str *text, carat_err *err);
void carat_run_close(carat_run *r);

#endif
