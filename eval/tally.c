/* Tallies of the records of a suite that asks (tally.h).                           SPDX-License-Identifier: Apache-2.0 */
#include "eval/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/mark.h"
#include "runtime/base/mem.h"

static const double CONFIDENCE = 0.95;

/* A record in one of its groups. */
struct member {
    const char *key, *value; /* of the group */
    const carat_mark *mark;
};

struct scored {
    const char *cluster; /* NULL: its own */
    double score;
};

/* What the scores of a group are: all of them 0 or 1, each item its own cluster. */
struct kind {
    bool binary, alone;
};

static int by_text(const char *a, const char *b)
{
    return !a || !b ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = by_text(x->key, y->key);
    if (!order)
        order = by_text(x->value, y->value);
    return order ? order : (x->mark > y->mark) - (x->mark < y->mark); /* in a group as the items come */
}

static int by_cluster(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    int order = by_text(x->cluster, y->cluster);
    return order ? order : (x->score > y->score) - (x->score < y->score);
}

/* ---- estimates ----------------------------------------------------------------------------------------------- */

/* Clusters as numbers that never fall. */
static struct kind number_clusters(struct scored *s, size_t n, double *value, uint32_t *cluster)
{
    struct kind kind = {true, true};
    qsort(s, n, sizeof *s, by_cluster);
    for (size_t i = 0; i < n; i++) {
        bool same = i && s[i].cluster && s[i - 1].cluster && strcmp(s[i].cluster, s[i - 1].cluster) == 0;
        value[i] = s[i].score;
        cluster[i] = i ? cluster[i - 1] + !same : 0;
        kind.alone = kind.alone && !same;
        kind.binary = kind.binary && (s[i].score == 0 || s[i].score == 1);
    }
    return kind;
}

/* A share of independent items; the standard error with n - 1, as everywhere. */
static carat_estimate share(const double *value, size_t n)
{
    double sum = 0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        sum += value[i];
    double p = sum / count;
    carat_interval between = carat_wilson(sum, count, CONFIDENCE);
    return (carat_estimate){.value = p,
                            .error = n > 1 ? sqrt(p * (1 - p) / (count - 1)) : NAN,
                            .low = between.low,
                            .high = between.high,
                            .n = n};
}

static carat_status judge(const carat_observations *o, struct kind kind, carat_estimate *out, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (kind.binary && kind.alone && o->n) {
        *out = share(o->value, o->n);
        return CARAT_OK;
    }
    st = carat_estimate_mean(o, out, err);
    if (!st && kind.binary && isfinite(out->error)) {
        /* all alike: of clusters then no more is known than how many there are */
        double clusters = (double)o->cluster[o->n - 1] + 1;
        carat_interval between = out->error > 0 ? carat_wilson_mean(out, CONFIDENCE)
                                                : carat_wilson(out->value * clusters, clusters, CONFIDENCE);
        out->low = between.low;
        out->high = between.high;
    }
    return st;
}

static carat_status estimate(const struct member *m, size_t n, uint64_t seed, carat_estimate *out,
                             carat_err *err)
{
    struct scored *s = carat_alloc(n, sizeof *s, err);
    double *value = carat_alloc(n, sizeof *value, err);
    uint32_t *cluster = carat_alloc(n, sizeof *cluster, err);
    carat_status st = s && value && cluster ? CARAT_OK : CARAT_ENOMEM;
    size_t measured = 0;
    for (size_t i = 0; i < n && !st; i++)
        if (m[i].mark->outcome != CARAT_NOT_MEASURED)
            s[measured++] = (struct scored){m[i].mark->cluster, m[i].mark->score};
    if (!st) {
        carat_observations o = {value, cluster, measured, seed};
        st = judge(&o, number_clusters(s, measured, value, cluster), out, err);
    }
    carat_free(s);
    carat_free(value);
    carat_free(cluster);
    return st;
}

static carat_status make_group(const struct member *m, size_t n, uint64_t seed, carat_group *out,
                               carat_err *err)
{
    *out = (carat_group){.key = n ? m->key : NULL, .value = n ? m->value : NULL};
    for (size_t i = 0; i < n; i++) {
        out->outcome[m[i].mark->outcome]++;
        out->truncated += m[i].mark->truncated;
    }
    return estimate(m, n, seed, &out->score, err);
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

/* Every record once for all items, and once for each of its groups. */
static carat_status list_members(const carat_json *const *records, size_t n, const carat_mark *marks,
                                 struct member *m, carat_err *err)
{
    size_t at = n;
    for (size_t i = 0; i < n; i++) {
        m[i] = (struct member){NULL, NULL, &marks[i]};
        const carat_json *groups = carat_json_get(records[i], "groups");
        size_t limit = at + CARAT_GROUPS;
        for (const carat_json *g = carat_json_first(groups); g && at < limit; g = carat_json_next(g)) {
            m[at] = (struct member){carat_json_key(g), NULL, &marks[i]};
            carat_status st = carat_json_text(g, "groups", &m[at++].value, err);
            if (st)
                return st;
        }
    }
    return CARAT_OK;
}

static size_t members_of(const carat_json *const *records, size_t n)
{
    size_t total = n;
    for (size_t i = 0; i < n; i++) {
        size_t groups = carat_json_count(carat_json_get(records[i], "groups"));
        total += groups < CARAT_GROUPS ? groups : CARAT_GROUPS;
    }
    return total;
}

static bool same_group(const struct member *a, const struct member *b)
{
    return by_text(a->key, b->key) == 0 && by_text(a->value, b->value) == 0;
}

carat_status carat_standing_take(const carat_json *const *records, size_t n, uint64_t seed,
                                 carat_standing *out, carat_err *err)
{
    carat_standing s = {0};
    size_t total = members_of(records, n), cap = 0;
    carat_mark *marks = carat_alloc(n, sizeof *marks, err);
    struct member *m = carat_alloc(total, sizeof *m, err);
    carat_status st = marks && m ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; i < n && !st; i++)
        if ((st = carat_mark_read(records[i], &marks[i], err)))
            carat_fail_in(err, st, "items.jsonl");
    if (st || (st = list_members(records, n, marks, m, err)) || (st = make_group(m, n, seed, &s.all, err)))
        goto out;
    qsort(m + n, total - n, sizeof *m, by_group);
    for (size_t i = n, end; i < total && !st; i = end) {
        for (end = i + 1; end < total && same_group(&m[i], &m[end]);)
            end++;
        if (!(st = carat_grow((void **)&s.group, &cap, s.n + 1, sizeof *s.group, err)))
            st = make_group(m + i, end - i, seed, &s.group[s.n++], err);
    }
out:
    carat_free(marks);
    carat_free(m);
    if (st)
        carat_standing_free(&s);
    else
        *out = s;
    return st;
}

void carat_standing_free(carat_standing *s)
{
    free(s->group);
    *s = (carat_standing){0};
}
