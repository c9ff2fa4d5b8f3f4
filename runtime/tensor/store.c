/* A checkpoint's tensors by name.                                      SPDX-License-Identifier: Apache-2.0
 *
 * Owns the mapped files: one, or a shard set, which must agree with its index exactly: a tensor that lies elsewhere than the index says
 * is an error, never a guess. Where a MODEL lies is locate.c's. */
#include "runtime/tensor/store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/map.h"
#include "runtime/tensor/safetensors.h"

enum { INDEX_MAX = 200000000, FILES_MAX = 65536 };

typedef struct store_file {
    char *path;
    carat_map map;
    carat_st_file content;
} store_file;

struct carat_store {
    char *dir;
    store_file *files;
    size_t n_files, cap_files;
    carat_tensor *tensors; /* by file, then offset */
    size_t n;
    uint64_t bytes;
    carat_table names; /* -> index into tensors */
    carat_arena arena;
};

/* ---- files -------------------------------------------------------------------------------------------------- */

static carat_status add_file(carat_store *s, const char *path, carat_err *err)
{
    carat_status status = carat_grow((void **)&s->files, &s->cap_files, s->n_files + 1, sizeof *s->files,
                                     err);

    if (status != CARAT_OK)
        return status;
    store_file *f = &s->files[s->n_files];
    *f = (store_file){0};
    if (!(f->path = strdup(path)))
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a path");
    s->n_files++; /* from here on closing the store frees it */
    if ((status = carat_map_open(path, &f->map, err)) != CARAT_OK)
        return status;
    status = carat_safetensors_parse(f->map.data, f->map.size, (uint32_t)(s->n_files - 1), &s->arena,
                                     &f->content, err);
    return status == CARAT_OK ? CARAT_OK : carat_fail_in(err, status, path);
}

/* All files are there: one list, one table. */
static carat_status collect(carat_store *s, carat_err *err)
{
    size_t total = 0;
    bool was = false;

    for (size_t f = 0; f < s->n_files; f++)
        total += s->files[f].content.n;
    if (total > UINT32_MAX)
        return carat_fail(err, CARAT_ESUPPORT, "%zu tensors are too many", total);
    if (!(s->tensors = carat_arena_alloc(&s->arena, total, sizeof *s->tensors, err)))
        return CARAT_ENOMEM;
    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t i = 0; i < s->files[f].content.n; i++, s->n++) {
            carat_tensor *t = &s->tensors[s->n];
            *t = s->files[f].content.tensors[i];
            s->bytes += t->bytes; /* <= the sizes of the files */
            carat_status status = carat_table_put(&s->names, t->name, strlen(t->name), (uint32_t)s->n, &was,
                                                  err);
            if (status != CARAT_OK)
                return status;
            if (was)
                return carat_fail(err, CARAT_EFORMAT, "%s: tensor %s is in %s too", s->files[f].path, t->name,
                                  carat_path_base(s->files[carat_store_find(s, t->name)->file].path));
        }
    }
    return CARAT_OK;
}

/* ---- a shard set -------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The shard names of a weight_map, each once, sorted; borrowed from the tree. */
static carat_status shard_names(const carat_json *map, const char *path, const char ***out, size_t *n,
                                carat_err *err)
{
    const char **names = carat_alloc(carat_json_count(map), sizeof *names, err);
    carat_table seen = {0};
    carat_status status = names ? CARAT_OK : CARAT_ENOMEM;

    *n = 0;
    for (const carat_json *m = carat_json_first(map); status == CARAT_OK && m; m = carat_json_next(m)) {
        const char *shard = "";
        bool was = false;
        if (!carat_json_is_string(m))
            status = carat_fail(err, CARAT_EFORMAT, "%s: weight_map gives no file for %.200s", path,
                                carat_json_key(m));
        else
            status = carat_json_text(m, "weight_map", &shard, err);
        if (status == CARAT_OK && !carat_plain_name(shard))
            status = carat_fail(err, CARAT_EFORMAT, "%s: shard '%.200s' is not a plain file name", path,
                                shard);
        if (status == CARAT_OK)
            status = carat_table_put(&seen, shard, strlen(shard), 0, &was, err);
        if (status == CARAT_OK && !was)
            names[(*n)++] = shard;
    }
    if (status == CARAT_OK && (*n == 0 || *n > FILES_MAX))
        status = carat_fail(err, CARAT_EFORMAT, "%s: weight_map names %zu files", path, *n);
    carat_table_free(&seen);
    if (status == CARAT_OK) {
        qsort(names, *n, sizeof *names, by_name);
        *out = names;
    } else
        carat_free(names);
    return status;
}

