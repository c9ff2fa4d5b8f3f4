/* Reference: float products of few tokens, and rows as floats.                     SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/ref.h"

enum { LANES = 16, CHUNK = 512 };

void carat_ref_decode(const carat_weight *w, size_t r0, size_t r1, float *out)
{
    for (size_t r = r0; r < r1; r++)
        w->format->decode(w, r, 0, w->cols, out + (r - r0) * w->cols);
}

/* Column c goes to lane c % 16; the lanes are added as a tree. */
static void add_products(float lane[LANES], const float *w, const float *x, size_t n)
{
    for (size_t c = 0; c < n; c++)
        lane[c % LANES] += w[c] * x[c];
}

static float total(float lane[LANES])
{
    for (size_t half = LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

void carat_ref_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                    float *y, size_t ldy)
{
    float row[CHUNK];
    for (size_t r = r0; r < r1; r++) {
        float lane[4][LANES] = {{0}};
        for (size_t c = 0; c < w->cols; c += CHUNK) {
            size_t len = w->cols - c < CHUNK ? w->cols - c : CHUNK;
            w->format->decode(w, r, c, len, row);
            for (size_t t = 0; t < n; t++)
                add_products(lane[t], row, x + t * ldx + c, len);
        }
        for (size_t t = 0; t < n; t++)
            y[t * ldy + r] = total(lane[t]);
    }
}
