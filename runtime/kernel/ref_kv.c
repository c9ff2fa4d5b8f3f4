/* Rows of a K/V cache in plain C: what each type keeps of them.                    SPDX-License-Identifier: Apache-2.0
 *
 * The rules stand in kernel.h at carat_kv_rows. */
#include <math.h>
#include <string.h>

#include "runtime/kernel/ref.h"

static void put_int8(const float *x, size_t n, int8_t *q, float *scale)
{
    float most = carat_ref_absmax(x, n);
    bool finite = most < INFINITY, zero = most < CARAT_ACT_TINY;
    float inverse = finite && !zero ? 127.0f / most : 0;
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)(finite && !zero ? lrintf(x[i] * inverse) : 0);
    *scale = !finite ? NAN : zero ? 0.0f : most / 127.0f;
}

void carat_ref_kv_put(carat_kv type, const float *x, size_t n, void *row, float *scale)
{
    uint16_t *half = row;
    switch (type) {
    case CARAT_KV_BF16:
        for (size_t i = 0; i < n; i++)
            half[i] = carat_bf16_put(x[i]);
        break;
    case CARAT_KV_F16:
        for (size_t i = 0; i < n; i++)
            half[i] = carat_f16_put(x[i]);
        break;
    case CARAT_KV_INT8:
        put_int8(x, n, row, scale);
        break;
    default:
        memcpy(row, x, n * sizeof *x);
    }
}

void carat_ref_kv_get(carat_kv type, const carat_kv_rows *rows, size_t row, size_t n, float *x)
{
    const float *single = (const float *)rows->data + row * n;
    const uint16_t *half = (const uint16_t *)rows->data + row * n;
    const int8_t *code = (const int8_t *)rows->data + row * n;
    for (size_t i = 0; i < n; i++)
        switch (type) {
        case CARAT_KV_BF16:
            x[i] = carat_bf16_get(half[i]);
            break;
        case CARAT_KV_F16:
            x[i] = carat_f16_get(half[i]);
            break;
        case CARAT_KV_INT8:
            x[i] = (float)code[i] * rows->scale[row];
            break;
        default:
            x[i] = single[i];
        }
}
