/* The few words of cmocka that kernel tests use, for processors that this machine has a compiler for but no libraries.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_CROSS_CMOCKA_H
#define CARAT_TESTS_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define fail_msg(...)                (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define assert_true(x)               ((x) ? (void)0 : fail_msg("%s:%d: not true: %s", __FILE__, __LINE__, #x))
#define assert_false(x)              assert_true(!(x))
#define assert_non_null(p)           assert_true((p) != NULL)
#define assert_null(p)               assert_true((p) == NULL)
#define assert_int_equal(a, b)       assert_true((a) == (b))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define print_message(...)           printf(__VA_ARGS__)
#define skip()                       return /* print_message has said why */
#define cmocka_unit_test(f)                                                                                  \
    {                                                                                                        \
#f, f                                                                                                \
    }
#define cmocka_run_group_tests(t, u, d)         cross_run(t, sizeof(t) / sizeof *(t))
#define cmocka_run_group_tests_name(n, t, u, d) cross_run(t, sizeof(t) / sizeof *(t))

static inline int cross_run(const struct CMUnitTest *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *state = NULL;
        t[i].run(&state);
        printf("ok %s\n", t[i].name);
        fflush(stdout);
    }
    return 0;
}

#endif
