/* Reports of quantize.                                                             SPDX-License-Identifier: Apache-2.0
 *
 * `loads_in` states what was tried with transformers 5.23.0 and compressed-tensors 0.20.0 (tests/hf/test_quantize.py tries it
 * again), and what vLLM's source asks for. */
#include "convert/report.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/util.h"

enum { MAX_LINES = 64, WORST = 5, MAX_LOADERS = 4 };

/* ---- what loads it ---------------------------------------------------------------------------------------------- */

typedef struct loader {
    const char *program, *how, *note;
    bool loads;
} loader;

/* What loaders care about. mixed: transformers decodes all dense modules by the first scheme of the config, which is right for
 * another one only if it has as many bits and no group size of its own (a scale per row broadcasts). */
typedef struct packing {
    const carat_scheme *first, *grouped;
    bool mixed, tables, experts;
} packing;

static packing packing_of(const carat_plan_table *p)
{
    packing k = {0};
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        const carat_scheme *s = &row->got;
        if (!carat_scheme_packs(s))
            continue;
        carat_policy policy = row->slot->policy;
        k.tables = k.tables || policy == CARAT_POLICY_EMBEDDING || policy == CARAT_POLICY_PLE;
        k.experts = k.experts || policy == CARAT_POLICY_EXPERTS;
        k.first = k.first ? k.first : s;
        k.grouped = k.grouped || !s->group ? k.grouped : s;
        k.mixed = k.mixed || s->bits != k.first->bits || s->kind != k.first->kind ||
                  (s->group && s->group != k.grouped->group);
    }
    return k;
}

static size_t loaders(const carat_plan_table *p, loader out[MAX_LOADERS])
{
    static const char hf[] = "transformers 5.23 + compressed-tensors 0.20", plain[] = "from_pretrained(OUT)";
    static const char dequantize[] =
        "from_pretrained(OUT, quantization_config=CompressedTensorsConfig(dequantize=True))";
    static const char fused[] =
        "fails: transformers reads experts fused and unpacked only; --experts bf16 makes such a checkpoint";
    packing k = packing_of(p);
    if (!k.first) {
        out[0] = (loader){"transformers 5.23", plain, "nothing is packed: an ordinary checkpoint", true};
        return 1;
    }
    out[0] = (loader){hf, plain,
                      k.experts  ? fused
                      : k.tables ? "fails: transformers cannot decode a packed embedding table this way"
                                 : "stays packed until the first forward; code x scale is exact in f32",
                      !k.tables && !k.experts};
    out[1] = (loader){
        hf, dequantize,
        k.experts ? fused
        : k.mixed
            ? "fails: transformers decodes everything by the first scheme, and bits or group sizes differ"
            : "decoded while loading; code x scale is rounded to the type of the scales",
        !k.mixed && !k.experts};
    out[2] = (loader){"vLLM", "--model OUT",
                      k.tables ? "by its source, not run here; packed embedding tables need a recent version"
                               : "by its source, not run here",
                      true};
    out[3] = (loader){"carat", "carat run OUT", "packed weights are used as they lie in the file", true};
    return MAX_LOADERS;
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

typedef struct line {
    const carat_row *first;
    size_t n;
    uint64_t before, after;
    carat_loss loss;
} line;

static bool same_line(const carat_row *a, const carat_row *b)
{
    return !strcmp(a->role, b->role) && carat_scheme_equal(&a->got, &b->got) &&
           carat_scheme_equal(&a->wanted, &b->wanted) && a->why == b->why;
}

static size_t gather(const carat_plan_table *p, line *lines)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        size_t k = 0;
        while (k < n && !same_line(lines[k].first, row))
            k++;
        if (k == MAX_LINES)
            k--; /* the last line takes the rest */
        else if (k == n)
            lines[n++] = (line){.first = row};
        lines[k].n++;
        lines[k].before += row->before;
        lines[k].after += row->after;
        carat_loss_add(&lines[k].loss, &row->loss);
    }
    return n;
}

static void print_line(const line *l, const char *name, int width, FILE *f)
{
    char before[16], after[16], nmse[24] = "";
    carat_format_bytes(l->before, before);
    carat_format_bytes(l->after, after);
    if (l->loss.energy > 0)
        snprintf(nmse, sizeof nmse, "%.2e", carat_loss_nmse(&l->loss));
    const carat_row *r = l->first;
    fprintf(f, "%-*s %5zu  %-9s %-9s %10s %10s  %-9s%s%s\n", width, name, l->n, r->wanted.name, r->got.name,
            before, after, nmse, r->why ? " " : "", r->why ? r->why : "");
}

