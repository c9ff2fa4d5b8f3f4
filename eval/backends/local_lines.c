/* What the timelines of the local backend's session hold (local.h).                SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/backends/local.h"
#include "runtime/base/mem.h"

carat_status carat_lines_open(carat_session *s, uint32_t slots, uint32_t pins, size_t context,
                              carat_lines *out, carat_err *err)
{
    carat_lines l = {.session = s, .slots = slots, .pins = pins};
    if (!(l.line = carat_alloc((size_t)slots + pins, sizeof *l.line, err)))
        return CARAT_ENOMEM;
    for (uint32_t i = 0; i < slots + pins; i++)
        if (!(l.line[i].ids = carat_alloc(context, sizeof(int32_t), err))) {
            carat_lines_close(&l);
            return CARAT_ENOMEM;
        }
    *out = l;
    return CARAT_OK;
}

void carat_lines_close(carat_lines *l)
{
    for (uint32_t i = 0; l->line && i < l->slots + l->pins; i++)
        carat_free(l->line[i].ids);
    carat_free(l->line);
    *l = (carat_lines){0};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t common(const carat_line *line, const int32_t *ids, size_t n, bool held)
{
    size_t i = 0, end = least(n, held ? line->held : line->n);
    while (i < end && line->ids[i] == ids[i])
        i++;
    return i;
}

size_t carat_lines_common(const carat_lines *l, uint32_t first, uint32_t end, const int32_t *ids, size_t n,
                          bool held)
{
    size_t best = 0;
    for (uint32_t i = first; i < end; i++) {
        size_t same = common(&l->line[i], ids, n, held);
        best = same > best ? same : best;
    }
    return best;
}

uint32_t carat_lines_slot(const carat_lines *l, const int32_t *ids, size_t n)
{
    size_t pinned = carat_lines_common(l, l->slots, l->slots + l->pins, ids, n, true), most = 0;
    uint32_t best = l->slots;
    for (uint32_t i = 0; i < l->slots; i++) {
        const carat_line *line = &l->line[i];
        if (line->busy)
            continue;
        size_t same = common(line, ids, n, true);
        same = same > pinned ? same : 0; /* what a pin holds too need not be kept here */
        bool older = best < l->slots && same == most && line->used < l->line[best].used;
        if (best == l->slots || same > most || older) {
            best = i;
            most = same;
        }
    }
    return best;
}

uint32_t carat_lines_oldest_pin(const carat_lines *l)
{
    uint32_t best = l->slots;
    for (uint32_t i = l->slots; i < l->slots + l->pins; i++)
        if (l->line[i].used < l->line[best].used)
            best = i;
    return best;
}

/* The line that holds most of ids[0, most), but less than `below` of them; slots + pins: none. */
static uint32_t next_source(const carat_lines *l, const int32_t *ids, size_t most, size_t below, size_t *same)
{
    uint32_t best = l->slots + l->pins;
    *same = 0;
    for (uint32_t i = 0; i < l->slots + l->pins; i++) {
        size_t n = common(&l->line[i], ids, most, true);
        bool pin = n == *same && n && i >= l->slots; /* a pin has never forgotten anything */
        if (n < below && (n > *same || pin)) {
            *same = n;
            best = i;
        }
    }
    return best;
}

carat_status carat_lines_assign(carat_lines *l, uint32_t to, const int32_t *ids, size_t n, size_t most,
                                carat_err *err)
{
    carat_line *line = &l->line[to];
    size_t same = 0;
    carat_status st = CARAT_EUSAGE;
    /* A line whose sliding layers have forgotten the window in front cannot lend; then the next one that holds less is asked. */
    for (size_t below = SIZE_MAX; st == CARAT_EUSAGE && below; below = same) {
        uint32_t from = next_source(l, ids, most, below, &same);
        if (!same)
            break;
        st = carat_session_fork(l->session, from, to, same, NULL);
        if (!st && from >= l->slots)
            l->line[from].used = ++l->clock;
    }
    if (st) {
        same = 0;
        if ((st = carat_session_trim(l->session, to, 0, err)))
            return st;
    }
    memmove(line->ids, ids, n * sizeof *ids);
    line->n = n;
    line->held = same;
    line->used = ++l->clock;
    return CARAT_OK;
}

carat_status carat_lines_compute(carat_lines *l, uint32_t at, size_t count, carat_err *err)
{
    carat_line *line = &l->line[at];
    size_t n = line->held + least(count, line->n - line->held);
    carat_sync_request r = {.ids = line->ids, .n = n, .logits_from = n, .sequence = at};
    carat_status st = n > line->held ? carat_session_sync(l->session, &r, err) : CARAT_OK;
    if (st)
        line->held = 0;
    else
        line->held = n;
    return st;
}
