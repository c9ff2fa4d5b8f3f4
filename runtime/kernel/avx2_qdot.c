/* AVX2: integer products of few tokens, at the speed of memory.                    SPDX-License-Identifier: Apache-2.0
 *
 * Eight rows at a time: each row's bytes are multiplied as they lie in the file, and a transposing tree of additions brings the
 * eight sums side by side, so that scaling and the running sum over groups are one vector operation each. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"
#include "runtime/kernel/ref.h"

enum { ROWS = 8, TOKENS = 4, SCALES = 8 /* groups whose scales are brought into order at once */ };

typedef struct block {
    const carat_weight *w;
    const carat_act *x;
    size_t t0, n;
    size_t row[ROWS]; /* the last one repeated where there are fewer */
    const uint8_t *p[ROWS];
} block;

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i half_tree_16(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i ab = _mm256_add_epi16(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    __m256i cd = _mm256_add_epi16(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    return _mm256_add_epi16(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

static inline __m256i half_tree_32(const __m256i v[4])
{
    __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
    __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

/* Lane i: the sum of the eight lanes of v[i]. */
static inline __m256i tree_32(const __m256i v[8])
{
    __m256i abcd = half_tree_32(v), efgh = half_tree_32(v + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(abcd, efgh, 0x20),
                            _mm256_permute2x128_si256(abcd, efgh, 0x31));
}

/* 64 columns of one row: 16 sums of four products, of columns 0..31 in the low half; at most 4 * 15 * 127 each. */
static inline __m256i nibbles(__m256i bytes, __m256i even, __m256i odd)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i lo = _mm256_and_si256(bytes, low), hi = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
    return _mm256_add_epi16(_mm256_maddubs_epi16(lo, even), _mm256_maddubs_epi16(hi, odd));
}

/* acc + isum * (wscale * xscale), for group g of token t. */
static inline __m256 add_group(const block *b, size_t t, size_t g, __m256i isum, const float *wscale,
                               __m256 acc)
{
    __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(wscale), _mm256_set1_ps(b->x->scale[t * b->x->groups + g]));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum), scale, acc);
}

/* Groups g, g+1 of 32 columns; at the end of a row of an odd number of groups, g alone. */
static inline __m256 u4_pair(const block *b, size_t t, size_t g, bool both, const float *wscale, __m256 acc)
{
    const carat_act *x = b->x;
    const int8_t *q = x->q + t * x->ldq + 32 * g;
    const int32_t *sum = x->sum + t * x->groups + g;
    __m256i x0 = load(q), x1 = load(q + 32);
    __m256i even = _mm256_permute2x128_si256(x0, x1, 0x20), odd = _mm256_permute2x128_si256(x0, x1, 0x31),
            v[ROWS];
    for (int i = 0; i < ROWS; i++) {
        const uint8_t *p = b->p[i] + 16 * g;
        __m256i bytes = both ? load(p)
                             : _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
        v[i] = nibbles(bytes, even, odd);
    }
    const __m256i one = _mm256_set1_epi16(1);
    __m256i abcd = _mm256_madd_epi16(half_tree_16(v[0], v[1], v[2], v[3]), one);
    __m256i efgh = _mm256_madd_epi16(half_tree_16(v[4], v[5], v[6], v[7]), one);
    __m256i first = _mm256_permute2x128_si256(abcd, efgh, 0x20),
            second = _mm256_permute2x128_si256(abcd, efgh, 0x31);
    acc = add_group(b, t, g, _mm256_sub_epi32(first, _mm256_set1_epi32(8 * sum[0])), wscale, acc);
    if (both)
        acc = add_group(b, t, g + 1, _mm256_sub_epi32(second, _mm256_set1_epi32(8 * sum[1])), wscale + ROWS,
                        acc);
    return acc;
}

static void block_u4_g32(const block *b, __m256 acc[TOKENS])
{
    float wscale[SCALES * ROWS];
    size_t groups = b->x->groups;
    for (size_t g0 = 0; g0 < groups; g0 += SCALES) {
        size_t n = groups - g0 < SCALES ? groups - g0 : SCALES;
        carat_avx2_scales(b->w, b->row, g0, n, wscale, ROWS);
        for (size_t i = 0; i < b->n; i++)
            for (size_t g = 0; g < n; g += 2)
                acc[i] = u4_pair(b, b->t0 + i, g0 + g, g + 1 < n, wscale + g * ROWS, acc[i]);
    }
}

static inline __m256i add_u4(__m256i sum, __m256i bytes, const int8_t *q)
{
    __m256i x0 = load(q), x1 = load(q + 32);
    __m256i v = nibbles(bytes, _mm256_permute2x128_si256(x0, x1, 0x20),
                        _mm256_permute2x128_si256(x0, x1, 0x31));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(v, _mm256_set1_epi16(1)));
}

