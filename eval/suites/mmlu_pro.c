/* MMLU-Pro (Wang et al. 2024): multiple choice, five worked examples, a chain of thought.   SPDX-License-Identifier: Apache-2.0
 *
 * Variants are four editions of one test whose numbers are not comparable: local and api of TIGER-AI-Lab/MMLU-Pro, lm-eval and lm-eval-chat
 * of EleutherAI/lm-evaluation-harness. Prompts: mmlu_pro_prompt.c; the letter of a reply: mmlu_pro_grade.c; official guesses:
 * mmlu_pro_score.c. A reply that no pattern finds a letter in is unparsed, and worth 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/suites/mmlu_pro.h"

enum { PROMPT = 4096 - 2048, NEW_PLAIN = 2048, NEW_API = 4000, SEAM = 64 /* tokens */ };

typedef struct mmlu {
    carat_mmlu_data data;
    carat_mmlu_style style;
    carat_mmlu_rules rules;
    carat_backend *model;
    size_t room, max_new; /* tokens; local's prompts lose examples until they are shorter than room */
    char **asked;         /* [n]: the prompt given out, until it is released */
    uint8_t *shots;       /* [n]: examples in it */
    uint32_t (
        *tokens)[CARAT_MMLU_SHOTS + 1]; /* [category][k]: of header and k examples; 0: not counted yet */
    size_t n;
    bool guess; /* --official-fallback */
} mmlu;

/* In the order of carat_mmlu_variant. */
static const char *const variants[] = {"local", "api", "lm-eval", "lm-eval-chat"};
static const char *const extraction[] = {
    "tiger-local, 3 levels, first match", "tiger-api, ** removed, 3 levels, first match",
    "lm-eval custom-extract, first match", "lm-eval custom-extract, first match"};

static bool is_chat(const mmlu *m)
{
    return m->style.variant == CARAT_MMLU_API || m->style.variant == CARAT_MMLU_LM_EVAL_CHAT;
}

static void close_suite(void *state)
{
    mmlu *m = state;
    for (size_t i = 0; m->asked && i < m->n; i++)
        free(m->asked[i]);
    carat_free(m->asked);
    carat_free(m->shots);
    carat_free(m->tokens);
    carat_mmlu_unload(&m->data);
    carat_free(m);
}

static carat_status choose(const carat_eval *e, mmlu *m, carat_err *err)
{
    static const carat_mmlu_rules rules[] = {CARAT_MMLU_FIRST, CARAT_MMLU_BARE, CARAT_MMLU_STATED,
                                             CARAT_MMLU_STATED};
    size_t v = 0, count = sizeof variants / sizeof *variants;
    while (e->variant && v < count && strcmp(e->variant, variants[v]) != 0)
        v++;
    if (v == count)
        return carat_fail(err, CARAT_EUSAGE, "--variant %s: mmlu-pro has local, api, lm-eval, lm-eval-chat",
                          e->variant);
    m->style = (carat_mmlu_style){(carat_mmlu_variant)v, e->strip_options};
    m->rules = rules[v];
    m->guess = e->official_fallback;
    m->model = e->model;
    if (e->thinking && !is_chat(m))
        return carat_fail(
            err, CARAT_EUSAGE,
            "mmlu-pro's %s variant is plain text, which has no thoughts; --variant api or lm-eval-chat has",
            variants[v]);
    size_t context = m->model ? m->model->context : 0;
    m->max_new = v == CARAT_MMLU_API ? NEW_API : NEW_PLAIN;
    if (context && m->max_new > context / 2)
        m->max_new = context / 2;
    if (e->max_new)
        m->max_new = e->max_new;
    m->room = context && context < PROMPT + m->max_new
                  ? context - (m->max_new < context ? m->max_new : context)
                  : PROMPT;
    return CARAT_OK;
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    mmlu *m = carat_alloc(1, sizeof *m, err);
    if (!m)
        return CARAT_ENOMEM;
    carat_status st = choose(e, m, err);
    if (!st)
        st = carat_mmlu_load(e->data, &m->data, err);
    if (!st && (!(m->asked = carat_alloc(m->data.n, sizeof *m->asked, err)) ||
                !(m->shots = carat_alloc(m->data.n, sizeof *m->shots, err)) ||
                !(m->tokens = carat_alloc(m->data.n_categories, sizeof *m->tokens, err))))
        st = CARAT_ENOMEM;
    if (st) {
        close_suite(m);
        return st;
    }
    m->n = m->data.n;
    *state = m;
    *items = e->limit && e->limit < m->n ? e->limit : m->n;
    for (size_t i = 0; i < *items;
         i++) /* a limit takes rows of all categories, as many of each as its share is */
        m->data.row[i] = m->data.row[i * m->n / *items];
    return CARAT_OK;
}

