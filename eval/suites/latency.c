/* Latency: how soon and how fast a model answers.                                  SPDX-License-Identifier: Apache-2.0
 *
 * Own protocol. Eight requests are asked at each concurrency c of 1, 2, 4, 8: c at once, the next c when all of these have ended. Their
 * prompts are made words, of the lengths of a mix (below); no two begin alike, so that nothing is had from a cache. Replies are greedy.
 * Time to first token counts from when a request is there, its wait for others included. tokens_per_s counts the tokens of the replies over
 * the time from the first request to the last token. A model that carat runs is also loaded, with cold and with warm files, until one
 * token is computed. read_gb_per_s is how fast the machine reads memory at that time: speeds of two runs are compared as ratios
 * to it. Every request must be answered: a fault ends the run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/energy.h"
#include "eval/read_probe.h"
#include "eval/suite.h"
#include "runtime/base/mem.h"

enum { REQUESTS = 8, LEVELS = 4, WARM = 16 };
static const size_t levels[LEVELS] = {1, 2, 4, 8};

/* Tokens of the prompts (of an endpoint: words), and the most of each reply. */
typedef struct mix {
    const char *name;
    size_t prompt[REQUESTS], max_new;
} mix;

static const mix mixes[] = {
    {"mixed", {32, 256, 64, 1024, 128, 512, 32, 256}, 32},
    {"short", {16, 24, 32, 48, 16, 24, 32, 48}, 64},
    {"long", {2048, 4096, 3072, 8192, 2048, 4096, 3072, 8192}, 64},
};

typedef struct latency {
    const carat_eval *e;
    const mix *mix;
    size_t max_new, first; /* first: item 0 is loading */
} latency;

/* What one request came to. */
typedef struct request {
    char *text;
    double ttft_ms, mean_ms;
    double *gap_ms; /* [gaps] */
    size_t gaps, prompt, reply;
    char fault[160];
} request;

/* One concurrency under way. */
typedef struct wave {
    const latency *l;
    request *r;
    size_t at, end;
} wave;

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    latency *l = carat_alloc(1, sizeof *l, err);
    if (!l)
        return CARAT_ENOMEM;
    l->e = e;
    l->mix = mixes;
    for (size_t i = 0; e->variant && i < sizeof mixes / sizeof *mixes; i++)
        if (strcmp(e->variant, mixes[i].name) == 0)
            l->mix = &mixes[i];
    l->max_new = e->max_new ? e->max_new : l->mix->max_new;
    l->first = e->model->reload != NULL;
    *items = LEVELS + l->first;
    if (e->limit && e->limit < *items)
        *items = e->limit;
    *state = l;
    return CARAT_OK;
}

static void close_suite(void *state)
{
    carat_free(state);
}

