/* Commands and their options, parsed from tables.                                  SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of argv, `carat VERB --help`, hints for misspelled options, the error line, the check that stdout was
 * written, and the flag that SIGINT, SIGTERM and SIGHUP raise. Knows no command by name. */
#include "runtime/base/cmd.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/base/str.h"

/* ---- interruption -------------------------------------------------------------------------------------------- */

/* The one writable variable of the library: a signal handler can reach nothing else. The last signal's number, or 0. */
static volatile sig_atomic_t interrupted;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
    interrupted = number;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL); /* the second one ends the program */
}

static void on_patient(int number)
{
    if (!interrupted)
        interrupted = number;
}

bool carat_interrupted(void)
{
    return interrupted;
}

void carat_interrupt_patient(void)
{
    struct sigaction action = {.sa_handler = on_patient};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

bool carat_interrupt_forgive(void)
{
    if (interrupted && interrupted != SIGINT)
        return false;
    interrupted = 0;
    return true;
}

static void catch_signals(void)
{
    /* Without SA_RESTART, so that a read from a terminal ends too. An ignored signal (nohup) stays ignored. */
    struct sigaction action = {.sa_handler = on_signal}, was;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!sigaction(signals[i], NULL, &was) && was.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
}

/* ---- names that are nearly right ----------------------------------------------------------------------------- */

enum { NAME_MAX_LEN = 32 };

/* Levenshtein's distance, with a swap of two neighbours counted as one step. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[3][NAME_MAX_LEN + 1];
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);
            d = up[j] + 1 < d ? up[j] + 1 : d;
            d = now[j - 1] + 1 < d ? now[j - 1] + 1 : d;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && upup[j - 2] + 1 < d)
                d = upup[j - 2] + 1;
            now[j] = d;
        }
    }
    return row[la % 3][lb];
}

void carat_nearest_try(carat_nearest *n, const char *name)
{
    size_t len = strlen(n->word), d = edit_distance(n->word, name);
    if (len >= 3 && carat_starts(name, n->word))
        d = 1; /* the beginning of a name is as good as a typo */
    if (d <= (len < 5 ? 1 : len < 9 ? 2 : 3) && (!n->best || d < n->distance)) {
        n->best = name;
        n->distance = d;
    }
}

/* ---- option tables ------------------------------------------------------------------------------------------- */

static const carat_opt common_options[] = {
    {"threads", 't', CARAT_OPT_INT, offsetof(carat_common, threads), "N", "threads (default: one per core)"},
    {"seed", 0, CARAT_OPT_INT, offsetof(carat_common, seed), "N", "seed of everything random"},
    {"json", 0, CARAT_OPT_FLAG, offsetof(carat_common, json), NULL, "machine-readable result on stdout"},
    {0},
};

/* Options of all verbs that do not reach the command as they are. */
typedef struct shell {
    bool help, quiet, verbose;
    const char *color, *progress;
} shell;

static const carat_opt shell_options[] = {
    {"quiet", 'q', CARAT_OPT_FLAG, offsetof(shell, quiet), NULL, "no notes, no progress"},
    {"verbose", 'v', CARAT_OPT_FLAG, offsetof(shell, verbose), NULL, "more notes"},
    {"color", 0, CARAT_OPT_TEXT, offsetof(shell, color), "WHEN", "auto, always or never"},
    {"progress", 0, CARAT_OPT_TEXT, offsetof(shell, progress), "WHEN", "auto, always or never"},
    {"help", 'h', CARAT_OPT_FLAG, offsetof(shell, help), NULL, "this text"},
    {0},
};

typedef struct parser {
    const carat_cmd *cmd;
    int argc, at; /* argv[at] is looked at */
    char **argv;
    carat_common *args;
    shell shell;
    const char **pos;
    size_t npos;
    carat_err *err;
} parser;

/* A found row and the struct that its offset counts from. */
typedef struct target {
    const carat_opt *opt;
    char *base;
} target;

