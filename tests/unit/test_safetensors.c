/* The safetensors header: what is legal, and one refusal for each lie. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "tests/support/test.h"
#include "runtime/tensor/safetensors.h"
#include "tests/support/checkpoint.h"

static void reads_a_small_file(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = checkpoint_bytes("{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[6,10]},"
                                      "\"__metadata__\":{\"format\":\"pt\",\"k\":\"\"},"
                                      "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[6,6]},"
                                      "\"a\":{\"dtype\":\"BF16\",\"shape\":[3,1],\"data_offsets\":[0,6]}}   ",
                                      NULL, 10, &size);
    carat_arena arena = {0};
    carat_st_file f = {0};
    carat_err err = {0};
    assert_int_equal(carat_safetensors_parse(bytes, size, 7, &arena, &f, &err), CARAT_OK);
    assert_int_equal(f.n, 3);
    assert_int_equal(f.n_meta, 2);
    assert_string_equal(f.meta[0], "format");
    assert_string_equal(f.meta[1], "pt");
    assert_string_equal(f.tensors[0].name, "a");
    assert_string_equal(f.tensors[1].name, "empty");
    assert_string_equal(f.tensors[2].name, "b");
    assert_int_equal(f.tensors[0].ndim, 2);
    assert_int_equal(f.tensors[0].dim[0], 3);
    assert_int_equal(f.tensors[0].file, 7);
    assert_int_equal(f.tensors[0].bytes, 6);
    assert_int_equal(f.tensors[1].bytes, 0);
    assert_int_equal(f.tensors[2].ndim, 0);
    assert_int_equal(f.tensors[2].data[0], 6);
    assert_ptr_equal(f.tensors[2].data, bytes + f.tensors[2].offset);
    carat_arena_free(&arena);
    free(bytes);
}

static void expect(const char *header, size_t data, const char *words)
{
    size_t size;
    uint8_t *bytes = checkpoint_bytes(header, NULL, data, &size);
    carat_arena arena = {0};
    carat_st_file f = {0};
    carat_err err = {0};
    carat_status status = carat_safetensors_parse(bytes, size, 0, &arena, &f, &err);
    if (!words) {
        if (status != CARAT_OK)
            fail_msg("%s: refused: %s", header, err.text);
    } else if (status == CARAT_OK || !strstr(err.text, words))
        fail_msg("%s: wanted \"%s\", got %d \"%s\"", header, words, (int)status, err.text);
    assert_int_equal(f.n != 0 && status != CARAT_OK, 0);
    carat_arena_free(&arena);
    free(bytes);
}

#define ONE(fields) "{\"w\":{" fields "}}"

static void refuses_each_lie(void **state)
{
    (void)state;
    expect("{}", 0, NULL);
    expect("{}", 1, "behind the last tensor");
    expect("[]", 0, "does not begin with {");
    expect(" {}", 0, "does not begin with {");
    expect("{\"w\":3}", 0, "no object");
    expect("{\"__metadata__\":3}", 0, "__metadata__");
    expect("{\"__metadata__\":{\"a\":3}}", 0, "no string");
    expect(ONE("\"shape\":[],\"data_offsets\":[0,4]"), 4, "dtype");
    expect(ONE("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4, "shape");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[]"), 4, "data_offsets");
    expect(ONE("\"dtype\":\"F4\",\"shape\":[],\"data_offsets\":[0,4]"), 4, "dtype F4");
    expect(ONE("\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]"), 4, "dtype");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, "dtype and shape say 8");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), 4, "shape");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]"), 4, "shape");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1e30],\"data_offsets\":[0,4]"), 4, "shape");
    expect(ONE("\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]"), 4, "shape");
    expect(ONE("\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,4],\"data_offsets\":[0,4]"), 4, "dimensions");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[4194305,4194305,211106198978564],\"data_offsets\":[0,4]"), 4,
           "2^64");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[4503599627370496,4503599627370496,0],\"data_offsets\":[0,0]"), 0,
           "2^64");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4, "before its begin");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]"), 4, "the file holds 4");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e18]"), 4, "data_offsets");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]"), 4, "no pair");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]"), 4, "data_offsets");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]"), 8, "hole of 4 bytes");
    expect(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 5, "1 bytes behind");
    expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
           7, "b overlaps tensor a");
    expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
           4, "b overlaps tensor a");
    expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
           "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
           2, "duplicate key");
    expect("{\"a\\u0001\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control character");
    expect("{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "NUL");
    expect("{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "without a name");
    expect("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,NaN]}}", 1, "header");
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = checkpoint_bytes(ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), NULL, 8,
                                      &size);
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* so that a sanitizer sees a read behind it */
        carat_arena arena = {0};
        carat_st_file f;
        carat_err err = {0};
        memcpy(cut, bytes, n);
        assert_int_equal(carat_safetensors_parse(cut, n, 0, &arena, &f, &err), CARAT_EFORMAT);
        assert_true(*err.text);
        carat_arena_free(&arena);
        free(cut);
    }
    for (int i = 0; i < 8; i++) { /* lengths up to 10^18 and beyond */
        uint8_t was = bytes[i];
        carat_arena arena = {0};
        carat_st_file f;
        bytes[i] = 0xff;
        assert_int_equal(carat_safetensors_parse(bytes, size, 0, &arena, &f, NULL), CARAT_EFORMAT);
        bytes[i] = was;
        carat_arena_free(&arena);
    }
    free(bytes);
}

