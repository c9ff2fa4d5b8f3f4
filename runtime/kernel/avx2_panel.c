/* AVX2: integer products of many tokens.                                           SPDX-License-Identifier: Apache-2.0
 *
 * A panel of 32 rows is unpacked, some hundred columns at a time, into a tile in the first-level cache: [unit][row][4 bytes]. A unit is four
 * columns of nibbles or two columns of int16; the same four bytes of a token, in every lane, meet eight rows in one vector. Tokens go one by
 * one: the four vectors of a unit are then operands in memory of the multiplication, which saves the loads and registers that a tile of
 * tokens would take, and leaves the sums of the token in registers for the whole block.
 *
 * vpmaddubsw wants one side unsigned: that is the token, as q + 128, against signed nibbles, and the sums of a run begin at -128 * (sum of the
 * nibbles), which depends on the weights alone. The additions of 16 bits may wrap on the way; the end of a run is at most 16 * 8 * 127.
 *
 * Running sums over groups wait in a table between blocks of columns: they are exact there, so that blocking does not change the result. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"
#include "runtime/kernel/avx2_rows.h"
#include "runtime/kernel/avx2_tile.h"
#include "runtime/kernel/ref.h"

enum {
    ROWS = CARAT_PANEL_ROWS,
    VECTORS = ROWS / 8,
    UNITS = 8,          /* units in a run */
    VECTOR_BYTES = 32,  /* eight rows of a unit */
    RUN_CODES = 32,     /* bytes of a token that meet a run */
    TILE_RUNS = 16,     /* 16 KiB for 32 rows */
    CHUNK_TOKENS = 512, /* tokens whose running sums are kept at a time: 64 KiB */
    AHEAD = 2           /* tokens whose codes are asked for early */
};

typedef struct panel {
    const carat_weight *w;
    const carat_act *x;
    size_t r0, rows, vectors; /* rows: a multiple of 8 */
    float *y;
    size_t ldy;
    bool nibble;
    size_t run_cols, group_runs, block_groups; /* columns of a run, runs of a group, groups of a block */
    uint8_t *tile;                             /* [run][UNITS][vectors][32] */
    int16_t *start;                            /* [run][vectors][16]: where the sums of a run begin */
    uint8_t *codes; /* [run][RUN_CODES]: of one token, as the micro-kernel wants them */
    float *wscale;  /* [groups of the block][32], or one [32] */
    float *sum;     /* [CHUNK_TOKENS][32] */
} panel;

/* A block of columns: groups [g0, g0 + groups), beginning at column c0. */
typedef struct block {
    size_t g0, groups, c0, runs;
    bool last;
    size_t t0, t1; /* the chunk of tokens */
} block;

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- unpacking ---------------------------------------------------------------------------------------------- */

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i signed_nibbles(__m256i v)
{
    return _mm256_sub_epi8(_mm256_and_si256(v, _mm256_set1_epi8(15)), _mm256_set1_epi8(8));
}

/* One run of eight rows: the even columns, then the odd; `step` from unit to unit. */
static void unpack_nibbles(const __m256i d[4], size_t step, uint8_t *out, int16_t *start)
{
    const __m256i offset = _mm256_set1_epi8(-128);
    __m256i sum = _mm256_setzero_si256();
    for (size_t k = 0; k < 4; k++) {
        __m256i even = signed_nibbles(d[k]), odd = signed_nibbles(_mm256_srli_epi16(d[k], 4));
        carat_run_store(out + k * step, even);
        carat_run_store(out + (k + 4) * step, odd);
        sum = _mm256_sub_epi16(sum, _mm256_maddubs_epi16(offset, even));
        sum = _mm256_sub_epi16(sum, _mm256_maddubs_epi16(offset, odd));
    }
    carat_run_store((uint8_t *)start, sum);
}

static void unpack_bytes(const __m256i d[4], bool offset, size_t step, uint8_t *out)
{
    const __m256i flip = _mm256_set1_epi8(offset ? -128 : 0);
    const __m256i first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
    const __m256i second = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
    for (size_t k = 0; k < 4; k++) { /* each byte into the high half of an int16, then down with its sign */
        __m256i v = _mm256_xor_si256(d[k], flip);
        carat_run_store(out + 2 * k * step, _mm256_srai_epi16(_mm256_shuffle_epi8(v, first), 8));
        carat_run_store(out + (2 * k + 1) * step, _mm256_srai_epi16(_mm256_shuffle_epi8(v, second), 8));
    }
}

