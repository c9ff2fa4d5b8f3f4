/* A comparison as text (compare_print.h).                                         SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/compare_print.h"

enum { SHOWN_FIELDS = 24, SHOWN_IDS = 20, FIELD_WIDTH = 60 };

/* ---- numbers: scores in percent, differences of scores in points ------------------------------------------------ */

static const char *number(char buf[32], double x, bool score, bool sign)
{
    if (!isfinite(x))
        snprintf(buf, 32, "-");
    else if (score)
        snprintf(buf, 32, sign ? "%+.2f" : "%.2f", 100 * x);
    else
        snprintf(buf, 32, sign ? "%+.5g" : "%.5g", x);
    return buf;
}

static const char *chance(char buf[32], double p)
{
    if (!isfinite(p))
        snprintf(buf, 32, "-");
    else
        snprintf(buf, 32, p < 0.0001 ? "%.0e" : "%.4f", p);
    return buf;
}

/* ---- a comparison -------------------------------------------------------------------------------------------- */

static void put_row(const carat_compare_row *r, const carat_paired_series *s, carat_str *out)
{
    char a[32], b[32], d[32], low[32], high[32], p[32], least[32], range[72], flips[48] = "";
    bool score = s->scores;
    snprintf(range, sizeof range, "[%s, %s]", number(low, r->d.low, score, true),
             number(high, r->d.high, score, true));
    if (score)
        snprintf(flips, sizeof flips, "+%" PRIu64 " -%" PRIu64, r->d.gained, r->d.lost);
    carat_str_printf(
        out, "  %-22.40s %7zu %9s %9s %9s  %-22s %-13s %10s  %-8s  %s\n", r->value ? r->value : "all", r->d.n,
        number(a, r->d.a, score, false), number(b, r->d.b, score, false), number(d, r->d.value, score, true),
        range, flips,
        number(least, carat_difference_detectable(&r->d, CARAT_ALPHA, CARAT_POWER), score, false),
        chance(p, r->p_adjusted), carat_change_name(r->change));
}

/* The least margin, of two digits, that the interval lies within. */
static void put_margin(const carat_comparison *c, carat_str *out)
{
    const carat_compare_row *r = &c->row[0];
    double reach = fmax(-r->d.low, r->d.high);
    if (strcmp(c->series->metric, "nll_per_token") == 0)
        reach = expm1(reach);
    if (r->change != CARAT_INCONCLUSIVE || !(reach > 0 && reach < 1))
        return;
    double digit = pow(10, floor(log10(reach)) - 1);
    carat_str_printf(out, "  the interval lies within a margin of %.4g (--margin)\n",
                     ceil(reach / digit) * digit);
}

/* What these items can show: the power against drops of one to three points. */
static void put_power(const carat_difference *d, carat_str *out)
{
    if (d->clusters < 2)
        return;
    carat_str_puts(out, "  a true difference of");
    for (int points = 1; points <= 3; points++)
        carat_str_printf(out, "%s %d point%s is found with %.0f %%", points > 1 ? "," : "", points,
                         points > 1 ? "s" : "", 100 * carat_difference_power(d, points / 100.0, CARAT_ALPHA));
    carat_str_putc(out, '\n');
}

static void put_perplexity(const carat_difference *d, carat_str *out)
{
    carat_str_printf(out, "  perplexity %.5g -> %.5g: times %.7g [%.7g, %.7g]\n", exp(d->a), exp(d->b),
                     exp(d->value), exp(d->low), exp(d->high));
}

static void put_ids(const carat_match *m, const char *what, const size_t *items, size_t n, carat_str *out)
{
    char buf[24];
    if (!n)
        return;
    carat_str_printf(out, "  %s (%zu):", what, n);
    for (size_t i = 0; i < n && i < SHOWN_IDS; i++)
        carat_str_printf(out, " %.60s", carat_record_name(m->a[items[i]], buf));
    carat_str_puts(out, n > SHOWN_IDS ? " ... (--json lists all)\n" : "\n");
}

