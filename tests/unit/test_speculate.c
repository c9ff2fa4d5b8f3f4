/* Drafting changes nothing but the time: ids with and without a drafter, greedy and drawn.   SPDX-License-Identifier: Apache-2.0
 *
 * On the golden checkpoints and drafters of transformers, whose numbers cli/golden checks, and on the demo model and its drafter, which
 * is often right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/model/speculate.h"
#include "runtime/carat.h"
#include "tests/support/test.h"

enum { PROMPT = 20, NEW = 50, ROOM = PROMPT + NEW + 16 };

typedef struct pair {
    const char *model, *drafter;
} pair;
static const pair pairs[] = {{"tests/golden/e2b", "tests/golden/draft-centroid"},
                             {"tests/golden/dense31", "tests/golden/draft-dense"},
                             {"datasets/demo/model", "datasets/demo/drafter"}};

static carat_model *open_model(const char *name)
{
    char path[512];
    carat_model *m = NULL;
    carat_err err;
    const char *root = getenv("ROOT");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    if (carat_model_open(path, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

/* A model with its drafter, and a timeline that holds a prompt of `n` ids of which the last is still to come. */
typedef struct bed {
    carat_model *model, *drafter;
    carat_session *session;
    carat_choice *scratch;
    int32_t ids[ROOM];
    size_t n;
} bed;

static void must(carat_status st, const carat_err *err)
{
    if (st)
        fail_msg("%s", err->text);
}

static void make_prompt(bed *b, uint32_t salt)
{
    b->n = PROMPT;
    for (uint32_t i = 0; i < PROMPT; i++)
        b->ids[i] = (int32_t)((i * 37 + i * i * 11 + 5 + salt * 13) % 90 + 3);
}

static bed bed_open(const pair *p, uint32_t threads)
{
    bed b = {.model = open_model(p->model), .drafter = open_model(p->drafter)};
    carat_err err;
    carat_session_options o = {.threads = threads, .context = PROMPT + NEW};
    must(carat_session_open(b.model, &o, &b.session, &err), &err);
    b.scratch = calloc(carat_model_describe(b.model)->vocab, sizeof *b.scratch);
    assert_non_null(b.scratch);
    make_prompt(&b, 0);
    return b;
}

static void bed_close(bed *b)
{
    free(b->scratch);
    carat_session_close(b->session);
    carat_model_close(b->drafter);
    carat_model_close(b->model);
}

static void sync_prompt(bed *b)
{
    carat_err err;
    carat_sync_request r = {.ids = b->ids, .n = b->n - 1, .logits_from = b->n - 1};
    must(carat_session_sync(b->session, &r, &err), &err);
}

/* NEW ids, one a step. */
static void plain(bed *b, const carat_sampler *p, int32_t *out)
{
    carat_err err;
    sync_prompt(b);
    for (size_t i = 0; i < NEW; i++) {
        carat_step step = {0, &b->ids[b->n - 1], 1};
        must(carat_session_step(b->session, &step, 1, &err), &err);
        carat_history h = {b->ids, PROMPT, b->n};
        b->ids[b->n++] = carat_sample(p, &h, carat_session_row(b->session, 0),
                                      carat_model_describe(b->model)->vocab, i, b->scratch);
    }
    memcpy(out, b->ids + PROMPT, NEW * sizeof *out);
    b->n = PROMPT;
}

/* NEW ids in rounds. */
static carat_draft_stats drafted(bed *b, const carat_sampler *p, uint32_t length, int32_t *out)
{
    carat_draft *d = NULL;
    carat_err err;
    must(carat_draft_open(b->session, b->drafter, length, &d, &err), &err);
    sync_prompt(b);
    while (b->n < PROMPT + NEW) {
        size_t count = 0;
        carat_draft_request r = {.sampler = p,
                                 .step = b->n - PROMPT,
                                 .ids = b->ids,
                                 .n_prompt = PROMPT,
                                 .n = b->n,
                                 .room = PROMPT + NEW - b->n};
        must(carat_draft_round(d, &r, &count, &err), &err);
        assert_in_range(count, 1, r.room);
        b->n += count;
        assert_int_equal(carat_session_length(b->session, 0), b->n - 1);
    }
    memcpy(out, b->ids + PROMPT, NEW * sizeof *out);
    b->n = PROMPT;
    carat_draft_stats stats = carat_draft_report(d);
    carat_draft_close(d);
    return stats;
}

