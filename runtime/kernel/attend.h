/* Sizes that attention's scratch and the vector sets agree on.                     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_ATTEND_H
#define CARAT_KERNEL_ATTEND_H

#include "runtime/kernel/kernel.h"

enum {
    CARAT_ATTEND_TILE = 64,  /* keys at fixed positions */
    CARAT_ATTEND_ROWS = 48,  /* queries x heads that go through a tile together */
    CARAT_ATTEND_PANEL = 64, /* columns of V at a time, at most */
};

/* Floats from one row of sums to the next. */
size_t carat_attend_pitch(size_t dim);

#endif
