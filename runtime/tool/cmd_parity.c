/* carat parity: our forward pass against a reference of transformers, tap by tap.    SPDX-License-Identifier: Apache-2.0
 *
 * f32: every tap and the logits must agree with the reference's f32 run within a tolerance relative to the largest value
 * of that tap. bf16: roundings decide, so no single value is judged; the mean KLD from the reference's bfloat16 run to
 * ours must be a share of the noise floor, which is the mean KLD from that run to the reference's own f32 run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/base/str.h"
#include "runtime/tool/compare.h"
#include "runtime/tool/options.h"
#include "runtime/tool/reference.h"

typedef struct args {
    carat_common common;
    const char *reference, *draft, *numerics, *kernels, *kv;
    double tolerance;
    int64_t batch;
} args;

/* One stage of the pass against its reference. */
typedef struct stage {
    const char *name;
    const carat_tensor *want;
    size_t n;        /* rows of it */
    bool router;     /* what experts are weighted with: 0 means not chosen */
    double largest;  /* magnitude in the reference */
    double *max_abs; /* [row] difference; infinity where ours is not a number */
    size_t *rows;    /* rows seen; NULL for logits, whose rows come from several threads */
    /* the verdict, by judge() */
    double worst;
    size_t worst_row, first_row; /* first_row: of the first difference beyond the tolerance, or n */
} stage;

/* Distributions of one row against each other. */
typedef struct row_kld {
    double kld, floor; /* target || ours, target || the reference's other run */
    bool agree, floor_agree;
} row_kld;

/* Over rows of one kind. */
typedef struct kld_sum {
    double mean, max, floor;
    size_t n, agree, floor_agree;
} kld_sum;

typedef struct job {
    carat_reference ref;
    carat_numerics numerics;
    bool bf16;
    double tolerance;
    carat_arena arena;
    /* taps in the order of the pass, logits, and with a drafter its logits and hidden states */
    stage *stages;
    size_t taps, count;
    const carat_tensor *target, *other; /* logits to be met, and the reference's other run (or NULL) */
    row_kld *klds, *draft_klds;         /* [row] */
    kld_sum kld, draft_kld;
    const stage *diverged; /* first in the order of the pass */
    bool passed;
} job;

/* ---- collecting: called by the pass -------------------------------------------------------------------------- */

/* Another expert than the reference's is infinitely far. */
static double tap_difference(const stage *s, size_t row, size_t cols, const float *got)
{
    for (size_t i = 0; s->router && i < cols; i++)
        if ((got[i] == 0) != (carat_tensor_f32(s->want, (uint64_t)row * cols + i) == 0))
            return INFINITY;
    return carat_row_difference(s->want, row, cols, got);
}

static void on_tap(void *ctx, const char *name, size_t pos, size_t rows, size_t cols, const float *data)
{
    job *j = ctx;
    for (size_t i = 0; i < j->taps; i++) {
        stage *s = &j->stages[i];
        if (strcmp(s->name, name))
            continue;
        for (size_t r = 0; r < rows; r++)
            s->max_abs[pos + r] = tap_difference(s, pos + r, cols, data + r * cols);
        *s->rows += rows;
    }
}

/* Row `pos` of the target against ours, and against the reference's other run. */
static row_kld compare_logits(const carat_tensor *target, const carat_tensor *other, size_t pos,
                              const float *logits)
{
    size_t n = (size_t)target->dim[1];
    carat_row_view want = carat_row_of_tensor(target, pos * n, n), ours = carat_row_of_floats(logits, n);
    row_kld k = {.kld = carat_row_kld(&want, &ours), .agree = ours.best == want.best};
    if (other) {
        carat_row_view o = carat_row_of_tensor(other, pos * n, n);
        k.floor = carat_row_kld(&want, &o);
        k.floor_agree = o.best == want.best;
    }
    return k;
}

static void on_logits(void *ctx, size_t pos, const float *logits)
{
    job *j = ctx;
    const stage *s = &j->stages[j->taps];
    s->max_abs[pos] = carat_row_difference(s->want, pos, (size_t)s->want->dim[1], logits);
    j->klds[pos] = compare_logits(j->target, j->other, pos, logits);
}

