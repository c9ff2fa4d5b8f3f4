/* A run on disk (run.h).                                                          SPDX-License-Identifier: Apache-2.0 */
#include "eval/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

enum { MAX_FILE = 1 << 30 };

static carat_status same_method(const char *path, const char *header, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, MAX_FILE, &text, &len, err);
    if (st)
        return st;
    if (strcmp(text, header) != 0)
        st = carat_fail(err, CARAT_EUSAGE,
                        "%s: this run was begun with another method; take another -o, or remove it", path);
    free(text);
    return st;
}

static carat_status keep_node(carat_run *r, carat_json *node, carat_err *err)
{
    carat_status st = carat_grow((void **)&r->old, &r->cap_old, r->n_old + 1, sizeof *r->old, err);
    if (st)
        carat_json_free(node);
    else
        r->old[r->n_old++] = node;
    return st;
}

/* Reads the items that are there; *good is the length up to the end of the last whole line. */
static carat_status read_items(carat_run *r, const char *path, size_t *good, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, MAX_FILE, &text, &len, err);
    if (st)
        return st;
    *good = 0;
    for (char *p = text, *nl; !st && (nl = memchr(p, '\n', len - (size_t)(p - text))); p = nl + 1) {
        carat_json *node;
        if ((st = carat_json_parse(p, (size_t)(nl - p), &node, err))) {
            carat_fail_in(err, st, path);
            break;
        }
        st = keep_node(r, node, err);
        *good = (size_t)(nl + 1 - text);
    }
    free(text);
    return st;
}

static carat_status begin(carat_run *r, const char *header, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    size_t good = 0;
    carat_status st = carat_make_dir(r->dir, err);
    if (st)
        return st;
    carat_path_join(&s, r->dir, "header.json");
    if (carat_is_file(s.data))
        st = same_method(s.data, header, err);
    else
        st = carat_write_file(s.data, header, strlen(header), err);
    carat_path_join(&s, r->dir, "items.jsonl");
    if (!st && carat_is_file(s.data) && !(st = read_items(r, s.data, &good, err)) &&
        truncate(s.data, (off_t)good) != 0)
        st = carat_fail_errno(err, "%s", s.data);
    if (!st && !(r->items = fopen(s.data, "abe")))
        st = carat_fail_errno(err, "%s", s.data);
    carat_str_free(&s);
    return st;
}

carat_status carat_run_open(const char *dir, const char *header, carat_run *out, carat_err *err)
{
    carat_run r = {0};
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

void carat_run_find(const carat_run *r, const char *suite, const carat_json **results, size_t items)
{
    for (size_t i = r->n_old; i-- > 0;) { /* the first of several lines for one item counts */
        const char *name;
        uint64_t index;
        if (!carat_json_text(carat_json_get(r->old[i], "suite"), "suite", &name, NULL) &&
            strcmp(name, suite) == 0 &&
            !carat_json_u64(carat_json_get(r->old[i], "item"), "item", 0, UINT64_MAX, &index, NULL) &&
            index < items)
            results[index] = r->old[i];
    }
}

carat_status carat_run_keep(carat_run *r, const carat_str *line, carat_err *err)
{
    carat_json *node;
    carat_status st = carat_str_check(line, err);
    if (st || (st = carat_json_parse(line->data, line->len, &node, err)) || (st = keep_node(r, node, err)) ||
        !r->items)
        return st;
    errno = 0;
    bool ok = fwrite(line->data, 1, line->len, r->items) == line->len && fputc('\n', r->items) != EOF &&
              fflush(r->items) == 0 && fsync(fileno(r->items)) == 0;
    return ok ? CARAT_OK : carat_fail_errno(err, "%s/items.jsonl", r->dir);
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
    if (r->items)
        fclose(r->items);
    for (size_t i = 0; i < r->n_old; i++)
        carat_json_free(r->old[i]);
    free(r->old);
    free(r->dir);
    *r = (carat_run){0};
}
