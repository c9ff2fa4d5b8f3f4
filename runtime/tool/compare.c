/* One row of values against another.                                                SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/compare.h"

#include <math.h>

double carat_row_difference(const carat_tensor *want, size_t row, size_t cols, const float *got)
{
    double worst = 0;
    for (size_t i = 0; i < cols; i++) {
        double d = fabs((double)got[i] - (double)carat_tensor_f32(want, (uint64_t)row * cols + i));
        if (!(d <= worst))
            worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static double from_tensor(const void *x, size_t i)
{
    return (double)carat_tensor_f32(x, i);
}

static double from_floats(const void *x, size_t i)
{
    return (double)((const float *)x)[i];
}

static carat_row_view row_make(double (*at)(const void *x, size_t i), const void *x, size_t from, size_t n)
{
    carat_row_view r = {at, x, from, n, 0, 0};
    double top = at(x, from), sum = 0;
    for (size_t i = 1; i < n; i++)
        if (at(x, from + i) > top) {
            top = at(x, from + i);
            r.best = i;
        }
    for (size_t i = 0; i < n; i++)
        sum += exp(at(x, from + i) - top);
    r.log_sum = top + log(sum);
    return r;
}

carat_row_view carat_row_of_tensor(const carat_tensor *t, size_t from, size_t n)
{
    return row_make(from_tensor, t, from, n);
}

carat_row_view carat_row_of_floats(const float *x, size_t n)
{
    return row_make(from_floats, x, 0, n);
}

double carat_row_kld(const carat_row_view *p, const carat_row_view *q)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double lp = p->at(p->x, p->from + i) - p->log_sum;
        sum += exp(lp) * (lp - (q->at(q->x, q->from + i) - q->log_sum));
    }
    return isnan(sum) ? INFINITY : sum;
}
