/* Divergence of the model's next-token distribution from a reference's.            SPDX-License-Identifier: Apache-2.0
 *
 * KLD(reference || model) in nats over the full vocabulary, f64, at every scored position of perplexity's windows; top-1
 * agreement counts positions where both prefer the same token. The reference is a model (run side by side) or a compact file of one
 * (kldfile.h). With write_reference, the suite makes such a file of the model instead. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/kldfile.h"
#include "eval/windows.h"
#include "runtime/base/map.h"

enum { ROWS = 32 /* positions compared at a time: their reference logits are held */ };

typedef struct kld {
    const carat_eval *e;
    carat_windows windows;
    carat_kldfile file;
    carat_kldfile_writer *writer;
    uint64_t *first_row; /* [windows]: row of a window's first scored position in the file */
    float *rows;         /* [ROWS][vocab] */
    double *value;       /* [context], with the next three: of the item under way */
    double *reference_nll, *nll;
    uint8_t *same;
    const carat_window *at;
    size_t block; /* first position in rows */
} kld;

static void close_suite(void *state)
{
    kld *k = state;
    carat_windows_close(&k->windows);
    carat_kldfile_close(&k->file);
    carat_kldfile_drop(k->writer);
    carat_free(k->first_row);
    carat_free(k->rows);
    carat_free(k->value);
    carat_free(k->reference_nll);
    carat_free(k->nll);
    carat_free(k->same);
    carat_free(k);
}

static carat_status open_reference(kld *k, uint64_t rows, uint64_t hash, carat_err *err)
{
    const carat_eval *e = k->e;
    uint32_t vocab = e->model->vocab;
    if (e->write_reference)
        return carat_kldfile_create(e->write_reference, vocab, hash, &k->writer, err);
    if (e->reference_file)
        return carat_kldfile_open(e->reference_file, vocab, rows, hash, &k->file, err);
    if (!e->reference)
        return carat_fail(
            err, CARAT_EUSAGE,
            "kld needs a reference: --reference MODEL or --reference FILE (made by --write-reference)");
    if (e->reference->vocab != vocab)
        return carat_fail(err, CARAT_EUSAGE,
                          "the reference has a vocabulary of %" PRIu32 ", the model of %" PRIu32,
                          e->reference->vocab, vocab);
    return CARAT_OK;
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    kld *k = carat_alloc(1, sizeof *k, err);
    if (!k)
        return CARAT_ENOMEM;
    k->e = e;
    uint64_t hash = 0, rows = 0;
    carat_status st = carat_windows_open(e, "kld", true, &k->windows, err);
    if (st)
        goto fail;
    k->first_row = carat_alloc(k->windows.n, sizeof *k->first_row, err);
    k->rows = carat_alloc((size_t)ROWS * e->model->vocab, sizeof *k->rows, err);
    k->value = carat_alloc(e->context, sizeof *k->value, err);
    k->reference_nll = carat_alloc(e->context, sizeof *k->reference_nll, err);
    k->nll = carat_alloc(e->context, sizeof *k->nll, err);
    k->same = carat_alloc(e->context, 1, err);
    if (!k->first_row || !k->rows || !k->value || !k->reference_nll || !k->nll || !k->same) {
        st = CARAT_ENOMEM;
        goto fail;
    }
    for (size_t i = 0; i < k->windows.n; i++) {
        const carat_window *w = &k->windows.window[i];
        k->first_row[i] = rows;
        rows += w->n - w->from;
        hash = carat_hash_bytes(w->ids, w->n * sizeof *w->ids, hash ^ w->from);
    }
    if ((st = open_reference(k, rows, hash, err)))
        goto fail;
    *state = k;
    *items = k->windows.n;
    return CARAT_OK;
fail:
    close_suite(k);
    return st;
}

static size_t size_of(const void *state, size_t i)
{
    const carat_window *w = &((const kld *)state)->windows.window[i];
    return w->n - w->from;
}

static void keep_row(void *ctx, size_t pos, const float *logits)
{
    kld *k = ctx;
    uint32_t vocab = k->e->model->vocab;
    memcpy(k->rows + (pos - k->block) * vocab, logits, vocab * sizeof *logits);
}

static uint32_t argmax(const float *x, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* sum p (log p - log q) = sum p (r - c) - log Z_r + log Z_c; clamped at 0, where rounding may leave -1e-17. */
static double divergence(const float *r, const float *c, uint32_t n, double log_r, double log_c)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)r[i] - log_r) * ((double)r[i] - (double)c[i]);
    double d = sum - log_r + log_c;
    return d > 0 ? d : d == d ? 0 : d;
}

static void compare_row(void *ctx, size_t pos, const float *logits)
{
    kld *k = ctx;
    carat_backend *b = k->e->model;
    uint32_t vocab = b->vocab;
    const float *ref = k->rows + (pos - k->block) * vocab;
    size_t scored = pos + 1, at = scored - k->at->from;
    int32_t token = k->at->ids[scored];
    double log_r = b->log_sum(b->self, ref), log_c = b->log_sum(b->self, logits);
    k->value[at] = divergence(ref, logits, vocab, log_r, log_c);
    k->reference_nll[at] = log_r - (double)ref[token];
    k->nll[at] = log_c - (double)logits[token];
    k->same[at] = argmax(ref, vocab) == argmax(logits, vocab);
}

/* Reference logits of positions [k->block, end) of window i. */
static carat_status fetch(kld *k, size_t i, size_t end, carat_err *err)
{
    carat_backend *b = k->e->write_reference ? k->e->model : k->e->reference;
    uint32_t vocab = k->e->model->vocab;
    if (!k->e->reference_file)
        return b->score(b->self, k->at->ids, end, k->block, keep_row, k, err);
    for (size_t pos = k->block; pos < end; pos++)
        carat_kldfile_get(&k->file, k->first_row[i] + pos + 1 - k->at->from,
                          k->rows + (pos - k->block) * vocab);
    return CARAT_OK;
}

