/* carat bench: how fast a model reads and writes, beside what the machine can do.    SPDX-License-Identifier: Apache-2.0
 *
 * The machine's read bandwidth is measured between the runs (neighbours make it swing), the arithmetic peaks once; a rate is
 * given as a fraction of the yardstick that limits it: of the bandwidth for decoding, of the int8 or f32 peak for a prompt. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/kernel/probe.h"
#include "runtime/model/session.h"
#include "runtime/tool/bench_draft.h"
#include "runtime/tool/depth_plot.h"
#include "runtime/tool/options.h"

enum { MAX_REPEATS = 100, MAX_TESTS = 16, PROBE_BYTES = 1 << 28, PROBE_MAX = 1 << 29 };

static const double UNSTEADY = 0.15; /* a swing of the probes that is told */

struct args {
    carat_common common;
    int64_t prompt, predict, repeats;
    const char *depths, *parallel, *format, *numerics, *kernels, *kv, *svg, *draft, *text;
    bool force;
};

static const struct args defaults = {
    .prompt = 512, .predict = 128, .repeats = 5, .depths = "0", .parallel = "1", .format = "table"};

/* One row of the result. */
struct test {
    char name[32];
    bool decode, drafted;
    size_t tokens, depth, parallel; /* tokens of each of so many sequences */
    double rate[MAX_REPEATS], fraction[MAX_REPEATS], read[MAX_REPEATS];
    double bytes_per_token, ops_per_token, kv_bytes; /* kv_bytes: of the cache, in the middle of the run */
    double plain[MAX_REPEATS];                       /* drafted: tokens/s without the drafter */
    uint64_t rounds, drafts, right;                  /* drafted: of all repeats */
};

struct bench {
    const struct args *a;
    carat_model *model;
    carat_session *session;
    carat_bench_draft draft;
    const carat_kernels *kern;
    carat_team *team;
    carat_numerics numerics;
    carat_plan plan;
    uint64_t anon_before; /* own resident memory before the session was opened */
    int32_t *ids;
    size_t n_ids;
    void *anonymous; /* what the read probe reads when the model is too small to be a yardstick */
    const void *probe_data;
    size_t probe_bytes;
    double load_s;
    carat_peak int8, f32;
    struct test test[MAX_TESTS];
    size_t n_tests;
};

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts v; min, median, max. */
static void spread(double *v, size_t n, double out[3])
{
    qsort(v, n, sizeof *v, rising);
    out[0] = v[0];
    out[1] = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    out[2] = v[n - 1];
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- setting up ---------------------------------------------------------------------------------------------- */

struct list {
    size_t n, v[MAX_TESTS];
};

/* "0,2048,8192" -> numbers from low to high, at least one. */
static carat_status numbers(const char *option, const char *text, long low, long high, struct list *out,
                            carat_err *err)
{
    const char *p = text;
    do {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < low || v > high || (*end && *end != ',') || out->n == MAX_TESTS)
            return carat_fail(err, CARAT_EUSAGE, "%s %s: at most %d numbers from %ld to %ld, as in 1,4,8",
                              option, text, MAX_TESTS, low, high);
        out->v[out->n++] = (size_t)v;
        p = *end ? end + 1 : end;
    } while (*p);
    return CARAT_OK;
}

/* tg128x4@2048: decoding of 128 tokens, by each of four sequences, at depth 2048. */
static carat_status add_test(struct bench *b, const struct test *t, carat_err *err)
{
    if (b->n_tests == MAX_TESTS)
        return carat_fail(err, CARAT_EUSAGE, "-d and --parallel: more than %d tests", MAX_TESTS);
    char together[24] = "", at[24] = "";
    if (t->parallel > 1)
        snprintf(together, sizeof together, "x%zu", t->parallel);
    if (t->depth)
        snprintf(at, sizeof at, "@%zu", t->depth);
    b->test[b->n_tests] = *t;
    struct test *own = &b->test[b->n_tests++];
    snprintf(own->name, sizeof own->name, "%s%zu%.8s%.12s%s", t->decode ? "tg" : "pp", t->tokens, together,
             at, t->drafted ? "+draft" : "");
    return CARAT_OK;
}

