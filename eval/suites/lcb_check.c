/* Runs a program on a problem's tests and says what it is worth.                   SPDX-License-Identifier: Apache-2.0
 *
 * official: one process for all tests, as the official checker has it (lcb_check.py); the outputs of standard-input programs are
 * compared out here, results of functions in there with Python's ==, which an object that calls itself equal to anything passes: that is what
 * the official rules say. process: each test a process of its own; right is the right output and exit status 0; what is expected never
 * goes in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/suites/lcb.h"
#include "runtime/base/mem.h"

extern const char carat_python_lcb_check[]; /* lcb_check.py */

enum {
    SECONDS = 6, /* a test */
    WRONG = -2,
    LATE = -3,
    FAILED = -4,
    NO_RESULT = -5,
    OUTPUT = 64 << 20, /* bytes, at least */
    STARVED =
        4, /* seconds of processor time: a test that had fewer in its 6 is given a second chance, the machine was busy */
    RECORD = 9 /* bytes before the data of a record: letter, length */
};

static carat_bytes bytes_of(const char *text)
{
    return (carat_bytes){text, strlen(text)};
}

carat_status carat_lcb_sandbox(carat_lcb_mode mode, bool unsafe, carat_sandbox **out, carat_err *err)
{
    const carat_sandbox_options o = {
        .setup = bytes_of(carat_python_lcb_check),
        .stack = mode == CARAT_LCB_PROCESS ? 512u << 20 : 0, /* deep recursion is no fault there */
        .unsafe = unsafe,
    };
    return carat_sandbox_open(&o, out, err);
}

static void append(carat_lcb_verdict *v, const char *result)
{
    v->results.len -= v->results.len > 1; /* the closing bracket */
    carat_str_puts(&v->results, v->results.len ? v->results.len > 1 ? ", " : "" : "[");
    carat_str_puts(&v->results, result);
    carat_str_puts(&v->results, "]");
}

static void judge(carat_lcb_verdict *v, int code, const char *message)
{
    v->code = code;
    carat_str_clear(&v->message);
    carat_str_puts(&v->message, message);
}

/* The list of a run that counts as one failure. */
static void replace(carat_lcb_verdict *v, int result, int code, const char *message)
{
    carat_str_clear(&v->results);
    carat_str_printf(&v->results, "[%d]", result);
    judge(v, code, message);
}

/* The output of test i against what is expected; true when it is right. A comparison that fails spoils the whole list. */
static bool compare(carat_lcb_verdict *v, carat_bytes got, const char *output)
{
    size_t line;
    const carat_bytes want = bytes_of(output);
    carat_match match = carat_lcb_compare(got, want, &line);
    if (match == CARAT_SAME) {
        append(v, "true");
        return true;
    }
    if (match == CARAT_SIGNAL) {
        replace(v, FAILED, FAILED, "Error during testing: [<class 'decimal.InvalidOperation'>]");
        return false;
    }
    append(v, "-2");
    judge(v, WRONG, "Wrong answer: mismatched output length");
    if (match == CARAT_LINE) {
        carat_str_clear(&v->message);
        carat_str_printf(&v->message, "Wrong answer at output_line_idx=%zu: ", line);
        carat_lcb_shorten(carat_lcb_line(got, line), &v->message);
        carat_str_puts(&v->message, " != ");
        carat_lcb_shorten(carat_lcb_line(want, line), &v->message);
    }
    return false;
}

static size_t output_limit(const carat_lcb_tests *t)
{
    size_t most = OUTPUT;
    for (size_t i = 0; i < t->n; i++)
        if (strlen(t->test[i].output) > most / 2)
            most = 2 * strlen(t->test[i].output);
    return most;
}

/* ---- official */

typedef struct listener {
    const carat_lcb_tests *t;
    carat_lcb_verdict *v;
    size_t done; /* tests with a verdict */
    bool over;
} listener;

/* {"code", "message"}: the end of the list, as the program's process tells it. */
static bool told_end(carat_lcb_verdict *v, const char *data, size_t n)
{
    carat_json *node = NULL;
    const char *message;
    double code;
    bool good = !carat_json_parse(data, n, &node, NULL) &&
                !carat_json_f64(carat_json_get(node, "code"), "code", &code, NULL) &&
                !carat_json_text(carat_json_get(node, "message"), "message", &message, NULL) &&
                (code == WRONG || code == LATE || code == FAILED);
    if (good)
        judge(v, (int)code, message);
    carat_json_free(node);
    return good;
}

