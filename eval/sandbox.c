/* What this machine offers to hold programs: Python, bubblewrap, and whether they do what they should.
 *                                                                                 SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eval/sandbox_cell.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"

/* Asked of the Python that PATH gives, outside: where it is and what it is made of. */
static const char facts_program[] =
    "import json, os, sys; print(json.dumps({'version': sys.version.split()[0], 'executable': "
    "sys.executable, "
    "'real': os.path.realpath(sys.executable), 'prefix': sys.prefix, 'base': sys.base_prefix, "
    "'path': [p for p in sys.path if os.path.isdir(p)]}))";

enum { MAX_FACTS = 1 << 16 };

/* Standard output of a short command of ours; false when it cannot be run or fails. */
static bool output_of(const char *command, carat_str *out)
{
    char piece[1 << 12];
    size_t n;
    FILE *f = popen(command, "re");
    if (!f)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) && out->len < MAX_FACTS)
        carat_str_add(out, piece, n);
    return pclose(f) == 0 && !out->failed;
}

static void word(carat_sandbox *s, const char *text)
{
    if (s->n_words < CARAT_CELL_WORDS)
        s->word[s->n_words++] = text;
}

static void words(carat_sandbox *s, const char *const *list)
{
    for (; *list; list++)
        word(s, *list);
}

/* A text of words with single blanks between them. */
static carat_status split(carat_sandbox *s, const char *text, carat_err *err)
{
    for (;;) {
        size_t n = strcspn(text, " ");
        const char *copy = carat_arena_copy(&s->arena, text, n, err);
        if (!copy)
            return CARAT_ENOMEM;
        word(s, copy);
        if (!text[n])
            return CARAT_OK;
        text += n + 1;
    }
}

/* The folders above a mount, which bubblewrap else makes as closed as a home is. */
static carat_status parents(carat_sandbox *s, const char *path, carat_err *err)
{
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *parent = carat_arena_copy(&s->arena, path, (size_t)(slash - path), err);
        if (!parent)
            return CARAT_ENOMEM;
        size_t i = 0;
        while (i < s->n_words && strcmp(s->word[i], parent) != 0)
            i++;
        const char *const make[] = {"--perms", "0755", "--dir", parent, NULL};
        if (i == s->n_words)
            words(s, make);
    }
    return CARAT_OK;
}

static carat_status mount_at(carat_sandbox *s, const char *how, const char *path, carat_err *err)
{
    const char *const mount[] = {how, path, path, NULL};
    carat_status st = parents(s, path, err);
    if (!st)
        words(s, mount);
    return st;
}

/* base/name, mounted where there is one. */
static carat_status mount_below(carat_sandbox *s, const char *base, const char *name, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    carat_path_join(&path, base, name);
    char *kept = carat_arena_copy(&s->arena, path.data, path.len, err);
    carat_str_free(&path);
    return kept ? mount_at(s, "--ro-bind-try", kept, err) : CARAT_ENOMEM;
}