static carat_status plan_tests(struct bench *b, carat_err *err)
{
    const struct args *a = b->a;
    if (a->prompt < 0 || a->prompt > 1 << 20 || a->predict < 0 || a->predict > 1 << 20 ||
        a->prompt + a->predict == 0)
        return carat_fail(err, CARAT_EUSAGE, "-p %" PRId64 " -n %" PRId64 ": nothing to measure, or too much",
                          a->prompt, a->predict);
    if (a->repeats < 1 || a->repeats > MAX_REPEATS)
        return carat_fail(err, CARAT_EUSAGE, "-r %" PRId64 ": from 1 to %d", a->repeats, MAX_REPEATS);
    if (a->text && !a->draft)
        return carat_fail(err, CARAT_EUSAGE, "--text is what --draft reads: give a drafter too");
    if (a->draft && a->predict < 2)
        return carat_fail(err, CARAT_EUSAGE, "--draft: decoding is what it speeds up; -n must be 2 or more");
    struct list depth = {0}, parallel = {0};
    carat_status st;
    if ((st = numbers("-d", a->depths, 0, 1 << 20, &depth, err)) ||
        (st = numbers("--parallel", a->parallel, 1, CARAT_STEP_ROWS, &parallel, err)))
        return st;
    for (size_t i = 0; i < depth.n && !st; i++) {
        struct test t = {.tokens = (size_t)a->prompt, .depth = depth.v[i], .parallel = 1};
        if (a->prompt)
            st = add_test(b, &t, err);
        for (size_t j = 0; a->predict && j < parallel.n && !st; j++) {
            t = (struct test){
                .decode = true, .tokens = (size_t)a->predict, .depth = depth.v[i], .parallel = parallel.v[j]};
            st = add_test(b, &t, err);
        }
        if (a->draft && a->predict > 1 && !st)
            st = add_test(b,
                          &(struct test){.decode = true,
                                         .drafted = true,
                                         .tokens = (size_t)a->predict,
                                         .depth = most(depth.v[i], 1),
                                         .parallel = 1},
                          err);
    }
    return st;
}

/* The read probe reads mapped weights, as decoding does; a model that fits in a cache is no yardstick for memory. */
static carat_status choose_probe(struct bench *b, carat_err *err)
{
    const carat_weight *head = &b->model->head;
    uint64_t bytes = head->rows * head->row_bytes;
    b->probe_data = head->data;
    b->probe_bytes = bytes < PROBE_MAX ? (size_t)bytes : PROBE_MAX;
    if (bytes >= PROBE_BYTES)
        return CARAT_OK;
    b->anonymous = carat_alloc(PROBE_BYTES, 1, err);
    b->probe_data = b->anonymous;
    b->probe_bytes = PROBE_BYTES;
    return b->anonymous ? CARAT_OK : CARAT_ENOMEM;
}

static carat_status open_all(struct bench *b, carat_err *err)
{
    const struct args *a = b->a;
    size_t context = 0, sequences = 1;
    for (const struct test *t = b->test; t < b->test + b->n_tests; t++) {
        context = most(context, t->depth + t->tokens + 1);
        sequences = most(sequences, t->parallel);
        b->n_ids = most(b->n_ids, t->depth + t->tokens * t->parallel + 1);
    }
    double start = carat_now();
    carat_status st = carat_model_open(a->common.pos[0], &b->model, err);
    if (st)
        return st;
    const carat_model_info *info = carat_model_describe(b->model);
    carat_session_options o = {.context = (uint32_t)context,
                               .sequences = (uint32_t)sequences,
                               .threads = (uint32_t)a->common.threads,
                               .kernels = a->kernels};
    if ((st = carat_numerics_parse(a->numerics, info->packed ? CARAT_INT8 : CARAT_F32, &o.numerics, err)) ||
        (st = carat_kv_parse(a->kv, &o.kv, err)) || (st = carat_session_price(b->model, &o, &b->plan, err)))
        return st;
    b->anon_before = carat_rss_anon_bytes();
    if ((st = carat_session_open(b->model, &o, &b->session, err)))
        return st;
    b->load_s = carat_now() - start;
    b->numerics = o.numerics;
    if (a->draft && (st = carat_bench_draft_open(b->session, b->model, a->draft, a->text, &b->draft, err)))
        return st;
    if ((st = carat_kernels_pick(a->kernels, &b->kern, err)) ||
        (st = carat_team_open((int)a->common.threads, &b->team, err)) || (st = choose_probe(b, err)))
        return st;
    b->ids = carat_alloc(b->n_ids, sizeof *b->ids, err);
    return b->ids ? CARAT_OK : CARAT_ENOMEM;
}

