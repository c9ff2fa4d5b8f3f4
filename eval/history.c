/* Results over time, in one SQLite file (history.h).                               SPDX-License-Identifier: Apache-2.0 */
#include "eval/history.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/hash.h"
#include "runtime/base/mem.h"

enum { APPLICATION = 0x43527468 /* "CRth", at offset 68 of the file */, VERSION = 1, PATIENCE_MS = 60000 };

static const char schema[] =
    "CREATE TABLE run(id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, written "
    "TEXT NOT NULL, label TEXT NOT NULL, "
    "name TEXT NOT NULL, model TEXT NOT NULL, method TEXT NOT NULL);"
    "CREATE TABLE score(run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, "
    "suite TEXT NOT NULL, metric TEXT NOT "
    "NULL, place INTEGER NOT NULL, way TEXT NOT NULL, value REAL NOT NULL, stderr REAL, low REAL, high "
    "REAL, n INTEGER NOT NULL, PRIMARY "
    "KEY(run, suite, metric)) WITHOUT ROWID;"
    "CREATE TABLE outcome(run INTEGER NOT NULL REFERENCES run(id) ON DELETE "
    "CASCADE, suite TEXT NOT NULL, right INTEGER "
    "NOT NULL, wrong INTEGER NOT NULL, unparsed INTEGER NOT NULL, not_measured "
    "INTEGER NOT NULL, truncated INTEGER NOT "
    "NULL, PRIMARY KEY(run, suite)) WITHOUT ROWID;";

struct carat_past {
    sqlite3 *db;
    char *path;
};

static carat_status fail(carat_past *h, carat_err *err)
{
    int code = sqlite3_errcode(h->db) & 0xFF;
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return carat_fail(err, CARAT_EFORMAT, "%s: not a history, or damaged: %s", h->path,
                          sqlite3_errmsg(h->db));
    return carat_fail(err, code == SQLITE_NOMEM ? CARAT_ENOMEM : CARAT_EIO, "%s: %s", h->path,
                      sqlite3_errmsg(h->db));
}

static carat_status execute(carat_past *h, const char *sql, carat_err *err)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CARAT_OK : fail(h, err);
}

/* ---- is it one of ours? --------------------------------------------------------------------------------------- */

static carat_status number_of(carat_past *h, const char *sql, int64_t *out, carat_err *err)
{
    sqlite3_stmt *s = NULL;
    carat_status st = CARAT_OK;
    if (sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        st = fail(h, err);
    else
        *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return st;
}

/* The statements that made the tables, as SQLite keeps them. */
static carat_status shape_of(carat_past *h, carat_str *out, carat_err *err)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(h->db, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
                                  -1, &s, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW)
        if ((code = sqlite3_step(s)) == SQLITE_ROW) {
            carat_str_puts(out, (const char *)sqlite3_column_text(s, 0));
            carat_str_putc(out, ';');
        }
    carat_status st = code == SQLITE_DONE ? carat_str_check(out, err) : fail(h, err);
    sqlite3_finalize(s);
    return st;
}

/* The tables of a file are compared with those of a history made in memory: a view or a trigger that someone put there would show. */
static carat_status check_shape(carat_past *h, carat_err *err)
{
    carat_past ours = {NULL, h->path};
    carat_str got = CARAT_STR_INIT, want = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    if (sqlite3_open(":memory:", &ours.db) != SQLITE_OK)
        st = fail(&ours, err);
    if (st || (st = execute(&ours, schema, err)) || (st = shape_of(&ours, &want, err)) ||
        (st = shape_of(h, &got, err)))
        goto out;
    if (strcmp(got.data, want.data) != 0)
        st = carat_fail(err, CARAT_EFORMAT, "%s: its tables are not those of a history", h->path);
out:
    sqlite3_close(ours.db);
    carat_str_free(&got);
    carat_str_free(&want);
    return st;
}

