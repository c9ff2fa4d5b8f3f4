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

static bool suppressed(const carat_sampler *p, int32_t id)
{
    for (size_t i = 0; i < p->n_suppress; i++)
        if (p->suppress[i] == id)
            return true;
    return false;
}

static int32_t argmax(const carat_sampler *p, const float *logits, uint32_t vocab)
{
    int32_t best = -1;
    for (uint32_t i = 0; i < vocab; i++)
        if ((best < 0 || logits[i] > logits[best]) && !suppressed(p, (int32_t)i))
            best = (int32_t)i;
    return best < 0 ? 0 : best;
}

/* Moves the k candidates that come first in `falling` order to the front (Hoare's selection; the pivot is the lower middle, so the
 * same input always takes the same steps). */
static void select_top(struct candidate *c, size_t n, size_t k)
{
    while (n > 1 && k < n) {
        struct candidate pivot = c[(n - 1) / 2];
        size_t i = 0, j = n - 1;
        for (;;) {
            while (falling(&c[i], &pivot) < 0)
                i++;
            while (falling(&c[j], &pivot) > 0)
                j--;
            if (i >= j)
                break;
            struct candidate swap = c[i];
            c[i++] = c[j];
            c[j--] = swap;
        }
        size_t left = j + 1;
        if (k <= left) {
            n = left;
        } else {
            c += left;
            n -= left;
            k -= left;
        }
    }
}

/* The candidates that top-k leaves, in front and sorted; ties at the edge all stay, as in transformers' TopKLogitsWarper. */
static size_t keep_top(struct candidate *c, size_t n, size_t k)
{
    if (k && k < n) {
        select_top(c, n, k);
        float edge = c[0].logit;
        for (size_t i = 1; i < k; i++)
            edge = c[i].logit < edge ? c[i].logit : edge;
        size_t kept = k;
        for (size_t i = k; i < n; i++)
            if (c[i].logit == edge)
                c[kept++] = c[i];
        n = kept;
    }
    qsort(c, n, sizeof *c, falling);
    return n;
}

static double weight(const struct candidate *c, size_t i)
{
    return exp((double)c[i].logit - (double)c[0].logit);
}

int32_t carat_sample(const carat_sampler *p, const float *logits, uint32_t vocab, uint64_t step,
                     void *scratch)
{
    if (!(p->temperature > 0) || p->top_k == 1)
        return argmax(p, logits, vocab);
    struct candidate *c = scratch;
    size_t n = 0;
    for (uint32_t i = 0; i < vocab; i++)
        if (!suppressed(p, (int32_t)i))
            c[n++] = (struct candidate){logits[i] / p->temperature, (int32_t)i};
    n = keep_top(c, n, p->top_k);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight(c, i);
    if (p->top_p < 1) { /* the smallest set whose mass reaches top_p */
        double mass = 0;
        size_t m = 0;
        while (m < n && (m == 0 || mass < (double)p->top_p * sum))
            mass += weight(c, m++);
        n = m;
        sum = mass;
    }
    double u = carat_random_unit(p->seed, step) * sum, mass = 0;
    for (size_t i = 0; i < n; i++) {
        mass += weight(c, i);
        if (u < mass)
            return c[i].id;
    }
    return n ? c[n - 1].id : 0;
}
