/* Drafting: a small model guesses ahead, the model checks all guesses in one pass.  SPDX-License-Identifier: Apache-2.0
 *
 * Leviathan et al. 2023, with the drafts of one drafter step per id (drafter.c). The check draws from every row as decoding would, with
 * the same random number for the same place in the text, and goes on as long as the draw is the draft. That is rejection
 * sampling for a draft that is one id: d is kept with probability p(d), and what replaces it has the distribution p without d.
 * It gives more than an unchanged distribution: with one seed, the text is the same with and without a drafter.
 *
 * A round takes as many drafts as pay (speculate.h): how often drafts were right lately, what a draft and a row of the check cost lately.
 * The rule looks at the clock, so the number of drafts may differ between runs; the text cannot. Every PLAIN-th round has no draft, which
 * keeps the yardstick fresh; where drafting does not pay, every RETRY-th round tries again. */
#include "runtime/model/speculate.h"

#include <string.h>
#include "runtime/base/util.h"
#include "runtime/model/drafter.h"

enum { PLAIN = 64, RETRY = 16, RETRY_LENGTH = 2, FIRST_LENGTH = 3, MEMORY = 32 };

struct carat_draft {
    carat_session *s;
    carat_drafter *drafter;
    size_t length;    /* 0: as many as pay */
    double right;     /* how often a draft is right, lately */
    double row, step; /* seconds of one more row in a check, of a draft; 0: not known yet */
    double plain;     /* seconds of a step without drafts; 0: not known yet */
    uint64_t since;   /* rounds since drafting last seemed to pay */
    carat_draft_stats stats;
    carat_choice *choices; /* [vocab] */
    float *logits;         /* [vocab]: of a draft, where all ids are asked for */
    float *hidden; /* [sequences][hidden]: behind the final norm, at the last position of the timeline */
    size_t *known; /* [sequences]: positions of the timeline that `hidden` belongs to; 0: none */
};

