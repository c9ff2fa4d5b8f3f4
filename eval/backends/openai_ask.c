/* Questions to a server, many in flight, each tried until it is answered or in vain.   SPDX-License-Identifier: Apache-2.0
 *
 * What may pass (a lost connection, too many requests, half a reply) is tried again; what will not is a fault at once. Either way a
 * question without a whole reply is not measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/backends/openai.h"
#include "eval/backends/openai_reply.h"
#include "eval/backends/sse.h"
#include "runtime/base/hash.h"
#include "runtime/base/mem.h"
#include "runtime/base/util.h"

enum {
    MOST_BYTES = 64 << 20, /* of a reply, as it is sent */
    MOST_EVENT = 16 << 20,
    HOPELESS = 16 /* faults in a row after which questions are tried only once */
};

typedef enum phase { IDLE, WAITING, FLYING, LANDED } phase;
typedef enum outcome { ANSWERED, AGAIN, IN_VAIN } outcome;

typedef struct call {
    struct asking *home;
    phase phase;
    size_t ticket;
    carat_question q;
    carat_str body, page; /* the request; a reply that is no stream */
    char hex[65];
    uint32_t tries;
    double taken, due;      /* when the question came; when to send */
    double wait_s, total_s; /* of the last try */
    double sent;
    double *piece_s; /* [n_pieces], of the last try */
    size_t n_pieces, cap_pieces;
    bool streaming;
    carat_sse events;
    carat_oai_reply reply;
    outcome end; /* of the last try */
    double retry_after;
    carat_str why;
    carat_err trouble; /* in what came */
} call;

typedef struct asking {
    const carat_oai *o;
    const carat_asking *questions;
    carat_http *http;
    call *calls;
    size_t n;
    bool drained;
    uint32_t faults; /* in a row */
    double hold;     /* nothing is sent before */
} asking;

/* ---- one try ------------------------------------------------------------------------------------------------- */

static carat_status on_event(void *ctx, const char *data, size_t len, carat_err *err)
{
    call *c = ctx;
    size_t had = c->reply.text.len + c->reply.thought.len;
    if (c->reply.done || len == 0)
        return CARAT_OK;
    carat_status st = carat_oai_read(&c->reply, data, len, err);
    if (st || c->reply.text.len + c->reply.thought.len == had)
        return st;
    if ((st = carat_grow((void **)&c->piece_s, &c->cap_pieces, c->n_pieces + 1, sizeof *c->piece_s, err)))
        return st;
    c->piece_s[c->n_pieces++] = carat_now() - c->sent;
    return st;
}

static bool on_head(void *ctx, const carat_http_head *h)
{
    call *c = ctx;
    c->streaming = h->status == 200 && carat_starts(h->type, "text/event-stream");
    return true;
}

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    call *c = ctx;
    if (c->streaming)
        return carat_sse_push(&c->events, bytes, n, &c->trouble) == CARAT_OK;
    carat_str_add(&c->page, bytes, n);
    return !c->page.failed;
}

static void ends(call *c, outcome how, const char *why)
{
    c->end = how;
    carat_str_clear(&c->why);
    if (why)
        carat_str_puts(&c->why, why);
}

bool carat_oai_passes(int status)
{
    return status == 408 || status == 409 || status == 425 || status == 429 ||
           (status >= 500 && status != 501 && status != 505);
}

/* A reply with another status than 200. */
static void refused(call *c, const carat_http_head *h)
{
    carat_str said = CARAT_STR_INIT;
    carat_oai_error(c->page.data, c->page.len, &said);
    ends(c, carat_oai_passes(h->status) ? AGAIN : IN_VAIN, NULL);
    if (h->status == 404)
        carat_str_printf(&c->why, "%s: ", c->q.prompt ? c->home->o->url_plain : c->home->o->url_chat);
    carat_str_printf(&c->why, "HTTP %d", h->status);
    if (h->location[0])
        carat_str_printf(&c->why, ", a redirect to %s: give that address", h->location);
    else if (said.len)
        carat_str_printf(&c->why, ": %s", said.data);
    if (h->status == 401 || h->status == 403)
        carat_str_puts(&c->why, "; the key is read from CARAT_API_KEY or OPENAI_API_KEY");
    carat_str_free(&said);
    c->retry_after = h->retry_after;
}

