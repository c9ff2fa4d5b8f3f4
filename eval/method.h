/* What pins a run's results: header.json, and whether two of them agree.           SPDX-License-Identifier: Apache-2.0
 *
 * Everything that decides an answer or its mark stands in the header; what only says where and how fast it was computed (the path of
 * the model, a server's address, threads, connections) stands there too, and may change from one call to the next. No key or password ever does. */
#ifndef CARAT_EVAL_METHOD_H
#define CARAT_EVAL_METHOD_H

#include "eval/run.h"

typedef struct carat_method {
    const char *suites; /* as they were asked for */
    const char *model, *reference;
    const carat_backend *model_backend, *reference_backend; /* reference: NULL, or self NULL */
    const carat_suite *const *suite;                        /* [n] */
    const carat_eval *eval;                                 /* [n] */
    void *const *state;                                     /* [n] */
    const size_t *items;                                    /* [n] */
    size_t n;
    carat_shard shard;
    int64_t threads, parallel;
} carat_method;

carat_status carat_method_write(const carat_method *m, carat_str *out, carat_err *err);

typedef enum carat_same {
    CARAT_SAME_RUN,   /* may the one go on with the other's items? */
    CARAT_SAME_SHARDS /* are they parts of one run? */
} carat_same;
/* CARAT_EUSAGE, with the first field that differs and both of its values. */
carat_status carat_method_same(const carat_json *had, const carat_json *wants, carat_same how,
                               carat_err *err);

/* Where a run goes on at an address that its header does not name: that header with the address among its "endpoints_later" (had is
 * changed likewise). out stays empty where it does not. */
carat_status carat_method_moved(carat_json *had, const carat_json *wants, carat_str *out, carat_err *err);

#endif
