/* Fuzz target: a config.json. Whatever is accepted can be walked: shares and shapes stay inside the model, and every slot's
 * name leads back to it.                                               SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/model/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_layers(const carat_config *c)
{
    must(c->layers >= 1 && c->layers <= CARAT_MAX_LAYERS && c->vocab && c->hidden && c->window && c->heads);
    must(carat_config_layers_kv(c) <= c->layers && c->n_eos <= CARAT_MAX_STOPS && c->bos < (int32_t)c->vocab);
    for (uint32_t i = 0; i < c->layers; i++) {
        const carat_layer *l = &c->layer[i], *source = &c->layer[l->kv_source];
        must(l->kv_source <= i && source->full == l->full && source->head_dim == l->head_dim);
        must(l->kv_heads && c->heads % l->kv_heads == 0 && l->head_dim % 2 == 0 && l->head_dim &&
             l->intermediate);
        must(!l->shared || c->backbone_hidden || !source->shared);
    }
}

static void check_slots(const carat_config *c)
{
    const carat_slot *slot;
    for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
        uint32_t layers = carat_slot_layers(slot, c), each = carat_slot_each(slot, c);
        if (layers == 0 || each == 0)
            continue;
        const uint32_t at[2] = {layers - 1, each - 1}, layer = at[0];
        uint64_t dim[4], bytes = 4;
        char name[160];
        carat_match m;
        uint32_t ndim = carat_slot_shape(slot, c, layer, dim);
        for (uint32_t d = 0; d < ndim; d++)
            must(!__builtin_mul_overflow(bytes, dim[d], &bytes));
        carat_slot_name_at(slot, c, at, false, name);
        must(carat_slot_match(c, name, &m) && m.slot == slot && m.layer == layer && m.number == at[1]);
        carat_slot_need(slot, c, layer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    carat_json *root = NULL;
    carat_config c;
    carat_err err = {0};
    carat_status status = carat_json_parse((const char *)data, size, &root, &err);
    if (status == CARAT_OK)
        status = carat_config_parse(root, &c, &err);
    if (status == CARAT_OK) {
        check_layers(&c);
        check_slots(&c);
        must(carat_config_family(&c) != NULL);
    } else
        must(*err.text && !strchr(err.text, '\n'));
    carat_json_free(root);
    return 0;
}
