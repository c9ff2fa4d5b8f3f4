/* carat text: text <-> ids; requests and replies are in text_chat.c.                                                 SPDX-License-Identifier: Apache-2.0
 *
 * With --jsonl one line in is one line out, written at once, so that another program can ask and wait. A line that cannot be read
 * ends the command and is named by its number. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/tensor/store.h"
#include "runtime/text/scan.h"
#include "runtime/tool/text.h"

/* ---- the work --------------------------------------------------------------------------------------------------- */

carat_status carat_text_put_ids(carat_text_job *j, const char *text, size_t len)
{
    int32_t *ids;
    size_t n;
    int flags = j->args->plain ? CARAT_ENCODE_PLAIN : 0;
    carat_status st = carat_encode(j->t, text, len, flags, &ids, &n, j->err);
    if (st)
        return st;
    carat_jw w = carat_jw_begin(&j->out);
    carat_jw_open(&w, '[');
    if (j->bos >= 0)
        carat_jw_i64(&w, j->bos);
    for (size_t i = 0; i < n; i++)
        carat_jw_i64(&w, ids[i]);
    carat_jw_close(&w);
    carat_str_putc(&j->out, '\n');
    carat_release(ids);
    return CARAT_OK;
}

static carat_status encode_all(carat_text_job *j)
{
    return carat_text_put_ids(j, j->in.data, j->in.len);
}

static carat_status encode_line(carat_text_job *j)
{
    carat_span text = {"", 0};
    carat_scan s = carat_scan_begin(j->in.data, j->in.len);
    if (carat_scan_string(&s, &j->buffer, &text))
        carat_scan_finish(&s);
    carat_status st = carat_scan_check(&s, j->err);
    return st ? st : carat_text_put_ids(j, text.data, text.len);
}

/* An array of ids -> the text of all of them; the caller releases it. */
static carat_status decode_one(carat_text_job *j, carat_scan *s, char **text, size_t *len)
{
    size_t n = 0;
    carat_status st = CARAT_OK;
    for (bool more = carat_scan_open(s, '['); more && !st; more = carat_scan_more(s, ']')) {
        uint32_t id;
        if (!carat_scan_u32(s, &id))
            break;
        if (id > INT32_MAX)
            st = carat_fail(j->err, CARAT_EFORMAT, "id %" PRIu32 " is outside of the vocabulary", id);
        else
            st = carat_grow((void **)&j->ids, &j->ids_cap, n + 1, sizeof *j->ids, j->err);
        if (!st)
            j->ids[n++] = (int32_t)id;
    }
    if (!st)
        st = carat_scan_check(s, j->err);
    int flags = j->args->skip_special ? CARAT_DECODE_SKIP_SPECIAL : 0;
    return st ? st : carat_decode(j->t, j->ids, n, flags, text, len, j->err);
}

static carat_status decode_all(carat_text_job *j)
{
    carat_scan s = carat_scan_begin(j->in.data, j->in.len);
    do {
        char *text;
        size_t len;
        carat_status st = decode_one(j, &s, &text, &len);
        if (st)
            return st;
        carat_str_add(&j->out, text, len);
        carat_release(text);
    } while (carat_scan_peek(&s));
    carat_scan_finish(&s);
    return carat_scan_check(&s, j->err);
}

static carat_status decode_line(carat_text_job *j)
{
    carat_scan s = carat_scan_begin(j->in.data, j->in.len);
    char *text;
    size_t len;
    carat_status st = decode_one(j, &s, &text, &len);
    if (st)
        return st;
    if (!carat_scan_finish(&s)) {
        carat_release(text);
        return carat_scan_check(&s, j->err);
    }
    carat_jw w = carat_jw_begin(&j->out);
    carat_jw_bytes(&w, text, len);
    carat_str_putc(&j->out, '\n');
    carat_release(text);
    return CARAT_OK;
}

/* ---- standard input and output ---------------------------------------------------------------------------------- */

