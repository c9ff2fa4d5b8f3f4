/* Sampling: penalties and filters in the order of transformers' processors.         SPDX-License-Identifier: Apache-2.0
 *
 * Follows transformers 5.23, generation/utils.py (_get_logits_processor): RepetitionPenalty, SuppressTokens, then, unless
 * greedy, Temperature, TopK, TopP, MinP. Presence and frequency penalties are vLLM's, behind the repetition penalty. Which
 * ids stay is decided as there in f32: scores, probabilities and the running sum are rounded to f32 before they are compared.
 *
 * The draw of a step depends on its arguments alone: one number of the counter-based generator, inverted through the running
 * sum of the probabilities. */
#include "runtime/carat.h"

#include <math.h>
#include <stdlib.h>
#include "runtime/base/util.h"

/* Until the last step, p of a choice is its score. Falling score; equal ones by falling id: what a stable rising sort, read
 * from its end, would give, so that top-p keeps the same ids of a tie. */
static int falling(const void *a, const void *b)
{
    const carat_choice *x = a, *y = b;
    if (x->p != y->p)
        return x->p > y->p ? -1 : 1;
    return (x->id < y->id) - (x->id > y->id);
}

static bool suppressed(const carat_sampler *s, int32_t id)
{
    for (size_t i = 0; i < s->n_suppress; i++)
        if (s->suppress[i] == id)
            return true;
    return false;
}

static bool repeats(const carat_sampler *s)
{
    return s->repetition_penalty > 0 && s->repetition_penalty != 1;
}

static bool penalizes(const carat_sampler *s, const carat_history *h)
{
    return h && h->n && (repeats(s) || s->presence_penalty != 0 || s->frequency_penalty != 0);
}

enum {
    SEEN = 1 << 30
}; /* the id stands in the prompt or the reply; below that bit: how often in the reply */

/* c[i].id holds what is known of id i while the history is counted. */
static void count(const carat_history *h, uint32_t vocab, carat_choice *c)
{
    for (size_t i = 0; i < h->n; i++) {
        uint32_t id = (uint32_t)h->ids[i];
        if (id >= vocab)
            continue;
        c[id].id |= SEEN;
        if (i >= h->n_prompt && c[id].id < SEEN + (SEEN - 1))
            c[id].id++;
    }
}

static float penalized(const carat_sampler *s, float score, int32_t seen)
{
    float repetition = (float)s->repetition_penalty, times = (float)(seen & (SEEN - 1));
    if (repeats(s) && seen)
        score = score < 0 ? score * repetition : score / repetition;
    if (times > 0) {
        score -= (float)s->frequency_penalty * times;
        score -= (float)s->presence_penalty;
    }
    return score;
}

/* Scores after penalties, [vocab], in the order of ids. */
static void score(const carat_sampler *s, const carat_history *h, const float *logits, uint32_t vocab,
                  carat_choice *c)
{
    for (uint32_t i = 0; i < vocab; i++)
        c[i] = (carat_choice){0, logits[i]};
    if (penalizes(s, h)) {
        count(h, vocab, c);
        for (uint32_t i = 0; i < vocab; i++)
            if (c[i].id)
                c[i].p = penalized(s, c[i].p, c[i].id);
    }
    for (uint32_t i = 0; i < vocab; i++)
        c[i].id = (int32_t)i;
    for (size_t i = 0; i < s->n_suppress; i++)
        if ((uint32_t)s->suppress[i] < vocab)
            c[s->suppress[i]].p = -INFINITY;
}

/* The greatest that may be drawn, the lowest id of a tie; -1: none. */
static int32_t best_of(const carat_sampler *s, const float *logits, uint32_t vocab)
{
    int32_t best = -1;
    for (uint32_t i = 0; i < vocab; i++)
        if (logits[i] > (best < 0 ? -INFINITY : logits[best]) && !suppressed(s, (int32_t)i))
            best = (int32_t)i;
    return best;
}

static int32_t greedy(const carat_sampler *s, const carat_history *h, const float *logits, uint32_t vocab,
                      carat_choice *c)
{
    if (!penalizes(s, h))
        return best_of(s, logits, vocab);
    score(s, h, logits, vocab, c);
    int32_t best = -1;
    for (uint32_t i = 0; i < vocab; i++)
        if (c[i].p > (best < 0 ? -INFINITY : c[best].p))
            best = (int32_t)i;
    return best;
}

