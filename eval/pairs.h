/* Two runs side by side: the items they share, and the values to compare.         SPDX-License-Identifier: Apache-2.0
 *
 * Items are paired by their id (by their number where a suite gives none; several records of one id, replies to one problem, in their
 * order). What was not asked alike is never compared in silence: prompts by their hashes, texts by the hash of the data and the number of tokens.
 * Knows no suite: a suite that asks has "outcome" and "score" in its records; of those that compute, arrays named in the table
 * of pairs.c are compared token by token. */
#ifndef CARAT_EVAL_PAIRS_H
#define CARAT_EVAL_PAIRS_H

#include "eval/load.h"
#include "eval/stats.h"
#include "runtime/base/mem.h"

typedef struct carat_match {
    const char *suite;
    const carat_record **a, **b; /* [n] records of the same items, as they stand in run a */
    size_t n;
    size_t only_a, only_b;
    size_t prompts; /* pairs whose prompts differ in their exact bytes */
    bool asks;
    /* every record of the one is in the other, to the last time taken: a run held against itself */
    bool one_run;
    const carat_loaded *run_a, *run_b;
    carat_arena names;
} carat_match;

/* The suite must be in both runs. any_prompt: pairs whose prompts differ are not refused. */
carat_status carat_match_open(const carat_loaded *a, const carat_loaded *b, const char *suite,
                              bool any_prompt, carat_match *out, carat_err *err);
void carat_match_close(carat_match *m);

/* header[group][suite], NULL when absent; both texts and equal. */
const carat_json *carat_match_pinned(const carat_loaded *run, const char *group, const char *suite);
bool carat_match_same_text(const carat_json *a, const carat_json *b);

enum { CARAT_SERIES_KEYS = 8, CARAT_SERIES_VALUES = 1024 };

/* A grouping of the observations: "category" with its values. */
typedef struct carat_series_key {
    const char *name;
    const char **value; /* [n_values], as they first come; borrowed from the records */
    size_t n_values;
    uint32_t *of; /* [n of the series] index into value; n_values: none */
} carat_series_key;

/* One metric of a suite: a value of each run for each observation (a reply, or a token). */
typedef struct carat_paired_series {
    const char *suite, *metric;
    bool scores;  /* 0 to 1, of replies */
    bool smaller; /* is better */
    bool one_run; /* of the match */
    double *a, *b;
    uint32_t *cluster; /* never falls */
    uint32_t *item;    /* index into the match */
    size_t n;
    size_t unmeasured_a,
        unmeasured_b; /* pairs left out: not measured in a, in b (or in both: counted in both) */
    size_t left_out;
    carat_series_key key[CARAT_SERIES_KEYS];
    size_t n_keys;
} carat_paired_series;

/* Series i of the suite; *out has metric NULL past the last. A suite that asks has one. */
carat_status carat_paired_open(const carat_match *m, size_t i, carat_paired_series *out, carat_err *err);
void carat_paired_close(carat_paired_series *s);
/* The id by which people know a record: its "id", else its number in buf. */
const char *carat_record_name(const carat_record *r, char buf[24]);

#endif
