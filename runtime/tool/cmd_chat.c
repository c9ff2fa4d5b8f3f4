/* carat chat: a conversation on a terminal, or one message a line from a pipe.      SPDX-License-Identifier: Apache-2.0
 *
 * Owns the turns and the commands that begin with '/'. What is typed comes from line.c, the messages live in conversation.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/tool/conversation.h"
#include "runtime/tool/infer.h"
#include "runtime/tool/line.h"

enum {
    CONTEXT = 8192 /* positions, unless -c says otherwise */,
    LONG_PROMPT = 256 /* worth a progress bar */
};

struct chat {
    const carat_infer *a;
    carat_model *model;
    carat_tokenizer *tokenizer;
    carat_session *session;
    carat_assistant assistant;
    carat_line *line;
    carat_conversation c;
    carat_progress progress;
    size_t context;
    uint64_t draws;  /* so far: a reply made again draws anew */
    bool in_thought; /* what was shown last */
    bool quit;
    carat_generated last; /* its numbers only */
    carat_str typed;      /* a message of several lines */
};

static const carat_infer defaults = CARAT_INFER_DEFAULTS;

/* ---- a reply ------------------------------------------------------------------------------------------------- */

/* Thoughts are dim; where the conversation is not on a terminal, they are not part of the result. */
static FILE *thoughts(const struct chat *c)
{
    return carat_line_edited(c->line) ? stdout : stderr;
}

static void end_thought(struct chat *c, const char *gap)
{
    if (!c->in_thought)
        return;
    fputs(c->a->common.talk.color_out ? "\033[0m" : "", thoughts(c));
    fputs(gap, thoughts(c));
    fflush(thoughts(c));
    c->in_thought = false;
}

static void on_reply(void *ctx, carat_reply_kind kind, const char *text, size_t len)
{
    struct chat *c = ctx;
    const carat_talk *talk = &c->a->common.talk;
    carat_progress_end(&c->progress);
    if (kind != CARAT_REPLY_THOUGHT) {
        end_thought(c, "\n\n");
        fwrite(text, 1, len, stdout);
        fflush(stdout);
    } else if (talk->verbosity >= 0) {
        fputs(c->in_thought || !talk->color_out ? "" : "\033[2m", thoughts(c));
        fwrite(text, 1, len, thoughts(c));
        fflush(thoughts(c));
        c->in_thought = true;
    }
}

static bool go_on(void *ctx, size_t done, size_t total)
{
    struct chat *c = ctx;
    if (done == total)
        carat_progress_end(&c->progress);
    else if (total - done > LONG_PROMPT || c->progress.shown)
        carat_progress_at(&c->progress, done);
    return !carat_interrupted();
}

/* The reply as a message behind the others; one that was stopped before its first word takes the question with it. */
static carat_status keep_reply(struct chat *c, const carat_generated *g, carat_err *err)
{
    carat_json *root = NULL;
    const char *content = NULL, *thought = NULL;
    char *raw = NULL;
    size_t len;
    carat_status st = CARAT_OK;
    if (g->json && !carat_json_parse(g->json, g->json_len, &root, NULL)) {
        const carat_json *node = carat_json_get(root, "content");
        if (node)
            carat_json_text(node, "content", &content, NULL);
        if ((node = carat_json_get(root, "thought")))
            carat_json_text(node, "thought", &thought, NULL);
    } else {
        st = carat_decode(c->tokenizer, g->ids, g->n, CARAT_DECODE_SKIP_SPECIAL, &raw, &len, err);
        content = raw;
    }
    if (!st && !content && g->finish == CARAT_FINISH_CANCELLED)
        carat_conversation_drop(&c->c);
    else if (!st)
        st = carat_conversation_add(&c->c, "assistant", content ? content : "", thought, err);
    carat_json_free(root);
    carat_release(raw);
    return st;
}

