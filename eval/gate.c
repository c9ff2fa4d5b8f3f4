/* A gate: rules held against a run and its baseline (gate.h).                     SPDX-License-Identifier: Apache-2.0 */
#include "eval/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/compare.h"
#include "eval/suite.h"

/* Of a suite without a rule of its own, the share of items that may be missing before no rule passes on the rest. */
static const double most_unmeasured = 0.01;

struct gate {
    const carat_rules *rules;
    const carat_loaded *run, *baseline;
    bool any_prompt;
    uint64_t seed;
};

const char *carat_pass_name(carat_pass p)
{
    static const char *const names[] = {"fail", "inconclusive", "pass"};
    return names[p];
}

/* ---- deciding ------------------------------------------------------------------------------------------------ */

/* Is the line's value, with its interval, on the good side of the bound? Without an interval the value decides, or nothing does. */
static void decide(carat_gate_line *l, bool at_most, bool by_value)
{
    double low = l->low, high = l->high;
    if (by_value && !(low <= high))
        low = high = l->value;
    if (!(low <= high))
        l->pass = CARAT_UNDECIDED;
    else if (at_most)
        l->pass = high <= l->bound ? CARAT_PASS : low > l->bound ? CARAT_FAIL : CARAT_UNDECIDED;
    else
        l->pass = low >= l->bound ? CARAT_PASS : high < l->bound ? CARAT_FAIL : CARAT_UNDECIDED;
}

/* How many pairs would decide, if the difference is what it seems: the error must fit the distance to the bound 1.96 + 0.84 times. */
static void say_needed(carat_gate_line *l)
{
    double error = (l->high - l->low) / 3.92, times = 2.8 * error / fabs(l->value - l->bound);
    double need = (double)l->n * times * times;
    if (l->pass == CARAT_UNDECIDED && !l->why[0] && need > (double)l->n && need < 1e9)
        snprintf(l->why, sizeof l->why, "about %.0f pairs would decide, if the truth is what it seems", need);
}

/* The same of scores of which no pair differs: the interval then is that of what was not seen, and shrinks with their number. */
static void say_needed_unseen(const carat_rule *r, const carat_pairs *p, carat_gate_line *l)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->a[i] != p->b[i])
            return;
        sum += p->a[i];
    }
    double room = r->check == CARAT_MIN_RECOVERY ? (1 - r->bound / 100) * sum / (double)p->n : r->bound;
    if (l->pass == CARAT_UNDECIDED && room > 0 && room < 1)
        snprintf(l->why, sizeof l->why, "about %.0f pairs that all agree would decide",
                 ceil(log(0.025) / log1p(-room)));
}

/* ---- against the baseline ------------------------------------------------------------------------------------ */

static bool has_rule_for_unmeasured(const carat_rules *r, const char *suite)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->rule[i].check == CARAT_MAX_NOT_MEASURED &&
            (strcmp(r->rule[i].suite, suite) == 0 || strcmp(r->rule[i].suite, "*") == 0))
            return true;
    return false;
}

/* The series of the rule's metric; without one the suite's first. */
static carat_status find_series(const carat_rule *r, const carat_match *m, carat_paired_series *s,
                                carat_err *err)
{
    const char *name = r->metric && strcmp(r->metric, "perplexity") == 0 ? "nll_per_token" : r->metric;
    char had[120] = "";
    size_t len = 0;
    for (size_t i = 0;; i++) {
        carat_status st = carat_paired_open(m, i, s, err);
        if (st)
            return st;
        if (!s->metric)
            break;
        if (!name || strcmp(s->metric, name) == 0)
            return CARAT_OK;
        if (len < sizeof had)
            len += (size_t)snprintf(had + len, sizeof had - len, "%s%.40s", i ? ", " : "", s->metric);
        carat_paired_close(s);
    }
    return carat_fail(err, CARAT_EFORMAT, "%s has no %.60s that can be paired with the baseline's; it has %s",
                      r->suite, name ? name : "metric", had[0] ? had : "none");
}

/* The pairs that the rule is about (carat_series_part), to be freed with free_pairs. */
struct part {
    carat_pairs pairs;
    double widen;
};

static carat_status pick_pairs(const carat_rule *r, const carat_paired_series *s, struct part *out,
                               carat_err *err)
{
    static const carat_series_key whole = {0};
    const carat_series_key *key = r->key ? NULL : &whole;
    uint32_t value = 0;
    for (size_t k = 0; k < s->n_keys && !key; k++)
        for (value = 0; value < s->key[k].n_values; value++)
            if (strcmp(s->key[k].name, r->key) == 0 && strcmp(s->key[k].value[value], r->value) == 0) {
                key = &s->key[k];
                break;
            }
    if (!key)
        return carat_fail(err, CARAT_EFORMAT, "%s has no group %.40s = %.60s", r->suite, r->key, r->value);
    return carat_series_part(s, key, value, &out->pairs, &out->widen, err);
}

