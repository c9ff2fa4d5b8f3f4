/* MMLU-Pro: prompts, marks and guesses against the official programs' own.         SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/table.h"
#include "eval/pyrandom.h"
#include "eval/suites/mmlu_pro.h"
#include "runtime/base/file.h"
#include "tests/support/marked.h"
#include "tests/support/test.h"

static const carat_suite *const suite = &carat_suite_mmlu_pro;

/* What CPython 3.11 draws after random.seed(12345). */
static void python_random(void **state)
{
    (void)state;
    carat_pyrandom r;
    carat_pyrandom_seed(&r, 12345);
    static const uint32_t ten[] = {6, 0, 4, 5, 3, 4, 9, 6, 2, 5}, four[] = {0, 3, 2, 1, 1};
    for (size_t i = 0; i < sizeof ten / sizeof *ten; i++)
        assert_int_equal(carat_pyrandom_below(&r, 10), ten[i]);
    for (size_t i = 0; i < sizeof four / sizeof *four; i++)
        assert_int_equal(carat_pyrandom_below(&r, 4), four[i]);
    for (int i = 0; i < 2000; i++)
        carat_pyrandom_below(&r, 1u << 31);
    assert_int_equal(carat_pyrandom_below(&r, 1000000), 858395);
}

static void *opened(const carat_eval *e, size_t *n)
{
    void *s = NULL;
    carat_err err;
    if (suite->open(e, &s, n, &err))
        fail_msg("%s", err.text);
    return s;
}

static void sample(void **state)
{
    (void)state;
    carat_eval e = {0};
    carat_question q;
    size_t n;
    void *s = opened(&e, &n);
    assert_int_equal(n, 42);
    carat_item it = suite->describe(s, 41);
    assert_string_equal(it.id, "141");
    assert_string_equal(it.group[0].key, "category");
    assert_string_equal(it.group[0].value, "physics");
    assert_string_equal(it.cluster, "carat-color");
    assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
    assert_null(q.messages);
    assert_true(q.max_new == 2048 && q.n_stop == 1 && q.sampler.temperature == 0);
    assert_string_equal(q.stop[0], "Question:");
    static const char head[] =
        "The following are multiple choice questions (with answers) about biology. Think step by step and "
        "then "
        "finish your answer with \"the answer is (X)\" where X is the correct letter choice.\n\n\n\n"
        "Question:\nHow many legs does a horse have?\nOptions:\nA. 4\nB. 6\nC. 8\nD. 2\n"
        "Answer: Let's think step by step. A horse has 4 legs. The answer is (A).\n\nQuestion:\n";
    assert_memory_equal(q.prompt, head, strlen(head));
    assert_true(carat_ends(q.prompt, "\nAnswer: Let's think step by step."));
    const char *again = q.prompt;
    assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
    assert_ptr_equal(q.prompt, again);
    suite->release(s, 0);
    assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
    assert_memory_equal(q.prompt, head, strlen(head));
    suite->close(s);
}

/* A limit takes rows from all categories. */
static void limited(void **state)
{
    (void)state;
    carat_eval e = {.limit = 7};
    size_t n;
    void *s = opened(&e, &n);
    assert_int_equal(n, 7);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(suite->describe(s, i).group[0].value,
                                    suite->describe(s, k).group[0].value);
    suite->close(s);
}

/* How many examples a prompt shows. */
static int examples(const char *prompt)
{
    int n = 0;
    for (const char *p = prompt; (p = strstr(p, "Question:\n")); p++)
        n++;
    return n - 1;
}

static size_t tokens(const carat_tokenizer *t, const carat_str *text)
{
    int32_t *ids;
    size_t n;
    assert_int_equal(carat_encode(t, text->data, text->len, 0, &ids, &n, NULL), CARAT_OK);
    carat_release(ids);
    return n + 1; /* BOS */
}

