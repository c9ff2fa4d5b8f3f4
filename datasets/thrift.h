/* Thrift's compact protocol, reading only: what Parquet's footers and page headers are written in.   SPDX-License-Identifier: Apache-2.0
 * Source: apache/thrift doc/specs/thrift-compact-protocol.md.
 *
 * A reader never leaves [p, end): whatever does not fit sets `bad`, and everything read from then on is 0. */
#ifndef CARAT_DATASETS_THRIFT_H
#define CARAT_DATASETS_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum carat_thrift_type {
    CARAT_THRIFT_STOP,
    CARAT_THRIFT_TRUE,
    CARAT_THRIFT_FALSE,
    CARAT_THRIFT_I8,
    CARAT_THRIFT_I16,
    CARAT_THRIFT_I32,
    CARAT_THRIFT_I64,
    CARAT_THRIFT_DOUBLE,
    CARAT_THRIFT_BINARY,
    CARAT_THRIFT_LIST,
    CARAT_THRIFT_SET,
    CARAT_THRIFT_MAP,
    CARAT_THRIFT_STRUCT
} carat_thrift_type;

typedef struct carat_thrift {
    const uint8_t *p, *end;
    bool bad;
} carat_thrift;

typedef struct carat_field {
    int id; /* 0 before the first */
    carat_thrift_type type;
} carat_field;

/* The next field of a struct; false at its end. Start with a zeroed field; a field that is not read must be skipped. */
bool carat_thrift_next(carat_thrift *t, carat_field *f);
void carat_thrift_skip(carat_thrift *t, carat_thrift_type type);
int64_t carat_thrift_int(carat_thrift *t);
/* A list's length; *type is that of its elements. Never more elements than bytes are left. */
size_t carat_thrift_list(carat_thrift *t, carat_thrift_type *type);
const char *carat_thrift_bytes(carat_thrift *t, size_t *len);

#endif