static void unpack(const panel *p, const block *b)
{
    size_t step = p->vectors * VECTOR_BYTES;
    for (size_t v = 0; v < p->vectors; v++) {
        for (size_t r = 0; r < b->runs; r++) {
            __m256i d[4];
            uint8_t *out = p->tile + r * UNITS * step + v * VECTOR_BYTES;
            carat_run_gather(p->w, p->r0 + 8 * v, (b->c0 + r * p->run_cols) / (p->nibble ? 2 : 1), d);
            if (p->nibble)
                unpack_nibbles(d, step, out, p->start + (r * p->vectors + v) * 16);
            else
                unpack_bytes(d, p->w->format->code == CARAT_CODE_U8, step, out);
        }
        if (p->w->groups > 1 || b->g0 == 0)
            carat_avx2_scales(p->w, (carat_comb){p->r0 + 8 * v, 1}, b->g0, p->w->groups > 1 ? b->groups : 1,
                              p->wscale + 8 * v, ROWS);
    }
}

/* The codes of token t in this block: q + 128, or int16. Asks for those of a later token. */
static void take_codes(const panel *p, const block *b, size_t t)
{
    size_t cols = b->runs * p->run_cols;
    const int8_t *q = p->x->q + t * p->x->ldq + b->c0;
    const char *later = (const char *)(q + (t + AHEAD < b->t1 ? AHEAD * p->x->ldq : 0));
    for (size_t c = 0; c < cols; c += 64)
        _mm_prefetch(later + c, _MM_HINT_T0);
    if (p->nibble) {
        for (size_t c = 0; c < cols; c += 32)
            carat_run_store(p->codes + c, _mm256_xor_si256(load(q + c), _mm256_set1_epi8(-128)));
        return;
    }
    for (size_t c = 0; c < cols; c += 16)
        carat_run_store(p->codes + 2 * c,
                        _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(q + c))));
}

/* ---- micro-kernels ------------------------------------------------------------------------------------------ */

/* One run of 32 columns. */
static inline __attribute__((always_inline)) void
run_nibbles(const uint8_t *tile, const int16_t *start, const uint8_t *codes, size_t nv, __m256i sum[VECTORS])
{
    for (size_t u = 0; u < UNITS; u++) {
        __m256i x = carat_four_bytes(codes + 4 * u);
        for (size_t v = 0; v < nv; v++) {
            __m256i pairs = _mm256_maddubs_epi16(x, load(tile + (u * nv + v) * VECTOR_BYTES));
            sum[v] = carat_in_order(_mm256_add_epi16(pairs, u ? sum[v] : load(start + 16 * v)));
        }
    }
}

static inline __attribute__((always_inline)) void run_bytes(const uint8_t *tile, const uint8_t *codes,
                                                            size_t nv, __m256i isum[VECTORS])
{
    for (size_t u = 0; u < UNITS; u++) {
        __m256i x = carat_four_bytes(codes + 4 * u);
        for (size_t v = 0; v < nv; v++)
            isum[v] = carat_in_order(
                _mm256_add_epi32(isum[v], _mm256_madd_epi16(x, load(tile + (u * nv + v) * VECTOR_BYTES))));
    }
}

/* Token t times the panel over one block of columns. `nibble`, `single` (groups of one run) and nv are constants where this is inlined. */
static inline __attribute__((always_inline)) void micro(const panel *p, const block *b, size_t t, size_t nv,
                                                        bool nibble, bool single)
{
    const __m256i one = _mm256_set1_epi16(1);
    const uint8_t *tile = p->tile, *codes = p->codes;
    const int16_t *start = p->start;
    const float *wscale = p->wscale, *xscale = p->x->scale + t * p->x->groups + b->g0;
    size_t wscale_step = p->w->groups > 1 ? ROWS : 0, left = b->runs;
    float *sum = p->sum + (t - b->t0) * ROWS;
    __m256 acc[VECTORS];
    for (size_t v = 0; v < nv; v++)
        acc[v] = b->g0 ? _mm256_loadu_ps(sum + 8 * v) : _mm256_setzero_ps();
    for (size_t g = 0; g < b->groups; g++, wscale += wscale_step) {
        size_t n = single || left > p->group_runs ? p->group_runs : left;
        __m256i isum[VECTORS], run[VECTORS];
        for (size_t v = 0; v < nv; v++)
            isum[v] = _mm256_setzero_si256();
        for (size_t r = 0; r < (single ? 1 : n); r++) {
            if (nibble)
                run_nibbles(tile, start, codes, nv, run);
            else
                run_bytes(tile, codes, nv, isum);
            for (size_t v = 0; nibble && v < nv; v++)
                isum[v] = _mm256_add_epi32(isum[v], _mm256_madd_epi16(run[v], one));
            tile += UNITS * VECTOR_BYTES * nv;
            start += 16 * nv;
            codes += RUN_CODES;
        }
        left -= n;
        __m256 xs = _mm256_broadcast_ss(xscale + g);
        for (size_t v = 0; v < nv; v++)
            acc[v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[v]),
                                     _mm256_mul_ps(_mm256_loadu_ps(wscale + 8 * v), xs), acc[v]);
    }
    float *out = b->last ? p->y + t * p->ldy + p->r0 : sum;
    for (size_t v = 0; v < nv; v++)
        _mm256_storeu_ps(out + 8 * v, acc[v]);
}

