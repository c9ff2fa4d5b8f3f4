/* Writing replies: draw, decode, stop; one, or several side by side.                SPDX-License-Identifier: Apache-2.0
 *
 * Owns the loop that run, chat and evaluation share: the prompt is synced, then each step appends one id to every unfinished reply.
 * An id goes through: stop ids; text as soon as it is final (carat_stream); stop strings, but not inside a thought or a tool call;
 * the reply's structure (carat_reply). So what a stop string cuts off is never shown, and never parsed. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "runtime/model/session.h"
#include "runtime/text/stop.h"

enum { TAG_PAIRS = 2 };
static const char *const tags[TAG_PAIRS][2] = {{"<|channel>", "<channel|>"},
                                               {"<|tool_call>", "<tool_call|>"}};

struct carat_generation {
    carat_session *s;
    carat_generate_options o;
    carat_generated out;
    int32_t *ids; /* prompt, then reply: [end] */
    size_t n_prompt, n, end;
    bool started, ended;
    double began;          /* decoding */
    carat_choice *choices; /* [vocab] */
    carat_stream *stream;  /* NULL: ids only */
    carat_reply *reply;    /* NULL: all is content */
    carat_stop stop;
    int32_t tag[TAG_PAIRS][2]; /* -1: the tokenizer has none */
    int32_t inside;            /* the id that closes the thought or call being written; -1: none */
    carat_str text;            /* what was shown, where there is no structure; then the result as JSON */
    carat_err fault;
};

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* Is the last tag of the prompt one that opens? Then the reply begins inside. */
static void find_inside(carat_generation *g)
{
    for (size_t i = 0; i < g->n_prompt; i++)
        for (int k = 0; k < TAG_PAIRS; k++)
            if (g->ids[i] == g->tag[k][0])
                g->inside = g->tag[k][1];
            else if (g->ids[i] == g->inside)
                g->inside = -1;
}

static carat_status open_text(carat_generation *g, carat_err *err)
{
    const carat_generate_options *o = &g->o;
    carat_status st = carat_stream_open(o->tokenizer, o->raw ? CARAT_DECODE_SKIP_SPECIAL : 0, &g->stream,
                                        err);
    for (int k = 0; k < TAG_PAIRS; k++)
        for (int side = 0; side < 2; side++)
            g->tag[k][side] = carat_tokenizer_id(o->tokenizer, tags[k][side]);
    find_inside(g);
    if (st || o->raw)
        return st;
    char *prefix;
    size_t len;
    if ((st = carat_decode(o->tokenizer, g->ids, g->n_prompt, 0, &prefix, &len, err)))
        return st;
    st = carat_reply_open(prefix, len, o->tools, o->reply, o->ctx, &g->reply, err);
    carat_release(prefix);
    return st;
}

static carat_status check(const carat_session *s, const carat_generate_options *o, size_t n, carat_err *err)
{
    if (!n)
        return carat_fail(err, CARAT_EUSAGE, "the prompt is empty: at least one token is needed");
    if (n >= s->context)
        return carat_fail(err, CARAT_EUSAGE, "a prompt of %zu tokens leaves no room in a context of %zu", n,
                          s->context);
    if (o->n_stop && !o->tokenizer)
        return carat_fail(err, CARAT_EUSAGE, "stop strings need a tokenizer");
    for (size_t i = 0; i < o->n_stop; i++)
        if (!*o->stop[i])
            return carat_fail(err, CARAT_EUSAGE, "a stop string is empty");
    return CARAT_OK;
}

carat_status carat_generation_open(carat_session *s, const carat_generate_options *o, const int32_t *prompt,
                                   size_t n, carat_generation **out, carat_err *err)
{
    carat_status st = check(s, o, n, err);
    if (st)
        return st;
    carat_generation *g = carat_alloc(1, sizeof *g, err);
    if (!g)
        return CARAT_ENOMEM;
    size_t room = s->context - n;
    *g = (carat_generation){.s = s, .o = *o, .n_prompt = n, .n = n, .inside = -1};
    g->end = n + (o->max_new && o->max_new < room ? o->max_new : room);
    g->stop = (carat_stop){.list = o->stop, .n = o->n_stop, .held = CARAT_STR_INIT};
    g->text = (carat_str)CARAT_STR_INIT;
    g->ids = carat_alloc(g->end, sizeof *g->ids, err);
    g->choices = carat_alloc(s->m->config.vocab, sizeof *g->choices, err);
    if (!g->ids || !g->choices) {
        st = CARAT_ENOMEM;
    } else {
        memcpy(g->ids, prompt, n * sizeof *prompt);
        g->out = (carat_generated){.ids = g->ids + n, .n_prompt = n};
        st = o->tokenizer ? open_text(g, err) : CARAT_OK;
    }
    if (st)
        carat_generation_close(g);
    else
        *out = g;
    return st;
}

void carat_generation_close(carat_generation *g)
{
    if (!g)
        return;
    carat_str_free(&g->text);
    carat_str_free(&g->stop.held);
    carat_reply_close(g->reply);
    carat_stream_close(g->stream);
    carat_free(g->choices);
    carat_free(g->ids);
    carat_free(g);
}