static carat_status note_said(struct chat *c, const int32_t *ids, const carat_generated *g, carat_err *err)
{
    size_t n = g->n - (g->finish == CARAT_FINISH_STOP && !g->stop), cap = 0;
    int32_t *all = NULL;
    carat_status st = carat_grow((void **)&all, &cap, g->n_prompt + n + 1, sizeof *all, err);
    if (st)
        return st;
    memcpy(all, ids, g->n_prompt * sizeof *all);
    memcpy(all + g->n_prompt, g->ids, n * sizeof *all);
    st = carat_conversation_said(&c->c, c->tokenizer, all, g->n_prompt + n, err);
    free(all);
    return st;
}

static void tell_end(struct chat *c, const carat_generated *g)
{
    const carat_talk *talk = &c->a->common.talk;
    end_thought(c, carat_line_edited(c->line) ? "" : "\n");
    puts("");
    fflush(stdout);
    if (g->fault)
        carat_note(talk, "the reply: %s", g->fault);
    if (g->finish == CARAT_FINISH_CANCELLED)
        carat_note(talk,
                   g->n ? "stopped; /regen writes the reply anew" : "stopped; the message was taken back");
    else if (g->finish == CARAT_FINISH_LENGTH)
        carat_note(talk, "cut after %zu tokens, as -n says", g->n);
    else if (g->finish == CARAT_FINISH_CONTEXT)
        carat_note(
            talk,
            "the context of %zu positions is full; /undo takes a turn back, /reset starts over, -c makes "
            "more room",
            c->context);
    carat_infer_report(c->a, g);
}

static carat_status write_reply(struct chat *c, const int32_t *ids, size_t n, carat_err *err)
{
    carat_generation *g = NULL;
    carat_generate_options o = {.tokenizer = c->tokenizer,
                                .sampler = carat_infer_sampler(c->a, c->model),
                                .step = c->draws,
                                .draft = c->assistant.draft,
                                .max_new = c->a->max_new == CARAT_INT_UNSET ? 0 : (size_t)c->a->max_new,
                                .stop = c->a->stop.item,
                                .n_stop = c->a->stop.n,
                                .reply = on_reply,
                                .go_on = go_on,
                                .ctx = c};
    carat_status st = carat_generation_open(c->session, &o, ids, n, &g, err);
    if (st)
        return st;
    c->progress = carat_progress_begin(&c->a->common.talk, "prompt", "token", n);
    if (!(st = carat_generate(&g, 1, err))) {
        const carat_generated *r = carat_generation_result(g);
        carat_progress_end(&c->progress);
        tell_end(c, r);
        c->draws += r->n;
        c->last = *r;
        if (!(st = keep_reply(c, r, err)))
            st = note_said(c, ids, r, err);
    }
    carat_generation_close(g);
    return st;
}

