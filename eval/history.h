/* Results over time, in one SQLite file. The only user of SQLite.                  SPDX-License-Identifier: Apache-2.0
 *
 * A run is kept once: its identity is the hash of its three files and of the label it is kept under. The file knows its own version
 * and is refused where it is another program's, of another version, or damaged; an empty file becomes a history. It is written under SQLite's
 * rollback journal, which needs no shared memory and so works on network file systems and leaves one file to carry around; those who add
 * at the same time wait for each other. */
#ifndef CARAT_EVAL_HISTORY_H
#define CARAT_EVAL_HISTORY_H

#include "eval/report.h"

typedef struct carat_past carat_past;

/* create: for adding; else the file must be there and is opened for reading. */
carat_status carat_past_open(const char *path, bool create, carat_past **out, carat_err *err);
void carat_past_close(carat_past *h);

/* label: a commit, a build number; "" for none. *added is false where the run was there already. */
carat_status carat_past_add(carat_past *h, const carat_report_run *run, const char *label, bool *added,
                            carat_err *err);

/* One score of one run. Texts are borrowed for the call; none is NULL. */
typedef struct carat_past_row {
    int64_t run;
    const char *hash, *written, *label, *name, *model, *suite;
    /* eight hex digits of what pins this suite's score: variant, data, items; scores of two ways do not compare */
    const char *way;
    carat_metric metric;
    bool first;                    /* the metric a suite is known by */
    int64_t outcome[4], truncated; /* by carat_outcome; -1 where the suite has none */
} carat_past_row;

typedef struct carat_past_filter {
    const char *suite, *metric; /* exactly; NULL: any suite, the headline of each */
    const char *model;          /* part of its name; NULL: any */
    bool all;                   /* every metric */
} carat_past_filter;

/* By suite, then metric, then time. fn ends the walk with a status of its own. */
carat_status carat_past_each(carat_past *h, const carat_past_filter *filter,
                             carat_status (*fn)(void *ctx, const carat_past_row *row, carat_err *err),
                             void *ctx, carat_err *err);

/* All scores as lines over time, a panel a metric, as one SVG file (history_plot.c). */
carat_status carat_past_plot(carat_past *h, const carat_past_filter *filter, carat_str *out, carat_err *err);

#endif
