/* Failing with one line of text.                                                  SPDX-License-Identifier: Apache-2.0
 *
 *     return carat_fail(err, CARAT_EFORMAT, "tensor %s: %" PRIu64 " bytes, shape says %" PRIu64, name, got,
 * want);
 *
 * Lower case, no final dot, the two things that disagree, and what to do next when we know. Context ("FILE:
 * ") is put in front once per layer boundary with carat_fail_in. */
#ifndef CARAT_BASE_ERR_H
#define CARAT_BASE_ERR_H

#include <inttypes.h>
#include "runtime/carat.h"

#if defined(__GNUC__)
#define CARAT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CARAT_PRINTF(fmt, args)
#endif

/* Fills err (unless NULL) and returns status. Control characters in the text become '?', so that a hostile
 * name in a file cannot break the one line. */
carat_status carat_fail(carat_err *err, carat_status status, const char *fmt, ...) CARAT_PRINTF(3, 4);
/* The same with ": strerror(errno)" behind it; status CARAT_ENOMEM for ENOMEM, else CARAT_EIO. */
carat_status carat_fail_errno(carat_err *err, const char *fmt, ...) CARAT_PRINTF(2, 3);
/* Puts "where: " in front of the text of a failure that is being passed on; returns status. */
carat_status carat_fail_in(carat_err *err, carat_status status, const char *where);
/* Exit code of the program for a status (cli.md). */
int carat_exit_code(carat_status status);

#endif
