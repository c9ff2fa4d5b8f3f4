/* Tables as rows of JSON, whatever file they are in.                               SPDX-License-Identifier: Apache-2.0
 *
 * Parquet, JSON lines and CSV; the last two also compressed. To add a kind: a file with a `const carat_table_kind carat_table_NAME`
 * at its end, its extern line here and its row in table.c. */
#ifndef CARAT_DATASETS_TABLE_H
#define CARAT_DATASETS_TABLE_H

#include "runtime/base/json.h"

enum { CARAT_MAX_ROW = 1 << 28 /* bytes: single problems of LiveCodeBench take tens of MB */ };

typedef struct carat_table_kind {
    const char *name, *summary;
    /* Is it this kind? head: the first bytes of the file, unpacked; name: the path without a compression suffix. */
    bool (*is)(const char *name, const uint8_t *head, size_t n);
    carat_status (*open)(const char *path, void **state, carat_err *err);
    /* Appends the next row as one JSON object without line breaks; *more is false at the end. */
    carat_status (*next)(void *state, carat_str *row, bool *more, carat_err *err);
    void (*close)(void *state);
} carat_table_kind;

extern const carat_table_kind carat_table_parquet, carat_table_csv, carat_table_jsonl;
const carat_table_kind *carat_table_kind_at(size_t i); /* NULL past the end */

typedef struct carat_table {
    const carat_table_kind *kind;
    void *state;
} carat_table;

carat_status carat_table_open(const char *path, carat_table *out, carat_err *err);
carat_status carat_table_next(carat_table *t, carat_str *row, bool *more,
                              carat_err *err); /* row is cleared first */
void carat_table_close(carat_table *t);

/* Calls fn with every row of a table, parsed and as it was read; what fn refuses is told with the file and the number of the row. */
typedef carat_status carat_row_fn(void *ctx, const carat_json *row, const carat_str *text, carat_err *err);
carat_status carat_table_each(const char *path, carat_row_fn *fn, void *ctx, carat_err *err);

#endif
