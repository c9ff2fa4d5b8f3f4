/* MMLU-Pro: the prompts, byte for byte.                                            SPDX-License-Identifier: Apache-2.0
 *
 * local: evaluate_from_local.py and its cot_prompt_lib/initial_prompt.txt of TIGER-AI-Lab/MMLU-Pro. api: evaluate_from_api.py. lm-eval,
 * lm-eval-chat: task mmlu_pro (version 3.1) of EleutherAI/lm-evaluation-harness, plain and with a chat template. The first two drop
 * options that are "N/A"; the last two keep them and strip the blanks around options. */
#include <string.h>

#include "eval/suites/mmlu_pro.h"
#include "runtime/base/unicode.h"

static const char lets_think[] = "Let's think step by step.",
                  answer_head[] = "Answer: Let's think step by step.";

static bool lm_eval(const carat_mmlu_style *s)
{
    return s->variant == CARAT_MMLU_LM_EVAL || s->variant == CARAT_MMLU_LM_EVAL_CHAT;
}

static bool shows(const carat_mmlu_style *s, const char *option)
{
    return lm_eval(s) || strcmp(option, "N/A") != 0;
}

uint32_t carat_mmlu_shown(const carat_mmlu_style *s, const carat_mmlu_row *row)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < row->n_options; i++)
        n += shows(s, row->option[i]);
    return n;
}

/* Python's str.strip(). */
static void put_stripped(carat_str *out, const char *text)
{
    const char *end = text + strlen(text), *first = NULL, *behind = text;
    for (const char *p = text; p < end;) {
        uint32_t cp = 0;
        int skip = 1, n = carat_utf8_get(p, end, &cp, &skip);
        bool space = n && carat_is_space(cp);
        if (!space && !first)
            first = p;
        p += n ? n : skip;
        if (!space)
            behind = p;
    }
    if (first)
        carat_str_add(out, first, (size_t)(behind - first));
}

static void put_options(const carat_mmlu_style *s, const carat_mmlu_row *row, carat_str *out)
{
    uint32_t at = 0, most = s->variant == CARAT_MMLU_LOCAL ? CARAT_MMLU_OPTIONS : 10;
    for (uint32_t i = 0; i < row->n_options && at < most; i++) {
        if (!shows(s, row->option[i]))
            continue;
        carat_str_putc(out, (char)('A' + at++));
        carat_str_add(out, ". ", 2);
        if (s->strip || lm_eval(s))
            put_stripped(out, row->option[i]);
        else
            carat_str_puts(out, row->option[i]);
        carat_str_putc(out, '\n');
    }
}

/* text with every `what` made `with`. */
static void put_replaced(carat_str *out, const char *text, const char *what, const char *with)
{
    for (const char *hit; (hit = strstr(text, what)); text = hit + strlen(what)) {
        carat_str_add(out, text, (size_t)(hit - text));
        carat_str_puts(out, with);
    }
    carat_str_puts(out, text);
}

static void put_question(const carat_mmlu_style *s, const carat_mmlu_row *row, carat_str *out)
{
    carat_str_puts(out, "Question:\n");
    carat_str_puts(out, row->question);
    carat_str_puts(out, "\nOptions:\n");
    put_options(s, row, out);
}

static void put_header(const carat_mmlu_style *s, const char *category, carat_str *out)
{
    carat_str_printf(
        out,
        "The following are multiple choice questions (with answers) about %s. Think step by step and then ",
        category);
    carat_str_puts(
        out, s->variant == CARAT_MMLU_API
                 ? "output the answer in the format of \"The answer is (X)\" at the end.\n\n"
                 : "finish your answer with \"the answer is (X)\" where X is the correct letter choice.\n");
    if (s->variant == CARAT_MMLU_LOCAL)
        carat_str_puts(out, "\n\n\n");
}

