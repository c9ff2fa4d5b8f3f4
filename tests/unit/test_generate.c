/* Replies of the demo model: the same alone and in company, on any number of threads; stops, ends, interruptions.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/str.h"
#include "tests/support/subject.h"

enum { REPLIES = 4, CONTEXT = 160, MAX_NEW = 48 };

static const char *const prompts[REPLIES] = {
    "<bos><|turn>user\nWhat is 47 + 38?<turn|>\n<|turn>model\n",
    "<bos><|turn>user\nTell me about a fox.<turn|>\n<|turn>model\n",
    "<bos><|turn>user\nHi!<turn|>\n<|turn>model\n",
    "<bos>The",
};

/* What a reply showed while it was written. */
typedef struct heard {
    carat_str content, thought;
    size_t asked, patience; /* go_on says no after so many times; 0: never */
} heard;

static void on_reply(void *ctx, carat_reply_kind kind, const char *text, size_t len)
{
    heard *h = ctx;
    carat_str_add(kind == CARAT_REPLY_THOUGHT ? &h->thought : &h->content, text, len);
}

static bool go_on(void *ctx, size_t done, size_t total)
{
    heard *h = ctx;
    assert_true(done <= total);
    return ++h->asked != h->patience;
}

static carat_model *open_model(bool packed)
{
    return open_subject("datasets/demo/model", packed ? "int4-g32" : NULL);
}

typedef struct bench {
    carat_model *m;
    carat_tokenizer *t;
    carat_session *s;
} bench;

static void open_session(bench *b, uint32_t threads, carat_numerics numerics)
{
    carat_err err;
    carat_session_options o = {
        .context = CONTEXT, .threads = threads, .sequences = REPLIES, .numerics = numerics};
    if (carat_session_open(b->m, &o, &b->s, &err))
        fail_msg("%s", err.text);
}

static carat_generation *begin(bench *b, const carat_generate_options *o, const char *prompt)
{
    carat_err err;
    int32_t *ids;
    size_t n;
    carat_generation *g = NULL;
    assert_int_equal(carat_encode(b->t, prompt, strlen(prompt), 0, &ids, &n, &err), CARAT_OK);
    if (carat_generation_open(b->s, o, ids, n, &g, &err))
        fail_msg("%s", err.text);
    carat_release(ids);
    return g;
}

static carat_generate_options usual(const bench *b, uint32_t sequence, heard *h)
{
    return (carat_generate_options){
        .tokenizer = b->t,
        .sampler = {.temperature = 1, .top_k = 64, .top_p = 0.95, .seed = 7 + sequence},
        .max_new = MAX_NEW,
        .sequence = sequence,
        .reply = on_reply,
        .go_on = go_on,
        .ctx = h};
}

static void write_all(carat_generation *const *g, size_t n)
{
    carat_err err;
    if (carat_generate(g, n, &err))
        fail_msg("%s", err.text);
}

/* Four replies, each alone or all side by side, as one text. */
static char *four(bench *b, uint32_t threads, carat_numerics numerics, bool together)
{
    carat_str all = CARAT_STR_INIT;
    heard h[REPLIES];
    carat_generation *g[REPLIES];
    open_session(b, threads, numerics);
    for (uint32_t i = 0; i < REPLIES; i++) {
        h[i] = (heard){.content = CARAT_STR_INIT, .thought = CARAT_STR_INIT};
        carat_generate_options o = usual(b, i, &h[i]);
        g[i] = begin(b, &o, prompts[i]);
        if (!together)
            write_all(&g[i], 1);
    }
    if (together)
        write_all(g, REPLIES);
    for (int i = 0; i < REPLIES; i++) {
        const carat_generated *r = carat_generation_result(g[i]);
        carat_str_printf(&all, "%d %s|%s|", (int)r->finish, r->json, h[i].content.data);
        for (size_t k = 0; k < r->n; k++)
            carat_str_printf(&all, " %d", (int)r->ids[k]);
        carat_generation_close(g[i]);
        carat_str_free(&h[i].content);
        carat_str_free(&h[i].thought);
    }
    carat_session_close(b->s);
    b->s = NULL;
    return carat_str_take(&all);
}

