/* Replies in OpenAI's protocol (openai_reply.h).                                   SPDX-License-Identifier: Apache-2.0 */
#include "eval/backends/openai_reply.h"

#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/unicode.h"

carat_oai_reply carat_oai_reply_begin(void)
{
    return (carat_oai_reply){.text = CARAT_STR_INIT,
                             .thought = CARAT_STR_INIT,
                             .content = CARAT_STR_INIT,
                             .error = CARAT_STR_INIT};
}

void carat_oai_reply_free(carat_oai_reply *r)
{
    carat_str_free(&r->text);
    carat_str_free(&r->thought);
    carat_str_free(&r->content);
    carat_str_free(&r->error);
}

void carat_oai_reply_clear(carat_oai_reply *r)
{
    carat_oai_reply_free(r);
    *r = carat_oai_reply_begin();
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

/* The text of a member, or NULL: absent, null. Another type is an error. */
static carat_status member(const carat_json *obj, const char *key, const char **out, carat_err *err)
{
    const carat_json *n = carat_json_get(obj, key);
    *out = NULL;
    return n ? carat_json_text(n, key, out, err) : CARAT_OK;
}

static const char *message_of(const carat_json *e)
{
    static const char *const keys[] = {"message", "detail", "error", "msg"};
    const char *text;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!carat_json_text(carat_json_get(e, keys[i]), keys[i], &text, NULL))
            return text;
    return NULL;
}

void carat_oai_error(const char *body, size_t len, carat_str *out)
{
    enum { MOST = 300 };
    carat_json *root = NULL;
    const char *text = NULL;
    if (!carat_json_parse(body, len, &root, NULL)) {
        const carat_json *e = carat_json_get(root, "error");
        text = carat_json_is_object(e) ? message_of(e) : message_of(root);
    }
    if (!text)
        text = body;
    else
        len = strlen(text);
    size_t n = len < MOST ? len : MOST;
    while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; /* between characters */
    for (size_t i = 0; i < n; i++)
        carat_str_putc(out, (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i]);
    if (n < len)
        carat_str_puts(out, " ...");
    carat_json_free(root);
}

static void count(const carat_json *obj, const char *key, uint64_t *out)
{
    carat_json_u64(carat_json_get(obj, key), key, 0, UINT64_MAX, out, NULL);
}

/* A server may fill both names of the thought with the same text: one counts. */
static carat_status read_parts(carat_oai_reply *r, const carat_json *message, const char *key, carat_err *err)
{
    const char *text, *thought;
    carat_status st = member(message, "reasoning", &thought, err);
    if (!st && !thought)
        st = member(message, "reasoning_content", &thought, err);
    if (st || (st = member(message, key, &text, err)))
        return st;
    if (thought) {
        r->named_thought |= *thought != 0;
        carat_str_puts(&r->thought, thought);
    }
    if (text) {
        r->has_text = true;
        carat_str_puts(&r->text, text);
    }
    return CARAT_OK;
}

static carat_status read_choice(carat_oai_reply *r, const carat_json *choice, carat_err *err)
{
    const char *finish;
    const carat_json *delta = carat_json_get(choice, "delta"), *message = carat_json_get(choice, "message");
    carat_status st = CARAT_OK;
    if (delta || message)
        st = read_parts(r, delta ? delta : message, "content", err);
    else
        st = read_parts(r, choice, "text", err);
    if (st || (st = member(choice, "finish_reason", &finish, err)) || !finish || !*finish)
        return st;
    size_t n = strlen(finish);
    n = n < sizeof r->finish ? n : sizeof r->finish - 1;
    memcpy(r->finish, finish, n);
    r->finish[n] = 0;
    return CARAT_OK;
}

static carat_status read_object(carat_oai_reply *r, const carat_json *root, const char *json, size_t len,
                                carat_err *err)
{
    if (!carat_json_is_object(root))
        return carat_fail(err, CARAT_EFORMAT, "the reply is JSON, but no object");
    const carat_json *e = carat_json_get(root, "error"), *choices = carat_json_get(root, "choices");
    if (e) {
        uint64_t code = 0;
        carat_oai_error(json, len, &r->error);
        count(e, "code", &code);
        r->code = code >= 100 && code < 600 ? (int)code : 0;
        return carat_str_check(&r->error, err);
    }
    const carat_json *usage = carat_json_get(root, "usage");
    count(usage, "prompt_tokens", &r->prompt_tokens);
    count(usage, "completion_tokens", &r->reply_tokens);
    count(carat_json_get(usage, "prompt_tokens_details"), "cached_tokens", &r->cached_tokens);
    if (!carat_json_is_array(choices))
        return carat_fail(err, CARAT_EFORMAT, "the reply has no choices");
    carat_status st = CARAT_OK;
    for (const carat_json *c = carat_json_first(choices); c && !st; c = carat_json_next(c)) {
        uint64_t index = 0;
        count(c, "index", &index);
        if (index == 0) /* one was asked for */
            st = read_choice(r, c, err);
    }
    return st;
}

carat_status carat_oai_read(carat_oai_reply *r, const char *json, size_t len, carat_err *err)
{
    carat_json *root;
    if (len == 6 && memcmp(json, "[DONE]", 6) == 0) {
        r->done = true;
        return CARAT_OK;
    }
    carat_status st = carat_json_parse(json, len, &root, err);
    if (st)
        return st;
    st = read_object(r, root, json, len, err);
    carat_json_free(root);
    if (!st && (st = carat_str_check(&r->text, err)) == CARAT_OK)
        st = carat_str_check(&r->thought, err);
    return st;
}