static int by_loss(const void *a, const void *b)
{
    const carat_row *x = *(const carat_row *const *)a, *y = *(const carat_row *const *)b;
    double p = carat_loss_nmse(&x->loss), q = carat_loss_nmse(&y->loss);
    return p > q ? -1 : p < q ? 1 : strcmp(x->name, y->name);
}

static void print_worst(const carat_plan_table *p, FILE *f)
{
    const carat_row **rows = carat_alloc(p->n_rows, sizeof *rows, NULL);
    size_t n = 0;
    for (size_t i = 0; rows && i < p->n_rows; i++)
        if (p->rows[i].loss.energy > 0)
            rows[n++] = &p->rows[i];
    if (n) {
        qsort(rows, n, sizeof *rows, by_loss);
        fputs("\nlargest losses (NMSE, largest error of one weight)\n", f);
    }
    for (size_t i = 0; i < n && i < WORST; i++)
        fprintf(f, "  %.2e  %.4g  %s\n", carat_loss_nmse(&rows[i]->loss), (double)rows[i]->loss.worst,
                rows[i]->module);
    carat_free(rows);
}

typedef struct totals {
    uint64_t weights, packed, packed_bytes; /* elements; those in packed matrices; the bytes of those */
} totals;

static totals count(const carat_plan_table *p)
{
    totals t = {0};
    for (size_t i = 0; i < p->n_rows; i++) {
        const carat_row *row = &p->rows[i];
        uint64_t n = row->w.format ? row->w.rows * row->w.cols
                                   : row->src->bytes / carat_dtype_size(row->src->dtype);
        t.weights += n;
        if (row->action == CARAT_ACTION_CODE) {
            t.packed += n;
            t.packed_bytes += row->after;
        }
    }
    return t;
}

static double bits(uint64_t bytes, uint64_t weights)
{
    return weights ? 8.0 * (double)bytes / (double)weights : 0;
}

void carat_report_table(const carat_quantize_report *r, bool each, FILE *f)
{
    const carat_plan_table *p = r->plan;
    int width = each ? 64 : 26;
    fprintf(f, "%-*s %5s  %-9s %-9s %10s %10s  %-9s why\n", width, "tensor", "n", "wanted", "got", "before",
            "after", "nmse");
    if (each) {
        for (size_t i = 0; i < p->n_rows; i++) {
            const carat_row *row = &p->rows[i];
            print_line(&(line){row, 1, row->before, row->after, row->loss}, row->module, width, f);
        }
    } else {
        line lines[MAX_LINES];
        size_t n = gather(p, lines);
        for (size_t i = 0; i < n; i++)
            print_line(&lines[i], lines[i].first->role, width, f);
    }
    print_worst(p, f);
    totals t = count(p);
    char before[16], after[16];
    carat_format_bytes(p->before, before);
    carat_format_bytes(p->after, after);
    fprintf(
        f, "\n%s -> %s: %.2f bits a weight; %.2f in the packed matrices, which hold %.1f %% of the weights\n",
        before, after, bits(p->after, t.weights), bits(t.packed_bytes, t.packed),
        t.weights ? 100.0 * (double)t.packed / (double)t.weights : 0.0);
    loader l[MAX_LOADERS];
    size_t n = loaders(p, l);
    bool hf = false;
    fputs("loads in\n", f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "  %-3s %s: %s\n      %s\n", l[i].loads ? "yes" : "no", l[i].program, l[i].how, l[i].note);
        hf = hf || (l[i].loads && carat_starts(l[i].program, "transformers"));
    }
    if (!hf)
        fputs("  for transformers: one scheme everywhere (the tables too, or kept), or a decoded copy by "
              "`carat "
              "convert OUT COPY --dtype bf16`\n",
              f);
}

/* ---- for scripts ------------------------------------------------------------------------------------------------ */

