/* AVX-512 VNNI: integer products of many tokens.                                   SPDX-License-Identifier: Apache-2.0
 *
 * As in avx2_panel.c a panel of 32 rows is unpacked block by block into a tile in the first-level cache, here [unit][32 rows][4 bytes]: a unit is
 * four columns of unsigned codes, of whatever format. vpdpbusd multiplies them with four broadcast codes of a token and adds all four products
 * to int32. 32 rows x 6 tokens is what 32 registers hold. */
#include <immintrin.h>
#include <string.h>

#include "runtime/kernel/avx2.h"
#include "runtime/kernel/avx2_tile.h"
#include "runtime/kernel/avx512.h"
#include "runtime/kernel/ref.h"

enum {
    TOKENS = 6,
    UNIT_BYTES = CARAT_PANEL_ROWS * 4,
    TILE_UNITS = 128, /* 16 KiB */
    STEP = 4          /* units at once: a run has 4 or 8 */
};

typedef struct panel {
    const carat_weight *w;
    const carat_act *x;
    size_t r0, rows; /* a multiple of 8; the rest of the tile is idle */
    float *y;
    size_t ldy;
    bool nibble;
    size_t run_units, group_units, block_groups;
    int32_t offset; /* of the codes: 8 or 128 */
    uint8_t *tile;
    float *wscale; /* [groups of the block][32], or one [32] */
} panel;

/* A block of columns: groups [g0, g0 + groups), beginning at column c0. */
typedef struct block {
    size_t g0, groups, c0, units;
} block;

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- unpacking ---------------------------------------------------------------------------------------------- */

/* A run of 16 bytes of eight rows: eight units of nibbles, even columns first, or four units of bytes. */
static void unpack_run(const panel *p, const __m256i d[4], uint8_t *out)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i flip = _mm256_set1_epi8(p->w->format->code == CARAT_CODE_I8 ? -128 : 0);
    for (size_t k = 0; k < 4; k++) {
        if (!p->nibble) {
            carat_run_store(out + k * UNIT_BYTES, _mm256_xor_si256(d[k], flip));
            continue;
        }
        carat_run_store(out + k * UNIT_BYTES, _mm256_and_si256(d[k], low));
        carat_run_store(out + (k + 4) * UNIT_BYTES, _mm256_and_si256(_mm256_srli_epi16(d[k], 4), low));
    }
}

static void unpack(const panel *p, const block *b)
{
    size_t columns = b->c0 / (p->nibble ? 2 : 1); /* in bytes */
    for (size_t i = 0; i < p->rows; i += 8) {
        for (size_t u = 0; u < b->units; u += p->run_units) {
            __m256i d[4];
            carat_run_gather(p->w, p->r0 + i, columns + u / p->run_units * CARAT_RUN_BYTES, d);
            unpack_run(p, d, p->tile + u * UNIT_BYTES + i * 4);
        }
        if (p->w->groups > 1 || b->g0 == 0)
            carat_avx2_scales(p->w, (carat_comb){p->r0 + i, 1}, b->g0, p->w->groups > 1 ? b->groups : 1,
                              p->wscale + i, CARAT_PANEL_ROWS);
    }
}

/* ---- micro-kernel ------------------------------------------------------------------------------------------- */

