/* The record of one item that was asked (mark.h).                                  SPDX-License-Identifier: Apache-2.0 */
#include "eval/mark.h"

#include <math.h>
#include <string.h>

static const char waiting[] = "not graded yet";

static void put_item(carat_jw *w, const carat_suite *s, const void *state, size_t i)
{
    carat_item it = s->describe(state, i);
    carat_jw_put_text(w, "suite", s->name);
    carat_jw_put_u64(w, "item", i);
    carat_jw_put_text(w, "id", it.id);
    carat_jw_put_text(w, "cluster", it.cluster);
    carat_jw_key(w, "groups");
    carat_jw_open(w, '{');
    for (size_t k = 0; k < it.n_groups; k++)
        carat_jw_put_text(w, it.group[k].key, it.group[k].value);
    carat_jw_close(w);
}

static bool cut_short(const carat_answer *a)
{
    return a->finish && (strcmp(a->finish, "length") == 0 || strcmp(a->finish, "context") == 0);
}

static void put_answer(carat_jw *w, const carat_answer *a)
{
    carat_jw_put_text(w, "asked", a->asked);
    if (a->asked_cut)
        carat_jw_put_u64(w, "asked_cut", a->asked_cut);
    carat_jw_put_text(w, "prompt_sha256", a->prompt_sha256);
    carat_jw_put_text(w, "reply", a->raw);
    carat_jw_put_text(w, "thought", a->thought);
    if (!a->raw || !a->content || strcmp(a->raw, a->content) != 0)
        carat_jw_put_text(w, "content", a->content);
    carat_jw_put_text(w, "finish", a->finish);
    carat_jw_put_bool(w, "truncated", !a->fault && cut_short(a));
    carat_jw_put_u64(w, "prompt_tokens", a->prompt_tokens);
    carat_jw_put_u64(w, "cached_tokens", a->cached_tokens);
    carat_jw_put_u64(w, "reply_tokens", a->reply_tokens);
    carat_jw_put_f64(w, "wait_s", a->wait_s);
    carat_jw_put_f64(w, "first_s", a->first_s);
    carat_jw_put_f64(w, "seconds", a->total_s);
    carat_jw_put_u64(w, "tries", a->tries);
}

static void put_mark(carat_jw *w, const carat_mark *m)
{
    carat_jw_put_text(w, "fault", m->fault);
    carat_jw_put_text(w, "outcome", carat_outcome_name(m->outcome));
    carat_jw_put_f64(w, "score", m->outcome == CARAT_NOT_MEASURED ? NAN : m->score);
}

/* What the suite says. The members it writes are kept aside, so that nothing of a half-marked reply stays. */
static carat_status grade(const carat_suite *s, void *state, size_t i, const carat_answer *a, carat_str *own,
                          carat_mark *m, carat_err *err)
{
    carat_jw w = carat_jw_begin(own);
    carat_verdict v = {CARAT_WRONG, 0};
    carat_answer given = *a;
    if (!given.content)
        given.content = "";
    carat_jw_open(&w, '{');
    carat_status st = s->grade(state, i, &given, &w, &v, err);
    carat_jw_close(&w);
    if (st == CARAT_ENOMEM || st == CARAT_EINTR)
        return st;
    if (st || v.outcome == CARAT_NOT_MEASURED) {
        m->outcome = CARAT_NOT_MEASURED;
        m->fault = st ? err->text : "the grader could not measure it";
    } else {
        m->outcome = v.outcome;
        m->score = v.score;
    }
    if (st)
        carat_str_clear(own);
    return CARAT_OK;
}

/* Puts the members of the object in `own` behind those of the open object in line. */
static void join(carat_str *line, const carat_str *own)
{
    if (own->len > 2) {
        carat_str_puts(line, ", ");
        carat_str_add(line, own->data + 1, own->len - 2);
    }
}

