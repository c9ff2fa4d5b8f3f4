/* A table from byte strings to small integers: open addressing, linear probing.    SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/map.h"

#include <string.h>
#include "runtime/base/mem.h"

struct carat_table_slot {
    const char *key; /* NULL: free */
    uint32_t len, value;
    uint64_t hash;
};

/* Multiply-xorshift over 8-byte pieces: for tables, not for security. A hostile file can at worst make its
 * own lookups slow: the number of names in a file is bounded by its size. */
uint64_t carat_hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ (len * UINT64_C(0x9e3779b97f4a7c15));
    while (len) {
        uint64_t v = 0;
        size_t n = len < 8 ? len : 8;
        memcpy(&v, p, n);
        h = (h ^ v) * UINT64_C(0xbf58476d1ce4e5b9);
        h ^= h >> 29;
        p += n;
        len -= n;
    }
    h *= UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 32;
}

static struct carat_table_slot *find(const carat_table *t, const char *key, size_t len, uint64_t hash)
{
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct carat_table_slot *s = &t->slots[i];
        if (!s->key || (s->hash == hash && s->len == len && memcmp(s->key, key, len) == 0))
            return s;
    }
}

static carat_status rehash(carat_table *t, carat_err *err)
{
    size_t n = t->slots ? (t->mask + 1) * 2 : 64;
    carat_table bigger = {carat_alloc(n, sizeof *bigger.slots, err), t->count, n - 1};
    if (!bigger.slots)
        return CARAT_ENOMEM;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].key)
            *find(&bigger, t->slots[i].key, t->slots[i].len, t->slots[i].hash) = t->slots[i];
    carat_free(t->slots);
    *t = bigger;
    return CARAT_OK;
}

carat_status carat_table_put(carat_table *t, const char *key, size_t len, uint32_t value, bool *was,
                             carat_err *err)
{
    if (len > UINT32_MAX)
        return carat_fail(err, CARAT_EFORMAT, "a name of %zu bytes", len);
    if (!t->slots || t->count * 2 > t->mask) {
        carat_status st = rehash(t, err);
        if (st)
            return st;
    }
    uint64_t hash = carat_hash_bytes(key, len, 0);
    struct carat_table_slot *s = find(t, key, len, hash);
    if (was)
        *was = s->key != NULL;
    if (!s->key) {
        *s = (struct carat_table_slot){key, (uint32_t)len, value, hash};
        t->count++;
    }
    return CARAT_OK;
}

bool carat_table_get(const carat_table *t, const char *key, size_t len, uint32_t *value)
{
    if (!t->slots)
        return false;
    const struct carat_table_slot *s = find(t, key, len, carat_hash_bytes(key, len, 0));
    if (s->key)
        *value = s->value;
    return s->key != NULL;
}

void carat_table_free(carat_table *t)
{
    carat_free(t->slots);
    *t = (carat_table){0};
}
