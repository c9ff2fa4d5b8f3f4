/* Files: mapping, reading whole, and writing so that nothing half-done ever stands under a final name.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_BASE_FILE_H
#define CARAT_BASE_FILE_H

#include <stdio.h>
#include "runtime/base/err.h"
#include "runtime/base/str.h"

/* A read-only mapping of a whole regular file. */
typedef struct carat_map {
    const uint8_t *data; /* NULL when size is 0 */
    size_t size;
} carat_map;
carat_status carat_map_open(const char *path, carat_map *out, carat_err *err);
void carat_map_close(carat_map *m);
/* Page-cache hints for [data, data + len); each is only a hint. */
typedef enum carat_advice {
    CARAT_ADVISE_RANDOM,
    CARAT_ADVISE_SEQUENTIAL,
    CARAT_ADVISE_NEED,
    CARAT_ADVISE_DONE
} carat_advice;
void carat_map_advise(const void *data, size_t len, carat_advice advice);

/* Reads a whole file of at most `max` bytes; *data is malloc'ed and NUL-terminated behind its len bytes. */
carat_status carat_read_file(const char *path, size_t max, char **data, size_t *len, carat_err *err);

bool carat_is_file(const char *path);
bool carat_is_dir(const char *path);
bool carat_exists(const char *path);                /* also a dangling link */
bool carat_same_file(const char *a, const char *b); /* one inode, or one resolved path */
/* "dir/name" into a new string of s (cleared first). */
void carat_path_join(carat_str *s, const char *dir, const char *name);
const char *carat_path_base(const char *path); /* behind the last '/' */
bool carat_plain_name(const char *name);       /* one that stays inside the directory it is looked up in */
/* Names of the entries of a directory (without . and ..), sorted bytewise; free each and the array. */
carat_status carat_list_dir(const char *dir, char ***names, size_t *n, carat_err *err);
/* Calls fn for each of them, in that order, until it fails. */
typedef carat_status carat_entry_fn(void *ctx, const char *path, const char *name, carat_err *err);
carat_status carat_each_entry(const char *dir, carat_entry_fn *fn, void *ctx, carat_err *err);
const char *carat_temp_dir(void);                              /* $TMPDIR, or /tmp */
carat_status carat_make_dir(const char *path, carat_err *err); /* with parents; existing is fine */
/* A file, or a directory with all in it; missing is fine. Links are removed, not followed. */
carat_status carat_remove_tree(const char *path, carat_err *err);

/* Where an output may stand. marker: NULL for a file; for a directory the file that tells its kind, such as "config.json".
 * check: CARAT_EUSAGE if PATH is no name, exists (unless force), or is what no output replaces: for a file a directory, a device or a pipe;
 * for a directory a file, or a directory that holds other things than MARKER shows. CARAT_EIO if its parent is missing.
 * spares: an output may never be its own input. CARAT_EUSAGE if PATH is `input` (a file or a directory), holds it, or would replace a
 * file that lies in it. Commands ask both before their work; begin and commit ask the first again. */
carat_status carat_output_check(const char *path, const char *marker, bool force, carat_err *err);
carat_status carat_output_spares(const char *path, const char *input, carat_err *err);
/* A regular file that is empty or begins with `text`: a report may take the place of an older one without force. */
bool carat_file_begins(const char *path, const char *text);

/* An output under construction: PATH.partial.PID beside PATH, a file or a directory. commit: fsync all of it,
 * rename to PATH, fsync the parent. abort: removes it. What stands at PATH is replaced at commit, in one step
 * where the system can. Stale partials of dead processes beside PATH are removed at begin. Long work asks
 * carat_interrupted() and aborts. */
typedef struct carat_output {
    char *final_path;
    char *temp_path;    /* write here */
    const char *marker; /* as given to begin; a string that lives on */
    bool force;
} carat_output;
carat_status carat_output_begin(carat_output *o, const char *path, const char *marker, bool force,
                                carat_err *err);
carat_status carat_output_commit(carat_output *o, carat_err *err);
void carat_output_abort(carat_output *o); /* also after commit: frees the paths */
/* One small file in one go: begin (force), write, commit. */
carat_status carat_write_file(const char *path, const void *data, size_t len, carat_err *err);

/* Buffered writing with errors kept until close; for files inside a carat_output or streams of results. */
typedef struct carat_writer {
    FILE *f;
    char *path;
    uint64_t written;
    int error; /* first errno */
} carat_writer;
carat_status carat_writer_open(carat_writer *w, const char *path, carat_err *err);
void carat_write(carat_writer *w, const void *data, size_t len);
/* Flushes, syncs and closes; reports the first error. */
carat_status carat_writer_close(carat_writer *w, carat_err *err);

#endif
