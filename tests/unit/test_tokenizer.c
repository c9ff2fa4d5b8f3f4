/* The tokenizer: cases that Hugging Face tokenizers answered, what it must refuse, and long runs.   SPDX-License-Identifier: Apache-2.0
 *
 * The cases of tests/text come with the small tokenizer beside them (tests/text/make-tokenizer). Where ../shared is there, the
 * samples of Gemma's own tokenizer.json are answered too. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/base/util.h"
#include "runtime/text/tokenizer.h"

static char *path_of(const char *name)
{
    const char *root = getenv("ROOT");
    carat_str s = CARAT_STR_INIT;
    carat_path_join(&s, root ? root : ".", name);
    return carat_str_take(&s);
}

static char *read_text(const char *path, size_t *len)
{
    char *text;
    carat_err err = {0};
    if (carat_read_file(path, SIZE_MAX / 2, &text, len, &err))
        fail_msg("%s", err.text);
    return text;
}

static carat_tokenizer *open_small(void)
{
    char *path = path_of("tests/text/tokenizer.json");
    carat_tokenizer *t = NULL;
    carat_err err = {0};
    if (carat_tokenizer_open(path, &t, &err))
        fail_msg("%s", err.text);
    free(path);
    return t;
}

/* ---- one case = one line of JSON ------------------------------------------------------------------------------------ */

typedef struct fields {
    carat_span kind, text, ids, ids_plain, decoded, bytes, skip_text, chunks,
        skip; /* JSON values; data NULL: absent */
} fields;

static fields read_fields(const char *line, size_t len)
{
    static const char *const name[] = {
        "kind",   "text",        "ids", "ids_plain", "decoded", "bytes", "text_skip_special",
        "chunks", "skip_special"};
    fields f = {0};
    carat_span *at[] = {&f.kind,  &f.text,      &f.ids,    &f.ids_plain, &f.decoded,
                        &f.bytes, &f.skip_text, &f.chunks, &f.skip};
    carat_str buffer = CARAT_STR_INIT;
    carat_scan s = carat_scan_begin(line, len);
    for (bool more = carat_scan_open(&s, '{'); more; more = carat_scan_more(&s, '}')) {
        carat_span key, value;
        assert_true(carat_scan_key(&s, &buffer, &key));
        bool known = false;
        for (size_t i = 0; i < sizeof name / sizeof *name; i++)
            if (carat_span_is(key, name[i])) {
                assert_true(carat_scan_skip(&s, at[i]));
                known = true;
            }
        if (!known)
            assert_true(carat_scan_skip(&s, &value));
    }
    assert_null(s.wrong);
    carat_str_free(&buffer);
    return f;
}

static carat_span read_string(carat_span json, carat_str *buffer)
{
    carat_span out = {"", 0};
    carat_scan s = carat_scan_begin(json.data, json.len);
    assert_true(carat_scan_string(&s, buffer, &out));
    return out;
}

static size_t read_ids(carat_span json, int32_t *ids, size_t most)
{
    size_t n = 0;
    carat_scan s = carat_scan_begin(json.data, json.len);
    for (bool more = carat_scan_open(&s, '['); more; more = carat_scan_more(&s, ']')) {
        uint32_t id = 0;
        assert_true(n < most && carat_scan_u32(&s, &id));
        ids[n++] = (int32_t)id;
    }
    assert_null(s.wrong);
    return n;
}

enum { MOST = 4096 };

static void check_encode(const carat_tokenizer *t, carat_span text, carat_span want_json, int flags,
                         const char *line)
{
    int32_t want[MOST], *got;
    size_t n, wanted = read_ids(want_json, want, MOST);
    carat_err err = {0};
    assert_int_equal(carat_encode(t, text.data, text.len, flags, &got, &n, &err), CARAT_OK);
    if (n != wanted || memcmp(got, want, n * sizeof *got) != 0)
        fail_msg("flags %d, other ids (%zu): %s", flags, n, line);
    carat_release(got);
}