/* ---- measuring ----------------------------------------------------------------------------------------------- */

/* Fresh random ids, so that no prefix and no table row is warm from the last run. */
static void fill_ids(struct bench *b, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        b->ids[i] = (int32_t)(carat_random(seed, i) % (b->model->info.vocab - 1));
    for (size_t i = 0; i < n; i++) /* soft tokens stand for media */
        while (b->ids[i] == b->model->config.image_token || b->ids[i] == b->model->config.audio_token ||
               b->ids[i] == b->model->config.video_token)
            b->ids[i] = 0;
}

static bool go_on(void *ctx, size_t done, size_t n)
{
    (void)ctx, (void)done, (void)n;
    return !carat_interrupted();
}

static carat_status sync_to(struct bench *b, size_t n, size_t from, carat_err *err)
{
    carat_sync_request r = {.ids = b->ids, .n = n, .logits_from = from, .progress = go_on};
    return carat_session_sync(b->session, &r, err);
}

/* Sequence 0 up to position n, and as many copies of it as the test has sequences. */
static carat_status warm_up(struct bench *b, const struct test *t, size_t n, carat_err *err)
{
    carat_status st = n ? sync_to(b, n, n, err) : CARAT_OK;
    for (uint32_t q = 1; q < t->parallel && !st; q++)
        st = carat_session_fork(b->session, 0, q, n, err);
    return st;
}

/* One token more of each sequence. */
static carat_status decode(struct bench *b, const struct test *t, const int32_t *ids, carat_err *err)
{
    carat_step steps[CARAT_STEP_ROWS];
    for (uint32_t q = 0; q < t->parallel; q++)
        steps[q] = (carat_step){q, &ids[q], 1};
    return carat_interrupted() ? carat_fail(err, CARAT_EINTR, "interrupted")
                               : carat_session_step(b->session, steps, t->parallel, err);
}

/* A reply behind `depth` ids, without and with the drafter. */
static carat_status once_drafted(struct bench *b, struct test *t, size_t rep, carat_err *err)
{
    carat_drafted d;
    fill_ids(b, t->depth, (uint64_t)b->a->common.seed + rep * 7919 + t->depth);
    carat_bench_draft_prompt(&b->draft, b->model, rep, b->ids, t->depth);
    carat_status st = carat_bench_draft_run(&b->draft, b->session, b->ids, t->depth, t->tokens, &d, err);
    if (st)
        return st;
    double ids = (double)(t->tokens - 1);
    t->rate[rep] = ids / d.seconds;
    t->plain[rep] = ids / d.plain_seconds;
    t->fraction[rep] = t->read[rep] = t->bytes_per_token = t->ops_per_token = NAN; /* two models at work */
    t->rounds += d.rounds;
    t->drafts += d.drafted;
    t->right += d.right;
    return CARAT_OK;
}

