/* Snappy blocks. The only user of libsnappy.                                       SPDX-License-Identifier: Apache-2.0 */
#include <snappy-c.h>

#include "datasets/codec.h"

bool carat_unpack_snappy(const uint8_t *from, size_t n, uint8_t *to, size_t size)
{
    size_t got = 0;
    const char *text = (const char *)from;
    /* (the length is asked first: it alone decides how much will be written) */
    return snappy_uncompressed_length(text, n, &got) == SNAPPY_OK && got == size &&
           snappy_uncompress(text, n, (char *)to, &got) == SNAPPY_OK && got == size;
}
