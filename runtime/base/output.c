/* Writing so that nothing half-done ever stands under a final name (file.h).       SPDX-License-Identifier: Apache-2.0
 *
 * A rename within one directory is atomic, so an output is built as NAME.partial.PID beside its final name,
 * synced, and renamed. What a killed run left is found by its dead PID and removed by the next run that
 * writes the same name. */
#include "runtime/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *carat_temp_dir(void)
{
    const char *dir = getenv("TMPDIR");
    return dir && *dir ? dir : "/tmp";
}

carat_status carat_make_dir(const char *path, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_str_puts(&s, path);
    carat_status st = carat_str_check(&s, err);
    for (size_t i = 1; !st && i <= s.len; i++) {
        if (i < s.len && s.data[i] != '/')
            continue;
        char c = s.data[i];
        s.data[i] = 0;
        if (mkdir(s.data, 0777) != 0 && errno != EEXIST)
            st = carat_fail_errno(err, "%s", s.data);
        else if (!carat_is_dir(s.data))
            st = carat_fail(err, CARAT_EIO, "%s: exists and is not a directory", s.data);
        s.data[i] = c;
    }
    carat_str_free(&s);
    return st;
}

static carat_status remove_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    (void)ctx, (void)name;
    return carat_remove_tree(path, err);
}

carat_status carat_remove_tree(const char *path, carat_err *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? CARAT_OK : carat_fail_errno(err, "%s", path);
    bool dir = S_ISDIR(info.st_mode);
    carat_status st = dir ? carat_each_entry(path, remove_entry, NULL, err) : CARAT_OK;
    if (!st && (dir ? rmdir(path) : unlink(path)) != 0)
        st = carat_fail_errno(err, "%s", path);
    return st;
}

/* The directory part of path in s: "." when it has none. */
static void parent_of(carat_str *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    carat_str_clear(s);
    if (!slash)
        carat_str_puts(s, ".");
    else
        carat_str_add(s, path, slash == path ? 1 : (size_t)(slash - path));
}

static carat_status sync_path(const char *path, carat_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return carat_fail_errno(err, "%s", path);
    /* some file systems cannot sync a directory: then there is nothing more to be had */
    bool failed = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    carat_status st = failed ? carat_fail_errno(err, "%s", path) : CARAT_OK;
    close(fd);
    return st;
}

static carat_status sync_tree(void *ctx, const char *path, const char *name, carat_err *err)
{
    (void)name;
    carat_status st = carat_is_dir(path) ? carat_each_entry(path, sync_tree, ctx, err) : CARAT_OK;
    return st ? st : sync_path(path, err);
}

static carat_status sweep_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    (void)err;
    const carat_str *prefix = ctx;
    char *end;
    long pid = carat_starts(name, prefix->data) ? strtol(name + prefix->len, &end, 10) : 0;
    if (pid > 0 && *end == 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        carat_remove_tree(path, NULL);
    return CARAT_OK;
}

/* Removes BASE.partial.PID entries in dir whose process is gone; what cannot be removed stays, and harms nobody. */
static void sweep(const char *dir, const char *base)
{
    carat_str prefix = CARAT_STR_INIT;
    carat_str_printf(&prefix, "%s.partial.", base);
    if (!carat_str_check(&prefix, NULL))
        carat_each_entry(dir, sweep_entry, &prefix, NULL);
    carat_str_free(&prefix);
}

bool carat_file_begins(const char *path, const char *text)
{
    char head[64];
    struct stat info;
    size_t want = strlen(text), n = 0;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || want > sizeof head)
        return false;
    FILE *f = fopen(path, "rbe");
    if (f) {
        n = fread(head, 1, want, f);
        fclose(f);
    }
    return f && (info.st_size == 0 || (n == want && memcmp(head, text, want) == 0));
}

/* Does a directory hold nothing, or what tells its kind? */
static bool may_replace(const char *dir, const char *marker)
{
    char **names;
    size_t n;
    bool may = false;
    if (carat_list_dir(dir, &names, &n, NULL))
        return false;
    may = n == 0;
    for (size_t i = 0; i < n; i++) {
        may = may || strcmp(names[i], marker) == 0;
        free(names[i]);
    }
    free(names);
    return may;
}

