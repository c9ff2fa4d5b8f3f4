/* Signed bytes with a scale: compressed-tensors int-quantized.         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format/format.h"

#include <string.h>

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    const uint8_t *p = w->data + row * w->row_bytes + col;

    for (size_t i = 0; i < n;) {
        uint64_t group = (col + i) / w->group;
        size_t end = (size_t)((group + 1) * w->group - col);
        float scale = carat_weight_scale(w, row, group);
        for (end = end < n ? end : n; i < end; i++)
            out[i] = (float)(int8_t)p[i] * scale;
    }
}

static void pack(const int8_t *q, size_t n, uint8_t *out)
{
    memcpy(out, q, n);
}

const carat_format carat_format_int8 = {
    .name = "int8",
    .summary = "signed 8-bit codes, one scale per channel or group (compressed-tensors int-quantized)",
    .code = CARAT_CODE_I8,
    .bits = 8,
    .integer = true,
    .decode = decode,
    .pack = pack,
};
