/* Fuzz target: a pickle of one string, and base64. Whatever is accepted is UTF-8 and was in the input.   SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "datasets/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    carat_str text = CARAT_STR_INIT, bytes = CARAT_STR_INIT, plain = CARAT_STR_INIT;
    carat_err err = {0};
    if (carat_unpickle_text(data, size, &text, &err) == CARAT_OK) {
        must(text.len <= size && data[size - 1] == '.');
        if (data[0] == 0x80) /* not escaped: the bytes as they are */
            must(!text.len || memmem(data, size, text.data, text.len) != NULL || memchr(data, 'V', size));
    } else
        must(*err.text && !strchr(err.text, '\n') && !text.len);
    if (carat_base64((const char *)data, size, &bytes, &err) == CARAT_OK)
        must(bytes.len <= size / 4 * 3);
    if (carat_inflate(data, size, 1 << 16, &plain, &err) == CARAT_OK)
        must(plain.len <= 1 << 16);
    carat_str_free(&text);
    carat_str_free(&bytes);
    carat_str_free(&plain);
    return 0;
}
