/* The local backend: a reply is the same whatever runs beside it, before it, and with how many.    SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "eval/backend.h"
#include "runtime/base/str.h"
#include "tests/support/test.h"

enum { MOST = 40 };

/* A list of questions, asked in some order; the replies by question. */
typedef struct sheet {
    carat_question q[MOST];
    size_t n, order[MOST], at;
    char *reply[MOST];
    char finish[MOST][8], fault[MOST][200];
    uint64_t cached, prompts;
    size_t answered, until; /* until: the asking is ended after so many; 0: never */
    carat_str text[MOST];
} sheet;

static bool next(void *ctx, size_t *ticket, carat_question *out)
{
    sheet *s = ctx;
    if (s->at == s->n)
        return false;
    *ticket = s->order[s->at++];
    *out = s->q[*ticket];
    return true;
}

static carat_status done(void *ctx, size_t i, const carat_answer *a, carat_err *err)
{
    sheet *s = ctx;
    carat_str all = CARAT_STR_INIT;
    assert_null(s->reply[i]); /* once */
    carat_str_printf(&all, "%s|%s|%s|%s|%s", a->finish, a->fault ? a->fault : "", a->raw ? a->raw : "",
                     a->thought ? a->thought : "", a->content ? a->content : "");
    if (a->prompt_sha256)
        carat_str_puts(&all, a->prompt_sha256);
    s->reply[i] = carat_str_take(&all);
    snprintf(s->finish[i], sizeof s->finish[i], "%s", a->finish);
    snprintf(s->fault[i], sizeof s->fault[i], "%s", a->fault ? a->fault : "");
    s->cached += a->cached_tokens;
    s->prompts += a->prompt_tokens;
    if (!a->fault) {
        assert_true(a->cached_tokens < a->prompt_tokens);
        assert_int_equal(a->n_token_s, a->reply_tokens);
        for (size_t k = 1; k < a->n_token_s; k++)
            assert_true(a->token_s[k] >= a->token_s[k - 1]);
        assert_true(a->token_s[0] == a->first_s && a->first_s <= a->total_s && a->wait_s >= 0);
    }
    s->answered++;
    return s->until && s->answered == s->until ? carat_fail(err, CARAT_EIO, "enough") : CARAT_OK;
}

static void forget(sheet *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->reply[i]);
        s->reply[i] = NULL;
    }
    s->at = s->answered = 0;
    s->cached = s->prompts = 0;
}

static void forget_sheet(sheet *s)
{
    forget(s);
    for (size_t i = 0; i < s->n; i++)
        carat_str_free(&s->text[i]);
}

static const char *demo(void)
{
    static char path[512];
    const char *root = getenv("ROOT");
    snprintf(path, sizeof path, "%s/datasets/demo/model", root ? root : ".");
    return path;
}

/* Three prefixes of different lengths (the window is 128), with questions behind them; plain and framed, greedy and drawn. */
static void write_sheet(sheet *s)
{
    static const char *const stops[] = {"7", "fox"};
    *s = (sheet){0};
    for (size_t i = 0; i < 30; i++) {
        carat_str *t = &s->text[i];
        carat_question *q = &s->q[s->n++];
        size_t category = i / 10, shots = category * 14;
        *t = (carat_str)CARAT_STR_INIT;
        *q = (carat_question){.max_new = 4 + i, .sampler = {.top_p = 1}};
        if (category == 2)
            carat_str_puts(t, "[{\"role\": \"user\", \"content\": \"");
        for (size_t k = 0; k < shots; k++)
            carat_str_printf(t, "Question %zu: what is %zu + %zu? It is %zu. ", k, k + category, k * 3,
                             k * 4 + category);
        carat_str_printf(t, "What is %zu + %zu?", i + 3, 7 * i);
        if (category == 2)
            carat_str_puts(t, "\"}]");
        if (i % 3 == 1)
            q->sampler = (carat_sampler){.temperature = 1.2, .top_k = 64, .top_p = 0.95, .seed = i};
        if (i % 5 == 2) {
            q->stop = stops;
            q->n_stop = 2;
        }
        q->thinking = i % 4 == 1;
        *(category == 2 ? &q->messages : &q->prompt) = t->data;
    }
    for (size_t i = 0; i < s->n; i++)
        s->order[i] = i;
}

static void shuffle(sheet *s, uint64_t seed)
{
    for (size_t i = s->n; i > 1; i--) {
        size_t k = carat_random(seed, i) % i, t = s->order[i - 1];
        s->order[i - 1] = s->order[k];
        s->order[k] = t;
    }
}

static carat_backend open_backend(bool reuse, const char *numerics)
{
    carat_backend b;
    carat_err err;
    carat_local_options o = {.model = demo(), .threads = 1, .numerics = numerics, .no_prefix_reuse = !reuse};
    o.talk.verbosity = -1;
    if (carat_backend_local(&o, &b, &err))
        fail_msg("%s", err.text);
    return b;
}

static void ask_all(carat_backend *b, sheet *s, uint32_t parallel)
{
    carat_err err;
    carat_asking a = {s, next, done};
    if (b->ask(b->self, &a, parallel, &err))
        fail_msg("%s", err.text);
    assert_int_equal(s->answered, s->n);
}

