/* A team of threads: one OpenMP region, our own barrier and piece counter inside.  SPDX-License-Identifier: Apache-2.0
 *
 * The barrier spins for some tens of microseconds (a phase of decoding lasts about that long), then sleeps in
 * the kernel, which lets the scheduler move a thread that lost its core onto the one that became free. */
#include "runtime/base/par.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include "runtime/base/mem.h"

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { MAX_THREADS = 256, SPINS = 1500 };

struct carat_team {
    int size;
    atomic_int active; /* threads that the running region really got */
    _Alignas(CARAT_ALIGN) atomic_size_t next;
    _Alignas(CARAT_ALIGN) atomic_uint arrived;
    _Alignas(CARAT_ALIGN) atomic_uint generation;
    atomic_uint sleepers;
};

int carat_cores(void)
{
    int n = omp_get_num_procs();
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
}

carat_status carat_team_open(int threads, carat_team **out, carat_err *err)
{
    if (threads < 0 || threads > MAX_THREADS)
        return carat_fail(err, CARAT_EUSAGE, "%d threads: between 1 and %d, or 0 for one per core", threads,
                          MAX_THREADS);
    carat_team *t = carat_alloc(1, sizeof *t, err);
    if (!t)
        return CARAT_ENOMEM;
    t->size = threads ? threads : carat_cores();
    *out = t;
    return CARAT_OK;
}

void carat_team_close(carat_team *t)
{
    carat_free(t);
}

int carat_team_size(const carat_team *t)
{
    return t->size;
}

void carat_team_run(carat_team *t, carat_team_fn *fn, void *ctx)
{
    atomic_store(&t->next, 0);
#pragma omp parallel num_threads(t->size)
    {
        /* OpenMP may give fewer threads than asked for; every thread stores the same number before it uses
         * it. */
        atomic_store_explicit(&t->active, omp_get_num_threads(), memory_order_relaxed);
        fn(t, omp_get_thread_num(), ctx);
        /* OpenMP's own barrier at the end of a region spins for milliseconds: on a core that the last thread waits for, it would be
         * the very thing it waits for. Ours gives the core away, and leaves nothing to wait for. */
        carat_team_barrier(t);
    }
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#ifdef __linux__
static void wait_while(carat_team *t, unsigned generation)
{
    atomic_fetch_add(&t->sleepers, 1);
    while (atomic_load(&t->generation) == generation)
        syscall(SYS_futex, &t->generation, FUTEX_WAIT_PRIVATE, generation, NULL, NULL, 0);
    atomic_fetch_sub(&t->sleepers, 1);
}

static void wake_all(carat_team *t)
{
    if (atomic_load(&t->sleepers))
        syscall(SYS_futex, &t->generation, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}
#else
static void wait_while(carat_team *t, unsigned generation)
{
    while (atomic_load(&t->generation) == generation)
        sched_yield();
}

static void wake_all(carat_team *t)
{
    (void)t;
}
#endif

void carat_team_barrier(carat_team *t)
{
    unsigned active = (unsigned)atomic_load_explicit(&t->active, memory_order_relaxed);
    unsigned generation = atomic_load(&t->generation);
    if (atomic_fetch_add(&t->arrived, 1) + 1 == active) {
        atomic_store(&t->next, 0);
        atomic_store(&t->arrived, 0);
        atomic_fetch_add(&t->generation, 1);
        wake_all(t);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&t->generation, memory_order_acquire) != generation)
            return;
        relax();
    }
    wait_while(t, generation);
}

bool carat_team_take(carat_team *t, size_t total, size_t piece, size_t *begin, size_t *end)
{
    size_t b = atomic_fetch_add_explicit(&t->next, piece, memory_order_relaxed);
    if (b >= total)
        return false;
    *begin = b;
    *end = total - b < piece ? total : b + piece;
    return true;
}

struct range {
    size_t total, piece;
    carat_range_fn *fn;
    void *ctx;
};

static void run_range(carat_team *t, int rank, void *ctx)
{
    const struct range *r = ctx;
    size_t begin, end;
    while (carat_team_take(t, r->total, r->piece, &begin, &end))
        r->fn(begin, end, rank, r->ctx);
}

void carat_team_for(carat_team *t, size_t total, size_t piece, carat_range_fn *fn, void *ctx)
{
    struct range r = {total, piece ? piece : 1, fn, ctx};
    carat_team_run(t, run_range, &r);
}
