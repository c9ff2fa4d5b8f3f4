/* Added tokens ("<bos>", "<|turn>") found literally in a text, before anything else.   SPDX-License-Identifier: Apache-2.0
 *
 * Leftmost, and the longest of those that begin there, as Hugging Face's AddedVocabulary. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/tokenizer.h"

enum { MAX_LEN = 512 /* bytes of an added token: bounds the work per place in the text */ };

static unsigned two(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void begin_with(carat_finder *f, carat_span token)
{
    for (unsigned second = 0; second < 256; second++) {
        unsigned pair = (unsigned)(unsigned char)token.data[0] << 8 | second;
        if (token.len == 1 || pair == two(token.data))
            f->begins[pair / 64] |= UINT64_C(1) << pair % 64;
    }
}

carat_status carat_finder_add(carat_finder *f, carat_span token, bool special, carat_err *err)
{
    if (token.len == 0 || token.len > MAX_LEN)
        return carat_fail(err, CARAT_ESUPPORT, "an added token of %zu bytes; carat takes 1 to %d", token.len,
                          MAX_LEN);
    if (!f->begins && !(f->begins = carat_alloc(65536 / 64, sizeof *f->begins, err)))
        return CARAT_ENOMEM;
    begin_with(f, token);
    f->ordinary |= !special;
    size_t at = 0;
    while (at < f->lens && f->len[at] > token.len)
        at++;
    if (at < f->lens && f->len[at] == token.len)
        return CARAT_OK;
    carat_status st = carat_grow((void **)&f->len, &f->len_cap, f->lens + 1, sizeof *f->len, err);
    if (st)
        return st;
    memmove(f->len + at + 1, f->len + at, (f->lens - at) * sizeof *f->len);
    f->len[at] = (uint32_t)token.len;
    f->lens++;
    return CARAT_OK;
}

/* The length of the added token that begins at p, or 0. */
static size_t begins_here(const carat_tokenizer *t, const char *p, const char *end, uint32_t *id)
{
    const carat_finder *f = &t->finder;
    for (size_t i = 0; i < f->lens; i++) {
        if (f->len[i] > (size_t)(end - p))
            continue;
        int32_t found = carat_vocab_find(&t->vocab, (carat_span){p, f->len[i]});
        if (found >= 0 && t->trait[found]) {
            *id = (uint32_t)found;
            return f->len[i];
        }
    }
    return 0;
}

const char *carat_finder_next(const carat_tokenizer *t, const char *p, const char *end, bool plain,
                              uint32_t *id)
{
    const carat_finder *f = &t->finder;
    if (!f->begins || (plain && !f->ordinary))
        return end;
    for (size_t step; p < end; p += step) {
        unsigned pair = p + 1 < end ? two(p) : 0;
        bool may = p + 1 == end || (f->begins[pair / 64] >> pair % 64 & 1);
        size_t len = may ? begins_here(t, p, end, id) : 0;
        if (len && !(plain && (t->trait[*id] & CARAT_TRAIT_SPECIAL)))
            return p;
        step = len ? len : 1;
    }
    return end;
}

void carat_finder_free(carat_finder *f)
{
    carat_free(f->begins);
    carat_free(f->len);
    *f = (carat_finder){0};
}
