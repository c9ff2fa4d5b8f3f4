/* Clock, memory in use, random numbers, messages, progress.                        SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/util.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double carat_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A field of such a file as /proc/self/status, in bytes; 0 where there is none. */
static uint64_t field_of(const char *file, const char *field)
{
    FILE *f = fopen(file, "r");
    char line[256];
    unsigned long long kib = 0;
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0 && sscanf(line + strlen(field), ": %llu", &kib) == 1)
            break;
    fclose(f);
    return kib * 1024;
}

static uint64_t status_field(const char *field)
{
    return field_of("/proc/self/status", field);
}

/* The number that a file holds; UINT64_MAX for "max" and where there is no such file. */
static uint64_t number_in(const char *file)
{
    FILE *f = fopen(file, "r");
    unsigned long long v = ULLONG_MAX;
    if (!f)
        return UINT64_MAX;
    if (fscanf(f, "%llu", &v) != 1)
        v = ULLONG_MAX;
    fclose(f);
    return v;
}

/* Of `used` bytes of a control group, those that hold files which can be read again. */
static uint64_t cached_pages(const char *file, const char *field, uint64_t used)
{
    FILE *f = fopen(file, "r");
    char name[64];
    unsigned long long v = 0, found = 0;
    if (!f)
        return 0;
    while (!found && fscanf(f, "%63s %llu", name, &v) == 2)
        found = strcmp(name, field) == 0 ? v : 0;
    fclose(f);
    return found < used ? found : used;
}

uint64_t carat_memory_available(void)
{
    static const char *const group[][2] = {
        {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
    static const char *const cached[][2] = {{"/sys/fs/cgroup/memory.stat", "inactive_file"},
                                            {"/sys/fs/cgroup/memory/memory.stat", "total_inactive_file"}};
    uint64_t have = field_of("/proc/meminfo", "MemAvailable");
    if (!have)
        have = UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        uint64_t limit = number_in(group[i][0]), used = number_in(group[i][1]);
        if (limit == UINT64_MAX || used == UINT64_MAX)
            continue;
        used -= cached_pages(cached[i][0], cached[i][1], used);
        uint64_t left = limit > used ? limit - used : 0;
        have = left < have ? left : have;
    }
    return have;
}

uint64_t carat_rss_bytes(void)
{
    return status_field("VmRSS");
}

uint64_t carat_rss_anon_bytes(void)
{
    return status_field("RssAnon");
}

uint64_t carat_rss_peak_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
#ifdef __APPLE__
    return (uint64_t)u.ru_maxrss;
#else
    return (uint64_t)u.ru_maxrss * 1024;
#endif
}

uint64_t carat_random(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed * UINT64_C(0xd1342543de82ef95) + (counter + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double carat_random_unit(uint64_t seed, uint64_t counter)
{
    return (double)(carat_random(seed, counter) >> 11) * 0x1p-53;
}

static void say(const char *fmt, va_list ap)
{
    fputs("carat: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void carat_note(const carat_talk *t, const char *fmt, ...)
{
    if (t->verbosity < 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void carat_debug(const carat_talk *t, const char *fmt, ...)
{
    if (t->verbosity < 1)
        return;
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void carat_format_bytes(uint64_t bytes, char out[16])
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 999.5 && u < 6) {
        v /= 1000;
        u++;
    }
    snprintf(out, 16, u && v < 99.95 ? (v < 9.995 ? "%.2f %s" : "%.1f %s") : "%.0f %s", v, unit[u]);
}

/* ---- progress ------------------------------------------------------------------------------------------ */

enum { BAR = 24 };

carat_progress carat_progress_begin(const carat_talk *talk, const char *what, const char *unit,
                                    uint64_t total)
{
    double now = carat_now();
    return (carat_progress){.talk = talk,
                            .what = what,
                            .unit = unit,
                            .total = total,
                            .start = now,
                            .last = talk->terminal ? now - 1 : now};
}

static void rate_text(const carat_progress *p, double per_second, char out[48])
{
    if (strcmp(p->unit, "B") == 0) {
        char b[16];
        carat_format_bytes((uint64_t)per_second, b);
        snprintf(out, 48, "%s/s", b);
    } else {
        snprintf(out, 48, "%.*f %s/s", per_second < 10 ? 2 : 0, per_second, p->unit);
    }
}

static void draw(const carat_progress *p, uint64_t done, double now)
{
    double spent = now - p->start, share = p->total ? (double)done / (double)p->total : 1;
    double rate = spent > 0 && done > p->before ? (double)(done - p->before) / spent : 0;
    double left = rate > 0 ? (double)(p->total - done) / rate : 0;
    char text[48];
    rate_text(p, rate, text);
    unsigned seconds = left < 1e8 ? (unsigned)(left + 0.5) : 0;
    if (!p->talk->terminal) {
        fprintf(stderr, "carat: %s %.0f %%, %s, %u:%02u left%s%s\n", p->what, share * 100, text, seconds / 60,
                seconds % 60, p->note ? ", " : "", p->note ? p->note : "");
        return;
    }
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++)
        bar[i] = (double)i < share * BAR ? '#' : '.';
    bar[BAR] = 0;
    fprintf(stderr, "\r%s [%s] %3.0f %%  %s  %u:%02u left  %s\033[K", p->what, bar, share * 100, text,
            seconds / 60, seconds % 60, p->note ? p->note : "");
    fflush(stderr);
}

void carat_progress_at(carat_progress *p, uint64_t done)
{
    if (!p->talk->progress || p->talk->verbosity < 0)
        return;
    double now = carat_now();
    if (now - p->last < (p->talk->terminal ? 0.1 : 60))
        return;
    p->last = now;
    p->shown = true;
    draw(p, done < p->total ? done : p->total, now);
}

void carat_progress_end(carat_progress *p)
{
    if (p->shown && p->talk->terminal)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
