/* Reading the files of tests/text: one JSON object a line.                              SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_TESTS_CASES_H
#define CARAT_TESTS_CASES_H

#include "runtime/text/value.h"

/* Calls fn with each line of $ROOT/path as a value, and returns how many there were. */
size_t carat_test_cases(const char *path, void (*fn)(const carat_value *line));

#endif
