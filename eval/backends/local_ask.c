/* Answering questions side by side: continuous batching over shared prefixes (local.h).    SPDX-License-Identifier: Apache-2.0
 *
 * Replies are written in the slots of one session: each step appends a token to all of them in one pass over the weights (as Orca does,
 * Yu et al. 2022), and a slot whose reply ends takes the next question at once. A prompt computes only what no timeline holds: a prefix that
 * several prompts begin with is computed once, kept in a timeline of its own and copied (local_lines.c). Prompts are computed between the
 * steps, so many tokens at a time that passes are full, and no more, so that no reply waits for long. None of it changes a bit of a reply. */
#include <stdlib.h>
#include <string.h>

#include "eval/backends/local.h"
#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"

enum {
    USUAL_SLOTS = CARAT_STEP_ROWS,
    MOST_PINS = 16,
    QUEUE = 16,   /* questions looked at ahead of their turn, to see what they share */
    PIECE = 512,  /* prompt tokens computed between two steps, or a few more */
    CROWD = 8,    /* a free slot waits until one in so many is free, so that prompts are computed together, */
    PATIENCE = 8, /* but for no more than so many steps */
    WORTH = 64,   /* a shared prefix gets a line of its own where it saves so many tokens to each */
    LEAST_CONTEXT = 2048
};

/* A question from its taking to its answer. */
typedef struct job {
    size_t ticket;
    carat_question q;
    carat_local_prompt prompt;
    size_t room; /* positions that prompt and reply may need */
    uint32_t slot, pin;
    bool pinning;  /* its prefix is being computed in line `pin` */
    size_t cached; /* tokens of the prompt that were there */
    double taken, began;
    double *token_s; /* [n_tokens] */
    size_t n_tokens, cap_tokens;
    carat_generation *g;
} job;

/* All questions of one call. */
typedef struct desk {
    carat_local *l;
    const carat_asking *a;
    uint32_t parallel;
    carat_lines *lines; /* the session's */
    job *queue[QUEUE];  /* in their order */
    size_t queued;
    bool exhausted;
    job *running[CARAT_STEP_ROWS]; /* by slot */
    size_t n_running;
    /* the one of them of whose prompt a long piece, or its prefix, is being computed; NULL: none */
    job *prefill;
    job *ready[CARAT_STEP_ROWS]; /* those whose rest of a prompt is for the next pass */
    size_t n_ready, ready_tokens;
    size_t waited; /* steps since a slot was free for a question */
} desk;

