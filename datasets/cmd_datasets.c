/* carat datasets: the tables that suites read.                                     SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datasets/table.h"
#include "runtime/base/cmd.h"

struct args {
    carat_common common;
    int64_t limit;
};

static carat_status cat(const struct args *a, carat_err *err)
{
    carat_table t = {0};
    carat_str row = CARAT_STR_INIT;
    carat_status st = a->limit < 0
                          ? carat_fail(err, CARAT_EUSAGE, "--limit %" PRId64 ": 0 or more rows", a->limit)
                          : carat_table_open(a->common.pos[1], &t, err);
    bool more = true;
    for (int64_t i = 0; !st && (!a->limit || i < a->limit); i++) {
        if ((st = carat_table_next(&t, &row, &more, err)) || !more)
            break;
        if (puts(row.data) < 0 || carat_interrupted())
            st = carat_fail(err, carat_interrupted() ? CARAT_EINTR : CARAT_EIO, "stopped behind row %" PRId64,
                            i + 1);
    }
    carat_table_close(&t);
    carat_str_free(&row);
    return st;
}

static int run(const void *args, carat_err *err)
{
    const struct args *a = args;
    if (strcmp(a->common.pos[0], "cat") != 0)
        return carat_cmd_exit(carat_fail(err, CARAT_EUSAGE,
                                         "datasets %s: `carat datasets cat FILE` is what there is",
                                         a->common.pos[0]),
                              err);
    return carat_cmd_exit(cat(a, err), err);
}

static const carat_opt options[] = {
    {"limit", 0, CARAT_OPT_INT, offsetof(struct args, limit), "N", "the first N rows; 0: all"},
    {0},
};

const carat_cmd carat_cmd_datasets = {
    .name = "datasets",
    .summary = "read the tables that questions come in",
    .usage = "cat FILE [--limit N]",
    .detail = "cat prints a table as JSON lines, whatever it is in: Parquet (plain and dictionary encodings; "
              "snappy,\n"
              "gzip, zstd or none; nested lists and structs), JSON lines, or CSV whose first line names the "
              "columns;\n"
              "the last two also compressed (.gz, .zst, .xz, .bz2). What cannot be read exactly is refused.",
    .example = "$ carat datasets cat test-00000-of-00001.parquet --limit 1\n"
               "{\"question_id\": 70, \"question\": \"Typical advertising regulatory bodies suggest ...",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 2,
    .npos_max = 2,
    .run = run,
};
