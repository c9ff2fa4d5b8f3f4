/* Rounds of tasks over a team.                                                     SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the plan are cut into tasks of some 512 KiB of source; a round is some 32 MiB of tasks and one step of hashing the
 * same stretch of the source files, which runs beside them. A task reads the mapping, works in its thread's scratch
 * and writes its bytes to their final place. After a round: pages are given back, the first failure in file order
 * (if any) ends the run, losses are added up in file order, a signal is looked for. */
#include "convert/pipeline.h"

#include <string.h>

#include "convert/task.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/hash.h"

enum { ROUND_BYTES = 32 << 20, MAX_TASKS = 256, TASK_BYTES = 512 << 10, LEAST_TASK = 64 << 10 };

/* ---- hashing the source beside the work ----------------------------------------------------------------------- */

typedef struct hasher {
    const carat_store *store;
    char (*out)[65];
    size_t file;   /* the one being read */
    uint64_t at;   /* bytes of it that are done */
    carat_map map; /* its own mapping: the store's need not cover the header */
    carat_sha256 *sha;
    carat_status status;
    carat_err err;
} hasher;

static void hash_step(hasher *h, uint64_t bytes)
{
    size_t files = h->out ? carat_store_files(h->store) : 0;
    while (bytes && !h->status && h->file < files) {
        if (!h->sha && ((h->status = carat_map_open(carat_store_file(h->store, h->file), &h->map, &h->err)) ||
                        (h->status = carat_sha256_open(&h->sha, &h->err))))
            return;
        uint64_t n = h->map.size - h->at < bytes ? h->map.size - h->at : bytes;
        if (n) {
            carat_map_advise(h->map.data + h->at, n, CARAT_ADVISE_NEED);
            carat_sha256_add(h->sha, h->map.data + h->at, n);
            carat_map_advise(h->map.data + h->at, n, CARAT_ADVISE_DONE);
        }
        h->at += n;
        bytes -= n;
        if (h->at == h->map.size) {
            carat_sha256_finish(h->sha, h->out[h->file++]);
            h->sha = NULL;
            h->at = 0;
            carat_map_close(&h->map);
        }
    }
}

static void hasher_close(hasher *h)
{
    char unused[65];
    if (h->sha)
        carat_sha256_finish(h->sha, unused);
    carat_map_close(&h->map);
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

typedef struct run {
    const carat_pipeline *p;
    carat_task_env env;
    carat_task *task;
    uint8_t *scratch; /* [thread][env.scratch] */
    size_t n_tasks;
    size_t row; /* next row of the plan, and how far it is cut */
    uint64_t unit;
    uint64_t bytes; /* source bytes of this round */
    hasher hash;
} run;

static uint64_t task_bytes(const carat_pipeline *p)
{
    uint64_t share = p->memory / 8 / (uint64_t)carat_team_size(p->team);
    return share > TASK_BYTES ? TASK_BYTES : share < LEAST_TASK ? LEAST_TASK : share;
}

static carat_task_env env_of(const carat_pipeline *p)
{
    carat_task_env e = {p->plan, p->shards, p->kernels, p->method, task_bytes(p), 0};
    for (size_t i = 0; i < p->plan->n_rows; i++) {
        uint64_t need = carat_task_scratch(&e, &p->plan->rows[i]);
        e.scratch = need > e.scratch ? need : e.scratch;
    }
    e.scratch = (e.scratch + CARAT_ALIGN - 1) / CARAT_ALIGN * CARAT_ALIGN;
    return e;
}

uint64_t carat_pipeline_price(const carat_pipeline *p)
{
    return env_of(p).scratch * (uint64_t)carat_team_size(p->team) + MAX_TASKS * sizeof(carat_task) +
           p->plan->n_rows * sizeof(carat_row) + p->plan->n_parts * sizeof(carat_part);
}

/* Cuts the next stretch of the plan into tasks. */
static void cut_round(run *r)
{
    r->n_tasks = 0;
    r->bytes = 0;
    while (r->n_tasks < MAX_TASKS && r->bytes < ROUND_BYTES && r->row < r->p->plan->n_rows) {
        carat_row *row = &r->p->plan->rows[r->row];
        carat_task *t = &r->task[r->n_tasks];
        if (carat_task_cut(&r->env, row, r->unit, t)) {
            r->unit = t->end;
            r->bytes += t->bytes;
            r->n_tasks++;
        } else {
            r->row++;
            r->unit = 0;
        }
    }
}

static void work(size_t begin, size_t end, int rank, void *ctx)
{
    run *r = ctx;
    for (size_t i = begin; i < end; i++) {
        if (i == 0)
            hash_step(&r->hash, r->bytes);
        else
            carat_task_do(&r->env, &r->task[i - 1], r->scratch + (size_t)rank * r->env.scratch);
    }
}

static carat_status settle(run *r, carat_err *err)
{
    for (size_t i = 0; i < r->n_tasks; i++) {
        carat_task *t = &r->task[i];
        if (t->status) {
            if (err)
                *err = t->err;
            return t->status;
        }
        carat_loss_add(&t->row->loss, &t->loss);
        carat_map_advise(t->source, t->bytes, CARAT_ADVISE_DONE);
    }
    if (r->hash.status && err)
        *err = r->hash.err;
    if (r->hash.status)
        return r->hash.status;
    return carat_interrupted() ? carat_fail(err, CARAT_EINTR, "interrupted; the same command starts over")
                               : CARAT_OK;
}

static carat_status rounds(run *r, carat_err *err)
{
    const carat_pipeline *p = r->p;
    carat_progress bar = carat_progress_begin(p->talk, p->method ? "quantizing" : "converting", "B",
                                              p->plan->before);
    carat_status st = CARAT_OK;
    uint64_t done = 0;
    for (cut_round(r); !st && r->n_tasks; cut_round(r)) {
        carat_map_advise(r->task[0].source, r->bytes, CARAT_ADVISE_NEED);
        carat_team_for(p->team, r->n_tasks + 1, 1, work, r);
        st = settle(r, err);
        carat_progress_at(&bar, done += r->bytes);
    }
    while (!st && p->sha256 &&
           r->hash.file < carat_store_files(p->store)) { /* headers, and what no row needs */
        hash_step(&r->hash, ROUND_BYTES);
        r->n_tasks = 0;
        st = settle(r, err);
    }
    carat_progress_end(&bar);
    return st;
}

carat_status carat_pipeline_run(const carat_pipeline *p, carat_err *err)
{
    uint64_t price = carat_pipeline_price(p);
    if (price > p->memory)
        return carat_fail(err, CARAT_ENOMEM,
                          "needs %" PRIu64 " KiB of memory, --memory allows %" PRIu64 " KiB%s",
                          (price + 1023) >> 10, p->memory >> 10,
                          carat_team_size(p->team) > 1 ? "; fewer threads need less" : "");
    run r = {.p = p, .env = env_of(p), .hash = {.store = p->store, .out = p->sha256}};
    r.task = carat_alloc(MAX_TASKS, sizeof *r.task, err);
    r.scratch = r.task ? carat_alloc((size_t)carat_team_size(p->team), r.env.scratch, err) : NULL;
    carat_status st = r.scratch ? rounds(&r, err) : CARAT_ENOMEM;
    hasher_close(&r.hash);
    carat_free(r.task);
    carat_free(r.scratch);
    return st;
}
