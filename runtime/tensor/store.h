/* A checkpoint's tensors by name: one file, a directory, a shard set, a Hugging Face cache entry.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TENSOR_STORE_H
#define CARAT_TENSOR_STORE_H

#include "runtime/tensor/tensor.h"

typedef struct carat_store carat_store;

/* path: a .safetensors file; a directory holding model.safetensors or model.safetensors.index.json; or org/name[@revision], looked up in
 * $HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub (models--org--name/refs/REV -> snapshots/HASH; default main).
 * An existing path wins over a cache entry. A shard named in the index must be a plain file name inside the directory, exist, and hold exactly
 * the tensors that the index says. */
carat_status carat_store_open(const char *path, carat_store **out, carat_err *err);
void carat_store_close(carat_store *s);

/* Where MODEL lies, without opening weights: *dir gets the directory (malloc'ed). A missing model says where it was looked
 * for. */
carat_status carat_store_resolve(const char *path, char **dir, carat_err *err);

const char *carat_store_dir(const carat_store *s); /* where config.json and the tokenizer lie */
size_t carat_store_count(const carat_store *s);
const carat_tensor *carat_store_at(const carat_store *s, size_t i); /* in file order: by file, then offset */
const carat_tensor *carat_store_find(const carat_store *s, const char *name); /* NULL: not there */
size_t carat_store_files(const carat_store *s);
const char *carat_store_file(const carat_store *s, size_t file); /* its path */
uint64_t carat_store_bytes(const carat_store *s);                /* of all tensors */
/* From the first file's __metadata__, or NULL. */
const char *carat_store_meta(const carat_store *s, const char *key);
/* Pair i of it; false past the end. */
bool carat_store_meta_at(const carat_store *s, size_t i, const char **key, const char **value);

#endif
