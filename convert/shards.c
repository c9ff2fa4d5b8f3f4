/* Dealing tensors out to files, and writing them there.                            SPDX-License-Identifier: Apache-2.0
 *
 * In a file, tensors whose size is a multiple of 64 bytes come first, so that every matrix begins on a cache line; the
 * small rest follows by falling element size, so that each is aligned to its elements (torch views rely on it). */
#include "convert/shards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/tensor/safetensors.h"

typedef struct shard {
    char name[48];
    size_t first, n; /* its range of `order` */
    uint64_t header, bytes;
    int fd;
} shard;

struct carat_shards {
    carat_plan_table *plan;
    uint32_t *order; /* parts, in the order in which they lie in the files */
    shard *shard;
    size_t n;
    char *dir;
};

/* How early a part lies in its file: 64-byte multiples first, then by element size, then as planned. */
static int place(const carat_part *p)
{
    return p->t.bytes % 64 == 0 ? 0 : 16 - (int)carat_dtype_size(p->t.dtype);
}

static void deal(carat_shards *s, uint64_t max_bytes)
{
    const carat_plan_table *p = s->plan;
    uint64_t fill = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        if (fill && fill + row->after > max_bytes) {
            fill = 0;
            at++;
        }
        fill += row->after;
        for (uint32_t k = 0; k < row->n_parts; k++)
            p->parts[row->part + k].shard = at;
    }
    s->n = (size_t)at + 1;
}

/* Counting sort by (shard, place): stable, and the classes are few. */
static void arrange(carat_shards *s)
{
    const carat_plan_table *p = s->plan;
    size_t at = 0;
    for (size_t i = 0, part = 0; i < s->n; i++) {
        size_t end = part;
        while (end < p->n_parts && p->parts[end].shard == i)
            end++;
        s->shard[i].first = at;
        for (int class = 0; class <= 16; class ++)
            for (size_t k = part; k < end; k++)
                if (place(&p->parts[k]) == class)
                    s->order[at++] = (uint32_t)k;
        s->shard[i].n = at - s->shard[i].first;
        part = end;
    }
}

static carat_status header(const carat_shards *s, const shard *f, const char *const *meta, size_t n_meta,
                           carat_str *out, carat_err *err)
{
    carat_tensor *t = carat_alloc(f->n, sizeof *t, err);
    if (!t)
        return CARAT_ENOMEM;
    for (size_t i = 0; i < f->n; i++)
        t[i] = s->plan->parts[s->order[f->first + i]].t;
    carat_str_clear(out);
    carat_status st = carat_safetensors_header(t, f->n, meta, n_meta, out, err);
    carat_free(t);
    return st;
}

static carat_status lay_out(carat_shards *s, const char *const *meta, size_t n_meta, carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < s->n; i++) {
        shard *f = &s->shard[i];
        if (s->n == 1)
            snprintf(f->name, sizeof f->name, "model.safetensors");
        else
            snprintf(f->name, sizeof f->name, "model-%05zu-of-%05zu.safetensors", (i + 1) % 100000,
                     s->n % 100000);
        if ((st = header(s, f, meta, n_meta, &text, err)))
            break;
        f->header = f->bytes = text.len;
        for (size_t k = 0; k < f->n; k++) {
            carat_part *part = &s->plan->parts[s->order[f->first + k]];
            part->at = f->bytes;
            f->bytes += part->t.bytes;
        }
    }
    carat_str_free(&text);
    return st;
}

carat_status carat_shards_plan(carat_plan_table *p, uint64_t max_bytes, const char *const *meta,
                               size_t n_meta, carat_shards **out, carat_err *err)
{
    if (!p->n_parts)
        return carat_fail(err, CARAT_EFORMAT, "no tensors to write");
    carat_shards *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    s->plan = p;
    deal(s, max_bytes);
    s->order = carat_alloc(p->n_parts, sizeof *s->order, err);
    s->shard = carat_alloc(s->n, sizeof *s->shard, err);
    carat_status st = s->order && s->shard ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; !st && i < s->n; i++)
        s->shard[i].fd = -1;
    if (!st) {
        arrange(s);
        st = lay_out(s, meta, n_meta, err);
    }
    if (st)
        carat_shards_close(s);
    else
        *out = s;
    return st;
}

