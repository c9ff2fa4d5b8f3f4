/* Thrift's compact protocol (thrift.h).                                            SPDX-License-Identifier: Apache-2.0 */
#include "datasets/thrift.h"

enum { MAX_DEPTH = 32 };

static uint8_t byte(carat_thrift *t)
{
    if (t->bad || t->p == t->end) {
        t->bad = true;
        return 0;
    }
    return *t->p++;
}

static uint64_t varint(carat_thrift *t)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = byte(t);
        v |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80))
            return v;
    }
    t->bad = true;
    return 0;
}

int64_t carat_thrift_int(carat_thrift *t)
{
    uint64_t v = varint(t);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

bool carat_thrift_next(carat_thrift *t, carat_field *f)
{
    uint8_t head = byte(t);
    f->type = (carat_thrift_type)(head & 15);
    if (t->bad || f->type == CARAT_THRIFT_STOP)
        return false;
    int64_t id = head >> 4 ? f->id + (head >> 4) : carat_thrift_int(t);
    if (id < INT16_MIN || id > INT16_MAX || f->type > CARAT_THRIFT_STRUCT)
        t->bad = true;
    f->id = (int)id;
    return !t->bad;
}

size_t carat_thrift_list(carat_thrift *t, carat_thrift_type *type)
{
    uint8_t head = byte(t);
    uint64_t n = head >> 4;
    *type = (carat_thrift_type)(head & 15);
    if (n == 15)
        n = varint(t);
    if (t->bad || n > (size_t)(t->end - t->p)) {
        t->bad = true;
        return 0;
    }
    return (size_t)n;
}

const char *carat_thrift_bytes(carat_thrift *t, size_t *len)
{
    uint64_t n = varint(t);
    if (t->bad || n > (size_t)(t->end - t->p)) {
        t->bad = true;
        n = 0;
    }
    const char *p = (const char *)t->p;
    t->p += n;
    *len = (size_t)n;
    return p;
}

static void skip(carat_thrift *t, carat_thrift_type type, int depth);

static void skip_many(carat_thrift *t, carat_thrift_type type, size_t n, int depth)
{
    for (size_t i = 0; i < n && !t->bad; i++)
        if (type == CARAT_THRIFT_TRUE || type == CARAT_THRIFT_FALSE)
            byte(t); /* in a list a bool is a byte of its own */
        else
            skip(t, type, depth);
}

static void skip_map(carat_thrift *t, int depth)
{
    uint64_t n = varint(t);
    if (!n)
        return;
    uint8_t types = byte(t);
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip_many(t, (carat_thrift_type)(types >> 4), 1, depth);
        skip_many(t, (carat_thrift_type)(types & 15), 1, depth);
    }
}

static void skip(carat_thrift *t, carat_thrift_type type, int depth)
{
    size_t len;
    carat_thrift_type of;
    carat_field f = {0};
    if (depth > MAX_DEPTH)
        t->bad = true;
    switch (t->bad ? CARAT_THRIFT_STOP : type) {
    case CARAT_THRIFT_TRUE:
    case CARAT_THRIFT_FALSE:
        break;
    case CARAT_THRIFT_I8:
        byte(t);
        break;
    case CARAT_THRIFT_I16:
    case CARAT_THRIFT_I32:
    case CARAT_THRIFT_I64:
        varint(t);
        break;
    case CARAT_THRIFT_DOUBLE:
        for (int i = 0; i < 8; i++)
            byte(t);
        break;
    case CARAT_THRIFT_BINARY:
        carat_thrift_bytes(t, &len);
        break;
    case CARAT_THRIFT_LIST:
    case CARAT_THRIFT_SET:
        len = carat_thrift_list(t, &of);
        skip_many(t, of, len, depth + 1);
        break;
    case CARAT_THRIFT_MAP:
        skip_map(t, depth + 1);
        break;
    case CARAT_THRIFT_STRUCT:
        while (carat_thrift_next(t, &f))
            skip(t, f.type, depth + 1);
        break;
    default:
        t->bad = true;
    }
}

void carat_thrift_skip(carat_thrift *t, carat_thrift_type type)
{
    skip(t, type, 0);
}
