/* Verdicts over two runs: better, worse, same, inconclusive.                      SPDX-License-Identifier: Apache-2.0
 *
 * Each row is one metric over all items of a suite or over one group of them. Its verdict, b against a:
 *   same          the whole 95 % interval of the difference lies within +- margin; or both are one run, record for record
 *   worse, better the adjusted p value is at most 0.05 and the interval does not hold 0
 *   inconclusive  neither: the detectable difference says what these items could have shown
 * p values are Holm's: one family are the rows over all items of all suites, another the values of one group key of a metric. */
#ifndef CARAT_EVAL_COMPARE_H
#define CARAT_EVAL_COMPARE_H

#include "eval/pairs.h"

#define CARAT_ALPHA 0.05
#define CARAT_POWER 0.8

typedef enum carat_change { CARAT_WORSE, CARAT_INCONCLUSIVE, CARAT_BETTER, CARAT_SAME } carat_change;
const char *carat_change_name(carat_change c);

typedef struct carat_compare_row {
    const char *key, *value; /* of a group; NULL: all items */
    carat_difference d;
    double p_adjusted;
    carat_change change;
} carat_compare_row;

typedef struct carat_comparison {
    const carat_paired_series *series;
    double margin;
    carat_compare_row *row; /* [n]: all items, then the values of each key */
    size_t n;
    size_t *gained, *lost; /* items of the match that went up, down, in the order of run a; replies only */
    size_t n_gained, n_lost;
} carat_comparison;

/* Where none is given, as --margin would give it: a reply's score has none; of tokens there are so many that the least change of a last
 * digit would be found. */
double carat_compare_margin(const carat_paired_series *s);
/* A margin in the unit of the metric: on perplexity it is relative, 0.01 is one percent. */
double carat_compare_margin_of(const carat_paired_series *s, double margin);
/* Differences and, for groups, verdicts; those over all items need carat_compare_judge. The series must outlive it. */
carat_status carat_compare_open(const carat_paired_series *s, double margin, uint64_t seed,
                                carat_comparison *out, carat_err *err);
void carat_compare_close(carat_comparison *c);
/* Verdicts over all items: the metrics of all suites are one family. The verdict of the whole: worse if any is, else inconclusive if any
 * is, else better if any is, else same. */
carat_status carat_compare_judge(carat_comparison *list, size_t n, carat_change *whole, carat_err *err);
/* The pairs of a group: the items of `key` with that value; all items where the key has no `of`. Arrays are the caller's
 * (carat_free). A group of fewer than CARAT_FEW_CLUSTERS clusters tells too little about how they scatter: there each item is its own
 * cluster, and errors are to be multiplied by *widen, the square root of the design effect of the whole series (1 at least). */
enum { CARAT_FEW_CLUSTERS = 20 };
carat_status carat_series_part(const carat_paired_series *s, const carat_series_key *key, uint32_t value,
                               carat_pairs *out, double *widen, carat_err *err);

#endif
