/* Items with their replies, to click open.                                         SPDX-License-Identifier: Apache-2.0
 *
 * A run may hold 12,032 replies of any length: of each outcome the first few are shown, of each text so many bytes of its beginning and its
 * end, and the page says what it leaves out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/markup.h"
#include "eval/reports/html.h"

enum { TEXT_SHOWN = 6000, NAME_SHOWN = 80 };

/* The beginning and, where the answer stands, more of the end. */
static void put_long(carat_str *out, const char *text)
{
    size_t len = strlen(text), head = carat_text_cut(text, len, TEXT_SHOWN / 3),
           tail = len - TEXT_SHOWN / 3 * 2;
    carat_str_puts(out, "<pre dir=\"auto\" tabindex=\"0\">\n"); /* a first line feed is not shown */
    if (len <= TEXT_SHOWN) {
        carat_markup_text(out, text, len);
    } else {
        tail = carat_text_cut(text, len, tail);
        carat_markup_text(out, text, head);
        carat_str_printf(out, "\n[... %zu bytes left out; items.jsonl has them ...]\n", tail - head);
        carat_markup_text(out, text + tail, len - tail);
    }
    carat_str_puts(out, "</pre>\n");
}

static void put_folded(carat_str *out, const char *what, const char *text)
{
    if (!text || !*text)
        return;
    carat_str_printf(out, "<details class=\"inner\"><summary>%s</summary>\n", what);
    put_long(out, text);
    carat_str_puts(out, "</details>\n");
}

static void put_name(carat_str *out, const char *text)
{
    size_t len = strlen(text), shown = carat_text_cut(text, len, NAME_SHOWN);
    carat_str_puts(out, "<bdi>");
    for (size_t i = 0; i < shown; i++) /* of one line */
        if (text[i] == '\n' || text[i] == '\t') {
            carat_markup_text(out, text, i);
            carat_str_putc(out, ' ');
            text += i + 1;
            shown -= i + 1;
            i = (size_t)-1;
        }
    carat_markup_text(out, text, shown);
    carat_str_puts(out, shown < len ? "&hellip;</bdi>" : "</bdi>");
}

static void put_id(carat_str *out, const carat_record *r)
{
    const char *id = carat_report_member(r, "id");
    carat_str_puts(out, "<span class=\"id\">");
    if (id && *id)
        put_name(out, id);
    else
        carat_str_printf(out, "item %" PRIu64, r->item);
    carat_str_puts(out, "</span>");
}

static const char *outcome_words(carat_outcome o)
{
    return o == CARAT_NOT_MEASURED ? "not measured" : carat_outcome_name(o);
}

static void put_outcome(carat_str *out, const carat_record *r)
{
    carat_outcome o = carat_report_outcome(r);
    double score;
    carat_str_printf(out, "<span class=\"of\"><i class=\"swatch %s\"></i>%s", carat_outcome_name(o),
                     outcome_words(o));
    if (o != CARAT_NOT_MEASURED && !carat_json_f64(carat_json_get(r->json, "score"), "score", &score, NULL) &&
        score > 0 && score < 1)
        carat_str_printf(out, " %.4g", score);
    carat_str_puts(out, "</span>");
}

static void put_groups(carat_str *out, const carat_record *r)
{
    const carat_json *groups = carat_json_get(r->json, "groups");
    for (const carat_json *g = carat_json_is_object(groups) ? carat_json_first(groups) : NULL; g;
         g = carat_json_next(g)) {
        const char *value;
        if (carat_json_text(g, "groups", &value, NULL))
            continue;
        carat_str_puts(out, "<span class=\"soft\">");
        put_name(out, value);
        carat_str_puts(out, "</span>");
    }
}

/* Members that are told elsewhere, or tell a reader nothing. */
static bool is_told(const char *key)
{
    static const char *const told[] = {"suite",   "id",     "groups", "outcome", "reply", "content",
                                       "thought", "prompt", "asked",  "score",   "pred",  "asked_cut"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(key, told[i]) == 0)
            return true;
    return false;
}

static void put_members(carat_str *out, const carat_record *r)
{
    carat_str value = CARAT_STR_INIT;
    bool flag;
    double x;
    carat_str_puts(out, "<p class=\"soft word\">");
    const char *between = "";
    for (const carat_json *c = carat_json_first(r->json); c; c = carat_json_next(c)) {
        if (is_told(carat_json_key(c)) || carat_json_is_null(c) || carat_json_is_array(c) ||
            carat_json_is_object(c) || (!carat_json_flag(c, "", &flag, NULL) && !flag))
            continue;
        carat_str_clear(&value);
        if (!carat_json_f64(c, "", &x, NULL) && x != floor(x))
            carat_str_printf(&value, "%.4g", x);
        else
            carat_report_scalar(&value, c);
        if (!value.len)
            continue;
        carat_str_puts(out, between);
        carat_markup_puts(out, carat_json_key(c));
        carat_str_putc(out, ' ');
        put_name(out, value.data);
        between = " · ";
    }
    carat_str_puts(out, "</p>\n");
    out->failed |= value.failed;
    carat_str_free(&value);
}

