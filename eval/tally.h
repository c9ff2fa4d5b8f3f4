/* Tallies: what the records of a suite that asks come to, in all and by group.      SPDX-License-Identifier: Apache-2.0
 *
 * Right, wrong, unparsed and not measured are counted apart; the score is the mean over the first three (an unparsed reply scores 0).
 * Standard errors are those of clusters. Where scores are 0 or 1 the interval is Wilson's, of clustered items with as many independent
 * ones as have their error (as clusters, where that is 0); of other scores it is a bootstrap over clusters (stats.h). */
#ifndef CARAT_EVAL_TALLY_H
#define CARAT_EVAL_TALLY_H

#include "eval/suite.h"

typedef struct carat_group {
    const char *key, *value; /* "category", "math"; borrowed from the records. NULL: all items */
    size_t outcome[CARAT_NOT_MEASURED + 1], truncated;
    carat_estimate score;
} carat_group;

typedef struct carat_standing {
    carat_group all;
    carat_group *group; /* sorted by key, then value */
    size_t n;
} carat_standing;

carat_status carat_standing_take(const carat_json *const *records, size_t n, uint64_t seed,
                                 carat_standing *out, carat_err *err);
void carat_standing_free(carat_standing *s);

#endif
