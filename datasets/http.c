/* HTTP over libcurl's multi interface (http.h).                                    SPDX-License-Identifier: Apache-2.0
 *
 * Redirects are followed here, not by libcurl: who gets the token, and that https never turns into http, does not depend on its version
 * then. Its own limits are used for the connection only; those on silence are kept here. */
#include "datasets/http.h"

#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "runtime/base/cmd.h"
#include "runtime/base/mem.h"
#include "runtime/base/str.h"
#include "runtime/base/util.h"

typedef struct flight {
    struct flight *next;
    CURL *easy;
    struct curl_slist *headers;
    carat_http_request r;
    carat_http_head head;
    bool headed, skip; /* head is complete; its body is that of a redirect on the way */
    uint32_t hops;
    uint64_t got;
    double start, first, last; /* first < 0: no byte yet */
    const char *why;           /* ended from this side */
    char text[CURL_ERROR_SIZE + 160], error[CURL_ERROR_SIZE];
} flight;

struct carat_http {
    CURLM *multi;
    flight *flights;
    uint64_t ended;
};

/* ---- addresses ----------------------------------------------------------------------------------------------- */

static bool part(CURLU *u, CURLUPart what, char **out)
{
    return curl_url_get(u, what, out, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

carat_status carat_http_check_url(const char *url, carat_err *err)
{
    char *host = NULL, *user = NULL, *password = NULL;
    carat_status st = CARAT_OK;
    CURLU *u = curl_url();
    if (!u)
        return carat_fail(err, CARAT_ENOMEM, "out of memory for an address");
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        st = carat_fail(err, CARAT_EUSAGE, "%s: an address begins with http:// or https://", url);
    else if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK || !part(u, CURLUPART_HOST, &host))
        st = carat_fail(err, CARAT_EUSAGE, "%s: not an address", url);
    else if (part(u, CURLUPART_USER, &user) || part(u, CURLUPART_PASSWORD, &password))
        st = carat_fail(err, CARAT_EUSAGE,
                        "https://...@%s: no name and password in an address; a key goes into a variable",
                        host);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(u);
    return st;
}

/* Scheme, host and port are the same. */
static bool same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    CURLU *ua = curl_url(), *ub = curl_url();
    bool same = ua && ub && curl_url_set(ua, CURLUPART_URL, a, 0) == CURLUE_OK &&
                curl_url_set(ub, CURLUPART_URL, b, 0) == CURLUE_OK;
    for (size_t i = 0; same && i < sizeof parts / sizeof *parts; i++) {
        char *x = NULL, *y = NULL;
        same = part(ua, parts[i], &x) && part(ub, parts[i], &y) && strcasecmp(x, y) == 0;
        curl_free(x);
        curl_free(y);
    }
    curl_url_cleanup(ua);
    curl_url_cleanup(ub);
    return same;
}

/* ---- what comes back ----------------------------------------------------------------------------------------- */

static void no_head(carat_http_head *h)
{
    *h = (carat_http_head){
        .length = UINT64_MAX, .range_from = UINT64_MAX, .range_total = UINT64_MAX, .retry_after = -1};
}