static carat_status check_kind(const char *path, const char *marker, carat_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return CARAT_OK;
    if (!marker && S_ISDIR(info.st_mode))
        return carat_fail(err, CARAT_EUSAGE, "%s: is a directory, the output is a file", path);
    if (marker && !S_ISDIR(info.st_mode))
        return carat_fail(err, CARAT_EUSAGE, "%s: is a file, the output is a directory", path);
    if (!marker && !S_ISREG(info.st_mode))
        return carat_fail(err, CARAT_EUSAGE, "%s: is no regular file, and is not replaced by one", path);
    if (marker && !may_replace(path, marker))
        return carat_fail(err, CARAT_EUSAGE,
                          "%s: holds other things and no %s, and is never replaced; take another name", path,
                          marker);
    return CARAT_OK;
}

/* PATH without slashes at its end, and the directory that it is in. */
static carat_status split(const char *path, carat_str *final, carat_str *parent, carat_err *err)
{
    carat_str_puts(final, path);
    while (final->len > 1 && final->data[final->len - 1] == '/')
        final->data[--final->len] = 0;
    carat_status st = carat_str_check(final, err);
    if (st)
        return st;
    parent_of(parent, final->data);
    const char *base = carat_path_base(final->data);
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return carat_fail(err, CARAT_EUSAGE, "'%s' is not a name that can be written", path);
    return carat_str_check(parent, err);
}

carat_status carat_output_check(const char *path, const char *marker, bool force, carat_err *err)
{
    carat_str final = CARAT_STR_INIT, parent = CARAT_STR_INIT;
    carat_status st = split(path, &final, &parent, err);
    if (!st && !carat_is_dir(parent.data))
        st = carat_fail(err, CARAT_EIO, "%s: no such directory", parent.data);
    if (!st && access(parent.data, W_OK | X_OK) != 0)
        st = carat_fail_errno(err, "%s", parent.data);
    if (!st)
        st = check_kind(final.data, marker, err);
    if (!st && !force && carat_exists(final.data))
        st = carat_fail(err, CARAT_EUSAGE, "%s: exists already; --force replaces it", final.data);
    carat_str_free(&final);
    carat_str_free(&parent);
    return st;
}

/* inner, or a directory around it, is outer. Both are absolute and without links. */
static bool around(const char *outer, const char *inner)
{
    size_t n = strlen(outer);
    return strncmp(outer, inner, n) == 0 && (inner[n] == 0 || inner[n] == '/' || n == 1);
}

carat_status carat_output_spares(const char *path, const char *input, carat_err *err)
{
    carat_str final = CARAT_STR_INIT, parent = CARAT_STR_INIT;
    char *in = realpath(input, NULL), *out = realpath(path, NULL), *beside = NULL;
    carat_status st = in && out ? split(path, &final, &parent, err)
                                : CARAT_OK; /* else there is nothing to lose */
    if (st || !in || !out)
        goto out;
    beside = realpath(parent.data, NULL);
    if (around(out, in))
        st = carat_fail(err, CARAT_EUSAGE, "%s: the output %s its own input", path,
                        strcmp(out, in) == 0 ? "is" : "would replace a directory that holds");
    else if (!carat_is_dir(path) && beside && strcmp(beside, in) == 0)
        st = carat_fail(err, CARAT_EUSAGE, "%s: the output would replace a file of its own input", path);
out:
    free(in);
    free(out);
    free(beside);
    carat_str_free(&final);
    carat_str_free(&parent);
    return st;
}

carat_status carat_output_begin(carat_output *o, const char *path, const char *marker, bool force,
                                carat_err *err)
{
    *o = (carat_output){.marker = marker, .force = force};
    carat_str final = CARAT_STR_INIT, temp = CARAT_STR_INIT, parent = CARAT_STR_INIT;
    carat_status st = carat_output_check(path, marker, force, err);
    if (st || (st = split(path, &final, &parent, err)))
        goto out;
    carat_str_printf(&temp, "%s.partial.%ld", final.data, (long)getpid());
    if ((st = carat_str_check(&temp, err)))
        goto out;
    sweep(parent.data, carat_path_base(final.data));
    if ((st = carat_remove_tree(temp.data, err)))
        goto out;
    if (marker && mkdir(temp.data, 0777) != 0) {
        st = carat_fail_errno(err, "%s", temp.data);
        goto out;
    }
    o->final_path = carat_str_take(&final);
    o->temp_path = carat_str_take(&temp);
    if (!o->final_path || !o->temp_path) {
        st = carat_fail(err, CARAT_ENOMEM, "out of memory for a path");
        carat_output_abort(o);
    }
out:
    carat_str_free(&final);
    carat_str_free(&temp);
    carat_str_free(&parent);
    return st;
}