static void same_text(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        bench b = {.m = open_model(packed)};
        carat_numerics numerics = packed ? CARAT_INT8 : CARAT_F32;
        assert_int_equal(carat_tokenizer_open(carat_model_describe(b.m)->path, &b.t, NULL), CARAT_OK);
        char *want = four(&b, 1, numerics, false);
        for (int way = 0; way < 3; way++) {
            char *got = four(&b, way == 1 ? 1 : 2, numerics, way > 0);
            assert_string_equal(got, want);
            free(got);
        }
        free(want);
        carat_tokenizer_close(b.t);
        carat_model_close(b.m);
    }
}

static int open_demo(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->m = open_model(false);
    assert_int_equal(carat_tokenizer_open(carat_model_describe(b->m)->path, &b->t, NULL), CARAT_OK);
    open_session(b, 1, CARAT_F32);
    *state = b;
    return 0;
}

static int close_demo(void **state)
{
    bench *b = *state;
    carat_session_close(b->s);
    carat_tokenizer_close(b->t);
    carat_model_close(b->m);
    free(b);
    return 0;
}

/* One greedy reply; the caller frees what was heard. */
static carat_generated one(bench *b, carat_generate_options o, const char *prompt, heard *h)
{
    o.sampler = (carat_sampler){.top_p = 1};
    h->content = h->thought = (carat_str)CARAT_STR_INIT;
    carat_generation *g = begin(b, &o, prompt);
    write_all(&g, 1);
    carat_generated r = *carat_generation_result(g);
    assert_true(!r.json || !o.n_stop || !strstr(h->content.data, o.stop[0]));
    if (r.json && h->content.len && !strchr(h->content.data, '\n'))
        assert_non_null(strstr(r.json, h->content.data));
    r.ids = NULL;
    r.json = NULL;
    carat_generation_close(g);
    return r;
}

static void forget(heard *h)
{
    carat_str_free(&h->content);
    carat_str_free(&h->thought);
    *h = (heard){0};
}

/* Ids are those of carat_sample with the step's number, counted on from options.step. */
static void numbered_draws(void **state)
{
    bench *b = *state;
    heard h = {0};
    carat_err err;
    carat_generate_options o = usual(b, 0, &h);
    o.tokenizer = NULL;
    o.step = 100;
    o.max_new = 16;
    o.sampler = (carat_sampler){.temperature = 2, .top_p = 1, .seed = 3};
    carat_generation *g = begin(b, &o, prompts[1]);
    write_all(&g, 1);
    const carat_generated *r = carat_generation_result(g);
    uint32_t vocab = carat_model_describe(b->m)->vocab;
    carat_choice *scratch = calloc(vocab, sizeof *scratch);
    int32_t *ids;
    size_t n;
    assert_int_equal(carat_encode(b->t, prompts[1], strlen(prompts[1]), 0, &ids, &n, &err), CARAT_OK);
    carat_sync_request q = {.ids = ids, .n = n, .logits_from = n - 1, .sequence = 1};
    assert_int_equal(carat_session_sync(b->s, &q, &err), CARAT_OK);
    for (size_t i = 0; i < r->n; i++) {
        carat_step step = {.sequence = 1, .ids = &r->ids[i], .n = 1};
        assert_int_equal(r->ids[i],
                         carat_sample(&o.sampler, NULL, carat_session_row(b->s, 0), vocab, 100 + i, scratch));
        assert_int_equal(carat_session_step(b->s, &step, 1, &err), CARAT_OK);
    }
    carat_release(ids);
    free(scratch);
    carat_generation_close(g);
}