static const carat_opt *find_in(const carat_opt *table, const char *name, size_t len, char letter)
{
    for (; table && table->name; table++)
        if (letter ? table->letter == letter : strlen(table->name) == len && !memcmp(table->name, name, len))
            return table;
    return NULL;
}

/* By name, or by letter if that is not 0. The command's own rows win. */
static target find(parser *p, const char *name, size_t len, char letter)
{
    const carat_opt *o = find_in(p->cmd->options, name, len, letter);
    if (!o)
        o = find_in(common_options, name, len, letter);
    if (o)
        return (target){o, (char *)p->args};
    return (target){find_in(shell_options, name, len, letter), (char *)&p->shell};
}

static carat_status unknown(parser *p, const char *name, size_t len)
{
    char word[NAME_MAX_LEN + 1];
    snprintf(word, sizeof word, "%.*s", (int)(len < NAME_MAX_LEN ? len : NAME_MAX_LEN), name);
    carat_nearest near = {.word = word};
    const carat_opt *tables[] = {p->cmd->options, common_options, shell_options};
    for (size_t i = 0; i < 3; i++)
        for (const carat_opt *o = tables[i]; o && o->name; o++)
            carat_nearest_try(&near, o->name);
    if (near.best)
        return carat_fail(p->err, CARAT_EUSAGE, "unknown option --%s; did you mean --%s?", word, near.best);
    return carat_fail(p->err, CARAT_EUSAGE, "unknown option --%s; see `carat %s --help`", word, p->cmd->name);
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static bool read_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || !strchr("+-0123456789", *text) || v == CARAT_INT_UNSET)
        return false;
    *out = v;
    return true;
}

static bool read_num(const char *text, double *out)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !strchr("+-.0123456789", *text) || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* 1024, 512M, 2G, 2GiB: powers of 1024. */
static bool read_size(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || !strchr("0123456789", *text))
        return false;
    uint64_t unit = 1;
    const char *units = "KMGT", *u = *end ? strchr(units, *end & ~0x20) : NULL;
    if (u) {
        unit = UINT64_C(1) << (10 * (u - units + 1));
        end++;
        end += end[0] == 'i' && end[1] == 'B' ? 2 : end[0] == 'B';
    }
    return !*end && carat_mul_u64(n, unit, out);
}

static carat_status bad_value(parser *p, const carat_opt *o, const char *value, const char *want)
{
    if (*value && strspn(value, "0123456789") == strlen(value))
        return carat_fail(p->err, CARAT_EUSAGE, "option --%s: %s is too large", o->name, value);
    return carat_fail(p->err, CARAT_EUSAGE, "option --%s: \"%s\" is not %s", o->name, value, want);
}

static carat_status store(parser *p, target t, const char *value)
{
    const carat_opt *o = t.opt;
    char *to = t.base + o->offset;
    carat_opt_list *list = (carat_opt_list *)(void *)to;
    switch (o->kind) {
    case CARAT_OPT_FLAG:
        *(bool *)to = true;
        return CARAT_OK;
    case CARAT_OPT_INT:
        return read_int(value, (int64_t *)(void *)to) ? CARAT_OK : bad_value(p, o, value, "a whole number");
    case CARAT_OPT_NUM:
        return read_num(value, (double *)(void *)to) ? CARAT_OK : bad_value(p, o, value, "a number");
    case CARAT_OPT_SIZE:
        return read_size(value, (uint64_t *)(void *)to) ? CARAT_OK
                                                        : bad_value(p, o, value, "a size such as 512M or 2G");
    case CARAT_OPT_TEXT:
        *(const char **)(void *)to = value;
        return CARAT_OK;
    case CARAT_OPT_LIST:
        if (list->n == sizeof list->item / sizeof *list->item)
            return carat_fail(p->err, CARAT_EUSAGE, "option --%s: given more than %zu times", o->name,
                              list->n);
        list->item[list->n++] = value;
        return CARAT_OK;
    }
    return CARAT_OK;
}

