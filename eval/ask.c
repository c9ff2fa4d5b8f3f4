/* Asking: the items of a suite through a backend into a run (ask.h).               SPDX-License-Identifier: Apache-2.0 */
#include "eval/ask.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/mark.h"
#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"
#include "runtime/base/par.h"

enum {
    MAX_GRADERS = 64,
    /* bytes of prompts in the records of a suite, and of one: a run of 12,032 questions stays of a size that one can read */
    ASKED_ALL = 24 << 20,
    ASKED_LEAST = 2000,
    ASKED_MOST = 16000
};

/* An answer that waits for a grader. */
typedef struct waiting {
    struct waiting *next;
    size_t item;
    carat_answer answer;
    carat_arena text;
} waiting;

/* One round of asking. What stands below the lock is shared with the graders. */
typedef struct asking {
    const carat_asked *a;
    size_t at; /* the item to look at next */
    pthread_t grader[MAX_GRADERS];
    size_t n_graders;

    pthread_mutex_t lock;
    pthread_cond_t more;
    waiting *head, **tail;
    bool closed; /* nothing more will come */
    carat_status st;
    carat_err err; /* the first failure */
    size_t count[CARAT_NOT_MEASURED + 1];
    double sum; /* of the scores */
    carat_progress bar;
    char score[96];
} asking;

/* ---- marking ------------------------------------------------------------------------------------------------- */

/* The score so far and its interval, as if items were alone: for the eye only. */
static void show(asking *r)
{
    size_t n = r->count[CARAT_RIGHT] + r->count[CARAT_WRONG] + r->count[CARAT_UNPARSED],
           lost = r->count[CARAT_NOT_MEASURED];
    if (n) {
        carat_interval between = carat_wilson(r->sum, (double)n, 0.95);
        int len = snprintf(r->score, sizeof r->score, "%s %.3f [%.3f, %.3f]", r->a->suite->metric,
                           r->sum / (double)n, between.low, between.high);
        if (lost)
            snprintf(r->score + len, sizeof r->score - (size_t)len, ", %zu not measured", lost);
    }
    r->bar.note = n ? r->score : NULL;
    carat_progress_at(&r->bar, n + lost);
}

static void count(asking *r, const carat_mark *m)
{
    r->count[m->outcome]++;
    if (m->outcome != CARAT_NOT_MEASURED)
        r->sum += m->score;
}

/* Marks an answer and keeps its record; callable from any thread without the lock. */
static carat_status mark(asking *r, size_t i, const carat_answer *answer, carat_err *err)
{
    const carat_suite *s = r->a->suite;
    carat_str line = CARAT_STR_INIT;
    carat_mark m;
    carat_status st = carat_mark_answer(s, r->a->state, i, answer, &line, &m, err);
    if (!st) {
        pthread_mutex_lock(&r->lock);
        if (!(st = carat_run_keep(r->a->run, &line, err))) {
            count(r, &m);
            show(r);
        }
        pthread_mutex_unlock(&r->lock);
    }
    if (s->release)
        s->release(r->a->state, i);
    carat_str_free(&line);
    return st;
}

