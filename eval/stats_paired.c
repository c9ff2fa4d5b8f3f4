/* Two runs, item by item: differences and ratios of means (stats.h).              SPDX-License-Identifier: Apache-2.0 */
#include "eval/stats.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"

enum { MAX_KINDS = 32 };

/* Sums over each cluster. */
struct sums {
    double *a, *b, *count; /* [clusters] */
    size_t clusters;
    double total_a, total_b;
};

static void sums_close(struct sums *s)
{
    carat_free(s->a);
    carat_free(s->b);
    carat_free(s->count);
}

static carat_status sums_open(const carat_pairs *p, struct sums *s, carat_err *err)
{
    *s = (struct sums){0};
    for (size_t i = 0; i < p->n; i++)
        s->clusters += i == 0 || p->cluster[i] != p->cluster[i - 1];
    s->a = carat_alloc(s->clusters, sizeof(double), err);
    s->b = carat_alloc(s->clusters, sizeof(double), err);
    s->count = carat_alloc(s->clusters, sizeof(double), err);
    if (!s->a || !s->b || !s->count) {
        sums_close(s);
        return CARAT_ENOMEM;
    }
    for (size_t i = 0, c = 0; i < p->n; i++) {
        c += i > 0 && p->cluster[i] != p->cluster[i - 1];
        s->a[c] += p->a[i];
        s->b[c] += p->b[i];
        s->count[c]++;
        s->total_a += p->a[i];
        s->total_b += p->b[i];
    }
    return CARAT_OK;
}

/* ---- the bootstrap ------------------------------------------------------------------------------------------- */

/* Clusters with the same difference and the same size are of one kind: how often each kind comes up in a resample is multinomial,
 * and a run of 12,032 questions has three kinds. */
struct kinds {
    double difference[MAX_KINDS], count[MAX_KINDS];
    uint64_t of[MAX_KINDS]; /* clusters */
    size_t n;
};

static bool find_kinds(const struct sums *s, struct kinds *k)
{
    k->n = 0;
    for (size_t c = 0; c < s->clusters; c++) {
        double d = s->b[c] - s->a[c];
        size_t at = 0;
        while (at < k->n && (k->difference[at] != d || k->count[at] != s->count[c]))
            at++;
        if (at == MAX_KINDS)
            return false;
        if (at == k->n) {
            k->difference[at] = d;
            k->count[at] = s->count[c];
            k->of[at] = 0;
            k->n++;
        }
        k->of[at]++;
    }
    return true;
}

/* A draw of a binomial by inversion of u, the outcomes taken in the order mode, mode + 1, mode - 1, mode + 2, ... */
static uint64_t draw_binomial(uint64_t n, double p, double u)
{
    if (n == 0 || p <= 0)
        return 0;
    if (p >= 1)
        return n;
    uint64_t mode = (uint64_t)(((double)n + 1) * p), up, down;
    if (mode > n)
        mode = n;
    double here = carat_binomial_pmf(mode, n, p), above = here, below = here, odds = p / (1 - p);
    up = down = mode;
    for (u -= here; u > 0 && (up < n || down > 0);) {
        if (up < n) {
            above *= (double)(n - up) / (double)(up + 1) * odds;
            up++;
            if ((u -= above) <= 0)
                return up;
        }
        if (down > 0) {
            below *= (double)down / (double)(n - down + 1) / odds;
            down--;
            if ((u -= below) <= 0)
                return down;
        }
        if (above + below < 1e-300) /* what rounding left of u */
            return mode;
    }
    return mode;
}

static double resample_kinds(const struct kinds *k, uint64_t clusters, uint64_t seed, uint64_t counter)
{
    double difference = 0, count = 0;
    uint64_t left = clusters, of = clusters;
    for (size_t i = 0; i < k->n && left; i++) {
        double share = (double)k->of[i] / (double)of, u = carat_random_unit(seed, counter + i);
        uint64_t times = i + 1 == k->n ? left : draw_binomial(left, share, u);
        difference += k->difference[i] * (double)times;
        count += k->count[i] * (double)times;
        left -= times;
        of -= k->of[i];
    }
    return difference / count;
}