static carat_status pin(const void *state, carat_jw *w, carat_err *err)
{
    const mmlu *m = state;
    (void)err;
    carat_jw_put_u64(w, "shots", CARAT_MMLU_SHOTS);
    carat_jw_put_text(w, "extraction", extraction[m->style.variant]);
    carat_jw_put_text(w, "rows_sha256", m->data.sha256);
    return CARAT_OK;
}

static carat_item describe(const void *state, size_t i)
{
    const mmlu *m = state;
    const carat_mmlu_row *r = &m->data.row[i];
    carat_item it = {.id = r->id, .cluster = r->src, .n_groups = 1};
    it.group[0].key = "category";
    it.group[0].value = m->data.category[r->category].name;
    return it;
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static carat_status count_tokens(const mmlu *m, const char *text, size_t len, size_t *n, carat_err *err)
{
    int32_t *ids;
    carat_status st = carat_encode(m->model->tokenizer, text, len, 0, &ids, n, err);
    if (!st)
        carat_release(ids);
    return st;
}

/* Tokens of header and k examples of a category; counted once. */
static carat_status shared_tokens(mmlu *m, uint32_t category, uint32_t k, const carat_str *prompt, size_t own,
                                  size_t *n, carat_err *err)
{
    uint32_t *known = &m->tokens[category][k];
    if (!*known) {
        carat_status st = count_tokens(m, prompt->data, prompt->len - own, n, err);
        if (st)
            return st;
        *known = (uint32_t)*n;
    }
    *n = *known;
    return CARAT_OK;
}

/* Are BOS and prompt shorter than the room for them? own: bytes of the question at the end, and their tokens, which with those of the
 * examples add up to the prompt's but for the seam; where that could decide, the prompt is counted as a whole. */
static carat_status fits(mmlu *m, uint32_t category, uint32_t k, const carat_str *prompt, const size_t own[2],
                         bool *out, carat_err *err)
{
    size_t n;
    size_t bos = m->model->bos >= 0;
    carat_status st = shared_tokens(m, category, k, prompt, own[0], &n, err);
    n += own[1] + bos;
    if (!st && n + SEAM > m->room && n < m->room + SEAM) {
        st = count_tokens(m, prompt->data, prompt->len, &n, err);
        n += bos;
    }
    *out = n < m->room;
    return st;
}

/* local takes examples away until the prompt fits, as evaluate_from_local.py does. Without a tokenizer nobody knows whether it does. */
static carat_status shorten(mmlu *m, size_t i, carat_str *prompt, carat_err *err)
{
    const carat_mmlu_row *row = &m->data.row[i];
    size_t own[2];
    bool ok = !m->model || !m->model->tokenizer ||
              prompt->len + 1 < m->room; /* a token has at least one byte */
    if (ok)
        return CARAT_OK;
    own[0] = carat_mmlu_question_bytes(&m->style, row);
    carat_status st = count_tokens(m, prompt->data + prompt->len - own[0], own[0], &own[1], err);
    while (!st && !(st = fits(m, row->category, m->shots[i], prompt, own, &ok, err)) && !ok && m->shots[i]) {
        carat_str_clear(prompt);
        carat_mmlu_prompt(&m->style, &m->data, row, --m->shots[i], prompt);
        st = carat_str_check(prompt, err);
    }
    return st;
}

static carat_status build(mmlu *m, size_t i, carat_str *out, carat_err *err)
{
    const carat_mmlu_row *row = &m->data.row[i];
    m->shots[i] = (uint8_t)m->data.category[row->category].shots;
    carat_mmlu_prompt(&m->style, &m->data, row, m->shots[i], out);
    carat_status st = carat_str_check(out, err);
    return st || m->style.variant != CARAT_MMLU_LOCAL ? st : shorten(m, i, out, err);
}

static carat_status question(void *state, size_t i, carat_question *out, carat_err *err)
{
    static const char *const stop[] = {"Question:"};
    mmlu *m = state;
    if (!m->asked[i]) {
        carat_str text = CARAT_STR_INIT;
        carat_status st = build(m, i, &text, err);
        if (!st && !(m->asked[i] = carat_str_take(&text)))
            st = carat_fail(err, CARAT_ENOMEM, "out of memory for a prompt");
        carat_str_free(&text);
        if (st)
            return st;
    }
    *out = (carat_question){.max_new = m->max_new, .sampler = {.top_p = 1}};
    if (is_chat(m))
        out->messages = m->asked[i];
    else
        out->prompt = m->asked[i];
    if (m->style.variant != CARAT_MMLU_API) {
        out->stop = stop;
        out->n_stop = 1;
    }
    return CARAT_OK;
}

static void release(void *state, size_t i)
{
    mmlu *m = state;
    free(m->asked[i]);
    m->asked[i] = NULL;
}

/* ---- marking ------------------------------------------------------------------------------------------------- */

static carat_status grade(void *state, size_t i, const carat_answer *a, carat_jw *w, carat_verdict *v,
                          carat_err *err)
{
    const mmlu *m = state;
    const carat_mmlu_row *row = &m->data.row[i];
    carat_letter found;
    carat_status st = carat_mmlu_extract(a->content, m->rules, &found, err);
    if (st)
        return st;
    bool right = found.letter && found.letter == row->gold;
    char pred[2] = {found.letter, 0}, gold[2] = {row->gold, 0};
    *v = (carat_verdict){right ? CARAT_RIGHT : found.letter ? CARAT_WRONG : CARAT_UNPARSED, right};
    carat_jw_put_text(w, "pred", found.letter ? pred : NULL);
    carat_jw_put_i64(w, "level", found.level);
    carat_jw_put_text(w, "answer", gold);
    carat_jw_put_i64(w, "answer_index", row->gold_index);
    carat_jw_put_u64(w, "n_options", carat_mmlu_shown(&m->style, row));
    carat_jw_put_u64(w, "shots", m->shots[i]);
    if (m->rules != CARAT_MMLU_STATED) { /* lm-eval never guesses */
        carat_jw_put_bool(w, "official_fallback", m->guess);
    }
    if (row->errata) {
        carat_jw_key(w, "errata");
        carat_jw_text(w, "answer and answer_index disagree; the letter counts");
    }
    return CARAT_OK;
}

/* What makes this variant's number another than those of the other three. */
static const char *const differs[] = {
    "plain text, 4 line breaks behind the header, N/A options dropped, 3 levels, first match",
    "one user message, N/A options dropped, ** removed, 3 levels, first match",
    "plain text, 1 line break behind the header, options stripped, N/A shown, level 1 alone, first match",
    "a turn an example, options stripped, N/A shown, level 1 alone, first match"};

void carat_mmlu_note(const void *state, carat_mmlu_counts c, char *out, size_t size)
{
    const mmlu *m = state;
    carat_str note = CARAT_STR_INIT;
    if (m)
        carat_str_printf(&note, "%s: %s%s, up to %zu tokens; ", variants[m->style.variant],
                         differs[m->style.variant], m->style.strip ? ", --strip-options" : "", m->max_new);
    carat_str_puts(&note, c.guesses
                              ? "acc: a reply without a letter is a seeded guess, as in the official program"
                              : "a reply without a letter is wrong");
    if (c.official && !c.guesses)
        carat_str_puts(&note, ", in acc_official a seeded guess");
    if (c.errata)
        carat_str_printf(&note, "; errata: in %zu, answer and answer_index disagree, the letter counts",
                         c.errata);
    if (c.fewer)
        carat_str_printf(&note, "; fewer than %d examples in %zu prompts", CARAT_MMLU_SHOTS, c.fewer);
    if (m && m->style.variant == CARAT_MMLU_LOCAL && !(m->model && m->model->tokenizer))
        carat_str_puts(&note, "; no tokenizer here: no prompt was shortened");
    snprintf(out, size, "%s", note.data);
    carat_str_free(&note);
}

const carat_suite carat_suite_mmlu_pro = {
    .name = "mmlu-pro",
    .summary = "MMLU-Pro: multiple choice of up to ten, with five worked examples",
    .metric = "acc",
    .variants = "local, api, lm-eval, lm-eval-chat",
    .heeds = "strip-options official-fallback",
    .open = open_suite,
    .pin = pin,
    .describe = describe,
    .question = question,
    .grade = grade,
    .release = release,
    .report = carat_mmlu_report,
    .close = close_suite,
};
