/* Rules of a gate (rules.h).                                                      SPDX-License-Identifier: Apache-2.0 */
#include "eval/rules.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"

enum { MAX_FILE = 1 << 22 };

static const struct {
    const char *name;
    double most; /* greatest bound that makes sense */
} checks[CARAT_CHECKS] = {
    [CARAT_MIN_RECOVERY] = {"min_recovery", 1000},
    [CARAT_MAX_DROP] = {"max_drop", 1e9},
    [CARAT_MAX_RISE] = {"max_rise", 1e9},
    [CARAT_MAX] = {"max", 1e18},
    [CARAT_MIN] = {"min", 1e18},
    [CARAT_MIN_RATIO] = {"min_ratio", 1e9},
    [CARAT_MAX_NOT_MEASURED] = {"max_not_measured", 1},
    [CARAT_MAX_UNPARSED] = {"max_unparsed", 1},
    [CARAT_MAX_TRUNCATED] = {"max_truncated", 1},
};

const char *carat_check_name(carat_check c)
{
    return checks[c].name;
}

static carat_status unknown(const char *key, carat_err *err)
{
    static const char *const words[] = {"suite", "metric", "group", "probe"};
    carat_nearest near = {.word = key};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        carat_nearest_try(&near, words[i]);
    for (size_t i = 0; i < CARAT_CHECKS; i++)
        carat_nearest_try(&near, checks[i].name);
    if (near.best)
        return carat_fail(err, CARAT_EFORMAT, "unknown member '%.60s'; did you mean %s?", key, near.best);
    return carat_fail(err, CARAT_EFORMAT, "unknown member '%.60s'; `carat gate --help` lists them", key);
}

static carat_status read_group(const carat_json *node, carat_rule *r, carat_err *err)
{
    if (!carat_json_is_object(node) || carat_json_count(node) != 1)
        return carat_fail(err, CARAT_EFORMAT, "group: should be one pair, such as {\"category\": \"law\"}");
    r->key = carat_json_key(carat_json_first(node));
    return carat_json_text(carat_json_first(node), "group", &r->value, err);
}

/* The member names a check: its bound. *count: checks so far. */
static carat_status read_check(const carat_json *m, carat_rule *r, size_t *count, carat_err *err)
{
    const char *key = carat_json_key(m);
    for (int c = 0; c < CARAT_CHECKS; c++) {
        if (strcmp(key, checks[c].name) != 0)
            continue;
        r->check = (carat_check)c;
        ++*count;
        carat_status st = carat_json_f64(m, key, &r->bound, err);
        if (!st && !(r->bound >= (c == CARAT_MIN || c == CARAT_MAX ? -checks[c].most : 0) &&
                     r->bound <= checks[c].most))
            st = carat_fail(err, CARAT_EFORMAT, "%s: %g, should be from 0 to %g", key, r->bound,
                            checks[c].most);
        return st;
    }
    return unknown(key, err);
}

static carat_status read_rule(const carat_json *node, carat_rule *r, carat_err *err)
{
    size_t count = 0;
    carat_status st = CARAT_OK;
    if (!carat_json_is_object(node))
        return carat_fail(err, CARAT_EFORMAT, "should be an object");
    for (const carat_json *m = carat_json_first(node); m && !st; m = carat_json_next(m)) {
        const char *key = carat_json_key(m);
        if (strcmp(key, "suite") == 0)
            st = carat_json_text(m, key, &r->suite, err);
        else if (strcmp(key, "metric") == 0)
            st = carat_json_text(m, key, &r->metric, err);
        else if (strcmp(key, "probe") == 0)
            st = carat_json_text(m, key, &r->probe, err);
        else if (strcmp(key, "group") == 0)
            st = read_group(m, r, err);
        else
            st = read_check(m, r, &count, err);
    }
    if (st)
        return st;
    if (!r->suite)
        return carat_fail(err, CARAT_EFORMAT, "suite: missing, should be a string");
    if (count != 1)
        return carat_fail(err, CARAT_EFORMAT, "%zu checks, should be exactly one", count);
    if (r->check == CARAT_MIN_RATIO && (!r->metric || !r->probe))
        return carat_fail(
            err, CARAT_EFORMAT,
            "min_ratio needs a metric and a probe: speed counts only beside its own run's probe");
    if (r->check != CARAT_MIN_RATIO && r->probe)
        return carat_fail(err, CARAT_EFORMAT, "probe belongs to min_ratio only");
    if (r->check >= CARAT_MAX_NOT_MEASURED && (r->metric || r->key))
        return carat_fail(err, CARAT_EFORMAT, "%s counts the items of a whole suite: no metric, no group",
                          checks[r->check].name);
    return CARAT_OK;
}

static carat_status read_required(const carat_json *node, carat_rules *r, carat_err *err)
{
    if (!carat_json_is_array(node) || carat_json_count(node) > CARAT_MAX_REQUIRED)
        return carat_fail(err, CARAT_EFORMAT, "require: should be an array of at most %d suites",
                          CARAT_MAX_REQUIRED);
    carat_status st = CARAT_OK;
    for (const carat_json *m = carat_json_first(node); m && !st; m = carat_json_next(m))
        st = carat_json_text(m, "require", &r->require[r->n_require++], err);
    return st;
}

static carat_status read_rules(const carat_json *node, carat_rules *r, carat_err *err)
{
    size_t n = carat_json_count(node);
    if (!carat_json_is_array(node) || n > CARAT_MAX_RULES)
        return carat_fail(err, CARAT_EFORMAT, "rules: should be an array of at most %d", CARAT_MAX_RULES);
    if (!(r->rule = carat_alloc(n, sizeof *r->rule, err)))
        return CARAT_ENOMEM;
    for (const carat_json *m = carat_json_first(node); m; m = carat_json_next(m)) {
        carat_status st = read_rule(m, &r->rule[r->n++], err);
        if (st) {
            char where[32];
            snprintf(where, sizeof where, "rule %zu", r->n);
            return carat_fail_in(err, st, where);
        }
    }
    return CARAT_OK;
}

static carat_status read_root(carat_rules *r, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (!carat_json_is_object(r->root))
        return carat_fail(err, CARAT_EFORMAT, "should be an object with \"rules\"");
    for (const carat_json *m = carat_json_first(r->root); m && !st; m = carat_json_next(m)) {
        if (strcmp(carat_json_key(m), "rules") == 0)
            st = read_rules(m, r, err);
        else if (strcmp(carat_json_key(m), "require") == 0)
            st = read_required(m, r, err);
        else
            st = carat_fail(err, CARAT_EFORMAT, "unknown member '%.60s'; there are require and rules",
                            carat_json_key(m));
    }
    if (!st && !r->n && !r->n_require)
        st = carat_fail(err, CARAT_EFORMAT, "no rule: a gate without rules would let everything pass");
    return st;
}

carat_status carat_rules_load(const char *path, carat_rules *out, carat_err *err)
{
    carat_rules r = {0};
    carat_status st = carat_json_load(path, MAX_FILE, &r.root, err); /* names the path itself */
    if (st)
        return st;
    if ((st = read_root(&r, err))) {
        carat_fail_in(err, st, path);
        carat_rules_free(&r);
        return st;
    }
    *out = r;
    return CARAT_OK;
}

void carat_rules_free(carat_rules *r)
{
    carat_free(r->rule);
    carat_json_free(r->root);
    *r = (carat_rules){0};
}
