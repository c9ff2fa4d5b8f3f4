/* carat history: results over time.                                                SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/history.h"
#include "eval/markup.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"

struct args {
    carat_common common;
    const char *suite, *metric, *model, *label, *out;
    bool all, force;
};

static carat_past_filter filter_of(const struct args *a)
{
    return (carat_past_filter){a->suite, a->metric, a->model, a->all};
}

/* ---- add ------------------------------------------------------------------------------------------------------ */

static carat_status add(const struct args *a, carat_err *err)
{
    const char *const *dirs = a->common.pos + 2;
    carat_past *h = NULL;
    carat_report r = {0};
    if (a->common.npos < 3)
        return carat_fail(err, CARAT_EUSAGE, "which run? carat history add DB RUN...");
    carat_status st = carat_report_open(dirs, a->common.npos - 2, &r,
                                        err); /* first: a bad run leaves no empty history */
    for (size_t i = 0; i < r.n && !st; i++)
        if (!r.run[i].loaded.report)
            st = carat_fail(err, CARAT_EFORMAT,
                            "%s: this run was not finished; the same `carat eval` goes on", dirs[i]);
    if (!st)
        st = carat_past_open(a->common.pos[1], true, &h, err);
    for (size_t i = 0; i < r.n && !st; i++) {
        bool added = false;
        carat_str caveat = CARAT_STR_INIT;
        if (carat_report_caveat(&r.run[i], &caveat))
            carat_note(&a->common.talk, "%s: %s", dirs[i], caveat.data);
        carat_str_free(&caveat);
        if (!(st = carat_past_add(h, &r.run[i], a->label ? a->label : "", &added, err)))
            carat_note(&a->common.talk, "%s: %s", dirs[i], added ? "added" : "already there");
    }
    carat_past_close(h);
    carat_report_close(&r);
    return st;
}

/* ---- list ----------------------------------------------------------------------------------------------------- */

static carat_status list_json(void *ctx, const carat_past_row *row, carat_err *err)
{
    carat_jw *w = ctx;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "run", row->hash);
    carat_jw_put_text(w, "written", row->written);
    carat_jw_put_text(w, "label", row->label);
    carat_jw_put_text(w, "name", row->name);
    carat_jw_put_text(w, "model", row->model);
    carat_jw_put_text(w, "suite", row->suite);
    carat_jw_put_text(w, "way", row->way);
    carat_jw_put_text(w, "metric", row->metric.name);
    carat_jw_put_f64(w, "value", row->metric.estimate.value);
    carat_jw_put_f64(w, "stderr", row->metric.estimate.error);
    carat_jw_put_f64(w, "low", row->metric.estimate.low);
    carat_jw_put_f64(w, "high", row->metric.estimate.high);
    carat_jw_put_u64(w, "n", row->metric.estimate.n);
    carat_jw_key(w, "outcomes");
    if (row->outcome[0] < 0) {
        carat_jw_null(w);
    } else {
        carat_jw_open(w, '{');
        for (int o = 0; o < 4; o++) {
            carat_jw_put_i64(w, carat_outcome_name((carat_outcome)o), row->outcome[o]);
        }
        carat_jw_put_i64(w, "truncated", row->truncated);
        carat_jw_close(w);
    }
    carat_jw_close(w);
    return carat_str_check(w->out, err);
}

/* A text in a column: its last `width` bytes, where paths differ. */
static void put_column(carat_str *out, const char *text, size_t width)
{
    carat_str plain = CARAT_STR_INIT;
    carat_text_plain(&plain, text);
    const char *from = plain.data;
    if (plain.len > width) {
        size_t cut = plain.len - width;
        while (((unsigned char)from[cut] & 0xC0) == 0x80)
            cut++;
        from += cut;
    }
    carat_str_printf(out, "%-*s  ", (int)width, from);
    out->failed |= plain.failed;
    carat_str_free(&plain);
}