static void on_draft(void *ctx, size_t step, const float *logits, const float *hidden)
{
    job *j = ctx;
    const stage *s = &j->stages[j->taps + 1];
    for (int i = 0; i < 2; i++)
        s[i].max_abs[step] = carat_row_difference(s[i].want, step, (size_t)s[i].want->dim[1],
                                                  i ? hidden : logits);
    const carat_tensor *f32 = j->ref.draft_logits, *bf16 = j->ref.draft_logits_bf16;
    j->draft_klds[step] = compare_logits(j->bf16 ? bf16 : f32, j->bf16 ? f32 : bf16, step, logits);
}

/* ---- planning ------------------------------------------------------------------------------------------------ */

static carat_status add_stage(job *j, const char *name, const carat_tensor *want, carat_err *err)
{
    stage *s = &j->stages[j->count];
    size_t n = (size_t)want->dim[0];
    s->n = n;
    s->name = carat_arena_copy(&j->arena, name, strlen(name), err);
    s->max_abs = carat_arena_alloc(&j->arena, n, sizeof *s->max_abs, err);
    s->rows = carat_arena_alloc(&j->arena, 1, sizeof *s->rows, err);
    if (!s->name || !s->max_abs || !s->rows)
        return CARAT_ENOMEM;
    s->want = want;
    s->router = carat_starts(name, "router.");
    s->largest = carat_reference_largest(want);
    j->count++;
    return CARAT_OK;
}

/* Taps that the reference lacks are not compared. */
static carat_status add_tap(job *j, const char *name, carat_err *err)
{
    const carat_tensor *want = carat_reference_tap(&j->ref, name, j->bf16);
    return want ? add_stage(j, name, want, err) : CARAT_OK;
}

static carat_status plan(job *j, uint32_t layers, carat_err *err)
{
    j->target = j->bf16 ? j->ref.logits_bf16 : j->ref.logits;
    j->other = j->bf16 ? j->ref.logits : j->ref.logits_bf16;
    if (!j->target)
        return carat_fail(err, CARAT_EFORMAT,
                          "no tensor logits_bf16 in the reference: bf16 numerics are judged by it");
    j->stages = carat_arena_alloc(&j->arena, 2 * (size_t)layers + 5, sizeof *j->stages, err);
    j->klds = carat_arena_alloc(&j->arena, j->ref.ids.n, sizeof *j->klds, err);
    j->draft_klds = carat_arena_alloc(&j->arena, j->ref.taken.n + 1, sizeof *j->draft_klds, err);
    if (!j->stages || !j->klds || !j->draft_klds)
        return CARAT_ENOMEM;
    carat_status st = add_tap(j, "embed", err);
    for (uint32_t i = 0; !st && i < layers; i++) {
        char name[24];
        snprintf(name, sizeof name, "router.%" PRIu32, i);
        st = add_tap(j, name, err);
        snprintf(name, sizeof name, "block.%" PRIu32, i);
        if (!st)
            st = add_tap(j, name, err);
    }
    if (!st)
        st = add_tap(j, "norm", err);
    j->taps = j->count;
    return st ? st : add_stage(j, "logits", j->target, err);
}

static carat_status plan_draft(job *j, carat_err *err)
{
    if (!j->ref.taken.n)
        return carat_fail(err, CARAT_EFORMAT,
                          "no drafter in this reference; scripts/hf-reference --draft adds one");
    carat_status st = add_stage(j, "draft", j->bf16 ? j->ref.draft_logits_bf16 : j->ref.draft_logits, err);
    return st ? st : add_stage(j, "draft-next", j->ref.draft_hidden, err);
}

/* ---- the verdict --------------------------------------------------------------------------------------------- */

static double relative(const stage *s, double d)
{
    return d == 0 ? 0 : s->largest > 0 ? d / s->largest : INFINITY;
}

