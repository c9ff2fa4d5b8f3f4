/* AVX-512: the peaks of vpdpbusd and vfmadd, in assembler as in avx2_probe.c.       SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/avx512.h"

static void spin_int8(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm2\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm3\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm4\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm5\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm6\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm7\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm8\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm9\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm10\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm11\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm12\n"
                     "vpdpbusd %%zmm0, %%zmm0, %%zmm13\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void spin_f32(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm2\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm3\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm4\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm5\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm6\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm7\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm8\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm9\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm10\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm11\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm12\n"
                     "vfmadd231ps %%zmm0, %%zmm0, %%zmm13\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

const carat_peaks carat_avx512_peaks = {
    .int8_name = "vpdpbusd",
    .int8 = spin_int8,
    .int8_ops = 12 * 128.0,
    .f32_name = "vfmadd231ps",
    .f32 = spin_f32,
    .f32_ops = 12 * 32.0,
};