static void stop_strings(void **state)
{
    bench *b = *state;
    heard h = {0}, whole = {0};
    carat_generate_options o = usual(b, 0, &h);
    o.ctx = &whole;
    size_t n = one(b, o, prompts[0], &whole).n;
    const char *text = whole.content.data;
    assert_true(whole.content.len > 12);
    /* Every piece of the text, as a stop string: what is shown ends where it first appears. */
    o.ctx = &h;
    for (size_t at = 0; at + 4 <= whole.content.len && at < 24; at += 3) {
        char stop[5] = {text[at], text[at + 1], text[at + 2], text[at + 3]};
        const char *const list[] = {stop};
        o.stop = list;
        o.n_stop = 1;
        carat_generated r = one(b, o, prompts[0], &h);
        assert_int_equal(r.finish, CARAT_FINISH_STOP);
        assert_ptr_equal(r.stop, stop);
        assert_true(r.n <= n);
        size_t len = (size_t)(strstr(text, stop) - text);
        while (len && text[len - 1] == ' ')
            len--; /* the end of an answer is trimmed */
        assert_true(h.content.len >= len);
        assert_memory_equal(h.content.data, text, len);
        forget(&h);
    }
    forget(&whole);
}

static void not_in_thoughts(void **state)
{
    bench *b = *state;
    heard h = {0};
    const char *const list[] = {"e", "a", "0", " ", "\n"};
    carat_generate_options o = usual(b, 0, &h);
    o.stop = list;
    o.n_stop = 5;
    carat_generated r = one(
        b, o, "<bos><|turn>user\nWhat is 47 + 38?<turn|>\n<|turn>model\n<|channel>thought\n", &h);
    assert_null(r.stop);
    assert_true(h.thought.len > 4 && h.content.len == 0);
    forget(&h);
    assert_non_null(one(b, o, prompts[0], &h).stop);
    forget(&h);
}

static void ends(void **state)
{
    bench *b = *state;
    heard h = {0};
    carat_generate_options o = usual(b, 0, &h);
    o.max_new = 3;
    carat_generated r = one(b, o, prompts[0], &h);
    assert_true(r.finish == CARAT_FINISH_LENGTH && r.n == 3);
    forget(&h);
    o.max_new = 0;
    r = one(b, o, prompts[0], &h);
    assert_int_equal(r.finish, CARAT_FINISH_STOP);
    assert_true(r.computed == 1); /* the prompt was there */
    forget(&h);
    o.ignore_eos = true;
    r = one(b, o, prompts[0], &h);
    assert_int_equal(r.finish, CARAT_FINISH_CONTEXT);
    assert_int_equal(r.n_prompt + r.n, CONTEXT);
    forget(&h);
    h.patience = 5;
    r = one(b, o, prompts[0], &h);
    assert_int_equal(r.finish, CARAT_FINISH_CANCELLED);
    assert_true(r.n > 1 && r.n < 5);
    forget(&h);
    h.patience = 1; /* before the first pass */
    r = one(b, o, prompts[1], &h);
    assert_true(r.finish == CARAT_FINISH_CANCELLED && r.n == 0);
    forget(&h);
}

static void refused(void **state)
{
    bench *b = *state;
    carat_err err;
    carat_generation *g = NULL;
    int32_t ids[CONTEXT] = {2};
    const char *const empty[] = {""};
    carat_generate_options o = {.sampler = {.top_p = 1}, .max_new = 4};
    assert_fails(carat_generation_open(b->s, &o, ids, 0, &g, &err), CARAT_EUSAGE, &err, "empty");
    assert_fails(carat_generation_open(b->s, &o, ids, CONTEXT, &g, &err), CARAT_EUSAGE, &err, "160");
    o.stop = empty;
    o.n_stop = 1;
    assert_fails(carat_generation_open(b->s, &o, ids, 1, &g, &err), CARAT_EUSAGE, &err, "tokenizer");
    o.tokenizer = b->t;
    assert_fails(carat_generation_open(b->s, &o, ids, 1, &g, &err), CARAT_EUSAGE, &err, "empty");
    assert_null(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_text),
        cmocka_unit_test_setup_teardown(numbered_draws, open_demo, close_demo),
        cmocka_unit_test_setup_teardown(stop_strings, open_demo, close_demo),
        cmocka_unit_test_setup_teardown(not_in_thoughts, open_demo, close_demo),
        cmocka_unit_test_setup_teardown(ends, open_demo, close_demo),
        cmocka_unit_test_setup_teardown(refused, open_demo, close_demo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
