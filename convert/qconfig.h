/* quantization_config: how loaders find out what is packed.                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_QCONFIG_H
#define CARAT_CONVERT_QCONFIG_H

#include "convert/plan.h"
#include "runtime/base/json.h"

/* The value of config.json's quantization_config for a plan of quantize (compressed-tensors 0.20, vLLM); *out is NULL when the
 * plan packs nothing. */
carat_status carat_qconfig_make(const carat_config *c, const carat_plan_table *p, carat_json **out,
                                carat_err *err);

#endif
