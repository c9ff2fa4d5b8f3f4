/* The loss of given next tokens, without rows of logits.                          SPDX-License-Identifier: Apache-2.0
 *
 * nll = log sum exp(logits) - logit[next]. A thread computes a piece of the vocabulary for all rows at once, caps it, keeps each row's
 * largest logit m and sum of exp(logit - m), and forgets the piece: what 512 rows of a vocabulary of 262,144 would take is 537 MB, and a panel
 * of the head is unpacked once for all rows. The pieces are fixed and put together in their order, so that threads and batches do not matter. */
#include <math.h>

#include "runtime/model/session.h"

enum { PIECE = 128 /* of the vocabulary; the panel of a float product */ };

/* A row's logits of one piece: the largest, and the sum of exp(logit - max). */
typedef struct part {
    double sum;
    float max;
} part;

/* Rows [first, first + rows) of the pass and what is kept of them, in the memory of the logits. */
typedef struct chunk {
    size_t first, rows;
    part *parts;   /* [pieces][rows] */
    float *pieces; /* [threads][rows][PIECE] */
    float *logit;  /* [rows]: of the next token */
} chunk;

static size_t pieces_of(const carat_session *s)
{
    return (s->m->config.vocab + PIECE - 1) / PIECE;
}

uint64_t carat_score_bytes(const carat_session *s, size_t rows)
{
    uint64_t a_row = pieces_of(s) * sizeof(part) +
                     ((uint64_t)carat_team_size(s->team) * PIECE + 1) * sizeof(float);
    return rows * a_row;
}

static chunk chunk_at(const carat_session *s, size_t first, size_t rows)
{
    chunk c = {.first = first, .rows = rows, .parts = (part *)(void *)s->logits};
    c.pieces = (float *)(void *)(c.parts + pieces_of(s) * rows);
    c.logit = c.pieces + (size_t)carat_team_size(s->team) * rows * PIECE;
    return c;
}

static void score_piece(const carat_work *w, const chunk *c, const carat_feed *f, size_t piece)
{
    const carat_session *s = w->s;
    const carat_pass *p = w->p;
    size_t v0 = piece * PIECE, left = w->m->config.vocab - v0, n = left < PIECE ? left : PIECE;
    float *y = c->pieces + (size_t)w->rank * c->rows * PIECE;
    carat_weight rows = carat_weight_rows(&w->m->head, v0, n);
    carat_matmul_alone(s->kern, &(carat_product){&rows, &f->act[0], y, PIECE, c->rows}, p->few, w->scratch);
    for (size_t t = 0; t < c->rows; t++) {
        float *x = y + t * PIECE;
        carat_cap_row(s, x, n);
        float max = s->kern->max(x, n);
        if (isnan(max))
            atomic_store_explicit(&w->p->bad, true, memory_order_relaxed);
        c->parts[piece * c->rows + t] = (part){s->kern->sum_exp(x, n, max), max};
        size_t next = (size_t)p->next[carat_pass_pos(p, c->first + t)];
        if (next >= v0 && next < v0 + n)
            c->logit[t] = x[next - v0];
    }
}

static void finish_row(const carat_work *w, const chunk *c, size_t t)
{
    size_t pieces = pieces_of(w->s);
    const part *of_row = c->parts + t;
    float max = of_row[0].max;
    double sum = 0;
    for (size_t i = 1; i < pieces; i++)
        max = of_row[i * c->rows].max > max ? of_row[i * c->rows].max : max;
    for (size_t i = 0; i < pieces; i++)
        sum += of_row[i * c->rows].sum * exp((double)of_row[i * c->rows].max - (double)max);
    w->p->nll[carat_pass_pos(w->p, c->first + t)] = (double)max + log(sum) - (double)c->logit[t];
}

static void score_chunk(const carat_work *w, const chunk *c)
{
    size_t b, e;
    carat_rows(w, 0, c->rows, carat_final_norm_row, (uint32_t)c->first);
    carat_feed f = carat_head_feed(w);
    while (carat_team_take(w->team, pieces_of(w->s), 1, &b, &e))
        score_piece(w, c, &f, b);
    carat_team_barrier(w->team);
    while (carat_team_take(w->team, c->rows, 16, &b, &e))
        for (size_t t = b; t < e; t++)
            finish_row(w, c, t);
    carat_team_barrier(w->team);
}

void carat_pass_score(const carat_work *w)
{
    size_t most = (size_t)(w->s->logit_bytes / carat_score_bytes(w->s, 1)), rows;
    for (size_t t = w->p->wanted; t < w->p->n; t += rows) {
        rows = w->p->n - t < most ? w->p->n - t : most;
        chunk c = chunk_at(w->s, t, rows);
        score_chunk(w, &c);
    }
}