/* The reply to the messages as they stand. A request that the template refuses, or that has no room, is told and taken back. */
static carat_status answer(struct chat *c, carat_err *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    carat_status st = carat_conversation_ids(&c->c, c->tokenizer, &ids, &n, err);
    if (st == CARAT_EFORMAT) {
        carat_note(&c->a->common.talk, "%s", err->text);
        *err = (carat_err){0};
        carat_conversation_drop(&c->c);
        return CARAT_OK;
    }
    if (!st && n >= c->context) {
        fprintf(stderr,
                "carat: the context is full: this turn needs %zu positions of %zu; /undo takes a turn back, "
                "/reset "
                "starts over, -c makes more room\n",
                n + 1, c->context);
        carat_conversation_drop(&c->c);
    } else if (!st) {
        st = write_reply(c, ids, n, err);
    }
    carat_release(ids);
    return st;
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

typedef struct command {
    const char *name, *arg, *help;
    carat_status (*run)(struct chat *c, const char *arg, carat_err *err);
} command;

static carat_status do_help(struct chat *c, const char *arg, carat_err *err);

static carat_status do_reset(struct chat *c, const char *arg, carat_err *err)
{
    (void)arg;
    carat_conversation_free(&c->c);
    carat_note(&c->a->common.talk, "a new conversation");
    return c->a->system ? carat_conversation_system(&c->c, c->a->system, err) : CARAT_OK;
}

static carat_status do_system(struct chat *c, const char *arg, carat_err *err)
{
    carat_status st = carat_conversation_system(&c->c, *arg ? arg : NULL, err);
    if (!st)
        carat_note(&c->a->common.talk, *arg ? "the system turn is set" : "no system turn");
    return st;
}

static carat_status do_think(struct chat *c, const char *arg, carat_err *err)
{
    (void)err;
    if (*arg && strcmp(arg, "on") != 0 && strcmp(arg, "off") != 0) {
        carat_note(&c->a->common.talk, "/think %s: on or off", arg);
        return CARAT_OK;
    }
    c->c.thinking = *arg ? strcmp(arg, "on") == 0 : !c->c.thinking;
    carat_note(&c->a->common.talk, "thinking is %s", c->c.thinking ? "on" : "off");
    return CARAT_OK;
}

/* Files are a person's affair: what is wrong with one is told, and the conversation goes on. */
static carat_status tell(struct chat *c, carat_status st, const char *done, const char *path, carat_err *err)
{
    if (st && st != CARAT_ENOMEM && st != CARAT_EINTR) {
        fprintf(stderr, "carat: %s\n", err->text);
        *err = (carat_err){0};
        return CARAT_OK;
    }
    if (!st)
        carat_note(&c->a->common.talk, "%s %s: %zu messages", done, path, c->c.n);
    return st;
}

static carat_status do_save(struct chat *c, const char *arg, carat_err *err)
{
    carat_status st = *arg ? carat_conversation_save(&c->c, arg, err)
                           : carat_fail(err, CARAT_EUSAGE, "/save FILE: which file?");
    return tell(c, st, "wrote", arg, err);
}

static carat_status do_load(struct chat *c, const char *arg, carat_err *err)
{
    carat_status st = *arg ? carat_conversation_load(&c->c, arg, err)
                           : carat_fail(err, CARAT_EUSAGE, "/load FILE: which file?");
    return tell(c, st, "read", arg, err);
}

static bool last_is(const struct chat *c, const char *role)
{
    const char *last = carat_conversation_last(&c->c);
    return last && strcmp(last, role) == 0;
}

static carat_status do_regen(struct chat *c, const char *arg, carat_err *err)
{
    (void)arg;
    if (last_is(c, "assistant"))
        carat_conversation_drop(&c->c);
    if (carat_conversation_last(&c->c) && !last_is(c, "system"))
        return answer(c, err);
    carat_note(&c->a->common.talk, "there is no reply to write anew");
    return CARAT_OK;
}

static carat_status do_undo(struct chat *c, const char *arg, carat_err *err)
{
    (void)arg;
    (void)err;
    if (last_is(c, "assistant"))
        carat_conversation_drop(&c->c);
    if (last_is(c, "user"))
        carat_conversation_drop(&c->c);
    carat_note(&c->a->common.talk, "%zu messages are left", c->c.n);
    return CARAT_OK;
}

static carat_status do_stats(struct chat *c, const char *arg, carat_err *err)
{
    (void)arg;
    (void)err;
    const carat_generated *g = &c->last;
    size_t reused = g->n_prompt - g->computed;
    printf("prompt   %zu tokens: %zu computed, %zu reused; %.2f s\n", g->n_prompt, g->computed, reused,
           g->prompt_s);
    printf("reply    %zu tokens; %.2f s, %.1f tokens/s\n", g->n, g->decode_s,
           g->decode_s > 0 && g->n ? (double)(g->n - 1) / g->decode_s : 0);
    printf("context  %zu of %zu positions\n", carat_session_length(c->session, 0), c->context);
    return CARAT_OK;
}

static carat_status do_quit(struct chat *c, const char *arg, carat_err *err)
{
    (void)arg;
    (void)err;
    c->quit = true;
    return CARAT_OK;
}

static const command commands[] = {
    {"help", "", "this list", do_help},
    {"reset", "", "forget the conversation", do_reset},
    {"system", "TEXT", "put a system turn in front; without TEXT, none", do_system},
    {"think", "on|off", "let the model think before it answers", do_think},
    {"regen", "", "write the last reply anew", do_regen},
    {"undo", "", "take the last turn back", do_undo},
    {"save", "FILE", "write the conversation as JSON", do_save},
    {"load", "FILE", "go on with one that was saved", do_load},
    {"stats", "", "what the last reply took, and the room that is left", do_stats},
    {"quit", "", "leave; so does Ctrl-D", do_quit},
    {"exit", NULL, NULL, do_quit},
    {"clear", NULL, NULL, do_reset},
    {"retry", NULL, NULL, do_regen},
    {"?", NULL, NULL, do_help},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static carat_status do_help(struct chat *c, const char *arg, carat_err *err)
{
    (void)c;
    (void)arg;
    (void)err;
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].help)
            printf("/%-7s %-7s %s\n", commands[i].name, commands[i].arg, commands[i].help);
    puts("A line that ends with \\ goes on in the next; \"\"\" begins and ends a text of several lines. // "
         "begins a message\n"
         "with a slash. Ctrl-C stops a reply, arrows edit and find earlier lines, Ctrl-R searches them.");
    return CARAT_OK;
}

