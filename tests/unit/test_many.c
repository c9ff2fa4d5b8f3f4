/* Syncs of several sequences: each ends in the bits of a sync alone, however they are cut, forked and set back; errors of one.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/support/subject.h"

enum { SEQUENCES = 5, TEXTS = 3, SHARED = 60, LENGTH = 150, CONTEXT = 160 };

static const struct subject {
    const char *name, *model; /* below $ROOT */
    carat_numerics numerics;
    const char *scheme; /* NULL: as it is */
} subjects[] = {
    {"e2b f32", "tests/golden/e2b", CARAT_F32, NULL},
    {"dense31 bf16", "tests/golden/dense31", CARAT_BF16, NULL},
    {"moe f32", "tests/golden/moe", CARAT_F32, NULL},
    {"demo int4 int8", "datasets/demo/model", CARAT_INT8, "int4-g32"},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static carat_model *open_model(const struct subject *u)
{
    return open_subject(u->model, u->scheme);
}

static carat_session *open_session(const carat_model *m, carat_numerics numerics, uint32_t threads,
                                   uint32_t batch)
{
    carat_session *s = NULL;
    carat_err err;
    carat_session_options o = {
        .context = CONTEXT, .batch = batch, .threads = threads, .sequences = SEQUENCES, .numerics = numerics};
    if (carat_session_open(m, &o, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

/* Texts that begin alike, and what each of their positions predicts. */
typedef struct book {
    int32_t ids[TEXTS][LENGTH];
    size_t vocab;
    float *rows; /* [TEXTS][LENGTH][vocab] */
} book;

static void take_row(void *ctx, size_t pos, const float *logits)
{
    const book *b = ((void **)ctx)[0];
    float *rows = ((void **)ctx)[1];
    memcpy(rows + pos * b->vocab, logits, b->vocab * sizeof *logits);
}

static book write_book(const carat_model *m, carat_numerics numerics)
{
    book b = {.vocab = carat_model_describe(m)->vocab};
    b.rows = malloc(TEXTS * LENGTH * b.vocab * sizeof *b.rows);
    assert_non_null(b.rows);
    carat_session *s = open_session(m, numerics, 1, CONTEXT);
    for (int k = 0; k < TEXTS; k++) {
        carat_err err;
        void *ctx[] = {&b, b.rows + (size_t)k * LENGTH * b.vocab};
        for (int i = 0; i < LENGTH; i++)
            b.ids[k][i] = 32 + (i * 37 + i * i * 11 + 5 + (i >= SHARED) * k * 13) % ((int)b.vocab - 32);
        carat_sync_request r = {.ids = b.ids[k], .n = LENGTH, .logits = take_row, .ctx = ctx};
        if (carat_session_sync(s, &r, &err))
            fail_msg("%s", err.text);
    }
    carat_session_close(s);
    return b;
}

static uint32_t roll(uint32_t *dice, uint32_t sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (*dice >> 16) % sides;
}

/* Some sequences become some lengths of some texts, in one sync: those that want it have the last row of that. */
static void some_sync(const book *b, carat_session *s, uint32_t *dice)
{
    carat_sync_request r[SEQUENCES];
    const float *want[SEQUENCES];
    size_t n = 0, rows = 0, turn = roll(dice, SEQUENCES);
    for (size_t i = 0; i < SEQUENCES; i++) {
        size_t k = roll(dice, TEXTS), len = 1 + roll(dice, roll(dice, 3) ? 40 : LENGTH);
        if (roll(dice, 4) == 0)
            continue;
        bool wanted = roll(dice, 4) > 0;
        r[n++] = (carat_sync_request){.ids = b->ids[k],
                                      .n = len,
                                      .logits_from = wanted ? len - 1 : len,
                                      .sequence = (uint32_t)((i + turn) % SEQUENCES)};
        if (wanted)
            want[rows++] = b->rows + (k * LENGTH + len - 1) * b->vocab;
    }
    if (!n)
        return;
    carat_err err;
    if (carat_session_sync_many(s, r, n, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(carat_session_length(s, r[i].sequence), r[i].n);
    for (size_t i = 0; i < rows; i++)
        assert_memory_equal(carat_session_row(s, i), want[i], b->vocab * sizeof **want);
    assert_null(carat_session_row(s, rows));
}

static void as_alone(void **state)
{
    (void)state;
    static const uint32_t batches[] = {1, 7, 24, CONTEXT};
    for (size_t k = 0; k < SUBJECTS; k++) {
        carat_model *m = open_model(&subjects[k]);
        book b = write_book(m, subjects[k].numerics);
        for (uint32_t way = 0; way < 4; way++) {
            uint32_t dice = way;
            carat_err err;
            carat_session *s = open_session(m, subjects[k].numerics, way == 2 ? 3 : 1, batches[way]);
            for (int round = 0; round < 12; round++) {
                uint32_t from = roll(&dice, SEQUENCES), to = roll(&dice, SEQUENCES);
                size_t n = carat_session_length(s, from);
                some_sync(&b, s, &dice);
                if (n <= carat_session_length(s, from))
                    carat_session_fork(s, from, to, n, &err); /* or the window in front of it is gone */
            }
            carat_session_close(s);
        }
        free(b.rows);
        carat_model_close(m);
    }
}

/* Few passes of one size; nothing is computed twice. */
static bool count_pass(void *ctx, size_t done, size_t n)
{
    (void)done, (void)n;
    return ++*(int *)ctx > 0;
}

static void passes(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    book b = write_book(m, CARAT_F32);
    carat_session *s = open_session(m, CARAT_F32, 1, 50);
    carat_err err;
    int asked = 0;
    carat_sync_request r[4];
    for (uint32_t i = 0; i < 4; i++)
        r[i] = (carat_sync_request){.ids = b.ids[0], .n = 24, .logits_from = 23, .sequence = i};
    r[3].progress = count_pass;
    r[3].ctx = &asked;
    assert_int_equal(carat_session_sync_many(s, r, 4, &err), CARAT_OK);
    assert_int_equal(asked, 2); /* 96 rows */
    assert_int_equal(carat_session_computed(s), 96);
    for (uint32_t i = 0; i < 4; i++)
        r[i].n += 2;
    assert_int_equal(carat_session_sync_many(s, r, 4, &err), CARAT_OK);
    assert_int_equal(asked, 3);
    assert_int_equal(carat_session_computed(s), 4 * 3); /* position 23 is wanted anew */
    carat_session_close(s);
    free(b.rows);
    carat_model_close(m);
}

/* What is refused changes nothing. */
static void refused(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    book b = write_book(m, CARAT_F32);
    carat_session *s = open_session(m, CARAT_F32, 1, 8);
    carat_err err;
    double nll[LENGTH];
    carat_sync_request r[CARAT_STEP_ROWS + 1] = {{.ids = b.ids[0], .n = 9, .sequence = 0},
                                                 {.ids = b.ids[1], .n = 7, .sequence = 1}};
    assert_int_equal(carat_session_sync_many(s, r, 2, &err), CARAT_OK);
    r[0].n = 20;
    carat_sync_request good = r[1];
    const struct {
        carat_sync_request second;
        const char *text;
    } cases[] = {
        {{.ids = b.ids[0], .n = 4, .sequence = 0}, "sequence 0 stands twice"},
        {{.ids = b.ids[0], .n = 4, .sequence = SEQUENCES}, "sequence 5: the session has 5"},
        {{.ids = (int32_t[]){-1}, .n = 1, .sequence = 1}, "-1"},
        {{.ids = b.ids[0], .n = CONTEXT + 1, .sequence = 1}, "room for 160"},
        {{.ids = b.ids[0], .n = 4, .sequence = 1, .logits = take_row}, "alone"},
        {{.ids = b.ids[0], .n = 4, .sequence = 1, .next = b.ids[0], .nll = nll}, "alone"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r[1] = cases[i].second;
        assert_fails(carat_session_sync_many(s, r, 2, &err), CARAT_EUSAGE, &err, cases[i].text);
        assert_int_equal(carat_session_length(s, 0), 9);
        assert_int_equal(carat_session_length(s, 1), 7);
    }
    r[1] = good;
    assert_fails(carat_session_sync_many(s, r, 0, &err), CARAT_EUSAGE, &err, "from 1 to 32");
    assert_fails(carat_session_sync_many(s, r, CARAT_STEP_ROWS + 1, &err), CARAT_EUSAGE, &err,
                 "from 1 to 32");
    carat_session_close(s);
    free(b.rows);
    carat_model_close(m);
}

static bool no_more(void *ctx, size_t done, size_t n)
{
    (void)ctx, (void)n;
    return done < 10;
}

/* One says no in the middle: what stands stays, and both go on from there. */
static void interrupted(void **state)
{
    (void)state;
    carat_model *m = open_model(&subjects[0]);
    book b = write_book(m, CARAT_F32);
    carat_session *s = open_session(m, CARAT_F32, 1, 12);
    carat_err err;
    carat_sync_request r[] = {{.ids = b.ids[0], .n = 40, .logits_from = 39, .sequence = 0},
                              {.ids = b.ids[1], .n = 80, .logits_from = 79, .sequence = 1}};
    r[1].progress = no_more;
    assert_fails(carat_session_sync_many(s, r, 2, &err), CARAT_EINTR, &err, "of 80 tokens");
    assert_null(carat_session_logits(s));
    size_t stood = carat_session_length(s, 0) + carat_session_length(s, 1);
    assert_true(carat_session_length(s, 0) == 40 && carat_session_length(s, 1) >= 10 && stood < 120);
    r[1].progress = NULL;
    assert_int_equal(carat_session_sync_many(s, r, 2, &err), CARAT_OK);
    assert_int_equal(carat_session_computed(s), 120 - stood + 1);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(carat_session_row(s, i), b.rows + (i * LENGTH + r[i].n - 1) * b.vocab,
                            b.vocab * sizeof *b.rows);
    carat_session_close(s);
    free(b.rows);
    carat_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_alone), cmocka_unit_test(passes),
                                       cmocka_unit_test(refused), cmocka_unit_test(interrupted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