static void free_pairs(carat_pairs *p)
{
    carat_free((void *)p->a);
    carat_free((void *)p->b);
    carat_free((void *)p->cluster);
}

static carat_status hold_recovery(const struct part *p, carat_gate_line *l, carat_err *err)
{
    carat_estimate e;
    carat_status st = carat_estimate_ratio(&p->pairs, &e, err);
    if (st)
        return st;
    l->value = 100 * e.value;
    l->low = 100 * (e.value + (e.low - e.value) * p->widen);
    l->high = 100 * (e.value + (e.high - e.value) * p->widen);
    if (isnan(e.value))
        snprintf(l->why, sizeof l->why, "the baseline scores 0");
    decide(l, false, false);
    return CARAT_OK;
}

/* A loss, positive where the run is worse. Of perplexity it is relative. */
static carat_status hold_loss(const carat_rule *r, const carat_paired_series *s, const struct part *p,
                              carat_gate_line *l, carat_err *err)
{
    carat_difference d;
    carat_status st = carat_estimate_difference(&p->pairs, &d, err);
    if (st)
        return st;
    carat_difference_widen(&d, p->widen);

    l->value = s->smaller ? d.value : 0 - d.value;
    l->low = s->smaller ? d.low : -d.high;
    l->high = s->smaller ? d.high : -d.low;
    if (r->metric && strcmp(r->metric, "perplexity") == 0) {
        l->value = expm1(l->value);
        l->low = expm1(l->low);
        l->high = expm1(l->high);
    }
    decide(l, true, false);
    return CARAT_OK;
}

static carat_status check_direction(const carat_rule *r, const carat_paired_series *s, carat_err *err)
{
    if (r->check == CARAT_MAX_RISE && !s->smaller)
        return carat_fail(err, CARAT_EFORMAT, "%s of %s: more is better; a loss is max_drop", s->metric,
                          s->suite);
    if (r->check != CARAT_MAX_RISE && s->smaller)
        return carat_fail(err, CARAT_EFORMAT, "%s of %s: less is better; a loss is max_rise", s->metric,
                          s->suite);
    return CARAT_OK;
}

carat_status carat_gate_pairs(const carat_rule *rule, const carat_paired_series *s, uint64_t seed,
                              carat_gate_line *l, carat_err *err)
{
    struct part p = {0};
    carat_status st = check_direction(rule, s, err);
    if (st || (st = pick_pairs(rule, s, &p, err)))
        return st;
    p.pairs.seed = seed;
    l->n = p.pairs.n;
    st = rule->check == CARAT_MIN_RECOVERY ? hold_recovery(&p, l, err) : hold_loss(rule, s, &p, l, err);
    if (!st && s->scores)
        say_needed_unseen(rule, &p.pairs, l);
    if (!st)
        say_needed(l);
    free_pairs(&p.pairs);
    return st;
}

/* A pass over what is left does not count when much is missing. */
static void heed_missing(const struct gate *g, const carat_match *m, const carat_paired_series *s,
                         carat_gate_line *l)
{
    double share = (double)s->unmeasured_b / (double)m->n;
    if (share > most_unmeasured && l->pass == CARAT_PASS && !has_rule_for_unmeasured(g->rules, s->suite)) {
        l->pass = CARAT_UNDECIDED;
        snprintf(l->why, sizeof l->why,
                 "%zu of %zu items were not measured; a rule max_not_measured may allow it", s->unmeasured_b,
                 m->n);
    } else if (m->only_a && !l->why[0]) {
        snprintf(l->why, sizeof l->why, "%zu items of the baseline are not in the run", m->only_a);
    }
}

static carat_status check_paired(const struct gate *g, const carat_rule *r, carat_gate_line *l,
                                 carat_err *err)
{
    carat_match m;
    carat_paired_series s = {0};
    carat_status st = carat_match_open(g->baseline, g->run, r->suite, g->any_prompt, &m, err);
    if (st)
        return st;
    if (!(st = find_series(r, &m, &s, err)) && !(st = carat_gate_pairs(r, &s, g->seed, l, err)))
        heed_missing(g, &m, &s, l);
    carat_paired_close(&s);
    carat_match_close(&m);
    return st;
}

/* ---- metrics of the report ----------------------------------------------------------------------------------- */

