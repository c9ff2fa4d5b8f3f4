/* What pins a run's results (method.h).                                            SPDX-License-Identifier: Apache-2.0 */
#include "eval/method.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/sample.h"
#include "eval/ask.h"
#include "runtime/base/hash.h"

enum { PROMPT_BYTES = 32 << 20, MAX_DEPTH = 4 };

/* ---- data ---------------------------------------------------------------------------------------------------- */

typedef struct tree {
    carat_sha256 *hash;
    int depth;
} tree;

/* Names and contents of the files of a directory, sorted; what lies deeper than data sets do is left out. */
static carat_status add_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    const tree *t = ctx;
    char hex[65];
    if (carat_is_dir(path)) {
        tree deeper = {t->hash, t->depth + 1};
        return t->depth < MAX_DEPTH ? carat_each_entry(path, add_entry, &deeper, err) : CARAT_OK;
    }
    carat_status st = carat_sha256_file(path, hex, err);
    if (!st) {
        carat_sha256_add(t->hash, name, strlen(name) + 1);
        carat_sha256_add(t->hash, hex, sizeof hex);
    }
    return st;
}

/* *known: the path is a file, a directory or a sample; what a suite finds by another name it pins itself. */
static carat_status hash_data(const char *path, char hex[65], bool *known, carat_err *err)
{
    const carat_sample_file *sample = carat_sample_find(path);
    carat_sha256 *h;
    carat_status st;
    *known = true;
    if (carat_is_file(path))
        return carat_sha256_file(path, hex, err);
    *known = sample || carat_is_dir(path);
    if (!*known || (st = carat_sha256_open(&h, err)))
        return *known ? st : CARAT_OK;
    if (sample)
        carat_sha256_add(h, sample->data, sample->len);
    else
        st = carat_each_entry(path, add_entry, &(tree){h, 0}, err);
    carat_sha256_finish(h, hex);
    return st;
}

static carat_status put_data(carat_jw *w, const char *key, const char *path, carat_err *err)
{
    char hex[65];
    bool known;
    carat_status st = path ? hash_data(path, hex, &known, err) : CARAT_OK;
    if (!st)
        carat_jw_put_text(w, key, !path ? "built-in" : known ? hex : path);
    return st;
}

/* ---- suites -------------------------------------------------------------------------------------------------- */

/* SHA-256 over what the items ask, in their order, as far as PROMPT_BYTES go: the data's hash pins the rest. */
static carat_status hash_prompts(const carat_method *m, size_t k, char hex[65], carat_err *err)
{
    const carat_suite *s = m->suite[k];
    carat_sha256 *h;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    size_t seen = 0;
    for (size_t i = 0; i < m->items[k] && seen < PROMPT_BYTES; i++) {
        carat_question q;
        if (carat_ask_question(s, m->state[k], &m->eval[k], i, &q, NULL))
            continue; /* its record will say why */
        const char *text = q.prompt ? q.prompt : q.messages;
        size_t len = strlen(text) + 1;
        carat_sha256_add(h, q.prompt ? "p" : "m", 1);
        carat_sha256_add(h, text, len);
        seen += len;
        if (s->release)
            s->release(m->state[k], i);
    }
    carat_sha256_finish(h, hex);
    return CARAT_OK;
}

static void put_sampler(carat_jw *w, const carat_question *q)
{
    carat_jw_key(w, "sampler");
    carat_jw_open(w, '{');
    carat_jw_put_f64(w, "temperature", q->sampler.temperature);
    carat_jw_put_u64(w, "top_k", q->sampler.top_k);
    carat_jw_put_f64(w, "top_p", q->sampler.top_p);
    carat_jw_put_f64(w, "min_p", q->sampler.min_p);
    carat_jw_put_u64(w, "max_tokens", q->max_new);
    carat_jw_key(w, "stop");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < q->n_stop; i++)
        carat_jw_text(w, q->stop[i]);
    carat_jw_close(w);
    carat_jw_close(w);
}

/* How a suite asks: its protocol, as the first question shows it. */
static carat_status put_asking(const carat_method *m, size_t k, carat_jw *w, carat_err *err)
{
    const carat_suite *s = m->suite[k];
    const carat_eval *e = &m->eval[k];
    char hex[65];
    carat_question q;
    carat_status st = hash_prompts(m, k, hex, err);
    if (st)
        return st;
    size_t variant = s->variants ? strcspn(s->variants, ", ") : 0;
    carat_jw_key(w, "variant");
    if (e->variant || !s->variants)
        carat_jw_text(w, e->variant);
    else
        carat_jw_bytes(w, s->variants, variant);
    carat_jw_put_text(w, "prompt_sha256", hex);
    carat_jw_put_bool(w, "thinking", e->thinking);
    carat_jw_put_u64(w, "samples", e->samples ? e->samples : 1);
    carat_jw_put_text(w, "from", e->from);
    carat_jw_put_text(w, "to", e->to);
    carat_jw_put_bool(w, "strip_options", e->strip_options);
    carat_jw_put_bool(w, "official_fallback", e->official_fallback);
    carat_jw_put_bool(w, "unsafe_no_sandbox", e->unsafe_no_sandbox);
    if (m->items[k] && !carat_ask_question(s, m->state[k], e, 0, &q, NULL)) {
        put_sampler(w, &q);
        if (s->release)
            s->release(m->state[k], 0);
    }
    return CARAT_OK;
}

