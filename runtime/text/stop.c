/* Strings that end a reply, found while it is written.                             SPDX-License-Identifier: Apache-2.0
 *
 * The text is walked by its ends: after each byte, is a stop string complete? Few and short strings: nothing cleverer is needed. */
#include "runtime/text/stop.h"

#include <string.h>

/* The longest string that the first `len` bytes end with. */
static const char *ends_with(const carat_stop *s, const char *text, size_t len)
{
    const char *best = NULL;
    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->list[i]);
        if (n <= len && memcmp(text + len - n, s->list[i], n) == 0 && (!best || n > strlen(best)))
            best = s->list[i];
    }
    return best;
}

/* How many bytes at the end may be the beginning of a string. */
static size_t maybe(const carat_stop *s, const char *text, size_t len)
{
    size_t most = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->list[i]) - 1;
        for (n = n < len ? n : len; n > most; n--)
            if (memcmp(text + len - n, s->list[i], n) == 0)
                most = n;
    }
    return most;
}

/* What an earlier call showed leaves; the caller has it no more. */
static void drop_shown(carat_stop *s)
{
    size_t shown = s->shown;
    if (!shown)
        return;
    memmove(s->held.data, s->held.data + shown, s->held.len - shown);
    s->held.len -= shown;
    s->held.data[s->held.len] = 0;
    s->shown = 0;
}

const char *carat_stop_push(carat_stop *s, const char *text, size_t len, const char **safe, size_t *safe_len)
{
    drop_shown(s);
    size_t old = s->held.len;
    carat_str_add(&s->held, text, len);
    const char *found = NULL;
    size_t end = old;
    while (!found && end < s->held.len)
        found = ends_with(s, s->held.data, ++end);
    s->shown = found ? end - strlen(found) : s->held.len - maybe(s, s->held.data, s->held.len);
    *safe = s->held.data;
    *safe_len = s->shown;
    if (found)
        s->shown = s->held.len;
    return found;
}

void carat_stop_flush(carat_stop *s, const char **safe, size_t *safe_len)
{
    drop_shown(s);
    *safe = s->held.data;
    *safe_len = s->shown = s->held.len;
}
