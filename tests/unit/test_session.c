/* Sessions: equal bits whatever the threads, the cuts and the history; memory as priced; no allocation while decoding.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * On the golden checkpoints of transformers (tests/golden), whose numbers `carat parity` checks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/carat.h"
#include "tests/support/allocations.h"
#include "tests/support/test.h"

enum { TOKENS = 70 };

static const char *const models[] = {"e2b", "dense31", "moe"};

static carat_model *open_model(const char *name)
{
    char path[512];
    carat_model *m = NULL;
    carat_err err;
    const char *root = getenv("ROOT");
    snprintf(path, sizeof path, "%s/tests/golden/%s", root ? root : ".", name);
    if (carat_model_open(path, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static carat_session *open_session(const carat_model *m, carat_session_options o)
{
    carat_session *s = NULL;
    carat_err err;
    if (carat_session_open(m, &o, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static void make_ids(const carat_model *m, int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((i * 37 + i * i * 11 + 5) % carat_model_describe(m)->vocab);
}

static void sync_to(carat_session *s, const int32_t *ids, size_t n, size_t from)
{
    carat_err err;
    carat_sync_request r = {.ids = ids, .n = n, .logits_from = from};
    if (carat_session_sync(s, &r, &err))
        fail_msg("%s", err.text);
}

/* Logits of the last of n ids in a fresh session. */
static float *fresh(const carat_model *m, carat_session_options o, const int32_t *ids, size_t n, size_t from)
{
    size_t bytes = carat_model_describe(m)->vocab * sizeof(float);
    carat_session *s = open_session(m, o);
    sync_to(s, ids, n, from);
    float *copy = malloc(bytes);
    assert_non_null(copy);
    assert_non_null(carat_session_logits(s));
    memcpy(copy, carat_session_logits(s), bytes);
    carat_session_close(s);
    return copy;
}

static void same_bits(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        carat_model *m = open_model(models[k]);
        int32_t ids[TOKENS];
        make_ids(m, ids, TOKENS);
        size_t bytes = carat_model_describe(m)->vocab * sizeof(float);
        for (int numerics = 0; numerics < 2; numerics++) {
            carat_session_options one = {.threads = 1, .numerics = (carat_numerics)numerics};
            float *want = fresh(m, one, ids, TOKENS, TOKENS - 1);
            for (uint32_t batch = 7; batch <= 35;
                 batch += 28) /* 70 divides into batches of more than one token */
                for (uint32_t threads = 1; threads <= 3; threads++) {
                    carat_session_options o = {
                        .threads = threads, .batch = batch, .numerics = (carat_numerics)numerics};
                    float *got = fresh(m, o, ids, TOKENS, TOKENS - 1);
                    assert_memory_equal(got, want, bytes);
                    free(got);
                }
            /* wanting every row runs every row through every layer: the last one is the same */
            float *all = fresh(m, one, ids, TOKENS, 0);
            assert_memory_equal(all, want, bytes);
            free(all);
            free(want);
        }
        carat_model_close(m);
    }
}

/* Decoding on from a prefix, going back, and going back behind what a ring still holds. */
static void history(void **state)
{
    (void)state;
    carat_model *m = open_model("e2b");
    int32_t ids[TOKENS];
    make_ids(m, ids, TOKENS);
    size_t bytes = carat_model_describe(m)->vocab * sizeof(float);
    carat_session_options o = {.threads = 2, .batch = 8, .context = 256};
    carat_session *s = open_session(m, o);
    sync_to(s, ids, 40, 39);
    sync_to(s, ids, TOKENS - 2, TOKENS - 3);
    assert_int_equal(carat_session_computed(s), TOKENS - 2 - 40);
    sync_to(s, ids, 60, 58); /* back; position 58 and 59 anew */
    assert_int_equal(carat_session_computed(s), 2);
    float *want = fresh(m, o, ids, 60, 58);
    assert_memory_equal(carat_session_logits(s), want, bytes);
    free(want);
    int32_t other[TOKENS];
    memcpy(other, ids, sizeof other);
    other[20] ^= 1;
    sync_to(s, other, 60, 58);
    assert_int_equal(carat_session_computed(s), 40);
    want = fresh(m, o, other, 60, 58);
    assert_memory_equal(carat_session_logits(s), want, bytes);
    free(want);
    assert_int_equal(carat_session_length(s, 0), 60);
    carat_session_close(s);
    carat_model_close(m);
}

