/* A session costs what its price said: resident memory of its own, measured when every page has been written.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/util.h"
#include "runtime/carat.h"
#include "tests/support/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* shadow memory grows beside */
#else
enum { SANITIZED = 0 };
#endif

enum { SEQUENCES = 32, SLACK = 128 << 10 /* stacks of threads, the allocator's own */ };

static void fill(carat_session *s, size_t context)
{
    carat_err err = {0};
    int32_t *ids = calloc(context, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < context; i++)
        ids[i] = (int32_t)(300 + i * 7 % 500);
    for (uint32_t q = 0; q < SEQUENCES; q++) {
        carat_sync_request r = {.ids = ids, .n = context, .logits_from = context - 1, .sequence = q};
        if (q ? carat_session_fork(s, 0, q, context, &err) : carat_session_sync(s, &r, &err))
            fail_msg("%s", err.text);
    }
    free(ids);
}

/* Resident memory of one's own when a session of this type is full, less what it was before, over what was planned. */
static double share(carat_kv kv, uint64_t *planned)
{
    carat_err err = {0};
    carat_model *m = NULL;
    carat_session *s = NULL;
    carat_plan plan;
    char path[4096];
    const char *root = getenv("ROOT");
    snprintf(path, sizeof path, "%s/datasets/demo/model", root ? root : ".");
    assert_int_equal(carat_model_open(path, &m, &err), CARAT_OK);
    uint32_t max = carat_model_describe(m)->context_max;
    carat_session_options o = {
        .context = max < 1024 ? max : 1024, .sequences = SEQUENCES, .threads = 1, .batch = 128, .kv = kv};
    assert_int_equal(carat_session_price(m, &o, &plan, &err), CARAT_OK);
    uint64_t before = carat_rss_anon_bytes();
    assert_int_equal(carat_session_open(m, &o, &s, &err), CARAT_OK);
    fill(s, o.context);
    uint64_t grown = carat_rss_anon_bytes() - before;
    carat_session_close(s);
    carat_model_close(m);
    *planned = plan.kv + plan.scratch;
    return (double)grown / (double)*planned;
}

static void test_price_is_cost(void **state)
{
    (void)state;
    if (SANITIZED || !carat_rss_anon_bytes())
        skip();
    for (carat_kv kv = CARAT_KV_F32; kv <= CARAT_KV_INT8; kv++) {
        uint64_t planned;
        double of = share(kv, &planned), slack = (double)SLACK / (double)planned;
        print_message("%s: planned %.1f MB, resident %.2f %% of it\n", carat_kv_name(kv),
                      (double)planned / 1e6, 100 * of);
        assert_true(planned > 8 << 20);
        assert_true(of > 0.97 - slack && of < 1.03 + slack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_price_is_cost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
