/* MRCR: how well a reply repeats what it was asked to.                             SPDX-License-Identifier: Apache-2.0
 *
 * openai: the rule of the data set's card (openai/mrcr): a reply that does not begin with the random string is worth 0; else the
 * string is taken off reply and answer once, and difflib's ratio(reply, answer) counts. openai-lstrip: line breaks and blanks in
 * front of the reply are forgiven (evalscope). no-autojunk: ratio(answer, reply) without autojunk (vLLM). v2: Google's
 * google-deepmind/eval_hub mrcr_v2: the answer's first 12 characters may stand anywhere, the last place counts. */
#include <string.h>

#include "eval/grade.h"
#include "eval/ratio.h"
#include "eval/suites/mrcr.h"
#include "runtime/base/unicode.h"

enum { HASH = 12 };

static bool begins(const carat_points *text, const carat_points *prefix)
{
    return text->n >= prefix->n && !memcmp(text->data, prefix->data, prefix->n * sizeof *text->data);
}

static carat_points from(const carat_points *p, size_t i)
{
    return (carat_points){p->data + i, p->n - i};
}

static carat_points strip(carat_points p)
{
    while (p.n && carat_is_space(p.data[0]))
        p = from(&p, 1);
    while (p.n && carat_is_space(p.data[p.n - 1]))
        p.n--;
    return p;
}

static carat_status score_openai(carat_points reply, carat_points answer, const carat_points *random,
                                 carat_mrcr_rules rules, carat_mrcr_mark *out, carat_err *err)
{
    if (rules == CARAT_MRCR_LSTRIP)
        while (reply.n && (reply.data[0] == '\r' || reply.data[0] == '\n' || reply.data[0] == ' '))
            reply = from(&reply, 1);
    if (!begins(&reply, random))
        return CARAT_OK;
    out->found = true;
    reply = from(&reply, random->n);
    if (begins(&answer, random))
        answer = from(&answer, random->n);
    return rules == CARAT_MRCR_NO_AUTOJUNK ? carat_ratio(&answer, &reply, false, &out->score, err)
                                           : carat_ratio(&reply, &answer, true, &out->score, err);
}

static carat_status score_v2(carat_points reply, carat_points answer, carat_mrcr_mark *out, carat_err *err)
{
    answer = strip(answer);
    reply = strip(reply);
    if (answer.n < HASH || reply.n < HASH)
        return CARAT_OK;
    const carat_points hash = {answer.data, HASH};
    for (size_t i = reply.n - HASH + 1; i-- > 0;) {
        carat_points rest = from(&reply, i);
        if (!begins(&rest, &hash))
            continue;
        carat_points want = strip(from(&answer, HASH)), got = strip(from(&rest, HASH));
        out->found = true;
        return carat_ratio(&want, &got, true, &out->score, err);
    }
    return CARAT_OK;
}

carat_status carat_mrcr_score(const carat_mrcr_reply *r, carat_mrcr_rules rules, carat_mrcr_mark *out,
                              carat_err *err)
{
    carat_points text = {0}, answer = {0}, random = {0};
    *out = (carat_mrcr_mark){0};
    carat_status st = carat_points_open(r->response, strlen(r->response), &text, err);
    if (!st)
        st = carat_points_open(r->answer, strlen(r->answer), &answer, err);
    if (!st && rules != CARAT_MRCR_V2)
        st = carat_points_open(r->random, strlen(r->random), &random, err);
    if (!st)
        st = rules == CARAT_MRCR_V2 ? score_v2(text, answer, out, err)
                                    : score_openai(text, answer, &random, rules, out, err);
    carat_points_close(&text);
    carat_points_close(&answer);
    carat_points_close(&random);
    return st;
}

static carat_status text_of(const carat_json *reply, const char *key, const char **out, carat_err *err)
{
    return carat_json_text(carat_json_get(reply, key), key, out, err);
}

static carat_status grade(const carat_grading *g, const carat_json *reply, carat_jw *w, carat_tally *tally,
                          carat_err *err)
{
    const size_t variant = g->variant;
    carat_mrcr_reply r = {0};
    carat_mrcr_mark mark;
    carat_status st = text_of(reply, "response", &r.response, err);
    if (!st)
        st = text_of(reply, "answer", &r.answer, err);
    if (!st && variant != CARAT_MRCR_V2)
        st = text_of(reply, "random_string_to_prepend", &r.random, err);
    if (st || (st = carat_mrcr_score(&r, (carat_mrcr_rules)variant, &mark, err)))
        return st;
    char hex[32];
    carat_hex_double(mark.score, hex);
    carat_jw_put_f64(w, "score", mark.score);
    carat_jw_put_text(w, "score_hex", hex);
    tally->sum += mark.score;
    tally->known++;
    return CARAT_OK;
}

static void total(const carat_grading *g, const carat_tally *t, carat_jw *w)
{
    (void)g;
    if (!t->known)
        return;
    char hex[32];
    double mean = t->sum / (double)t->known;
    carat_hex_double(mean, hex);
    carat_jw_put_f64(w, "score", mean);
    carat_jw_put_text(w, "score_hex", hex);
}

const carat_grader carat_grader_mrcr = {
    .name = "mrcr",
    .summary = "difflib's ratio of a repeated text, behind its random string",
    .variants = CARAT_MRCR_VARIANTS,
    .grade = grade,
    .total = total,
};
