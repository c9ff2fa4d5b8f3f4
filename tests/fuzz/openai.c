/* Fuzz target: a stream of events in OpenAI's protocol. However it is cut, the same comes of it: texts that are read, or one line; and
 * what counts as content holds no marker of a thought.                             SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "eval/backends/openai_reply.h"
#include "eval/backends/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static carat_status on_event(void *ctx, const char *data, size_t len, carat_err *err)
{
    return carat_oai_read(ctx, data, len, err);
}

static carat_str reading(const char *data, size_t size, size_t step, bool chat)
{
    static const char *const stop[] = {"Q:"};
    const carat_question q = {
        .prompt = chat ? NULL : "", .messages = chat ? "[]" : NULL, .stop = stop, .n_stop = 1};
    carat_str out = CARAT_STR_INIT;
    carat_oai_reply r = carat_oai_reply_begin();
    carat_sse s = carat_sse_begin(on_event, &r, 1 << 16);
    carat_err err = {0};
    carat_status st = CARAT_OK;
    for (size_t at = 0; at < size && !st; at += step)
        st = carat_sse_push(&s, data + at, size - at < step ? size - at : step, &err);
    if (!st)
        st = carat_sse_finish(&s, &err);
    if (!st && !(st = carat_oai_divide(&r, &q, &err)) && r.has_content)
        must(!strstr(r.content.data, "<channel|>") && !strstr(r.content.data, "Q:"));
    if (st)
        must(*err.text && !strchr(err.text, '\n'));
    carat_str_printf(&out, "%d %s %s %d %s %s", st, err.text, r.thought.data, r.has_content, r.content.data,
                     r.finish);
    carat_sse_free(&s);
    carat_oai_reply_free(&r);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 3, 16};
    if (!size)
        return 0;
    bool chat = *data++ & 1;
    size--;
    carat_str whole = reading((const char *)data, size, size + 1, chat);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        carat_str cut = reading((const char *)data, size, steps[i], chat);
        must(cut.len == whole.len && memcmp(cut.data, whole.data, cut.len) == 0);
        carat_str_free(&cut);
    }
    carat_str_free(&whole);
    return 0;
}
