/* Attention on AVX2: the shared text.                                              SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/avx2_vec.h"
#include "runtime/kernel/body_attend.h"
