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
    assert_int_equal(m.slot->role, CARAT_ROLE_VISION_UP);
    assert_true(carat_slot_match(&c, "audio_tower.output_proj.bias", &m));
    assert_int_equal(m.slot->role, CARAT_ROLE_AUDIO_OUT_BIAS);
}

static void numbers_within_a_layer(void **state)
{
    (void)state;
    carat_config c = config_of(gemma_moe);
    carat_match m;
    char name[160];
    assert_true(carat_slot_match(&c, "model.language_model.layers.1.experts.2.up_proj.weight_packed", &m));
    assert_int_equal(m.slot->role, CARAT_ROLE_EXPERT_UP);
    assert_int_equal(m.layer, 1);
    assert_int_equal(m.number, 2);
    assert_string_equal(m.part, ".weight_packed");
    assert_false(carat_slot_match(&c, "model.language_model.layers.1.experts.4.up_proj.weight", &m));
    assert_false(carat_slot_match(&c, "model.language_model.layers.1.experts.04.up_proj.weight", &m));
    assert_false(carat_slot_match(&c, "model.language_model.layers.1.experts.gate_up_proj.weight", &m));
    carat_slot_name_at(carat_slot_of(CARAT_ROLE_EXPERT_DOWN), &c, (const uint32_t[2]){1, 3}, true, name);
    assert_string_equal(name, "model.language_model.layers.1.experts.3.down_proj");
    assert_true(carat_slot_match(&c, "model.vision_tower.encoder.layers.1.mlp.up_proj.output_min", &m));
    assert_int_equal(m.slot->role, CARAT_ROLE_VISION_CLIP);
    assert_int_equal(m.layer, 1);
    assert_int_equal(m.number, 2);
    carat_slot_name_at(m.slot, &c, (const uint32_t[2]){1, 3}, true, name);
    assert_string_equal(name, "model.vision_tower.encoder.layers.1.mlp.up_proj.output_max");
    assert_false(carat_slot_match(&c, "model.vision_tower.encoder.layers.1.mlp.up_proj.output_mid", &m));
    assert_false(carat_slot_match(&c, "model.vision_tower.encoder.layers.2.mlp.up_proj.output_min", &m));
}

static void the_12b_has_two_spellings(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"model.vision_embedder.patch_dense.weight", "model.embed_vision.patch_dense.weight"},
        {"model.vision_embedder.pos_embedding", "model.embed_vision.pos_embedding"},
        {"model.embed_vision.embedding_projection.weight",
         "model.embed_vision.multimodal_embedder.embedding_projection.weight"}};
    carat_config c = config_of(gemma_unified), e = config_of(gemma_e2b);
    char name[160];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        carat_match released, in_class;
        assert_true(carat_slot_match(&c, pairs[i][0], &released));
        assert_true(carat_slot_match(&c, pairs[i][1], &in_class));
        assert_ptr_equal(released.slot, in_class.slot);
        assert_false(carat_slot_match(&e, pairs[i][1], &in_class));
        for (int k = 0; k < 2; k++) {
            c.class_names = k;
            carat_slot_name(released.slot, &c, 0, false, name);
            assert_string_equal(name, pairs[i][k]);
        }
    }
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
    carat_config u = config_of(gemma_unified), m = config_of(gemma_moe);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_VISION_CLIP), &m, 0, dim), 0);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_VISION_POSITIONS), &m, 0, dim), 3);
    assert_true(dim[0] == 2 && dim[1] == 40 && dim[2] == 24);
    assert_int_equal(carat_slot_shape(carat_slot_of(CARAT_ROLE_EXPERTS_GATE_UP), &m, 0, dim), 3);
    assert_true(dim[0] == 4 && dim[1] == 2 * 16 && dim[2] == 32);
    carat_slot_shape(carat_slot_of(CARAT_ROLE_PATCH_DENSE), &u, 0, dim);
    assert_true(dim[0] == 20 && dim[1] == 3 * 48 * 48);
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

