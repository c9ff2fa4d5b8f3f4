/* carat logits: ids in, logits and taps out, as a safetensors file.                 SPDX-License-Identifier: Apache-2.0
 *
 * Rows go to their place in the file as they come, so that memory does not grow with ids x vocabulary. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/tensor/safetensors.h"
#include "runtime/tool/forward.h"
#include "runtime/tool/options.h"

typedef struct args {
    carat_common common;
    const char *prompt, *ids, *ids_file, *out, *numerics, *kernels, *kv;
    int64_t batch;
    bool taps, force;
} args;

/* The file under construction. */
typedef struct sink {
    carat_arena arena;
    carat_tensor *tensors; /* input_ids, logits, then the taps */
    uint64_t *at;          /* where each begins in the file */
    size_t count;
    int fd;
    atomic_int error;   /* first errno */
    atomic_size_t rows; /* rows written, of all tensors but input_ids */
} sink;

enum { IDS, LOGITS, TAPS };

static void put(sink *s, uint64_t at, const void *data, size_t len)
{
    const char *p = data;
    while (len) {
        ssize_t n = pwrite(s->fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int none = 0;
            atomic_compare_exchange_strong(&s->error, &none, n < 0 ? errno : EIO);
            return;
        }
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
}

static void put_rows(sink *s, size_t tensor, size_t pos, size_t rows, const float *data)
{
    size_t row_bytes = s->tensors[tensor].dim[1] * sizeof *data;
    put(s, s->at[tensor] + pos * row_bytes, data, rows * row_bytes);
    atomic_fetch_add(&s->rows, rows);
}

static void on_logits(void *ctx, size_t pos, const float *logits)
{
    put_rows(ctx, LOGITS, pos, 1, logits);
}

static void on_tap(void *ctx, const char *name, size_t pos, size_t rows, size_t cols, const float *data)
{
    sink *s = ctx;
    for (size_t i = TAPS; i < s->count; i++)
        if (!strcmp(s->tensors[i].name, name) && s->tensors[i].dim[1] == cols)
            put_rows(s, i, pos, rows, data);
}

static carat_tensor plan_tensor(carat_dtype dtype, const char *name, size_t n, uint32_t cols)
{
    carat_tensor t = {.name = name, .dtype = dtype, .ndim = cols ? 2 : 1, .dim = {n, cols}};
    t.bytes = n * (cols ? cols : 1) * carat_dtype_size(dtype);
    return t;
}

static carat_status add_tensor(sink *s, const char *name, size_t n, uint32_t cols, carat_err *err)
{
    const char *kept = carat_arena_copy(&s->arena, name, strlen(name), err);
    if (!kept)
        return CARAT_ENOMEM;
    s->tensors[s->count++] = plan_tensor(CARAT_DT_F32, kept, n, cols);
    return CARAT_OK;
}

static carat_status plan_taps(sink *s, const carat_model_info *info, size_t n, carat_err *err)
{
    carat_status st = add_tensor(s, "embed", n, info->hidden, err);
    for (uint32_t i = 0; !st && i < info->layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "block.%" PRIu32, i);
        st = add_tensor(s, name, n, info->hidden, err);
        snprintf(name, sizeof name, "router.%" PRIu32, i);
        if (!st && info->experts)
            st = add_tensor(s, name, n, info->experts, err);
    }
    return st ? st : add_tensor(s, "norm", n, info->hidden, err);
}

static carat_status plan(sink *s, const carat_model_info *info, size_t n, bool taps, carat_err *err)
{
    size_t most = TAPS + (taps ? 2 * (size_t)info->layers + 2 : 0);
    s->tensors = carat_arena_alloc(&s->arena, most, sizeof *s->tensors, err);
    s->at = carat_arena_alloc(&s->arena, most, sizeof *s->at, err);
    if (!s->tensors || !s->at)
        return CARAT_ENOMEM;
    s->tensors[IDS] = plan_tensor(CARAT_DT_I64, "input_ids", n, 0);
    s->tensors[LOGITS] = plan_tensor(CARAT_DT_F32, "logits", n, info->vocab);
    s->count = TAPS;
    return taps ? plan_taps(s, info, n, err) : CARAT_OK;
}

