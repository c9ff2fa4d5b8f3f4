/* Reading the files of tests/text.                                                      SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/cases.h"

#include <stdlib.h>

#include "runtime/base/file.h"
#include "tests/support/test.h"

size_t carat_test_cases(const char *path, void (*fn)(const carat_value *line))
{
    carat_str full = CARAT_STR_INIT;
    carat_err err = {0};
    char *text;
    size_t len, lines = 0;
    const char *root = getenv("ROOT");
    carat_path_join(&full, root ? root : ".", path);
    if (carat_read_file(full.data, 1 << 24, &text, &len, &err))
        fail_msg("%s", err.text);
    for (char *p = text, *end; p < text + len; p = end + 1, lines++) {
        carat_arena arena = {0};
        const carat_value *line;
        end = memchr(p, '\n', (size_t)(text + len - p));
        assert_non_null(end);
        if (carat_value_parse(&arena, (carat_span){p, (size_t)(end - p)}, true, &line, &err))
            fail_msg("%s:%zu: %s", path, lines + 1, err.text);
        fn(line);
        carat_arena_free(&arena);
    }
    free(text);
    carat_str_free(&full);
    return lines;
}