const carat_generated *carat_generation_result(const carat_generation *g)
{
    return &g->out;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static carat_status show(carat_generation *g, const char *text, size_t len, carat_err *err)
{
    if (!len)
        return CARAT_OK;
    if (g->reply)
        return carat_reply_push(g->reply, text, len, err);
    carat_str_add(&g->text, text, len);
    if (g->o.reply)
        g->o.reply(g->o.ctx, CARAT_REPLY_CONTENT, text, len);
    return carat_str_check(&g->text, err);
}

static carat_status flush(carat_generation *g, carat_err *err)
{
    const char *safe;
    size_t len;
    carat_stop_flush(&g->stop, &safe, &len);
    return show(g, safe, len, err);
}

/* The text of an id, past the stop strings unless it belongs to a thought or a call. */
static carat_status write_id(carat_generation *g, int32_t id, carat_err *err)
{
    const char *text, *safe;
    size_t len;
    carat_status st = carat_stream_push(g->stream, id, &text, &len, err);
    if (st)
        return st;
    if (g->inside >= 0) {
        g->inside = id == g->inside ? -1 : g->inside;
        return show(g, text, len, err);
    }
    g->out.stop = carat_stop_push(&g->stop, text, len, &safe, &len);
    if (g->out.stop)
        g->out.finish = CARAT_FINISH_STOP;
    if ((st = show(g, safe, len, err)) || (st = carat_str_check(&g->stop.held, err)))
        return st;
    for (int k = 0; k < TAG_PAIRS; k++)
        if (id == g->tag[k][0])
            g->inside = g->tag[k][1];
    return g->inside >= 0 ? flush(g, err) : CARAT_OK;
}

/* Replies without structure, in the words of those that have it. */
static carat_status plain_result(carat_generation *g, carat_err *err)
{
    carat_str json = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&json);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "thought");
    carat_jw_null(&w);
    carat_jw_key(&w, "content");
    carat_jw_bytes(&w, g->text.data, g->text.len);
    carat_jw_key(&w, "tool_calls");
    carat_jw_open(&w, '[');
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_free(&g->text);
    g->text = json;
    g->out.json = json.data;
    g->out.json_len = json.len;
    return carat_str_check(&json, err);
}

static carat_status end_text(carat_generation *g, carat_err *err)
{
    carat_status st = g->stream ? flush(g, err) : CARAT_OK;
    if (st || !g->stream)
        return st;
    if (!g->reply)
        return plain_result(g, err);
    if (carat_reply_finish(g->reply, &g->out.json, &g->out.json_len, &g->fault)) {
        g->out.json = NULL;
        g->out.fault = g->fault.text;
    }
    return CARAT_OK;
}

/* ---- the loop ------------------------------------------------------------------------------------------------ */

static bool stops(const carat_generation *g, int32_t id)
{
    const carat_model_info *info = &g->s->m->info;
    for (size_t i = 0; i < info->n_eos && !g->o.ignore_eos; i++)
        if (info->eos[i] == id)
            return true;
    return false;
}

/* The next id of the reply. */
static carat_status accept(carat_generation *g, int32_t id, carat_err *err)
{
    carat_status st = CARAT_OK;
    g->ids[g->n++] = id;
    g->out.n = g->n - g->n_prompt;
    if (stops(g, id))
        g->out.finish = CARAT_FINISH_STOP;
    else if (g->stream)
        st = write_id(g, id, err);
    if (!g->out.finish && g->n == g->end)
        g->out.finish = g->out.n == g->o.max_new ? CARAT_FINISH_LENGTH : CARAT_FINISH_CONTEXT;
    return st;
}

/* Draws from a row of logits. */
static carat_status draw(carat_generation *g, const float *logits, carat_err *err)
{
    carat_history h = {g->ids, g->n_prompt, g->n};
    int32_t id = carat_sample(&g->o.sampler, &h, logits, g->s->m->config.vocab,
                              g->o.step + (g->n - g->n_prompt), g->choices);
    if (id < 0)
        return carat_fail(err, CARAT_EUSAGE, "every token is suppressed: nothing can be drawn");
    return accept(g, id, err);
}

/* The next id of each, from the rows of the last sync or step; one that cannot have any keeps none of the others from theirs. */
static carat_status draw_all(carat_generation *const *list, size_t n, carat_err *err)
{
    carat_status first = CARAT_OK;
    for (size_t i = 0; i < n; i++) {
        carat_status st = draw(list[i], carat_session_row(list[i]->s, i), first ? NULL : err);
        list[i]->started |= !st;
        first = first ? first : st;
    }
    return first;
}

static bool goes_on(carat_generation *g, size_t done)
{
    if (g->o.go_on && !g->o.go_on(g->o.ctx, done, g->n_prompt))
        g->out.finish = CARAT_FINISH_CANCELLED;
    return !g->out.finish;
}

