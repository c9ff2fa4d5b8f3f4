/* Two runs side by side: which items they share (pairs.h).                        SPDX-License-Identifier: Apache-2.0 */
#include "eval/pairs.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/map.h"

static const char *text_of(const carat_record *r, const char *key)
{
    const char *text = NULL;
    carat_json_text(carat_json_get(r->json, key), key, &text, NULL);
    return text;
}

const char *carat_record_name(const carat_record *r, char buf[24])
{
    const char *id = text_of(r, "id");
    if (id)
        return id;
    snprintf(buf, 24, "%" PRIu64, r->item);
    return buf;
}

/* ---- names of items ------------------------------------------------------------------------------------------ */

/* Names of a suite's records, each once: the id, or "#number", and how many of that name came before. */
struct names {
    carat_table seen; /* id -> how many so far - 1, kept in count */
    uint32_t *count;  /* [records] */
    size_t n;
};

static carat_status name_of(struct names *names, const carat_record *r, carat_arena *arena,
                            carat_str *scratch, const char **out, carat_err *err)
{
    const char *id = text_of(r, "id");
    uint32_t at = (uint32_t)names->n;
    bool was = false;
    carat_status st = CARAT_OK;
    carat_str_clear(scratch);
    if (!id) {
        carat_str_printf(scratch, "#%" PRIu64, r->item);
    } else {
        if ((st = carat_table_put(&names->seen, id, strlen(id), at, &was, err)))
            return st;
        if (was)
            carat_table_get(&names->seen, id, strlen(id), &at);
        names->n += !was;
        carat_str_printf(scratch, "%" PRIu32 " %s", names->count[at]++, id);
    }
    if ((st = carat_str_check(scratch, err)))
        return st;
    *out = carat_arena_copy(arena, scratch->data, scratch->len, err);
    return *out ? CARAT_OK : CARAT_ENOMEM;
}

/* Calls for each record of a suite, in order, with its name. */
static carat_status all_names(const carat_loaded *run, const carat_loaded_suite *s, carat_arena *arena,
                              const char **name, carat_err *err)
{
    struct names names = {.count = carat_alloc(s->n, sizeof(uint32_t), err)};
    carat_str scratch = CARAT_STR_INIT;
    carat_status st = names.count ? CARAT_OK : CARAT_ENOMEM;
    for (size_t i = 0; i < s->n && !st; i++)
        st = name_of(&names, &run->record[s->first + i], arena, &scratch, &name[i], err);
    carat_str_free(&scratch);
    carat_table_free(&names.seen);
    carat_free(names.count);
    return st;
}

/* ---- pairing ------------------------------------------------------------------------------------------------- */

static carat_status pair(carat_match *m, const carat_loaded_suite *sa, const carat_loaded_suite *sb,
                         carat_err *err)
{
    carat_table in_b = {0};
    const char **a = carat_alloc(sa->n, sizeof *a, err), **b = carat_alloc(sb->n, sizeof *b, err);
    carat_status st = a && b ? CARAT_OK : CARAT_ENOMEM;
    if (st || (st = all_names(m->run_a, sa, &m->names, a, err)) ||
        (st = all_names(m->run_b, sb, &m->names, b, err)))
        goto out;
    for (size_t i = 0; i < sb->n && !st; i++)
        st = carat_table_put(&in_b, b[i], strlen(b[i]), (uint32_t)i, NULL, err);
    for (size_t i = 0; i < sa->n && !st; i++) {
        uint32_t at;
        if (!carat_table_get(&in_b, a[i], strlen(a[i]), &at))
            continue;
        m->a[m->n] = &m->run_a->record[sa->first + i];
        m->b[m->n++] = &m->run_b->record[sb->first + at];
    }
    m->only_a = sa->n - m->n;
    m->only_b = sb->n - m->n;
out:
    carat_table_free(&in_b);
    carat_free(a);
    carat_free(b);
    return st;
}

