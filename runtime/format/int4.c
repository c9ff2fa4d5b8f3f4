/* 4-bit codes q + 8, eight to a little-endian word: pack-quantized.    SPDX-License-Identifier: Apache-2.0
 *
 * As bytes: column 2k in the low nibble of byte k, column 2k + 1 in the high one. */
#include "runtime/format/format.h"

/* Columns [i, end) of one group, whose sixteen possible values are in `value`. */
static size_t decode_group(const uint8_t *p, uint64_t col, size_t i, size_t end, const float *value,
                           float *out)
{
    if (i < end && (col + i) % 2 != 0) {
        out[i] = value[p[(col + i) / 2] >> 4];
        i++;
    }
    p += (col + i) / 2;
    for (; i + 2 <= end; i += 2, p++) {
        out[i] = value[*p & 15];
        out[i + 1] = value[*p >> 4];
    }
    if (i < end) {
        out[i] = value[*p & 15];
        i++;
    }
    return i;
}

static void decode(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out)
{
    const uint8_t *p = w->data + row * w->row_bytes;
    float value[16];

    for (size_t i = 0; i < n;) {
        uint64_t group = (col + i) / w->group;
        size_t end = (size_t)((group + 1) * w->group - col);
        float scale = carat_weight_scale(w, row, group);
        for (int code = 0; code < 16; code++)
            value[code] = (float)(code - 8) * scale;
        i = decode_group(p, col, i, end < n ? end : n, value, out);
    }
}

static void pack(const int8_t *q, size_t n, uint8_t *out)
{
    for (size_t k = 0; k < n / 2; k++)
        out[k] = (uint8_t)((q[2 * k] + 8) | (q[2 * k + 1] + 8) << 4);
}

const carat_format carat_format_int4 = {
    .name = "int4",
    .summary =
        "4-bit codes with an offset of 8, one scale per channel or group (compressed-tensors pack-quantized)",
    .code = CARAT_CODE_U4,
    .bits = 4,
    .integer = true,
    .decode = decode,
    .pack = pack,
};