static void judge_stage(const job *j, stage *s)
{
    s->first_row = s->n;
    for (size_t i = s->n; i-- > 0;) {
        if (s->max_abs[i] >= s->worst) {
            s->worst = s->max_abs[i];
            s->worst_row = i;
        }
        if (!(relative(s, s->max_abs[i]) <= j->tolerance))
            s->first_row = i;
    }
}

static kld_sum sum_up(const row_kld *k, size_t n)
{
    kld_sum sum = {.n = n};
    for (size_t i = 0; i < n; i++) {
        sum.mean += k[i].kld / (double)n;
        sum.floor += k[i].floor / (double)n;
        sum.max = fmax(sum.max, k[i].kld);
        sum.agree += k[i].agree;
        sum.floor_agree += k[i].floor_agree;
    }
    return sum;
}

static void judge(job *j)
{
    for (size_t i = 0; i < j->count; i++) {
        judge_stage(j, &j->stages[i]);
        if (!j->bf16 && !j->diverged && j->stages[i].first_row < j->stages[i].n)
            j->diverged = &j->stages[i];
    }
    bool drafted = j->count > j->taps + 1;
    j->kld = sum_up(j->klds, j->ref.ids.n);
    j->draft_kld = sum_up(j->draft_klds, drafted ? j->ref.taken.n : 0);
    j->passed = !j->diverged;
    if (j->bf16)
        j->passed = j->kld.mean <= j->tolerance * j->kld.floor &&
                    j->draft_kld.mean <= j->tolerance * j->draft_kld.floor;
}

/* ---- reporting ----------------------------------------------------------------------------------------------- */

static void print_klds(const char *of, const kld_sum *k, bool floor)
{
    printf("%smean KLD %.3g, max %.3g; top-1 agreement %zu of %zu\n", of, k->mean, k->max, k->agree, k->n);
    if (floor)
        printf("%snoise floor (the reference's bf16 run against its f32 run): mean KLD %.3g, top-1 agreement "
               "%zu of %zu\n",
               of, k->floor, k->floor_agree, k->n);
}

static void print_text(const job *j)
{
    printf("%-10s  %12s  %12s  %s\n", "tap", "max abs", "of largest", "worst row");
    for (size_t i = 0; i < j->count; i++) {
        const stage *s = &j->stages[i];
        printf("%-10s  %12.3g  %12.3g  %zu%s\n", s->name, s->worst, relative(s, s->worst), s->worst_row,
               !j->bf16 && s->first_row < s->n ? "  <- beyond the tolerance" : "");
    }
    if (!j->taps)
        puts("the reference holds no taps: only logits were compared");
    if (j->diverged)
        printf("first divergence: %s, row %zu\n", j->diverged->name, j->diverged->first_row);
    print_klds("", &j->kld, j->other);
    if (j->draft_kld.n)
        print_klds("drafter: ", &j->draft_kld, true);
    if (!j->bf16)
        printf("%s: every tap within %g of its largest value%s\n", j->passed ? "pass" : "FAIL", j->tolerance,
               j->passed ? "" : ": no");
    else if (!j->draft_kld.n)
        printf("%s: mean KLD is %.3g of the floor, at most %g allowed\n", j->passed ? "pass" : "FAIL",
               j->kld.mean / j->kld.floor, j->tolerance);
    else
        printf("%s: mean KLD is %.3g of the floor, the drafter's %.3g of its own, at most %g allowed\n",
               j->passed ? "pass" : "FAIL", j->kld.mean / j->kld.floor,
               j->draft_kld.mean / j->draft_kld.floor, j->tolerance);
}

static void json_stage(carat_jw *w, const stage *s)
{
    carat_jw_open(w, '{');
    carat_jw_key(w, "tap"), carat_jw_text(w, s->name);
    carat_jw_key(w, "max_abs"), carat_jw_f64(w, s->worst);
    carat_jw_key(w, "relative"), carat_jw_f64(w, relative(s, s->worst));
    carat_jw_key(w, "worst_row"), carat_jw_u64(w, s->worst_row);
    carat_jw_key(w, "within"), carat_jw_bool(w, s->first_row == s->n);
    carat_jw_close(w);
}

