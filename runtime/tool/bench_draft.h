/* The tests of `carat bench --draft`: decoding with a drafter beside decoding without.   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_BENCH_DRAFT_H
#define CARAT_TOOL_BENCH_DRAFT_H

#include "runtime/carat.h"

/* A drafter, and the text that prompts are cut from; zero-initialise. */
typedef struct carat_bench_draft {
    carat_model *assistant;
    carat_draft *draft; /* NULL: none */
    int32_t *text;      /* ids of --text; NULL: none */
    size_t n_text;
} carat_bench_draft;

/* assistant: the MODEL of --draft; text: a UTF-8 file, or NULL. The session must outlive it. */
carat_status carat_bench_draft_open(carat_session *s, const carat_model *m, const char *assistant,
                                    const char *text, carat_bench_draft *out, carat_err *err);
void carat_bench_draft_close(carat_bench_draft *d);

/* The prompt of repeat `rep`: n ids, BOS and a piece of the text, into `ids`; untouched without a text. */
void carat_bench_draft_prompt(const carat_bench_draft *d, const carat_model *m, size_t rep, int32_t *ids,
                              size_t n);

/* One repeat: the same greedy reply twice. */
typedef struct carat_drafted {
    double seconds, plain_seconds;   /* of the ids behind the first, which comes with the prompt */
    uint64_t rounds, drafted, right; /* drafts, and those that were kept */
} carat_drafted;

/* Writes `tokens` ids behind the prompt without the drafter and then with it. That both wrote the same is checked. */
carat_status carat_bench_draft_run(const carat_bench_draft *d, carat_session *s, const int32_t *prompt,
                                   size_t n, size_t tokens, carat_drafted *out, carat_err *err);

#endif
