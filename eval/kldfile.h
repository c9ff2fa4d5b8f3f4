/* A compact file of a reference model's distributions, for KLD without that model.   SPDX-License-Identifier: Apache-2.0
 *
 * Full vocabulary, about a byte a logit: the 1024 greatest exactly, the others as distance below the greatest on a scale whose
 * steps widen with the distance (1/64 nat at the top, at most 1/2 nat, so that the error shrinks with the probability that it is
 * weighed by). Writing measures the KLD between the exact and the coded distribution and stores it: the floor below
 * which a comparison with the file means nothing.
 * Layout, little-endian: 64-byte head {magic, vocab, rows, hash of all windows' ids, sum and max of the coding KLD}, then a row
 * per scored position: f32 greatest logit, 1024 x {u32 id, f32 logit}, vocab x u8. */
#ifndef CARAT_EVAL_KLDFILE_H
#define CARAT_EVAL_KLDFILE_H

#include "runtime/base/file.h"

typedef struct carat_kldfile_writer carat_kldfile_writer;
carat_status carat_kldfile_create(const char *path, uint32_t vocab, uint64_t ids_hash,
                                  carat_kldfile_writer **out, carat_err *err);
/* The next row: logits [vocab]. */
void carat_kldfile_put(carat_kldfile_writer *w, const float *logits);
/* Commits the file; *floor gets the mean coding KLD. Frees w in any case. */
carat_status carat_kldfile_finish(carat_kldfile_writer *w, double *floor, carat_err *err);
void carat_kldfile_drop(carat_kldfile_writer *w);

typedef struct carat_kldfile {
    carat_map map;
    uint32_t vocab;
    uint64_t rows;
    double floor_mean, floor_max;
    float distance[256]; /* of each code below the row's greatest logit */
} carat_kldfile;
/* Refuses a file made for other windows, another vocabulary or another number of rows. */
carat_status carat_kldfile_open(const char *path, uint32_t vocab, uint64_t rows, uint64_t ids_hash,
                                carat_kldfile *out, carat_err *err);
void carat_kldfile_close(carat_kldfile *r);
/* Row `row` -> logits [vocab]. */
void carat_kldfile_get(const carat_kldfile *r, uint64_t row, float *logits);

#endif
