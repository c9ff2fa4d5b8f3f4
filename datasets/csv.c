/* Comma-separated values as RFC 4180 has them, compressed or not. The first record names the columns; every value is text.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 * Records end with LF or CRLF; a quoted field may hold commas, quotes (doubled) and line breaks, and may be megabytes long. */
#include <string.h>

#include "datasets/archive.h"
#include "datasets/table.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

enum { MAX_COLUMNS = 4096, END = -1, FAILED = -2 };

typedef struct csv {
    carat_stream_in *in;
    char buffer[1 << 16];
    size_t at, n;
    uint64_t line;           /* that the record under way began on */
    uint64_t breaks;         /* line breaks read so far */
    carat_str names, fields; /* values one behind the other, each ended by NUL */
    size_t columns, *end;    /* [MAX_COLUMNS]: where each field of the record ends */
    carat_status status;
    char path[];
} csv;

static bool is_csv(const char *name, const uint8_t *head, size_t n)
{
    return carat_ends(name, ".csv") && n && head[0] != '{';
}

static void close_table(void *state)
{
    csv *t = state;
    carat_stream_in_close(t->in);
    carat_str_free(&t->names);
    carat_str_free(&t->fields);
    carat_free(t->end);
    carat_free(t);
}

/* The next byte, END or FAILED. */
static int get(csv *t, carat_err *err)
{
    if (t->at == t->n) {
        t->at = 0;
        t->status = carat_stream_in_read(t->in, t->buffer, sizeof t->buffer, &t->n, err);
        if (t->status)
            return FAILED;
        if (!t->n)
            return END;
    }
    int c = (unsigned char)t->buffer[t->at++];
    t->breaks += c == '\n';
    return c;
}

static void unget(csv *t)
{
    t->at--;
    t->breaks -= t->buffer[t->at] == '\n';
}

static carat_status bad(csv *t, const char *what, carat_err *err)
{
    return carat_fail(err, CARAT_EFORMAT, "%s: the record that begins on line %" PRIu64 ": %s", t->path,
                      t->line, what);
}

/* A quoted field, behind its opening quote, up to its closing one. */
static carat_status quoted(csv *t, carat_str *out, carat_err *err)
{
    for (;;) {
        int c = get(t, err);
        if (c == FAILED)
            return t->status;
        if (c == END)
            return bad(t, "a quote is never closed", err);
        if (c == '"') {
            c = get(t, err);
            if (c != '"') {
                if (c >= 0)
                    unget(t);
                return c == FAILED ? t->status : CARAT_OK;
            }
        }
        carat_str_putc(out, (char)c);
        if (out->len > CARAT_MAX_ROW)
            return bad(t, "longer than 256 MiB", err);
    }
}

/* One field; *last says that the record ends behind it, *nothing that the file ended before it. */
static carat_status field(csv *t, carat_str *out, bool *last, bool *nothing, carat_err *err)
{
    int c = get(t, err);
    *nothing = c == END;
    if (c == '"') {
        carat_status st = quoted(t, out, err);
        if (st)
            return st;
        c = get(t, err);
        if (c != ',' && c != '\n' && c != '\r' && c >= 0)
            return bad(t, "text behind a closing quote", err);
    }
    while (c >= 0 && c != ',' && c != '\n') {
        if (c != '\r')
            carat_str_putc(out, (char)c);
        else if ((c = get(t, err)) == '\n' || c < 0)
            break;
        else {
            carat_str_putc(out, '\r');
            continue;
        }
        c = get(t, err);
    }
    *last = c != ',';
    carat_str_putc(out, 0);
    return c == FAILED ? t->status : carat_str_check(out, err);
}

/* One record into out; *n is its number of fields, 0 at the end of the file. */
static carat_status record(csv *t, carat_str *out, size_t *n, carat_err *err)
{
    carat_str_clear(out);
    t->line = t->breaks + 1;
    *n = 0;
    for (bool last = false, nothing; !last;) {
        carat_status st = field(t, out, &last, &nothing, err);
        if (st)
            return st;
        if (nothing && *n == 0)
            return CARAT_OK;
        if (*n == MAX_COLUMNS)
            return bad(t, "more than 4096 columns", err);
        t->end[(*n)++] = out->len;
    }
    return CARAT_OK;
}

static carat_status read_names(csv *t, carat_err *err)
{
    static const char bom[] = "\xEF\xBB\xBF";
    carat_status st = carat_stream_in_read(t->in, t->buffer, sizeof t->buffer, &t->n, err);
    if (st)
        return st;
    if (t->n >= 3 && !memcmp(t->buffer, bom, 3))
        t->at = 3;
    st = record(t, &t->names, &t->columns, err);
    if (!st && !t->columns)
        st = carat_fail(err, CARAT_EFORMAT, "%s: empty, not even a line that names the columns", t->path);
    return st;
}

static carat_status open_table(const char *path, void **state, carat_err *err)
{
    size_t len = strlen(path);
    csv *t = carat_alloc(sizeof *t + len + 1, 1, err);
    if (!t)
        return CARAT_ENOMEM;
    t->names = t->fields = (carat_str)CARAT_STR_INIT;
    memcpy(t->path, path, len + 1);
    carat_status st = carat_stream_in_open(path, &t->in, err);
    if (!st && !(t->end = carat_alloc(MAX_COLUMNS, sizeof *t->end, err)))
        st = CARAT_ENOMEM;
    if (!st)
        st = read_names(t, err);
    if (st)
        close_table(t);
    else
        *state = t;
    return st;
}

static carat_status next_row(void *state, carat_str *row, bool *more, carat_err *err)
{
    csv *t = state;
    size_t n;
    carat_status st;
    do /* an empty line is no record, unless there is one column */
        st = record(t, &t->fields, &n, err);
    while (!st && n == 1 && t->fields.len == 1 && t->columns > 1);
    if (st)
        return st;
    *more = n > 0;
    if (!n)
        return CARAT_OK;
    if (n != t->columns)
        return carat_fail(err, CARAT_EFORMAT,
                          "%s: the record that begins on line %" PRIu64
                          " has %zu fields, the first line names %zu",
                          t->path, t->line, n, t->columns);
    carat_jw w = carat_jw_begin(row);
    carat_jw_open(&w, '{');
    const char *name = t->names.data;
    for (size_t i = 0; i < n; i++) {
        size_t from = i ? t->end[i - 1] : 0;
        carat_jw_key(&w, name);
        carat_jw_bytes(&w, t->fields.data + from, t->end[i] - from - 1);
        name += strlen(name) + 1;
    }
    carat_jw_close(&w);
    return CARAT_OK;
}

const carat_table_kind carat_table_csv = {
    .name = "csv",
    .summary = "comma-separated values, RFC 4180; also .gz, .zst, .xz, .bz2",
    .is = is_csv,
    .open = open_table,
    .next = next_row,
    .close = close_table,
};
