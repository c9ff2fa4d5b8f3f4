/* What the machine can do at best, measured: the yardsticks of `carat bench`.      SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_PROBE_H
#define CARAT_KERNEL_PROBE_H

#include "runtime/base/par.h"
#include "runtime/kernel/kernel.h"

/* GB/s (10^9) at which the team reads `bytes` bytes at `data`, each once: the best of three passes. Give it mapped weights,
 * larger than the caches. */
double carat_probe_read(carat_team *team, const void *data, size_t bytes);

/* 10^9 operations a second (a multiply and an add are two) of the instruction that does the most int8 products a second in set k, from
 * registers, on all threads of the team at once; *instruction names it. Takes some 50 ms. A set without a probe: 0 and "none". */
double carat_probe_int8(const carat_kernels *k, carat_team *team, const char **instruction);
/* The same for f32 multiply-adds: Gflop/s. */
double carat_probe_f32(const carat_kernels *k, carat_team *team, const char **instruction);

#endif
