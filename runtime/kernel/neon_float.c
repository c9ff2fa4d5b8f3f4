/* Float kernels on NEON: the shared text.                                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/neon_vec.h"
#include "runtime/kernel/body_float.h"
