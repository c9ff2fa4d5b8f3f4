/* Rules of a gate: what a run must keep to, read from a JSON file.                SPDX-License-Identifier: Apache-2.0
 *
 * {"require": ["mmlu-pro"], "rules": [{"suite": "mmlu-pro", "max_drop": 0.01}, ...]}. A rule names a suite, maybe a metric and a
 * group, and exactly one check with its bound. What is not understood is refused: a misspelled rule must not pass. */
#ifndef CARAT_EVAL_RULES_H
#define CARAT_EVAL_RULES_H

#include "runtime/base/json.h"

typedef enum carat_check {
    CARAT_MIN_RECOVERY, /* percent of the baseline's score */
    CARAT_MAX_DROP,     /* of a metric where more is better, in its unit */
    CARAT_MAX_RISE,     /* of a metric where less is better; of perplexity relative */
    CARAT_MAX,          /* bounds of the run alone */
    CARAT_MIN,
    CARAT_MIN_RATIO,        /* of speeds, each divided by its own run's probe */
    CARAT_MAX_NOT_MEASURED, /* shares of the suite's items */
    CARAT_MAX_UNPARSED,
    CARAT_MAX_TRUNCATED,
    CARAT_CHECKS
} carat_check;
const char *carat_check_name(carat_check c);

typedef struct carat_rule {
    const char *suite;
    const char *metric;      /* NULL: the suite's score */
    const char *key, *value; /* of a group; NULL: all items */
    const char *probe;       /* metric of the same suite that a speed is divided by */
    carat_check check;
    double bound;
} carat_rule;

enum { CARAT_MAX_RULES = 1000, CARAT_MAX_REQUIRED = 64 };

typedef struct carat_rules {
    carat_json *root; /* owns the texts */
    const char *require[CARAT_MAX_REQUIRED];
    size_t n_require;
    carat_rule *rule;
    size_t n;
} carat_rules;

carat_status carat_rules_load(const char *path, carat_rules *out, carat_err *err);
void carat_rules_free(carat_rules *r);

#endif