typedef carat_status work_fn(carat_text_job *j);

static carat_status input_error(carat_err *err)
{
    if (carat_interrupted())
        return carat_fail(err, CARAT_EINTR, "interrupted");
    return carat_fail_errno(err, "standard input");
}

static carat_status flush(carat_text_job *j)
{
    carat_status st = carat_str_check(&j->out, j->err);
    if (!st && (fwrite(j->out.data, 1, j->out.len, stdout) != j->out.len || fflush(stdout)))
        st = carat_fail_errno(j->err, "standard output");
    carat_str_clear(&j->out);
    return st;
}

static carat_status run_all(carat_text_job *j, work_fn *work)
{
    char chunk[1 << 16];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        carat_str_add(&j->in, chunk, got);
    if (ferror(stdin))
        return input_error(j->err);
    carat_status st = carat_str_check(&j->in, j->err);
    if (!st)
        st = work(j);
    return st ? carat_fail_in(j->err, st, "standard input") : flush(j);
}

static carat_status run_lines(carat_text_job *j, work_fn *work)
{
    char *line = NULL, where[48];
    size_t cap = 0, number = 0;
    ssize_t len;
    carat_status st = CARAT_OK;
    while (!st && (errno = 0, len = getline(&line, &cap, stdin)) >= 0) {
        number++;
        carat_str_clear(&j->in);
        carat_str_add(&j->in, line, (size_t)len - (line[len - 1] == '\n'));
        st = carat_str_check(&j->in, j->err);
        if (!st)
            st = work(j);
        if (st) {
            snprintf(where, sizeof where, "standard input, line %zu", number);
            carat_fail_in(j->err, st, where);
        } else {
            st = flush(j);
        }
        if (!st && carat_interrupted())
            st = input_error(j->err);
    }
    if (!st && (ferror(stdin) || errno))
        st = input_error(j->err);
    free(line);
    return st;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

typedef struct action {
    const char *name, *options; /* that it knows, beside --jsonl */
    work_fn *all, *line;
} action;

static const action actions[] = {
    {"encode", "plain add-bos", encode_all, encode_line},
    {"decode", "skip-special", decode_all, decode_line},
    {"render", "ids template", carat_text_render_all, carat_text_render_line},
    {"parse", "", carat_text_parse_all, carat_text_parse_line},
};

static carat_status find_action(const carat_text_args *a, const action **out, carat_err *err)
{
    const char *name = a->common.pos[0];
    const struct {
        const char *name;
        bool given;
    } given[] = {{"plain", a->plain},
                 {"add-bos", a->add_bos},
                 {"skip-special", a->skip_special},
                 {"ids", a->ids},
                 {"template", a->template != NULL}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) != 0)
            continue;
        *out = &actions[i];
        for (size_t k = 0; k < sizeof given / sizeof *given; k++)
            if (given[k].given && !strstr(actions[i].options, given[k].name))
                return carat_fail(err, CARAT_EUSAGE, "text %s knows no option --%s", name, given[k].name);
        return CARAT_OK;
    }
    return carat_fail(err, CARAT_EUSAGE, "text %s: it is encode, decode, render or parse", name);
}

/* A bare tokenizer.json, or a MODEL as everywhere. */
static carat_status open_tokenizer(const char *path, carat_tokenizer **out, carat_err *err)
{
    if (carat_is_file(path) && !carat_ends(path, ".safetensors"))
        return carat_tokenizer_open(path, out, err);
    char *dir = NULL;
    carat_status st = carat_store_resolve(path, &dir, err);
    if (!st)
        st = carat_tokenizer_open(dir, out, err);
    free(dir);
    return st;
}

