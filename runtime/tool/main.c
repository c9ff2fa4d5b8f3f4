/* The program: a table of commands.                                               SPDX-License-Identifier: Apache-2.0
 *
 * Owns `carat --help`, `--version` and the choice of a command; each command is a const object at the end of its own
 * cmd_NAME.c. One more command: its `extern` line and its row here, in the order in which `carat --help` shows them. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/cmd.h"

static const carat_cmd *const commands[] = {
    NULL,
};

static void help(FILE *to)
{
    fputs("usage: carat VERB [options] ARGS\n\n"
          "Reads Gemma 4 checkpoints, quantizes them, runs them and measures what came out.\n\n",
          to);
    for (size_t i = 0; commands[i]; i++)
        fprintf(to, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`carat VERB --help` explains a verb and shows an example. Exit codes: 0 done, 1 the check says no,\n"
          "2 wrong usage, 3 input refused, 4 the machine failed, 5 some items not measured, 130 interrupted.\n",
          to);
}

int main(int argc, char **argv)
{
    if (argc >= 2 && !strcmp(argv[1], "--version"))
        return puts("carat " CARAT_VERSION) < 0 ? 4 : 0;
    help(argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
}
