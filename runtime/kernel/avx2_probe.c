/* AVX2: the peaks of vpmaddubsw and vfmadd. In assembler, because a compiler may keep sums in memory: then this would measure that.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/avx2.h"

/* Bytes times bytes, added up as int16: what a kernel for 4-bit weights does most of. */
static void spin_int8(size_t rounds)
{
    __asm__ volatile("vzeroall\n"
                     "1:\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\n"
                     "vpaddw %%ymm2, %%ymm8, %%ymm8\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm3\n"
                     "vpaddw %%ymm3, %%ymm9, %%ymm9\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm4\n"
                     "vpaddw %%ymm4, %%ymm10, %%ymm10\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm5\n"
                     "vpaddw %%ymm5, %%ymm11, %%ymm11\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\n"
                     "vpaddw %%ymm2, %%ymm12, %%ymm12\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm3\n"
                     "vpaddw %%ymm3, %%ymm13, %%ymm13\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm4\n"
                     "vpaddw %%ymm4, %%ymm14, %%ymm14\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm5\n"
                     "vpaddw %%ymm5, %%ymm15, %%ymm15\n"
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
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm2\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm3\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm4\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm5\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm6\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm7\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm8\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm9\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm10\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm11\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm12\n"
                     "vfmadd231ps %%ymm0, %%ymm0, %%ymm13\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper\n"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

const carat_peaks carat_avx2_peaks = {
    .int8_name = "vpmaddubsw+vpaddw",
    .int8 = spin_int8,
    .int8_ops = 8 * 64.0,
    .f32_name = "vfmadd231ps",
    .f32 = spin_f32,
    .f32_ops = 12 * 16.0,
};
