/* carat grade: extraction and grading alone, on replies from anywhere.             SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/grade.h"
#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"
#include "runtime/base/par.h"

struct args {
    carat_common common;
    const char *replies, *variant, *mode, *data;
    bool summary, extract_only, unsafe_no_sandbox;
};

enum { MAX_LINE = 1 << 28, EXIT_UNMEASURED = 5, SLOW_BATCH = 256 /* replies graded side by side */ };

/* One reply under way. */
struct piece {
    carat_str line, out;
    size_t number; /* of its line */
    carat_tally tally;
    carat_status status;
    carat_err err;
};

struct job {
    const carat_grader *grader;
    carat_grading grading;
    const carat_talk *talk;
    carat_team *team; /* of slow graders */
    struct piece *piece;
    size_t n, batch; /* pieces read, and at most */
    bool lines;      /* one line an item */
    FILE *in;
    const char *path;
    size_t line; /* number of the line under way */
    carat_tally tally;
};

/* Reads the next line; *more is false at the end of the file. */
static carat_status next_line(struct job *j, carat_str *line, bool *more, carat_err *err)
{
    int c = 0;
    carat_str_clear(line);
    while (c != '\n' && (c = getc(j->in)) != EOF) { /* byte by byte: a NUL may be among them */
        carat_str_putc(line, (char)c);
        if (line->len > MAX_LINE)
            return carat_fail(err, CARAT_EFORMAT, "%s: line %zu is longer than %d bytes", j->path,
                              j->line + 1, MAX_LINE);
    }
    if (ferror(j->in))
        return carat_fail_errno(err, "%s", j->path);
    *more = line->len > 0;
    j->line++;
    return carat_str_check(line, err);
}

/* Members that go through unchanged, so that verdicts can be joined with what they belong to. */
static void carry(const carat_json *reply, carat_jw *w)
{
    static const char *const keys[] = {"id", "question_id", "model", "candidate"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const carat_json *node = carat_json_get(reply, keys[i]);
        const char *text;
        double number;
        bool flag;
        if (!node)
            continue;
        carat_jw_key(w, keys[i]);
        if (!carat_json_text(node, keys[i], &text, NULL))
            carat_jw_text(w, text);
        else if (!carat_json_f64(node, keys[i], &number, NULL) && fabs(number) < 0x1p53 &&
                 number == floor(number))
            carat_jw_i64(w, (int64_t)number);
        else if (carat_json_is_number(node))
            carat_jw_f64(w, number);
        else if (!carat_json_flag(node, keys[i], &flag, NULL))
            carat_jw_bool(w, flag);
        else
            carat_jw_null(w);
    }
}

/* A NUL in a text, which our JSON strings cannot hold, is read as U+FFFF: no text has that one, and graders treat both alike. */
static void escape_nul(carat_str *line)
{
    char *p = line->data;
    while ((p = strchr(p, '\\'))) {
        if (!strncmp(p + 1, "u0000", 5))
            memcpy(p + 2, "ffff", 4);
        p += p[1] ? 2 : 1;
    }
}

/* One reply -> one line. A reply that cannot be graded becomes a line that says why, and the run goes on. */
static carat_status grade_line(const struct job *j, struct piece *p, carat_err *err)
{
    escape_nul(&p->line);
    carat_json *reply = NULL;
    carat_err why = {0};
    carat_jw w = carat_jw_begin(&p->out);
    carat_jw_open(&w, '{');
    carat_status st = carat_json_parse(p->line.data, p->line.len, &reply, &why);
    if (!st && !carat_json_is_object(reply))
        st = carat_fail(&why, CARAT_EFORMAT, "not an object");
    if (!st) {
        carry(reply, &w);
        carat_jw before = w;
        size_t len = p->out.len;
        if ((st = j->grader->grade(&j->grading, reply, &w, &p->tally, &why))) {
            p->tally = (carat_tally){0}; /* nothing of a half-graded reply stays */
            w = before;
            p->out.len = len;
        }
    }
    carat_json_free(reply);
    /* Where programs are run, a failure of the machine is that of one reply: it is not measured. */
    if (st == CARAT_ENOMEM || st == CARAT_EINTR || (st == CARAT_EIO && !j->grader->slow)) {
        *err = why;
        return st;
    }
    p->tally.n = 1;
    if (st) {
        p->tally.unmeasured = 1;
        carat_str text = CARAT_STR_INIT;
        carat_str_printf(&text, "line %zu: %s", p->number, why.text);
        carat_jw_put_text(&w, "error", text.data);
        carat_str_free(&text);
    }
    carat_jw_close(&w);
    return carat_str_check(&p->out, err);
}