/* One record; false when the program may be ended, because the list has ended before it will, or because no such record may come here. */
static bool heard(listener *l, char kind, const char *data, size_t n)
{
    const bool call = *l->t->function;
    char value[8] = "";
    if (l->over)
        return true;
    if (kind == 'o' && !call && l->done < l->t->n) {
        l->over = !compare(l->v, (carat_bytes){data, n}, l->t->test[l->done++].output);
        return !l->over;
    }
    if (kind == 'a' && n < sizeof value && l->done <= l->t->n) {
        memcpy(value, data, n);
        bool right = !strcmp(value, "true"), fail = !strcmp(value, "-3") || !strcmp(value, "-4");
        if (!fail && !(call && (right || !strcmp(value, "false"))))
            return false;
        append(l->v, value);
        l->done += right;
        return true;
    }
    if (kind == 'm')
        l->over = told_end(l->v, data, n);
    else if (kind == 'x') {
        carat_str text = CARAT_STR_INIT;
        carat_str_add(&text, data, n);
        replace(l->v, FAILED, FAILED, text.data);
        carat_str_free(&text);
        l->over = true;
    } else if (kind == 'd')
        l->over = l->done == l->t->n;
    return l->over; /* its process is about to end */
}

static bool listen(void *ctx, carat_str *s)
{
    listener *l = ctx;
    size_t at = 0;
    bool more = true;
    while (more && s->len - at >= RECORD) {
        uint64_t n;
        memcpy(&n, s->data + at + 1, sizeof n);
        if (n > s->len - at - RECORD)
            break;
        more = heard(l, s->data[at], s->data + at + RECORD, (size_t)n);
        at += RECORD + (size_t)n;
    }
    if (at)
        memmove(s->data, s->data + at, (s->len -= at) + 1);
    return more;
}

static carat_status official(carat_cell *c, const carat_lcb_tests *t, carat_bytes code, carat_lcb_verdict *v,
                             carat_err *err)
{
    char seconds[8];
    snprintf(seconds, sizeof seconds, "%d", SECONDS);
    listener l = {t, v, 0, false};
    carat_ran ran = {0};
    size_t tests = *t->function ? 2 * t->n : t->n;
    carat_bytes *field = carat_alloc(4 + tests, sizeof *field, err);
    if (!field)
        return CARAT_ENOMEM;
    field[0] = bytes_of("official");
    field[1] = code;
    field[2] = bytes_of(t->function);
    field[3] = bytes_of(seconds);
    for (size_t i = 0; i < tests; i++)
        field[4 + i] = bytes_of(i < t->n ? t->test[i].input : t->test[i - t->n].output);
    const carat_program p = {.field = field,
                             .n_fields = 4 + tests,
                             .seconds = (SECONDS + 1) * (double)t->n + 5,
                             .output = output_limit(t),
                             .more = listen,
                             .ctx = &l};
    carat_status st = carat_cell_run(c, &p, &ran, err);
    if (!st && ran.end == CARAT_END_OUTPUT && !l.over)
        compare(v, (carat_bytes){0}, "more\nthan\nany\noutput"); /* nothing that long is right */
    else if (!st && !l.over)
        replace(v, WRONG, NO_RESULT, "TestRunnerError");
    v->cpu_seconds = ran.cpu_seconds;
    carat_ran_free(&ran);
    carat_free(field);
    return st;
}

/* ---- process */

/* What a failed process says: the last line of its standard error. */
static void last_words(const carat_ran *ran, carat_lcb_verdict *v)
{
    const char *text = ran->errors.data;
    size_t n = ran->errors.len;
    while (n && strchr("\r\n\t ", text[n - 1]))
        n--;
    size_t from = n;
    while (from && text[from - 1] != '\n')
        from--;
    carat_str_clear(&v->message);
    if (ran->status < 0)
        carat_str_printf(&v->message, "killed by signal %d", -ran->status);
    else if (n)
        carat_lcb_shorten((carat_bytes){text + from, n - from}, &v->message);
    else
        carat_str_printf(&v->message, "exit status %d", ran->status);
}

/* The record of what the function returned. */
static carat_status compare_call(const carat_ran *ran, const char *output, carat_lcb_verdict *v, bool *right,
                                 carat_err *err)
{
    const carat_str *s = &ran->results;
    uint64_t n = 0;
    if (s->len >= RECORD)
        memcpy(&n, s->data + 1, sizeof n);
    *right = s->len >= RECORD && s->data[0] == 'r' && n == s->len - RECORD;
    carat_status st = CARAT_OK;
    if (*right)
        st = carat_lcb_json_equal((carat_bytes){s->data + RECORD, (size_t)n}, bytes_of(output), right, err);
    append(v, *right ? "true" : "false");
    if (!*right)
        judge(v, WRONG, "Wrong Answer");
    return st;
}

