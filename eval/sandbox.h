/* Where programs run that nobody has read: Python that a model wrote.              SPDX-License-Identifier: Apache-2.0
 *
 * A sandbox is what was found out about this machine, once; a cell is one sandboxed process tree, for the programs of one reply. In a cell
 * a first process (sandbox.py) waits, with Python and what programs usually import loaded; each program is a fork of it.
 *
 * What holds a program: bubblewrap with namespaces of its own (network, processes, mounts, IPC, host name; the user, too, unless carat is
 * root: then a user that is nobody else); no capability, no way to new ones; a read-only root of Python and the system's libraries and
 * nothing else; a small /tmp in memory; a list of allowed system calls (libseccomp); limits of memory, time, output, file size, processes and
 * open files. When a program ends, all that it started and wrote is gone; a cell whose program did not end by itself is given up. Where one of these is not to be had, carat_sandbox_open fails. With
 * `unsafe` only limits, a session of its own and the search for descendants remain; carat_sandbox_about says which it is. */
#ifndef CARAT_EVAL_SANDBOX_H
#define CARAT_EVAL_SANDBOX_H

#include "runtime/base/str.h"

typedef struct carat_sandbox carat_sandbox;
typedef struct carat_cell carat_cell;

typedef struct carat_bytes {
    const void *data;
    size_t n;
} carat_bytes;

typedef struct carat_sandbox_options {
    /* Python text that defines program(fields), run in a fork for each program; kept borrowed */
    carat_bytes setup;
    uint64_t memory; /* bytes of address space a process, and of resident memory all together; 0: 4 GiB */
    uint64_t stack;  /* bytes; 0: 8 MiB */
    bool unsafe;     /* run without a sandbox */
} carat_sandbox_options;

carat_status carat_sandbox_open(const carat_sandbox_options *o, carat_sandbox **out, carat_err *err);
void carat_sandbox_close(carat_sandbox *s);
/* One line for reports: what holds the programs, and which Python runs them. */
const char *carat_sandbox_about(const carat_sandbox *s);
/* The same in two words that do not change with versions, "bubblewrap" or "none"; and the version of Python alone. */
const char *carat_sandbox_kind(const carat_sandbox *s);
const char *carat_sandbox_python(const carat_sandbox *s);

/* Cells may be opened and used from several threads at once, each by one at a time. */
carat_status carat_cell_open(carat_sandbox *s, carat_cell **out, carat_err *err);
void carat_cell_close(
    carat_cell *c); /* to be used again, where its last program ended by itself; else ended */

typedef enum carat_end {
    CARAT_END_EXIT,   /* status: 0..255, or minus the signal */
    CARAT_END_TIME,   /* the wall clock */
    CARAT_END_OUTPUT, /* wrote more than allowed */
    CARAT_END_MEMORY, /* all its processes together took more than allowed */
    CARAT_END_ENOUGH  /* `more` said so */
} carat_end;

typedef struct carat_program {
    const carat_bytes *field; /* what program() gets */
    size_t n_fields;
    carat_bytes input; /* its standard input */
    double seconds;    /* on the wall clock */
    /* bytes it may write to standard output, and to descriptor 3 beyond what `more` took away */
    size_t output;
    /* What it wrote to descriptor 3 so far, of which it may take away; false: that is enough, end it. NULL: goes on to its end. */
    bool (*more)(void *ctx, carat_str *results);
    void *ctx;
} carat_program;

typedef struct carat_ran {
    carat_end end;
    int status;
    double seconds, cpu_seconds;
    carat_str out, errors, results; /* standard output, the beginning of standard error, descriptor 3 */
} carat_ran;

/* Runs a program to its end and empties the cell again; r begins as zeros and belongs to the caller (carat_ran_free). After any end but
 * EXIT and after a failure the cell is good for nothing but closing. A failure is the sandbox's, never the program's. */
carat_status carat_cell_run(carat_cell *c, const carat_program *p, carat_ran *r, carat_err *err);
void carat_ran_free(carat_ran *r);

#endif
