/* AVX2: integer products of many tokens.                                           SPDX-License-Identifier: Apache-2.0
 *
 * A panel of 32 rows is unpacked, some hundred columns at a time, into a tile in the first-level cache: [half][unit][16 rows][4 bytes]. A unit is
 * four columns of unsigned nibbles or two columns of int16, so that a broadcast of the same four bytes of a token's codes meets 16 rows in two
 * registers. 16 rows x 3 tokens is what 16 registers hold. Running sums over groups wait in y between blocks of columns: they are
 * exact there, so that blocking does not change the result. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"
#include "runtime/kernel/avx2_tile.h"
#include "runtime/kernel/ref.h"

enum {
    HALF = 16,      /* rows of a micro-kernel */
    TOKENS = 3,     /* tokens of a micro-kernel */
    UNITS = 8,      /* units in a run */
    TILE_RUNS = 16, /* 16 KiB for 32 rows */
    UNIT_BYTES = HALF * 4
};

typedef struct panel {
    const carat_weight *w;
    const carat_act *x;
    size_t r0, rows; /* a multiple of 8 */
    float *y;
    size_t ldy;
    bool nibble;
    size_t run_cols, group_runs, block_groups; /* columns of a run, runs of a group, groups of a block */
    uint8_t *tile;
    float *wscale; /* [groups of the block][32], or one [32] */
    int16_t *wide; /* [TOKENS][columns of the block]: activations as int16 */
} panel;

/* A block of columns: groups [g0, g0 + groups), beginning at column c0. */
typedef struct block {
    size_t g0, groups, c0, runs;
} block;

/* ---- unpacking ---------------------------------------------------------------------------------------------- */

static void unpack_nibbles(const __m256i d[4], uint8_t *out)
{
    const __m256i low = _mm256_set1_epi8(15);
    for (size_t k = 0; k < 4; k++) { /* the even columns, then the odd */
        carat_run_store(out + k * UNIT_BYTES, _mm256_and_si256(d[k], low));
        carat_run_store(out + (k + 4) * UNIT_BYTES, _mm256_and_si256(_mm256_srli_epi16(d[k], 4), low));
    }
}

static void unpack_bytes(const __m256i d[4], bool offset, uint8_t *out)
{
    const __m256i flip = _mm256_set1_epi8(offset ? -128 : 0);
    const __m256i first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
    const __m256i second = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
    for (size_t k = 0; k < 4; k++) { /* each byte into the high half of an int16, then down with its sign */
        __m256i v = _mm256_xor_si256(d[k], flip);
        carat_run_store(out + 2 * k * UNIT_BYTES, _mm256_srai_epi16(_mm256_shuffle_epi8(v, first), 8));
        carat_run_store(out + (2 * k + 1) * UNIT_BYTES, _mm256_srai_epi16(_mm256_shuffle_epi8(v, second), 8));
    }
}

static void unpack(const panel *p, const block *b)
{
    for (size_t i = 0; i < p->rows; i += 8) {
        uint8_t *out = p->tile + i / HALF * b->runs * UNITS * UNIT_BYTES + i % HALF * 4;
        for (size_t r = 0; r < b->runs; r++, out += UNITS * UNIT_BYTES) {
            __m256i d[4];
            carat_run_gather(p->w, p->r0 + i, (b->c0 + r * p->run_cols) / (p->nibble ? 2 : 1), d);
            if (p->nibble)
                unpack_nibbles(d, out);
            else
                unpack_bytes(d, p->w->format->code == CARAT_CODE_U8, out);
        }
        size_t n = p->w->groups > 1 ? b->groups : 1;
        if (n > 1 || p->w->groups > 1 || b->g0 == 0)
            carat_avx2_scales(p->w, (carat_comb){p->r0 + i, 1}, b->g0, n, p->wscale + i, CARAT_PANEL_ROWS);
    }
}

static void widen(const panel *p, const block *b, size_t t, size_t n)
{
    size_t cols = b->runs * p->run_cols;
    for (size_t i = 0; i < n; i++) {
        const int8_t *q = p->x->q + (t + i) * p->x->ldq + b->c0;
        for (size_t c = 0; c < cols; c += 16)
            carat_run_store((uint8_t *)(p->wide + i * cols + c),
                            _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(q + c))));
    }
}

/* ---- micro-kernels ------------------------------------------------------------------------------------------ */

static inline __m256i four_bytes(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}

static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Makes the compiler add in the written order: gcc would balance the sums into trees, for which registers do not suffice. */
static inline __m256i in_order(__m256i v)
{
    __asm__("" : "+x"(v));
    return v;
}

