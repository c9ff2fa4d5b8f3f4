/* Streams of events cut anywhere, and what becomes of a server's words.            SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdlib.h>

#include "eval/backends/openai.h"
#include "eval/backends/openai_reply.h"
#include "eval/backends/sse.h"

/* ---- events -------------------------------------------------------------------------------------------------- */

static carat_status keep(void *ctx, const char *data, size_t len, carat_err *err)
{
    (void)err;
    carat_str_putc(ctx, '[');
    carat_str_add(ctx, data, len);
    carat_str_putc(ctx, ']');
    return CARAT_OK;
}

static void events(const char *text, const char *want)
{
    for (size_t step = 1; step <= strlen(text) + 1; step++) {
        carat_str got = CARAT_STR_INIT;
        carat_sse s = carat_sse_begin(keep, &got, 1000);
        for (size_t at = 0, n; at < strlen(text); at += n) {
            n = strlen(text) - at < step ? strlen(text) - at : step;
            assert_int_equal(carat_sse_push(&s, text + at, n, NULL), CARAT_OK);
        }
        assert_int_equal(carat_sse_finish(&s, NULL), CARAT_OK);
        assert_string_equal(got.data, want);
        carat_sse_free(&s);
        carat_str_free(&got);
    }
}

/* The examples of WHATWG HTML 9.2.6, and what servers do. */
static void test_events(void **state)
{
    (void)state;
    events("", "");
    events("data: YHOO\ndata: +2\ndata: 10\n\n", "[YHOO\n+2\n10]");
    events(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
           "[first event][second event][ third event]");
    events("data\n\ndata\ndata\n\ndata:\n\n", "[][\n][]");
    events("data:test\n\ndata: test\n\n", "[test][test]");
    events("\xef\xbb\xbf"
           "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
           "[a][b][c]");
    events("data: {\"x\": \"\xe6\xbc\xa2\"}\n\ndata: [DONE]\n\n", "[{\"x\": \"\xe6\xbc\xa2\"}][[DONE]]");
    events("event: e\ndatab: no\ndata : no\n data: no\n\ndata: last", "[last]");
    events("data: a\r\ndata: b\r\n\r\ndata: c\rdata: d\r\r", "[a\nb][c\nd]");
    events("\n\n\r\n\r\r", "");
}

static void test_long_event(void **state)
{
    (void)state;
    carat_err err = {0};
    carat_str got = CARAT_STR_INIT;
    carat_sse s = carat_sse_begin(keep, &got, 100);
    carat_status st = CARAT_OK;
    for (int i = 0; i < 200 && !st; i++)
        st = carat_sse_push(&s, i % 10 ? "x" : "\ndata: ", i % 10 ? 1 : 7, &err);
    assert_fails(st, CARAT_EFORMAT, &err, "more than 100 bytes");
    carat_sse_free(&s);
    carat_str_free(&got);
}

/* ---- replies ------------------------------------------------------------------------------------------------- */

static const carat_question chat = {.messages = "[]"}, plain = {.prompt = "x"};

static carat_status divide(const char *json, const carat_question *q, carat_oai_reply *r, carat_err *err)
{
    *r = carat_oai_reply_begin();
    carat_status st = carat_oai_read(r, json, strlen(json), err);
    return st ? st : carat_oai_divide(r, q, err);
}

static void divided(const char *json, const carat_question *q, const char *thought, const char *content)
{
    carat_oai_reply r;
    carat_err err = {0};
    if (divide(json, q, &r, &err))
        fail_msg("%s: %s", json, err.text);
    assert_string_equal(r.thought.data, thought);
    assert_int_equal(r.has_content, content != NULL);
    if (content)
        assert_string_equal(r.content.data, content);
    carat_oai_reply_free(&r);
}

#define SAYS(content)                                                                                        \
    "{\"choices\": [{\"index\": 0, \"message\": {\"content\": " content "}, \"finish_reason\": \"stop\"}]}"

static void test_channels(void **state)
{
    (void)state;
    divided(SAYS("\" 42 \""), &chat, "", "42");
    divided(SAYS("null"), &chat, "", NULL);
    divided(SAYS("\"<|channel>thought\\nA<channel|>B<turn|>\""), &chat, "A", "B");
    divided(SAYS("\"A<channel|>B\""), &chat, "A", "B");
    divided(SAYS("\"<|channel>thought\\nA\""), &chat, "A", NULL);
    divided(SAYS("\"<think>A</think>B\""), &chat, "A", "B");
    divided(SAYS("\"A</think>\\n\\nB\""), &chat, "A", "B");
    divided(SAYS("\"<think>A</think>B<think>C</think>D\""), &chat, "A\nC", "BD");
    divided(SAYS("\"A</think><think>B</think>C\""), &chat, "A\nB", "C");
    divided(SAYS("\"<think>A</think>B <think> C\""), &chat, "A", "B <think> C");
    divided(SAYS("\"<think>A\""), &chat, "A", NULL);
    divided(SAYS("\"B\", \"reasoning\": \"A\""), &chat, "A", "B");
    divided(SAYS("\"B\", \"reasoning_content\": \"A\""), &chat, "A", "B");
    divided(SAYS("\"B\", \"reasoning\": \"A\", \"reasoning_content\": \"A\""), &chat, "A", "B");
    divided(SAYS("\"thought\\nB\", \"reasoning\": \"A\""), &chat, "A", "thought\nB");
    divided("{\"choices\": [{\"text\": \" B \", \"finish_reason\": \"stop\"}]}", &plain, "", " B ");
    divided("{\"choices\": [{\"text\": \"A<channel|>B\", \"finish_reason\": \"stop\"}]}", &plain, "A", "B");
    divided("{\"choices\": [{\"index\": 1, \"text\": \"no\"}, {\"index\": 0, \"text\": \"B\"}]}", &plain, "",
            "B");
}