static carat_status do_command(struct chat *c, const char *line, carat_err *err)
{
    char name[16];
    size_t len = strcspn(line, " \t");
    const char *arg = line + len + strspn(line + len, " \t");
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name), line);
    carat_nearest near = {.word = name};
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(c, arg, err);
        carat_nearest_try(&near, commands[i].name);
    }
    if (near.best)
        carat_note(&c->a->common.talk, "no command /%s; did you mean /%s?", name, near.best);
    else
        carat_note(&c->a->common.talk, "no command /%s; /help lists them, // begins a message with a slash",
                   name);
    return CARAT_OK;
}

/* ---- turns --------------------------------------------------------------------------------------------------- */

static bool cut_end(carat_str *s, const char *end)
{
    if (!carat_ends(s->data, end))
        return false;
    s->len -= strlen(end);
    s->data[s->len] = 0;
    return true;
}

/* A message into c->typed: one line, or several after \ and between """. *end: no more input. */
static carat_status read_message(struct chat *c, bool *end, carat_err *err)
{
    const char *line, *quotes = "\"\"\"";
    bool quoted = false, more = false;
    carat_str_clear(&c->typed);
    do {
        carat_status st = carat_line_read(c->line, more ? ". " : "> ", &line, err);
        if (st)
            return st;
        *end = !line && !more;
        if (!line)
            return CARAT_OK;
        if (!more && carat_starts(line, quotes)) {
            quoted = true;
            line += strlen(quotes);
        } else if (more) {
            carat_str_putc(&c->typed, '\n');
        }
        bool words = *line;
        carat_str_puts(&c->typed, line);
        more = quoted ? !(words && cut_end(&c->typed, quotes)) : cut_end(&c->typed, "\\");
    } while (more);
    return carat_str_check(&c->typed, err);
}