/* ---- arguments ----------------------------------------------------------------------------------------------- */

/* The next argument as the value of o. An option there is more likely a forgotten value than a strange one. */
static carat_status next_value(parser *p, const carat_opt *o, const char **value)
{
    const char *v = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    if (!v || (carat_starts(v, "--") && find(p, v + 2, strcspn(v + 2, "="), 0).opt))
        return carat_fail(p->err, CARAT_EUSAGE, "option --%s needs a value: --%s %s", o->name, o->name,
                          o->arg);
    p->at++;
    *value = v;
    return CARAT_OK;
}

static carat_status read_long(parser *p, const char *name)
{
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    target t = find(p, name, len, 0);
    if (!t.opt)
        return unknown(p, name, len);
    bool flag = t.opt->kind == CARAT_OPT_FLAG;
    if (flag && value)
        return carat_fail(p->err, CARAT_EUSAGE, "option --%s takes no value, got \"%s\"", t.opt->name, value);
    carat_status st = flag || value ? CARAT_OK : next_value(p, t.opt, &value);
    return st ? st : store(p, t, value);
}

/* -t 2, -t2, and flags together: -qt2. */
static carat_status read_short(parser *p, const char *letters)
{
    while (*letters) {
        target t = find(p, NULL, 0, *letters);
        if (!t.opt)
            return carat_fail(p->err, CARAT_EUSAGE, "unknown option -%c; see `carat %s --help`", *letters,
                              p->cmd->name);
        letters++;
        const char *value = letters;
        carat_status st = CARAT_OK;
        if (t.opt->kind != CARAT_OPT_FLAG) {
            st = *letters ? CARAT_OK : next_value(p, t.opt, &value);
            letters = "";
        }
        if (st || (st = store(p, t, value)))
            return st;
    }
    return CARAT_OK;
}

static carat_status read_argv(parser *p)
{
    bool options = true;
    for (p->at = 1; p->at < p->argc; p->at++) {
        const char *a = p->argv[p->at];
        carat_status st = CARAT_OK;
        if (options && !strcmp(a, "--"))
            options = false;
        else if (options && carat_starts(a, "--"))
            st = read_long(p, a + 2);
        else if (options && a[0] == '-' && a[1])
            st = read_short(p, a + 1);
        else
            p->pos[p->npos++] = a;
        if (st)
            return st;
    }
    return CARAT_OK;
}

static carat_status check_counts(parser *p)
{
    const carat_cmd *c = p->cmd;
    if (p->npos < c->npos_min)
        return carat_fail(p->err, CARAT_EUSAGE, "%s needs %zu argument%s, got %zu; usage: carat %s %s",
                          c->name, c->npos_min, c->npos_min == 1 ? "" : "s", p->npos, c->name, c->usage);
    if (p->npos > c->npos_max)
        return carat_fail(p->err, CARAT_EUSAGE, "%s: \"%s\" is one argument too many; usage: carat %s %s",
                          c->name, p->pos[c->npos_max], c->name, c->usage);
    if (p->args->threads < 0 || p->args->threads > 256)
        return carat_fail(p->err, CARAT_EUSAGE, "option --threads: %" PRId64 " is outside 0 .. 256",
                          p->args->threads);
    return CARAT_OK;
}

/* WHEN: auto, always or never (NULL: auto). */
static carat_status read_when(parser *p, const char *option, const char *when, bool automatic, bool *out)
{
    bool is_auto = !when || !strcmp(when, "auto");
    if (!is_auto && strcmp(when, "always") && strcmp(when, "never"))
        return carat_fail(p->err, CARAT_EUSAGE, "option --%s: \"%s\" is not auto, always or never", option,
                          when);
    *out = is_auto ? automatic : *when == 'a';
    return CARAT_OK;
}

