/* Ids -> text, whole and one by one.                                              SPDX-License-Identifier: Apache-2.0
 *
 * As Hugging Face's decoder Sequence[Replace("▁", " "), ByteFallback, Fuse]: a maximal run of byte pieces is one text if it is
 * well-formed UTF-8, and U+FFFD for every byte otherwise. Skipped special tokens do not end a run. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/tokenizer.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

/* The length of the well-formed beginning of s. */
static size_t well_formed(const char *s, size_t len)
{
    size_t at = 0;
    uint32_t cp;
    int skip;
    for (int n; at < len; at += (size_t)n)
        if (!(n = carat_utf8_get(s + at, s + len, &cp, &skip)))
            break;
    return at;
}

static carat_status check_id(const carat_tokenizer *t, int32_t id, carat_err *err)
{
    if (id >= 0 && (size_t)id < t->vocab.size)
        return CARAT_OK;
    return carat_fail(err, CARAT_EFORMAT, "id %" PRId32 " is outside of the vocabulary, 0..%zu", id,
                      t->vocab.size - 1);
}

static bool skipped(const carat_tokenizer *t, int32_t id, int flags)
{
    return (flags & CARAT_DECODE_SKIP_SPECIAL) && (t->trait[id] & CARAT_TRAIT_SPECIAL);
}

static void put_piece(const carat_tokenizer *t, int32_t id, carat_str *out)
{
    carat_span s = carat_vocab_piece(&t->vocab, (uint32_t)id);
    const char *p = s.data, *end = s.data + s.len;
    while (t->unmark_spaces && p < end) {
        const char *mark = memmem(p, (size_t)(end - p), "\xe2\x96\x81", 3);
        if (!mark)
            break;
        carat_str_add(out, p, (size_t)(mark - p));
        carat_str_putc(out, ' ');
        p = mark + 3;
    }
    carat_str_add(out, p, (size_t)(end - p));
}

/* Puts a run of bytes that has ended, and empties it. */
static void put_run(carat_str *run, carat_str *out)
{
    if (well_formed(run->data, run->len) == run->len) {
        carat_str_add(out, run->data, run->len);
    } else {
        for (size_t i = 0; i < run->len; i++)
            carat_str_puts(out, REPLACEMENT);
    }
    carat_str_clear(run);
}

carat_status carat_decode(const carat_tokenizer *t, const int32_t *ids, size_t n, int flags, char **text,
                          size_t *len, carat_err *err)
{
    carat_str out = CARAT_STR_INIT, run = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        st = check_id(t, ids[i], err);
        if (st || skipped(t, ids[i], flags))
            continue;
        if (t->byte[ids[i]] >= 0) {
            carat_str_putc(&run, (char)t->byte[ids[i]]);
        } else {
            put_run(&run, &out);
            put_piece(t, ids[i], &out);
        }
    }
    put_run(&run, &out);
    if (!st)
        st = carat_str_check(&run, err);
    if (!st)
        st = carat_str_check(&out, err);
    size_t bytes = out.len;
    char *taken = st ? NULL : carat_str_take(&out);
    if (!st && !taken)
        st = carat_fail(err, CARAT_ENOMEM, "out of memory: %zu bytes of text", bytes);
    if (!st) {
        *text = taken;
        *len = bytes;
    }
    carat_str_free(&run);
    carat_str_free(&out);
    return st;
}

/* ---- one by one ------------------------------------------------------------------------------------------------- */

/* Text goes out as soon as it does not end with U+FFFD, as in Hugging Face's DecodeStream: that character may stand for
 * bytes that become a character with the next id. A run of bytes goes out while it is well-formed; if a later byte spoils the run
 * (there DecodeStream gives up), only what has not gone out becomes U+FFFD. */
struct carat_stream {
    const carat_tokenizer *t;
    int flags;
    carat_str run;  /* bytes of the run that have not gone out */
    size_t good;    /* of them, this many are whole characters */
    bool spoiled;   /* no byte to come can make the run well-formed */
    carat_str held; /* text before the run that has not gone out */
    carat_str out;  /* what the last push returned */
};

carat_status carat_stream_open(const carat_tokenizer *t, int flags, carat_stream **out, carat_err *err)
{
    carat_stream *s = carat_alloc(1, sizeof *s, err);
    if (!s)
        return CARAT_ENOMEM;
    *s = (carat_stream){t, flags, CARAT_STR_INIT, 0, false, CARAT_STR_INIT, CARAT_STR_INIT};
    *out = s;
    return CARAT_OK;
}

void carat_stream_close(carat_stream *s)
{
    if (!s)
        return;
    carat_str_free(&s->run);
    carat_str_free(&s->held);
    carat_str_free(&s->out);
    carat_free(s);
}

static bool ends_open(const carat_str *s)
{
    return s->len >= 3 && memcmp(s->data + s->len - 3, REPLACEMENT, 3) == 0;
}

/* True if the text so far can go out. */
static bool push_byte(carat_stream *s, char byte)
{
    carat_str_putc(&s->run, byte);
    if (s->spoiled)
        return false;
    s->good += well_formed(s->run.data + s->good, s->run.len - s->good);
    s->spoiled = s->run.len - s->good > 3;
    return s->good == s->run.len && !ends_open(&s->run);
}

static bool push_piece(carat_stream *s, int32_t id)
{
    put_run(&s->run, &s->held);
    s->good = 0;
    s->spoiled = false;
    put_piece(s->t, id, &s->held);
    return !ends_open(&s->held);
}

carat_status carat_stream_push(carat_stream *s, int32_t id, const char **text, size_t *len, carat_err *err)
{
    carat_status st = check_id(s->t, id, err);
    if (st)
        return st;
    carat_str_clear(&s->out);
    if (!skipped(s->t, id, s->flags)) {
        bool ready = s->t->byte[id] >= 0 ? push_byte(s, (char)s->t->byte[id]) : push_piece(s, id);
        if (ready) {
            carat_str_add(&s->out, s->held.data, s->held.len);
            carat_str_add(&s->out, s->run.data, s->run.len);
            carat_str_clear(&s->held);
            carat_str_clear(&s->run);
            s->good = 0;
        }
    }
    s->out.failed |= s->held.failed || s->run.failed;
    st = carat_str_check(&s->out, err);
    if (!st) {
        *text = s->out.data;
        *len = s->out.len;
    }
    return st;
}