static void copy_text(char *to, size_t room, const char *from)
{
    size_t n = strlen(from);
    n = n < room ? n : room - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

/* Digits and nothing else in front of `end`, which is moved to. */
static bool number(const char **p, uint64_t *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    *out = strtoull(*p, &end, 10);
    *p = end;
    return true;
}

static double seconds_until(const char *value)
{
    const char *p = value;
    uint64_t n;
    if (number(&p, &n))
        return *p ? -1 : (double)n;
    time_t at = curl_getdate(value, NULL);
    return at == -1 ? -1 : fmax(0, difftime(at, time(NULL)));
}

/* "bytes FROM-TO/TOTAL" or "bytes * /TOTAL" (416). */
static void content_range(carat_http_head *h, const char *p)
{
    uint64_t to;
    if (strncasecmp(p, "bytes ", 6) != 0)
        return;
    p += 6;
    if (*p == '*')
        p++;
    else if (!number(&p, &h->range_from) || *p++ != '-' || !number(&p, &to))
        return;
    if (*p++ == '/' && !number(&p, &h->range_total))
        h->range_total = UINT64_MAX;
}

static void header_field(carat_http_head *h, const char *name, const char *value)
{
    const char *p = value;
    if (strcasecmp(name, "content-type") == 0)
        copy_text(h->type, sizeof h->type, value);
    else if (strcasecmp(name, "etag") == 0)
        copy_text(h->etag, sizeof h->etag, value);
    else if (strcasecmp(name, "location") == 0)
        copy_text(h->location, sizeof h->location, value);
    else if (strcasecmp(name, "content-range") == 0)
        content_range(h, value);
    else if (strcasecmp(name, "retry-after") == 0)
        h->retry_after = seconds_until(value);
    else if (strcasecmp(name, "content-length") == 0 && (!number(&p, &h->length) || *p))
        h->length = UINT64_MAX;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The blank line behind the headers. false: the request ends here. */
static bool end_of_head(flight *f)
{
    if (f->headed || f->head.status < 200)
        return true;
    f->headed = true;
    f->skip = is_redirect(f->head.status) && f->head.location[0] && f->hops < f->r.redirects;
    if (f->skip || !f->r.head || f->r.head(f->r.ctx, &f->head))
        return true;
    f->why = "not wanted";
    return false;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    flight *f = ctx;
    char line[1024];
    size_t len = size * n;
    while (len && strchr("\r\n \t", bytes[len - 1]))
        len--;
    if (!len)
        return end_of_head(f) ? size * n : 0;
    if (f->headed)
        return size * n; /* trailers */
    if (len >= sizeof line)
        len = sizeof line - 1;
    memcpy(line, bytes, len);
    line[len] = 0;
    char *colon = strchr(line, ':');
    if (strncmp(line, "HTTP/", 5) == 0) {
        no_head(&f->head);
        const char *code = strchr(line, ' ');
        f->head.status = code ? atoi(code) : 0;
    } else if (colon) {
        *colon++ = 0;
        header_field(&f->head, line, colon + strspn(colon, " \t"));
    }
    return size * n;
}

static size_t on_data(char *bytes, size_t size, size_t n, void *ctx)
{
    flight *f = ctx;
    n *= size;
    if (f->skip)
        return n;
    f->last = carat_now();
    if (f->first < 0)
        f->first = f->last;
    f->got += n;
    if (f->r.max_bytes && f->got > f->r.max_bytes)
        f->why = "more bytes than a reply may have";
    else if (f->r.data && !f->r.data(f->r.ctx, bytes, n))
        f->why = "not wanted";
    return f->why ? 0 : n;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static bool add_header(flight *f, const char *fmt, const char *value)
{
    carat_str s = CARAT_STR_INIT;
    carat_str_puts(&s, fmt);
    carat_str_puts(&s, value);
    struct curl_slist *more = s.failed ? NULL : curl_slist_append(f->headers, s.data);
    carat_str_free(&s);
    if (more)
        f->headers = more;
    return more;
}

static bool set_headers(flight *f, bool token)
{
    char range[40];
    const carat_http_request *r = &f->r;
    curl_slist_free_all(f->headers);
    f->headers = NULL;
    snprintf(range, sizeof range, "%" PRIu64 "-", r->from);
    return (!r->accept || add_header(f, "Accept: ", r->accept)) &&
           (!r->body ||
            (add_header(f, "Content-Type: ", "application/json") && add_header(f, "Expect:", ""))) &&
           (!r->token || !token || add_header(f, "Authorization: Bearer ", r->token)) &&
           (!r->from || add_header(f, "Range: bytes=", range)) &&
           (!r->from || !r->if_etag || add_header(f, "If-Range: ", r->if_etag)) &&
           curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK;
}

static const char *first_of(const char *a, const char *b)
{
    const char *x = getenv(a);
    if (!x || !*x)
        x = b ? getenv(b) : NULL;
    return x && *x ? x : NULL;
}

static void set_certificates(CURL *easy)
{
    const char *file = first_of("CURL_CA_BUNDLE", "SSL_CERT_FILE"), *dir = first_of("SSL_CERT_DIR", NULL);
    if (file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, file);
    if (dir)
        curl_easy_setopt(easy, CURLOPT_CAPATH, dir);
}

/* Options whose failure could only be that memory is out show it in the address or the headers, too. */
static bool set_up(flight *f)
{
    CURL *e = f->easy;
    const carat_http_request *r = &f->r;
    if (curl_easy_setopt(e, CURLOPT_URL, r->url) != CURLE_OK || !set_headers(f, true))
        return false;
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "carat/" CARAT_VERSION);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    if (r->limit.connect > 0)
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)ceil(fmin(r->limit.connect, 1e6) * 1000));
    if (r->body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body);
    }
    set_certificates(e);
    return true;
}

