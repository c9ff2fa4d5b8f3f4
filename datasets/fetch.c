/* Fetching and checking files of data sets (fetch.h).                              SPDX-License-Identifier: Apache-2.0 */
#include "datasets/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/http.h"
#include "datasets/table.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/hash.h"

static const uint64_t most_bytes = (uint64_t)64 << 30; /* of a file whose size is not known */

/* ---- checks -------------------------------------------------------------------------------------------------- */

static carat_status count_rows(const char *path, uint64_t *rows, carat_err *err)
{
    carat_table t = {0};
    carat_str row = CARAT_STR_INIT;
    carat_status st = carat_table_open(path, &t, err);
    bool more = true;
    *rows = 0;
    while (!st && !(st = carat_table_next(&t, &row, &more, err)) && more) {
        ++*rows;
        if (carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted");
    }
    carat_table_close(&t);
    carat_str_free(&row);
    return st;
}

static carat_status check_bytes(const carat_dataset_file *want, const char *path, carat_fetch_check *out,
                                carat_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return carat_fail_errno(err, "%s", path);
    out->bytes = (uint64_t)info.st_size;
    if (want->bytes && want->bytes != out->bytes)
        return carat_fail(err, CARAT_EFORMAT, "%s: %" PRIu64 " bytes, should be %" PRIu64, path, out->bytes,
                          want->bytes);
    carat_status st = carat_sha256_file(path, out->sha256, err);
    if (!st && want->sha256 && strcmp(want->sha256, out->sha256) != 0)
        st = carat_fail(err, CARAT_EFORMAT, "%s: sha256 %s, should be %s", path, out->sha256, want->sha256);
    return st;
}

carat_status carat_fetch_verify(const carat_dataset_file *want, const char *path, bool rows,
                                carat_fetch_check *out, carat_err *err)
{
    *out = (carat_fetch_check){0};
    carat_status st = carat_starts(path, "sample:") ? CARAT_OK : check_bytes(want, path, out, err);
    if (st || !rows || carat_ends(want->path, ".txt"))
        return st;
    if (!(st = count_rows(path, &out->rows, err)) && want->rows && want->rows != out->rows)
        st = carat_fail(err, CARAT_EFORMAT, "%s: %" PRIu64 " rows, should be %" PRIu64, path, out->rows,
                        want->rows);
    return st;
}

/* ---- putting a file under its name --------------------------------------------------------------------------- */

static carat_status make_parent(const char *path, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_str_add(&s, path, (size_t)(carat_path_base(path) - path));
    carat_status st = carat_str_check(&s, err);
    if (!st && s.len)
        st = carat_make_dir(s.data, err);
    carat_str_free(&s);
    return st;
}

/* What cannot be known by its sum must at least be readable to its end. */
static carat_status check(const carat_fetch *f, const char *path, carat_err *err)
{
    carat_fetch_check c;
    return carat_fetch_verify(f->want, path, !f->want->sha256, &c, err);
}

carat_status carat_fetch_file(const carat_fetch *f, const char *from, carat_err *err)
{
    carat_output o = {0};
    carat_map m = {0};
    carat_writer w = {0};
    carat_status st = check(f, from, err);
    if (st || (st = carat_map_open(from, &m, err)) || (st = make_parent(f->path, err)) ||
        (st = carat_output_begin(&o, f->path, NULL, true, err)) ||
        (st = carat_writer_open(&w, o.temp_path, err)))
        goto out;
    carat_progress bar = carat_progress_begin(f->talk, f->label, "B", m.size);
    for (size_t at = 0, n; at < m.size && !carat_interrupted(); at += n) {
        n = m.size - at < (1 << 22) ? m.size - at : 1 << 22;
        carat_write(&w, m.data + at, n);
        carat_progress_at(&bar, at + n);
    }
    carat_progress_end(&bar);
    st = carat_writer_close(&w, err);
    if (!st && carat_interrupted())
        st = carat_fail(err, CARAT_EINTR, "interrupted");
    if (!st)
        st = carat_output_commit(&o, err);
out:
    carat_output_abort(&o);
    carat_map_close(&m);
    return st;
}

/* ---- downloads ----------------------------------------------------------------------------------------------- */

typedef struct download {
    const carat_fetch *f;
    const char *url;
    carat_str part, tag_path, tag; /* PATH.part, where its ETag is kept, and that */
    int fd;
    uint64_t have, total; /* bytes in the part; of the whole file, UINT64_MAX: not known */
    int status;
    bool over;
    carat_http_trouble trouble;
    double retry_after;
    carat_str said;  /* in place of the file */
    carat_err fault; /* what ends it for good */
    carat_progress bar;
} download;

static void begin_anew(download *d)
{
    if (ftruncate(d->fd, 0) != 0 || lseek(d->fd, 0, SEEK_SET) != 0)
        carat_fail_errno(&d->fault, "%s", d->part.data);
    d->have = 0;
    carat_str_clear(&d->tag);
    unlink(d->tag_path.data);
}

/* Remembers which file it is that the part is of. */
static void keep_tag(download *d, const char *tag)
{
    if (!*tag || carat_starts(tag, "W/"))
        return; /* a weak tag does not say that bytes are the same */
    carat_str_clear(&d->tag);
    carat_str_puts(&d->tag, tag);
    if (!d->tag.failed)
        carat_write_file(d->tag_path.data, d->tag.data, d->tag.len, &d->fault);
}

static bool on_head(void *ctx, const carat_http_head *h)
{
    download *d = ctx;
    const carat_dataset_file *want = d->f->want;
    d->status = h->status;
    d->retry_after = h->retry_after;
    if (h->status != 200 && h->status != 206) {
        d->total = h->range_total;
        return true;
    }
    if (h->status == 206 && h->range_from != d->have)
        carat_fail(&d->fault, CARAT_EIO, "%s: bytes from %" PRIu64 " were asked for, others came", d->url,
                   d->have);
    if (h->status == 200)
        begin_anew(d); /* the server has another file by now, or knows no ranges */
    d->total = h->status == 206 ? h->range_total : h->length;
    if (carat_starts(h->type, "text/html"))
        carat_fail(&d->fault, CARAT_EFORMAT, "%s: a web page came in place of the file", d->url);
    else if (want->bytes && d->total != UINT64_MAX && d->total != want->bytes)
        carat_fail(&d->fault, CARAT_EFORMAT,
                   "%s: the server offers %" PRIu64 " bytes, the catalogue says %" PRIu64
                   ": another revision?",
                   d->url, d->total, want->bytes);
    if (h->status == 200 && !d->fault.status)
        keep_tag(d, h->etag);
    if (d->total != UINT64_MAX)
        d->bar.total = d->total;
    return !d->fault.status;
}

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    download *d = ctx;
    if (d->status != 200 && d->status != 206) {
        if (d->said.len < 200)
            carat_str_add(&d->said, bytes, n < 200 ? n : 200);
        return true;
    }
    while (n) {
        ssize_t put = write(d->fd, bytes, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            carat_fail_errno(&d->fault, "%s", d->part.data);
            return false;
        }
        bytes += put, n -= (size_t)put, d->have += (uint64_t)put;
    }
    carat_progress_at(&d->bar, d->have);
    return true;
}