static void check_decode(const carat_tokenizer *t, carat_span ids_json, int flags, carat_span want,
                         const char *line)
{
    int32_t ids[MOST];
    size_t n = read_ids(ids_json, ids, MOST), len;
    char *got;
    carat_err err = {0};
    assert_int_equal(carat_decode(t, ids, n, flags, &got, &len, &err), CARAT_OK);
    if (len != want.len || memcmp(got, want.data, len) != 0)
        fail_msg("flags %d, decodes to \"%s\": %s", flags, got, line);
    carat_release(got);
}

static void check_stream(const carat_tokenizer *t, const fields *f, const char *line)
{
    int32_t ids[MOST];
    size_t n = read_ids(f->ids, ids, MOST), len, i = 0;
    carat_str buffer = CARAT_STR_INIT;
    carat_stream *s;
    carat_err err = {0};
    int flags = f->skip.data && carat_span_is(f->skip, "true") ? CARAT_DECODE_SKIP_SPECIAL : 0;
    assert_int_equal(carat_stream_open(t, flags, &s, &err), CARAT_OK);
    carat_scan chunks = carat_scan_begin(f->chunks.data, f->chunks.len);
    for (bool more = carat_scan_open(&chunks, '['); more; more = carat_scan_more(&chunks, ']'), i++) {
        carat_span want = {"", 0}, skipped;
        const char *got;
        if (carat_scan_peek(&chunks) == '"')
            assert_true(carat_scan_string(&chunks, &buffer, &want));
        else
            assert_true(carat_scan_skip(&chunks, &skipped));
        assert_true(i < n);
        assert_int_equal(carat_stream_push(s, ids[i], &got, &len, &err), CARAT_OK);
        assert_int_equal(got[len], 0);
        if (len != want.len || memcmp(got, want.data, len) != 0)
            fail_msg("chunk %zu is \"%s\": %s", i, got, line);
    }
    assert_int_equal(i, n);
    carat_stream_close(s);
    carat_str_free(&buffer);
}

static size_t read_hex(carat_span json, char *out)
{
    size_t n = 0;
    for (const char *p = json.data + 1; p + 1 < json.data + json.len; p += 2) {
        char pair[3] = {p[0], p[1], 0};
        out[n++] = (char)strtoul(pair, NULL, 16);
    }
    return n;
}

static void check_line(const carat_tokenizer *t, const char *line, size_t len)
{
    fields f = read_fields(line, len);
    carat_str buffer = CARAT_STR_INIT, second = CARAT_STR_INIT;
    if (carat_span_is(f.kind, "\"encode\"")) {
        carat_span text = read_string(f.text, &buffer);
        check_encode(t, text, f.ids, 0, line);
        check_encode(t, text, f.ids_plain.data ? f.ids_plain : f.ids, CARAT_ENCODE_PLAIN, line);
        check_decode(t, f.ids, 0, f.decoded.data ? read_string(f.decoded, &second) : text, line);
    } else if (carat_span_is(f.kind, "\"encode-bytes\"")) {
        char bytes[MOST];
        check_encode(t, (carat_span){bytes, read_hex(f.bytes, bytes)}, f.ids, 0, line);
    } else if (carat_span_is(f.kind, "\"decode\"")) {
        check_decode(t, f.ids, 0, read_string(f.text, &buffer), line);
        check_decode(t, f.ids, CARAT_DECODE_SKIP_SPECIAL, read_string(f.skip_text, &second), line);
    } else {
        assert_true(carat_span_is(f.kind, "\"stream\""));
        check_stream(t, &f, line);
    }
    carat_str_free(&buffer);
    carat_str_free(&second);
}

static size_t check_file(const carat_tokenizer *t, const char *path)
{
    size_t len, lines = 0;
    char *text = read_text(path, &len);
    for (char *p = text, *end; p < text + len; p = end + 1, lines++) {
        end = memchr(p, '\n', (size_t)(text + len - p));
        assert_non_null(end);
        *end = 0;
        check_line(t, p, (size_t)(end - p));
    }
    free(text);
    return lines;
}