/* Records hold when and how long: no two runs of a suite that asks have the same. Of what is computed nothing else can be told apart. */
static bool same_records(const carat_match *m)
{
    carat_str x = CARAT_STR_INIT, y = CARAT_STR_INIT;
    bool same = !m->only_a && !m->only_b;
    for (size_t i = 0; i < m->n && same; i++) {
        carat_str_clear(&x);
        carat_str_clear(&y);
        same = !carat_json_print(m->a[i]->json, &x, NULL) && !carat_json_print(m->b[i]->json, &y, NULL) &&
               x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    }
    carat_str_free(&x);
    carat_str_free(&y);
    return same;
}

/* ---- asked alike? -------------------------------------------------------------------------------------------- */

const carat_json *carat_match_pinned(const carat_loaded *run, const char *group, const char *suite)
{
    return carat_json_get(carat_json_get(run->header, group), suite);
}

bool carat_match_same_text(const carat_json *a, const carat_json *b)
{
    const char *x, *y;
    return !carat_json_text(a, "", &x, NULL) && !carat_json_text(b, "", &y, NULL) && strcmp(x, y) == 0;
}

/* The prompts of a pair differ in their bytes when models frame the same questions differently; what was asked, before framing,
 * is pinned in the header. */
static carat_status check_prompts(carat_match *m, bool any_prompt, carat_err *err)
{
    const carat_record *first = NULL;
    char buf[24];
    for (size_t i = 0; i < m->n; i++) {
        const char *x = text_of(m->a[i], "prompt_sha256"), *y = text_of(m->b[i], "prompt_sha256");
        if (x && y && strcmp(x, y) == 0)
            continue;
        if (!x && !y) /* neither was asked */
            continue;
        m->prompts++;
        first = first ? first : m->a[i];
    }
    const carat_json *x = carat_json_get(carat_match_pinned(m->run_a, "suite", m->suite), "prompt_sha256"),
                     *y = carat_json_get(carat_match_pinned(m->run_b, "suite", m->suite), "prompt_sha256");
    if (!m->prompts || any_prompt || carat_match_same_text(x, y))
        return CARAT_OK;
    return carat_fail(
        err, CARAT_EFORMAT,
        "%s: %zu of %zu items were asked with other prompts in %s than in %s, the first is %.60s; "
        "--any-prompt compares all the same",
        m->suite, m->prompts, m->n, m->run_b->dir, m->run_a->dir, carat_record_name(first, buf));
}

carat_status carat_match_open(const carat_loaded *a, const carat_loaded *b, const char *suite,
                              bool any_prompt, carat_match *out, carat_err *err)
{
    const carat_loaded_suite *sa = carat_run_suite(a, suite), *sb = carat_run_suite(b, suite);
    carat_match m = {.suite = suite, .run_a = a, .run_b = b};
    if (!sa || !sb)
        return carat_fail(err, CARAT_EFORMAT, "%s: no item of %s", sa ? b->dir : a->dir, suite);
    m.a = carat_alloc(sa->n, sizeof *m.a, err);
    m.b = carat_alloc(sa->n, sizeof *m.b, err);
    carat_status st = m.a && m.b ? pair(&m, sa, sb, err) : CARAT_ENOMEM;
    if (!st && !m.n)
        st = carat_fail(err, CARAT_EFORMAT, "%s: %s and %s have no item in common (%zu and %zu items)", suite,
                        a->dir, b->dir, sa->n, sb->n);
    m.asks = !st && carat_json_get(m.a[0]->json, "outcome");
    if (!st)
        st = check_prompts(&m, any_prompt, err);
    m.one_run = !st && same_records(&m);
    if (st)
        carat_match_close(&m);
    else
        *out = m;
    return st;
}

void carat_match_close(carat_match *m)
{
    carat_free(m->a);
    carat_free(m->b);
    carat_arena_free(&m->names);
    *m = (carat_match){0};
}
