/* carat run: a prompt in, text or ids out.                                         SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/tool/options.h"

struct args {
    carat_common common;
    const char *prompt, *prompt_ids, *system, *numerics, *kernels;
    int64_t max_new, context, batch, top_k;
    double temperature, top_p;
    bool raw, ignore_eos, ids;
};

static const struct args defaults = {.max_new = 512, .top_k = -1, .temperature = -1, .top_p = -1};

/* What one run holds. */
struct run {
    const struct args *a;
    carat_model *model;
    carat_tokenizer *tokenizer;
    carat_session *session;
    carat_stream *stream;
    int32_t *ids; /* prompt, then what was generated: [n_prompt + max_new] */
    size_t n_prompt, n;
    const char *finish;
    carat_choice *scratch;
};

static bool is_stop(const carat_model_info *info, int32_t id)
{
    for (size_t i = 0; i < info->n_eos; i++)
        if (info->eos[i] == id)
            return true;
    return false;
}

/* Text of the prompt -> ids: BOS in front of raw text, else the chat framing (which writes its own). */
static carat_status encode(struct run *r, int32_t **ids, size_t *n, carat_err *err)
{
    const struct args *a = r->a;
    const carat_model_info *info = carat_model_describe(r->model);
    if (a->raw) {
        carat_status st = carat_encode(r->tokenizer, a->prompt, strlen(a->prompt), 0, ids, n, err);
        if (st || info->bos < 0)
            return st;
        int32_t *with = NULL;
        size_t cap = 0;
        if (!(st = carat_grow((void **)&with, &cap, *n + 1, sizeof *with, err))) {
            with[0] = info->bos;
            memcpy(with + 1, *ids, *n * sizeof *with);
        }
        carat_release(*ids);
        *ids = with;
        *n += 1;
        return st;
    }
    char *framed;
    bool large = strcmp(info->family, "31B") == 0 || strcmp(info->family, "26B-A4B") == 0 ||
                 strcmp(info->family, "12B") == 0;
    carat_status st = carat_chat_frame(a->system, a->prompt, large, &framed, err);
    if (st)
        return st;
    st = carat_encode(r->tokenizer, framed, strlen(framed), 0, ids, n, err);
    carat_release(framed);
    return st;
}

static carat_status read_prompt(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    int32_t *ids = NULL;
    size_t n = 0;
    if (!a->prompt == !a->prompt_ids)
        return carat_fail(err, CARAT_EUSAGE, "give either -p TEXT or --prompt-ids LIST");
    if (a->max_new < 1 || a->max_new > 1 << 20)
        return carat_fail(err, CARAT_EUSAGE, "-n %" PRId64 ": from 1 to %d", a->max_new, 1 << 20);
    carat_status st = CARAT_OK;
    if (a->prompt || !a->ids)
        st = carat_tokenizer_open(carat_model_describe(r->model)->path, &r->tokenizer, err);
    if (!st)
        st = a->prompt ? encode(r, &ids, &n, err) : carat_ids_parse(a->prompt_ids, &ids, &n, err);
    if (st)
        return st;
    r->ids = carat_alloc(n + (size_t)a->max_new, sizeof *r->ids, err);
    if (r->ids && n)
        memcpy(r->ids, ids, n * sizeof *ids);
    carat_release(ids); /* malloc'ed, whoever made them */
    r->n = r->n_prompt = n;
    return r->ids ? CARAT_OK : CARAT_ENOMEM;
}

