/* The backend that asks a server in OpenAI's protocol: settings and requests.      SPDX-License-Identifier: Apache-2.0
 *
 * Source: OpenAI's API reference (chat completions, completions), vLLM's and llama.cpp's servers for what they add. */
#include "eval/backends/openai.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/backends/openai_reply.h"
#include "runtime/base/file.h"
#include "runtime/base/hash.h"
#include "runtime/base/mem.h"
#include "runtime/base/util.h"

/* ---- settings ------------------------------------------------------------------------------------------------ */

struct number_setting {
    const char *name;
    double *to;
    double low, high;
};

static carat_status set_number(const struct number_setting *s, const char *value, carat_err *err)
{
    char *end;
    double v = strtod(value, &end);
    if (!*value || *end || !(v >= s->low && v <= s->high))
        return carat_fail(err, CARAT_EUSAGE, "%s=%s: a number from %g to %g", s->name, value, s->low,
                          s->high);
    *s->to = v;
    return CARAT_OK;
}

struct choice_setting {
    const char *name, *choices[4];
};

/* The number of the choice that value is. */
static carat_status set_choice(const struct choice_setting *s, const char *value, int *out, carat_err *err)
{
    carat_str known = CARAT_STR_INIT;
    for (int i = 0; s->choices[i]; i++) {
        if (strcmp(value, s->choices[i]) == 0) {
            *out = i;
            carat_str_free(&known);
            return CARAT_OK;
        }
        carat_str_printf(&known, "%s%s", i ? ", " : "", s->choices[i]);
    }
    carat_status st = carat_fail(err, CARAT_EUSAGE, "%s=%s: one of %s", s->name, value, known.data);
    carat_str_free(&known);
    return st;
}

static carat_status set(carat_oai *o, const char *setting, carat_err *err)
{
    static const struct choice_setting choices[] = {
        {"stream", {"off", "on"}},
        {"thinking", {"template", "reasoning", "none"}},
        {"limit", {"max_tokens", "max_completion_tokens"}},
    };
    double tries = o->tries;
    const struct number_setting numbers[] = {{"connect", &o->limit.connect, 0.01, 3600},
                                             {"first", &o->limit.first, 0.01, 1e6},
                                             {"stall", &o->limit.stall, 0.01, 1e6},
                                             {"total", &o->limit.total, 0.01, 1e6},
                                             {"tries", &tries, 1, 100},
                                             {"backoff", &o->backoff, 0, 3600},
                                             {"wait", &o->wait_most, 0, 1e6}};
    size_t n = strcspn(setting, "=");
    int chosen = 0;
    carat_status st;
    for (size_t i = 0; setting[n] && i < sizeof choices / sizeof *choices; i++)
        if (strlen(choices[i].name) == n && strncmp(setting, choices[i].name, n) == 0) {
            if ((st = set_choice(&choices[i], setting + n + 1, &chosen, err)))
                return st;
            if (i == 0)
                o->stream = chosen;
            else if (i == 1)
                o->thinking = (carat_oai_thinking)chosen;
            else
                o->limit_name = choices[i].choices[chosen];
            return CARAT_OK;
        }
    for (size_t i = 0; setting[n] && i < sizeof numbers / sizeof *numbers; i++)
        if (strlen(numbers[i].name) == n && strncmp(setting, numbers[i].name, n) == 0) {
            st = set_number(&numbers[i], setting + n + 1, err);
            o->tries = (uint32_t)tries;
            return st;
        }
    return carat_fail(err, CARAT_EUSAGE,
                      "%s: NAME=VALUE; names are stream, thinking, limit, connect, first, stall, total, "
                      "tries, backoff, wait",
                      setting);
}

/* ---- the key ------------------------------------------------------------------------------------------------- */

static carat_status read_key(carat_oai *o, carat_err *err)
{
    static const char *const variables[] = {"CARAT_API_KEY", "OPENAI_API_KEY"};
    for (size_t i = 0; i < 2; i++) {
        const char *key = getenv(variables[i]);
        if (!key || !*key)
            continue;
        for (const char *p = key; *p; p++)
            if (*p <= ' ' || *p > '~')
                return carat_fail(
                    err, CARAT_EUSAGE,
                    "%s holds a blank, a line break or a character beyond ASCII: that is no key",
                    variables[i]);
        o->key = strdup(key);
        return o->key ? CARAT_OK : carat_fail(err, CARAT_ENOMEM, "out of memory for a key");
    }
    return CARAT_OK;
}