/* Moves the k that come first in `falling` order to the front (Hoare's selection; the pivot is the lower middle, so the same
 * input always takes the same steps). */
static void select_top(carat_choice *c, size_t n, size_t k)
{
    while (n > 1 && k < n) {
        carat_choice pivot = c[(n - 1) / 2];
        size_t i = 0, j = n - 1;
        for (;;) {
            while (falling(&c[i], &pivot) < 0)
                i++;
            while (falling(&c[j], &pivot) > 0)
                j--;
            if (i >= j)
                break;
            carat_choice swap = c[i];
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

/* What top-k leaves, in front; ties at its edge all stay. */
static size_t keep_top(carat_choice *c, size_t n, size_t k)
{
    if (!k || k >= n)
        return n;
    select_top(c, n, k);
    float edge = c[0].p;
    for (size_t i = 1; i < k; i++)
        edge = c[i].p < edge ? c[i].p : edge;
    size_t kept = k;
    for (size_t i = k; i < n; i++)
        if (c[i].p == edge)
            c[kept++] = c[i];
    return kept;
}

/* The softmax of a set of scores. */
typedef struct softmax {
    double max, sum;
} softmax;

static softmax softmax_of(const carat_choice *c, size_t n)
{
    softmax m = {-INFINITY, 0};
    for (size_t i = 0; i < n; i++)
        m.max = c[i].p > m.max ? c[i].p : m.max;
    for (size_t i = 0; i < n; i++)
        m.sum += exp((double)c[i].p - m.max);
    return m;
}

static float probability(const softmax *m, float score)
{
    return (float)(exp((double)score - m->max) / m->sum);
}

/* transformers sums probabilities from the least up and drops those whose running sum is at most 1 - top_p. Here from the
 * greatest down, for as long as it takes: the first `sorted` choices are in order, the rest is not needed yet. */
static size_t keep_mass(carat_choice *c, size_t n, double top_p)
{
    softmax m = softmax_of(c, n);
    double left = 0;
    for (size_t i = 0; i < n; i++)
        left += (double)probability(&m, c[i].p);
    float drop = (float)(1 - top_p);
    for (size_t i = 0, sorted = 0; i < n; i++) {
        if (i == sorted) {
            size_t more = sorted ? 7 * sorted : 128;
            more = more < n - i ? more : n - i;
            select_top(c + i, n - i, more);
            qsort(c + i, more, sizeof *c, falling);
            sorted += more;
        }
        if (i && (float)left <= drop)
            return i;
        left -= (double)probability(&m, c[i].p);
    }
    return n;
}

/* Drops what is less likely than min_p times the likeliest. */
static size_t keep_likely(carat_choice *c, size_t n, double min_p)
{
    softmax m = softmax_of(c, n);
    float edge = (float)min_p * (float)(1 / m.sum);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!(probability(&m, c[i].p) < edge))
            c[kept++] = c[i];
    return kept;
}

size_t carat_sample_filter(const carat_sampler *s, const carat_history *h, const float *logits,
                           uint32_t vocab, carat_choice *c)
{
    if (!(s->temperature > 0)) {
        int32_t best = greedy(s, h, logits, vocab, c);
        c[0] = (carat_choice){best, 1};
        return best >= 0;
    }
    score(s, h, logits, vocab, c);
    size_t n = 0;
    for (uint32_t i = 0; i < vocab; i++)
        if (c[i].p > -INFINITY)
            c[n++] = (carat_choice){c[i].id, c[i].p / (float)s->temperature};
    n = keep_top(c, n, s->top_k);
    if (s->top_p < 1)
        n = keep_mass(c, n, s->top_p);
    if (s->min_p > 0)
        n = keep_likely(c, n, s->min_p);
    softmax m = softmax_of(c, n);
    for (size_t i = 0; i < n; i++)
        c[i].p = probability(&m, c[i].p);
    return n;
}

int32_t carat_sample_pick(const carat_choice *c, size_t n, double u)
{
    double sum = 0, mass = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)c[i].p;
    for (size_t i = 0; i < n; i++) {
        mass += (double)c[i].p;
        if (u * sum < mass)
            return c[i].id;
    }
    return n ? c[n - 1].id : -1;
}

int32_t carat_sample(const carat_sampler *s, const carat_history *h, const float *logits, uint32_t vocab,
                     uint64_t step, carat_choice *scratch)
{
    size_t n = carat_sample_filter(s, h, logits, vocab, scratch);
    return carat_sample_pick(scratch, n, carat_random_unit(s->seed, step));
}