static double resample_clusters(const struct sums *s, uint64_t seed, uint64_t counter)
{
    double difference = 0, count = 0;
    for (size_t i = 0; i < s->clusters; i++) {
        size_t c = carat_random(seed, counter + i) % s->clusters;
        difference += s->b[c] - s->a[c];
        count += s->count[c];
    }
    return difference / count;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static carat_status bootstrap(const struct sums *s, uint64_t seed, carat_difference *out, carat_err *err)
{
    double *draws = carat_alloc(CARAT_PAIRED_RESAMPLES, sizeof *draws, err);
    struct kinds k;
    if (!draws)
        return CARAT_ENOMEM;
    bool few = find_kinds(s, &k);
    for (uint64_t r = 0; r < CARAT_PAIRED_RESAMPLES; r++)
        draws[r] = few ? resample_kinds(&k, s->clusters, seed, r * MAX_KINDS)
                       : resample_clusters(s, seed, r * s->clusters);
    qsort(draws, CARAT_PAIRED_RESAMPLES, sizeof *draws, rising);
    out->low = draws[(size_t)(0.025 * CARAT_PAIRED_RESAMPLES)];
    out->high = draws[(size_t)(0.975 * CARAT_PAIRED_RESAMPLES) - 1];
    carat_free(draws);
    return CARAT_OK;
}

/* ---- differences --------------------------------------------------------------------------------------------- */

/* Sum of squares over clusters of (b - ratio x a) - center x size, the two made-up items of +- sqrt(1/2) included for scores. */
static double spread(const carat_pairs *p, const struct sums *s, double ratio, double center)
{
    double square = p->scores ? 1 + 2 * center * center : 0;
    for (size_t c = 0; c < s->clusters; c++) {
        double d = s->b[c] - ratio * s->a[c] - center * s->count[c];
        square += d * d;
    }
    return square;
}

/* Standard error of that mean. */
static double linear_error(const carat_pairs *p, const struct sums *s, double ratio, double center)
{
    double made = p->scores ? 2 : 0, clusters = (double)s->clusters + made;
    return sqrt(spread(p, s, ratio, center) * clusters / (clusters - 1)) / ((double)p->n + made);
}

static void count_signs(const carat_pairs *p, const struct sums *s, carat_difference *out)
{
    out->binary = p->scores;
    for (size_t i = 0; i < p->n; i++) {
        double a = p->a[i], b = p->b[i];
        out->gained += b > a;
        out->lost += b < a;
        if ((a != 0 && a != 1) || (b != 0 && b != 1))
            out->binary = false;
    }
    out->exact = out->binary && s->clusters == p->n;
}

/* Of what never happened the normal estimate knows nothing: where no item went one way, the interval reaches the exact bound of the share
 * that went the other way. Of clusters, whose scatter then is unknown, and of grades that is said only where no item differs. */
static void reach_unseen(carat_difference *d)
{
    const double tail = 0.025;
    if (!d->exact && d->gained + d->lost)
        return;
    if (!d->gained)
        d->low = fmin(d->low, -carat_share_at_most(d->lost, d->n, tail));
    if (!d->lost)
        d->high = fmax(d->high, carat_share_at_most(d->gained, d->n, tail));
}

/* The same of b / a: a difference in units of a's mean. */
static void reach_unseen_ratio(const carat_pairs *p, const struct sums *s, carat_estimate *out)
{
    double mean = s->total_a / (double)p->n;
    carat_difference d = {.n = p->n, .clusters = s->clusters};
    if (!p->scores)
        return;
    count_signs(p, s, &d);
    reach_unseen(&d);
    if (d.low < 0)
        out->low = fmin(out->low, 1 + d.low / mean);
    if (d.high > 0)
        out->high = fmax(out->high, 1 + d.high / mean);
}

carat_status carat_estimate_difference(const carat_pairs *p, carat_difference *out, carat_err *err)
{
    *out = (carat_difference){NAN, NAN, NAN, NAN, NAN, NAN, NAN, false, false, p->n, 0, 0, 0};
    if (!p->n)
        return CARAT_OK;
    struct sums s;
    carat_status st = sums_open(p, &s, err);
    if (st)
        return st;
    double n = (double)p->n;
    count_signs(p, &s, out);
    out->clusters = s.clusters;
    out->a = s.total_a / n;
    out->b = s.total_b / n;
    out->value = (s.total_b - s.total_a) / n;
    if (s.clusters < 2)
        goto out;
    double center = p->scores ? (s.total_b - s.total_a) / (n + 2) : out->value;
    out->error = linear_error(p, &s, 1, center);
    double df = (double)s.clusters - 1, half = carat_student_quantile(0.975, df) * out->error;
    if (out->exact)
        out->p = carat_mcnemar(out->lost, out->gained);
    else
        out->p = out->error > 0 ? carat_student_p(center / out->error, df) : out->value == 0;
    if ((st = bootstrap(&s, p->seed, out, err)))
        goto out;
    out->low = fmin(out->low, center - half);
    out->high = fmax(out->high, center + half);
    if (p->scores) {
        reach_unseen(out);
        out->low = fmax(out->low, -1);
        out->high = fmin(out->high, 1);
    }
out:
    sums_close(&s);
    return st;
}

carat_status carat_estimate_ratio(const carat_pairs *p, carat_estimate *out, carat_err *err)
{
    *out = (carat_estimate){NAN, NAN, NAN, NAN, p->n};
    if (!p->n)
        return CARAT_OK;
    struct sums s;
    carat_status st = sums_open(p, &s, err);
    if (st)
        return st;
    if (s.total_a > 0) {
        out->value = s.total_b / s.total_a;
        if (s.clusters > 1) {
            out->error = linear_error(p, &s, out->value, 0) / (s.total_a / (double)p->n);
            double half = carat_student_quantile(0.975, (double)s.clusters - 1) * out->error;
            out->low = out->value - half;
            out->high = out->value + half;
            reach_unseen_ratio(p, &s, out);
        }
    }
    sums_close(&s);
    return CARAT_OK;
}

carat_status carat_design_effect(const carat_pairs *p, double *out, carat_err *err)
{
    struct sums s;
    *out = NAN;
    carat_status st = p->n ? sums_open(p, &s, err) : CARAT_OK;
    if (st || !p->n)
        return st;
    double mean = (s.total_b - s.total_a) / ((double)p->n + (p->scores ? 2 : 0)),
           apart = p->scores ? 1 + 2 * mean * mean : 0;
    for (size_t i = 0; i < p->n; i++)
        apart += (p->b[i] - p->a[i] - mean) * (p->b[i] - p->a[i] - mean);
    double made = p->scores ? 2 : 0, n = (double)p->n + made, clusters = (double)s.clusters + made;
    if (s.clusters > 1 && apart > 0)
        *out = spread(p, &s, 1, mean) * (clusters / (clusters - 1)) / (apart * (n / (n - 1)));
    sums_close(&s);
    return CARAT_OK;
}

void carat_difference_widen(carat_difference *d, double factor)
{
    if (!(factor > 1))
        return;
    d->error *= factor;
    d->low = d->value + (d->low - d->value) * factor;
    d->high = d->value + (d->high - d->value) * factor;
    d->exact = false;
    d->p = d->error > 0 ? carat_student_p(d->value / d->error, (double)d->clusters - 1) : d->p;
}

/* ---- power --------------------------------------------------------------------------------------------------- */

/* Clusters may hide a difference; they cannot show one that the same pairs would not show if they were independent. */
double carat_difference_power(const carat_difference *d, double size, double alpha)
{
    if (d->clusters < 2)
        return NAN;
    double clustered = d->exact ? 1 : carat_power(size, d->error, alpha);
    if (!d->binary)
        return clustered;
    /* as many items differ as did here, or as many as such a difference needs */
    double differ = fmax(size, ((double)(d->lost + d->gained) + 1) / ((double)d->n + 2));
    return fmin(clustered, carat_mcnemar_power(d->n, (differ + size) / 2, (differ - size) / 2, alpha));
}

double carat_difference_detectable(const carat_difference *d, double alpha, double power)
{
    if (d->clusters < 2)
        return NAN;
    if (!d->binary)
        return carat_detectable(d->error, alpha, power);
    double low = 0, high = 1;
    if (carat_difference_power(d, high, alpha) < power)
        return NAN;
    for (double guess = 1.1 * carat_detectable(d->error, alpha, power); high - low > 1e-3 * high;) {
        double size = guess > low && guess < high ? guess : (low + high) / 2;
        guess = NAN;
        if (carat_difference_power(d, size, alpha) < power)
            low = size;
        else
            high = size;
    }
    return high;
}
