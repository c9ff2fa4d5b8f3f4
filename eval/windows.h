/* Texts -> windows of token ids, every token scored exactly once.                  SPDX-License-Identifier: Apache-2.0
 *
 * Plain text: window k = BOS + text tokens [k * stride, k * stride + context - 1); a token is scored in the first window that
 * holds it. BOS is never scored. Chat ({"messages": [{"role", "content"}, ...]}): a window is one conversation in Gemma 4's framing, and
 * what is scored is the last reply with its closing <turn|>.
 *
 * Data are a text file; a table with a "text" or "messages" in each row, and maybe a "category"; or a directory of such, where the name of
 * a file is the category of what has none. No window reaches from one text into the next. Without data: sample:texts, own texts in prose,
 * code, other scripts than Latin, calls of tools, and a long document.
 *
 * Where there is no tokenizer and the backend scores texts (an endpoint), windows are pieces of text of at most 3 bytes a token of the
 * context, cut behind the last line break, else blank, of their second half; each is scored alone. Conversations then are refused. */
#ifndef CARAT_EVAL_WINDOWS_H
#define CARAT_EVAL_WINDOWS_H

#include "eval/suite.h"
#include "runtime/base/mem.h"

typedef struct carat_window {
    const int32_t *ids;   /* NULL: a piece of text, which the backend cuts into tokens */
    const char *text;     /* the piece; NULL: ids */
    size_t n;             /* ids in the window; of a piece its bytes */
    size_t from;          /* first scored one, >= 1 */
    const char *category; /* of the text; NULL: none */
} carat_window;

typedef struct carat_windows {
    carat_window *window;
    size_t n, cap;
    bool chat;   /* at least one is a conversation */
    bool pieces; /* windows are pieces of text */
    carat_arena arena;
} carat_windows;

/* logits: the suite needs carat_backend.score, not nll alone. */
carat_status carat_windows_open(const carat_eval *e, const char *suite, bool logits, carat_windows *out,
                                carat_err *err);
void carat_windows_close(carat_windows *w);
/* Writes "groups" of a record, if the window's text has a category. */
void carat_window_groups(const carat_window *one, carat_jw *w);
/* Bytes of text that the scored tokens of a window stand for. */
carat_status carat_window_bytes(const carat_eval *e, const carat_window *w, uint64_t *bytes, carat_err *err);

/* Clusters for the statistics: blocks of this many scored tokens of one window. */
enum { CARAT_CLUSTER_TOKENS = 64 };

/* Collects arrays of numbers that items wrote under `key`, in order, with their clusters (value and cluster: carat_free). */
typedef struct carat_series {
    double *value;
    uint32_t *cluster;
    size_t n;
} carat_series;
carat_status carat_series_read(const carat_json *const *results, size_t n, const char *key, carat_series *out,
                               carat_err *err);
void carat_series_free(carat_series *s);
carat_observations carat_series_of(const carat_series *s, uint64_t seed);

#endif
