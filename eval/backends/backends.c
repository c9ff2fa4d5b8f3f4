/* The registry of backends, for `carat list`.                                     SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/cmd.h"

static const char *listed(size_t i, const char **summary)
{
    static const char *const backends[][2] = {
        {"local", "a model computed here: carat eval MODEL"},
        {"openai", "a server of OpenAI's protocol: carat eval --endpoint URL --model NAME"},
    };
    if (i >= sizeof backends / sizeof *backends)
        return NULL;
    *summary = backends[i][1];
    return backends[i][0];
}

extern const carat_listing carat_backends_listing;
const carat_listing carat_backends_listing = {"backends", listed};
