/* MRCR: find one of several like texts in a long conversation and repeat it.       SPDX-License-Identifier: Apache-2.0
 *
 * Variants openai, no-autojunk, openai-lstrip read openai/mrcr (a conversation a row); v2 reads Google's tables
 * (google-deepmind/eval_hub, a transcript a row, sent as one user message). How replies are marked: mrcr_grade.c. Tables go up to gigabytes: what
 * is kept of a row is its answer; its conversation is read again when it is asked. Length buckets are powers of two of tokens of the
 * model's own tokenizer, where there is one, over the conversation and its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets/table.h"
#include "eval/suites/mrcr.h"
#include "eval/suite.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/hash.h"
#include "runtime/base/mem.h"

enum { LABEL = 48, SMALLEST = 4096, NEW_TOKENS = 4096, MAX_FILES = 256, DEPTH = 4 };

typedef struct item {
    const char *answer, *random;
    char *asked; /* the messages given out, until release */
    uint32_t file, row;
    char id[LABEL], needles[LABEL], bucket[LABEL], cell[3 * LABEL];
} item;

typedef struct mrcr {
    carat_mrcr_rules rules;
    const carat_backend *model;
    size_t max_new;
    const char *file[MAX_FILES];
    uint32_t files;
    item *item;
    size_t n, cap;
    size_t odd; /* rows that contradict themselves */
    carat_arena arena;
    /* reading again: the row that comes next */
    carat_table table;
    uint32_t table_file, table_row;
    carat_str row;
    carat_progress bar; /* while they are read the first time: gigabytes, and every token is counted */
    uint64_t bytes[MAX_FILES + 1]; /* of the files before each */
    carat_sha256 *hash;            /* of all rows, while they are read the first time */
    char sha256[65];
} mrcr;

static void close_suite(void *state)
{
    mrcr *m = state;
    for (size_t i = 0; i < m->n; i++)
        free(m->item[i].asked);
    free(m->item);
    carat_table_close(&m->table);
    carat_str_free(&m->row);
    carat_arena_free(&m->arena);
    carat_free(m);
}

/* ---- one row ------------------------------------------------------------------------------------------------- */

static carat_status text_member(const carat_json *row, const char *key, const char **out, carat_err *err)
{
    return carat_json_text(carat_json_get(row, key), key, out, err);
}

