/* 8-bit codes q + 128 in little-endian words: pack-quantized.          SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format/format.h"

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    const uint8_t *p = w->data + row * w->row_bytes + col;

    for (size_t i = 0; i < n;) {
        uint64_t group = (col + i) / w->group;
        size_t end = (size_t)((group + 1) * w->group - col);
        float scale = carat_weight_scale(w, row, group);
        for (end = end < n ? end : n; i < end; i++)
            out[i] = (float)(p[i] - 128) * scale;
    }
}

static void pack(const int8_t *q, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(q[i] + 128);
}

const carat_format carat_format_int8_packed = {
    .name = "int8-packed",
    .summary = "8-bit codes with an offset of 128, one scale per channel or group (compressed-tensors "
               "pack-quantized)",
    .code = CARAT_CODE_U8,
    .bits = 8,
    .integer = true,
    .decode = decode,
    .pack = pack,
};
