/* Reading RAPL's counters (energy.h).                                              SPDX-License-Identifier: Apache-2.0 */
#include "eval/energy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/file.h"

static bool read_number(const char *root, size_t package, const char *name, uint64_t *out)
{
    carat_str path = CARAT_STR_INIT;
    char text[32], *end = text;
    carat_str_printf(&path, "%s/intel-rapl:%zu/%s", root ? root : "/sys/class/powercap", package, name);
    FILE *f = carat_str_check(&path, NULL) ? NULL : fopen(path.data, "r");
    if (f && fgets(text, sizeof text, f))
        *out = strtoull(text, &end, 10);
    if (f)
        fclose(f);
    carat_str_free(&path);
    return end > text;
}

carat_energy carat_energy_read(const char *root)
{
    carat_energy e = {.n = 0};
    while (e.n < CARAT_PACKAGES && read_number(root, e.n, "energy_uj", &e.counter[e.n]) &&
           read_number(root, e.n, "max_energy_range_uj", &e.range[e.n]))
        e.n++;
    return e;
}

double carat_energy_between(const carat_energy *from, const carat_energy *to)
{
    double sum = from->n && from->n == to->n ? 0 : NAN;
    for (size_t i = 0; i < from->n && i < to->n; i++) {
        uint64_t a = from->counter[i], b = to->counter[i];
        sum += 1e-6 * (double)(b >= a ? b - a : b + (from->range[i] - a));
    }
    return sum;
}
