/* Formats: packed bytes by hand, decoding at any column, and every way in which a stored matrix contradicts itself.
 *                                                                      SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include "runtime/base/mem.h"
#include "runtime/format/format.h"
#include "tests/support/checkpoint.h"
#include "tests/support/test.h"

static void registry_is_sound(void **state)
{
    (void)state;
    const carat_format *f;
    size_t n = 0;
    for (; (f = carat_format_at(n)); n++) {
        assert_non_null(f->name);
        assert_non_null(f->summary);
        assert_non_null(f->decode);
        assert_int_equal(f->integer, f->pack != NULL);
        for (size_t k = 0; k < n; k++) {
            assert_string_not_equal(f->name, carat_format_at(k)->name);
            assert_int_not_equal(f->code, carat_format_at(k)->code);
        }
    }
    assert_int_equal(n, CARAT_CODE_COUNT);
    assert_null(carat_format_of_dtype(CARAT_DT_I8));
}

/* The vectors of compressed-tensors' pack_to_int32, as bytes. */
static void packs_as_compressed_tensors(void **state)
{
    (void)state;
    const int8_t low[] = {-8, -7, -6, -5, -4, -3, -2, -1}, high[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int8_t wide[] = {-128, -1, 0, 127};
    uint8_t out[4];
    carat_format_int4.pack(low, 8, out);
    assert_memory_equal(out, "\x10\x32\x54\x76", 4);
    carat_format_int4.pack(high, 8, out);
    assert_memory_equal(out, "\x98\xba\xdc\xfe", 4);
    carat_format_int8_packed.pack(wide, 4, out);
    assert_memory_equal(out, "\x00\x7f\x80\xff", 4);
    carat_format_int8.pack(wide, 4, out);
    assert_memory_equal(out, "\x80\xff\x00\x7f", 4);
}

/* A matrix of one format with known values, its codes and its scales. */
enum { ROWS = 3, COLS = 96 };
typedef struct sample {
    carat_weight w;
    uint8_t bytes[ROWS * COLS * 4 + 1], scales[ROWS * COLS * 4 + 1];
    float want[ROWS][COLS];
} sample;

static float put_scale(sample *s, size_t i, float v)
{
    uint8_t *p = s->scales + 1;
    uint16_t half = s->w.scale_dtype == CARAT_DT_BF16 ? carat_bf16_put(v) : carat_f16_put(v);
    if (s->w.scale_dtype == CARAT_DT_F32)
        memcpy(p + 4 * i, &v, 4);
    else
        memcpy(p + 2 * i, &half, 2);
    return s->w.scale_dtype == CARAT_DT_F32    ? v
           : s->w.scale_dtype == CARAT_DT_BF16 ? carat_bf16_get(half)
                                               : carat_f16_get(half);
}

static void make_integer(sample *s, uint32_t group, carat_dtype scale_dtype)
{
    const carat_format *f = s->w.format;
    int8_t q[COLS];
    s->w.scale_dtype = scale_dtype;
    s->w.scale = s->scales + 1;
    s->w.group = group;
    s->w.groups = COLS / group;
    s->w.row_bytes = (uint64_t)COLS * (unsigned)f->bits / 8;
    float scale = 0;
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t c = 0; c < COLS; c++) {
            if (c % group == 0)
                scale = put_scale(s, r * s->w.groups + c / group, 0.01f * (float)(1 + r + c));
            q[c] = (int8_t)((int)((r * 31 + c * 7) % (1u << f->bits)) - (1 << (f->bits - 1)));
            s->want[r][c] = (float)q[c] * scale;
        }
        f->pack(q, COLS, s->bytes + 1 + r * s->w.row_bytes);
    }
}

static void make_float(sample *s)
{
    size_t size = (size_t)s->w.format->bits / 8;
    s->w.row_bytes = COLS * size;
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t c = 0; c < COLS; c++) {
            float v = (float)r - 0.25f * (float)c;
            uint16_t half = size == 4                             ? 0
                            : s->w.format->code == CARAT_CODE_F16 ? carat_f16_put(v)
                                                                  : carat_bf16_put(v);
            memcpy(s->bytes + 1 + r * s->w.row_bytes + c * size, size == 4 ? (void *)&v : (void *)&half,
                   size);
            s->want[r][c] = v;
        }
    }
}