static carat_status begin(sink *s, const char *path, const args *a, carat_err *err)
{
    const char *meta[] = {"made_by",  "carat logits " CARAT_VERSION,
                          "numerics", a->numerics ? a->numerics : "f32",
                          "kv",       a->kv ? a->kv : "auto"};
    carat_str head = CARAT_STR_INIT;
    carat_status st = carat_safetensors_header(s->tensors, s->count, meta, 3, &head, err);
    if (st)
        goto out;
    s->at[0] = head.len;
    for (size_t i = 1; i < s->count; i++)
        s->at[i] = s->at[i - 1] + s->tensors[i - 1].bytes;
    s->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (s->fd < 0)
        st = carat_fail_errno(err, "%s", path);
    else
        put(s, 0, head.data, head.len);
out:
    carat_str_free(&head);
    return st;
}

static void put_ids(sink *s, const carat_ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        int64_t id = ids->v[i];
        put(s, s->at[IDS] + i * sizeof id, &id, sizeof id);
    }
}

static carat_status finish(sink *s, size_t n, carat_err *err)
{
    size_t wanted = n * (s->count - 1), rows = atomic_load(&s->rows);
    int error = atomic_load(&s->error);
    if (close(s->fd) && !error)
        error = errno;
    s->fd = -1;
    if (error) {
        errno = error;
        return carat_fail_errno(err, "writing");
    }
    if (rows != wanted)
        return carat_fail(err, CARAT_ESUPPORT, "%zu rows came out, %zu were asked for", rows, wanted);
    return CARAT_OK;
}

static carat_status write_file(const carat_model *m, const carat_ids *ids, const args *a,
                               carat_numerics numerics, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(m);
    sink s = {.fd = -1};
    carat_output out = {0};
    carat_status st = plan(&s, info, ids->n, a->taps, err);
    if (!st)
        st = carat_output_begin(&out, a->out, NULL, a->force, err);
    if (!st)
        st = begin(&s, out.temp_path, a, err);
    if (st)
        goto out;
    put_ids(&s, ids);
    carat_forward_options fo = {numerics, a->kernels, a->common.threads, a->batch, CARAT_KV_AUTO};
    if ((st = carat_kv_parse(a->kv, &fo.kv, err)))
        goto out;
    carat_sync_request r = {
        .ids = ids->v, .n = ids->n, .logits = on_logits, .tap = a->taps ? on_tap : NULL, .ctx = &s};
    st = carat_forward(m, &fo, &r, err);
    if (st)
        goto out;
    st = finish(&s, ids->n, err);
    if (st)
        carat_fail_in(err, st, a->out);
    else
        st = carat_output_commit(&out, err);
out:
    if (s.fd >= 0)
        close(s.fd);
    carat_output_abort(&out);
    carat_arena_free(&s.arena);
    return st;
}

static carat_status encode(const carat_model *m, const char *text, carat_ids *ids, carat_err *err)
{
    const carat_model_info *info = carat_model_describe(m);
    carat_tokenizer *t = NULL;
    int32_t *v = NULL;
    size_t n = 0;
    carat_status st = carat_tokenizer_open(info->path, &t, err);
    if (!st)
        st = carat_encode(t, text, strlen(text), 0, &v, &n, err);
    if (!st && info->bos >= 0)
        st = carat_ids_append(ids, &info->bos, 1, err);
    if (!st)
        st = carat_ids_append(ids, v, n, err);
    carat_release(v);
    carat_tokenizer_close(t);
    return st;
}

/* A file may also hold a JSON array: its brackets become blanks. */
static carat_status read_ids(const char *path, carat_ids *ids, carat_err *err)
{
    char *text;
    size_t len;
    carat_status st = carat_read_file(path, (size_t)64 << 20, &text, &len, err);
    if (st)
        return st;
    size_t begin = strspn(text, " \t\r\n");
    while (len > begin && strchr(" \t\r\n", text[len - 1]))
        text[--len] = 0;
    if (len - begin >= 2 && text[begin] == '[' && text[len - 1] == ']') {
        text[begin++] = ' ';
        text[len - 1] = 0;
    }
    st = carat_ids_parse(text + begin, &ids->v, &ids->n, err);
    free(text);
    return st ? carat_fail_in(err, CARAT_EFORMAT, path) : CARAT_OK;
}

