/* Zstandard blocks. The only user of libzstd.                                      SPDX-License-Identifier: Apache-2.0 */
#include <zstd.h>

#include "datasets/codec.h"

bool carat_unpack_zstd(const uint8_t *from, size_t n, uint8_t *to, size_t size)
{
    return ZSTD_decompress(to, size, from, n) == size;
}
