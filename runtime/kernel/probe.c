/* What the machine can do at best, measured.                                       SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel/probe.h"

#include <stdatomic.h>
#include <string.h>

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

typedef struct spinning {
    carat_spin *spin;
    size_t rounds;
} spinning;

static void spin_all(carat_team *team, int rank, void *ctx)
{
    (void)team, (void)rank;
    const spinning *s = ctx;
    s->spin(s->rounds);
}

static double seconds_of(carat_team *team, spinning *s)
{
    double start = carat_now();
    carat_team_run(team, spin_all, s);
    return carat_now() - start;
}

static double best_of(carat_team *team, spinning *s, int runs)
{
    double best = seconds_of(team, s);
    for (int i = 1; i < runs; i++) {
        double t = seconds_of(team, s);
        best = t < best ? t : best;
    }
    return best;
}

/* The best of some runs of about five milliseconds. How many rounds that takes is asked of the best of three runs too: a thread
 * that waited for a processor would make a few rounds look long enough. */
static double peak(carat_team *team, carat_spin *spin, double ops_per_round)
{
    spinning s = {spin, 1 << 16};
    while (best_of(team, &s, 3) < 0.004)
        s.rounds *= 2;
    return (double)s.rounds * ops_per_round * carat_team_size(team) / best_of(team, &s, 9) * 1e-9;
}

double carat_probe_int8(const carat_kernels *k, carat_team *team, const char **instruction)
{
    *instruction = k->peaks ? k->peaks->int8_name : "none";
    return k->peaks ? peak(team, k->peaks->int8, k->peaks->int8_ops) : 0;
}

double carat_probe_f32(const carat_kernels *k, carat_team *team, const char **instruction)
{
    *instruction = k->peaks ? k->peaks->f32_name : "none";
    return k->peaks ? peak(team, k->peaks->f32, k->peaks->f32_ops) : 0;
}
