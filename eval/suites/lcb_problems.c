/* LiveCodeBench's problems: reading their files, unpacking tests, and the prompt.  SPDX-License-Identifier: Apache-2.0
 *
 * Files are mapped and cut into members without decoding what is not needed yet. Anything that is not plain JSON lines (compressed, Parquet)
 * is unpacked into a temporary file first. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/pickle.h"
#include "datasets/sample.h"
#include "datasets/table.h"
#include "eval/suites/lcb.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

enum { MAX_TESTS = 1 << 30 /* bytes of one problem's tests, unpacked */ };

typedef enum member {
    ID,
    CONTENT,
    STARTER,
    PLATFORM,
    DIFFICULTY,
    DATE,
    PUBLIC,
    PRIVATE,
    METADATA,
    TITLE,
    MEMBERS
} member;
static const char *const names[MEMBERS] = {
    "question_id",  "question_content",  "starter_code",       "platform", "difficulty",
    "contest_date", "public_test_cases", "private_test_cases", "metadata", "question_title"};

/* ERRATA.md: problems whose right answers the tests refuse, because there are several or because they are wrong, and such as talk to a
 * judge. AtCoder's by their id, LeetCode's by their title. */
static const char *const errata[] = {"abc311_c",
                                     "abc326_d",
                                     "abc327_b",
                                     "abc333_e",
                                     "abc337_e",
                                     "abc343_a",
                                     "abc343_e",
                                     "abc350_c",
                                     "abc355_e",
                                     "abc362_c",
                                     "arc185_c",
                                     "arc189_a",
                                     "apply-operations-to-make-string-empty",
                                     "most-frequent-ids",
                                     "find-words-containing-character",
                                     "find-the-peaks",
                                     "generate-binary-strings-without-adjacent-zeros"};

struct carat_lcb {
    carat_map map[16];
    size_t n_maps;
    carat_arena arena;
    carat_lcb_problem *problem;
    size_t n, cap, left_out;
};

/* ---- members of a line */