static void put_left_out(const carat_match *m, const carat_paired_series *s, carat_str *out)
{
    if (m->only_a || m->only_b)
        carat_str_printf(out, "  not compared: %zu items that only A has, %zu that only B has\n", m->only_a,
                         m->only_b);
    if (s->left_out)
        carat_str_printf(out, "  not compared: %zu items not measured (%zu in A, %zu in B)\n", s->left_out,
                         s->unmeasured_a, s->unmeasured_b);
    if (m->prompts)
        carat_str_printf(out, "  the exact bytes of %zu prompts differ\n", m->prompts);
}

static void put_comparison(const carat_match *m, const carat_comparison *c, carat_str *out)
{
    const carat_paired_series *s = c->series;
    const carat_difference *d = &c->row[0].d;
    char margin[32];
    carat_str_printf(out, "\n%s %s%s: %zu pairs in %zu clusters, %s%s%s\n", s->suite, s->metric,
                     s->scores    ? " (%)"
                     : s->smaller ? " (less is better)"
                                  : "",
                     d->n, d->clusters, d->exact ? "McNemar's exact test" : "t test over clusters",
                     c->margin > 0 ? ", margin " : "",
                     c->margin > 0 ? number(margin, c->margin, s->scores, false) : "");
    carat_str_printf(out, "  %-22s %7s %9s %9s %9s  %-22s %-13s %10s  %-8s  %s\n", "", "n", "A", "B", "B - A",
                     "95 % interval", s->scores ? "flips" : "", "detectable", "p (Holm)", "verdict");
    const char *key = NULL;
    for (size_t i = 0; i < c->n; i++) {
        if (c->row[i].key && (!key || strcmp(key, c->row[i].key) != 0))
            carat_str_printf(out, "  by %.40s\n", key = c->row[i].key);
        put_row(&c->row[i], s, out);
    }
    if (strcmp(s->metric, "nll_per_token") == 0)
        put_perplexity(d, out);
    put_margin(c, out);
    if (s->scores) {
        put_power(d, out);
        put_ids(m, "lost", c->lost, c->n_lost, out);
        put_ids(m, "gained", c->gained, c->n_gained, out);
    }
    if (s->one_run)
        carat_str_puts(out, "  one and the same run: every record is in both, to the time it took\n");
    put_left_out(m, s, out);
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static void put_value(const carat_json *node, carat_str *out)
{
    carat_str s = CARAT_STR_INIT;
    carat_json_line(node, &s);
    carat_str_printf(out, "%.*s%s", FIELD_WIDTH, s.data, s.len > FIELD_WIDTH ? "..." : "");
    carat_str_free(&s);
}

static void put_method(const carat_header_diff *d, carat_str *out)
{
    if (!d->n)
        carat_str_puts(out, "method: the same in both\n");
    for (size_t i = 0; i < d->n && i < SHOWN_FIELDS; i++) {
        carat_str_printf(out, "%s %s: ", i ? "       " : "method:", d->field[i].path);
        put_value(d->field[i].a, out);
        carat_str_puts(out, " -> ");
        put_value(d->field[i].b, out);
        carat_str_putc(out, '\n');
    }
    if (d->n > SHOWN_FIELDS)
        carat_str_printf(out, "        ... and %zu more (--json lists all)\n", d->n - SHOWN_FIELDS);
}

void carat_compared_text(const carat_compared *c, carat_str *out)
{
    carat_str_printf(out, "A %s\nB %s\n", c->a->dir, c->b->dir);
    put_method(c->diff, out);
    for (size_t i = 0; i < c->n; i++)
        put_comparison(c->match[i], &c->list[i], out);
    carat_str_puts(
        out, "\ndetectable: the least true difference that is found with 80 % power. Intervals of groups are "
             "each for itself.\n");
    carat_str_printf(out, "B is %s", carat_change_name(c->whole));
    const char *between = ": ";
    for (size_t i = 0; i < c->n; i++) {
        const carat_comparison *x = &c->list[i];
        for (size_t k = 0; k < x->n; k++)
            if (x->row[k].change == CARAT_WORSE) {
                carat_str_printf(out, "%s%s%s %s%s%.60s", between,
                                 between[0] == ':' && c->whole != CARAT_WORSE ? "but worse in " : "",
                                 x->series->suite, x->series->metric, x->row[k].value ? ", " : "",
                                 x->row[k].value ? x->row[k].value : "");
                between = "; ";
            }
    }
    carat_str_putc(out, '\n');
}