static carat_status read_metric(const carat_loaded *run, const carat_rule *r, const char *name,
                                carat_estimate *out, carat_err *err)
{
    const carat_json *at = carat_json_get(run->report, r->key ? "groups" : "results");
    at = carat_json_get(at, r->suite);
    if (r->key)
        at = carat_json_get(carat_json_get(at, r->key), r->value);
    if (!name) /* the suite's score is its first metric */
        at = carat_json_first(at);
    else
        at = carat_json_get(at, name);
    *out = (carat_estimate){NAN, NAN, NAN, NAN, 0};
    if (carat_json_f64(carat_json_get(at, "value"), "value", &out->value, NULL))
        return carat_fail(err, CARAT_EFORMAT, "%s/report.json has no %.60s of %.60s%s%.60s", run->dir,
                          name ? name : "metric", r->suite, r->key ? ", " : "", r->key ? r->value : "");
    carat_json_f64(carat_json_get(at, "stderr"), "stderr", &out->error, NULL);
    carat_json_f64(carat_json_get(at, "low"), "low", &out->low, NULL);
    carat_json_f64(carat_json_get(at, "high"), "high", &out->high, NULL);
    uint64_t n;
    if (!carat_json_u64(carat_json_get(at, "n"), "n", 0, UINT64_MAX, &n, NULL))
        out->n = (size_t)n;
    return CARAT_OK;
}

/* Is `word` in the name, at its end or before an underscore? ("tokens_per_s_at_8") */
static bool has_word(const char *name, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = name; (p = strstr(p, word)); p++)
        if (!p[len] || p[len] == '_')
            return true;
    return false;
}

/* A rate (tokens a second) or a time: what depends on the machine and what else runs on it. */
static bool is_rate(const char *metric)
{
    return has_word(metric, "_per_s");
}

static bool is_speed(const char *metric)
{
    return is_rate(metric) || has_word(metric, "_ms") || has_word(metric, "_s");
}

static carat_status check_bound(const struct gate *g, const carat_rule *r, carat_gate_line *l, carat_err *err)
{
    carat_estimate e;
    if (r->metric && is_speed(r->metric))
        return carat_fail(err, CARAT_EFORMAT, "%.60s depends on the machine: use min_ratio with a probe",
                          r->metric);
    carat_status st = read_metric(g->run, r, r->metric, &e, err);
    if (st)
        return st;
    l->value = e.value;
    l->low = e.low;
    l->high = e.high;
    l->n = e.n;
    decide(l, r->check == CARAT_MAX, true);
    if (!(e.low <= e.high))
        snprintf(l->why, sizeof l->why, "no interval: decided by the value");
    return CARAT_OK;
}

/* Speed of one run in units of its own probe, and its relative error (0 where none is known). */
static carat_status relative_speed(const carat_loaded *run, const carat_rule *r, double *speed, double *error,
                                   carat_err *err)
{
    carat_estimate v, probe;
    carat_status st = read_metric(run, r, r->metric, &v, err);
    if (st || (st = read_metric(run, r, r->probe, &probe, err)))
        return st;
    if (!(v.value > 0) || !(probe.value > 0))
        return carat_fail(err, CARAT_EFORMAT, "%s: %.60s %g, %.60s %g: should be above 0", run->dir,
                          r->metric, v.value, r->probe, probe.value);
    *speed = is_rate(r->metric) ? v.value / probe.value : 1 / (v.value * probe.value);
    *error = hypot(v.error > 0 ? v.error / v.value : 0, probe.error > 0 ? probe.error / probe.value : 0);
    return CARAT_OK;
}

static carat_status check_speed(const struct gate *g, const carat_rule *r, carat_gate_line *l, carat_err *err)
{
    double run, base, run_error, base_error;
    carat_status st = CARAT_OK;
    if (!is_speed(r->metric))
        return carat_fail(err, CARAT_EFORMAT, "%.60s is no speed: use min_recovery, max_drop or max_rise",
                          r->metric);
    if ((st = relative_speed(g->run, r, &run, &run_error, err)) ||
        (st = relative_speed(g->baseline, r, &base, &base_error, err)))
        return st;
    double error = 1.96 * hypot(run_error, base_error);
    l->value = run / base;
    l->low = error > 0 ? l->value * exp(-error) : NAN;
    l->high = error > 0 ? l->value * exp(error) : NAN;
    decide(l, false, true);
    if (error == 0)
        snprintf(l->why, sizeof l->why, "no interval: decided by the value");
    return CARAT_OK;
}

/* ---- counts -------------------------------------------------------------------------------------------------- */

