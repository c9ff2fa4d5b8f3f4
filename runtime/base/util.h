/* Clock, random numbers, messages to people, progress.                            SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_BASE_UTIL_H
#define CARAT_BASE_UTIL_H

#include "runtime/base/err.h"

double carat_now(void);         /* monotonic seconds */
uint64_t carat_rss_bytes(void); /* resident now */
uint64_t carat_rss_peak_bytes(void);
uint64_t carat_memory_available(
    void); /* what could be taken now without swapping, control groups heeded; UINT64_MAX where unknown */
uint64_t carat_rss_anon_bytes(void); /* resident now, own pages (mapped files not counted); 0 where unknown */

/* splitmix64 as a pure function: the same (seed, counter) gives the same number everywhere. */
uint64_t carat_random(uint64_t seed, uint64_t counter);
double carat_random_unit(uint64_t seed, uint64_t counter); /* [0, 1) with 53 bits */

/* How the program talks to people, on stderr. Passed around by value; set up once from the common options. */
typedef struct carat_talk {
    int verbosity;  /* -1 quiet, 0 normal, 1 verbose */
    bool progress;  /* bars allowed */
    bool terminal;  /* stderr is one */
    bool color;     /* on stderr */
    bool color_out; /* on stdout */
} carat_talk;
void carat_note(const carat_talk *t, const char *fmt, ...) CARAT_PRINTF(2, 3);  /* unless quiet */
void carat_debug(const carat_talk *t, const char *fmt, ...) CARAT_PRINTF(2, 3); /* verbose only */

/* A bar with rate and time left on a terminal, a line a minute elsewhere, nothing when quiet. `unit`: "B"
 * prints bytes as MB/s, other units as they are ("token", "item"). */
typedef struct carat_progress {
    const carat_talk *talk;
    const char *what, *unit;
    const char *note; /* shown behind the numbers; NULL: nothing. May change */
    uint64_t total;
    uint64_t before; /* done already when this work began: not counted in the rate */
    double start, last;
    bool shown;
} carat_progress;
carat_progress carat_progress_begin(const carat_talk *talk, const char *what, const char *unit,
                                    uint64_t total);
void carat_progress_at(carat_progress *p, uint64_t done); /* cheap: prints at most ten times a second */
void carat_progress_end(carat_progress *p);

void carat_format_bytes(uint64_t bytes, char out[16]); /* "1.41 GB" */

#endif