static void same_replies(void **state)
{
    static const uint32_t parallel[] = {1, 3, 8, 32, 3, 0};
    (void)state;
    char *want[MOST];
    sheet s;
    write_sheet(&s);
    carat_backend plain = open_backend(false, NULL), b = open_backend(true, NULL);
    ask_all(&plain, &s, 1);
    assert_int_equal(s.cached, 0);
    memcpy(want, s.reply, sizeof want);
    memset(s.reply, 0, sizeof s.reply);
    bool stopped = false, cut = false;
    for (size_t i = 0; i < s.n; i++) {
        stopped |= strcmp(s.finish[i], "stop") == 0;
        cut |= strcmp(s.finish[i], "length") == 0;
        assert_string_equal(s.fault[i], "");
    }
    assert_true(stopped && cut);

    for (size_t way = 0; way < sizeof parallel / sizeof *parallel; way++) {
        forget(&s);
        if (way > 3)
            shuffle(&s, way);
        ask_all(&b, &s, parallel[way]);
        for (size_t i = 0; i < s.n; i++)
            assert_string_equal(s.reply[i], want[i]);
        /* of 30 prompts, 27 begin with what another one computed */
        assert_true(s.cached * 10 > s.prompts * (way < 4 ? 8 : 6));
    }
    for (size_t i = 0; i < s.n; i++)
        free(want[i]);
    forget_sheet(&s);
    carat_backend_close(&b);
    carat_backend_close(&plain);
}

/* What cannot be served is a fault of its own; the others are as without it. The demo's context is 2048. */
static void faults(void **state)
{
    (void)state;
    sheet s = {0};
    char *want[MOST];
    for (size_t i = 0; i < 12; i++) {
        carat_str *t = &s.text[i];
        *t = (carat_str)CARAT_STR_INIT;
        s.q[i] = (carat_question){.max_new = 6, .sampler = {.top_p = 1}};
        for (size_t k = 0; k < (i == 3 ? 300u : i == 7 ? 165u : 1); k++)
            carat_str_printf(t, "The fox of %zu and %zu. ", k, i);
        s.q[i].prompt = t->data;
        s.order[i] = i;
    }
    s.n = 12;
    s.q[7].max_new = 0; /* until the context is full, or an end */
    s.q[5].prompt = NULL;
    s.q[5].messages = "[{\"role\": \"user\"";
    s.q[6].prompt = NULL;
    s.q[6].messages = "[{\"role\": 3}]";
    s.q[8].prompt = ""; /* BOS alone */
    carat_backend b = open_backend(true, NULL);
    ask_all(&b, &s, 1);
    for (size_t i = 0; i < s.n; i++) {
        bool refused = i == 3 || i == 5 || i == 6;
        if ((strcmp(s.finish[i], "error") == 0) != refused)
            fail_msg("%zu: %s %s", i, s.finish[i], s.fault[i]);
        assert_int_equal(*s.fault[i] != 0, refused);
    }
    assert_non_null(strstr(s.fault[3], "2048"));
    assert_true(strcmp(s.finish[7], "context") == 0 || strcmp(s.finish[7], "stop") == 0);
    memcpy(want, s.reply, sizeof want);
    memset(s.reply, 0, sizeof s.reply);
    forget(&s);
    shuffle(&s, 3);
    ask_all(&b, &s, 5);
    for (size_t i = 0; i < s.n; i++) {
        assert_string_equal(s.reply[i], want[i]);
        free(want[i]);
    }
    forget_sheet(&s);
    carat_backend_close(&b);
}

/* An error of done ends the asking; scores in between use the same session; nothing of it shows later. */
static void interruptions(void **state)
{
    (void)state;
    enum { N = 40 };
    sheet s;
    char *want[MOST];
    carat_err err;
    double before[N], after[N];
    int32_t ids[N];
    write_sheet(&s);
    carat_backend b = open_backend(true, NULL);
    for (int i = 0; i < N; i++)
        ids[i] = i ? 100 + 7 * i : b.bos;
    assert_int_equal(b.nll(b.self, ids, N, 1, before, &err), CARAT_OK);
    ask_all(&b, &s, 4);
    memcpy(want, s.reply, sizeof want);
    memset(s.reply, 0, sizeof s.reply);
    for (size_t until = 1; until < 20; until += 6) {
        carat_asking a = {&s, next, done};
        forget(&s);
        s.until = until;
        assert_fails(b.ask(b.self, &a, 4, &err), CARAT_EIO, &err, "enough");
        assert_int_equal(b.nll(b.self, ids, N, 1, after, &err), CARAT_OK);
        assert_memory_equal(before + 1, after + 1, (N - 1) * sizeof *after);
    }
    forget(&s);
    s.until = 0;
    ask_all(&b, &s, 4);
    for (size_t i = 0; i < s.n; i++) {
        assert_string_equal(s.reply[i], want[i]);
        free(want[i]);
    }
    forget(&s);
    s.n = 0;
    ask_all(&b, &s, 4); /* no question at all */
    s.n = 30;
    forget_sheet(&s);
    carat_backend_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_replies), cmocka_unit_test(faults),
                                       cmocka_unit_test(interruptions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