/* One run of 32 columns: a lane of int16 gathers 8 pairs of at most 2 * 15 * 127. */
static inline __attribute__((always_inline)) void
run_nibbles(const uint8_t *tile, const int8_t *const q[TOKENS], size_t c, int nt, __m256i isum[2][TOKENS])
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i s[2][TOKENS];
    for (int i = 0; i < nt; i++)
        s[0][i] = s[1][i] = _mm256_setzero_si256();
    for (int u = 0; u < UNITS; u++) {
        __m256i w0 = load(tile + u * UNIT_BYTES), w1 = load(tile + u * UNIT_BYTES + 32);
        for (int i = 0; i < nt; i++) {
            __m256i x = four_bytes(q[i] + c + 4 * u);
            s[0][i] = in_order(_mm256_add_epi16(s[0][i], _mm256_maddubs_epi16(w0, x)));
            s[1][i] = in_order(_mm256_add_epi16(s[1][i], _mm256_maddubs_epi16(w1, x)));
        }
    }
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < nt; i++)
            isum[h][i] = _mm256_add_epi32(isum[h][i], _mm256_madd_epi16(s[h][i], one));
}

static inline __attribute__((always_inline)) void
group_wide(const uint8_t *tile, const int16_t *const x[TOKENS], size_t units, int nt, __m256i isum[2][TOKENS])
{
    for (size_t u = 0; u < units; u++) {
        __m256i w0 = load(tile + u * UNIT_BYTES), w1 = load(tile + u * UNIT_BYTES + 32);
        for (int i = 0; i < nt; i++) {
            __m256i v = four_bytes(x[i] + 2 * u);
            isum[0][i] = in_order(_mm256_add_epi32(isum[0][i], _mm256_madd_epi16(w0, v)));
            isum[1][i] = in_order(_mm256_add_epi32(isum[1][i], _mm256_madd_epi16(w1, v)));
        }
    }
}

/* Half h of the panel times tokens t .. t + nt - 1 over one block of columns. `nibble`, `single` (groups of one run) and nt are
 * constants where this is inlined. */
static inline __attribute__((always_inline)) void micro(const panel *p, const block *b, size_t h, size_t t,
                                                        int nt, bool nibble, bool single)
{
    bool both = p->rows - h * HALF > 8; /* else the second eight rows of the tile are idle */
    size_t groups = p->x->groups, runs = single ? 1 : p->group_runs;
    const uint8_t *tile = p->tile + h * b->runs * UNITS * UNIT_BYTES;
    const float *wscale = p->wscale + h * HALF;
    size_t wscale_step = p->w->groups > 1 ? CARAT_PANEL_ROWS : 0, left = b->runs;
    const int8_t *q[TOKENS];
    const int16_t *wide[TOKENS];
    float *y[TOKENS];
    __m256 acc[2][TOKENS];
    for (int i = 0; i < nt; i++) {
        q[i] = p->x->q + (t + (size_t)i) * p->x->ldq + b->c0;
        wide[i] = p->wide + (size_t)i * b->runs * p->run_cols;
        y[i] = p->y + (t + (size_t)i) * p->ldy + p->r0 + h * HALF;
        acc[0][i] = b->g0 ? _mm256_loadu_ps(y[i]) : _mm256_setzero_ps();
        acc[1][i] = b->g0 && both ? _mm256_loadu_ps(y[i] + 8) : _mm256_setzero_ps();
    }
    for (size_t g = 0; g < b->groups; g++, wscale += wscale_step) {
        __m256i isum[2][TOKENS];
        for (int i = 0; i < nt; i++)
            isum[0][i] = isum[1][i] = _mm256_setzero_si256();
        size_t n = single || left > runs ? runs : left;
        if (nibble) {
            for (size_t r = 0; r < n; r++, tile += UNITS * UNIT_BYTES)
                run_nibbles(tile, q, (g * runs + r) * 32, nt, isum);
        } else {
            group_wide(tile, wide, n * UNITS, nt, isum);
            tile += n * UNITS * UNIT_BYTES;
            for (int i = 0; i < nt; i++)
                wide[i] += n * 2 * UNITS;
        }
        left -= n;
        __m256 w0 = _mm256_loadu_ps(wscale), w1 = _mm256_loadu_ps(wscale + 8);
        for (int i = 0; i < nt; i++) {
            size_t at = (t + (size_t)i) * groups + b->g0 + g;
            __m256i offset = _mm256_set1_epi32(nibble ? 8 * p->x->sum[at] : 0);
            __m256 xs = _mm256_set1_ps(p->x->scale[at]);
            __m256 f0 = _mm256_cvtepi32_ps(_mm256_sub_epi32(isum[0][i], offset));
            __m256 f1 = _mm256_cvtepi32_ps(_mm256_sub_epi32(isum[1][i], offset));
            acc[0][i] = _mm256_fmadd_ps(f0, _mm256_mul_ps(w0, xs), acc[0][i]);
            acc[1][i] = _mm256_fmadd_ps(f1, _mm256_mul_ps(w1, xs), acc[1][i]);
        }
    }
    for (int i = 0; i < nt; i++) {
        _mm256_storeu_ps(y[i], acc[0][i]);
        if (both)
            _mm256_storeu_ps(y[i] + 8, acc[1][i]);
    }
}

