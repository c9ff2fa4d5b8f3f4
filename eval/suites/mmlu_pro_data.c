/* MMLU-Pro: the rows of TIGER-Lab/MMLU-Pro.                                        SPDX-License-Identifier: Apache-2.0
 *
 * Columns: question_id, question, options, answer (a letter), answer_index, cot_content, category, src. Files: Parquet as on the hub
 * (test-*, validation-*), or JSON lines. Where answer and answer_index disagree, the letter counts, and the row is an erratum. */
#include <stdlib.h>
#include <string.h>

#include "datasets/table.h"
#include "eval/suites/mmlu_pro.h"
#include "runtime/base/file.h"
#include "runtime/base/hash.h"

enum { MAX_ROWS = 1 << 20, MAX_CATEGORIES = 256 };

/* ---- one row ------------------------------------------------------------------------------------------------- */

/* A copy of a member that is a text; NULL where there is none. */
static carat_status copy_text(carat_mmlu_data *d, const carat_json *row, const char *key, const char **out,
                              carat_err *err)
{
    const carat_json *node = carat_json_get(row, key);
    const char *text;
    *out = NULL;
    if (!node)
        return CARAT_OK;
    carat_status st = carat_json_text(node, key, &text, err);
    if (!st && !(*out = carat_arena_copy(&d->arena, text, strlen(text), err)))
        st = CARAT_ENOMEM;
    return st;
}

static carat_status read_options(carat_mmlu_data *d, const carat_json *row, carat_mmlu_row *out,
                                 carat_err *err)
{
    const carat_json *list = carat_json_get(row, "options");
    size_t n = carat_json_count(list);
    if (!carat_json_is_array(list) || n < 1 || n > CARAT_MMLU_OPTIONS)
        return carat_fail(err, CARAT_EFORMAT, "options: %zu, from 1 to %d", n, CARAT_MMLU_OPTIONS);
    const char **option = carat_arena_alloc(&d->arena, n, sizeof *option, err);
    if (!option)
        return CARAT_ENOMEM;
    for (const carat_json *o = carat_json_first(list); o; o = carat_json_next(o)) {
        const char *text;
        carat_status st = carat_json_text(o, "an option", &text, err);
        if (st)
            return st;
        if (!(option[out->n_options++] = carat_arena_copy(&d->arena, text, strlen(text), err)))
            return CARAT_ENOMEM;
    }
    out->option = option;
    return CARAT_OK;
}

/* The letter of `answer`, or that of answer_index where there is no letter. */
static carat_status read_gold(const carat_json *row, carat_mmlu_row *out, carat_err *err)
{
    const carat_json *letter = carat_json_get(row, "answer"), *index = carat_json_get(row, "answer_index");
    const char *text;
    uint64_t i = 0;
    carat_status st = CARAT_OK;
    if (!letter && !index)
        return carat_fail(err, CARAT_EFORMAT, "neither answer nor answer_index");
    if (index && (st = carat_json_u64(index, "answer_index", 0, CARAT_MMLU_OPTIONS - 1, &i, err)))
        return st;
    out->gold_index = (int)i;
    out->gold = (char)('A' + i);
    if (!letter)
        return CARAT_OK;
    if ((st = carat_json_text(letter, "answer", &text, err)))
        return st;
    if (text[0] < 'A' || text[0] >= 'A' + CARAT_MMLU_OPTIONS || text[1])
        return carat_fail(err, CARAT_EFORMAT, "answer: \"%.40s\" is no letter from A to P", text);
    out->errata = index && text[0] != out->gold;
    out->gold = text[0];
    if (!index)
        out->gold_index = text[0] - 'A';
    return CARAT_OK;
}

static carat_status find_category(carat_mmlu_data *d, const carat_json *row, uint32_t *out, carat_err *err)
{
    const char *name;
    carat_status st = carat_json_text(carat_json_get(row, "category"), "category", &name, err);
    if (st)
        return st;
    for (size_t i = 0; i < d->n_categories; i++)
        if (!strcmp(d->category[i].name, name)) {
            *out = (uint32_t)i;
            return CARAT_OK;
        }
    if (d->n_categories == MAX_CATEGORIES)
        return carat_fail(err, CARAT_EFORMAT, "more than %d categories", MAX_CATEGORIES);
    st = carat_grow((void **)&d->category, &d->cap_categories, d->n_categories + 1, sizeof *d->category, err);
    if (st)
        return st;
    const char *copy = carat_arena_copy(&d->arena, name, strlen(name), err);
    if (!copy)
        return CARAT_ENOMEM;
    *out = (uint32_t)d->n_categories;
    d->category[d->n_categories++] = (carat_mmlu_category){.name = copy};
    return CARAT_OK;
}