/* Does the record count for the rule? */
static bool counts(const carat_record *r, carat_check check)
{
    const char *outcome = "";
    bool truncated = false;
    carat_json_text(carat_json_get(r->json, "outcome"), "outcome", &outcome, NULL);
    carat_json_flag(carat_json_get(r->json, "truncated"), "truncated", &truncated, NULL);
    return check == CARAT_MAX_TRUNCATED
               ? truncated
               : strcmp(outcome, carat_outcome_name(check == CARAT_MAX_UNPARSED ? CARAT_UNPARSED
                                                                                : CARAT_NOT_MEASURED)) == 0;
}

/* The suite with the greatest share, of those that the rule names. */
static carat_status check_share(const struct gate *g, const carat_rule *r, carat_gate_line *l, carat_err *err)
{
    bool all = strcmp(r->suite, "*") == 0, found = false;
    l->value = -1;
    for (size_t k = 0; k < g->run->n_suites; k++) {
        const carat_loaded_suite *s = &g->run->suite[k];
        if (!all && strcmp(s->name, r->suite) != 0)
            continue;
        found = true;
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++)
            n += counts(&g->run->record[s->first + i], r->check);
        double share = (double)n / (double)s->n;
        if (share <= l->value)
            continue;
        l->value = share;
        l->n = s->n;
        snprintf(l->why, sizeof l->why, "%zu of %zu items%s%.60s", n, s->n, all ? " of " : "",
                 all ? s->name : "");
    }
    if (!found)
        return carat_fail(err, CARAT_EFORMAT, "%s has no item of %.60s", g->run->dir, r->suite);
    decide(l, true, true);
    return CARAT_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static carat_status check_rule(const struct gate *g, const carat_rule *r, carat_gate_line *l, carat_err *err)
{
    *l = (carat_gate_line){.value = NAN, .low = NAN, .high = NAN, .bound = r->bound};
    snprintf(l->rule, sizeof l->rule, "%.40s%s%.40s%s%.40s: %s %.9g", r->suite, r->metric ? " " : "",
             r->metric ? r->metric : "", r->key ? ", " : "", r->key ? r->value : "",
             carat_check_name(r->check), r->bound);
    switch (r->check) {
    case CARAT_MIN_RECOVERY:
    case CARAT_MAX_DROP:
    case CARAT_MAX_RISE:
        return check_paired(g, r, l, err);
    case CARAT_MAX:
    case CARAT_MIN:
        return check_bound(g, r, l, err);
    case CARAT_MIN_RATIO:
        return check_speed(g, r, l, err);
    default:
        return check_share(g, r, l, err);
    }
}

static void check_required(const struct gate *g, const char *suite, carat_gate_line *l)
{
    const carat_loaded_suite *s = carat_run_suite(g->run, suite);
    bool there = s || carat_json_get(carat_json_get(g->run->report, "results"), suite);
    *l = (carat_gate_line){.pass = there ? CARAT_PASS : CARAT_FAIL,
                           .value = NAN,
                           .low = NAN,
                           .high = NAN,
                           .bound = NAN,
                           .n = s ? s->n : 0};
    snprintf(l->rule, sizeof l->rule, "%.100s: required", suite);
    if (!there)
        snprintf(l->why, sizeof l->why, "not in the run");
}

static carat_status finished(const carat_loaded *run, carat_err *err)
{
    if (run->report)
        return CARAT_OK;
    return carat_fail(
        err, CARAT_EFORMAT,
        "%s is not finished: no report.json; the `carat eval` command that began it goes on with it",
        run->dir);
}

carat_status carat_gate_check(const carat_rules *rules, const carat_loaded *run, const carat_loaded *baseline,
                              bool any_prompt, uint64_t seed, carat_gate *out, carat_err *err)
{
    const struct gate g = {rules, run, baseline, any_prompt, seed};
    carat_gate result = {.whole = CARAT_PASS};
    carat_status st = finished(run, err);
    if (st || (st = finished(baseline, err)))
        return st;
    if (!(result.line = carat_alloc(rules->n_require + rules->n, sizeof *result.line, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < rules->n_require; i++)
        check_required(&g, rules->require[i], &result.line[result.n++]);
    for (size_t i = 0; i < rules->n && !st; i++) {
        if ((st = check_rule(&g, &rules->rule[i], &result.line[result.n++], err))) {
            char where[32];
            snprintf(where, sizeof where, "rule %zu", i + 1);
            carat_fail_in(err, st, where);
        }
    }
    for (size_t i = 0; i < result.n; i++)
        if (result.line[i].pass < result.whole)
            result.whole = result.line[i].pass;
    if (st)
        carat_gate_free(&result);
    else
        *out = result;
    return st;
}

void carat_gate_free(carat_gate *g)
{
    carat_free(g->line);
    *g = (carat_gate){0};
}