static void deep_json_is_refused(void **state)
{
    (void)state;
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    memcpy(deep, "{\"a\":", 5);
    deep[200000] = '\0';
    expect(deep, 0, "nested deeper");
    free(deep);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    const carat_tensor tensors[] = {
        {.name = "x.weight", .dtype = CARAT_DT_I32, .ndim = 2, .dim = {3, 5}},
        {.name = "quote\"back\\slash", .dtype = CARAT_DT_BF16, .ndim = 0},
        {.name = "none", .dtype = CARAT_DT_F32, .ndim = 1, .dim = {0}},
    };
    const char *const meta[] = {"format", "pt", "source", "a \"b\""};
    carat_str s = CARAT_STR_INIT;
    carat_err err = {0};
    assert_int_equal(carat_safetensors_header(tensors, 3, meta, 2, &s, &err), CARAT_OK);
    assert_int_equal(s.len % 64, 0);
    carat_str_add(&s, (const char[62]){0}, 62);
    carat_arena arena = {0};
    carat_st_file f = {0};
    assert_int_equal(carat_safetensors_parse((const uint8_t *)s.data, s.len, 0, &arena, &f, &err), CARAT_OK);
    assert_int_equal(f.n, 3);
    assert_string_equal(f.tensors[0].name, "x.weight");
    assert_int_equal(f.tensors[0].bytes, 60);
    assert_string_equal(f.tensors[1].name, "quote\"back\\slash");
    assert_int_equal(f.n_meta, 2);
    assert_string_equal(f.meta[3], "a \"b\"");
    carat_arena_free(&arena);
    carat_str_free(&s);
}

static void many_tensors_stay_fast(void **state)
{
    (void)state;
    enum { N = 100000 };
    carat_str s = CARAT_STR_INIT;
    size_t size;
    carat_str_putc(&s, '{');
    for (int i = N - 1; i >= 0; i--)
        carat_str_printf(&s, "%s\"layers.%d.x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                         i == N - 1 ? "" : ",", i, i, i + 1);
    carat_str_putc(&s, '}');
    uint8_t *bytes = checkpoint_bytes(s.data, NULL, N, &size);
    carat_arena arena = {0};
    carat_st_file f = {0};
    assert_int_equal(carat_safetensors_parse(bytes, size, 0, &arena, &f, NULL), CARAT_OK);
    assert_int_equal(f.n, N);
    assert_string_equal(f.tensors[N - 1].name, "layers.99999.x");
    carat_arena_free(&arena);
    carat_str_free(&s);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_small_file),   cmocka_unit_test(refuses_each_lie),
        cmocka_unit_test(every_cut_is_refused), cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(many_tensors_stay_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
