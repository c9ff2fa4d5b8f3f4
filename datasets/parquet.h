/* Parquet: what the files of this reader share.                                    SPDX-License-Identifier: Apache-2.0
 *
 * Source: apache/parquet-format (README, Encodings.md, LogicalTypes.md, parquet.thrift); rows are put together again as in Dremel
 * (Melnik et al. 2010). Read: PLAIN and dictionary encodings, RLE levels, data pages v1 and v2, snappy, gzip, zstd or none, any nesting of
 * structs and lists. Anything else is refused by name. */
#ifndef CARAT_DATASETS_PARQUET_H
#define CARAT_DATASETS_PARQUET_H

#include "runtime/base/file.h"
#include "runtime/base/mem.h"

enum { CARAT_PARQUET_DEPTH = 16 };

typedef enum carat_pq_type {
    CARAT_PQ_BOOLEAN,
    CARAT_PQ_INT32,
    CARAT_PQ_INT64,
    CARAT_PQ_INT96,
    CARAT_PQ_FLOAT,
    CARAT_PQ_DOUBLE,
    CARAT_PQ_BYTE_ARRAY,
    CARAT_PQ_FIXED,
    CARAT_PQ_GROUP /* not a leaf */
} carat_pq_type;

typedef enum carat_pq_repeat { CARAT_PQ_REQUIRED, CARAT_PQ_OPTIONAL, CARAT_PQ_REPEATED } carat_pq_repeat;

/* One element of the schema, in the file's depth-first order; element 0 is the root. */
typedef struct carat_pq_node {
    const char *name; /* [name_len], in the file */
    size_t name_len;
    carat_pq_type type;
    carat_pq_repeat repeat;
    uint32_t children;
    int converted;  /* ConvertedType, -1: none */
    bool list;      /* annotated as a list */
    bool plain_int; /* no annotation that would change what a number means */
    uint32_t max_def, max_rep;
    uint32_t leaf; /* of a leaf: its number; of a group: that of its first leaf */
    uint32_t next; /* the element behind this one and all below it */
} carat_pq_node;

/* One column of one row group. */
typedef struct carat_pq_chunk {
    int codec;
    uint64_t values;
    uint64_t first, end; /* its bytes in the file, dictionary page included */
} carat_pq_chunk;

typedef struct carat_pq_file {
    carat_map map;
    const char *path;
    carat_pq_node *node;
    uint32_t nodes, leaves;
    carat_pq_node **leaf;  /* [leaves] */
    carat_pq_chunk *chunk; /* [groups][leaves] */
    uint64_t *rows;        /* [groups] */
    uint32_t groups;
    carat_arena arena; /* node, leaf, chunk, rows */
} carat_pq_file;

/* Maps the file and reads its footer; every offset is checked. path is borrowed. */
carat_status carat_pq_open(const char *path, carat_pq_file *out, carat_err *err);
void carat_pq_close(carat_pq_file *f);

/* A column under way: levels and values of one page after the other. */
typedef struct carat_pq_value {
    const uint8_t *data;
    size_t len; /* of byte arrays */
} carat_pq_value;

typedef struct carat_pq_column {
    const carat_pq_file *file;
    const carat_pq_node *node;
    carat_pq_chunk chunk;
    uint64_t at, left;            /* next page; values of the chunk that no page has given yet */
    uint8_t *page, *dict;         /* unpacked bytes; they stay until the next page, or chunk */
    carat_pq_value *value, *word; /* of the page; of the dictionary */
    uint32_t *rep, *def;          /* [n] */
    size_t words;
    size_t n, i;     /* levels of the page, and the one under way */
    size_t value_at; /* its value, if it has one */
} carat_pq_column;

carat_status carat_pq_column_begin(carat_pq_column *c, uint32_t group, carat_err *err);
/* The levels under way; false at the end of the chunk. Reads the next page when it has to. */
carat_status carat_pq_column_peek(carat_pq_column *c, bool *have, carat_err *err);
void carat_pq_column_end(carat_pq_column *c);

/* values of `bits` bits in the hybrid of run lengths and bit packing; false if the bytes do not hold n of them. */
bool carat_pq_hybrid(const uint8_t *p, size_t len, unsigned bits, uint32_t *out, size_t n);

#endif