static void put_local(const carat_mmlu_style *s, const carat_mmlu_row *const *shot, uint32_t k,
                      const carat_mmlu_row *row, carat_str *out)
{
    for (uint32_t i = 0; i < k; i++) {
        put_question(s, shot[i], out);
        put_replaced(out, shot[i]->cot, "A: Let's think step by step.", answer_head);
        carat_str_puts(out, "\n\n");
    }
    put_question(s, row, out);
    carat_str_puts(out, answer_head);
}

static void put_api_block(const carat_mmlu_style *s, const carat_mmlu_row *row, const char *cot,
                          carat_str *out)
{
    carat_str_puts(out, "Question: ");
    carat_str_puts(out, row->question);
    carat_str_puts(out, "\nOptions: ");
    put_options(s, row, out);
    carat_str_puts(out, "Answer: ");
    carat_str_puts(out, carat_starts(cot, "A: ") ? cot + 3 : cot);
    carat_str_puts(out, "\n\n");
}

static void put_lm_eval(const carat_mmlu_style *s, const carat_mmlu_row *const *shot, uint32_t k,
                        const carat_mmlu_row *row, carat_str *out)
{
    for (uint32_t i = 0; i < k; i++) {
        put_question(s, shot[i], out);
        carat_str_puts(out, answer_head);
        carat_str_putc(out, ' ');
        put_replaced(out, shot[i]->cot, "A: Let's think step by step. ", "");
        carat_str_puts(out, "\n\n");
    }
    put_question(s, row, out);
    carat_str_puts(out, answer_head);
}

size_t carat_mmlu_question_bytes(const carat_mmlu_style *s, const carat_mmlu_row *row)
{
    carat_str text = CARAT_STR_INIT;
    put_local(s, NULL, 0, row, &text);
    size_t n = text.len;
    carat_str_free(&text);
    return n;
}

/* ---- messages ------------------------------------------------------------------------------------------------ */

static void put_message(carat_jw *w, const char *role, const carat_str *content)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "role", role);
    carat_jw_key(w, "content");
    carat_jw_bytes(w, content->data, content->len);
    carat_jw_close(w);
}

static void put_turns(const carat_mmlu_style *s, const carat_mmlu_row *const *shot, uint32_t k,
                      const carat_mmlu_row *row, carat_jw *w)
{
    carat_str text = CARAT_STR_INIT;
    for (uint32_t i = 0; i <= k; i++) {
        carat_str_clear(&text);
        put_question(s, i < k ? shot[i] : row, &text);
        carat_str_puts(&text, answer_head);
        put_message(w, "user", &text);
        if (i == k)
            break;
        carat_str_clear(&text);
        put_replaced(&text, shot[i]->cot, "A: Let's think step by step. ", "");
        put_message(w, "assistant", &text);
    }
    w->out->failed |= text.failed;
    carat_str_free(&text);
}

static void put_messages(const carat_mmlu_style *s, const carat_mmlu_category *c, const carat_mmlu_row *row,
                         uint32_t k, carat_str *out)
{
    carat_str text = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '[');
    put_header(s, c->name, &text);
    if (s->variant == CARAT_MMLU_LM_EVAL_CHAT) {
        put_message(&w, "system", &text);
        put_turns(s, c->shot, k, row, &w);
    } else {
        for (uint32_t i = 0; i < k; i++)
            put_api_block(s, c->shot[i], c->shot[i]->cot, &text);
        put_api_block(s, row, lets_think, &text);
        put_message(&w, "user", &text);
    }
    carat_jw_close(&w);
    out->failed |= text.failed;
    carat_str_free(&text);
}

void carat_mmlu_prompt(const carat_mmlu_style *s, const carat_mmlu_data *d, const carat_mmlu_row *row,
                       uint32_t k, carat_str *out)
{
    const carat_mmlu_category *c = &d->category[row->category];
    if (s->variant == CARAT_MMLU_API || s->variant == CARAT_MMLU_LM_EVAL_CHAT) {
        put_messages(s, c, row, k, out);
        return;
    }
    put_header(s, c->name, out);
    if (s->variant == CARAT_MMLU_LOCAL)
        put_local(s, c->shot, k, row, out);
    else
        put_lm_eval(s, c->shot, k, row, out);
}
