/* How weights are coded. One file per format; a format's `decode` *defines* it.    SPDX-License-Identifier: Apache-2.0
 *
 * To add a format: write NAME.c with one `const carat_format carat_format_NAME` at its end, add its extern line below and its row in format.c. */
#ifndef CARAT_FORMAT_H
#define CARAT_FORMAT_H

#include "runtime/tensor/store.h"

/* What kernels switch on. Codes of packed formats are q + 2^(bits-1) unsigned unless said otherwise. */
typedef enum carat_code {
    CARAT_CODE_F32,
    CARAT_CODE_F16,
    CARAT_CODE_BF16,
    CARAT_CODE_I8, /* signed bytes: compressed-tensors int-quantized */
    CARAT_CODE_U8, /* q + 128:      compressed-tensors pack-quantized, 8 bits */
    CARAT_CODE_U4, /* q + 8, column 2k in the low nibble of byte k: pack-quantized, 4 bits */
    CARAT_CODE_COUNT
} carat_code;

typedef struct carat_format carat_format;

/* A matrix [rows, cols] as stored: a view, owned by the store. Integer formats: w[r][c] = q[r][c] * scale[r][c / group],
 * the product exact in f32 (|q| <= 128 and a bf16/f16 scale). */
typedef struct carat_weight {
    const carat_format *format; /* NULL: absent */
    const uint8_t *data;        /* row r begins at data + r * row_bytes */
    uint64_t rows, cols;
    uint64_t row_bytes;
    const uint8_t *scale;    /* [rows][groups] scale_dtype, or NULL for float formats */
    carat_dtype scale_dtype; /* BF16, F16 or F32 */
    uint32_t group;          /* columns per scale; per channel: cols */
    uint32_t groups;         /* scales per row = cols / group */
} carat_weight;

struct carat_format {
    const char *name; /* "int4" */
    const char *summary;
    carat_code code;
    int bits; /* of one code */
    bool integer;
    /* out[0..n) = w[row][col .. col+n) */
    void (*decode)(const carat_weight *w, uint64_t row, uint64_t col, size_t n, float *out);
    /* n signed codes -> bytes at the start of a row; NULL for formats that are not written. n is the whole row, cols * bits % 32 == 0. */
    void (*pack)(const int8_t *q, size_t n, uint8_t *out);
};

extern const carat_format carat_format_f32, carat_format_f16, carat_format_bf16, carat_format_int8,
    carat_format_int8_packed, carat_format_int4;
const carat_format *carat_format_at(size_t i);            /* the registry; NULL past the end */
const carat_format *carat_format_of_dtype(carat_dtype t); /* f32, f16, bf16, or NULL */

/* Rows [row, row + n) of w: a sub-matrix. */
carat_weight carat_weight_rows(const carat_weight *w, uint64_t row, uint64_t n);
/* The scale of (row, group) as f32. */
float carat_weight_scale(const carat_weight *w, uint64_t row, uint64_t group);
/* Bytes on disk: codes and scales. */
uint64_t carat_weight_bytes(const carat_weight *w);
/* Short scheme name as in cli.md: "bf16", "int8", "int8-g32", "int4-g32". */
void carat_weight_scheme(const carat_weight *w, char out[16]);

/* Finds the matrix BASE in a store, in whichever way it is stored:
 *     BASE.weight                                   F32, F16, BF16 [rows, cols]
 *     BASE.weight I8 + BASE.weight_scale            compressed-tensors int-quantized
 *     BASE.weight_packed I32 + .weight_scale + .weight_shape    compressed-tensors pack-quantized, symmetric, 4 or 8 bits
 * and checks shapes against rows x cols (0: take what is there). Absent: CARAT_OK and out->format == NULL. Asymmetric
 * (weight_zero_point), weight_g_idx, other bit widths: refused by name. Reads no data: a scale that is no number shows
 * in what is computed with it, and in `inspect --check`. A negative one, which carat never writes, is computed with, as
 * compressed-tensors does: code x scale means one thing whatever its sign. */
carat_status carat_weight_find(const carat_store *s, const char *base, uint64_t rows, uint64_t cols,
                               carat_weight *out, carat_err *err);

#endif
