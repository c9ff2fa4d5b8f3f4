/* Sizes that attention's scratch and the vector sets agree on.                     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_ATTEND_H
#define CARAT_KERNEL_ATTEND_H

#include "runtime/kernel/kernel.h"

enum {
    CARAT_ATTEND_TILE = 64,  /* keys at fixed positions */
    CARAT_ATTEND_PANEL = 16, /* columns of V side by side in a packed tile */
    CARAT_ATTEND_PANEL_FLOATS = (CARAT_ATTEND_TILE + 1) *
                                CARAT_ATTEND_PANEL /* from one panel to the next: no power of two */
};
_Static_assert(CARAT_ATTEND_SPLIT % CARAT_ATTEND_TILE == 0, "whole tiles");

size_t carat_attend_packed(size_t dim); /* floats of a tile of V in panels */

/* A record: [0] running maximum, [1] sum of weights, [2] 1 if some key was seen; from [HEAD] on the weighted sum of V, padded to whole vectors. */
enum { CARAT_RECORD_MOST, CARAT_RECORD_TOTAL, CARAT_RECORD_SEEN, CARAT_RECORD_HEAD = 16 };

#endif
