/* Drafting ahead of one sequence: how many ids, and what came of it.                SPDX-License-Identifier: Apache-2.0
 *
 * Internal part of carat_draft, for tests. */
#ifndef CARAT_MODEL_SPECULATE_H
#define CARAT_MODEL_SPECULATE_H

#include <stddef.h>

/* What a round costs, in decoding steps without drafts, and how often a draft is right. */
typedef struct carat_draft_odds {
    double right; /* of those drafts in front of which all were right */
    double step;  /* one draft */
    double row;   /* one more row in the check */
} carat_draft_odds;

/* The number of drafts, up to `most`, that gives the most ids for the time: the k with the greatest
 * (1 + right + ... + right^k) / (1 + k (step + row)). 0: drafting does not pay. */
size_t carat_draft_length(const carat_draft_odds *o, size_t most);

#endif