static bool between_passes(void *ctx, size_t done, size_t n)
{
    (void)n;
    return goes_on(ctx, done);
}

/* Replies that have not begun, as many as a sync takes -> their number. One with a drafter comes alone: its drafter reads what a sync of
 * several does not keep. */
static size_t beginners(carat_generation *const *list, size_t n, carat_generation **whose)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < CARAT_STEP_ROWS; i++)
        if (!list[i]->started && !(count && list[i]->o.draft)) {
            whose[count++] = list[i];
            if (list[i]->o.draft)
                break;
        }
    return count;
}

/* The prompts of some replies, in passes that they share, and the first id of each. One that is cancelled meanwhile leaves: what stands of
 * the others stays. */
static carat_status start(carat_generation *const *list, size_t n, carat_err *err)
{
    carat_sync_request r[CARAT_STEP_ROWS];
    double begin = carat_now();
    for (size_t i = 0; i < n; i++)
        r[i] = (carat_sync_request){.ids = list[i]->ids,
                                    .n = list[i]->n_prompt,
                                    .logits_from = list[i]->n_prompt - 1,
                                    .progress = between_passes,
                                    .ctx = list[i],
                                    .sequence = list[i]->o.sequence};
    carat_session *s = list[0]->s;
    carat_status st = carat_session_sync_many(s, r, n, err);
    if (st && st != CARAT_EINTR)
        return st;
    double now = carat_now();
    for (size_t i = 0; i < n; i++) {
        carat_generation *g = list[i];
        g->out.computed += s->line[g->o.sequence].computed;
        g->out.prompt_s += now - begin;
        g->began = now;
        g->started = g->out.finish != CARAT_FINISH_NONE;
    }
    return st ? CARAT_OK : draw_all(list, n, err);
}

static carat_status start_all(carat_generation *const *list, size_t n, size_t *begun, carat_err *err)
{
    carat_generation *whose[CARAT_STEP_ROWS];
    carat_status st = CARAT_OK;
    for (size_t count; !st && (count = beginners(list, n, whose)); *begun += count)
        st = start(whose, count, err);
    return st;
}

/* The ids of a round of drafts. What lies behind the end of the reply, where it ends in the middle of them, is dropped. */
static carat_status draft(carat_generation *g, carat_err *err)
{
    size_t count = 0;
    carat_draft_request r = {.sequence = g->o.sequence,
                             .sampler = &g->o.sampler,
                             .step = g->o.step + (g->n - g->n_prompt),
                             .ids = g->ids,
                             .n_prompt = g->n_prompt,
                             .n = g->n,
                             .room = g->end - g->n};
    carat_status st = carat_draft_round(g->o.draft, &r, &count, err);
    for (size_t i = 0; i < count && !st && !g->out.finish; i++)
        st = accept(g, g->ids[g->n], err);
    return st ? st : carat_session_trim(g->s, g->o.sequence, g->n - 1, err);
}

/* One id more for each reply that goes on, up to as many as a step takes; a round for those with a drafter. */
static carat_status decode(carat_generation *const *list, size_t n, carat_err *err)
{
    carat_step steps[CARAT_STEP_ROWS];
    carat_generation *whose[CARAT_STEP_ROWS];
    carat_status st = CARAT_OK;
    size_t rows = 0;
    for (size_t i = 0; i < n && rows < CARAT_STEP_ROWS && !st; i++) {
        carat_generation *g = list[i];
        if (!g->started || g->out.finish || !goes_on(g, g->n_prompt))
            continue;
        if (g->o.draft) {
            st = draft(g, err);
            continue;
        }
        steps[rows] = (carat_step){.sequence = g->o.sequence, .ids = &g->ids[g->n - 1], .n = 1};
        whose[rows++] = g;
    }
    if (rows && !st)
        st = carat_session_step(list[0]->s, steps, rows, err);
    return st ? st : draw_all(whose, rows, err);
}

/* Closes the text of replies that have ended -> how many have not. */
static carat_status settle(carat_generation *const *list, size_t n, size_t *unfinished, carat_err *err)
{
    carat_status st = CARAT_OK;
    *unfinished = 0;
    for (size_t i = 0; i < n && !st; i++) {
        carat_generation *g = list[i];
        *unfinished += !g->out.finish;
        if (!g->out.finish || g->ended)
            continue;
        g->ended = true;
        g->out.decode_s = carat_now() - g->began;
        st = end_text(g, err);
    }
    return st;
}

carat_status carat_generation_step(carat_generation *const *list, size_t n, size_t *unfinished,
                                   carat_err *err)
{
    size_t begun = 0;
    carat_status st = start_all(list, n, &begun, err);
    if (!begun && !st)
        st = decode(list, n, err);
    return st ? st : settle(list, n, unfinished, err);
}

carat_status carat_generate(carat_generation *const *list, size_t n, carat_err *err)
{
    carat_status st = CARAT_OK;
    for (size_t unfinished = n; unfinished && !st;)
        st = carat_generation_step(list, n, &unfinished, err);
    return st;
}
