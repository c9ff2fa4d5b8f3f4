/* Replies of tests/text/reply.test (by transformers), whole and cut anywhere.           SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "runtime/text/value.h"
#include "tests/support/cases.h"
#include "tests/support/test.h"

/* What was shown: thoughts, contents and calls, each with all their text. */
typedef struct shown {
    carat_str text[3];
} shown;

static void note(void *ctx, carat_reply_kind kind, const char *text, size_t len)
{
    shown *s = ctx;
    assert_true(len > 0);
    carat_str_add(&s->text[kind], text, len);
    for (const char *p = text; kind != CARAT_REPLY_CALL && p < text + len;) {
        uint32_t cp;
        int skip, n = carat_utf8_get(p, text + len, &cp, &skip);
        assert_true(n > 0); /* never half a character */
        p += n;
    }
}

typedef struct reply {
    carat_span text, prefix;
    carat_str tools;
} reply;

/* The reply in pieces of `step` bytes, the first of `first`: its JSON, or the error's line. */
static void parse(const reply *q, size_t first, size_t step, carat_str *out, shown *s)
{
    carat_reply *r;
    carat_err err = {0};
    const char *json = NULL;
    size_t len = 0;
    for (int i = 0; i < 3; i++)
        s->text[i] = (carat_str)CARAT_STR_INIT;
    *out = (carat_str)CARAT_STR_INIT;
    carat_status st = carat_reply_open(q->prefix.data, q->prefix.len, q->tools.data, note, s, &r, &err);
    if (!st) {
        for (size_t at = 0, n = first; at < q->text.len; at += n, n = step) {
            n = n < q->text.len - at ? n : q->text.len - at;
            assert_int_equal(carat_reply_push(r, q->text.data + at, n, &err), CARAT_OK);
        }
        st = carat_reply_finish(r, &json, &len, &err);
        if (!st)
            carat_str_add(out, json, len);
        carat_reply_close(r);
    }
    if (st) {
        assert_true(st == CARAT_EFORMAT || st == CARAT_ESUPPORT);
        assert_null(strchr(err.text, '\n'));
        carat_str_puts(out, err.text);
    }
}

static void compare(const reply *q, size_t first, size_t step, const carat_str *whole, const shown *all)
{
    carat_str out;
    shown s;
    parse(q, first, step, &out, &s);
    if (out.len != whole->len || memcmp(out.data, whole->data, out.len) != 0)
        fail_msg("%.*s\ncut at %zu, then every %zu:\n%s\nwhole:\n%s", (int)q->text.len, q->text.data, first,
                 step, out.data, whole->data);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s.text[i].len, all->text[i].len);
        assert_memory_equal(s.text[i].data, all->text[i].data, s.text[i].len);
        carat_str_free(&s.text[i]);
    }
    carat_str_free(&out);
}

static void check(const carat_value *line)
{
    reply q = {carat_value_get(line, "text")->text, carat_value_get(line, "prefix")->text, CARAT_STR_INIT};
    carat_str whole, want = CARAT_STR_INIT;
    shown all;
    carat_value_json(&q.tools, carat_value_get(line, "tools"));
    parse(&q, q.text.len, 1, &whole, &all);
    const carat_value *expect = carat_value_get(line, "expect");
    if (expect->kind == CARAT_MAP) {
        carat_value_json(&want, expect);
        assert_string_equal(whole.data, want.data);
    } else {
        assert_true(*whole.data != '{');
    }
    for (size_t cut = 0; cut <= q.text.len; cut++)
        compare(&q, cut, q.text.len, &whole, &all);
    for (size_t step = 1; step < 6; step++)
        compare(&q, step, step, &whole, &all);
    for (int i = 0; i < 3; i++)
        carat_str_free(&all.text[i]);
    carat_str_free(&whole);
    carat_str_free(&want);
    carat_str_free(&q.tools);
}

static void cases(void **state)
{
    (void)state;
    assert_true(carat_test_cases("tests/text/reply.test", check) > 100);
}

/* What is shown while a reply comes byte by byte, and when. */
static void as_it_comes(void **state)
{
    (void)state;
    static const char text[] = "<|channel>thought\n hm, <b> \n<channel|>\n Hi <|x "
                               "<|tool_call>call:f{a:1}<tool_call|> \xc3\xa9 <turn|>";
    carat_str log = CARAT_STR_INIT;
    shown s;
    for (int i = 0; i < 3; i++)
        s.text[i] = (carat_str)CARAT_STR_INIT;
    carat_reply *r;
    carat_err err = {0};
    const char *json;
    size_t len;
    assert_int_equal(carat_reply_open("<|turn>model\n", 13, NULL, note, &s, &r, &err), CARAT_OK);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        size_t before = s.text[0].len + s.text[1].len + s.text[2].len;
        assert_int_equal(carat_reply_push(r, text + i, 1, &err), CARAT_OK);
        carat_str_putc(&log, before == s.text[0].len + s.text[1].len + s.text[2].len ? '.' : '!');
    }
    /* white space waits for what follows, '<' for what is no tag, a character for its last byte */
    assert_string_equal(
        log.data,
        "...................!!!..!!..............!!...!...................................!..!........");
    assert_string_equal(s.text[0].data, "hm, <b>");
    assert_string_equal(s.text[1].data, "Hi <|x\xc3\xa9");
    assert_string_equal(s.text[2].data, "{\"name\": \"f\", \"arguments\": {\"a\": 1}}");
    assert_int_equal(carat_reply_finish(r, &json, &len, &err), CARAT_OK);
    assert_string_equal(json, "{\"thought\": \"hm, <b>\", \"content\": \"\xc3\xa9\", \"tool_calls\": "
                              "[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]}");
    carat_reply_close(r);
    for (int i = 0; i < 3; i++)
        carat_str_free(&s.text[i]);
    carat_str_free(&log);
}

static void refused(void **state)
{
    (void)state;
    carat_reply *r = NULL;
    carat_err err = {0};
    const char *json;
    size_t len;
    assert_fails(carat_reply_open(NULL, 0, "[", NULL, NULL, &r, &err), CARAT_EFORMAT, &err,
                 "tools: not JSON");
    assert_null(r);
    assert_int_equal(carat_reply_open(NULL, 0, NULL, NULL, NULL, &r, &err), CARAT_OK);
    assert_int_equal(carat_reply_push(r, "<|tool_call>call:f{<tool_call|> more", 36, &err), CARAT_OK);
    assert_fails(carat_reply_finish(r, &json, &len, &err), CARAT_EFORMAT, &err,
                 "the call of f cannot be read: not JSON");
    carat_reply_close(r);
    carat_reply_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(as_it_comes),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
