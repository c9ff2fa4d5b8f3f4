/* Questions to ids, and what was written to answers (local.h).                     SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/backends/local.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

/* The exact text of a question; malloc'ed (carat_release). */
static carat_status render(const carat_local *l, const carat_question *q, char **text, size_t *len,
                           carat_err *err)
{
    if (!l->edition) {
        if (err)
            *err = l->frameless;
        return l->frameless.status;
    }
    carat_str request = CARAT_STR_INIT;
    carat_str_printf(&request, "{\"messages\": %s, \"add_generation_prompt\": true, \"enable_thinking\": %s}",
                     q->messages, q->thinking ? "true" : "false");
    carat_status st = carat_str_check(&request, err);
    if (!st)
        st = carat_chat_render(l->edition, request.data, request.len, text, len, err);
    carat_str_free(&request);
    return st;
}

static carat_status hash_text(const char *text, size_t len, char hex[65], carat_err *err)
{
    carat_sha256 *h;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    carat_sha256_add(h, text, len);
    carat_sha256_finish(h, hex);
    return CARAT_OK;
}

/* The template writes its BOS itself; before plain text it is ours. */
static carat_status encode(const carat_local *l, const char *text, size_t len, bool plain,
                           carat_local_prompt *out, carat_err *err)
{
    int32_t bos = carat_model_describe(l->model)->bos, *body;
    size_t n;
    carat_status st = carat_encode(l->tokenizer, text, len, 0, &body, &n, err);
    if (st)
        return st;
    bool opens = plain && bos >= 0;
    if ((out->ids = carat_alloc(n + 1, sizeof *out->ids, err))) {
        out->ids[0] = bos;
        memcpy(out->ids + opens, body, n * sizeof *body);
        out->n = n + opens;
    }
    carat_release(body);
    return out->ids ? CARAT_OK : CARAT_ENOMEM;
}

carat_status carat_local_prompt_make(const carat_local *l, const carat_question *q, carat_local_prompt *out,
                                     carat_err *err)
{
    char *rendered = NULL;
    size_t len = q->prompt ? strlen(q->prompt) : 0;
    carat_status st = q->prompt ? CARAT_OK : render(l, q, &rendered, &len, err);
    const char *text = q->prompt ? q->prompt : rendered;
    if (!st && !(st = hash_text(text, len, out->sha256, err)))
        st = encode(l, text, len, q->prompt != NULL, out, err);
    carat_release(rendered);
    return st;
}

void carat_local_prompt_free(carat_local_prompt *p)
{
    carat_free(p->ids);
    *p = (carat_local_prompt){0};
}

static const char *finish_name(carat_finish f)
{
    return f == CARAT_FINISH_STOP ? "stop" : f == CARAT_FINISH_LENGTH ? "length" : "context";
}

/* A character that no C string can hold becomes U+FFFD: NUL bytes here, their escapes in JSON below. */
static void put_raw(carat_str *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i])
            carat_str_putc(out, text[i]);
        else
            carat_str_puts(out, "\xef\xbf\xbd");
}

static void put_json(carat_str *out, const char *json, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = json[i] == '\\' && i + 1 < len ? 2 : 1;
        if (n == 2 && len - i >= 6 && memcmp(json + i, "\\u0000", 6) == 0) {
            carat_str_puts(out, "\\ufffd");
            n = 6;
        } else {
            carat_str_add(out, json + i, n);
        }
        i += n;
    }
}

carat_status carat_local_answer(const carat_local *l, const carat_generated *g, carat_answer *out,
                                carat_local_deliver_fn *fn, void *ctx, carat_err *err)
{
    char *text;
    size_t len;
    carat_json *reply = NULL;
    carat_str raw = CARAT_STR_INIT, json = CARAT_STR_INIT;
    carat_status st = carat_decode(l->tokenizer, g->ids, g->n, 0, &text, &len, err);
    if (st)
        return st;
    put_raw(&raw, text, len);
    carat_release(text);
    if (g->json)
        put_json(&json, g->json, g->json_len);
    if ((st = carat_str_check(&raw, err)) || (st = carat_str_check(&json, err)) ||
        (json.len && (st = carat_json_parse(json.data, json.len, &reply, err))))
        goto out;
    carat_json_text(carat_json_get(reply, "thought"), "thought", &out->thought, NULL);
    carat_json_text(carat_json_get(reply, "content"), "content", &out->content, NULL);
    out->raw = raw.data;
    out->finish = finish_name(g->finish);
    out->prompt_tokens = g->n_prompt;
    out->reply_tokens = g->n;
    st = fn(ctx, out, err);
out:
    carat_json_free(reply);
    carat_str_free(&json);
    carat_str_free(&raw);
    return st;
}
