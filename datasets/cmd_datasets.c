/* carat datasets: what suites ask from, fetched, checked, shown.                   SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/fetch.h"
#include "datasets/table.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"

struct args {
    carat_common common;
    int64_t limit, tries;
    const char *from, *dir;
    bool force;
};

static const struct args defaults = {.tries = 6};

/* ---- cat ----------------------------------------------------------------------------------------------------- */

static carat_status cat(const struct args *a, carat_err *err)
{
    carat_table t = {0};
    carat_str row = CARAT_STR_INIT;
    carat_status st = a->limit < 0
                          ? carat_fail(err, CARAT_EUSAGE, "--limit %" PRId64 ": 0 or more rows", a->limit)
                          : carat_table_open(a->common.pos[1], &t, err);
    bool more = true;
    for (int64_t i = 0; !st && (!a->limit || i < a->limit); i++) {
        if ((st = carat_table_next(&t, &row, &more, err)) || !more)
            break;
        if (puts(row.data) < 0 || carat_interrupted())
            st = carat_fail(err, carat_interrupted() ? CARAT_EINTR : CARAT_EIO, "stopped behind row %" PRId64,
                            i + 1);
    }
    carat_table_close(&t);
    carat_str_free(&row);
    return st;
}

/* ---- list and show ------------------------------------------------------------------------------------------- */

static uint64_t size_of(const carat_dataset *d)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->file[i].bytes)
            return 0;
        sum += d->file[i].bytes;
    }
    return sum;
}

/* How many of the files lie here. */
static carat_status here(const struct args *a, const carat_dataset *d, size_t *n, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    bool found;
    *n = 0;
    for (size_t i = 0; i < d->n && !st; i++)
        if (!(st = carat_dataset_locate(d, &d->file[i], a->dir, &path, &found, err)))
            *n += found;
    carat_str_free(&path);
    return st;
}

static void put_file(carat_jw *w, const carat_dataset *d, const carat_dataset_file *f, const char *where)
{
    carat_str url = CARAT_STR_INIT;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "path", f->path);
    carat_jw_key(w, "bytes");
    f->bytes ? carat_jw_u64(w, f->bytes) : carat_jw_null(w);
    carat_jw_put_text(w, "sha256", f->sha256);
    carat_jw_key(w, "rows");
    f->rows ? carat_jw_u64(w, f->rows) : carat_jw_null(w);
    carat_jw_key(w, "url");
    bool remote = (d->repo || d->url) && !carat_dataset_url(d, f, &url, NULL);
    carat_jw_text(w, remote ? url.data : NULL);
    carat_jw_put_text(w, "here", where);
    carat_jw_close(w);
    carat_str_free(&url);
}

static carat_status put_set(const struct args *a, carat_jw *w, const carat_dataset *d, carat_err *err)
{
    const struct {
        const char *key, *text;
    } members[] = {{"name", d->name},        {"suite", d->suite}, {"summary", d->summary},
                   {"licence", d->licence},  {"home", d->home},   {"repository", d->repo},
                   {"revision", d->revision}};
    carat_str path = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    bool found;
    carat_jw_open(w, '{');
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        carat_jw_put_text(w, members[i].key, members[i].text);
    }
    carat_jw_key(w, "files");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < d->n && !st; i++)
        if (!(st = carat_dataset_locate(d, &d->file[i], a->dir, &path, &found, err)))
            put_file(w, d, &d->file[i], found ? path.data : NULL);
    carat_jw_close(w);
    carat_jw_close(w);
    carat_str_free(&path);
    return st;
}

static carat_status list(const struct args *a, carat_err *err)
{
    const carat_dataset *d;
    carat_str out = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&out);
    carat_status st = CARAT_OK;
    carat_jw_open(&w, '[');
    if (!a->common.json)
        printf("%-22s %-16s %10s  %-5s  %s\n", "name", "suite", "size", "here", "what it is");
    for (size_t i = 0, n; (d = carat_dataset_at(i)) && !st; i++) {
        char size[16] = "not known";
        if (a->common.json) {
            st = put_set(a, &w, d, err);
            continue;
        }
        if (size_of(d))
            carat_format_bytes(size_of(d), size);
        if ((st = here(a, d, &n, err)))
            break;
        printf("%-22s %-16s %10s  %-5s  %s\n", d->name, d->suite, size,
               n == d->n ? "yes"
               : n       ? "part"
                         : "no",
               d->summary);
    }
    carat_jw_close(&w);
    if (!st && !(st = carat_str_check(&out, err)) && a->common.json)
        puts(out.data);
    carat_str_free(&out);
    return st;
}