/* Swaps two names in one step, where the system can: then the old directory stands under the temporary name.
 */
static bool exchange(const char *a, const char *b)
{
#if defined(__linux__) && defined(RENAME_EXCHANGE)
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
#else
    (void)a;
    (void)b;
    return false;
#endif
}

/* Elsewhere an existing directory, which cannot be renamed over, steps aside first and is removed when the
 * new one stands. */
static carat_status step_aside(const char *path, carat_str *old, carat_err *err)
{
    carat_str_printf(old, "%s.partial.%ld.old", path, (long)getpid());
    carat_status st = carat_str_check(old, err);
    if (!st && rename(path, old->data) != 0)
        st = carat_fail_errno(err, "%s", path);
    return st;
}

carat_status carat_output_commit(carat_output *o, carat_err *err)
{
    carat_str old = CARAT_STR_INIT, parent = CARAT_STR_INIT;
    carat_status st = carat_output_check(o->final_path, o->marker, o->force, err);
    if (!st)
        st = sync_tree(NULL, o->temp_path, NULL, err);
    bool replace = o->marker && carat_exists(o->final_path);
    bool swapped = !st && replace && exchange(o->temp_path, o->final_path);
    if (!st && replace && !swapped)
        st = step_aside(o->final_path, &old, err);
    if (!st && !swapped && rename(o->temp_path, o->final_path) != 0) {
        st = carat_fail_errno(err, "%s", o->final_path);
        if (old.len)
            (void)!rename(old.data, o->final_path);
    }
    if (!st) {
        parent_of(&parent, o->final_path);
        st = sync_path(parent.data, err);
        if (swapped)
            carat_remove_tree(o->temp_path, NULL);
        free(o->temp_path);
        o->temp_path = NULL;
        if (old.len)
            carat_remove_tree(old.data, NULL);
    }
    carat_str_free(&old);
    carat_str_free(&parent);
    return st;
}

void carat_output_abort(carat_output *o)
{
    if (o->temp_path)
        carat_remove_tree(o->temp_path, NULL);
    free(o->temp_path);
    free(o->final_path);
    o->temp_path = o->final_path = NULL;
}

carat_status carat_write_file(const char *path, const void *data, size_t len, carat_err *err)
{
    carat_output o;
    carat_writer w;
    carat_status st = carat_output_begin(&o, path, NULL, true, err);
    if (st)
        return st;
    if (!(st = carat_writer_open(&w, o.temp_path, err))) {
        carat_write(&w, data, len);
        st = carat_writer_close(&w, err);
    }
    if (!st)
        st = carat_output_commit(&o, err);
    carat_output_abort(&o);
    return st;
}

/* ---- writers ------------------------------------------------------------------------------------------- */

carat_status carat_writer_open(carat_writer *w, const char *path, carat_err *err)
{
    *w = (carat_writer){fopen(path, "wbe"), strdup(path), 0, 0};
    if (w->f && w->path)
        return CARAT_OK;
    carat_status st = carat_fail_errno(err, "%s", path);
    if (w->f)
        fclose(w->f);
    free(w->path);
    *w = (carat_writer){0};
    return st;
}

void carat_write(carat_writer *w, const void *data, size_t len)
{
    if (w->error || !len)
        return;
    if (fwrite(data, 1, len, w->f) != len)
        w->error = errno ? errno : EIO;
    else
        w->written += len;
}

carat_status carat_writer_close(carat_writer *w, carat_err *err)
{
    if (!w->f)
        return CARAT_OK;
    if (fflush(w->f) != 0 && !w->error)
        w->error = errno;
    if (!w->error && fsync(fileno(w->f)) != 0 && errno != EINVAL && errno != ENOTSUP)
        w->error = errno;
    if (fclose(w->f) != 0 && !w->error)
        w->error = errno;
    carat_status st = CARAT_OK;
    if (w->error) {
        errno = w->error;
        st = carat_fail_errno(err, "%s: writing byte %llu", w->path, (unsigned long long)w->written);
    }
    free(w->path);
    *w = (carat_writer){0};
    return st;
}
