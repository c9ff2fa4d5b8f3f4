/* Syncs: timelines become the ids they should, in passes that they share.          SPDX-License-Identifier: Apache-2.0
 *
 * A pass is filled with rows of one sequence after the other. Rows whose logits are wanted stand behind all others, so that the layers that
 * own no K/V, and the head, see them alone: a sequence that ends in a pass has its last span there. */
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/model/session.h"

enum { MANY = 64 /* rows of a pass that make it worth a system call */ };

/* A request on its way. */
typedef struct course {
    const carat_sync_request *r;
    carat_timeline *t;
    size_t pos;  /* [0, pos) stand */
    size_t same; /* before it, only the rings are filled anew */
    size_t from; /* the first position whose logits are wanted */
    size_t end;  /* [pos, end) are in the pass under way */
} course;

/* ---- checks -------------------------------------------------------------------------------------------------- */

static carat_status check_next(const carat_session *s, const carat_sync_request *r, carat_err *err)
{
    uint32_t vocab = s->m->config.vocab;
    for (size_t i = r->logits_from; r->nll && i < r->n; i++)
        if (r->next[i] < 0 || (uint32_t)r->next[i] >= vocab)
            return carat_fail(err, CARAT_EUSAGE,
                              "next token id %" PRId32 " at position %zu: the vocabulary has %" PRIu32,
                              r->next[i], i, vocab);
    return CARAT_OK;
}

static carat_status check(const carat_session *s, const carat_sync_request *r, size_t n, carat_err *err)
{
    carat_status st;
    if (!n || n > CARAT_STEP_ROWS)
        return carat_fail(err, CARAT_EUSAGE, "a sync of %zu sequences: from 1 to %d", n, CARAT_STEP_ROWS);
    for (size_t i = 0; i < n; i++) {
        if ((st = carat_check_sequence(s, r[i].sequence, err)) ||
            (st = carat_check_ids(s, 0, r[i].ids, r[i].n, err)) || (st = check_next(s, &r[i], err)))
            return st;
        if (n > 1 && (r[i].logits || r[i].nll || r[i].tap))
            return carat_fail(err, CARAT_EUSAGE,
                              "sequence %" PRIu32
                              " wants rows of logits, losses or a tap: it must be synced alone",
                              r[i].sequence);
        for (size_t j = 0; j < i; j++)
            if (r[j].sequence == r[i].sequence)
                return carat_fail(err, CARAT_EUSAGE, "sequence %" PRIu32 " stands twice in one sync",
                                  r[i].sequence);
    }
    return CARAT_OK;
}

/* ---- where to begin ------------------------------------------------------------------------------------------ */

/* How many leading positions can stay: the common prefix. */
static size_t keep(const carat_timeline *t, const carat_sync_request *r)
{
    size_t n = 0;
    size_t max = r->logits_from < r->n ? r->logits_from : r->n;
    if (r->tap)
        max = 0;
    while (n < t->n && n < max && t->ids[n] == r->ids[n])
        n++;
    return n;
}

/* Where to begin so that the windows in front of position n are right again. A key of a sliding layer follows from the window before it
 * in the sliding layer below, so the first layer must begin one window earlier for each sliding layer that owns K/V.
 * Full layers have lost nothing: only the rings are filled anew. */
static size_t refill_from(const carat_session *s, size_t n)
{
    const carat_config *c = &s->m->config;
    size_t reach = 0;
    for (uint32_t l = 0; l < c->layers; l++)
        if (!c->layer[l].full && !c->layer[l].shared)
            reach += c->window - 1;
    return n > reach ? n - reach : 0;
}

static course set_out(carat_session *s, const carat_sync_request *r)
{
    carat_timeline *t = &s->line[r->sequence];
    course c = {.r = r, .t = t, .same = keep(t, r), .from = r->logits_from};
    c.pos = carat_timeline_holds(s, t, c.same) ? c.same : refill_from(s, c.same);
    if (c.from < r->n && !r->logits && !r->nll)
        c.from = r->n - 1;
    memcpy(t->ids, r->ids, r->n * sizeof *t->ids);
    t->n = c.pos;
    t->computed = 0;
    if (c.pos == 0)
        t->low = c.same = 0;
    return c;
}

/* ---- passes -------------------------------------------------------------------------------------------------- */

/* Rows of the next pass: passes are as few as can be, and of one size, for a few rows take nearly as long as many. 0: all is done. */
static size_t rows_of(const carat_session *s, const course *c, size_t n)
{
    size_t left = 0, passes;
    for (size_t i = 0; i < n; i++)
        left += c[i].r->n - c[i].pos;
    passes = (left + s->batch - 1) / s->batch;
    return passes ? (left + passes - 1) / passes : 0;
}