static carat_status once(struct bench *b, struct test *t, size_t rep, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(b->model);
    size_t warm = t->depth + (t->decode && !t->depth), n = warm + t->tokens;
    carat_status st;
    fill_ids(b, warm + t->tokens * t->parallel, (uint64_t)b->a->common.seed + rep * 7919 + t->depth);
    if ((st = warm_up(b, t, warm, err)))
        return st;
    double before = carat_probe_read(b->team, b->probe_data, b->probe_bytes), start = carat_now();
    if (!t->decode)
        st = sync_to(b, n, n - 1, err);
    for (size_t i = 0; t->decode && i < t->tokens && !st; i++)
        st = decode(b, t, b->ids + warm + i * t->parallel, err);
    double seconds = carat_now() - start, after = carat_probe_read(b->team, b->probe_data, b->probe_bytes);
    if (st)
        return st;
    t->rate[rep] = (double)(t->tokens * t->parallel) / seconds;
    t->read[rep] = (before + after) / 2;
    t->bytes_per_token = (double)info->bytes_per_token / (double)t->parallel;
    t->kv_bytes = (double)carat_cache_read_bytes(&b->session->shape, warm + t->tokens / 2);
    if (t->decode) {
        t->ops_per_token = (double)info->ops_per_token;
        t->fraction[rep] = t->rate[rep] * t->bytes_per_token / 1e9 / t->read[rep];
        return CARAT_OK;
    }
    double last = (double)info->ops_per_token, other = (double)info->ops_per_prompt_token;
    t->ops_per_token = (last + other * (double)(t->tokens - 1)) / (double)t->tokens;
    t->bytes_per_token /= (double)t->tokens;
    double peak = b->numerics == CARAT_INT8 && info->packed ? b->int8.rate : b->f32.rate;
    t->fraction[rep] = peak > 0 ? t->rate[rep] * t->ops_per_token / 1e9 / peak : 0;
    return CARAT_OK;
}

static carat_status measure(struct bench *b, carat_err *err)
{
    size_t repeats = (size_t)b->a->repeats;
    carat_progress bar = carat_progress_begin(&b->a->common.talk, "bench", "run", b->n_tests * repeats);
    b->int8 = carat_probe_int8(b->kern, b->team);
    b->f32 = carat_probe_f32(b->kern, b->team);
    double swing = b->int8.swing > b->f32.swing ? b->int8.swing : b->f32.swing;
    if (swing > UNSTEADY)
        carat_note(&b->a->common.talk,
                   "the arithmetic peak swung by %.0f %% while it was measured: shares of it are uncertain",
                   swing * 100);
    fill_ids(b, 2, 1);
    carat_status st = sync_to(b, 2, 1,
                              err); /* touches the weights: the first run would pay for the page faults */
    for (size_t i = 0; i < b->n_tests && !st; i++)
        for (size_t r = 0; r < repeats && !st; r++) {
            st = (b->test[i].drafted ? once_drafted : once)(b, &b->test[i], r, err);
            carat_progress_at(&bar, i * repeats + r + 1);
        }
    carat_progress_end(&bar);
    return st;
}

/* ---- printing ------------------------------------------------------------------------------------------------ */

/* Median tokens/s without the drafter. */
static double plain_rate(const struct bench *b, struct test *t)
{
    double plain[3];
    spread(t->plain, (size_t)b->a->repeats, plain);
    return plain[1];
}

static void json_drafted(const struct bench *b, struct test *t, carat_jw *w, double rate)
{
    double plain = plain_rate(b, t);
    carat_jw_put_f64(w, "plain_tokens_per_s", plain);
    carat_jw_put_f64(w, "speed_up", rate / plain);
    carat_jw_put_u64(w, "drafted", t->drafts);
    carat_jw_put_u64(w, "accepted", t->right);
}

