/* carat report: runs as text, a page, or what other tools read.                    SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"

struct args {
    carat_common common;
    const char *format, *out;
    int64_t items;
    bool force;
};

static const struct args defaults = {.items = 40};

/* "results_*.json" -> "results_2026-11-21T18-13-29.000000.json", as lm-eval dates its files */
static void dated(const char *name, const carat_report *r, carat_str *out)
{
    const char *star = strchr(name, '*');
    if (!star) {
        carat_str_puts(out, name);
        return;
    }
    carat_str_add(out, name, (size_t)(star - name));
    for (const char *p = r->run[0].when; *p; p++)
        carat_str_putc(out, *p == ':' ? '-' : *p);
    carat_str_printf(out, ".000000%s", star + 1);
}

/* Beside the files of a run there may be reports, but never in their places. */
static carat_status spare_runs(const char *path, const struct args *a, carat_err *err)
{
    static const char *const files[] = {"header.json", "items.jsonl", "report.json", "lock"};
    carat_str file = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (size_t i = 0; !st && i < 4 * a->common.npos; i++) {
        carat_path_join(&file, a->common.pos[i / 4], files[i % 4]);
        if (!(st = carat_str_check(&file, err)))
            st = carat_output_spares(path, file.data, err);
    }
    carat_str_free(&file);
    return st;
}

static carat_status put_file(const char *path, const carat_str *text, const struct args *a, carat_err *err)
{
    carat_status st = carat_str_check(text, err);
    if (st || (st = spare_runs(path, a, err)) || (st = carat_output_check(path, NULL, a->force, err)))
        return st;
    return carat_write_file(path, text->data, text->len, err);
}

/* The main file under its own name, and those that stand beside it. */
static carat_status put_folder(const struct args *a, const carat_report_format *f, const carat_report *r,
                               const carat_str *main_text, carat_err *err)
{
    carat_str name = CARAT_STR_INIT, path = CARAT_STR_INIT, text = CARAT_STR_INIT, pattern = CARAT_STR_INIT;
    carat_status st = carat_make_dir(a->out, err);
    dated(f->file, r, &name);
    carat_path_join(&path, a->out, name.data);
    if (!st)
        st = put_file(path.data, main_text, a, err);
    bool done = !f->beside;
    for (size_t i = 0; !done && !st; i++) {
        carat_str_clear(&name);
        carat_str_clear(&pattern);
        carat_str_clear(&text);
        if ((st = f->beside(r, i, &pattern, &text, &done)) || !pattern.len)
            continue;
        dated(pattern.data, r, &name);
        carat_path_join(&path, a->out, name.data);
        st = put_file(path.data, &text, a, err);
    }
    carat_str_free(&name);
    carat_str_free(&path);
    carat_str_free(&text);
    carat_str_free(&pattern);
    return st;
}

static bool names_folder(const char *path)
{
    return carat_is_dir(path) || carat_ends(path, "/");
}

static carat_status put(const struct args *a, const carat_report_format *f, const carat_report *r,
                        carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    carat_status st = f->write(r, &text, err);
    if (st)
        goto out;
    if (!a->out || !strcmp(a->out, "-"))
        fwrite(text.data, 1, text.len, stdout);
    else if (names_folder(a->out))
        st = put_folder(a, f, r, &text, err);
    else
        st = put_file(a->out, &text, a, err);
out:
    carat_str_free(&text);
    return st;
}

static carat_status find_format(const struct args *a, const carat_report_format **out, carat_err *err)
{
    extern const carat_listing carat_reports_listing;
    const char *name = a->format ? a->format : a->common.json ? "json" : "text", *known, *summary;
    carat_nearest near = {.word = name};
    if ((*out = carat_report_format_named(name)))
        return CARAT_OK;
    for (size_t i = 0; (known = carat_reports_listing.item(i, &summary)); i++)
        carat_nearest_try(&near, known);
    if (near.best)
        return carat_fail(err, CARAT_EUSAGE, "no format %s; did you mean %s?", name, near.best);
    return carat_fail(err, CARAT_EUSAGE, "no format %s; `carat list reports` names them", name);
}

static int run(const void *args, carat_err *err)
{
    const struct args *a = args;
    const carat_report_format *f;
    carat_report r = {0};
    carat_str scratch = CARAT_STR_INIT;
    carat_status st = find_format(a, &f, err);
    if (!st && a->items < 0)
        st = carat_fail(err, CARAT_EUSAGE, "--items %" PRId64 ": 0 or more", a->items);
    if (st || (st = carat_report_open(a->common.pos, a->common.npos, &r, err)))
        goto out;
    r.items = (size_t)a->items;
    for (size_t i = 0; i < r.n; i++)
        if (carat_report_caveat(&r.run[i], &scratch))
            carat_note(&a->common.talk, "%s: %s", r.run[i].loaded.dir, scratch.data);
    st = put(a, f, &r, err);
out:
    carat_report_close(&r);
    carat_str_free(&scratch);
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"format", 'f', CARAT_OPT_TEXT, AT(format), "NAME",
     "one of `carat list reports` (text; json with --json)"},
    {"output", 'o', CARAT_OPT_TEXT, AT(out), "FILE|DIR/",
     "instead of stdout; in a directory under the name the format is known by"},
    {"items", 0, CARAT_OPT_INT, AT(items), "N", "html: show N items of each outcome in full (40)"},
    {"force", 0, CARAT_OPT_FLAG, AT(force), NULL, "replace FILE"},
    {0},
};

const carat_cmd carat_cmd_report = {
    .name = "report",
    .summary = "runs as text, a web page, or what CI and other tools read",
    .usage = "RUN [RUN...] [--format NAME] [-o FILE] [options]",
    .detail = "Two runs are set side by side: what flipped between them, with both replies. A run that was "
              "not finished is shown as far\n"
              "as it got, and says so. The page (html) needs no other file and no network.",
    .example = "$ carat report run-bf16 run-int4 --format html -o report.html\n"
               "$ carat report run-int4 --format lm-eval -o results/",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = CARAT_REPORT_RUNS,
    .defaults = &defaults,
    .run = run,
};