static void put_array(carat_jw *w, const char *key, const double *v, const uint8_t *flag, size_t n)
{
    carat_jw_key(w, key);
    carat_jw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        if (v)
            carat_jw_f64(w, v[i]);
        else
            carat_jw_u64(w, flag[i]);
    }
    carat_jw_close(w);
}

static carat_status item(void *state, size_t i, carat_jw *w, carat_err *err)
{
    kld *k = state;
    carat_backend *b = k->e->model;
    k->at = &k->windows.window[i];
    for (k->block = k->at->from - 1; k->block < k->at->n - 1; k->block += ROWS) {
        size_t end = k->at->n - 1 - k->block < ROWS ? k->at->n - 1 : k->block + ROWS;
        carat_status st = fetch(k, i, end, err);
        if (st)
            return st;
        if (k->writer) {
            for (size_t pos = k->block; pos < end; pos++)
                carat_kldfile_put(k->writer, k->rows + (pos - k->block) * b->vocab);
        } else if ((st = b->score(b->self, k->at->ids, end, k->block, compare_row, k, err))) {
            return st;
        }
    }
    size_t n = k->writer ? 0 : k->at->n - k->at->from;
    if (!k->writer)
        carat_window_groups(k->at, w);
    put_array(w, "kld", k->value, NULL, n);
    put_array(w, "nll", k->nll, NULL, n);
    put_array(w, "reference_nll", k->reference_nll, NULL, n);
    put_array(w, "same", NULL, k->same, n);
    return CARAT_OK;
}

static carat_status mean_of(uint64_t seed, const carat_json *const *results, size_t n, const char *key,
                            carat_estimate *out, carat_err *err)
{
    carat_series s;
    carat_status st = carat_series_read(results, n, key, &s, err);
    if (st)
        return st;
    carat_observations o = carat_series_of(&s, seed);
    st = carat_estimate_mean(&o, out, err);
    carat_series_free(&s);
    return st;
}

/* exp(mean(nll - reference nll)): the ratio of perplexities, paired token by token. */
static carat_status perplexity_ratio(uint64_t seed, const carat_json *const *results, size_t n,
                                     carat_estimate *out, carat_err *err)
{
    carat_series a, b = {0};
    carat_estimate d;
    carat_status st = carat_series_read(results, n, "nll", &a, err);
    if (st || (st = carat_series_read(results, n, "reference_nll", &b, err)))
        goto out;
    if (a.n != b.n) {
        st = carat_fail(err, CARAT_EFORMAT, "items.jsonl: %zu nll, %zu reference_nll", a.n, b.n);
        goto out;
    }
    for (size_t i = 0; i < a.n; i++)
        a.value[i] -= b.value[i];
    carat_observations o = carat_series_of(&a, seed);
    if (!(st = carat_estimate_mean(&o, &d, err))) {
        double ratio = exp(d.value);
        *out = (carat_estimate){ratio, ratio * d.error, exp(d.low), exp(d.high), d.n};
    }
out:
    carat_series_free(&a);
    carat_series_free(&b);
    return st;
}

static carat_status report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"kld_median", 0.5}, {"kld_p99", 0.99}, {"kld_p999", 0.999}, {"kld_max", 1}};
    kld *k = state;
    if (k && k->writer) {
        double floor;
        carat_status st = carat_kldfile_finish(k->writer, &floor, err);
        k->writer = NULL;
        out->metric[out->n++] = (carat_metric){"coding_kld", {floor, NAN, NAN, NAN, 0}};
        snprintf(out->note, sizeof out->note, "reference written to %s", k->e->write_reference);
        return st;
    }
    carat_metric *m = out->metric;
    carat_series s;
    carat_status st = mean_of(out->seed, results, n, "kld", &m[0].estimate, err);
    if (st || (st = carat_series_read(results, n, "kld", &s, err)))
        return st;
    m[0].name = "kld_mean";
    out->n = 1;
    carat_observations o = carat_series_of(&s, out->seed);
    for (size_t i = 0; !st && i < sizeof quantiles / sizeof *quantiles; i++) {
        m[out->n].name = quantiles[i].name;
        st = carat_estimate_quantile(&o, quantiles[i].q, &m[out->n++].estimate, err);
    }
    carat_series_free(&s);
    if (st || (st = mean_of(out->seed, results, n, "same", &m[out->n].estimate, err)))
        return st;
    m[out->n++].name = "top1_agreement";
    m[out->n].name = "perplexity_ratio";
    if ((st = perplexity_ratio(out->seed, results, n, &m[out->n++].estimate, err)))
        return st;
    int len = snprintf(out->note, sizeof out->note,
                       "KLD(reference || model), nats, full vocabulary, f64; errors and intervals over "
                       "clusters of %d tokens, "
                       "paired token by token",
                       CARAT_CLUSTER_TOKENS);
    if (k && k->e->reference_file)
        snprintf(out->note + len, sizeof out->note - (size_t)len,
                 "; coding of the reference file: mean KLD %.3g, max %.3g", k->file.floor_mean,
                 k->file.floor_max);
    return CARAT_OK;
}

const carat_suite carat_suite_kld = {
    .name = "kld",
    .summary = "divergence from a reference model, token by token over the full vocabulary",
    .heeds = "stride reference write-reference",
    .open = open_suite,
    .size = size_of,
    .item = item,
    .report = report,
    .close = close_suite,
};