static const carat_sampler samplers[] = {
    {.top_p = 1},
    {.temperature = 1, .top_k = 20, .top_p = 0.95, .seed = 3},
    {.temperature = 0.8, .top_p = 1, .repetition_penalty = 1.2, .frequency_penalty = 0.3, .seed = 5}};
enum { N_SAMPLERS = sizeof samplers / sizeof *samplers, N_PAIRS = sizeof pairs / sizeof *pairs };

/* The demo model reads what it was made for: a question. */
static void ask(bed *b)
{
    static const char text[] =
        "<bos><|turn>user\nTell me a story about Leo.<turn|>\n<|turn>model\nLeo was at the bakery.";
    carat_tokenizer *t = NULL;
    int32_t *ids;
    size_t n;
    carat_err err;
    must(carat_tokenizer_open(carat_model_describe(b->model)->path, &t, &err), &err);
    must(carat_encode(t, text, strlen(text), 0, &ids, &n, &err), &err);
    assert_true(n >= PROMPT);
    memcpy(b->ids, ids, PROMPT * sizeof *ids);
    carat_release(ids);
    carat_tokenizer_close(t);
}

static void same_with(const pair *p, uint32_t threads, const uint32_t *lengths, size_t n)
{
    bed b = bed_open(p, threads);
    for (size_t s = 0; s < N_SAMPLERS; s++) {
        int32_t want[NEW], got[NEW];
        make_prompt(&b, (uint32_t)s);
        if (p == &pairs[N_PAIRS - 1])
            ask(&b);
        plain(&b, &samplers[s], want);
        for (size_t i = 0; i < n; i++) {
            carat_draft_stats t = drafted(&b, &samplers[s], lengths[i], got);
            assert_memory_equal(got, want, sizeof want);
            assert_int_equal(t.ids, NEW);
            assert_int_equal(t.ids, t.accepted + t.rounds + t.plain);
            assert_true(t.accepted <= t.drafted && t.seconds > 0);
            if (p == &pairs[N_PAIRS - 1] && lengths[i] == 1 &&
                !s) /* the demo's drafter has learned something */
                assert_true(t.accepted * 2 > t.drafted);
        }
    }
    bed_close(&b);
}

static void same_ids(void **state)
{
    (void)state;
    const uint32_t lengths[] = {0, 1, 3, CARAT_DRAFT_MOST};
    for (size_t k = 0; k < N_PAIRS; k++)
        same_with(&pairs[k], 1, lengths, sizeof lengths / sizeof *lengths);
}

static void same_ids_with_threads(void **state)
{
    (void)state;
    same_with(&pairs[0], 2, (const uint32_t[]){2}, 1);
}

