/* The kernel sets that a test can run here.                                        SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sets.h"

const carat_kernels *test_set(size_t i)
{
    for (size_t k = 0; carat_kernels_at(k); k++)
        if (carat_kernels_at(k)->usable() && i-- == 0)
            return carat_kernels_at(k);
    const carat_kernels *sim = test_set_simulated();
    return sim && !sim->usable() && i == 0 ? sim : NULL;
}
