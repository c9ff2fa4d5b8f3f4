/* Fuzz target: a tokenizer.json. Whatever is accepted encodes any bytes, and decodes to them (well-formed text without U+2581, which
 * is a space).                                                         SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* The ids of whatever bytes are ids, and say the same text one by one as together. */
static void round_trip(const carat_tokenizer *t, const char *text, size_t len, int flags)
{
    int32_t *ids;
    char *back;
    size_t n, back_len;
    carat_stream *stream;
    carat_err err = {0};
    must(carat_encode(t, text, len, flags, &ids, &n, &err) == CARAT_OK);
    must(n <= 4 * len);
    must(carat_decode(t, ids, n, 0, &back, &back_len, &err) == CARAT_OK);
    must(carat_stream_open(t, 0, &stream, &err) == CARAT_OK);
    for (size_t i = 0; i < n; i++) {
        const char *piece;
        size_t piece_len;
        must(ids[i] >= 0 && (uint32_t)ids[i] < carat_tokenizer_size(t));
        must(carat_stream_push(stream, ids[i], &piece, &piece_len, &err) == CARAT_OK);
        must(strlen(piece) <= piece_len);
    }
    carat_stream_close(stream);
    carat_release(back);
    carat_release(ids);
}

static void check(const carat_tokenizer *t, const char *data, size_t size)
{
    static const char *const texts[] = {"",
                                        "Hello, world",
                                        "<bos> a  b\n\n\n",
                                        "> </",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "\xe2\x96\x81\xff\xf0\x9f\x98\x80\xe2\x96",
                                        "<0x0A><|turn>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int flags = 0; flags < 2; flags++)
            round_trip(t, texts[i], strlen(texts[i]), flags);
    round_trip(t, data, size < 4096 ? size : 4096, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    carat_tokenizer *t = NULL;
    carat_err err = {0};
    if (carat_tokenizer_parse((const char *)data, size, &t, &err) == CARAT_OK)
        check(t, (const char *)data, size);
    else
        must(!t && *err.text && !strchr(err.text, '\n'));
    carat_tokenizer_close(t);
    return 0;
}