static carat_status put_suite(const carat_method *m, size_t k, carat_jw *w, carat_err *err)
{
    const carat_suite *s = m->suite[k];
    carat_status st = CARAT_OK;
    carat_jw_key(w, s->name);
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "items", m->items[k]);
    if (s->question)
        st = put_asking(m, k, w, err);
    if (!st && s->pin) {
        carat_jw_key(w, "protocol");
        carat_jw_open(w, '{');
        st = s->pin(m->state[k], w, err);
        carat_jw_close(w);
    }
    carat_jw_close(w);
    return st;
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static carat_status put_backend(carat_jw *w, const char *key, const carat_backend *b, carat_err *err)
{
    carat_str line = CARAT_STR_INIT;
    b->describe(b->self, &line);
    carat_jw_put_text(w, key, line.data);
    carat_status st = carat_str_check(&line, err);
    carat_str_free(&line);
    return st;
}

static carat_status put_models(const carat_method *m, carat_jw *w, carat_err *err)
{
    carat_jw_put_text(w, "model", m->model);
    const carat_backend *b = m->model_backend;
    carat_status st = b->pin ? b->pin(b->self, w, err) : CARAT_OK;
    if (!st)
        st = put_backend(w, "backend", b, err);
    carat_jw_put_text(w, "reference", m->reference);
    const carat_backend *r = m->reference_backend;
    if (!st && m->reference && carat_is_file(m->reference))
        st = put_data(w, "reference_sha256", m->reference, err);
    if (st || !r || !r->self || (st = put_backend(w, "reference_backend", r, err)) || !r->pin)
        return st;
    carat_jw_key(w, "reference_model");
    carat_jw_open(w, '{');
    st = r->pin(r->self, w, err);
    carat_jw_close(w);
    return st;
}

static void put_place(const carat_method *m, carat_jw *w)
{
    char shard[32];
    snprintf(shard, sizeof shard, "%u/%u", m->shard.index + 1, m->shard.count);
    carat_jw_put_text(w, "shard", m->shard.count ? shard : NULL);
    carat_jw_put_u64(w, "threads", (uint64_t)m->threads);
    carat_jw_put_u64(w, "parallel", (uint64_t)m->parallel);
}

carat_status carat_method_write(const carat_method *m, carat_str *out, carat_err *err)
{
    carat_jw w = carat_jw_begin(out);
    const carat_eval *e = &m->eval[0];
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "carat", CARAT_VERSION);
    carat_jw_put_text(&w, "suites", m->suites);
    carat_status st = put_models(m, &w, err);
    carat_jw_put_u64(&w, "context", e->context);
    carat_jw_put_u64(&w, "stride", e->stride);
    carat_jw_put_u64(&w, "limit", e->limit);
    carat_jw_put_u64(&w, "seed", e->seed);
    carat_jw_key(&w, "data");
    carat_jw_open(&w, '{');
    for (size_t k = 0; k < m->n && !st; k++)
        st = put_data(&w, m->suite[k]->name, m->eval[k].data, err);
    carat_jw_close(&w);
    carat_jw_key(&w, "suite");
    carat_jw_open(&w, '{');
    for (size_t k = 0; k < m->n && !st; k++)
        st = put_suite(m, k, &w, err);
    carat_jw_close(&w);
    put_place(m, &w);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return st ? st : carat_str_check(out, err);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

/* Members of the top level that do not decide a result. A model's path is one of them where its fingerprint stands there too. So is a
 * server's address: its model's name, and what it says of it where both servers say something, are what pins. */
static bool may_differ(const carat_json *header, const carat_json *other, const char *key, carat_same how)
{
    static const char *const places[] = {"threads", "parallel", "endpoint", "endpoints_later", "shard"};
    for (size_t i = 0; i < (how == CARAT_SAME_SHARDS ? 5 : 4); i++)
        if (strcmp(key, places[i]) == 0)
            return true;
    if (strcmp(key, "backend") == 0 && carat_json_get(header, "endpoint_model"))
        return true; /* a line that says the address again */
    if (strcmp(key, "endpoint_serves") == 0 && (!carat_json_get(header, key) || !carat_json_get(other, key)))
        return true;
    return (strcmp(key, "model") == 0 && carat_json_get(header, "model_fingerprint")) ||
           (strcmp(key, "reference") == 0 &&
            (carat_json_get(header, "reference_model") || carat_json_get(header, "reference_sha256")));
}

