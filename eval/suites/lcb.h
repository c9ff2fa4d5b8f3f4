/* LiveCodeBench: problems, the rules of its checker, and running a program by them. SPDX-License-Identifier: Apache-2.0
 *
 * Follows LiveCodeBench/LiveCodeBench at 28fef95 (lcb_runner/benchmarks/code_generation.py, evaluation/testing_util.py and
 * compute_code_generation_metrics.py, prompts/code_generation.py, utils/extraction_utils.py). */
#ifndef CARAT_EVAL_SUITES_LCB_H
#define CARAT_EVAL_SUITES_LCB_H

#include "eval/sandbox.h"
#include "eval/suite.h"

/* ---- problems: the official schema, 11 string members a line, any release; one file or a directory of them. The file stays mapped,
 * tests are unpacked when they are asked for: single problems have tens of MB. */

typedef struct carat_lcb carat_lcb;

typedef struct carat_lcb_problem {
    const char *id, *content, *starter, *platform, *difficulty, *date;
    const char *row; /* its line */
    size_t row_len;
} carat_lcb_problem;

typedef struct carat_lcb_options {
    const char *path;
    const char *from, *to; /* YYYY-MM-DD, both ends included; NULL: open */
    bool no_errata;        /* leaves out the problems of the official ERRATA.md */
} carat_lcb_options;

carat_status carat_lcb_open(const carat_lcb_options *o, carat_lcb **out, carat_err *err);
void carat_lcb_close(carat_lcb *l);
size_t carat_lcb_count(const carat_lcb *l);
size_t carat_lcb_left_out(const carat_lcb *l);                       /* problems of the errata */
const carat_lcb_problem *carat_lcb_at(const carat_lcb *l, size_t i); /* by id */
const carat_lcb_problem *carat_lcb_find(const carat_lcb *l, const char *id);

typedef struct carat_lcb_tests {
    const char *function; /* "" when programs read standard input */
    struct {
        const char *input, *output;
    } * test;
    size_t n;
    carat_json *root[3]; /* what the texts lie in */
} carat_lcb_tests;

/* Public and private tests, in this order. May be called from several threads at once. */
carat_status carat_lcb_tests_open(const carat_lcb_problem *p, carat_lcb_tests *out, carat_err *err);
void carat_lcb_tests_close(carat_lcb_tests *t);

/* ---- texts */

/* Appends the messages of the official generic chat prompt, as JSON. */
void carat_lcb_prompt(const carat_lcb_problem *p, carat_jw *w);
/* The program of a reply: between the last two lines with ```; empty when there are not two. A view into it. */
carat_bytes carat_lcb_extract(const char *reply);

/* ---- the rules */

typedef enum carat_match { CARAT_SAME, CARAT_LENGTH, CARAT_LINE, CARAT_SIGNAL } carat_match;
/* Output against what is expected: stripped lines, equal as texts or as decimal numbers, token for token. LINE: *line (from 0)
 * is the first that differs; LENGTH: another number of lines; SIGNAL: comparing a signalling NaN, at which the official checker fails. */
carat_match carat_lcb_compare(carat_bytes got, carat_bytes want, size_t *line);
/* Line i of a stripped text, stripped. */
carat_bytes carat_lcb_line(carat_bytes text, size_t i);
/* Appends at most 300 characters, the middle left out, as the official messages do. */
void carat_lcb_shorten(carat_bytes text, carat_str *out);
/* Are two JSON texts equal values to Python's ==? Numbers compare exactly, whatever their type; NaN equals nothing, but within lists and objects itself. False, too, when one
 * is not JSON. */
carat_status carat_lcb_json_equal(carat_bytes a, carat_bytes b, bool *equal, carat_err *err);

/* ---- running */

typedef enum carat_lcb_mode { CARAT_LCB_OFFICIAL, CARAT_LCB_PROCESS } carat_lcb_mode;

typedef struct carat_lcb_verdict {
    bool passed;
    int code;          /* -2 wrong, -3 time, -4 failed, -5 no result; 0: none */
    carat_str results; /* JSON: the official list, up to the first failure */
    carat_str message; /* beside a code */
    /* ran into the time limit with little processor time to show for it, and was run once more: this is the second verdict */
    bool retried;
    double cpu_seconds;
} carat_lcb_verdict;

/* The sandbox for a mode. */
carat_status carat_lcb_sandbox(carat_lcb_mode mode, bool unsafe, carat_sandbox **out, carat_err *err);
/* A failure is the sandbox's: then there is no verdict. v begins as zeros and belongs to the caller (carat_lcb_verdict_free). */
carat_status carat_lcb_check(carat_sandbox *s, carat_lcb_mode mode, const carat_lcb_tests *t,
                             carat_bytes code, carat_lcb_verdict *v, carat_err *err);
/* The members "passed", "results", "error_code", "error_message"; "retried" where it was. */
void carat_lcb_write(const carat_lcb_verdict *v, carat_jw *w);
void carat_lcb_verdict_free(carat_lcb_verdict *v);

/* Adds pass@k, behind the metrics that are there. */
carat_status carat_lcb_pass(const carat_json *const *results, size_t n, carat_results *out, carat_err *err);

#endif