/* |w| * (x with the sign of w): |w| <= 128 and |x| <= 127, so that a pair stays below 2^15. */
static inline __m256i add_i8(__m256i sum, __m256i w, const int8_t *q)
{
    __m256i v = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(load(q), w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(v, _mm256_set1_epi16(1)));
}

static inline __m256i add_code(carat_code code, __m256i sum, __m256i bytes, const int8_t *q)
{
    if (code == CARAT_CODE_U4)
        return add_u4(sum, bytes, q);
    if (code == CARAT_CODE_U8)
        bytes = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
    return add_i8(sum, bytes, q);
}

/* The last bytes of a row, fewer than 32. What follows them may lie outside the file; the activations there are 0. */
static inline __m256i load_short(const uint8_t *p, size_t n)
{
    uint8_t pad[32] = {0};
    memcpy(pad, p, n);
    return load(pad);
}

/* Sums of group g of eight rows, any group of whole 32-byte steps (the last one may be short). */
static inline __m256i group_sums(carat_code code, const block *b, size_t t, size_t g)
{
    const carat_act *x = b->x;
    size_t per_byte = code == CARAT_CODE_U4 ? 2 : 1, step = 32 * per_byte;
    size_t begin = g * x->form.group, end = begin + x->form.group;
    if (end > x->cols)
        end = x->cols;
    const int8_t *q = x->q + t * x->ldq;
    __m256i v[ROWS];
    for (int i = 0; i < ROWS; i++)
        v[i] = _mm256_setzero_si256();
    size_t c = begin;
    for (; c + step <= end; c += step)
        for (int i = 0; i < ROWS; i++)
            v[i] = add_code(code, v[i], load(b->p[i] + c / per_byte), q + c);
    if (c < end)
        for (int i = 0; i < ROWS; i++)
            v[i] = add_code(code, v[i],
                            load_short(b->p[i] + c / per_byte, (end - c + per_byte - 1) / per_byte), q + c);
    __m256i sum = tree_32(v);
    if (code == CARAT_CODE_U4)
        sum = _mm256_sub_epi32(sum, _mm256_set1_epi32(8 * x->sum[t * x->groups + g]));
    return sum;
}

static inline void block_wide(carat_code code, const block *b, __m256 acc[TOKENS])
{
    float wscale[SCALES * ROWS];
    size_t groups = b->x->groups;
    for (size_t g0 = 0; g0 < groups; g0 += SCALES) {
        size_t n = groups - g0 < SCALES ? groups - g0 : SCALES;
        if (g0 == 0 || b->w->groups > 1)
            carat_avx2_scales(b->w, b->row, g0, b->w->groups > 1 ? n : SCALES, wscale, ROWS);
        for (size_t i = 0; i < b->n; i++)
            for (size_t g = 0; g < n; g++)
                acc[i] = add_group(b, b->t0 + i, g0 + g, group_sums(code, b, b->t0 + i, g0 + g),
                                   wscale + g * ROWS, acc[i]);
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

void carat_avx2_qdot(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t n,
                     float *y, size_t ldy)
{
    block_fn *fn = block_for(w->format->code, x->form.group);
    if (!fn) {
        carat_ref_qdot(w, r0, r1, x, t0, n, y, ldy);
        return;
    }
    block b = {.w = w, .x = x, .t0 = t0, .n = n};
    for (size_t r = r0; r < r1; r += ROWS) {
        size_t rows = r1 - r < ROWS ? r1 - r : ROWS;
        for (size_t i = 0; i < ROWS; i++) {
            b.row[i] = r + (i < rows ? i : rows - 1);
            b.p[i] = w->data + b.row[i] * w->row_bytes;
        }
        __m256 acc[TOKENS];
        for (size_t i = 0; i < TOKENS; i++)
            acc[i] = _mm256_setzero_ps();
        fn(&b, acc);
        for (size_t i = 0; i < n; i++) {
            float out[ROWS];
            _mm256_storeu_ps(out, acc[i]);
            memcpy(y + (t0 + i) * ldy + r, out, rows * sizeof *out);
        }
    }
}