static void json_klds(carat_jw *w, const kld_sum *k, bool floor)
{
    carat_jw_key(w, "kld_mean"), carat_jw_f64(w, k->mean);
    carat_jw_key(w, "kld_max"), carat_jw_f64(w, k->max);
    carat_jw_key(w, "top1_agreement"), carat_jw_f64(w, (double)k->agree / (double)k->n);
    carat_jw_key(w, "floor");
    if (!floor) {
        carat_jw_null(w);
        return;
    }
    carat_jw_open(w, '{');
    carat_jw_key(w, "kld_mean"), carat_jw_f64(w, k->floor);
    carat_jw_key(w, "top1_agreement"), carat_jw_f64(w, (double)k->floor_agree / (double)k->n);
    carat_jw_close(w);
}

static void json_numbers(carat_jw *w, const job *j)
{
    json_klds(w, &j->kld, j->other);
    if (j->draft_kld.n) {
        carat_jw_key(w, "drafter");
        carat_jw_open(w, '{');
        json_klds(w, &j->draft_kld, true);
        carat_jw_close(w);
    }
    carat_jw_key(w, "first_divergence");
    if (j->diverged) {
        carat_jw_open(w, '{');
        carat_jw_key(w, "tap"), carat_jw_text(w, j->diverged->name);
        carat_jw_key(w, "row"), carat_jw_u64(w, j->diverged->first_row);
        carat_jw_close(w);
    } else {
        carat_jw_null(w);
    }
}

static carat_status print_json(const job *j, carat_err *err)
{
    carat_str text = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&text);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "passed"), carat_jw_bool(&w, j->passed);
    carat_jw_key(&w, "numerics"), carat_jw_text(&w, carat_numerics_name(j->numerics));
    carat_jw_key(&w, "tolerance"), carat_jw_f64(&w, j->tolerance);
    carat_jw_key(&w, "n"), carat_jw_u64(&w, j->ref.ids.n);
    json_numbers(&w, j);
    carat_jw_key(&w, "taps"), carat_jw_open(&w, '[');
    for (size_t i = 0; i < j->count; i++)
        json_stage(&w, &j->stages[i]);
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_status st = carat_str_check(&text, err);
    if (!st)
        puts(text.data);
    carat_str_free(&text);
    return st;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static carat_status compare(const carat_model *m, const args *a, job *j, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(m);
    carat_status st = carat_reference_open(a->reference, info, &j->ref, err);
    if (!st && (st = plan(j, info->layers, err)) == CARAT_EFORMAT)
        carat_fail_in(err, st, a->reference);
    if (st)
        return st;
    carat_forward_options fo = {j->numerics, a->kernels, a->common.threads, a->batch, CARAT_KV_AUTO};
    if ((st = carat_kv_parse(a->kv, &fo.kv, err)))
        return st;
    carat_sync_request r = {.ids = j->ref.ids.v,
                            .n = j->ref.ids.n,
                            .logits = on_logits,
                            .tap = j->taps ? on_tap : NULL,
                            .ctx = j};
    st = carat_forward(m, &fo, &r, err);
    for (size_t i = 0; !st && i < j->taps; i++)
        if (*j->stages[i].rows != j->ref.ids.n)
            st = carat_fail(err, CARAT_ESUPPORT, "tap %s: %zu rows came, %zu were asked for",
                            j->stages[i].name, *j->stages[i].rows, j->ref.ids.n);
    return st;
}

static carat_status compare_draft(const carat_model *m, const args *a, job *j, carat_err *err)
{
    carat_model *drafter = NULL;
    carat_status st = plan_draft(j, err);
    if (st)
        return st == CARAT_EFORMAT ? carat_fail_in(err, st, a->reference) : st;
    if ((st = carat_model_open(a->draft, &drafter, err)))
        return st;
    carat_forward_options fo = {j->numerics, a->kernels, a->common.threads, a->batch, CARAT_KV_AUTO};
    carat_replay r = {m, drafter, &j->ref.ids, &j->ref.taken, on_draft, j};
    st = carat_forward_draft(&fo, &r, err);
    carat_model_close(drafter);
    return st;
}

