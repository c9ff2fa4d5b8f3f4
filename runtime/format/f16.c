/* Half precision.                                                      SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format/format.h"

#include <string.h>

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    const uint8_t *p = w->data + row * w->row_bytes + 2 * col;
    uint16_t bits;

    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, p + 2 * i, sizeof bits);
        out[i] = carat_f16_get(bits);
    }
}

const carat_format carat_format_f16 = {
    .name = "f16",
    .summary = "IEEE half precision",
    .code = CARAT_CODE_F16,
    .bits = 16,
    .decode = decode,
};
