/* LiveCodeBench, code generation (Jain et al. 2024): problems of programming contests; the program in the reply is run.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 *
 * Prompt, extraction and checker are the official ones (lcb.h); variant process runs each test in a process of its own instead. Deviations:
 * no stop string (the official one, ###, cuts replies at headings), and 32,768 new tokens with thinking, where 2,000 are
 * official. K replies to a problem (--samples) are K items of one cluster: pass@1 is their mean, pass@k the unbiased estimate. A reply without a
 * program is unparsed (the official checker runs an empty one, which fails). --limit counts problems. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/suites/lcb.h"
#include "runtime/base/mem.h"

enum { NEW_TOKENS = 2000, NEW_TOKENS_THINKING = 32768, LABEL = 96, DATE_MONTH = 7 };

typedef struct entry {
    const carat_lcb_problem *problem;
    char *messages; /* JSON */
    char month[DATE_MONTH + 1];
} entry;

typedef struct suite {
    carat_lcb *problems;
    carat_sandbox *sandbox;
    carat_lcb_mode mode;
    entry *entry;
    char (*id)[LABEL]; /* of items */
    size_t n, samples; /* problems; replies to each */
    bool thinking, no_errata;
} suite;

static void close_suite(void *state)
{
    suite *s = state;
    for (size_t i = 0; s->entry && i < s->n; i++)
        free(s->entry[i].messages);
    carat_free(s->entry);
    carat_free(s->id);
    carat_lcb_close(s->problems);
    carat_sandbox_close(s->sandbox);
    carat_free(s);
}

static carat_status prepare(suite *s, carat_err *err)
{
    size_t items;
    if (!carat_mul(s->n, s->samples, &items))
        return carat_fail(err, CARAT_ENOMEM, "%zu problems, %zu replies each", s->n, s->samples);
    if (!(s->entry = carat_alloc(s->n, sizeof *s->entry, err)) ||
        !(s->id = carat_alloc(items, sizeof *s->id, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < s->n; i++) {
        entry *e = &s->entry[i];
        carat_str messages = CARAT_STR_INIT;
        carat_jw w = carat_jw_begin(&messages);
        e->problem = carat_lcb_at(s->problems, i);
        snprintf(e->month, sizeof e->month, "%s", e->problem->date);
        carat_lcb_prompt(e->problem, &w);
        carat_status st = carat_str_check(&messages, err);
        if (st || !(e->messages = carat_str_take(&messages)))
            return CARAT_ENOMEM;
        for (size_t k = 0; k < s->samples; k++) {
            int n = s->samples > 1
                        ? snprintf(s->id[i * s->samples + k], LABEL, "%s#%zu", e->problem->id, k + 1)
                        : snprintf(s->id[i], LABEL, "%s", e->problem->id);
            if (n >= LABEL)
                return carat_fail(err, CARAT_EFORMAT, "question_id %.60s...: longer than %d bytes",
                                  e->problem->id, LABEL);
        }
    }
    return CARAT_OK;
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    suite *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    const carat_lcb_options o = {e->data ? e->data : "sample:livecodebench", e->from, e->to,
                                 e->exclude_errata};
    s->mode = e->variant && !strcmp(e->variant, "process") ? CARAT_LCB_PROCESS : CARAT_LCB_OFFICIAL;
    s->samples = e->samples ? e->samples : 1;
    s->thinking = e->thinking;
    s->no_errata = e->exclude_errata;
    carat_status st = carat_lcb_open(&o, &s->problems, err);
    if (!st) {
        s->n = carat_lcb_count(s->problems);
        s->n = e->limit && e->limit < s->n ? e->limit : s->n;
        st = prepare(s, err);
    }
    if (!st)
        st = carat_lcb_sandbox(s->mode, e->unsafe_no_sandbox, &s->sandbox, err);
    if (st) {
        close_suite(s);
        return st;
    }
    *state = s;
    *items = s->n * s->samples;
    return CARAT_OK;
}

static carat_status pin(const void *state, carat_jw *w, carat_err *err)
{
    const suite *s = state;
    (void)err;
    carat_jw_put_text(w, "extraction", "between-last-two-fences");
    carat_jw_put_text(w, "sandbox", carat_sandbox_kind(s->sandbox));
    carat_jw_put_text(w, "python", carat_sandbox_python(s->sandbox));
    if (s->no_errata)
        carat_jw_put_u64(w, "errata_left_out", carat_lcb_left_out(s->problems));
    return CARAT_OK;
}

static carat_item describe(const void *state, size_t i)
{
    const suite *s = state;
    const entry *e = &s->entry[i / s->samples];
    return (carat_item){.id = s->id[i],
                        .cluster = e->problem->id,
                        .group = {{"difficulty", e->problem->difficulty},
                                  {"platform", e->problem->platform},
                                  {"month", e->month}},
                        .n_groups = 3};
}

static carat_status question(void *state, size_t i, carat_question *out, carat_err *err)
{
    const suite *s = state;
    (void)err;
    *out = (carat_question){.messages = s->entry[i / s->samples].messages,
                            .max_new = s->thinking ? NEW_TOKENS_THINKING : NEW_TOKENS,
                            .sampler = {.temperature = 0.2, .top_p = 0.95}};
    return CARAT_OK;
}

static carat_status grade(void *state, size_t i, const carat_answer *a, carat_jw *w, carat_verdict *v,
                          carat_err *err)
{
    const suite *s = state;
    carat_lcb_tests tests;
    carat_lcb_verdict verdict = {0};
    const carat_bytes code = carat_lcb_extract(a->content ? a->content : "");
    if (!code.n) {
        *v = (carat_verdict){CARAT_UNPARSED, 0};
        return CARAT_OK;
    }
    carat_status st = carat_lcb_tests_open(s->entry[i / s->samples].problem, &tests, err);
    if (st)
        return st;
    st = carat_lcb_check(s->sandbox, s->mode, &tests, code, &verdict, err);
    if (!st) {
        *v = (carat_verdict){verdict.passed ? CARAT_RIGHT : CARAT_WRONG, verdict.passed};
        carat_lcb_write(&verdict, w);
    }
    carat_lcb_verdict_free(&verdict);
    carat_lcb_tests_close(&tests);
    return st;
}

static carat_status report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err)
{
    const suite *s = state;
    if (s) {
        int len = snprintf(out->note, sizeof out->note, "programs ran in: %.400s",
                           carat_sandbox_about(s->sandbox));
        if (s->no_errata)
            snprintf(out->note + len, sizeof out->note - (size_t)len,
                     "; %zu problems of the official errata left out", carat_lcb_left_out(s->problems));
    }
    return carat_lcb_pass(results, n, out, err);
}

const carat_suite carat_suite_livecodebench = {
    .name = "livecodebench",
    .summary = "LiveCodeBench: programs for contest problems, run on their tests",
    .metric = "pass@1",
    .variants = "official, process",
    .heeds = "samples from to exclude-errata",
    .open = open_suite,
    .pin = pin,
    .describe = describe,
    .question = question,
    .grade = grade,
    .slow = true,
    .report = report,
    .close = close_suite};
