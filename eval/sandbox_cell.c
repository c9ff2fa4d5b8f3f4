/* One sandboxed process tree: starting it, talking to its first process, and what goes to and comes from a program.
 *                                                                                 SPDX-License-Identifier: Apache-2.0
 *
 * The first process is trusted, the programs are not. What is kept of them is bounded, and when the time is over, carat ends the cell by
 * hanging up: the first process cannot be stopped by what it started, and the kernel ends all with it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eval/sandbox_cell.h"
#include "runtime/base/cmd.h"
#include "runtime/base/file.h"

enum {
    START_SECONDS = 60,   /* a cell that has not started by then never will, however loaded the machine */
    STOP_SECONDS = 10,    /* then it is killed from outside */
    MAX_ANSWER = 1 << 12, /* bytes of a frame of the first process */
    MAX_ERRORS = 1 << 14, /* bytes kept of what goes to standard error */
    MAX_FILE = 64 << 20,  /* bytes of a file that a program writes */
    MAX_PROCESSES = 64,
    MAX_RUNS = 1000, /* of one cell */
    MAX_FILES = 256,
    FIRST_USER = 62000,
    USERS = 1500,  /* as root: numbers that are rarely a user's */
    TICK_MS = 200, /* how long until Ctrl-C is seen */
};

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- starting */

/* Between fork and exec in a program with threads: calls that are allowed there, and nothing else. */
static void become_cell(const carat_sandbox *s, const carat_cell *c, int control, int filter, int errors)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin",
                                              "LANG=C.UTF-8",
                                              "HOME=/tmp",
                                              "PYTHONHASHSEED=0", /* the same run again */
                                              "PYTHONDONTWRITEBYTECODE=1",
                                              "OMP_NUM_THREADS=1",
                                              "OPENBLAS_NUM_THREADS=1",
                                              NULL};
    struct rlimit stack;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    getrlimit(RLIMIT_STACK, &stack);
    stack.rlim_cur = s->o.stack < stack.rlim_max ? s->o.stack : stack.rlim_max;
    setrlimit(RLIMIT_STACK, &stack); /* before exec, which leaves room for it */
    int null = open("/dev/null", O_RDWR);
    /* out of the way of 0 to 4 first */
    control = fcntl(control, F_DUPFD, 10);
    filter = filter < 0 ? -1 : fcntl(filter, F_DUPFD, 10);
    errors = fcntl(errors, F_DUPFD, 10);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors, 2) < 0 ||
        dup2(control, CARAT_CELL_CONTROL) < 0 || (filter >= 0 && dup2(filter, CARAT_CELL_FILTER) < 0) ||
        (c->folder && chdir(c->folder)))
        _exit(126);
    for (int fd = filter >= 0 ? CARAT_CELL_FILTER + 1 : CARAT_CELL_CONTROL + 1; fd < 1024; fd++)
        close(fd);
    execvpe(s->word[0], (char *const *)s->word, (char *const *)environment);
    static const char missing[] = " is not there: is bubblewrap installed?\n";
    if (write(2, s->word[0], strlen(s->word[0])) > 0 && write(2, missing, sizeof missing - 1) > 0)
        _exit(127);
    _exit(126);
}

static carat_status spawn(carat_sandbox *s, carat_cell *c, carat_err *err)
{
    int control[2] = {-1, -1}, filter[2] = {-1, -1}, errors[2] = {-1, -1};
    carat_status st = CARAT_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) || pipe2(errors, O_CLOEXEC) ||
        (s->filter.len && pipe2(filter, O_CLOEXEC))) {
        st = carat_fail_errno(err, "pipes to a sandbox");
        goto out;
    }
    if (s->filter.len && write(filter[1], s->filter.data, s->filter.len) != (ssize_t)s->filter.len) {
        st = carat_fail_errno(err, "pipe to a sandbox");
        goto out;
    }
    shut(&filter[1]);
    c->pid = fork();
    if (c->pid == 0)
        become_cell(s, c, control[1], filter[0], errors[1]);
    if (c->pid < 0) {
        st = carat_fail_errno(err, "starting a sandbox");
        goto out;
    }
    c->control = control[0];
    c->errors = errors[0];
    control[0] = errors[0] = -1;
out:
    for (int i = 0; i < 2; i++) {
        shut(&control[i]);
        shut(&filter[i]);
        shut(&errors[i]);
    }
    return st;
}

