/* Weight search in plain C: defines the bits that every set gives.                 SPDX-License-Identifier: Apache-2.0
 *
 *     inv = 1 / s                                     once, in f32
 *     q   = rint(min(max(x * inv, lo), hi))           ties to even; the product rounded to f32; a NaN product becomes lo
 *     d   = fma(-q, s, x)
 *     lane[i % 16] = fma(d, d, lane[i % 16])          16 f32 lanes, folded in halves at the end: 8, 4, 2, 1
 *
 * (lo and hi are whole numbers, so clamping before or after rounding is the same.) A NaN or infinite x makes the error
 * NaN or infinite; nothing is undefined for any s. Zero s with zero x: error 0. */
#include <math.h>
#include <string.h>

#include "runtime/kernel/ref.h"

enum { LANES = 16 };

static float code_of(float x, float inv, float lo, float hi)
{
    float q = x * inv;
    q = q > lo ? q : lo;
    q = q < hi ? q : hi;
    return rintf(q);
}

float carat_ref_code_error(const float *x, size_t n, float s, int lo, int hi)
{
    float lane[LANES] = {0}, inv = 1.0f / s;
    for (size_t i = 0; i < n; i++) {
        float d = fmaf(-code_of(x[i], inv, (float)lo, (float)hi), s, x[i]);
        lane[i % LANES] = fmaf(d, d, lane[i % LANES]);
    }
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

void carat_ref_code_errors(const float *x, size_t n, const float *scales, size_t ns, int lo, int hi,
                           float *err)
{
    for (size_t i = 0; i < ns; i++)
        err[i] = carat_ref_code_error(x, n, scales[i], lo, hi);
}

void carat_ref_code(const float *x, size_t n, float s, int lo, int hi, int8_t *q)
{
    float inv = 1.0f / s;
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)code_of(x[i], inv, (float)lo, (float)hi);
}

/* Magnitudes compare like their bits, and a NaN is above infinity there. */
float carat_ref_absmax(const float *x, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t b;
        memcpy(&b, &x[i], sizeof b);
        b &= 0x7fffffff;
        most = b > most ? b : most;
    }
    float m;
    memcpy(&m, &most, sizeof m);
    return m;
}
