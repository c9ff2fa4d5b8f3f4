/* config.json: what is derived from it, and one refusal for each value that makes no sense.
 *                                                                      SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "runtime/base/file.h"
#include "runtime/model/config.h"
#include "tests/support/checkpoint.h"
#include "tests/support/gemma.h"
#include "tests/support/test.h"

static carat_status parse(const char *text, carat_config *c, carat_err *err)
{
    carat_json *root = NULL;
    carat_status status = carat_json_parse(text, strlen(text), &root, err);
    if (status == CARAT_OK)
        status = carat_config_parse(root, c, err);
    carat_json_free(root);
    return status;
}

static carat_config good(const char *text)
{
    carat_config c;
    carat_err err = {0};
    if (parse(text, &c, &err) != CARAT_OK)
        fail_msg("%s", err.text);
    return c;
}

static void sharing_and_double_width(void **state)
{
    (void)state;
    carat_config c = good(gemma_e2b);
    static const uint32_t source[] = {0, 1, 2, 1, 1, 2};
    assert_int_equal(c.layers, 6);
    assert_int_equal(carat_config_layers_kv(&c), 3);
    for (uint32_t l = 0; l < 6; l++) {
        assert_int_equal(c.layer[l].shared, l >= 3);
        assert_int_equal(c.layer[l].kv_source, source[l]);
        assert_int_equal(c.layer[l].full, l % 3 == 2);
        assert_int_equal(c.layer[l].head_dim, l % 3 == 2 ? 16 : 8);
        assert_int_equal(c.layer[l].kv_heads, 2);
        assert_int_equal(c.layer[l].intermediate, l >= 3 ? 96 : 48);
        assert_false(c.layer[l].k_eq_v);
    }
    assert_int_equal(c.ple_dim, 16);
    assert_true(c.softcap == 30 && c.eps == 1e-6 && c.theta_full == 1e6 && c.partial_full == 0.25);
    assert_int_equal(c.n_eos, 2);
    assert_int_equal(c.eos[1], 106);
    assert_string_equal(carat_config_family(&c), "custom");
    assert_string_equal(c.text_prefix, "model.language_model.");
}

static void per_layer_config_and_k_eq_v(void **state)
{
    (void)state;
    carat_config c = good(gemma_31b);
    assert_int_equal(c.global_head_dim, 16);
    assert_int_equal(c.global_kv_heads, 1);
    assert_true(c.layer[5].k_eq_v);
    assert_false(c.layer[0].k_eq_v);
    assert_int_equal(c.layer[5].kv_heads, 1);
    assert_int_equal(c.layer[4].kv_heads, 2);
    assert_true(c.bidirectional_vision && c.has_vision && !c.has_audio && c.tied);
    assert_int_equal(c.image_token, 280);
    assert_int_equal(c.audio_token, -1);
    assert_true(c.softcap == 0 && c.theta_sliding == 1e4);
    /* The released spelling says the same. */
    char *released = gemma_edit(gemma_31b,
                                "\"per_layer_config\":{\"5\":{\"head_dim\":16,\"num_key_value_heads\":1}}",
                                "\"global_head_dim\":16,\"num_global_key_value_heads\":1");
    carat_config d = good(released);
    assert_memory_equal(c.layer, d.layer, sizeof c.layer);
    free(released);
    /* Without K = V the number of global key-value heads is not looked at, as in transformers. */
    char *plain = gemma_edit(gemma_e2b, "\"num_global_key_value_heads\":null",
                             "\"num_global_key_value_heads\":1");
    d = good(plain);
    assert_int_equal(d.layer[2].kv_heads, 2);
    free(plain);
}

static void text_only_and_a_sliding_last_layer(void **state)
{
    (void)state;
    char *text = strdup(strstr(gemma_e2b, "\"text_config\":") + strlen("\"text_config\":"));
    text[strlen(text) - 1] = '\0';
    carat_config c = good(text), d = good(gemma_e2b);
    assert_true(c.text_only);
    assert_string_equal(c.text_prefix, "model.");
    assert_memory_equal(c.layer, d.layer, sizeof c.layer);
    free(text);
    char *sliding = gemma_edit(gemma_31b, "\"full_attention\"", "\"sliding_attention\"");
    c = good(sliding);
    assert_true(c.layer[5].full);
    free(sliding);
}

/* from -> to in the E2B-like config gives this status and text. */
static void refuses(const char *from, const char *to, carat_status want, const char *text)
{
    carat_config c;
    carat_err err = {0};
    char *edited = gemma_edit(gemma_e2b, from, to);
    carat_status status = parse(edited, &c, &err);
    if (status == CARAT_OK)
        fail_msg("accepted: %s -> %s", from, to);
    assert_fails(status, want, &err, text);
    free(edited);
}

