/* The NEON set as a table.                                                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/neon.h"

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool usable(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}
#else
static bool usable(void) /* every 64-bit Apple processor since 2020 */
{
    return true;
}
#endif

const carat_kernels carat_kernels_neon = {
    .name = "neon",
    .summary = "AArch64 with dot products (Armv8.2 and later)",
    .usable = usable,
    .quantize = carat_neon_quantize,
    .fdot = carat_neon_fdot,
    .qdot = carat_neon_qdot,
    .qpanel = carat_neon_qpanel,
    .decode = carat_neon_decode,
    .rmsnorm = carat_neon_rmsnorm,
    .rope = carat_neon_rope,
    .gelu_mul = carat_neon_gelu_mul,
    .softcap = carat_neon_softcap,
    .add = carat_neon_add,
    .scale = carat_neon_scale,
    .round_bf16 = carat_neon_round_bf16,
    .max = carat_neon_max,
    .sum_exp = carat_neon_sum_exp,
    .kv_put = carat_neon_kv_put,
    .attend = carat_neon_attend,
    .attend_part = carat_neon_attend_part,
    .attend_join = carat_neon_attend_join,
    .attend_end = carat_neon_attend_end,
    .code_error = carat_neon_code_error,
    .code_errors = carat_neon_code_errors,
    .code = carat_neon_code,
    .absmax = carat_neon_absmax,
};
