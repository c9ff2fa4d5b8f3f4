/* MMLU-Pro: the letter that a reply settles on.                                    SPDX-License-Identifier: Apache-2.0
 *
 * The three levels of TIGER-AI-Lab/MMLU-Pro's evaluate_from_local.py, whose patterns are Python's:
 *     1  answer is \(?([A-J])\)?           2  .*[aA]nswer:\s*([A-J])          3  \b[A-J]\b(?!.*\b[A-J]\b), over all lines
 * local takes the first match of 1, else of 2, else the last letter that stands alone. api does so behind the removal of every "**"
 * (evaluate_from_api.py). last takes the last match of each level (evaluate_from_apiX.py). lm-eval knows level 1 alone. */
#include <string.h>

#include "eval/grade.h"
#include "eval/suites/mmlu_pro.h"
#include "runtime/base/unicode.h"

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'J';
}

/* Level 1: the first match, or the last. */
static char stated(const char *text, bool last)
{
    char found = 0;
    for (const char *p = text; (p = strstr(p, "answer is ")) && (last || !found); p++) {
        const char *c = p + strlen("answer is ");
        if (*c == '(' && is_letter(c[1]))
            c++;
        if (is_letter(*c))
            found = *c;
    }
    return found;
}

static const char *skip_space(const char *p, const char *end)
{
    for (uint32_t cp; p < end;) {
        int skip, n = carat_utf8_get(p, end, &cp, &skip);
        if (!n || !carat_is_space(cp))
            break;
        p += n;
    }
    return p;
}

/* Level 2. The pattern's .* is greedy but stays on one line: the last match of the first line that has one; `last`: of the text. */
static char labelled(const char *text, bool last)
{
    char found = 0;
    const char *end = text + strlen(text);
    for (const char *p = text, *line_end = text; *p; p++) {
        if (p >= line_end) {
            if (found && !last)
                break;
            line_end = p + strcspn(p, "\n") + 1;
        }
        if ((*p != 'a' && *p != 'A') || strncmp(p + 1, "nswer:", 6) != 0)
            continue;
        const char *c = skip_space(p + 7, end);
        if (!is_letter(*c))
            continue;
        found = *c;
        if (last) /* matches do not overlap: the letter may be the A of another "Answer:" */
            p = c;
    }
    return found;
}

static bool word_behind(const char *p, const char *end)
{
    uint32_t cp;
    int skip;
    return p < end && carat_utf8_get(p, end, &cp, &skip) && carat_is_re_word(cp);
}

static bool word_before(const char *text, const char *p)
{
    const char *q = p;
    while (q > text && p - q < 4 && (q == p || (*q & 0xC0) == 0x80))
        q--;
    return q < p && word_behind(q, p);
}

/* Level 3: the last letter with no word character on either side. */
static char alone(const char *text)
{
    const char *end = text + strlen(text);
    for (const char *p = end; p-- > text;)
        if (is_letter(*p) && !word_before(text, p) && !word_behind(p + 1, end))
            return *p;
    return 0;
}

static carat_letter extract(const char *text, carat_mmlu_rules rules)
{
    bool last = rules == CARAT_MMLU_LAST;
    char c = stated(text, last);
    if (c || rules == CARAT_MMLU_STATED)
        return (carat_letter){c, c ? 1 : 0};
    if ((c = labelled(text, last)))
        return (carat_letter){c, 2};
    c = alone(text);
    return (carat_letter){c, c ? 3 : 0};
}

static carat_status without_stars(const char *text, carat_str *out, carat_err *err)
{
    for (const char *p = text, *star; *p; p = star + (*star ? 2 : 0)) {
        star = strstr(p, "**");
        if (!star)
            star = p + strlen(p);
        carat_str_add(out, p, (size_t)(star - p));
    }
    return carat_str_check(out, err);
}

carat_status carat_mmlu_extract(const char *reply, carat_mmlu_rules rules, carat_letter *out, carat_err *err)
{
    carat_str plain = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (rules == CARAT_MMLU_BARE && !(st = without_stars(reply, &plain, err)))
        reply = plain.data;
    if (!st)
        *out = extract(reply, rules);
    carat_str_free(&plain);
    return st;
}

/* Right or wrong where the reply brings its answer. */
static carat_status mark(const carat_json *reply, carat_letter found, carat_jw *w, carat_tally *tally,
                         carat_err *err)
{
    const char *right;
    const carat_json *node = carat_json_get(reply, "answer");
    if (!node)
        return CARAT_OK;
    carat_status st = carat_json_text(node, "answer", &right, err);
    if (st)
        return st;
    bool ok = found.letter && right[0] == found.letter && !right[1];
    carat_jw_put_bool(w, "right", ok);
    tally->known++;
    tally->sum += ok;
    return CARAT_OK;
}

static carat_status grade(const carat_grading *g, const carat_json *reply, carat_jw *w, carat_tally *tally,
                          carat_err *err)
{
    const size_t variant = g->variant;
    const char *text;
    carat_letter found;
    carat_status st = carat_json_text(carat_json_get(reply, "output"), "output", &text, err);
    if (st || (st = carat_mmlu_extract(text, (carat_mmlu_rules)variant, &found, err)))
        return st;
    char letter[2] = {found.letter, 0};
    carat_jw_put_text(w, "pred", found.letter ? letter : NULL);
    carat_jw_put_i64(w, "level", found.level);
    tally->level[found.level]++;
    return mark(reply, found, w, tally, err);
}

static void total(const carat_grading *g, const carat_tally *t, carat_jw *w)
{
    (void)g;
    carat_jw_key(w, "levels");
    carat_jw_open(w, '{');
    const char *const names[] = {"none", "1", "2", "3"};
    for (int i = 0; i < 4; i++) {
        carat_jw_put_u64(w, names[i], t->level[i]);
    }
    carat_jw_close(w);
    if (!t->known)
        return;
    carat_jw_put_u64(w, "right", (uint64_t)t->sum);
    carat_jw_put_f64(w, "acc", t->sum / (double)t->known);
}

const carat_grader carat_grader_mmlu_pro = {
    .name = "mmlu-pro",
    .summary = "the letter of a multiple-choice reply, by the official three levels",
    .variants = "local, api, last, lm-eval", /* in the order of carat_mmlu_rules */
    .grade = grade,
    .total = total,
};
