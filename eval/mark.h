/* The record of one item that was asked: answer, outcome, score.                   SPDX-License-Identifier: Apache-2.0
 *
 * Writes the line of items.jsonl that suite.h describes, and reads back what tallies and a second marking need. The rule of outcomes
 * stands here: a fault or a reply that was cut at its limit is not measured; a reply without a final channel is unparsed; the rest
 * is for the suite to say. */
#ifndef CARAT_EVAL_MARK_H
#define CARAT_EVAL_MARK_H

#include "eval/suite.h"

/* What a record says of its item. Borrowed from it. */
typedef struct carat_mark {
    carat_outcome outcome;
    double score; /* 0 where nothing was measured */
    bool truncated;
    const char *fault, *cluster; /* NULL: none */
} carat_mark;

/* Marks an answer, and writes the record into line. The suite's trouble with one reply is that reply's fault; what ends the run
 * (memory, Ctrl-C) is an error. */
carat_status carat_mark_answer(const carat_suite *s, void *state, size_t i, const carat_answer *a,
                               carat_str *line, carat_mark *out, carat_err *err);
/* The record of an answer that waits for its mark: a fault of its own name until then. */
carat_status carat_mark_later(const carat_suite *s, const void *state, size_t i, const carat_answer *a,
                              carat_str *line, carat_err *err);

/* record must be one of a suite that asks; what is missing or of another type is CARAT_EFORMAT. */
carat_status carat_mark_read(const carat_json *record, carat_mark *out, carat_err *err);
/* The answer in a record, for marking it again; false where there is none, so that it has to be asked for. */
bool carat_mark_reply(const carat_json *record, carat_answer *out);
/* Is it only the mark that is missing? So it is where a run was killed before a slow suite had marked, or the grader itself failed. */
bool carat_mark_waits(const carat_json *record);

#endif
