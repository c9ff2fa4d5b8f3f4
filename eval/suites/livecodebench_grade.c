/* carat grade livecodebench: programs that are there already, run on their problems' tests.   SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "eval/grade.h"
#include "eval/suites/lcb.h"
#include "runtime/base/mem.h"

typedef struct grading {
    carat_lcb *problems;
    carat_sandbox *sandbox;
    carat_lcb_mode mode;
} grading;

static void close_grader(carat_grading *g)
{
    grading *s = g->state;
    if (!s)
        return;
    carat_lcb_close(s->problems);
    carat_sandbox_close(s->sandbox);
    carat_free(s);
    g->state = NULL;
}

static carat_status open_grader(carat_grading *g, carat_err *err)
{
    if (g->extract_only)
        return CARAT_OK;
    if (!g->data)
        return carat_fail(err, CARAT_EUSAGE, "which problems? --data PROBLEMS.jsonl");
    grading *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    g->state = s;
    s->mode = g->variant == 0 ? CARAT_LCB_OFFICIAL : CARAT_LCB_PROCESS;
    carat_status st = carat_lcb_open(&(carat_lcb_options){.path = g->data}, &s->problems, err);
    return st ? st : carat_lcb_sandbox(s->mode, g->unsafe_no_sandbox, &s->sandbox, err);
}

/* The program: `code`, or what `output` holds. NULs, which our texts cannot hold, came as U+FFFF (cmd_grade.c) and are put back. */
static carat_status program(const carat_json *reply, bool from_output, carat_str *out, carat_err *err)
{
    const carat_json *code = from_output ? NULL : carat_json_get(reply, "code");
    const char *text;
    carat_status st = carat_json_text(code ? code : carat_json_get(reply, "output"), code ? "code" : "output",
                                      &text, err);
    if (st)
        return st;
    carat_bytes b = code ? (carat_bytes){text, strlen(text)} : carat_lcb_extract(text);
    const char *p = b.data, *end = p + b.n, *hit;
    while ((hit = memmem(p, (size_t)(end - p), "\xEF\xBF\xBF", 3))) {
        carat_str_add(out, p, (size_t)(hit - p));
        carat_str_add(out, "", 1);
        p = hit + 3;
    }
    carat_str_add(out, p, (size_t)(end - p));
    return carat_str_check(out, err);
}

static carat_status grade(const carat_grading *g, const carat_json *reply, carat_jw *w, carat_tally *tally,
                          carat_err *err)
{
    const grading *s = g->state;
    carat_str code = CARAT_STR_INIT;
    carat_lcb_tests tests = {0};
    carat_lcb_verdict v = {0};
    const char *id;
    carat_status st = program(reply, g->extract_only, &code, err);
    if (!st && g->extract_only) {
        carat_jw_key(w, "code");
        carat_jw_bytes(w, code.data, code.len);
    } else if (!st &&
               !(st = carat_json_text(carat_json_get(reply, "question_id"), "question_id", &id, err))) {
        const carat_lcb_problem *p = carat_lcb_find(s->problems, id);
        st = p ? carat_lcb_tests_open(p, &tests, err)
               : carat_fail(err, CARAT_EFORMAT, "no problem %s in %s", id, g->data);
        if (!st) {
            st = carat_lcb_check(s->sandbox, s->mode, &tests, (carat_bytes){code.data, code.len}, &v, err);
            if (!st) {
                carat_lcb_write(&v, w);
                tally->known++;
                tally->sum += v.passed;
                tally->retried += v.retried;
                tally->code[-v.code]++;
            }
            carat_lcb_verdict_free(&v);
            carat_lcb_tests_close(&tests);
        }
    }
    carat_str_free(&code);
    return st;
}

static void total(const carat_grading *g, const carat_tally *t, carat_jw *w)
{
    char key[4];
    if (!t->known)
        return;
    carat_jw_put_u64(w, "passed", (uint64_t)t->sum);
    carat_jw_key(w, "error_codes");
    carat_jw_open(w, '{');
    for (int i = 1; i < 6; i++)
        if (t->code[i]) {
            snprintf(key, sizeof key, "-%d", i);
            carat_jw_put_u64(w, key, t->code[i]);
        }
    carat_jw_close(w);
    if (t->retried) {
        carat_jw_put_u64(w, "retried", t->retried);
    }
    carat_jw_put_text(w, "sandbox", carat_sandbox_about(((const grading *)g->state)->sandbox));
}

const carat_grader carat_grader_livecodebench = {
    .name = "livecodebench",
    .summary = "programs run on their problems' tests, in a sandbox",
    .variants = "official, process",
    .open = open_grader,
    .grade = grade,
    .total = total,
    .close = close_grader,
    .slow = true,
};