/* A whole reply with status 200: does it count? */
static void weigh(call *c)
{
    carat_err err;
    const carat_oai_reply *r = &c->reply;
    if (c->streaming ? carat_sse_finish(&c->events, &err)
                     : carat_oai_read(&c->reply, c->page.data, c->page.len, &err)) {
        ends(c, AGAIN, c->streaming ? "the stream cannot be read: " : "the reply cannot be read: ");
        carat_str_puts(&c->why, err.text);
        return;
    }
    if (r->error.len) {
        ends(c, r->code && !carat_oai_passes(r->code) ? IN_VAIN : AGAIN, "the reply is an error: ");
        carat_str_puts(&c->why, r->error.data);
    } else if (!r->finish[0])
        ends(c, AGAIN,
             c->streaming ? "the stream ends before the reply does (no finish_reason)"
                          : "the reply does not say how it ended (no finish_reason)");
    else if (!carat_oai_finish(r)) {
        bool aborted = strcmp(r->finish, "abort") == 0 || strcmp(r->finish, "error") == 0;
        ends(c, aborted ? AGAIN : IN_VAIN, "the server ended the reply with finish_reason ");
        carat_str_puts(&c->why, r->finish);
    } else if (carat_oai_divide(&c->reply, &c->q, &err))
        ends(c, IN_VAIN, err.text);
    else if (carat_oai_betrays(c->home->o, r->text.data) || carat_oai_betrays(c->home->o, r->thought.data))
        ends(c, IN_VAIN, "the reply holds the API key; it is not kept");
    else
        ends(c, ANSWERED, NULL);
}

static void on_done(void *ctx, const carat_http_end *e)
{
    call *c = ctx;
    c->phase = LANDED;
    c->total_s = e->total_s;
    c->retry_after = -1;
    if (c->trouble.status) {
        ends(c, AGAIN, "the stream cannot be read: ");
        carat_str_puts(&c->why, c->trouble.text);
    } else if (c->page.failed)
        ends(c, IN_VAIN, "out of memory for the reply");
    else if (e->trouble == CARAT_HTTP_LATE && carat_now() >= c->taken + c->home->o->limit.total) {
        ends(c, IN_VAIN, NULL);
        carat_str_printf(&c->why, "no whole reply within %g s (%" PRIu32 " %s)", c->home->o->limit.total,
                         c->tries, c->tries == 1 ? "try" : "tries");
    } else if (e->trouble)
        ends(c, e->trouble == CARAT_HTTP_VAIN ? IN_VAIN : AGAIN, e->text);
    else if (e->head->status != 200)
        refused(c, e->head);
    else
        weigh(c);
    carat_oai_hide(c->home->o, &c->why);
}

