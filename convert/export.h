/* From a plan to a finished directory: what quantize and convert have in common.   SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_CONVERT_EXPORT_H
#define CARAT_CONVERT_EXPORT_H

#include "convert/outdir.h"
#include "runtime/base/cmd.h"

typedef struct carat_export {
    const carat_store *store;
    carat_plan_table *plan;
    const char *out;
    const char *scheme;         /* for the metadata: "int4-g32", "convert", ... */
    const carat_method *method; /* NULL when nothing is coded */
    const carat_common *common;
    bool force;
    bool keep_meta;           /* the same weights: the source's metadata goes along, whoever wrote it */
    uint64_t memory;          /* 0: 512 MiB */
    bool hash;                /* hash the source files into sha256 and the metadata */
    char (*sha256)[65];       /* [files of the store] */
    carat_config_edit config; /* taken over */
} carat_export;

/* Everything or nothing: when this fails, or the process dies, no file stands under the final name. */
carat_status carat_export_run(carat_export *e, carat_err *err);

#endif