static carat_status set_talk(parser *p)
{
    carat_talk *talk = &p->args->talk;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool terminal = isatty(STDERR_FILENO);
    bool plain = (no_color && *no_color) || (term && !strcmp(term, "dumb"));
    talk->verbosity = p->shell.quiet ? -1 : p->shell.verbose ? 1 : 0;
    carat_status st = read_when(p, "progress", p->shell.progress, true, &talk->progress);
    if (!st)
        st = read_when(p, "color", p->shell.color, terminal && !plain, &talk->color);
    if (!st)
        st = read_when(p, "color", p->shell.color, isatty(STDOUT_FILENO) && !plain, &talk->color_out);
    talk->progress = talk->progress && !p->shell.quiet;
    talk->terminal = terminal || (p->shell.progress && !strcmp(p->shell.progress, "always"));
    return st;
}

/* ---- help ---------------------------------------------------------------------------------------------------- */

static void print_options(const carat_opt *table)
{
    for (; table && table->name; table++) {
        char left[64], letter[8] = "    ";
        if (table->letter)
            snprintf(letter, sizeof letter, "-%c, ", table->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, table->name, table->arg ? " " : "",
                 table->arg ? table->arg : "");
        printf("  %-26s  %s\n", left, table->help);
    }
}

static void print_indented(const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        printf("  %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

void carat_cmd_help(const carat_cmd *cmd)
{
    printf("usage: carat %s %s\n\n%s\n", cmd->name, cmd->usage, cmd->summary);
    if (cmd->detail)
        printf("\n%s\n", cmd->detail);
    if (cmd->options && cmd->options->name) {
        puts("\noptions:");
        print_options(cmd->options);
    }
    puts("\noptions of all verbs:");
    print_options(common_options);
    print_options(shell_options);
    if (cmd->example) {
        puts("\nexample:");
        print_indented(cmd->example);
    }
}

/* ---- running ------------------------------------------------------------------------------------------------- */

int carat_cmd_exit(carat_status status, const carat_err *err)
{
    return carat_exit_code(err && err->status ? err->status : status);
}

static carat_status parse(parser *p)
{
    carat_status st = read_argv(p);
    if (!st && !p->shell.help)
        st = check_counts(p);
    if (!st)
        st = set_talk(p);
    p->args->pos = p->pos;
    p->args->npos = p->npos;
    return st;
}

static int finish(int code, carat_err *err)
{
    if (fflush(stdout) || ferror(stdout)) {
        carat_status st = carat_fail_errno(err, "standard output");
        code = code == 0 || code == 1 ? carat_exit_code(st) : code;
    }
    if (interrupted && code == carat_exit_code(CARAT_EIO))
        code = carat_exit_code(CARAT_EINTR); /* a read or write that the signal cut short */
    if (code && *err->text)
        fprintf(stderr, "carat: %s\n", err->text);
    return code;
}

int carat_cmd_main(const carat_cmd *cmd, int argc, char **argv)
{
    carat_err err = {0};
    int code;
    parser p = {.cmd = cmd, .argc = argc, .argv = argv, .err = &err};
    p.args = carat_alloc(1, cmd->args_size, &err);
    p.pos = carat_alloc((size_t)argc + 1, sizeof *p.pos, &err);
    if (!p.args || !p.pos) {
        code = carat_exit_code(CARAT_ENOMEM);
        goto out;
    }
    if (cmd->defaults)
        memcpy(p.args, cmd->defaults, cmd->args_size);
    carat_status st = parse(&p);
    if (st) {
        code = carat_exit_code(st);
    } else if (p.shell.help) {
        carat_cmd_help(cmd);
        code = 0;
    } else {
        catch_signals();
        code = cmd->run(p.args, &err);
    }
out:
    code = finish(code, &err);
    carat_free(p.pos);
    carat_free(p.args);
    return code;
}
