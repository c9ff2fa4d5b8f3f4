/* Normal, Student's and binomial distributions (stats.h).                         SPDX-License-Identifier: Apache-2.0
 *
 * Nothing here subtracts two large logarithms of factorials: binomials by Loader's saddle point form ("Fast and accurate computation
 * of binomial probabilities", 2000), Student's t by the continued fraction of the incomplete beta function. */
#include "eval/stats.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* ---- normal -------------------------------------------------------------------------------------------------- */

double carat_normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

/* A start of three digits (Abramowitz & Stegun 26.2.23), then Halley's steps on the lower tail. */
double carat_normal_quantile(double p)
{
    if (!(p > 0 && p < 1))
        return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    if (p > 0.5)
        return -carat_normal_quantile(1 - p);
    double t = sqrt(-2 * log(p));
    double x = (2.515517 + t * (0.802853 + t * 0.010328)) /
                   (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
               t;
    for (int i = 0; i < 4; i++) {
        double step = (carat_normal_cdf(x) - p) * sqrt(2 * pi) * exp(x * x / 2);
        x -= step / (1 + x * step / 2);
    }
    return x;
}

/* ---- Student's t --------------------------------------------------------------------------------------------- */

/* log of gamma(a + 1/2) / gamma(a), a >= 1/2: up to where the series holds by gamma(x + 1) = x gamma(x). */
static double log_half_step(double a)
{
    double moved = 0;
    for (; a < 20; a += 1)
        moved += log(a / (a + 0.5));
    double s = 1 / (a * a);
    return moved + 0.5 * log(a) -
           (0.125 - s * (1.0 / 192 - s * (1.0 / 640 - s * (17.0 / 14336 - s * 31.0 / 18432)))) / a;
}

/* Regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated forward (Lentz);
 * front = x^a (1 - x)^b / B(a, b). Converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b, double front)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    h = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        h *= d * c;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return front * h / a;
}

double carat_student_p(double t, double df)
{
    if (!(df >= 1) || isnan(t))
        return NAN;
    if (isinf(t))
        return 0;
    /* I_x(df/2, 1/2) with x = df / (df + t^2) */
    double a = df / 2, square = t * t / df, x = 1 / (1 + square), y = square / (1 + square);
    double front = exp(log_half_step(a) - a * log1p(square)) * sqrt(y / pi);
    if (x < (a + 1) / (a + 2.5))
        return beta_fraction(x, a, 0.5, front);
    return 1 - beta_fraction(y, 0.5, a, front);
}

/* Newton from the normal quantile: above the median the distribution function is concave, so the steps come from the left and
 * do not overshoot. */
double carat_student_quantile(double p, double df)
{
    if (!(p > 0 && p < 1) || !(df >= 1))
        return NAN;
    if (p < 0.5)
        return -carat_student_quantile(1 - p, df);
    double t = carat_normal_quantile(p), scale = log_half_step(df / 2) - 0.5 * log(df * pi);
    for (int i = 0; i < 200 && t > 0; i++) {
        double density = exp(scale - (df + 1) / 2 * log1p(t * t / df));
        double step = (0.5 * carat_student_p(t, df) - (1 - p)) / density;
        t += step;
        if (fabs(step) <= 1e-15 * t)
            break;
    }
    return t;
}

/* ---- binomial ------------------------------------------------------------------------------------------------ */

/* log(n!) - log(sqrt(2 pi n) (n / e)^n) */
static double stirling_error(double n)
{
    double moved = 0;
    for (; n < 16; n += 1) /* stirling_error(n) - stirling_error(n + 1) */
        moved += (n + 0.5) * log1p(1 / n) - 1;
    double s = 1 / (n * n);
    return moved +
           (1.0 / 12 -
            s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188 - s * 691.0 / 360360))))) /
               n;
}

/* x log(x / m) + m - x without cancellation for x near m */
static double deviance(double x, double m)
{
    double v = (x - m) / (x + m);
    if (fabs(v) > 0.1)
        return x * log(x / m) + m - x;
    double sum = (x - m) * v, term = 2 * x * v;
    for (int j = 1; j < 100; j++) {
        term *= v * v;
        double next = sum + term / (2 * j + 1);
        if (next == sum)
            break;
        sum = next;
    }
    return sum;
}

double carat_binomial_pmf(uint64_t k, uint64_t n, double p)
{
    if (k > n || !(p >= 0 && p <= 1))
        return k > n ? 0 : NAN;
    double x = (double)k, m = (double)n, y = (double)(n - k);
    if (k == 0)
        return p == 1 ? n == 0 : exp(m * log1p(-p));
    if (k == n)
        return p == 0 ? 0 : exp(m * log(p));
    if (p == 0 || p == 1)
        return 0;
    double log_pmf = stirling_error(m) - stirling_error(x) - stirling_error(y) - deviance(x, m * p) -
                     deviance(y, m * (1 - p));
    return exp(log_pmf) * sqrt(m / (2 * pi * x * y));
}

/* P(X <= k) for k below the mean: the terms fall from k downwards. */
static double lower_tail(uint64_t k, uint64_t n, double p)
{
    double term = carat_binomial_pmf(k, n, p), sum = term, odds = (1 - p) / p;
    for (uint64_t i = k; i > 0 && term > sum * 1e-18; i--) {
        term *= (double)i / (double)(n - i + 1) * odds;
        sum += term;
    }
    return sum;
}

double carat_binomial_cdf(uint64_t k, uint64_t n, double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (k >= n || p == 0)
        return 1;
    if (p == 1)
        return 0;
    if ((double)k < (double)n * p)
        return lower_tail(k, n, p);
    return 1 - lower_tail(n - k - 1, n, 1 - p);
}
