/* The table of methods, the grid of storable scales, and the simplest method.      SPDX-License-Identifier: Apache-2.0 */
#include "quantize/method.h"

#include <string.h>

/* The smallest bf16 scale is 2^-126, whose reciprocal is finite in f32; every f16 has one. */
static uint16_t least(const carat_grid *g)
{
    return g->scale_dtype == CARAT_DT_F16 ? 0x0001 : 0x0080;
}

static uint16_t most(const carat_grid *g)
{
    return g->scale_dtype == CARAT_DT_F16 ? 0x7bff : 0x7f7f;
}

float carat_grid_value(const carat_grid *g, uint16_t bits)
{
    return g->scale_dtype == CARAT_DT_F16 ? carat_f16_get(bits) : carat_bf16_get(bits);
}

uint16_t carat_grid_nearest(const carat_grid *g, float x)
{
    uint16_t b = g->scale_dtype == CARAT_DT_F16 ? carat_f16_put(x) : carat_bf16_put(x);
    return b < least(g) ? least(g) : b > most(g) ? most(g) : b;
}

static uint16_t absmax_scale(const carat_grid *g, const float *x, size_t n, float absmax, float *error)
{
    uint16_t bits = carat_grid_nearest(g, absmax / (float)g->hi);
    *error = g->k->code_error(x, n, carat_grid_value(g, bits), g->lo, g->hi);
    return bits;
}

const carat_method carat_method_absmax = {"absmax", "round to nearest, scale = max|x| / (2^(b-1) - 1)",
                                          absmax_scale};

static const carat_method *const methods[] = {&carat_method_search, &carat_method_absmax};
enum { N_METHODS = sizeof methods / sizeof methods[0] };

carat_status carat_method_pick(const char *name, const carat_method **out, carat_err *err)
{
    for (size_t i = 0; i < N_METHODS; i++)
        if (!name || !strcmp(methods[i]->name, name)) {
            *out = methods[i];
            return CARAT_OK;
        }
    return carat_fail(err, CARAT_EUSAGE, "unknown method '%s'; known: search, absmax", name);
}

static const char *item(size_t i, const char **summary)
{
    if (i >= N_METHODS)
        return NULL;
    *summary = methods[i]->summary;
    return methods[i]->name;
}

const carat_listing carat_methods_listing = {"methods", item};
