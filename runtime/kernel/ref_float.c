/* Elementwise float kernels in plain C: what the vector sets are measured against. SPDX-License-Identifier: Apache-2.0
 *
 * rmsnorm, rope, add, scale, round_bf16, max and absmax have the same bits in every set: no fused multiply-add, and sums in 16 lanes
 * (element i into lane i % 16, lanes folded in halves: 8, 4, 2, 1). gelu_mul, softcap and sum_exp are computed
 * in f64 here and rounded once; the vector sets stay within the bounds that kernel.h states. */
#include <math.h>
#include <string.h>

#include "runtime/kernel/ref.h"

enum { LANES = 16 };

static float fold(float *lane)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

void carat_ref_rmsnorm(const float *x, const float *weight, size_t n, float eps, float *y)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % LANES] += x[i] * x[i];
    float inv = 1.0f / sqrtf(fold(lane) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = weight ? x[i] * inv * weight[i] : x[i] * inv;
}

void carat_ref_rope(float *x, const float *cos, const float *sin, size_t dim)
{
    float *a = x, *b = x + dim / 2;
    for (size_t i = 0; i < dim / 2; i++) {
        float u = a[i], v = b[i];
        a[i] = u * cos[i] - v * sin[i];
        b[i] = v * cos[i] + u * sin[i];
    }
}

void carat_ref_gelu_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        double x = gate[i], u = 0.79788456080286536 * (x + 0.044715 * x * x * x);
        float g = (float)(x < 0 ? x / (1 + exp(-2 * u))
                                : 0.5 * x * (1 + tanh(u))); /* equal; no cancellation below 0 */
        out[i] = up ? g * up[i] : g;
    }
}

void carat_ref_softcap(float *x, size_t n, float cap)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(cap * tanh((double)x[i] / cap));
}

void carat_ref_add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

void carat_ref_scale(float *y, float s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= s;
}

void carat_ref_round_bf16(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t b;
        memcpy(&b, &x[i], sizeof b);
        b = x[i] == x[i] ? b + 0x7fff + (b >> 16 & 1) : b | 0x400000; /* a NaN stays one */
        b &= 0xffff0000;
        memcpy(&x[i], &b, sizeof b);
    }
}

float carat_ref_max(const float *x, size_t n)
{
    float m = -INFINITY;
    for (size_t i = 0; i < n && m == m; i++)
        if (!(x[i] <= m))
            m = x[i];
    return m;
}

double carat_ref_sum_exp(const float *x, size_t n, float m)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - m);
    return sum;
}
