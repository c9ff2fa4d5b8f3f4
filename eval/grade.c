/* The table of graders (grade.h).                                                 SPDX-License-Identifier: Apache-2.0 */
#include "eval/grade.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const carat_grader *const graders[] = {
    &carat_grader_mmlu_pro,
    &carat_grader_mrcr,
    &carat_grader_livecodebench,
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

double carat_last_number(const char *text)
{
    double last = NAN;
    for (const char *p = text; (p = strpbrk(p, "0123456789"));) {
        char number[32];
        size_t n = 0;
        bool minus = p > text && p[-1] == '-';
        for (; isdigit((unsigned char)*p) || ((*p == ',' || *p == '.') && isdigit((unsigned char)p[1])); p++)
            if (*p != ',' && n < sizeof number - 1)
                number[n++] = *p;
        number[n] = 0;
        last = (minus ? -1 : 1) * strtod(number, NULL);
    }
    return last;
}