size_t carat_shards_count(const carat_shards *s)
{
    return s->n;
}

const char *carat_shards_name(const carat_shards *s, size_t i)
{
    return s->shard[i].name;
}

uint64_t carat_shards_bytes(const carat_shards *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->shard[i].bytes;
    return sum;
}

/* Blocks are reserved where the file system can; a sparse file of the right size will do elsewhere. */
static int reserve(int fd, uint64_t bytes)
{
    int code = posix_fallocate(fd, 0, (off_t)bytes);
    if (code == EINVAL || code == EOPNOTSUPP || code == ENOSYS)
        code = ftruncate(fd, (off_t)bytes) == 0 ? 0 : errno;
    return code;
}

carat_status carat_shards_create(carat_shards *s, const char *dir, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (!(s->dir = strdup(dir)))
        st = carat_fail(err, CARAT_ENOMEM, "out of memory for a path");
    for (size_t i = 0; !st && i < s->n; i++) {
        shard *f = &s->shard[i];
        carat_path_join(&path, dir, f->name);
        if ((st = carat_str_check(&path, err)))
            break;
        f->fd = open(path.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        errno = f->fd < 0 ? errno : reserve(f->fd, f->bytes);
        if (errno)
            st = carat_fail_errno(err, "%s: %" PRIu64 " bytes", path.data, f->bytes);
    }
    carat_str_free(&path);
    return st;
}

static carat_status write_at(const shard *f, uint64_t at, const void *data, size_t len, carat_err *err)
{
    const char *p = data;
    while (len) {
        ssize_t n = pwrite(f->fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : ENOSPC;
            return carat_fail_errno(err, "%s: writing byte %" PRIu64, f->name, at);
        }
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return CARAT_OK;
}

carat_status carat_shards_put(const carat_shards *s, uint32_t part, uint64_t offset, const void *data,
                              size_t len, carat_err *err)
{
    const carat_part *p = &s->plan->parts[part];
    return write_at(&s->shard[p->shard], p->at + offset, data, len, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const carat_part *const *)a)->t.name, (*(const carat_part *const *)b)->t.name);
}

static carat_status write_index(const carat_shards *s, carat_err *err)
{
    size_t n = s->plan->n_parts;
    const carat_part **sorted = carat_alloc(n, sizeof *sorted, err);
    if (!sorted)
        return CARAT_ENOMEM;
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &s->plan->parts[i];
        total += sorted[i]->t.bytes;
    }
    qsort(sorted, n, sizeof *sorted, by_name);
    carat_str text = CARAT_STR_INIT, path = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&text);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "metadata");
    carat_jw_open(&w, '{');
    carat_jw_put_u64(&w, "total_size", total);
    carat_jw_close(&w);
    carat_jw_key(&w, "weight_map");
    carat_jw_open(&w, '{');
    for (size_t i = 0; i < n; i++) {
        carat_jw_put_text(&w, sorted[i]->t.name, s->shard[sorted[i]->shard].name);
    }
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_putc(&text, '\n');
    carat_path_join(&path, s->dir, "model.safetensors.index.json");
    carat_status st = carat_str_check(&text, err);
    if (!st && !(st = carat_str_check(&path, err)))
        st = carat_write_file(path.data, text.data, text.len, err);
    carat_str_free(&text);
    carat_str_free(&path);
    carat_free(sorted);
    return st;
}

carat_status carat_shards_finish(carat_shards *s, const char *const *meta, size_t n_meta, carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < s->n; i++) {
        shard *f = &s->shard[i];
        if ((st = header(s, f, meta, n_meta, &text, err)))
            break;
        if (text.len != f->header)
            st = carat_fail(err, CARAT_EIO, "%s: header of %zu bytes, planned %" PRIu64, f->name, text.len,
                            f->header);
        else
            st = write_at(f, 0, text.data, text.len, err);
        if (!st && close(f->fd) != 0)
            st = carat_fail_errno(err, "%s", f->name);
        f->fd = -1;
    }
    carat_str_free(&text);
    return !st && s->n > 1 ? write_index(s, err) : st;
}

void carat_shards_close(carat_shards *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->shard && i < s->n; i++)
        if (s->shard[i].fd >= 0)
            close(s->shard[i].fd);
    carat_free(s->order);
    carat_free(s->shard);
    free(s->dir);
    carat_free(s);
}