/* While token t meets this block, its share of the rows of the next one is asked for: few tokens would wait for memory as long as they
 * compute. Into the second-level cache, for in the first rows lie a power of two apart. */
static void ask_ahead(const panel *p, const block *b, size_t t)
{
    enum { LINE = 64 };
    const carat_weight *w = p->w;
    size_t pack = p->nibble ? 2 : 1, from = (b->c0 + b->runs * p->run_cols) / pack;
    size_t end = min(from + p->block_groups * p->group_runs * CARAT_RUN_BYTES, (size_t)w->cols / pack);
    for (size_t r = p->r0 + (t - b->t0); r < p->r0 + p->rows && from < end; r += b->t1 - b->t0) {
        const char *row = (const char *)(w->data + r * w->row_bytes);
        for (size_t at = from; at < end; at += LINE)
            _mm_prefetch(row + at, _MM_HINT_T1);
        if (w->groups > 1)
            _mm_prefetch((const char *)(w->scale + 2 * (r * w->groups + b->g0 + b->groups)), _MM_HINT_T1);
    }
}

static inline __attribute__((always_inline)) void tokens(const panel *p, const block *b, size_t nv,
                                                         bool nibble, bool single)
{
    for (size_t t = b->t0; t < b->t1; t++) {
        ask_ahead(p, b, t);
        take_codes(p, b, t);
        micro(p, b, t, nv, nibble, single);
    }
}

static inline __attribute__((always_inline)) void tokens_any(const panel *p, const block *b, bool nibble,
                                                             bool single)
{
    if (p->vectors == 4)
        tokens(p, b, 4, nibble, single);
    else if (p->vectors == 3)
        tokens(p, b, 3, nibble, single);
    else if (p->vectors == 2)
        tokens(p, b, 2, nibble, single);
    else
        tokens(p, b, 1, nibble, single);
}

static void tokens_u4_g32(const panel *p, const block *b)
{
    tokens_any(p, b, true, true);
}

static void tokens_u4(const panel *p, const block *b)
{
    tokens_any(p, b, true, false);
}

static void tokens_8(const panel *p, const block *b)
{
    tokens_any(p, b, false, false);
}

/* ---- the panel ---------------------------------------------------------------------------------------------- */

static void lay_out(panel *p, uint8_t *scratch)
{
    size_t runs = p->block_groups * p->group_runs;
    p->sum = (float *)(void *)scratch;
    p->tile = scratch + CHUNK_TOKENS * ROWS * sizeof(float);
    p->start = (int16_t *)(void *)(p->tile + runs * UNITS * VECTORS * VECTOR_BYTES);
    p->wscale = (float *)(void *)(p->start + runs * VECTORS * 16);
    p->codes = (uint8_t *)(p->wscale + p->block_groups * ROWS);
}

/* Tokens [t0, t1), at most CHUNK_TOKENS. */
static void run_chunk(const panel *p, size_t t0, size_t t1)
{
    for (size_t g0 = 0; g0 < p->x->groups; g0 += p->block_groups) {
        block b = {.g0 = g0, .groups = min(p->block_groups, p->x->groups - g0), .t0 = t0, .t1 = t1};
        b.c0 = g0 * p->x->form.group;
        b.runs = min(b.groups * p->group_runs, (p->x->cols - b.c0 + p->run_cols - 1) / p->run_cols);
        b.last = g0 + b.groups == p->x->groups;
        unpack(p, &b);
        if (!p->nibble)
            tokens_8(p, &b);
        else if (p->group_runs == 1)
            tokens_u4_g32(p, &b);
        else
            tokens_u4(p, &b);
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
    panel p = {.w = w, .x = x, .r0 = r0, .rows = r1 - r0 - odd, .y = y, .ldy = ldy, .nibble = nibble};
    p.vectors = p.rows / 8;
    p.run_cols = run_cols;
    p.group_runs = x->form.group / run_cols;
    p.block_groups = p.group_runs < TILE_RUNS ? TILE_RUNS / p.group_runs : 1;
    lay_out(&p, scratch);
    for (size_t t = t0; p.rows && t < t1; t += CHUNK_TOKENS)
        run_chunk(&p, t, min(t1, t + CHUNK_TOKENS));
}
