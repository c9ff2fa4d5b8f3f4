/* MRCR: what its items and its marks share.                                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_SUITES_MRCR_H
#define CARAT_EVAL_SUITES_MRCR_H

#include "runtime/base/err.h"

/* In the order in which both the suite and the grader name them. */
typedef enum carat_mrcr_rules {
    CARAT_MRCR_OPENAI,
    CARAT_MRCR_V2,
    CARAT_MRCR_NO_AUTOJUNK,
    CARAT_MRCR_LSTRIP
} carat_mrcr_rules;
#define CARAT_MRCR_VARIANTS "openai, v2, no-autojunk, openai-lstrip"

typedef struct carat_mrcr_reply {
    const char *response, *answer;
    const char *random; /* not looked at by v2 */
} carat_mrcr_reply;

typedef struct carat_mrcr_mark {
    double score;
    bool found; /* the random string is where it has to be; else the score is 0 */
} carat_mrcr_mark;

carat_status carat_mrcr_score(const carat_mrcr_reply *r, carat_mrcr_rules rules, carat_mrcr_mark *out,
                              carat_err *err);

#endif