static carat_status open_session(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    const carat_model_info *info = carat_model_describe(r->model);
    carat_session_options o = {
        .threads = (uint32_t)a->common.threads, .kernels = a->kernels, .batch = (uint32_t)a->batch};
    carat_status st = carat_numerics_parse(a->numerics, info->packed ? CARAT_INT8 : CARAT_F32, &o.numerics,
                                           err);
    if (st)
        return st;
    uint64_t room = a->context > 0 ? (uint64_t)a->context : r->n_prompt + (uint64_t)a->max_new;
    if (room > info->context_max && a->context <= 0)
        room = info->context_max;
    if (room > UINT32_MAX)
        return carat_fail(err, CARAT_EUSAGE, "--context %" PRIu64 ": too large", room);
    o.context = (uint32_t)room;
    carat_plan plan;
    if ((st = carat_session_price(r->model, &o, &plan, err)))
        return st;
    char kv[16], scratch[16], weights[16];
    carat_format_bytes(plan.weights, weights);
    carat_format_bytes(plan.kv, kv);
    carat_format_bytes(plan.scratch, scratch);
    carat_debug(&a->common.talk,
                "memory: weights %s (mapped), KV cache %s for %" PRIu32 " positions, scratch %s", weights, kv,
                o.context, scratch);
    if (!(st = carat_session_open(r->model, &o, &r->session, err)))
        carat_debug(&a->common.talk, "kernels %s, numerics %s", carat_session_kernels(r->session),
                    carat_numerics_name(o.numerics));
    return st;
}

static carat_sampler sampler_of(const struct run *r)
{
    const struct args *a = r->a;
    carat_sampler p = carat_model_sampler(r->model);
    if (a->temperature >= 0)
        p.temperature = a->temperature;
    if (a->top_k >= 0)
        p.top_k = (uint32_t)a->top_k;
    if (a->top_p >= 0)
        p.top_p = a->top_p;
    p.seed = (uint64_t)a->common.seed;
    return p;
}

static carat_status emit(struct run *r, int32_t id, carat_err *err)
{
    const char *text;
    size_t len;
    if (!r->stream)
        return CARAT_OK;
    carat_status st = carat_stream_push(r->stream, id, &text, &len, err);
    if (!st && len) {
        fwrite(text, 1, len, stdout);
        fflush(stdout);
    }
    return st;
}

static carat_status generate(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    const carat_model_info *info = carat_model_describe(r->model);
    carat_sampler p = sampler_of(r);
    size_t end = r->n_prompt + (size_t)a->max_new;
    r->finish = "length";
    while (r->n < end) {
        if (carat_interrupted())
            return carat_fail(err, CARAT_EINTR, "interrupted after %zu tokens", r->n - r->n_prompt);
        carat_sync_request q = {.ids = r->ids, .n = r->n, .logits_from = r->n - 1};
        carat_step next = {.ids = r->ids + r->n - 1, .n = 1};
        carat_status st = r->n == r->n_prompt ? carat_session_sync(r->session, &q, err)
                                              : carat_session_step(r->session, &next, 1, err);
        if (st)
            return st;
        carat_history h = {r->ids, r->n_prompt, r->n};
        int32_t id = carat_sample(&p, &h, carat_session_logits(r->session), info->vocab, r->n - r->n_prompt,
                                  r->scratch);
        r->ids[r->n++] = id;
        if (!a->ignore_eos && is_stop(info, id)) {
            r->finish = "stop";
            break;
        }
        if ((st = emit(r, id, err)))
            return st;
    }
    return CARAT_OK;
}

static void print_ids(const struct run *r)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);
    carat_jw_open(&w, '{');
    for (int part = 0; part < 2; part++) {
        carat_jw_key(&w, part ? "ids" : "prompt");
        carat_jw_open(&w, '[');
        for (size_t i = part ? r->n_prompt : 0; i < (part ? r->n : r->n_prompt); i++)
            carat_jw_i64(&w, r->ids[i]);
        carat_jw_close(&w);
    }
    carat_jw_key(&w, "finish");
    carat_jw_text(&w, r->finish);
    carat_jw_close(&w);
    puts(s.data);
    carat_str_free(&s);
}

static carat_status check_sampling(const struct args *a, carat_err *err)
{
    if (!isfinite(a->temperature) || a->temperature > 100)
        return carat_fail(err, CARAT_EUSAGE, "--temperature %g: from 0 to 100", a->temperature);
    if (a->top_k > 1 << 20 || a->top_p > 1 || isnan(a->top_p))
        return carat_fail(err, CARAT_EUSAGE, "--top-k %" PRId64 ", --top-p %g: at most %d and 1", a->top_k,
                          a->top_p, 1 << 20);
    if (a->context < 0 || a->context > UINT32_MAX || a->batch < 0 || a->batch > UINT32_MAX)
        return carat_fail(err, CARAT_EUSAGE, "--context %" PRId64 ", --batch %" PRId64 ": out of range",
                          a->context, a->batch);
    return CARAT_OK;
}

