/* Speed of attention of one query at the shapes of Gemma 4 E2B, for each type of cache.  SPDX-License-Identifier: Apache-2.0
 *
 * usage: attend [THREADS [SET [DEPTH]]]      K and V of several layers in turn, so that they come from memory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/par.h"
#include "runtime/base/util.h"
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/probe.h"

enum { LAYERS = 6, MAX_SPLITS = 256 };

typedef struct job {
    const carat_kernels *k;
    carat_attention a;
    size_t layers, splits, record;
    float *records; /* [splits][heads] */
    uint8_t *scratch;
    size_t row; /* bytes of one layer's K */
} job;

static carat_attention layer_of(const job *j, size_t layer)
{
    carat_attention a = j->a;
    a.k.data = (uint8_t *)a.k.data + layer * j->row;
    a.v.data = (uint8_t *)a.v.data + layer * j->row;
    return a;
}

static void work(carat_team *team, int rank, void *ctx)
{
    const job *j = ctx;
    uint8_t *scratch = j->scratch + (size_t)rank * carat_attend_bytes(j->a.dim);
    for (size_t layer = 0; layer < j->layers; layer++) {
        carat_attention a = layer_of(j, layer);
        size_t b, e;
        while (carat_team_take(team, j->splits, 1, &b, &e))
            if (j->k->attend_part && !a.window)
                j->k->attend_part(&a, 0, b, j->records + b * a.heads * j->record, scratch);
            else if (!b)
                j->k->attend(&a, 0, 0, 1, scratch);
        carat_team_barrier(team);
    }
}

static void measure(const carat_kernels *k, carat_team *team, carat_attention a, size_t depth, double read)
{
    static const char *const name[] = {"", "f32", "bf16", "f16", "int8"};
    job j = {.k = k, .a = a, .layers = LAYERS};
    size_t keys = a.window && a.window < depth ? a.window : depth;
    j.a.pos = depth - 1;
    j.a.slots = (depth + 63) / 64 * 64;
    j.a.n = 1;
    j.a.ldq = a.heads * a.dim;
    j.splits = a.window ? 1 : (depth + CARAT_ATTEND_SPLIT - 1) / CARAT_ATTEND_SPLIT;
    j.record = carat_attend_record(a.dim);
    j.row = j.a.slots * a.dim * carat_kv_size(a.kv);
    j.records = carat_alloc(j.splits * a.heads, j.record * sizeof(float), NULL);
    j.scratch = carat_alloc((size_t)carat_team_size(team), carat_attend_bytes(a.dim), NULL);
    float *q = carat_alloc(j.a.ldq, sizeof *q, NULL);
    float *scale = carat_alloc(j.a.slots, sizeof *scale, NULL);
    j.a.q = q;
    j.a.out = carat_alloc(j.a.ldq, sizeof *q, NULL);
    j.a.k = (carat_kv_rows){carat_alloc(LAYERS, j.row, NULL), scale};
    j.a.v = (carat_kv_rows){carat_alloc(LAYERS, j.row, NULL), scale};
    memset(j.a.k.data, 1, LAYERS * j.row);
    memset(j.a.v.data, 1, LAYERS * j.row);
    double best = 1e9, begin = carat_now();
    for (int i = 0; i < 3 || carat_now() - begin < 0.5; i++) {
        double start = carat_now();
        carat_team_run(team, work, &j);
        double t = carat_now() - start;
        best = t < best ? t : best;
    }
    best /= LAYERS;
    double bytes = 2.0 * (double)(keys * a.dim * carat_kv_size(a.kv)), gbs = bytes / best * 1e-9;
    printf("%-5s %-4s dim %zu, %zu of %zu keys: %8.1f us  %6.2f GB/s %5.1f %%  %6.1f Gflop/s\n", k->name,
           name[a.kv], a.dim, keys, depth, best * 1e6, gbs, 100 * gbs / read,
           4e-9 * (double)(keys * a.dim * a.heads) / best);
    carat_free(j.a.k.data), carat_free(j.a.v.data), carat_free(j.a.out), carat_free(q), carat_free(scale);
    carat_free(j.records), carat_free(j.scratch);
}

int main(int argc, char **argv)
{
    const carat_kernels *k = NULL;
    carat_team *team = NULL;
    carat_err err = {0};
    size_t depth = argc > 3 ? (size_t)atol(argv[3]) : 4096, bytes = 256u << 20;
    if (carat_kernels_pick(argc > 2 ? argv[2] : NULL, &k, &err) ||
        carat_team_open(argc > 1 ? atoi(argv[1]) : 0, &team, &err)) {
        fprintf(stderr, "attend: %s\n", err.text);
        return 2;
    }
    void *mem = carat_alloc(bytes, 1, NULL);
    memset(mem, 1, bytes);
    double read = carat_probe_read(team, mem, bytes);
    printf("%d threads: read %.1f GB/s, f32 %.0f Gflop/s\n", carat_team_size(team), read,
           carat_probe_f32(k, team).rate);
    carat_free(mem);
    for (carat_kv kv = CARAT_KV_F32; kv <= CARAT_KV_INT8; kv++)
        measure(k, team, (carat_attention){.kv = kv, .heads = 8, .kv_heads = 1, .dim = 512}, depth, read);
    for (carat_kv kv = CARAT_KV_F32; kv <= CARAT_KV_INT8; kv++)
        measure(k, team, (carat_attention){.kv = kv, .heads = 8, .kv_heads = 1, .dim = 256, .window = 512},
                depth, read);
    carat_team_close(team);
    return 0;
}
