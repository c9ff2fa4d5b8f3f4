/* The backend that asks a server in OpenAI's protocol (backend.h).                 SPDX-License-Identifier: Apache-2.0 */
#include "eval/backend.h"

const char carat_openai_settings[] = "";

carat_status carat_backend_openai(const carat_openai_options *o, carat_backend *out, carat_err *err)
{
    (void)out;
    return carat_fail(err, CARAT_ESUPPORT, "%s: endpoints are not served yet", o->url);
}
