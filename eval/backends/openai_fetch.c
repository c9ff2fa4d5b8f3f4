/* One request to a server, waited for; and the first: is anybody there, and with what?  SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/backends/openai.h"
#include "eval/backends/openai_reply.h"
#include "runtime/base/util.h"

/* ---- one request --------------------------------------------------------------------------------------------- */

typedef struct waiting {
    carat_oai_page *page;
    bool done;
} waiting;

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    waiting *w = ctx;
    carat_str_add(&w->page->body, bytes, n);
    return !w->page->body.failed;
}

static void on_done(void *ctx, const carat_http_end *e)
{
    waiting *w = ctx;
    w->done = true;
    w->page->status = e->head->status;
    w->page->trouble = e->trouble;
    w->page->retry_after = e->head->retry_after;
    if (e->trouble) {
        carat_str_clear(&w->page->body);
        carat_str_puts(&w->page->body, e->text);
    }
}

carat_status carat_oai_fetch(const carat_oai *o, const char *url, const carat_str *body,
                             carat_http_limits limit, carat_oai_page *out, carat_err *err)
{
    enum { MOST_BYTES = 64 << 20 };
    carat_http *h;
    waiting w = {.page = out};
    carat_http_request r = {.url = url,
                            .body = body ? body->data : NULL,
                            .body_len = body ? body->len : 0,
                            .accept = "application/json",
                            .token = o->key,
                            .limit = limit,
                            .max_bytes = MOST_BYTES,
                            .ctx = &w,
                            .data = on_data,
                            .done = on_done};
    carat_str_clear(&out->body);
    carat_status st = carat_http_open(&h, err);
    if (st)
        return st;
    st = carat_http_send(h, &r, err);
    while (!st && !w.done)
        st = carat_http_wait(h, 10, err);
    carat_http_close(h);
    return st ? st : carat_str_check(&out->body, err);
}

void carat_oai_said(const carat_oai *o, const carat_oai_page *p, carat_str *out)
{
    carat_str_clear(out);
    if (p->trouble)
        carat_str_puts(out, p->body.data);
    else
        carat_oai_error(p->body.data, p->body.len, out);
    carat_oai_hide(o, out);
}

/* ---- the first ----------------------------------------------------------------------------------------------- */

/* What the server says of the model that does not change from one start to the next: vLLM's `root` is the checkpoint, llama.cpp's
 * `meta` its sizes. */
static void read_served(carat_oai *o, const carat_json *models)
{
    static const char *const sizes[] = {"n_params", "size", "n_vocab"};
    const char *id, *root;
    const carat_json *m = carat_json_first(carat_json_get(models, "data"));
    while (m && (carat_json_text(carat_json_get(m, "id"), "id", &id, NULL) || strcmp(id, o->model) != 0))
        m = carat_json_next(m);
    if (!m)
        return;
    carat_str_clear(&o->served);
    if (!carat_json_text(carat_json_get(m, "root"), "root", &root, NULL) && *root)
        carat_str_printf(&o->served, "root %.200s", root);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t n;
        if (!carat_json_u64(carat_json_get(carat_json_get(m, "meta"), sizes[i]), sizes[i], 0, UINT64_MAX, &n,
                            NULL))
            carat_str_printf(&o->served, "%s%s %" PRIu64, o->served.len ? ", " : "", sizes[i], n);
    }
}

/* Only what makes every question vain is an error: nobody there, a wrong certificate, a refused key. Servers need not know /models. */
carat_status carat_oai_greet(carat_oai *o, carat_err *err)
{
    carat_str url = CARAT_STR_INIT, words = CARAT_STR_INIT;
    carat_oai_page p = {.body = CARAT_STR_INIT};
    carat_json *models;
    carat_str_printf(&url, "%s/models", o->url);
    carat_status st = carat_str_check(&url, err);
    if (st ||
        (st = carat_oai_fetch(o, url.data, NULL, (carat_http_limits){o->limit.connect, 20, 20, 30}, &p, err)))
        goto out;
    bool nobody = p.trouble && !p.status && carat_starts(p.body.data, "no connection");
    carat_oai_said(o, &p, &words);
    if (!p.trouble && (p.status == 401 || p.status == 403))
        st = carat_fail(err, CARAT_EIO, "%s: HTTP %d: %s; %s", o->url, p.status, words.data,
                        o->key ? "the key was read from CARAT_API_KEY or OPENAI_API_KEY"
                               : "no key: neither CARAT_API_KEY nor OPENAI_API_KEY is set");
    else if (nobody || p.trouble == CARAT_HTTP_VAIN)
        st = carat_fail(err, CARAT_EIO, "%s: %s", o->url, words.data);
    else if (p.status == 200 && !carat_json_parse(p.body.data, p.body.len, &models, NULL)) {
        read_served(o, models);
        carat_json_free(models);
        st = carat_str_check(&o->served, err);
    }
out:
    carat_str_free(&url);
    carat_str_free(&words);
    carat_str_free(&p.body);
    return st;
}