/* local shows as many examples as fit: prompts are counted whole here. */
static void shortened(void **state)
{
    (void)state;
    const char *root = getenv("ROOT");
    char path[512];
    carat_tokenizer *t;
    carat_mmlu_data data;
    carat_str text = CARAT_STR_INIT;
    const carat_mmlu_style style = {CARAT_MMLU_LOCAL, false};
    int shown[6] = {0};
    snprintf(path, sizeof path, "%s/datasets/demo/model", root ? root : ".");
    assert_int_equal(carat_tokenizer_open(path, &t, NULL), CARAT_OK);
    assert_int_equal(carat_mmlu_load(NULL, &data, NULL), CARAT_OK);
    for (size_t room = 40; room < 500; room += 7) {
        carat_backend b = {.tokenizer = t, .bos = 2, .context = (uint32_t)room + 100};
        carat_eval e = {.model = &b, .max_new = 100};
        size_t n;
        void *s = opened(&e, &n);
        for (size_t i = 0; i < n; i += 5) {
            carat_question q;
            uint32_t k = 5;
            assert_int_equal(suite->question(s, i, &q, NULL), CARAT_OK);
            assert_int_equal(q.max_new, 100);
            do {
                carat_str_clear(&text);
                carat_mmlu_prompt(&style, &data, &data.row[i], k, &text);
            } while (tokens(t, &text) >= room && k-- > 0);
            int got = examples(q.prompt);
            assert_int_equal(got, k > 5 ? 0 : (int)k);
            shown[got]++;
        }
        suite->close(s);
    }
    for (int k = 0; k < 6; k++)
        assert_true(shown[k] > 0);
    carat_str_free(&text);
    carat_mmlu_unload(&data);
    carat_tokenizer_close(t);
}

/* Writes rows as JSON lines into a new folder: test.jsonl and validation.jsonl. */
static void folder(char *dir, const char *test, const char *validation)
{
    char path[128];
    strcpy(dir, "/tmp/carat-mmlu-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/test.jsonl", dir);
    assert_int_equal(carat_write_file(path, test, strlen(test), NULL), CARAT_OK);
    snprintf(path, sizeof path, "%s/validation.jsonl", dir);
    if (validation)
        assert_int_equal(carat_write_file(path, validation, strlen(validation), NULL), CARAT_OK);
}

static const char shot[] =
    "{\"question_id\": 0, \"question\": \"q0\", \"options\": [\" a \", \"N/A\", \"b\"], \"answer\": \"A\", "
    "\"answer_index\": 0, \"cot_content\": \"A: Let's think step by step. It is. The answer is (A).\", "
    "\"category\": \"x y\", \"src\": \"s\"}\n";
static const char rows[] = "{\"question_id\": 9, \"question\": \"q9\", \"options\": [\"\\u2003c\\n\", "
                           "\"d\"], \"answer\": \"B\", \"answer_index\": 0, "
                           "\"category\": \"x y\"}\n{\"question\": \"q10\", \"options\": [\"e\", \"f\"], "
                           "\"answer_index\": 1, \"category\": \"x y\"}\n";

static void editions(void **state)
{
    (void)state;
#define HEAD                                                                                                 \
    "The following are multiple choice questions (with answers) about x y. Think step by step and then "
#define FINISH HEAD "finish your answer with \"the answer is (X)\" where X is the correct letter choice.\n"
#define JFINISH                                                                                              \
    HEAD "finish your answer with \\\"the answer is (X)\\\" where X is the correct letter choice.\\n"
#define THINK "Answer: Let's think step by step."
    static const char *const want[][2] = {
        {"local",
         FINISH "\n\n\nQuestion:\nq0\nOptions:\nA.  a \nB. b\n" THINK " It is. The answer is (A).\n\n"
                "Question:\nq9\nOptions:\nA. \u2003c\n\nB. d\n" THINK},
        {"lm-eval",
         FINISH "Question:\nq0\nOptions:\nA. a\nB. N/A\nC. b\n" THINK " It is. The answer is (A).\n\n"
                "Question:\nq9\nOptions:\nA. c\nB. d\n" THINK},
        {"api", "[{\"role\": \"user\", \"content\": \"" HEAD
                "output the answer in the format of \\\"The answer is (X)\\\" at the "
                "end.\\n\\nQuestion: q0\\nOptions: A.  a \\nB. b\\n" THINK " It is. The answer is (A).\\n\\n"
                "Question: q9\\nOptions: A. \u2003c\\n\\nB. d\\n" THINK "\\n\\n\"}]"},
        {"lm-eval-chat",
         "[{\"role\": \"system\", \"content\": \"" JFINISH
         "\"}, {\"role\": \"user\", \"content\": \"Question:\\nq0\\n"
         "Options:\\nA. a\\nB. N/A\\nC. b\\n" THINK
         "\"}, {\"role\": \"assistant\", \"content\": \"It is. The answer is "
         "(A).\"}, {\"role\": \"user\", \"content\": \"Question:\\nq9\\nOptions:\\nA. c\\nB. d\\n" THINK
         "\"}]"},
    };
    char dir[64];
    folder(dir, rows, shot);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        carat_eval e = {.data = dir, .variant = want[i][0]};
        carat_question q;
        size_t n;
        void *s = opened(&e, &n);
        assert_int_equal(n, 2);
        assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
        assert_string_equal(q.prompt ? q.prompt : q.messages, want[i][1]);
        suite->close(s);
    }
    carat_remove_tree(dir, NULL);
}