/* Both ways: what the index says is where it says, and nothing else is in the shards. */
static carat_status check_index(const carat_store *s, const carat_json *map, carat_err *err)
{
    size_t listed = 0;

    for (const carat_json *m = carat_json_first(map); m; m = carat_json_next(m), listed++) {
        const carat_tensor *t = carat_store_find(s, carat_json_key(m));
        const char *want = "";
        carat_status status = carat_json_text(m, "weight_map", &want, err);
        if (status != CARAT_OK)
            return status;
        if (!t)
            return carat_fail(err, CARAT_EFORMAT,
                              "tensor %.200s: the index puts it in %s, which does not hold it",
                              carat_json_key(m), want);
        if (strcmp(want, carat_path_base(carat_store_file(s, t->file))) != 0)
            return carat_fail(err, CARAT_EFORMAT, "tensor %.200s: the index puts it in %s, it lies in %s",
                              t->name, want, carat_path_base(carat_store_file(s, t->file)));
    }
    if (listed == s->n)
        return CARAT_OK;
    carat_table names = {0};
    carat_status status = CARAT_OK;
    for (const carat_json *m = carat_json_first(map); status == CARAT_OK && m; m = carat_json_next(m))
        status = carat_table_put(&names, carat_json_key(m), strlen(carat_json_key(m)), 0, NULL, err);
    for (size_t i = 0; status == CARAT_OK && i < s->n; i++) {
        uint32_t unused;
        const carat_tensor *t = &s->tensors[i];
        if (!carat_table_get(&names, t->name, strlen(t->name), &unused))
            status = carat_fail(err, CARAT_EFORMAT, "tensor %.200s in %s is not in the index", t->name,
                                carat_path_base(carat_store_file(s, t->file)));
    }
    carat_table_free(&names);
    return status;
}

static carat_status open_shards(carat_store *s, const char *index, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_json *root = NULL;
    const char **names = NULL;
    size_t n = 0;
    carat_status status = carat_is_file(index) ? carat_json_load(index, INDEX_MAX, &root, err)
                                               : carat_fail(err, CARAT_EFORMAT, "%s: not a file", index);

    if (status != CARAT_OK)
        return status;
    const carat_json *map = carat_json_get(root, "weight_map");
    if (!carat_json_is_object(map))
        status = carat_fail(err, CARAT_EFORMAT, "%s: no weight_map", index);
    else
        status = shard_names(map, index, &names, &n, err);
    for (size_t i = 0; status == CARAT_OK && i < n; i++) {
        carat_path_join(&path, s->dir, names[i]);
        if ((status = carat_str_check(&path, err)) != CARAT_OK)
            break;
        if (!carat_is_file(path.data))
            status = carat_fail(err, CARAT_EFORMAT, "%s: shard %s is missing; download it or copy it there",
                                index, names[i]);
        else
            status = add_file(s, path.data, err);
    }
    if (status == CARAT_OK)
        status = collect(s, err);
    if (status == CARAT_OK && (status = check_index(s, map, err)) != CARAT_OK)
        carat_fail_in(err, status, index);
    carat_free(names);
    carat_json_free(root);
    carat_str_free(&path);
    return status;
}

/* ---- a directory -------------------------------------------------------------------------------------------- */

