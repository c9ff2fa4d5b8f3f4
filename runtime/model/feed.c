/* Inputs of products in the forms that weights want, and sharing rows over the team.   SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model/session.h"

static bool has_form(const carat_feed *f, carat_form form)
{
    for (size_t i = 0; i < f->count; i++)
        if (carat_form_equal(f->act[i].form, form))
            return true;
    return false;
}

/* Where integer forms are carved: memory NULL only counts. */
struct carving {
    uint8_t *memory;
    size_t used, rows;
};

/* One more form of the input: the float form is x itself, integer forms are carved. */
static void add_form(carat_feed *f, carat_form form, struct carving *c)
{
    if (has_form(f, form))
        return;
    carat_act *a = &f->act[f->count++];
    if (form.order == CARAT_ORDER_FLOAT) {
        *a = (carat_act){.form = form, .cols = f->cols, .f = (float *)(uintptr_t)f->x};
        return;
    }
    *a = carat_act_carve(form, f->cols, c->rows, c->memory ? c->memory + c->used : NULL);
    c->used += carat_act_bytes(form, f->cols, c->rows);
}

static void add_forms(carat_feed *f, const carat_weight *const *w, size_t nw, bool integer, struct carving *c)
{
    for (size_t i = 0; i < nw; i++)
        if (w[i]->format)
            add_form(f, carat_act_form(w[i], integer), c);
}

carat_feed carat_feed_open(carat_session *s, float *x, size_t cols, const carat_weight *const *w, size_t nw)
{
    struct carving c = {s->acts, 0, s->rows};
    carat_feed f = {.x = x, .cols = cols};
    add_forms(&f, w, nw, s->numerics == CARAT_INT8, &c);
    return f;
}

size_t carat_feed_bytes(const carat_weight *const *w, size_t nw, bool integer, size_t cols, size_t rows)
{
    struct carving c = {NULL, 0, rows};
    carat_feed f = {.cols = cols};
    add_forms(&f, w, nw, integer, &c);
    return c.used;
}

void carat_feed_put(const carat_work *w, carat_feed *f, size_t row)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->act[i].form.order != CARAT_ORDER_FLOAT)
            w->s->kern->quantize(f->x + row * f->cols, &f->act[i], row);
}

void carat_multiply(const carat_work *w, const carat_feed *f, size_t first, size_t end, const carat_out *out,
                    size_t nout)
{
    carat_product p[4];
    carat_act act[4];
    size_t np = 0;
    for (size_t i = 0; i < f->count; i++)
        act[i] = carat_act_from(&f->act[i], first);
    for (size_t i = 0; i < nout; i++) {
        if (!out[i].w->format)
            continue;
        carat_form form = carat_act_form(out[i].w, w->s->numerics == CARAT_INT8);
        size_t a = 0;
        while (!carat_form_equal(act[a].form, form))
            a++;
        p[np++] = (carat_product){out[i].w, &act[a], out[i].y + first * out[i].ldy, out[i].ldy, end - first};
    }
    carat_matmul(w->s->kern, w->team, p, np, w->p->few, w->scratch);
}

void carat_multiply_alone(const carat_work *w, const carat_feed *f, size_t row, const carat_out *out)
{
    const carat_weight *m = out->w;
    carat_form form = carat_act_form(m, w->s->numerics == CARAT_INT8);
    size_t i = 0;
    while (!carat_form_equal(f->act[i].form, form))
        i++;
    carat_act act = carat_act_from(&f->act[i], row);
    float *y = out->y + row * out->ldy;
    if (form.order == CARAT_ORDER_FLOAT)
        w->s->kern->fdot(m, 0, m->rows, act.f, act.cols, 1, y, out->ldy);
    else
        w->s->kern->qdot(m, 0, m->rows, &act, 0, 1, y, out->ldy);
}

void carat_rows(const carat_work *w, size_t first, size_t end, carat_row_fn *fn, uint32_t layer)
{
    size_t n = end - first, piece = n / ((size_t)carat_team_size(w->team) * 8), b, e;
    while (carat_team_take(w->team, n, piece ? piece : 1, &b, &e))
        for (size_t t = b; t < e; t++)
            fn(w, layer, first + t);
    carat_team_barrier(w->team);
}

void carat_round(const carat_session *s, float *x, size_t n)
{
    if (s->numerics == CARAT_BF16)
        s->kern->round_bf16(x, n);
}

void carat_norm(const carat_session *s, const float *x, const float *weight, size_t n, float *y)
{
    s->kern->rmsnorm(x, weight, n, (float)s->m->config.eps, y);
    carat_round(s, y, n);
}

void carat_norm_add(const carat_session *s, float *x, const float *weight, size_t n, float *y)
{
    carat_norm(s, x, weight, n, x);
    s->kern->add(y, x, n);
    carat_round(s, y, n);
}
