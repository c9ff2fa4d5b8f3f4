/* A file's bytes, whatever it is compressed with (none, gzip, zstd, xz, bzip2 ...). SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_DATASETS_ARCHIVE_H
#define CARAT_DATASETS_ARCHIVE_H

#include "runtime/base/err.h"

typedef struct carat_stream_in carat_stream_in;
/* path "-": standard input; "sample:NAME": a built-in sample (sample.h). */
carat_status carat_stream_in_open(const char *path, carat_stream_in **out, carat_err *err);
void carat_stream_in_close(carat_stream_in *s);
/* The next bytes into buffer[0..size); *got is 0 at the end of the file only. */
carat_status carat_stream_in_read(carat_stream_in *s, char *buffer, size_t size, size_t *got, carat_err *err);

#endif
