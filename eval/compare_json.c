/* A comparison as JSON (compare_print.h).                                         SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/compare_print.h"

static void put_power(const carat_difference *d, carat_jw *w)
{
    carat_jw_key(w, "power");
    carat_jw_open(w, '[');
    for (int points = 1; points <= 3; points++) {
        carat_jw_open(w, '{');
        carat_jw_put_f64(w, "difference", points / 100.0);
        carat_jw_put_f64(w, "power", carat_difference_power(d, points / 100.0, CARAT_ALPHA));
        carat_jw_close(w);
    }
    carat_jw_close(w);
}

static void put_row(const carat_compare_row *r, const carat_paired_series *s, carat_jw *w)
{
    const carat_difference *d = &r->d;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "group", r->key);
    carat_jw_put_text(w, "value", r->value);
    carat_jw_put_u64(w, "n", d->n);
    carat_jw_put_u64(w, "clusters", d->clusters);
    carat_jw_put_f64(w, "a", d->a);
    carat_jw_put_f64(w, "b", d->b);
    carat_jw_put_f64(w, "difference", d->value);
    carat_jw_put_f64(w, "stderr", d->error);
    carat_jw_put_f64(w, "low", d->low);
    carat_jw_put_f64(w, "high", d->high);
    carat_jw_put_text(w, "test", d->exact ? "mcnemar" : "t");
    carat_jw_put_f64(w, "p", d->p);
    carat_jw_put_f64(w, "p_adjusted", r->p_adjusted);
    carat_jw_put_u64(w, "gained", d->gained);
    carat_jw_put_u64(w, "lost", d->lost);
    carat_jw_put_f64(w, "detectable", carat_difference_detectable(d, CARAT_ALPHA, CARAT_POWER));
    if (s->scores)
        put_power(d, w);
    carat_jw_put_text(w, "verdict", carat_change_name(r->change));
    carat_jw_close(w);
}

static void put_ids(const carat_match *m, const char *key, const size_t *items, size_t n, carat_jw *w)
{
    char buf[24];
    carat_jw_key(w, key);
    carat_jw_open(w, '[');
    for (size_t i = 0; i < n; i++)
        carat_jw_text(w, carat_record_name(m->a[items[i]], buf));
    carat_jw_close(w);
}

static void put_comparison(const carat_match *m, const carat_comparison *c, carat_jw *w)
{
    const carat_paired_series *s = c->series;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "suite", s->suite);
    carat_jw_put_text(w, "metric", s->metric);
    carat_jw_put_bool(w, "less_is_better", s->smaller);
    carat_jw_put_f64(w, "margin", c->margin);
    carat_jw_put_u64(w, "only_a", m->only_a);
    carat_jw_put_u64(w, "only_b", m->only_b);
    carat_jw_put_u64(w, "not_measured_a", s->unmeasured_a);
    carat_jw_put_u64(w, "not_measured_b", s->unmeasured_b);
    carat_jw_put_u64(w, "prompts_differ", m->prompts);
    carat_jw_key(w, "rows");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < c->n; i++)
        put_row(&c->row[i], s, w);
    carat_jw_close(w);
    if (s->scores) {
        put_ids(m, "lost", c->lost, c->n_lost, w);
        put_ids(m, "gained", c->gained, c->n_gained, w);
    }
    carat_jw_close(w);
}

static void put_side(const carat_json *node, const char *key, carat_jw *w)
{
    carat_str s = CARAT_STR_INIT;
    if (node)
        carat_json_line(node, &s);
    carat_jw_put_text(w, key, node ? s.data : NULL);
    carat_str_free(&s);
}

void carat_compared_json(const carat_compared *c, carat_str *out)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "a", c->a->dir);
    carat_jw_put_text(&w, "b", c->b->dir);
    carat_jw_put_text(&w, "verdict", carat_change_name(c->whole));
    carat_jw_key(&w, "method");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < c->diff->n; i++) {
        carat_jw_open(&w, '{');
        carat_jw_put_text(&w, "field", c->diff->field[i].path);
        put_side(c->diff->field[i].a, "a", &w);
        put_side(c->diff->field[i].b, "b", &w);
        carat_jw_close(&w);
    }
    carat_jw_close(&w);
    carat_jw_key(&w, "comparisons");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < c->n; i++)
        put_comparison(c->match[i], &c->list[i], &w);
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
}