static void print_json(struct bench *b)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < b->n_tests; i++) {
        struct test *t = &b->test[i];
        double rate[3], fraction[3], read[3];
        spread(t->rate, (size_t)b->a->repeats, rate);
        spread(t->fraction, (size_t)b->a->repeats, fraction);
        spread(t->read, (size_t)b->a->repeats, read);
        const struct {
            const char *key;
            double value;
        } number[] = {{"fraction", fraction[1]},
                      {"bytes_per_token", t->bytes_per_token},
                      {"ops_per_token", t->ops_per_token},
                      {"kv_bytes_per_token", t->decode ? t->kv_bytes : 0},
                      {"planned_bytes", (double)(b->plan.kv + b->plan.scratch)},
                      {"read_gb_s", read[1]},
                      {"int8_gop_s", b->int8.rate},
                      {"f32_gflop_s", b->f32.rate},
                      {"load_s", b->load_s}};
        carat_jw_open(&w, '{');
        carat_jw_put_text(&w, "test", t->name);
        carat_jw_key(&w, "tokens_per_s");
        carat_jw_open(&w, '{');
        for (int k = 0; k < 3; k++) {
            static const char *const name[] = {"min", "median", "max"};
            carat_jw_put_f64(&w, name[k], rate[k]);
        }
        carat_jw_close(&w);
        for (size_t k = 0; k < sizeof number / sizeof *number; k++) {
            carat_jw_put_f64(&w, number[k].key, number[k].value);
        }
        if (t->drafted)
            json_drafted(b, t, &w, rate[1]);
        carat_jw_put_u64(&w, "peak_rss", carat_rss_peak_bytes());
        carat_jw_put_u64(&w, "anon_rss", carat_rss_anon_bytes());
        carat_jw_put_u64(&w, "threads", (uint64_t)carat_team_size(b->team));
        carat_jw_put_text(&w, "kernels", carat_session_kernels(b->session));
        carat_jw_put_text(&w, "numerics", carat_numerics_name(b->numerics));
        carat_jw_put_text(&w, "kv", carat_kv_name(carat_session_kv(b->session)));
        carat_jw_put_text(&w, "int8_instruction", b->int8.instruction);
        carat_jw_close(&w);
    }
    carat_jw_close(&w);
    puts(s.data);
    carat_str_free(&s);
}

static void print_csv(struct bench *b)
{
    puts("test,tokens_per_s_min,tokens_per_s_median,tokens_per_s_max,fraction,read_gb_s,int8_gop_s,f32_gflop_"
         "s,threads,kernels,numerics,kv");
    for (size_t i = 0; i < b->n_tests; i++) {
        struct test *t = &b->test[i];
        double rate[3], fraction[3], read[3];
        spread(t->rate, (size_t)b->a->repeats, rate);
        spread(t->fraction, (size_t)b->a->repeats, fraction);
        spread(t->read, (size_t)b->a->repeats, read);
        printf("%s,%.3f,%.3f,%.3f,%.4f,%.2f,%.1f,%.1f,%d,%s,%s,%s\n", t->name, rate[0], rate[1], rate[2],
               fraction[1], read[1], b->int8.rate, b->f32.rate, carat_team_size(b->team),
               carat_session_kernels(b->session), carat_numerics_name(b->numerics),
               carat_kv_name(carat_session_kv(b->session)));
    }
}

/* The session's memory as priced for the deepest test, and what it grew to. */
static void print_plan(const struct bench *b)
{
    char kv[16], scratch[16], own[16];
    uint64_t planned = b->plan.kv + b->plan.scratch,
             grown = carat_rss_anon_bytes() - b->anon_before - (b->anonymous ? b->probe_bytes : 0);
    carat_format_bytes(b->plan.kv, kv);
    carat_format_bytes(b->plan.scratch, scratch);
    carat_format_bytes(grown, own);
    if (b->draft.draft) /* whose memory would be counted too */
        return;
    printf("session: planned %s of KV cache and %s of scratch; resident %s, %.1f %% of the plan\n", kv,
           scratch, own, 100 * (double)grown / (double)planned);
}

static void print_drafted(const struct bench *b, struct test *t, double rate)
{
    double plain = plain_rate(b, t);
    printf("%.2f times the %.2f without drafts; %.0f %% of %" PRIu64 " drafts right, %.2f tokens a round\n",
           rate / plain, plain, t->drafts ? 100 * (double)t->right / (double)t->drafts : 0, t->drafts,
           (double)(t->rounds + t->right) / (double)t->rounds);
}

