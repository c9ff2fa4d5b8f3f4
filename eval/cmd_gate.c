/* carat gate: may this run pass?                                                  SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "eval/gate.h"
#include "runtime/base/cmd.h"

struct args {
    carat_common common;
    const char *baseline, *rules;
    bool any_prompt;
};

static void write_json(const carat_gate *g, const carat_loaded *run, const carat_loaded *baseline,
                       carat_str *out)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "run", run->dir);
    carat_jw_put_text(&w, "baseline", baseline->dir);
    carat_jw_put_text(&w, "verdict", carat_pass_name(g->whole));
    carat_jw_key(&w, "rules");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < g->n; i++) {
        const carat_gate_line *l = &g->line[i];
        carat_jw_open(&w, '{');
        carat_jw_put_text(&w, "rule", l->rule);
        carat_jw_put_text(&w, "verdict", carat_pass_name(l->pass));
        carat_jw_put_f64(&w, "value", l->value);
        carat_jw_put_f64(&w, "low", l->low);
        carat_jw_put_f64(&w, "high", l->high);
        carat_jw_put_f64(&w, "bound", l->bound);
        carat_jw_put_u64(&w, "n", l->n);
        carat_jw_put_text(&w, "note", l->why[0] ? l->why : NULL);
        carat_jw_close(&w);
    }
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
}

static void write_text(const carat_gate *g, carat_str *out)
{
    for (size_t i = 0; i < g->n; i++) {
        const carat_gate_line *l = &g->line[i];
        carat_str_printf(out, "%-12s  %s", carat_pass_name(l->pass), l->rule);
        if (isfinite(l->value))
            carat_str_printf(out, "; it is %.5g", l->value);
        if (isfinite(l->low))
            carat_str_printf(out, " [%.5g, %.5g]", l->low, l->high);
        if (l->why[0])
            carat_str_printf(out, " (%s)", l->why);
        carat_str_putc(out, '\n');
    }
    carat_str_printf(out, "gate: %s\n", carat_pass_name(g->whole));
}

static carat_status run_gate(const struct args *a, carat_loaded *run, carat_loaded *baseline,
                             carat_pass *whole, carat_err *err)
{
    carat_rules rules;
    carat_gate gate = {0};
    carat_str text = CARAT_STR_INIT;
    if (!a->baseline || !a->rules)
        return carat_fail(err, CARAT_EUSAGE, "which %s? %s", a->baseline ? "rules" : "baseline",
                          a->baseline ? "--rules FILE (`carat gate --help` shows one)" : "--baseline RUN");
    carat_status st = carat_rules_load(a->rules, &rules, err);
    if (st)
        return st;
    if ((st = carat_run_load(a->common.pos[0], run, err)) ||
        (st = carat_run_load(a->baseline, baseline, err)))
        goto out;
    if ((st = carat_gate_check(&rules, run, baseline, a->any_prompt, (uint64_t)a->common.seed, &gate, err))) {
        carat_fail_in(err, st, a->rules);
        goto out;
    }
    *whole = gate.whole;
    if (a->common.json)
        write_json(&gate, run, baseline, &text);
    else
        write_text(&gate, &text);
    if (!(st = carat_str_check(&text, err)))
        fputs(text.data, stdout);
out:
    carat_str_free(&text);
    carat_gate_free(&gate);
    carat_rules_free(&rules);
    return st;
}

static int run(const void *args, carat_err *err)
{
    carat_loaded mine = {0}, baseline = {0};
    carat_pass whole = CARAT_FAIL;
    carat_status st = run_gate(args, &mine, &baseline, &whole, err);
    carat_run_unload(&mine);
    carat_run_unload(&baseline);
    return st ? carat_cmd_exit(st, err) : whole != CARAT_PASS;
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"baseline", 0, CARAT_OPT_TEXT, AT(baseline), "RUN", "the run to hold it against, of the same questions"},
    {"rules", 0, CARAT_OPT_TEXT, AT(rules), "FILE",
     "JSON: {\"require\": [SUITE, ...], \"rules\": [RULE, ...]}"},
    {"any-prompt", 0, CARAT_OPT_FLAG, AT(any_prompt), NULL,
     "also compare items that were asked with other prompts"},
    {0},
};

const carat_cmd carat_cmd_gate = {
    .name = "gate",
    .summary = "rules for CI held against a run: pass, fail or inconclusive",
    .usage = "RUN --baseline RUN --rules FILE [options]",
    .detail = "A rule is an object with \"suite\", maybe \"metric\" (else the suite's score) and\n"
              "\"group\" ({\"category\": \"law\"}), and one of\n"
              "  min_recovery      percent of the baseline's score on the same items\n"
              "  max_drop          loss of a score against the baseline: 0.01 is one point\n"
              "  max_rise          loss where less is better (kld_mean, nll_per_token: nats);\n"
              "                    of perplexity relative: 0.02 is 2 %\n"
              "  max, min          bounds of a number of report.json, of this run alone\n"
              "  min_ratio         speed against the baseline's, each first divided by \"probe\",\n"
              "                    a metric of its own run that says how fast the machine was\n"
              "  max_not_measured, max_unparsed, max_truncated\n"
              "                    share of a suite's items (\"*\": of every suite's)\n"
              "A rule passes when the whole 95 % interval keeps to it, fails when the whole\n"
              "interval is beyond it, else it is inconclusive: more items are needed. What has no\n"
              "interval, and counts, are decided by their value. A rule against the baseline does\n"
              "not pass if over 1 % of the items were not measured, unless a max_not_measured says\n"
              "how many may be missing.\n"
              "The gate fails if a rule fails and passes if all pass. Exit code 0 only for pass, 1\n"
              "for fail and inconclusive; a rule that names what is not there is refused (3).\n"
              "scripts/github-actions.yml shows it in CI.",
    .example =
        "$ cat rules.json\n"
        "{\"require\": [\"mmlu-pro\", \"kld\"],\n"
        "   \"rules\": [{\"suite\": \"mmlu-pro\", \"min_recovery\": 98},\n"
        "             {\"suite\": \"mmlu-pro\", \"group\": {\"category\": \"law\"}, \"max_drop\": 0.05},\n"
        "             {\"suite\": \"kld\", \"metric\": \"kld_mean\", \"max\": 0.05},\n"
        "             {\"suite\": \"perplexity\", \"metric\": \"perplexity\", \"max_rise\": 0.02},\n"
        "             {\"suite\": \"latency\", \"metric\": \"tokens_per_s\", \"probe\": \"read_gb_per_s\", "
        "\"min_ratio\": 0.9},\n"
        "             {\"suite\": \"*\", \"max_unparsed\": 0.02}]}\n"
        "$ carat gate run-int4 --baseline run-bf16 --rules rules.json",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
