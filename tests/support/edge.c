/* Arrays that end at an unreadable page.                                           SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/edge.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

edge edge_make(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n * sizeof(float) + page - 1) / page * page;
    edge e = {.bytes = room + page};
    e.map = mmap(NULL, e.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e.map == MAP_FAILED || mprotect((char *)e.map + room, page, PROT_NONE) != 0)
        abort();
    e.f = (float *)(void *)((char *)e.map + room) - n;
    return e;
}

void edge_free(edge *e)
{
    munmap(e->map, e->bytes);
}
