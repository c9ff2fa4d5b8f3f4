/* A picture of what depth costs: time per decoded token over positions in the cache.   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_DEPTH_PLOT_H
#define CARAT_TOOL_DEPTH_PLOT_H

#include "runtime/base/err.h"

typedef struct carat_depth_point {
    double depth;             /* positions */
    double fast, usual, slow; /* milliseconds a token: of the fastest run, the median, the slowest */
    double kv_bytes;          /* read from the KV cache for a token at this depth */
    double bytes_per_ms;      /* read bandwidth of the same runs */
} carat_depth_point;

/* Writes FILE as SVG: the points with their spread, and the line that they would follow if depth cost no more than reading K and V:
 * the first point's time and the bytes since at full bandwidth. Points rise in depth; n > 0. */
carat_status carat_depth_plot(const char *file, const char *title, const carat_depth_point *p, size_t n,
                              carat_err *err);

#endif
