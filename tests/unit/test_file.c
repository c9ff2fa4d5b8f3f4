/* Files: nothing half-done under a final name, nothing that is not a file read as one.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/file.h"

/* The tests share one fresh directory; each uses names of its own. */
static void put(const char *path, const char *text)
{
    assert_int_equal(carat_write_file(path, text, strlen(text), NULL), CARAT_OK);
}

static void holds(const char *path, const char *text)
{
    char *data;
    size_t len;
    assert_int_equal(carat_read_file(path, 1000, &data, &len, NULL), CARAT_OK);
    assert_int_equal(len, strlen(text));
    assert_string_equal(data, text);
    free(data);
}

/* How many entries of the directory there are; a partial would be one too many. */
static size_t entries(const char *dir)
{
    char **names;
    size_t n;
    assert_int_equal(carat_list_dir(dir, &names, &n, NULL), CARAT_OK);
    for (size_t i = 1; i < n; i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n;
}

static void mapping(void **state)
{
    (void)state;
    carat_map m;
    carat_err err = {0};
    put("map-full", "hello");
    put("map-empty", "");
    assert_int_equal(carat_map_open("map-full", &m, NULL), CARAT_OK);
    assert_memory_equal(m.data, "hello", 5);
    assert_int_equal(m.size, 5);
    carat_map_advise(m.data, m.size, CARAT_ADVISE_NEED);
    carat_map_advise(m.data + 1, 3, CARAT_ADVISE_DONE);
    carat_map_advise(m.data + 1, 3, CARAT_ADVISE_RANDOM);
    assert_memory_equal(m.data, "hello", 5);
    carat_map_close(&m);
    carat_map_close(&m);
    assert_int_equal(carat_map_open("map-empty", &m, NULL), CARAT_OK);
    assert_true(m.size == 0 && !m.data);
    carat_map_close(&m);
    assert_fails(carat_map_open("map-none", &m, &err), CARAT_EIO, &err, "map-none: No such file");
    assert_fails(carat_map_open(".", &m, &err), CARAT_EIO, &err, ".: ");
    assert_int_equal(mkfifo("map-pipe", 0600), 0);
    alarm(20); /* opening a pipe must not wait for a writer */
    assert_fails(carat_map_open("map-pipe", &m, &err), CARAT_EIO, &err, "map-pipe: not a regular file");
    alarm(0);
}

static void reading_whole(void **state)
{
    (void)state;
    char *data;
    size_t len;
    carat_err err = {0};
    put("read-ten", "0123456789");
    assert_int_equal(carat_read_file("read-ten", 10, &data, &len, NULL), CARAT_OK);
    assert_int_equal(len, 10);
    assert_int_equal(data[10], 0);
    free(data);
    assert_fails(carat_read_file("read-ten", 9, &data, &len, &err), CARAT_EFORMAT, &err, "more than 9 bytes");
    assert_fails(carat_read_file("read-none", 9, &data, &len, &err), CARAT_EIO, &err,
                 "read-none: No such file");
    assert_fails(carat_read_file(".", 9, &data, &len, &err), CARAT_EIO, &err, ".: Is a directory");
    if (access("/dev/zero", R_OK) == 0) /* endless: ends at the limit */
        assert_fails(carat_read_file("/dev/zero", 1 << 20, &data, &len, &err), CARAT_EFORMAT, &err,
                     "more than");
}

static void file_output(void **state)
{
    (void)state;
    carat_output o;
    carat_err err = {0};
    assert_int_equal(carat_make_dir("out/a/b", NULL), CARAT_OK);
    assert_int_equal(carat_make_dir("out/a/b/", NULL), CARAT_OK);
    assert_int_equal(carat_output_begin(&o, "out/a/f", NULL, false, NULL), CARAT_OK);
    put(o.temp_path, "one");
    assert_false(carat_exists("out/a/f")); /* not before commit */
    assert_int_equal(carat_output_commit(&o, NULL), CARAT_OK);
    carat_output_abort(&o);
    holds("out/a/f", "one");
    assert_fails(carat_output_begin(&o, "out/a/f", NULL, false, &err), CARAT_EUSAGE, &err, "--force");
    carat_output_abort(&o); /* of one that never began */

    assert_int_equal(carat_output_begin(&o, "out/a/f", NULL, true, NULL), CARAT_OK);
    put(o.temp_path, "two");
    carat_output_abort(&o);
    holds("out/a/f", "one"); /* given up: the old one stands */
    assert_int_equal(carat_output_begin(&o, "out/a/f", NULL, true, NULL), CARAT_OK);
    put(o.temp_path, "two");
    assert_int_equal(carat_output_commit(&o, NULL), CARAT_OK);
    carat_output_abort(&o);
    holds("out/a/f", "two");
    assert_int_equal(entries("out/a"), 2); /* b and f */
}

static void dir_output(void **state)
{
    (void)state;
    carat_output o;
    carat_str path = CARAT_STR_INIT;
    assert_int_equal(carat_make_dir("dirs/old/deep", NULL), CARAT_OK);
    put("dirs/old/deep/x", "x");
    for (int round = 0; round < 2; round++) { /* a new name, then over an existing directory */
        assert_int_equal(carat_output_begin(&o, round ? "dirs/old/" : "dirs/new", "deep", round, NULL),
                         CARAT_OK);
        carat_path_join(&path, o.temp_path, "sub");
        assert_int_equal(carat_make_dir(path.data, NULL), CARAT_OK);
        carat_path_join(&path, o.temp_path, "sub/y");
        put(path.data, "y");
        assert_int_equal(carat_output_commit(&o, NULL), CARAT_OK);
        carat_output_abort(&o);
        holds(round ? "dirs/old/sub/y" : "dirs/new/sub/y", "y");
    }
    assert_false(carat_exists("dirs/old/deep"));
    assert_int_equal(entries("dirs"), 2);
    carat_str_free(&path);
}

static void names_that_cannot_be(void **state)
{
    (void)state;
    carat_output o;
    carat_err err = {0};
    static const char *const bad[] = {"", ".", "..", "/", "x/.."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(carat_output_begin(&o, bad[i], "x", true, &err), CARAT_EUSAGE);
    assert_fails(carat_output_begin(&o, "no/such/dir", NULL, true, &err), CARAT_EIO, &err,
                 "no/such: no such directory");
    put("plain", "p");
    assert_int_equal(carat_make_dir("plain/x", &err), CARAT_EIO);
    assert_int_equal(carat_make_dir("plain", &err), CARAT_EIO);
}

/* Nothing is lost to a mistyped name: neither to force, nor where an output would take the place of its input. */
static void what_outputs_spare(void **state)
{
    (void)state;
    carat_err err = {0};
    assert_int_equal(carat_make_dir("spare/model/deep", NULL), CARAT_OK);
    assert_int_equal(carat_make_dir("spare/none", NULL), CARAT_OK);
    assert_int_equal(carat_make_dir("spare/other", NULL), CARAT_OK);
    put("spare/model/config.json", "c");
    put("spare/other/thesis", "t");
    put("spare/f", "f");
    put("spare/svg", "<svg width");
    put("spare/empty", "");
    assert_int_equal(mkfifo("spare/pipe", 0600), 0);
    assert_int_equal(symlink("model/config.json", "spare/link"), 0);
    assert_int_equal(symlink("model", "spare/way"), 0);

    assert_fails(carat_output_check("spare/model", NULL, true, &err), CARAT_EUSAGE, &err, "is a directory");
    assert_fails(carat_output_check("spare/pipe", NULL, true, &err), CARAT_EUSAGE, &err, "no regular file");
    assert_fails(carat_output_check("/dev/null", NULL, true, &err), CARAT_EUSAGE, &err, "no regular file");
    assert_fails(carat_output_check("spare/f", "config.json", true, &err), CARAT_EUSAGE, &err, "is a file");
    assert_fails(carat_output_check("spare/other", "config.json", true, &err), CARAT_EUSAGE, &err,
                 "no config.json");
    assert_fails(carat_output_check("spare/f", NULL, false, &err), CARAT_EUSAGE, &err, "--force");
    assert_int_equal(carat_output_check("spare/f", NULL, true, NULL), CARAT_OK);
    assert_int_equal(carat_output_check("spare/new", "config.json", false, NULL), CARAT_OK);
    assert_int_equal(carat_output_check("spare/none/", "config.json", true, NULL), CARAT_OK);
    assert_int_equal(carat_output_check("spare/model", "config.json", true, NULL), CARAT_OK);

    assert_fails(carat_output_spares("spare/model/", "spare/model", &err), CARAT_EUSAGE, &err, "is its own");
    assert_fails(carat_output_spares("spare/way", "spare/model", &err), CARAT_EUSAGE, &err, "is its own");
    assert_fails(carat_output_spares("spare", "spare/model", &err), CARAT_EUSAGE, &err, "holds its own");
    assert_fails(carat_output_spares("spare/model/config.json", "spare/way", &err), CARAT_EUSAGE, &err,
                 "a file of its own");
    assert_fails(carat_output_spares("spare/link", "spare/model/config.json", &err), CARAT_EUSAGE, &err,
                 "is its own");
    assert_int_equal(carat_output_spares("spare/model/new", "spare/model", NULL), CARAT_OK);
    assert_int_equal(carat_output_spares("spare/f", "spare/model", NULL), CARAT_OK);
    assert_int_equal(carat_output_spares("spare/mode", "spare/model", NULL), CARAT_OK);

    assert_true(carat_file_begins("spare/svg", "<svg") && carat_file_begins("spare/empty", "<svg"));
    assert_false(carat_file_begins("spare/f", "<svg") || carat_file_begins("spare/pipe", "<svg") ||
                 carat_file_begins("spare/no", "<svg"));
}

static void stale_partials(void **state)
{
    (void)state;
    char path[64];
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    assert_true(dead > 0 && waitpid(dead, NULL, 0) == dead);
    assert_int_equal(carat_make_dir("stale", NULL), CARAT_OK);
    snprintf(path, sizeof path, "stale/f.partial.%ld", (long)dead);
    put(path, "left by a killed run");
    snprintf(path, sizeof path, "stale/f.partial.%ld", (long)getppid()); /* somebody is still at it */
    put(path, "in use");
    put("stale/f.partial.7x", "a file of the user");
    put("stale/f", "new");
    assert_int_equal(entries("stale"), 3);
    holds(path, "in use");
}

static void trees(void **state)
{
    (void)state;
    assert_int_equal(carat_make_dir("tree/a/b", NULL), CARAT_OK);
    put("tree/a/b/f", "f");
    put("outside", "stays");
    assert_int_equal(symlink("../outside", "tree/link"), 0);
    assert_int_equal(symlink("nowhere", "tree/dangling"), 0);
    assert_true(carat_exists("tree/dangling") && !carat_is_file("tree/dangling") && !carat_is_dir("tree/f"));
    assert_true(carat_same_file("outside", "tree/link") && !carat_same_file("outside", "tree/a/b/f"));
    assert_int_equal(carat_remove_tree("tree", NULL), CARAT_OK);
    assert_int_equal(carat_remove_tree("tree", NULL), CARAT_OK);
    assert_false(carat_exists("tree"));
    holds("outside", "stays"); /* the link went, not what it points to */
    assert_string_equal(carat_path_base("a/b/c"), "c");
    assert_string_equal(carat_path_base("c"), "c");
}

static void full_disk(void **state)
{
    (void)state;
    carat_writer w;
    carat_err err = {0};
    char block[65536] = {0};
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(carat_writer_open(&w, "/dev/full", NULL), CARAT_OK);
    for (int i = 0; i < 10; i++)
        carat_write(&w, block, sizeof block);
    assert_fails(carat_writer_close(&w, &err), CARAT_EIO, &err, "/dev/full: writing");
    assert_fails(carat_writer_open(&w, "no/such/file", &err), CARAT_EIO, &err, "no/such/file: No such file");
    assert_int_equal(carat_writer_close(&w, NULL), CARAT_OK);
}

static int fresh_dir(void **state)
{
    static const char *const template = "/carat-file-XXXXXX";
    const char *tmp = getenv("TMPDIR");
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s%s", tmp ? tmp : "/tmp", template);
    return mkdtemp(path) && chdir(path) == 0 ? 0 : 1;
}

static int no_dir(void **state)
{
    char here[512];
    (void)state;
    return getcwd(here, sizeof here) && chdir("/") == 0 && !carat_remove_tree(here, NULL) ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping),
        cmocka_unit_test(reading_whole),
        cmocka_unit_test(file_output),
        cmocka_unit_test(dir_output),
        cmocka_unit_test(what_outputs_spare),
        cmocka_unit_test(names_that_cannot_be),
        cmocka_unit_test(stale_partials),
        cmocka_unit_test(trees),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, fresh_dir, no_dir);
}