/* question_id is a number in the hub's files and may be a text in others. */
static carat_status read_id(carat_mmlu_data *d, const carat_json *row, size_t number, carat_mmlu_row *out,
                            carat_err *err)
{
    const carat_json *node = carat_json_get(row, "question_id");
    uint64_t id = number;
    if (carat_json_is_string(node))
        return copy_text(d, row, "question_id", &out->id, err);
    carat_status st = node ? carat_json_u64(node, "question_id", 0, UINT64_MAX, &id, err) : CARAT_OK;
    carat_str text = CARAT_STR_INIT;
    carat_str_printf(&text, "%" PRIu64, id);
    if (!st && !(out->id = carat_arena_copy(&d->arena, text.data, text.len, err)))
        st = CARAT_ENOMEM;
    carat_str_free(&text);
    return st;
}

static carat_status read_row(carat_mmlu_data *d, const carat_json *row, size_t number, carat_mmlu_row *out,
                             carat_err *err)
{
    carat_status st;
    *out = (carat_mmlu_row){0};
    if ((st = read_id(d, row, number, out, err)) || (st = read_options(d, row, out, err)) ||
        (st = read_gold(row, out, err)) || (st = find_category(d, row, &out->category, err)) ||
        (st = copy_text(d, row, "cot_content", &out->cot, err)) ||
        (st = copy_text(d, row, "src", &out->src, err)) ||
        (st = copy_text(d, row, "question", &out->question, err)))
        return st;
    return out->question ? CARAT_OK : carat_fail(err, CARAT_EFORMAT, "no question");
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static carat_status append(carat_mmlu_data *d, const carat_json *node, const carat_str *text, bool shots,
                           carat_err *err)
{
    carat_mmlu_row row;
    size_t *n = shots ? &d->n_shots : &d->n;
    if (*n == MAX_ROWS)
        return carat_fail(err, CARAT_ESUPPORT, "more than %d rows", MAX_ROWS);
    carat_status st = shots ? carat_grow((void **)&d->shot, &d->cap_shots, *n + 1, sizeof row, err)
                            : carat_grow((void **)&d->row, &d->cap, *n + 1, sizeof row, err);
    if (!st && !(st = read_row(d, node, *n, &row, err)))
        (shots ? d->shot : d->row)[(*n)++] = row;
    carat_sha256_add(d->hash, text->data, text->len + 1);
    return st;
}

static carat_status append_test(void *ctx, const carat_json *row, const carat_str *text, carat_err *err)
{
    return append(ctx, row, text, false, err);
}

static carat_status append_shot(void *ctx, const carat_json *row, const carat_str *text, carat_err *err)
{
    return append(ctx, row, text, true, err);
}

static carat_status read_table(carat_mmlu_data *d, const char *path, bool shots, carat_err *err)
{
    return carat_table_each(path, shots ? append_shot : append_test, d, err);
}

/* ---- which files --------------------------------------------------------------------------------------------- */

static bool is_table(const char *name)
{
    static const char *const ends[] = {".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".jsonl.xz", ".csv"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (carat_ends(name, ends[i]))
            return true;
    return false;
}

/* The tables of a folder whose names begin with `prefix`, in the order of their names; those of `like`'s kind where there are both
 * Parquet and JSON lines. Names are separated and ended by '\n'. */
static carat_status tables_of(const char *dir, const char *prefix, const char *like, carat_str *out,
                              carat_err *err)
{
    char **names;
    size_t n;
    carat_status st = carat_list_dir(dir, &names, &n, err);
    if (st)
        return st;
    const char *kind = strrchr(like, '.');
    for (int pass = 0; pass < 2 && !out->len; pass++)
        for (size_t i = 0; i < n; i++)
            if (carat_starts(names[i], prefix) && is_table(names[i]) &&
                (pass || !kind || carat_ends(names[i], kind)))
                carat_str_printf(out, "%s\n", names[i]);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return carat_str_check(out, err);
}

/* Reads the tables of dir named in `names`; two that are no parts of one table are refused. */
static carat_status read_named(carat_mmlu_data *d, const char *dir, const carat_str *names, bool shots,
                               carat_err *err)
{
    carat_str path = CARAT_STR_INIT, name = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (const char *p = names->data, *end; !st && (end = strchr(p, '\n')); p = end + 1) {
        carat_str_clear(&name);
        carat_str_add(&name, p, (size_t)(end - p));
        if (end[1] && !strstr(name.data, "-of-"))
            st = carat_fail(err, CARAT_EUSAGE, "%s: %s and more; name one file of them", dir, name.data);
        carat_path_join(&path, dir, name.data);
        if (!st)
            st = read_table(d, path.data, shots, err);
    }
    carat_str_free(&path);
    carat_str_free(&name);
    return st;
}

static carat_status read_shots(carat_mmlu_data *d, const char *dir, const char *like, carat_err *err)
{
    carat_str names = CARAT_STR_INIT;
    carat_status st = tables_of(dir, "validation-", like, &names, err);
    if (!st && !names.len)
        st = tables_of(dir, "validation", like, &names, err);
    if (!st && !names.len)
        st = carat_fail(err, CARAT_EUSAGE,
                        "%s holds no validation table (validation*.parquet or .jsonl), whose answers are the "
                        "examples of every prompt",
                        dir);
    if (!st)
        st = read_named(d, dir, &names, true, err);
    carat_str_free(&names);
    return st;
}

/* A folder: the parts of its test table, or the one file whose name begins with test; the hub keeps them under data/. */
static carat_status read_folder(carat_mmlu_data *d, const char *path, carat_err *err)
{
    carat_str dir = CARAT_STR_INIT, names = CARAT_STR_INIT;
    carat_path_join(&dir, path, "data");
    if (!carat_is_dir(dir.data)) {
        carat_str_clear(&dir);
        carat_str_puts(&dir, path);
    }
    carat_status st = tables_of(dir.data, "test-", ".parquet", &names, err);
    if (!st && !names.len)
        st = tables_of(dir.data, "test", ".parquet", &names, err);
    if (!st && !names.len)
        st = carat_fail(err, CARAT_EUSAGE, "%s holds no test table (test*.parquet or .jsonl)", dir.data);
    const char *end = strchr(names.data, '\n');
    carat_str first = CARAT_STR_INIT;
    if (end)
        carat_str_add(&first, names.data, (size_t)(end - names.data));
    if (!st)
        st = read_named(d, dir.data, &names, false, err);
    if (!st)
        st = read_shots(d, dir.data, first.data, err);
    carat_str_free(&first);
    carat_str_free(&names);
    carat_str_free(&dir);
    return st;
}

static carat_status read_files(carat_mmlu_data *d, const char *path, carat_err *err)
{
    if (!path) {
        carat_status st = read_table(d, "sample:mmlu-pro", false, err);
        return st ? st : read_table(d, "sample:mmlu-pro-validation", true, err);
    }
    if (carat_is_dir(path))
        return read_folder(d, path, err);
    carat_status st = read_table(d, path, false, err);
    if (st)
        return st;
    carat_str dir = CARAT_STR_INIT;
    const char *base = carat_path_base(path);
    if (base == path)
        carat_str_puts(&dir, ".");
    else
        carat_str_add(&dir, path, (size_t)(base - path));
    st = read_shots(d, dir.data, base, err);
    carat_str_free(&dir);
    return st;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

/* Rows of one category behind each other, so that a backend computes their common examples once. */
static carat_status group_rows(carat_mmlu_data *d, carat_err *err)
{
    carat_mmlu_row *sorted = carat_alloc(d->n, sizeof *sorted, err);
    if (!sorted)
        return CARAT_ENOMEM;
    size_t n = 0;
    for (uint32_t c = 0; c < d->n_categories; c++)
        for (size_t i = 0; i < d->n; i++)
            if (d->row[i].category == c)
                sorted[n++] = d->row[i];
    memcpy(d->row, sorted, n * sizeof *sorted);
    carat_free(sorted);
    return CARAT_OK;
}

static carat_status give_shots(carat_mmlu_data *d, size_t categories, carat_err *err)
{
    for (size_t i = 0; i < d->n_shots; i++) {
        carat_mmlu_category *c = &d->category[d->shot[i].category];
        if (c->shots == CARAT_MMLU_SHOTS)
            continue;
        if (!d->shot[i].cot || !*d->shot[i].cot)
            return carat_fail(err, CARAT_EFORMAT,
                              "validation row %s has no cot_content: it cannot be an example", d->shot[i].id);
        c->shot[c->shots++] = &d->shot[i];
    }
    for (size_t i = 0; i < categories; i++)
        if (!d->category[i].shots)
            return carat_fail(err, CARAT_EFORMAT, "category %s: no validation rows, so no examples",
                              d->category[i].name);
    return CARAT_OK;
}

carat_status carat_mmlu_load(const char *path, carat_mmlu_data *out, carat_err *err)
{
    carat_mmlu_data d = {0};
    carat_status st = carat_sha256_open(&d.hash, err);
    if (!st)
        st = read_files(&d, path, err);
    if (!st && !d.n)
        st = carat_fail(err, CARAT_EFORMAT, "%s: no questions", path ? path : "sample:mmlu-pro");
    size_t categories = 0; /* those of questions come first */
    for (size_t i = 0; !st && i < d.n; i++)
        if (d.row[i].category >= categories)
            categories = d.row[i].category + 1;
    if (!st && !(st = group_rows(&d, err)))
        st = give_shots(&d, categories, err);
    if (d.hash)
        carat_sha256_finish(d.hash, d.sha256);
    d.hash = NULL;
    if (st)
        carat_mmlu_unload(&d);
    else
        *out = d;
    return st;
}

void carat_mmlu_unload(carat_mmlu_data *d)
{
    free(d->row);
    free(d->shot);
    free(d->category);
    carat_arena_free(&d->arena);
    *d = (carat_mmlu_data){0};
}