static void on_done(void *ctx, const carat_http_end *e)
{
    download *d = ctx;
    d->over = true;
    d->trouble = e->trouble;
    d->status = e->head->status;
    if (e->trouble) {
        carat_str_clear(&d->said);
        carat_str_puts(&d->said, e->text);
    }
}

/* What a reply other than the file means; CARAT_OK: try again. */
static carat_status explain(download *d, carat_err *err)
{
    int s = d->status;
    if (s == 416) {
        begin_anew(d);
        return d->fault.status ? carat_fail(err, d->fault.status, "%s", d->fault.text) : CARAT_OK;
    }
    if (s == 401 || s == 403)
        return carat_fail(err, CARAT_EIO,
                          "%s: HTTP %d: not for everybody; accept the terms on its page and set HF_TOKEN, or "
                          "import a copy: --from FILE",
                          d->url, s);
    if (s == 404 || s == 410)
        return carat_fail(err, CARAT_EIO, "%s: HTTP %d: nothing there (any more); --from FILE imports a copy",
                          d->url, s);
    if (s == 408 || s == 429 || s >= 500)
        return CARAT_OK;
    return carat_fail(err, CARAT_EIO, "%s: HTTP %d", d->url, s);
}

static carat_status try_once(download *d, carat_http *h, bool *whole, carat_err *err)
{
    const carat_fetch *f = d->f;
    carat_http_request r = {.url = d->url,
                            .token = f->token,
                            .from = d->have,
                            .if_etag = d->tag.len ? d->tag.data : NULL,
                            .limit = {.connect = 30, .first = 60, .stall = 60},
                            .max_bytes = f->want->bytes ? f->want->bytes + 1 : most_bytes,
                            .redirects = 8,
                            .ctx = d,
                            .head = on_head,
                            .data = on_data,
                            .done = on_done};
    carat_str_clear(&d->said);
    d->over = *whole = false;
    d->total = UINT64_MAX;
    d->retry_after = -1;
    carat_status st = carat_http_send(h, &r, err);
    while (!st && !d->over)
        st = carat_http_wait(h, 10, err);
    if (st)
        return st;
    if (d->fault.status)
        return carat_fail(err, d->fault.status, "%s", d->fault.text);
    if (d->trouble == CARAT_HTTP_VAIN)
        return carat_fail(err, CARAT_EIO, "%s: %s", d->url, d->said.data);
    bool file = d->status == 200 || d->status == 206;
    *whole = !d->trouble && (file || (d->status == 416 && d->total == d->have));
    return *whole || d->trouble ? CARAT_OK : explain(d, err);
}

