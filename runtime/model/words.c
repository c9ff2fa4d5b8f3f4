/* The words of session options.                                                    SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/err.h"

static const char *const numerics[] = {"f32", "bf16", "int8"};
static const char *const types[] = {"auto", "f32", "bf16", "f16", "int8"};

const char *carat_numerics_name(carat_numerics n)
{
    return numerics[n];
}

carat_status carat_numerics_parse(const char *name, carat_numerics fallback, carat_numerics *out,
                                  carat_err *err)
{
    *out = fallback;
    if (!name)
        return CARAT_OK;
    for (int i = 0; i < 3; i++)
        if (strcmp(name, numerics[i]) == 0) {
            *out = (carat_numerics)i;
            return CARAT_OK;
        }
    return carat_fail(err, CARAT_EUSAGE, "--numerics %s: f32, bf16 or int8", name);
}

const char *carat_kv_name(carat_kv kv)
{
    return types[kv];
}

carat_status carat_kv_parse(const char *name, carat_kv *out, carat_err *err)
{
    *out = CARAT_KV_AUTO;
    if (!name)
        return CARAT_OK;
    for (int i = 0; i <= CARAT_KV_INT8; i++)
        if (strcmp(name, types[i]) == 0) {
            *out = (carat_kv)i;
            return CARAT_OK;
        }
    return carat_fail(err, CARAT_EUSAGE, "--kv %s: auto, f32, bf16, f16 or int8", name);
}
