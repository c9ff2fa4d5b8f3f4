/* Options: every kind, every spelling, every refusal.                              SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/cmd.h"

typedef struct args {
    carat_common common;
    const char *scheme;
    double top_p;
    uint64_t memory;
    carat_opt_list set;
    bool dry_run;
    int64_t n;
} args;

static const carat_opt options[] = {
    {"scheme", 's', CARAT_OPT_TEXT, offsetof(args, scheme), "SCHEME", "how"},
    {"top-p", 0, CARAT_OPT_NUM, offsetof(args, top_p), "P", "nucleus"},
    {"memory", 0, CARAT_OPT_SIZE, offsetof(args, memory), "SIZE", "limit"},
    {"set", 0, CARAT_OPT_LIST, offsetof(args, set), "RULE", "many"},
    {"dry-run", 'd', CARAT_OPT_FLAG, offsetof(args, dry_run), NULL, "nothing is written"},
    {"count", 'n', CARAT_OPT_INT, offsetof(args, n), "N", "how many"},
    {0},
};

/* What the last run saw. */
static args seen;
static char pos[8][64];
static int ran, answer;

static int run(const void *a, carat_err *err)
{
    memcpy(&seen, a, sizeof seen);
    for (size_t i = 0; i < seen.common.npos && i < 8; i++)
        snprintf(pos[i], sizeof pos[i], "%s", seen.common.pos[i]);
    ran++;
    if (answer == 77)
        raise(SIGINT);
    if (answer > 1)
        return carat_cmd_exit(carat_fail(err, CARAT_EFORMAT, "a: 1, b: 2"), err);
    return answer;
}

static const args defaults = {.top_p = 0.5, .n = 7};
static const carat_cmd cmd = {.name = "test",
                              .summary = "tests",
                              .usage = "A [B] [options]",
                              .example = "$ carat test a\n$ carat test b",
                              .options = options,
                              .args_size = sizeof(args),
                              .npos_min = 1,
                              .npos_max = 2,
                              .defaults = &defaults,
                              .run = run};

static char printed[4096]; /* on stderr, by the last call */

/* Runs with the words of `line`, split at spaces; "" gives none. */
static int call(const char *line)
{
    char copy[512], *argv[32] = {(char *)"test"}, *save = NULL;
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int was = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int before = ran, code = carat_cmd_main(&cmd, argc, argv);
    dup2(was, STDERR_FILENO);
    close(was);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    if (code == 2)
        assert_int_equal(ran, before); /* refused before anything happened */
    return code;
}

static void refused(const char *line, const char *text)
{
    assert_int_equal(call(line), 2);
    if (!strstr(printed, text))
        fail_msg("\"%s\" printed: %s", line, printed);
    assert_ptr_equal(strchr(printed, '\n'), printed + strlen(printed) - 1); /* one line */
}

static void spellings(void **state)
{
    (void)state;
    assert_int_equal(call("a --scheme int8 --top-p=0.25 --memory 512M --set x=1 b --set=y=2 -d --count 12"),
                     0);
    assert_string_equal(printed, "");
    assert_int_equal(seen.common.npos, 2);
    assert_string_equal(pos[0], "a");
    assert_string_equal(pos[1], "b");
    assert_true(seen.top_p == 0.25 && seen.memory == 512u << 20 && seen.dry_run && seen.n == 12);
    assert_int_equal(seen.set.n, 2);

    assert_int_equal(call("-t2 -dn3 a"), 0);
    assert_true(seen.common.threads == 2 && seen.n == 3 && seen.dry_run);
    assert_int_equal(call("-t 4 -n -9223372036854775807 -- --scheme -d"), 0);
    assert_true(seen.common.threads == 4 && seen.n == -INT64_MAX && !seen.dry_run && !seen.scheme);
    assert_string_equal(pos[0], "--scheme");
    assert_string_equal(pos[1], "-d");
    assert_int_equal(call("-"), 0);
    assert_string_equal(pos[0], "-");
    assert_int_equal(call("a --seed 5 --json -qv"), 0);
    assert_true(seen.common.seed == 5 && seen.common.json && seen.common.talk.verbosity == -1);
    assert_false(seen.common.talk.progress);
}

