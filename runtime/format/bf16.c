/* bfloat16: the upper half of a single.                                SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format/format.h"

#include <string.h>

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    const uint8_t *p = w->data + row * w->row_bytes + 2 * col;
    uint16_t bits;

    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, p + 2 * i, sizeof bits);
        out[i] = carat_bf16_get(bits);
    }
}

const carat_format carat_format_bf16 = {
    .name = "bf16",
    .summary = "bfloat16",
    .code = CARAT_CODE_BF16,
    .bits = 16,
    .decode = decode,
};
