/* Texts wrapped as LiveCodeBench wraps them: base64 of zlib of a Python pickle of one string.   SPDX-License-Identifier: Apache-2.0
 *
 * A pickle is a program that may do anything. What is read here is no machine for such programs: exactly the opcodes that pickling one
 * string gives, in their order, in protocols 0 to 5; all else is refused. */
#ifndef CARAT_DATASETS_PICKLE_H
#define CARAT_DATASETS_PICKLE_H

#include "runtime/base/str.h"

/* Appends; strict: the alphabet and '=' at the end, nothing else. */
carat_status carat_base64(const char *text, size_t n, carat_str *out, carat_err *err);
/* Appends what a zlib or gzip stream unpacks to, at most max bytes. */
carat_status carat_inflate(const void *from, size_t n, size_t max, carat_str *out, carat_err *err);
/* Appends the string, as UTF-8. */
carat_status carat_unpickle_text(const void *from, size_t n, carat_str *out, carat_err *err);

#endif
