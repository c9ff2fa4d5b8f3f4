/* pass@k over the records of a LiveCodeBench run.                                  SPDX-License-Identifier: Apache-2.0
 *
 * Of each problem n replies were measured, c of them right: 1 - C(n - c, k) / C(n, k), the mean over the problems with n >= k, for the
 * official list of k (and 2), as far as there are so many replies to a problem. */
#include <string.h>

#include "eval/mark.h"
#include "eval/suites/lcb.h"
#include "runtime/base/map.h"
#include "runtime/base/mem.h"

typedef struct count {
    uint32_t n, right;
} count;

static const struct {
    uint32_t k;
    const char *name;
} wanted[] = {{2, "pass@2"},     {5, "pass@5"},     {10, "pass@10"},    {20, "pass@20"},   {40, "pass@40"},
              {50, "pass@50"},   {75, "pass@75"},   {100, "pass@100"},  {125, "pass@125"}, {150, "pass@150"},
              {200, "pass@200"}, {500, "pass@500"}, {1000, "pass@1000"}};

/* Replies by problem, in the order in which the problems come. */
static carat_status take(const carat_json *const *results, size_t n, count *problem, size_t *problems,
                         carat_err *err)
{
    carat_table table = {0};
    carat_mark mark;
    carat_status st = CARAT_OK;
    *problems = 0;
    for (size_t i = 0; !st && i < n; i++) {
        uint32_t at = (uint32_t)*problems;
        bool was = true;
        if ((st = carat_mark_read(results[i], &mark, err)) || !mark.cluster)
            continue;
        st = carat_table_put(&table, mark.cluster, strlen(mark.cluster), at, &was, err);
        if (st)
            break;
        if (was)
            carat_table_get(&table, mark.cluster, strlen(mark.cluster), &at);
        else
            ++*problems;
        problem[at].n += mark.outcome != CARAT_NOT_MEASURED;
        problem[at].right += mark.outcome == CARAT_RIGHT;
    }
    carat_table_free(&table);
    return st;
}

carat_status carat_lcb_pass(const carat_json *const *results, size_t n, carat_results *out, carat_err *err)
{
    size_t problems = 0;
    count *problem = carat_alloc(n + 1, sizeof *problem, err);
    double *value = carat_alloc(n + 1, sizeof *value, err);
    uint32_t *cluster = carat_alloc(n + 1, sizeof *cluster, err);
    carat_status st = problem && value && cluster ? take(results, n, problem, &problems, err) : CARAT_ENOMEM;
    for (size_t w = 0; !st && w < sizeof wanted / sizeof *wanted && out->n < CARAT_MAX_METRICS; w++) {
        carat_observations o = {value, cluster, 0, out->seed};
        for (size_t i = 0; i < problems; i++)
            if (problem[i].n >= wanted[w].k) {
                cluster[o.n] = (uint32_t)o.n;
                value[o.n++] = carat_pass_at(problem[i].n, problem[i].right, wanted[w].k);
            }
        if (!o.n)
            break;
        carat_metric *m = &out->metric[out->n];
        m->name = wanted[w].name;
        if ((st = carat_estimate_mean(&o, &m->estimate, err)))
            break;
        if (m->estimate.error == 0) { /* every problem alike: no draw differs, but others might */
            carat_interval between = carat_wilson(m->estimate.value * (double)o.n, (double)o.n, 0.95);
            m->estimate.low = between.low;
            m->estimate.high = between.high;
        }
        out->n++;
    }
    carat_free(problem);
    carat_free(value);
    carat_free(cluster);
    return st;
}