static carat_status check_sound(carat_past *h, carat_err *err)
{
    sqlite3_stmt *s = NULL;
    carat_status st = CARAT_OK;
    if (sqlite3_prepare_v2(h->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        st = fail(h, err);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        st = carat_fail(err, CARAT_EFORMAT, "%s: damaged: %.200s", h->path,
                        (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return st;
}

/* Within a transaction: makes the tables in an empty file, refuses what is not a history of this version. */
static carat_status check_kind(carat_past *h, bool create, carat_err *err)
{
    int64_t application = 0, version = 0, objects = 0;
    carat_str sql = CARAT_STR_INIT;
    carat_status st;
    if ((st = number_of(h, "PRAGMA application_id", &application, err)) ||
        (st = number_of(h, "PRAGMA user_version", &version, err)) ||
        (st = number_of(h, "SELECT count(*) FROM sqlite_master", &objects, err)))
        return st;
    if (!application && !version && !objects) {
        if (!create)
            return carat_fail(err, CARAT_EFORMAT, "%s: empty; `carat history add` begins a history", h->path);
        carat_str_printf(&sql, "%sPRAGMA application_id = %d; PRAGMA user_version = %d", schema, APPLICATION,
                         VERSION);
        st = carat_str_check(&sql, err);
        if (!st)
            st = execute(h, sql.data, err);
        carat_str_free(&sql);
        return st;
    }
    if (application != APPLICATION)
        return carat_fail(err, CARAT_EFORMAT, "%s: a database of another program", h->path);
    if (version != VERSION)
        return carat_fail(err, CARAT_EFORMAT,
                          "%s: a history of version %" PRId64 ", this carat reads version %d", h->path,
                          version, VERSION);
    return check_shape(h, err);
}

carat_status carat_past_open(const char *path, bool create, carat_past **out, carat_err *err)
{
    carat_past *h = carat_alloc(1, sizeof *h, err);
    if (!h)
        return CARAT_ENOMEM;
    carat_status st = (h->path = strdup(path)) ? CARAT_OK
                                               : carat_fail(err, CARAT_ENOMEM, "out of memory for a path");
    if (!st && (carat_exists(path) ? !carat_is_file(path) : !create))
        st = carat_fail(err, CARAT_EIO, "%s: %s", path, carat_exists(path) ? "not a file" : "no such file");
    if (!st && sqlite3_open_v2(path, &h->db,
                               create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY,
                               NULL) != SQLITE_OK)
        st = h->db ? fail(h, err) : carat_fail(err, CARAT_ENOMEM, "out of memory for a database");
    if (!st) {
        sqlite3_busy_timeout(h->db, PATIENCE_MS);
        sqlite3_db_config(h->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        st = execute(h, "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON",
                     err);
    }
    if (!st && !(st = execute(h, create ? "BEGIN IMMEDIATE" : "BEGIN", err)) &&
        !(st = check_kind(h, create, err)) && !(st = check_sound(h, err)))
        st = execute(h, "COMMIT", err);
    if (st)
        carat_past_close(h);
    else
        *out = h;
    return st;
}

void carat_past_close(carat_past *h)
{
    if (!h)
        return;
    sqlite3_close(h->db); /* rolls back what was not committed */
    free(h->path);
    carat_free(h);
}

/* ---- adding --------------------------------------------------------------------------------------------------- */

/* Of the three files and the label. */
static carat_status identify(const carat_report_run *run, const char *label, char hex[65], carat_err *err)
{
    static const char *const files[] = {"header.json", "items.jsonl", "report.json"};
    carat_sha256 *sum;
    carat_str path = CARAT_STR_INIT;
    carat_status st = carat_sha256_open(&sum, err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof files / sizeof *files && !st; i++) {
        char part[65] = "";
        carat_path_join(&path, run->loaded.dir, files[i]);
        if (!(st = carat_str_check(&path, err)) && !(st = carat_sha256_file(path.data, part, err)))
            carat_sha256_add(sum, part, sizeof part);
    }
    carat_sha256_add(sum, label, strlen(label));
    carat_sha256_finish(sum, hex);
    carat_str_free(&path);
    return st;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *s, int at, double x)
{
    if (isfinite(x))
        sqlite3_bind_double(s, at, x);
    else
        sqlite3_bind_null(s, at);
}

/* Runs a prepared statement that gives no rows. */
static carat_status finish(carat_past *h, sqlite3_stmt *s, carat_err *err)
{
    carat_status st = s && sqlite3_step(s) == SQLITE_DONE ? CARAT_OK : fail(h, err);
    sqlite3_finalize(s);
    return st;
}

static sqlite3_stmt *prepared(carat_past *h, const char *sql)
{
    sqlite3_stmt *s = NULL;
    return sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) == SQLITE_OK ? s : NULL;
}

static carat_status add_run(carat_past *h, const carat_report_run *run, const char *label, const char *hash,
                            carat_err *err)
{
    const char *model = NULL;
    carat_str method = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&method);
    carat_report_tree(&w, run->method);
    carat_json_text(carat_json_get(run->method, "model"), "model", &model, NULL);
    sqlite3_stmt *s = prepared(
        h, "INSERT OR IGNORE INTO run(hash, written, label, name, model, method) VALUES(?, ?, ?, ?, ?, ?)");
    const char *texts[] = {hash, run->when, label, run->name, model, method.data};
    for (int i = 0; s && i < 6; i++)
        bind_text(s, i + 1, texts[i]);
    carat_status st = carat_str_check(&method, err);
    if (st)
        sqlite3_finalize(s);
    else
        st = finish(h, s, err);
    carat_str_free(&method);
    return st;
}

/* Of the members of the method that decide this suite's items and how they are scored, whatever the model. */
static carat_status way_of(const carat_report_run *run, const carat_report_suite *suite, char hex[65],
                           carat_err *err)
{
    static const char *const own[] = {"suite", "data"}, *const shared[] = {"context", "stride",
                                                                           "reference_model"};
    carat_sha256 *sum;
    carat_str text = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&text);
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        carat_report_tree(&w, carat_json_get(carat_json_get(run->method, own[i]), suite->name));
    for (size_t i = 0; i < sizeof shared / sizeof *shared && !suite->asks; i++)
        carat_report_tree(&w, carat_json_get(run->method, shared[i]));
    carat_jw_close(&w);
    carat_status st = carat_str_check(&text, err);
    if (!st && !(st = carat_sha256_open(&sum, err))) {
        carat_sha256_add(sum, text.data, text.len);
        carat_sha256_finish(sum, hex);
        hex[8] = 0;
    }
    carat_str_free(&text);
    return st;
}

/* One suite of one run on its way in. */
struct added {
    carat_past *h;
    int64_t run;
    const carat_report_suite *suite;
    char way[65];
};

static carat_status add_score(const struct added *a, int place, const carat_metric *m, carat_err *err)
{
    const double numbers[] = {m->estimate.value, m->estimate.error, m->estimate.low, m->estimate.high};
    sqlite3_stmt *s = prepared(a->h, "INSERT INTO score VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    if (s) {
        sqlite3_bind_int64(s, 1, a->run);
        bind_text(s, 2, a->suite->name);
        bind_text(s, 3, m->name);
        sqlite3_bind_int(s, 4, place);
        bind_text(s, 5, a->way);
        for (int i = 0; i < 4; i++)
            bind_number(s, 6 + i, numbers[i]);
        sqlite3_bind_int64(s, 10, (int64_t)m->estimate.n);
    }
    return finish(a->h, s, err);
}

static carat_status add_outcomes(carat_past *h, int64_t run, const carat_report_suite *suite, carat_err *err)
{
    sqlite3_stmt *s = prepared(h, "INSERT INTO outcome VALUES(?, ?, ?, ?, ?, ?, ?)");
    if (s) {
        sqlite3_bind_int64(s, 1, run);
        bind_text(s, 2, suite->name);
        for (int o = 0; o < 4; o++)
            sqlite3_bind_int64(s, 3 + o, (int64_t)suite->outcome[o]);
        sqlite3_bind_int64(s, 7, (int64_t)suite->truncated);
    }
    return finish(h, s, err);
}

static carat_status add_suite(carat_past *h, int64_t id, const carat_report_run *run,
                              const carat_report_suite *suite, carat_err *err)
{
    struct added a = {.h = h, .run = id, .suite = suite};
    const carat_json *headline = carat_report_headline(suite->metrics);
    int place = 1; /* 0 is the headline's */
    carat_status st = way_of(run, suite, a.way, err);
    for (const carat_json *c = carat_json_first(suite->metrics); c && !st; c = carat_json_next(c)) {
        carat_metric m = carat_report_metric(c);
        if (isfinite(m.estimate.value))
            st = add_score(&a, c == headline ? 0 : place++, &m, err);
    }
    return st || !suite->asks ? st : add_outcomes(h, id, suite, err);
}

carat_status carat_past_add(carat_past *h, const carat_report_run *run, const char *label, bool *added,
                            carat_err *err)
{
    char hash[65];
    if (!run->loaded.report)
        return carat_fail(err, CARAT_EFORMAT, "%s: this run was not finished; the same `carat eval` goes on",
                          run->loaded.dir);
    carat_status st = identify(run, label, hash, err);
    if (st || (st = execute(h, "BEGIN IMMEDIATE", err)))
        return st;
    st = add_run(h, run, label, hash, err);
    *added = !st && sqlite3_changes(h->db) > 0;
    int64_t id = sqlite3_last_insert_rowid(h->db);
    for (size_t i = 0; i < run->n_suites && !st && *added; i++)
        st = add_suite(h, id, run, &run->suite[i], err);
    if (!st)
        st = execute(h, "COMMIT", err);
    if (st)
        sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static const char *column_text(sqlite3_stmt *s, int at)
{
    const char *text = (const char *)sqlite3_column_text(s, at);
    return text ? text : "";
}

static double column_number(sqlite3_stmt *s, int at)
{
    return sqlite3_column_type(s, at) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at);
}

static carat_past_row read_row(sqlite3_stmt *s)
{
    int64_t n = sqlite3_column_int64(s, 13);
    carat_past_row row = {.run = sqlite3_column_int64(s, 0),
                          .hash = column_text(s, 1),
                          .written = column_text(s, 2),
                          .label = column_text(s, 3),
                          .name = column_text(s, 4),
                          .model = column_text(s, 5),
                          .suite = column_text(s, 6),
                          .metric = {column_text(s, 7),
                                     {column_number(s, 9), column_number(s, 10), column_number(s, 11),
                                      column_number(s, 12), n > 0 ? (size_t)n : 0}},
                          .way = column_text(s, 19),
                          .first = sqlite3_column_int(s, 8) == 0,
                          .truncated = -1};
    for (int o = 0; o < 4; o++)
        row.outcome[o] = sqlite3_column_type(s, 14) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 14 + o);
    if (row.outcome[0] >= 0)
        row.truncated = sqlite3_column_int64(s, 18);
    return row;
}

carat_status carat_past_each(carat_past *h, const carat_past_filter *filter,
                             carat_status (*fn)(void *ctx, const carat_past_row *row, carat_err *err),
                             void *ctx, carat_err *err)
{
    sqlite3_stmt *s = prepared(
        h, "SELECT run.id, hash, written, label, name, model, score.suite, metric, place, value, stderr, "
           "low, high, n, right, "
           "wrong, unparsed, not_measured, truncated, way FROM score JOIN run ON run.id = score.run "
           "LEFT JOIN outcome ON outcome.run = score.run AND outcome.suite = score.suite "
           "WHERE (?1 IS NULL OR score.suite = ?1) AND (?2 IS NULL OR metric = ?2) AND (?3 IS NULL OR "
           "instr(model, ?3) > 0) "
           "AND (?4 OR ?2 IS NOT NULL OR place = 0) ORDER BY score.suite, place, metric, written, run.id");
    if (!s)
        return fail(h, err);
    const char *texts[] = {filter->suite, filter->metric, filter->model};
    for (int i = 0; i < 3; i++)
        if (texts[i])
            bind_text(s, i + 1, texts[i]);
    sqlite3_bind_int(s, 4, filter->all);
    carat_status st = CARAT_OK;
    int code;
    while (!st && (code = sqlite3_step(s)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            st = fail(h, err);
            break;
        }
        carat_past_row row = read_row(s);
        st = fn(ctx, &row, err);
    }
    sqlite3_finalize(s);
    return st;
}
