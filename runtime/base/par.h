/* A team of threads (the only user of OpenMP's parallel regions).                  SPDX-License-Identifier: Apache-2.0
 *
 * One region per piece of big work (a forward pass, a tensor); inside it threads meet at barriers and take
 * pieces of a phase from a shared counter, so that a thread which loses its core for a while costs its share
 * and no more:
 *
 *     static void work(carat_team *t, int rank, void *ctx) {
 *         size_t begin, end;
 *         while (carat_team_take(t, rows, 16, &begin, &end)) ...;     // phase 1: each piece goes to exactly
 * one thread carat_team_barrier(t);                                      // resets the counter for phase 2
 *         ...
 *     }
 *
 * There is at most one take-loop between two barriers, and every thread must reach every barrier. The barrier
 * spins briefly, then sleeps in the kernel. Which thread gets which piece is not fixed: results must not
 * depend on it. */
#ifndef CARAT_BASE_PAR_H
#define CARAT_BASE_PAR_H

#include "runtime/base/err.h"

typedef struct carat_team carat_team;
typedef void carat_team_fn(carat_team *team, int rank, void *ctx);

int carat_cores(void); /* processors this process may run on */
carat_status carat_team_open(int threads, carat_team **out,
                             carat_err *err); /* 0: carat_cores(); at most 256 */
void carat_team_close(carat_team *t);
int carat_team_size(const carat_team *t);
void carat_team_run(carat_team *t, carat_team_fn *fn,
                    void *ctx); /* returns when all threads are through fn */
void carat_team_barrier(carat_team *t);
bool carat_team_take(carat_team *t, size_t total, size_t piece, size_t *begin, size_t *end);
/* fn(begin, end, rank, ctx) over [0, total) in pieces: a region with one phase. */
typedef void carat_range_fn(size_t begin, size_t end, int rank, void *ctx);
void carat_team_for(carat_team *t, size_t total, size_t piece, carat_range_fn *fn, void *ctx);

#endif