static inline __m512i four_bytes(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

/* One unit of all rows times four columns, from column c of the block on, of nt tokens. */
static inline __attribute__((always_inline)) void add_unit(const uint8_t *tile, const int8_t *const q[TOKENS],
                                                           size_t c, size_t nt, __m512i isum[2][TOKENS])
{
    __m512i w0 = _mm512_loadu_si512((const void *)tile), w1 = _mm512_loadu_si512((const void *)(tile + 64));
    for (size_t i = 0; i < nt; i++) {
        __m512i x = four_bytes(q[i] + c);
        isum[0][i] = _mm512_dpbusd_epi32(isum[0][i], w0, x);
        isum[1][i] = _mm512_dpbusd_epi32(isum[1][i], w1, x);
    }
}

/* All rows of the panel times tokens t .. t + nt - 1 over one block; nt is a constant where this is inlined. Sums wait in y, or in `edge` for a
 * panel of fewer rows. */
static inline __attribute__((always_inline)) void micro(const panel *p, const block *b, size_t t, size_t nt)
{
    size_t groups = p->x->groups, wscale_step = p->w->groups > 1 ? CARAT_PANEL_ROWS : 0, left = b->units;
    const uint8_t *tile = p->tile;
    const float *wscale = p->wscale;
    const int8_t *q[TOKENS];
    __m512 acc[2][TOKENS];
    for (size_t i = 0; i < nt; i++) {
        float edge[CARAT_PANEL_ROWS] = {0};
        const float *y = p->y + (t + i) * p->ldy + p->r0;
        q[i] = p->x->q + (t + i) * p->x->ldq + b->c0;
        if (b->g0 == 0 || p->rows < CARAT_PANEL_ROWS)
            y = b->g0 ? memcpy(edge, y, p->rows * sizeof *y) : edge;
        acc[0][i] = _mm512_loadu_ps(y);
        acc[1][i] = _mm512_loadu_ps(y + 16);
    }
    for (size_t g = 0; g < b->groups; g++, wscale += wscale_step) {
        size_t n = min(left, p->group_units);
        __m512i isum[2][TOKENS];
        for (size_t i = 0; i < nt; i++)
            isum[0][i] = isum[1][i] = _mm512_set1_epi32(-p->offset * p->x->sum[(t + i) * groups + b->g0 + g]);
        for (size_t u = 0; u < n; u += STEP, tile += STEP * UNIT_BYTES)
            for (size_t k = 0; k < STEP; k++)
                add_unit(tile + k * UNIT_BYTES, q, 4 * (u + k), nt, isum);
        left -= n;
        __m512 s0 = _mm512_loadu_ps(wscale), s1 = _mm512_loadu_ps(wscale + 16);
        for (size_t i = 0; i < nt; i++) {
            __m512 xs = _mm512_set1_ps(p->x->scale[(t + i) * groups + b->g0 + g]);
            acc[0][i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum[0][i]), _mm512_mul_ps(s0, xs), acc[0][i]);
            acc[1][i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum[1][i]), _mm512_mul_ps(s1, xs), acc[1][i]);
            q[i] += 4 * n;
        }
    }
    for (size_t i = 0; i < nt; i++) {
        float edge[CARAT_PANEL_ROWS], *y = p->y + (t + i) * p->ldy + p->r0;
        float *out = p->rows < CARAT_PANEL_ROWS ? edge : y;
        _mm512_storeu_ps(out, acc[0][i]);
        _mm512_storeu_ps(out + 16, acc[1][i]);
        if (out == edge)
            memcpy(y, edge, p->rows * sizeof *y);
    }
}

static void micro_any(const panel *p, const block *b, size_t t, size_t n)
{
    switch (n) {
    case 1:
        micro(p, b, t, 1);
        break;
    case 2:
        micro(p, b, t, 2);
        break;
    case 3:
        micro(p, b, t, 3);
        break;
    case 4:
        micro(p, b, t, 4);
        break;
    case 5:
        micro(p, b, t, 5);
        break;
    default:
        micro(p, b, t, 6);
    }
}

/* ---- the panel ---------------------------------------------------------------------------------------------- */

void carat_avx512_qpanel(const carat_weight *w, size_t r0, size_t r1, const carat_act *x, size_t t0,
                         size_t t1, float *y, size_t ldy, void *scratch)
{
    bool nibble = w->format->code == CARAT_CODE_U4;
    size_t run_cols = CARAT_RUN_BYTES * (nibble ? 2 : 1), odd = (r1 - r0) % 8;
    if (x->form.group % run_cols) {
        carat_ref_qpanel(w, r0, r1, x, t0, t1, y, ldy, scratch);
        return;
    }
    for (size_t t = t0; odd && t < t1; t += 4) /* rows past the last eight */
        carat_avx2_qdot(w, r1 - odd, r1, x, t, min(t1 - t, 4), y, ldy);
    panel p = {.w = w, .x = x, .r0 = r0, .rows = r1 - r0 - odd, .y = y, .ldy = ldy, .nibble = nibble};
    p.run_units = run_cols / 4;
    p.group_units = x->form.group / 4;
    p.block_groups = p.group_units < TILE_UNITS ? TILE_UNITS / p.group_units : 1;
    p.offset = nibble ? 8 : 128;
    p.tile = scratch;
    p.wscale = (float *)(void *)(p.tile + p.block_groups * p.group_units * UNIT_BYTES);
    for (size_t g0 = 0; p.rows && g0 < x->groups; g0 += p.block_groups) {
        block b = {.g0 = g0, .groups = min(p.block_groups, x->groups - g0), .c0 = g0 * x->form.group};
        size_t runs = (min(b.groups * x->form.group, x->cols - b.c0) + run_cols - 1) / run_cols;
        b.units = runs * p.run_units;
        unpack(&p, &b);
        for (size_t t = t0; t < t1; t += TOKENS)
            micro_any(&p, &b, t, min(t1 - t, TOKENS));
    }
}
