/* The results of carat bench: a table, JSON, CSV, a picture.                         SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/tool/bench.h"
#include "runtime/tool/depth_plot.h"

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

/* What the repeats of a test gave: min, median, max. */
typedef struct results {
    double rate[3], fraction[3], read[3];
} results;

static results results_of(const carat_bench *b, carat_bench_test *t)
{
    results r;
    size_t n = (size_t)b->a->repeats;
    spread(t->rate, n, r.rate);
    spread(t->fraction, n, r.fraction);
    spread(t->read, n, r.read);
    return r;
}

/* Median tokens/s without the drafter. */
static double plain_rate(const carat_bench *b, carat_bench_test *t)
{
    double plain[3];
    spread(t->plain, (size_t)b->a->repeats, plain);
    return plain[1];
}

static void json_drafted(const carat_bench *b, carat_bench_test *t, carat_jw *w, double rate)
{
    double plain = plain_rate(b, t);
    carat_jw_put_f64(w, "plain_tokens_per_s", plain);
    carat_jw_put_f64(w, "speed_up", rate / plain);
    carat_jw_put_u64(w, "drafted", t->drafts);
    carat_jw_put_u64(w, "accepted", t->right);
}

static void print_json(carat_bench *b)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < b->n_tests; i++) {
        carat_bench_test *t = &b->test[i];
        results r = results_of(b, t);
        const struct {
            const char *key;
            double value;
        } number[] = {{"fraction", r.fraction[1]},
                      {"bytes_per_token", t->bytes_per_token},
                      {"ops_per_token", t->ops_per_token},
                      {"kv_bytes_per_token", t->decode ? t->kv_bytes : 0},
                      {"planned_bytes", (double)(b->plan.kv + b->plan.scratch)},
                      {"read_gb_s", r.read[1]},
                      {"int8_gop_s", b->int8.rate},
                      {"f32_gflop_s", b->f32.rate},
                      {"load_s", b->load_s}};
        carat_jw_open(&w, '{');
        carat_jw_put_text(&w, "test", t->name);
        carat_jw_key(&w, "tokens_per_s");
        carat_jw_open(&w, '{');
        for (int k = 0; k < 3; k++) {
            static const char *const name[] = {"min", "median", "max"};
            carat_jw_put_f64(&w, name[k], r.rate[k]);
        }
        carat_jw_close(&w);
        for (size_t k = 0; k < sizeof number / sizeof *number; k++) {
            carat_jw_put_f64(&w, number[k].key, number[k].value);
        }
        if (t->drafted)
            json_drafted(b, t, &w, r.rate[1]);
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

static void print_csv(carat_bench *b)
{
    puts("test,tokens_per_s_min,tokens_per_s_median,tokens_per_s_max,fraction,read_gb_s,int8_gop_s,f32_gflop_"
         "s,threads,kernels,numerics,kv");
    for (size_t i = 0; i < b->n_tests; i++) {
        carat_bench_test *t = &b->test[i];
        results r = results_of(b, t);
        printf("%s,%.3f,%.3f,%.3f,%.4f,%.2f,%.1f,%.1f,%d,%s,%s,%s\n", t->name, r.rate[0], r.rate[1],
               r.rate[2], r.fraction[1], r.read[1], b->int8.rate, b->f32.rate, carat_team_size(b->team),
               carat_session_kernels(b->session), carat_numerics_name(b->numerics),
               carat_kv_name(carat_session_kv(b->session)));
    }
}

/* The session's memory as priced for the deepest test, and what it grew to. */
static void print_plan(const carat_bench *b)
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

static void print_drafted(const carat_bench *b, carat_bench_test *t, double rate)
{
    double plain = plain_rate(b, t);
    printf("%.2f times the %.2f without drafts; %.0f %% of %" PRIu64 " drafts right, %.2f tokens a round\n",
           rate / plain, plain, t->drafts ? 100 * (double)t->right / (double)t->drafts : 0, t->drafts,
           (double)(t->rounds + t->right) / (double)t->rounds);
}

static void print_table(carat_bench *b)
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
        carat_bench_test *t = &b->test[i];
        results r = results_of(b, t);
        printf("%-12s %10.2f %10.2f %10.2f  ", t->name, r.rate[0], r.rate[1], r.rate[2]);
        if (t->drafted)
            print_drafted(b, t, r.rate[1]);
        else if (t->decode)
            printf("%.0f %% of %.1f GB/s read bandwidth (%.3g MB a token; K and V %.3g MB)\n",
                   r.fraction[1] * 100, r.read[1], t->bytes_per_token / 1e6, t->kv_bytes / 1e6);
        else
            printf("%.0f %% of the %s peak (%.3g Gop a token)\n", r.fraction[1] * 100,
                   b->numerics == CARAT_INT8 && info->packed ? "int8" : "f32", t->ops_per_token / 1e9);
    }
    printf("machine: int8 %.0f Gop/s (%s), f32 %.0f Gflop/s; load %.2f s; memory %s, of it own %s\n",
           b->int8.rate, b->int8.instruction, b->f32.rate, b->load_s, peak, anon);
    print_plan(b);
}

carat_bench_print_fn *carat_bench_printer(const carat_bench_args *a)
{
    static carat_bench_print_fn *const print[] = {print_table, print_json, print_csv};
    static const char *const formats[] = {"table", "json", "csv"};
    size_t f = 0;
    while (f < 3 && strcmp(a->format, formats[f]) != 0)
        f++;
    return f == 3 ? NULL : print[f == 0 && a->common.json ? 1 : f];
}

/* ---- the picture --------------------------------------------------------------------------------------------- */

/* A point for each depth at which single sequences were decoded, in the order of -d. */
static bool is_point(const carat_bench_test *t)
{
    return t->decode && !t->drafted && t->parallel <= 1;
}

carat_status carat_bench_draws(const carat_bench *b, carat_err *err)
{
    const carat_bench_test *last = NULL;
    for (const carat_bench_test *t = b->test; t < b->test + b->n_tests; t++) {
        if (is_point(t) && last && last->depth >= t->depth)
            return carat_fail(err, CARAT_EUSAGE, "--svg: depths must rise: -d 0,2048,8192");
        last = is_point(t) ? t : last;
    }
    return last ? CARAT_OK
                : carat_fail(err, CARAT_EUSAGE, "--svg draws the time of decoding over depth: it needs -n");
}

carat_status carat_bench_draw(carat_bench *b, carat_err *err)
{
    carat_depth_point p[CARAT_BENCH_TESTS];
    size_t n = 0;
    for (const carat_bench_test *t = b->test; t < b->test + b->n_tests; t++) {
        if (!is_point(t))
            continue;
        double rate[CARAT_BENCH_REPEATS], read[CARAT_BENCH_REPEATS], r[3], bandwidth[3];
        memcpy(rate, t->rate, sizeof rate);
        memcpy(read, t->read, sizeof read);
        spread(rate, (size_t)b->a->repeats, r);
        spread(read, (size_t)b->a->repeats, bandwidth);
        p[n++] = (carat_depth_point){(double)t->depth, 1e3 / r[2],  1e3 / r[1],
                                     1e3 / r[0],       t->kv_bytes, bandwidth[1] * 1e6};
    }
    char title[128];
    const carat_model_info *info = carat_model_describe(b->model);
    snprintf(title, sizeof title, "%s, %s weights, %s numerics, %s KV cache, %d threads", info->family,
             info->scheme, carat_numerics_name(b->numerics), carat_kv_name(carat_session_kv(b->session)),
             carat_team_size(b->team));
    return carat_depth_plot(b->a->svg, title, p, n, err);
}