static carat_status show_file(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                              carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    bool found;
    char size[16] = "not known";
    carat_status st = carat_dataset_locate(d, f, a->dir, &text, &found, err);
    if (st)
        goto out;
    if (f->bytes)
        carat_format_bytes(f->bytes, size);
    printf("%s\n  size    %s", f->path, size);
    if (f->bytes)
        printf(" (%" PRIu64 " bytes)", f->bytes);
    printf("\n  sha256  %s\n", f->sha256 ? f->sha256 : "not known: the first one fetched is written down");
    if (f->rows)
        printf("  rows    %" PRIu64 "\n", f->rows);
    printf("  here    %s\n", found ? text.data : "no");
    if ((d->repo || d->url) && !(st = carat_dataset_url(d, f, &text, err)))
        printf("  from    %s\n", text.data);
out:
    carat_str_free(&text);
    return st;
}

static carat_status show(const struct args *a, const carat_dataset *d, carat_err *err)
{
    carat_status st = CARAT_OK;
    if (a->common.json) {
        carat_str out = CARAT_STR_INIT;
        carat_jw w = carat_jw_begin(&out);
        if (!(st = put_set(a, &w, d, err)) && !(st = carat_str_check(&out, err)))
            puts(out.data);
        carat_str_free(&out);
        return st;
    }
    printf("%s: %s\nsuite    %s\nlicence  %s\nsee      %s\n", d->name, d->summary, d->suite, d->licence,
           d->home);
    if (d->repo)
        printf("from     %s on the Hugging Face hub, revision %s\n", d->repo, d->revision);
    for (size_t i = 0; i < d->n && !st; i++)
        st = show_file(a, d, &d->file[i], err);
    return st;
}

/* ---- sums of files whose sum nobody has published: the first one is trusted, later ones are held against it -------- */

static void sums_path(const struct args *a, const carat_dataset *d, carat_str *out)
{
    carat_dataset_folder(d, a->dir, out, NULL);
    carat_str_puts(out, "/SHA256SUMS");
}

/* The file as it should be, with the sum that was written down when it was fetched; sum[65] holds that. */
static carat_dataset_file known(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                                char *sum)
{
    carat_dataset_file want = *f;
    carat_str path = CARAT_STR_INIT;
    char *text = NULL;
    size_t len;
    sums_path(a, d, &path);
    if (!f->sha256 && !carat_read_file(path.data, 1 << 20, &text, &len, NULL))
        for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (strlen(line) > 66 && strcmp(line + 66, f->path) == 0) {
                memcpy(sum, line, 64);
                sum[64] = 0;
                want.sha256 = sum;
            }
    free(text);
    carat_str_free(&path);
    return want;
}

/* In the form of sha256sum, which can check it, too. */
static carat_status write_down(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                               const char *sum, carat_err *err)
{
    carat_str path = CARAT_STR_INIT, out = CARAT_STR_INIT;
    char *text = NULL;
    size_t len;
    sums_path(a, d, &path);
    if (!carat_read_file(path.data, 1 << 20, &text, &len, NULL))
        for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (strlen(line) > 66 && strcmp(line + 66, f->path) != 0)
                carat_str_printf(&out, "%s\n", line);
    carat_str_printf(&out, "%s  %s\n", sum, f->path);
    carat_status st = carat_str_check(&out, err);
    if (!st)
        st = carat_write_file(path.data, out.data, out.len, err);
    free(text);
    carat_str_free(&path);
    carat_str_free(&out);
    return st;
}

/* ---- get ----------------------------------------------------------------------------------------------------- */

static bool is_url(const char *s)
{
    return s && (carat_starts(s, "http://") || carat_starts(s, "https://"));
}

/* Where a file comes from: --from (a directory, an address in front, or the file itself), the Hugging Face cache, its home. */
static carat_status source_of(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                              carat_str *out, carat_err *err)
{
    bool found;
    const char *base = carat_path_base(f->path);
    if (!a->from) {
        carat_status st = carat_dataset_locate(d, f, a->dir, out, &found, err);
        if (st || found)
            return st;
        if (!d->repo && !d->url)
            return carat_fail(err, CARAT_EUSAGE, "%s comes with carat: %s; --from DIR", d->name, d->home);
        return carat_dataset_url(d, f, out, err);
    }
    carat_str_clear(out);
    if (carat_is_dir(a->from)) {
        carat_path_join(out, a->from, f->path);
        if (!carat_is_file(out->data))
            carat_path_join(out, a->from, base);
    } else if (carat_ends(a->from, base) || (d->n == 1 && !carat_ends(a->from, "/")))
        carat_str_puts(out, a->from);
    else if (is_url(a->from))
        carat_str_printf(out, "%s%s%s", a->from, carat_ends(a->from, "/") ? "" : "/", f->path);
    return carat_str_check(out, err);
}

