/* Decompression of whole blocks: the pages of Parquet files.                       SPDX-License-Identifier: Apache-2.0
 *
 * Each library enters through one file: snappy.c, gz.c (zlib), zstd.c. To add one: a file with a carat_unpack_fn and its row in
 * parquet_page.c. */
#ifndef CARAT_DATASETS_CODEC_H
#define CARAT_DATASETS_CODEC_H

#include "runtime/base/err.h"

/* Unpacks from[0..n) into exactly to[0..size); anything else is false. */
typedef bool carat_unpack_fn(const uint8_t *from, size_t n, uint8_t *to, size_t size);
carat_unpack_fn carat_unpack_snappy, carat_unpack_gz, carat_unpack_zstd;

#endif