static void print_table(struct bench *b)
{
    const carat_model_info *info = carat_model_describe(b->model);
    char peak[16], anon[16];
    carat_format_bytes(carat_rss_peak_bytes(), peak);
    carat_format_bytes(carat_rss_anon_bytes(), anon);
    printf("%s, %s weights, %s numerics, %s KV cache, %s kernels, %d threads\n", info->family, info->scheme,
           carat_numerics_name(b->numerics), carat_kv_name(carat_session_kv(b->session)),
           carat_session_kernels(b->session), carat_team_size(b->team));
    printf("%-12s %10s %10s %10s  %s\n", "test", "min", "median", "max", "tokens/s; share of the machine");
    for (size_t i = 0; i < b->n_tests; i++) {
        struct test *t = &b->test[i];
        double rate[3], fraction[3], read[3];
        spread(t->rate, (size_t)b->a->repeats, rate);
        spread(t->fraction, (size_t)b->a->repeats, fraction);
        spread(t->read, (size_t)b->a->repeats, read);
        printf("%-12s %10.2f %10.2f %10.2f  ", t->name, rate[0], rate[1], rate[2]);
        if (t->drafted)
            print_drafted(b, t, rate[1]);
        else if (t->decode)
            printf("%.0f %% of %.1f GB/s read bandwidth (%.3g MB a token; K and V %.3g MB)\n",
                   fraction[1] * 100, read[1], t->bytes_per_token / 1e6, t->kv_bytes / 1e6);
        else
            printf("%.0f %% of the %s peak (%.3g Gop a token)\n", fraction[1] * 100,
                   b->numerics == CARAT_INT8 && info->packed ? "int8" : "f32", t->ops_per_token / 1e9);
    }
    printf("machine: int8 %.0f Gop/s (%s), f32 %.0f Gflop/s; load %.2f s; memory %s, of it own %s\n",
           b->int8.rate, b->int8.instruction, b->f32.rate, b->load_s, peak, anon);
    print_plan(b);
}

/* One point for each depth at which single sequences were decoded, in the order of -d. */
static carat_status draw(struct bench *b, carat_err *err)
{
    carat_depth_point p[MAX_TESTS];
    size_t n = 0;
    for (const struct test *t = b->test; t < b->test + b->n_tests; t++) {
        if (!t->decode || t->drafted || t->parallel > 1)
            continue;
        if (n && p[n - 1].depth >= (double)t->depth)
            return carat_fail(err, CARAT_EUSAGE, "--svg: depths must rise: -d 0,2048,8192");
        double rate[MAX_REPEATS], read[MAX_REPEATS], r[3], bandwidth[3];
        memcpy(rate, t->rate, sizeof rate);
        memcpy(read, t->read, sizeof read);
        spread(rate, (size_t)b->a->repeats, r);
        spread(read, (size_t)b->a->repeats, bandwidth);
        p[n++] = (carat_depth_point){(double)t->depth, 1e3 / r[2],  1e3 / r[1],
                                     1e3 / r[0],       t->kv_bytes, bandwidth[1] * 1e6};
    }
    if (!n)
        return carat_fail(err, CARAT_EUSAGE, "--svg draws the time of decoding over depth: it needs -n");
    char title[128];
    const carat_model_info *info = carat_model_describe(b->model);
    snprintf(title, sizeof title, "%s, %s weights, %s numerics, %s KV cache, %d threads", info->family,
             info->scheme, carat_numerics_name(b->numerics), carat_kv_name(carat_session_kv(b->session)),
             carat_team_size(b->team));
    return carat_depth_plot(b->a->svg, title, p, n, err);
}