void carat_oai_hide(const carat_oai *o, carat_str *text)
{
    char *at;
    size_t n = o->key ? strlen(o->key) : 0;
    if (n < 4)
        return;
    while ((at = strstr(text->data, o->key))) {
        memcpy(at, "***", 3);
        memmove(at + 3, at + n, strlen(at + n) + 1);
        text->len -= n - 3;
    }
}

bool carat_oai_betrays(const carat_oai *o, const char *text)
{
    enum { SECRET = 12 };
    return text && o->key && strlen(o->key) >= SECRET && strstr(text, o->key);
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

/* Begins a member, unless the user sets it. */
static bool key(const carat_oai *o, carat_jw *w, const char *name)
{
    for (const carat_json *n = carat_json_first(o->extra_tree); n; n = carat_json_next(n))
        if (strcmp(carat_json_key(n), name) == 0)
            return false;
    carat_jw_key(w, name);
    return true;
}

static void put_sampler(const carat_oai *o, carat_jw *w, const carat_sampler *s)
{
    const struct {
        const char *name;
        double value;
        bool wanted;
    } member[] = {
        {"temperature", s->temperature, true},
        {"top_p", s->top_p, s->temperature > 0 && s->top_p > 0},
        /* not sent they would be the server's own, as in its generation_config.json */
        {"top_k", s->top_k, s->temperature > 0 && (s->top_k || o->thinking != CARAT_OAI_SILENT)},
        {"min_p", s->min_p, s->temperature > 0 && (s->min_p > 0 || o->thinking != CARAT_OAI_SILENT)},
        {"repetition_penalty", s->repetition_penalty,
         s->repetition_penalty > 0 && s->repetition_penalty != 1},
        {"presence_penalty", s->presence_penalty, s->presence_penalty != 0},
        {"frequency_penalty", s->frequency_penalty, s->frequency_penalty != 0}};
    for (size_t i = 0; i < sizeof member / sizeof *member; i++)
        if (member[i].wanted && key(o, w, member[i].name))
            carat_jw_f64(w, member[i].value);
    if (s->temperature > 0 && (s->top_k || o->thinking != CARAT_OAI_SILENT) && key(o, w, "top_k"))
        carat_jw_u64(w, s->top_k);
    if (key(o, w, "seed"))
        carat_jw_u64(w, s->seed & 0x7fffffff); /* some servers take 31 bits */
}

static void put_thinking(const carat_oai *o, bool thinking, carat_str *out)
{
    const char *word = thinking ? "true" : "false";
    if (o->thinking == CARAT_OAI_TEMPLATE)
        carat_str_printf(out, ",\"chat_template_kwargs\":{\"enable_thinking\":%s%s%s}", word,
                         *o->template_extra ? "," : "", o->template_extra);
    else if (o->thinking == CARAT_OAI_REASONING)
        carat_str_printf(out, ",\"reasoning\":{\"enabled\":%s}", word);
}

/* Stop strings act in the final channel only, so that a server may be told of them only where there is no other. */
static void put_stop(const carat_oai *o, carat_jw *w, const carat_question *q)
{
    enum { MOST = 4 }; /* more are refused by some; carat looks for all of them in any case */
    if (!q->prompt || !q->n_stop || !key(o, w, "stop"))
        return;
    carat_jw_open(w, '[');
    for (size_t i = 0; i < q->n_stop && i < MOST; i++)
        carat_jw_text(w, q->stop[i]);
    carat_jw_close(w);
}

carat_status carat_oai_body(const carat_oai *o, const carat_question *q, carat_str *out, carat_err *err)
{
    carat_str_clear(out);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "model", o->model);
    if (q->max_new && key(o, &w, o->limit_name))
        carat_jw_u64(&w, q->max_new);
    put_sampler(o, &w, &q->sampler);
    put_stop(o, &w, q);
    if (o->stream) {
        carat_jw_put_bool(&w, "stream", true);
        if (key(o, &w, "stream_options")) {
            carat_jw_open(&w, '{');
            carat_jw_put_bool(&w, "include_usage", true);
            carat_jw_close(&w);
        }
    }
    if (q->prompt) {
        carat_jw_put_text(&w, "prompt", q->prompt);
    }
    carat_jw_close(&w);
    if (out->failed)
        return carat_str_check(out, err);
    out->len--; /* the brace: what is JSON already goes in as it is */
    if (q->messages) {
        carat_str_puts(out, ",\"messages\":");
        carat_str_puts(out, q->messages);
        put_thinking(o, q->thinking, out);
    }
    if (*o->extra) {
        carat_str_putc(out, ',');
        carat_str_puts(out, o->extra);
    }
    carat_str_putc(out, '}');
    return carat_str_check(out, err);
}

