/* Opening and closing a tokenizer, and what it says of itself.                    SPDX-License-Identifier: Apache-2.0 */
#include "runtime/text/tokenizer.h"

#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"

carat_status carat_tokenizer_parse(const char *text, size_t len, carat_tokenizer **out, carat_err *err)
{
    carat_tokenizer *t = carat_alloc(1, sizeof *t, err);
    if (!t)
        return CARAT_ENOMEM;
    t->vocab = (carat_vocab)CARAT_VOCAB_INIT;
    carat_status st = carat_tokenizer_load(t, text, len, err);
    if (st)
        carat_tokenizer_close(t);
    else
        *out = t;
    return st;
}

carat_status carat_tokenizer_open(const char *path, carat_tokenizer **out, carat_err *err)
{
    carat_str file = CARAT_STR_INIT;
    carat_map map = {NULL, 0};
    if (carat_is_dir(path))
        carat_path_join(&file, path, "tokenizer.json");
    else
        carat_str_puts(&file, path);
    carat_status st = carat_str_check(&file, err);
    if (!st)
        st = carat_map_open(file.data, &map, err);
    if (!st && (st = carat_tokenizer_parse(map.size ? (const char *)map.data : "", map.size, out, err)))
        carat_fail_in(err, st, file.data);
    carat_map_close(&map);
    carat_str_free(&file);
    return st;
}

void carat_tokenizer_close(carat_tokenizer *t)
{
    if (!t)
        return;
    carat_vocab_free(&t->vocab);
    carat_merges_free(&t->merges);
    carat_free(t->single);
    carat_free(t->trait);
    carat_free(t->byte);
    carat_finder_free(&t->finder);
    carat_free(t);
}

uint32_t carat_tokenizer_size(const carat_tokenizer *t)
{
    return (uint32_t)t->vocab.size;
}

int32_t carat_tokenizer_id(const carat_tokenizer *t, const char *piece)
{
    return carat_vocab_find(&t->vocab, (carat_span){piece, strlen(piece)});
}
