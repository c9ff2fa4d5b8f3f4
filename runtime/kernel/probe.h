/* What the machine can do at best, measured: the yardsticks of `carat bench`.      SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_PROBE_H
#define CARAT_KERNEL_PROBE_H

#include "runtime/base/par.h"
#include "runtime/kernel/kernel.h"

/* GB/s (10^9) at which the team reads `bytes` bytes at `data`, each once: the best of three passes. Give it mapped weights,
 * larger than the caches. */
double carat_probe_read(carat_team *team, const void *data, size_t bytes);

/* 10^9 operations a second (a multiply and an add are two), all threads of the team together. A neighbour that takes a processor away
 * does not make it less; `swing` is by how much of the peak the usual window missed it: above a tenth the machine is not steady. */
typedef struct carat_peak {
    double rate;             /* 0: a set without a probe */
    double swing;            /* 0..1 */
    const char *instruction; /* or "none" */
} carat_peak;
/* Of the instruction that does the most int8 products a second in set k, from registers, and of f32 multiply-adds. Some 60 ms each. */
carat_peak carat_probe_int8(const carat_kernels *k, carat_team *team);
carat_peak carat_probe_f32(const carat_kernels *k, carat_team *team);

#endif
