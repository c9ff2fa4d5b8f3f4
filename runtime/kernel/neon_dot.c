/* NEON: float products of few tokens, and rows as floats.                          SPDX-License-Identifier: Apache-2.0 */
#include <arm_neon.h>
#include <string.h>

#include "runtime/kernel/neon.h"
#include "runtime/kernel/ref.h"

enum { CHUNK = 512, CHAINS = 4, TOKENS = 4 };

/* n columns of row r from column c on, as f32. */
static void piece(const carat_weight *w, size_t r, size_t c, size_t n, float *out)
{
    const uint8_t *p = w->data + r * w->row_bytes;
    size_t i = 0;
    if (w->format->code != CARAT_CODE_BF16) {
        w->format->decode(w, r, c, n, out);
        return;
    }
    p += 2 * c;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t h = vreinterpretq_u16_u8(vld1q_u8(p + 2 * i));
        vst1q_f32(out + i, vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)));
        vst1q_f32(out + i + 4, vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(h), 16)));
    }
    if (i < n)
        w->format->decode(w, r, c + i, n - i, out + i);
}

/* Column c to chain c / 4 % 4, lane c % 4; what is left of a row goes to *rest, in order. */
static void add_products(float32x4_t sum[CHAINS], float *rest, const float *w, const float *x, size_t n)
{
    size_t c = 0;
    for (; c + 4 * CHAINS <= n; c += 4 * CHAINS)
        for (size_t i = 0; i < CHAINS; i++)
            sum[i] = vfmaq_f32(sum[i], vld1q_f32(w + c + 4 * i), vld1q_f32(x + c + 4 * i));
    for (; c < n; c++)
        *rest += w[c] * x[c];
}

void carat_neon_fdot(const carat_weight *w, size_t r0, size_t r1, const float *x, size_t ldx, size_t n,
                     float *y, size_t ldy)
{
    float row[CHUNK];
    for (size_t r = r0; r < r1; r++) {
        float32x4_t sum[TOKENS][CHAINS];
        float rest[TOKENS] = {0};
        for (size_t t = 0; t < n; t++)
            for (size_t i = 0; i < CHAINS; i++)
                sum[t][i] = vdupq_n_f32(0);
        for (size_t c = 0; c < w->cols; c += CHUNK) {
            size_t len = w->cols - c < CHUNK ? w->cols - c : CHUNK;
            piece(w, r, c, len, row);
            for (size_t t = 0; t < n; t++)
                add_products(sum[t], &rest[t], row, x + t * ldx + c, len);
        }
        for (size_t t = 0; t < n; t++) {
            float32x4_t s = vaddq_f32(vaddq_f32(sum[t][0], sum[t][2]), vaddq_f32(sum[t][1], sum[t][3]));
            y[t * ldy + r] = vaddvq_f32(s) + rest[t];
        }
    }
}

void carat_neon_decode(const carat_weight *w, size_t r0, size_t r1, float *out)
{
    for (size_t r = r0; r < r1; r++)
        piece(w, r, 0, w->cols, out + (r - r0) * w->cols);
}