static carat_status ask(const course *c, size_t n, carat_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const carat_sync_request *r = c[i].r;
        if (c[i].pos < r->n && r->progress && !r->progress(r->ctx, c[i].pos, r->n))
            return carat_fail(err, CARAT_EINTR, "interrupted after %zu of %zu tokens", c[i].pos, r->n);
    }
    return CARAT_OK;
}

/* Positions [pos, end), if there are any. */
static void add_span(carat_pass *p, carat_span *span, const course *c, size_t pos, size_t end)
{
    if (pos >= end)
        return;
    span[p->spans++] = (carat_span){c->t, p->n, end - pos, pos, pos < c->same};
    p->n += end - pos;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* At most `rows` rows -> p; span: [CARAT_SPANS]. Sequences end in their order: so do their rows of logits. */
static void fill(carat_pass *p, carat_span *span, course *c, size_t n, size_t rows)
{
    for (size_t i = 0; i < n; i++) {
        c[i].end = c[i].pos + least(rows, c[i].r->n - c[i].pos);
        rows -= c[i].end - c[i].pos;
        add_span(p, span, &c[i], c[i].pos, least(c[i].same, c[i].end));
        add_span(p, span, &c[i], most(c[i].pos, c[i].same), least(c[i].from, c[i].end));
    }
    p->wanted = p->n;
    for (size_t i = 0; i < n; i++)
        add_span(p, span, &c[i], most(c[i].pos, c[i].from), c[i].end);
}

/* A long pass has touched many rows of the per-layer table, and with each its neighbours were mapped: they stay cached, but no longer
 * count as this process's memory. */
static void let_go(const carat_session *s, size_t rows)
{
    const carat_weight *table = &s->m->ple_table;
    if (table->format && rows >= MANY)
        carat_map_advise(table->data, (size_t)(table->rows * table->row_bytes), CARAT_ADVISE_DONE);
}

static void advance(const carat_session *s, course *c, const carat_pass *p)
{
    if (c->pos == c->end)
        return;
    if (c->pos < c->same && c->same <= c->end)
        c->t->low = c->same + 1 - s->m->config.window; /* all layers' windows are right from here on */
    carat_timeline_written(s, c->t, p->bad ? 0 : c->end, c->end);
    c->t->computed += c->end - c->pos;
    c->pos = c->end;
}

/* Which rows of logits a pass leaves: of rows that were handed on, the last; else one of each sequence that ended. */
static void note_rows(carat_session *s, const carat_pass *p)
{
    size_t rows = p->n - p->wanted;
    if (!rows || p->nll)
        return;
    s->kept_from = p->logits ? (rows - 1) % CARAT_LOGIT_ROWS : 0;
    s->kept = p->logits ? 1 : s->kept + rows;
}

static carat_status not_a_number(const carat_pass *p, size_t n, carat_err *err)
{
    if (n > 1)
        return carat_fail(err, CARAT_EFORMAT,
                          "a logit of %zu sequences is not a number: the weights hold NaN or overflow", n);
    return carat_fail(
        err, CARAT_EFORMAT,
        "a logit between positions %zu and %zu is not a number: the weights hold NaN or overflow",
        p->span->pos, carat_pass_pos(p, p->n - 1));
}

static carat_status one_pass(carat_session *s, course *c, size_t n, size_t rows, carat_err *err)
{
    const carat_sync_request *r = c->r; /* what it asks beyond the last row it asks alone */
    carat_span span[CARAT_SPANS];
    carat_pass p = {.s = s,
                    .span = span,
                    .kept = r->logits ? 0 : s->kept,
                    .logits = r->logits,
                    .next = r->next,
                    .nll = r->nll,
                    .tap = r->tap,
                    .ctx = r->ctx};
    fill(&p, span, c, n, rows);
    p.first = r->tap ? 0 : p.wanted;
    carat_pass_run(&p);
    let_go(s, p.n);
    for (size_t i = 0; i < n; i++)
        advance(s, &c[i], &p);
    if (p.bad)
        return not_a_number(&p, n, err);
    note_rows(s, &p);
    return CARAT_OK;
}

carat_status carat_session_sync_many(carat_session *s, const carat_sync_request *requests, size_t n,
                                     carat_err *err)
{
    course c[CARAT_STEP_ROWS];
    carat_status st = check(s, requests, n, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        c[i] = set_out(s, &requests[i]);
    s->kept = s->normed = s->computed = 0;
    for (size_t rows; !st && (rows = rows_of(s, c, n));)
        if (!(st = ask(c, n, err)))
            st = one_pass(s, c, n, rows, err);
    for (size_t i = 0; i < n; i++)
        s->computed += c[i].t->computed;
    if (st)
        s->kept = 0;
    s->normed = n == 1 ? s->kept : 0;
    return st;
}

carat_status carat_session_sync(carat_session *s, const carat_sync_request *r, carat_err *err)
{
    return carat_session_sync_many(s, r, 1, err);
}
