/* NEON with dot products: activations to int8 and the integer products.            SPDX-License-Identifier: Apache-2.0
 *
 * Four rows times up to four tokens at a time: the sums of a group stay in registers, codes are unpacked once for all tokens of a
 * block, and pairwise additions bring the four rows side by side for scaling. Few and many tokens take the same path. */
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "runtime/kernel/neon.h"
#include "runtime/kernel/ref.h"

enum { ROWS = 4, TOKENS = 4 };

/* ---- activations -------------------------------------------------------------------------------------------- */

/* Codes of one group in column order; returns their sum. */
static int32_t codes(const float *x, size_t n, float inverse, int8_t *q)
{
    int32x4_t sum = vdupq_n_s32(0);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        int32x4_t a = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + c), inverse));
        int32x4_t b = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + c + 4), inverse));
        sum = vaddq_s32(sum, vaddq_s32(a, b));
        vst1_s8(q + c, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
    }
    int32_t total = vaddvq_s32(sum);
    for (; c < n; c++) {
        q[c] = (int8_t)lrintf(x[c] * inverse);
        total += q[c];
    }
    return total;
}

void carat_neon_quantize(const float *x, carat_act *act, size_t t)
{
    int8_t *q = act->q + t * act->ldq;
    memset(q, 0, act->ldq);
    for (size_t g = 0; g < act->groups; g++) {
        size_t begin = g * act->form.group, n = act->cols - begin;
        n = n < act->form.group ? n : act->form.group;
        float max = carat_neon_absmax(x + begin, n);
        bool finite = max <= 3.402823466e38f, zero = max < CARAT_ACT_TINY;
        int32_t sum = finite && !zero ? codes(x + begin, n, 127.0f / max, q + begin) : 0;
        act->scale[t * act->groups + g] = !finite ? NAN : zero ? 0.0f : max / 127.0f;
        act->sum[t * act->groups + g] = sum;
    }
    if (act->form.order == CARAT_ORDER_NIBBLE)
        for (size_t c = 0; c < act->ldq; c += 32) {
            int8x16_t a = vld1q_s8(q + c), b = vld1q_s8(q + c + 16);
            vst1q_s8(q + c, vuzp1q_s8(a, b));
            vst1q_s8(q + c + 16, vuzp2q_s8(a, b));
        }
}

/* ---- products ----------------------------------------------------------------------------------------------- */

typedef struct block {
    const carat_weight *w;
    const carat_act *x;
    const uint8_t *row[ROWS];
    size_t r[ROWS], t0;
} block;

