/* Sampling: temperature, top-k, top-p in the order of transformers' processors.     SPDX-License-Identifier: Apache-2.0
 *
 * The draw of a step depends on (logits, seed, step) alone: one number of the counter-based generator, inverted through the
 * cumulative distribution over candidates sorted by falling probability (equal ones by rising id). */
#include "runtime/carat.h"

#include <math.h>
#include <stdlib.h>
#include "runtime/base/util.h"

struct candidate {
    float logit;
    int32_t id;
};

static int falling(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int32_t argmax(const float *logits, uint32_t vocab)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Leaves at least the k greatest in front; returns how many candidates are >= the k-th (ties at the edge stay, as in
 * transformers' TopKLogitsWarper). */
static uint32_t keep_top(struct candidate *c, uint32_t n, uint32_t k)
{
    qsort(c, n, sizeof *c, falling);
    if (k && k < n) {
        uint32_t m = k;
        while (m < n && c[m].logit == c[k - 1].logit)
            m++;
        n = m;
    }
    return n;
}

int32_t carat_sample(const carat_sampler *p, const float *logits, uint32_t vocab, uint64_t step, void *scratch)
{
    if (!(p->temperature > 0) || p->top_k == 1)
        return argmax(logits, vocab);
    struct candidate *c = scratch;
    for (uint32_t i = 0; i < vocab; i++)
        c[i] = (struct candidate){logits[i] / p->temperature, (int32_t)i};
    uint32_t n = keep_top(c, vocab, p->top_k);
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)c[i].logit - (double)c[0].logit);
    if (p->top_p < 1) { /* the smallest set whose mass reaches top_p */
        double mass = 0;
        uint32_t m = 0;
        while (m < n && (m == 0 || mass < (double)p->top_p * sum))
            mass += exp((double)c[m++].logit - (double)c[0].logit);
        n = m;
        sum = mass;
    }
    double u = carat_random_unit(p->seed, step) * sum, mass = 0;
    for (uint32_t i = 0; i < n; i++) {
        mass += exp((double)c[i].logit - (double)c[0].logit);
        if (u < mass)
            return c[i].id;
    }
    return c[n - 1].id;
}
