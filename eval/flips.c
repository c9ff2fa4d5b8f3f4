/* Items that two runs answered differently (report.h).                             SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "eval/report.h"
#include "runtime/base/mem.h"

const char *carat_flip_name(carat_flip_kind k)
{
    static const char *const names[] = {"lost", "won", "otherwise", "rescored"};
    return names[k];
}

/* A record with the name it is paired by: its id; its number where it has none. Several records may share an id (replies to one
 * problem): they are paired in their order. */
struct named {
    const carat_record *record;
    const char *id;
};

static int compare(const struct named *x, const struct named *y)
{
    if (x->id || y->id)
        return x->id && y->id ? strcmp(x->id, y->id) : (x->id != NULL) - (y->id != NULL);
    return (x->record->item > y->record->item) - (x->record->item < y->record->item);
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = compare(x, y);
    return order ? order : (x->record->item > y->record->item) - (x->record->item < y->record->item);
}

static struct named *sorted(const carat_report_suite *s, carat_err *err)
{
    struct named *out = carat_alloc(s->n, sizeof *out, err);
    for (size_t i = 0; out && i < s->n; i++)
        out[i] = (struct named){&s->record[i], carat_report_member(&s->record[i], "id")};
    if (out && s->n)
        qsort(out, s->n, sizeof *out, by_name);
    return out;
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

carat_status carat_report_flips(const carat_report_suite *a, const carat_report_suite *b, carat_flips *out,
                                carat_err *err)
{
    carat_flips f = {.flip = carat_alloc(a->n, sizeof *f.flip, err)};
    struct named *x = sorted(a, err), *y = sorted(b, err);
    carat_status st = f.flip && x && y ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0, k = 0; !st && i < a->n && k < b->n;) {
        int order = compare(&x[i], &y[k]);
        if (order == 0) {
            carat_flip *at = &f.flip[f.n];
            *at = (carat_flip){x[i].record, y[k].record, CARAT_LOST};
            f.pairs++;
            if (kind_of(at->a, at->b, &at->kind)) {
                f.of[at->kind]++;
                f.n++;
            }
        }
        i += order <= 0;
        k += order >= 0;
    }
    carat_free(x);
    carat_free(y);
    if (f.n)
        qsort(f.flip, f.n, sizeof *f.flip, by_kind);
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
