/* The kernel sets that a test can run here.                                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_SETS_H
#define CARAT_TESTS_SETS_H

#include "runtime/kernel/kernel.h"

/* Set i of those that this machine can run, the reference included; NULL past the end. */
const carat_kernels *test_set(size_t i);

#endif