static void marks(void **state)
{
    (void)state;
    char dir[64];
    folder(dir, rows, shot);
    carat_eval e = {.data = dir};
    carat_question q;
    size_t n;
    void *s = opened(&e, &n);
    carat_str r = CARAT_STR_INIT;
    assert_int_equal(suite->question(s, 0, &q, NULL), CARAT_OK);
    assert_int_equal(marked(suite, s, 0, "The answer is (B).", &r).outcome, CARAT_RIGHT);
    assert_string_equal(r.data, "{\"pred\": \"B\", \"level\": 1, \"answer\": \"B\", \"answer_index\": 0, "
                                "\"n_options\": 2, \"shots\": 1, \"official_fallback\": false, "
                                "\"errata\": \"answer and answer_index disagree; the letter counts\"}");
    assert_int_equal(marked(suite, s, 0, "The answer is (A).", &r).outcome, CARAT_WRONG);
    assert_int_equal(marked(suite, s, 1, "Answer: B", &r).outcome, CARAT_RIGHT);
    assert_int_equal(marked(suite, s, 1, "no idea", &r).outcome, CARAT_UNPARSED);
    assert_string_equal(r.data, "{\"pred\": null, \"level\": 0, \"answer\": \"B\", \"answer_index\": 1, "
                                "\"n_options\": 2, \"shots\": 0, \"official_fallback\": false}");
    suite->close(s);
    e.variant = "lm-eval";
    s = opened(&e, &n);
    assert_int_equal(marked(suite, s, 1, "Answer: B", &r).outcome, CARAT_UNPARSED);
    suite->close(s);
    e.variant = "api";
    s = opened(&e, &n);
    assert_int_equal(marked(suite, s, 1, "the answer is **B**", &r).outcome, CARAT_RIGHT);
    suite->close(s);
    carat_str_free(&r);
    carat_remove_tree(dir, NULL);
}

static void refused(const char *test, const char *validation, carat_status want, const char *words)
{
    char dir[64];
    carat_err err;
    size_t n;
    void *s;
    folder(dir, test, validation);
    carat_eval e = {.data = dir};
    assert_int_equal(suite->open(&e, &s, &n, &err), want);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    carat_remove_tree(dir, NULL);
}

static void refusals(void **state)
{
    (void)state;
    refused(rows, NULL, CARAT_EUSAGE, "no validation table");
    refused("", shot, CARAT_EFORMAT, "no questions");
    refused("{\"question\": \"q\", \"options\": [\"a\"], \"answer\": \"A\", \"category\": \"z\"}\n", shot,
            CARAT_EFORMAT, "category z");
    refused("{\"question\": \"q\", \"options\": [], \"answer\": \"A\", \"category\": \"x y\"}\n", shot,
            CARAT_EFORMAT, "row 1: options: 0");
    refused("{\"question\": \"q\", \"options\": [\"a\"], \"answer\": \"Z\", \"category\": \"x y\"}\n", shot,
            CARAT_EFORMAT, "\"Z\"");
    refused("{\"question\": \"q\", \"options\": [3], \"answer\": \"A\", \"category\": \"x y\"}\n", shot,
            CARAT_EFORMAT, "an option");
    carat_eval e = {.variant = "best"}, thinking = {.thinking = true};
    size_t n;
    void *s;
    carat_err err;
    assert_int_equal(suite->open(&e, &s, &n, &err), CARAT_EUSAGE);
    assert_int_equal(suite->open(&thinking, &s, &n, &err), CARAT_EUSAGE);
}