static void every_number_is_checked(void **state)
{
    (void)state;
    static const char *const needed[] = {"vocab_size",
                                         "hidden_size",
                                         "num_hidden_layers",
                                         "num_attention_heads",
                                         "num_key_value_heads",
                                         "head_dim",
                                         "global_head_dim",
                                         "intermediate_size",
                                         "sliding_window",
                                         "max_position_embeddings",
                                         "vocab_size_per_layer_input"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char key[64], gone[64], zero[64], null[64], text[64], huge[64], half[64];
        snprintf(key, sizeof key, "\"%s\":", needed[i]);
        snprintf(gone, sizeof gone, "\"x_%s\":", needed[i]);
        snprintf(zero, sizeof zero, "\"%s\":0,\"x\":", needed[i]);
        snprintf(null, sizeof null, "\"%s\":null,\"x\":", needed[i]);
        snprintf(text, sizeof text, "\"%s\":\"8\",\"x\":", needed[i]);
        snprintf(huge, sizeof huge, "\"%s\":4294967297,\"x\":", needed[i]);
        snprintf(half, sizeof half, "\"%s\":7.5,\"x\":", needed[i]);
        refuses(key, gone, CARAT_EFORMAT, needed[i]);
        refuses(key, zero, CARAT_EFORMAT, needed[i]);
        refuses(key, null, CARAT_EFORMAT, needed[i]);
        refuses(key, text, CARAT_EFORMAT, needed[i]);
        refuses(key, huge, CARAT_EFORMAT, needed[i]);
        refuses(key, half, CARAT_EFORMAT, needed[i]);
    }
    refuses("\"num_hidden_layers\":6", "\"num_hidden_layers\":-6", CARAT_EFORMAT, "num_hidden_layers");
    refuses("\"num_hidden_layers\":6", "\"num_hidden_layers\":7", CARAT_EFORMAT,
            "layer_types: 6 entries for 7");
    refuses("\"num_hidden_layers\":6", "\"num_hidden_layers\":1000", CARAT_EFORMAT, "num_hidden_layers");
    refuses("\"head_dim\":8", "\"head_dim\":7", CARAT_EFORMAT, "odd");
    refuses("\"num_key_value_heads\":2", "\"num_key_value_heads\":3", CARAT_EFORMAT,
            "4 heads cannot share 3");
    refuses("\"num_kv_shared_layers\":3", "\"num_kv_shared_layers\":6", CARAT_EFORMAT,
            "num_kv_shared_layers 6");
    refuses("\"num_kv_shared_layers\":3", "\"num_kv_shared_layers\":5", CARAT_EFORMAT, "full layer 2");
    refuses("\"num_kv_shared_layers\":3", "\"num_kv_shared_layers\":7", CARAT_EFORMAT,
            "num_kv_shared_layers");
    refuses("\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":0", CARAT_EFORMAT, "rms_norm_eps");
    refuses("\"rms_norm_eps\":1e-06", "\"rms_norm_eps\":-1", CARAT_EFORMAT, "rms_norm_eps");
    refuses("\"final_logit_softcapping\":30.0", "\"final_logit_softcapping\":-30", CARAT_EFORMAT,
            "softcapping");
    refuses("\"rope_theta\":10000.0", "\"rope_theta\":0", CARAT_EFORMAT, "rope_theta");
    refuses("\"rope_theta\":10000.0", "\"theta\":10000.0", CARAT_EFORMAT, "without rope_theta");
    refuses("\"partial_rotary_factor\":0.25", "\"partial_rotary_factor\":1.5", CARAT_EFORMAT,
            "partial_rotary_factor");
    refuses("\"bos_token_id\":2", "\"bos_token_id\":300", CARAT_EFORMAT, "bos_token_id");
    refuses("\"use_double_wide_mlp\":true", "\"use_double_wide_mlp\":1", CARAT_EFORMAT,
            "use_double_wide_mlp");
    refuses("\"enable_moe_block\":false", "\"enable_moe_block\":true", CARAT_EFORMAT, "num_experts");
}

static void other_arithmetic_is_refused(void **state)
{
    (void)state;
    refuses("\"gelu_pytorch_tanh\"", "\"silu\"", CARAT_ESUPPORT, "hidden_activation silu");
    refuses("\"attention_bias\":false", "\"attention_bias\":true", CARAT_ESUPPORT, "attention_bias");
    refuses("\"proportional\"", "\"yarn\"", CARAT_ESUPPORT, "rope_type \"yarn\"");
    refuses("\"rope_type\":\"default\"", "\"rope_type\":\"linear\"", CARAT_ESUPPORT, "rope_type \"linear\"");
    refuses("\"rope_theta\":1000000.0", "\"rope_theta\":1000000.0,\"factor\":8", CARAT_ESUPPORT, "factor 8");
    refuses("\"use_bidirectional_attention\":null", "\"use_bidirectional_attention\":\"all\"", CARAT_ESUPPORT,
            "\"all\"");
    refuses("\"full_attention\",", "\"chunked_attention\",", CARAT_ESUPPORT, "chunked_attention");
    refuses("\"model_type\":\"gemma4\"", "\"model_type\":\"gemma3\"", CARAT_ESUPPORT, "model_type gemma3");
    refuses("\"model_type\":\"gemma4\"", "\"x\":1", CARAT_EFORMAT, "model_type");
    refuses("\"text_config\":{", "\"text\":{", CARAT_EFORMAT, "text_config");
    refuses("\"full_attention\":{\"rope_type\"", "\"full\":{\"rope_type\"", CARAT_EFORMAT,
            "rope_parameters: no full_attention");
    refuses("\"global_head_dim\":16", "\"per_layer_config\":{\"2\":{\"head_dim\":16}}", CARAT_ESUPPORT,
            "layers 2 and 5");
    refuses("\"global_head_dim\":16", "\"per_layer_config\":{\"6\":{\"head_dim\":16}}", CARAT_EFORMAT,
            "none of the 6");
    refuses("\"global_head_dim\":16", "\"per_layer_config\":{\"x\":{}}", CARAT_EFORMAT, "none of the 6");
    refuses("\"global_head_dim\":16", "\"per_layer_config\":{\"1\":{\"skip\":[]}}", CARAT_ESUPPORT, "skip");
    refuses("\"global_head_dim\":16", "\"per_layer_config\":[]", CARAT_EFORMAT, "per_layer_config");
}

static void files_and_generation(void **state)
{
    (void)state;
    char *dir = checkpoint_dir();
    carat_config c;
    carat_err err = {0};
    carat_status status = carat_config_load(dir, &c, &err);
    assert_fails(status, CARAT_EFORMAT, &err, "config.json: missing");
    checkpoint_text(dir, "config.json", gemma_e2b);
    assert_int_equal(carat_config_load(dir, &c, &err), CARAT_OK);
    assert_false(c.sample);
    assert_int_equal(c.top_k, 0);
    checkpoint_text(
        dir, "generation_config.json",
        "{\"do_sample\":true,\"temperature\":0.7,\"top_k\":64,\"top_p\":0.95,\"eos_token_id\":[1,106,50],"
        "\"suppress_tokens\":[7,8],\"bos_token_id\":2}");
    assert_int_equal(carat_config_load(dir, &c, &err), CARAT_OK);
    assert_true(c.sample && c.temperature == 0.7 && c.top_p == 0.95);
    assert_int_equal(c.top_k, 64);
    assert_int_equal(c.n_eos, 3);
    assert_int_equal(c.eos[2], 50);
    assert_int_equal(c.n_suppress, 2);
    checkpoint_text(dir, "generation_config.json", "{\"top_p\":1.5}");
    status = carat_config_load(dir, &c, &err);
    assert_fails(status, CARAT_EFORMAT, &err, "generation_config.json: top_p");
    checkpoint_text(dir, "config.json", "{");
    status = carat_config_load(dir, &c, &err);
    assert_fails(status, CARAT_EFORMAT, &err, "config.json: not JSON");
    checkpoint_remove(dir);
}

/* The published configs, where they are at hand. */
static void published_configs(void **state)
{
    (void)state;
    static const struct {
        const char *file, *family;
        uint32_t layers, layers_kv, kv_source_of_last;
    } models[] = {{"e2b", "E2B", 35, 15, 14},
                  {"e4b", "E4B", 42, 24, 23},
                  {"26b_a4b", "26B-A4B", 30, 30, 29},
                  {"31b", "31B", 60, 60, 59}};
    const char *root = getenv("ROOT");
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char path[600];
        carat_json *json = NULL;
        carat_config c;
        carat_err err = {0};
        snprintf(path, sizeof path, "%s/../shared/data/tokenizer/config_%s.json", root ? root : ".",
                 models[i].file);
        if (!carat_is_file(path))
            skip();
        assert_int_equal(carat_json_load(path, 1 << 20, &json, &err), CARAT_OK);
        if (carat_config_parse(json, &c, &err) != CARAT_OK)
            fail_msg("%s: %s", path, err.text);
        assert_string_equal(carat_config_family(&c), models[i].family);
        assert_int_equal(c.layers, models[i].layers);
        assert_int_equal(carat_config_layers_kv(&c), models[i].layers_kv);
        assert_int_equal(c.layer[c.layers - 1].kv_source, models[i].kv_source_of_last);
        carat_json_free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sharing_and_double_width),
        cmocka_unit_test(per_layer_config_and_k_eq_v),
        cmocka_unit_test(text_only_and_a_sliding_last_layer),
        cmocka_unit_test(every_number_is_checked),
        cmocka_unit_test(other_arithmetic_is_refused),
        cmocka_unit_test(files_and_generation),
        cmocka_unit_test(published_configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
