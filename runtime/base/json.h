/* JSON: strict reading and deterministic writing. The only user of cJSON.          SPDX-License-Identifier: Apache-2.0
 *
 * Stricter than cJSON alone: nothing behind the value, no duplicate keys, keys compared case-sensitively, no
 * NUL in strings (\u0000 is refused), numbers must be finite, integers exact (< 2^53). Nesting is limited to
 * 256. */
#ifndef CARAT_BASE_JSON_H
#define CARAT_BASE_JSON_H

#include "runtime/base/err.h"
#include "runtime/base/str.h"

typedef struct cJSON carat_json; /* a node; the root owns the tree */

carat_status carat_json_parse(const char *text, size_t len, carat_json **root, carat_err *err);
/* Reads a file of at most max bytes and parses it; errors begin with the path. */
carat_status carat_json_load(const char *path, size_t max, carat_json **root, carat_err *err);
void carat_json_free(carat_json *root);

/* Walking. All accept NULL and give NULL / false. Lookup is linear: walk big objects with first/next. */
const carat_json *carat_json_get(const carat_json *obj, const char *key); /* NULL when absent *or null* */
const carat_json *carat_json_first(const carat_json *obj_or_array);
const carat_json *carat_json_next(const carat_json *node);
const char *carat_json_key(const carat_json *node); /* of a member of an object */
size_t carat_json_count(const carat_json *obj_or_array);
bool carat_json_is_object(const carat_json *n);
bool carat_json_is_array(const carat_json *n);
bool carat_json_is_string(const carat_json *n);
bool carat_json_is_number(const carat_json *n);
bool carat_json_is_bool(const carat_json *n);
bool carat_json_is_null(const carat_json *n);

/* Values of a node, checked: the error names `what`. */
carat_status carat_json_u64(const carat_json *n, const char *what, uint64_t min, uint64_t max, uint64_t *out,
                            carat_err *err);
carat_status carat_json_f64(const carat_json *n, const char *what, double *out, carat_err *err);
carat_status carat_json_text(const carat_json *n, const char *what, const char **out, carat_err *err);
carat_status carat_json_flag(const carat_json *n, const char *what, bool *out, carat_err *err);

/* Editing and printing a tree (config.json is carried over with its keys in their order). */
carat_status carat_json_set(carat_json *obj, const char *key, carat_json *value,
                            carat_err *err); /* takes value; replaces */
void carat_json_remove(carat_json *obj, const char *key);
/* Indented by two spaces, '\n' at the end; numbers that are integers print as such, others in the shortest
 * form that reads back equal. */
carat_status carat_json_print(const carat_json *root, carat_str *out, carat_err *err);
/* How texts (what is no UTF-8 becomes U+FFFD) and finite numbers are spelled, appended to out: a number in as few digits as give it
 * back. floating: a whole one keeps its ".0". */
void carat_json_put_text(carat_str *out, const char *text, size_t len);
void carat_json_put_number(carat_str *out, double v, bool floating);

/* Writing without a tree. Commas and nesting are kept track of; misuse is an assert.
 *     carat_jw w = carat_jw_begin(&str);  carat_jw_open(&w, '{'); carat_jw_key(&w, "n"); carat_jw_u64(&w, 3);
 * carat_jw_close(&w); */
typedef struct carat_jw {
    carat_str *out;
    unsigned depth;
    bool first, after_key;
    char close[64];
} carat_jw;
carat_jw carat_jw_begin(carat_str *out);
void carat_jw_open(carat_jw *w, char bracket); /* '{' or '[' */
void carat_jw_close(carat_jw *w);
void carat_jw_key(carat_jw *w, const char *key);
void carat_jw_text(carat_jw *w, const char *text); /* NULL: null */
void carat_jw_bytes(carat_jw *w, const char *text,
                    size_t len); /* UTF-8, may hold NUL; ill-formed bytes become U+FFFD */
void carat_jw_u64(carat_jw *w, uint64_t v);
void carat_jw_i64(carat_jw *w, int64_t v);
void carat_jw_f64(carat_jw *w, double v); /* shortest form that reads back equal; NaN and infinities: null */
void carat_jw_bool(carat_jw *w, bool v);
void carat_jw_null(carat_jw *w);
/* A member: the key and its value. */
void carat_jw_put_text(carat_jw *w, const char *key, const char *text);
void carat_jw_put_u64(carat_jw *w, const char *key, uint64_t v);
void carat_jw_put_i64(carat_jw *w, const char *key, int64_t v);
void carat_jw_put_f64(carat_jw *w, const char *key, double v);
void carat_jw_put_bool(carat_jw *w, const char *key, bool v);

#endif