carat_status carat_oai_score_body(const carat_oai *o, const char *text, const int32_t *ids, size_t n,
                                  carat_str *out, carat_err *err)
{
    carat_str_clear(out);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "model", o->model);
    if (key(o, &w, "max_tokens"))
        carat_jw_u64(&w, 1); /* none is refused by many */
    if (key(o, &w, "temperature"))
        carat_jw_u64(&w, 0);
    carat_jw_put_bool(&w, "echo", true);
    carat_jw_put_u64(&w, "logprobs", 1);
    carat_jw_key(&w, "prompt");
    if (text)
        carat_jw_text(&w, text);
    else
        carat_jw_open(&w, '[');
    for (size_t i = 0; !text && i < n; i++)
        carat_jw_i64(&w, ids[i]);
    if (!text)
        carat_jw_close(&w);
    carat_jw_close(&w);
    if (!out->failed && *o->extra) {
        out->len--;
        carat_str_printf(out, ",%s}", o->extra);
    }
    return carat_str_check(out, err);
}

/* ---- extra members ------------------------------------------------------------------------------------------- */

/* What stands between the braces of an object's text. */
static carat_status inside(const char *text, size_t len, char **out, carat_err *err)
{
    const char *open = memchr(text, '{', len), *close = text + len;
    while (close > open && *--close != '}')
        ;
    *out = strndup(open + 1, (size_t)(close - open - 1));
    return *out ? CARAT_OK : carat_fail(err, CARAT_ENOMEM, "out of memory for --extra-body");
}

/* chat_template_kwargs of the user's join our own. */
static carat_status take_template_extra(carat_oai *o, carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    const carat_json *t = carat_json_get(o->extra_tree, "chat_template_kwargs");
    if (!t || o->thinking != CARAT_OAI_TEMPLATE) {
        o->template_extra = strdup("");
        return o->template_extra ? CARAT_OK : carat_fail(err, CARAT_ENOMEM, "out of memory");
    }
    if (!carat_json_is_object(t) || carat_json_get(t, "enable_thinking"))
        return carat_fail(err, CARAT_EUSAGE,
                          "--extra-body: chat_template_kwargs is an object without enable_thinking, which "
                          "--thinking sets");
    carat_status st = carat_json_print(t, &text, err);
    if (!st && carat_json_count(t))
        st = inside(text.data, text.len, &o->template_extra, err);
    else if (!st && !(o->template_extra = strdup("")))
        st = carat_fail(err, CARAT_ENOMEM, "out of memory");
    carat_json_remove(o->extra_tree, "chat_template_kwargs");
    carat_str_free(&text);
    return st;
}

static carat_status take_extra(carat_oai *o, const char *text, carat_err *err)
{
    static const char *const ours[] = {"model", "messages", "prompt",   "stream",
                                       "n",     "echo",     "logprobs", "reasoning"};
    carat_str rest = CARAT_STR_INIT;
    carat_status st = carat_json_parse(text, strlen(text), &o->extra_tree, err);
    if (st)
        return carat_fail_in(err, CARAT_EUSAGE, "--extra-body");
    if (!carat_json_is_object(o->extra_tree))
        return carat_fail(err, CARAT_EUSAGE,
                          "--extra-body: a JSON object: '{\"skip_special_tokens\": false}'");
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (carat_json_get(o->extra_tree, ours[i]) &&
            (strcmp(ours[i], "reasoning") != 0 || o->thinking == CARAT_OAI_REASONING))
            return carat_fail(err, CARAT_EUSAGE, "--extra-body: %s is carat's own", ours[i]);
    if ((st = take_template_extra(o, err)) || (st = carat_json_print(o->extra_tree, &rest, err)))
        goto out;
    if (carat_json_count(o->extra_tree))
        st = inside(rest.data, rest.len, &o->extra, err);
    else if (!(o->extra = strdup("")))
        st = carat_fail(err, CARAT_ENOMEM, "out of memory");
out:
    carat_str_free(&rest);
    return st;
}

/* ---- the backend --------------------------------------------------------------------------------------------- */

static void describe(void *self, carat_str *out)
{
    const carat_oai *o = self;
    carat_str_printf(out, "%s at %s, OpenAI's protocol", o->model, o->url);
}