/* Behind the string that begins at p (a quote), or NULL. */
static const char *behind_string(const char *p, const char *end)
{
    for (const char *q = p + 1; q < end; q++) {
        q = memchr(q, '"', (size_t)(end - q));
        if (!q)
            return NULL;
        size_t slashes = 0;
        while (q[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return q + 1;
    }
    return NULL;
}

static const char *behind_blanks(const char *p, const char *end)
{
    while (p < end && memchr(" \t\r\n", *p, 4))
        p++;
    return p;
}

/* The spans of the wanted members, which are strings all; false when the line is no such object. What they hold is checked when it is
 * decoded. */
static bool cut(const char *p, const char *end, carat_bytes out[MEMBERS])
{
    memset(out, 0, MEMBERS * sizeof *out);
    p = behind_blanks(p, end);
    if (p == end || *p != '{')
        return false;
    do {
        const char *key = behind_blanks(p + 1, end), *colon, *value, *rest;
        if (key == end || *key != '"' || !(colon = behind_string(key, end)))
            return false;
        size_t key_n = (size_t)(colon - key) - 2;
        colon = behind_blanks(colon, end);
        value = colon < end && *colon == ':' ? behind_blanks(colon + 1, end) : end;
        if (value == end || *value != '"' || !(rest = behind_string(value, end)))
            return false;
        for (int i = 0; i < MEMBERS; i++)
            if (strlen(names[i]) == key_n && !memcmp(names[i], key + 1, key_n))
                out[i] = (carat_bytes){value, (size_t)(rest - value)};
        p = behind_blanks(rest, end);
    } while (p < end && *p == ',');
    return p < end && *p == '}' && behind_blanks(p + 1, end) == end;
}

/* A member's text: a node to be freed, and what it holds. */
static carat_status decode(carat_bytes span, const char *name, carat_json **node, const char **text,
                           carat_err *err)
{
    if (!span.data)
        return carat_fail(err, CARAT_EFORMAT, "%s: missing", name);
    carat_status st = carat_json_parse(span.data, span.n, node, err);
    return st ? carat_fail_in(err, st, name) : carat_json_text(*node, name, text, err);
}

/* ---- opening */

static carat_status keep_text(carat_lcb *l, carat_bytes span, const char *name, const char **out,
                              carat_err *err)
{
    carat_json *node = NULL;
    const char *text;
    carat_status st = decode(span, name, &node, &text, err);
    if (!st && !(*out = carat_arena_copy(&l->arena, text, strlen(text), err)))
        st = CARAT_ENOMEM;
    carat_json_free(node);
    return st;
}

static bool within(const carat_lcb_options *o, const char *date)
{
    return (!o->from || strncmp(date, o->from, 10) >= 0) && (!o->to || strncmp(date, o->to, 10) <= 0);
}

static bool in_errata(const char *name)
{
    for (size_t i = 0; i < sizeof errata / sizeof *errata; i++)
        if (strcmp(name, errata[i]) == 0)
            return true;
    return false;
}

/* Is the problem one of the errata, by its id or its title ("Find the Peaks" is "find-the-peaks")? */
static carat_status of_errata(const char *id, carat_bytes title, bool *out, carat_err *err)
{
    carat_json *node = NULL;
    const char *text;
    carat_str slug = CARAT_STR_INIT;
    *out = in_errata(id);
    carat_status st = title.data && !*out ? decode(title, names[TITLE], &node, &text, err) : CARAT_OK;
    for (const char *p = node && !st ? text : ""; *p; p++)
        carat_str_putc(&slug, *p == ' ' ? '-' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
    *out = *out || in_errata(slug.data);
    carat_str_free(&slug);
    carat_json_free(node);
    return st;
}

static carat_status add(carat_lcb *l, const carat_lcb_options *o, const char *line, size_t n, carat_err *err)
{
    carat_bytes span[MEMBERS];
    carat_lcb_problem p = {.row = line, .row_len = n};
    if (!cut(line, line + n, span))
        return carat_fail(err, CARAT_EFORMAT, "not an object of strings, as problems of LiveCodeBench are");
    const char **text[] = {&p.id, &p.content, &p.starter, &p.platform, &p.difficulty, &p.date};
    carat_status st = keep_text(l, span[DATE], names[DATE], &p.date, err);
    if (st || !within(o, p.date))
        return st;
    for (int i = ID; !st && i < DATE; i++)
        st = keep_text(l, span[i], names[i], text[i], err);
    bool known = false;
    if (!st && o->no_errata)
        st = of_errata(p.id, span[TITLE], &known, err);
    if (known)
        l->left_out++;
    if (!st && !known)
        st = carat_grow((void **)&l->problem, &l->cap, l->n + 1, sizeof *l->problem, err);
    if (!st && !known)
        l->problem[l->n++] = p;
    return st;
}

/* Rows of a file that is no plain text of lines, into a temporary one, which is mapped and has no name any more. */
static carat_status unpack(const char *path, carat_map *out, carat_err *err)
{
    carat_table table = {0};
    carat_str name = CARAT_STR_INIT, row = CARAT_STR_INIT;
    FILE *f = NULL;
    bool more = true;
    carat_path_join(&name, carat_temp_dir(), "carat-problems-XXXXXX");
    carat_status st = carat_str_check(&name, err);
    if (st || (st = carat_table_open(path, &table, err)))
        goto out;
    int fd = mkstemp(name.data);
    if (fd < 0 || !(f = fdopen(fd, "w"))) {
        st = carat_fail_errno(err, "%s", name.data);
        goto out;
    }
    while (!st && !(st = carat_table_next(&table, &row, &more, err)) && more)
        if (fwrite(row.data, 1, row.len, f) != row.len || putc('\n', f) < 0)
            st = carat_fail_errno(err, "%s", name.data);
    if (fclose(f) && !st)
        st = carat_fail_errno(err, "%s", name.data);
    if (!st)
        st = carat_map_open(name.data, out, err);
    unlink(name.data);
out:
    carat_table_close(&table);
    carat_str_free(&name);
    carat_str_free(&row);
    return st;
}

static carat_status add_lines(carat_lcb *l, const carat_lcb_options *o, const char *path, const void *data,
                              size_t n, carat_err *err)
{
    const char *p = data, *end = p + n;
    for (size_t number = 1; p && p < end; number++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        carat_status st = CARAT_OK;
        if (behind_blanks(p, stop) < stop && (st = add(l, o, p, (size_t)(stop - p), err))) {
            carat_err why = *err;
            return carat_fail(err, st, "%s: line %zu: %.400s", path, number, why.text);
        }
        p = stop + 1;
    }
    return CARAT_OK;
}

static carat_status add_file(carat_lcb *l, const carat_lcb_options *o, const char *path, carat_err *err)
{
    const carat_sample_file *sample = carat_sample_find(path);
    if (sample)
        return add_lines(l, o, path, sample->data, sample->len, err);
    if (l->n_maps == sizeof l->map / sizeof *l->map)
        return carat_fail(err, CARAT_EFORMAT, "%s: more than %zu files of problems", path, l->n_maps);
    carat_map *map = &l->map[l->n_maps];
    carat_status st = carat_map_open(path, map, err);
    if (st)
        return st;
    if (map->size && map->data[0] != '{') {
        carat_map_close(map);
        if ((st = unpack(path, map, err)))
            return st;
    }
    l->n_maps++;
    return add_lines(l, o, path, map->data, map->size, err);
}

typedef struct folder {
    carat_lcb *l;
    const carat_lcb_options *o;
} folder;

static carat_status add_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    const folder *f = ctx;
    bool problems = strstr(name, ".jsonl") || carat_ends(name, ".parquet");
    return problems ? add_file(f->l, f->o, path, err) : CARAT_OK;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const carat_lcb_problem *)a)->id, ((const carat_lcb_problem *)b)->id);
}