static void put_asked(carat_str *out, const carat_record *r)
{
    char label[96] = "Asked";
    uint64_t cut = carat_report_asked_cut(r);
    if (cut)
        snprintf(label, sizeof label, "Asked: the end, behind %" PRIu64 " bytes that are not kept", cut);
    put_folded(out, label, carat_report_member(r, "asked"));
}

static void put_reply(carat_str *out, const carat_record *r)
{
    const char *content = carat_report_member(r, "content"), *reply = carat_report_member(r, "reply");
    const char *fault = carat_report_member(r, "fault"), *pred = carat_report_member(r, "pred");
    if (pred) {
        carat_str_puts(out, "<p>Answer read: <b>");
        put_name(out, pred);
        carat_str_puts(out, "</b></p>\n");
    }
    if (fault) {
        carat_str_puts(out, "<p class=\"word\">Not measured: ");
        put_name(out, fault);
        carat_str_puts(out, "</p>\n");
    }
    if (content || reply)
        put_long(out, content ? content : reply);
    put_folded(out, "Thought", carat_report_member(r, "thought"));
    if (content && reply)
        put_folded(out, "Reply as it came", reply);
    put_members(out, r);
}

static void put_item(carat_str *out, const carat_record *r)
{
    carat_str_puts(out, "<details class=\"row\"><summary>");
    put_id(out, r);
    put_outcome(out, r);
    put_groups(out, r);
    carat_str_puts(out, "</summary>\n<div class=\"body\">\n");
    put_asked(out, r);
    put_reply(out, r);
    carat_str_puts(out, "</div></details>\n");
}

void carat_html_items(const carat_report *r, const carat_report_suite *s, carat_str *out)
{
    static const carat_outcome order[] = {CARAT_WRONG, CARAT_UNPARSED, CARAT_NOT_MEASURED, CARAT_RIGHT};
    carat_str_puts(out, "<h3>Items</h3>\n");
    for (size_t k = 0; k < 4; k++) {
        size_t all = 0, shown = 0;
        for (size_t i = 0; i < s->n; i++)
            all += carat_report_outcome(&s->record[i]) == order[k];
        if (!all)
            continue;
        carat_str_printf(out, "<details><summary><span class=\"of\"><i class=\"swatch %s\"></i>%zu %s",
                         carat_outcome_name(order[k]), all, outcome_words(order[k]));
        if (all > r->items)
            carat_str_printf(out, " <span class=\"soft\">(the first %zu are shown)</span>", r->items);
        carat_str_puts(out, "</span></summary>\n<div class=\"body\">\n");
        for (size_t i = 0; i < s->n && shown < r->items; i++)
            if (carat_report_outcome(&s->record[i]) == order[k]) {
                put_item(out, &s->record[i]);
                shown++;
            }
        carat_str_puts(out, "</div></details>\n");
    }
}

/* ---- two runs ------------------------------------------------------------------------------------------------- */

static void put_flip(const carat_report *r, const carat_flip *f, carat_str *out)
{
    const carat_record *both[] = {f->a, f->b};
    carat_str_puts(out, "<details class=\"row\"><summary>");
    put_id(out, f->a);
    put_outcome(out, f->a);
    carat_str_puts(out, "<span class=\"soft\">then</span>");
    put_outcome(out, f->b);
    put_groups(out, f->a);
    carat_str_puts(out, "</summary>\n<div class=\"body\">\n");
    put_asked(out, f->a);
    carat_str_puts(out, "<div class=\"two\">\n");
    for (size_t i = 0; i < 2; i++) {
        carat_str_puts(out, "<div><p class=\"label\">");
        carat_html_run(r, i, out);
        carat_str_puts(out, "</p>\n");
        put_reply(out, both[i]);
        carat_str_puts(out, "</div>\n");
    }
    carat_str_puts(out, "</div></div></details>\n");
}

carat_status carat_html_flips(const carat_report *r, const char *suite, carat_str *out, carat_err *err)
{
    static const char *const words[] = {"right before, not now", "right now, not before", "otherwise changed",
                                        "the same outcome, another score"};
    carat_flips f;
    carat_status st = carat_report_flips(r, suite, &f, err);
    if (st || !f.pairs)
        return st;
    carat_str_printf(out,
                     "<h3>What flipped</h3>\n<p class=\"soft\">%zu of %zu items that both runs have.</p>\n",
                     f.n, f.pairs);
    if (f.prompts)
        carat_str_printf(out, "<p class=\"caveat\">%zu of them were asked with different prompts.</p>\n",
                         f.prompts);
    for (size_t at = 0; at < f.n;) {
        carat_flip_kind kind = f.flip[at].kind;
        size_t shown = f.of[kind] < r->items ? f.of[kind] : r->items;
        carat_str_printf(out, "<details%s><summary>%zu %s", kind == CARAT_LOST ? " open" : "", f.of[kind],
                         words[kind]);
        if (shown < f.of[kind])
            carat_str_printf(out, " <span class=\"soft\">(the first %zu are shown)</span>", shown);
        carat_str_puts(out, "</summary>\n<div class=\"body\">\n");
        for (size_t i = 0; i < shown; i++)
            put_flip(r, &f.flip[at + i], out);
        carat_str_puts(out, "</div></details>\n");
        at += f.of[kind];
    }
    carat_report_flips_free(&f);
    return CARAT_OK;
}
