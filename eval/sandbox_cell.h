/* Inside the sandbox: what its files share.                                        SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_EVAL_SANDBOX_CELL_H
#define CARAT_EVAL_SANDBOX_CELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "eval/sandbox.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

enum { CARAT_CELL_WORDS = 400, CARAT_CELL_CONTROL = 3, CARAT_CELL_FILTER = 4 };

struct carat_sandbox {
    carat_sandbox_options o; /* without zeros */
    bool root;               /* programs become a user of their own */
    carat_arena arena;
    carat_json *facts;                      /* about Python */
    const carat_json *path;                 /* in them: where it imports from */
    const char *word[CARAT_CELL_WORDS + 1]; /* the command that starts a cell */
    size_t n_words;
    carat_str filter; /* BPF */
    carat_str about;
    const char *version; /* of Python */
    atomic_uint cells;   /* opened so far */
    pthread_mutex_t lock;
    carat_cell *idle; /* cells that wait for their next program */
};

/* One sandboxed process tree. */
struct carat_cell {
    carat_sandbox *s;
    pid_t pid;
    int control, errors; /* of the first process */
    char *folder;        /* without a sandbox: where programs may write */
    unsigned runs;
    bool spoilt; /* a program did not end by itself, or the first process did not answer */
    carat_cell *next;
};

/* The first process's answer to its start: what it sees of its surroundings. */
typedef struct carat_layers {
    unsigned long long pid, user, effective, permitted, no_new_privileges, filter, devices;
} carat_layers;

carat_status carat_cell_start(carat_sandbox *s, carat_cell **out, carat_layers *seen, carat_err *err);
/* May it run one more program? */
bool carat_cell_usable(const carat_cell *c);
void carat_cell_end(carat_cell *c);
/* The filter as the kernel takes it. */
carat_status carat_sandbox_filter(carat_str *out, carat_err *err);

extern const char carat_python_sandbox[]; /* sandbox.py */

#endif
