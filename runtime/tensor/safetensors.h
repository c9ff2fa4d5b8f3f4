/* The safetensors container: reading and writing.                                  SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the format (github.com/huggingface/safetensors): 8-byte little-endian header length N <= 100,000,000, a JSON header, data;
 * entries tile the data without hole or overlap and end at the end of the file. */
#ifndef CARAT_TENSOR_SAFETENSORS_H
#define CARAT_TENSOR_SAFETENSORS_H

#include "runtime/base/mem.h"
#include "runtime/base/str.h"
#include "runtime/tensor/tensor.h"

/* Parses the bytes of one whole file. On success *tensors (in `arena`, sorted by offset) has *n entries; *metadata gets the
 * flat string map as alternating key, value (n_meta pairs) in `arena`. `file` is stored in each tensor. */
typedef struct carat_st_file {
    carat_tensor *tensors;
    size_t n;
    const char **meta; /* key, value, key, value ... */
    size_t n_meta;
} carat_st_file;
carat_status carat_safetensors_parse(const uint8_t *data, size_t size, uint32_t file, carat_arena *arena,
                                     carat_st_file *out, carat_err *err);

/* The header of a file that is to be written: tensors in the given order (dtype, dims and name are read), metadata as
 * alternating strings. out = the 8-byte length and the JSON, padded with spaces so that the data begins 64-aligned. */
carat_status carat_safetensors_header(const carat_tensor *tensors, size_t n, const char *const *meta,
                                      size_t n_meta, carat_str *out, carat_err *err);

#endif
