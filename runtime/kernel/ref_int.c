/* Reference: activations to int8 and the integer products.                         SPDX-License-Identifier: Apache-2.0
 *
 * The definition stands in kernel.h; nothing here is fast. */
#include <math.h>
#include <string.h>

#include "runtime/kernel/ref.h"

/* Where column c lies in a row of an act. */
static size_t place(carat_order order, size_t c)
{
    if (order == CARAT_ORDER_PLAIN)
        return c;
    size_t in_run = c % 32;
    return c - in_run + in_run / 2 + (in_run % 2) * 16;
}

static uint32_t abs_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u & 0x7fffffffu;
}

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* A group that holds a NaN or an infinity gets codes 0 and scale NaN, so that its products are NaN and not a number that looks
 * right. A group whose largest value is below 1e-30 (127 / it might overflow) counts as zero. */
void carat_ref_quantize(const float *x, carat_act *act, size_t t)
{
    int8_t *q = act->q + t * act->ldq;
    memset(q, 0, act->ldq);
    for (size_t g = 0; g < act->groups; g++) {
        size_t begin = g * act->form.group, end = begin + act->form.group;
        if (end > act->cols)
            end = act->cols;
        uint32_t bits = 0; /* as integers, magnitudes order like the floats, NaN above all */
        for (size_t c = begin; c < end; c++)
            bits = abs_bits(x[c]) > bits ? abs_bits(x[c]) : bits;
        float max = from_bits(bits);
        int32_t sum = 0;
        bool finite = bits < 0x7f800000u, zero = max < CARAT_ACT_TINY;
        if (finite && !zero) {
            float inverse = 127.0f / max;
            for (size_t c = begin; c < end; c++) {
                long v = lrintf(x[c] * inverse);
                q[place(act->form.order, c)] = (int8_t)v;
                sum += (int32_t)v;
            }
        }
        act->scale[t * act->groups + g] = !finite ? NAN : zero ? 0.0f : max / 127.0f;
        act->sum[t * act->groups + g] = sum;
    }
}

static int code_at(carat_code code, const uint8_t *row, size_t c)
{
    switch (code) {
    case CARAT_CODE_I8:
        return (int8_t)row[c];
    case CARAT_CODE_U8:
        return row[c] - 128;
    default: /* U4 */
        return (row[c / 2] >> (c % 2 * 4) & 15) - 8;
    }
}

static float dot(const carat_weight *w, size_t r, const carat_act *x, size_t t)
{
    const uint8_t *row = w->data + r * w->row_bytes;
    const int8_t *q = x->q + t * x->ldq;
    float acc = 0.0f;
    for (size_t g = 0; g < x->groups; g++) {
        size_t begin = g * x->form.group, end = begin + x->form.group;
        if (end > x->cols)
            end = x->cols;
        int32_t isum = 0;
        for (size_t c = begin; c < end; c++)
            isum += code_at(w->format->code, row, c) * q[place(x->form.order, c)];
        float scale = carat_weight_scale(w, r, w->groups > 1 ? g : 0) * x->scale[t * x->groups + g];
        acc = fmaf((float)isum, scale, acc);
    }
    return acc;
}

void carat_ref_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                    float *y, size_t ldy)
{
    for (size_t t = t0; t < t0 + n; t++)
        for (size_t r = r0; r < r1; r++)
            y[t * ldy + r] = dot(w, r, x, t);
}

void carat_ref_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                      float *y, size_t ldy, void *scratch)
{
    (void)scratch;
    carat_ref_qdot(w, r0, r1, x, t0, t1 - t0, y, ldy);
}
