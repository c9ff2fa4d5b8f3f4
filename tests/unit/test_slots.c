/* The table of slots: names both ways, shapes, and stores that do not fit. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "runtime/model/slots.h"
#include "tests/support/checkpoint.h"
#include "tests/support/gemma.h"
#include "tests/support/test.h"

static carat_config config_of(const char *text)
{
    carat_json *root = NULL;
    carat_config c;
    assert_int_equal(carat_json_parse(text, strlen(text), &root, NULL), CARAT_OK);
    assert_int_equal(carat_config_parse(root, &c, NULL), CARAT_OK);
    carat_json_free(root);
    return c;
}

static void every_name_comes_back(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"model.language_model.", "model.", "language_model.model."};
    carat_config c = config_of(gemma_e2b);
    const carat_slot *slot;
    for (int p = 0; p < 3; p++) {
        strcpy(c.text_prefix, prefixes[p]);
        for (size_t i = 0; (slot = carat_slot_at(i)); i++) {
            uint32_t layer = carat_slot_layered(slot) ? 4 : 0;
            char name[160], base[160];
            carat_match m = {0};
            assert_non_null(carat_role_name(slot->role));
            assert_non_null(slot->why);
            carat_slot_name(slot, &c, layer, false, name);
            carat_slot_name(slot, &c, layer, true, base);
            if (!carat_slot_match(&c, name, &m))
                fail_msg("no slot for %s", name);
            assert_ptr_equal(m.slot, slot);
            assert_int_equal(m.layer, layer);
            assert_string_equal(m.base, base);
            assert_string_equal(m.part, slot->suffix);
        }
    }
}

static void names_that_are_nearly_right(void **state)
{
    (void)state;
    carat_config c = config_of(gemma_e2b);
    carat_match m;
    static const char *const wrong[] = {"model.language_model.layers.6.mlp.up_proj.weight",
                                        "model.language_model.layers.04.mlp.up_proj.weight",
                                        "model.language_model.layers.-1.mlp.up_proj.weight",
                                        "model.language_model.layers.4294967296.mlp.up_proj.weight",
                                        "model.language_model.layers..mlp.up_proj.weight",
                                        "model.language_model.layers.1.mlp.up_proj",
                                        "model.language_model.layers.1.mlp.up_proj.bias",
                                        "model.language_model.layers.1.input_layernorm.weight_scale",
                                        "model.language_model.layers.1.layer_scalar.weight",
                                        "model.language_model.norm",
                                        "layers.1.mlp.up_proj.weight",
                                        "norm.weight",
                                        "model.language_model.lm_head.weight",
                                        ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (carat_slot_match(&c, wrong[i], &m))
            fail_msg("matched: %s", wrong[i]);
    char *longer = malloc(400);
    memset(longer, 'a', 399);
    longer[399] = '\0';
    memcpy(longer, "model.vision_tower.", 19);
    assert_false(carat_slot_match(&c, longer, &m));
    free(longer);
    static const char *const parts[] = {".weight_packed", ".weight_scale", ".weight_shape"};
    for (int i = 0; i < 3; i++) {
        char name[160] = "model.language_model.layers.1.mlp.up_proj";
        strcat(name, parts[i]);
        assert_true(carat_slot_match(&c, name, &m));
        assert_string_equal(m.part, parts[i]);
        assert_string_equal(m.base, "model.language_model.layers.1.mlp.up_proj");
    }
    assert_true(carat_slot_match(&c, "model.vision_tower.encoder.layers.0.mlp.up_proj.linear.weight", &m));
    assert_int_equal(m.slot->role, CARAT_ROLE_VISION);
    assert_true(carat_slot_match(&c, "audio_tower.output_proj.bias", &m));
    assert_int_equal(m.slot->role, CARAT_ROLE_AUDIO);
}

static void shapes_follow_the_layer(void **state)
{
    (void)state;
    carat_config c = config_of(gemma_e2b);
    uint64_t dim[4];
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_Q), &c, 0, dim), 2);
    assert_int_equal(dim[0], 4 * 8);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_O), &c, 2, dim), 2);
    assert_int_equal(dim[1], 4 * 16);
    carat_slot_shape(carat_slot_of(CARAT_ROLE_K), &c, 2, dim);
    assert_int_equal(dim[0], 2 * 16);
    carat_slot_shape(carat_slot_of(CARAT_ROLE_DOWN), &c, 5, dim);
    assert_int_equal(dim[1], 96);
    carat_slot_shape(carat_slot_of(CARAT_ROLE_PLE_TABLE), &c, 0, dim);
    assert_int_equal(dim[1], 6 * 16);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_LAYER_SCALAR), &c, 0, dim), 1);
    assert_int_equal(dim[0], 1);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_VISION), &c, 0, dim), 0);
}

static void needs(void **state)
{
    (void)state;
    carat_config e = config_of(gemma_e2b), b = config_of(gemma_31b);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_K), &e, 2), CARAT_NEED_REQUIRED);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_K_NORM), &e, 3), CARAT_NEED_IGNORED);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_V), &b, 5), CARAT_NEED_ABSENT);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_V), &b, 4), CARAT_NEED_REQUIRED);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_PLE_TABLE), &b, 0), CARAT_NEED_ABSENT);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_HEAD), &e, 0), CARAT_NEED_IGNORED);
    e.tied = false;
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_HEAD), &e, 0), CARAT_NEED_REQUIRED);
    assert_int_equal(carat_slot_need(carat_slot_of(CARAT_ROLE_ROUTER), &e, 0), CARAT_NEED_ABSENT);
}

typedef struct wanted {
    carat_status status;
    const char *text;
    bool lenient;
} wanted;

static void check(const char *prefix, const char *without, const char *extra, wanted want)
{
    char *dir = checkpoint_dir();
    carat_store *s = NULL;
    carat_err err = {0};
    carat_config c;
    gemma_write(dir, gemma_e2b, prefix, without, extra);
    assert_int_equal(carat_store_open(dir, &s, &err), CARAT_OK);
    assert_int_equal(carat_config_load(dir, &c, &err), CARAT_OK);
    carat_slots_adopt(&c, s);
    carat_status status = carat_slots_check(&c, s, want.lenient, &err);
    if (want.status == CARAT_OK && status != CARAT_OK)
        fail_msg("%s", err.text);
    if (want.status != CARAT_OK)
        assert_fails(status, want.status, &err, want.text);
    carat_store_close(s);
    checkpoint_remove(dir);
}

static void stores_are_checked(void **state)
{
    (void)state;
    const wanted ok = {CARAT_OK, "", false};
    check(NULL, NULL, NULL, ok);
    check("model.", NULL, NULL, ok);
    check("language_model.model.", NULL, NULL, ok);
    check(NULL, NULL, "model.language_model.layers.5.self_attn.k_proj.weight",
          ok);                               /* shared: nobody reads it */
    check(NULL, NULL, "lm_head.weight", ok); /* tied */
    check(NULL, NULL, "model.vision_tower.anything", ok);
    check(NULL, "model.language_model.norm.weight", NULL,
          (wanted){CARAT_EFORMAT, "tensor model.language_model.norm.weight missing", false});
    check(NULL, "model.language_model.layers.2.self_attn.v_proj.weight", NULL,
          (wanted){CARAT_EFORMAT, "layers.2.self_attn.v_proj.weight missing", false});
    check(NULL, "model.language_model.norm.weight", "model.language_model.norms.weight",
          (wanted){CARAT_EFORMAT, "norm.weight missing; tensor model.language_model.norms.weight unknown",
                   false});
    check(NULL, NULL, "model.language_model.layers.0.router.scale",
          (wanted){CARAT_EFORMAT, "router.scale unknown", false});
    check(NULL, NULL, "model.norm.weight",
          (wanted){CARAT_EFORMAT, "tensor model.norm.weight unknown", false});
    check(NULL, NULL, "optimizer.state", (wanted){CARAT_EFORMAT, "tensor optimizer.state unknown", false});
    check(NULL, NULL, "optimizer.state", (wanted){CARAT_OK, "", true});
    check(NULL, NULL, "model.language_model.layers.0.mlp.up_proj.weight_scale",
          (wanted){CARAT_EFORMAT, "a scale beside BF16 weights", false});
    check(NULL, "model.language_model.layers.1.layer_scalar", "model.language_model.layers.1.layer_scalar",
          (wanted){CARAT_EFORMAT, "layer_scalar: shape [], the config says [1]", false});
    check(NULL, "model.language_model.layers.1.mlp.up_proj.weight",
          "model.language_model.layers.1.mlp.up_proj.weight",
          (wanted){CARAT_EFORMAT, "up_proj.weight: 0 dimensions", false});
}

static void other_quantizers_are_refused(void **state)
{
    (void)state;
    char *gptq = gemma_edit(gemma_e2b, "\"model_type\":\"gemma4\"",
                            "\"model_type\":\"gemma4\",\"quantization_config\":{\"quant_method\":\"gptq\"}");
    carat_config c = config_of(gptq);
    carat_err err = {0};
    carat_status status = carat_slots_check(&c, NULL, false, &err);
    assert_fails(status, CARAT_ESUPPORT, &err, "quant_method gptq");
    free(gptq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_comes_back),   cmocka_unit_test(names_that_are_nearly_right),
        cmocka_unit_test(shapes_follow_the_layer), cmocka_unit_test(needs),
        cmocka_unit_test(stores_are_checked),      cmocka_unit_test(other_quantizers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