static carat_status take_turn(struct chat *c, bool *end, carat_err *err)
{
    carat_status st = read_message(c, end, err);
    if (st == CARAT_EINTR && carat_line_edited(c->line) && carat_interrupt_forgive()) {
        carat_note(&c->a->common.talk, "Ctrl-D or /quit ends");
        *err = (carat_err){0};
        return CARAT_OK;
    }
    const char *text = c->typed.data;
    if (st || *end || !text[strspn(text, " \t\n")])
        return st;
    carat_line_remember(c->line, text);
    bool is_command = text[0] == '/' && text[1] != '/' && !strchr(text, '\n');
    if (is_command)
        st = do_command(c, text + 1, err);
    else if (!(st = carat_conversation_add(&c->c, "user", text + carat_starts(text, "//"), NULL, err)))
        st = answer(c, err);
    if (!st && carat_interrupted() && !(carat_line_edited(c->line) && carat_interrupt_forgive()))
        st = carat_fail(err, CARAT_EINTR, "interrupted");
    fflush(stdout);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

/* $XDG_STATE_HOME/carat/history into *path (left empty where there is no place for it). */
static void history_path(carat_str *path)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    carat_str dir = CARAT_STR_INIT;
    if (state && *state == '/')
        carat_str_printf(&dir, "%s/carat", state);
    else if (home && *home)
        carat_str_printf(&dir, "%s/.local/state/carat", home);
    if (dir.len && !carat_make_dir(dir.data, NULL))
        carat_path_join(path, dir.data, "history");
    carat_str_free(&dir);
}

static carat_status open_line(struct chat *c, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    history_path(&path);
    carat_status st = carat_line_open(path.len ? path.data : NULL, c->a->common.talk.color_out, &c->line,
                                      err);
    carat_str_free(&path);
    if (!st && carat_line_edited(c->line))
        carat_interrupt_patient();
    return st;
}

static carat_status open_all(struct chat *c, carat_err *err)
{
    const carat_infer *a = c->a;
    carat_status st = carat_infer_check(a, err);
    if (st || (st = carat_model_open(a->common.pos[0], &c->model, err)))
        return st;
    const carat_model_info *info = carat_model_describe(c->model);
    c->context = a->context ? (size_t)a->context : CONTEXT < info->context_max ? CONTEXT : info->context_max;
    c->c.thinking = a->think;
    if ((st = carat_tokenizer_open(info->path, &c->tokenizer, err)) ||
        (st = carat_infer_edition(a, c->model, &c->c.edition, err)) ||
        (st = carat_infer_session(a, c->model, c->context, &c->session, err)) ||
        (st = carat_infer_assistant(a, c->session, &c->assistant, err)) ||
        (st = a->system ? carat_conversation_system(&c->c, a->system, err) : CARAT_OK) ||
        (st = open_line(c, err)))
        return st;
    if (carat_line_edited(c->line))
        carat_note(&a->common.talk, "Gemma 4 %s, %s weights, context %zu; /help lists commands, Ctrl-D ends",
                   info->family, info->scheme, c->context);
    return CARAT_OK;
}

static int run(const void *args, carat_err *err)
{
    struct chat c = {.a = args, .typed = CARAT_STR_INIT};
    bool end = false;
    carat_status st = open_all(&c, err);
    while (!st && !end && !c.quit)
        st = take_turn(&c, &end, err);
    carat_line_close(c.line);
    carat_conversation_free(&c.c);
    carat_str_free(&c.typed);
    carat_assistant_report(&c.assistant, &c.a->common.talk);
    carat_assistant_close(&c.assistant);
    carat_session_close(c.session);
    carat_tokenizer_close(c.tokenizer);
    carat_model_close(c.model);
    return carat_cmd_exit(st, err);
}

static const carat_opt options[] = {CARAT_INFER_OPTIONS, {0}};

const carat_cmd carat_cmd_chat = {
    .name = "chat",
    .summary = "talk with a model",
    .usage = "MODEL [options]",
    .detail = "On a terminal: lines are edited and kept in $XDG_STATE_HOME/carat/history, replies are shown "
              "as they are\n"
              "written, thoughts dim; Ctrl-C stops a reply, Ctrl-D ends, /help lists commands. From a pipe "
              "each line is a\n"
              "message, and the answers alone go to stdout. What a turn shares with those before it is not "
              "computed again.",
    .example = "$ carat chat gemma-4-E2B-it --think --system 'Be brief.'\n"
               "$ printf 'Hello!\\nAnd in French?\\n' | carat chat gemma-4-E2B-it",
    .options = options,
    .args_size = sizeof(carat_infer),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
