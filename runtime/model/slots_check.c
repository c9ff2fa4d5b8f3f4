/* A checkpoint against the table of slots.                             SPDX-License-Identifier: Apache-2.0
 *
 * Owns the answer to "is this all of the model, and nothing else": names and shapes only, no weights are read. */
#include "runtime/model/slots.h"

#include <stdio.h>
#include <string.h>
#include "runtime/base/str.h"
#include "runtime/format/format.h"

typedef struct finding {
    char name[200]; /* the first one */
    size_t n;
} finding;

static void note(finding *f, const char *name)
{
    if (f->n++ == 0)
        snprintf(f->name, sizeof f->name, "%s", name);
}

static void put_more(const finding *f, char *out, size_t cap)
{
    out[0] = '\0';
    if (f->n > 1)
        snprintf(out, cap, " and %zu more", f->n - 1);
}

/* The same tensor behind another prefix than the rest of the model: nobody would read it. */
static bool spelt_otherwise(const carat_match *m, const carat_config *c)
{
    char name[160];
    carat_slot_name_at(m->slot, c, (const uint32_t[2]){m->layer, m->number}, true, name);
    return strcmp(name, m->base) != 0;
}

typedef struct towers {
    bool vision, audio; /* is anything of it there? */
} towers;

static bool *tower_of(const carat_slot *s, towers *t)
{
    return carat_starts(s->name, "audio_") || carat_starts(s->name, "embed_audio.") ? &t->audio : &t->vision;
}

/* Names that no slot of this model knows. Those that a slot knows but this config does not have are unknown here as well. */
static void look_through(const carat_config *c, const carat_store *s, bool lenient, finding *unknown,
                         towers *there)
{
    for (size_t i = 0; i < carat_store_count(s); i++) {
        const char *name = carat_store_at(s, i)->name;
        carat_match m;
        if (carat_slot_match(c, name, &m)) {
            carat_need need = carat_slot_need(m.slot, c, m.layer);
            if (need == CARAT_NEED_ABSENT || spelt_otherwise(&m, c))
                note(unknown, name);
            else if (need == CARAT_NEED_OPTIONAL)
                *tower_of(m.slot, there) = true;
        } else if (!lenient || carat_starts(name, "model.") || carat_starts(name, "language_model."))
            note(unknown, name);
    }
}

static void print_shape(const uint64_t *dim, uint32_t ndim, char *out, size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "[");
    for (uint32_t d = 0; d < ndim && len < cap; d++)
        len += (size_t)snprintf(out + len, cap - len, "%s%" PRIu64, d ? ", " : "", dim[d]);
    if (len < cap)
        snprintf(out + len, cap - len, "]");
}

/* Vectors, scalars, stacks: always a float tensor of exactly the slot's shape (token_ordering: I64). */
static carat_status check_tensor(const carat_slot *slot, const carat_tensor *t, const uint64_t *dim,
                                 uint32_t ndim, carat_err *err)
{
    char got[160], want[160];
    bool same = t->ndim == ndim;

    for (uint32_t d = 0; same && d < ndim; d++)
        same = t->dim[d] == dim[d];
    if (!same) {
        print_shape(t->dim, t->ndim, got, sizeof got);
        print_shape(dim, ndim, want, sizeof want);
        return carat_fail(err, CARAT_EFORMAT, "tensor %s: shape %s, the config says %s", t->name, got, want);
    }
    if (carat_format_of_dtype(t->dtype) || slot->role == CARAT_ROLE_TOKEN_ORDER)
        return CARAT_OK;
    return carat_fail(err, CARAT_ESUPPORT, "tensor %s: dtype %s, only F32, F16 and BF16 are supported here",
                      t->name, carat_dtype_name(t->dtype));
}

static carat_status check_slot(const carat_slot *slot, const carat_config *c, const carat_store *s,
                               const uint32_t at[2], finding *missing, carat_err *err)
{
    uint64_t dim[4];
    char name[160];
    carat_weight w = {0};
    uint32_t ndim = carat_slot_shape(slot, c, at[0], dim);

    carat_slot_name_at(slot, c, at, slot->matrix, name);
    if (!slot->matrix) {
        const carat_tensor *t = carat_store_find(s, name);
        if (t)
            return check_tensor(slot, t, dim, ndim, err);
        note(missing, name);
        return CARAT_OK;
    }
    carat_status status = carat_weight_find(s, name, dim[0], dim[1], &w, err);
    if (status == CARAT_OK && !w.format) {
        carat_slot_name_at(slot, c, at, false, name);
        note(missing, name);
    }
    return status;
}

static carat_status check_slots(const carat_config *c, const carat_store *s, towers *there, finding *missing,
                                carat_err *err)
{
    const carat_slot *slot;

    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        uint32_t layers = carat_slot_layers(slot, c), each = carat_slot_each(slot, c);
        for (uint32_t l = 0; l < layers; l++) {
            carat_need need = carat_slot_need(slot, c, l);
            if (need != CARAT_NEED_REQUIRED && (need != CARAT_NEED_OPTIONAL || !*tower_of(slot, there)))
                continue;
            for (uint32_t n = 0; n < each; n++) {
                carat_status status = check_slot(slot, c, s, (const uint32_t[2]){l, n}, missing, err);
                if (status != CARAT_OK)
                    return status;
            }
        }
    }
    return CARAT_OK;
}

carat_status carat_slots_check(const carat_config *c, const carat_store *s, bool lenient, carat_err *err)
{
    finding missing = {.n = 0}, unknown = {.n = 0};
    char more_missing[32], more_unknown[32];

    if (*c->quant_method && strcmp(c->quant_method, "compressed-tensors") != 0)
        return carat_fail(err, CARAT_ESUPPORT,
                          "quant_method %s: of the quantized checkpoints only compressed-tensors is "
                          "supported",
                          c->quant_method);
    towers there = {false, false};
    look_through(c, s, lenient, &unknown, &there);
    carat_status status = check_slots(c, s, &there, &missing, err);
    if (status != CARAT_OK)
        return status;
    put_more(&missing, more_missing, sizeof more_missing);
    put_more(&unknown, more_unknown, sizeof more_unknown);
    if (missing.n && unknown.n)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s%s missing; tensor %s%s unknown", missing.name,
                          more_missing, unknown.name, more_unknown);
    if (missing.n)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s%s missing", missing.name, more_missing);
    if (unknown.n)
        return carat_fail(err, CARAT_EFORMAT, "tensor %s%s unknown to a model of this config", unknown.name,
                          more_unknown);
    return CARAT_OK;
}
