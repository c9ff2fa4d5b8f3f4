/* MMLU-Pro: what its data, prompts, extraction and score share.                    SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_SUITES_MMLU_PRO_H
#define CARAT_EVAL_SUITES_MMLU_PRO_H

#include "eval/suite.h"
#include "runtime/base/mem.h"

/* ---- rows (mmlu_pro_data.c) ---------------------------------------------------------------------------------- */

enum { CARAT_MMLU_OPTIONS = 16, CARAT_MMLU_SHOTS = 5 };

typedef struct carat_mmlu_row {
    const char *id, *question, *cot, *src; /* src: NULL where there is none */
    const char *const *option;             /* [n_options] */
    uint32_t n_options, category;
    char gold;      /* the letter of `answer` */
    bool errata;    /* answer_index says another */
    int gold_index; /* answer_index */
} carat_mmlu_row;

typedef struct carat_mmlu_category {
    const char *name;
    const carat_mmlu_row *shot[CARAT_MMLU_SHOTS]; /* in the order of the validation split */
    uint32_t shots;
} carat_mmlu_category;

typedef struct carat_mmlu_data {
    carat_mmlu_row *row; /* those of one category follow each other, in the order of the file */
    size_t n, cap;
    carat_mmlu_category *category; /* in the order of their first rows */
    size_t n_categories, cap_categories;
    carat_mmlu_row *shot; /* the validation split */
    size_t n_shots, cap_shots;
    char sha256[65];           /* of all rows as JSON */
    struct carat_sha256 *hash; /* while rows are read */
    carat_arena arena;
} carat_mmlu_data;

/* path: the test table with a validation table beside it, a folder with both, or NULL: the built-in sample. */
carat_status carat_mmlu_load(const char *path, carat_mmlu_data *out, carat_err *err);
void carat_mmlu_unload(carat_mmlu_data *d);

/* ---- prompts (mmlu_pro_prompt.c) ------------------------------------------------------------------------------ */

typedef enum carat_mmlu_variant {
    CARAT_MMLU_LOCAL,
    CARAT_MMLU_API,
    CARAT_MMLU_LM_EVAL,
    CARAT_MMLU_LM_EVAL_CHAT
} carat_mmlu_variant;

typedef struct carat_mmlu_style {
    carat_mmlu_variant variant;
    bool strip; /* options lose the white space around them */
} carat_mmlu_style;

/* Appends the prompt of a row with the first k examples of its category: plain text, or the JSON of messages. */
void carat_mmlu_prompt(const carat_mmlu_style *s, const carat_mmlu_data *d, const carat_mmlu_row *row,
                       uint32_t k, carat_str *out);
/* Bytes at the end of a plain prompt that are the row's own, behind the last example. */
size_t carat_mmlu_question_bytes(const carat_mmlu_style *s, const carat_mmlu_row *row);
/* How many options a row shows: two editions drop "N/A". */
uint32_t carat_mmlu_shown(const carat_mmlu_style *s, const carat_mmlu_row *row);

/* ---- score (mmlu_pro_score.c) --------------------------------------------------------------------------------- */

/* Metrics behind the common ones, and the note. */
carat_status carat_mmlu_report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                               carat_err *err);
typedef struct carat_mmlu_counts {
    size_t errata, fewer; /* records with an erratum, with fewer examples than the protocol's */
    bool official;        /* of an edition that guesses */
    bool guesses;         /* and whose guesses count */
} carat_mmlu_counts;
/* What a reader must know; state: the suite's, or NULL. */
void carat_mmlu_note(const void *state, carat_mmlu_counts c, char *out, size_t size);

/* ---- extraction (mmlu_pro_grade.c) ---------------------------------------------------------------------------- */

typedef enum carat_mmlu_rules {
    CARAT_MMLU_FIRST, /* evaluate_from_local.py */
    CARAT_MMLU_BARE,  /* evaluate_from_api.py: without ** */
    CARAT_MMLU_LAST,  /* evaluate_from_apiX.py */
    CARAT_MMLU_STATED /* lm-eval: level 1 alone */
} carat_mmlu_rules;

typedef struct carat_letter {
    char letter; /* 0: none */
    int level;   /* 1 to 3, 0: none */
} carat_letter;

carat_status carat_mmlu_extract(const char *reply, carat_mmlu_rules rules, carat_letter *out, carat_err *err);

#endif