size_t carat_draft_length(const carat_draft_odds *o, size_t most)
{
    double ids = 1, likely = 1, best = 1;
    size_t length = 0;
    for (size_t k = 1; k <= most; k++) {
        likely *= o->right;
        ids += likely;
        double rate = ids / (1 + (double)k * (o->step + o->row));
        if (rate > best) {
            best = rate;
            length = k;
        }
    }
    return length;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

carat_status carat_draft_open(carat_session *s, const carat_model *assistant, uint32_t length,
                              carat_draft **out, carat_err *err)
{
    if (length > CARAT_DRAFT_MOST)
        return carat_fail(err, CARAT_EUSAGE, "%" PRIu32 " drafts at a time: at most %d", length,
                          CARAT_DRAFT_MOST);
    carat_draft *d = carat_alloc(1, sizeof *d, err);
    if (!d)
        return CARAT_ENOMEM;
    *d = (carat_draft){.s = s, .length = length, .right = 0.7};
    const carat_config *c = &s->m->config;
    carat_status st = carat_drafter_open(assistant, s, &d->drafter, err);
    if (!st && (!(d->choices = carat_alloc(c->vocab, sizeof *d->choices, err)) ||
                !(d->logits = carat_alloc(c->vocab, sizeof *d->logits, err)) ||
                !(d->hidden = carat_alloc((size_t)s->sequences * c->hidden, sizeof *d->hidden, err)) ||
                !(d->known = carat_alloc(s->sequences, sizeof *d->known, err))))
        st = CARAT_ENOMEM;
    if (st)
        carat_draft_close(d);
    else
        *out = d;
    return st;
}

void carat_draft_close(carat_draft *d)
{
    if (!d)
        return;
    carat_drafter_close(d->drafter);
    carat_free(d->choices);
    carat_free(d->logits);
    carat_free(d->hidden);
    carat_free(d->known);
    carat_free(d);
}

carat_draft_stats carat_draft_report(const carat_draft *d)
{
    return d->stats;
}

/* ---- how many ------------------------------------------------------------------------------------------------ */

/* Follows a time: quickly down, for it can only take longer than it must; slowly up, and a moment's trouble counts twice at most. */
static void follow(double *mean, double x)
{
    if (!(*mean > 0))
        *mean = x;
    else if (x < *mean)
        *mean += 0.5 * (x - *mean);
    else
        *mean += 0.0625 * ((x < 2 * *mean ? x : 2 * *mean) - *mean);
}

static size_t length_of(carat_draft *d, const carat_draft_request *r)
{
    size_t n = carat_session_length(d->s, r->sequence), most = CARAT_DRAFT_MOST;
    if (d->known[r->sequence] != n) /* behind a sync: nothing to draft from yet */
        return 0;
    if (most > r->room - 1)
        most = r->room - 1;
    if (most > d->s->context - n - 1)
        most = d->s->context - n - 1;
    uint64_t round = d->stats.rounds + d->stats.plain;
    if (round % PLAIN == PLAIN - 1)
        return 0;
    if (d->length)
        return d->length < most ? d->length : most;
    carat_draft_odds odds = {d->right, d->step / d->plain, d->row / d->plain};
    size_t k = d->stats.rounds ? carat_draft_length(&odds, most) : FIRST_LENGTH;
    d->since = k ? 0 : d->since + 1;
    if (!k && d->since % RETRY == 0)
        k = RETRY_LENGTH;
    return k < most ? k : most;
}

/* Times of a round of k drafts, of which `right` were right. */
static void learn(carat_draft *d, size_t k, size_t right, double drafting, double checking)
{
    d->stats.seconds += drafting + checking;
    if (!k) {
        d->stats.plain++;
        follow(&d->plain, checking);
        d->stats.plain_step = d->plain;
        return;
    }
    d->stats.rounds++;
    d->stats.drafted += k;
    d->stats.accepted += right;
    for (size_t i = 0; i <= right && i < k; i++)
        d->right += ((i < right) - d->right) / MEMORY;
    double more = (checking - d->plain) / (double)k;
    follow(&d->step, drafting / (double)k);
    follow(&d->row, more > 0 ? more : 0);
}

/* ---- a round ------------------------------------------------------------------------------------------------- */

static bool is_stop(const carat_model_info *info, int32_t id)
{
    for (size_t i = 0; i < info->n_eos; i++)
        if (info->eos[i] == id)
            return true;
    return false;
}

static bool greedy(const carat_sampler *p)
{
    return !(p->temperature > 0) && !p->n_suppress && !p->presence_penalty && !p->frequency_penalty &&
           (!p->repetition_penalty || p->repetition_penalty == 1);
}

/* The id that the drafter would write: drawn as the model's own will be. */
static int32_t choose(carat_draft *d, const carat_draft_request *r, size_t at)
{
    const carat_drafter *a = d->drafter;
    const float *logits = carat_drafter_logits(a);
    if (!greedy(r->sampler)) {
        carat_history h = {r->ids, r->n_prompt, r->n + at};
        carat_drafter_row(a, d->logits);
        return carat_sample(r->sampler, &h, d->logits, d->s->m->config.vocab, r->step + at, d->choices);
    }
    size_t best = 0;
    for (size_t i = 1; i < a->candidates; i++)
        if (logits[i] > logits[best])
            best = i;
    return a->ids ? a->ids[best] : (int32_t)best;
}

/* Drafts up to *k ids behind the pending one into chain[1 ..]; none behind a stop id. */
static carat_status propose(carat_draft *d, const carat_draft_request *r, int32_t *chain, size_t *k,
                            carat_err *err)
{
    size_t n = 0;
    if (*k)
        carat_drafter_begin(d->drafter, r->sequence,
                            d->hidden + (size_t)r->sequence * d->s->m->config.hidden);
    while (n < *k && !(n && is_stop(&d->s->m->info, chain[n]))) {
        carat_status st = carat_drafter_step(d->drafter, chain[n], err);
        if (st)
            return st;
        int32_t id = choose(d, r, n);
        if (id < 0)
            break;
        r->ids[r->n + n] = chain[n + 1] = id; /* where a penalty on the next draft finds it */
        n++;
    }
    *k = n;
    return CARAT_OK;
}

/* Draws behind the pending id and behind every draft that was right -> how many ids that is. */
static carat_status check(carat_draft *d, const carat_draft_request *r, const int32_t *chain, size_t k,
                          size_t *count, carat_err *err)
{
    size_t n = 0;
    carat_step step = {r->sequence, chain, k + 1};
    carat_status st = carat_session_step(d->s, &step, 1, err);
    if (st)
        return st;
    do {
        carat_history h = {r->ids, r->n_prompt, r->n + n};
        int32_t id = carat_sample(r->sampler, &h, carat_session_row(d->s, n), d->s->m->config.vocab,
                                  r->step + n, d->choices);
        if (id < 0)
            return carat_fail(err, CARAT_EUSAGE, "every token is suppressed: nothing can be drawn");
        r->ids[r->n + n++] = id;
    } while (n <= k && r->ids[r->n + n - 1] == chain[n]);
    size_t length = r->n - 1 + n, hidden = d->s->m->config.hidden;
    memcpy(d->hidden + (size_t)r->sequence * hidden, carat_session_hidden(d->s, n - 1),
           hidden * sizeof *d->hidden);
    d->known[r->sequence] = length;
    *count = n;
    return carat_session_trim(d->s, r->sequence, length, err);
}

carat_status carat_draft_round(carat_draft *d, const carat_draft_request *r, size_t *count, carat_err *err)
{
    int32_t chain[CARAT_DRAFT_MOST + 1] = {r->n ? r->ids[r->n - 1] : 0};
    size_t length = carat_session_length(d->s, r->sequence), n = 0;
    if (r->n != length + 1 || !r->room || !length)
        return carat_fail(
            err, CARAT_EUSAGE,
            "a timeline of %zu positions and %zu ids with room for %zu: a round begins with one "
            "id more than positions, and room",
            length, r->n, r->room);
    size_t k = length_of(d, r);
    double start = carat_now();
    carat_status st = propose(d, r, chain, &k, err);
    double drafted = carat_now();
    if (!st)
        st = check(d, r, chain, k, &n, err);
    if (st)
        return st;
    learn(d, k, n - 1, drafted - start, carat_now() - drafted);
    d->stats.ids += n;
    *count = n;
    return CARAT_OK;
}
