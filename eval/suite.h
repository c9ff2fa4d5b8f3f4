/* Suites: what is asked of a model and what the answers are worth.                 SPDX-License-Identifier: Apache-2.0
 *
 * A suite cuts its data into items, computes one item at a time (its result is a JSON object that can be kept and read back),
 * and turns all results into metrics. It sees models through carat_backend only.
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
    uint32_t context, stride;
    size_t limit; /* items; 0: all */
    uint64_t seed;
} carat_eval;

typedef struct carat_metric {
    const char *name;
    carat_estimate estimate;
} carat_metric;

enum { CARAT_MAX_METRICS = 24 };

typedef struct carat_results {
    carat_metric metric[CARAT_MAX_METRICS];
    size_t n, items;
    char note[512]; /* what a reader must know: BOS rule, clusters */
} carat_results;

typedef struct carat_suite {
    const char *name, *summary;
    carat_status (*open)(const carat_eval *e, void **state, size_t *items, carat_err *err);
    /* tokens that item i scores: for progress */
    size_t (*size)(const void *state, size_t i);
    /* computes item i and writes members of its JSON object */
    carat_status (*item)(void *state, size_t i, carat_jw *w, carat_err *err);
    /* results[i] is what item() wrote for item i */
    carat_status (*report)(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err);
    void (*close)(void *state);
} carat_suite;

extern const carat_suite carat_suite_perplexity, carat_suite_kld;
const carat_suite *carat_suite_at(size_t i); /* NULL past the end */
const carat_suite *carat_suite_named(const char *name, size_t len);

#endif
