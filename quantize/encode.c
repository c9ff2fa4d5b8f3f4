/* Coding a row: a scale per group from the method, codes from the kernels, bytes from the format.
 *                                                                                  SPDX-License-Identifier: Apache-2.0 */
#include "quantize/encode.h"

#include <math.h>
#include <string.h>

void carat_loss_add(carat_loss *sum, const carat_loss *part)
{
    sum->error += part->error;
    sum->energy += part->energy;
    sum->worst = part->worst > sum->worst ? part->worst : sum->worst;
    sum->zero += part->zero;
}

double carat_loss_nmse(const carat_loss *l)
{
    return l->energy > 0 ? l->error / l->energy : 0;
}

carat_coder carat_coder_make(const carat_kernels *k, const carat_method *m, const carat_scheme *s,
                             carat_dtype source, size_t cols)
{
    carat_coder c = {{k, carat_coder_scale_dtype(source), -(1 << (s->bits - 1)), (1 << (s->bits - 1)) - 1},
                     m,
                     NULL,
                     cols,
                     s->group ? s->group : cols,
                     0,
                     cols * (size_t)s->bits / 8,
                     0};
    c.format = s->kind == CARAT_SCHEME_BYTES ? &carat_format_int8
               : s->bits == 8                ? &carat_format_int8_packed
                                             : &carat_format_int4;
    c.groups = cols / c.group;
    c.scale_bytes = c.groups * sizeof(uint16_t);
    return c;
}

static size_t first_bad(const float *x, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(x[i]))
        i++;
    return i;
}

/* The largest of |x - q*s|: eight lanes, so that the compiler can use vectors. */
static float worst_of(const float *x, const int8_t *q, size_t n, float s)
{
    float lane[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++) {
            float d = fabsf(x[i + j] - (float)q[i + j] * s);
            lane[j] = d > lane[j] ? d : lane[j];
        }
    for (; i < n; i++) {
        float d = fabsf(x[i] - (float)q[i] * s);
        lane[0] = d > lane[0] ? d : lane[0];
    }
    for (size_t j = 1; j < 8; j++)
        lane[0] = lane[j] > lane[0] ? lane[j] : lane[0];
    return lane[0];
}

/* One group: its scale, and its codes in q. The energy is the error of coding everything as 0. */
static uint16_t code_group(const carat_coder *c, const float *x, float absmax, int8_t *q, carat_loss *loss)
{
    const carat_grid *g = &c->grid;
    if (!(absmax > 0)) {
        memset(q, 0, c->group);
        loss->zero++;
        return carat_grid_nearest(g, 1.0f);
    }
    float error;
    uint16_t bits = c->method->scale(g, x, c->group, absmax, &error);
    float s = carat_grid_value(g, bits);
    g->k->code(x, c->group, s, g->lo, g->hi, q);
    loss->error += (double)error;
    loss->energy += (double)g->k->code_error(x, c->group, 1.0f, 0, 0);
    float worst = worst_of(x, q, c->group, s);
    loss->worst = worst > loss->worst ? worst : loss->worst;
    return bits;
}

bool carat_code_row(const carat_coder *c, const float *x, const carat_code_out *out, carat_loss *loss,
                    size_t *bad)
{
    carat_loss row = {0};
    for (size_t g = 0; g < c->groups; g++) {
        const float *v = x + g * c->group;
        float m = c->grid.k->absmax(v, c->group);
        if (!isfinite(m)) {
            *bad = g * c->group + first_bad(v, c->group);
            return false;
        }
        uint16_t bits = code_group(c, v, m, out->q + g * c->group, &row);
        memcpy(out->scales + 2 * g, &bits, 2);
    }
    c->format->pack(out->q, c->cols, out->codes);
    carat_loss_add(loss, &row);
    return true;
}
