/* Which model is it: a hash that tells checkpoints apart without reading all of them. SPDX-License-Identifier: Apache-2.0
 *
 * Of config.json, generation_config.json, tokenizer.json and index files every byte counts; of each file of weights its name, its
 * size, its first mebibyte (a header names and places every tensor) and 1024 pages of 4 KiB evenly spread over the rest. So another
 * fine-tune or quantization shows, at a cost of milliseconds; a change of single bytes between the pages does not. */
#ifndef CARAT_EVAL_FINGERPRINT_H
#define CARAT_EVAL_FINGERPRINT_H

#include "runtime/base/err.h"

/* path: a checkpoint directory, or a file of weights. */
carat_status carat_fingerprint(const char *path, char hex[65], carat_err *err);
/* SHA-256 of chat_template.jinja; "" where the directory has none. */
carat_status carat_fingerprint_template(const char *path, char hex[65], carat_err *err);

#endif