static void free_job(job *j)
{
    if (!j)
        return;
    carat_generation_close(j->g);
    carat_local_prompt_free(&j->prompt);
    free(j->token_s);
    carat_free(j);
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

static void leave_slot(desk *d, job *j)
{
    if (d->prefill == j)
        d->prefill = NULL;
    if (j->slot < d->lines->slots && d->running[j->slot] == j) {
        d->running[j->slot] = NULL;
        d->lines->line[j->slot].busy = false;
        d->n_running--;
    }
}

static carat_status deliver(void *ctx, const carat_answer *a, carat_err *err)
{
    const void *const *both = ctx;
    const desk *d = both[0];
    const job *j = both[1];
    return d->a->done(d->a->ctx, j->ticket, a, err);
}

/* The reply is written: hands it over and frees the job. */
static carat_status finish(desk *d, job *j, carat_err *err)
{
    double now = carat_now();
    carat_answer out = {.prompt_sha256 = j->prompt.sha256,
                        .cached_tokens = j->cached,
                        .wait_s = j->began - j->taken,
                        .first_s = j->n_tokens ? j->token_s[0] : 0,
                        .total_s = now - j->began,
                        .token_s = j->token_s,
                        .n_token_s = j->n_tokens,
                        .tries = 1};
    const void *const both[] = {d, j};
    leave_slot(d, j);
    carat_status st = carat_local_answer(d->l, carat_generation_result(j->g), &out, deliver,
                                         (void *)(uintptr_t)both, err);
    free_job(j);
    return st;
}

/* What one question alone cannot be served with is its fault; what no question can be served with ends the asking. Frees the job. */
static carat_status fail(desk *d, job *j, const carat_err *why, carat_err *err)
{
    carat_status st = why->status;
    carat_answer out = {.finish = "error", .fault = why->text, .tries = 1};
    if (j->slot < d->lines->slots)
        d->lines->line[j->slot].held = 0;
    if (*j->prompt.sha256)
        out.prompt_sha256 = j->prompt.sha256;
    out.prompt_tokens = j->prompt.n;
    leave_slot(d, j);
    if (st == CARAT_EUSAGE || st == CARAT_EFORMAT || st == CARAT_ESUPPORT)
        st = d->a->done(d->a->ctx, j->ticket, &out, err);
    else if (err)
        *err = *why;
    free_job(j);
    return st;
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

/* Positions of prompt and reply, or a refusal. */
static carat_status measure(const desk *d, job *j, carat_err *why)
{
    size_t most = carat_model_describe(d->l->model)->context_max, n = j->prompt.n;
    if (n >= most)
        return carat_fail(why, CARAT_EUSAGE,
                          "a prompt of %zu tokens leaves no room in the model's context of %zu", n, most);
    j->room = j->q.max_new && j->q.max_new < most - n ? n + j->q.max_new : most;
    return CARAT_OK;
}

static carat_status take(desk *d, job *j, carat_err *err)
{
    carat_err why = {0};
    j->taken = carat_now();
    j->slot = UINT32_MAX;
    carat_status st = carat_local_prompt_make(d->l, &j->q, &j->prompt, &why);
    if (st == CARAT_ESUPPORT && !d->l->edition && j->q.messages) { /* nor can any other be framed */
        if (err)
            *err = why;
        free_job(j);
        return st;
    }
    if (!st)
        st = measure(d, j, &why);
    if (st)
        return fail(d, j, &why, err);
    d->queue[d->queued++] = j;
    return CARAT_OK;
}

static carat_status fill_queue(desk *d, carat_err *err)
{
    carat_status st = CARAT_OK;
    while (!st && !d->exhausted && d->queued < QUEUE) {
        job *j = carat_alloc(1, sizeof *j, err);
        if (!j)
            return CARAT_ENOMEM;
        if (d->a->next(d->a->ctx, &j->ticket, &j->q)) {
            st = take(d, j, err);
        } else {
            d->exhausted = true;
            free_job(j);
        }
    }
    return st;
}

/* ---- the session --------------------------------------------------------------------------------------------- */

/* Bytes of a session for so many timelines; UINT64_MAX: impossible. */
static uint64_t price(const carat_local *l, carat_session_options o, uint32_t sequences)
{
    carat_plan plan;
    o.sequences = sequences;
    return carat_session_price(l->model, &o, &plan, NULL) ? UINT64_MAX : plan.kv + plan.scratch;
}

/* As many slots as were asked for, if they fit, and pins from what is left: at most half of the memory for what only saves time. */
static void share_memory(const desk *d, const carat_session_options *o, uint32_t *slots, uint32_t *pins)
{
    uint64_t have = carat_memory_available();
    while (*slots > 1 && price(d->l, *o, *slots) > (d->parallel ? have : have / 2))
        --*slots;
    *pins = d->l->reuse ? MOST_PINS : 0;
    while (*pins && price(d->l, *o, *slots + *pins) > have / 2)
        *pins /= 2;
}

/* A session with room for a sequence of so many positions. The old one goes first: its memory may be what the new one takes. */
static carat_status furnish(desk *d, size_t room, carat_err *err)
{
    carat_local *l = d->l;
    carat_session_options o = l->options;
    size_t most = carat_model_describe(l->model)->context_max, context = LEAST_CONTEXT;
    uint32_t slots = d->parallel ? d->parallel : USUAL_SLOTS, wanted = slots, pins;
    while (context < room || context < o.context)
        context *= 2;
    o.context = (uint32_t)(context < most ? context : most);
    carat_lines_close(d->lines);
    carat_session_close(l->session);
    l->session = NULL;
    share_memory(d, &o, &slots, &pins);
    o.sequences = slots + pins;
    carat_status st = carat_session_open(l->model, &o, &l->session, err);
    if (st)
        return st;
    l->options = o;
    l->parallel = d->parallel;
    char bytes[16];
    carat_format_bytes(price(l, o, o.sequences), bytes);
    if (slots < wanted && d->parallel)
        carat_note(&l->talk,
                   "--parallel %" PRIu32 " does not fit into the memory that is free: %" PRIu32
                   " replies of %" PRIu32 " positions at a time",
                   wanted, slots, o.context);
    carat_debug(&l->talk,
                "%" PRIu32 " replies at a time, %" PRIu32 " kept prefixes, %" PRIu32 " positions each: %s",
                slots, pins, o.context, bytes);
    return carat_lines_open(l->session, slots, pins, o.context, d->lines, err);
}

/* ---- prompts ------------------------------------------------------------------------------------------------- */

static size_t common(const job *a, const job *b)
{
    size_t i = 0, n = a->prompt.n < b->prompt.n ? a->prompt.n : b->prompt.n;
    while (i < n && a->prompt.ids[i] == b->prompt.ids[i])
        i++;
    return i;
}

/* How many of its first ids a prompt shares with others that wait, run or ran lately; the last id is always computed. */
static size_t shared(const desk *d, const job *j)
{
    size_t last = j->prompt.n - 1,
           most = carat_lines_common(d->lines, 0, d->lines->slots, j->prompt.ids, last, false);
    for (size_t i = 0; i < d->queued; i++) {
        size_t n = common(j, d->queue[i]);
        n = n < last ? n : last;
        most = n > most ? n : most;
    }
    return most;
}

/* The question that is next gets a slot; a prefix worth it gets a line of its own first. */
static carat_status seat(desk *d, carat_err *err)
{
    job *j = d->queue[0];
    carat_lines *l = d->lines;
    const int32_t *ids = j->prompt.ids;
    memmove(d->queue, d->queue + 1, --d->queued * sizeof *d->queue);
    j->began = carat_now();
    j->slot = carat_lines_slot(l, ids, j->prompt.n - 1);
    d->running[j->slot] = d->prefill = j;
    d->n_running++;
    l->line[j->slot].busy = true;
    size_t most = d->l->reuse ? j->prompt.n - 1 : 0, end = l->slots + l->pins;
    size_t pinned = carat_lines_common(l, l->slots, (uint32_t)end, ids, most, true);
    size_t worth = d->l->reuse && l->pins ? shared(d, j) : 0;
    if (worth >= WORTH && worth >= pinned + WORTH) {
        j->pin = carat_lines_oldest_pin(l);
        j->pinning = true;
        carat_status st = carat_lines_assign(l, j->pin, ids, worth, worth, err);
        j->cached = l->line[j->pin].held;
        return st;
    }
    carat_status st = carat_lines_assign(l, j->slot, ids, j->prompt.n, most, err);
    j->cached = l->line[j->slot].held;
    return st;
}

/* Ctrl-C is heard between passes; the asking ends then. */
static bool go_on(void *ctx, size_t done, size_t total)
{
    (void)ctx, (void)done, (void)total;
    return !carat_interrupted();
}

static carat_status open_reply(const desk *d, job *j, carat_err *err)
{
    carat_generate_options o = {.tokenizer = d->l->tokenizer,
                                .sampler = j->q.sampler,
                                .max_new = j->q.max_new,
                                .sequence = j->slot,
                                .raw = j->q.prompt != NULL,
                                .stop = j->q.stop,
                                .n_stop = j->q.n_stop,
                                .go_on = go_on};
    return carat_generation_open(d->l->session, &o, j->prompt.ids, j->prompt.n, &j->g, err);
}

/* The times at which tokens were there. */
static carat_status note_times(job *j, carat_err *err)
{
    size_t n = carat_generation_result(j->g)->n;
    carat_status st = carat_grow((void **)&j->token_s, &j->cap_tokens, n, sizeof *j->token_s, err);
    double now = carat_now() - j->began;
    while (!st && j->n_tokens < n)
        j->token_s[j->n_tokens++] = now;
    return st;
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

/* A step of them all did not work out: each alone, so that only those fail that must. */
static carat_status step_alone(desk *d, job *const *list, size_t n, carat_err *err)
{
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        carat_err why = {0};
        size_t unfinished;
        if (carat_generation_step(&list[i]->g, 1, &unfinished, &why))
            st = fail(d, list[i], &why, err);
    }
    return st;
}

/* The prompts of replies that have not begun, or a token more for each of those that have. */
static carat_status step(desk *d, job *const *list, size_t n, carat_err *err)
{
    carat_generation *g[CARAT_STEP_ROWS];
    carat_status st = CARAT_OK;
    size_t unfinished;
    for (size_t i = 0; i < n; i++)
        g[i] = list[i]->g;
    if (!n)
        return CARAT_OK;
    if (carat_generation_step(g, n, &unfinished, NULL))
        return step_alone(d, list, n, err);
    for (size_t i = 0; i < n && !st; i++) {
        carat_finish how = carat_generation_result(g[i])->finish;
        if (!(st = note_times(list[i], err)) && how && how != CARAT_FINISH_CANCELLED)
            st = finish(d, list[i], err);
    }
    return st;
}

static carat_status decode(desk *d, carat_err *err)
{
    job *list[CARAT_STEP_ROWS];
    size_t n = 0;
    for (uint32_t i = 0; i < d->lines->slots; i++)
        if (d->running[i] && d->running[i]->g)
            list[n++] = d->running[i];
    d->waited += d->queued && d->n_running < d->lines->slots;
    return step(d, list, n, err);
}

/* ---- admission ----------------------------------------------------------------------------------------------- */

/* The prompts of those that are ready, in passes that they share, and their first tokens. */
static carat_status begin(desk *d, carat_err *err)
{
    job *list[CARAT_STEP_ROWS];
    size_t n = 0;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < d->n_ready && !st; i++) {
        carat_err why = {0};
        job *j = d->ready[i];
        if (open_reply(d, j, &why))
            st = fail(d, j, &why, err);
        else
            list[n++] = j;
    }
    d->n_ready = d->ready_tokens = 0;
    for (size_t i = 0; i < n && !st; i++)
        d->lines->line[list[i]->slot].held = d->lines->line[list[i]->slot].n;
    return st ? st : step(d, list, n, err);
}

/* The next piece of the prefix or prompt under way -> its tokens; the last piece of a prompt is left for `begin`. */
static carat_status piece(desk *d, size_t *tokens, carat_err *err)
{
    job *j = d->prefill;
    carat_lines *l = d->lines;
    carat_line *line = &l->line[j->pinning ? j->pin : j->slot];
    size_t rest = line->n - line->held;
    carat_status st;
    if (j->pinning || rest > PIECE) {
        *tokens = rest < PIECE ? rest : PIECE;
        if ((st = carat_lines_compute(l, j->pinning ? j->pin : j->slot, PIECE, err)) || !j->pinning ||
            line->held < line->n)
            return st;
        j->pinning = false;
        return carat_lines_assign(l, j->slot, j->prompt.ids, j->prompt.n, j->prompt.n - 1, err);
    }
    d->ready[d->n_ready++] = j;
    d->ready_tokens += rest;
    d->prefill = NULL;
    return CARAT_OK;
}

/* Would the first question of the queue have more to copy if those that are ready were computed? */
static bool hurries(const desk *d)
{
    const carat_lines *l = d->lines;
    const job *j = d->queue[0];
    size_t most = 0,
           held = carat_lines_common(l, 0, l->slots + l->pins, j->prompt.ids, j->prompt.n - 1, true);
    for (size_t i = 0; i < d->n_ready; i++) {
        size_t n = common(j, d->ready[i]);
        most = n > most ? n : most;
    }
    return d->l->reuse && most >= held + WORTH;
}

/* May more of prompts be computed, after `spent` tokens of them since the last step? A step of a few replies costs nearly what one of
 * many does: while most slots are empty they are filled first, within bounds. */
static bool has_time(const desk *d, size_t spent)
{
    bool filling = 2 * d->n_running <= d->lines->slots;
    return !d->n_running || spent < (size_t)PIECE * (filling ? d->lines->slots : 1);
}

/* Are there slots enough for questions that wait? Few rows cost nearly what many do, so one question waits for others. */
static bool due(const desk *d)
{
    size_t empty = d->lines->slots - d->n_running;
    return d->prefill || !d->n_running || empty * CROWD >= d->lines->slots || d->waited >= PATIENCE ||
           (d->exhausted && empty >= d->queued);
}

/* The first question of the queue can never have the room it needs: that is its fault, a shorter one may still fit. */
static carat_status turn_away(desk *d, carat_err *why, carat_err *err)
{
    job *j = d->queue[0];
    memmove(d->queue, d->queue + 1, --d->queued * sizeof *d->queue);
    if (why->status == CARAT_ENOMEM)
        why->status = CARAT_EUSAGE;
    return fail(d, j, why, err);
}

/* Is there a question and a slot for it? A session with more room would lose the timelines of the others. */
static bool has_next(const desk *d)
{
    size_t room = d->l->session && d->lines->line ? d->l->options.context : 0;
    return d->queued && (!d->n_running || (d->n_running < d->lines->slots && d->queue[0]->room <= room));
}

static carat_status receive(desk *d, carat_err *err)
{
    carat_err why = {0};
    size_t room = d->l->session && d->lines->line ? d->l->options.context : 0;
    if (d->queue[0]->room > room && furnish(d, d->queue[0]->room, &why))
        return turn_away(d, &why, err);
    carat_status st = hurries(d) ? begin(d, err) : CARAT_OK;
    if (!st && seat(d, &why))
        st = fail(d, d->prefill, &why, err);
    return st;
}

/* Prompts, until slots or questions are used up, or replies have waited for long enough. */
static carat_status admit(desk *d, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (!due(d))
        return CARAT_OK;
    d->waited = 0;
    for (size_t spent = 0, tokens = 0; !st && !carat_interrupted(); spent += tokens, tokens = 0) {
        carat_err why = {0};
        if (!has_time(d, spent + d->ready_tokens) || (st = fill_queue(d, err)))
            break;
        if (!d->prefill && !has_next(d))
            break;
        if (!d->prefill)
            st = receive(d, err);
        else if (piece(d, &tokens, &why))
            st = fail(d, d->prefill, &why, err);
    }
    return st || carat_interrupted() ? st : begin(d, err);
}

carat_status carat_local_ask(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err)
{
    carat_local *l = self;
    desk d = {.l = l, .lines = &l->lines, .a = questions, .parallel = parallel};
    carat_status st = CARAT_OK;
    if (parallel > CARAT_STEP_ROWS) {
        d.parallel = CARAT_STEP_ROWS;
        carat_note(&d.l->talk, "--parallel %" PRIu32 ": %d replies at a time is what a step takes", parallel,
                   CARAT_STEP_ROWS);
    }
    if (l->parallel != d.parallel)
        carat_lines_close(&l->lines);
    while (!st && !(st = fill_queue(&d, err)) && (d.queued || d.n_running)) {
        if (carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted");
        if (!st)
            st = admit(&d, err);
        if (!st)
            st = decode(&d, err);
    }
    for (size_t i = 0; i < d.queued; i++)
        free_job(d.queue[i]);
    for (uint32_t i = 0; i < l->lines.slots; i++) {
        l->lines.line[i].busy = false;
        free_job(d.running[i]);
    }
    return st;
}
