/* The safetensors files of an output directory, written at fixed places.           SPDX-License-Identifier: Apache-2.0
 *
 * Every size is known from the plan, so each output tensor has its offset before the first byte is written, and pieces
 * may arrive in any order and from any thread. The headers come last: they carry the hashes of the source. */
#ifndef CARAT_CONVERT_SHARDS_H
#define CARAT_CONVERT_SHARDS_H

#include "convert/plan.h"

typedef struct carat_shards carat_shards;

/* Deals the parts of a plan out to files of at most max_bytes (a single larger module gets a file of its own) and fixes
 * their offsets. meta: alternating keys and values for __metadata__; the values given to finish must have the same lengths. */
carat_status carat_shards_plan(carat_plan_table *p, uint64_t max_bytes, const char *const *meta,
                               size_t n_meta, carat_shards **out, carat_err *err);
size_t carat_shards_count(const carat_shards *s);
const char *carat_shards_name(const carat_shards *s, size_t i); /* "model-00001-of-00002.safetensors" */
uint64_t carat_shards_bytes(const carat_shards *s);             /* of all files */

/* Creates the files in dir at their full size: a disk that is too full says so now. */
carat_status carat_shards_create(carat_shards *s, const char *dir, carat_err *err);
/* Bytes [offset, offset + len) of part `part` of the plan. Safe from several threads. */
carat_status carat_shards_put(const carat_shards *s, uint32_t part, uint64_t offset, const void *data,
                              size_t len, carat_err *err);
/* Headers, and the index when there are several files. */
carat_status carat_shards_finish(carat_shards *s, const char *const *meta, size_t n_meta, carat_err *err);
void carat_shards_close(carat_shards *s);

#endif