static void land(carat_http *h, flight *f)
{
    for (flight **p = &h->flights; *p; p = &(*p)->next)
        if (*p == f) {
            *p = f->next;
            break;
        }
    if (f->easy) {
        curl_multi_remove_handle(h->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    curl_slist_free_all(f->headers);
    carat_free(f);
}

carat_status carat_http_open(carat_http **out, carat_err *err)
{
    carat_http *h = carat_alloc(1, sizeof *h, err);
    if (!h)
        return CARAT_ENOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->multi = curl_multi_init())) {
        carat_free(h);
        return carat_fail(err, CARAT_ENOMEM, "libcurl does not start");
    }
    *out = h;
    return CARAT_OK;
}

void carat_http_close(carat_http *h)
{
    if (!h)
        return;
    while (h->flights)
        land(h, h->flights);
    curl_multi_cleanup(h->multi);
    curl_global_cleanup(); /* counted: the last one counts */
    carat_free(h);
}

carat_status carat_http_send(carat_http *h, const carat_http_request *r, carat_err *err)
{
    carat_status st = carat_http_check_url(r->url, err);
    if (st)
        return st;
    flight *f = carat_alloc(1, sizeof *f, err);
    if (!f)
        return CARAT_ENOMEM;
    f->r = *r;
    f->start = carat_now();
    f->first = -1;
    no_head(&f->head);
    f->easy = curl_easy_init();
    if (!f->easy || !set_up(f) || curl_multi_add_handle(h->multi, f->easy) != CURLM_OK) {
        land(h, f);
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a request");
    }
    f->next = h->flights;
    h->flights = f;
    return CARAT_OK;
}

/* ---- how requests end ---------------------------------------------------------------------------------------- */

static void end(carat_http *h, flight *f, carat_http_trouble trouble, const char *text)
{
    carat_http_end e = {.head = &f->head,
                        .trouble = trouble,
                        .text = text,
                        .bytes = f->got,
                        .first_s = f->first < 0 ? -1 : f->first - f->start,
                        .total_s = carat_now() - f->start};
    for (flight **p = &h->flights; *p; p = &(*p)->next)
        if (*p == f) {
            *p = f->next;
            break;
        }
    h->ended++;
    f->r.done(f->r.ctx, &e);
    land(h, f);
}

/* libcurl's own words where ours would say less; they hold no header. */
static carat_http_trouble explain(flight *f, CURLcode code)
{
    long number = 0;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &number);
        snprintf(f->text, sizeof f->text, "no connection: %s", number ? strerror((int)number) : f->error);
        return CARAT_HTTP_LOST;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(f->text, sizeof f->text, "no connection within %g s", f->r.limit.connect);
        return CARAT_HTTP_LATE;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        snprintf(f->text, sizeof f->text, "the connection broke off after %" PRIu64 " bytes of the reply",
                 f->got);
        return CARAT_HTTP_LOST;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        snprintf(f->text, sizeof f->text, "what came back is not HTTP");
        return CARAT_HTTP_LOST;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        snprintf(f->text, sizeof f->text, "TLS: %s", f->error[0] ? f->error : curl_easy_strerror(code));
        return CARAT_HTTP_VAIN;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        snprintf(f->text, sizeof f->text, "no connection: %s", f->error);
        return CARAT_HTTP_LOST;
    default:
        snprintf(f->text, sizeof f->text, "%s", f->error[0] ? f->error : curl_easy_strerror(code));
        return CARAT_HTTP_LOST;
    }
}

