/* What inspect found out, and the two ways to say it.                              SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TOOL_INSPECT_H
#define CARAT_TOOL_INSPECT_H

#include "runtime/base/cmd.h"
#include "runtime/model/slots.h"

typedef struct carat_inspect_args {
    carat_common common;
    bool tensors, check;
    int64_t context;
    const char *kv;
} carat_inspect_args;

/* Parts of a model that people ask the size of. */
typedef enum carat_inspect_part {
    CARAT_PART_BLOCKS,
    CARAT_PART_EMBEDDING,
    CARAT_PART_PLE,
    CARAT_PART_OTHER_TEXT,
    CARAT_PART_MEDIA,
    CARAT_PART_UNUSED,
    CARAT_N_PARTS
} carat_inspect_part;
typedef struct carat_inspect_total {
    uint64_t tensors, params, bytes;
} carat_inspect_total;

/* One tensor, with all that is said about it. */
typedef struct carat_inspect_entry {
    const carat_tensor *tensor;
    carat_match match;
    carat_inspect_part part;
    /* weights that it holds: packed codes counted one by one; scales and shapes count none */
    uint64_t params;
    const char *policy;
} carat_inspect_entry;

typedef struct carat_inspect_report {
    const carat_inspect_args *args;
    carat_store *store;
    carat_config config;
    carat_inspect_entry *entries; /* [n], in file order */
    size_t n;
    carat_inspect_total parts[CARAT_N_PARTS], all;
    uint64_t active;                    /* parameters that one decoded token multiplies with */
    char scheme[16];                    /* of the block matrices */
    bool vision_missing, audio_missing; /* the config has it, the files do not */
    bool runs;
    carat_plan plan;
    uint32_t context;
    char why_not[sizeof((carat_err *)0)->text];
} carat_inspect_report;

void carat_inspect_words(const carat_inspect_report *r);
carat_status carat_inspect_json(const carat_inspect_report *r, carat_err *err);
/* What quantize does with a slot: "keep", or the option that it follows, as "--scheme". */
const char *carat_inspect_policy(const carat_slot *slot);

#endif
