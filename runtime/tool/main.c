/* The program: a table of commands.                                               SPDX-License-Identifier: Apache-2.0
 *
 * Owns `carat --help`, `--version` and the choice of a command; each command is a const object at the end of its own
 * cmd_NAME.c. One more command: its `extern` line and its row here, in the order in which `carat --help` shows them. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/cmd.h"

/* One a line, so that two new commands do not meet. */
/* clang-format off */
extern const carat_cmd carat_cmd_inspect;
extern const carat_cmd carat_cmd_quantize;
extern const carat_cmd carat_cmd_convert;
extern const carat_cmd carat_cmd_text;
extern const carat_cmd carat_cmd_run;
extern const carat_cmd carat_cmd_chat;
extern const carat_cmd carat_cmd_logits;
extern const carat_cmd carat_cmd_parity;
extern const carat_cmd carat_cmd_eval;
extern const carat_cmd carat_cmd_grade;
extern const carat_cmd carat_cmd_compare;
extern const carat_cmd carat_cmd_gate;
extern const carat_cmd carat_cmd_merge;
extern const carat_cmd carat_cmd_report;
extern const carat_cmd carat_cmd_history;
extern const carat_cmd carat_cmd_datasets;
extern const carat_cmd carat_cmd_bench;
extern const carat_cmd carat_cmd_list;

static const carat_cmd *const commands[] = {
    &carat_cmd_inspect,
    &carat_cmd_quantize,
    &carat_cmd_convert,
    &carat_cmd_text,
    &carat_cmd_run,
    &carat_cmd_chat,
    &carat_cmd_logits,
    &carat_cmd_parity,
    &carat_cmd_eval,
    &carat_cmd_grade,
    &carat_cmd_compare,
    &carat_cmd_gate,
    &carat_cmd_merge,
    &carat_cmd_report,
    &carat_cmd_history,
    &carat_cmd_datasets,
    &carat_cmd_bench,
    &carat_cmd_list,
    NULL,
};
/* clang-format on */

static void help(FILE *to)
{
    fputs("usage: carat VERB [options] ARGS\n\n"
          "Reads Gemma 4 checkpoints, quantizes them, runs them and measures what came out.\n\n",
          to);
    for (size_t i = 0; commands[i]; i++)
        fprintf(to, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`carat VERB --help` explains a verb and shows an example.\n"
          "Exit codes: 0 done, 1 the check says no, 2 wrong usage, 3 input refused, 4 the machine failed,\n"
          "5 some items not measured, 130 interrupted.\n",
          to);
}

static int unknown(const char *verb)
{
    carat_nearest near = {.word = verb};
    for (size_t i = 0; commands[i]; i++)
        carat_nearest_try(&near, commands[i]->name);
    if (near.best)
        fprintf(stderr, "carat: unknown verb '%s'; did you mean %s?\n", verb, near.best);
    else
        fprintf(stderr, "carat: unknown verb '%s'; `carat --help` lists them\n", verb);
    return 2;
}

static const carat_cmd *find(const char *verb)
{
    for (size_t i = 0; commands[i]; i++)
        if (!strcmp(verb, commands[i]->name))
            return commands[i];
    return NULL;
}

static bool is(const char *word, const char *a, const char *b, const char *c)
{
    return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (find(verb))
        return carat_cmd_main(find(verb), argc - 1, argv + 1);
    if (argc < 2)
        help(stderr);
    else if (is(verb, "--version", "-V", "version"))
        puts("carat " CARAT_VERSION);
    else if (!is(verb, "--help", "-h", "help"))
        return unknown(verb);
    else if (argc > 2 && !find(argv[2]))
        return unknown(argv[2]);
    else if (argc > 2)
        carat_cmd_help(find(argv[2]));
    else
        help(stdout);
    return fflush(stdout) ? 4 : argc > 1 ? 0 : 2;
}
