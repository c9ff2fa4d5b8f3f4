/* The AVX512 set as a table.                                                        SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/ref.h"

static bool usable(void)
{
    return false;
}

const carat_kernels carat_kernels_avx512 = {
    .name = "avx512",
    .summary = "x86-64",
    .usable = usable,
    .quantize = carat_ref_quantize,
    .fdot = carat_ref_fdot,
    .qdot = carat_ref_qdot,
    .qpanel = carat_ref_qpanel,
    .decode = carat_ref_decode,
};
