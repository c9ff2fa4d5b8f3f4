/* Estimates with their uncertainty.                                               SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of one text are not independent: clusters (windows, or blocks of a window) are what is resampled. Standard errors of
 * means are those of a ratio of cluster sums (linearised); intervals are 95 % percentile intervals of a bootstrap over clusters
 * (Efron & Tibshirani, An Introduction to the Bootstrap, ch. 13). Values of two models at the same tokens are paired by
 * construction: a difference is one value a token. The draws depend on the seed alone. */
#ifndef CARAT_EVAL_STATS_H
#define CARAT_EVAL_STATS_H

#include "runtime/base/err.h"

enum { CARAT_RESAMPLES = 2000 };

typedef struct carat_estimate {
    double value, error, low,
        high; /* error: standard error; low, high: 95 % interval; NaN where there is none */
    size_t n; /* observations */
} carat_estimate;

/* Observations in clusters: value[i] belongs to cluster[i], which never falls. */
typedef struct carat_observations {
    const double *value;
    const uint32_t *cluster;
    size_t n;
    uint64_t seed;
} carat_observations;

carat_status carat_estimate_mean(const carat_observations *o, carat_estimate *out, carat_err *err);
/* The q-quantile (0 < q <= 1): the smallest value with at least q of the observations at or below it; q = 1, the
 * maximum, has no error and no interval. */
carat_status carat_estimate_quantile(const carat_observations *o, double q, carat_estimate *out,
                                     carat_err *err);

#endif
