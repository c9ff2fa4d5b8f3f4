/* carat run: a prompt in, text or ids out.                                         SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/tool/conversation.h"
#include "runtime/tool/infer.h"
#include "runtime/tool/options.h"

struct args {
    carat_infer infer;
    const char *prompt, *prompt_ids;
    bool raw, ignore_eos, ids;
};

static const struct args defaults = {.infer = CARAT_INFER_DEFAULTS};

enum { REPLY = 512 /* tokens, unless -n says otherwise */ };

/* What one run holds. */
struct run {
    const struct args *a;
    carat_model *model;
    carat_tokenizer *tokenizer;
    carat_session *session;
    carat_assistant assistant;
    carat_generation *generation;
    carat_progress progress;
    double load_s;
    char *typed;  /* the prompt, where it came from standard input */
    int32_t *ids; /* of the prompt; malloc'ed */
    size_t n;
    bool thinking, wrote;
};

/* ---- the prompt ---------------------------------------------------------------------------------------------- */

/* All of standard input, without the line break that ends it. */
static carat_status read_typed(char **text, carat_err *err)
{
    char buffer[4096];
    carat_str s = CARAT_STR_INIT;
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0)
        carat_str_add(&s, buffer, got);
    carat_status st = ferror(stdin) ? carat_fail_errno(err, "standard input") : carat_str_check(&s, err);
    if (!st && strlen(s.data) != s.len)
        st = carat_fail(err, CARAT_EFORMAT, "standard input: a NUL byte at %zu, so it is no text",
                        strlen(s.data));
    if (s.len && s.data[s.len - 1] == '\n')
        s.data[--s.len] = 0;
    *text = st ? NULL : carat_str_take(&s);
    carat_str_free(&s);
    return st || *text ? st : carat_fail(err, CARAT_ENOMEM, "out of memory for the prompt");
}

/* BOS and the text as it is. */
static carat_status encode_raw(struct run *r, const char *text, carat_err *err)
{
    int32_t bos = carat_model_describe(r->model)->bos, *ids;
    size_t n, cap = 0, at = bos >= 0;
    carat_status st = carat_encode(r->tokenizer, text, strlen(text), 0, &ids, &n, err);
    if (st)
        return st;
    if (!(st = carat_grow((void **)&r->ids, &cap, n + 1, sizeof *ids, err))) {
        r->ids[0] = bos;
        memcpy(r->ids + at, ids, n * sizeof *ids);
        r->n = n + at;
    }
    carat_release(ids);
    return st;
}

/* One user turn, in the words of the chat template. */
static carat_status encode_turn(struct run *r, const char *text, carat_err *err)
{
    const carat_infer *a = &r->a->infer;
    carat_conversation c = {.thinking = a->think};
    carat_status st = carat_infer_edition(a, r->model, &c.edition, err);
    if (!st && a->system)
        st = carat_conversation_add(&c, "system", a->system, NULL, err);
    if (!st && !(st = carat_conversation_add(&c, "user", text, NULL, err)))
        st = carat_conversation_ids(&c, r->tokenizer, &r->ids, &r->n, err);
    carat_conversation_free(&c);
    return st;
}

static carat_status read_prompt(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    if (!a->prompt == !a->prompt_ids)
        return carat_fail(err, CARAT_EUSAGE,
                          "give either -p TEXT (- is standard input) or --prompt-ids LIST");
    if (a->prompt_ids && (a->infer.system || a->infer.think))
        return carat_fail(err, CARAT_EUSAGE, "--prompt-ids is the whole prompt: no --system or --think");
    if (a->raw && (a->infer.system || a->infer.think))
        return carat_fail(err, CARAT_EUSAGE, "--raw has no chat turns: no --system or --think");
    carat_status st = CARAT_OK;
    if (a->prompt || !a->ids || a->infer.stop.n)
        st = carat_tokenizer_open(carat_model_describe(r->model)->path, &r->tokenizer, err);
    if (st)
        return st;
    if (a->prompt_ids)
        return carat_ids_parse(a->prompt_ids, &r->ids, &r->n, err);
    const char *text = a->prompt;
    if (strcmp(text, "-") == 0) {
        if ((st = read_typed(&r->typed, err)))
            return st;
        text = r->typed;
    }
    return a->raw ? encode_raw(r, text, err) : encode_turn(r, text, err);
}

