/* A table from byte strings to small integers (open addressing, no deletion).     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_BASE_MAP_H
#define CARAT_BASE_MAP_H

#include "runtime/base/err.h"

typedef struct carat_table {
    struct carat_table_slot *slots;
    size_t count, mask;
} carat_table; /* zero-initialise */

/* The keys are not copied: they must outlive the table. *was (may be NULL) says whether the key stood there
 * already; then its value is left as it is. */
carat_status carat_table_put(carat_table *t, const char *key, size_t len, uint32_t value, bool *was,
                             carat_err *err);
bool carat_table_get(const carat_table *t, const char *key, size_t len, uint32_t *value);
void carat_table_free(carat_table *t);
uint64_t carat_hash_bytes(const void *data, size_t len, uint64_t seed);

#endif
