/* Loading the model anew, for the latency suite (local.h).                         SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "eval/backends/local.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

typedef struct forgotten {
    size_t pages, stay;
} forgotten;

/* Asks the kernel to forget a file; adds the pages that are and that stay in memory. */
static carat_status forget_file(const char *path, forgotten *f, carat_err *err)
{
    carat_map m = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return carat_fail_errno(err, "%s", path);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    carat_status st = carat_map_open(path, &m, err);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = st ? 0 : (m.size + page - 1) / page;
    unsigned char *in = st ? NULL : carat_alloc(n + 1, 1, err);
    if (!st && !in)
        st = CARAT_ENOMEM;
    if (!st && n && mincore((void *)(uintptr_t)m.data, m.size, in) == 0)
        for (size_t i = 0; i < n; i++)
            f->stay += in[i] & 1;
    f->pages += n;
    carat_free(in);
    if (m.data)
        carat_map_close(&m);
    return st;
}

static carat_status forget_weights(void *ctx, const char *path, const char *name, carat_err *err)
{
    return carat_ends(name, ".safetensors") ? forget_file(path, ctx, err) : CARAT_OK;
}

static carat_status forget_model(const char *path, double *left, carat_err *err)
{
    forgotten f = {0, 0};
    carat_status st = carat_is_dir(path) ? carat_each_entry(path, forget_weights, &f, err)
                                         : forget_file(path, &f, err);
    *left = f.pages ? (double)f.stay / (double)f.pages : 0;
    return st;
}

/* The model, a session, and one token through all of it. */
static carat_status start(carat_local *l, const char *path, carat_err *err)
{
    carat_status st = carat_model_open(path, &l->model, err);
    if (st || (st = carat_session_open(l->model, &l->options, &l->session, err)))
        return st;
    const int32_t bos = carat_model_describe(l->model)->bos, id = bos < 0 ? 0 : bos;
    return carat_session_sync(l->session, &(carat_sync_request){.ids = &id, .n = 1}, err);
}

carat_status carat_local_reload(void *self, bool cold, double *seconds, carat_err *err)
{
    enum { PERCENT_THAT_MAY_STAY = 5 };
    carat_local *l = self;
    double left = 0;
    carat_str path = CARAT_STR_INIT;
    carat_str_puts(&path, carat_model_describe(l->model)->path);
    carat_status st = carat_str_check(&path, err);
    if (st)
        return st;
    carat_lines_close(&l->lines);
    carat_session_close(l->session);
    carat_model_close(l->model);
    l->session = NULL;
    l->model = NULL;
    l->options.sequences = 1;
    if (cold)
        st = forget_model(path.data, &left, err);
    double begin = carat_now();
    if (!st && !(st = start(l, path.data, err)))
        *seconds = left * 100 > PERCENT_THAT_MAY_STAY ? NAN : carat_now() - begin;
    carat_str_free(&path);
    return st;
}