/* Without a sandbox: a folder of its own to write in. */
static carat_status make_folder(carat_cell *c, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, carat_temp_dir(), "carat-XXXXXX");
    carat_status st = carat_str_check(&path, err);
    if (!st && !mkdtemp(path.data))
        st = carat_fail_errno(err, "%s", path.data);
    if (st)
        carat_str_free(&path);
    else if (!(c->folder = carat_str_take(&path)))
        st = CARAT_ENOMEM;
    return st;
}

/* ---- frames */

/* Waits until fd is ready for `events`, carat is interrupted, or the time is over. */
static carat_status ready(int fd, short events, double until, carat_err *err)
{
    struct pollfd p = {fd, events, 0};
    while (carat_now() < until) {
        int n = poll(&p, 1, TICK_MS);
        if (n > 0)
            return CARAT_OK;
        if (n < 0 && errno != EINTR)
            return carat_fail_errno(err, "poll");
        if (carat_interrupted())
            return carat_fail(err, CARAT_EINTR, "interrupted");
    }
    return carat_fail(err, CARAT_EIO, "the sandbox does not answer");
}

/* Why the first process is gone: the last line that it, or bubblewrap, wrote. */
static carat_status hung_up(const carat_cell *c, carat_err *err)
{
    char text[1 << 12];
    size_t n = 0;
    ssize_t got;
    while (n < sizeof text - 1 && (got = read(c->errors, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got; /* up to its end */
    while (n && text[n - 1] == '\n')
        n--;
    text[n] = 0;
    const char *last = strrchr(text, '\n');
    return carat_fail(err, CARAT_EIO, "%.300s", last ? last + 1 : n ? text : "the sandbox ended by itself");
}

static carat_status push(const carat_cell *c, const void *data, size_t n, carat_err *err)
{
    const char *p = data;
    while (n) {
        carat_status st = ready(c->control, POLLOUT, carat_now() + START_SECONDS, err);
        if (st)
            return st;
        ssize_t done = send(c->control, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return hung_up(c, err);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return CARAT_OK;
}

/* The head of a frame; descriptors travel with it. */
static carat_status push_head(const carat_cell *c, uint32_t fields, const int *fd, size_t n_fd,
                              carat_err *err)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } ancillary = {0};
    struct iovec io = {&fields, sizeof fields};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (n_fd) {
        m.msg_control = ancillary.room;
        m.msg_controllen = CMSG_SPACE(n_fd * sizeof *fd);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(n_fd * sizeof *fd);
        memcpy(CMSG_DATA(h), fd, n_fd * sizeof *fd);
    }
    ssize_t n;
    do
        n = sendmsg(c->control, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == sizeof fields ? CARAT_OK : hung_up(c, err);
}

static carat_status push_field(const carat_cell *c, carat_bytes b, carat_err *err)
{
    uint64_t n = b.n;
    carat_status st = push(c, &n, sizeof n, err);
    return st ? st : push(c, b.data, b.n, err);
}

static carat_status pull(const carat_cell *c, void *data, size_t n, carat_err *err)
{
    char *p = data;
    while (n) {
        carat_status st = ready(c->control, POLLIN, carat_now() + START_SECONDS, err);
        if (st)
            return st;
        ssize_t done = recv(c->control, p, n, 0);
        if (done == 0 || (done < 0 && errno != EINTR))
            return hung_up(c, err);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return CARAT_OK;
}

/* An answer of the first process: decimal numbers, into text [MAX_ANSWER]. */
static carat_status answer(const carat_cell *c, char *text, carat_err *err)
{
    uint32_t fields;
    uint64_t n;
    carat_status st = pull(c, &fields, sizeof fields, err);
    if (!st)
        st = pull(c, &n, sizeof n, err);
    if (!st && (fields != 1 || n >= MAX_ANSWER))
        st = carat_fail(err, CARAT_EIO, "the sandbox answers what it should not");
    if (!st)
        st = pull(c, text, (size_t)n, err);
    if (!st)
        text[n] = 0;
    return st;
}

carat_status carat_cell_start(carat_sandbox *s, carat_cell **out, carat_layers *seen, carat_err *err)
{
    char text[MAX_ANSWER];
    const char *place;
    carat_cell *c = carat_alloc(1, sizeof *c, err);
    if (!c)
        return CARAT_ENOMEM;
    *c = (carat_cell){.s = s, .pid = -1, .control = -1, .errors = -1};
    unsigned user = s->root ? FIRST_USER + ((unsigned)getpid() + atomic_fetch_add(&s->cells, 1)) % USERS : 0;
    int n = snprintf(text, sizeof text, "%u %llu %llu %d %d %d", user, (unsigned long long)s->o.memory,
                     (unsigned long long)s->o.memory, MAX_FILE, MAX_PROCESSES, MAX_FILES);
    carat_status st = s->o.unsafe ? make_folder(c, err) : CARAT_OK;
    if (!st)
        st = spawn(s, c, err);
    if (!st)
        st = push_head(c, 3 + (uint32_t)carat_json_count(s->path), NULL, 0, err);
    if (!st)
        st = push_field(c, (carat_bytes){text, (size_t)n}, err);
    if (!st)
        st = push_field(c, s->o.setup, err);
    if (!st)
        st = push_field(c, (carat_bytes){c->folder, c->folder ? strlen(c->folder) : 0}, err);
    for (const carat_json *node = carat_json_first(s->path); !st && node; node = carat_json_next(node))
        if (!(st = carat_json_text(node, "path", &place, err)))
            st = push_field(c, (carat_bytes){place, strlen(place)}, err);
    if (!st)
        st = answer(c, text, err);
    if (st) {
        carat_cell_end(c);
        return st;
    }
    sscanf(text, "%llu %llu %llu %llu %llu %llu %llu", &seen->pid, &seen->user, &seen->effective,
           &seen->permitted, &seen->no_new_privileges, &seen->filter, &seen->devices);
    *out = c;
    return CARAT_OK;
}

void carat_cell_end(carat_cell *c)
{
    if (!c)
        return;
    shut(&c->control); /* upon which it ends */
    if (c->pid > 0) {
        double until = carat_now() + STOP_SECONDS;
        pid_t done;
        for (useconds_t nap = 200; (done = waitpid(c->pid, NULL, WNOHANG)) == 0 && carat_now() < until;
             nap = nap < 20000 ? 2 * nap : nap)
            usleep(nap);
        if (done == 0) {
            kill(-c->pid, SIGKILL);
            kill(c->pid, SIGKILL);
            waitpid(c->pid, NULL, 0);
        }
    }
    shut(&c->errors);
    if (c->folder)
        carat_remove_tree(c->folder, NULL);
    free(c->folder);
    carat_free(c);
}

bool carat_cell_usable(const carat_cell *c)
{
    struct pollfd p = {c->control, POLLIN, 0}; /* it has nothing to say, unless it ended */
    return !c->spoilt && c->runs < MAX_RUNS && poll(&p, 1, 0) == 0;
}

/* ---- running a program */

enum { IN, OUT, ERRORS, RESULTS, STREAMS };

typedef struct run {
    const carat_program *p;
    carat_ran *r;
    int fd[STREAMS]; /* our ends */
    size_t fed;
    bool stopped; /* r->end says why */
} run;

static void stop(run *x, carat_end why)
{
    if (!x->stopped)
        x->r->end = why;
    x->stopped = true;
}

/* Writing to a program that does not read: no signal, just the end of writing. */
static void feed(run *x)
{
    const char *data = x->p->input.data;
    ssize_t n = write(x->fd[IN], data + x->fed, x->p->input.n - x->fed);
    if (n > 0)
        x->fed += (size_t)n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || x->fed == x->p->input.n)
        shut(&x->fd[IN]);
}

static void take(run *x, int stream)
{
    static const size_t into[STREAMS] = {0, offsetof(carat_ran, out), offsetof(carat_ran, errors),
                                         offsetof(carat_ran, results)};
    char piece[1 << 16];
    carat_str *s = (carat_str *)(void *)((char *)x->r + into[stream]);
    ssize_t n = read(x->fd[stream], piece, sizeof piece);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        shut(&x->fd[stream]);
    if (n <= 0)
        return;
    size_t keep = (size_t)n;
    if (stream == ERRORS) /* only the beginning is of interest; the rest is let go */
        keep = s->len >= MAX_ERRORS ? 0 : keep;
    else if (s->len + keep > x->p->output)
        stop(x, CARAT_END_OUTPUT);
    carat_str_add(s, piece, keep);
    if (stream == RESULTS && x->p->more && !x->p->more(x->p->ctx, s))
        stop(x, CARAT_END_ENOUGH);
}

/* Moves bytes until the first process says that the program ended, or something stops it. */
static carat_status serve(run *x, const carat_cell *c, double until, carat_err *err)
{
    for (;;) {
        struct pollfd p[STREAMS + 1];
        for (int i = 0; i < STREAMS; i++)
            p[i] = (struct pollfd){x->fd[i], i == IN ? POLLOUT : POLLIN, 0};
        p[STREAMS] = (struct pollfd){c->control, POLLIN, 0};
        double left = until - carat_now();
        int ms = left <= 0 ? 0 : left * 1000 < TICK_MS ? (int)(left * 1000) + 1 : TICK_MS;
        int n = poll(p, STREAMS + 1, ms);
        if (n < 0 && errno != EINTR)
            return carat_fail_errno(err, "poll");
        if (carat_interrupted())
            return carat_fail(err, CARAT_EINTR, "interrupted");
        if (left <= 0 && !(n > 0 && p[STREAMS].revents)) { /* it may have ended while we were not looking */
            stop(x, CARAT_END_TIME);
            return CARAT_OK;
        }
        if (n <= 0)
            continue;
        if (p[IN].revents)
            feed(x);
        for (int i = OUT; i < STREAMS; i++)
            if (p[i].revents)
                take(x, i);
        if (x->stopped || p[STREAMS].revents)
            return CARAT_OK;
    }
}

/* What is still in the pipes of a program that ended. All writers are gone, except perhaps where there is no sandbox. */
static void drain(run *x)
{
    double until = carat_now() + 1;
    for (int i = OUT; i < STREAMS; i++)
        while (x->fd[i] >= 0 && !x->stopped && carat_now() < until) {
            struct pollfd p = {x->fd[i], POLLIN, 0};
            if (poll(&p, 1, 100) <= 0)
                break;
            take(x, i);
        }
}

static carat_status finish(run *x, const carat_cell *c, carat_err *err)
{
    char text[MAX_ANSWER];
    int why = 0, status = 0, cpu_ms = 0;
    carat_status st = answer(c, text, err);
    if (!st && sscanf(text, "%d %d %d", &why, &status, &cpu_ms) != 3)
        st = carat_fail(err, CARAT_EIO, "the sandbox answers what it should not");
    if (st)
        return st;
    drain(x);
    x->r->status = status;
    x->r->cpu_seconds = cpu_ms / 1000.0;
    if (why)
        stop(x, CARAT_END_MEMORY);
    return CARAT_OK;
}

/* Pipes between us and the program: ours in x->fd, its in theirs. */
static carat_status pipes(run *x, int theirs[STREAMS], carat_err *err)
{
    for (int i = 0; i < STREAMS; i++) {
        int fd[2];
        if (pipe2(fd, O_CLOEXEC))
            return carat_fail_errno(err, "pipe");
        x->fd[i] = i == IN ? fd[1] : fd[0];
        theirs[i] = i == IN ? fd[0] : fd[1];
        fcntl(x->fd[i], F_SETFL, O_NONBLOCK);
    }
    return CARAT_OK;
}

static carat_status send_program(const carat_cell *c, const carat_program *p, const int fd[STREAMS],
                                 carat_err *err)
{
    char seconds[24];
    int n = snprintf(seconds, sizeof seconds, "%d", (int)(4 * p->seconds) + 2);
    carat_status st = push_head(c, (uint32_t)p->n_fields + 1, fd, STREAMS, err);
    if (!st)
        st = push_field(c, (carat_bytes){seconds, (size_t)n}, err);
    for (size_t i = 0; !st && i < p->n_fields; i++)
        st = push_field(c, p->field[i], err);
    return st;
}

carat_status carat_cell_run(carat_cell *c, const carat_program *p, carat_ran *r, carat_err *err)
{
    run x = {p, r, {-1, -1, -1, -1}, 0, false};
    int theirs[STREAMS] = {-1, -1, -1, -1};
    sigset_t pipe_signal, before;
    *r = (carat_ran){.out = CARAT_STR_INIT, .errors = CARAT_STR_INIT, .results = CARAT_STR_INIT};
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    carat_status st = pipes(&x, theirs, err);
    if (!st)
        st = send_program(c, p, theirs, err);
    for (int i = 0; i < STREAMS; i++)
        shut(&theirs[i]);
    double start = carat_now();
    if (!st)
        st = serve(&x, c, start + p->seconds, err);
    if (!st && !x.stopped)
        st = finish(&x, c, err);
    c->runs++;
    c->spoilt = st || x.stopped;
    r->seconds = carat_now() - start;
    for (int i = 0; i < STREAMS; i++)
        shut(&x.fd[i]);
    if (!sigismember(&before, SIGPIPE)) { /* one that is waiting is ours */
        const struct timespec now = {0, 0};
        while (sigtimedwait(&pipe_signal, NULL, &now) > 0)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!st)
        st = carat_str_check(&r->out, err);
    return st ? st : carat_str_check(&r->results, err);
}

void carat_ran_free(carat_ran *r)
{
    carat_str_free(&r->out);
    carat_str_free(&r->errors);
    carat_str_free(&r->results);
}