static void test_glued(void **state)
{
    (void)state;
    carat_oai_reply r;
    carat_err err = {0};
    assert_fails(divide(SAYS("\"thought\\nThe answer is (A).The answer is (B).\""), &chat, &r, &err),
                 CARAT_EFORMAT, &err, "begins with a thought");
    carat_oai_reply_free(&r);
}

/* A stop string inside a thought does nothing; in the content the first one counts, also where the reply was cut. */
static void test_stops(void **state)
{
    (void)state;
    static const char *const stop[] = {"Question:", "END"};
    const carat_question q = {.messages = "[]", .stop = stop, .n_stop = 2};
    divided(SAYS("\"<|channel>thought\\nQuestion: A<channel|>B END C Question: D\""), &q, "Question: A", "B");
    carat_oai_reply r;
    carat_err err = {0};
    assert_int_equal(divide("{\"choices\": [{\"message\": {\"content\": \"B\\nQuestion: and\"}, "
                            "\"finish_reason\": \"length\"}]}",
                            &q, &r, &err),
                     CARAT_OK);
    assert_string_equal(r.content.data, "B");
    assert_string_equal(carat_oai_finish(&r), "stop");
    carat_oai_reply_free(&r);
}

static void test_unreadable(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "JSON"},
        {"[]", "no object"},
        {"{}", "no choices"},
        {"{\"choices\": {}}", "no choices"},
        {"{\"choices\": [{\"message\": {\"content\": 1}}]}", "content"},
        {"{\"choices\": [{\"message\": {\"content\": \"a\\u0000b\"}}]}", ""},
        {"{\"choices\": [{\"finish_reason\": []}]}", "finish_reason"},
        {"{\"choices\": [], \"choices\": []}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        carat_oai_reply r;
        carat_err err = {0};
        assert_fails(divide(bad[i][0], &chat, &r, &err), CARAT_EFORMAT, &err, bad[i][1]);
        carat_oai_reply_free(&r);
    }
}

static void said(const char *body, const char *want)
{
    carat_str s = CARAT_STR_INIT;
    carat_oai_error(body, strlen(body), &s);
    assert_string_equal(s.data, want);
    carat_str_free(&s);
}

static void test_errors(void **state)
{
    (void)state;
    said("{\"error\": {\"message\": \"too\\nmuch\", \"code\": 429}}", "too much");
    said("{\"error\": \"gone\"}", "gone");
    said("{\"detail\": \"Not Found\"}", "Not Found");
    said("{\"object\": \"error\", \"message\": \"m\"}", "m");
    said("Bad gateway\r\n", "Bad gateway  ");
    said("", "");
    char text[402];
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[401] = 0;
    carat_str s = CARAT_STR_INIT;
    carat_oai_error(text + 1, 400, &s);
    assert_true(s.len <= 304); /* cut between characters */
    carat_str_free(&s);
}

/* ---- the key ------------------------------------------------------------------------------------------------- */

static void test_key(void **state)
{
    (void)state;
    char secret[] = "sk-0123456789abcdef", dummy[] = "EMPTY";
    carat_oai o = {.key = secret};
    carat_str s = CARAT_STR_INIT;
    carat_str_puts(&s, "key sk-0123456789abcdefsk-0123456789abcdef!");
    carat_oai_hide(&o, &s);
    assert_string_equal(s.data, "key ******!");
    assert_int_equal(s.len, strlen(s.data));
    carat_str_free(&s);
    assert_true(carat_oai_betrays(&o, "it is sk-0123456789abcdef."));
    assert_false(carat_oai_betrays(&o, "it is sk-0123456789abcde."));
    assert_false(carat_oai_betrays(&o, NULL));
    o.key = dummy;
    assert_false(carat_oai_betrays(&o, "the set is EMPTY"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events), cmocka_unit_test(test_long_event), cmocka_unit_test(test_channels),
        cmocka_unit_test(test_glued),  cmocka_unit_test(test_stops),      cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
