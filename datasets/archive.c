/* Compressed files (archive.h). The only user of libarchive.                       SPDX-License-Identifier: Apache-2.0 */
#include "datasets/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/sample.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

struct carat_stream_in {
    struct archive *archive;
    bool empty;
    char path[]; /* for messages */
};

static carat_status refuse(const carat_stream_in *s, carat_err *err)
{
    int number = archive_errno(s->archive);
    const char *text = archive_error_string(s->archive);
    return carat_fail(err, number > 0 ? CARAT_EIO : CARAT_EFORMAT, "%s: %s", s->path,
                      text ? text : "cannot be unpacked");
}

carat_status carat_stream_in_open(const char *path, carat_stream_in **out, carat_err *err)
{
    size_t len = strlen(path);
    const carat_sample_file *sample = carat_sample_find(path);
    bool named = !sample && strcmp(path, "-") != 0;
    if (named && access(path, R_OK) != 0)
        return carat_fail_errno(err, "%s", path);
    if (named && carat_is_dir(path))
        return carat_fail(err, CARAT_EIO, "%s: is a directory", path);
    carat_stream_in *s = carat_alloc(sizeof *s + len + 1, 1, err);
    if (!s)
        return CARAT_ENOMEM;
    memcpy(s->path, path, len + 1);
    s->archive = archive_read_new();
    if (!s->archive) {
        carat_free(s);
        return carat_fail(err, CARAT_ENOMEM, "out of memory for %s", path);
    }
    archive_read_support_filter_all(s->archive);
    archive_read_support_format_raw(s->archive);
    archive_read_support_format_empty(s->archive);
    struct archive_entry *entry;
    int st = sample ? archive_read_open_memory(s->archive, sample->data, sample->len)
                    : archive_read_open_filename(s->archive, named ? path : NULL, 1 << 16);
    if (st == ARCHIVE_OK)
        st = archive_read_next_header(s->archive, &entry);
    if (st != ARCHIVE_OK && st != ARCHIVE_EOF) {
        carat_status status = refuse(s, err);
        carat_stream_in_close(s);
        return status;
    }
    s->empty = st == ARCHIVE_EOF;
    *out = s;
    return CARAT_OK;
}

void carat_stream_in_close(carat_stream_in *s)
{
    if (!s)
        return;
    archive_read_free(s->archive);
    carat_free(s);
}

carat_status carat_stream_in_read(carat_stream_in *s, char *buffer, size_t size, size_t *got, carat_err *err)
{
    la_ssize_t n = s->empty ? 0 : archive_read_data(s->archive, buffer, size);
    if (n < 0)
        return refuse(s, err);
    *got = (size_t)n;
    return CARAT_OK;
}
