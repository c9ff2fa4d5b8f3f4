/* Texts -> windows of token ids (windows.h).                                       SPDX-License-Identifier: Apache-2.0 */
#include "eval/windows.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/table.h"
#include "runtime/base/file.h"

enum { MAX_TEXT = 1 << 30 };

/* Texts being cut. */
typedef struct reading {
    const carat_eval *e;
    carat_windows *out;
    const char *usual;    /* category of texts that name none; NULL: none */
    const char *category; /* of the text at hand */
} reading;

static carat_status add_window(carat_windows *w, carat_window one, carat_err *err)
{
    carat_status st = carat_grow((void **)&w->window, &w->cap, w->n + 1, sizeof one, err);
    if (!st)
        w->window[w->n++] = one;
    return st;
}

static bool full(const reading *r)
{
    return r->e->limit && r->out->n == r->e->limit;
}

/* ---- plain text ---------------------------------------------------------------------------------------------- */

/* Bytes of the next piece of a text, of at most `room`: it ends at a break in the second half, else between two characters. */
static size_t piece_length(const char *text, size_t len, size_t room)
{
    if (len <= room)
        return len;
    for (const char *breaks = "\n "; *breaks; breaks++)
        for (size_t n = room; n > room / 2; n--)
            if (text[n - 1] == *breaks)
                return n;
    size_t n = room;
    while (n > room - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static carat_status text_pieces(const reading *r, const char *text, size_t len, carat_err *err)
{
    enum { BYTES = 3 /* a token: rather too few than too many for the server */ };
    carat_status st = CARAT_OK;
    if (memchr(text, 0, len))
        return carat_fail(err, CARAT_EFORMAT, "a NUL in the text, which no request can hold");
    for (size_t at = 0, n; at < len && !st && !full(r); at += n) {
        n = piece_length(text + at, len - at, (size_t)BYTES * r->e->context);
        char *copy = carat_arena_copy(&r->out->arena, text + at, n, err);
        st = copy ? add_window(r->out, (carat_window){.text = copy, .n = n, .category = r->category}, err)
                  : CARAT_ENOMEM;
    }
    return st;
}

static carat_status text_windows(const reading *r, const char *text, size_t len, carat_err *err)
{
    const carat_eval *e = r->e;
    carat_windows *out = r->out;
    int32_t *ids = NULL;
    size_t n, bos = e->model->bos >= 0;
    if (out->pieces)
        return text_pieces(r, text, len, err);
    carat_status st = carat_encode(e->model->tokenizer, text, len, 0, &ids, &n, err);
    if (st)
        return st;
    size_t room = e->context - bos, stride = e->stride;
    for (size_t at = 0, scored = 0; scored < n && !st && !full(r); at += stride) {
        size_t end = n - at < room ? n : at + room, m = end - at + bos;
        int32_t *copy = carat_arena_alloc(&out->arena, m, sizeof *copy, err);
        if (!copy) {
            st = CARAT_ENOMEM;
            break;
        }
        if (bos)
            copy[0] = e->model->bos;
        memcpy(copy + bos, ids + at, (end - at) * sizeof *copy);
        size_t from = scored - at + bos;
        /* without a BOS the very first token has nothing to be predicted from */
        carat_window one = {.ids = copy, .n = m, .from = from ? from : 1, .category = r->category};
        if (one.from < one.n)
            st = add_window(out, one, err);
        scored = end;
    }
    carat_release(ids);
    return st;
}

/* ---- conversations ------------------------------------------------------------------------------------------- */

static carat_status message(const carat_json *m, const char **role, const char **content, carat_err *err)
{
    carat_status st = carat_json_text(carat_json_get(m, "role"), "role", role, err);
    return st ? st : carat_json_text(carat_json_get(m, "content"), "content", content, err);
}

static void trimmed(carat_str *out, const char *text)
{
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    while (len && strchr(" \t\r\n", *text)) {
        text++;
        len--;
    }
    carat_str_add(out, text, len);
}

/* The conversation up to where the last reply begins, and that reply. */
static carat_status frame(const carat_json *messages, bool large, carat_str *prompt, carat_str *reply,
                          carat_err *err)
{
    carat_str_puts(prompt, "<bos>");
    for (const carat_json *m = carat_json_first(messages); m; m = carat_json_next(m)) {
        const char *role, *content;
        carat_status st = message(m, &role, &content, err);
        if (st)
            return st;
        bool assistant = strcmp(role, "assistant") == 0 || strcmp(role, "model") == 0;
        if (!assistant && strcmp(role, "user") != 0 && strcmp(role, "system") != 0)
            return carat_fail(err, CARAT_EFORMAT, "role '%s': system, user or assistant", role);
        if (assistant && !carat_json_next(m)) {
            carat_str_puts(prompt, large ? "<|turn>model\n<|channel>thought\n<channel|>" : "<|turn>model\n");
            trimmed(reply, content);
            carat_str_puts(reply, "<turn|>");
            return CARAT_OK;
        }
        carat_str_printf(prompt, "<|turn>%s\n", assistant ? "model" : role);
        trimmed(prompt, content);
        carat_str_puts(prompt, "<turn|>\n");
    }
    return carat_fail(err, CARAT_EFORMAT, "a conversation must end with a message of the assistant");
}

static carat_status chat_window(const reading *r, const carat_json *messages, carat_err *err)
{
    const carat_eval *e = r->e;
    carat_str prompt = CARAT_STR_INIT, reply = CARAT_STR_INIT;
    int32_t *a = NULL, *b = NULL;
    size_t na = 0, nb = 0;
    carat_status st = frame(messages, e->model->large, &prompt, &reply, err);
    if (st || (st = carat_encode(e->model->tokenizer, prompt.data, prompt.len, 0, &a, &na, err)) ||
        (st = carat_encode(e->model->tokenizer, reply.data, reply.len, 0, &b, &nb, err)))
        goto out;
    if (na + nb > e->context) {
        st = carat_fail(err, CARAT_EUSAGE, "a conversation of %zu tokens: --context %" PRIu32 " is too small",
                        na + nb, e->context);
        goto out;
    }
    int32_t *ids = carat_arena_alloc(&r->out->arena, na + nb, sizeof *ids, err);
    if (!ids) {
        st = CARAT_ENOMEM;
        goto out;
    }
    memcpy(ids, a, na * sizeof *ids);
    memcpy(ids + na, b, nb * sizeof *ids);
    st = add_window(r->out, (carat_window){.ids = ids, .n = na + nb, .from = na, .category = r->category},
                    err);
out:
    carat_release(a);
    carat_release(b);
    carat_str_free(&prompt);
    carat_str_free(&reply);
    return st;
}

/* ---- tables, files, directories ------------------------------------------------------------------------------ */

static carat_status read_row(void *ctx, const carat_json *row, const carat_str *unused, carat_err *err)
{
    reading *r = ctx;
    const carat_json *messages = carat_json_get(row, "messages"), *category = carat_json_get(row, "category");
    const char *text, *name;
    carat_status st = CARAT_OK;
    (void)unused;
    if (full(r))
        return CARAT_OK;
    r->category = r->usual;
    if (category) {
        if ((st = carat_json_text(category, "category", &name, err)))
            return st;
        if (!(r->category = carat_arena_copy(&r->out->arena, name, strlen(name), err)))
            return CARAT_ENOMEM;
    }
    if (messages && r->out->pieces)
        return carat_fail(err, CARAT_EUSAGE,
                          "a conversation over an endpoint needs --tokenizer: the reply alone is scored");
    if (messages) {
        r->out->chat = true;
        return chat_window(r, messages, err);
    }
    if (!carat_json_get(row, "text"))
        return carat_fail(err, CARAT_EFORMAT, "neither \"messages\" nor \"text\"");
    st = carat_json_text(carat_json_get(row, "text"), "text", &text, err);
    return st ? st : text_windows(r, text, strlen(text), err);
}

static bool is_table(const char *path)
{
    return carat_starts(path, "sample:") || carat_ends(path, ".jsonl") || carat_ends(path, ".parquet") ||
           carat_ends(path, ".csv");
}

static carat_status read_file(reading *r, const char *path, carat_err *err)
{
    char *text;
    size_t len;
    if (is_table(path))
        return carat_table_each(path, read_row, r, err);
    carat_status st = carat_read_file(path, MAX_TEXT, &text, &len, err);
    if (st)
        return st;
    r->category = r->usual;
    st = text_windows(r, text, len, err);
    free(text);
    return st ? carat_fail_in(err, st, path) : CARAT_OK;
}

static carat_status read_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    reading *r = ctx;
    if (*name == '.' || !carat_is_file(path) || !(carat_ends(name, ".txt") || is_table(name)))
        return CARAT_OK;
    r->usual = carat_arena_copy(&r->out->arena, name, (size_t)(strrchr(name, '.') - name), err);
    return r->usual ? read_file(r, path, err) : CARAT_ENOMEM;
}

static carat_status check(const carat_eval *e, const char *suite, bool logits, carat_err *err)
{
    const carat_backend *b = e->model;
    if (logits ? !b->score : !b->nll && !b->nll_text)
        return carat_fail(
            err, CARAT_ESUPPORT,
            "%s needs all logits of a text, which no endpoint gives: run it on the checkpoint itself", suite);
    if (!b->tokenizer && !b->nll_text)
        return carat_fail(err, CARAT_EFORMAT, "the model has no readable tokenizer.json, which %s needs",
                          suite);
    if (!b->tokenizer && e->stride != e->context - 1)
        return carat_fail(err, CARAT_EUSAGE, "--stride over an endpoint needs --tokenizer, to count tokens");
    if (e->context < 2 || e->stride < 1 || e->stride > e->context - 1)
        return carat_fail(err, CARAT_EUSAGE,
                          "--context %" PRIu32 " --stride %" PRIu32 ": the stride is from 1 to context - 1",
                          e->context, e->stride);
    return CARAT_OK;
}

carat_status carat_windows_open(const carat_eval *e, const char *suite, bool logits, carat_windows *out,
                                carat_err *err)
{
    const char *data = e->data ? e->data : "sample:texts";
    *out = (carat_windows){.pieces = !e->model->tokenizer};
    reading r = {.e = e, .out = out};
    carat_status st = check(e, suite, logits, err);
    if (st)
        return st;
    st = carat_is_dir(data) ? carat_each_entry(data, read_entry, &r, err) : read_file(&r, data, err);
    if (!st && !out->n)
        st = carat_fail(err, CARAT_EFORMAT, "%s: no token to score", data);
    if (st)
        carat_windows_close(out);
    return st;
}

void carat_windows_close(carat_windows *w)
{
    free(w->window);
    carat_arena_free(&w->arena);
    *w = (carat_windows){0};
}

carat_status carat_window_bytes(const carat_eval *e, const carat_window *w, uint64_t *bytes, carat_err *err)
{
    *bytes = 0;
    for (size_t i = w->from; i < w->n; i++) {
        char *text;
        size_t len;
        carat_status st = carat_decode(e->model->tokenizer, w->ids + i, 1, 0, &text, &len, err);
        if (st)
            return st;
        *bytes += strcmp(text, "\xef\xbf\xbd") == 0 ? 1 : len; /* a byte token that is no character alone */
        carat_release(text);
    }
    return CARAT_OK;
}

void carat_window_groups(const carat_window *one, carat_jw *w)
{
    if (!one->category)
        return;
    carat_jw_key(w, "groups");
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "category", one->category);
    carat_jw_close(w);
}

