/* Checking the place of an output, its config.json and the files that come along.  SPDX-License-Identifier: Apache-2.0 */
#include "convert/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/base/file.h"

enum { MAX_CONFIG = 16 << 20 };

const char carat_outdir_marker[] = "config.json";

carat_status carat_outdir_check(const carat_store *s, const char *out, bool force, carat_err *err)
{
    if (carat_ends(out, ".gguf"))
        return carat_fail(err, CARAT_ESUPPORT, "%s: GGUF outputs are not in this build; name a directory",
                          out);
    carat_status st = carat_output_spares(out, carat_store_dir(s), err);
    for (size_t i = 0; !st && i < carat_store_files(s); i++) /* they may be links to anywhere */
        st = carat_output_spares(out, carat_store_file(s, i), err);
    return st ? st : carat_output_check(out, carat_outdir_marker, force, err);
}

carat_status carat_outdir_space(const char *out, uint64_t bytes, carat_err *err)
{
    carat_str parent = CARAT_STR_INIT;
    const char *slash = strrchr(out, '/');
    if (slash)
        carat_str_add(&parent, out, slash == out ? 1 : (size_t)(slash - out));
    else
        carat_str_puts(&parent, ".");
    struct statvfs fs;
    carat_status st = carat_str_check(&parent, err);
    if (!st && statvfs(parent.data, &fs) == 0) {
        uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
        char need[16], have[16];
        carat_format_bytes(bytes, need);
        carat_format_bytes(room, have);
        if (room < bytes)
            st = carat_fail(err, CARAT_EIO, "%s: needs %s, its file system has %s free", out, need, have);
    }
    carat_str_free(&parent);
    return st;
}

/* Weights in other containers, and what is written anew. */
static bool stays_behind(const char *name, bool *note)
{
    static const char *const weights[] = {".safetensors", ".bin",  ".pt", ".pth",
                                          ".gguf",        ".onnx", ".h5", ".msgpack"};
    *note = false;
    if (!strcmp(name, "config.json") || carat_ends(name, ".safetensors.index.json"))
        return true;
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        if (carat_ends(name, weights[i])) {
            *note = true;
            return true;
        }
    return false;
}

static carat_status copy_file(const char *from, const char *to, carat_err *err)
{
    carat_map m;
    carat_writer w;
    carat_status st = carat_map_open(from, &m, err);
    if (st)
        return st;
    if (!(st = carat_writer_open(&w, to, err))) {
        carat_write(&w, m.data, m.size);
        st = carat_writer_close(&w, err);
    }
    carat_map_close(&m);
    return st;
}

static bool holds(const carat_store *s, const char *path)
{
    for (size_t i = 0; i < carat_store_files(s); i++)
        if (carat_same_file(carat_store_file(s, i), path))
            return true;
    return false;
}

typedef struct copying {
    const carat_store *from;
    const char *to; /* a directory */
    const carat_talk *talk;
} copying;

static carat_status copy_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    const copying *c = ctx;
    bool note;
    if (!carat_is_file(path))
        return CARAT_OK;
    if (stays_behind(name, &note)) {
        if (note && !holds(c->from, path))
            carat_note(c->talk, "%s is not part of the checkpoint and is not copied", name);
        return CARAT_OK;
    }
    carat_str to = CARAT_STR_INIT;
    carat_path_join(&to, c->to, name);
    carat_status st = carat_str_check(&to, err);
    st = st ? st : copy_file(path, to.data, err);
    carat_str_free(&to);
    return st;
}

carat_status carat_outdir_copy(const carat_store *s, const char *dir, const carat_talk *talk, carat_err *err)
{
    return carat_each_entry(carat_store_dir(s), copy_entry, &(copying){s, dir, talk}, err);
}

/* `dtype` stands at the top and in every sub-config that has one (older files: torch_dtype). */
static carat_status set_dtype(carat_json *root, const char *dtype, carat_err *err)
{
    static const char *const subs[] = {"", "text_config", "vision_config", "audio_config"};
    carat_str text = CARAT_STR_INIT;
    carat_str_printf(&text, "\"%s\"", dtype);
    carat_status st = carat_str_check(&text, err);
    for (size_t i = 0; !st && i < sizeof subs / sizeof subs[0]; i++) {
        /* the tree is ours: the const of the getters only says that they do not change it */
        carat_json *obj = i ? (carat_json *)(uintptr_t)carat_json_get(root, subs[i]) : root;
        bool had = carat_json_get(obj, "dtype") || carat_json_get(obj, "torch_dtype");
        if (!carat_json_is_object(obj) || (i && !had))
            continue;
        carat_json *value;
        carat_json_remove(obj, "torch_dtype");
        if (!(st = carat_json_parse(text.data, text.len, &value, err)))
            st = carat_json_set(obj, "dtype", value, err);
    }
    carat_str_free(&text);
    return st;
}

carat_status carat_outdir_config(const carat_store *s, const char *dir, carat_config_edit edit,
                                 carat_err *err)
{
    carat_str from = CARAT_STR_INIT, to = CARAT_STR_INIT, text = CARAT_STR_INIT;
    carat_json *root = NULL;
    carat_path_join(&from, carat_store_dir(s), "config.json");
    carat_path_join(&to, dir, "config.json");
    carat_status st = carat_str_check(&from, err);
    if (st || (st = carat_str_check(&to, err)) || !carat_is_file(from.data))
        goto out;
    if (edit.keep_all) {
        st = copy_file(from.data, to.data, err);
        goto out;
    }
    if ((st = carat_json_load(from.data, MAX_CONFIG, &root, err)))
        goto out;
    carat_json_remove(root, "quantization_config");
    if (edit.quantization)
        st = carat_json_set(root, "quantization_config", edit.quantization, err);
    edit.quantization = NULL;
    if (!st && edit.dtype)
        st = set_dtype(root, edit.dtype, err);
    if (!st && !(st = carat_json_print(root, &text, err)))
        st = carat_write_file(to.data, text.data, text.len, err);
out:
    carat_json_free(edit.quantization);
    carat_json_free(root);
    carat_str_free(&from);
    carat_str_free(&to);
    carat_str_free(&text);
    return st;
}
