/* Small checkpoints made on the spot, for tests.                       SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/base/file.h"

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "tests/support/checkpoint: %s\n", what);
        abort();
    }
}

uint8_t *checkpoint_bytes(const char *header, const void *data, size_t size, size_t *total)
{
    uint64_t n = strlen(header);
    *total = 8 + n + size;
    uint8_t *bytes = malloc(*total);
    must(bytes != NULL, "memory");
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(n >> (8 * i));
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < size; i++)
        bytes[8 + n + i] = data ? ((const uint8_t *)data)[i] : (uint8_t)i;
    return bytes;
}

char *checkpoint_dir(void)
{
    const char *root = getenv("TMPDIR");
    char name[512];
    snprintf(name, sizeof name, "%s/carat-XXXXXX", root ? root : "/tmp");
    must(mkdtemp(name) != NULL, name);
    char *copy = strdup(name);
    must(copy != NULL, "memory");
    return copy;
}

void checkpoint_write(const char *dir, const char *name, const void *bytes, size_t size)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, dir, name);
    FILE *f = fopen(path.data, "wb");
    must(f != NULL, path.data);
    must(fwrite(bytes, 1, size, f) == size && fclose(f) == 0, path.data);
    carat_str_free(&path);
}

void checkpoint_text(const char *dir, const char *name, const char *text)
{
    checkpoint_write(dir, name, text, strlen(text));
}

void checkpoint_tensors(const char *dir, const char *name, const char *header, size_t size)
{
    size_t total;
    uint8_t *bytes = checkpoint_bytes(header, NULL, size, &total);
    checkpoint_write(dir, name, bytes, total);
    free(bytes);
}

void checkpoint_remove(char *dir)
{
    must(carat_remove_tree(dir, NULL) == CARAT_OK, dir);
    free(dir);
}
