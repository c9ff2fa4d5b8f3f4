/* Estimates with their uncertainty: cluster-robust errors and bootstrap intervals.  SPDX-License-Identifier: Apache-2.0 */
#include "eval/stats.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"

static size_t clusters_of(const carat_observations *o)
{
    size_t count = 0;
    for (size_t i = 0; i < o->n; i++)
        count += i == 0 || o->cluster[i] != o->cluster[i - 1];
    return count;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Draws m clusters with replacement: times[c] counts how often cluster c came up in resample r. */
static void resample(uint32_t *times, size_t m, uint64_t seed, uint64_t r)
{
    for (size_t c = 0; c < m; c++)
        times[c] = 0;
    for (size_t c = 0; c < m; c++)
        times[carat_random(seed, r * m + c) % m]++;
}

static void interval(double *draws, carat_estimate *out)
{
    qsort(draws, CARAT_RESAMPLES, sizeof *draws, rising);
    out->low = draws[(size_t)(0.025 * CARAT_RESAMPLES)];
    out->high = draws[(size_t)(0.975 * CARAT_RESAMPLES) - 1];
}

/* Scratch of a bootstrap over m clusters. */
struct boot {
    double *sum, *count; /* [m] */
    uint32_t *times;     /* [m] */
    double *draws;       /* [CARAT_RESAMPLES] */
};

static carat_status boot_open(struct boot *b, size_t m, carat_err *err)
{
    *b = (struct boot){carat_alloc(m, sizeof(double), err), carat_alloc(m, sizeof(double), err),
                       carat_alloc(m, sizeof(uint32_t), err),
                       carat_alloc(CARAT_RESAMPLES, sizeof(double), err)};
    return b->sum && b->count && b->times && b->draws ? CARAT_OK : CARAT_ENOMEM;
}

static void boot_close(struct boot *b)
{
    carat_free(b->sum);
    carat_free(b->count);
    carat_free(b->times);
    carat_free(b->draws);
}

static void bootstrap_mean(struct boot *b, size_t m, uint64_t seed)
{
    for (uint64_t r = 0; r < CARAT_RESAMPLES; r++) {
        double sum = 0, count = 0;
        resample(b->times, m, seed, r);
        for (size_t c = 0; c < m; c++) {
            sum += b->sum[c] * b->times[c];
            count += b->count[c] * b->times[c];
        }
        b->draws[r] = sum / count;
    }
}

carat_status carat_estimate_mean(const carat_observations *o, carat_estimate *out, carat_err *err)
{
    *out = (carat_estimate){NAN, NAN, NAN, NAN, o->n};
    size_t m = clusters_of(o);
    if (!m)
        return CARAT_OK;
    struct boot b;
    carat_status st = boot_open(&b, m, err);
    if (st)
        goto out;
    double total = 0, square = 0;
    for (size_t i = 0, c = 0; i < o->n; i++) {
        c += i > 0 && o->cluster[i] != o->cluster[i - 1];
        b.sum[c] += o->value[i];
        b.count[c]++;
        total += o->value[i];
    }
    out->value = total / (double)o->n;
    if (m < 2)
        goto out;
    for (size_t c = 0; c < m; c++) {
        double d = b.sum[c] - out->value * b.count[c];
        square += d * d;
    }
    out->error = sqrt(square * (double)m / (double)(m - 1)) / (double)o->n;
    bootstrap_mean(&b, m, o->seed);
    interval(b.draws, out);
out:
    boot_close(&b);
    return st;
}

/* ---- quantiles ----------------------------------------------------------------------------------------------- */

struct ranked {
    double value;
    uint32_t cluster; /* 0, 1, ... without gaps */
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Quantile of the sorted observations when each counts `times` of its cluster (NULL: once). */
static double weighted_quantile(const struct ranked *r, size_t n, const uint32_t *times, double q)
{
    double total = 0, seen = 0;
    for (size_t i = 0; i < n; i++)
        total += times ? times[r[i].cluster] : 1;
    for (size_t i = 0; i < n; i++) {
        seen += times ? times[r[i].cluster] : 1;
        if (seen >= q * total && (!times || times[r[i].cluster]))
            return r[i].value;
    }
    return r[n - 1].value;
}

static void bootstrap_quantile(struct boot *b, const struct ranked *r, const carat_observations *o, size_t m,
                               double q, carat_estimate *out)
{
    double sum = 0, square = 0;
    for (uint64_t k = 0; k < CARAT_RESAMPLES; k++) {
        resample(b->times, m, o->seed, k);
        b->draws[k] = weighted_quantile(r, o->n, b->times, q);
        sum += b->draws[k];
    }
    for (uint64_t k = 0; k < CARAT_RESAMPLES; k++)
        square += (b->draws[k] - sum / CARAT_RESAMPLES) * (b->draws[k] - sum / CARAT_RESAMPLES);
    out->error = sqrt(square / (CARAT_RESAMPLES - 1));
    interval(b->draws, out);
}

carat_status carat_estimate_quantile(const carat_observations *o, double q, carat_estimate *out,
                                     carat_err *err)
{
    *out = (carat_estimate){NAN, NAN, NAN, NAN, o->n};
    size_t m = clusters_of(o);
    if (!m)
        return CARAT_OK;
    struct boot b;
    struct ranked *r = carat_alloc(o->n, sizeof *r, err);
    carat_status st = boot_open(&b, m, err);
    if (st || !r) {
        st = CARAT_ENOMEM;
        goto out;
    }
    for (size_t i = 0, c = 0; i < o->n; i++) {
        c += i > 0 && o->cluster[i] != o->cluster[i - 1];
        r[i] = (struct ranked){o->value[i], (uint32_t)c};
    }
    qsort(r, o->n, sizeof *r, by_value);
    out->value = weighted_quantile(r, o->n, NULL, q);
    if (m > 1 &&
        q < 1) /* a resample never holds more than the greatest: the bootstrap knows nothing about a maximum */
        bootstrap_quantile(&b, r, o, m, q, out);
out:
    carat_free(r);
    boot_close(&b);
    return st;
}