/* ---- with the official samples ------------------------------------------------------------------------------- */

static void shared_path(char *out, size_t size, const char *name)
{
    const char *root = getenv("ROOT");
    snprintf(out, size, "%s/../shared/data/eval/mmlu_pro/%s", root ? root : ".", name);
}

/* Compares the prompt of the row with that id with the official one. */
static void same_prompt(void *s, size_t n, const char *id, const carat_json *want)
{
    for (size_t i = 0; i < n; i++) {
        carat_question q;
        const char *text;
        if (strcmp(suite->describe(s, i).id, id) != 0)
            continue;
        assert_int_equal(suite->question(s, i, &q, NULL), CARAT_OK);
        if (carat_json_is_string(want)) {
            const char *got = q.prompt;
            carat_json *messages = NULL;
            if (!got) {
                assert_int_equal(carat_json_parse(q.messages, strlen(q.messages), &messages, NULL), CARAT_OK);
                carat_json_text(carat_json_get(carat_json_first(messages), "content"), "", &got, NULL);
            }
            assert_int_equal(carat_json_text(want, "", &text, NULL), CARAT_OK);
            assert_string_equal(got, text);
            carat_json_free(messages);
        } else {
            carat_json *messages;
            carat_str a = CARAT_STR_INIT, b = CARAT_STR_INIT;
            assert_int_equal(carat_json_parse(q.messages, strlen(q.messages), &messages, NULL), CARAT_OK);
            assert_int_equal(carat_json_print(messages, &a, NULL), CARAT_OK);
            assert_int_equal(carat_json_print(want, &b, NULL), CARAT_OK);
            assert_string_equal(a.data, b.data);
            carat_json_free(messages);
            carat_str_free(&a);
            carat_str_free(&b);
        }
        return;
    }
    fail_msg("no question %s", id);
}

static void official_prompts(void **state)
{
    (void)state;
    static const char *const editions_of[][2] = {{"local", "local_k5"},
                                                 {"api", "api"},
                                                 {"lm-eval", "lm_eval_plain"},
                                                 {"lm-eval-chat", "lm_eval_chat"}};
    char path[512], data[512], id[32];
    shared_path(path, sizeof path, "prompts.jsonl");
    if (!carat_is_file(path)) {
        print_message("SKIP official prompts: no %s\n", path);
        skip();
    }
    static const char *const tables[] = {"test-00000-of-00001.parquet", "test70.jsonl"};
    for (size_t v = 0; v < 4; v++) {
        shared_path(data, sizeof data, tables[v % 2]);
        carat_eval e = {.data = data, .variant = editions_of[v][0]};
        size_t n, count = 0;
        void *s = opened(&e, &n);
        assert_int_equal(n, v % 2 ? 70 : 12032);
        FILE *f = fopen(path, "rbe");
        char *line = NULL;
        size_t cap = 0;
        for (ssize_t len; (len = getline(&line, &cap, f)) > 0; count++) {
            carat_json *row;
            uint64_t number;
            assert_int_equal(carat_json_parse(line, (size_t)len - 1, &row, NULL), CARAT_OK);
            assert_int_equal(
                carat_json_u64(carat_json_get(row, "question_id"), "", 0, 1 << 20, &number, NULL), CARAT_OK);
            snprintf(id, sizeof id, "%u", (unsigned)number);
            same_prompt(s, n, id, carat_json_get(row, editions_of[v][1]));
            carat_json_free(row);
        }
        assert_int_equal(count, 14);
        free(line);
        fclose(f);
        suite->close(s);
    }
}

/* Records as a run leaves them, of one model's replies in the sample of official outputs. */
typedef struct replies {
    const char *model;
    carat_json **record;
    size_t n, cap;
} replies;