static inline float scale_of(const carat_weight *w, size_t r, size_t g)
{
    if (w->scale_dtype != CARAT_DT_BF16)
        return carat_weight_scale(w, r, g);
    uint16_t half;
    memcpy(&half, w->scale + (r * w->groups + g) * sizeof half, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 16 bytes of a row, of which n are inside it. */
static inline uint8x16_t bytes_at(const uint8_t *p, size_t n)
{
    uint8_t pad[16] = {0};
    return vld1q_u8(n < sizeof pad ? memcpy(pad, p, n) : p);
}

/* 32 columns of 4 bits or 16 of 8 bits, of n tokens: sums of four products into four lanes. */
static inline __attribute__((always_inline)) void
add_step(carat_code code, size_t n, const block *b, size_t c, size_t bytes, int32x4_t sum[ROWS][TOKENS])
{
    size_t ldq = b->x->ldq, at = code == CARAT_CODE_U4 ? c / 2 : c;
    const int8_t *q = b->x->q + b->t0 * ldq + c;
#pragma GCC unroll 4
    for (size_t i = 0; i < ROWS; i++) {
        uint8x16_t w = bytes_at(b->row[i] + at, bytes);
        if (code == CARAT_CODE_U8)
            w = veorq_u8(w, vdupq_n_u8(128));
        int8x16_t low = vreinterpretq_s8_u8(code == CARAT_CODE_U4 ? vandq_u8(w, vdupq_n_u8(15)) : w);
        int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(w, 4));
#pragma GCC unroll 4
        for (size_t t = 0; t < n; t++) {
            sum[i][t] = vdotq_s32(sum[i][t], low, vld1q_s8(q + t * ldq));
            if (code == CARAT_CODE_U4)
                sum[i][t] = vdotq_s32(sum[i][t], high, vld1q_s8(q + t * ldq + 16));
        }
    }
}

static inline __attribute__((always_inline)) void block_of(carat_code code, size_t n, const block *b,
                                                           float32x4_t acc[TOKENS])
{
    const carat_act *x = b->x;
    size_t per_byte = code == CARAT_CODE_U4 ? 2 : 1, step = 16 * per_byte;
    for (size_t g = 0; g < x->groups; g++) {
        size_t c = g * x->form.group, end = c + x->form.group < x->cols ? c + x->form.group : x->cols;
        int32x4_t sum[ROWS][TOKENS];
        float scale[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            scale[i] = scale_of(b->w, b->r[i], b->w->groups > 1 ? g : 0);
            for (size_t t = 0; t < n; t++)
                sum[i][t] = vdupq_n_s32(0);
        }
        for (; c + step <= end; c += step)
            add_step(code, n, b, c, 16, sum);
        if (c < end)
            add_step(code, n, b, c, (end - c + per_byte - 1) / per_byte, sum);
        for (size_t t = 0; t < n; t++) {
            int32x4_t s = vpaddq_s32(vpaddq_s32(sum[0][t], sum[1][t]), vpaddq_s32(sum[2][t], sum[3][t]));
            size_t at = (b->t0 + t) * x->groups + g;
            if (code == CARAT_CODE_U4)
                s = vsubq_s32(s, vdupq_n_s32(8 * x->sum[at]));
            acc[t] = vfmaq_f32(acc[t], vcvtq_f32_s32(s), vmulq_n_f32(vld1q_f32(scale), x->scale[at]));
        }
    }
}

static inline __attribute__((always_inline)) void block_tokens(carat_code code, size_t n, const block *b,
                                                               float32x4_t acc[TOKENS])
{
    if (n == 4)
        block_of(code, 4, b, acc);
    else if (n == 3)
        block_of(code, 3, b, acc);
    else if (n == 2)
        block_of(code, 2, b, acc);
    else
        block_of(code, 1, b, acc);
}

/* Rows [r, r + 4) that lie below r1 (the last one stands in for those beyond), n <= 4 tokens. */
static void product(const carat_weight *w, size_t r, size_t r1, const carat_act *x, size_t t0, size_t n,
                    float *out)
{
    block b = {.w = w, .x = x, .t0 = t0};
    float32x4_t acc[TOKENS];
    for (size_t i = 0; i < ROWS; i++) {
        acc[i] = vdupq_n_f32(0);
        b.r[i] = r + i < r1 ? r + i : r1 - 1;
        b.row[i] = w->data + b.r[i] * w->row_bytes;
    }
    if (w->format->code == CARAT_CODE_U4)
        block_tokens(CARAT_CODE_U4, n, &b, acc);
    else if (w->format->code == CARAT_CODE_U8)
        block_tokens(CARAT_CODE_U8, n, &b, acc);
    else
        block_tokens(CARAT_CODE_I8, n, &b, acc);
    for (size_t t = 0; t < n; t++)
        vst1q_f32(out + t * ROWS, acc[t]);
}

static void products(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                     float *y, size_t ldy)
{
    for (size_t r = r0; r < r1; r += ROWS)
        for (size_t t = t0; t < t1; t += TOKENS) {
            float out[TOKENS * ROWS];
            size_t n = t1 - t < TOKENS ? t1 - t : TOKENS;
            product(w, r, r1, x, t, n, out);
            for (size_t i = 0; i < n; i++)
                memcpy(y + (t + i) * ldy + r, out + i * ROWS, (r1 - r < ROWS ? r1 - r : ROWS) * sizeof *y);
        }
}

/* Groups that are no whole steps: the reference does those. */
static bool fits(const carat_weight *w, const carat_act *x)
{
    return x->form.group % (w->format->code == CARAT_CODE_U4 ? 32 : 16) == 0;
}

void carat_neon_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy)
{
    if (fits(w, x))
        products(w, r0, r1, x, t0, t0 + n, y, ldy);
    else
        carat_ref_qdot(w, r0, r1, x, t0, n, y, ldy);
}

void carat_neon_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                       float *y, size_t ldy, void *scratch)
{
    (void)scratch;
    carat_neon_qdot(w, r0, r1, x, t0, t1 - t0, y, ldy);
}
