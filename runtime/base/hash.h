/* SHA-256 of files and bytes (provenance). The only user of libcrypto.             SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_BASE_HASH_H
#define CARAT_BASE_HASH_H

#include "runtime/base/err.h"

typedef struct carat_sha256 carat_sha256;
carat_status carat_sha256_open(carat_sha256 **out, carat_err *err);
void carat_sha256_add(carat_sha256 *h, const void *data, size_t len);
void carat_sha256_finish(carat_sha256 *h, char hex[65]); /* also frees h */
carat_status carat_sha256_file(const char *path, char hex[65], carat_err *err);

#endif
