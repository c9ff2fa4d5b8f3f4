/* Schemes: what a matrix can be stored as.                                         SPDX-License-Identifier: Apache-2.0
 *
 * Owns the spelling of schemes (cli.md) and their sizes. To add one: a row in `known` of scheme.c, or in parse_int when
 * it is a family with a number in it. */
#ifndef CARAT_QUANTIZE_SCHEME_H
#define CARAT_QUANTIZE_SCHEME_H

#include "runtime/base/cmd.h"
#include "runtime/tensor/tensor.h"

typedef enum carat_scheme_kind {
    CARAT_SCHEME_KEEP,   /* the bytes of the source */
    CARAT_SCHEME_FLOAT,  /* bf16, f16, f32 */
    CARAT_SCHEME_PACKED, /* compressed-tensors pack-quantized: weight_packed I32, weight_scale, weight_shape */
    CARAT_SCHEME_BYTES /* compressed-tensors int-quantized: weight I8, weight_scale; activations int8 per token */
} carat_scheme_kind;

typedef struct carat_scheme {
    char name[16];
    carat_scheme_kind kind;
    carat_dtype dtype; /* FLOAT only */
    int bits;          /* of a code; 0 for KEEP and FLOAT */
    uint32_t group;    /* columns per scale; 0: the whole row */
} carat_scheme;

extern const carat_scheme carat_scheme_keep;

/* A name as on the command line. Unknown: CARAT_EUSAGE with the known ones; known but not in this build (GGUF types):
 * CARAT_ESUPPORT. */
carat_status carat_scheme_parse(const char *text, carat_scheme *out, carat_err *err);
/* intB in groups of `group` columns (0: per row); the name follows. */
carat_scheme carat_scheme_int(int bits, uint32_t group);
static inline bool carat_scheme_packs(const carat_scheme *s)
{
    return s->kind == CARAT_SCHEME_PACKED || s->kind == CARAT_SCHEME_BYTES;
}
bool carat_scheme_equal(const carat_scheme *a, const carat_scheme *b);
/* Can rows of `cols` columns be stored so? Packed rows must fill whole 32-bit words and whole groups. */
bool carat_scheme_fits(const carat_scheme *s, uint64_t cols);
/* The scheme of the same bits with the largest group <= the wanted one that fits; `keep` when there is none. */
carat_scheme carat_scheme_nearest(const carat_scheme *s, uint64_t cols);

extern const carat_listing carat_schemes_listing;

#endif
