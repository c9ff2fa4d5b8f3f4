/* What run and chat share: options of inference, the session and sampler they ask for.    SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_INFER_H
#define CARAT_TOOL_INFER_H

#include "runtime/base/cmd.h"

/* The args struct of both commands begins with it. */
typedef struct carat_infer {
    carat_common common;
    const char *system, *draft, *numerics, *kernels, *kv, *edition;
    int64_t draft_length, max_new, context, batch, top_k, budget;
    double temperature, top_p, min_p, repetition, presence, frequency;
    carat_opt_list stop, image, audio, video;
    bool think;
} carat_infer;

#define CARAT_INFER_DEFAULTS                                                                                 \
    {                                                                                                        \
        .max_new = CARAT_INT_UNSET, .top_k = CARAT_INT_UNSET, .budget = CARAT_INT_UNSET,                     \
        .temperature = CARAT_NUM_UNSET, .top_p = CARAT_NUM_UNSET, .min_p = CARAT_NUM_UNSET,                  \
        .repetition = CARAT_NUM_UNSET                                                                        \
    }

#define CARAT_INFER_AT(field) offsetof(carat_infer, field)
/* clang-format off */
#define CARAT_INFER_OPTIONS \
    {"predict", 'n', CARAT_OPT_INT, CARAT_INFER_AT(max_new), "MAX", "write at most MAX tokens a reply (default: run: 512; chat: as many as fit)"}, \
    {"system", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(system), "TEXT", "a system turn in front"}, \
    {"think", 0, CARAT_OPT_FLAG, CARAT_INFER_AT(think), NULL, "ask the model to think before it answers"}, \
    {"template", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(edition), "NAME", "auto, large or small: the chat template's edition"}, \
    {"temperature", 0, CARAT_OPT_NUM, CARAT_INFER_AT(temperature), "T", "0 is greedy (default: generation_config.json)"}, \
    {"top-k", 0, CARAT_OPT_INT, CARAT_INFER_AT(top_k), "K", "draw from the K likeliest; 0 is off"}, \
    {"top-p", 0, CARAT_OPT_NUM, CARAT_INFER_AT(top_p), "P", "draw from the smallest set of mass P; 1 is off"}, \
    {"min-p", 0, CARAT_OPT_NUM, CARAT_INFER_AT(min_p), "P", "drop what is P times less likely than the likeliest; 0 is off"}, \
    {"repetition-penalty", 0, CARAT_OPT_NUM, CARAT_INFER_AT(repetition), "X", "divide scores of ids seen before by X; 1 is off"}, \
    {"presence-penalty", 0, CARAT_OPT_NUM, CARAT_INFER_AT(presence), "X", "take X from scores of ids in the reply"}, \
    {"frequency-penalty", 0, CARAT_OPT_NUM, CARAT_INFER_AT(frequency), "X", "take X from a score for each time in the reply"}, \
    {"stop", 0, CARAT_OPT_LIST, CARAT_INFER_AT(stop), "TEXT", "end the answer before TEXT (many times)"}, \
    {"image", 0, CARAT_OPT_LIST, CARAT_INFER_AT(image), "FILE", "not in this build"}, \
    {"audio", 0, CARAT_OPT_LIST, CARAT_INFER_AT(audio), "FILE", "not in this build"}, \
    {"video", 0, CARAT_OPT_LIST, CARAT_INFER_AT(video), "FILE", "not in this build"}, \
    {"budget", 0, CARAT_OPT_INT, CARAT_INFER_AT(budget), "N", "soft tokens of an image: not in this build"}, \
    {"draft", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(draft), "MODEL", "a drafter (assistant) of MODEL: the same text, sooner"}, \
    {"draft-length", 0, CARAT_OPT_INT, CARAT_INFER_AT(draft_length), "N", "tokens that it drafts at a time (default: as many as pay)"}, \
    {"numerics", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(numerics), "NAME", "f32, bf16 or int8 (default: int8 on packed weights, else f32)"}, \
    {"kv", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(kv), "TYPE", "K and V as f32, bf16, f16 or int8 (default: f32; bf16 and f16 in bf16 and int8 numerics)"}, \
    {"kernels", 0, CARAT_OPT_TEXT, CARAT_INFER_AT(kernels), "NAME", "auto, or a name of `carat list kernels`"}, \
    {"context", 'c', CARAT_OPT_INT, CARAT_INFER_AT(context), "N", "positions to make room for (default: run: what prompt and reply may need; chat: 8192)"}, \
    {"batch", 'b', CARAT_OPT_INT, CARAT_INFER_AT(batch), "N", "prompt tokens per pass (default: 512)"}
/* clang-format on */

/* Refuses what is out of range, and media. */
carat_status carat_infer_check(const carat_infer *a, carat_err *err);
/* generation_config.json, then options. */
carat_sampler carat_infer_sampler(const carat_infer *a, const carat_model *m);
/* A session of `context` positions; its price is told with -v. */
carat_status carat_infer_session(const carat_infer *a, const carat_model *m, uint64_t context,
                                 carat_session **out, carat_err *err);
/* --template, else what the checkpoint ships. */
carat_status carat_infer_edition(const carat_infer *a, const carat_model *m, carat_edition *out,
                                 carat_err *err);
/* What --draft asks for; zero-initialise. */
typedef struct carat_assistant {
    carat_model *model;
    carat_draft *draft; /* NULL: none */
} carat_assistant;
carat_status carat_infer_assistant(const carat_infer *a, carat_session *s, carat_assistant *out,
                                   carat_err *err);
void carat_assistant_close(carat_assistant *d); /* before its session */
/* How often drafts were right, and what that gave, so far. */
void carat_assistant_report(const carat_assistant *d, const carat_talk *talk);
/* What a reply took, with -v. */
void carat_infer_report(const carat_infer *a, const carat_generated *g);

#endif
