/* Scratch of attention, enough for every set.                                      SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/kernel/attend.h"

size_t carat_attend_pitch(size_t dim)
{
    return (dim + 15) / 16 * 16;
}

/* Vector sets: a tile of scores and the sums of its rows. The reference set, and round_bf16 everywhere: whole rows of scores. */
size_t carat_attend_bytes(const carat_attention *a)
{
    size_t tiles = CARAT_ATTEND_ROWS * (CARAT_ATTEND_TILE + carat_attend_pitch(a->dim));
    size_t row = a->slots + 2 * CARAT_ATTEND_TILE;
    return (tiles > row ? tiles : row) * sizeof(float);
}