static carat_status pin(void *self, carat_jw *w, carat_err *err)
{
    static const char *const thinking[] = {"chat_template_kwargs", "reasoning", "none"};
    const carat_oai *o = self;
    (void)err;
    carat_jw_put_text(w, "protocol", "openai");
    carat_jw_put_text(w, "endpoint", o->url);
    carat_jw_put_text(w, "endpoint_model", o->model);
    if (o->served.len)
        carat_jw_put_text(w, "endpoint_serves", o->served.data);
    if (o->tokenizer)
        carat_jw_put_text(w, "tokenizer_sha256", o->tokenizer_sha256);
    carat_jw_put_text(w, "thinking_member", thinking[o->thinking]);
    if (*o->extra || *o->template_extra) {
        carat_jw_put_text(w, "extra_body", o->extra);
        carat_jw_put_text(w, "extra_chat_template_kwargs", o->template_extra);
    }
    return CARAT_OK;
}

static void close_openai(void *self)
{
    carat_oai *o = self;
    if (o->key)
        memset(o->key, 0, strlen(o->key));
    char *texts[] = {o->url, o->url_chat, o->url_plain, o->model, o->key, o->extra, o->template_extra};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    carat_json_free(o->extra_tree);
    carat_tokenizer_close(o->tokenizer);
    carat_str_free(&o->served);
    carat_free(o);
}

static carat_status take_url(carat_oai *o, const char *url, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    size_t n = strlen(url);
    carat_status st = carat_http_check_url(url, err);
    if (st)
        return st;
    if (strpbrk(url, "?# "))
        return carat_fail(err, CARAT_EUSAGE,
                          "%s: an address without ?, # and blanks, such as http://host:8000/v1", url);
    while (n && url[n - 1] == '/')
        n--;
    carat_str_add(&s, url, n);
    o->url = carat_str_take(&s);
    carat_str_printf(&s, "%.*s/chat/completions", (int)n, url);
    o->url_chat = carat_str_take(&s);
    carat_str_printf(&s, "%.*s/completions", (int)n, url);
    o->url_plain = carat_str_take(&s);
    return o->url && o->url_chat && o->url_plain
               ? CARAT_OK
               : carat_fail(err, CARAT_ENOMEM, "out of memory for an address");
}

static carat_status take_tokenizer(carat_oai *o, const char *path, carat_err *err)
{
    carat_str file = CARAT_STR_INIT;
    if (!path)
        return CARAT_OK;
    if (carat_is_dir(path))
        carat_path_join(&file, path, "tokenizer.json");
    else
        carat_str_puts(&file, path);
    carat_status st = carat_str_check(&file, err);
    if (!st && !(st = carat_tokenizer_open(file.data, &o->tokenizer, err)))
        st = carat_sha256_file(file.data, o->tokenizer_sha256, err);
    carat_str_free(&file);
    return st;
}

carat_status carat_backend_openai(const carat_openai_options *options, carat_backend *out, carat_err *err)
{
    carat_oai *o = carat_alloc(1, sizeof *o, err);
    if (!o)
        return CARAT_ENOMEM;
    o->served = (carat_str)CARAT_STR_INIT;
    o->stream = true;
    o->limit_name = "max_tokens";
    o->limit = (carat_http_limits){10, 600, 120, 7200};
    o->tries = 5;
    o->backoff = 1;
    o->wait_most = 300;
    o->seed = options->seed;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < options->n_settings && !st; i++)
        st = set(o, options->setting[i], err);
    if (!st && (!options->model || !*options->model))
        st = carat_fail(err, CARAT_EUSAGE, "--endpoint %s: which model? --model NAME, as the server calls it",
                        options->url);
    if (!st && !(o->model = strdup(options->model)))
        st = carat_fail(err, CARAT_ENOMEM, "out of memory for a name");
    if (st || (st = take_url(o, options->url, err)) || (st = read_key(o, err)) ||
        (st = take_extra(o, options->extra_body ? options->extra_body : "{}", err)) ||
        (st = take_tokenizer(o, options->tokenizer, err)) || (st = carat_oai_greet(o, err))) {
        close_openai(o);
        return st;
    }
    if (!o->stream)
        o->limit.first = 0; /* nothing comes before all of it is there */
    *out = (carat_backend){.self = o,
                           .bos = o->tokenizer ? carat_tokenizer_id(o->tokenizer, "<bos>") : -1,
                           .tokenizer = o->tokenizer,
                           .nll = o->tokenizer ? carat_oai_nll : NULL,
                           .nll_text = carat_oai_nll_text,
                           .ask = carat_oai_ask,
                           .describe = describe,
                           .pin = pin,
                           .close = close_openai};
    return CARAT_OK;
}