static size_t size_of(const void *state, size_t i)
{
    const latency *l = state;
    size_t n = 0;
    for (size_t k = 0; k < REQUESTS; k++)
        n += l->mix->prompt[k] + l->max_new;
    return i < l->first ? 1 : n;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static void put_words(carat_str *s, uint64_t seed, size_t words)
{
    static const char *const list[] = {"the",   "river", "old",   "town",  "and", "a",      "light", "stone",
                                       "walks", "over",  "under", "green", "of",  "winter", "sings", "to"};
    for (size_t i = 0; i < words; i++)
        carat_str_printf(s, " %s", list[carat_random(seed, i) % (sizeof list / sizeof *list)]);
}

/* A text of about `tokens` tokens that begins like no other. */
static carat_status make_text(const latency *l, uint64_t number, size_t tokens, char **out, carat_err *err)
{
    const carat_tokenizer *t = l->e->model->tokenizer;
    uint64_t seed = carat_random(l->e->seed, number);
    carat_str s = CARAT_STR_INIT;
    carat_str_printf(&s, "%08" PRIx64 ":", seed >> 32);
    put_words(&s, seed, tokens);
    carat_status st = carat_str_check(&s, err);
    int32_t *ids = NULL;
    size_t n = 0;
    if (!st && t && !(st = carat_encode(t, s.data, s.len, 0, &ids, &n, err)) && n > tokens && tokens > 1) {
        char *text;
        size_t len;
        if (!(st = carat_decode(t, ids, tokens - 1, 0, &text, &len, err))) { /* BOS is the other one */
            carat_str_clear(&s);
            carat_str_add(&s, text, len);
            carat_release(text);
            st = carat_str_check(&s, err);
        }
    }
    carat_release(ids);
    if (!st && !(*out = carat_str_take(&s)))
        st = carat_fail(err, CARAT_ENOMEM, "out of memory for a prompt");
    carat_str_free(&s);
    return st;
}

/* Plain text where the tokens can be counted, a conversation of an endpoint. */
static carat_status make_request(const latency *l, uint64_t number, size_t tokens, request *out,
                                 carat_err *err)
{
    char *text = NULL;
    carat_status st = make_text(l, number, tokens, &text, err);
    if (st || l->e->model->tokenizer) {
        out->text = text;
        return st;
    }
    out->text = carat_user_message(text, err);
    free(text);
    return out->text ? CARAT_OK : CARAT_ENOMEM;
}

static void free_requests(request *r, size_t n)
{
    for (size_t i = 0; r && i < n; i++) {
        free(r[i].text);
        carat_free(r[i].gap_ms);
    }
    carat_free(r);
}

static bool next(void *ctx, size_t *ticket, carat_question *out)
{
    wave *w = ctx;
    if (w->at == w->end)
        return false;
    const char *text = w->r[w->at].text;
    bool plain = w->l->e->model->tokenizer != NULL;
    *out = (carat_question){.prompt = plain ? text : NULL,
                            .messages = plain ? NULL : text,
                            .max_new = w->l->max_new,
                            .sampler = {.top_p = 1}};
    *ticket = w->at++;
    return true;
}

static carat_status done(void *ctx, size_t i, const carat_answer *a, carat_err *err)
{
    wave *w = ctx;
    request *r = &w->r[i];
    if (a->fault)
        return carat_fail(err, CARAT_EIO, "latency: a request was not answered: %s", a->fault);
    r->ttft_ms = 1000 * (a->wait_s + a->first_s);
    r->prompt = a->prompt_tokens;
    r->reply = a->reply_tokens ? a->reply_tokens : a->n_token_s;
    r->gaps = a->n_token_s > 1 ? a->n_token_s - 1 : a->reply_tokens > 1;
    if (!(r->gap_ms = carat_alloc(r->gaps, sizeof *r->gap_ms, err)))
        return CARAT_ENOMEM;
    for (size_t k = 0; k < r->gaps && a->n_token_s > 1; k++)
        r->gap_ms[k] = 1000 * (a->token_s[k + 1] - a->token_s[k]);
    if (r->gaps && a->n_token_s < 2) /* no single tokens: the mean of the reply */
        r->gap_ms[0] = 1000 * (a->total_s - a->first_s) / (double)(a->reply_tokens - 1);
    return CARAT_OK;
}

/* Requests [at, end) at once, and all their answers. */
static carat_status ask(const latency *l, request *r, size_t at, size_t end, size_t parallel, double *seconds,
                        carat_err *err)
{
    carat_backend *b = l->e->model;
    wave w = {l, r, at, end};
    carat_asking a = {&w, next, done};
    double begin = carat_now();
    carat_status st = b->ask(b->self, &a, (uint32_t)parallel, err);
    *seconds += carat_now() - begin;
    return st;
}

/* ---- items --------------------------------------------------------------------------------------------------- */

static void put_requests(carat_jw *w, const request *r)
{
    static const char *const counts[] = {"prompt_tokens", "reply_tokens", "gaps"};
    for (size_t k = 0; k < 3; k++) {
        carat_jw_key(w, counts[k]);
        carat_jw_open(w, '[');
        for (size_t i = 0; i < REQUESTS; i++)
            carat_jw_u64(w, k == 0 ? r[i].prompt : k == 1 ? r[i].reply : r[i].gaps);
        carat_jw_close(w);
    }
    carat_jw_key(w, "ttft_ms");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < REQUESTS; i++)
        carat_jw_f64(w, r[i].ttft_ms);
    carat_jw_close(w);
    carat_jw_key(w, "itl_ms");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < REQUESTS; i++)
        for (size_t g = 0; g < r[i].gaps; g++)
            carat_jw_f64(w, r[i].gap_ms[g]);
    carat_jw_close(w);
}

