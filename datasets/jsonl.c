/* JSON lines, compressed or not: one object a line; empty lines are passed over.   SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "datasets/archive.h"
#include "datasets/table.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

typedef struct jsonl {
    carat_stream_in *in;
    char buffer[1 << 16];
    size_t at, n;
    uint64_t line;
    char path[];
} jsonl;

static bool is_jsonl(const char *name, const uint8_t *head, size_t n)
{
    (void)name;
    return n && head[0] == '{';
}

static void close_table(void *state)
{
    jsonl *t = state;
    carat_stream_in_close(t->in);
    carat_free(t);
}

static carat_status open_table(const char *path, void **state, carat_err *err)
{
    size_t len = strlen(path);
    jsonl *t = carat_alloc(sizeof *t + len + 1, 1, err);
    if (!t)
        return CARAT_ENOMEM;
    memcpy(t->path, path, len + 1);
    carat_status st = carat_stream_in_open(path, &t->in, err);
    if (st)
        close_table(t);
    else
        *state = t;
    return st;
}

/* Appends up to the end of the line; *more is false when nothing was left. */
static carat_status read_line(jsonl *t, carat_str *line, bool *more, carat_err *err)
{
    t->line++;
    for (*more = false;;) {
        if (t->at == t->n) {
            t->at = 0;
            carat_status st = carat_stream_in_read(t->in, t->buffer, sizeof t->buffer, &t->n, err);
            if (st || !t->n)
                return st;
        }
        *more = true;
        const char *from = t->buffer + t->at, *nl = memchr(from, '\n', t->n - t->at);
        size_t len = nl ? (size_t)(nl - from) : t->n - t->at;
        carat_str_add(line, from, len);
        t->at += len + (nl != NULL);
        if (line->len > CARAT_MAX_ROW)
            return carat_fail(err, CARAT_EFORMAT, "%s: line %" PRIu64 " is longer than %d bytes", t->path,
                              t->line, CARAT_MAX_ROW);
        if (nl)
            return CARAT_OK;
    }
}

static carat_status next_row(void *state, carat_str *row, bool *more, carat_err *err)
{
    jsonl *t = state;
    carat_json *node;
    do {
        carat_str_clear(row);
        carat_status st = read_line(t, row, more, err);
        if (st || !*more)
            return st;
    } while (strspn(row->data, " \t\r") == row->len);
    carat_err why;
    carat_status st = carat_json_parse(row->data, row->len, &node, &why);
    if (st)
        return carat_fail(err, st, "%s: line %" PRIu64 ": %.300s", t->path, t->line, why.text);
    bool object = carat_json_is_object(node);
    carat_json_free(node);
    if (!object)
        return carat_fail(err, CARAT_EFORMAT, "%s: line %" PRIu64 " is not an object", t->path, t->line);
    return CARAT_OK;
}

const carat_table_kind carat_table_jsonl = {
    .name = "jsonl",
    .summary = "one JSON object a line; also .gz, .zst, .xz, .bz2",
    .is = is_jsonl,
    .open = open_table,
    .next = next_row,
    .close = close_table,
};
