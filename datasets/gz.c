/* gzip and zlib blocks. The only user of zlib.                                     SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <zlib.h>

#include "datasets/codec.h"
#include "datasets/pickle.h"

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

carat_status carat_inflate(const void *from, size_t n, size_t max, carat_str *out, carat_err *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from};
    char piece[1 << 16];
    size_t left = n, before = out->len;
    int rc = inflateInit2(&z, 32 + MAX_WBITS);
    if (rc != Z_OK)
        return carat_fail(err, CARAT_ENOMEM, "zlib has no memory");
    while (rc == Z_OK && out->len - before <= max) {
        if (!z.avail_in) {
            z.avail_in = left < UINT_MAX ? (uInt)left : UINT_MAX;
            left -= z.avail_in;
        }
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof piece;
        rc = inflate(&z, Z_NO_FLUSH);
        carat_str_add(out, piece, sizeof piece - z.avail_out);
    }
    left += z.avail_in;
    inflateEnd(&z);
    if (out->len - before > max)
        return carat_fail(err, CARAT_EFORMAT, "unpacks to more than %zu bytes", max);
    if (rc != Z_STREAM_END || left)
        return carat_fail(err, CARAT_EFORMAT, "not a zlib stream (%zu of %zu bytes are left)", left, n);
    return carat_str_check(out, err);
}
