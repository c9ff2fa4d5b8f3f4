/* The simulated set: avx512_panel.c.                                               SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__) && __has_include(<simde/x86/avx512.h>)
#include "tests/support/sim.h"

#include "runtime/kernel/avx512_panel.c"
#else
typedef int test_sim_absent;
#endif