/* Sends the request on to where the reply points; false: it must not, and text says why. */
static bool follow(carat_http *h, flight *f)
{
    char *to = NULL;
    bool ok = false;
    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to || carat_http_check_url(to, NULL))
        snprintf(f->text, sizeof f->text, "a redirect to what is no http address");
    else if (strncasecmp(f->r.url, "https:", 6) == 0 && strncasecmp(to, "https:", 6) != 0)
        snprintf(f->text, sizeof f->text, "a redirect from https to http");
    else
        ok = true;
    carat_str next = CARAT_STR_INIT;
    if (ok) {
        carat_str_puts(&next, to); /* `to` goes with the old transfer */
        curl_multi_remove_handle(h->multi, f->easy);
        f->hops++;
        f->headed = f->skip = false;
        no_head(&f->head);
        ok = !next.failed && set_headers(f, same_origin(f->r.url, next.data)) &&
             curl_easy_setopt(f->easy, CURLOPT_URL, next.data) == CURLE_OK &&
             curl_multi_add_handle(h->multi, f->easy) == CURLM_OK;
        if (!ok)
            snprintf(f->text, sizeof f->text, "out of memory for a redirect");
    }
    carat_str_free(&next);
    return ok;
}

static void finished(carat_http *h, flight *f, CURLcode code)
{
    if (f->why)
        end(h, f, CARAT_HTTP_VAIN, f->why);
    else if (code != CURLE_OK) {
        carat_http_trouble t = explain(f, code);
        end(h, f, t, f->text);
    } else if (!f->skip) {
        bool lost = f->hops && is_redirect(f->head.status) && f->head.location[0];
        end(h, f, lost ? CARAT_HTTP_VAIN : CARAT_HTTP_NONE, lost ? "too many redirects" : NULL);
    } else if (!follow(h, f))
        end(h, f, CARAT_HTTP_VAIN, f->text);
}

/* The limit that a request has passed, or NULL; *next: when the next one will be, if that is sooner. */
static const char *passed(flight *f, double now, double *next)
{
    const carat_http_limits *l = &f->r.limit;
    const struct {
        double limit, since;
        const char *what;
    } clock[] = {{l->total, f->start, "not whole within %g s"},
                 {f->first < 0 ? l->first : 0, f->start, "no byte of a reply within %g s"},
                 {f->first < 0 ? 0 : l->stall, f->last, "no more bytes of the reply for %g s"}};
    for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) {
        if (clock[i].limit <= 0)
            continue;
        double left = clock[i].since + clock[i].limit - now;
        if (left <= 0) {
            snprintf(f->text, sizeof f->text, clock[i].what, clock[i].limit);
            return f->text;
        }
        *next = fmin(*next, left);
    }
    return NULL;
}

/* Reads what has come, ends what has ended or is late. Returns the seconds until the next limit. */
static double serve(carat_http *h)
{
    int running, left;
    CURLMsg *m;
    curl_multi_perform(h->multi, &running);
    while ((m = curl_multi_info_read(h->multi, &left))) {
        char *f = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
        finished(h, (flight *)(void *)f, code);
    }
    double now = carat_now(), next = INFINITY;
    for (flight *f = h->flights, *then; f; f = then) {
        then = f->next;
        const char *late = passed(f, now, &next);
        if (late)
            end(h, f, CARAT_HTTP_LATE, late);
    }
    return next;
}

carat_status carat_http_wait(carat_http *h, double seconds, carat_err *err)
{
    uint64_t ended = h->ended;
    double until = carat_now() + seconds;
    for (;;) {
        if (carat_interrupted())
            return carat_fail(err, CARAT_EINTR, "interrupted");
        double next = serve(h), left = until - carat_now();
        if (h->ended != ended || left <= 0)
            return CARAT_OK;
        /* a signal between the look at it and the wait is seen a quarter of a second later */
        double wait = fmin(0.25, fmin(left, next));
        curl_multi_poll(h->multi, NULL, 0, (int)ceil(wait * 1000), NULL);
    }
}
