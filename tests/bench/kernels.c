/* Speed of the products at the shapes of Gemma 4 E2B, beside what the machine can do at best.  SPDX-License-Identifier: Apache-2.0
 *
 * usage: kernels [THREADS [SET]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "runtime/kernel/matmul.h"
#include "runtime/kernel/probe.h"
#include "tests/support/matrix.h"

typedef struct shape {
    const carat_format *format;
    size_t rows, cols, group;
} shape;

typedef struct job {
    const carat_kernels *k;
    carat_product *p;
    size_t np;
    bool few;
    size_t scratch_bytes;
    uint8_t *scratch;
} job;

static void work(carat_team *team, int rank, void *ctx)
{
    const job *j = ctx;
    carat_matmul(j->k, team, j->p, j->np, j->few, j->scratch + (size_t)rank * j->scratch_bytes);
}

/* Seconds of the fastest of some runs lasting about a second. */
static double best_time(carat_team *team, job *j)
{
    double best = 1e9, begin = carat_now();
    for (int i = 0; i < 5 || (i < 400 && carat_now() - begin < 0.7); i++) {
        double start = carat_now();
        carat_team_run(team, work, j);
        double t = carat_now() - start;
        best = t < best ? t : best;
    }
    return best;
}

/* One product with n tokens; few-token runs go over copies of the matrix until they are past the caches. */
static void measure(const carat_kernels *k, carat_team *team, shape s, size_t n, bool integer, bool few,
                    const double peaks[3])
{
    enum { COPIES = 64 };
    carat_product p[COPIES];
    test_matrix m[COPIES];
    size_t copies = 0;
    uint64_t bytes = 0;
    float *x = carat_alloc(n * s.cols, sizeof *x, NULL);
    float *y = carat_alloc(n * s.rows, sizeof *y, NULL);
    test_floats(x, n * s.cols, 2.0f, 5);
    do {
        m[copies] = test_matrix_make(s.format, s.rows, s.cols, s.group, CARAT_DT_BF16, copies);
        bytes += carat_weight_bytes(&m[copies].w);
        copies++;
    } while (n <= 8 && copies < COPIES && bytes < (256u << 20));
    carat_act a = test_act(k, carat_act_form(&m[0].w, integer), s.cols, n, x);
    for (size_t i = 0; i < copies; i++)
        p[i] = (carat_product){&m[i].w, &a, y, s.rows, n};
    job j = {.k = k, .p = p, .np = copies, .few = few, .scratch_bytes = carat_matmul_scratch(s.cols, n)};
    j.scratch = carat_alloc((size_t)carat_team_size(team), j.scratch_bytes, NULL);
    double t = best_time(team, &j), gops = 2.0 * (double)(copies * s.rows * s.cols * n) / t * 1e-9;
    double gbs = (double)bytes / t * 1e-9;
    char scheme[16];
    carat_weight_scheme(&m[0].w, scheme);
    printf("%-5s %-9s %6zu x %5zu  n %3zu %s  %9.2f us  %6.1f GB/s %5.1f %%  %7.1f Gop/s %5.1f %%\n", k->name,
           scheme, s.rows, s.cols, n,
           integer && s.format->integer ? "int8"
           : few                        ? "fdot"
                                        : "gemm",
           t * 1e6 / (double)copies, gbs, 100 * gbs / peaks[0], gops,
           100 * gops / (integer && s.format->integer ? peaks[1] : peaks[2]));
    fflush(stdout);
    for (size_t i = 0; i < copies; i++)
        test_matrix_free(&m[i]);
    test_act_free(&a);
    carat_free(x);
    carat_free(y);
    carat_free(j.scratch);
}

static void measure_all(const carat_kernels *k, carat_team *team, const double peaks[3])
{
    const carat_format *i4 = &carat_format_int4, *u8 = &carat_format_int8_packed, *i8 = &carat_format_int8;
    const shape shapes[] = {{i4, 2048, 1536, 32},  {i4, 1536, 2048, 32}, {i4, 6144, 1536, 32},
                            {i4, 1536, 6144, 32},  {i4, 256, 1536, 32},  {i4, 1536, 12288, 32},
                            {i4, 6144, 1536, 128}, {u8, 6144, 1536, 0},  {i8, 1536, 6144, 0},
                            {i8, 6144, 1536, 32}};
    const shape head = {u8, 65536, 1536, 0}, floats = {&carat_format_bf16, 6144, 1536, 0};
    size_t n_shapes = sizeof shapes / sizeof *shapes;
    for (size_t i = 0; i < n_shapes; i++)
        measure(k, team, shapes[i], 1, true, true, peaks);
    measure(k, team, head, 1, true, true, peaks);
    for (size_t n = 2; n <= 8; n *= 2) { /* sequences decoded together, drafts checked */
        measure(k, team, shapes[2], n, true, true, peaks);
        measure(k, team, shapes[5], n, true, true, peaks);
        measure(k, team, shapes[7], n, true, true, peaks);
    }
    measure(k, team, floats, 1, false, true, peaks);
    measure(k, team, floats, 4, false, true, peaks);
    measure(k, team, (shape){&carat_format_f16, 6144, 1536, 0}, 1, false, true, peaks);
    measure(k, team, (shape){&carat_format_f32, 6144, 1536, 0}, 1, false, true, peaks);
    measure(k, team, shapes[2], 1, false, true, peaks);
    measure(k, team, shapes[7], 1, false, true, peaks);
    for (size_t i = 0; i < n_shapes;
         i++) { /* few rows: short runs dodge the neighbours, and panels are all alike */
        shape s = shapes[i];
        s.rows = 256;
        measure(k, team, s, 512, true, false, peaks);
    }
    measure(k, team, shapes[2], 16, true, false, peaks);
    measure(k, team, floats, 512, false, false, peaks);
    measure(k, team, floats, 16, false, false, peaks);
    measure(k, team, shapes[2], 512, false, false, peaks);
}

int main(int argc, char **argv)
{
    const carat_kernels *k = NULL;
    carat_team *team = NULL;
    carat_err err = {0};
    if (carat_kernels_pick(argc > 2 ? argv[2] : NULL, &k, &err) ||
        carat_team_open(argc > 1 ? atoi(argv[1]) : 0, &team, &err)) {
        fprintf(stderr, "kernels: %s\n", err.text);
        return 2;
    }
    carat_matmul_init();
    size_t bytes = 256u << 20;
    void *mem = carat_alloc(bytes, 1, NULL);
    memset(mem, 1, bytes);
    carat_peak int8 = carat_probe_int8(k, team), f32 = carat_probe_f32(k, team);
    double peaks[3] = {carat_probe_read(team, mem, bytes), int8.rate, f32.rate};
    carat_free(mem);
    printf("%d threads: read %.1f GB/s, %s %.0f Gop/s, %s %.0f Gflop/s\n", carat_team_size(team), peaks[0],
           int8.instruction, peaks[1], f32.instruction, peaks[2]);
    measure_all(k, team, peaks);
    carat_team_close(team);
    return 0;
}
