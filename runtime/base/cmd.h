/* Commands and their options: one row parses, documents and completes.             SPDX-License-Identifier: Apache-2.0
 *
 * To add a command: write cmd_NAME.c with one `const carat_cmd carat_cmd_NAME` at its end, add its `extern`
 * line and its row to runtime/tool/main.c. */
#ifndef CARAT_BASE_CMD_H
#define CARAT_BASE_CMD_H

#include <math.h>

#include "runtime/base/err.h"
#include "runtime/base/util.h"

typedef enum carat_opt_kind {
    CARAT_OPT_FLAG, /* bool */
    CARAT_OPT_INT,  /* int64_t */
    CARAT_OPT_NUM,  /* double */
    CARAT_OPT_TEXT, /* const char * */
    CARAT_OPT_SIZE, /* uint64_t: 512M, 2G, 1024 */
    CARAT_OPT_LIST  /* carat_opt_list: may be given many times */
} carat_opt_kind;

/* In `defaults`, what tells that an option was not given where every other number may be meant: no command line can say them. */
#define CARAT_INT_UNSET INT64_MIN
#define CARAT_NUM_UNSET (-HUGE_VAL)

typedef struct carat_opt_list {
    const char *item[64];
    size_t n;
} carat_opt_list;

typedef struct carat_opt {
    const char *name; /* long name without dashes; NULL ends the table */
    char letter;      /* short name or 0 */
    carat_opt_kind kind;
    size_t offset;   /* into the args struct */
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
} carat_opt;

/* The options of all verbs. The args struct of every command begins with one. */
typedef struct carat_common {
    int64_t threads; /* -t; 0: one per core */
    int64_t seed;
    bool json;
    carat_talk talk;
    const char *const *pos; /* positional arguments */
    size_t npos;
} carat_common;

typedef struct carat_cmd {
    const char *name;    /* "quantize" */
    const char *summary; /* one line for `carat --help` */
    const char *usage;   /* "SRC OUT --scheme SCHEME [options]" */
    const char *detail;  /* paragraphs for `carat VERB --help` and the man page; may be NULL */
    const char *example; /* a real example, one or more lines "$ carat ..." */
    const carat_opt *options;
    size_t args_size;
    size_t npos_min, npos_max;
    const void *defaults; /* an args struct to start from, or NULL for zeros */
    /* 0 or an exit code of its own (1: the check says no, 5: some items not measured). A failure sets err and
     * returns carat_exit_code(err->status). */
    int (*run)(const void *args, carat_err *err);
} carat_cmd;

/* Parses argv[1..] for cmd, runs it, prints an error line on stderr, checks that stdout was written; returns
 * the exit code. Handles --help. */
int carat_cmd_main(const carat_cmd *cmd, int argc, char **argv);
void carat_cmd_help(const carat_cmd *cmd);
/* Shorthand at the end of run functions: status -> exit code. */
int carat_cmd_exit(carat_status status, const carat_err *err);

/* The nearest of the names it is shown, for "did you mean" hints: start with {.word = "quantise"}, try each name; best stays
 * NULL when none is near. */
typedef struct carat_nearest {
    const char *word, *best;
    size_t distance; /* of best */
} carat_nearest;
void carat_nearest_try(carat_nearest *n, const char *name);

/* True once SIGINT or SIGTERM came: long loops ask and return CARAT_EINTR. A second signal ends the program
 * at once. */
bool carat_interrupted(void);
/* For a command that survives Ctrl-C, as an interactive one does. patient: from now on SIGINT only raises the flag, every time.
 * forgive: takes the flag back if it was SIGINT; false (and it stays) if the program should end. */
void carat_interrupt_patient(void);
bool carat_interrupt_forgive(void);

/* Names and one-line summaries for `carat list WHAT`: each registry exports one. */
typedef struct carat_listing {
    const char *what;                                    /* "schemes" */
    const char *(*item)(size_t i, const char **summary); /* NULL past the end */
} carat_listing;

#endif
