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
#include "runtime/tool/options.h"
#include "runtime/tool/reference.h"

typedef struct args {
    carat_common common;
    const char *reference, *numerics, *kernels;
    double tolerance;
    int64_t batch;
} args;

/* One stage of the pass against its reference. */
typedef struct stage {
    const char *name;
    const carat_tensor *want;
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

typedef struct job {
    carat_reference ref;
    carat_numerics numerics;
    bool bf16;
    double tolerance;
    carat_arena arena;
    stage *stages; /* taps in the order of the pass, then logits */
    size_t count;
    const carat_tensor *target, *other; /* logits to be met, and the reference's other run (or NULL) */
    row_kld *klds;                      /* [row] */
    double kld_mean, kld_max, floor_mean;
    size_t agree, floor_agree;
    const stage *diverged; /* first in the order of the pass */
    bool passed;
} job;

/* ---- collecting: called by the pass -------------------------------------------------------------------------- */

static double row_difference(const carat_tensor *want, size_t row, size_t cols, const float *got)
{
    double worst = 0;
    for (size_t i = 0; i < cols; i++) {
        double d = fabs((double)got[i] - (double)carat_tensor_f32(want, (uint64_t)row * cols + i));
        if (!(d <= worst))
            worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static void on_tap(void *ctx, const char *name, size_t pos, size_t rows, size_t cols, const float *data)
{
    job *j = ctx;
    for (size_t i = 0; i < j->count - 1; i++) {
        stage *s = &j->stages[i];
        if (strcmp(s->name, name))
            continue;
        for (size_t r = 0; r < rows; r++)
            s->max_abs[pos + r] = row_difference(s->want, pos + r, cols, data + r * cols);
        *s->rows += rows;
    }
}

static double from_tensor(const void *x, size_t i)
{
    return (double)carat_tensor_f32(x, i);
}

static double from_floats(const void *x, size_t i)
{
    return (double)((const float *)x)[i];
}

/* A row of logits, wherever it lies. */
typedef struct row {
    double (*at)(const void *x, size_t i);
    const void *x;
    size_t from, n;
    double log_sum; /* log of the sum of exp over the row */
    size_t best;
} row;

static row row_make(double (*at)(const void *x, size_t i), const void *x, size_t from, size_t n)
{
    row r = {at, x, from, n, 0, 0};
    double top = at(x, from), sum = 0;
    for (size_t i = 1; i < n; i++)
        if (at(x, from + i) > top) {
            top = at(x, from + i);
            r.best = i;
        }
    for (size_t i = 0; i < n; i++)
        sum += exp(at(x, from + i) - top);
    r.log_sum = top + log(sum);
    return r;
}

/* KL(p || q) in nats; infinity where q is not a number. */
static double kld(const row *p, const row *q)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        double lp = p->at(p->x, p->from + i) - p->log_sum;
        sum += exp(lp) * (lp - (q->at(q->x, q->from + i) - q->log_sum));
    }
    return isnan(sum) ? INFINITY : sum;
}

static void on_logits(void *ctx, size_t pos, const float *logits)
{
    job *j = ctx;
    const stage *s = &j->stages[j->count - 1];
    size_t n = (size_t)s->want->dim[1];
    s->max_abs[pos] = row_difference(s->want, pos, n, logits);
    row target = row_make(from_tensor, j->target, pos * n, n), ours = row_make(from_floats, logits, 0, n);
    row_kld *k = &j->klds[pos];
    k->kld = kld(&target, &ours);
    k->agree = ours.best == target.best;
    if (j->other) {
        row other = row_make(from_tensor, j->other, pos * n, n);
        k->floor = kld(&target, &other);
        k->floor_agree = other.best == target.best;
    }
}

/* ---- planning ------------------------------------------------------------------------------------------------ */

static carat_status add_stage(job *j, const char *name, const carat_tensor *want, carat_err *err)
{
    stage *s = &j->stages[j->count];
    size_t n = j->ref.ids.n;
    s->name = carat_arena_copy(&j->arena, name, strlen(name), err);
    s->max_abs = carat_arena_alloc(&j->arena, n, sizeof *s->max_abs, err);
    s->rows = carat_arena_alloc(&j->arena, 1, sizeof *s->rows, err);
    if (!s->name || !s->max_abs || !s->rows)
        return CARAT_ENOMEM;
    s->want = want;
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
    j->stages = carat_arena_alloc(&j->arena, (size_t)layers + 3, sizeof *j->stages, err);
    j->klds = carat_arena_alloc(&j->arena, j->ref.ids.n, sizeof *j->klds, err);
    if (!j->stages || !j->klds)
        return CARAT_ENOMEM;
    carat_status st = add_tap(j, "embed", err);
    for (uint32_t i = 0; !st && i < layers; i++) {
        char name[24];
        snprintf(name, sizeof name, "block.%" PRIu32, i);
        st = add_tap(j, name, err);
    }
    if (!st)
        st = add_tap(j, "norm", err);
    return st ? st : add_stage(j, "logits", j->target, err);
}

/* ---- the verdict --------------------------------------------------------------------------------------------- */

static double relative(const stage *s, double d)
{
    return d == 0 ? 0 : s->largest > 0 ? d / s->largest : INFINITY;
}

static void judge_stage(const job *j, stage *s)
{
    size_t n = j->ref.ids.n;
    s->first_row = n;
    for (size_t i = n; i-- > 0;) {
        if (s->max_abs[i] >= s->worst) {
            s->worst = s->max_abs[i];
            s->worst_row = i;
        }
        if (!(relative(s, s->max_abs[i]) <= j->tolerance))
            s->first_row = i;
    }
}

static void judge(job *j)
{
    size_t n = j->ref.ids.n;
    for (size_t i = 0; i < j->count; i++) {
        judge_stage(j, &j->stages[i]);
        if (!j->bf16 && !j->diverged && j->stages[i].first_row < n)
            j->diverged = &j->stages[i];
    }
    for (size_t i = 0; i < n; i++) {
        const row_kld *k = &j->klds[i];
        j->kld_mean += k->kld / (double)n;
        j->floor_mean += k->floor / (double)n;
        j->kld_max = fmax(j->kld_max, k->kld);
        j->agree += k->agree;
        j->floor_agree += k->floor_agree;
    }
    j->passed = j->bf16 ? j->kld_mean <= j->tolerance * j->floor_mean : !j->diverged;
}

/* ---- reporting ----------------------------------------------------------------------------------------------- */

static void print_text(const job *j)
{
    size_t n = j->ref.ids.n;
    printf("%-10s  %12s  %12s  %s\n", "tap", "max abs", "of largest", "worst row");
    for (size_t i = 0; i < j->count; i++) {
        const stage *s = &j->stages[i];
        printf("%-10s  %12.3g  %12.3g  %zu%s\n", s->name, s->worst, relative(s, s->worst), s->worst_row,
               !j->bf16 && s->first_row < n ? "  <- beyond the tolerance" : "");
    }
    if (j->count == 1)
        puts("the reference holds no taps: only logits were compared");
    if (j->diverged)
        printf("first divergence: %s, row %zu\n", j->diverged->name, j->diverged->first_row);
    printf("mean KLD %.3g, max %.3g; top-1 agreement %zu of %zu\n", j->kld_mean, j->kld_max, j->agree, n);
    if (j->other)
        printf("noise floor (the reference's bf16 run against its f32 run): mean KLD %.3g, top-1 agreement "
               "%zu of %zu\n",
               j->floor_mean, j->floor_agree, n);
    if (j->bf16)
        printf("%s: mean KLD is %.3g of the floor, at most %g allowed\n", j->passed ? "pass" : "FAIL",
               j->kld_mean / j->floor_mean, j->tolerance);
    else
        printf("%s: every tap within %g of its largest value%s\n", j->passed ? "pass" : "FAIL", j->tolerance,
               j->passed ? "" : ": no");
}

static void json_stage(carat_jw *w, const job *j, const stage *s)
{
    carat_jw_open(w, '{');
    carat_jw_key(w, "tap"), carat_jw_text(w, s->name);
    carat_jw_key(w, "max_abs"), carat_jw_f64(w, s->worst);
    carat_jw_key(w, "relative"), carat_jw_f64(w, relative(s, s->worst));
    carat_jw_key(w, "worst_row"), carat_jw_u64(w, s->worst_row);
    carat_jw_key(w, "within"), carat_jw_bool(w, s->first_row == j->ref.ids.n);
    carat_jw_close(w);
}

static void json_numbers(carat_jw *w, const job *j)
{
    double n = (double)j->ref.ids.n;
    carat_jw_key(w, "kld_mean"), carat_jw_f64(w, j->kld_mean);
    carat_jw_key(w, "kld_max"), carat_jw_f64(w, j->kld_max);
    carat_jw_key(w, "top1_agreement"), carat_jw_f64(w, (double)j->agree / n);
    carat_jw_key(w, "floor");
    if (j->other) {
        carat_jw_open(w, '{');
        carat_jw_key(w, "kld_mean"), carat_jw_f64(w, j->floor_mean);
        carat_jw_key(w, "top1_agreement"), carat_jw_f64(w, (double)j->floor_agree / n);
        carat_jw_close(w);
    } else {
        carat_jw_null(w);
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
        json_stage(&w, j, &j->stages[i]);
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
    carat_forward_options fo = {j->numerics, a->kernels, a->common.threads, a->batch};
    carat_sync_request r = {.ids = j->ref.ids.v,
                            .n = j->ref.ids.n,
                            .logits = on_logits,
                            .tap = j->count > 1 ? on_tap : NULL,
                            .ctx = j};
    st = carat_forward(m, &fo, &r, err);
    for (size_t i = 0; !st && i + 1 < j->count; i++)
        if (*j->stages[i].rows != j->ref.ids.n)
            st = carat_fail(err, CARAT_ESUPPORT, "tap %s: %zu rows came, %zu were asked for",
                            j->stages[i].name, *j->stages[i].rows, j->ref.ids.n);
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
    {"numerics", 0, CARAT_OPT_TEXT, offsetof(args, numerics), "NAME", "f32 (default) or bf16"},
    {"tolerance", 0, CARAT_OPT_NUM, offsetof(args, tolerance), "X",
     "f32: of the largest value of a tap (default 1e-4); bf16: of the noise floor (default 0.5)"},
    {"kernels", 0, CARAT_OPT_TEXT, offsetof(args, kernels), "NAME",
     "auto (default), ref, or a name of `carat list kernels`"},
    {"batch", 0, CARAT_OPT_INT, offsetof(args, batch), "N",
     "ids per pass (default 512); changes no bit of the result"},
    {0},
};

static const args defaults = {.tolerance = NAN}; /* not given: by numerics */

const carat_cmd carat_cmd_parity = {
    .name = "parity",
    .summary = "compares a forward pass with transformers, tap by tap",
    .usage = "MODEL --reference FILE [--numerics f32|bf16] [--tolerance X]",
    .detail = "Runs the ids of the reference and compares the residual stream behind each block, the final "
              "norm and the logits.\n"
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
