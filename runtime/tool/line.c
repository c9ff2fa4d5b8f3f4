/* Lines that a person types: edited on a terminal, plain elsewhere. The only user of libedit.   SPDX-License-Identifier: Apache-2.0
 *
 * libedit draws and edits; what it reads comes through `next_char` below, so that Ctrl-C ends a line, a resized window is drawn
 * anew, ill-formed UTF-8 cannot stop it, and a pasted text (bracketed paste) comes in as one, line breaks and all. */
#include "runtime/tool/line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"
#include "runtime/base/str.h"

enum { HISTORY = 1000 /* lines */ };

struct carat_line {
    EditLine *edit; /* NULL: no terminal */
    HistoryW *history;
    char *path; /* of the history */
    wchar_t prompt[32];
    bool color;
    carat_str text;
};

/* ---- reading characters -------------------------------------------------------------------------------------- */

static void wake(int number)
{
    (void)number; /* only so that read() returns */
}

enum { LOOK_AGAIN = 100 /* ms; a Ctrl-C that comes between the look at it and the wait is seen then */ };

/* One byte of standard input; 0 at its end, -1 after Ctrl-C or an error. */
static int next_byte(EditLine *e, char *out)
{
    for (;;) {
        struct pollfd in = {STDIN_FILENO, POLLIN, 0};
        int ready = carat_interrupted() ? -1 : poll(&in, 1, LOOK_AGAIN);
        if (carat_interrupted())
            return -1;
        if (!ready)
            continue;
        ssize_t n = ready > 0 ? read(STDIN_FILENO, out, 1) : -1;
        if (n >= 0)
            return (int)n;
        if (errno != EINTR)
            return -1;
        el_resize(e); /* the window changed, or the program goes on after Ctrl-Z */
        el_set(e, EL_PREP_TERM, 1);
        el_set(e, EL_REFRESH);
    }
}

/* One character; what is not UTF-8 becomes U+FFFD. */
static int next_char(EditLine *e, wchar_t *out)
{
    char b[4];
    int got = next_byte(e, b);
    if (got <= 0)
        return got;
    unsigned char lead = (unsigned char)*b;
    int want = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    for (int i = 1; i < want; i++)
        if ((got = next_byte(e, b + i)) <= 0)
            return got;
    uint32_t cp = 0xfffd;
    int skip;
    if (!carat_utf8_get(b, b + want, &cp, &skip))
        cp = 0xfffd;
    *out = (wchar_t)cp;
    return 1;
}

/* ---- pasting ------------------------------------------------------------------------------------------------- */

static const wchar_t paste_end[] = L"\033[201~";

static unsigned char paste(EditLine *e, int c)
{
    (void)c;
    wchar_t *text = NULL, ch;
    size_t n = 0, cap = 0, tail = wcslen(paste_end);
    while (el_wgetc(e, &ch) == 1) {
        if (carat_grow((void **)&text, &cap, n + 2, sizeof *text, NULL))
            break;
        text[n++] = ch == L'\r' ? L'\n' : ch;
        if (n >= tail && wmemcmp(text + n - tail, paste_end, tail) == 0) {
            n -= tail;
            break;
        }
    }
    if (n) {
        text[n] = 0;
        el_winsertstr(e, text);
    }
    free(text);
    return CC_REFRESH;
}

static void ask_for_brackets(bool on)
{
    fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
    fflush(stdout);
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static wchar_t *show_prompt(EditLine *e)
{
    carat_line *l = NULL;
    el_wget(e, EL_CLIENTDATA, &l);
    return l->prompt;
}

/* Signals that should only wake a waiting read: a resized window, and going on after a stop. */
static void catch_wakers(void)
{
    struct sigaction action = {.sa_handler = wake};
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
}

/* libedit writes characters as the locale says: a UTF-8 one is needed, whatever its language. */
static void choose_locale(void)
{
    if (setlocale(LC_CTYPE, "") && MB_CUR_MAX > 1)
        return;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "en_US.UTF-8");
}

static carat_status open_editor(carat_line *l, carat_err *err)
{
    choose_locale();
    l->edit = el_init("carat", stdin, stdout, stderr);
    l->history = history_winit();
    if (!l->edit || !l->history)
        return carat_fail(err, CARAT_EIO, "this terminal cannot be edited on; give the lines through a pipe");
    HistEventW event;
    history_w(l->history, &event, H_SETSIZE, HISTORY);
    history_w(l->history, &event, H_SETUNIQUE, 1);
    if (l->path)
        history_w(l->history, &event, H_LOAD, l->path);
    el_wset(l->edit, EL_CLIENTDATA, l);
    el_wset(l->edit, EL_PROMPT_ESC, show_prompt, L'\1');
    el_wset(l->edit, EL_EDITOR, L"emacs");
    el_wset(l->edit, EL_HIST, history_w, l->history);
    el_wset(l->edit, EL_GETCFN, next_char);
    el_wset(l->edit, EL_ADDFN, L"carat-paste", L"inserts a pasted text", paste);
    el_wset(l->edit, EL_BIND, L"\\e[200~", L"carat-paste", NULL);
    el_wset(l->edit, EL_BIND, L"^R", L"em-inc-search-prev", NULL);
    el_wset(l->edit, EL_BIND, L"^W", L"ed-delete-prev-word", NULL);
    el_wset(l->edit, EL_BIND, L"\\e[3~", L"ed-delete-next-char", NULL);
    el_wset(l->edit, EL_BIND, L"\\e[1;5D", L"ed-prev-word", NULL);
    el_wset(l->edit, EL_BIND, L"\\e[1;5C", L"em-next-word", NULL);
    el_source(l->edit, NULL); /* ~/.editrc */
    catch_wakers();
    return CARAT_OK;
}