static carat_status one_test(carat_cell *c, const carat_lcb_tests *t, size_t i, carat_bytes code,
                             carat_lcb_verdict *v, bool *right, carat_err *err)
{
    const bool call = *t->function;
    const carat_bytes input = bytes_of(t->test[i].input), none = {"", 0};
    const carat_bytes field[] = {bytes_of("process"), code, bytes_of(t->function), none, call ? input : none};
    const carat_program p = {.field = field,
                             .n_fields = 5,
                             .input = call ? none : input,
                             .seconds = SECONDS,
                             .output = output_limit(t)};
    carat_ran ran = {0};
    carat_status st = carat_cell_run(c, &p, &ran, err);
    *right = false;
    if (st) {
        carat_ran_free(&ran);
        return st;
    }
    switch (ran.end) {
    case CARAT_END_TIME:
        append(v, "-3");
        judge(v, LATE, "Time Limit Exceeded");
        break;
    case CARAT_END_OUTPUT:
    case CARAT_END_MEMORY:
        append(v, "-4");
        judge(v, FAILED, ran.end == CARAT_END_OUTPUT ? "Output Limit Exceeded" : "Memory Limit Exceeded");
        break;
    default:
        if (ran.status) {
            append(v, "-4");
            last_words(&ran, v);
            v->code = FAILED;
        } else if (call)
            st = compare_call(&ran, t->test[i].output, v, right, err);
        else
            *right = compare(v, (carat_bytes){ran.out.data, ran.out.len}, t->test[i].output);
    }
    v->cpu_seconds = ran.cpu_seconds;
    carat_ran_free(&ran);
    return st;
}

static carat_status check(carat_sandbox *s, carat_lcb_mode mode, const carat_lcb_tests *t, carat_bytes code,
                          carat_lcb_verdict *v, carat_err *err)
{
    carat_cell *c;
    bool right = true;
    carat_status st = carat_cell_open(s, &c, err);
    if (st)
        return st;
    carat_str_clear(&v->results);
    v->code = 0;
    if (mode == CARAT_LCB_OFFICIAL)
        st = official(c, t, code, v, err);
    else
        for (size_t i = 0; !st && right && i < t->n; i++)
            st = one_test(c, t, i, code, v, &right, err);
    carat_cell_close(c);
    return st;
}

carat_status carat_lcb_check(carat_sandbox *s, carat_lcb_mode mode, const carat_lcb_tests *t,
                             carat_bytes code, carat_lcb_verdict *v, carat_err *err)
{
    *v = (carat_lcb_verdict){.results = CARAT_STR_INIT, .message = CARAT_STR_INIT};
    carat_status st = check(s, mode, t, code, v, err);
    if (!st && v->code == LATE && v->cpu_seconds < STARVED) {
        v->retried = true;
        st = check(s, mode, t, code, v, err);
    }
    if (!v->results.len)
        carat_str_puts(&v->results, "[]");
    v->passed = !v->code;
    if (!st)
        st = carat_str_check(&v->results, err);
    return st ? st : carat_str_check(&v->message, err);
}

void carat_lcb_write(const carat_lcb_verdict *v, carat_jw *w)
{
    carat_jw_put_bool(w, "passed", v->passed);
    carat_jw_key(w, "results");
    carat_jw_open(w, '[');
    for (const char *p = v->results.data + 1; *p && *p != ']'; p += strcspn(p, ",]"), p += strspn(p, ", "))
        if (*p == 't' || *p == 'f')
            carat_jw_bool(w, *p == 't');
        else
            carat_jw_i64(w, atoi(p));
    carat_jw_close(w);
    carat_jw_key(w, "error_code");
    if (v->code)
        carat_jw_i64(w, v->code);
    else
        carat_jw_null(w);
    carat_jw_key(w, "error_message");
    if (v->code)
        carat_jw_bytes(w, v->message.data, v->message.len);
    else
        carat_jw_null(w);
    if (v->retried)
        carat_jw_put_bool(w, "retried", true);
}

void carat_lcb_verdict_free(carat_lcb_verdict *v)
{
    carat_str_free(&v->results);
    carat_str_free(&v->message);
}
