/* Energy that the processor's packages have used.                                 SPDX-License-Identifier: Apache-2.0
 *
 * From the counters of Linux's powercap (Intel RAPL, which AMD's processors have too): /sys/class/powercap/intel-rapl:N/energy_uj, microjoules
 * that begin again at max_energy_range_uj. Most systems let root alone read them. Everything that runs on the machine counts. */
#ifndef CARAT_EVAL_ENERGY_H
#define CARAT_EVAL_ENERGY_H

#include "runtime/base/err.h"

enum { CARAT_PACKAGES = 16 };

typedef struct carat_energy {
    uint64_t counter[CARAT_PACKAGES], range[CARAT_PACKAGES]; /* microjoules */
    size_t n;                                                /* packages; 0: none can be read */
} carat_energy;

/* root: NULL, or another place for /sys/class/powercap. */
carat_energy carat_energy_read(const char *root);
/* Joules between two readings, less than one turn of a counter apart; NaN where there are none. */
double carat_energy_between(const carat_energy *from, const carat_energy *to);

#endif