static void failed(asking *r, carat_status st, const carat_err *why)
{
    pthread_mutex_lock(&r->lock);
    if (!r->st) {
        r->st = st;
        r->err = *why;
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- graders ------------------------------------------------------------------------------------------------- */

static void drop(waiting *w)
{
    if (w)
        carat_arena_free(&w->text);
    free(w);
}

static void *grade_all(void *ctx)
{
    asking *r = ctx;
    for (;;) {
        pthread_mutex_lock(&r->lock);
        while (!r->head && !r->closed)
            pthread_cond_wait(&r->more, &r->lock);
        waiting *w = r->head;
        if (w && !(r->head = w->next))
            r->tail = &r->head;
        bool over = r->st != CARAT_OK;
        pthread_mutex_unlock(&r->lock);
        if (!w)
            return NULL;
        carat_err why = {0};
        carat_status st = over || carat_interrupted() ? CARAT_OK : mark(r, w->item, &w->answer, &why);
        drop(w);
        if (st)
            failed(r, st, &why);
    }
}

static const char *copied(carat_arena *a, const char *text, carat_status *st, carat_err *err)
{
    char *copy = text && !*st ? carat_arena_copy(a, text, strlen(text), err) : NULL;
    if (text && !copy)
        *st = CARAT_ENOMEM;
    return copy;
}

static carat_status wait_for_grader(asking *r, size_t i, const carat_answer *a, carat_err *err)
{
    waiting *w = calloc(1, sizeof *w);
    if (!w)
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a reply");
    carat_status st = CARAT_OK;
    w->item = i;
    w->answer = *a;
    w->answer.raw = copied(&w->text, a->raw, &st, err);
    w->answer.thought = copied(&w->text, a->thought, &st, err);
    w->answer.content = copied(&w->text, a->content, &st, err);
    w->answer.finish = copied(&w->text, a->finish, &st, err);
    w->answer.fault = copied(&w->text, a->fault, &st, err);
    w->answer.asked = copied(&w->text, a->asked, &st, err);
    w->answer.prompt_sha256 = copied(&w->text, a->prompt_sha256, &st, err);
    if (st) {
        drop(w);
        return st;
    }
    pthread_mutex_lock(&r->lock);
    *r->tail = w;
    r->tail = &w->next;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    return CARAT_OK;
}

static carat_status open_graders(asking *r, carat_err *err)
{
    size_t want = r->a->graders ? r->a->graders : (size_t)carat_cores();
    if (!r->a->suite->slow)
        return CARAT_OK;
    for (want = want < MAX_GRADERS ? want : MAX_GRADERS; r->n_graders < want; r->n_graders++)
        if (pthread_create(&r->grader[r->n_graders], NULL, grade_all, r) != 0)
            return r->n_graders ? CARAT_OK : carat_fail(err, CARAT_ENOMEM, "no thread to grade with");
    return CARAT_OK;
}

/* All that waits is graded first, unless the run ends. */
static void close_graders(asking *r)
{
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->n_graders; i++)
        pthread_join(r->grader[i], NULL);
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

carat_status carat_ask_question(const carat_suite *s, void *state, const carat_eval *e, size_t i,
                                carat_question *out, carat_err *err)
{
    carat_question q = {.thinking = e->thinking, .max_new = e->max_new, .sampler = {.top_p = 1}};
    carat_status st = s->question(state, i, &q, err);
    if (st)
        return st;
    q.thinking = e->thinking;
    if (e->max_new)
        q.max_new = e->max_new;
    if (e->temperature >= 0)
        q.sampler.temperature = e->temperature;
    q.sampler.seed = carat_random(e->seed, i) >> 32; /* 32 bits: what any server takes */
    *out = q;
    return CARAT_OK;
}

/* The answer of an item that could not even be asked. */
static carat_status unasked(asking *r, size_t i, const carat_err *why, carat_err *err)
{
    carat_answer a = {.finish = "error", .fault = why->text};
    return mark(r, i, &a, err);
}

static bool next(void *ctx, size_t *ticket, carat_question *out)
{
    asking *r = ctx;
    const carat_asked *a = r->a;
    for (carat_status st = CARAT_OK; !st && r->at < a->items && !carat_interrupted(); r->at++) {
        carat_err why = {0};
        size_t i = r->at;
        carat_mark m;
        pthread_mutex_lock(&r->lock);
        st = r->st;
        pthread_mutex_unlock(&r->lock);
        if (st || !carat_shard_has(a->shard, i))
            continue;
        if (a->results[i] && !carat_mark_read(a->results[i], &m, NULL) && !m.fault)
            continue;
        if (a->results[i] && (a->again || carat_mark_waits(a->results[i])))
            continue; /* its reply was marked anew */
        if (!(st = carat_ask_question(a->suite, a->state, a->eval, i, out, &why))) {
            *ticket = i;
            r->at++;
            return true;
        }
        carat_err worse = {0};
        if (st != CARAT_ENOMEM && st != CARAT_EIO && st != CARAT_EINTR)
            st = unasked(r, i, &why, &worse);
        else
            worse = why;
        if (st)
            failed(r, st, &worse);
    }
    return false;
}

static carat_status keep(asking *r, size_t i, const carat_answer *answer, carat_err *err)
{
    if (!r->n_graders || answer->fault || !answer->content)
        return mark(r, i, answer, err);
    carat_str line = CARAT_STR_INIT;
    carat_status st = carat_mark_later(r->a->suite, r->a->state, i, answer, &line, err);
    if (!st) {
        pthread_mutex_lock(&r->lock);
        st = carat_run_keep(r->a->run, &line, err);
        pthread_mutex_unlock(&r->lock);
    }
    carat_str_free(&line);
    return st ? st : wait_for_grader(r, i, answer, err);
}

/* The end of the last thing said, at most `room` bytes, where the question itself stands: before it come examples. *cut: bytes that
 * stand before, in other messages too. */
static void tell(const carat_question *q, size_t room, carat_str *out, uint64_t *cut)
{
    carat_json *messages = NULL;
    const char *text = q->prompt, *said;
    *cut = 0;
    if (!text && !carat_json_parse(q->messages, strlen(q->messages), &messages, NULL))
        for (const carat_json *m = carat_json_first(messages); m; m = carat_json_next(m))
            if (!carat_json_text(carat_json_get(m, "content"), "content", &said, NULL)) {
                *cut += text ? strlen(text) : 0;
                text = said;
            }
    size_t len = text ? strlen(text) : 0, from = len > room ? len - room : 0;
    while (from < len && ((unsigned char)text[from] & 0xC0) == 0x80)
        from++;
    *cut += from;
    if (text)
        carat_str_puts(out, text + from);
    carat_json_free(messages);
}

static size_t asked_room(size_t items)
{
    size_t room = items ? ASKED_ALL / items : ASKED_MOST;
    return room < ASKED_LEAST ? ASKED_LEAST : room > ASKED_MOST ? ASKED_MOST : room;
}

static carat_status done(void *ctx, size_t i, const carat_answer *told, carat_err *err)
{
    asking *r = ctx;
    carat_question q;
    carat_str asked = CARAT_STR_INIT;
    carat_answer answer = *told;
    if (!carat_ask_question(r->a->suite, r->a->state, r->a->eval, i, &q, NULL))
        tell(&q, asked_room(r->a->items), &asked, &answer.asked_cut);
    answer.asked = asked.len ? asked.data : NULL;
    carat_status st = keep(r, i, &answer, err);
    carat_str_free(&asked);
    return st;
}

/* Replies that are there but not marked: of a killed run, or all of them. */
static carat_status mark_kept(asking *r, carat_err *err)
{
    const carat_asked *a = r->a;
    carat_status st = CARAT_OK;
    carat_answer answer;
    for (size_t i = 0; i < a->items && !st && !carat_interrupted(); i++) {
        carat_mark m;
        if (!carat_shard_has(a->shard, i) || !a->results[i])
            continue;
        if ((a->again || carat_mark_waits(a->results[i])) && carat_mark_reply(a->results[i], &answer))
            st = r->n_graders ? wait_for_grader(r, i, &answer, err) : mark(r, i, &answer, err);
        else if ((st = carat_mark_read(a->results[i], &m, err)))
            carat_fail_in(err, st, "items.jsonl: a record of this suite");
        else if (!m.fault) {
            pthread_mutex_lock(&r->lock);
            count(r, &m);
            r->bar.before++;
            pthread_mutex_unlock(&r->lock);
        }
    }
    return st;
}

static size_t items_of_shard(const carat_asked *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->items; i++)
        n += carat_shard_has(a->shard, i);
    return n;
}

carat_status carat_ask(const carat_asked *a, carat_err *err)
{
    asking *r = carat_alloc(1, sizeof *r, err);
    if (!r)
        return CARAT_ENOMEM;
    carat_backend *b = a->eval->model;
    *r = (asking){.a = a, .tail = &r->head};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    r->bar = carat_progress_begin(a->talk, a->suite->name, "item", items_of_shard(a));
    carat_asking questions = {r, next, done};
    a->run->lazy = a->again;
    carat_status st = open_graders(r, err);
    if (!st)
        st = mark_kept(r, err);
    if (!st && !a->again)
        st = b->ask(b->self, &questions, a->parallel, err);
    if (st)
        failed(r, st, &(carat_err){.status = st}); /* what waits is not graded */
    close_graders(r);
    carat_progress_end(&r->bar);
    if (!st && (st = r->st) && err)
        *err = r->err;
    if (carat_interrupted())
        st = carat_fail(err, CARAT_EINTR, "interrupted; the same command goes on");
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    carat_free(r);
    return st;
}
