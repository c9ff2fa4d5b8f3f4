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

/* Σx² is the error of coding everything as 0; the kernel's lanes give the same bits in every set. */
static void measure(const carat_coder *c, const float *x, float scale, const carat_code_out *out,
                    carat_loss *loss)
{
    const carat_kernels *k = c->grid.k;
    size_t n = c->group;
    loss->energy += (double)k->code_error(x, n, 1.0f, 0, 0);
    loss->error += (double)k->code_error(x, n, scale, c->grid.lo, c->grid.hi);
    for (size_t i = 0; i < n; i++)
        out->rest[i] = x[i] - (float)out->q[i] * scale;
    float worst = k->absmax(out->rest, n);
    loss->worst = worst > loss->worst ? worst : loss->worst;
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
        uint16_t bits = carat_grid_nearest(&c->grid, 1.0f);
        carat_code_out at = {NULL, NULL, out->q + g * c->group, out->rest};
        if (m > 0) {
            bits = c->method->scale(&c->grid, v, c->group, m);
            float s = carat_grid_value(&c->grid, bits);
            c->grid.k->code(v, c->group, s, c->grid.lo, c->grid.hi, at.q);
            measure(c, v, s, &at, &row);
        } else {
            memset(at.q, 0, c->group);
            row.zero++;
        }
        memcpy(out->scales + 2 * g, &bits, 2);
    }
    c->format->pack(out->q, c->cols, out->codes);
    carat_loss_add(loss, &row);
    return true;
}
