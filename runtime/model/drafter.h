/* A drafter: four small layers that guess what their target says next.              SPDX-License-Identifier: Apache-2.0
 *
 * transformers Gemma4AssistantForCausalLM. It owns no K/V: its queries, all at one position, read what the target's session has
 * cached in its last sliding and its last full layer. Internal; programs use carat_draft (speculate.c). */
#ifndef CARAT_MODEL_DRAFTER_H
#define CARAT_MODEL_DRAFTER_H

#include "runtime/model/session.h"

typedef struct carat_drafter {
    const carat_session *target;
    carat_session *s;
    /* [2 * backbone]: the target's scaled embedding of a token, then the hidden state in front of it */
    float *in;
    float *scores;  /* [centroids] */
    uint32_t *best; /* [centroids_top]: clusters by falling score */
    int32_t *ids;   /* [candidates]; NULL: every id of the vocabulary */
    size_t candidates;
    const carat_timeline *line; /* of this round */
    void *memory;
} carat_drafter;

/* m, a drafter, for the target of a session, which must outlive it. The two must fit: hidden size, vocabulary, head sizes, K/V heads
 * and window. */
carat_status carat_drafter_open(const carat_model *m, const carat_session *target, carat_drafter **out,
                                carat_err *err);
void carat_drafter_close(carat_drafter *d);

/* A round begins behind the positions (at least one) of a timeline of the target's session; hidden, [backbone], is the target's state
 * after its final norm at the last of them. */
void carat_drafter_begin(carat_drafter *d, uint32_t sequence, const float *hidden);
/* Takes the id that follows the timeline, or the last draft. Then carat_drafter_logits are those of the id behind it. */
carat_status carat_drafter_step(carat_drafter *d, int32_t id, carat_err *err);
/* [candidates]: logit i belongs to id ids[i], or to id i where ids is NULL. All other ids are out of the question (transformers gives
 * them the least of these minus 1). */
const float *carat_drafter_logits(const carat_drafter *d);
/* The same as transformers has them: one for every id, [vocab]. */
void carat_drafter_row(const carat_drafter *d, float *row);
/* [backbone]: the hidden state for the next step. */
const float *carat_drafter_hidden(const carat_drafter *d);

#endif
