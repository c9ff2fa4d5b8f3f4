/* Small checkpoints made on the spot, for tests.                       SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_CHECKPOINT_H
#define CARAT_TESTS_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

/* A safetensors file: 8 bytes of length, `header` as it stands, `size` bytes of data (NULL: 0, 1, 2, ...). malloc'ed. */
uint8_t *checkpoint_bytes(const char *header, const void *data, size_t size, size_t *total);
/* A fresh directory under $TMPDIR; the name is malloc'ed. */
char *checkpoint_dir(void);
/* DIR/name with these bytes. */
void checkpoint_write(const char *dir, const char *name, const void *bytes, size_t size);
void checkpoint_text(const char *dir, const char *name, const char *text);
/* DIR/name as a safetensors file of checkpoint_bytes. */
void checkpoint_tensors(const char *dir, const char *name, const char *header, size_t size);
/* Removes DIR with all in it and frees the name. */
void checkpoint_remove(char *dir);

#endif