static carat_status get_file(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                             const char *path, carat_err *err)
{
    carat_str source = CARAT_STR_INIT;
    char sum[65];
    const char *token = getenv("HF_TOKEN");
    carat_dataset_file want = known(a, d, f, sum);
    if (a->force && !f->sha256)
        want.sha256 = NULL;
    carat_fetch fetch = {.talk = &a->common.talk,
                         .label = carat_path_base(path),
                         .want = &want,
                         .path = path,
                         .token = d->repo && !a->from && token && *token ? token : NULL,
                         .tries = (uint32_t)a->tries};
    carat_fetch_check c;
    carat_status st = source_of(a, d, f, &source, err);
    if (st)
        goto out;
    if (!source.len || (!is_url(source.data) && !carat_is_file(source.data))) {
        st = carat_fail(err, CARAT_EUSAGE,
                        "%s: no %s there; --from takes a directory, one of the files or an address", a->from,
                        f->path);
        goto out;
    }
    st = is_url(source.data) ? carat_fetch_url(&fetch, source.data, err)
                             : carat_fetch_file(&fetch, source.data, err);
    if (!st && !f->sha256 && !(st = carat_fetch_verify(&want, path, false, &c, err)))
        st = write_down(a, d, f, c.sha256, err);
    if (!st)
        carat_note(&a->common.talk, "%s: from %s", path, source.data);
out:
    carat_str_free(&source);
    return st;
}

/* --from names one of the files itself. */
static bool is_one(const struct args *a, const carat_dataset *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (carat_ends(a->from, carat_path_base(d->file[i].path)))
            return !carat_is_dir(a->from);
    return false;
}

static carat_status get(const struct args *a, const carat_dataset *d, carat_err *err)
{
    carat_str folder = CARAT_STR_INIT, path = CARAT_STR_INIT;
    carat_status st = carat_dataset_folder(d, a->dir, &folder, err);
    if (!st && (carat_starts(d->file[0].path, "sample:")))
        st = carat_fail(err, CARAT_EUSAGE, "%s are in the program: `carat datasets cat sample:mmlu-pro`",
                        d->name);
    if (!st && (a->tries < 1 || a->tries > 1000))
        st = carat_fail(err, CARAT_EUSAGE, "--tries %" PRId64 ": from 1 to 1000", a->tries);
    for (size_t i = 0; i < d->n && !st; i++) {
        char sum[65];
        carat_fetch_check c;
        carat_err why;
        if (a->from && d->n > 1 && is_one(a, d) && !carat_ends(a->from, carat_path_base(d->file[i].path)))
            continue; /* another of the set was named */
        carat_path_join(&path, folder.data, d->file[i].path);
        carat_dataset_file want = known(a, d, &d->file[i], sum);
        if ((st = carat_str_check(&path, err)))
            break;
        if (!carat_is_file(path.data) || a->force)
            st = get_file(a, d, &d->file[i], path.data, err);
        else if (carat_fetch_verify(&want, path.data, false, &c, &why))
            st = carat_fail(err, CARAT_EFORMAT, "%s; --force gets it anew", why.text);
        else
            carat_note(&a->common.talk, "%s: is there", path.data);
    }
    if (!st)
        printf("%s\n", d->n == 1 ? path.data : folder.data);
    carat_str_free(&folder);
    carat_str_free(&path);
    return st;
}

/* ---- verify -------------------------------------------------------------------------------------------------- */

