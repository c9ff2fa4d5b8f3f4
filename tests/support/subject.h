/* Models that tests run: as they lie in the tree, or quantized on the way.        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_SUBJECT_H
#define CARAT_TESTS_SUBJECT_H

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/cmd.h"
#include "runtime/carat.h"
#include "tests/support/test.h"

extern const carat_cmd carat_cmd_quantize;

/* model: below $ROOT. scheme: NULL, as it is. */
static inline carat_model *open_subject(const char *model, const char *scheme)
{
    char path[512], out[512];
    const char *root = getenv("ROOT"), *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", model);
    snprintf(out, sizeof out, "%s/subject-%s", tmp ? tmp : "/tmp", scheme ? scheme : "");
    if (scheme) {
        const char *argv[] = {"quantize", path, out, "--scheme", scheme, "--force", "-q"};
        assert_int_equal(carat_cmd_main(&carat_cmd_quantize, 7, (char **)(uintptr_t)argv), 0);
    }
    carat_model *m = NULL;
    carat_err err;
    if (carat_model_open(scheme ? out : path, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

#endif
