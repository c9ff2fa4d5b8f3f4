/* GSM8K (Cobbe et al. 2021): sums in words, marked by exact match.                 SPDX-License-Identifier: Apache-2.0
 *
 * The smallest suite: a pattern for one more. openai/gsm8k has the columns question and answer ("... #### 72"). A question is one user
 * message, without examples, and the last number of the reply counts: both are ours, so other programs' scores are not comparable. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "datasets/table.h"
#include "eval/grade.h"
#include "eval/suite.h"
#include "runtime/base/mem.h"

typedef struct problem {
    char *messages, id[24];
    double gold;
} problem;

typedef struct gsm8k {
    problem *problem;
    size_t n, cap;
} gsm8k;

static carat_status add(void *ctx, const carat_json *row, const carat_str *unused, carat_err *err)
{
    gsm8k *g = ctx;
    problem p = {0};
    const char *question, *answer;
    (void)unused;
    carat_status st = carat_grow((void **)&g->problem, &g->cap, g->n + 1, sizeof p, err);
    if (st || (st = carat_json_text(carat_json_get(row, "question"), "question", &question, err)) ||
        (st = carat_json_text(carat_json_get(row, "answer"), "answer", &answer, err)))
        return st;
    if (isnan(p.gold = carat_last_number(answer)))
        return carat_fail(err, CARAT_EFORMAT, "the answer holds no number");
    if (!(p.messages = carat_user_message(question, err)))
        return CARAT_ENOMEM;
    snprintf(p.id, sizeof p.id, "%zu", g->n);
    g->problem[g->n++] = p;
    return CARAT_OK;
}

static void close_suite(void *state)
{
    gsm8k *g = state;
    for (size_t i = 0; i < g->n; i++)
        free(g->problem[i].messages);
    free(g->problem);
    carat_free(g);
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    gsm8k *g = carat_alloc(1, sizeof *g, err);
    if (!g)
        return CARAT_ENOMEM;
    carat_status st = carat_table_each(e->data ? e->data : "sample:gsm8k", add, *state = g, err);
    *items = e->limit && e->limit < g->n ? e->limit : g->n;
    if (st)
        close_suite(g);
    return st;
}

static carat_item describe(const void *state, size_t i)
{
    return (carat_item){.id = ((const gsm8k *)state)->problem[i].id};
}

static carat_status question(void *state, size_t i, carat_question *out, carat_err *err)
{
    (void)err;
    *out = (carat_question){
        .messages = ((gsm8k *)state)->problem[i].messages, .max_new = 512, .sampler = {.top_p = 1}};
    return CARAT_OK;
}

static carat_status grade(void *state, size_t i, const carat_answer *a, carat_jw *w, carat_verdict *v,
                          carat_err *err)
{
    double pred = carat_last_number(a->content), gold = ((gsm8k *)state)->problem[i].gold;
    (void)err;
    *v = (carat_verdict){pred == gold  ? CARAT_RIGHT
                         : isnan(pred) ? CARAT_UNPARSED
                                       : CARAT_WRONG,
                         pred == gold};
    carat_jw_put_f64(w, "pred", pred);
    carat_jw_put_f64(w, "answer", gold);
    return CARAT_OK;
}

const carat_suite carat_suite_gsm8k = {.name = "gsm8k",
                                       .summary = "GSM8K: sums in words; the last number of the reply",
                                       .metric = "acc",
                                       .open = open_suite,
                                       .describe = describe,
                                       .question = question,
                                       .grade = grade,
                                       .close = close_suite};