const char *carat_oai_finish(const carat_oai_reply *r)
{
    static const char *const stop[] = {"stop", "eos", "eos_token", "end_turn", "stop_sequence"};
    static const char *const length[] = {"length", "max_tokens", "model_length"};
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (strcmp(r->finish, stop[i]) == 0)
            return "stop";
    for (size_t i = 0; i < sizeof length / sizeof *length; i++)
        if (strcmp(r->finish, length[i]) == 0)
            return "length";
    return NULL;
}

/* ---- channels ------------------------------------------------------------------------------------------------ */

/* Takes a part of the reply's text for the content, with the markers of Gemma 4 read and white space at the ends gone, as in a reply of
 * a model of carat's own. */
static carat_status read_channels(carat_oai_reply *r, const char *text, const char *prefix, carat_err *err)
{
    carat_reply *p;
    carat_json *root = NULL;
    const char *json, *part;
    size_t len;
    carat_status st = carat_reply_open(prefix, prefix ? strlen(prefix) : 0, NULL, NULL, NULL, &p, err);
    if (st)
        return st;
    if ((st = carat_reply_push(p, text, strlen(text), err)) ||
        (st = carat_reply_finish(p, &json, &len, err)) || (st = carat_json_parse(json, len, &root, err)))
        goto out;
    if (!carat_json_text(carat_json_get(root, "thought"), "thought", &part, NULL)) {
        if (r->thought.len)
            carat_str_putc(&r->thought, '\n');
        carat_str_puts(&r->thought, part);
    }
    r->has_content = !carat_json_text(carat_json_get(root, "content"), "content", &part, NULL);
    if (r->has_content)
        carat_str_puts(&r->content, part);
out:
    carat_json_free(root);
    carat_reply_close(p);
    return st;
}

/* Thoughts between <think> and </think>, as many other models write them; the template may have written the first marker. What is
 * behind them; NULL: nothing is. */
static const char *behind_think(carat_oai_reply *r)
{
    const char *text = r->text.data + strspn(r->text.data, " \r\n\t");
    bool opened = carat_starts(text, "<think>");
    const char *close = strstr(text, "</think>");
    if (!opened && !close)
        return r->text.data;
    if (opened)
        text += strlen("<think>");
    carat_str_add(&r->thought, text, close ? (size_t)(close - text) : strlen(text));
    return close ? close + strlen("</think>") : NULL;
}

/* Further thoughts, between parts of the answer: whole ones only, a marker alone may be what the answer is about. */
static const char *without_thinks(carat_oai_reply *r, const char *text, carat_str *rest)
{
    static const char open[] = "<think>", close[] = "</think>";
    const char *from, *to;
    while ((from = strstr(text, open)) && (to = strstr(from, close))) {
        carat_str_putc(&r->thought, '\n');
        carat_str_add(&r->thought, from + strlen(open), (size_t)(to - from) - strlen(open));
        carat_str_add(rest, text, (size_t)(from - text));
        text = to + strlen(close);
    }
    if (!rest->len)
        return text;
    carat_str_puts(rest, text);
    return rest->data;
}

static void trim_end(carat_str *s)
{
    while (s->len) {
        size_t n = 1;
        uint32_t cp;
        int skip;
        while (n < s->len && n < 4 && ((unsigned char)s->data[s->len - n] & 0xc0) == 0x80)
            n++;
        const char *p = s->data + s->len - n;
        if (carat_utf8_get(p, p + n, &cp, &skip) != (int)n || !carat_is_space(cp))
            return;
        s->len -= n;
        s->data[s->len] = 0;
    }
}

static void cut_at_stop(carat_oai_reply *r, const carat_question *q)
{
    size_t cut = r->content.len;
    for (size_t i = 0; i < q->n_stop; i++) {
        const char *at = *q->stop[i] ? strstr(r->content.data, q->stop[i]) : NULL;
        if (at && (size_t)(at - r->content.data) < cut)
            cut = (size_t)(at - r->content.data);
    }
    if (cut == r->content.len)
        return;
    r->content.len = cut;
    r->content.data[cut] = 0;
    if (q->messages)
        trim_end(&r->content);
    strcpy(r->finish, "stop"); /* whatever came behind it was not asked for */
}

carat_status carat_oai_divide(carat_oai_reply *r, const carat_question *q, carat_err *err)
{
    const char *text = r->has_text ? r->text.data : NULL;
    carat_str rest = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (text && !r->named_thought) {
        if (carat_starts(text + strspn(text, " \r\n\t"), "thought\n"))
            return carat_fail(
                err, CARAT_EFORMAT,
                "the reply begins with a thought whose markers the server has taken out: nothing "
                "tells it from the answer; start the server with a reasoning parser, or ask with "
                "\"skip_special_tokens\": false in --extra-body");
        const char *answer = behind_think(r);
        text = answer && answer != text ? without_thinks(r, answer, &rest) : answer;
    }
    if (!text)
        return carat_str_check(&r->thought, err);
    if ((st = carat_str_check(&rest, err)))
        goto out;
    const char *open = strstr(text, "<|channel>"), *close = strstr(text, "<channel|>");
    if (q->messages || open || close)
        st = read_channels(r, text, close && (!open || close < open) ? "<|channel>thought\n" : NULL, err);
    else {
        r->has_content = true;
        carat_str_puts(&r->content, text);
    }
    if (st || (st = carat_str_check(&r->content, err)) || (st = carat_str_check(&r->thought, err)))
        goto out;
    if (r->has_content)
        cut_at_stop(r, q);
out:
    carat_str_free(&rest);
    return st;
}
