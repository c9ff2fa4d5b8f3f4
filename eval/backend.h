/* What suites ask: a model behind a few calls, wherever it runs.                   SPDX-License-Identifier: Apache-2.0
 *
 * A suite never sees a session or a tensor. To add a backend: one file in backends/ that fills this struct. */
#ifndef CARAT_EVAL_BACKEND_H
#define CARAT_EVAL_BACKEND_H

#include "runtime/base/str.h"
#include "runtime/carat.h"

typedef struct carat_backend {
    void *self;
    uint32_t vocab;
    int32_t bos;                      /* -1: none */
    uint32_t context;                 /* longest sequence that score takes */
    bool large;                       /* chat framing of the large models */
    const carat_tokenizer *tokenizer; /* NULL: none */
    /* fn(ctx, pos, logits [vocab]) for positions [from, n), from several threads at once, in no fixed order. */
    carat_status (*score)(void *self, const int32_t *ids, size_t n, size_t from, carat_logits_fn *fn,
                          void *ctx, carat_err *err);
    /* nll[i] = -log p(ids[i] | ids[0..i)) in nats, for i in [from, n), from >= 1 */
    carat_status (*nll)(void *self, const int32_t *ids, size_t n, size_t from, double *nll, carat_err *err);
    /* log of the sum of exp over the vocabulary, in f64; callable from fn */
    double (*log_sum)(void *self, const float *logits);
    /* one line that names what computes: "int4-g32 weights, int8 numerics, bf16 KV cache, avx2 kernels" */
    void (*describe)(void *self, carat_str *out);
    void (*close)(void *self);
} carat_backend;

typedef struct carat_local_options {
    const char *model, *numerics, *kernels, *kv; /* NULL: f32, the best, what goes with the numerics */
    uint32_t context, threads;
} carat_local_options;
carat_status carat_backend_local(const carat_local_options *o, carat_backend *out, carat_err *err);
void carat_backend_close(carat_backend *b);

#endif
