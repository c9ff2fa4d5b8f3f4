/* The data sets that suites ask from: where they are from, under which licence, what their files must be, and where they lie here.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * Nothing here talks to a network (fetch.h does). A data set lies in a folder of the data directory, $XDG_DATA_HOME/carat/datasets
 * (else $HOME/.local/share/carat/datasets), its files under the paths that they have where they are from. To add one: its files and its
 * row in catalogue.c. */
#ifndef CARAT_DATASETS_CATALOGUE_H
#define CARAT_DATASETS_CATALOGUE_H

#include "runtime/base/str.h"

typedef struct carat_dataset_file {
    const char *path;
    uint64_t bytes;     /* 0: not known */
    const char *sha256; /* NULL: not known */
    uint64_t rows;      /* 0: not known, or no table */
} carat_dataset_file;

typedef struct carat_dataset {
    const char *name, *suite, *summary;
    const char *licence, *home;  /* an address to read about it */
    const char *repo, *revision; /* on the Hugging Face hub; NULL: elsewhere */
    const char *url;    /* in front of the paths of files that lie elsewhere; NULL: they come with carat */
    const char *folder; /* in the data directory; several sets may share one */
    const carat_dataset_file *file;
    size_t n;
} carat_dataset;

const carat_dataset *carat_dataset_at(size_t i); /* NULL past the end */
/* CARAT_EUSAGE for a name that is not there. */
carat_status carat_dataset_named(const char *name, const carat_dataset **out, carat_err *err);

/* The folder of a set in dir, or with dir NULL in the data directory; it need not exist. */
carat_status carat_dataset_folder(const carat_dataset *d, const char *dir, carat_str *out, carat_err *err);
/* Where a file of a set came to lie: in its folder, or in the Hugging Face cache. *found: whether it does. */
carat_status carat_dataset_locate(const carat_dataset *d, const carat_dataset_file *f, const char *dir,
                                  carat_str *out, bool *found, carat_err *err);
/* The address of a file ($HF_ENDPOINT is heeded). */
carat_status carat_dataset_url(const carat_dataset *d, const carat_dataset_file *f, carat_str *out,
                               carat_err *err);

#endif
