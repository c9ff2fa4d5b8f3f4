/* Scale search: the storable scale with the least squared error.                   SPDX-License-Identifier: Apache-2.0
 *
 * Candidates lie between half of max|x| / qmax and the first storable value not below it: a smaller scale clips the
 * largest weights and resolves the others better. There are about 130 bf16 values (1,000 f16) in that octave. A coarse
 * pass tries at least 24 of them at equal distances; then the neighbours of the best, at half the distance, until
 * they are adjacent. The larger scale wins a tie, in any order of trying, so the choice is a function of x alone.
 * Codes round to even on ties and clamp to [-2^(b-1), 2^(b-1) - 1]; the error counts the scale as it is stored. */
#include "quantize/method.h"

#include <math.h>

enum { COARSE = 24 };

typedef struct best {
    uint16_t bits;
    float error;
} best;

static void take(best *b, uint16_t bits, float error)
{
    if (error < b->error || (error == b->error && bits > b->bits))
        *b = (best){bits, error};
}

static void try_at(const carat_grid *g, const float *x, size_t n, const uint16_t *bits, size_t count, best *b)
{
    float scale[COARSE] = {0}, error[COARSE];
    for (size_t i = 0; i < count; i++)
        scale[i] = carat_grid_value(g, bits[i]);
    g->k->code_errors(x, n, scale, count, g->lo, g->hi, error);
    for (size_t i = 0; i < count; i++)
        take(b, bits[i], error[i]);
}

static uint16_t search(const carat_grid *g, const float *x, size_t n, float absmax)
{
    float full = absmax / (float)g->hi;
    uint16_t hi = carat_grid_nearest(g, full), lo = carat_grid_nearest(g, 0.5f * full);
    if (carat_grid_value(g, hi) < full &&
        carat_grid_nearest(g, carat_grid_value(g, (uint16_t)(hi + 1))) == hi + 1)
        hi++;
    unsigned span = (unsigned)(hi - lo), step = span / COARSE ? span / COARSE : 1;

    uint16_t at[COARSE];
    best b = {0, INFINITY};
    for (unsigned below = 0; below <= span;) {
        size_t count = 0;
        for (; count < COARSE && below <= span; below += step)
            at[count++] = (uint16_t)(hi - below);
        try_at(g, x, n, at, count, &b);
    }
    while (step > 1) {
        step = (step + 1) / 2;
        size_t count = 0;
        uint16_t middle = b.bits;
        if (middle >= lo + step)
            at[count++] = (uint16_t)(middle - step);
        if (middle + step <= hi)
            at[count++] = (uint16_t)(middle + step);
        try_at(g, x, n, at, count, &b);
    }
    return b.bits;
}

const carat_method carat_method_search = {"search", "round to nearest, scale of least squared error", search};
