/* A run on disk (run.h).                                                          SPDX-License-Identifier: Apache-2.0 */
#include "eval/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/method.h"

static const size_t MAX_FILE = (size_t)1 << 32;

bool carat_shard_has(carat_shard s, size_t i)
{
    return !s.count || i % s.count == s.index;
}

/* ---- what is kept -------------------------------------------------------------------------------------------- */

static carat_status table_name(carat_run *r, carat_table *t, const char *name, uint32_t fresh,
                               uint32_t *value, carat_err *err)
{
    size_t len = strlen(name);
    if (carat_table_get(t, name, len, value))
        return CARAT_OK;
    char *copy = carat_arena_copy(&r->names, name, len, err);
    *value = fresh;
    return copy ? carat_table_put(t, copy, len, fresh, NULL, err) : CARAT_ENOMEM;
}

static carat_status index_line(carat_run *r, const char *suite, uint64_t item, size_t line, carat_err *err)
{
    uint32_t rank, at;
    carat_str key = CARAT_STR_INIT;
    carat_str_printf(&key, "%" PRIu64 " %s", item, suite);
    carat_status st = carat_str_check(&key, err);
    if (!st && !(st = table_name(r, &r->suites, suite, (uint32_t)r->suites.count, &rank, err)) &&
        !(st = table_name(r, &r->index, key.data, (uint32_t)r->n_kept, &at, err)) && at == r->n_kept &&
        !(st = carat_grow((void **)&r->kept, &r->cap_kept, r->n_kept + 1, sizeof *r->kept, err)))
        r->kept[r->n_kept++] = (carat_kept){rank, item, line};
    if (!st)
        r->kept[at].line = line;
    carat_str_free(&key);
    return st;
}

/* Takes the node of the next line. */
static carat_status add_line(carat_run *r, carat_json *node, carat_err *err)
{
    const char *suite;
    uint64_t item;
    carat_status st = carat_grow((void **)&r->line, &r->cap, r->n + 1, sizeof *r->line, err);
    if (st) {
        carat_json_free(node);
        return st;
    }
    r->line[r->n++] = node;
    if ((st = carat_json_text(carat_json_get(node, "suite"), "suite", &suite, err)) ||
        (st = carat_json_u64(carat_json_get(node, "item"), "item", 0, UINT64_MAX, &item, err)))
        return st;
    return index_line(r, suite, item, r->n - 1, err);
}

