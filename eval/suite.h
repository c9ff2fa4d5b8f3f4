/* Suites: what is asked of a model and what the answers are worth.                 SPDX-License-Identifier: Apache-2.0
 *
 * A suite cuts its data into items and turns the results of all items into metrics. There are two kinds. One computes an item itself
 * (`item`: perplexity, kld), through carat_backend only. The other asks (`question`) and marks the answer (`grade`): it never sees the
 * backend, and what is common to all such suites (the record of an item, outcomes, score, groups, intervals) is done for it.
 * The record of an item is one JSON object, a line of items.jsonl, that can be kept, read back and marked anew. Of suites that ask:
 *   {"suite", "item", "id", "cluster", "groups": {"category": "math", ...}, "asked", "asked_cut", "prompt_sha256", "reply", "thought", "finish", "truncated",
 *    "prompt_tokens", "reply_tokens", "seconds", "first_s", "tries", "fault", "outcome": "right|wrong|unparsed|not_measured",
 *    "score", + what grade writes ("pred", "level", ...)}
 * so that compare, report and merge need to know no suite.
 * To add a suite: write suites/NAME.c with one `const carat_suite carat_suite_NAME` at its end, add its extern line below
 * and its row in suites.c. */
#ifndef CARAT_EVAL_SUITE_H
#define CARAT_EVAL_SUITE_H

#include "eval/backend.h"
#include "eval/stats.h"
#include "runtime/base/json.h"
#include "runtime/base/util.h"

typedef struct carat_eval {
    carat_backend *model;
    carat_backend *reference;    /* NULL: none given as a model */
    const char *reference_file;  /* NULL: none given as a file */
    const char *write_reference; /* NULL, or where kld writes one instead of comparing */
    const char *data;            /* of this suite */
    const carat_talk *talk;      /* for what takes long before the first item; NULL: nobody listens */
    uint32_t context, stride;
    size_t limit; /* items; 0: all */
    uint64_t seed;
    const char *variant; /* of the protocol; NULL: the suite's first */
    bool thinking;
    size_t max_new;                        /* 0: as the protocol says */
    uint32_t samples;                      /* replies to each problem (pass@k); 0: 1 */
    double temperature;                    /* < 0: as the protocol says */
    const char *from, *to;                 /* dates, YYYY-MM-DD; NULL: open */
    bool strip_options, official_fallback; /* mmlu-pro */
    bool exclude_errata;                   /* livecodebench */
    bool unsafe_no_sandbox;
} carat_eval;

typedef enum carat_outcome { CARAT_RIGHT, CARAT_WRONG, CARAT_UNPARSED, CARAT_NOT_MEASURED } carat_outcome;
const char *carat_outcome_name(carat_outcome o);

enum { CARAT_GROUPS = 4 };

/* What is known of an item before it is asked. Borrowed from the suite. */
typedef struct carat_item {
    const char *id;
    const char *cluster; /* items of one cluster are not independent; NULL: each is its own */
    struct {
        const char *key, *value; /* "category", "math" */
    } group[CARAT_GROUPS];
    size_t n_groups;
} carat_item;

typedef struct carat_verdict {
    carat_outcome outcome;
    double score; /* 0 to 1 */
} carat_verdict;

typedef struct carat_metric {
    const char *name;
    carat_estimate estimate;
} carat_metric;

enum { CARAT_MAX_METRICS = 24 };

typedef struct carat_results {
    carat_metric metric[CARAT_MAX_METRICS];
    size_t n, items;
    uint64_t seed;  /* given: of resamples */
    char note[512]; /* what a reader must know: BOS rule, clusters */
} carat_results;

typedef struct carat_suite {
    const char *name, *summary;
    const char *metric;   /* of suites that ask, the mean of the scores: "acc", "pass@1", "score" */
    const char *variants; /* "local, api, lm-eval", the first is the default; NULL: there is one way */
    const char *
        heeds; /* options of the command line that mean something to this suite alone: "samples from to"; NULL: none */
    carat_status (*open)(const carat_eval *e, void **state, size_t *items, carat_err *err);
    /* What pins this suite's method beyond its options: members of "protocol" in its object of header.json ("extraction": "tiger-local-3", "sandbox":
     * "bubblewrap"). NULL: nothing. */
    carat_status (*pin)(const void *state, carat_jw *w, carat_err *err);
    /* ---- suites that ask. question: what to ask for item i; borrowed from the suite until release, and may be asked for again; what the
     * command line overrides (thinking, max_new, temperature) and the seed are set behind it. grade: writes the members of the
     * record that are its own; only called with an answer that was not truncated or faulty (no content is an empty one), from
     * several threads at once. */
    carat_item (*describe)(const void *state, size_t i);
    carat_status (*question)(void *state, size_t i, carat_question *out, carat_err *err);
    carat_status (*grade)(void *state, size_t i, const carat_answer *a, carat_jw *w, carat_verdict *v,
                          carat_err *err);
    /* Item i has its record: what question gave may go. From any thread, once a question. May be NULL. */
    void (*release)(void *state, size_t i);
    bool slow; /* grading takes long (it runs programs): several at a time, beside the asking */

    /* ---- suites that compute. */
    /* tokens that item i scores: for progress */
    size_t (*size)(const void *state, size_t i);
    /* computes item i and writes members of its JSON object */
    carat_status (*item)(void *state, size_t i, carat_jw *w, carat_err *err);
    /* results: the records of n items, those of a shard maybe. Suites that ask may leave it NULL, or add metrics of their own behind the
     * common ones. A merge has records only: then state is NULL. */
    carat_status (*report)(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err);
    void (*close)(void *state);
} carat_suite;

extern const carat_suite carat_suite_perplexity, carat_suite_kld, carat_suite_mmlu_pro, carat_suite_mrcr,
    carat_suite_gsm8k, carat_suite_livecodebench, carat_suite_latency;
/* [{"role": "user", "content": text}], for suites whose question is one message; malloc'ed, NULL without memory. */
char *carat_user_message(const char *text, carat_err *err);
const carat_suite *carat_suite_at(size_t i); /* NULL past the end */
const carat_suite *carat_suite_named(const char *name, size_t len);

#endif