static void check_decode(const sample *s)
{
    float out[COLS + 1];
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t from = 0; from < COLS; from += from < 9 ? 1 : 23)
            for (uint32_t n = 0; from + n <= COLS; n += n < 40 ? 1 : 16) {
                out[n] = 77;
                s->w.format->decode(&s->w, r, from, n, out);
                assert_memory_equal(out, &s->want[r][from], n * sizeof *out);
                assert_true(out[n] == 77);
            }
    carat_weight part = carat_weight_rows(&s->w, 2, 1);
    part.format->decode(&part, 0, 0, COLS, out);
    assert_memory_equal(out, s->want[2], COLS * sizeof *out);
}

static void decodes_any_stretch_of_columns(void **state)
{
    (void)state;
    static const uint32_t groups[] = {8, 16, 32, 48, 96};
    static const carat_dtype scales[] = {CARAT_DT_BF16, CARAT_DT_F16, CARAT_DT_F32};
    sample *s = malloc(sizeof *s);
    for (size_t i = 0; carat_format_at(i); i++) {
        *s = (sample){.w = {.format = carat_format_at(i), .data = s->bytes + 1, .rows = ROWS, .cols = COLS}};
        if (!s->w.format->integer) {
            make_float(s);
            check_decode(s);
            continue;
        }
        for (int k = 0; k < 15; k++) {
            make_integer(s, groups[k / 3], scales[k % 3]);
            check_decode(s);
        }
    }
    free(s);
}

/* ---- finding matrices in a store */

#define T(name, dtype, shape, from, to)                                                                      \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

static carat_status find(const char *header, size_t size, const uint8_t *data, carat_weight *w,
                         carat_err *err)
{
    char *dir = checkpoint_dir();
    size_t total;
    uint8_t *bytes = checkpoint_bytes(header, data, size, &total);
    checkpoint_write(dir, "model.safetensors", bytes, total);
    carat_store *s = NULL;
    carat_status status = carat_store_open(dir, &s, err);
    if (status != CARAT_OK)
        fail_msg("%s: %s", header, err->text);
    *w = (carat_weight){0};
    status = carat_weight_find(s, "m", 2, 16, w, err);
    carat_store_close(s); /* w->data dangles from here on; only the numbers are looked at */
    free(bytes);
    checkpoint_remove(dir);
    return status;
}

static const uint8_t shape_2_16[256] = {2, 0, 0, 0, 0, 0, 0, 0, 16},
                     shape_2_17[256] = {2, 0, 0, 0, 0, 0, 0, 0, 17};

static void finds_each_way_of_storing(void **state)
{
    (void)state;
    static const struct {
        const char *header, *scheme;
        size_t size;
        uint32_t group;
        uint64_t bytes;
    } cases[] = {
        {"{" T("m.weight", "F32", "2,16", 0, 128) "}", "f32", 128, 0, 128},
        {"{" T("m.weight", "BF16", "2,16", 0, 64) "}", "bf16", 64, 0, 64},
        {"{" T("m.weight", "F16", "2,16", 0, 64) "}", "f16", 64, 0, 64},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "BF16", "2,1", 32, 36) "}", "int8",
         36, 16, 36},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "F32", "2", 32, 40) "}", "int8", 40,
         16, 40},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "F32", "2,2", 32, 48) "}", "int8-g8",
         48, 8, 48},
        {"{" T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "I32", "2,2", 16, 32) "," T(
             "m.weight_scale", "BF16", "2,2", 32, 40) "}",
         "int4-g8", 40, 8, 24},
        {"{" T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "I32", "2,4", 16, 48) "," T(
             "m.weight_scale", "F16", "2,1", 48, 52) "}",
         "int8", 52, 16, 36},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        carat_weight w;
        carat_err err = {0};
        char scheme[16];
        if (find(cases[i].header, cases[i].size, shape_2_16, &w, &err) != CARAT_OK)
            fail_msg("%s: %s", cases[i].header, err.text);
        carat_weight_scheme(&w, scheme);
        assert_string_equal(scheme, cases[i].scheme);
        assert_int_equal(w.rows, 2);
        assert_int_equal(w.cols, 16);
        assert_int_equal(w.group, cases[i].group);
        assert_int_equal(carat_weight_bytes(&w), cases[i].bytes);
    }
    carat_weight w = {0};
    carat_err err = {0};
    assert_int_equal(find("{" T("other", "F32", "", 0, 4) "}", 4, NULL, &w, &err), CARAT_OK);
    assert_null(w.format);
}

