/* Stands in for libFuzzer: runs a fuzz target once over each file named.           SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        char *data = NULL;
        size_t size = 0;
        carat_err err = {0};
        puts(argv[i]);
        fflush(stdout); /* after a crash the last name is the culprit's */
        if (carat_read_file(argv[i], SIZE_MAX / 2, &data, &size, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        /* an exact copy, so that a sanitizer sees a read one past the end */
        uint8_t *exact = malloc(size ? size : 1);
        if (!exact)
            return 1;
        for (size_t k = 0; k < size; k++)
            exact[k] = (uint8_t)data[k];
        free(data);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    return 0;
}
