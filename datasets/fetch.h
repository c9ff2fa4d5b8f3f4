/* Files of data sets: fetched or copied, checked, and only then under their names.   SPDX-License-Identifier: Apache-2.0
 *
 * A download grows in PATH.part beside PATH; one that was broken off, also by Ctrl-C, goes on where it ended, if the server still has the
 * same file. Nothing else is ever under PATH than a whole file that passed its checks. */
#ifndef CARAT_DATASETS_FETCH_H
#define CARAT_DATASETS_FETCH_H

#include "datasets/catalogue.h"
#include "runtime/base/util.h"

typedef struct carat_fetch {
    const carat_talk *talk;
    const char *label;              /* of the file, for messages */
    const carat_dataset_file *want; /* its bytes, sum and rows as far as they are known */
    const char *path;               /* where to */
    const char *token;              /* NULL: none */
    uint32_t tries;                 /* in a row that bring nothing */
} carat_fetch;

carat_status carat_fetch_url(const carat_fetch *f, const char *url, carat_err *err);
carat_status carat_fetch_file(const carat_fetch *f, const char *from, carat_err *err);

typedef struct carat_fetch_check {
    uint64_t bytes, rows; /* rows: 0 unless counted */
    char sha256[65];
} carat_fetch_check;
/* Holds a file against what is known of it; with `rows` its rows are counted, too. CARAT_EFORMAT: it is another one. */
carat_status carat_fetch_verify(const carat_dataset_file *want, const char *path, bool rows,
                                carat_fetch_check *out, carat_err *err);

#endif