static carat_status gather_ids(const args *a, const carat_model *m, carat_ids *ids, carat_err *err)
{
    if (a->prompt)
        return encode(m, a->prompt, ids, err);
    return a->ids ? carat_ids_parse(a->ids, &ids->v, &ids->n, err) : read_ids(a->ids_file, ids, err);
}

static carat_status check(const args *a, carat_numerics *numerics, carat_err *err)
{
    if (!!a->prompt + !!a->ids + !!a->ids_file != 1)
        return carat_fail(err, CARAT_EUSAGE, "logits needs one of -p TEXT, --ids and --ids-file");
    if (!a->out)
        return carat_fail(err, CARAT_EUSAGE, "logits needs -o OUT.safetensors");
    return carat_numerics_parse(a->numerics, CARAT_F32, numerics, err);
}

static int run(const void *p, carat_err *err)
{
    const args *a = p;
    carat_numerics numerics = CARAT_F32;
    carat_model *m = NULL;
    carat_ids ids = {0};
    carat_status st = check(a, &numerics, err);
    if (!st)
        st = carat_model_open(a->common.pos[0], &m, err);
    if (!st)
        st = carat_output_spares(a->out, carat_model_describe(m)->path, err);
    if (!st)
        st = gather_ids(a, m, &ids, err);
    if (!st)
        st = carat_ids_check(&ids, carat_model_describe(m)->vocab, err);
    if (!st)
        st = write_file(m, &ids, a, numerics, err);
    if (!st)
        carat_note(&a->common.talk, "%s: %zu ids, %s numerics", a->out, ids.n, carat_numerics_name(numerics));
    carat_ids_free(&ids);
    carat_model_close(m);
    return carat_cmd_exit(st, err);
}

static const carat_opt options[] = {
    {"prompt", 'p', CARAT_OPT_TEXT, offsetof(args, prompt), "TEXT", "raw text; BOS is put in front"},
    {"ids", 0, CARAT_OPT_TEXT, offsetof(args, ids), "IDS", "ids as they are: 2,17,9"},
    {"ids-file", 0, CARAT_OPT_TEXT, offsetof(args, ids_file), "FILE",
     "ids from a file: separated by blanks, or a JSON array"},
    {"out", 'o', CARAT_OPT_TEXT, offsetof(args, out), "FILE", "the safetensors file to write"},
    {"taps", 0, CARAT_OPT_FLAG, offsetof(args, taps), NULL, "also embed, block.0 ..., norm"},
    {"numerics", 0, CARAT_OPT_TEXT, offsetof(args, numerics), "NAME", "f32 (default), bf16 or int8"},
    {"kv", 0, CARAT_OPT_TEXT, offsetof(args, kv), "TYPE",
     "K and V as f32, bf16, f16 or int8 (default: f32; bf16 and f16 in bf16 and int8 numerics)"},
    {"kernels", 0, CARAT_OPT_TEXT, offsetof(args, kernels), "NAME",
     "auto (default), ref, or a name of `carat list kernels`"},
    {"batch", 0, CARAT_OPT_INT, offsetof(args, batch), "N",
     "ids per pass (default 512); changes no bit of the result"},
    {"force", 0, CARAT_OPT_FLAG, offsetof(args, force), NULL, "replace an existing file"},
    {0},
};

const carat_cmd carat_cmd_logits = {
    .name = "logits",
    .summary = "write the logits (and the residual stream) of given ids",
    .usage = "MODEL (-p TEXT | --ids IDS | --ids-file FILE) -o OUT.safetensors [--taps]",
    .detail = "OUT holds input_ids I64 [n] and logits F32 [n, vocab] (after the soft-cap); with --taps also "
              "F32 [n, hidden]\n"
              "embed, block.0 ... block.L-1 (the residual stream behind each block) and norm (after the "
              "final norm);\n"
              "of a mixture of experts also F32 [n, experts] router.0 ...: what each expert's output is "
              "weighted with,\n"
              "0 where it was not chosen.",
    .example = "$ carat logits tests/golden/e2b --ids 2,17,9 --taps -o out.safetensors",
    .options = options,
    .args_size = sizeof(args),
    .npos_min = 1,
    .npos_max = 1,
    .run = run,
};
