/* JSON values as Python sees them.                                                SPDX-License-Identifier: Apache-2.0
 *
 * The chat template and the response parser see requests through json.loads: integers of any size beside floats, the last of
 * equal keys in the place of the first, strings that hold NUL. base/json.h refuses all that on purpose. A tree lives in an arena
 * and is never changed.
 *
 * Stricter than Python: nesting ends at 256, and half a surrogate pair is refused (it is not text). */
#ifndef CARAT_TEXT_VALUE_H
#define CARAT_TEXT_VALUE_H

#include "runtime/base/mem.h"
#include "runtime/text/scan.h"

typedef enum carat_kind {
    CARAT_UNDEFINED, /* Jinja's: what a missing key gives */
    CARAT_NONE,
    CARAT_BOOL,
    CARAT_INT,
    CARAT_FLOAT,
    CARAT_STRING,
    CARAT_LIST,
    CARAT_MAP
} carat_kind;

typedef struct carat_value carat_value;
struct carat_value {
    carat_kind kind;
    bool truth;      /* BOOL */
    double number;   /* FLOAT, may be infinite or (lax) NaN */
    carat_span text; /* STRING; INT: as str() prints it */
    carat_span key;  /* of a member of a map */
    size_t count;    /* LIST, MAP: children */
    carat_value *first, *next;
};

extern const carat_value carat_undefined, carat_none;

/* json.loads. CARAT_EFORMAT where the text is not JSON, CARAT_ESUPPORT where it is more than this reader takes. `lax`: NaN,
 * Infinity and -Infinity are numbers, as in Python. */
carat_status carat_value_parse(carat_arena *a, carat_span json, bool lax, const carat_value **out,
                               carat_err *err);

/* v[key] of a map, else carat_undefined. */
const carat_value *carat_value_get(const carat_value *v, const char *key);
const carat_value *carat_value_find(const carat_value *map, carat_span key);
bool carat_value_true(const carat_value *v);                       /* bool(v) */
bool carat_value_is(const carat_value *v, const char *text);       /* v == "text" */
bool carat_value_same(const carat_value *a, const carat_value *b); /* a == b */

/* for item in v: elements, keys (as strings) or characters. */
typedef struct carat_each {
    const carat_value *next;
    carat_span rest;
    carat_kind kind;
    carat_value item;
} carat_each;
bool carat_each_begin(carat_each *e, const carat_value *v); /* false: Python cannot iterate over it */
const carat_value *carat_each_next(carat_each *e);          /* NULL at the end; valid until the next call */

/* Jinja's dictsort: members by lower-cased key, equal ones in their order. The array lives in the arena. */
carat_status carat_value_sorted(carat_arena *a, const carat_value *map, const carat_value ***out,
                                carat_err *err);

/* spell.c: str(v), repr(v), json.dumps(v) (UTF-8 kept). */
void carat_value_str(carat_str *out, const carat_value *v);
void carat_value_repr(carat_str *out, const carat_value *v);
void carat_value_json(carat_str *out, const carat_value *v);
void carat_float_repr(carat_str *out, double v); /* repr(v) of a float */

#endif
