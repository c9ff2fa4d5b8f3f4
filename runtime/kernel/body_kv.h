/* Rows of a K/V cache, in the words of <isa>_vec.h.                                SPDX-License-Identifier: Apache-2.0
 *
 * Each type has ref_kv.c's bits. Loading is for rows that kv_put wrote. */
#ifndef CARAT_KERNEL_BODY_KV_H
#define CARAT_KERNEL_BODY_KV_H

#include <math.h>
#include <string.h>

#include "runtime/kernel/ref.h"

/* W values from d on, and n <= W of them (the other lanes read as zero). `type` is a constant where speed matters. INT8: codes. */
static inline __attribute__((always_inline)) vec kv_load(carat_kv type, const void *row, size_t d)
{
    switch (type) {
    case CARAT_KV_BF16:
        return v_load_bf16((const uint16_t *)row + d);
    case CARAT_KV_F16:
        return v_load_f16((const uint16_t *)row + d);
    case CARAT_KV_INT8:
        return v_load_i8((const int8_t *)row + d);
    default:
        return v_load((const float *)row + d);
    }
}

/* carat_kv_size, seen through by the compiler. */
static inline size_t kv_size(carat_kv type)
{
    return type == CARAT_KV_F32 ? 4 : type == CARAT_KV_INT8 ? 1 : 2;
}

static inline __attribute__((always_inline)) vec kv_load_n(carat_kv type, const void *row, size_t d, size_t n)
{
    float lane[W] = {0}; /* as many bytes as the widest type needs */
    memcpy(lane, (const uint8_t *)row + d * kv_size(type), n * kv_size(type));
    return kv_load(type, lane, 0);
}

static void put_int8(const float *x, size_t n, int8_t *q, float *scale)
{
    float most = SET(absmax)(x, n);
    bool finite = most < INFINITY, zero = most < CARAT_ACT_TINY;
    *scale = !finite ? NAN : zero ? 0.0f : most / 127.0f;
    if (!finite || zero) {
        memset(q, 0, n);
        return;
    }
    vec inverse = v_set1(127.0f / most);
    size_t i = 0;
    for (; i + W <= n; i += W)
        v_store_i8(q + i, v_mul(v_load(x + i), inverse), W);
    if (i < n)
        v_store_i8(q + i, v_mul(v_load_n(x + i, n - i), inverse), n - i);
}

void SET(kv_put)(carat_kv type, const float *x, size_t n, void *row, float *scale)
{
    uint16_t *half = row;
    size_t whole = n / W * W, i = 0;
    switch (type) {
    case CARAT_KV_INT8:
        put_int8(x, n, row, scale);
        return;
    case CARAT_KV_BF16:
        for (; i < whole; i += W)
            v_store_bf16(half + i, v_load(x + i));
        break;
    case CARAT_KV_F16:
        for (; i < whole; i += W)
            v_store_f16(half + i, v_load(x + i));
        break;
    default:
        memcpy(row, x, n * sizeof *x);
        return;
    }
    carat_ref_kv_put(type, x + whole, n - whole, half + whole, NULL);
}

#endif