/* ---- the reply ----------------------------------------------------------------------------------------------- */

/* The answer goes to stdout as it comes, a thought to stderr. */
static void on_reply(void *ctx, carat_reply_kind kind, const char *text, size_t len)
{
    struct run *r = ctx;
    const carat_talk *talk = &r->a->infer.common.talk;
    carat_progress_end(&r->progress);
    if (r->a->ids || r->a->infer.common.json)
        return;
    if (kind == CARAT_REPLY_THOUGHT) {
        if (talk->verbosity < 0)
            return;
        fputs(talk->color && !r->thinking ? "\033[2m" : "", stderr);
        fwrite(text, 1, len, stderr);
        r->thinking = true;
        return;
    }
    if (r->thinking)
        fputs(talk->color ? "\033[0m\n\n" : "\n\n", stderr);
    r->thinking = false;
    if (kind == CARAT_REPLY_CALL && r->wrote)
        putchar('\n');
    fwrite(text, 1, len, stdout);
    r->wrote = true;
    fflush(stdout);
}

static bool go_on(void *ctx, size_t done, size_t total)
{
    struct run *r = ctx;
    if (done < total)
        carat_progress_at(&r->progress, done);
    else
        carat_progress_end(&r->progress);
    return !carat_interrupted();
}

static const char *finish_word(carat_finish f)
{
    return f == CARAT_FINISH_STOP ? "stop" : f == CARAT_FINISH_CANCELLED ? "cancelled" : "length";
}

static void put_ids(carat_jw *w, const char *key, const int32_t *ids, size_t n)
{
    carat_jw_key(w, key);
    carat_jw_open(w, '[');
    for (size_t i = 0; i < n; i++)
        carat_jw_i64(w, ids[i]);
    carat_jw_close(w);
}

static void put_ids_result(const struct run *r, const carat_generated *g, carat_str *s)
{
    carat_jw w = carat_jw_begin(s);
    carat_jw_open(&w, '{');
    put_ids(&w, "prompt", r->ids, r->n);
    put_ids(&w, "ids", g->ids, g->n);
    carat_jw_put_text(&w, "finish", finish_word(g->finish));
    carat_jw_close(&w);
}

/* What the reply's parser found, and behind it how the reply came to be. */
static void put_json_result(const struct run *r, const carat_generated *g, carat_str *s)
{
    carat_str tail = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&tail);
    carat_jw_open(&w, '{');
    if (g->fault) {
        carat_jw_put_text(&w, "error", g->fault);
    }
    carat_jw_put_text(&w, "finish", finish_word(g->finish));
    carat_jw_put_text(&w, "stop", g->stop);
    carat_jw_key(&w, "timings");
    carat_jw_open(&w, '{');
    carat_jw_put_f64(&w, "load_s", r->load_s);
    carat_jw_put_u64(&w, "prompt_tokens", g->n_prompt);
    carat_jw_put_f64(&w, "prompt_s", g->prompt_s);
    carat_jw_put_u64(&w, "tokens", g->n);
    carat_jw_put_f64(&w, "reply_s", g->decode_s);
    carat_jw_put_f64(&w, "tokens_per_s", g->decode_s > 0 && g->n ? (double)(g->n - 1) / g->decode_s : 0);
    carat_jw_close(&w);
    carat_jw_close(&w);
    if (g->json) {
        carat_str_add(s, g->json, g->json_len - 1); /* without the brace */
        carat_str_puts(s, ", ");
        carat_str_puts(s, tail.data + 1);
    } else {
        carat_str_puts(s, tail.data);
    }
    carat_str_free(&tail);
}

