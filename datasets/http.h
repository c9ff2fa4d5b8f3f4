/* HTTP: many requests in flight at once, served by one thread.                     SPDX-License-Identifier: Apache-2.0
 *
 * Knows nothing of what is carried. http.c is the only user of libcurl. Addresses are http and https; certificates are verified (against
 * CURL_CA_BUNDLE, SSL_CERT_FILE or SSL_CERT_DIR where one is set), the proxy variables (http_proxy, https_proxy, all_proxy, no_proxy)
 * hold. Nothing is asked for compressed, so that a limit on bytes is one on memory. */
#ifndef CARAT_DATASETS_HTTP_H
#define CARAT_DATASETS_HTTP_H

#include "runtime/base/err.h"

typedef struct carat_http carat_http;

/* Seconds; 0: no limit. */
typedef struct carat_http_limits {
    double connect; /* until there is a connection, TLS included */
    double first;   /* from the start to the first byte of the body */
    double stall;   /* from one byte of the body to the next */
    double total;
} carat_http_limits;

/* What stands in front of a body. Texts are cut to their room. */
typedef struct carat_http_head {
    int status; /* 0: no reply came */
    char type[96], etag[128];
    uint64_t length;                  /* UINT64_MAX: not said */
    uint64_t range_from, range_total; /* UINT64_MAX: not said */
    double retry_after;               /* seconds from now; < 0: not said */
    char location[384];               /* of a redirect that was not followed: where to */
} carat_http_head;

typedef enum carat_http_trouble {
    CARAT_HTTP_NONE = 0,
    CARAT_HTTP_LOST, /* no connection, or it broke: another try may go well */
    CARAT_HTTP_LATE, /* a time limit passed */
    CARAT_HTTP_VAIN  /* another try would end the same: certificate, size, redirect, a callback said no */
} carat_http_trouble;

typedef struct carat_http_end {
    const carat_http_head *head;
    carat_http_trouble trouble;
    const char *text; /* one line that names the trouble; NULL: the body is whole */
    uint64_t bytes;   /* of the body */
    double first_s,
        total_s; /* from the start to the first byte of the body (< 0: none came), and to the end */
} carat_http_end;

/* All pointers are borrowed until done. */
typedef struct carat_http_request {
    const char *url;
    const char *body; /* JSON, posted; NULL: GET */
    size_t body_len;
    const char *accept; /* media type; NULL: any */
    const char *token;  /* "Authorization: Bearer": to the url's own scheme, host and port only; NULL: none */
    uint64_t from;      /* bytes in front that are not wanted (Range) */
    const char *if_etag; /* ... if it is still this one; NULL: whatever it is */
    carat_http_limits limit;
    uint64_t max_bytes; /* of the body; 0: no limit */
    uint32_t redirects; /* of a GET that are followed, never from https to http */
    void *ctx;
    /* Called from carat_http_wait. head: of the reply that counts; data: its body, piece by piece; false ends the request. Both
     * may be NULL. done: once, after all others; may send anew. */
    bool (*head)(void *ctx, const carat_http_head *h);
    bool (*data)(void *ctx, const char *bytes, size_t n);
    void (*done)(void *ctx, const carat_http_end *end);
} carat_http_request;

/* An address that can be asked: http or https, a host, no name and password in it (they would be written down with it). */
carat_status carat_http_check_url(const char *url, carat_err *err);

carat_status carat_http_open(carat_http **out, carat_err *err);
/* Drops what is in flight without calling done. */
void carat_http_close(carat_http *h);
carat_status carat_http_send(carat_http *h, const carat_http_request *r, carat_err *err);
/* Lets things happen for at most so many seconds, or until a request is done. CARAT_EINTR after Ctrl-C. */
carat_status carat_http_wait(carat_http *h, double seconds, carat_err *err);

#endif
