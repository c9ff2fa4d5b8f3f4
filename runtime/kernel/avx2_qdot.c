/* AVX2: integer products of few tokens, at the speed of memory.                    SPDX-License-Identifier: Apache-2.0
 *
 * Eight rows at a time: each row's bytes are multiplied as they lie in the file, and a transposing tree of additions brings the
 * eight sums side by side, so that scaling and the running sum over groups are one vector operation each. The eight lie an eighth
 * of the piece apart: eight long streams come faster from memory than one, or than short rows side by side. The processor follows
 * them by itself: asking for lines early made it slower. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2_rows.h"
#include "runtime/kernel/ref.h"

enum {
    ROWS = 8,
    TOKENS = 4,
    SCALES = 8 /* groups whose scales are brought into order at once */
};

typedef struct block {
    const carat_weight *w;
    const carat_act *x;
    size_t t0, n;
    carat_comb rows;
} block;

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* ---- sums of lanes, rows side by side ------------------------------------------------------------------------- */

/* Lane i: the sum of the eight lanes of v[i]. */
static inline __m256i tree_32(const __m256i v[ROWS])
{
    __m256i abcd = carat_half_tree_32(v), efgh = carat_half_tree_32(v + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(abcd, efgh, 0x20),
                            _mm256_permute2x128_si256(abcd, efgh, 0x31));
}

/* ---- 4 bits, groups of 32 --------------------------------------------------------------------------------------- */

/* Activations of 64 columns, as a load of 32 bytes unpacks: all even columns, all odd ones. */
typedef struct split {
    __m256i even, odd;
} split;

static inline split split_at(const int8_t *q)
{
    __m256i a = load(q), b = load(q + 32);
    return (split){_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)};
}

/* 64 columns of one row: 16 sums of four products, of columns 0..31 in the low half; at most 4 * 15 * 127 each. */
static inline __m256i nibbles(__m256i bytes, split x)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i lo = _mm256_and_si256(bytes, low), hi = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
    return _mm256_add_epi16(_mm256_maddubs_epi16(lo, x.even), _mm256_maddubs_epi16(hi, x.odd));
}

/* Sums of two groups of 32 columns, from v[row]: the first in *first, the second in *second. */
static inline void sum_pair(const __m256i v[ROWS], __m256i *first, __m256i *second)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i abcd = _mm256_madd_epi16(carat_half_tree_16(v), one),
            efgh = _mm256_madd_epi16(carat_half_tree_16(v + 4), one);
    *first = _mm256_permute2x128_si256(abcd, efgh, 0x20);
    *second = _mm256_permute2x128_si256(abcd, efgh, 0x31);
}

/* One token's activations. */
typedef struct u4_token {
    const int8_t *q;
    const float *scale;
    const int32_t *sum;
} u4_token;

static inline u4_token u4_token_of(const carat_act *x, size_t t)
{
    return (u4_token){x->q + t * x->ldq, x->scale + t * x->groups, x->sum + t * x->groups};
}

/* Two groups of one token: of columns 32 g to 32 g + 63. */
static inline __m256 u4_pair(carat_rows8 r, const u4_token *x, size_t g, const float *wscale, __m256 acc)
{
    __m256i v[ROWS], first, second;
    split s = split_at(x->q + 32 * g);
#pragma GCC unroll 8
    for (size_t j = 0; j < ROWS; j++)
        v[j] = nibbles(load(carat_row_at(r, j, 16 * g)), s);
    sum_pair(v, &first, &second);
    acc = carat_add_group(acc, carat_less_offset(first, x->sum + g), wscale, x->scale[g]);
    return carat_add_group(acc, carat_less_offset(second, x->sum + g + 1), wscale + ROWS, x->scale[g + 1]);
}

/* Groups [g, g + n) of one token. */
static inline __m256 u4_groups(carat_rows8 r, const u4_token *x, size_t g, size_t n, const float *wscale,
                               __m256 acc)
{
    size_t i = 0;
    for (; i + 2 <= n; i += 2)
        acc = u4_pair(r, x, g + i, wscale + i * ROWS, acc);
    if (i == n)
        return acc;
    __m256i v[ROWS], first, second; /* the last group of an odd number */
    split s = split_at(x->q + 32 * (g + i));
    for (size_t j = 0; j < ROWS; j++) {
        const void *p = carat_row_at(r, j, 16 * (g + i));
        v[j] = nibbles(_mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)p)), s);
    }
    sum_pair(v, &first, &second);
    return carat_add_group(acc, carat_less_offset(first, x->sum + g + i), wscale + i * ROWS, x->scale[g + i]);
}

static void block_u4_g32(const block *b, __m256 acc[TOKENS])
{
    float wscale[SCALES * ROWS];
    size_t groups = b->x->groups, g = 0;
    carat_rows8 r = carat_rows_of(b->w, b->rows), s = carat_scales_of(b->w, b->rows);
    u4_token x = u4_token_of(b->x, b->t0);
    __m256 sum = acc[0];
    if (b->n == 1 && b->w->scale_dtype == CARAT_DT_BF16)
        for (; g + SCALES <= groups; g += SCALES) {
            carat_scales_8x8(s, 2 * g, wscale, ROWS);
#pragma GCC unroll 4
            for (size_t i = 0; i < SCALES; i += 2)
                sum = u4_pair(r, &x, g + i, wscale + i * ROWS, sum);
        }
    acc[0] = sum;
    for (; g < groups; g += SCALES) {
        size_t n = groups - g < SCALES ? groups - g : SCALES;
        carat_avx2_scales(b->w, b->rows, g, n, wscale, ROWS);
        for (size_t i = 0; i < b->n; i++) {
            x = u4_token_of(b->x, b->t0 + i);
            acc[i] = u4_groups(r, &x, g, n, wscale, acc[i]);
        }
    }
}

