/* Projectors and adapters: what their files say. */
#include "test_support.h"

#include "ctxfit/model.h"
#include "gguf_writer.h"

static ctxfit_status read_companion(gguf_writer *w, ctxfit_companion *out, ctxfit_error *error)
{
    ctxfit_gguf  *gguf = NULL;
    ctxfit_status status;

    gw_end(w);
    assert_int_equal(ctxfit_gguf_parse(w->data, w->size, NULL, NULL, &gguf, error), CTXFIT_OK);
    status = ctxfit_companion_from_gguf(gguf, out, error);
    ctxfit_gguf_free(gguf);
    gw_free(w);
    return status;
}

static void a_projector_says_what_it_is(void **state)
{
    const uint64_t   dims[2] = {1152, 4304};
    ctxfit_companion c = CTXFIT_COMPANION_INIT;
    ctxfit_error     error = {0};
    gguf_writer      w;

    (void)state;
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "clip");
    gw_key_text(&w, "general.type", "mmproj");
    gw_key_text(&w, "clip.projector_type", "gemma3");
    gw_key_u32(&w, "clip.vision.image_size", 896);
    gw_key_u32(&w, "clip.vision.patch_size", 14);
    gw_key_u32(&w, "clip.vision.embedding_length", 1152);
    gw_key_u32(&w, "clip.vision.block_count", 27);
    gw_key_u32(&w, "clip.vision.projection_dim", 2560);
    gw_tensor(&w, "v.blk.0.ffn_up.weight", 1, 2, dims, 1152 * 4304 * 2);
    assert_int_equal(read_companion(&w, &c, &error), CTXFIT_OK);
    assert_int_equal(c.kind, CTXFIT_COMPANION_PROJECTOR);
    assert_string_equal(c.name, "gemma3");
    assert_int_equal(c.weight_bytes, 1152 * 4304 * 2);
    assert_int_equal(c.tensors, 1);
    assert_int_equal(c.layers, 27);
    assert_int_equal(c.embedding, 1152);
    assert_int_equal(c.output, 2560);
    assert_int_equal(c.image_size, 896);
    assert_int_equal(c.patch_size, 14);
    assert_int_equal(c.flops_per_token, 0);
}

/* rank 16 beside a matrix of 4096 x 1024: 2 (4096 x 16 + 16 x 1024) operations a token, and 1024 + 16 floats while it is added */
static void an_adapter_says_what_it_adds(void **state)
{
    const uint64_t   a[2] = {4096, 16}, b[2] = {16, 1024};
    ctxfit_companion c = CTXFIT_COMPANION_INIT;
    ctxfit_error     error = {0};
    gguf_writer      w;

    (void)state;
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "llama");
    gw_key_text(&w, "general.type", "adapter");
    gw_key_text(&w, "adapter.type", "lora");
    gw_tensor(&w, "blk.0.attn_k.weight.lora_a", 0, 2, a, 4096 * 16 * 4);
    gw_tensor(&w, "blk.0.attn_k.weight.lora_b", 0, 2, b, 16 * 1024 * 4);
    assert_int_equal(read_companion(&w, &c, &error), CTXFIT_OK);
    assert_int_equal(c.kind, CTXFIT_COMPANION_ADAPTER);
    assert_string_equal(c.name, "llama");
    assert_int_equal(c.rank, 16);
    assert_int_equal(c.weight_bytes, (4096 + 1024) * 16 * 4);
    assert_int_equal(c.flops_per_token, 2 * 16 * (4096 + 1024));
    assert_int_equal(c.compute_bytes_per_token, 4 * (1024 + 16));
}

static void what_is_neither_is_refused(void **state)
{
    ctxfit_companion c = CTXFIT_COMPANION_INIT;
    ctxfit_error     error = {0};
    gguf_writer      w;

    (void)state;
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "llama");
    assert_int_equal(read_companion(&w, &c, &error), CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "a model"));
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "llama");
    gw_key_text(&w, "general.type", "adapter");
    gw_key_text(&w, "adapter.type", "control_vector");
    assert_int_equal(read_companion(&w, &c, &error), CTXFIT_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "control_vector"));
    gw_begin(&w, 3, false);
    assert_int_equal(read_companion(&w, &c, &error), CTXFIT_E_INCOMPLETE);
    assert_int_equal(ctxfit_companion_from_gguf(NULL, &c, &error), CTXFIT_E_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_projector_says_what_it_is),
        cmocka_unit_test(an_adapter_says_what_it_adds),
        cmocka_unit_test(what_is_neither_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