void carat_run_find(const carat_run *r, const char *suite, const carat_json **results, size_t items)
{
    uint32_t rank;
    if (!carat_table_get(&r->suites, suite, strlen(suite), &rank))
        return;
    for (size_t i = 0; i < r->n_kept; i++)
        if (r->kept[i].suite == rank && r->kept[i].item < items)
            results[r->kept[i].item] = r->line[r->kept[i].line];
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* Locked as long as the process lives or the run is open; a child does not inherit it. */
static carat_status lock(carat_run *r, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    carat_status st = CARAT_OK;
    carat_path_join(&path, r->dir, "lock");
    r->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->lock < 0) {
        st = carat_fail_errno(err, "%s", path.data);
    } else if (fcntl(r->lock, F_SETLK, &whole) != 0) {
        int why = errno;
        if (why != EACCES && why != EAGAIN)
            st = carat_fail_errno(err, "%s: no lock can be had", path.data);
        else if (fcntl(r->lock, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
            st = carat_fail(err, CARAT_EUSAGE,
                            "%s: process %ld is at work on this run; wait for it, or take another -o", r->dir,
                            (long)whole.l_pid);
        else
            st = carat_fail(err, CARAT_EUSAGE, "%s: another process is at work on this run", r->dir);
    }
    carat_str_free(&path);
    return st;
}

/* Writes the header, or takes the one that is there if it agrees. */
static carat_status settle_header(carat_run *r, const char *path, const char *header, carat_err *err)
{
    size_t len;
    carat_json *had = NULL, *wants = NULL;
    carat_str moved = CARAT_STR_INIT;
    if (!carat_is_file(path)) {
        if (!(r->header = strdup(header)))
            return carat_fail(err, CARAT_ENOMEM, "out of memory for a header");
        return carat_write_file(path, header, strlen(header), err);
    }
    carat_status st = carat_read_file(path, MAX_FILE, &r->header, &len, err);
    if (!st && !(st = carat_json_parse(r->header, len, &had, err)) &&
        !(st = carat_json_parse(header, strlen(header), &wants, err)))
        st = carat_method_same(had, wants, CARAT_SAME_RUN, err);
    if (st)
        carat_fail_in(err, st, path);
    else if (!(st = carat_method_moved(had, wants, &moved, err)) && moved.len) {
        r->moved = true;
        free(r->header);
        if (!(r->header = strdup(moved.data)))
            st = carat_fail(err, CARAT_ENOMEM, "out of memory for a header");
        else
            st = carat_write_file(path, moved.data, moved.len, err);
    }
    carat_str_free(&moved);
    carat_json_free(had);
    carat_json_free(wants);
    return st;
}

/* Reads the lines that are there; r->length is the length up to the end of the last whole one. */
static carat_status read_items(carat_run *r, const char *path, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, MAX_FILE, &text, &len, err);
    if (st)
        return st;
    for (char *p = text, *nl; !st && (nl = memchr(p, '\n', len - (size_t)(p - text))); p = nl + 1) {
        carat_json *node;
        carat_err why = {0};
        if ((st = carat_json_parse(p, (size_t)(nl - p), &node, &why)) || (st = add_line(r, node, &why)))
            st = carat_fail(err, st, "%s: line %zu: %s", path, r->n + 1, why.text);
        r->length = (uint64_t)(nl + 1 - text);
    }
    free(text);
    return st;
}

static carat_status begin(carat_run *r, const char *header, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_status st = carat_make_dir(r->dir, err);
    if (st || (st = lock(r, err)))
        return st;
    static const char *const ours[] = {"items.jsonl", "report.json"}; /* or somebody else's of that name */
    const char *found = NULL;
    for (size_t i = 0; i < 2; i++) {
        carat_path_join(&s, r->dir, ours[i]);
        found = !found && carat_is_file(s.data) ? ours[i] : found;
    }
    carat_path_join(&s, r->dir, "header.json");
    if (found && !carat_is_file(s.data))
        st = carat_fail(err, CARAT_EFORMAT,
                        "%s: %s without header.json: nobody knows its method; take another -o", r->dir,
                        found);
    else
        st = settle_header(r, s.data, header, err);
    carat_path_join(&s, r->dir, "items.jsonl");
    if (!st && carat_is_file(s.data) && !(st = read_items(r, s.data, err)) &&
        truncate(s.data, (off_t)r->length) != 0)
        st = carat_fail_errno(err, "%s", s.data);
    if (!st && (r->items = open(s.data, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) < 0)
        st = carat_fail_errno(err, "%s", s.data);
    carat_str_free(&s);
    return st;
}

carat_status carat_run_open(const char *dir, const char *header, carat_run *out, carat_err *err)
{
    carat_run r = {.lock = -1, .items = -1};
    if (dir) {
        if (!(r.dir = strdup(dir)))
            return carat_fail(err, CARAT_ENOMEM, "out of memory for a path");
        carat_status st = begin(&r, header, err);
        if (st) {
            carat_run_close(&r);
            return st;
        }
    }
    *out = r;
    return CARAT_OK;
}

/* ---- keeping ------------------------------------------------------------------------------------------------- */

/* Half a line in front of another one would spoil both: it is taken back, and nothing more is written. */
static carat_status cut_back(carat_run *r, carat_err *err)
{
    carat_status st = carat_fail_errno(err, "%s/items.jsonl: line %zu (the same command goes on from there)",
                                       r->dir, r->n);
    r->broken = true;
    (void)!ftruncate(r->items, (off_t)r->length);
    return st;
}

static bool append(int fd, const char *data, size_t len, bool sync)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return false;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return !sync || fsync(fd) == 0 || errno == EINVAL; /* what cannot be synced, as a pipe, is not */
}

/* That of an earlier end of this run: it no longer says what the items say. */
static void forget_report(const carat_run *r)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, r->dir, "report.json");
    if (!carat_str_check(&path, NULL))
        unlink(path.data);
    carat_str_free(&path);
}