static carat_status give_up(const download *d, carat_err *err)
{
    char kept[80] = "";
    if (d->have)
        snprintf(kept, sizeof kept, "; %" PRIu64 " bytes are kept, the same command goes on", d->have);
    if (d->trouble)
        return carat_fail(err, CARAT_EIO, "%s: %s%s", d->url, d->said.data, kept);
    return carat_fail(err, CARAT_EIO, "%s: HTTP %d%s", d->url, d->status, kept);
}

static carat_status download_all(download *d, carat_err *err)
{
    carat_http *h;
    bool whole = false;
    carat_status st = carat_http_open(&h, err);
    if (st)
        return st;
    d->bar = carat_progress_begin(d->f->talk, d->f->label, "B", d->f->want->bytes);
    for (uint32_t vain = 0; !st && !whole;) {
        uint64_t had = d->have;
        st = try_once(d, h, &whole, err);
        if (st || whole)
            break;
        vain = d->have > had ? 0 : vain + 1;
        if (vain >= d->f->tries)
            st = give_up(d, err);
        else
            st = carat_http_wait(h, fmin(60, fmax(d->retry_after, ldexp(0.25, (int)vain))), err);
    }
    if (st == CARAT_EINTR)
        carat_fail(err, st, "interrupted: %" PRIu64 " bytes are kept, the same command goes on", d->have);
    carat_progress_end(&d->bar);
    carat_http_close(h);
    return st;
}

/* Opens the part for one process alone, and finds out what it holds. */
static carat_status open_part(download *d, carat_err *err)
{
    char *tag = NULL;
    size_t n;
    struct stat info;
    d->fd = open(d->part.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (d->fd < 0 || fstat(d->fd, &info) != 0)
        return carat_fail_errno(err, "%s", d->part.data);
    if (flock(d->fd, LOCK_EX | LOCK_NB) != 0)
        return carat_fail(err, CARAT_EIO, "%s: another carat is fetching it", d->part.data);
    d->have = (uint64_t)info.st_size;
    if (carat_is_file(d->tag_path.data) && !carat_read_file(d->tag_path.data, 1000, &tag, &n, NULL))
        carat_str_add(&d->tag, tag, n);
    free(tag);
    /* without a tag or a sum nothing could tell that two halves are not of one file */
    if ((!d->tag.len && !d->f->want->sha256) || (d->f->want->bytes && d->have > d->f->want->bytes))
        begin_anew(d);
    if (d->fault.status || lseek(d->fd, 0, SEEK_END) < 0)
        return carat_fail_errno(err, "%s", d->part.data);
    return CARAT_OK;
}

static carat_status publish(download *d, carat_err *err)
{
    carat_status st = check(d->f, d->part.data, err);
    if (st == CARAT_EFORMAT || st == CARAT_ESUPPORT) { /* nothing to go on with */
        unlink(d->part.data);
        unlink(d->tag_path.data);
        carat_fail_in(err, CARAT_EFORMAT, d->url);
    }
    if (st)
        return st;
    if (fsync(d->fd) != 0 || rename(d->part.data, d->f->path) != 0)
        return carat_fail_errno(err, "%s", d->f->path);
    unlink(d->tag_path.data);
    return CARAT_OK;
}

carat_status carat_fetch_url(const carat_fetch *f, const char *url, carat_err *err)
{
    download d = {.f = f,
                  .url = url,
                  .part = CARAT_STR_INIT,
                  .tag_path = CARAT_STR_INIT,
                  .tag = CARAT_STR_INIT,
                  .said = CARAT_STR_INIT,
                  .fd = -1};
    carat_str_printf(&d.part, "%s.part", f->path);
    carat_str_printf(&d.tag_path, "%s.part.etag", f->path);
    carat_status st;
    if ((st = carat_str_check(&d.part, err)) || (st = carat_str_check(&d.tag_path, err)) ||
        (st = make_parent(f->path, err)) || (st = open_part(&d, err)))
        goto out;
    if (!f->want->bytes || d.have < f->want->bytes)
        st = download_all(&d, err);
    if (!st)
        st = publish(&d, err);
    if (st && d.have == 0) {
        unlink(d.part.data);
        unlink(d.tag_path.data);
    }
out:
    if (d.fd >= 0)
        close(d.fd);
    carat_str_free(&d.part);
    carat_str_free(&d.tag_path);
    carat_str_free(&d.tag);
    carat_str_free(&d.said);
    return st;
}