static carat_status measure(latency *l, size_t level, carat_jw *w, carat_err *err)
{
    size_t c = levels[level], tokens = 0;
    double seconds = 0, unused = 0;
    request *r = carat_alloc(REQUESTS + 1, sizeof *r, err);
    carat_status st = r ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; i <= REQUESTS && !st; i++)
        st = make_request(l, level * (REQUESTS + 1) + i,
                          i < REQUESTS          ? l->mix->prompt[i]
                          : l->mix == &mixes[2] ? l->mix->prompt[3]
                                                : WARM,
                          &r[i], err);
    if (!st) /* what is made for the first request of a kind is not measured */
        st = ask(l, r, REQUESTS, REQUESTS + 1, c, &unused, err);
    carat_energy before = carat_energy_read(NULL), after;
    for (size_t i = 0; i < REQUESTS && !st; i += c)
        st = ask(l, r, i, i + c, c, &seconds, err);
    after = carat_energy_read(NULL);
    for (size_t i = 0; i < REQUESTS && !st; i++)
        tokens += r[i].reply;
    if (!st) {
        carat_jw_put_u64(w, "concurrency", c);
        carat_jw_put_f64(w, "wall_s", seconds);
        carat_jw_put_u64(w, "tokens", tokens);
        carat_jw_put_f64(w, "joules", l->first ? carat_energy_between(&before, &after) : NAN);
        carat_jw_put_f64(w, "peak_bytes", l->first ? (double)carat_rss_peak_bytes() : NAN);
        put_requests(w, r);
    }
    if (!st && l->first && level == LEVELS - 1) { /* at the end: it takes memory of its own */
        double probe;
        if (!(st = carat_read_probe(&probe, err)))
            carat_jw_put_f64(w, "read_gb_per_s", probe);
    }
    free_requests(r, REQUESTS + 1);
    return st;
}

static carat_status item(void *state, size_t i, carat_jw *w, carat_err *err)
{
    latency *l = state;
    carat_backend *b = l->e->model;
    double cold = NAN, warm = NAN;
    carat_jw_key(w, "id");
    if (i >= l->first) {
        char id[24];
        snprintf(id, sizeof id, "concurrency %zu", levels[i - l->first]);
        carat_jw_text(w, id);
        return measure(l, i - l->first, w, err);
    }
    carat_jw_text(w, "load");
    carat_status st = b->reload(b->self, true, &cold, err);
    if (!st)
        st = b->reload(b->self, false, &warm, err);
    carat_jw_put_f64(w, "load_cold_s", cold);
    carat_jw_put_f64(w, "load_warm_s", warm);
    return st;
}

/* ---- report -------------------------------------------------------------------------------------------------- */

static double number(const carat_json *record, const char *key)
{
    double v;
    const carat_json *node = carat_json_get(record, key);
    return node && !carat_json_f64(node, key, &v, NULL) ? v : NAN;
}

/* The numbers of a list in a record; cluster: which request each belongs to. */
typedef struct series {
    double *value;
    uint32_t *cluster;
    size_t n;
} series;

static void free_series(series *s)
{
    carat_free(s->value);
    carat_free(s->cluster);
}

static carat_status read_series(const carat_json *record, const char *key, series *out, carat_err *err)
{
    const carat_json *list = carat_json_get(record, key);
    const carat_json *gaps = strcmp(key, "itl_ms") == 0 ? carat_json_first(carat_json_get(record, "gaps"))
                                                        : NULL;
    size_t n = carat_json_count(list);
    uint32_t cluster = 0;
    double left = 0;
    *out = (series){carat_alloc(n, sizeof(double), err), carat_alloc(n, sizeof(uint32_t), err), 0};
    carat_status st = out->value && out->cluster ? CARAT_OK : CARAT_ENOMEM;
    for (const carat_json *v = carat_json_first(list); v && !st; v = carat_json_next(v)) {
        for (; gaps && left < 1; gaps = carat_json_next(gaps), cluster++)
            if ((st = carat_json_f64(gaps, "gaps", &left, err)))
                break;
        left -= 1;
        out->cluster[out->n] = cluster;
        cluster += !strcmp(key, "ttft_ms");
        if (!st)
            st = carat_json_f64(v, key, &out->value[out->n++], err);
    }
    if (st)
        free_series(out);
    return st;
}

