/* How fast this machine reads memory (read_probe.h).                              SPDX-License-Identifier: Apache-2.0 */
#include "eval/read_probe.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/par.h"
#include "runtime/base/util.h"

enum { WORDS = 128 << 17, PIECE = 1 << 16, PASSES = 5 };

struct probe {
    const uint64_t *data; /* [WORDS] */
    _Atomic uint64_t sum; /* so that nothing of it is left out */
};

static void read_piece(size_t begin, size_t end, int rank, void *ctx)
{
    struct probe *p = ctx;
    uint64_t s[8] = {0};
    (void)rank;
    for (size_t i = begin; i + 8 <= end; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += p->data[i + k];
    for (size_t k = 1; k < 8; k++)
        s[0] += s[k];
    atomic_fetch_add(&p->sum, s[0]);
}

carat_status carat_read_probe(double *gb_per_s, carat_err *err)
{
    carat_team *team = NULL;
    uint64_t *data = carat_alloc(WORDS, sizeof *data, err);
    carat_status st = data ? carat_team_open(0, &team, err) : CARAT_ENOMEM;
    *gb_per_s = NAN;
    if (!st) {
        struct probe p = {.data = data};
        double best = INFINITY;
        memset(data, 1, WORDS * sizeof *data); /* pages of its own, not the one of zeros */
        for (int i = 0; i < PASSES; i++) {
            double start = carat_now();
            carat_team_for(team, WORDS, PIECE, read_piece, &p);
            best = fmin(best, carat_now() - start);
        }
        if (best > 0 && p.sum)
            *gb_per_s = (double)WORDS * sizeof *data / best / 1e9;
    }
    carat_team_close(team);
    carat_free(data);
    return st;
}
