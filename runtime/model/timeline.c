/* What is done with a session's timelines: steps, trims and forks, and asking for what came out (sync.c has the syncs).
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "runtime/model/session.h"

const float *carat_session_logits(const carat_session *s)
{
    return s->kept ? carat_session_row(s, s->kept - 1) : NULL;
}

const float *carat_session_row(const carat_session *s, size_t i)
{
    return i < s->kept ? s->logits + (s->kept_from + i) * s->m->config.vocab : NULL;
}

const float *carat_session_hidden(const carat_session *s, size_t i)
{
    return i < s->normed ? s->x + (s->kept_from + i) * s->m->config.hidden : NULL;
}

double carat_session_log_sum(const carat_session *s, const float *logits)
{
    uint32_t n = s->m->config.vocab;
    float max = s->kern->max(logits, n);
    return (double)max + log(s->kern->sum_exp(logits, n, max));
}

size_t carat_session_length(const carat_session *s, uint32_t sequence)
{
    return sequence < s->sequences ? s->line[sequence].n : 0;
}

size_t carat_session_computed(const carat_session *s)
{
    return s->computed;
}

carat_status carat_check_sequence(const carat_session *s, uint32_t sequence, carat_err *err)
{
    if (sequence >= s->sequences)
        return carat_fail(err, CARAT_EUSAGE, "sequence %" PRIu32 ": the session has %" PRIu32, sequence,
                          s->sequences);
    return CARAT_OK;
}

carat_status carat_check_ids(const carat_session *s, size_t pos, const int32_t *ids, size_t n, carat_err *err)
{
    const carat_config *c = &s->m->config;
    uint32_t vocab = c->ple_dim && c->ple_vocab < c->vocab ? c->ple_vocab : c->vocab;
    if (!n)
        return carat_fail(err, CARAT_EUSAGE, "no token ids: at least one is needed");
    if (n > s->context - pos)
        return carat_fail(err, CARAT_EUSAGE, "%zu tokens: the context has room for %zu", pos + n, s->context);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= vocab)
            return carat_fail(err, CARAT_EUSAGE,
                              "token id %" PRId32 " at position %zu: the vocabulary has %" PRIu32, ids[i],
                              pos + i, vocab);
        if (ids[i] == c->image_token || ids[i] == c->audio_token || ids[i] == c->video_token)
            return carat_fail(err, CARAT_ESUPPORT,
                              "token id %" PRId32
                              " at position %zu stands for media, which this build does not read",
                              ids[i], pos + i);
    }
    return CARAT_OK;
}

bool carat_timeline_holds(const carat_session *s, const carat_timeline *t, size_t n)
{
    return n + 1 >= s->m->config.window + t->low || t->low == 0;
}

void carat_timeline_written(const carat_session *s, carat_timeline *t, size_t n, size_t end)
{
    size_t low = carat_cache_low(&s->shape, end);
    t->n = n;
    t->low = low > t->low ? low : t->low;
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

static carat_status check_steps(const carat_session *s, const carat_step *steps, size_t count, carat_err *err)
{
    size_t rows = 0;
    carat_status st;
    if (!count)
        return carat_fail(err, CARAT_EUSAGE, "a step of no sequence: at least one is needed");
    for (size_t i = 0; i < count; i++) {
        const carat_step *p = &steps[i];
        if ((st = carat_check_sequence(s, p->sequence, err)) ||
            (st = carat_check_ids(s, s->line[p->sequence].n, p->ids, p->n, err)))
            return st;
        rows += p->n < CARAT_STEP_ROWS ? p->n : CARAT_STEP_ROWS + 1;
        if (rows > CARAT_STEP_ROWS)
            return carat_fail(err, CARAT_EUSAGE, "a step of %zu rows or more: at most %d", rows,
                              CARAT_STEP_ROWS);
        for (size_t j = 0; j < i; j++)
            if (steps[j].sequence == p->sequence)
                return carat_fail(err, CARAT_EUSAGE, "sequence %" PRIu32 " stands twice in one step",
                                  p->sequence);
    }
    return CARAT_OK;
}

carat_status carat_session_step(carat_session *s, const carat_step *steps, size_t count, carat_err *err)
{
    carat_status st = check_steps(s, steps, count, err);
    if (st)
        return st;
    carat_span span[CARAT_STEP_ROWS];
    carat_pass p = {.s = s, .span = span, .spans = count, .few = true};
    for (size_t i = 0; i < count; i++) {
        carat_timeline *t = &s->line[steps[i].sequence];
        memcpy(t->ids + t->n, steps[i].ids, steps[i].n * sizeof *t->ids);
        span[i] = (carat_span){.line = t, .row = p.n, .n = steps[i].n, .pos = t->n};
        p.n += steps[i].n;
    }
    s->kept = s->normed = 0;
    carat_pass_run(&p);
    for (size_t i = 0; i < count; i++)
        carat_timeline_written(s, &s->line[steps[i].sequence], span[i].pos + (p.bad ? 0 : span[i].n),
                               span[i].pos + span[i].n);
    if (p.bad)
        return carat_fail(err, CARAT_EFORMAT,
                          "a logit of a step is not a number: the weights hold NaN or overflow");
    s->kept_from = 0;
    s->kept = s->normed = s->computed = p.n;
    return CARAT_OK;
}

static carat_status check_cut(const carat_session *s, uint32_t sequence, size_t n, carat_err *err)
{
    carat_status st = carat_check_sequence(s, sequence, err);
    if (st)
        return st;
    const carat_timeline *t = &s->line[sequence];
    if (n > t->n)
        return carat_fail(err, CARAT_EUSAGE, "sequence %" PRIu32 " has %zu positions, not %zu", sequence,
                          t->n, n);
    if (n && !carat_timeline_holds(s, t, n))
        return carat_fail(err, CARAT_EUSAGE,
                          "sequence %" PRIu32
                          " cannot go on from position %zu: its sliding layers hold nothing "
                          "before %zu; sync it",
                          sequence, n, t->low);
    return CARAT_OK;
}

carat_status carat_session_trim(carat_session *s, uint32_t sequence, size_t n, carat_err *err)
{
    carat_status st = check_cut(s, sequence, n, err);
    if (st)
        return st;
    s->line[sequence].n = n;
    if (!n)
        s->line[sequence].low = 0;
    return CARAT_OK;
}

carat_status carat_session_fork(carat_session *s, uint32_t from, uint32_t to, size_t n, carat_err *err)
{
    carat_status st;
    if ((st = check_cut(s, from, n, err)) || (st = carat_check_sequence(s, to, err)))
        return st;
    if (from == to)
        return carat_session_trim(s, to, n, err);
    const carat_timeline *a = &s->line[from];
    carat_timeline *b = &s->line[to];
    memcpy(b->ids, a->ids, n * sizeof *b->ids);
    b->n = n;
    b->low = n ? a->low : 0;
    carat_cache_copy(&a->cache, &b->cache, b->low, n);
    return CARAT_OK;
}