/* A metric from the list under key: quantile q, or the mean where q is 0. */
static carat_status add_series(const carat_json *record, const char *key, double q, const char *name,
                               carat_results *out, carat_err *err)
{
    series s;
    carat_status st = read_series(record, key, &s, err);
    if (st)
        return st;
    carat_metric *m = &out->metric[out->n];
    carat_observations o = {s.value, s.cluster, s.n, out->seed};
    m->name = name;
    if (s.n) {
        st = q > 0 ? carat_estimate_quantile(&o, q, &m->estimate, err)
                   : carat_estimate_mean(&o, &m->estimate, err);
        out->n += !st;
    }
    free_series(&s);
    return st;
}

static void add_number(carat_results *out, const char *name, double v, size_t n)
{
    if (isfinite(v))
        out->metric[out->n++] = (carat_metric){name, {v, NAN, NAN, NAN, n}};
}

/* What is told of one concurrency. */
static carat_status add_level(const carat_json *record, size_t level, carat_results *out, carat_err *err)
{
    static const struct {
        const char *key, *name[LEVELS];
        double q;
    } rows[] = {
        {"ttft_ms", {"ttft_ms", "ttft_ms_at_2", "ttft_ms_at_4", "ttft_ms_at_8"}, 0},
        {"itl_ms", {"itl_ms_p50", NULL, NULL, "itl_ms_p50_at_8"}, 0.5},
        {"itl_ms", {"itl_ms_p90", NULL, NULL, "itl_ms_p90_at_8"}, 0.9},
        {"itl_ms", {"itl_ms_p99", NULL, NULL, "itl_ms_p99_at_8"}, 0.99},
    };
    static const char *const rate[LEVELS] = {"tokens_per_s", "tokens_per_s_at_2", "tokens_per_s_at_4",
                                             "tokens_per_s_at_8"};
    static const char *const joules[LEVELS] = {"energy_joules_per_token", NULL, NULL,
                                               "energy_joules_per_token_at_8"};
    double tokens = number(record, "tokens");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        carat_status st = CARAT_OK;
        if (rows[i].name[level] &&
            (st = add_series(record, rows[i].key, rows[i].q, rows[i].name[level], out, err)))
            return st;
    }
    add_number(out, rate[level], tokens / number(record, "wall_s"), (size_t)tokens);
    if (joules[level])
        add_number(out, joules[level], number(record, "joules") / tokens, (size_t)tokens);
    return CARAT_OK;
}

static carat_status report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err)
{
    (void)state;
    bool loads = false, cold = false, energy = false;
    double peak = NAN;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        double c = number(results[i], "concurrency");
        for (size_t k = 0; k < LEVELS && !st; k++)
            if (c == (double)levels[k])
                st = add_level(results[i], k, out, err);
        peak = fmax(peak, number(results[i], "peak_bytes"));
        energy |= isfinite(number(results[i], "joules"));
        loads |= isfinite(number(results[i], "load_warm_s"));
        cold |= isfinite(number(results[i], "load_cold_s"));
    }
    for (size_t i = 0; i < n && !st; i++) { /* behind the latencies: a reader looks at the first metric */
        add_number(out, "read_gb_per_s", number(results[i], "read_gb_per_s"), 1);
        add_number(out, "load_cold_s", number(results[i], "load_cold_s"), 1);
        add_number(out, "load_warm_s", number(results[i], "load_warm_s"), 1);
    }
    add_number(out, "peak_memory_bytes", peak, 1);
    snprintf(
        out->note, sizeof out->note,
        "%d requests at each of 1, 2, 4, 8 at once; without a number: 1. ttft: mean, waiting included%s%s%s",
        REQUESTS,
        energy ? "; energy: RAPL packages, all that ran on the machine"
               : "; energy: RAPL cannot be read here",
        loads ? "; load: until one token is computed" : "; an endpoint: no load, no memory",
        loads && !cold ? "; cold load: the files stay in memory, others use them" : "");
    return st;
}

const carat_suite carat_suite_latency = {
    .name = "latency",
    .summary = "time to first token, between tokens, throughput at 1 to 8 at once, loading, memory, energy",
    .variants = "mixed, short, long",
    .open = open_suite,
    .size = size_of,
    .item = item,
    .report = report,
    .close = close_suite,
};
