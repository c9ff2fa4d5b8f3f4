/* The output directory: everything of a checkpoint that is not a tensor.           SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_OUTDIR_H
#define CARAT_CONVERT_OUTDIR_H

#include "convert/shards.h"
#include "runtime/base/json.h"
#include "runtime/base/util.h"

extern const char carat_outdir_marker[]; /* what a checkpoint is known by: config.json */
/* Refuses an output that is, holds or lies in its own input; one that stands there, without force; with force, one that is no checkpoint. */
carat_status carat_outdir_check(const carat_store *s, const char *out, bool force, carat_err *err);
/* Refuses too little free space for `bytes`. */
carat_status carat_outdir_space(const char *out, uint64_t bytes, carat_err *err);
/* Copies the source's other files (tokenizer, templates, generation_config, ...) into dir; weights of other programs stay
 * behind with a note. config.json is not among them. */
carat_status carat_outdir_copy(const carat_store *s, const char *dir, const carat_talk *talk, carat_err *err);

typedef struct carat_config_edit {
    carat_json *quantization; /* the new quantization_config, taken over; NULL: none */
    const char *dtype;        /* "bfloat16", ...; NULL: as it is */
    bool keep_all;            /* a plain copy of the file */
} carat_config_edit;
carat_status carat_outdir_config(const carat_store *s, const char *dir, carat_config_edit edit,
                                 carat_err *err);

#endif
