/* The reference set as a table.                                                    SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/ref.h"

static bool usable(void)
{
    return true;
}

const carat_kernels carat_kernels_ref = {
    .name = "ref",
    .summary = "plain C, any processor; defines what right means",
    .usable = usable,
    .quantize = carat_ref_quantize,
    .fdot = carat_ref_fdot,
    .qdot = carat_ref_qdot,
    .qpanel = carat_ref_qpanel,
    .decode = carat_ref_decode,
    .rmsnorm = carat_ref_rmsnorm,
    .rope = carat_ref_rope,
    .gelu_mul = carat_ref_gelu_mul,
    .softcap = carat_ref_softcap,
    .add = carat_ref_add,
    .scale = carat_ref_scale,
    .round_bf16 = carat_ref_round_bf16,
    .max = carat_ref_max,
    .sum_exp = carat_ref_sum_exp,
    .kv_put = carat_ref_kv_put,
    .attend = carat_ref_attend,
    .code_error = carat_ref_code_error,
    .code_errors = carat_ref_code_errors,
    .code = carat_ref_code,
    .absmax = carat_ref_absmax,
};