#define PACKED T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "I32", "2,2", 16, 32)

static void refuses_what_it_cannot_mean(void **state)
{
    (void)state;
    static const struct {
        const char *header, *text;
        size_t size;
    } cases[] = {
        {"{" T("m.weight", "F32", "16,2", 0, 128) "}", "shape [16, 2], the config says [2, 16]", 128},
        {"{" T("m.weight", "F32", "32", 0, 128) "}", "1 dimensions", 128},
        {"{" T("m.weight", "F64", "2,16", 0, 256) "}", "dtype F64", 256},
        {"{" T("m.weight", "F8_E4M3", "2,16", 0, 32) "}", "dtype F8_E4M3", 32},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "}", "m.weight_scale is missing", 32},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "BF16", "1", 32, 34) "}", "one scale",
         34},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "I8", "2,1", 32, 34) "}", "dtype I8",
         34},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "BF16", "2,3", 32, 44) "}",
         "does not divide", 44},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "BF16", "2,4", 32, 48) "}",
         "groups of 4", 48},
        {"{" T("m.weight", "I8", "2,16", 0, 32) "," T("m.weight_scale", "BF16", "3,1", 32, 38) "}",
         "does not divide", 38},
        {"{" T("m.weight", "BF16", "2,16", 0, 64) "," T("m.weight_scale", "BF16", "2,1", 64, 68) "}",
         "a scale beside", 68},
        {"{" T("m.weight_scale", "BF16", "2,1", 0, 4) "}", "without its .weight", 4},
        {"{" PACKED "}", "m.weight_scale is missing", 32},
        {"{" PACKED "," T("m.weight", "F32", "2,16", 32, 160) "}", "there twice", 160},
        {"{" PACKED "," T("m.weight_zero_point", "I32", "1,1", 32, 36) "}", "asymmetric", 36},
        {"{" PACKED "," T("m.weight_g_idx", "I32", "16", 32, 96) "}", "activation order", 96},
        {"{" PACKED "," T("m.weight_global_scale", "F32", "1", 32, 36) "}", "FP4", 36},
        {"{" T("m.weight_packed", "I32", "2,2", 0, 16) "}", "weight_shape is not there", 16},
        {"{" T("m.weight_shape", "I32", "2", 0, 8) "," T("m.weight_packed", "I32", "2,2", 8, 24) "}",
         "weight_shape", 24},
        {"{" T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "U8", "2,8", 16, 32) "}",
         "dtype U8", 32},
        {"{" T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "I32", "2,3", 16, 40) "}",
         "neither 4 nor 8", 40},
        {"{" T("m.weight_shape", "I64", "2", 0, 16) "," T("m.weight_packed", "I32", "3,2", 16, 40) "}",
         "3 packed rows", 40},
    };
    carat_weight w;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        carat_err err = {0};
        carat_status status = find(cases[i].header, cases[i].size, cases[i].size >= 16 ? shape_2_16 : NULL,
                                   &w, &err);
        if (status == CARAT_OK)
            fail_msg("accepted: %s", cases[i].header);
        assert_fails(status, status, &err, cases[i].text);
        assert_null(w.format);
    }
    carat_err err = {0};
    carat_status status = find("{" PACKED "," T("m.weight_scale", "BF16", "2,1", 32, 36) "}", 36, shape_2_17,
                               &w, &err);
    assert_fails(status, CARAT_EFORMAT, &err, "shape [2, 17], the config says [2, 16]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_is_sound),
        cmocka_unit_test(packs_as_compressed_tensors),
        cmocka_unit_test(decodes_any_stretch_of_columns),
        cmocka_unit_test(finds_each_way_of_storing),
        cmocka_unit_test(refuses_what_it_cannot_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