static carat_status check(const args *a, job *j, carat_err *err)
{
    if (!a->reference)
        return carat_fail(err, CARAT_EUSAGE, "parity needs --reference FILE; scripts/hf-reference makes one");
    carat_status st = carat_numerics_parse(a->numerics, CARAT_F32, &j->numerics, err);
    if (!st && j->numerics == CARAT_INT8)
        return carat_fail(err, CARAT_EUSAGE,
                          "option --numerics: transformers has nothing like int8; f32 or bf16");
    if (a->tolerance < 0)
        return carat_fail(err, CARAT_EUSAGE, "option --tolerance: %g is negative", a->tolerance);
    j->bf16 = j->numerics == CARAT_BF16;
    j->tolerance = !isnan(a->tolerance) ? a->tolerance : j->bf16 ? 0.5 : 1e-4;
    return st;
}

static int run(const void *p, carat_err *err)
{
    const args *a = p;
    job j = {0};
    carat_model *m = NULL;
    carat_status st = check(a, &j, err);
    if (!st)
        st = carat_model_open(a->common.pos[0], &m, err);
    if (!st)
        st = compare(m, a, &j, err);
    if (!st && a->draft)
        st = compare_draft(m, a, &j, err);
    if (!st) {
        judge(&j);
        if (a->common.json)
            st = print_json(&j, err);
        else
            print_text(&j);
    }
    bool passed = j.passed;
    carat_reference_close(&j.ref);
    carat_arena_free(&j.arena);
    carat_model_close(m);
    return st ? carat_cmd_exit(st, err) : passed ? 0 : 1;
}

static const carat_opt options[] = {
    {"reference", 0, CARAT_OPT_TEXT, offsetof(args, reference), "FILE",
     "what scripts/hf-reference wrote for this model"},
    {"draft", 0, CARAT_OPT_TEXT, offsetof(args, draft), "MODEL",
     "also this drafter, step by step (a reference made with --draft)"},
    {"numerics", 0, CARAT_OPT_TEXT, offsetof(args, numerics), "NAME", "f32 (default) or bf16"},
    {"tolerance", 0, CARAT_OPT_NUM, offsetof(args, tolerance), "X",
     "f32: of the largest value of a tap (default 1e-4); bf16: of the noise floor (default 0.5)"},
    {"kv", 0, CARAT_OPT_TEXT, offsetof(args, kv), "TYPE",
     "K and V as f32, bf16, f16 or int8 (default: f32; bf16 and f16 in bf16 and int8 numerics)"},
    {"kernels", 0, CARAT_OPT_TEXT, offsetof(args, kernels), "NAME",
     "auto (default), ref, or a name of `carat list kernels`"},
    {"batch", 0, CARAT_OPT_INT, offsetof(args, batch), "N",
     "ids per pass (default 512); changes no bit of the result"},
    {0},
};

static const args defaults = {.tolerance = NAN}; /* not given: by numerics */

const carat_cmd carat_cmd_parity = {
    .name = "parity",
    .summary = "compare a forward pass with transformers, tap by tap",
    .usage = "MODEL --reference FILE [--draft MODEL] [--numerics f32|bf16] [--tolerance X]",
    .detail = "Runs the ids of the reference and compares the residual stream behind each block, the final "
              "norm and the logits; of a\n"
              "mixture of experts also what the routers chose.\n"
              "f32: every value within the tolerance, relative to the largest value of its tap. bf16: the "
              "mean KLD from\n"
              "transformers' bfloat16 run to ours, as a share of the KLD between transformers' own two runs "
              "(the noise floor).\n"
              "Exit code 0: the check passed, 1: it did not.",
    .example = "$ carat parity tests/golden/e2b --reference tests/golden/e2b/reference.safetensors",
    .options = options,
    .args_size = sizeof(args),
    .defaults = &defaults,
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