carat_status carat_run_keep(carat_run *r, const carat_str *line, carat_err *err)
{
    carat_json *node;
    carat_str text = CARAT_STR_INIT;
    carat_status st = carat_str_check(line, err);
    if (!st && r->broken)
        st = carat_fail(err, CARAT_EIO, "%s/items.jsonl: an earlier line could not be written", r->dir);
    if (st || (st = carat_json_parse(line->data, line->len, &node, err)) || (st = add_line(r, node, err)) ||
        !r->dir)
        return st;
    if (!r->fresh++)
        forget_report(r);
    carat_str_add(&text, line->data, line->len);
    carat_str_putc(&text, '\n');
    if (!(st = carat_str_check(&text, err))) {
        if (append(r->items, text.data, text.len, !r->lazy))
            r->length += text.len;
        else
            st = cut_back(r, err);
    }
    carat_str_free(&text);
    return st;
}

static int in_order(const void *a, const void *b)
{
    const carat_kept *x = a, *y = b;
    if (x->suite != y->suite)
        return x->suite < y->suite ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* The lines that count, in the order of `kept`. */
static carat_status rewrite(carat_run *r, const char *path, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, MAX_FILE, &text, &len, err);
    if (st)
        return st;
    carat_str out = CARAT_STR_INIT;
    size_t *start = carat_alloc(r->n + 1, sizeof *start, err), n = 0;
    if (!start) {
        st = CARAT_ENOMEM;
        goto out;
    }
    for (char *p = text, *nl; n < r->n && (nl = memchr(p, '\n', len - (size_t)(p - text))); p = nl + 1)
        start[++n] = (size_t)(nl + 1 - text);
    if (n != r->n) {
        st = carat_fail(err, CARAT_EIO, "%s: %zu lines, %zu were written: something else writes to it", path,
                        n, r->n);
        goto out;
    }
    for (size_t i = 0; i < r->n_kept; i++)
        carat_str_add(&out, text + start[r->kept[i].line],
                      start[r->kept[i].line + 1] - start[r->kept[i].line]);
    if (!(st = carat_str_check(&out, err)))
        st = carat_write_file(path, out.data, out.len, err);
out:
    carat_free(start);
    carat_str_free(&out);
    free(text);
    return st;
}

carat_status carat_run_tidy(carat_run *r, carat_err *err)
{
    bool tidy = r->n == r->n_kept;
    for (size_t i = 1; i < r->n_kept && tidy; i++)
        tidy = in_order(&r->kept[i - 1], &r->kept[i]) < 0;
    if (tidy || !r->dir || r->items < 0)
        return CARAT_OK;
    qsort(r->kept, r->n_kept, sizeof *r->kept, in_order);
    close(r->items); /* nothing is kept behind this */
    r->items = -1;
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, r->dir, "items.jsonl");
    carat_status st = rewrite(r, path.data, err);
    carat_str_free(&path);
    return st;
}

carat_status carat_run_report(carat_run *r, const char *name, const carat_str *text, carat_err *err)
{
    carat_status st = carat_str_check(text, err);
    if (st || !r->dir)
        return st;
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, r->dir, name);
    st = carat_write_file(path.data, text->data, text->len, err);
    carat_str_free(&path);
    return st;
}

void carat_run_close(carat_run *r)
{
    if (r->dir && r->items >= 0)
        close(r->items);
    if (r->dir && r->lock >= 0)
        close(r->lock);
    for (size_t i = 0; i < r->n; i++)
        carat_json_free(r->line[i]);
    free(r->line);
    free(r->kept);
    carat_table_free(&r->index);
    carat_table_free(&r->suites);
    carat_arena_free(&r->names);
    free(r->dir);
    free(r->header);
    *r = (carat_run){.lock = -1, .items = -1};
}
