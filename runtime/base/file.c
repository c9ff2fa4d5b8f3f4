/* Files: mapping and reading.                                                     SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/base/mem.h"

carat_status carat_map_open(const char *path, carat_map *out, carat_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
    if (fd < 0)
        return carat_fail_errno(err, "%s", path);
    struct stat st;
    carat_status status = CARAT_OK;
    carat_map m = {NULL, 0};
    if (fstat(fd, &st) != 0) {
        status = carat_fail_errno(err, "%s", path);
    } else if (!S_ISREG(st.st_mode)) {
        status = carat_fail(err, CARAT_EIO, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            status = carat_fail_errno(err, "%s: mapping %lld bytes", path, (long long)st.st_size);
        else
            m = (carat_map){p, (size_t)st.st_size};
    }
    close(fd);
    if (!status)
        *out = m;
    return status;
}

void carat_map_close(carat_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    *m = (carat_map){NULL, 0};
}

void carat_map_advise(const void *data, size_t len, carat_advice advice)
{
    static const int flag[] = {MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED};
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)data & ~(page - 1);
    uintptr_t end = (uintptr_t)data + len;
    if (advice == CARAT_ADVISE_DONE) { /* only whole pages that nobody else reads from */
        begin = ((uintptr_t)data + page - 1) & ~(page - 1);
        end &= ~(page - 1);
    }
    if (end > begin)
        madvise((void *)begin, end - begin, flag[advice]);
}

carat_status carat_read_file(const char *path, size_t max, char **data, size_t *len, carat_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return carat_fail_errno(err, "%s", path);
    carat_status st = CARAT_OK;
    char *buf = NULL;
    size_t n = 0, cap = 0;
    for (;;) {
        if ((st = carat_grow((void **)&buf, &cap, n + 65536, 1, err)))
            break;
        ssize_t got = read(fd, buf + n, cap - n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = carat_fail_errno(err, "%s", path);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n > max) {
            st = carat_fail(err, CARAT_EFORMAT, "%s: more than %zu bytes", path, max);
            break;
        }
    }
    close(fd);
    if (st) {
        free(buf);
        return st;
    }
    buf[n] = 0;
    *data = buf;
    *len = n;
    return CARAT_OK;
}

bool carat_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool carat_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool carat_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool carat_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void carat_path_join(carat_str *s, const char *dir, const char *name)
{
    carat_str_clear(s);
    carat_str_puts(s, dir);
    if (s->len && s->data[s->len - 1] != '/')
        carat_str_putc(s, '/');
    carat_str_puts(s, name);
}

const char *carat_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool carat_plain_name(const char *name)
{
    if (*name == '\0' || *name == '.' || strlen(name) > 255)
        return false;
    for (; *name; name++)
        if (*name == '/' || *name == '\\' || iscntrl((unsigned char)*name))
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

carat_status carat_list_dir(const char *dir, char ***names, size_t *n, carat_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return carat_fail_errno(err, "%s", dir);
    carat_status st = CARAT_OK;
    char **list = NULL;
    size_t count = 0, cap = 0;
    const struct dirent *e;
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if ((st = carat_grow((void **)&list, &cap, count + 1, sizeof *list, err)))
            break;
        list[count] = strdup(e->d_name);
        if (!list[count]) {
            st = carat_fail(err, CARAT_ENOMEM, "out of memory listing %s", dir);
            break;
        }
        count++;
    }
    closedir(d);
    if (st) {
        while (count)
            free(list[--count]);
        free(list);
        return st;
    }
    if (count)
        qsort(list, count, sizeof *list, by_name);
    *names = list;
    *n = count;
    return CARAT_OK;
}

carat_status carat_each_entry(const char *dir, carat_entry_fn *fn, void *ctx, carat_err *err)
{
    char **names;
    size_t n;
    carat_str path = CARAT_STR_INIT;
    carat_status st = carat_list_dir(dir, &names, &n, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++) {
        carat_path_join(&path, dir, names[i]);
        if (!st && !(st = carat_str_check(&path, err)))
            st = fn(ctx, path.data, names[i], err);
        free(names[i]);
    }
    free(names);
    carat_str_free(&path);
    return st;
}
