/* Products of a phase, in pieces of rows for whoever is free. The only user of BLIS.  SPDX-License-Identifier: Apache-2.0 */
#include <blis.h>

#include "runtime/kernel/matmul.h"

enum {
    FEW = 4,  /* tokens that one qdot or fdot takes */
    SOME = 8, /* up to so many, several qdots of a piece beat a panel */
    FLOAT_PANEL_ROWS = 128,
    WIDE_BYTES = 96 << 10,   /* of rows as floats: so that they stay near while all tokens pass */
    PIECE_BYTES = 256 << 10, /* of weights per piece when memory is the limit: some microseconds */
    SHARES = 4               /* or so many pieces of a small product for each thread */
};

typedef enum path { QDOT, QPANEL, FDOT, FWIDE, SGEMM } path;

static path path_of(const carat_product *p, bool few)
{
    if (p->x->form.order != CARAT_ORDER_FLOAT)
        return p->n <= SOME ? QDOT : QPANEL;
    /* for more tokens than an fdot takes, codes become floats once; the sums are those of FDOT */
    return !few ? SGEMM : p->n > FEW && p->w->format->integer ? FWIDE : FDOT;
}

/* Rows per piece, a multiple of 8. */
static size_t piece_rows(const carat_product *p, bool few, int threads)
{
    switch (path_of(p, few)) {
    case QPANEL:
        return CARAT_PANEL_ROWS;
    case SGEMM:
        return FLOAT_PANEL_ROWS;
    case FWIDE: {
        size_t fit = WIDE_BYTES / (sizeof(float) * (size_t)p->w->cols) / 8 * 8;
        return fit < 8 ? 8 : fit < FLOAT_PANEL_ROWS ? fit : FLOAT_PANEL_ROWS;
    }
    default: {
        size_t most = PIECE_BYTES / (size_t)(p->w->row_bytes + 1), shares = SHARES * (size_t)threads;
        size_t fair = (size_t)(p->w->rows + shares - 1) / shares,
               rows = (fair < most ? fair + 7 : most) / 8 * 8;
        return rows ? rows : 8;
    }
    }
}

static size_t pieces_of(const carat_product *p, bool few, int threads)
{
    size_t rows = piece_rows(p, few, threads);
    return (size_t)(p->w->rows + rows - 1) / rows;
}

/* y = x panel^T with a row's bits independent of n: the "small matrix" paths of BLIS, which sum in another order, are off. */
static void sgemm(const carat_product *p, size_t r0, size_t r1, float *panel)
{
    size_t cols = (size_t)p->w->cols;
    rntm_t one = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &one);
    bli_rntm_disable_l3_sup(&one);
    float alpha = 1.0f, beta = 0.0f;
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, (dim_t)p->n, (dim_t)(r1 - r0), (dim_t)cols, &alpha,
                 p->x->f, (inc_t)cols, 1, panel, (inc_t)cols, 1, &beta, p->y + r0, (inc_t)p->ldy, 1, NULL,
                 &one);
}

static void fdots(const carat_kernels *k, const carat_product *p, const carat_weight *w, size_t r0, size_t r1,
                  float *y)
{
    size_t cols = (size_t)w->cols;
    for (size_t t = 0; t < p->n; t += FEW)
        k->fdot(w, r0, r1, p->x->f + t * cols, cols, p->n - t < FEW ? p->n - t : FEW, y + t * p->ldy, p->ldy);
}

/* Rows as floats of a matrix of their own. */
static void fwide(const carat_kernels *k, const carat_product *p, size_t r0, size_t r1, float *rows)
{
    carat_weight w = {.format = &carat_format_f32,
                      .data = (const uint8_t *)rows,
                      .rows = r1 - r0,
                      .cols = p->w->cols,
                      .row_bytes = p->w->cols * sizeof *rows};
    k->decode(p->w, r0, r1, rows);
    fdots(k, p, &w, 0, r1 - r0, p->y + r0);
}

static void piece(const carat_kernels *k, const carat_product *p, size_t r0, size_t r1, path how,
                  void *scratch)
{
    size_t n = p->n;
    switch (how) {
    case QDOT:
        for (size_t t = 0; t < n; t += FEW)
            k->qdot(p->w, r0, r1, p->x, t, n - t < FEW ? n - t : FEW, p->y, p->ldy);
        break;
    case QPANEL:
        k->qpanel(p->w, r0, r1, p->x, 0, n, p->y, p->ldy, scratch);
        break;
    case FDOT:
        fdots(k, p, p->w, r0, r1, p->y);
        break;
    case FWIDE:
        fwide(k, p, r0, r1, scratch);
        break;
    case SGEMM:
        k->decode(p->w, r0, r1, scratch);
        sgemm(p, r0, r1, scratch);
        break;
    }
}

size_t carat_matmul_scratch(size_t max_cols, size_t max_tokens)
{
    (void)max_tokens;
    size_t panel = carat_panel_bytes(max_cols), floats = FLOAT_PANEL_ROWS * max_cols * sizeof(float);
    return panel > floats ? panel : floats;
}

void carat_matmul(const carat_kernels *k, carat_team *team, const carat_product *p, size_t np, bool few,
                  void *scratch)
{
    int threads = carat_team_size(team);
    size_t total = 0, begin, end, i = 0, before = 0; /* before: pieces of the products in front of i */
    for (size_t j = 0; j < np; j++)
        total += pieces_of(&p[j], few, threads);
    while (carat_team_take(team, total, 1, &begin, &end)) { /* what a thread takes only ever grows */
        for (size_t have; begin - before >= (have = pieces_of(&p[i], few, threads)); i++)
            before += have;
        size_t rows = piece_rows(&p[i], few, threads), r0 = (begin - before) * rows, r1 = r0 + rows;
        if (r1 > p[i].w->rows)
            r1 = (size_t)p[i].w->rows;
        piece(k, &p[i], r0, r1, path_of(&p[i], few), scratch);
    }
}

void carat_matmul_alone(const carat_kernels *k, const carat_product *p, bool few, void *scratch)
{
    size_t step = piece_rows(p, few, 1), rows = (size_t)p->w->rows;
    for (size_t r = 0; r < rows; r += step)
        piece(k, p, r, rows - r < step ? rows : r + step, path_of(p, few), scratch);
}

void carat_matmul_init(void)
{
    bli_init();
    bli_thread_set_num_threads(1);
}