static carat_status add_reply(void *ctx, const carat_json *row, const carat_str *text, carat_err *err)
{
    replies *r = ctx;
    const char *model, *output, *answer, *category, *pred = NULL;
    uint64_t id, options, index, level;
    (void)text, (void)err;
    assert_int_equal(carat_json_text(carat_json_get(row, "model"), "", &model, NULL), CARAT_OK);
    if (strcmp(model, r->model) != 0)
        return CARAT_OK;
    carat_json_text(carat_json_get(row, "output"), "", &output, NULL);
    carat_json_text(carat_json_get(row, "answer"), "", &answer, NULL);
    carat_json_text(carat_json_get(row, "category"), "", &category, NULL);
    carat_json_text(carat_json_get(row, "expected_pred"), "", &pred, NULL);
    carat_json_u64(carat_json_get(row, "question_id"), "", 0, 1 << 20, &id, NULL);
    carat_json_u64(carat_json_get(row, "n_options"), "", 0, 16, &options, NULL);
    carat_json_u64(carat_json_get(row, "answer_index"), "", 0, 16, &index, NULL);
    carat_json_u64(carat_json_get(row, "level"), "", 0, 3, &level, NULL);
    carat_letter found;
    assert_int_equal(carat_mmlu_extract(output, CARAT_MMLU_FIRST, &found, NULL), CARAT_OK);
    assert_int_equal(found.letter, pred ? *pred : 0);
    assert_int_equal(found.level, level);
    carat_str s = CARAT_STR_INIT;
    carat_str_printf(
        &s,
        "{\"item\": %u, \"groups\": {\"category\": \"%s\"}, \"outcome\": \"%s\", \"n_options\": %u, "
        "\"answer_index\": %u, \"level\": %u, \"official_fallback\": false}",
        (unsigned)id, category,
        !pred              ? "unparsed"
        : *pred == *answer ? "right"
                           : "wrong",
        (unsigned)options, (unsigned)index, (unsigned)level);
    assert_int_equal(carat_grow((void **)&r->record, &r->cap, r->n + 1, sizeof *r->record, NULL), CARAT_OK);
    assert_int_equal(carat_json_parse(s.data, s.len, &r->record[r->n++], NULL), CARAT_OK);
    carat_str_free(&s);
    return CARAT_OK;
}

static double metric(const carat_results *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->metric[i].name, name))
            return r->metric[i].estimate.value;
    fail_msg("no metric %s", name);
    return 0;
}

/* The official program's own numbers for 1,000 real replies. */
static void official_scores(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        double official, chain, expected, macro;
    } want[] = {{"Mixtral-8x7B-Instruct-v0.1", 129 / 400.0, 0.305, 0.32125992063492065, 0.34791549330687893},
                {"Qwen1.5-7B-Chat", 172 / 600.0, -1, -1, -1}};
    char path[512];
    shared_path(path, sizeof path, "outputs_sample.jsonl.gz");
    if (!carat_is_file(path)) {
        print_message("SKIP official scores: no %s\n", path);
        skip();
    }
    for (size_t k = 0; k < 2; k++) {
        replies r = {.model = want[k].model};
        carat_err err;
        if (carat_table_each(path, add_reply, &r, &err))
            fail_msg("%s", err.text);
        carat_results out = {.metric = {{"acc", {.value = -1}}}, .n = 1};
        assert_int_equal(suite->report(NULL, (const carat_json *const *)r.record, r.n, &out, NULL), CARAT_OK);
        assert_true(fabs(metric(&out, "acc_official") - want[k].official) < 1e-12);
        assert_true(metric(&out, "acc") == -1);
        if (want[k].chain > 0) {
            assert_true(fabs(metric(&out, "acc_expected") - want[k].expected) < 1e-12);
            assert_true(fabs(metric(&out, "acc_macro") - want[k].macro) < 1e-12);
        }
        for (size_t i = 0; i < r.n; i++)
            carat_json_free(r.record[i]);
        free(r.record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(python_random),  cmocka_unit_test(sample),
                                       cmocka_unit_test(limited),        cmocka_unit_test(shortened),
                                       cmocka_unit_test(editions),       cmocka_unit_test(marks),
                                       cmocka_unit_test(refusals),       cmocka_unit_test(official_prompts),
                                       cmocka_unit_test(official_scores)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