static void add(carat_tally *to, const carat_tally *t)
{
    to->n += t->n;
    to->unmeasured += t->unmeasured;
    to->sum += t->sum;
    to->known += t->known;
    to->retried += t->retried;
    for (size_t i = 0; i < sizeof t->code / sizeof *t->code; i++)
        to->code[i] += t->code[i];
    for (size_t i = 0; i < sizeof t->level / sizeof *t->level; i++)
        to->level[i] += t->level[i];
}

/* The next replies, as many as are graded together. */
static carat_status read_batch(struct job *j, bool *more, carat_err *err)
{
    carat_status st;
    for (j->n = 0; j->n < j->batch;) {
        struct piece *p = &j->piece[j->n];
        if ((st = next_line(j, &p->line, more, err)) || !*more)
            return st;
        if (strspn(p->line.data, " \t\r\n") == p->line.len)
            continue;
        p->number = j->line;
        p->status = CARAT_OK;
        p->tally = (carat_tally){0};
        carat_str_clear(&p->out);
        j->n++;
    }
    return CARAT_OK;
}

static void grade_pieces(size_t begin, size_t end, int rank, void *ctx)
{
    struct job *j = ctx;
    (void)rank;
    for (size_t i = begin; i < end; i++) {
        struct piece *p = &j->piece[i];
        p->status = carat_interrupted() ? carat_fail(&p->err, CARAT_EINTR, "interrupted at line %zu of %s",
                                                     p->number, j->path)
                                        : grade_line(j, p, &p->err);
    }
}

static carat_status grade_all(struct job *j, carat_err *err)
{
    bool more = true;
    carat_status st = CARAT_OK;
    carat_progress bar = carat_progress_begin(j->talk, j->grader->name, "reply", 0);
    while (!st && more && !(st = read_batch(j, &more, err))) {
        if (j->team)
            carat_team_for(j->team, j->n, 1, grade_pieces, j);
        else
            grade_pieces(0, j->n, 0, j);
        for (size_t i = 0; !st && i < j->n; i++) {
            struct piece *p = &j->piece[i];
            if ((st = p->status)) {
                *err = p->err;
                break;
            }
            add(&j->tally, &p->tally);
            if (j->lines)
                printf("%s\n", p->out.data);
        }
        carat_progress_at(&bar, j->tally.n);
    }
    carat_progress_end(&bar);
    return st;
}

static carat_status print_total(const struct job *j, carat_err *err)
{
    carat_str out = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&out);
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "total");
    carat_jw_open(&w, '{');
    carat_jw_put_u64(&w, "n", j->tally.n);
    carat_jw_put_u64(&w, "not_measured", j->tally.unmeasured);
    j->grader->total(&j->grading, &j->tally, &w);
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_status st = carat_str_check(&out, err);
    if (!st)
        printf("%s\n", out.data);
    carat_str_free(&out);
    return st;
}

static carat_status prepare(const struct args *a, struct job *j, carat_err *err)
{
    const char *name = a->common.pos[0], *wanted = a->variant ? a->variant : a->mode;
    j->grader = carat_grader_named(name);
    if (!j->grader)
        return carat_fail(err, CARAT_EUSAGE, "no grader %s; `carat list graders` names them", name);
    int variant = wanted ? carat_grader_variant(j->grader, wanted) : 0;
    if (variant < 0)
        return carat_fail(err, CARAT_EUSAGE, "%s %s: %s has %s", a->variant ? "--variant" : "--mode", wanted,
                          name, j->grader->variants);
    if (!a->replies)
        return carat_fail(err, CARAT_EUSAGE, "which replies? --replies FILE.jsonl (- for standard input)");
    j->grading = (carat_grading){(size_t)variant, a->data, a->extract_only, a->unsafe_no_sandbox, NULL};
    j->talk = &a->common.talk;
    j->lines = !a->summary;
    j->path = strcmp(a->replies, "-") != 0 ? a->replies : "standard input";
    j->in = j->path == a->replies ? fopen(a->replies, "rbe") : stdin;
    if (!j->in)
        return carat_fail_errno(err, "%s", a->replies);
    j->batch = j->grader->slow ? SLOW_BATCH : 1;
    if (!(j->piece = carat_alloc(j->batch, sizeof *j->piece, err)))
        return CARAT_ENOMEM;
    for (size_t i = 0; i < j->batch; i++)
        j->piece[i].line = j->piece[i].out = (carat_str)CARAT_STR_INIT;
    carat_status st = j->grader->slow ? carat_team_open((int)a->common.threads, &j->team, err) : CARAT_OK;
    return st || !j->grader->open ? st : j->grader->open(&j->grading, err);
}