/* Two drafters take turns on two timelines of one session: nothing leaks from one to the other. */
static void two_sequences(void **state)
{
    (void)state;
    bed b = bed_open(&pairs[1], 1);
    carat_session_close(b.session);
    carat_session_options o = {.threads = 1, .context = PROMPT + NEW, .sequences = 2};
    carat_err err;
    must(carat_session_open(b.model, &o, &b.session, &err), &err);
    int32_t want[2][NEW], ids[2][ROOM];
    size_t n[2] = {PROMPT, PROMPT};
    for (uint32_t q = 0; q < 2; q++) {
        make_prompt(&b, q);
        plain(&b, &samplers[q], want[q]);
    }
    carat_draft *d = NULL;
    must(carat_draft_open(b.session, b.drafter, 2, &d, &err), &err);
    for (uint32_t q = 0; q < 2; q++) {
        make_prompt(&b, q);
        memcpy(ids[q], b.ids, sizeof b.ids);
        carat_sync_request r = {.ids = ids[q], .n = PROMPT - 1, .logits_from = PROMPT - 1, .sequence = q};
        must(carat_session_sync(b.session, &r, &err), &err);
    }
    for (uint32_t q = 0; n[0] < PROMPT + NEW || n[1] < PROMPT + NEW; q = !q) {
        size_t count = 0;
        carat_draft_request r = {q, &samplers[q], n[q] - PROMPT, ids[q], PROMPT, n[q], PROMPT + NEW - n[q]};
        if (!r.room)
            continue;
        must(carat_draft_round(d, &r, &count, &err), &err);
        n[q] += count;
    }
    for (uint32_t q = 0; q < 2; q++)
        assert_memory_equal(ids[q] + PROMPT, want[q], sizeof want[q]);
    carat_draft_close(d);
    bed_close(&b);
}

static void what_pays(void **state)
{
    (void)state;
    assert_int_equal(carat_draft_length(&(carat_draft_odds){0, 0.01, 0.01}, 15), 0);
    assert_int_equal(carat_draft_length(&(carat_draft_odds){0.5, 0.3, 0.3}, 15),
                     0); /* 1.5 ids for 1.6 steps */
    assert_int_equal(carat_draft_length(&(carat_draft_odds){0.5, 0.2, 0.2}, 15),
                     1); /* 1.5 / 1.4, then 1.75 / 1.8 */
    assert_int_equal(carat_draft_length(&(carat_draft_odds){1, 0.1, 0.1}, 15), 15);
    assert_int_equal(carat_draft_length(&(carat_draft_odds){1, 0.1, 0.1}, 3), 3);
    assert_int_equal(carat_draft_length(&(carat_draft_odds){0.9, 0, 0}, 15), 15);
    assert_int_equal(carat_draft_length(&(carat_draft_odds){0.9, 0.05, 0.05}, 0), 0);
}

static void refused(carat_session *s, const carat_model *drafter, const char *text)
{
    carat_draft *d = NULL;
    carat_err err = {0};
    carat_status st = carat_draft_open(s, drafter, 0, &d, &err);
    assert_fails(st, CARAT_EUSAGE, &err, text);
    assert_null(d);
}

static void what_does_not_fit(void **state)
{
    (void)state;
    bed b = bed_open(&pairs[0], 1), c = bed_open(&pairs[1], 1);
    carat_draft *d = NULL;
    carat_session *s = NULL;
    carat_err err = {0};
    refused(b.session, c.drafter, "its backbone_hidden_size is 48, that of the model is 40");
    refused(b.session, c.model, "not a drafter");
    carat_status st = carat_draft_open(b.session, b.drafter, 16, &d, &err);
    assert_fails(st, CARAT_EUSAGE, &err, "16 drafts at a time: at most 15");
    st = carat_session_open(b.drafter, &(carat_session_options){0}, &s, &err);
    assert_fails(st, CARAT_ESUPPORT, &err, "--draft");
    /* a round wants one id more than positions, and room for another */
    must(carat_draft_open(b.session, b.drafter, 0, &d, &err), &err);
    sync_prompt(&b);
    size_t count = 0;
    carat_draft_request r = {0, &samplers[0], 0, b.ids, PROMPT, PROMPT - 1, 1};
    st = carat_draft_round(d, &r, &count, &err);
    assert_fails(st, CARAT_EUSAGE, &err, "19 positions and 19 ids");
    r.n = PROMPT;
    r.room = 0;
    st = carat_draft_round(d, &r, &count, &err);
    assert_fails(st, CARAT_EUSAGE, &err, "room for 0");
    carat_draft_close(d);
    bed_close(&b);
    bed_close(&c);
}

