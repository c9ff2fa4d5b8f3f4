/* A tokenizer in memory: what tokenizer.json says, ready for use.                 SPDX-License-Identifier: Apache-2.0
 *
 * Follows Hugging Face tokenizers for files shaped like Gemma's: BPE with byte fallback, spaces replaced by "▁", no other
 * normalization, no cutting into words before merging, decoder Sequence[Replace, ByteFallback, Fuse]. load.c refuses
 * whatever would change the result and is not understood. */
#ifndef CARAT_TEXT_TOKENIZER_H
#define CARAT_TEXT_TOKENIZER_H

#include "runtime/text/bpe.h"

enum { CARAT_TRAIT_ADDED = 1 /* found literally in the text */, CARAT_TRAIT_SPECIAL = 2 };

/* Finds added tokens in a text: a filter on two bytes, then a look-up for each length that occurs. */
typedef struct carat_finder {
    uint64_t *begins; /* 65536 bits: some added token begins with these two bytes */
    uint32_t *len;    /* the lengths that occur, longest first */
    size_t lens, len_cap;
    bool ordinary; /* some added token is not special: plain text is searched too */
} carat_finder;

struct carat_tokenizer {
    carat_vocab vocab;
    carat_merges merges;
    /* [singles]: code point -> id + 1 of the piece that is this one character, 0: unknown */
    uint32_t *single;
    size_t singles;
    uint32_t byte_id[256];
    uint8_t *trait; /* [vocab.size] */
    int16_t *byte;  /* [vocab.size]: what a byte piece stands for, else -1 */
    carat_finder finder;
    bool mark_spaces;   /* normalizer: " " -> "▁" */
    bool unmark_spaces; /* decoder: "▁" -> " " */
};

/* The same as carat_tokenizer_open from the text of a tokenizer.json. */
carat_status carat_tokenizer_parse(const char *text, size_t len, carat_tokenizer **out, carat_err *err);
/* load.c: fills *t (zeroed but for CARAT_VOCAB_INIT) from the text of a tokenizer.json. */
carat_status carat_tokenizer_load(carat_tokenizer *t, const char *text, size_t len, carat_err *err);

/* find.c: added tokens. */
carat_status carat_finder_add(carat_finder *f, carat_span token, bool special, carat_err *err);
/* Where the first added token in [p, end) begins (the longest, if several begin there), or end. In plain text special ones
 * are passed over, as a whole: what begins inside one is not found either. */
const char *carat_finder_next(const carat_tokenizer *t, const char *p, const char *end, bool plain,
                              uint32_t *id);
void carat_finder_free(carat_finder *f);

#endif