/* ---- what items wrote ---------------------------------------------------------------------------------------- */

carat_status carat_series_read(const carat_json *const *results, size_t n, const char *key, carat_series *out,
                               carat_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += carat_json_count(carat_json_get(results[i], key));
    *out = (carat_series){carat_alloc(total, sizeof(double), err), carat_alloc(total, sizeof(uint32_t), err),
                          0};
    if (!out->value || !out->cluster) {
        carat_series_free(out);
        return CARAT_ENOMEM;
    }
    uint32_t cluster = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        for (const carat_json *v = carat_json_first(carat_json_get(results[i], key)); v;
             v = carat_json_next(v), k++) {
            cluster += k > 0 && k % CARAT_CLUSTER_TOKENS == 0;
            carat_status st = carat_json_f64(v, key, &out->value[out->n], err);
            if (st) {
                carat_series_free(out);
                return st;
            }
            out->cluster[out->n++] = cluster;
        }
        cluster++;
    }
    return CARAT_OK;
}

void carat_series_free(carat_series *s)
{
    carat_free(s->value);
    carat_free(s->cluster);
    *s = (carat_series){0};
}

carat_observations carat_series_of(const carat_series *s, uint64_t seed)
{
    return (carat_observations){s->value, s->cluster, s->n, seed};
}