static carat_status list_line(void *ctx, const carat_past_row *row, carat_err *err)
{
    carat_str *out = ctx;
    const carat_metric *m = &row->metric;
    put_column(out, row->suite, 14);
    put_column(out, m->name, 16);
    put_column(out, row->way, 8);
    carat_str_printf(out, "%.10s %.5s  ", row->written, strlen(row->written) > 11 ? row->written + 11 : "");
    put_column(out, row->label, 10);
    put_column(out, row->model, 28);
    carat_report_number(out, m, m->estimate.value);
    if (isfinite(m->estimate.error)) {
        carat_str_puts(out, " +- ");
        carat_report_number(out, m, m->estimate.error);
    }
    carat_str_printf(out, "  n = %zu", m->estimate.n);
    if (row->outcome[CARAT_NOT_MEASURED] > 0)
        carat_str_printf(out, ", %" PRId64 " not measured", row->outcome[CARAT_NOT_MEASURED]);
    carat_str_putc(out, '\n');
    return carat_str_check(out, err);
}

static carat_status list(const struct args *a, carat_past *h, carat_str *out, carat_err *err)
{
    carat_past_filter filter = filter_of(a);
    if (!a->common.json)
        return carat_past_each(h, &filter, list_line, out, err);
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '[');
    carat_status st = carat_past_each(h, &filter, list_json, &w, err);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return st;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static carat_status show(const struct args *a, bool plot, carat_err *err)
{
    carat_past *h;
    carat_str text = CARAT_STR_INIT;
    carat_past_filter filter = filter_of(a);
    if (a->common.npos > 2)
        return carat_fail(err, CARAT_EUSAGE, "%s: one argument too many for %s", a->common.pos[2],
                          a->common.pos[0]);
    carat_status st = carat_past_open(a->common.pos[1], false, &h, err);
    if (st)
        return st;
    st = plot ? carat_past_plot(h, &filter, &text, err) : list(a, h, &text, err);
    if (!st)
        st = carat_str_check(&text, err);
    bool file = a->out && strcmp(a->out, "-");
    if (!st && file && !(st = carat_output_spares(a->out, a->common.pos[1], err)) &&
        !(st = carat_output_check(a->out, NULL, a->force || (plot && carat_file_begins(a->out, "<svg")),
                                  err)))
        st = carat_write_file(a->out, text.data, text.len, err);
    if (!st && !file)
        fwrite(text.data, 1, text.len, stdout);
    carat_past_close(h);
    carat_str_free(&text);
    return st;
}

static int run(const void *args, carat_err *err)
{
    const struct args *a = args;
    static const char *const actions[] = {"add", "list", "plot"};
    carat_nearest near = {.word = a->common.pos[0]};
    carat_status st;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(actions[i], a->common.pos[0]) == 0)
            return carat_cmd_exit(i ? show(a, i == 2, err) : add(a, err), err);
        else
            carat_nearest_try(&near, actions[i]);
    if (near.best)
        st = carat_fail(err, CARAT_EUSAGE, "history %s? did you mean %s?", a->common.pos[0], near.best);
    else
        st = carat_fail(err, CARAT_EUSAGE, "history %s? it can add, list, plot", a->common.pos[0]);
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"label", 0, CARAT_OPT_TEXT, AT(label), "TEXT", "add: a commit, a build number; kept with the run"},
    {"suite", 's', CARAT_OPT_TEXT, AT(suite), "NAME", "list, plot: of this suite only"},
    {"metric", 0, CARAT_OPT_TEXT, AT(metric), "NAME", "list, plot: this metric (the headline of each suite)"},
    {"all", 0, CARAT_OPT_FLAG, AT(all), NULL, "list, plot: all metrics"},
    {"model", 0, CARAT_OPT_TEXT, AT(model), "TEXT", "list, plot: of models whose name has this in it"},
    {"output", 'o', CARAT_OPT_TEXT, AT(out), "FILE", "list, plot: instead of stdout"},
    {"force", 0, CARAT_OPT_FLAG, AT(force), NULL, "list, plot: replace FILE (plot replaces an SVG without)"},
    {0},
};

const carat_cmd carat_cmd_history = {
    .name = "history",
    .summary = "results over time: add runs to a database, list and plot them",
    .usage = "add|list|plot DB [RUN...] [options]",
    .detail = "A run is kept once, however often it is added: it is known by the hash of its files and its "
              "label. Its time is when its\n"
              "report was written. plot draws an SVG, a panel a metric, a line a model, with 95 % intervals. "
              "Several may add at once.",
    .example = "$ carat history add results.db run-int4 --label 3f2a91c\n"
               "$ carat history plot results.db --suite mmlu-pro -o history.svg",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 2,
    .npos_max = 2 + CARAT_REPORT_RUNS,
    .run = run,
};
