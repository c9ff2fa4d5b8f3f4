/* gzip and zlib blocks. The only user of zlib.                                     SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <zlib.h>

#include "datasets/codec.h"

bool carat_unpack_gz(const uint8_t *from, size_t n, uint8_t *to, size_t size)
{
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n, .next_out = to, .avail_out = (uInt)size};
    if (n > UINT_MAX || size > UINT_MAX || inflateInit2(&z, 32 + MAX_WBITS) != Z_OK) /* 32: either header */
        return false;
    int end = inflate(&z, Z_FINISH);
    bool ok = end == Z_STREAM_END && z.total_out == size;
    inflateEnd(&z);
    return ok;
}