static void small_cases(void **state)
{
    (void)state;
    carat_tokenizer *t = open_small();
    char *path = path_of("tests/text/tokenizer.test");
    assert_true(check_file(t, path) > 200);
    free(path);
    carat_tokenizer_close(t);
}

static void gemma_samples(void **state)
{
    (void)state;
    char *samples = path_of("../shared/data/tokenizer/tokenizer_examples.jsonl");
    char *packed = path_of("../shared/data/tokenizer/tokenizer.json.gz"),
         unpacked[] = "/tmp/carat-tokenizer-XXXXXX";
    if (!carat_is_file(samples) || !carat_is_file(packed)) {
        free(samples);
        free(packed);
        skip();
    }
    int fd = mkstemp(unpacked);
    assert_true(fd >= 0);
    carat_str command = CARAT_STR_INIT;
    carat_str_printf(&command, "gunzip -c '%s' >'%s'", packed, unpacked);
    assert_int_equal(system(command.data), 0);
    carat_tokenizer *t = NULL;
    carat_err err = {0};
    if (carat_tokenizer_open(unpacked, &t, &err))
        fail_msg("%s", err.text);
    remove(unpacked);
    assert_int_equal(carat_tokenizer_size(t), 262144);
    assert_int_equal(carat_tokenizer_id(t, "<bos>"), 2);
    assert_int_equal(check_file(t, samples), 200);
    carat_tokenizer_close(t);
    carat_str_free(&command);
    free(samples);
    free(packed);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

typedef struct change {
    const char *from, *to; /* the first `from` in the small tokenizer.json becomes `to` */
    carat_status status;
    const char *why;
} change;

static void refused(const char *json, size_t len, const change *c)
{
    const char *at = strstr(json, c->from);
    if (!at)
        fail_msg("the small tokenizer holds no %s", c->from);
    carat_str s = CARAT_STR_INIT;
    carat_str_add(&s, json, (size_t)(at - json));
    carat_str_puts(&s, c->to);
    carat_str_add(&s, at + strlen(c->from), len - (size_t)(at - json) - strlen(c->from));
    carat_tokenizer *t = NULL;
    carat_err err = {0};
    carat_status st = carat_tokenizer_parse(s.data, s.len, &t, &err);
    if (!st)
        fail_msg("accepted: %s -> %s", c->from, c->to);
    assert_fails(st, c->status, &err, c->why);
    assert_null(t);
    carat_str_free(&s);
}

static void refusals(void **state)
{
    (void)state;
    static const change changes[] = {
        {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", CARAT_ESUPPORT, "Unigram"},
        {"\"type\":\"BPE\",", "", CARAT_ESUPPORT, "carat knows BPE"},
        {"\"dropout\":null", "\"dropout\":0.1", CARAT_ESUPPORT, "dropout"},
        {"\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"", CARAT_ESUPPORT,
         "continuing_subword_prefix"},
        {"\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"", CARAT_ESUPPORT,
         "end_of_word_suffix"},
        {"\"byte_fallback\":true", "\"byte_fallback\":false", CARAT_ESUPPORT, "byte_fallback"},
        {"\"ignore_merges\":false", "\"ignore_merges\":true", CARAT_ESUPPORT, "ignore_merges"},
        {"\"ignore_merges\":false", "\"ignore_merges\":0", CARAT_EFORMAT, "ignore_merges"},
        {"\"fuse_unk\"", "\"fuse_unknown\"", CARAT_ESUPPORT, "fuse_unknown"},
        {"\"version\":\"1.0\"", "\"version\":\"2.0\"", CARAT_ESUPPORT, "2.0"},
        {"\"truncation\":null", "\"truncation\":{\"max_length\":5}", CARAT_ESUPPORT, "truncation"},
        {"\"truncation\":null", "\"version\":null", CARAT_EFORMAT, "twice"},
        {"\"normalizer\":{\"type\":\"Replace\"", "\"normalizer\":{\"type\":\"NFKC\"", CARAT_ESUPPORT,
         "normalizer NFKC"},
        {"\"normalizer\":", "\"normalizer\":null,\"x\":", CARAT_ESUPPORT, "\"x\""},
        {"\"pre_tokenizer\":{\"type\":\"Split\"", "\"pre_tokenizer\":{\"type\":\"ByteLevel\"", CARAT_ESUPPORT,
         "pre_tokenizer ByteLevel"},
        {"\"invert\":false", "\"invert\":true", CARAT_ESUPPORT, "pre_tokenizer Split"},
        {"TemplateProcessing", "ByteLevel", CARAT_ESUPPORT, "post_processor ByteLevel"},
        {"{\"type\":\"Fuse\"}", "{\"type\":\"Strip\"}", CARAT_ESUPPORT, "decoder Sequence"},
        {"{\"type\":\"ByteFallback\"},", "", CARAT_ESUPPORT, "decoder Sequence"},
        {"\"lstrip\":false", "\"lstrip\":true", CARAT_ESUPPORT, "lstrip"},
        {"\"normalized\":false", "\"normalized\":true", CARAT_ESUPPORT, "normalized"},
        {"\"content\":\"<eos>\"", "\"content\":\"<pad>\"", CARAT_EFORMAT, "has the id 1"},
        {"\"id\":0,\"content\":\"<pad>\"", "\"id\":3,\"content\":\"<unk>\"", CARAT_EFORMAT,
         "twice in added_tokens"},
        {"\"content\":\"<pad>\"", "\"content\":\"\"", CARAT_EFORMAT, "next free one"},
        {"\"content\":\"<pad>\"", "\"content\":\"<new>\"", CARAT_EFORMAT, "next free one"},
        {"\"<0x41>\":", "\"<0xQQ>\":", CARAT_EFORMAT, "no piece <0x41>"},
        {"\"<pad>\":0", "\"<pad>\":1", CARAT_EFORMAT, "two pieces the id 1"},
        {"\"<pad>\":0", "\"<pad>\":4000000000", CARAT_EFORMAT, "4000000000"},
        {"\"<pad>\":0", "\"<pad>\":-1", CARAT_EFORMAT, "whole number"},
        {"\"<pad>\":0", "\"<eos>\":0", CARAT_EFORMAT, "two ids"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"\xe2\x96\x81<\",\"nowhere\"]", CARAT_EFORMAT,
         "\"nowhere\" is no piece"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"<0x41>\",\"/\"]", CARAT_EFORMAT, "piece of a byte"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"/\",\"/\"]", CARAT_EFORMAT, "\"//\" is no piece"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\">\",\"\xe2\x96\x81</\"]", CARAT_EFORMAT, "the same pair"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"\xe2\x96\x81<\"]", CARAT_EFORMAT, "not a pair"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"\xe2\x96\x81<\",\"/\",\"/\"]", CARAT_EFORMAT, "not a pair"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "[\"\",\"/\"]", CARAT_EFORMAT, "empty piece"},
        {"[\"\xe2\x96\x81<\",\"/\"]", "\"\xe2\x96\x81</\"", CARAT_EFORMAT, "one space between"},
        {"\"merges\":", "\"merges\":[],\"merges\":", CARAT_EFORMAT, "twice"},
        {",\"merges\":", ",\"merges\":null}}", CARAT_EFORMAT, "not JSON"},
        {"]]}}", "]]}}}", CARAT_EFORMAT, "behind the value"},
        {"]]}}", "]]}", CARAT_EFORMAT, "not JSON"},
    };
    char *path = path_of("tests/text/tokenizer.json");
    size_t len;
    char *json = read_text(path, &len);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        refused(json, len, &changes[i]);
    free(json);
    free(path);
}

/* Any cut-off file is refused, never a crash. */
static void truncated(void **state)
{
    (void)state;
    char *path = path_of("tests/text/tokenizer.json");
    size_t len;
    char *json = read_text(path, &len);
    for (size_t n = 0; n + 2 < len; n += n < 200 || n + 200 > len ? 1 : 97) {
        carat_tokenizer *t = NULL;
        carat_err err = {0};
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, json, n);
        assert_int_not_equal(carat_tokenizer_parse(exact, n, &t, &err), CARAT_OK);
        assert_true(*err.text);
        free(exact);
    }
    free(json);
    free(path);
}

static void files(void **state)
{
    (void)state;
    carat_tokenizer *t = NULL;
    carat_err err = {0};
    char *dir = path_of("tests/text"), *none = path_of("tests/unit");
    assert_int_equal(carat_tokenizer_open(dir, &t, &err), CARAT_OK);
    assert_int_equal(carat_tokenizer_id(t, "<turn|>"), 11);
    assert_int_equal(carat_tokenizer_id(t, "<no such token>"), -1);
    carat_tokenizer_close(t);
    assert_fails(carat_tokenizer_open(none, &t, &err), CARAT_EIO, &err, "tests/unit/tokenizer.json");
    free(dir);
    free(none);
}

/* ---- long runs, wrong ids ------------------------------------------------------------------------------------------- */

/* A quadratic encoder takes minutes here. The ids are those of a run of the longest piece, which a merge from the left fills. */
static void long_runs(void **state)
{
    (void)state;
    enum { N = 240000 };
    carat_tokenizer *t = open_small();
    char *text = malloc(N);
    assert_non_null(text);
    double start = carat_now();
    for (const char *c = "\n \txz<"; *c; c++) {
        int32_t *ids;
        size_t n, len;
        char *back;
        carat_err err = {0};
        memset(text, *c, N);
        assert_int_equal(carat_encode(t, text, N, 0, &ids, &n, &err), CARAT_OK);
        assert_int_equal(n, strchr("\n \t", *c) ? N / 8 : N);
        assert_int_equal(carat_decode(t, ids, n, 0, &back, &len, &err), CARAT_OK);
        assert_int_equal(len, N);
        assert_memory_equal(back, text, N);
        carat_release(ids);
        carat_release(back);
    }
    assert_true(carat_now() - start < 60);
    free(text);
    carat_tokenizer_close(t);
}

static void wrong_ids(void **state)
{
    (void)state;
    carat_tokenizer *t = open_small();
    const int32_t size = (int32_t)carat_tokenizer_size(t), bad[] = {-1, size, INT32_MAX, INT32_MIN};
    carat_stream *s;
    carat_err err = {0};
    assert_int_equal(carat_stream_open(t, 0, &s, &err), CARAT_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = NULL;
        const char *chunk;
        size_t len;
        assert_fails(carat_decode(t, &bad[i], 1, 0, &text, &len, &err), CARAT_EFORMAT, &err,
                     "outside of the vocabulary");
        assert_fails(carat_stream_push(s, bad[i], &chunk, &len, &err), CARAT_EFORMAT, &err,
                     "outside of the vocabulary");
        assert_null(text);
    }
    carat_stream_close(s);
    carat_tokenizer_close(t);
}

/* A run that a later byte spoils: what has gone out stays, the rest becomes U+FFFD when the run ends. */
static void spoiled_run(void **state)
{
    (void)state;
    static const char *const want[] = {"A", "", "", "\xef\xbf\xbd\xef\xbf\xbd?"};
    carat_tokenizer *t = open_small();
    const int32_t byte = carat_tokenizer_id(t, "<0x00>"),
                  ids[] = {byte + 'A', byte + 0xff, byte + 'B', carat_tokenizer_id(t, "?")};
    carat_stream *s;
    carat_err err = {0};
    assert_int_equal(carat_stream_open(t, 0, &s, &err), CARAT_OK);
    for (size_t i = 0; i < 4; i++) {
        const char *text;
        size_t len;
        assert_int_equal(carat_stream_push(s, ids[i], &text, &len, &err), CARAT_OK);
        assert_string_equal(text, want[i]);
    }
    carat_stream_close(s);
    carat_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cases), cmocka_unit_test(gemma_samples), cmocka_unit_test(refusals),
        cmocka_unit_test(truncated),   cmocka_unit_test(files),         cmocka_unit_test(long_runs),
        cmocka_unit_test(wrong_ids),   cmocka_unit_test(spoiled_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
