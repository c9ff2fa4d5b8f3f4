/* Writing a directory: shards, config.json, the other files, then one rename.      SPDX-License-Identifier: Apache-2.0
 *
 * __metadata__ of every file: format=pt (transformers asks for it), carat's version, scheme, method and the SHA-256 of each
 * source file by name. No paths and no dates: the same input gives the same bytes. */
#include "convert/export.h"

#include <signal.h>
#include <string.h>

#include "convert/pipeline.h"
#include "runtime/base/file.h"

static const uint64_t shard_bytes = 5000000000u; /* as transformers: 5 GB */
static const uint64_t default_memory = 512u << 20;

typedef struct meta {
    const char **pair; /* key, value, ... */
    size_t n;
    carat_arena arena;
} meta;

/* Adds a pair unless its key is there; room has been made. */
static void put(meta *m, const char *key, const char *value)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->pair[2 * i], key) == 0)
            return;
    m->pair[2 * m->n] = key;
    m->pair[2 * m->n++ + 1] = value;
}

/* Values of the hashes are pointers into e->sha256, which is filled in later: their lengths do not change. */
static carat_status put_hashes(const carat_export *e, meta *m, carat_err *err)
{
    for (size_t i = 0; i < carat_store_files(e->store); i++) {
        carat_str key = CARAT_STR_INIT;
        carat_str_printf(&key, "source.sha256.%s", carat_path_base(carat_store_file(e->store, i)));
        const char *copy = key.failed ? NULL : carat_arena_copy(&m->arena, key.data, key.len, err);
        carat_str_free(&key);
        if (!copy)
            return carat_fail(err, CARAT_ENOMEM, "out of memory for the metadata");
        memset(e->sha256[i], '0', 64);
        e->sha256[i][64] = 0;
        put(m, copy, e->sha256[i]);
    }
    return CARAT_OK;
}

static carat_status make_meta(const carat_export *e, meta *m, carat_err *err)
{
    const char *const fixed[][2] = {{"format", "pt"},
                                    {"carat.version", CARAT_VERSION},
                                    {"carat.scheme", e->scheme},
                                    {"carat.method", e->method ? e->method->name : "none"}};
    enum { N_FIXED = sizeof fixed / sizeof fixed[0] };
    const char *key, *value;
    size_t room = N_FIXED + (e->hash ? carat_store_files(e->store) : 0), n = 0;
    while (e->keep_meta && carat_store_meta_at(e->store, n, &key, &value))
        n++;
    if (!(m->pair = carat_arena_alloc(&m->arena, 2 * (room + n), sizeof *m->pair, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < n && carat_store_meta_at(e->store, i, &key, &value); i++)
        put(m, key, value);
    for (size_t i = 0; i < N_FIXED; i++)
        put(m, fixed[i][0], fixed[i][1]);
    return e->hash ? put_hashes(e, m, err) : CARAT_OK;
}

static carat_status fill(carat_export *e, carat_shards *shards, const char *dir, const meta *m,
                         carat_err *err)
{
    carat_pipeline run = {.plan = e->plan,
                          .shards = shards,
                          .store = e->store,
                          .method = e->method,
                          .memory = e->memory ? e->memory : default_memory,
                          .talk = &e->common->talk,
                          .sha256 = e->hash ? e->sha256 : NULL};
    carat_config_edit config = e->config;
    carat_status st = carat_kernels_pick(NULL, &run.kernels, err);
    if (!st)
        st = carat_team_open((int)e->common->threads, &run.team, err);
    if (!st && !(st = carat_shards_create(shards, dir, err)))
        st = carat_pipeline_run(&run, err);
    carat_team_close(run.team);
    if (!st)
        st = carat_shards_finish(shards, m->pair, m->n, err);
    if (!st)
        st = carat_outdir_copy(e->store, dir, &e->common->talk, err);
    if (!st) {
        e->config.quantization = NULL;
        st = carat_outdir_config(e->store, dir, config, err);
    }
    return st;
}

carat_status carat_export_run(carat_export *e, carat_err *err)
{
    meta m = {0};
    carat_shards *shards = NULL;
    carat_output output = {0};
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error like a full disk */
    carat_status st = carat_outdir_check(e->store, e->out, e->force, err);
    if (st || (st = make_meta(e, &m, err)) ||
        (st = carat_shards_plan(e->plan, shard_bytes, m.pair, m.n, &shards, err)) ||
        (st = carat_outdir_space(e->out, carat_shards_bytes(shards), err)) ||
        (st = carat_output_begin(&output, e->out, carat_outdir_marker, e->force, err)))
        goto out;
    st = fill(e, shards, output.temp_path, &m, err);
    if (!st && carat_interrupted())
        st = carat_fail(err, CARAT_EINTR, "interrupted; the same command starts over");
    if (!st)
        st = carat_output_commit(&output, err);
out:
    carat_output_abort(&output);
    carat_shards_close(shards);
    carat_json_free(e->config.quantization);
    e->config.quantization = NULL;
    carat_arena_free(&m.arena);
    return st;
}
