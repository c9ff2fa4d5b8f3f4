/* Fuzz target: a table of any kind. Every row that comes out is a JSON object.     SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datasets/table.h"
#include "runtime/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("table", 0);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    carat_table t = {0};
    carat_err err = {0};
    carat_str row = CARAT_STR_INIT;
    carat_status st = carat_table_open(path, &t, &err);
    bool more = true;
    for (int i = 0; !st && i < 1000 && !(st = carat_table_next(&t, &row, &more, &err)) && more; i++)
        must(row.data[0] == '{' && row.data[strcspn(row.data, "}")] == '}' && !strchr(row.data, '\n'));
    must(!st || (*err.text && !strchr(err.text, '\n')));
    carat_table_close(&t);
    carat_str_free(&row);
    close(fd);
    return 0;
}
