/* How fast this machine reads memory: what a speed is divided by before two runs are compared.   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_READ_PROBE_H
#define CARAT_EVAL_READ_PROBE_H

#include "runtime/base/err.h"

/* GB (10^9 bytes) a second, all cores, the best of five passes over 128 MiB of its own: to be called when memory was measured. */
carat_status carat_read_probe(double *gb_per_s, carat_err *err);

#endif
