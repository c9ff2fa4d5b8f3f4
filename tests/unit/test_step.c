/* Steps: a row has the bits of decoding alone, whatever else is in the step, behind trims and forks, on any number of
 * threads; no allocation, no growth.                                              SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/support/allocations.h"
#include "tests/support/subject.h"

enum { SEQUENCES = 4, PROMPT = 9, SHARED = 30, LENGTH = 80, CONTEXT = 160 };

static const struct subject {
    const char *name, *model; /* below $ROOT */
    carat_numerics numerics;
    const char *scheme; /* NULL: as it is */
} subjects[] = {
    {"e2b f32", "tests/golden/e2b", CARAT_F32, NULL},
    {"e2b bf16", "tests/golden/e2b", CARAT_BF16, NULL},
    {"dense31 f32", "tests/golden/dense31", CARAT_F32, NULL},
    {"dense31 bf16", "tests/golden/dense31", CARAT_BF16, NULL},
    {"moe f32", "tests/golden/moe", CARAT_F32, NULL},
    {"moe int8", "tests/golden/moe", CARAT_INT8, "int8"},
    {"demo int4 int8", "datasets/demo/model", CARAT_INT8, "int4-g32"},
    {"demo int4 f32", "datasets/demo/model", CARAT_F32, "int4-g32"},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static carat_model *open_model(const struct subject *u)
{
    return open_subject(u->model, u->scheme);
}

static carat_session *open_session(const carat_model *m, carat_numerics numerics, uint32_t threads)
{
    carat_session *s = NULL;
    carat_err err;
    carat_session_options o = {
        .context = CONTEXT, .batch = 8, .threads = threads, .sequences = SEQUENCES, .numerics = numerics};
    if (carat_session_open(m, &o, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

/* All sequences begin with the same SHARED ids. */
static void make_ids(const carat_model *m, int32_t ids[SEQUENCES][LENGTH])
{
    for (int q = 0; q < SEQUENCES; q++)
        for (int i = 0; i < LENGTH; i++)
            ids[q][i] = 32 + (i * 37 + i * i * 11 + 5 + (i >= SHARED) * q * 13) %
                                 ((int)carat_model_describe(m)->vocab - 32); /* media tokens are below */
}

static void sync_to(carat_session *s, uint32_t sequence, const int32_t *ids, size_t n)
{
    carat_err err;
    carat_sync_request r = {.ids = ids, .n = n, .logits_from = n - 1, .sequence = sequence};
    if (carat_session_sync(s, &r, &err))
        fail_msg("%s", err.text);
}

static void step(carat_session *s, const carat_step *steps, size_t count)
{
    carat_err err;
    if (carat_session_step(s, steps, count, &err))
        fail_msg("%s", err.text);
}

/* rows[q][i]: the logits of position i of sequence q, each decoded alone; the prompts were synced. */
static float *decode_alone(const carat_model *m, carat_numerics numerics, int32_t ids[SEQUENCES][LENGTH])
{
    size_t vocab = carat_model_describe(m)->vocab;
    float *rows = calloc((size_t)SEQUENCES * LENGTH * vocab, sizeof *rows);
    assert_non_null(rows);
    for (uint32_t q = 0; q < SEQUENCES; q++) {
        carat_session *s = open_session(m, numerics, 1);
        sync_to(s, 0, ids[q], PROMPT);
        for (size_t i = PROMPT; i < LENGTH; i++) {
            step(s, &(carat_step){0, &ids[q][i], 1}, 1);
            assert_ptr_equal(carat_session_row(s, 0), carat_session_logits(s));
            memcpy(rows + (q * LENGTH + i) * vocab, carat_session_row(s, 0), vocab * sizeof *rows);
        }
        carat_session_close(s);
    }
    return rows;
}

struct game {
    carat_session *s;
    int32_t (*ids)[LENGTH];
    const float *rows;
    size_t vocab;
    uint32_t dice;
};

static uint32_t roll(struct game *g, uint32_t sides)
{
    g->dice = g->dice * 1664525 + 1013904223;
    return (g->dice >> 16) % sides;
}

/* One step of some sequences with some rows each; a sequence at its end leaves. */
static void some_step(struct game *g)
{
    carat_step steps[SEQUENCES];
    size_t count = 0, row = 0, turn = roll(g, SEQUENCES);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        uint32_t q = (uint32_t)((i + turn) % SEQUENCES);
        size_t at = carat_session_length(g->s, q), n = roll(g, 8);
        if (n == 7)
            n = 1; /* decoding, mostly */
        if (n > LENGTH - at)
            n = LENGTH - at;
        if (n)
            steps[count++] = (carat_step){q, &g->ids[q][at], n};
    }
    if (!count)
        return;
    step(g->s, steps, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t q = steps[i].sequence;
        size_t first = carat_session_length(g->s, q) - steps[i].n;
        for (size_t t = 0; t < steps[i].n; t++)
            assert_memory_equal(carat_session_row(g->s, row++), g->rows + (q * LENGTH + first + t) * g->vocab,
                                g->vocab * sizeof *g->rows);
    }
    assert_null(carat_session_row(g->s, row));
}

/* A draft that proves wrong: its rows are appended, and dropped. */
static void wrong_draft(struct game *g)
{
    uint32_t q = roll(g, SEQUENCES);
    size_t at = carat_session_length(g->s, q), n = 1 + roll(g, CARAT_STEP_ROWS);
    int32_t draft[CARAT_STEP_ROWS];
    for (size_t i = 0; i < n; i++)
        draft[i] = 32 + (int32_t)roll(g, 60);
    if (at + n > LENGTH)
        return;
    step(g->s, &(carat_step){q, draft, n}, 1);
    carat_err err;
    if (carat_session_trim(g->s, q, at, &err))
        fail_msg("%s", err.text);
}

/* The shared beginning of one sequence becomes another. */
static void some_fork(struct game *g)
{
    uint32_t from = roll(g, SEQUENCES), to = roll(g, SEQUENCES);
    size_t n = carat_session_length(g->s, from);
    carat_err err;
    if (n > SHARED)
        n = SHARED;
    carat_status st = carat_session_fork(g->s, from, to, n, &err);
    if (st) /* the window in front of it may be gone */
        assert_fails(st, CARAT_EUSAGE, &err, "sliding layers");
    else
        assert_int_equal(carat_session_length(g->s, to), n);
}

static void play(const struct subject *u, uint32_t threads, const carat_model *m, const float *rows,
                 int32_t ids[SEQUENCES][LENGTH])
{
    struct game g = {.s = open_session(m, u->numerics, threads),
                     .ids = ids,
                     .rows = rows,
                     .vocab = carat_model_describe(m)->vocab,
                     .dice = threads};
    for (uint32_t q = 0; q < SEQUENCES; q++)
        sync_to(g.s, q, ids[q], PROMPT);
    bool all = false;
    for (int round = 0; !all && round < 200; round++) {
        some_step(&g);
        if (round % 3 == 0)
            wrong_draft(&g);
        if (round % 5 == 0 && round < 20)
            some_fork(&g);
        all = true;
        for (uint32_t q = 0; q < SEQUENCES; q++)
            all = all && carat_session_length(g.s, q) == LENGTH;
    }
    assert_true(all);
    carat_session_close(g.s);
}

static void rows_as_alone(void **state)
{
    (void)state;
    for (size_t k = 0; k < SUBJECTS; k++) {
        carat_model *m = open_model(&subjects[k]);
        int32_t ids[SEQUENCES][LENGTH];
        make_ids(m, ids);
        float *rows = decode_alone(m, subjects[k].numerics, ids);
        for (uint32_t threads = 1; threads <= 3; threads += 2)
            play(&subjects[k], threads, m, rows, ids);
        free(rows);
        carat_model_close(m);
    }
}

/* Syncs of any cut, one token included, end in the same bits. */
static void syncs_in_pieces(void **state)
{
    (void)state;
    static const size_t cuts[][5] = {
        {1, 2, 3, 4, LENGTH}, {8, 9, 50, LENGTH - 1, LENGTH}, {1, 64, 65, 66, LENGTH}};
    for (size_t k = 0; k < SUBJECTS; k++) {
        carat_model *m = open_model(&subjects[k]);
        int32_t ids[SEQUENCES][LENGTH];
        make_ids(m, ids);
        carat_session *s = open_session(m, subjects[k].numerics, 2);
        sync_to(s, 3, ids[0], LENGTH);
        size_t bytes = carat_model_describe(m)->vocab * sizeof(float);
        float *want = malloc(bytes);
        assert_non_null(want);
        memcpy(want, carat_session_logits(s), bytes);
        for (uint32_t c = 0; c < 3; c++) {
            for (size_t i = 0; i < 5; i++)
                sync_to(s, c, ids[0], cuts[c][i]);
            assert_memory_equal(carat_session_logits(s), want, bytes);
        }
        free(want);
        carat_session_close(s);
        carat_model_close(m);
    }
}

static void refused(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    carat_session *s = open_session(m, CARAT_F32, 1);
    carat_err err;
    int32_t ids[CONTEXT + 1] = {0}, wrong = -1;
    sync_to(s, 0, ids, 12);
    assert_fails(carat_session_step(s, NULL, 0, &err), CARAT_EUSAGE, &err, "at least one");
    const struct {
        carat_step steps[2];
        size_t count;
        const char *text;
    } cases[] = {
        {{{SEQUENCES, ids, 1}}, 1, "sequence 4: the session has 4"},
        {{{1, ids, 1}, {1, ids, 1}}, 2, "twice"},
        {{{1, ids, 0}}, 1, "no token"},
        {{{1, &wrong, 1}}, 1, "-1"},
        {{{1, ids, CARAT_STEP_ROWS + 1}}, 1, "at most 32"},
        {{{1, ids, 20}, {2, ids, 13}}, 2, "at most 32"},
        {{{1, ids, SIZE_MAX}}, 1, "room for 160"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(carat_session_step(s, cases[i].steps, cases[i].count, &err), CARAT_EUSAGE, &err,
                     cases[i].text);
    assert_fails(carat_session_trim(s, 0, 13, &err), CARAT_EUSAGE, &err, "12 positions, not 13");
    assert_fails(carat_session_trim(s, 9, 0, &err), CARAT_EUSAGE, &err, "sequence 9");
    assert_fails(carat_session_fork(s, 0, 9, 1, &err), CARAT_EUSAGE, &err, "sequence 9");
    assert_fails(carat_session_fork(s, 1, 0, 1, &err), CARAT_EUSAGE, &err, "0 positions, not 1");
    assert_int_equal(carat_session_length(s, 0), 12);
    /* the sliding layers hold 64 positions: behind 150, the window in front of 50 is gone */
    sync_to(s, 0, ids, 150);
    assert_fails(carat_session_trim(s, 0, 50, &err), CARAT_EUSAGE, &err, "before 86");
    assert_fails(carat_session_fork(s, 0, 1, 50, &err), CARAT_EUSAGE, &err, "before 86");
    step(s, &(carat_step){0, ids, 10}, 1);
    assert_fails(carat_session_step(s, &(carat_step){0, ids, 1}, 1, &err), CARAT_EUSAGE, &err,
                 "room for 160");
    assert_int_equal(carat_session_trim(s, 0, 150, &err), CARAT_OK);
    assert_int_equal(carat_session_trim(s, 0, 0, &err), CARAT_OK);
    assert_int_equal(carat_session_length(s, 0), 0);
    step(s, &(carat_step){0, ids, 1}, 1); /* a step may begin a sequence */
    carat_session_close(s);
    carat_model_close(m);
}

/* The price of a session counts every sequence. */
static void priced(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    carat_plan one, four;
    carat_err err;
    assert_int_equal(carat_session_price(m, &(carat_session_options){.context = 64}, &one, &err), CARAT_OK);
    assert_int_equal(
        carat_session_price(m, &(carat_session_options){.context = 64, .sequences = 4}, &four, &err),
        CARAT_OK);
    assert_int_equal(four.kv, 4 * one.kv);
    assert_fails(carat_session_price(m, &(carat_session_options){.sequences = 1025}, &one, &err),
                 CARAT_EUSAGE, &err, "1025 sequences");
    carat_model_close(m);
}

/* 10,000 tokens in steps of four sequences, with trims and forks: nothing is allocated, nothing grows. */
static void ten_thousand_tokens(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    carat_session *s = open_session(m, CARAT_F32, 1);
    int32_t ids[SEQUENCES][LENGTH];
    make_ids(m, ids);
    uint64_t rss = 0;
    size_t before = 0, tokens = 0;
    carat_err err;
    while (tokens < 11000) {
        if (!before && tokens >= 1000) { /* OpenMP makes its threads once; pages are touched once */
            before = allocations + 1;
            rss = carat_rss_anon_bytes();
        }
        size_t n = carat_session_length(s, 0);
        if (n == LENGTH) {
            assert_int_equal(carat_session_trim(s, 0, 0, &err), CARAT_OK);
            n = 0;
        }
        if (!n)
            for (uint32_t q = 1; q < 4; q++)
                assert_int_equal(carat_session_fork(s, 0, q, 0, &err), CARAT_OK);
        carat_step steps[4];
        for (uint32_t q = 0; q < 4; q++)
            steps[q] = (carat_step){q, &ids[q][n], 1};
        step(s, steps, 4);
        tokens += 4;
    }
    if (COUNTED) {
        assert_int_equal(allocations + 1, before);
        assert_in_range(carat_rss_anon_bytes(), 0, rss + (32 << 10));
    }
    carat_session_close(s);
    carat_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_as_alone), cmocka_unit_test(syncs_in_pieces),
                                       cmocka_unit_test(refused), cmocka_unit_test(priced),
                                       cmocka_unit_test(ten_thousand_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