static void experts_are_fused_or_apart(void **state)
{
    (void)state;
    carat_config c = config_of(gemma_moe);
    const carat_slot *fused = carat_slot_of(CARAT_ROLE_EXPERTS_DOWN),
                     *one = carat_slot_of(CARAT_ROLE_EXPERT_DOWN);
    c.layer[1].experts_apart = true;
    assert_int_equal(carat_slot_need(fused, &c, 0), CARAT_NEED_REQUIRED);
    assert_int_equal(carat_slot_need(one, &c, 0), CARAT_NEED_ABSENT);
    assert_int_equal(carat_slot_need(fused, &c, 1), CARAT_NEED_ABSENT);
    assert_int_equal(carat_slot_need(one, &c, 1), CARAT_NEED_REQUIRED);
    assert_int_equal(carat_slot_each(one, &c), 4);
    assert_int_equal(carat_slot_each(fused, &c), 1);
    assert_int_equal(carat_slot_each(carat_slot_of(CARAT_ROLE_AUDIO_CLIP), &c), 4);
}

typedef struct wanted {
    carat_status status;
    const char *text;
    bool lenient;
} wanted;

static void check_model(const char *model, const char *prefix, const char *without, const char *extra,
                        wanted want)
{
    char *dir = checkpoint_dir();
    carat_store *s = NULL;
    carat_err err = {0};
    carat_config c;
    gemma_write(dir, model, prefix, without, extra);
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

static void check(const char *prefix, const char *without, const char *extra, wanted want)
{
    check_model(gemma_e2b, prefix, without, extra, want);
}

static void towers_are_whole_or_absent(void **state)
{
    (void)state;
    check_model(gemma_moe, NULL, NULL, NULL, (wanted){CARAT_OK, "", false});
    check_model(gemma_unified, NULL, NULL, NULL, (wanted){CARAT_OK, "", false});
    check_model(
        gemma_moe, NULL, "model.vision_tower.encoder.layers.1.mlp.up_proj.input_max", NULL,
        (wanted){CARAT_EFORMAT, "model.vision_tower.encoder.layers.1.mlp.up_proj.input_max missing", false});
    check_model(gemma_moe, NULL, "model.embed_vision.embedding_projection.weight", NULL,
                (wanted){CARAT_EFORMAT, "model.embed_vision.embedding_projection.weight missing", false});
    check_model(gemma_moe, NULL, NULL, "model.vision_tower.std_bias", /* the config does not standardize */
                (wanted){CARAT_EFORMAT, "tensor model.vision_tower.std_bias unknown", false});
    check_model(gemma_31b, NULL, NULL,
                "model.embed_vision.embedding_projection.weight", /* and nothing else */
                (wanted){CARAT_EFORMAT, "embedding_projection.weight: 0 dimensions", false});
    check_model(gemma_moe, NULL, "model.language_model.layers.0.experts.down_proj", NULL,
                (wanted){CARAT_EFORMAT, "layers.0.experts.down_proj missing", false});
    check_model(gemma_unified, NULL, "model.vision_embedder.pos_norm.bias", NULL,
                (wanted){CARAT_EFORMAT, "model.vision_embedder.pos_norm.bias missing", false});
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
    check(NULL, NULL, "model.vision_tower.encoder.layers.7.mlp.up_proj.linear.weight",
          ok); /* a tower that the config does not have */
    check(NULL, NULL, "model.vision_tower.anything",
          (wanted){CARAT_EFORMAT, "tensor model.vision_tower.anything unknown", false});
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
        cmocka_unit_test(every_name_comes_back),      cmocka_unit_test(names_that_are_nearly_right),
        cmocka_unit_test(numbers_within_a_layer),     cmocka_unit_test(the_12b_has_two_spellings),
        cmocka_unit_test(experts_are_fused_or_apart), cmocka_unit_test(towers_are_whole_or_absent),
        cmocka_unit_test(shapes_follow_the_layer),    cmocka_unit_test(needs),
        cmocka_unit_test(stores_are_checked),         cmocka_unit_test(other_quantizers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
