/* Byte-pair encoding: the merge table, and merging by it.                         SPDX-License-Identifier: Apache-2.0
 *
 * What Hugging Face tokenizers' BPE does without dropout: of all neighbouring symbols that stand in the merge table, the pair
 * with the lowest rank (its place in the file) is merged first, the leftmost where ranks are equal, until none is left.
 *
 * Cutting. A merge joins a piece that ends with code point x to one that begins with y. If no merge of the table does that
 * for (x, y), then nothing can ever be merged across a place where y follows x: what happens on its two sides happens
 * independently, in the same order as if each stood alone. So the text may be cut there, whatever the ranks are, and short
 * words remain whose results can be remembered. carat_merges_join answers from sets that are collected while the merges are
 * read; one of them is hashed and may say yes for no, which only makes a word longer. */
#ifndef CARAT_TEXT_BPE_H
#define CARAT_TEXT_BPE_H

#include "runtime/text/vocab.h"

enum { CARAT_SPACE_MARK = 0x2581 /* "▁", which stands for a space in pieces */ };

typedef struct carat_merge {
    uint32_t left, right; /* ids */
    uint32_t rank;        /* UINT32_MAX: the slot is free */
    uint32_t into;        /* id */
} carat_merge;

typedef struct carat_merges {
    carat_merge *slot; /* [mask + 1] */
    size_t mask, count;
    uint64_t *join; /* bits; the layout is bpe.c's */
} carat_merges;     /* zero-initialise */

/* Reads [["a", "b"], ...] or ["a b", ...]; v must be complete. Refuses unknown pieces and pairs, and a pair that comes twice.
 * Refuses a merge of byte pieces too: they stand for unknown characters, and cutting asks only what characters there are. */
carat_status carat_merges_read(carat_merges *m, const carat_vocab *v, carat_scan *s, carat_err *err);
void carat_merges_free(carat_merges *m);

/* May a merge join something that ends with x to something that begins with y? */
bool carat_merges_join(const carat_merges *m, uint32_t x, uint32_t y);

/* Scratch of one encoding; zero-initialise. */
typedef struct carat_bpe {
    struct carat_bpe_node *node;
    uint64_t *heap;
    size_t node_cap, heap_cap;
} carat_bpe;
void carat_bpe_free(carat_bpe *b);
/* Merges ids[0..*n) in place; *n < 2^31. O(n log n) time. */
carat_status carat_bpe_merge(carat_bpe *b, const carat_merges *m, uint32_t *ids, size_t *n, carat_err *err);

#endif