carat_status carat_line_open(const char *history, bool color, carat_line **out, carat_err *err)
{
    carat_line *l = carat_alloc(1, sizeof *l, err);
    if (!l)
        return CARAT_ENOMEM;
    l->text = (carat_str)CARAT_STR_INIT;
    l->color = color;
    l->path = history ? strdup(history) : NULL;
    carat_status st = CARAT_OK;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        st = open_editor(l, err);
    if (st)
        carat_line_close(l);
    else
        *out = l;
    return st;
}

void carat_line_close(carat_line *l)
{
    if (!l)
        return;
    if (l->history)
        history_wend(l->history);
    if (l->edit)
        el_end(l->edit);
    carat_str_free(&l->text);
    free(l->path);
    carat_free(l);
}

bool carat_line_edited(const carat_line *l)
{
    return l->edit;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

static carat_status ended(carat_err *err)
{
    if (carat_interrupted())
        return carat_fail(err, CARAT_EINTR, "interrupted");
    return ferror(stdin) ? carat_fail_errno(err, "standard input") : CARAT_OK;
}

static void put_wide(carat_str *s, const wchar_t *text)
{
    for (; *text; text++) {
        char b[4];
        carat_str_add(s, b, (size_t)carat_utf8_put((uint32_t)*text, b));
    }
}

static carat_status read_edited(carat_line *l, const char *prompt, bool *end, carat_err *err)
{
    int n = 0;
    swprintf(l->prompt, sizeof l->prompt / sizeof *l->prompt, l->color ? L"\1\033[1m\1%s\1\033[0m\1" : L"%s",
             prompt);
    ask_for_brackets(true);
    /* libedit leaves the terminal's own line mode only after it has shown the prompt: a Ctrl-D in between would be lost. */
    el_set(l->edit, EL_PREP_TERM, 1);
    const wchar_t *line = el_wgets(l->edit, &n);
    ask_for_brackets(false);
    *end = !line || n <= 0;
    if (*end) {
        putchar('\n');
        return ended(err);
    }
    put_wide(&l->text, line);
    return CARAT_OK;
}

static carat_status read_plain(carat_line *l, bool *end, carat_err *err)
{
    int c;
    while ((c = getchar()) != EOF && c != '\n')
        carat_str_putc(&l->text, (char)c);
    *end = c == EOF && !l->text.len;
    return *end || c == EOF ? ended(err) : CARAT_OK;
}

carat_status carat_line_read(carat_line *l, const char *prompt, const char **text, carat_err *err)
{
    bool end;
    carat_str_clear(&l->text);
    carat_status st = l->edit ? read_edited(l, prompt, &end, err) : read_plain(l, &end, err);
    if (st || (st = carat_str_check(&l->text, err)))
        return st;
    while (l->text.len && strchr("\r\n", l->text.data[l->text.len - 1]))
        l->text.data[--l->text.len] = 0;
    if (strlen(l->text.data) != l->text.len)
        return carat_fail(err, CARAT_EFORMAT, "standard input: a NUL byte, so it is no text");
    *text = end ? NULL : l->text.data;
    return CARAT_OK;
}

void carat_line_remember(carat_line *l, const char *text)
{
    if (!l->edit || !*text)
        return;
    wchar_t *wide = NULL;
    size_t n = 0, cap = 0;
    const char *end = text + strlen(text);
    if (carat_grow((void **)&wide, &cap, strlen(text) + 1, sizeof *wide, NULL))
        return;
    for (const char *p = text; p < end;) {
        uint32_t cp = 0xfffd;
        int skip, len = carat_utf8_get(p, end, &cp, &skip);
        wide[n++] = (wchar_t)(len ? cp : 0xfffd);
        p += len ? len : skip;
    }
    wide[n] = 0;
    HistEventW event;
    history_w(l->history, &event, H_ENTER, wide);
    if (l->path) {
        mode_t mask = umask(S_IRWXG | S_IRWXO);
        history_w(l->history, &event, H_SAVE, l->path);
        umask(mask);
    }
    free(wide);
}
