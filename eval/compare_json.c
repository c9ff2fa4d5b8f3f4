/* A comparison as JSON (compare_print.h).                                         SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/compare_print.h"

static void put_number(carat_jw *w, const char *key, double x)
{
    carat_jw_key(w, key);
    carat_jw_f64(w, x);
}

static void put_count(carat_jw *w, const char *key, uint64_t n)
{
    carat_jw_key(w, key);
    carat_jw_u64(w, n);
}

static void put_text(carat_jw *w, const char *key, const char *text)
{
    carat_jw_key(w, key);
    carat_jw_text(w, text);
}

static void put_power(const carat_difference *d, carat_jw *w)
{
    carat_jw_key(w, "power");
    carat_jw_open(w, '[');
    for (int points = 1; points <= 3; points++) {
        carat_jw_open(w, '{');
        put_number(w, "difference", points / 100.0);
        put_number(w, "power", carat_difference_power(d, points / 100.0, CARAT_ALPHA));
        carat_jw_close(w);
    }
    carat_jw_close(w);
}

static void put_row(const carat_compare_row *r, const carat_paired_series *s, carat_jw *w)
{
    const carat_difference *d = &r->d;
    carat_jw_open(w, '{');
    put_text(w, "group", r->key);
    put_text(w, "value", r->value);
    put_count(w, "n", d->n);
    put_count(w, "clusters", d->clusters);
    put_number(w, "a", d->a);
    put_number(w, "b", d->b);
    put_number(w, "difference", d->value);
    put_number(w, "stderr", d->error);
    put_number(w, "low", d->low);
    put_number(w, "high", d->high);
    put_text(w, "test", d->exact ? "mcnemar" : "t");
    put_number(w, "p", d->p);
    put_number(w, "p_adjusted", r->p_adjusted);
    put_count(w, "gained", d->gained);
    put_count(w, "lost", d->lost);
    put_number(w, "detectable", carat_difference_detectable(d, CARAT_ALPHA, CARAT_POWER));
    if (s->scores)
        put_power(d, w);
    put_text(w, "verdict", carat_change_name(r->change));
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
    put_text(w, "suite", s->suite);
    put_text(w, "metric", s->metric);
    carat_jw_key(w, "less_is_better");
    carat_jw_bool(w, s->smaller);
    put_number(w, "margin", c->margin);
    put_count(w, "only_a", m->only_a);
    put_count(w, "only_b", m->only_b);
    put_count(w, "not_measured_a", s->unmeasured_a);
    put_count(w, "not_measured_b", s->unmeasured_b);
    put_count(w, "prompts_differ", m->prompts);
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
    put_text(w, key, node ? s.data : NULL);
    carat_str_free(&s);
}

void carat_compared_json(const carat_compared *c, carat_str *out)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    put_text(&w, "a", c->a->dir);
    put_text(&w, "b", c->b->dir);
    put_text(&w, "verdict", carat_change_name(c->whole));
    carat_jw_key(&w, "method");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < c->diff->n; i++) {
        carat_jw_open(&w, '{');
        put_text(&w, "field", c->diff->field[i].path);
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