static void release(struct job *j)
{
    if (j->grader && j->grader->close)
        j->grader->close(&j->grading);
    carat_team_close(j->team);
    for (size_t i = 0; j->piece && i < j->batch; i++) {
        carat_str_free(&j->piece[i].line);
        carat_str_free(&j->piece[i].out);
    }
    carat_free(j->piece);
    if (j->in && j->in != stdin)
        fclose(j->in);
}

static int run(const void *args, carat_err *err)
{
    struct job j = {0};
    carat_status st = prepare(args, &j, err);
    if (!st)
        st = grade_all(&j, err);
    if (!st)
        st = print_total(&j, err);
    release(&j);
    return st ? carat_cmd_exit(st, err) : j.tally.unmeasured ? EXIT_UNMEASURED : 0;
}

static const carat_opt options[] = {
    {"replies", 0, CARAT_OPT_TEXT, offsetof(struct args, replies), "FILE",
     "one reply a line, as JSON; - reads standard input"},
    {"variant", 0, CARAT_OPT_TEXT, offsetof(struct args, variant), "NAME",
     "the rules, where a suite has several; the first is the default"},
    {"mode", 0, CARAT_OPT_TEXT, offsetof(struct args, mode), "NAME", "the same as --variant"},
    {"data", 0, CARAT_OPT_TEXT, offsetof(struct args, data), "PATH",
     "the questions that the replies belong to, where grading needs them"},
    {"extract-only", 0, CARAT_OPT_FLAG, offsetof(struct args, extract_only), NULL,
     "livecodebench: the program of each reply, not run"},
    {"unsafe-no-sandbox", 0, CARAT_OPT_FLAG, offsetof(struct args, unsafe_no_sandbox), NULL,
     "run programs without a sandbox: limits alone hold them"},
    {"summary", 0, CARAT_OPT_FLAG, offsetof(struct args, summary), NULL, "the totals alone"},
    {0},
};

const carat_cmd carat_cmd_grade = {
    .name = "grade",
    .summary = "extract and grade replies that are there already",
    .usage = "SUITE --replies FILE.jsonl [options]",
    .detail =
        "Reads one JSON object a line and writes one a line in the same order, then one with the totals. "
        "The\n"
        "members id, question_id, model and candidate go through unchanged. A line that cannot be graded "
        "gets\n"
        "\"error\" and counts as not measured (exit 5).\n"
        "\n"
        "mmlu-pro: in `output` -> `pred` (letter or null), `level` (1, 2, 3; 0 none), and `right` where the\n"
        "  line has `answer`. Variants: local, api (drops every ** first), last (the last match of each\n"
        "  level), lm-eval (level 1 alone).\n"
        "mrcr: in `response`, `answer`, `random_string_to_prepend` -> `score`, `score_hex` (a hexadecimal\n"
        "  double, for exact comparison). Variants: openai, v2, no-autojunk, openai-lstrip.\n"
        "livecodebench --data PROBLEMS: in `question_id` and `code`, or `output`, a reply to take it from "
        "->\n"
        "  `passed`, `results` (up to the first failure), `error_code`, `error_message`. Programs run in a\n"
        "  sandbox, several at a time (-t). official: the official checker's way, all tests in one process;\n"
        "  process: each test a process of its own, right with the right output and exit status 0. With\n"
        "  --extract-only: in `output` -> `code`.",
    .example =
        "$ echo '{\"id\": 7, \"output\": \"So the answer is (C).\"}' | carat grade mmlu-pro --replies -\n"
        "{\"id\": 7, \"pred\": \"C\", \"level\": 1}\n"
        "{\"total\": {\"n\": 1, \"not_measured\": 0, \"levels\": {\"none\": 0, \"1\": 1, \"2\": 0, \"3\": "
        "0}}}",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};

static const char *listed(size_t i, const char **summary)
{
    const carat_grader *g = carat_grader_at(i);
    if (g)
        *summary = g->summary;
    return g ? g->name : NULL;
}

const carat_listing carat_graders_listing = {"graders", listed};
