/* Single precision, as it lies in the file.                            SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format/format.h"

#include <string.h>

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    memcpy(out, w->data + row * w->row_bytes + 4 * col, 4 * n);
}

const carat_format carat_format_f32 = {
    .name = "f32",
    .summary = "IEEE single precision",
    .code = CARAT_CODE_F32,
    .bits = 32,
    .decode = decode,
};