carat_status carat_lcb_open(const carat_lcb_options *o, carat_lcb **out, carat_err *err)
{
    carat_err why = {0};
    carat_lcb *l = carat_alloc(1, sizeof *l, err);
    if (!l)
        return CARAT_ENOMEM;
    carat_status st = carat_is_dir(o->path) ? carat_each_entry(o->path, add_entry, &(folder){l, o}, &why)
                                            : add_file(l, o, o->path, &why);
    if (!st && l->n)
        qsort(l->problem, l->n, sizeof *l->problem, by_id);
    for (size_t i = 1; !st && i < l->n; i++)
        if (!strcmp(l->problem[i - 1].id, l->problem[i].id))
            st = carat_fail(&why, CARAT_EFORMAT, "%s: problem %s twice", o->path, l->problem[i].id);
    if (!st && !l->n)
        st = carat_fail(&why, CARAT_EFORMAT, "%s: no problems%s", o->path,
                        o->from || o->to ? " between these dates" : "");
    if (st) {
        carat_lcb_close(l);
        if (err)
            *err = why;
        return st;
    }
    *out = l;
    return CARAT_OK;
}

void carat_lcb_close(carat_lcb *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_maps; i++)
        carat_map_close(&l->map[i]);
    carat_arena_free(&l->arena);
    carat_free(l->problem);
    carat_free(l);
}

size_t carat_lcb_left_out(const carat_lcb *l)
{
    return l->left_out;
}

size_t carat_lcb_count(const carat_lcb *l)
{
    return l->n;
}

const carat_lcb_problem *carat_lcb_at(const carat_lcb *l, size_t i)
{
    return &l->problem[i];
}

const carat_lcb_problem *carat_lcb_find(const carat_lcb *l, const char *id)
{
    const carat_lcb_problem key = {.id = id};
    return l->n ? bsearch(&key, l->problem, l->n, sizeof key, by_id) : NULL;
}

/* ---- tests */

/* The list of private tests: JSON, or JSON in a pickle in zlib in base64. */
static carat_status private_tests(const char *text, carat_json **root, carat_err *err)
{
    carat_str packed = CARAT_STR_INIT, pickle = CARAT_STR_INIT, json = CARAT_STR_INIT;
    const char *first = text + strspn(text, " \t\r\n");
    carat_status st;
    if (*first == '[' || *first == '{')
        return carat_json_parse(text, strlen(text), root, err);
    st = carat_base64(text, strlen(text), &packed, err);
    if (!st)
        st = carat_inflate(packed.data, packed.len, MAX_TESTS, &pickle, err);
    carat_str_free(&packed);
    if (!st)
        st = carat_unpickle_text(pickle.data, pickle.len, &json, err);
    carat_str_free(&pickle);
    if (!st)
        st = carat_json_parse(json.data, json.len, root, err);
    carat_str_free(&json);
    return st;
}

