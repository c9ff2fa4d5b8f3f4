/* Stores: every place a checkpoint may lie, every way shards disagree. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/base/file.h"
#include "runtime/tensor/store.h"
#include "tests/support/checkpoint.h"
#include "tests/support/test.h"

#define A  "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
#define B  "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}"
#define B2 "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[2,5]}"

static char *path_in(const char *dir, const char *name)
{
    carat_str s = CARAT_STR_INIT;
    carat_path_join(&s, dir, name);
    return carat_str_take(&s);
}

static void fails(const char *path, carat_status want, const char *text)
{
    carat_store *s = NULL;
    carat_err err = {0};
    carat_status got = carat_store_open(path, &s, &err);
    assert_fails(got, want, &err, text);
    assert_null(s);
}

static void opens_a_file_and_a_directory(void **state)
{
    (void)state;
    char *dir = checkpoint_dir(), *file = path_in(dir, "model.safetensors");
    checkpoint_tensors(dir, "model.safetensors", "{\"__metadata__\":{\"k\":\"v\"}," A "," B2 "}", 5);
    const char *paths[] = {dir, file};
    for (int i = 0; i < 2; i++) {
        carat_store *s = NULL;
        carat_err err = {0};
        assert_int_equal(carat_store_open(paths[i], &s, &err), CARAT_OK);
        assert_string_equal(carat_store_dir(s), dir);
        assert_int_equal(carat_store_count(s), 2);
        assert_int_equal(carat_store_bytes(s), 5);
        assert_int_equal(carat_store_files(s), 1);
        assert_string_equal(carat_store_file(s, 0), file);
        assert_string_equal(carat_store_meta(s, "k"), "v");
        assert_null(carat_store_meta(s, "none"));
        assert_null(carat_store_find(s, "c"));
        assert_int_equal(carat_store_find(s, "b")->data[0], 2);
        assert_string_equal(carat_store_at(s, 0)->name, "a");
        assert_null(carat_store_at(s, 2));
        carat_store_close(s);
    }
    carat_store_close(NULL);
    free(file);
    checkpoint_remove(dir);
}

static void one_file_of_another_name_will_do(void **state)
{
    (void)state;
    char *dir = checkpoint_dir();
    fails(dir, CARAT_EFORMAT, "neither model.safetensors nor");
    checkpoint_text(dir, "x.gguf", "GGUF");
    fails(dir, CARAT_ESUPPORT, "does not read GGUF");
    checkpoint_tensors(dir, "one.safetensors", "{" A "}", 2);
    carat_store *s = NULL;
    assert_int_equal(carat_store_open(dir, &s, NULL), CARAT_OK);
    carat_store_close(s);
    checkpoint_tensors(dir, "two.safetensors", "{" A "}", 2);
    fails(dir, CARAT_EFORMAT, "name the file");
    char *gguf = path_in(dir, "x.gguf");
    fails(gguf, CARAT_ESUPPORT, "does not read GGUF");
    free(gguf);
    checkpoint_text(dir, "notes.txt", "hello");
    char *notes = path_in(dir, "notes.txt");
    fails(notes, CARAT_EFORMAT, "not a .safetensors file");
    free(notes);
    fails("", CARAT_EUSAGE, "empty");
    fails("/nonexistent/x.safetensors", CARAT_EIO, "/nonexistent/x.safetensors");
    checkpoint_remove(dir);
}

static void shards(const char *map, const char *error)
{
    char *dir = checkpoint_dir();
    carat_str index = CARAT_STR_INIT;
    carat_store *s = NULL;
    carat_err err = {0};
    carat_str_printf(&index, "{\"metadata\":{\"total_size\":5},\"weight_map\":%s}", map);
    checkpoint_text(dir, "model.safetensors.index.json", index.data);
    checkpoint_tensors(dir, "m1.safetensors", "{" A "}", 2);
    checkpoint_tensors(dir, "m2.safetensors", "{" B "}", 3);
    checkpoint_tensors(dir, "dup.safetensors", "{" A "," B2 "}", 5);
    carat_status status = carat_store_open(dir, &s, &err);
    if (error)
        assert_fails(status, CARAT_EFORMAT, &err, error);
    else {
        assert_int_equal(status, CARAT_OK);
        assert_int_equal(carat_store_files(s), 2);
        assert_int_equal(carat_store_find(s, "b")->file, 1);
        carat_store_close(s);
    }
    carat_str_free(&index);
    checkpoint_remove(dir);
}

static void shards_and_index_agree_exactly(void **state)
{
    (void)state;
    shards("{\"b\":\"m2.safetensors\",\"a\":\"m1.safetensors\"}", NULL);
    shards("{\"a\":\"m1.safetensors\",\"b\":\"m1.safetensors\"}", "tensor b: the index puts it in m1");
    shards("{\"a\":\"m1.safetensors\",\"b\":\"m2.safetensors\",\"c\":\"m2.safetensors\"}",
           "tensor c: the index puts it");
    shards("{\"a\":\"m2.safetensors\",\"b\":\"m1.safetensors\"}", "it lies in");
    shards("{\"a\":\"dup.safetensors\"}", "tensor b in dup.safetensors is not in the index");
    shards("{\"a\":\"m1.safetensors\",\"b\":\"dup.safetensors\"}", "tensor a is in dup.safetensors too");
    shards("{\"a\":\"missing.safetensors\"}", "shard missing.safetensors is missing");
    shards("{\"a\":\"../m1.safetensors\"}", "not a plain file name");
    shards("{\"a\":\"/etc/passwd\"}", "not a plain file name");
    shards("{\"a\":\"..\"}", "not a plain file name");
    shards("{\"a\":\"\"}", "not a plain file name");
    shards("{\"a\":3}", "no file for a");
    shards("{}", "names 0 files");
    shards("[]", "no weight_map");
    shards("null", "no weight_map");
}

static void looks_into_the_hugging_face_cache(void **state)
{
    (void)state;
    char *cache = checkpoint_dir(), *dir = NULL;
    char *refs = path_in(cache, "models--org--my.name/refs/pr"),
         *snapshot = path_in(cache, "models--org--my.name/snapshots/c0ffee");
    char *blobs = path_in(cache, "models--org--my.name/blobs"),
         *link = path_in(snapshot, "model.safetensors");
    carat_err err = {0};
    setenv("HF_HUB_CACHE", cache, 1);
    fails("org/my.name", CARAT_EIO, "models--org--my.name");
    assert_int_equal(carat_make_dir(refs, NULL), CARAT_OK);
    assert_int_equal(carat_make_dir(snapshot, NULL), CARAT_OK);
    assert_int_equal(carat_make_dir(blobs, NULL), CARAT_OK);
    fails("org/my.name", CARAT_EIO, "revision main");
    char *ref_dir = path_in(cache, "models--org--my.name/refs");
    checkpoint_text(ref_dir, "main", "c0ffee\n");
    checkpoint_text(refs, "1", "c0ffee");
    checkpoint_text(ref_dir, "evil", "../../../etc");
    fails("org/my.name", CARAT_EFORMAT, "neither model.safetensors");
    checkpoint_tensors(blobs, "0123abcd", "{" A "}", 2);
    assert_int_equal(symlink("../../blobs/0123abcd", link), 0);
    const char *names[] = {"org/my.name", "org/my.name@main", "org/my.name@c0ffee", "org/my.name@pr/1"};
    for (int i = 0; i < 4; i++) {
        carat_store *s = NULL;
        assert_int_equal(carat_store_open(names[i], &s, &err), CARAT_OK);
        assert_string_equal(carat_store_dir(s), snapshot);
        carat_store_close(s);
        assert_int_equal(carat_store_resolve(names[i], &dir, &err), CARAT_OK);
        assert_string_equal(dir, snapshot);
        free(dir);
    }
    char *lost = path_in(cache, "lost");
    assert_int_equal(symlink("nowhere", lost), 0);
    fails(lost, CARAT_EIO, "a link to what is not there");
    free(lost);
    fails("/dev/null", CARAT_EFORMAT, "neither a directory nor a regular file");
    fails("org/my.name@evil", CARAT_EFORMAT, "not the name of a commit");
    fails("org/my.name@../../x", CARAT_EUSAGE, "no revision");
    fails("org/my.name@v2", CARAT_EIO, "revision v2");
    fails("org/my.name/more", CARAT_EIO, "no such file");
    unsetenv("HF_HUB_CACHE");
    setenv("HF_HOME", cache, 1);
    fails("org/my.name", CARAT_EIO, "/hub/models--org--my.name");
    unsetenv("HF_HOME");
    free(refs);
    free(snapshot);
    free(blobs);
    free(link);
    free(ref_dir);
    checkpoint_remove(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_file_and_a_directory),
        cmocka_unit_test(one_file_of_another_name_will_do),
        cmocka_unit_test(shards_and_index_agree_exactly),
        cmocka_unit_test(looks_into_the_hugging_face_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
