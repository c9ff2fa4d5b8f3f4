/* Named arrays on disk, whatever the container.                                    SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TENSOR_H
#define CARAT_TENSOR_H

#include "runtime/base/err.h"

typedef enum carat_dtype {
    CARAT_DT_BOOL,
    CARAT_DT_U8,
    CARAT_DT_I8,
    CARAT_DT_F8_E4M3,
    CARAT_DT_F8_E5M2,
    CARAT_DT_F8_E8M0,
    CARAT_DT_I16,
    CARAT_DT_U16,
    CARAT_DT_F16,
    CARAT_DT_BF16,
    CARAT_DT_I32,
    CARAT_DT_U32,
    CARAT_DT_F32,
    CARAT_DT_F64,
    CARAT_DT_I64,
    CARAT_DT_U64,
    CARAT_DT_COUNT
} carat_dtype;

const char *carat_dtype_name(carat_dtype t); /* "BF16", as safetensors spells it */
bool carat_dtype_parse(const char *name, carat_dtype *out);
size_t carat_dtype_size(carat_dtype t); /* bytes of one element */

enum { CARAT_MAX_DIMS = 6 };

/* A view: free to copy, owned by the store that mapped the file. Bytes are little-endian and may be unaligned: read them
 * with the loads below or the decoders of format/, never through a cast pointer. */
typedef struct carat_tensor {
    const char *name;
    carat_dtype dtype;
    uint32_t ndim;
    uint64_t dim[CARAT_MAX_DIMS]; /* row-major, dim[0] outermost */
    const uint8_t *data;
    uint64_t bytes;  /* checked: product of dims x size of dtype, inside the file */
    uint32_t file;   /* index of the file it lies in, see carat_store_file */
    uint64_t offset; /* of data in that file */
} carat_tensor;

/* Element i of a float tensor (F32, F16, BF16, F64) as f32. */
float carat_tensor_f32(const carat_tensor *t, uint64_t i);

/* IEEE half, bfloat16 <-> float; round to nearest even, NaN stays NaN. */
uint16_t carat_f16_put(float x);
static inline float carat_f16_get(uint16_t bits)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)(bits & 0x7fffu) << 13};
    uint32_t special = v.u >= 0x0f800000u ? 0x7f800000u : 0; /* infinite or NaN */
    v.f *= 0x1p112f; /* moves the exponent; exact for subnormals too */
    v.u |= special | (uint32_t)(bits & 0x8000u) << 16;
    return v.f;
}
static inline float carat_bf16_get(uint16_t bits)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)bits << 16};
    return v.f;
}
static inline uint16_t carat_bf16_put(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x};
    if ((v.u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((v.u >> 16) | 0x40u);
    return (uint16_t)((v.u + 0x7fffu + ((v.u >> 16) & 1u)) >> 16);
}
static inline float carat_bf16_round(float x)
{
    return carat_bf16_get(carat_bf16_put(x));
}

#endif
