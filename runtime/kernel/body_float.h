/* The float kernels, written once in the words of <isa>_vec.h.                     SPDX-License-Identifier: Apache-2.0
 *
 * Sums run in 16 lanes whatever W is (element i into lane i % 16), so rmsnorm, like everything but exp and tanh, has ref's bits. */
#include <math.h>

#include "runtime/kernel/body_math.h"

enum { LANES = 16, PER = LANES / W };

static inline float fold(vec *lane)
{
    for (int half = PER / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] = v_add(lane[i], lane[i + half]);
    return v_sum(lane[0]);
}

/* What is left of a row from i on, at most one vector. */
static inline size_t left(size_t n, size_t i)
{
    return n <= i ? 0 : n - i < W ? n - i : W;
}

static float squares(const float *x, size_t n)
{
    vec lane[PER];
    for (int j = 0; j < PER; j++)
        lane[j] = v_set1(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < PER; j++) {
            vec v = v_load(x + i + j * W);
            lane[j] = v_add(lane[j], v_mul(v, v));
        }
    for (int j = 0; j < PER && i + j * W < n; j++) {
        vec v = v_load_n(x + i + j * W, left(n, i + j * W));
        lane[j] = v_add(lane[j], v_mul(v, v));
    }
    return fold(lane);
}

void SET(rmsnorm)(const float *x, const float *weight, size_t n, float eps, float *y)
{
    float r = 1.0f / sqrtf(squares(x, n) / (float)n + eps);
    vec inv = v_set1(r);
    size_t i = 0, full = n - n % W;
    if (weight)
        for (; i < full; i += W)
            v_store(y + i, v_mul(v_mul(v_load(x + i), inv), v_load(weight + i)));
    else
        for (; i < full; i += W)
            v_store(y + i, v_mul(v_load(x + i), inv));
    for (; i < n; i++)
        y[i] = weight ? x[i] * r * weight[i] : x[i] * r;
}

void SET(rope)(float *x, const float *cos, const float *sin, size_t dim)
{
    float *a = x, *b = x + dim / 2;
    size_t i = 0;
    for (; i + W <= dim / 2; i += W) {
        vec u = v_load(a + i), v = v_load(b + i), c = v_load(cos + i), s = v_load(sin + i);
        v_store(a + i, v_sub(v_mul(u, c), v_mul(v, s)));
        v_store(b + i, v_add(v_mul(v, c), v_mul(u, s)));
    }
    for (; i < dim / 2; i++) {
        float u = a[i], v = b[i];
        a[i] = u * cos[i] - v * sin[i];
        b[i] = v * cos[i] + u * sin[i];
    }
}

/* x (1 + tanh u) / 2 = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3): one exp, no cancellation below 0. */
static inline vec gelu(vec x)
{
    vec t = v_mul(x, v_fma(v_mul(x, x), v_set1(-0.0713548163f), v_set1(-1.59576912f)));
    return v_div(x, v_add(v_set1(1), v_exp(t)));
}

void SET(gelu_mul)(const float *gate, const float *up, size_t n, float *out)
{
    size_t i = 0;
    for (; i + W <= n; i += W) {
        vec g = gelu(v_load(gate + i));
        v_store(out + i, up ? v_mul(g, v_load(up + i)) : g);
    }
    if (i < n) {
        vec g = gelu(v_load_n(gate + i, n - i));
        v_store_n(out + i, up ? v_mul(g, v_load_n(up + i, n - i)) : g, n - i);
    }
}

void SET(softcap)(float *x, size_t n, float cap)
{
    vec c = v_set1(cap);
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store(x + i, v_mul(c, v_tanh(v_div(v_load(x + i), c))));
    if (i < n)
        v_store_n(x + i, v_mul(c, v_tanh(v_div(v_load_n(x + i, n - i), c))), n - i);
}

void SET(add)(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store(y + i, v_add(v_load(y + i), v_load(x + i)));
    for (; i < n; i++)
        y[i] += x[i];
}

void SET(scale)(float *y, float s, size_t n)
{
    vec f = v_set1(s);
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store(y + i, v_mul(v_load(y + i), f));
    for (; i < n; i++)
        y[i] *= s;
}

void SET(round_bf16)(float *x, size_t n)
{
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store(x + i, v_bf16(v_load(x + i)));
    if (i < n)
        v_store_n(x + i, v_bf16(v_load_n(x + i, n - i)), n - i);
}

float SET(max)(const float *x, size_t n)
{
    enum { CHAINS = 4 };
    float lane[CHAINS * W], m = -INFINITY;
    vec most[CHAINS];
    for (int j = 0; j < CHAINS; j++)
        most[j] = v_set1(-INFINITY);
    size_t i = 0;
    for (; i + CHAINS * W <= n; i += CHAINS * W)
        for (int j = 0; j < CHAINS; j++)
            most[j] = v_max_nan(most[j], v_load(x + i + j * W));
    for (int j = 0; j < CHAINS; j++)
        v_store(lane + j * W, most[j]);
    for (int j = 0; j < CHAINS * W && m == m; j++)
        m = lane[j] <= m ? m : lane[j];
    for (; i < n && m == m; i++)
        m = x[i] <= m ? m : x[i];
    return m;
}

/* Element i into lane i % W of f64; lanes summed in order. The rest of the last vector is -inf: exp 0. */
double SET(sum_exp)(const float *x, size_t n, float m)
{
    dvec low = d_set1(0), high = low, c = d_set1(m);
    size_t i = 0;
    for (; i + W <= n; i += W) {
        vec v = v_load(x + i);
        low = d_add(low, d_exp(d_sub(d_low(v), c)));
        high = d_add(high, d_exp(d_sub(d_high(v), c)));
    }
    if (i < n) {
        float rest[W];
        for (size_t j = 0; j < W; j++)
            rest[j] = i + j < n ? x[i + j] : -INFINITY;
        low = d_add(low, d_exp(d_sub(d_low(v_load(rest)), c)));
        high = d_add(high, d_exp(d_sub(d_high(v_load(rest)), c)));
    }
    double lane[W], sum = 0;
    d_store(lane, low);
    d_store(lane + D, high);
    for (int j = 0; j < W; j++)
        sum += lane[j];
    return sum;
}