static carat_status collect(const carat_json *list, const char *name, carat_lcb_tests *out, carat_err *err)
{
    if (!carat_json_is_array(list))
        return carat_fail(err, CARAT_EFORMAT, "%s: not a list", name);
    for (const carat_json *t = carat_json_first(list); t; t = carat_json_next(t)) {
        carat_status st = carat_json_text(carat_json_get(t, "input"), "input", &out->test[out->n].input, err);
        if (!st)
            st = carat_json_text(carat_json_get(t, "output"), "output", &out->test[out->n].output, err);
        if (st)
            return carat_fail_in(err, st, name);
        out->n++;
    }
    return CARAT_OK;
}

/* root: the public list, the private list, the metadata */
static carat_status parse_tests(const carat_bytes span[MEMBERS], carat_json *root[3], carat_err *err)
{
    for (int i = 0; i < 3; i++) {
        carat_json *node = NULL;
        const char *text, *name = names[PUBLIC + i];
        carat_status st = decode(span[PUBLIC + i], name, &node, &text, err);
        if (!st) {
            st = i == 1 ? private_tests(text, &root[i], err)
                        : carat_json_parse(text, strlen(text), &root[i], err);
            if (st)
                carat_fail_in(err, st, name);
        }
        carat_json_free(node);
        if (st)
            return st;
    }
    return CARAT_OK;
}

carat_status carat_lcb_tests_open(const carat_lcb_problem *p, carat_lcb_tests *out, carat_err *err)
{
    carat_bytes span[MEMBERS];
    carat_err why = {0};
    *out = (carat_lcb_tests){.function = ""};
    carat_status st = cut(p->row, p->row + p->row_len, span) ? CARAT_OK : CARAT_EFORMAT;
    if (!st)
        st = parse_tests(span, out->root, &why);
    if (!st) {
        out->test = carat_alloc(carat_json_count(out->root[0]) + carat_json_count(out->root[1]),
                                sizeof *out->test, &why);
        st = out->test ? CARAT_OK : CARAT_ENOMEM;
    }
    for (int i = 0; !st && i < 2; i++)
        st = collect(out->root[i], names[PUBLIC + i], out, &why);
    const carat_json *function = carat_json_get(out->root[2], "func_name");
    if (!st && function)
        st = carat_json_text(function, "func_name", &out->function, &why);
    if (st) {
        carat_lcb_tests_close(out);
        return carat_fail(err, st, "problem %s: %.400s", p->id, why.text);
    }
    return CARAT_OK;
}

void carat_lcb_tests_close(carat_lcb_tests *t)
{
    for (int i = 0; i < 3; i++)
        carat_json_free(t->root[i]);
    carat_free(t->test);
    *t = (carat_lcb_tests){.function = ""};
}

/* ---- the prompt */

static void message(carat_jw *w, const char *role, const char *text)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "role", role);
    carat_jw_put_text(w, "content", text);
    carat_jw_close(w);
}

void carat_lcb_prompt(const carat_lcb_problem *p, carat_jw *w)
{
    carat_str user = CARAT_STR_INIT;
    carat_str_puts(&user, "### Question:\n");
    carat_str_puts(&user, p->content);
    if (*p->starter) {
        carat_str_puts(&user, "\n\n### Format: You will use the following starter code to write the solution "
                              "to the problem and "
                              "enclose your code within delimiters.\n```python\n");
        carat_str_puts(&user, p->starter);
    } else
        carat_str_puts(&user, "\n\n### Format: Read the inputs from stdin solve the problem and write the "
                              "answer to stdout (do not directly "
                              "test on the sample inputs). Enclose your code within delimiters as follows. "
                              "Ensure that when the python "
                              "program runs, it reads the inputs, runs the algorithm and writes output to "
                              "STDOUT.\n```python\n# YOUR CODE "
                              "HERE");
    carat_str_puts(&user, "\n```\n\n### Answer: (use the provided format with backticks)\n\n");
    carat_jw_open(w, '[');
    message(w, "system",
            "You are an expert Python programmer. You will be given a question (problem specification) and "
            "will generate a correct "
            "Python program that matches the specification and passes all tests.");
    message(w, "user", user.data);
    carat_jw_close(w);
    w->out->failed |= user.failed;
    carat_str_free(&user);
}
