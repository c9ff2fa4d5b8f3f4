/* The kernel sets that a test can run here.                                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_SETS_H
#define CARAT_TESTS_SETS_H

#include "runtime/kernel/kernel.h"

/* Set i of those that this machine can run, the best first, the reference included; then, where the machine lacks AVX-512
 * and SIMDe was there to build it, AVX-512 simulated; NULL past the end. */
const carat_kernels *test_set(size_t i);
/* NULL: not built. */
const carat_kernels *test_set_simulated(void);

#endif