static void write_row(const carat_row *row, bool dry, carat_jw *w)
{
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "name", row->name);
    carat_jw_put_text(w, "role", row->role);
    carat_jw_key(w, "shape");
    carat_jw_open(w, '[');
    const uint64_t matrix[2] = {row->w.rows, row->w.cols};
    for (uint32_t i = 0; i < (row->w.format ? 2 : row->src->ndim); i++)
        carat_jw_u64(w, row->w.format ? matrix[i] : row->src->dim[i]);
    carat_jw_close(w);
    carat_jw_put_text(w, "dtype", carat_dtype_name(row->src->dtype));
    carat_jw_put_text(w, "wanted", row->wanted.name);
    carat_jw_put_text(w, "got", row->got.name);
    carat_jw_put_text(w, "why", row->why);
    carat_jw_put_u64(w, "bytes_before", row->before);
    carat_jw_put_u64(w, "bytes_after", row->after);
    if (!dry && row->action == CARAT_ACTION_CODE) {
        carat_jw_put_f64(w, "nmse", carat_loss_nmse(&row->loss));
        carat_jw_put_f64(w, "max_error", (double)row->loss.worst);
        carat_jw_put_u64(w, "zero_groups", row->loss.zero);
    }
    carat_jw_close(w);
}

static void write_loaders(const carat_plan_table *p, carat_jw *w)
{
    loader l[MAX_LOADERS];
    size_t n = loaders(p, l);
    carat_jw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        carat_jw_open(w, '{');
        carat_jw_put_text(w, "program", l[i].program);
        carat_jw_put_text(w, "how", l[i].how);
        carat_jw_put_bool(w, "loads", l[i].loads);
        carat_jw_put_text(w, "note", l[i].note);
        carat_jw_close(w);
    }
    carat_jw_close(w);
}

static void write_recipe(const carat_quantize_report *r, carat_jw *w)
{
    const carat_recipe_args *a = carat_recipe_describe(r->recipe);
    carat_jw_put_text(w, "scheme", a->scheme);
    carat_jw_put_text(w, "experts", a->experts);
    carat_jw_put_text(w, "embeddings", a->embeddings);
    carat_jw_put_text(w, "ple", a->ple);
    carat_jw_key(w, "set");
    carat_jw_open(w, '[');
    for (size_t i = 0; i < a->n_set; i++)
        carat_jw_text(w, a->set[i]);
    carat_jw_close(w);
    carat_jw_put_text(w, "method", r->method);
}

static void write_totals(const carat_plan_table *p, carat_jw *w)
{
    totals t = count(p);
    carat_jw_key(w, "totals");
    carat_jw_open(w, '{');
    carat_jw_put_u64(w, "bytes_before", p->before);
    carat_jw_put_u64(w, "bytes_after", p->after);
    carat_jw_put_u64(w, "weights", t.weights);
    carat_jw_put_u64(w, "packed_weights", t.packed);
    carat_jw_put_f64(w, "bits_per_weight", bits(p->after, t.weights));
    carat_jw_put_f64(w, "bits_per_packed_weight", bits(t.packed_bytes, t.packed));
    carat_jw_close(w);
}

carat_status carat_report_json(const carat_quantize_report *r, carat_str *out, carat_err *err)
{
    carat_jw w = carat_jw_begin(out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "carat", CARAT_VERSION);
    carat_jw_put_text(&w, "source", carat_store_dir(r->store));
    carat_jw_put_text(&w, "output", r->out);
    carat_jw_put_bool(&w, "dry_run", r->sha256 == NULL);
    write_recipe(r, &w);
    write_totals(r->plan, &w);
    if (r->sha256) {
        carat_jw_key(&w, "source_sha256");
        carat_jw_open(&w, '{');
        for (size_t i = 0; i < carat_store_files(r->store); i++) {
            const char *path = carat_store_file(r->store, i), *slash = strrchr(path, '/');
            carat_jw_put_text(&w, slash ? slash + 1 : path, r->sha256[i]);
        }
        carat_jw_close(&w);
    }
    carat_jw_key(&w, "loads_in");
    write_loaders(r->plan, &w);
    carat_jw_key(&w, "tensors");
    carat_jw_open(&w, '[');
    for (size_t i = 0; i < r->plan->n_rows; i++)
        write_row(&r->plan->rows[i], r->sha256 == NULL, &w);
    carat_jw_close(&w);
    carat_jw_close(&w);
    carat_str_putc(out, '\n');
    return carat_str_check(out, err);
}
