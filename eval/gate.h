/* A gate: rules held against a run and its baseline.                              SPDX-License-Identifier: Apache-2.0
 *
 * Each rule passes when its whole 95 % interval keeps to the bound, fails when the whole interval is beyond it, and is
 * inconclusive between: these items do not decide. What has no interval (counts, a maximum) is decided by its value. The gate fails if
 * a rule fails, passes if all pass. Passing by mistake takes one rule whose truth is beyond the bound and whose interval is not: at
 * most 2.5 % however many rules there are. */
#ifndef CARAT_EVAL_GATE_H
#define CARAT_EVAL_GATE_H

#include "eval/pairs.h"
#include "eval/rules.h"

/* The worse of several is the least. */
typedef enum carat_pass { CARAT_FAIL, CARAT_UNDECIDED, CARAT_PASS } carat_pass;
const char *carat_pass_name(carat_pass p); /* "fail", "inconclusive", "pass" */

typedef struct carat_gate_line {
    char rule[160]; /* "mmlu-pro acc, category law: max_drop 0.04" */
    carat_pass pass;
    double value, low, high; /* what is held against the bound; low and high NaN: no interval */
    double bound;
    size_t n;
    char why[160]; /* "" or one line for people */
} carat_gate_line;

typedef struct carat_gate {
    carat_gate_line *line; /* [n]: required suites, then the rules in their order */
    size_t n;
    carat_pass whole;
} carat_gate;

/* A rule that names what is not there is an error. any_prompt as in carat_match_open. */
carat_status carat_gate_check(const carat_rules *rules, const carat_loaded *run, const carat_loaded *baseline,
                              bool any_prompt, uint64_t seed, carat_gate *out, carat_err *err);
void carat_gate_free(carat_gate *g);
/* What a rule against the baseline (min_recovery, max_drop, max_rise) says of a series of pairs: b is the run. */
carat_status carat_gate_pairs(const carat_rule *rule, const carat_paired_series *s, uint64_t seed,
                              carat_gate_line *l, carat_err *err);

#endif