/* Branching at `at` from what a session holds: so many positions are computed, and the logits are those of a fresh session. */
static void branch(const carat_model *m, carat_session_options o, carat_session *s, int32_t *ids, size_t at,
                   size_t n, size_t computed)
{
    ids[at] ^= 1;
    sync_to(s, ids, n, n - 1);
    assert_int_equal(carat_session_computed(s), computed);
    float *want = fresh(m, o, ids, n, n - 1);
    assert_memory_equal(carat_session_logits(s), want, carat_model_describe(m)->vocab * sizeof(float));
    free(want);
}

/* Rings that have wrapped several times and lost the window in front of a branch point are filled anew from as far back as sliding
 * layers reach together (one window less one each: 3 x 5 and 4 x 4 positions), whatever K and V are kept in. */
static void lost_window(void **state)
{
    (void)state;
    enum { LONG = 230 };
    static const size_t reach[] = {15, 16};
    int32_t ids[LONG];
    for (size_t k = 0; k < 2; k++)
        for (int kv = CARAT_KV_F32; kv <= CARAT_KV_INT8; kv++) {
            carat_model *m = open_model(models[k]);
            make_ids(m, ids, LONG);
            carat_session_options o = {.threads = 2, .batch = 10, .context = 256, .kv = (carat_kv)kv};
            carat_session *s = open_session(m, o);
            sync_to(s, ids, LONG, LONG - 1);
            branch(m, o, s, ids, 100, 130, 30 + reach[k]);
            branch(m, o, s, ids, 129, LONG, LONG - 129);
            branch(m, o, s, ids, 90, 95, 5 + reach[k]);
            branch(m, o, s, ids, 94, 200, 200 - 94); /* the rings are right again */
            branch(m, o, s, ids, 10, 20, 20);        /* nothing to gain */
            carat_session_close(s);
            carat_model_close(m);
        }
}

static void no_allocation(void **state)
{
    (void)state;
    if (!COUNTED)
        skip();
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        carat_model *m = open_model(models[k]);
        int32_t ids[TOKENS];
        make_ids(m, ids, TOKENS);
        carat_session *s = open_session(m, (carat_session_options){.threads = 2});
        sync_to(s, ids, 20, 19); /* OpenMP makes its threads once */
        sync_to(s, ids, 21, 20);
        size_t before = allocations;
        for (size_t n = 22; n <= TOKENS; n++)
            sync_to(s, ids, n, n - 1);
        assert_int_equal(allocations, before);
        carat_session_close(s);
        carat_model_close(m);
    }
}

/* Losses without logits: those of the rows of logits, and the same bits for any threads, batch and cut. */
typedef struct rows {
    carat_session *s;
    const int32_t *ids;
    double nll[TOKENS];
} rows;

static void take_row(void *ctx, size_t pos, const float *logits)
{
    rows *r = ctx;
    r->nll[pos] = carat_session_log_sum(r->s, logits) - (double)logits[r->ids[pos + 1]];
}

static void losses(void **state)
{
    (void)state;
    enum { FROM = 9, N = TOKENS - 1 };
    for (size_t k = 0; k < 2; k++) {
        carat_model *m = open_model(models[k]);
        int32_t ids[TOKENS];
        carat_err err;
        make_ids(m, ids, TOKENS);
        for (int numerics = 0; numerics < 2; numerics++) {
            double first[TOKENS] = {0}, nll[TOKENS] = {0};
            for (uint32_t threads = 1; threads <= 3; threads++) {
                carat_session_options o = {.threads = threads, .numerics = (carat_numerics)numerics};
                o.batch = threads == 2 ? 13 : 0;
                carat_session *s = open_session(m, o);
                carat_sync_request r = {.ids = ids, .n = N, .logits_from = FROM, .next = ids + 1, .nll = nll};
                assert_int_equal(carat_session_sync(s, &r, &err), CARAT_OK);
                assert_null(carat_session_logits(s));
                if (threads == 1)
                    memcpy(first, nll, sizeof nll);
                assert_memory_equal(nll, first, sizeof nll);
                carat_session_close(s);
            }
            rows want = {.ids = ids};
            want.s = open_session(m, (carat_session_options){.numerics = (carat_numerics)numerics});
            carat_sync_request r = {
                .ids = ids, .n = N, .logits_from = FROM, .logits = take_row, .ctx = &want};
            assert_int_equal(carat_session_sync(want.s, &r, &err), CARAT_OK);
            for (size_t i = FROM; i < N; i++)
                assert_true(fabs(nll[i] - want.nll[i]) <= 1e-6 * want.nll[i]);
            assert_true(nll[FROM - 1] == 0);
            carat_session_close(want.s);
        }
        carat_model_close(m);
    }
}

