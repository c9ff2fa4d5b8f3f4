/* What the machine can do at best, measured.                                       SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/probe.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/util.h"

enum { LINE = 64, STREAMS = 8, READ_PIECE = 256 << 10, PASSES = 3 };

typedef struct reading {
    const uint8_t *data;
    size_t bytes;
    atomic_uint_fast64_t sink; /* keeps the loads alive */
} reading;

/* Reads eight streams, which come faster than one: the first, second ... eighth of the bytes. Two sums, so that they stay in
 * registers and do not wait for each other. */
static uint64_t sum_words(const uint8_t *p, size_t bytes)
{
    uint64_t line[LINE / 8], a = 0, b = 0;
    size_t step = bytes / STREAMS / LINE * LINE;
    for (size_t i = 0; i < step; i += LINE)
        for (size_t j = 0; j < STREAMS; j++) {
            memcpy(line, p + j * step + i, LINE);
            a ^= line[0] ^ line[1] ^ line[2] ^ line[3];
            b ^= line[4] ^ line[5] ^ line[6] ^ line[7];
        }
    return a ^ b;
}

static void read_pieces(carat_team *team, int rank, void *ctx)
{
    (void)rank;
    reading *r = ctx;
    size_t begin, end;
    uint64_t sum = 0;
    while (carat_team_take(team, r->bytes, READ_PIECE, &begin, &end))
        sum += sum_words(r->data + begin, end - begin);
    atomic_fetch_add(&r->sink, sum);
}

double carat_probe_read(carat_team *team, const void *data, size_t bytes)
{
    reading r = {.data = data, .bytes = bytes};
    double best = 0;
    for (int i = 0; i < PASSES; i++) {
        double start = carat_now();
        carat_team_run(team, read_pieces, &r);
        double rate = (double)bytes / (carat_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

/* Threads that lose their processor to a neighbour wait, but do not get slower: each counts the processor's time that it was
 * given, and what a thread did in its best window, all threads added up, is the peak. */
enum { WINDOWS = 12, CALIBRATE = 3, MAX_RANKS = 256 };
static const double WINDOW = 0.004; /* seconds of a window, of each thread */

typedef struct spinning {
    carat_spin *spin;
    size_t rounds;
    double seconds[MAX_RANKS]; /* that each thread took; 0: OpenMP gave no such thread */
} spinning;

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void spin_all(carat_team *team, int rank, void *ctx)
{
    (void)team;
    spinning *s = ctx;
    double start = thread_seconds();
    s->spin(s->rounds);
    s->seconds[rank] = thread_seconds() - start;
}

/* Rounds that take a thread about a window's time: of the shortest of some runs, so that no interruption counts. */
static void calibrate(spinning *s)
{
    for (s->rounds = 1 << 16;; s->rounds *= 2) {
        double best = INFINITY;
        for (int i = 0; i < CALIBRATE; i++) {
            spin_all(NULL, 0, s);
            best = s->seconds[0] < best ? s->seconds[0] : best;
        }
        if (best >= WINDOW)
            return;
    }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static carat_peak peak(carat_team *team, carat_spin *spin, double ops_per_round, const char *instruction)
{
    spinning s = {.spin = spin};
    double best[MAX_RANKS] = {0}, window[WINDOWS], sum = 0;
    calibrate(&s);
    double ops = (double)s.rounds * ops_per_round * 1e-9;
    for (int i = 0; i < WINDOWS; i++) {
        window[i] = 0;
        memset(s.seconds, 0, sizeof s.seconds);
        carat_team_run(team, spin_all, &s);
        for (int r = 0; r < carat_team_size(team); r++) {
            double rate = s.seconds[r] > 0 ? ops / s.seconds[r] : 0;
            best[r] = rate > best[r] ? rate : best[r];
            window[i] += rate;
        }
    }
    for (int r = 0; r < carat_team_size(team); r++)
        sum += best[r];
    qsort(window, WINDOWS, sizeof *window, rising);
    return (carat_peak){sum, sum > 0 ? 1 - window[WINDOWS / 2] / sum : 0, instruction};
}

carat_peak carat_probe_int8(const carat_kernels *k, carat_team *team)
{
    const carat_peaks *p = k->peaks;
    return p ? peak(team, p->int8, p->int8_ops, p->int8_name) : (carat_peak){0, 0, "none"};
}

carat_peak carat_probe_f32(const carat_kernels *k, carat_team *team)
{
    const carat_peaks *p = k->peaks;
    return p ? peak(team, p->f32, p->f32_ops, p->f32_name) : (carat_peak){0, 0, "none"};
}