static void tile_u4_g32(const panel *p, const block *b, size_t h, size_t t, size_t n)
{
    if (n == 3)
        micro(p, b, h, t, 3, true, true);
    else if (n == 2)
        micro(p, b, h, t, 2, true, true);
    else
        micro(p, b, h, t, 1, true, true);
}

static void tile_u4(const panel *p, const block *b, size_t h, size_t t, size_t n)
{
    if (n == 3)
        micro(p, b, h, t, 3, true, false);
    else if (n == 2)
        micro(p, b, h, t, 2, true, false);
    else
        micro(p, b, h, t, 1, true, false);
}

static void tile_8(const panel *p, const block *b, size_t h, size_t t, size_t n)
{
    if (n == 3)
        micro(p, b, h, t, 3, false, false);
    else if (n == 2)
        micro(p, b, h, t, 2, false, false);
    else
        micro(p, b, h, t, 1, false, false);
}

/* ---- the panel ---------------------------------------------------------------------------------------------- */

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Asks for what the next tokens will need: codes of this block, running sums. */
static void prefetch(const panel *p, const block *b, size_t t, size_t n)
{
    size_t bytes = b->runs * p->run_cols;
    for (size_t i = t; i < t + n; i++) {
        const char *q = (const char *)(p->x->q + i * p->x->ldq + b->c0),
                   *y = (const char *)(p->y + i * p->ldy + p->r0);
        for (size_t at = 0; at < bytes; at += 64)
            _mm_prefetch(q + at, _MM_HINT_T0);
        for (size_t at = 0; at < p->rows * sizeof(float); at += 64)
            _mm_prefetch(y + at, _MM_HINT_T0);
    }
}

static void run_block(const panel *p, const block *b, size_t t0, size_t t1)
{
    unpack(p, b);
    for (size_t t = t0; t < t1; t += TOKENS) {
        size_t n = min(t1 - t, TOKENS);
        if (t + n < t1)
            prefetch(p, b, t + n, min(t1 - t - n, TOKENS));
        if (!p->nibble)
            widen(p, b, t, n);
        for (size_t h = 0; h * HALF < p->rows; h++) {
            if (!p->nibble)
                tile_8(p, b, h, t, n);
            else if (p->group_runs == 1)
                tile_u4_g32(p, b, h, t, n);
            else
                tile_u4(p, b, h, t, n);
        }
    }
}

void carat_avx2_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0, size_t t1,
                       float *y, size_t ldy, void *scratch)
{
    bool nibble = w->format->code == CARAT_CODE_U4;
    size_t run_cols = nibble ? 2 * CARAT_RUN_BYTES : CARAT_RUN_BYTES, odd = (r1 - r0) % 8;
    if (x->form.group % run_cols) {
        carat_ref_qpanel(w, r0, r1, x, t0, t1, y, ldy, scratch);
        return;
    }
    for (size_t t = t0; odd && t < t1; t += 4) /* rows past the last eight */
        carat_avx2_qdot(w, r1 - odd, r1, x, t, min(t1 - t, 4), y, ldy);
    panel p = {.w = w,
               .x = x,
               .r0 = r0,
               .rows = r1 - r0 - odd,
               .y = y,
               .ldy = ldy,
               .nibble = nibble,
               .run_cols = run_cols};
    p.group_runs = x->form.group / run_cols;
    p.block_groups = p.group_runs < TILE_RUNS ? TILE_RUNS / p.group_runs : 1;
    size_t runs = p.block_groups * p.group_runs;
    p.tile = scratch;
    p.wide = (int16_t *)(void *)(p.tile + runs * UNITS * UNIT_BYTES * 2);
    p.wscale = (float *)(void *)(p.wide + TOKENS * runs * run_cols);
    for (size_t g0 = 0; g0 < x->groups; g0 += p.block_groups) {
        block b = {.g0 = g0, .groups = min(p.block_groups, x->groups - g0), .c0 = g0 * x->form.group};
        b.runs = min(b.groups * p.group_runs, (x->cols - b.c0 + run_cols - 1) / run_cols);
        run_block(&p, &b, t0, t1);
    }
}
