/* Estimates with their uncertainty, and tests of differences.                     SPDX-License-Identifier: Apache-2.0
 *
 * Observations of one cluster (tokens of one window, replies to one problem) are not independent: clusters are what is resampled.
 * Standard errors of means are those of a ratio of cluster sums, linearised, with the factor C / (C - 1) (Liang & Zeger 1986; what
 * a cluster-robust least-squares fit of a constant gives); with clusters of one that is sd / sqrt(n). Intervals are 95 % percentile intervals
 * of a bootstrap over clusters (Efron & Tibshirani, An Introduction to the Bootstrap, ch. 13). Values of two models at the same
 * items are paired: a difference is one value an item. The draws depend on the seed alone.
 *
 * stats.c: estimates. stats_dist.c: normal, Student's and binomial distributions. stats_counts.c: counts. stats_paired.c: two runs. */
#ifndef CARAT_EVAL_STATS_H
#define CARAT_EVAL_STATS_H

#include "runtime/base/err.h"

enum { CARAT_RESAMPLES = 2000, CARAT_PAIRED_RESAMPLES = 10000 };

typedef struct carat_estimate {
    double value, error, low,
        high; /* error: standard error; low, high: 95 % interval; NaN where there is none */
    size_t n; /* observations */
} carat_estimate;

typedef struct carat_interval {
    double low, high;
} carat_interval;

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

/* ---- distributions: relative errors below 1e-12 where the value is a tail ------------------------------------- */

double carat_normal_cdf(double x);
double carat_normal_quantile(double p);             /* 0 < p < 1 */
double carat_student_p(double t, double df);        /* P(|T| >= |t|): the two-sided p value; df >= 1 */
double carat_student_quantile(double p, double df); /* 0 < p < 1 */
double carat_binomial_pmf(uint64_t k, uint64_t n, double p);
double carat_binomial_cdf(uint64_t k, uint64_t n, double p); /* P(X <= k) */

/* ---- counts --------------------------------------------------------------------------------------------------- */

/* Wilson's score interval (1927) of a share of `right` in n. Of clustered observations: carat_wilson_mean. Both NaN for n = 0. */
carat_interval carat_wilson(double right, double n, double confidence);
/* The same for a mean in [0, 1] with a clustered standard error: n becomes value (1 - value) / error^2, the number of independent
 * observations that would have this error; where that says nothing (error 0 or NaN), n itself. */
carat_interval carat_wilson_mean(const carat_estimate *mean, double confidence);
/* The greatest share of which `count` or fewer in n would still come with a probability of `tail`: Clopper and Pearson's upper bound (1934);
 * for count 0, and tail 0.05, the rule of three. 1 for count >= n. */
double carat_share_at_most(uint64_t count, uint64_t n, double tail);
/* McNemar's test, exact: two-sided p of `lost` against `gained` among the items that differ (binomial, 1/2). */
double carat_mcnemar(uint64_t lost, uint64_t gained);
/* The probability that this test finds p <= alpha, exactly, over n pairs of which a share `lost` and a share `gained` differ. */
double carat_mcnemar_power(uint64_t n, double lost, double gained, double alpha);
/* Power of a two-sided test by a normal estimate with this standard error, and the difference that it finds with `power`. */
double carat_power(double difference, double error, double alpha);
double carat_detectable(double error, double alpha, double power);
/* Chance that one of k of n replies is right when c of them are: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, eq. 1).
 * NaN for k > n. */
double carat_pass_at(uint64_t n, uint64_t c, uint64_t k);
/* Holm's step-down p values (1979): the chance of one false finding among all n stays below alpha. NaN p values are not part of
 * the family and stay NaN. adjusted may be p. */
carat_status carat_holm(const double *p, size_t n, double *adjusted, carat_err *err);

/* ---- two runs, item by item ----------------------------------------------------------------------------------- */

/* a[i] and b[i] are of one item; clusters as above. */
typedef struct carat_pairs {
    const double *a, *b;
    const uint32_t *cluster;
    size_t n;
    uint64_t seed;
    bool scores; /* in [0, 1]: the standard error counts two made-up items, see carat_difference */
} carat_pairs;

/* b - a. The interval is at each end the wider of the percentile interval of a paired bootstrap over clusters and of
 * mean +- t(C - 1) x error. Of scores, `error` and the second interval count two made-up items, half of each way to agree and differ
 * (Agresti & Min 2005): without them the error of ten items of which none differs would be 0. Where no item was gained, or none lost, the
 * interval also reaches what carat_share_at_most says of the other. NaN with fewer than two clusters. */
typedef struct carat_difference {
    double a, b;                    /* means */
    double value, error, low, high; /* of b - a */
    double p;                       /* two-sided */
    bool binary;                    /* scores of 0 and 1 */
    bool exact; /* p is McNemar's: binary, each item its own cluster; else Student's t of clusters */
    size_t n, clusters;
    uint64_t gained, lost; /* items where b is above a, below a */
} carat_difference;
carat_status carat_estimate_difference(const carat_pairs *pairs, carat_difference *out, carat_err *err);
/* b / a of the means, linearised: error of mean(b - ratio x a), divided by a; what was not seen counts as above. NaN when a is 0. */
carat_status carat_estimate_ratio(const carat_pairs *pairs, carat_estimate *out, carat_err *err);
/* How much more the mean difference varies because items are in clusters: the square of its clustered over its plain error.
 * NaN with fewer than two clusters, or where nothing differs. */
carat_status carat_design_effect(const carat_pairs *pairs, double *out, carat_err *err);
/* Error and interval times `factor` (nothing for one up to 1), and the p value that goes with them. */
void carat_difference_widen(carat_difference *d, double factor);
/* The power to find a difference of `size` (either way) at alpha, given how much the pairs were seen to differ. */
double carat_difference_power(const carat_difference *d, double size, double alpha);
/* The smallest difference found with `power`. NaN with fewer than two clusters. */
double carat_difference_detectable(const carat_difference *d, double alpha, double power);

#endif