/* A number that CSV holds as text. */
static carat_status count_member(const carat_json *row, const char *key, uint64_t *out, carat_err *err)
{
    const carat_json *node = carat_json_get(row, key);
    const char *text;
    char *end;
    if (carat_json_text(node, key, &text, NULL))
        return carat_json_u64(node, key, 0, UINT32_MAX, out, err);
    *out = strtoull(text, &end, 10);
    return *text && !*end ? CARAT_OK
                          : carat_fail(err, CARAT_EFORMAT, "%s: \"%.40s\" is no number", key, text);
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

/* Tokens of a text, or a fourth of its characters. */
static carat_status tokens_of(const mrcr *m, const char *text, uint64_t *sum, carat_err *err)
{
    if (!m->model || !m->model->tokenizer) {
        *sum += characters(text) / 4;
        return CARAT_OK;
    }
    int32_t *ids;
    size_t n;
    carat_status st = carat_encode(m->model->tokenizer, text, strlen(text), 0, &ids, &n, err);
    if (st)
        return st;
    carat_release(ids);
    *sum += n;
    return CARAT_OK;
}

/* Parses the messages of a row and counts their tokens; *sane: the row says of itself what it is. */
static carat_status check_messages(const mrcr *m, const carat_json *row, uint64_t *tokens, bool *sane,
                                   carat_err *err)
{
    const char *text, *answer, *random, *wanted = NULL;
    uint64_t asked = UINT64_MAX - 1, total, i = 0;
    carat_json *list;
    carat_status st = text_member(row, "prompt", &text, err);
    if (st || (st = text_member(row, "answer", &answer, err)) ||
        (st = text_member(row, "random_string_to_prepend", &random, err)) ||
        (st = carat_json_parse(text, strlen(text), &list, err)))
        return st;
    if (!carat_json_is_array(list) || !carat_json_count(list))
        st = carat_fail(err, CARAT_EFORMAT, "prompt: not a list of messages");
    count_member(row, "desired_msg_index", &asked, NULL);
    for (const carat_json *turn = carat_json_first(list); turn && !st; turn = carat_json_next(turn), i++) {
        const char *role, *content;
        if ((st = text_member(turn, "role", &role, err)) ||
            (st = text_member(turn, "content", &content, err)))
            break;
        if (i == asked + 1)
            wanted = content;
        st = tokens_of(m, content, tokens, err);
    }
    size_t skip = strlen(random);
    *sane = carat_starts(answer, random) && (!wanted || !strcmp(answer + skip, wanted)) &&
            (count_member(row, "total_messages", &total, NULL) || total == i);
    carat_json_free(list);
    return st;
}

static void label(item *it, uint64_t tokens, uint64_t needles)
{
    uint64_t low = 0, high = SMALLEST;
    while (tokens >= high) {
        low = high;
        high *= 2;
    }
    snprintf(it->needles, sizeof it->needles, "%" PRIu64, needles);
    snprintf(it->bucket, sizeof it->bucket, "%" PRIu64 "-%" PRIu64, low, high);
    snprintf(it->cell, sizeof it->cell, "%s needles, %s", it->needles, it->bucket);
}

static carat_status read_row(mrcr *m, const carat_json *row, item *it, carat_err *err)
{
    bool v2 = m->rules == CARAT_MRCR_V2, sane = true;
    const char *text, *answer, *random = "";
    uint64_t tokens = 0, needles;
    carat_status st;
    if (!carat_json_get(row, v2 ? "queries" : "prompt"))
        return carat_fail(err, CARAT_EUSAGE, "no column %s; --variant %s reads %s", v2 ? "queries" : "prompt",
                          v2 ? "openai" : "v2", v2 ? "openai/mrcr" : "Google's tables");
    if ((st = text_member(row, "answer", &answer, err)) || (st = tokens_of(m, answer, &tokens, err)) ||
        (st = count_member(row, v2 ? "num_relevant" : "n_needles", &needles, err)))
        return st;
    if (v2)
        st = (st = text_member(row, "queries", &text, err)) ? st : tokens_of(m, text, &tokens, err);
    else
        st = (st = text_member(row, "random_string_to_prepend", &random, err))
                 ? st
                 : check_messages(m, row, &tokens, &sane, err);
    if (st)
        return st;
    m->odd += !sane;
    label(it, tokens, needles);
    it->answer = carat_arena_copy(&m->arena, answer, strlen(answer), err);
    it->random = it->answer ? carat_arena_copy(&m->arena, random, strlen(random), err) : NULL;
    return it->random ? CARAT_OK : CARAT_ENOMEM;
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

/* The next row of the table under way, parsed; *row is NULL at its end. */
static carat_status next_row(mrcr *m, carat_json **row, carat_err *err)
{
    bool more;
    *row = NULL;
    carat_status st = carat_table_next(&m->table, &m->row, &more, err);
    if (!st && more)
        st = carat_json_parse(m->row.data, m->row.len, row, err);
    m->table_row++;
    return st;
}

static carat_status open_table(mrcr *m, uint32_t file, carat_err *err)
{
    carat_table_close(&m->table);
    m->table_file = file;
    m->table_row = 0;
    return carat_table_open(m->file[file], &m->table, err);
}

static carat_status in_row(const mrcr *m, carat_status st, carat_err *err)
{
    char where[512];
    snprintf(where, sizeof where, "%s: row %" PRIu32, m->file[m->table_file], m->table_row);
    return carat_fail_in(err, st, where);
}

static carat_status index_file(mrcr *m, uint32_t file, size_t limit, carat_err *err)
{
    carat_json *row;
    uint64_t seen = m->bytes[file];
    carat_status st = open_table(m, file, err);
    while (!st && (!limit || m->n < limit) && !(st = next_row(m, &row, err)) && row) {
        carat_sha256_add(m->hash, m->row.data, m->row.len + 1);
        /* rows are longer than the file is where it is packed: a file is done when it is done */
        seen += m->row.len;
        carat_progress_at(&m->bar, seen < m->bytes[file + 1] ? seen : m->bytes[file + 1]);
        if (carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted before the first question");
        item it = {.file = file, .row = m->table_row - 1};
        snprintf(it.id, sizeof it.id, "%" PRIu32 "-%" PRIu32, file, it.row);
        if (!st)
            st = carat_grow((void **)&m->item, &m->cap, m->n + 1, sizeof it, err);
        if (!st && !(st = read_row(m, row, &it, err)))
            m->item[m->n++] = it;
        else if (st != CARAT_EINTR)
            st = in_row(m, st, err);
        carat_json_free(row);
    }
    return st;
}

static carat_status add_file(mrcr *m, const char *path, carat_err *err)
{
    if (m->files == MAX_FILES)
        return carat_fail(err, CARAT_ESUPPORT, "more than %d files of mrcr", MAX_FILES);
    m->file[m->files] = carat_arena_copy(&m->arena, path, strlen(path), err);
    return m->file[m->files] && ++m->files ? CARAT_OK : CARAT_ENOMEM;
}

/* The tables below a folder, by name: 2needle/2needle_0.parquet ... */
typedef struct search {
    mrcr *m;
    int depth;
} search;

static carat_status find_files(void *ctx, const char *path, const char *name, carat_err *err)
{
    const search *s = ctx;
    bool table = carat_ends(name, s->m->rules == CARAT_MRCR_V2 ? ".csv" : ".parquet");
    search below = {s->m, s->depth + 1};
    if (carat_is_dir(path))
        return table || s->depth < DEPTH ? carat_each_entry(path, find_files, &below, err) : CARAT_OK;
    return table ? add_file(s->m, path, err) : CARAT_OK;
}

/* Bytes of all files. */
static uint64_t measure(mrcr *m)
{
    for (uint32_t f = 0; f < m->files; f++) {
        struct stat file;
        uint64_t size = stat(m->file[f], &file) == 0 ? (uint64_t)file.st_size : 0;
        m->bytes[f + 1] = m->bytes[f] + size;
    }
    return m->bytes[m->files];
}

/* ---- the suite ----------------------------------------------------------------------------------------------- */

static carat_status choose(const carat_eval *e, mrcr *m, carat_err *err)
{
    static const char *const names[] = {"openai", "v2", "no-autojunk", "openai-lstrip"};
    size_t v = 0, count = sizeof names / sizeof *names;
    while (e->variant && v < count && strcmp(e->variant, names[v]) != 0)
        v++;
    if (v == count)
        return carat_fail(err, CARAT_EUSAGE, "--variant %s: mrcr has " CARAT_MRCR_VARIANTS, e->variant);
    if (v == CARAT_MRCR_V2 && !e->data)
        return carat_fail(err, CARAT_EUSAGE, "mrcr's v2 needs Google's table: --data mrcr=FILE.csv");
    m->rules = (carat_mrcr_rules)v;
    m->model = e->model;
    size_t context = e->model ? e->model->context : 0;
    m->max_new = context && context / 4 < NEW_TOKENS ? context / 4 : NEW_TOKENS;
    return CARAT_OK;
}

static carat_status open_suite(const carat_eval *e, void **state, size_t *items, carat_err *err)
{
    mrcr *m = carat_alloc(1, sizeof *m, err);
    if (!m)
        return CARAT_ENOMEM;
    m->row = (carat_str)CARAT_STR_INIT;
    carat_status st = choose(e, m, err);
    if (!st)
        st = carat_sha256_open(&m->hash, err);
    if (!st)
        st = !e->data                ? add_file(m, "sample:mrcr", err)
             : carat_is_dir(e->data) ? carat_each_entry(e->data, find_files, &(search){m, 0}, err)
                                     : add_file(m, e->data, err);
    static const carat_talk silent = {.verbosity = -1};
    m->bar = carat_progress_begin(e->talk ? e->talk : &silent, "mrcr, reading", "B", measure(m));
    for (uint32_t f = 0; !st && f < m->files && (!e->limit || m->n < e->limit); f++)
        st = index_file(m, f, e->limit, err);
    carat_progress_end(&m->bar);
    if (m->hash)
        carat_sha256_finish(m->hash, m->sha256);
    if (!st && !m->n)
        st = carat_fail(err, CARAT_EFORMAT, "%s: no conversations", e->data ? e->data : "sample:mrcr");
    if (st) {
        close_suite(m);
        return st;
    }
    *state = m;
    *items = m->n;
    return CARAT_OK;
}

static carat_status pin(const void *state, carat_jw *w, carat_err *err)
{
    const mrcr *m = state;
    (void)err;
    carat_jw_put_text(w, "similarity",
                      m->rules == CARAT_MRCR_NO_AUTOJUNK ? "difflib, autojunk off" : "difflib, autojunk on");
    carat_jw_put_text(w, "buckets",
                      m->model && m->model->tokenizer ? "tokens of this model" : "characters / 4");
    carat_jw_put_text(w, "rows_sha256", m->sha256);
    return CARAT_OK;
}

static carat_item describe(const void *state, size_t i)
{
    const item *it = &((const mrcr *)state)->item[i];
    return (carat_item){.id = it->id,
                        .group = {{"needles", it->needles}, {"bucket", it->bucket}, {"cell", it->cell}},
                        .n_groups = 3};
}

/* The messages to send: the conversation as it stands, or the transcript in one. */
static carat_status messages_of(const mrcr *m, const carat_json *row, char **out, carat_err *err)
{
    const char *text;
    bool v2 = m->rules == CARAT_MRCR_V2;
    carat_status st = text_member(row, v2 ? "queries" : "prompt", &text, err);
    if (st)
        return st;
    if (v2)
        *out = carat_user_message(text, err);
    else if (!(*out = strdup(text)))
        carat_fail(err, CARAT_ENOMEM, "out of memory for a conversation");
    return *out ? CARAT_OK : CARAT_ENOMEM;
}

static carat_status question(void *state, size_t i, carat_question *out, carat_err *err)
{
    mrcr *m = state;
    item *it = &m->item[i];
    carat_status st = CARAT_OK;
    if (!it->asked) {
        carat_json *row = NULL;
        if (!m->table.kind || m->table_file != it->file || m->table_row > it->row)
            st = open_table(m, it->file, err);
        while (!st && m->table_row <= it->row) {
            carat_json_free(row);
            if (!(st = next_row(m, &row, err)) && !row)
                st = carat_fail(err, CARAT_EFORMAT, "%s: row %" PRIu32 " is gone", m->file[it->file],
                                it->row);
        }
        if (!st)
            st = messages_of(m, row, &it->asked, err);
        carat_json_free(row);
    }
    *out = (carat_question){.messages = it->asked,
                            .max_new = m->max_new,
                            .sampler = {.top_p = 1, .temperature = m->rules == CARAT_MRCR_V2}};
    return st;
}

static void release(void *state, size_t i)
{
    item *it = &((mrcr *)state)->item[i];
    free(it->asked);
    it->asked = NULL;
}

static carat_status grade(void *state, size_t i, const carat_answer *a, carat_jw *w, carat_verdict *v,
                          carat_err *err)
{
    const mrcr *m = state;
    const item *it = &m->item[i];
    carat_mrcr_mark mark;
    carat_status st = carat_mrcr_score(&(carat_mrcr_reply){a->content, it->answer, it->random}, m->rules,
                                       &mark, err);
    if (st)
        return st;
    *v = (carat_verdict){!mark.found       ? CARAT_UNPARSED
                         : mark.score == 1 ? CARAT_RIGHT
                                           : CARAT_WRONG,
                         mark.score};
    carat_jw_put_bool(w, "prefix", mark.found);
    return CARAT_OK;
}

static carat_status report(void *state, const carat_json *const *results, size_t n, carat_results *out,
                           carat_err *err)
{
    const mrcr *m = state;
    (void)results, (void)n, (void)err;
    int len = snprintf(out->note, sizeof out->note,
                       "score: difflib's ratio behind the random string; right: word for word; unparsed: the "
                       "string is not there, which "
                       "counts 0; buckets by %s",
                       !m || (m->model && m->model->tokenizer) ? "tokens of this model's tokenizer"
                                                               : "characters / 4: no tokenizer here");
    if (m && m->odd)
        snprintf(out->note + len, sizeof out->note - (size_t)len, "; %zu rows contradict their own columns",
                 m->odd);
    return CARAT_OK;
}

const carat_suite carat_suite_mrcr = {
    .name = "mrcr",
    .summary = "MRCR: repeat one of several like texts of a long conversation",
    .metric = "score",
    .variants = CARAT_MRCR_VARIANTS,
    .open = open_suite,
    .pin = pin,
    .describe = describe,
    .question = question,
    .grade = grade,
    .release = release,
    .report = report,
    .close = close_suite,
};