static bool inside(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return n > 1 && !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

/* Python itself and what it imports from, as far as that lies in its own tree: nothing that a project has put into the path. */
static carat_status mount_python(carat_sandbox *s, const carat_json *facts, carat_err *err)
{
    const char *prefix, *base, *executable, *real, *path;
    const carat_json *list = carat_json_get(facts, "path");
    if (carat_json_text(carat_json_get(facts, "prefix"), "prefix", &prefix, err) ||
        carat_json_text(carat_json_get(facts, "base"), "base", &base, err) ||
        carat_json_text(carat_json_get(facts, "executable"), "executable", &executable, err) ||
        carat_json_text(carat_json_get(facts, "real"), "real", &real, err))
        return CARAT_EFORMAT;
    carat_status st = CARAT_OK;
    if (strcmp(base, "/usr") != 0) /* its modules, and libpython where it is shared */
        st = mount_below(s, base, "lib", err);
    for (const carat_json *node = carat_json_first(list); !st && node; node = carat_json_next(node))
        if (!carat_json_text(node, "path", &path, NULL) && !inside(path, "/usr/lib") &&
            (inside(path, prefix) || inside(path, base) || inside(path, "/usr")))
            st = mount_at(s, "--ro-bind-try", path, err);
    if (!st && strcmp(prefix, base) != 0) /* a virtual environment is recognised by its file */
        st = mount_below(s, prefix, "pyvenv.cfg", err);
    if (!st)
        st = mount_at(s, "--ro-bind", real, err);
    if (!st && strcmp(real, executable) != 0)
        st = mount_at(s, "--ro-bind", executable, err);
    return st;
}

/* bubblewrap's words, a line of them each, in their order. */
static const char around[] =
    "bwrap --unshare-net --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --hostname sandbox "
    "--new-session --as-pid-1 --seccomp 4 --cap-drop ALL";
/* Root becomes another user from inside, for which it needs these two a moment longer. A user of its own also is what the limit of
 * processes counts by, from which root is exempt. */
static const char as_root[] = "--cap-add CAP_SETUID --cap-add CAP_SETGID";
static const char as_user[] = "--unshare-user";
static const char *const system_libraries[] = {"/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", NULL};
static const char inside_it[] =
    "--ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --proc /proc --tmpfs /dev "
    "--dev-bind /dev/null /dev/null --dev-bind /dev/zero /dev/zero --dev-bind /dev/full /dev/full "
    "--dev-bind /dev/random /dev/random --dev-bind /dev/urandom /dev/urandom "
    "--symlink /proc/self/fd /dev/fd --symlink /proc/self/fd/0 /dev/stdin "
    "--symlink /proc/self/fd/1 /dev/stdout --symlink /proc/self/fd/2 /dev/stderr "
    "--perms 1777 --size 16777216 --tmpfs /dev/shm --remount-ro /dev "
    "--perms 1777 --size 67108864 --tmpfs /tmp --remount-ro / --chdir /tmp";

static carat_status command_of_bubblewrap(carat_sandbox *s, const carat_json *facts, carat_err *err)
{
    carat_status st = split(s, around, err);
    if (!st)
        st = split(s, s->root ? as_root : as_user, err);
    for (size_t i = 0; !st && system_libraries[i]; i++)
        st = mount_at(s, "--ro-bind-try", system_libraries[i], err);
    if (!st)
        st = mount_python(s, facts, err);
    return st ? st : split(s, inside_it, err);
}

/* The command that starts a cell: [bubblewrap and its options] python -s -S -c TEXT. */
static carat_status command(carat_sandbox *s, carat_str *version, carat_err *err)
{
    carat_str text = CARAT_STR_INIT, line = CARAT_STR_INIT;
    carat_json *facts = NULL;
    const char *executable, *number;
    carat_str_printf(&line, "python3 -I -c \"%s\" 2>/dev/null", facts_program);
    carat_status st = CARAT_OK;
    if (!output_of(line.data, &text))
        st = carat_fail(err, CARAT_EIO, "no python3 in PATH that runs; programs of models are Python");
    else
        st = carat_json_parse(text.data, text.len, &facts, err);
    if (!st)
        st = carat_json_text(carat_json_get(facts, "executable"), "executable", &executable, err);
    if (!st)
        st = carat_json_text(carat_json_get(facts, "version"), "version", &number, err);
    if (!st && !s->o.unsafe)
        st = command_of_bubblewrap(s, facts, err);
    if (!st) {
        const char *const last[] = {carat_arena_copy(&s->arena, executable, strlen(executable), err), "-s",
                                    "-c", carat_python_sandbox, NULL};
        words(s, last);
        if (!last[0])
            st = CARAT_ENOMEM;
        s->path = carat_json_get(facts, "path");
        s->version = number; /* in the facts, which stay */
        carat_str_printf(version, "Python %s (%s)", number, executable);
    }
    carat_str_free(&text);
    carat_str_free(&line);
    if (st)
        carat_json_free(facts);
    else /* the words point into it */
        s->facts = facts;
    return st;
}

static carat_status about(carat_sandbox *s, const carat_str *python, carat_err *err)
{
    carat_str version = CARAT_STR_INIT;
    if (s->o.unsafe)
        carat_str_puts(&s->about, "no sandbox (--unsafe-no-sandbox): limits alone");
    else {
        output_of("bwrap --version 2>/dev/null", &version);
        while (version.len && version.data[version.len - 1] == '\n')
            version.data[--version.len] = 0;
        carat_str_printf(
            &s->about, "%s: namespaces of its own (net, pid, mount, ipc, uts%s, seccomp, no capabilities",
            version.len ? version.data : "bubblewrap", s->root ? "), a user of its own" : ", user)");
    }
    carat_str_printf(&s->about, "; %s", python->data);
    carat_str_free(&version);
    return carat_str_check(&s->about, err);
}

/* Starts one cell and looks at it from inside: what was asked for must be there. */
static carat_status probe(carat_sandbox *s, carat_err *err)
{
    carat_cell *c;
    carat_layers l = {0};
    const char *lacks = NULL;
    carat_status st = carat_cell_start(s, &c, &l, err);
    if (!st) {
        carat_cell_close(c); /* the first program will have it */
        if (s->o.unsafe)
            return CARAT_OK;
        lacks = l.pid != 1             ? "process namespace"
                : l.devices > 1        ? "network namespace"
                : l.effective          ? "loss of capabilities"
                : !l.no_new_privileges ? "no_new_privs"
                : l.filter != 2        ? "seccomp filter"
                : s->root && !l.user   ? "user of its own"
                                       : NULL;
        st = lacks ? carat_fail(err, CARAT_EIO, "bubblewrap ran, but without %s", lacks) : CARAT_OK;
    }
    if (st && st != CARAT_ENOMEM && st != CARAT_EINTR && !s->o.unsafe) {
        carat_err why = *err;
        return carat_fail(
            err, CARAT_EIO,
            "no sandbox to be had here: %.300s; --unsafe-no-sandbox runs the programs without one", why.text);
    }
    return st;
}

void carat_sandbox_close(carat_sandbox *s)
{
    if (!s)
        return;
    while (s->idle) {
        carat_cell *c = s->idle;
        s->idle = c->next;
        carat_cell_end(c);
    }
    pthread_mutex_destroy(&s->lock);
    carat_json_free(s->facts);
    carat_arena_free(&s->arena);
    carat_str_free(&s->filter);
    carat_str_free(&s->about);
    carat_free(s);
}

carat_status carat_sandbox_open(const carat_sandbox_options *o, carat_sandbox **out, carat_err *err)
{
    carat_str python = CARAT_STR_INIT;
    carat_sandbox *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    s->o = *o;
    s->o.memory = o->memory ? o->memory : 4ull << 30;
    s->o.stack = o->stack ? o->stack : 8u << 20;
    s->root = geteuid() == 0 && !o->unsafe;
    s->filter = s->about = (carat_str)CARAT_STR_INIT;
    pthread_mutex_init(&s->lock, NULL);
    carat_status st = command(s, &python, err);
    if (!st && !o->unsafe)
        st = carat_sandbox_filter(&s->filter, err);
    if (!st)
        st = probe(s, err);
    if (!st)
        st = about(s, &python, err);
    carat_str_free(&python);
    if (st)
        carat_sandbox_close(s);
    else
        *out = s;
    return st;
}

const char *carat_sandbox_about(const carat_sandbox *s)
{
    return s->about.data;
}

const char *carat_sandbox_kind(const carat_sandbox *s)
{
    return s->o.unsafe ? "none" : "bubblewrap";
}

const char *carat_sandbox_python(const carat_sandbox *s)
{
    return s->version;
}

carat_status carat_cell_open(carat_sandbox *s, carat_cell **out, carat_err *err)
{
    carat_layers seen;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        carat_cell *c = s->idle;
        s->idle = c ? c->next : NULL;
        pthread_mutex_unlock(&s->lock);
        if (!c)
            return carat_cell_start(s, out, &seen, err);
        if (carat_cell_usable(c)) {
            *out = c;
            return CARAT_OK;
        }
        carat_cell_end(c);
    }
}

void carat_cell_close(carat_cell *c)
{
    if (!c)
        return;
    if (!carat_cell_usable(c)) {
        carat_cell_end(c);
        return;
    }
    carat_sandbox *s = c->s;
    pthread_mutex_lock(&s->lock);
    c->next = s->idle;
    s->idle = c;
    pthread_mutex_unlock(&s->lock);
}