/* ---- any format, groups that fill vectors ----------------------------------------------------------------------- */

static inline __m256i add_u4(__m256i sum, __m256i bytes, split x)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(nibbles(bytes, x), _mm256_set1_epi16(1)));
}

/* |w| * (x with the sign of w): |w| <= 128 and |x| <= 127, so that a pair stays below 2^15. */
static inline __m256i add_8(carat_code code, __m256i sum, __m256i w, __m256i x)
{
    if (code == CARAT_CODE_U8)
        w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
    __m256i v = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(v, _mm256_set1_epi16(1)));
}

/* Adds one load of every row; `bytes` < 32 at the end of rows: what follows may lie outside the file, and the activations there are 0. */
static inline void add_step(carat_code code, carat_rows8 r, size_t at, size_t bytes, const int8_t *q,
                            __m256i v[ROWS])
{
    split x4 = {0};
    __m256i x8 = load(q);
    if (code == CARAT_CODE_U4)
        x4 = split_at(q);
    for (size_t j = 0; j < ROWS; j++) {
        uint8_t pad[32] = {0};
        const uint8_t *p = carat_row_at(r, j, at);
        if (bytes < sizeof pad)
            p = memcpy(pad, p, bytes);
        v[j] = code == CARAT_CODE_U4 ? add_u4(v[j], load(p), x4) : add_8(code, v[j], load(p), x8);
    }
}

/* Sums of group g of eight rows. */
static inline __m256i group_sums(carat_code code, const block *b, carat_rows8 r, size_t t, size_t g)
{
    const carat_act *x = b->x;
    size_t per_byte = code == CARAT_CODE_U4 ? 2 : 1, step = 32 * per_byte;
    size_t c = g * x->form.group, end = c + x->form.group;
    if (end > x->cols)
        end = x->cols;
    const int8_t *q = x->q + t * x->ldq;
    __m256i v[ROWS];
    for (size_t j = 0; j < ROWS; j++)
        v[j] = _mm256_setzero_si256();
    for (; c + step <= end; c += step)
        add_step(code, r, c / per_byte, 32, q + c, v);
    if (c < end)
        add_step(code, r, c / per_byte, (end - c + per_byte - 1) / per_byte, q + c, v);
    __m256i sum = tree_32(v);
    return code == CARAT_CODE_U4 ? carat_less_offset(sum, x->sum + t * x->groups + g) : sum;
}

static inline __attribute__((always_inline)) void block_wide(carat_code code, const block *b,
                                                             __m256 acc[TOKENS])
{
    float wscale[SCALES * ROWS];
    size_t groups = b->x->groups;
    bool per_channel = b->w->groups == 1;
    carat_rows8 r = carat_rows_of(b->w, b->rows);
    for (size_t g0 = 0; g0 < groups; g0 += SCALES) {
        size_t n = groups - g0 < SCALES ? groups - g0 : SCALES;
        if (g0 == 0 || !per_channel)
            carat_avx2_scales(b->w, b->rows, g0, per_channel ? SCALES : n, wscale, ROWS);
        for (size_t i = 0; i < b->n; i++)
            for (size_t g = 0; g < n; g++)
                acc[i] = carat_add_group(acc[i], group_sums(code, b, r, b->t0 + i, g0 + g), wscale + g * ROWS,
                                         b->x->scale[(b->t0 + i) * groups + g0 + g]);
    }
}

static void block_wide_u4(const block *b, __m256 acc[TOKENS])
{
    block_wide(CARAT_CODE_U4, b, acc);
}

static void block_wide_u8(const block *b, __m256 acc[TOKENS])
{
    block_wide(CARAT_CODE_U8, b, acc);
}

static void block_wide_i8(const block *b, __m256 acc[TOKENS])
{
    block_wide(CARAT_CODE_I8, b, acc);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

typedef void block_fn(const block *b, __m256 acc[TOKENS]);

/* NULL: groups that do not fill whole vectors (16, 48 ...); the reference does those. */
static block_fn *block_for(carat_code code, size_t group)
{
    if (code == CARAT_CODE_U4)
        return group == 32 ? block_u4_g32 : group % 64 == 0 ? block_wide_u4 : NULL;
    if (group % 32)
        return NULL;
    return code == CARAT_CODE_U8 ? block_wide_u8 : block_wide_i8;
}

/* The products of eight rows, those from lane `from` on. */
static void eight_rows(const block *b, block_fn *fn, size_t from, float *y, size_t ldy)
{
    __m256 acc[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        acc[i] = _mm256_setzero_ps();
    fn(b, acc);
    carat_put_rows(acc, b->t0, b->n, b->rows, from, y, ldy);
}

void carat_avx2_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy)
{
    block_fn *fn = block_for(w->format->code, x->form.group);
    size_t step = (r1 - r0) / ROWS, odd = (r1 - r0) % ROWS;
    if (carat_avx2_quad(w, r0, r1, x, t0, n, y, ldy) || carat_avx2_bytes(w, r0, r1, x, t0, n, y, ldy))
        return;
    if (!fn || r1 < ROWS) {
        carat_ref_qdot(w, r0, r1, x, t0, n, y, ldy);
        return;
    }
    block b = {.w = w, .x = x, .t0 = t0, .n = n};
    for (size_t r = 0; r < step; r++) {
        b.rows = (carat_comb){r0 + r, step};
        eight_rows(&b, fn, 0, y, ldy);
    }
    b.rows = (carat_comb){r1 - ROWS, 1};
    if (odd)
        eight_rows(&b, fn, ROWS - odd, y, ldy);
}