static void starts_from_defaults(void **state)
{
    (void)state;
    assert_int_equal(call("a"), 0);
    assert_true(seen.top_p == 0.5 && seen.n == 7 && seen.common.threads == 0 && !seen.common.json);
    assert_int_equal(call("a --scheme="), 0); /* empty, not absent */
    assert_non_null(seen.scheme);
}

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},           {"1024", 1024},      {"1k", 1024},
                {"3GiB", 3u << 30}, {"2TB", 2ull << 40}, {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char line[64];
        snprintf(line, sizeof line, "a --memory %s", good[i].text);
        assert_int_equal(call(line), 0);
        assert_true(seen.memory == good[i].bytes);
    }
    refused("a --memory 18446744073709551616", "is too large");
    refused("a --memory 16777216T", "is not a size"); /* 2^64 */
    refused("a --memory -1", "is not a size");
    refused("a --memory 1.5G", "is not a size");
    refused("a --memory GB", "is not a size");
    refused("a --memory=", "is not a size");
}

static void refusals(void **state)
{
    (void)state;
    refused("a --shceme int8", "unknown option --shceme; did you mean --scheme?");
    refused("a --dry", "did you mean --dry-run?");
    refused("a --xyzzy", "unknown option --xyzzy; see `carat test --help`");
    refused("a -x", "unknown option -x");
    refused("a --scheme", "option --scheme needs a value: --scheme SCHEME");
    refused("a --scheme --dry-run", "needs a value");
    refused("a -n", "option --count needs a value");
    refused("a --dry-run=yes", "takes no value, got \"yes\"");
    refused("a -n 9223372036854775808", "option --count: 9223372036854775808 is too large");
    refused("a -n -9223372036854775808", "is not a whole number"); /* CARAT_INT_UNSET */
    refused("a -n 1e3", "is not a whole number");
    refused("a -n 0x10", "is not a whole number");
    refused("a --top-p nan", "is not a number");
    refused("a --top-p 1e999", "is not a number");
    refused("a --top-p 1,5", "is not a number");
    refused("a -t -1", "option --threads: -1 is outside 0 .. 256");
    refused("a -t 257", "option --threads: 257 is outside");
    refused("a --color perhaps", "\"perhaps\" is not auto, always or never");
    refused("a --progress=", "is not auto, always or never");
    refused("", "test needs 1 argument, got 0; usage: carat test A [B] [options]");
    refused("a b c", "\"c\" is one argument too many");
}

static void many_list_items(void **state)
{
    (void)state;
    char *argv[2 + 65] = {(char *)"test", (char *)"a"};
    for (int i = 0; i < 65; i++)
        argv[2 + i] = (char *)"--set=x";
    assert_int_equal(carat_cmd_main(&cmd, 2 + 64, argv), 0);
    assert_int_equal(seen.set.n, 64);
    assert_int_equal(carat_cmd_main(&cmd, 2 + 65, argv), 2);
}

static void exit_codes(void **state)
{
    (void)state;
    answer = 1;
    assert_int_equal(call("a"), 1);
    assert_string_equal(printed, "");
    answer = 2;
    assert_int_equal(call("a"), 3);
    assert_string_equal(printed, "carat: a: 1, b: 2\n");
    answer = 0;
}

static void first_signal_is_a_request(void **state)
{
    (void)state;
    assert_false(carat_interrupted());
    signal(SIGINT, SIG_DFL); /* in a background job it may be ignored, and stays so */
    answer = 77;             /* raises SIGINT, and lives */
    assert_int_equal(call("a"), 3);
    assert_true(carat_interrupted());
    struct sigaction now;
    sigaction(SIGTERM, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL); /* the second one is an order */
}

static void nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"quantize", "convert", "text", "eval", "int4-g32", "int8"};
    static const struct {
        const char *word, *best;
    } cases[] = {{"quantise", "quantize"},
                 {"qauntize", "quantize"},
                 {"conv", "convert"},
                 {"evla", "eval"},
                 {"int4-g23", "int4-g32"},
                 {"xyz", NULL},
                 {"", NULL},
                 {"in8", "int8"},
                 {"a-word-that-is-longer-than-thirty-two-characters", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        carat_nearest near = {.word = cases[i].word};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            carat_nearest_try(&near, names[k]);
        if (cases[i].best)
            assert_string_equal(near.best, cases[i].best);
        else
            assert_null(near.best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(starts_from_defaults),
        cmocka_unit_test(sizes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(many_list_items),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(first_signal_is_a_request),
        cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