/* What the action needs of MODEL. Replies are the same for all, so that parse only asks whether there is one. */
static carat_status prepare(carat_text_job *j, const action *act)
{
    const carat_text_args *a = j->args;
    const char *model = a->common.pos[1];
    bool render = act->all == carat_text_render_all, parse = act->all == carat_text_parse_all;
    carat_status st = render ? carat_text_edition(j) : CARAT_OK;
    char *dir = NULL;
    if (parse && !carat_is_file(model))
        st = carat_store_resolve(model, &dir, j->err);
    free(dir);
    if (!st && !parse && (!render || a->ids))
        st = open_tokenizer(model, &j->t, j->err);
    if (!st && a->add_bos && (j->bos = carat_tokenizer_id(j->t, "<bos>")) < 0)
        st = carat_fail(j->err, CARAT_ESUPPORT, "%s: --add-bos, but there is no token <bos>", model);
    return st;
}

static int run(const void *args, carat_err *err)
{
    const carat_text_args *a = args;
    const action *act = NULL;
    carat_text_job j = {.args = a,
                        .bos = -1,
                        .in = CARAT_STR_INIT,
                        .out = CARAT_STR_INIT,
                        .buffer = CARAT_STR_INIT,
                        .err = err};
    carat_status st = find_action(a, &act, err);
    if (!st)
        st = prepare(&j, act);
    if (!st)
        st = a->jsonl ? run_lines(&j, act->line) : run_all(&j, act->all);
    carat_str_free(&j.in);
    carat_str_free(&j.out);
    carat_str_free(&j.buffer);
    carat_free(j.ids);
    carat_tokenizer_close(j.t);
    return carat_cmd_exit(st, err);
}

static const carat_opt options[] = {
    {"jsonl", 0, CARAT_OPT_FLAG, offsetof(carat_text_args, jsonl), NULL, "one JSON value a line, in and out"},
    {"plain", 0, CARAT_OPT_FLAG, offsetof(carat_text_args, plain), NULL,
     "encode: special tokens are ordinary text"},
    {"add-bos", 0, CARAT_OPT_FLAG, offsetof(carat_text_args, add_bos), NULL, "encode: put <bos> in front"},
    {"skip-special", 0, CARAT_OPT_FLAG, offsetof(carat_text_args, skip_special), NULL,
     "decode: leave special tokens out"},
    {"ids", 0, CARAT_OPT_FLAG, offsetof(carat_text_args, ids), NULL, "render: ids instead of text"},
    {"template", 0, CARAT_OPT_TEXT, offsetof(carat_text_args, template), "EDITION",
     "render: auto (what MODEL ships), large or small"},
    {0},
};

const carat_cmd carat_cmd_text = {
    .name = "text",
    .summary = "text to token ids and back, conversations to prompts, replies to messages",
    .usage = "encode|decode|render|parse MODEL [options] < INPUT",
    .detail =
        "encode: text on standard input -> one JSON array of ids; with --jsonl each line is a JSON string.\n"
        "decode: JSON arrays of ids -> text; with --jsonl one array a line -> one JSON string a line.\n"
        "render: a request as JSON -> the prompt that the official chat template of 2026-07-09 makes of it; "
        "with\n"
        "  --jsonl one request a line -> one JSON string a line, or {\"error\"} where the template refuses. "
        "A request\n"
        "  is {\"messages\", \"tools\", \"add_generation_prompt\", \"enable_thinking\", "
        "\"preserve_thinking\"} in the\n"
        "  shapes of Hugging Face. A MODEL with another template is refused unless --template is given.\n"
        "parse: {\"text\": a raw reply, \"prefix\": its prompt, \"tools\"} -> {\"thought\", \"content\", "
        "\"tool_calls\"}, as\n"
        "  transformers reads it; prefix and tools may be absent.\n"
        "For encode and decode MODEL may also be a bare tokenizer.json.",
    .example = "$ printf 'Hello, world' | carat text encode google/gemma-4-E2B-it\n[9259,236764,1902]\n"
               "$ echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' | carat text render "
               "google/gemma-4-E2B-it\n"
               "<bos><|turn>user\nHi<turn|>",
    .options = options,
    .args_size = sizeof(carat_text_args),
    .npos_min = 2,
    .npos_max = 2,
    .run = run,
};
