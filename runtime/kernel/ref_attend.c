/* Attention in plain C: one row of scores at a time, two passes.                   SPDX-License-Identifier: Apache-2.0
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

/* One query of one head at position p; keys [first, p]. score: room for all of them. */
static void attend_row(const carat_attention *a, const float *q, size_t kv_head, size_t p, float *score,
                       float *out)
{
    size_t first = a->window && p + 1 > a->window ? p + 1 - a->window : 0, n = p + 1 - first;
    size_t pitch = a->kv_heads * a->dim;
    const float *k = a->k + kv_head * a->dim, *v = a->v + kv_head * a->dim;
    for (size_t i = 0; i < n; i++)
        score[i] = dot(q, k + (first + i) % a->slots * pitch, a->dim);
    if (a->round_bf16)
        carat_ref_round_bf16(score, n);

    float most = carat_ref_max(score, n), sum = 0;
    for (size_t i = 0; i < n; i++) {
        score[i] = expf(score[i] - most);
        sum += score[i];
    }
    for (size_t i = 0; i < n; i++)
        score[i] /= sum;
    if (a->round_bf16)
        carat_ref_round_bf16(score, n);

    for (size_t d = 0; d < a->dim; d++)
        out[d] = 0;
    for (size_t i = 0; i < n; i++) {
        const float *row = v + (first + i) % a->slots * pitch;
        for (size_t d = 0; d < a->dim; d++)
            out[d] += score[i] * row[d];
    }
    if (a->round_bf16)
        carat_ref_round_bf16(out, a->dim);
}

void carat_ref_attend(const carat_attention *a, size_t kv_head, size_t t0, size_t t1, void *scratch)
{
    size_t share = a->heads / a->kv_heads;
    for (size_t t = t0; t < t1; t++)
        for (size_t h = kv_head * share; h < (kv_head + 1) * share; h++) {
            size_t at = (t * a->heads + h) * a->dim;
            attend_row(a, a->q + at, kv_head, a->pos + t, scratch, a->out + at);
        }
}