carat_status carat_mark_answer(const carat_suite *s, void *state, size_t i, const carat_answer *a,
                               carat_str *line, carat_mark *out, carat_err *err)
{
    carat_mark m = {.outcome = CARAT_UNPARSED, .truncated = !a->fault && cut_short(a), .fault = a->fault};
    carat_err why = {0};
    carat_str own = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (m.fault || m.truncated)
        m.outcome = CARAT_NOT_MEASURED;
    else if ((st = grade(s, state, i, a, &own, &m, &why)))
        goto out;
    carat_jw w = carat_jw_begin(line);
    carat_jw_open(&w, '{');
    put_item(&w, s, state, i);
    put_answer(&w, a);
    put_mark(&w, &m);
    join(line, &own);
    carat_jw_close(&w);
    m.fault = NULL;
    *out = m;
    if (!(st = carat_str_check(&own, &why)))
        st = carat_str_check(line, &why);
out:
    carat_str_free(&own);
    if (st && err)
        *err = why;
    return st;
}

carat_status carat_mark_later(const carat_suite *s, const void *state, size_t i, const carat_answer *a,
                              carat_str *line, carat_err *err)
{
    carat_mark m = {.outcome = CARAT_NOT_MEASURED, .fault = waiting};
    carat_jw w = carat_jw_begin(line);
    carat_jw_open(&w, '{');
    put_item(&w, s, state, i);
    put_answer(&w, a);
    put_mark(&w, &m);
    carat_jw_close(&w);
    return carat_str_check(line, err);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static const char *text_of(const carat_json *record, const char *key)
{
    const char *text = NULL;
    carat_json_text(carat_json_get(record, key), key, &text, NULL);
    return text;
}

carat_status carat_mark_read(const carat_json *record, carat_mark *out, carat_err *err)
{
    carat_mark m = {.fault = text_of(record, "fault"), .cluster = text_of(record, "cluster")};
    const char *name;
    carat_status st = carat_json_text(carat_json_get(record, "outcome"), "outcome", &name, err);
    if (st || (st = carat_json_flag(carat_json_get(record, "truncated"), "truncated", &m.truncated, err)))
        return st;
    while (strcmp(name, carat_outcome_name(m.outcome)) != 0)
        if (m.outcome++ == CARAT_NOT_MEASURED)
            return carat_fail(err, CARAT_EFORMAT, "outcome %s: none of right, wrong, unparsed, not_measured",
                              name);
    if (m.outcome != CARAT_NOT_MEASURED &&
        (st = carat_json_f64(carat_json_get(record, "score"), "score", &m.score, err)))
        return st;
    *out = m;
    return CARAT_OK;
}

static uint64_t count_of(const carat_json *record, const char *key)
{
    uint64_t n = 0;
    carat_json_u64(carat_json_get(record, key), key, 0, UINT64_MAX, &n, NULL);
    return n;
}

static double seconds_of(const carat_json *record, const char *key)
{
    double v = 0;
    carat_json_f64(carat_json_get(record, key), key, &v, NULL);
    return v;
}

/* Is the member there, maybe as null? */
static bool has(const carat_json *record, const char *key)
{
    for (const carat_json *m = carat_json_first(record); m; m = carat_json_next(m))
        if (strcmp(carat_json_key(m), key) == 0)
            return true;
    return false;
}

bool carat_mark_reply(const carat_json *record, carat_answer *out)
{
    carat_answer a = {.raw = text_of(record, "reply"),
                      .thought = text_of(record, "thought"),
                      .content = text_of(record, "content"),
                      .finish = text_of(record, "finish"),
                      .asked = text_of(record, "asked"),
                      .asked_cut = count_of(record, "asked_cut"),
                      .prompt_sha256 = text_of(record, "prompt_sha256"),
                      .prompt_tokens = count_of(record, "prompt_tokens"),
                      .cached_tokens = count_of(record, "cached_tokens"),
                      .reply_tokens = count_of(record, "reply_tokens"),
                      .wait_s = seconds_of(record, "wait_s"),
                      .first_s = seconds_of(record, "first_s"),
                      .total_s = seconds_of(record, "seconds"),
                      .tries = (uint32_t)count_of(record, "tries")};
    if (!a.content && !has(record, "content"))
        a.content = a.raw;
    *out = a;
    return a.raw && a.finish && strcmp(a.finish, "error") != 0;
}

bool carat_mark_waits(const carat_json *record)
{
    carat_answer a;
    return text_of(record, "fault") && carat_mark_reply(record, &a);
}