/* One line a file; *bad counts those that are not what they should be, or are not here. */
static carat_status verify_file(const struct args *a, const carat_dataset *d, const carat_dataset_file *f,
                                int *bad, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    char sum[65];
    bool found;
    carat_fetch_check c = {0};
    carat_err why = {0};
    carat_dataset_file want = known(a, d, f, sum);
    carat_status st = carat_dataset_locate(d, f, a->dir, &path, &found, err), fault = CARAT_OK;
    if (!st && found)
        fault = carat_fetch_verify(&want, path.data, true, &c, &why);
    if (fault == CARAT_EINTR || fault == CARAT_ENOMEM)
        st = carat_fail(err, fault, "%s", why.text);
    if (st)
        goto out;
    if (!found)
        printf("missing  %s: `carat datasets get %s` gets it\n", f->path, d->name);
    else if (fault)
        printf("wrong    %s\n", why.text);
    else {
        printf("%s  %s", want.sha256 || !c.sha256[0] ? "ok     " : "unknown", path.data);
        if (c.sha256[0])
            printf(": sha256 %s", c.sha256);
        if (c.rows)
            printf(", %" PRIu64 " rows", c.rows);
        putchar('\n');
    }
    *bad += !found || fault;
out:
    carat_str_free(&path);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status check_args(const struct args *a, bool named, carat_err *err)
{
    size_t n = a->common.npos;
    if (n > 2 || (n == 2 && strcmp(a->common.pos[0], "list") == 0))
        return carat_fail(err, CARAT_EUSAGE, "datasets: too many arguments: %s", a->common.pos[n - 1]);
    if (named && n < 2)
        return carat_fail(err, CARAT_EUSAGE, "datasets %s: which one? `carat datasets list` names them",
                          a->common.pos[0]);
    return CARAT_OK;
}

static int run(const void *args, carat_err *err)
{
    const struct args *a = args;
    const char *verb = a->common.pos[0];
    const carat_dataset *d = NULL;
    bool is_list = strcmp(verb, "list") == 0, is_cat = strcmp(verb, "cat") == 0;
    bool is_show = strcmp(verb, "show") == 0, is_get = strcmp(verb, "get") == 0;
    int bad = 0;
    carat_status st;
    if (!is_list && !is_cat && !is_show && !is_get && strcmp(verb, "verify") != 0)
        st = carat_fail(err, CARAT_EUSAGE, "datasets %s: list, show, get, verify or cat", verb);
    else if (!(st = check_args(a, !is_list, err)) && !is_list && !is_cat)
        st = carat_dataset_named(a->common.pos[1], &d, err);
    if (st)
        return carat_cmd_exit(st, err);
    if (is_list)
        st = list(a, err);
    else if (is_cat)
        st = cat(a, err);
    else if (is_show)
        st = show(a, d, err);
    else if (is_get)
        st = get(a, d, err);
    else
        for (size_t i = 0; i < d->n && !st; i++)
            st = verify_file(a, d, &d->file[i], &bad, err);
    return st ? carat_cmd_exit(st, err) : bad > 0;
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"limit", 0, CARAT_OPT_INT, AT(limit), "N", "cat: the first N rows; 0: all"},
    {"from", 0, CARAT_OPT_TEXT, AT(from), "PATH|URL", "get: a directory or file to copy, or another address"},
    {"dir", 'o', CARAT_OPT_TEXT, AT(dir), "DIR",
     "the data directory (default: $XDG_DATA_HOME/carat/datasets)"},
    {"force", 0, CARAT_OPT_FLAG, AT(force), NULL, "get: also what is there already"},
    {"tries", 0, CARAT_OPT_INT, AT(tries), "N", "get: so many in a row that bring nothing are enough (6)"},
    {0},
};

const carat_cmd carat_cmd_datasets = {
    .name = "datasets",
    .summary = "what suites ask from: list, show, get, verify; and read any such table",
    .usage = "(list | show NAME | get NAME | verify NAME | cat FILE) [options]",
    .detail =
        "get fetches the files of a set from where they are published, or copies them from --from or the\n"
        "Hugging Face cache, and prints the directory, or the only file, to give to `carat eval --data`. "
        "What\n"
        "was broken off goes on; nothing stands under its name before its size and sha256 are those of the\n"
        "catalogue. Where no sum is published the first one is written down in SHA256SUMS. HF_TOKEN,\n"
        "HF_ENDPOINT and the proxy variables are heeded. verify holds what is here against sums and numbers\n"
        "of rows; exit 1 if a file is missing or wrong.\n"
        "cat prints a table as JSON lines, whatever it is in: Parquet (plain and dictionary encodings; "
        "snappy,\n"
        "gzip, zstd or none; nested lists and structs), JSON lines, or CSV whose first line names the "
        "columns;\n"
        "the last two also compressed (.gz, .zst, .xz, .bz2). What cannot be read exactly is refused.",
    .example = "$ carat datasets get mmlu-pro\n"
               "$ carat datasets cat test-00000-of-00001.parquet --limit 1\n"
               "{\"question_id\": 70, \"question\": \"Typical advertising regulatory bodies suggest ...",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 3,
    .defaults = &defaults,
    .run = run,
};
