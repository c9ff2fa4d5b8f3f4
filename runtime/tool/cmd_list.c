/* carat list WHAT: what this build offers, straight from the registries.           SPDX-License-Identifier: Apache-2.0
 *
 * One more registry: its folder exports a carat_listing; name it here twice. As with commands, this file reaches them by
 * `extern`, so that the program's folder includes none of the folders above it. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/json.h"
#include "runtime/format/format.h"
#include "runtime/kernel/kernel.h"

static const char *kernel_at(size_t i, const char **summary)
{
    const carat_kernels *k = carat_kernels_at(i);
    if (!k)
        return NULL;
    *summary = k->usable() ? k->summary : "not usable on this machine";
    return k->name;
}

static const char *format_at(size_t i, const char **summary)
{
    const carat_format *f = carat_format_at(i);
    if (!f)
        return NULL;
    *summary = f->summary;
    return f->name;
}

static const carat_listing kernels = {"kernels", kernel_at}, formats = {"formats", format_at};
/* One a line, so that two new ones do not meet. */
/* clang-format off */
extern const carat_listing carat_schemes_listing;
extern const carat_listing carat_methods_listing;
extern const carat_listing carat_suites_listing;
extern const carat_listing carat_graders_listing;
extern const carat_listing carat_reports_listing;
extern const carat_listing carat_datasets_listing;
extern const carat_listing carat_backends_listing;

static const carat_listing *const listings[] = {
    &carat_schemes_listing,
    &kernels,
    &carat_methods_listing,
    &formats,
    &carat_suites_listing,
    &carat_graders_listing,
    &carat_reports_listing,
    &carat_datasets_listing,
    &carat_backends_listing,
};
/* clang-format on */
enum { LISTINGS = sizeof listings / sizeof *listings };

static void print_json(const carat_listing *l)
{
    carat_str out = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&out);
    const char *name, *summary = NULL;
    carat_jw_open(&w, '[');
    for (size_t i = 0; (name = l->item(i, &summary)); i++) {
        carat_jw_open(&w, '{');
        carat_jw_put_text(&w, "name", name);
        carat_jw_put_text(&w, "summary", summary);
        carat_jw_close(&w);
    }
    carat_jw_close(&w);
    puts(out.data);
    carat_str_free(&out);
}

static void print_text(const carat_listing *l)
{
    const char *name, *summary = NULL;
    int width = 0;
    for (size_t i = 0; (name = l->item(i, &summary)); i++)
        width = (int)strlen(name) > width ? (int)strlen(name) : width;
    for (size_t i = 0; (name = l->item(i, &summary)); i++)
        printf("%-*s  %s\n", width, name, summary ? summary : "");
}

static carat_status unknown(const char *what, carat_err *err)
{
    carat_nearest near = {.word = what};
    carat_str known = CARAT_STR_INIT;
    for (size_t i = 0; i < LISTINGS; i++) {
        carat_nearest_try(&near, listings[i]->what);
        carat_str_printf(&known, "%s%s", i ? ", " : "", listings[i]->what);
    }
    carat_status st = near.best ? carat_fail(err, CARAT_EUSAGE, "list: nothing called %s; did you mean %s?",
                                             what, near.best)
                                : carat_fail(err, CARAT_EUSAGE, "list: nothing called %s; there are %s", what,
                                             known.data);
    carat_str_free(&known);
    return st;
}

static int run(const void *args, carat_err *err)
{
    const carat_common *a = args;
    size_t i = 0;
    while (i < LISTINGS && strcmp(listings[i]->what, a->pos[0]))
        i++;
    if (i == LISTINGS)
        return carat_cmd_exit(unknown(a->pos[0], err), err);
    if (a->json)
        print_json(listings[i]);
    else
        print_text(listings[i]);
    return 0;
}

const carat_cmd carat_cmd_list = {
    .name = "list",
    .summary = "what this build offers: schemes, kernels, suites, reports, data sets, ...",
    .usage = "schemes|kernels|methods|formats|suites|graders|reports|datasets|backends [options]",
    .example = "$ carat list kernels",
    .args_size = sizeof(carat_common),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