static carat_status run_model(struct run *r, carat_err *err)
{
    const struct args *a = r->a;
    carat_status st = check_sampling(a, err);
    if (st || (st = carat_model_open(a->common.pos[0], &r->model, err)) || (st = read_prompt(r, err)) ||
        (st = open_session(r, err)))
        return st;
    r->scratch = carat_alloc(carat_model_describe(r->model)->vocab, sizeof *r->scratch, err);
    if (!r->scratch)
        return CARAT_ENOMEM;
    if (!a->ids && (st = carat_stream_open(r->tokenizer, CARAT_DECODE_SKIP_SPECIAL, &r->stream, err)))
        return st;
    if ((st = generate(r, err)))
        return st;
    if (a->ids)
        print_ids(r);
    else
        putchar('\n');
    return CARAT_OK;
}

static int run(const void *args, carat_err *err)
{
    struct run r = {.a = args};
    carat_status st = run_model(&r, err);
    carat_stream_close(r.stream);
    carat_session_close(r.session);
    carat_tokenizer_close(r.tokenizer);
    carat_model_close(r.model);
    carat_free(r.ids);
    carat_free(r.scratch);
    return carat_cmd_exit(st, err);
}

#define AT(field) offsetof(struct args, field)
static const carat_opt options[] = {
    {"prompt", 'p', CARAT_OPT_TEXT, AT(prompt), "TEXT", "the user's turn (with --raw: the text itself)"},
    {"prompt-ids", 0, CARAT_OPT_TEXT, AT(prompt_ids), "LIST", "token ids instead of text: 2,17,9"},
    {"predict", 'n', CARAT_OPT_INT, AT(max_new), "MAX", "generate at most MAX tokens (512)"},
    {"raw", 0, CARAT_OPT_FLAG, AT(raw), NULL, "no chat framing: BOS and the text as it is"},
    {"system", 0, CARAT_OPT_TEXT, AT(system), "TEXT", "a system turn in front"},
    {"ids", 0, CARAT_OPT_FLAG, AT(ids), NULL,
     "print {\"prompt\", \"ids\", \"finish\"}; a stop token is the last of the ids"},
    {"ignore-eos", 0, CARAT_OPT_FLAG, AT(ignore_eos), NULL, "go on behind a stop token"},
    {"temperature", 0, CARAT_OPT_NUM, AT(temperature), "T", "0 is greedy (default: generation_config.json)"},
    {"top-k", 0, CARAT_OPT_INT, AT(top_k), "K", "draw from the K likeliest; 0 is off"},
    {"top-p", 0, CARAT_OPT_NUM, AT(top_p), "P", "draw from the smallest set of mass P; 1 is off"},
    {"numerics", 0, CARAT_OPT_TEXT, AT(numerics), "NAME",
     "f32, bf16 or int8 (default: int8 on packed weights, else f32)"},
    {"kernels", 0, CARAT_OPT_TEXT, AT(kernels), "NAME", "auto, or a name of `carat list kernels`"},
    {"context", 'c', CARAT_OPT_INT, AT(context), "N",
     "positions to make room for (default: what this run needs)"},
    {"batch", 'b', CARAT_OPT_INT, AT(batch), "N", "prompt tokens per pass (512)"},
    {0},
};

const carat_cmd carat_cmd_run = {
    .name = "run",
    .summary = "complete a prompt",
    .usage = "MODEL (-p TEXT | --prompt-ids LIST) [options]",
    .detail = "Text is printed as it is generated. Sampling follows the checkpoint's generation_config.json "
              "unless options say\n"
              "otherwise; the same seed gives the same text for any number of threads.",
    .example = "$ carat run gemma-4-E2B-it -p 'Name three primes.' --temperature 0 -n 64",
    .options = options,
    .args_size = sizeof(struct args),
    .npos_min = 1,
    .npos_max = 1,
    .defaults = &defaults,
    .run = run,
};
