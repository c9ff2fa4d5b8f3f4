/* Items that two runs answered differently (report.h).                             SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "eval/pairs.h"
#include "eval/report.h"
#include "runtime/base/mem.h"

const char *carat_flip_name(carat_flip_kind k)
{
    static const char *const names[] = {"lost", "won", "otherwise", "rescored"};
    return names[k];
}

/* False: both runs answered alike. */
static bool kind_of(const carat_record *a, const carat_record *b, carat_flip_kind *out)
{
    carat_outcome x = carat_report_outcome(a), y = carat_report_outcome(b);
    double p = 0, q = 0;
    *out = x == CARAT_RIGHT ? CARAT_LOST : y == CARAT_RIGHT ? CARAT_WON : CARAT_OTHERWISE;
    if (x != y)
        return true;
    *out = CARAT_RESCORED;
    return !carat_json_f64(carat_json_get(a->json, "score"), "score", &p, NULL) &&
           !carat_json_f64(carat_json_get(b->json, "score"), "score", &q, NULL) && p != q;
}

static int by_kind(const void *a, const void *b)
{
    const carat_flip *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->a->item > y->a->item) - (x->a->item < y->a->item);
}

carat_status carat_report_flips(const carat_report *r, const char *suite, carat_flips *out, carat_err *err)
{
    const carat_report_suite *a = carat_report_suite_of(&r->run[0], suite);
    const carat_report_suite *b = r->n == 2 ? carat_report_suite_of(&r->run[1], suite) : NULL;
    carat_match m;
    *out = (carat_flips){0};
    if (!a || !b || !a->asks || !b->asks || !a->n || !b->n)
        return CARAT_OK;
    carat_err why = {0};
    carat_status st = carat_match_open(&r->run[0].loaded, &r->run[1].loaded, suite, true, &m, &why);
    if (st == CARAT_EFORMAT) /* no item in common: nothing to show */
        return CARAT_OK;
    if (st) {
        if (err)
            *err = why;
        return st;
    }
    carat_flips f = {.flip = carat_alloc(m.n, sizeof *f.flip, err), .pairs = m.n, .prompts = m.prompts};
    if (!f.flip)
        st = CARAT_ENOMEM;
    for (size_t i = 0; i < m.n && !st; i++) {
        carat_flip *at = &f.flip[f.n];
        *at = (carat_flip){m.a[i], m.b[i], CARAT_LOST};
        if (kind_of(at->a, at->b, &at->kind)) {
            f.of[at->kind]++;
            f.n++;
        }
    }
    if (f.n)
        qsort(f.flip, f.n, sizeof *f.flip, by_kind);
    carat_match_close(&m);
    if (st)
        carat_report_flips_free(&f);
    else
        *out = f;
    return st;
}

void carat_report_flips_free(carat_flips *f)
{
    carat_free(f->flip);
    *f = (carat_flips){0};
}
