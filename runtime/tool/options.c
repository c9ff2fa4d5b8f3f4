/* What the inference commands have in common: lists of ids.                         SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/mem.h"

carat_status carat_ids_parse(const char *text, int32_t **ids, size_t *n, carat_err *err)
{
    int32_t *list = NULL;
    size_t count = 0, cap = 0;
    carat_status st = CARAT_OK;
    for (const char *p = text; !st;) {
        char *end;
        errno = 0;
        long v = strtol(p, &end, 10);
        if (end == p || errno || v < 0 || v > INT32_MAX) {
            st = carat_fail(err, CARAT_EUSAGE, "token ids: '%.24s' is not an id; they look like 2,17,9", p);
            break;
        }
        if ((st = carat_grow((void **)&list, &cap, count + 1, sizeof *list, err)))
            break;
        list[count++] = (int32_t)v;
        while (isspace((unsigned char)*end))
            end++;
        if (!*end)
            break;
        p = *end == ',' ? end + 1 : end;
    }
    if (st) {
        free(list);
        return st;
    }
    *ids = list;
    *n = count;
    return CARAT_OK;
}
