/* Counts: shares, items that differ, replies of which one must be right (stats.h).  SPDX-License-Identifier: Apache-2.0 */
#include "eval/stats.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"

carat_interval carat_wilson(double right, double n, double confidence)
{
    if (!(n > 0))
        return (carat_interval){NAN, NAN};
    double z = carat_normal_quantile(0.5 + confidence / 2), p = right / n, z2 = z * z / n;
    double middle = (p + z2 / 2) / (1 + z2), half = z / (1 + z2) * sqrt(p * (1 - p) / n + z2 / (4 * n));
    return (carat_interval){p <= 0 ? 0 : middle - half, p >= 1 ? 1 : middle + half};
}

carat_interval carat_wilson_mean(const carat_estimate *mean, double confidence)
{
    double n = (double)mean->n, v = mean->value, effective = v * (1 - v) / (mean->error * mean->error);
    if (isfinite(effective) && effective > 0)
        n = effective;
    return carat_wilson(v * n, n, confidence);
}

double carat_share_at_most(uint64_t count, uint64_t n, double tail)
{
    double low = 0, high = 1;
    if (count >= n)
        return 1;
    if (count == 0)
        return -expm1(log(tail) / (double)n);
    for (int i = 0; i < 60 && high - low > 1e-12 * high; i++) {
        double share = (low + high) / 2;
        if (carat_binomial_cdf(count, n, share) > tail)
            low = share;
        else
            high = share;
    }
    return high;
}

double carat_mcnemar(uint64_t lost, uint64_t gained)
{
    uint64_t least = lost < gained ? lost : gained, n = lost + gained;
    double p = n ? 2 * carat_binomial_cdf(least, n, 0.5) : 1;
    return p < 1 ? p : 1;
}

/* ---- power --------------------------------------------------------------------------------------------------- */

/* The most items on the lesser side with which m items that differ are a finding; `from` is a guess from below, -1 if there is none. */
static int64_t critical(uint64_t m, double alpha, int64_t from)
{
    int64_t k = from;
    while ((uint64_t)(k + 1) * 2 < m && 2 * carat_binomial_cdf((uint64_t)(k + 1), m, 0.5) <= alpha)
        k++;
    return k;
}

double carat_mcnemar_power(uint64_t n, double lost, double gained, double alpha)
{
    double differ = lost + gained, power = 0;
    if (!(lost >= 0 && gained >= 0 && differ <= 1))
        return NAN;
    if (differ == 0)
        return 0;
    /* how many items differ, within nine standard deviations: the rest is below 1e-15 */
    double mean = differ * (double)n, spread = 9 * sqrt(mean * (1 - differ)) + 9, share = lost / differ;
    uint64_t from = mean > spread ? (uint64_t)(mean - spread) : 0;
    uint64_t to = mean + spread < (double)n ? (uint64_t)(mean + spread) : n;
    int64_t k = -1;
    if (from >
        64) /* a start from below: the critical number is at least m/2 - z sqrt(m)/2 - 1 for alpha >= 1e-12 */
        k = (int64_t)fmax(-1, (double)from / 2 - 4 * sqrt((double)from) - 1);
    for (uint64_t m = from; m <= to; m++) {
        if ((k = critical(m, alpha, k)) < 0)
            continue;
        double few_lost = carat_binomial_cdf((uint64_t)k, m, share);
        double few_gained = carat_binomial_cdf((uint64_t)k, m, 1 - share);
        power += carat_binomial_pmf(m, n, differ) * (few_lost + few_gained);
    }
    return power < 1 ? power : 1;
}

double carat_power(double difference, double error, double alpha)
{
    double z = carat_normal_quantile(1 - alpha / 2), shift = fabs(difference) / error;
    return carat_normal_cdf(shift - z) + carat_normal_cdf(-shift - z);
}

double carat_detectable(double error, double alpha, double power)
{
    return (carat_normal_quantile(1 - alpha / 2) + carat_normal_quantile(power)) * error;
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

double carat_pass_at(uint64_t n, uint64_t c, uint64_t k)
{
    double none = 1;
    if (k > n || c > n)
        return NAN;
    if (n - c < k)
        return 1;
    for (uint64_t i = n - c + 1; i <= n; i++) /* C(n - c, k) / C(n, k) = product of 1 - k / i */
        none *= 1 - (double)k / (double)i;
    return 1 - none;
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return (x->p > y->p) - (x->p < y->p);
    return (x->at > y->at) - (x->at < y->at);
}

carat_status carat_holm(const double *p, size_t n, double *adjusted, carat_err *err)
{
    struct ranked *r = carat_alloc(n, sizeof *r, err);
    if (!r)
        return CARAT_ENOMEM;
    size_t family = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = NAN;
        else
            r[family++] = (struct ranked){p[i], i};
    }
    qsort(r, family, sizeof *r, by_p);
    double least = 0;
    for (size_t i = 0; i < family; i++) {
        double v = r[i].p * (double)(family - i);
        least = fmax(least, v < 1 ? v : 1);
        adjusted[r[i].at] = least;
    }
    carat_free(r);
    return CARAT_OK;
}
