/* Arrays that end at an unreadable page: a kernel that runs past the end crashes.  SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_EDGE_H
#define CARAT_TESTS_EDGE_H

#include <stddef.h>

typedef struct edge {
    float *f; /* n floats, the last one before the page */
    void *map;
    size_t bytes;
} edge;

edge edge_make(size_t n);
void edge_free(edge *e);

#endif