static void print_value(const carat_json *node, char out[100])
{
    carat_str s = CARAT_STR_INIT;
    if (node)
        carat_json_print(node, &s, NULL);
    size_t len = strcspn(s.data, "\n");
    snprintf(out, 100, "%.*s%s", len > 90 ? 90 : (int)len, node ? s.data : "nothing", len > 90 ? "..." : "");
    carat_str_free(&s);
}

static bool same_value(const carat_json *a, const carat_json *b)
{
    carat_str x = CARAT_STR_INIT, y = CARAT_STR_INIT;
    bool same = !carat_json_print(a, &x, NULL) && !carat_json_print(b, &y, NULL) &&
                strcmp(x.data, y.data) == 0;
    carat_str_free(&x);
    carat_str_free(&y);
    return same;
}

static carat_status differs(const char *path, const carat_json *had, const carat_json *wants, carat_same how,
                            carat_err *err)
{
    char a[100], b[100];
    print_value(had, a);
    print_value(wants, b);
    if (how == CARAT_SAME_SHARDS)
        return carat_fail(err, CARAT_EUSAGE,
                          "runs of different methods: %s is %s in the one, %s in the other", path, a, b);
    return carat_fail(
        err, CARAT_EUSAGE,
        "this run was begun with another method: %s was %s, now it is %s; take another -o, or remove it",
        path, a, b);
}

static const carat_json *member(const carat_json *object, const char *key)
{
    for (const carat_json *n = carat_json_first(object); n; n = carat_json_next(n))
        if (strcmp(carat_json_key(n), key) == 0)
            return n;
    return NULL;
}

/* Walks both objects. `path` is the name of what they are, "" at the top. */
static carat_status compare(const char *path, const carat_json *had, const carat_json *wants, carat_same how,
                            carat_err *err)
{
    carat_status st = CARAT_OK;
    for (int side = 0; side < 2 && !st; side++)
        for (const carat_json *n = carat_json_first(side ? wants : had); n && !st; n = carat_json_next(n)) {
            const char *key = carat_json_key(n);
            const carat_json *a = member(had, key), *b = member(wants, key);
            char name[256];
            if ((!*path && may_differ(had, wants, key, how)) || (side && a))
                continue;
            snprintf(name, sizeof name, "%s%s%s", path, *path ? "." : "", key);
            if (carat_json_is_object(a) && carat_json_is_object(b))
                st = compare(name, a, b, how, err);
            else if (!a || !b || !same_value(a, b))
                st = differs(name, a, b, how, err);
        }
    return st;
}

carat_status carat_method_same(const carat_json *had, const carat_json *wants, carat_same how, carat_err *err)
{
    if (!carat_json_is_object(had) || !carat_json_is_object(wants))
        return carat_fail(err, CARAT_EFORMAT, "not an object");
    return compare("", had, wants, how, err);
}

/* ---- a server that moved --------------------------------------------------------------------------------------- */

carat_status carat_method_moved(carat_json *had, const carat_json *wants, carat_str *out, carat_err *err)
{
    const char *before, *now, *at;
    carat_str text = CARAT_STR_INIT;
    carat_json *list;
    if (carat_json_text(carat_json_get(had, "endpoint"), "endpoint", &before, NULL) ||
        carat_json_text(carat_json_get(wants, "endpoint"), "endpoint", &now, NULL) ||
        strcmp(before, now) == 0)
        return CARAT_OK;
    carat_jw w = carat_jw_begin(&text);
    carat_jw_open(&w, '[');
    const carat_json *n = carat_json_first(carat_json_get(had, "endpoints_later"));
    for (; n; n = carat_json_next(n)) {
        if (carat_json_text(n, "endpoints_later", &at, NULL))
            continue;
        if (strcmp(at, now) == 0) /* known already */
            goto out;
        carat_jw_text(&w, at);
    }
    carat_jw_text(&w, now);
    carat_jw_close(&w);
    carat_status st = carat_str_check(&text, err);
    if (st || (st = carat_json_parse(text.data, text.len, &list, err)) ||
        (st = carat_json_set(had, "endpoints_later", list, err)) || (st = carat_json_print(had, out, err))) {
        carat_str_free(&text);
        return st;
    }
out:
    carat_str_free(&text);
    return CARAT_OK;
}