static carat_status print_result(struct run *r, carat_err *err)
{
    const carat_generated *g = carat_generation_result(r->generation);
    const carat_talk *talk = &r->a->infer.common.talk;
    carat_str s = CARAT_STR_INIT;
    if (r->thinking)
        fputs(talk->color ? "\033[0m\n" : "\n", stderr);
    if (r->a->ids)
        put_ids_result(r, g, &s);
    else if (r->a->infer.common.json)
        put_json_result(r, g, &s);
    carat_status st = carat_str_check(&s, err);
    if (!st)
        puts(s.data);
    fflush(stdout);
    carat_str_free(&s);
    if (g->fault)
        carat_note(talk, "the reply: %s", g->fault);
    if (g->finish == CARAT_FINISH_CONTEXT)
        carat_note(talk, "the context is full; -c makes room for more than %zu positions",
                   g->n_prompt + g->n);
    carat_infer_report(&r->a->infer, g);
    carat_assistant_report(&r->assistant, talk);
    if (g->finish == CARAT_FINISH_CANCELLED)
        return carat_fail(err, CARAT_EINTR, "interrupted after %zu tokens", g->n);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status open_generation(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    const carat_infer *i = &a->infer;
    uint64_t most = carat_model_describe(r->model)->context_max,
             max_new = i->max_new != CARAT_INT_UNSET ? (uint64_t)i->max_new : REPLY;
    uint64_t room = i->context ? (uint64_t)i->context : r->n + max_new;
    carat_status st = carat_infer_session(i, r->model, room > most && !i->context ? most : room, &r->session,
                                          err);
    if (st || (st = carat_infer_assistant(i, r->session, &r->assistant, err)))
        return st;
    carat_generate_options o = {.tokenizer = r->tokenizer,
                                .draft = r->assistant.draft,
                                .sampler = carat_infer_sampler(i, r->model),
                                .max_new = max_new,
                                .ignore_eos = a->ignore_eos,
                                .stop = i->stop.item,
                                .n_stop = i->stop.n,
                                .raw = a->raw,
                                .reply = on_reply,
                                .go_on = go_on,
                                .ctx = r};
    if (a->ids && !i->stop.n)
        o.tokenizer = NULL;
    return carat_generation_open(r->session, &o, r->ids, r->n, &r->generation, err);
}

static carat_status run_model(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    double begin = carat_now();
    carat_status st = carat_infer_check(&a->infer, err);
    if (st || (st = carat_model_open(a->infer.common.pos[0], &r->model, err)) || (st = read_prompt(r, err)) ||
        (st = open_generation(r, err)))
        return st;
    r->load_s = carat_now() - begin;
    r->progress = carat_progress_begin(&a->infer.common.talk, "prompt", "token", r->n);
    st = carat_generate(&r->generation, 1, err);
    carat_progress_end(&r->progress);
    return st ? st : print_result(r, err);
}

static int run(const void *args, carat_err *err)
{
    struct run r = {.a = args};
    carat_status st = run_model(&r, err);
    carat_generation_close(r.generation);
    carat_assistant_close(&r.assistant);
    carat_session_close(r.session);
    carat_tokenizer_close(r.tokenizer);
    carat_model_close(r.model);
    free(r.typed);
    carat_release(r.ids);
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"prompt", 'p', CARAT_OPT_TEXT, AT(prompt), "TEXT",
     "the user's turn (with --raw: the text itself); - reads standard input"},
    {"prompt-ids", 0, CARAT_OPT_TEXT, AT(prompt_ids), "LIST", "token ids instead of text: 2,17,9"},
    {"raw", 0, CARAT_OPT_FLAG, AT(raw), NULL, "no chat template: BOS and the text as it is"},
    {"ids", 0, CARAT_OPT_FLAG, AT(ids), NULL,
     "print {\"prompt\", \"ids\", \"finish\"}; a stop token is the last of the ids"},
    {"ignore-eos", 0, CARAT_OPT_FLAG, AT(ignore_eos), NULL, "go on behind a stop token"},
    CARAT_INFER_OPTIONS,
    {0},
};

const carat_cmd carat_cmd_run = {
    .name = "run",
    .summary = "complete a prompt",
    .usage = "MODEL (-p TEXT | --prompt-ids LIST) [options]",
    .detail =
        "The answer is printed as it is written, a thought on stderr. Sampling follows the checkpoint's\n"
        "generation_config.json unless options say otherwise; the same seed gives the same text for any "
        "number\n"
        "of threads. --json prints {\"thought\", \"content\", \"tool_calls\", \"finish\", \"stop\", "
        "\"timings\"}. --stop\n"
        "looks at the answer, never at a thought. Without -n a reply ends after 512 tokens.",
    .example = "$ carat run gemma-4-E2B-it -p 'Name three primes.' --temperature 0 -n 64\n"
               "$ carat run gemma-4-E2B-it -p - --json <question.txt",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
