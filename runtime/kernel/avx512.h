/* The functions of the AVX-512 set (x86-64 with AVX-512 F, BW, DQ, VL and VNNI).   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_KERNEL_AVX512_H
#define CARAT_KERNEL_AVX512_H

#include "runtime/kernel/kernel.h"

/* avx512_panel.c, avx512_probe.c */
void carat_avx512_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0,
                         size_t t1, float *y, size_t ldy, void *scratch);
extern const carat_peaks carat_avx512_peaks;

#endif
