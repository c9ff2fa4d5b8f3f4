/* carat bench: how fast a model reads and writes, beside what the machine can do.    SPDX-License-Identifier: Apache-2.0
 *
 * The machine's read bandwidth is measured between the runs (neighbours make it swing), the arithmetic peaks once; a rate is
 * given as a fraction of the yardstick that limits it: of the bandwidth for decoding, of the int8 or f32 peak for a prompt. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/tool/bench.h"
#include "runtime/tool/options.h"

enum { PROBE_BYTES = 1 << 28, PROBE_MAX = 1 << 29 };

static const double UNSTEADY = 0.15; /* a swing of the probes that is told */

static const carat_bench_args defaults = {
    .prompt = 512, .predict = 128, .repeats = 5, .depths = "0", .parallel = "1", .format = "table"};

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- setting up ---------------------------------------------------------------------------------------------- */

struct list {
    size_t n, v[CARAT_BENCH_TESTS];
};

/* "0,2048,8192" -> numbers from low to high, at least one. */
static carat_status numbers(const char *option, const char *text, long low, long high, struct list *out,
                            carat_err *err)
{
    const char *p = text;
    do {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < low || v > high || (*end && *end != ',') || out->n == CARAT_BENCH_TESTS)
            return carat_fail(err, CARAT_EUSAGE, "%s %s: at most %d numbers from %ld to %ld, as in 1,4,8",
                              option, text, CARAT_BENCH_TESTS, low, high);
        out->v[out->n++] = (size_t)v;
        p = *end ? end + 1 : end;
    } while (*p);
    return CARAT_OK;
}

/* tg128x4@2048: decoding of 128 tokens, by each of four sequences, at depth 2048. */
static carat_status add_test(carat_bench *b, const carat_bench_test *t, carat_err *err)
{
    if (b->n_tests == CARAT_BENCH_TESTS)
        return carat_fail(err, CARAT_EUSAGE, "-d and --parallel: more than %d tests", CARAT_BENCH_TESTS);
    char together[24] = "", at[24] = "";
    if (t->parallel > 1)
        snprintf(together, sizeof together, "x%zu", t->parallel);
    if (t->depth)
        snprintf(at, sizeof at, "@%zu", t->depth);
    b->test[b->n_tests] = *t;
    carat_bench_test *own = &b->test[b->n_tests++];
    snprintf(own->name, sizeof own->name, "%s%zu%.8s%.12s%s", t->decode ? "tg" : "pp", t->tokens, together,
             at, t->drafted ? "+draft" : "");
    return CARAT_OK;
}

static carat_status plan_tests(carat_bench *b, carat_err *err)
{
    const carat_bench_args *a = b->a;
    if (a->prompt < 0 || a->prompt > 1 << 20 || a->predict < 0 || a->predict > 1 << 20 ||
        a->prompt + a->predict == 0)
        return carat_fail(err, CARAT_EUSAGE, "-p %" PRId64 " -n %" PRId64 ": nothing to measure, or too much",
                          a->prompt, a->predict);
    if (a->repeats < 1 || a->repeats > CARAT_BENCH_REPEATS)
        return carat_fail(err, CARAT_EUSAGE, "-r %" PRId64 ": from 1 to %d", a->repeats, CARAT_BENCH_REPEATS);
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
        carat_bench_test t = {.tokens = (size_t)a->prompt, .depth = depth.v[i], .parallel = 1};
        if (a->prompt)
            st = add_test(b, &t, err);
        for (size_t j = 0; a->predict && j < parallel.n && !st; j++) {
            t = (carat_bench_test){
                .decode = true, .tokens = (size_t)a->predict, .depth = depth.v[i], .parallel = parallel.v[j]};
            st = add_test(b, &t, err);
        }
        if (a->draft && a->predict > 1 && !st)
            st = add_test(b,
                          &(carat_bench_test){.decode = true,
                                              .drafted = true,
                                              .tokens = (size_t)a->predict,
                                              .depth = most(depth.v[i], 1),
                                              .parallel = 1},
                          err);
    }
    return st;
}

/* The read probe reads mapped weights, as decoding does; a model that fits in a cache is no yardstick for memory. */
static carat_status choose_probe(carat_bench *b, carat_err *err)
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

static carat_status open_all(carat_bench *b, carat_err *err)
{
    const carat_bench_args *a = b->a;
    size_t context = 0, sequences = 1;
    for (const carat_bench_test *t = b->test; t < b->test + b->n_tests; t++) {
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
static void fill_ids(carat_bench *b, size_t n, uint64_t seed)
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

static carat_status sync_to(carat_bench *b, size_t n, size_t from, carat_err *err)
{
    carat_sync_request r = {.ids = b->ids, .n = n, .logits_from = from, .progress = go_on};
    return carat_session_sync(b->session, &r, err);
}

/* Sequence 0 up to position n, and as many copies of it as the test has sequences. */
static carat_status warm_up(carat_bench *b, const carat_bench_test *t, size_t n, carat_err *err)
{
    carat_status st = n ? sync_to(b, n, n, err) : CARAT_OK;
    for (uint32_t q = 1; q < t->parallel && !st; q++)
        st = carat_session_fork(b->session, 0, q, n, err);
    return st;
}

/* One token more of each sequence. */
static carat_status decode(carat_bench *b, const carat_bench_test *t, const int32_t *ids, carat_err *err)
{
    carat_step steps[CARAT_STEP_ROWS];
    for (uint32_t q = 0; q < t->parallel; q++)
        steps[q] = (carat_step){q, &ids[q], 1};
    return carat_interrupted() ? carat_fail(err, CARAT_EINTR, "interrupted")
                               : carat_session_step(b->session, steps, t->parallel, err);
}

/* A reply behind `depth` ids, without and with the drafter. */
static carat_status once_drafted(carat_bench *b, carat_bench_test *t, size_t rep, carat_err *err)
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

static carat_status once(carat_bench *b, carat_bench_test *t, size_t rep, carat_err *err)
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

static carat_status measure(carat_bench *b, carat_err *err)
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

/* ---- the command --------------------------------------------------------------------------------------------- */

/* Before the work: can a picture be drawn, and written when it is done? */
static carat_status check_svg(const carat_bench *b, carat_err *err)
{
    const char *svg = b->a->svg;
    if (!svg)
        return CARAT_OK;
    carat_status st = carat_bench_draws(b, err);
    if (st || (st = carat_output_spares(svg, carat_model_describe(b->model)->path, err)))
        return st;
    return carat_output_check(svg, NULL, b->a->force || carat_file_begins(svg, "<svg"), err);
}

static carat_status bench_model(carat_bench *b, carat_err *err)
{
    carat_bench_print_fn *print = carat_bench_printer(b->a);
    if (!print)
        return carat_fail(err, CARAT_EUSAGE, "-o %s: table, json or csv", b->a->format);
    carat_status st = plan_tests(b, err);
    if (st || (st = open_all(b, err)) || (st = check_svg(b, err)) || (st = measure(b, err)))
        return st;
    print(b);
    return b->a->svg ? carat_bench_draw(b, err) : CARAT_OK;
}

static int run(const void *args, carat_err *err)
{
    carat_status st = CARAT_ENOMEM;
    carat_bench *b = carat_alloc(1, sizeof *b, err);
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

#define AT(field) offsetof(carat_bench_args, field)
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
    .args_size = sizeof(carat_bench_args),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
