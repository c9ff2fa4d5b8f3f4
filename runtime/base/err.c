/* Failing with one line of text.                                                  SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

static void format(carat_err *err, carat_status status, const char *fmt, va_list ap)
{
    err->status = status;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    clean(err->text);
}

carat_status carat_fail(carat_err *err, carat_status status, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        format(err, status, fmt, ap);
        va_end(ap);
    }
    return status;
}

carat_status carat_fail_errno(carat_err *err, const char *fmt, ...)
{
    int saved = errno;
    carat_status status = saved == ENOMEM ? CARAT_ENOMEM : CARAT_EIO;
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        format(err, status, fmt, ap);
        va_end(ap);
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len, ": %s", strerror(saved));
    }
    return status;
}

carat_status carat_fail_in(carat_err *err, carat_status status, const char *where)
{
    if (err) {
        carat_err inner = *err;
        snprintf(err->text, sizeof err->text, "%.*s: %.*s", 200, where, (int)sizeof err->text - 204,
                 inner.text);
        clean(err->text);
        err->status = status;
    }
    return status;
}

int carat_exit_code(carat_status status)
{
    switch (status) {
    case CARAT_OK:
        return 0;
    case CARAT_EUSAGE:
        return 2;
    case CARAT_EFORMAT:
    case CARAT_ESUPPORT:
        return 3;
    case CARAT_EIO:
    case CARAT_ENOMEM:
        return 4;
    case CARAT_EINTR:
        return 130;
    }
    return 4;
}
