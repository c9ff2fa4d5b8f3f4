/* The built-in samples: a few rows a suite, so that every suite runs with nothing downloaded.   SPDX-License-Identifier: Apache-2.0
 *
 * Each is a file of datasets/samples, JSON lines with the columns of the data set it stands for, held in the program. Whatever opens a
 * table or a stream takes "sample:NAME" as a path. To add one: put NAME.jsonl there. */
#ifndef CARAT_DATASETS_SAMPLE_H
#define CARAT_DATASETS_SAMPLE_H

#include <stddef.h>

typedef struct carat_sample_file {
    const char *name;
    const unsigned char *data; /* [len], a zero behind it */
    size_t len;
} carat_sample_file;

extern const carat_sample_file carat_sample_files[]; /* sorted; a name of NULL ends them */
/* "sample:NAME" -> the sample; NULL: the path is no such name, or there is no such sample. */
const carat_sample_file *carat_sample_find(const char *path);

#endif
