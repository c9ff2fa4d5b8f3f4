/* Asking: the items of a suite through a backend into a run.                       SPDX-License-Identifier: Apache-2.0
 *
 * One loop for all suites that ask: what an item is asked comes from the suite, what the command line overrides is put over it, answers
 * are marked as they come and kept in the run. Suites whose marking is slow are marked by threads of their own beside the
 * asking; their answers are kept first, so that a killed run never asks twice for what was written. */
#ifndef CARAT_EVAL_ASK_H
#define CARAT_EVAL_ASK_H

#include "eval/run.h"

typedef struct carat_asked {
    const carat_suite *suite;
    void *state; /* of the suite */
    const carat_eval *eval;
    carat_run *run;
    const carat_json *const *results; /* [items]: what is kept already; NULL: nothing */
    size_t items;
    carat_shard shard;
    uint32_t parallel; /* questions at a time; 0: as the backend likes */
    uint32_t graders;  /* threads for slow suites; 0: one per core */
    bool again;        /* marks all kept replies anew, and asks for nothing that has one */
    const carat_talk *talk;
} carat_asked;

carat_status carat_ask(const carat_asked *a, carat_err *err);
/* The question of item i as it will be asked. */
carat_status carat_ask_question(const carat_suite *s, void *state, const carat_eval *e, size_t i,
                                carat_question *out, carat_err *err);

#endif