static carat_status try_once(asking *a, call *c, carat_err *err)
{
    double now = carat_now(), left = c->taken + a->o->limit.total - now;
    carat_http_request r = {.url = c->q.prompt ? a->o->url_plain : a->o->url_chat,
                            .body = c->body.data,
                            .body_len = c->body.len,
                            .accept = a->o->stream ? "text/event-stream" : "application/json",
                            .token = a->o->key,
                            .limit = a->o->limit,
                            .max_bytes = MOST_BYTES,
                            .ctx = c,
                            .head = on_head,
                            .data = on_data,
                            .done = on_done};
    r.limit.total = fmax(left, 0.01);
    carat_oai_reply_clear(&c->reply);
    carat_sse_free(&c->events);
    c->events = carat_sse_begin(on_event, c, MOST_EVENT);
    carat_str_clear(&c->page);
    c->trouble = (carat_err){0};
    c->streaming = false;
    c->n_pieces = 0;
    c->sent = now;
    c->wait_s = now - c->taken;
    c->tries++;
    c->phase = FLYING;
    return carat_http_send(a->http, &r, err);
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

static carat_status hash_prompt(call *c, carat_err *err)
{
    carat_sha256 *h;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    const char *text = c->q.prompt ? c->q.prompt : c->q.messages;
    carat_sha256_add(h, text, strlen(text));
    carat_sha256_finish(h, c->hex);
    return CARAT_OK;
}

static carat_status take_questions(asking *a, carat_err *err)
{
    for (size_t i = 0; i < a->n && !a->drained; i++) {
        call *c = &a->calls[i];
        if (c->phase != IDLE)
            continue;
        if (!a->questions->next(a->questions->ctx, &c->ticket, &c->q)) {
            a->drained = true;
            break;
        }
        c->phase = WAITING;
        c->tries = 0;
        c->taken = c->due = carat_now();
        carat_status st = hash_prompt(c, err);
        if (st || (st = carat_oai_body(a->o, &c->q, &c->body, err)))
            return st;
    }
    return CARAT_OK;
}

static carat_status deliver(asking *a, call *c, carat_err *err)
{
    const carat_oai_reply *r = &c->reply;
    bool good = c->end == ANSWERED;
    carat_answer answer = {.raw = good ? r->text.data : NULL,
                           .thought = good && r->thought.len ? r->thought.data : NULL,
                           .content = good && r->has_content ? r->content.data : NULL,
                           .finish = good ? carat_oai_finish(r) : "error",
                           .fault = good ? NULL : c->why.data,
                           .prompt_sha256 = c->hex,
                           .prompt_tokens = r->prompt_tokens,
                           .cached_tokens = r->cached_tokens,
                           .reply_tokens = r->reply_tokens,
                           .wait_s = c->wait_s,
                           .first_s = c->n_pieces ? c->piece_s[0] : 0,
                           .total_s = c->total_s,
                           .token_s = c->n_pieces ? c->piece_s : NULL,
                           .n_token_s = c->n_pieces,
                           .tries = c->tries};
    c->phase = IDLE;
    a->faults = good ? 0 : a->faults + 1;
    return a->questions->done(a->questions->ctx, c->ticket, &answer, err);
}

/* Seconds to wait before another try; < 0: there is none, and why says so. */
static double pause_of(asking *a, call *c)
{
    const carat_oai *o = a->o;
    uint32_t most = a->faults >= HOPELESS ? 1 : o->tries;
    double wait = fmin(o->backoff * exp2(c->tries - 1), o->wait_most);
    wait *= 0.5 + 0.5 * carat_random_unit(o->seed, c->ticket * 128 + c->tries);
    wait = fmax(wait, c->retry_after);
    const char *stop = c->retry_after > o->wait_most ? "asked to wait longer than wait allows"
                       : carat_now() + wait > c->taken + o->limit.total ? "no time left for another try"
                                                                        : NULL;
    if (c->tries >= most)
        stop = NULL;
    else if (!stop)
        return wait;
    carat_str_printf(&c->why, " (%" PRIu32 " %s%s%s)", c->tries, c->tries == 1 ? "try" : "tries",
                     stop ? "; " : "", stop ? stop : "");
    return -1;
}

static carat_status settle(asking *a, call *c, carat_err *err)
{
    if (c->end == AGAIN) {
        double wait = pause_of(a, c);
        if (wait >= 0) {
            c->phase = WAITING;
            c->due = carat_now() + wait;
            if (c->retry_after > 0) /* the server is too busy for all of us */
                a->hold = fmax(a->hold, c->due);
            return CARAT_OK;
        }
    }
    return deliver(a, c, err);
}

/* Sends what is due, waits until something happens, settles what has. */
static carat_status turn(asking *a, bool *busy, carat_err *err)
{
    double now = carat_now(), next = 60;
    carat_status st = take_questions(a, err);
    *busy = false;
    for (size_t i = 0; i < a->n && !st; i++) {
        call *c = &a->calls[i];
        *busy |= c->phase != IDLE;
        double due = fmax(c->due, a->hold);
        if (c->phase == WAITING && due > now)
            next = fmin(next, due - now);
        else if (c->phase == WAITING)
            st = try_once(a, c, err);
    }
    if (st || !*busy)
        return st;
    st = carat_http_wait(a->http, next, err);
    for (size_t i = 0; i < a->n && !st; i++)
        if (a->calls[i].phase == LANDED)
            st = settle(a, &a->calls[i], err);
    return st;
}

carat_status carat_oai_ask(void *self, const carat_asking *questions, uint32_t parallel, carat_err *err)
{
    asking a = {.o = self, .questions = questions, .n = parallel ? parallel : 1};
    carat_status st = carat_http_open(&a.http, err);
    if (st)
        return st;
    a.calls = carat_alloc(a.n, sizeof *a.calls, err);
    if (!a.calls) {
        st = CARAT_ENOMEM;
        goto out;
    }
    for (size_t i = 0; i < a.n; i++) {
        call *c = &a.calls[i];
        c->home = &a;
        c->body = c->page = c->why = (carat_str)CARAT_STR_INIT;
        c->reply = carat_oai_reply_begin();
        c->events = carat_sse_begin(on_event, c, MOST_EVENT);
    }
    for (bool busy = true; busy && !st;)
        st = turn(&a, &busy, err);
out:
    carat_http_close(a.http); /* first: what is in flight writes to the calls */
    for (size_t i = 0; a.calls && i < a.n; i++) {
        carat_str_free(&a.calls[i].body);
        carat_str_free(&a.calls[i].page);
        carat_str_free(&a.calls[i].why);
        carat_sse_free(&a.calls[i].events);
        carat_oai_reply_free(&a.calls[i].reply);
        free(a.calls[i].piece_s);
    }
    carat_free(a.calls);
    return st;
}
