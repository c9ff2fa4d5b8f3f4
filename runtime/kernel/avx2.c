/* The AVX2 set as a table.                                                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/avx2.h"

/* __builtin_cpu_supports asks the operating system too: does it save the wide registers? */
static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const carat_kernels carat_kernels_avx2 = {
    .name = "avx2",
    .summary = "x86-64 with AVX2 and FMA (2013 and later)",
    .usable = usable,
    .quantize = carat_avx2_quantize,
    .fdot = carat_avx2_fdot,
    .qdot = carat_avx2_qdot,
    .qpanel = carat_avx2_qpanel,
    .decode = carat_avx2_decode,
    .rmsnorm = carat_avx2_rmsnorm,
    .rope = carat_avx2_rope,
    .gelu_mul = carat_avx2_gelu_mul,
    .softcap = carat_avx2_softcap,
    .add = carat_avx2_add,
    .scale = carat_avx2_scale,
    .round_bf16 = carat_avx2_round_bf16,
    .max = carat_avx2_max,
    .sum_exp = carat_avx2_sum_exp,
    .kv_put = carat_avx2_kv_put,
    .attend = carat_avx2_attend,
    .attend_part = carat_avx2_attend_part,
    .attend_join = carat_avx2_attend_join,
    .attend_end = carat_avx2_attend_end,
    .code_error = carat_avx2_code_error,
    .code_errors = carat_avx2_code_errors,
    .code = carat_avx2_code,
    .absmax = carat_avx2_absmax,
    .peaks = &carat_avx2_peaks,
};
