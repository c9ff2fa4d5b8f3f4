/* A compact file of a reference model's distributions (kldfile.h says how).       SPDX-License-Identifier: Apache-2.0 */
#include "eval/kldfile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

enum { TOP = 1024, CODES = 256, HEAD = 64 };

static const char magic[8] = {'c', 'a', 'r', 'a', 't', 'k', 'l', '1'};

/* distance[c]: how far below the greatest logit code c stands. */
static void make_scale(float distance[CODES])
{
    double d = 0;
    for (int c = 0; c < CODES; c++) {
        distance[c] = (float)d;
        double step = exp(d / 2) / 64;
        d += step < 0.5 ? step : 0.5;
    }
}

static uint8_t nearest_code(const float distance[CODES], float d)
{
    int low = 0, high = CODES - 1;
    while (high - low > 1) {
        int mid = (low + high) / 2;
        if (distance[mid] <= d)
            low = mid;
        else
            high = mid;
    }
    return (uint8_t)(d - distance[low] <= distance[high] - d ? low : high);
}

static size_t row_bytes(uint32_t vocab)
{
    return sizeof(float) + TOP * (sizeof(uint32_t) + sizeof(float)) + vocab;
}

struct top {
    uint32_t id;
    float logit;
};

static void decode_row(const uint8_t *p, uint32_t vocab, const float distance[CODES], float *logits)
{
    float max;
    struct top t;
    memcpy(&max, p, sizeof max);
    const uint8_t *codes = p + sizeof max + TOP * sizeof t;
    for (uint32_t i = 0; i < vocab; i++)
        logits[i] = max - distance[codes[i]];
    for (size_t i = 0; i < TOP; i++) {
        memcpy(&t, p + sizeof max + i * sizeof t, sizeof t);
        if (t.id < vocab)
            logits[t.id] = t.logit;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

struct carat_kldfile_writer {
    carat_output output;
    carat_writer file;
    uint32_t vocab;
    uint64_t rows, ids_hash;
    double floor_sum, floor_max;
    float distance[CODES];
    uint8_t *row;
    float *decoded;
};

void carat_kldfile_drop(carat_kldfile_writer *w)
{
    if (!w)
        return;
    carat_writer_close(&w->file, NULL);
    carat_output_abort(&w->output);
    carat_free(w->row);
    carat_free(w->decoded);
    carat_free(w);
}

carat_status carat_kldfile_create(const char *path, uint32_t vocab, uint64_t ids_hash,
                                  carat_kldfile_writer **out, carat_err *err)
{
    carat_kldfile_writer *w = carat_alloc(1, sizeof *w, err);
    if (!w)
        return CARAT_ENOMEM;
    w->vocab = vocab;
    w->ids_hash = ids_hash;
    make_scale(w->distance);
    w->row = carat_alloc(row_bytes(vocab), 1, err);
    w->decoded = carat_alloc(vocab, sizeof *w->decoded, err);
    carat_status st = w->row && w->decoded ? CARAT_OK : CARAT_ENOMEM;
    if (!st && !(st = carat_output_begin(&w->output, path, NULL, false, err)))
        st = carat_writer_open(&w->file, w->output.temp_path, err);
    if (st) {
        carat_kldfile_drop(w);
        return st;
    }
    char head[HEAD] = {0};
    carat_write(&w->file, head, sizeof head); /* filled in at the end */
    *out = w;
    return CARAT_OK;
}

/* KLD between a row and its coded form. */
static double coding_loss(const float *p, const float *q, uint32_t n, float max)
{
    double sp = 0, sq = 0, kld = 0;
    for (uint32_t i = 0; i < n; i++) {
        double e = exp((double)(p[i] - max));
        sp += e;
        sq += exp((double)(q[i] - max));
        kld += e * ((double)p[i] - (double)q[i]);
    }
    return kld / sp - log(sp) + log(sq);
}

void carat_kldfile_put(carat_kldfile_writer *w, const float *logits)
{
    struct top best[TOP];
    size_t n = 0;
    for (uint32_t i = 0; i < w->vocab; i++) { /* insertion into a short sorted list */
        if (n == TOP && !(logits[i] > best[TOP - 1].logit))
            continue;
        size_t k = n < TOP ? n++ : TOP - 1;
        for (; k > 0 && best[k - 1].logit < logits[i]; k--)
            best[k] = best[k - 1];
        best[k] = (struct top){i, logits[i]};
    }
    for (; n < TOP; n++)
        best[n] = best[0];
    float max = best[0].logit;
    memcpy(w->row, &max, sizeof max);
    memcpy(w->row + sizeof max, best, sizeof best);
    uint8_t *codes = w->row + sizeof max + sizeof best;
    for (uint32_t i = 0; i < w->vocab; i++)
        codes[i] = nearest_code(w->distance, max - logits[i]);
    carat_write(&w->file, w->row, row_bytes(w->vocab));
    decode_row(w->row, w->vocab, w->distance, w->decoded);
    double loss = coding_loss(logits, w->decoded, w->vocab, max);
    w->floor_sum += loss;
    w->floor_max = loss > w->floor_max ? loss : w->floor_max;
    w->rows++;
}

carat_status carat_kldfile_finish(carat_kldfile_writer *w, double *floor, carat_err *err)
{
    uint8_t head[HEAD] = {0};
    double mean = w->rows ? w->floor_sum / (double)w->rows : 0;
    memcpy(head, magic, 8);
    memcpy(head + 8, &(uint64_t){w->vocab}, 8);
    memcpy(head + 16, &w->rows, 8);
    memcpy(head + 24, &w->ids_hash, 8);
    memcpy(head + 32, &mean, 8);
    memcpy(head + 40, &w->floor_max, 8);
    if (fseek(w->file.f, 0, SEEK_SET) == 0)
        carat_write(&w->file, head, sizeof head);
    carat_status st = carat_writer_close(&w->file, err);
    if (!st)
        st = carat_output_commit(&w->output, err);
    *floor = mean;
    carat_kldfile_drop(w);
    return st;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static carat_status check(const carat_kldfile *r, uint32_t vocab, uint64_t rows, uint64_t ids_hash,
                          carat_err *err)
{
    uint64_t head[8];
    if (r->map.size < HEAD || memcmp(r->map.data, magic, 8) != 0)
        return carat_fail(err, CARAT_EFORMAT, "not a reference file of carat");
    memcpy(head, r->map.data, sizeof head);
    if (head[1] != vocab)
        return carat_fail(err, CARAT_EFORMAT, "made for a vocabulary of %" PRIu64 ", the model has %" PRIu32,
                          head[1], vocab);
    if (head[3] != ids_hash || head[2] != rows)
        return carat_fail(err, CARAT_EFORMAT,
                          "made for other windows: %" PRIu64 " scored positions, these are %" PRIu64
                          "; text, --context, --stride and --limit must be the same",
                          head[2], rows);
    if ((r->map.size - HEAD) / row_bytes(vocab) != rows || (r->map.size - HEAD) % row_bytes(vocab))
        return carat_fail(err, CARAT_EFORMAT, "%zu bytes, %" PRIu64 " rows need %" PRIu64, r->map.size, rows,
                          HEAD + rows * row_bytes(vocab));
    return CARAT_OK;
}

carat_status carat_kldfile_open(const char *path, uint32_t vocab, uint64_t rows, uint64_t ids_hash,
                                carat_kldfile *out, carat_err *err)
{
    carat_kldfile r = {.vocab = vocab, .rows = rows};
    carat_status st = carat_map_open(path, &r.map, err);
    if (st)
        return st;
    if ((st = check(&r, vocab, rows, ids_hash, err))) {
        carat_map_close(&r.map);
        return carat_fail_in(err, st, path);
    }
    make_scale(r.distance);
    memcpy(&r.floor_mean, r.map.data + 32, 8);
    memcpy(&r.floor_max, r.map.data + 40, 8);
    *out = r;
    return CARAT_OK;
}

void carat_kldfile_close(carat_kldfile *r)
{
    carat_map_close(&r->map);
}

void carat_kldfile_get(const carat_kldfile *r, uint64_t row, float *logits)
{
    decode_row(r->map.data + HEAD + row * row_bytes(r->vocab), r->vocab, r->distance, logits);
}
