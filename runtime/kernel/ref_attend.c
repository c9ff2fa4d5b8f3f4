/* Attention in plain C: one query of one head at a time, three passes over its keys. SPDX-License-Identifier: Apache-2.0
 *
 * The softmax is over the whole row: its maximum first, then its sum, then the weights. Scores are computed anew in each
 * pass, so that nothing grows with the context.
 *
 * Also defines round_bf16: what transformers' eager attention does in bfloat16. Scores are rounded, the softmax is over
 * the whole row in f32, probabilities are rounded, the product with V is summed in f32 and rounded. */
#include <math.h>

#include "runtime/kernel/ref.h"

enum { LANES = 16 }; /* of a sum over dim: short chains, small errors */

static float dot(const float *a, const float *b, size_t n)
{
    float lane[LANES] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        lane[i % LANES] += a[i] * b[i];
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

/* The query at hand. */
struct query {
    const carat_attention *a;
    const float *q;
    size_t kv_head;
    float *row; /* [dim] of K or V */
};

/* Position p of K or V. */
static const float *row_at(const struct query *x, const carat_kv_rows *rows, size_t p)
{
    const carat_attention *a = x->a;
    size_t row = x->kv_head * a->slots + p % a->slots;
    if (a->kv == CARAT_KV_F32)
        return (const float *)rows->data + row * a->dim;
    carat_ref_kv_get(a->kv, rows, row, a->dim, x->row);
    return x->row;
}

static float score(const struct query *x, size_t p)
{
    const carat_attention *a = x->a;
    float s = dot(x->q, row_at(x, &a->k, p), a->dim);
    if (a->round_bf16)
        carat_ref_round_bf16(&s, 1);
    return s;
}

/* Position p; keys [first, p]. */
static void attend_row(const struct query *x, size_t p, float *out)
{
    const carat_attention *a = x->a;
    size_t first = a->window && p + 1 > a->window ? p + 1 - a->window : 0;
    float most = -INFINITY, sum = 0;
    for (size_t i = first; i <= p; i++) {
        float s = score(x, i);
        if (!(s <= most))
            most = s; /* a NaN stays */
        if (isnan(most))
            break;
    }
    for (size_t i = first; i <= p; i++)
        sum += expf(score(x, i) - most);

    float *mix = x->row + a->dim; /* out may be q */
    for (size_t d = 0; d < a->dim; d++)
        mix[d] = 0;
    for (size_t i = first; i <= p; i++) {
        float w = expf(score(x, i) - most) / sum;
        if (a->round_bf16)
            carat_ref_round_bf16(&w, 1);
        const float *v = row_at(x, &a->v, i);
        for (size_t d = 0; d < a->dim; d++)
            mix[d] += w * v[d];
    }
    if (a->round_bf16)
        carat_ref_round_bf16(mix, a->dim);
    for (size_t d = 0; d < a->dim; d++)
        out[d] = mix[d];
}

void carat_ref_attend(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch)
{
    size_t share = a->heads / a->kv_heads;
    for (size_t t = t0; t < t1; t++)
        for (size_t h = kv_head * share; h < (kv_head + 1) * share; h++) {
            size_t at = t * a->ldq + h * a->dim;
            attend_row(&(struct query){a, a->q + at, kv_head, scratch}, a->pos + t, a->out + at);
        }
}
