/* Sizes of attention's scratch and of cached values.                               SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/attend.h"

size_t carat_kv_size(carat_kv type)
{
    return type == CARAT_KV_F32 ? sizeof(float) : type == CARAT_KV_INT8 ? sizeof(int8_t) : sizeof(uint16_t);
}

size_t carat_attend_record(size_t dim)
{
    return CARAT_RECORD_HEAD + (dim + 15) / 16 * 16;
}

size_t carat_attend_packed(size_t dim)
{
    return (dim + CARAT_ATTEND_PANEL - 1) / CARAT_ATTEND_PANEL * CARAT_ATTEND_PANEL_FLOATS;
}

/* A tile of scores, one of V as floats, and two records a row: of the split at hand and of those before. The reference set: a row of
 * K or V. */
size_t carat_attend_bytes(size_t dim)
{
    size_t row = CARAT_ATTEND_TILE + 2 * carat_attend_record(dim);
    return (CARAT_ATTEND_ROWS * row + carat_attend_packed(dim)) * sizeof(float);
}
