/* Element types: their names, sizes and values.                       SPDX-License-Identifier: Apache-2.0
 *
 * Names are those of the safetensors header. Half precision follows IEEE 754 binary16; everything is read bytewise, since tensors
 * in a file may lie at any address. */
#include "runtime/tensor/tensor.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[CARAT_DT_COUNT] = {
    [CARAT_DT_BOOL] = {"BOOL", 1},       [CARAT_DT_U8] = {"U8", 1},
    [CARAT_DT_I8] = {"I8", 1},           [CARAT_DT_F8_E4M3] = {"F8_E4M3", 1},
    [CARAT_DT_F8_E5M2] = {"F8_E5M2", 1}, [CARAT_DT_F8_E8M0] = {"F8_E8M0", 1},
    [CARAT_DT_I16] = {"I16", 2},         [CARAT_DT_U16] = {"U16", 2},
    [CARAT_DT_F16] = {"F16", 2},         [CARAT_DT_BF16] = {"BF16", 2},
    [CARAT_DT_I32] = {"I32", 4},         [CARAT_DT_U32] = {"U32", 4},
    [CARAT_DT_F32] = {"F32", 4},         [CARAT_DT_F64] = {"F64", 8},
    [CARAT_DT_I64] = {"I64", 8},         [CARAT_DT_U64] = {"U64", 8},
};

const char *carat_dtype_name(carat_dtype t)
{
    assert(t < CARAT_DT_COUNT);
    return types[t].name;
}

size_t carat_dtype_size(carat_dtype t)
{
    assert(t < CARAT_DT_COUNT);
    return types[t].size;
}

bool carat_dtype_parse(const char *name, carat_dtype *out)
{
    for (int t = 0; t < CARAT_DT_COUNT; t++) {
        if (strcmp(types[t].name, name) == 0) {
            *out = (carat_dtype)t;
            return true;
        }
    }
    return false;
}

uint16_t carat_f16_put(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x}, step;
    uint16_t sign = (uint16_t)(v.u >> 16 & 0x8000u);

    v.u &= 0x7fffffffu;
    if (v.u > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (v.u >> 13 & 0x3ffu));
    if (v.u >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (v.u < 0x38800000u) { /* below 2^-14: a multiple of 2^-24 */
        step.f = v.f + 0.5f; /* the ulp of [0.5, 1) is 2^-24 */
        return (uint16_t)(sign | (step.u - 0x3f000000u));
    }
    return (uint16_t)(sign | ((v.u - (112u << 23) + 0xfffu + (v.u >> 13 & 1u)) >> 13));
}

static uint64_t load(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

float carat_tensor_f32(const carat_tensor *t, uint64_t i)
{
    size_t size = carat_dtype_size(t->dtype);
    assert(i < t->bytes / size);
    uint64_t bits = load(t->data + i * size, size);
    union {
        uint32_t u;
        float f;
    } single = {(uint32_t)bits};
    union {
        uint64_t u;
        double f;
    } twice = {bits};

    switch (t->dtype) {
    case CARAT_DT_F16:
        return carat_f16_get((uint16_t)bits);
    case CARAT_DT_BF16:
        return carat_bf16_get((uint16_t)bits);
    case CARAT_DT_F32:
        return single.f;
    default:
        assert(t->dtype == CARAT_DT_F64);
        return (float)twice.f;
    }
}