/* ---- the distribution of what is drawn --------------------------------------------------------------------------- */

enum { KINDS = 4, DRAWS = 2000 };

/* The distribution behind the first n ids, as far as the sampler lets it through. */
static size_t exact(bed *b, size_t n, const carat_sampler *p)
{
    carat_err err;
    carat_sync_request r = {.ids = b->ids, .n = n - 1, .logits_from = n - 1};
    carat_step step = {0, &b->ids[n - 1], 1};
    must(carat_session_sync(b->session, &r, &err), &err);
    must(carat_session_step(b->session, &step, 1, &err), &err);
    return carat_sample_filter(p, NULL, carat_session_row(b->session, 0),
                               carat_model_describe(b->model)->vocab, b->scratch);
}

static size_t place(const carat_choice *c, int32_t id)
{
    size_t i = 0;
    while (c[i].id != id)
        if (++i == KINDS)
            fail_msg("id %d cannot be drawn", (int)id);
    return i;
}

/* Two ids are drawn behind a prompt, with many seeds; the second always comes out of a round with drafts. Pearson's statistic against
 * their exact joint distribution stays below the 0.999 quantile (Wilson and Hilferty's approximation). */
static void distribution(void **state)
{
    (void)state;
    bed b = bed_open(&pairs[1], 1);
    carat_sampler p = {.temperature = 3, .top_k = KINDS, .top_p = 1};
    carat_choice first[KINDS], second[KINDS][KINDS];
    uint32_t seen[KINDS][KINDS] = {{0}};
    carat_draft *d = NULL;
    carat_err err;
    assert_int_equal(exact(&b, PROMPT, &p), KINDS);
    memcpy(first, b.scratch, sizeof first);
    for (size_t i = 0; i < KINDS; i++) {
        b.ids[PROMPT] = first[i].id;
        assert_int_equal(exact(&b, PROMPT + 1, &p), KINDS);
        memcpy(second[i], b.scratch, sizeof second[i]);
    }
    must(carat_draft_open(b.session, b.drafter, 2, &d, &err), &err);
    sync_prompt(&b);
    for (p.seed = 1; p.seed <= DRAWS; p.seed++) {
        must(carat_session_trim(b.session, 0, PROMPT - 1, &err), &err);
        for (b.n = PROMPT; b.n < PROMPT + 2;) {
            size_t count = 0;
            carat_draft_request r = {0, &p, b.n - PROMPT, b.ids, PROMPT, b.n, 4};
            must(carat_draft_round(d, &r, &count, &err), &err);
            b.n += count;
        }
        size_t i = place(first, b.ids[PROMPT]);
        seen[i][place(second[i], b.ids[PROMPT + 1])]++;
        b.n = PROMPT;
    }
    carat_draft_stats t = carat_draft_report(d);
    assert_true(t.accepted > 30 && t.accepted < t.drafted);
    double sum = 0, cells = 0, rare = 0, rare_seen = 0;
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < KINDS; k++) {
            double want = DRAWS * (double)first[i].p * (double)second[i][k].p, got = seen[i][k];
            if (want < 5) {
                rare += want;
                rare_seen += got;
                continue;
            }
            sum += (got - want) * (got - want) / want;
            cells++;
        }
    if (rare >= 5)
        sum += (rare_seen - rare) * (rare_seen - rare) / rare;
    double dof = cells - (rare < 5), z = 2 / (9 * dof), limit = dof * pow(1 - z + 3.09 * sqrt(z), 3);
    assert_true(dof >= 6);
    if (!(sum < limit))
        fail_msg("chi-square %.1f of %.0f degrees of freedom, at most %.1f", sum, dof, limit);
    carat_draft_close(d);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ids),  cmocka_unit_test(same_ids_with_threads), cmocka_unit_test(two_sequences),
        cmocka_unit_test(what_pays), cmocka_unit_test(what_does_not_fit),     cmocka_unit_test(distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
