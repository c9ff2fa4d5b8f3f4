/* What carat bench measures, and how it is shown.                                   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_BENCH_H
#define CARAT_TOOL_BENCH_H

#include "runtime/base/cmd.h"
#include "runtime/kernel/probe.h"
#include "runtime/model/session.h"
#include "runtime/tool/bench_draft.h"

enum { CARAT_BENCH_REPEATS = 100, CARAT_BENCH_TESTS = 16 };

typedef struct carat_bench_args {
    carat_common common;
    int64_t prompt, predict, repeats;
    const char *depths, *parallel, *format, *numerics, *kernels, *kv, *svg, *draft, *text;
    bool force;
} carat_bench_args;

/* One row of the result. */
typedef struct carat_bench_test {
    char name[32];
    bool decode, drafted;
    size_t tokens, depth, parallel; /* tokens of each of so many sequences */
    double rate[CARAT_BENCH_REPEATS], fraction[CARAT_BENCH_REPEATS], read[CARAT_BENCH_REPEATS];
    double bytes_per_token, ops_per_token, kv_bytes; /* kv_bytes: of the cache, in the middle of the run */
    double plain[CARAT_BENCH_REPEATS];               /* drafted: tokens/s without the drafter */
    uint64_t rounds, drafts, right;                  /* drafted: of all repeats */
} carat_bench_test;

typedef struct carat_bench {
    const carat_bench_args *a;
    carat_model *model;
    carat_session *session;
    carat_bench_draft draft;
    const carat_kernels *kern;
    carat_team *team;
    carat_numerics numerics;
    carat_plan plan;
    uint64_t anon_before; /* own resident memory before the session was opened */
    int32_t *ids;
    size_t n_ids;
    void *anonymous; /* what the read probe reads when the model is too small to be a yardstick */
    const void *probe_data;
    size_t probe_bytes;
    double load_s;
    carat_peak int8, f32;
    carat_bench_test test[CARAT_BENCH_TESTS];
    size_t n_tests;
} carat_bench;

/* What -o and --json ask for; NULL: no such format. */
typedef void carat_bench_print_fn(carat_bench *b);
carat_bench_print_fn *carat_bench_printer(const carat_bench_args *a);
/* --svg, the time of a decoded token over depth: do the planned tests give a picture? And drawing it. */
carat_status carat_bench_draws(const carat_bench *b, carat_err *err);
carat_status carat_bench_draw(carat_bench *b, carat_err *err);

#endif
