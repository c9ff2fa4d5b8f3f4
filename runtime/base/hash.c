/* SHA-256 of files and bytes. The only user of libcrypto.                          SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/hash.h"

#include <openssl/evp.h>
#include "runtime/base/file.h"

struct carat_sha256 {
    char unused; /* the handle is libcrypto's own context */
};

carat_status carat_sha256_open(carat_sha256 **out, carat_err *err)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || !EVP_DigestInit_ex(c, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(c);
        return carat_fail(err, CARAT_ENOMEM, "libcrypto cannot start a SHA-256");
    }
    *out = (carat_sha256 *)(void *)c;
    return CARAT_OK;
}

void carat_sha256_add(carat_sha256 *h, const void *data, size_t len)
{
    EVP_DigestUpdate((EVP_MD_CTX *)(void *)h, data, len);
}

void carat_sha256_finish(carat_sha256 *h, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex((EVP_MD_CTX *)(void *)h, sum, NULL);
    EVP_MD_CTX_free((EVP_MD_CTX *)(void *)h);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    hex[64] = 0;
}

carat_status carat_sha256_file(const char *path, char hex[65], carat_err *err)
{
    carat_map m;
    carat_sha256 *h;
    carat_status st = carat_map_open(path, &m, err);
    if (st)
        return st;
    st = carat_sha256_open(&h, err);
    if (!st) {
        carat_sha256_add(h, m.data, m.size);
        carat_sha256_finish(h, hex);
    }
    carat_map_close(&m);
    return st;
}
