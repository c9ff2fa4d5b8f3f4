/* What attention needs, whichever set runs it.                                     SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/kernel/kernel.h"

size_t carat_attend_bytes(const carat_attention *a)
{
    return (a->slots + 2 * CARAT_ALIGN) * sizeof(float);
}
