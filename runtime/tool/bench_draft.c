/* Decoding with a drafter, measured: what `carat bench --draft` adds (bench_draft.h).   SPDX-License-Identifier: Apache-2.0
 *
 * How often drafts are right depends on the text: random ids tell what drafting costs, a text (--text) what it gives. Both
 * replies are greedy and run one after the other on the same prompt, so that the machine's mood falls on both. */
#include "runtime/tool/bench_draft.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"

enum { TEXT_MOST = 64 << 20 };

static carat_status read_text(const carat_model *m, const char *path, carat_bench_draft *out, carat_err *err)
{
    carat_tokenizer *t = NULL;
    char *text = NULL;
    size_t len = 0;
    carat_status st = carat_tokenizer_open(carat_model_describe(m)->path, &t, err);
    if (!st && !(st = carat_read_file(path, TEXT_MOST, &text, &len, err)))
        st = carat_encode(t, text, len, 0, &out->text, &out->n_text, err);
    if (!st && !out->n_text)
        st = carat_fail(err, CARAT_EFORMAT, "%s: no text in it", path);
    free(text);
    carat_tokenizer_close(t);
    return st;
}

carat_status carat_bench_draft_open(carat_session *s, const carat_model *m, const char *assistant,
                                    const char *text, carat_bench_draft *out, carat_err *err)
{
    carat_status st = carat_model_open(assistant, &out->assistant, err);
    if (!st)
        st = carat_draft_open(s, out->assistant, 0, &out->draft, err);
    return st || !text ? st : read_text(m, text, out, err);
}

void carat_bench_draft_close(carat_bench_draft *d)
{
    carat_draft_close(d->draft);
    carat_model_close(d->assistant);
    carat_release(d->text);
    *d = (carat_bench_draft){0};
}

void carat_bench_draft_prompt(const carat_bench_draft *d, const carat_model *m, size_t rep, int32_t *ids,
                              size_t n)
{
    int32_t bos = carat_model_describe(m)->bos;
    for (size_t i = 0; d->text && i < n; i++)
        ids[i] = i == 0 && bos >= 0 ? bos : d->text[(rep * n + i) % d->n_text];
}

/* What a greedy reply holds, and the seconds that its ids behind the first took. */
typedef struct reply {
    int32_t *ids;
    double seconds;
} reply;

static carat_status write_reply(carat_session *s, const carat_generate_options *o, const int32_t *prompt,
                                size_t n, reply *out, carat_err *err)
{
    carat_generation *g = NULL;
    size_t unfinished = 1;
    carat_status st = carat_generation_open(s, o, prompt, n, &g, err);
    while (!st && unfinished && !(st = carat_generation_step(&g, 1, &unfinished, err)))
        if (carat_interrupted())
            st = carat_fail(err, CARAT_EINTR, "interrupted");
    if (!st) {
        const carat_generated *r = carat_generation_result(g);
        out->seconds = r->decode_s;
        memcpy(out->ids, r->ids, r->n * sizeof *out->ids);
        if (r->n != o->max_new)
            st = carat_fail(err, CARAT_EUSAGE, "a reply of %zu tokens instead of %zu", r->n, o->max_new);
    }
    carat_generation_close(g);
    return st;
}

carat_status carat_bench_draft_run(const carat_bench_draft *d, carat_session *s, const int32_t *prompt,
                                   size_t n, size_t tokens, carat_drafted *out, carat_err *err)
{
    int32_t *ids = carat_alloc(2 * tokens, sizeof *ids, err);
    if (!ids)
        return CARAT_ENOMEM;
    carat_draft_stats before = carat_draft_report(d->draft), after;
    carat_generate_options o = {.max_new = tokens, .ignore_eos = true};
    reply plain = {.ids = ids}, drafted = {.ids = ids + tokens};
    carat_status st = write_reply(s, &o, prompt, n, &plain, err);
    o.draft = d->draft;
    if (!st)
        st = write_reply(s, &o, prompt, n, &drafted, err);
    out->plain_seconds = plain.seconds;
    out->seconds = drafted.seconds;
    for (size_t i = 0; i < tokens && !st; i++)
        if (ids[i] != ids[tokens + i])
            st = carat_fail(err, CARAT_EFORMAT,
                            "token %zu is %d without and %d with the drafter: a fault of carat", i, ids[i],
                            ids[tokens + i]);
    after = carat_draft_report(d->draft);
    out->rounds = after.rounds + after.plain - before.rounds - before.plain;
    out->drafted = after.drafted - before.drafted;
    out->right = after.accepted - before.accepted;
    carat_free(ids);
    return st;
}
