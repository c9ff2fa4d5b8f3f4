/* The table of graders (grade.h).                                                 SPDX-License-Identifier: Apache-2.0 */
#include "eval/grade.h"

#include <stdio.h>
#include <string.h>

static const carat_grader *const graders[] = {
    &carat_grader_mmlu_pro,
    &carat_grader_mrcr,
};

const carat_grader *carat_grader_at(size_t i)
{
    return i < sizeof graders / sizeof *graders ? graders[i] : NULL;
}

const carat_grader *carat_grader_named(const char *name)
{
    for (size_t i = 0; i < sizeof graders / sizeof *graders; i++)
        if (!strcmp(graders[i]->name, name))
            return graders[i];
    return NULL;
}

int carat_grader_variant(const carat_grader *g, const char *name)
{
    size_t len = strlen(name);
    int i = 0;
    for (const char *p = g->variants; *p; i++) {
        size_t n = strcspn(p, ",");
        if (n == len && !memcmp(p, name, n))
            return i;
        p += n + strspn(p + n, ", ");
    }
    return -1;
}

void carat_hex_double(double v, char out[32])
{
    if (v == 0)
        strcpy(out, "0x0.0p+0");
    else
        snprintf(out, 32, "%.13a", v);
}
