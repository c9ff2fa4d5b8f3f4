/* Activations in the forms that weights want: sizes and layout.                    SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/kernel/kernel.h"

carat_form carat_act_form(const carat_weight *w, bool integer)
{
    if (!integer || !w->format->integer)
        return (carat_form){CARAT_ORDER_FLOAT, 0};
    return (carat_form){
        w->format->code == CARAT_CODE_U4 ? CARAT_ORDER_NIBBLE : CARAT_ORDER_PLAIN,
        w->groups > 1 ? w->group : CARAT_ACT_GROUP,
    };
}

bool carat_form_equal(carat_form a, carat_form b)
{
    return a.order == b.order && a.group == b.group;
}

static size_t round_up(size_t x, size_t to)
{
    return (x + to - 1) / to * to;
}

/* Offsets of the arrays in one block. */
typedef struct layout {
    size_t ldq, groups, scale, sum, bytes;
} layout;

static layout layout_of(carat_form form, size_t cols, size_t n)
{
    layout l = {0};
    if (form.order == CARAT_ORDER_FLOAT) {
        l.bytes = round_up(n * cols * sizeof(float), CARAT_ALIGN);
        return l;
    }
    l.ldq = round_up(cols, 64);
    l.groups = (cols + form.group - 1) / form.group;
    l.scale = round_up(n * l.ldq, CARAT_ALIGN);
    l.sum = l.scale + round_up(n * l.groups * sizeof(float), CARAT_ALIGN);
    l.bytes = l.sum + round_up(n * l.groups * sizeof(int32_t), CARAT_ALIGN);
    return l;
}

size_t carat_act_bytes(carat_form form, size_t cols, size_t n)
{
    return layout_of(form, cols, n).bytes;
}

carat_act carat_act_carve(carat_form form, size_t cols, size_t n, void *mem)
{
    layout l = layout_of(form, cols, n);
    uint8_t *base = mem;
    carat_act a = {.form = form, .cols = cols, .groups = l.groups, .ldq = l.ldq};
    if (form.order == CARAT_ORDER_FLOAT) {
        a.f = mem;
        return a;
    }
    a.q = (int8_t *)mem;
    a.scale = (float *)(void *)(base + l.scale);
    a.sum = (int32_t *)(void *)(base + l.sum);
    return a;
}

carat_act carat_act_from(const carat_act *a, size_t first)
{
    carat_act b = *a;
    if (a->form.order == CARAT_ORDER_FLOAT) {
        b.f = a->f + first * a->cols;
        return b;
    }
    b.q = a->q + first * a->ldq;
    b.scale = a->scale + first * a->groups;
    b.sum = a->sum + first * a->groups;
    return b;
}