static void refused(void **state)
{
    (void)state;
    carat_model *m = open_model("e2b");
    carat_err err;
    carat_session *s = NULL;
    carat_plan plan;
    assert_fails(carat_session_open(m, &(carat_session_options){.context = UINT32_MAX}, &s, &err),
                 CARAT_EUSAGE, &err, "context");
    assert_fails(carat_session_open(m, &(carat_session_options){.threads = 100000}, &s, &err), CARAT_EUSAGE,
                 &err, "threads");
    assert_fails(carat_session_open(m, &(carat_session_options){.kernels = "nope"}, &s, &err), CARAT_EUSAGE,
                 &err, "nope");
    assert_null(s);
    assert_int_equal(carat_session_price(m, &(carat_session_options){.context = 64}, &plan, &err), CARAT_OK);
    uint64_t small = plan.kv;
    assert_int_equal(carat_session_price(m, &(carat_session_options){.context = 256}, &plan, &err), CARAT_OK);
    assert_true(plan.kv > small);
    s = open_session(m, (carat_session_options){.context = 16});
    int32_t ids[32] = {1, -1};
    carat_sync_request r = {.ids = ids, .n = 2};
    double nll[2];
    int32_t far[] = {0, INT32_MAX};
    carat_sync_request score = {.ids = ids, .n = 2, .next = far, .nll = nll};
    assert_int_equal(carat_session_sync(s, &score, &err), CARAT_EUSAGE);
    assert_fails(carat_session_sync(s, &r, &err), CARAT_EUSAGE, &err, "-1");
    ids[1] = 1 << 30;
    assert_fails(carat_session_sync(s, &r, &err), CARAT_EUSAGE, &err, "1073741824");
    r.n = 0;
    assert_fails(carat_session_sync(s, &r, &err), CARAT_EUSAGE, &err, "no token");
    r.n = 17;
    ids[1] = 0;
    assert_fails(carat_session_sync(s, &r, &err), CARAT_EUSAGE, &err, "17");
    carat_session_close(s);
    carat_model_close(m);
}

/* The same seed and step draw the same id; the filters leave what they should. */
static void sampling(void **state)
{
    (void)state;
    enum { VOCAB = 64 };
    float logits[VOCAB];
    carat_choice scratch[VOCAB];
    for (int i = 0; i < VOCAB; i++)
        logits[i] = (float)((i * 29) % VOCAB) / 8; /* the greatest is 63 / 8, at 29 i = 63 mod 64: i = 11 */
    assert_int_equal(carat_sample(&(carat_sampler){.top_p = 1}, NULL, logits, VOCAB, 0, scratch), 11);
    const int32_t banned[] = {11};
    assert_int_not_equal(carat_sample(&(carat_sampler){.top_p = 1, .suppress = banned, .n_suppress = 1}, NULL,
                                      logits, VOCAB, 0, scratch),
                         11);
    unsigned count[VOCAB] = {0};
    for (uint64_t step = 0; step < 20000; step++) {
        int32_t id = carat_sample(&(carat_sampler){.temperature = 1, .top_k = 3, .top_p = 1, .seed = 9}, NULL,
                                  logits, VOCAB, step, scratch);
        assert_int_equal(id,
                         carat_sample(&(carat_sampler){.temperature = 1, .top_k = 3, .top_p = 1, .seed = 9},
                                      NULL, logits, VOCAB, step, scratch));
        count[id]++;
    }
    /* exp(0), exp(-1/8), exp(-2/8) over their sum: 0.376, 0.332, 0.293; four standard errors of 20000 draws */
    unsigned kept = 0;
    for (int i = 0; i < VOCAB; i++)
        kept += count[i] > 0;
    assert_int_equal(kept, 3);
    assert_in_range(count[11], (unsigned)(20000 * (0.3757 - 0.0137)), (unsigned)(20000 * (0.3757 + 0.0137)));
    for (uint64_t step = 0; step < 2000; step++)
        assert_int_equal(carat_sample(&(carat_sampler){.temperature = 0.1f, .top_p = 0.5f}, NULL, logits,
                                      VOCAB, step, scratch),
                         11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits),   cmocka_unit_test(history),
                                       cmocka_unit_test(lost_window), cmocka_unit_test(no_allocation),
                                       cmocka_unit_test(losses),      cmocka_unit_test(refused),
                                       cmocka_unit_test(sampling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
