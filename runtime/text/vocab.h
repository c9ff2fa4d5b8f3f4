/* The pieces of a tokenizer: id -> bytes and bytes -> id.                         SPDX-License-Identifier: Apache-2.0
 *
 * Ids are 0..size-1 without a hole; no two pieces are equal. The bytes of all pieces lie back to back. (base/map.h would serve
 * too, at five times the memory: it knows nothing of ids.) */
#ifndef CARAT_TEXT_VOCAB_H
#define CARAT_TEXT_VOCAB_H

#include "runtime/text/scan.h"

enum { CARAT_VOCAB_MAX = 1 << 24 };

typedef struct carat_piece {
    uint32_t begin, len; /* in carat_vocab.text */
} carat_piece;

typedef struct carat_vocab {
    carat_str text;
    carat_piece *piece; /* [size] */
    size_t size, cap;
    struct carat_vocab_slot *slot; /* [mask + 1] */
    size_t mask;
} carat_vocab; /* start from CARAT_VOCAB_INIT */
#define CARAT_VOCAB_INIT                                                                                     \
    {                                                                                                        \
        .text = CARAT_STR_INIT                                                                               \
    }

/* Reads {"piece": id, ...}; refuses equal pieces, equal ids and holes. */
carat_status carat_vocab_read(carat_vocab *v, carat_scan *s, carat_err *err);
/* One more piece, which gets the next id. It must not be there yet. */
carat_status carat_vocab_append(carat_vocab *v, carat_span piece, carat_err *err);
void carat_vocab_free(carat_vocab *v);

static inline carat_span carat_vocab_piece(const carat_vocab *v, uint32_t id)
{
    return (carat_span){v->text.data + v->piece[id].begin, v->piece[id].len};
}

/* The id of a piece, or -1. */
int32_t carat_vocab_find(const carat_vocab *v, carat_span piece);
/* The same in steps, for many look-ups in a row: ask and then touch, some time apart, have the memory fetched that find_asked
 * will need. */
uint64_t carat_vocab_ask(const carat_vocab *v, carat_span piece);
void carat_vocab_touch(const carat_vocab *v, uint64_t asked);
int32_t carat_vocab_find_asked(const carat_vocab *v, carat_span piece, uint64_t asked);

/* The byte that a piece spelled <0xHH> stands for, or -1. */
int carat_span_byte(carat_span piece);

#endif