static carat_status bench_model(struct bench *b, carat_err *err)
{
    static void (*const print[])(struct bench *) = {print_table, print_json, print_csv};
    static const char *const formats[] = {"table", "json", "csv"};
    size_t f = 0;
    while (f < 3 && strcmp(b->a->format, formats[f]) != 0)
        f++;
    if (f == 3)
        return carat_fail(err, CARAT_EUSAGE, "-o %s: table, json or csv", b->a->format);
    const char *svg = b->a->svg;
    carat_status st = plan_tests(b, err);
    if (st || (st = open_all(b, err)))
        return st;
    if (svg && ((st = carat_output_spares(svg, carat_model_describe(b->model)->path, err)) ||
                (st = carat_output_check(svg, NULL, b->a->force || carat_file_begins(svg, "<svg"), err))))
        return st;
    if ((st = measure(b, err)))
        return st;
    print[f == 0 && b->a->common.json ? 1 : f](b);
    return b->a->svg ? draw(b, err) : CARAT_OK;
}

static int run(const void *args, carat_err *err)
{
    carat_status st = CARAT_ENOMEM;
    struct bench *b = carat_alloc(1, sizeof *b, err);
    if (b) {
        b->a = args;
        st = bench_model(b, err);
        carat_bench_draft_close(&b->draft);
        carat_session_close(b->session);
        carat_model_close(b->model);
        carat_team_close(b->team);
        carat_free(b->ids);
        carat_free(b->anonymous);
        carat_free(b);
    }
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"prompt", 'p', CARAT_OPT_INT, AT(prompt), "N",
     "tokens of the prompt that is read (512; 0: no such test)"},
    {"predict", 'n', CARAT_OPT_INT, AT(predict), "N",
     "tokens that are decoded one by one (128; 0: no such test)"},
    {"depth", 'd', CARAT_OPT_TEXT, AT(depths), "N[,N]", "positions already in the cache (0)"},
    {"parallel", 0, CARAT_OPT_TEXT, AT(parallel), "N[,N]",
     "sequences that decode together, one token each in a pass (1)"},
    {"draft", 0, CARAT_OPT_TEXT, AT(draft), "MODEL",
     "a drafter of MODEL: greedy decoding with it, beside decoding without"},
    {"text", 0, CARAT_OPT_TEXT, AT(text), "FILE",
     "UTF-8 text for the prompts of --draft (default: random ids)"},
    {"repeats", 'r', CARAT_OPT_INT, AT(repeats), "N", "runs of each test (5)"},
    {"svg", 0, CARAT_OPT_TEXT, AT(svg), "FILE", "draw the time of a decoded token over the depths of -d"},
    {"force", 0, CARAT_OPT_FLAG, AT(force), NULL, "replace the FILE of --svg (an SVG is replaced without)"},
    {"output", 'o', CARAT_OPT_TEXT, AT(format), "FORMAT", "table, json or csv"},
    {"numerics", 0, CARAT_OPT_TEXT, AT(numerics), "NAME",
     "f32, bf16 or int8 (default: int8 on packed weights, else f32)"},
    {"kv", 0, CARAT_OPT_TEXT, AT(kv), "TYPE",
     "K and V as f32, bf16, f16 or int8 (default: f32; bf16 and f16 in bf16 and int8 numerics)"},
    {"kernels", 0, CARAT_OPT_TEXT, AT(kernels), "NAME", "auto, or a name of `carat list kernels`"},
    {0},
};

const carat_cmd carat_cmd_bench = {
    .name = "bench",
    .summary = "speed, as a share of what the machine can do",
    .usage = "MODEL [options]",
    .detail = "ppN reads a prompt of N random tokens and wants the last logits; tgN decodes N tokens one by "
              "one; tgNxS does so\n"
              "for S sequences together, and its rate counts the tokens of all. The read bandwidth is probed "
              "before and after every\n"
              "run, over the mapped weights; the int8 and f32 peaks once. tg is given as a share of the "
              "bandwidth over the weight\n"
              "bytes a token needs, pp as a share of the peak over the operations that a prompt token needs. "
              "tgN+draft writes the\n"
              "same greedy reply without and with a drafter, checks that both are equal, and gives the rate "
              "of the second; how many\n"
              "drafts are right depends on the text.",
    .example = "$ carat bench gemma-4-E2B-int4 -p 512 -n 128 -t 2 -o json",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
