/* The simulated set: its table, and whether it was built.                          SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__) && __has_include(<simde/x86/avx512.h>)
#include "tests/support/sim.h"

#include "tests/support/sets.h"

#include "runtime/kernel/avx512.c"

const carat_kernels *test_set_simulated(void)
{
    return carat_kernels_avx2.usable() ? &carat_kernels_avx512 : NULL;
}
#else
#include "tests/support/sets.h"

const carat_kernels *test_set_simulated(void)
{
    return NULL;
}
#endif
