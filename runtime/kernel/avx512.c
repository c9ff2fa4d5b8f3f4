/* The AVX-512 set as a table: products of many tokens on VNNI; the rest waits for memory or is small, and stays AVX2's.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/avx2.h"
#include "runtime/kernel/avx512.h"

/* __builtin_cpu_supports asks the operating system too: does it save the wide registers? */
static bool usable(void)
{
    return carat_kernels_avx2.usable() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

const carat_kernels carat_kernels_avx512 = {
    .name = "avx512",
    .summary = "x86-64 with AVX-512 and VNNI (2019 and later)",
    .usable = usable,
    .quantize = carat_avx2_quantize,
    .fdot = carat_avx2_fdot,
    .qdot = carat_avx2_qdot,
    .qpanel = carat_avx512_qpanel,
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
    .peaks = &carat_avx512_peaks,
};
