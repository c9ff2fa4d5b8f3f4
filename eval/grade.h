/* Graders: what a reply is worth, apart from any model.                            SPDX-License-Identifier: Apache-2.0
 *
 * A grader reads one reply with what belongs to it (a JSON object) and writes its verdict; totals are kept in its own tally. To add
 * one: suites/NAME_grade.c with a `const carat_grader carat_grader_NAME`, its extern line here and its row in grade.c. */
#ifndef CARAT_EVAL_GRADE_H
#define CARAT_EVAL_GRADE_H

#include "runtime/base/json.h"

typedef struct carat_tally {
    size_t n;          /* replies graded */
    size_t unmeasured; /* replies that could not be graded */
    double sum;        /* of the scores, in file order; right answers count 1 */
    size_t known;      /* replies whose right answer was known */
    size_t retried;    /* livecodebench: run once more after a time limit */
    size_t code[6];    /* livecodebench: replies by error code 0, -1, ... -5 */
    size_t level[4]; /* mmlu-pro: replies whose answer was found by extraction level 1, 2, 3; 0: none found */
} carat_tally;

/* What a grader is told once, and what it keeps. */
typedef struct carat_grading {
    size_t variant;
    const char *data; /* the questions, for graders that need them; NULL: not given */
    bool extract_only, unsafe_no_sandbox;
    void *state; /* of the grader, from its open */
} carat_grading;

typedef struct carat_grader {
    const char *name, *summary;
    const char *variants;                                   /* "openai, v2"; the first is the default */
    carat_status (*open)(carat_grading *g, carat_err *err); /* NULL: nothing to prepare */
    /* Writes the verdict's members into the open object and adds to the tally; from several threads at once when `slow`. */
    carat_status (*grade)(const carat_grading *g, const carat_json *reply, carat_jw *w, carat_tally *tally,
                          carat_err *err);
    void (*total)(const carat_grading *g, const carat_tally *t, carat_jw *w);
    void (*close)(carat_grading *g);
    bool slow; /* runs programs: several replies at a time */
} carat_grader;

extern const carat_grader carat_grader_mmlu_pro, carat_grader_mrcr, carat_grader_livecodebench;
const carat_grader *carat_grader_at(size_t i); /* NULL past the end */
const carat_grader *carat_grader_named(const char *name);
/* Index of a variant's name in the list, or -1. */
int carat_grader_variant(const carat_grader *g, const char *name);

/* The last number of a text: "In 2 days it is $1,234.50." -> 1234.5; NaN where there is none. */
double carat_last_number(const char *text);
/* A double as Python's float.hex() spells it. out: 32 bytes. */
void carat_hex_double(double v, char out[32]);

#endif
