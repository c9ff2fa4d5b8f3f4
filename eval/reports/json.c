/* Reports for programs: what the runs say, checked and in one shape.               SPDX-License-Identifier: Apache-2.0
 *
 * {"runs": [{"run", "finished", "caveat", "written", "items", "results", "groups", "outcomes", "truncated", "notes", "method"}],
 *  "flips": {SUITE: {"pairs", "prompts", "lost", "won", "otherwise", "rescored", "items": [{"id", "item", "kind", "a", "b"}]}}}
 * results and groups as in report.json; flips with two runs only, all of them. */
#include "eval/report.h"

static void put_outcomes(carat_jw *w, const carat_report_suite *s)
{
    carat_jw_open(w, '{');
    if (!s->asks) {
        carat_jw_put_u64(w, "measured", s->n);
    }
    for (int o = s->asks ? CARAT_RIGHT : CARAT_NOT_MEASURED; o <= CARAT_NOT_MEASURED; o++) {
        carat_jw_put_u64(w, carat_outcome_name((carat_outcome)o), s->outcome[o]);
    }
    carat_jw_close(w);
}

static void put_object(carat_jw *w, const carat_json *node)
{
    if (node) {
        carat_report_tree(w, node);
        return;
    }
    carat_jw_open(w, '{');
    carat_jw_close(w);
}

/* {SUITE: one part of it} for all suites of a run. */
static void put_part(carat_jw *w, const carat_report_run *run, const char *part)
{
    carat_jw_key(w, part);
    carat_jw_open(w, '{');
    for (size_t i = 0; i < run->n_suites; i++) {
        const carat_report_suite *s = &run->suite[i];
        carat_jw_key(w, s->name);
        switch (part[0]) {
        case 'r':
            put_object(w, s->metrics);
            break;
        case 'g':
            put_object(w, s->groups);
            break;
        case 'o':
            put_outcomes(w, s);
            break;
        case 't':
            carat_jw_u64(w, s->truncated);
            break;
        default:
            carat_jw_text(w, s->note);
        }
    }
    carat_jw_close(w);
}

static void put_run(carat_jw *w, const carat_report_run *run)
{
    static const char *const parts[] = {"results", "groups", "outcomes", "truncated", "notes"};
    carat_str scratch = CARAT_STR_INIT;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "run", run->loaded.dir);
    carat_jw_put_bool(w, "finished", run->loaded.report != NULL);
    carat_jw_put_text(w, "caveat", carat_report_caveat(run, &scratch));
    carat_jw_put_text(w, "written", run->when);
    carat_jw_put_u64(w, "items", run->loaded.n);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        put_part(w, run, parts[i]);
    carat_jw_key(w, "method");
    carat_report_tree(w, run->method);
    carat_jw_close(w);
    carat_str_free(&scratch);
}

static void put_flip(carat_jw *w, const carat_flip *f)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "id", carat_report_member(f->a, "id"));
    carat_jw_put_u64(w, "item", f->a->item);
    carat_jw_put_text(w, "kind", carat_flip_name(f->kind));
    carat_jw_put_text(w, "a", carat_outcome_name(carat_report_outcome(f->a)));
    carat_jw_put_text(w, "b", carat_outcome_name(carat_report_outcome(f->b)));
    carat_jw_close(w);
}

static carat_status put_flips(carat_jw *w, const carat_report *r, const char *suite, carat_err *err)
{
    carat_flips f;
    carat_status st = carat_report_flips(r, suite, &f, err);
    if (st || !f.pairs)
        return st;
    carat_jw_key(w, suite);
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "pairs", f.pairs);
    carat_jw_put_u64(w, "prompts", f.prompts);
    for (int k = 0; k < 4; k++) {
        carat_jw_put_u64(w, carat_flip_name((carat_flip_kind)k), f.of[k]);
    }
    carat_jw_key(w, "items");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < f.n; i++)
        put_flip(w, &f.flip[i]);
    carat_jw_close(w);
    carat_jw_close(w);
    carat_report_flips_free(&f);
    return CARAT_OK;
}

static carat_status write(const carat_report *r, carat_str *out, carat_err *err)
{
    carat_status st = CARAT_OK;
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "runs");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < r->n; i++)
        put_run(&w, &r->run[i]);
    carat_jw_close(&w);
    if (r->n == 2) {
        carat_jw_key(&w, "flips");
        carat_jw_open(&w, '{');
        for (size_t i = 0; i < r->run[0].n_suites && !st; i++)
            st = put_flips(&w, r, r->run[0].suite[i].name, err);
        carat_jw_close(&w);
    }
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return st ? st : carat_str_check(out, err);
}

const carat_report_format carat_report_as_json = {
    .name = "json",
    .summary = "for programs: results, groups, outcomes, method of each run; what flipped between two",
    .file = "report.json",
    .write = write,
};