/* No file of the usual name: the one *.safetensors there is, or an error that says what is there instead. */
static carat_status find_single(const char *dir, carat_str *out, carat_err *err)
{
    char **names = NULL;
    const char *found = NULL, *gguf = NULL;
    size_t n = 0, candidates = 0;
    carat_status status = carat_list_dir(dir, &names, &n, err);

    if (status != CARAT_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        if (carat_ends(names[i], ".gguf"))
            gguf = names[i];
        if (carat_ends(names[i], ".safetensors") && candidates++ == 0)
            found = names[i];
    }
    if (candidates == 1)
        carat_path_join(out, dir, found);
    else if (candidates > 1)
        status = carat_fail(err, CARAT_EFORMAT,
                            "%s: %zu .safetensors files (%s, ...), but neither model.safetensors nor "
                            "model.safetensors.index.json; name the file",
                            dir, candidates, found);
    else if (gguf)
        status = carat_fail(err, CARAT_ESUPPORT, "%s: holds %s, and this build does not read GGUF", dir,
                            gguf);
    else
        status = carat_fail(err, CARAT_EFORMAT,
                            "%s: neither model.safetensors nor model.safetensors.index.json", dir);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return status == CARAT_OK ? carat_str_check(out, err) : status;
}

/* The file to open: a path that the user named, or what the directory holds (as transformers: one file before an index). */
static carat_status find_file(const char *path, const char *dir, carat_str *out, carat_err *err)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};

    if (carat_exists(path) && !carat_is_dir(path)) {
        carat_str_puts(out, path);
        return carat_str_check(out, err);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        carat_path_join(out, dir, names[i]);
        if (carat_exists(out->data))
            return carat_str_check(out, err);
    }
    return find_single(dir, out, err);
}

carat_status carat_store_open(const char *path, carat_store **out, carat_err *err)
{
    carat_str file = CARAT_STR_INIT;
    carat_store *s = carat_alloc(1, sizeof *s, err);
    carat_status status = s ? carat_store_resolve(path, &s->dir, err) : CARAT_ENOMEM;

    if (status == CARAT_OK)
        status = find_file(path, s->dir, &file, err);
    if (status != CARAT_OK)
        goto out;
    if (carat_ends(file.data, ".gguf"))
        status = carat_fail(err, CARAT_ESUPPORT,
                            "%s: this build does not read GGUF; name the safetensors checkpoint", path);
    else if (carat_ends(file.data, ".index.json"))
        status = open_shards(s, file.data, err);
    else if (!carat_ends(file.data, ".safetensors"))
        status = carat_fail(err, CARAT_EFORMAT, "%s: not a .safetensors file", path);
    else if ((status = add_file(s, file.data, err)) == CARAT_OK)
        status = collect(s, err);
out:
    carat_str_free(&file);
    if (status == CARAT_OK)
        *out = s;
    else
        carat_store_close(s);
    return status;
}

void carat_store_close(carat_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_files; i++) {
        carat_map_close(&s->files[i].map);
        free(s->files[i].path);
    }
    free(s->files);
    free(s->dir);
    carat_table_free(&s->names);
    carat_arena_free(&s->arena);
    carat_free(s);
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

const char *carat_store_dir(const carat_store *s)
{
    return s->dir;
}

size_t carat_store_count(const carat_store *s)
{
    return s->n;
}

const carat_tensor *carat_store_at(const carat_store *s, size_t i)
{
    return i < s->n ? &s->tensors[i] : NULL;
}

const carat_tensor *carat_store_find(const carat_store *s, const char *name)
{
    uint32_t i;
    return carat_table_get(&s->names, name, strlen(name), &i) ? &s->tensors[i] : NULL;
}

size_t carat_store_files(const carat_store *s)
{
    return s->n_files;
}

const char *carat_store_file(const carat_store *s, size_t file)
{
    return file < s->n_files ? s->files[file].path : NULL;
}

uint64_t carat_store_bytes(const carat_store *s)
{
    return s->bytes;
}

const char *carat_store_meta(const carat_store *s, const char *key)
{
    const carat_st_file *f = &s->files[0].content;
    for (size_t i = 0; i < f->n_meta; i++)
        if (strcmp(f->meta[2 * i], key) == 0)
            return f->meta[2 * i + 1];
    return NULL;
}

bool carat_store_meta_at(const carat_store *s, size_t i, const char **key, const char **value)
{
    const carat_st_file *f = &s->files[0].content;
    if (i >= f->n_meta)
        return false;
    *key = f->meta[2 * i];
    *value = f->meta[2 * i + 1];
    return true;
}
