/* Models from headers: tensors, roles, sums, and what is refused. */
#include "test_support.h"

#include "gguf_writer.h"
#include "model/arch_internal.h"

/* A header that is built key by key and tensor by tensor. */
typedef struct builder {
    gguf_writer w;
} builder;

static void tensor(builder *b, const char *name, uint32_t ggml_type, uint64_t a, uint64_t c, uint64_t d)
{
    uint64_t dims[4] = {a, c, d, 1};
    uint64_t row = 0;

    assert_int_equal(ctxfit_quant_row_bytes(ctxfit_quant_from_ggml(ggml_type, CTXFIT_DIALECT_GGML), a, &row), CTXFIT_OK);
    gw_tensor(&b->w, name, ggml_type, d > 1 ? 3 : c > 1 ? 2 : 1, dims, row * c * d);
}

static void key(builder *b, const char *name, uint32_t value)
{
    gw_key_u32(&b->w, name, value);
}

static void begin(builder *b, const char *arch)
{
    gw_begin(&b->w, 3, false);
    gw_key_text(&b->w, "general.architecture", arch);
}

static ctxfit_status finish(builder *b, const ctxfit_allocator *allocator, ctxfit_model **model, ctxfit_error *error)
{
    ctxfit_gguf  *gguf = NULL;
    ctxfit_status status;

    gw_end(&b->w);
    assert_int_equal(ctxfit_gguf_parse(b->w.data, b->w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&b->w);
    status = ctxfit_model_from_gguf(gguf, allocator, model, error);
    ctxfit_gguf_free(gguf); /* a model stands on its own */
    return status;
}

static ctxfit_model *build(builder *b)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};

    if (finish(b, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static void assert_refused(builder *b, ctxfit_status status, const char *message)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error = {0};
    ctxfit_status got = finish(b, NULL, &model, &error);

    if (got != status || error.status != status || model != NULL || strstr(error.message, message) == NULL)
        fail_msg("%s (%s), expected %s: %s", ctxfit_status_name(got), error.message, ctxfit_status_name(status), message);
}

/* Two layers of 4 experts, 2 used; 512 wide; tied, with one block for next-token prediction when `nextn`. */
static void good_keys(builder *b, const char *arch, uint32_t nextn)
{
    char name[64];
    const struct {
        const char *name;
        uint32_t    value;
    } keys[] = {
        {"block_count", 2 + nextn}, {"context_length", 4096}, {"embedding_length", 512}, {"attention.head_count", 8},
        {"attention.head_count_kv", 2}, {"feed_forward_length", 1024}, {"expert_count", 4}, {"expert_used_count", 2},
        {"expert_feed_forward_length", 256}, {"nextn_predict_layers", nextn},
    };

    begin(b, arch);
    for (size_t i = 0; i < CFI_COUNT(keys); i++) {
        (void)snprintf(name, sizeof name, "%s.%s", arch, keys[i].name);
        key(b, name, keys[i].value);
    }
}

static void good_block(builder *b, uint32_t block)
{
    static const struct {
        const char *name;
        uint64_t    dims[3];
    } tensors[] = {
        {"attn_q.weight", {512, 512, 1}}, {"attn_k.weight", {512, 128, 1}}, {"ffn_gate_exps.weight", {512, 256, 4}},
        {"ffn_up_exps.weight", {512, 256, 4}}, {"ffn_down_exps.weight", {256, 512, 4}}, {"exp_probs_b.bias", {4, 1, 1}},
    };
    char name[64];

    for (size_t i = 0; i < CFI_COUNT(tensors); i++) {
        (void)snprintf(name, sizeof name, "blk.%u.%s", (unsigned)block, tensors[i].name);
        tensor(b, name, 0, tensors[i].dims[0], tensors[i].dims[1], tensors[i].dims[2]);
    }
}

static void good(builder *b, const char *arch, uint32_t nextn)
{
    good_keys(b, arch, nextn);
    tensor(b, "token_embd.weight", 0, 512, 100, 1);
    for (uint32_t i = 0; i < 2 + nextn; i++)
        good_block(b, i);
    tensor(b, "output_norm.weight", 0, 512, 1, 1);
}

/* ---- tensors ---- */

static const cfi_tensor *find(const ctxfit_model *model, const char *name)
{
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (strcmp(model->tensor[i].name, name) == 0)
            return &model->tensor[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void tensors_are_put_where_they_are_used(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good(&b, "qwen3moe", 0);
    tensor(&b, "rope_freqs.weight", 0, 32, 1, 1);
    tensor(&b, "token_embd_norm.weight", 0, 512, 1, 1);
    tensor(&b, "something_new.weight", 0, 512, 1, 1);
    tensor(&b, "blk.1.something_new.weight", 0, 512, 1, 1);
    model = build(&b);
    assert_int_equal(find(model, "token_embd.weight")->role, CFI_ROLE_INPUT);
    assert_int_equal(find(model, "output_norm.weight")->role, CFI_ROLE_OUTPUT);
    assert_int_equal(find(model, "rope_freqs.weight")->role, CFI_ROLE_ROPE);
    assert_int_equal(find(model, "token_embd_norm.weight")->role, CFI_ROLE_LAYER);
    assert_int_equal(find(model, "token_embd_norm.weight")->layer, 0);
    assert_int_equal(find(model, "something_new.weight")->role, CFI_ROLE_OUTPUT);
    assert_int_equal(find(model, "something_new.weight")->layer, -1);
    assert_int_equal(find(model, "blk.1.something_new.weight")->role, CFI_ROLE_LAYER);
    assert_int_equal(find(model, "blk.1.something_new.weight")->layer, 1);
    assert_int_equal(find(model, "blk.1.ffn_up_exps.weight")->flags, CFI_TENSOR_F_EXPERT);
    assert_int_equal(find(model, "blk.1.exp_probs_b.bias")->flags, 0);
    ctxfit_model_free(model);
}

static void lfm2_calls_its_output_norm_an_embedding_norm(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good_keys(&b, "lfm2moe", 0);
    key(&b, "lfm2moe.shortconv.l_cache", 3);
    tensor(&b, "token_embd_norm.weight", 0, 512, 1, 1);
    model = build(&b);
    assert_int_equal(find(model, "token_embd_norm.weight")->role, CFI_ROLE_OUTPUT);
    ctxfit_model_free(model);
}

static void unused_prediction_blocks_are_left_out_tensor_by_tensor(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good(&b, "glm4moe", 1);
    model = build(&b);
    assert_int_equal(find(model, "blk.2.attn_q.weight")->role, CFI_ROLE_UNUSED);
    assert_int_equal(find(model, "blk.2.exp_probs_b.bias")->role, CFI_ROLE_UNUSED);
    assert_int_equal(model->layer_sums[2].bytes[0] + model->layer_sums[2].bytes[1], 0);
    ctxfit_model_free(model);
    good(&b, "hy_v3", 1);
    model = build(&b);
    assert_int_equal(find(model, "blk.2.attn_q.weight")->role, CFI_ROLE_UNUSED);
    assert_int_equal(find(model, "blk.2.exp_probs_b.bias")->role, CFI_ROLE_LAYER);
    assert_int_equal(find(model, "blk.2.ffn_up_exps.weight")->role, CFI_ROLE_LAYER);
    assert_true(model->layer_sums[2].bytes[1] > 0);
    ctxfit_model_free(model);
}

static void deepseek4_without_its_prediction_block_has_none(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good_keys(&b, "deepseek4", 1);
    key(&b, "deepseek4.attention.sliding_window", 128);
    key(&b, "deepseek4.attention.q_lora_rank", 64);
    key(&b, "deepseek4.attention.indexer.head_count", 1);
    key(&b, "deepseek4.attention.indexer.key_length", 64);
    gw_key_array(&b.w, "deepseek4.attention.compress_ratios", CTXFIT_GGUF_UINT32, 3);
    gw_u32(&b.w, 0), gw_u32(&b.w, 4), gw_u32(&b.w, 128);
    tensor(&b, "token_embd.weight", 0, 512, 100, 1);
    model = build(&b);
    assert_int_equal(model->info.nextn_layers, 0);
    assert_int_equal(model->info.layers, 3);
    ctxfit_model_free(model);
}

/* ---- sums ---- */

#define DENSE_ELEMS  (UINT64_C(512) * 512 + 512 * 128 + 4)
#define EXPERT_ELEMS (UINT64_C(3) * 512 * 256 * 4)
#define OUTER_ELEMS  (UINT64_C(512) * 100 + 512)

static void parameters_count_what_is_loaded_and_what_a_token_uses(void **state)
{
    builder           b;
    ctxfit_model     *model;
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    good(&b, "glm4moe", 1);
    model = build(&b);
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    assert_int_equal(info.parameters, OUTER_ELEMS + 2 * (DENSE_ELEMS + EXPERT_ELEMS));
    assert_int_equal(info.parameters_active, OUTER_ELEMS + 2 * (DENSE_ELEMS + EXPERT_ELEMS / 2));
    assert_int_equal(info.tensor_bytes, 4 * (OUTER_ELEMS + 3 * (DENSE_ELEMS + EXPERT_ELEMS)));
    assert_int_equal(info.data_bytes, info.tensor_bytes + UINT64_C(3) * 16); /* each bias of 16 bytes takes 32 */
    assert_int_equal(info.tensor_count, 2 + 3 * 6);
    assert_int_equal(info.layers, 2);
    assert_int_equal(info.nextn_layers, 1);
    assert_int_equal(info.experts, 4);
    assert_int_equal(info.experts_used, 2);
    assert_int_equal(info.heads, 8);
    assert_int_equal(info.vocabulary, 100);
    assert_int_equal(info.flags, CTXFIT_MODEL_F_TIED | CTXFIT_MODEL_F_FROM_FILE);
    assert_int_equal(model->layer_sums[0].parameters[0], DENSE_ELEMS);
    assert_int_equal(model->layer_sums[0].parameters[1], EXPERT_ELEMS);
    ctxfit_model_free(model);
}

static void cuda_pads_quantized_rows_to_512_elements(void **state)
{
    cfi_tensor q4 = {.name = "x", .dims = {288, 2, 1, 1}, .n_dims = 2, .quant = CTXFIT_QUANT_Q4_0, .bytes = 2 * 9 * 18};
    cfi_tensor f16 = {.name = "x", .dims = {3, 1, 1, 1}, .n_dims = 1, .quant = CTXFIT_QUANT_F16, .bytes = 6};
    uint64_t   bytes = 0;

    (void)state;
    assert_true(cfi_model_padded_bytes(&q4, CFI_PADDING_32, &bytes));
    assert_int_equal(bytes, 352);
    assert_true(cfi_model_padded_bytes(&q4, CFI_PADDING_CUDA, &bytes));
    assert_int_equal(bytes, 512); /* 324 + row of 224 elements: 7 * 18 = 450 */
    assert_true(cfi_model_padded_bytes(&f16, CFI_PADDING_CUDA, &bytes));
    assert_int_equal(bytes, 128);
    q4.bytes = UINT64_MAX - 8;
    assert_false(cfi_model_padded_bytes(&q4, CFI_PADDING_CUDA, &bytes));
    assert_false(cfi_model_padded_bytes(&q4, CFI_PADDING_32, &bytes));
}

static void an_output_matrix_of_its_own_is_not_tied(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good(&b, "qwen3moe", 0);
    tensor(&b, "output.weight", 0, 512, 100, 1);
    model = build(&b);
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_TIED, 0);
    assert_true(model->has_output);
    ctxfit_model_free(model);
}

/* ---- what the tensors say ---- */

static void tensors_decide_the_feed_forward_part(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good_keys(&b, "llama", 0);
    tensor(&b, "blk.0.ffn_up.weight", 0, 512, 300, 1);
    tensor(&b, "blk.0.ffn_down.weight", 0, 300, 512, 1);
    tensor(&b, "blk.1.ffn_up_exps.weight", 0, 512, 200, 6);
    tensor(&b, "blk.1.ffn_down_exps.weight", 0, 200, 512, 6);
    tensor(&b, "blk.1.ffn_down_shexp.weight", 0, 70, 512, 1);
    model = build(&b);
    assert_int_equal(model->layer[0].feed_forward, CTXFIT_FF_PLAIN);
    assert_int_equal(model->layer[0].ff_width, 300);
    assert_int_equal(model->layer[0].experts, 0);
    assert_int_equal(model->layer[1].feed_forward, CTXFIT_FF_MOE);
    assert_int_equal(model->layer[1].experts, 6);
    assert_int_equal(model->layer[1].expert_width, 200);
    assert_int_equal(model->layer[1].shared_width, 70);
    assert_int_equal(model->layer[1].flags & CTXFIT_LAYER_F_PLAIN_EXPERTS, CTXFIT_LAYER_F_PLAIN_EXPERTS);
    ctxfit_model_free(model);
}

static void experts_where_the_metadata_expect_none_are_used_as_stated(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good_keys(&b, "glm4moe", 0);
    key(&b, "glm4moe.leading_dense_block_count", 2);
    tensor(&b, "blk.1.ffn_down_exps.weight", 0, 200, 512, 4);
    model = build(&b);
    assert_int_equal(model->layer[1].experts, 4);
    assert_int_equal(model->layer[1].experts_used, 2);
    ctxfit_model_free(model);
}

static void a_doubled_up_matrix_holds_the_gate(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good_keys(&b, "phi3", 0);
    tensor(&b, "blk.0.ffn_up.weight", 0, 512, 600, 1);
    tensor(&b, "blk.0.ffn_down.weight", 0, 300, 512, 1);
    model = build(&b);
    assert_int_equal(model->layer[0].feed_forward, CTXFIT_FF_GATED);
    ctxfit_model_free(model);
}

static void an_unknown_architecture_is_read_from_its_tensors(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    begin(&b, "martian");
    key(&b, "martian.attention.head_count", 4);
    tensor(&b, "token_embd.weight", 0, 512, 100, 1);
    tensor(&b, "blk.0.attn_k.weight", 0, 512, 96, 1);
    tensor(&b, "blk.2.attn_k.weight", 0, 512, 128, 1);
    tensor(&b, "blk.2.attn_v.weight", 0, 512, 64, 1);
    model = build(&b);
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH, CTXFIT_MODEL_F_UNKNOWN_ARCH);
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_CONTEXT_UNSTATED, CTXFIT_MODEL_F_CONTEXT_UNSTATED);
    assert_int_equal(model->info.layers, 3);
    assert_int_equal(model->info.embedding, 512);
    assert_int_equal(model->layer[0].cache_k_elems, 96);
    assert_int_equal(model->layer[2].cache_k_elems, 128);
    assert_int_equal(model->layer[2].cache_v_elems, 64);
    assert_int_equal(model->info.tensor_bytes, 4 * 512 * UINT64_C(388));
    ctxfit_model_free(model);
}

static void the_long_rope_tensor_is_enough(void **state)
{
    builder       b;
    ctxfit_model *model;

    (void)state;
    good(&b, "phi3", 0);
    tensor(&b, "rope_factors_long.weight", 0, 32, 1, 1);
    tensor(&b, "rope_factors_short.weight", 0, 32, 1, 1);
    model = build(&b);
    assert_int_equal(model->info.rope_scaling, CTXFIT_ROPE_SCALING_LONGROPE);
    ctxfit_model_free(model);
    good(&b, "llama", 0);
    tensor(&b, "rope_freqs.weight", 0, 32, 1, 1);
    model = build(&b);
    assert_int_equal(model->info.rope_scaling, CTXFIT_ROPE_SCALING_LLAMA3);
    ctxfit_model_free(model);
}

/* ---- refusals ---- */

static void what_is_no_model_is_unsupported(void **state)
{
    builder b;

    (void)state;
    good(&b, "clip", 0);
    assert_refused(&b, CTXFIT_E_UNSUPPORTED, "projector");
    begin(&b, "llama");
    gw_key_text(&b.w, "general.type", "adapter");
    tensor(&b, "blk.0.attn_q.weight.lora_a", 0, 512, 8, 1);
    assert_refused(&b, CTXFIT_E_UNSUPPORTED, "adapter");
    begin(&b, "llama");
    gw_key_text(&b.w, "general.type", "model");
    key(&b, "llama.block_count", 1), key(&b, "llama.embedding_length", 512), key(&b, "llama.attention.head_count", 8);
    {
        uint64_t dims[1] = {32};

        gw_tensor(&b.w, "output_norm.weight", 9999, 1, dims, 0);
    }
    assert_refused(&b, CTXFIT_E_UNSUPPORTED, "9999");
}

static void missing_facts_are_incomplete(void **state)
{
    builder b;

    (void)state;
    gw_begin(&b.w, 3, false);
    tensor(&b, "token_embd.weight", 0, 512, 100, 1);
    assert_refused(&b, CTXFIT_E_INCOMPLETE, "general.architecture");
    begin(&b, "llama");
    assert_refused(&b, CTXFIT_E_INCOMPLETE, "'llama.block_count'");
    good_keys(&b, "llama", 0);
    assert_refused(&b, CTXFIT_E_INCOMPLETE, "no tensors");
    good_keys(&b, "llama", 0);
    gw_key_u16(&b.w, "split.no", 0), gw_key_u16(&b.w, "split.count", 2);
    tensor(&b, "token_embd.weight", 0, 512, 100, 1);
    assert_refused(&b, CTXFIT_E_INCOMPLETE, "1 of 2 shards");
}

static void contradicting_tensors_are_malformed(void **state)
{
    builder b;

    (void)state;
    good_keys(&b, "llama", 0);
    tensor(&b, "token_embd.weight", 0, 256, 100, 1);
    assert_refused(&b, CTXFIT_E_MALFORMED, "token_embd.weight");
    good(&b, "llama", 0);
    tensor(&b, "blk.2.attn_q.weight", 0, 512, 512, 1);
    assert_refused(&b, CTXFIT_E_MALFORMED, "blk.2.attn_q.weight");
    good(&b, "llama", 0);
    tensor(&b, "blk.18446744073709551615.attn_q.weight", 0, 512, 512, 1);
    assert_refused(&b, CTXFIT_E_MALFORMED, "block beyond");
    begin(&b, "martian");
    tensor(&b, "blk.4096.attn_q.weight", 0, 512, 512, 1);
    assert_refused(&b, CTXFIT_E_MALFORMED, "block_count: 4097");
    begin(&b, "martian");
    tensor(&b, "blk.18446744073709551615.attn_q.weight", 0, 512, 512, 1);
    assert_refused(&b, CTXFIT_E_MALFORMED, "block_count");
}

static void keys_of_another_type_are_refused(void **state)
{
    builder b;

    (void)state;
    begin(&b, "llama");
    gw_key_text(&b.w, "llama.block_count", "two");
    assert_refused(&b, CTXFIT_E_TYPE, "'llama.block_count': string");
    gw_begin(&b.w, 3, false);
    key(&b, "general.architecture", 1);
    assert_refused(&b, CTXFIT_E_TYPE, "general.architecture");
    good_keys(&b, "llama", 0);
    gw_key_text(&b.w, "general.file_type", "Q4");
    tensor(&b, "token_embd.weight", 0, 512, 100, 1);
    assert_refused(&b, CTXFIT_E_TYPE, "general.file_type");
}

static void null_and_half_an_allocator_are_invalid(void **state)
{
    ctxfit_allocator half = {test_alloc, NULL, NULL};
    ctxfit_model    *model = (ctxfit_model *)&half;
    ctxfit_error     error = {0};
    ctxfit_gguf     *gguf = NULL;
    gguf_writer      w;

    (void)state;
    gw_begin(&w, 3, false);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&w);
    assert_int_equal(ctxfit_model_from_gguf(NULL, NULL, &model, &error), CTXFIT_E_INVALID_ARG);
    assert_null(model);
    assert_int_equal(ctxfit_model_from_gguf(gguf, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_from_gguf(gguf, &half, &model, NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_gguf_free(gguf);
}

static void each_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;
        builder       b;

        good(&b, "glm4moe", 1);
        f.status = finish(&b, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
}

/* ---- getters ---- */

static void getters_answer_by_place(void **state)
{
    builder            b;
    ctxfit_model      *model;
    ctxfit_model_info  info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info  layer = CTXFIT_LAYER_INFO_INIT;
    ctxfit_tensor_info facts = CTXFIT_TENSOR_INFO_INIT;

    (void)state;
    good_keys(&b, "qwen3moe", 0);
    gw_key_text(&b.w, "general.name", "A model");
    key(&b, "general.file_type", 1);
    tensor(&b, "token_embd.weight", 1, 512, 100, 1);
    model = build(&b);
    assert_string_equal(ctxfit_model_name(model), "A model");
    assert_string_equal(ctxfit_model_arch(model), "qwen3moe");
    assert_int_equal(ctxfit_model_get_layer(model, 1, &layer), CTXFIT_OK);
    assert_int_equal(layer.kv_heads, 2);
    assert_int_equal(ctxfit_model_get_layer(model, 2, &layer), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_model_get_tensor(model, 0, &facts), CTXFIT_OK);
    assert_int_equal(facts.quant, CTXFIT_QUANT_F16);
    assert_int_equal(facts.bytes, 2 * 512 * 100);
    assert_int_equal(facts.dims[1], 100);
    assert_int_equal(ctxfit_model_get_tensor(model, 1, &facts), CTXFIT_E_NOT_FOUND);
    assert_string_equal(ctxfit_model_tensor_name(model, 0), "token_embd.weight");
    assert_null(ctxfit_model_tensor_name(model, 1));
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    assert_int_equal(info.file_type, ctxfit_file_type_from_name("F16"));
    info.struct_size = 4;
    layer.struct_size = 4;
    facts.struct_size = 4;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_model_get_layer(model, 0, &layer), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_model_get_tensor(model, 0, &facts), CTXFIT_E_STRUCT_SIZE);
    ctxfit_model_free(model);
}

/* general.basename and general.size_label are what the converter makes names of files of. */
static void a_model_without_a_name_has_that_of_its_base_or_architecture(void **state)
{
    static const struct {
        const char *name, *base, *size, *expected;
    } cases[] = {
        {NULL, "Qwen3", "8B", "Qwen3-8B"}, {NULL, "Qwen3", NULL, "Qwen3"}, {NULL, NULL, "8B", "qwen3moe"},
        {NULL, NULL, NULL, "qwen3moe"},    {"", "Qwen3", "", "Qwen3"},     {"A model", "Qwen3", "8B", "A model"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        builder       b;
        ctxfit_model *model;

        good_keys(&b, "qwen3moe", 0);
        if (cases[i].name != NULL)
            gw_key_text(&b.w, "general.name", cases[i].name);
        if (cases[i].base != NULL)
            gw_key_text(&b.w, "general.basename", cases[i].base);
        if (cases[i].size != NULL)
            gw_key_text(&b.w, "general.size_label", cases[i].size);
        tensor(&b, "token_embd.weight", 1, 512, 100, 1);
        model = build(&b);
        assert_string_equal(ctxfit_model_name(model), cases[i].expected);
        ctxfit_model_free(model);
    }
}

static void getters_take_null(void **state)
{
    ctxfit_model_info  info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info  layer = CTXFIT_LAYER_INFO_INIT;
    ctxfit_tensor_info facts = CTXFIT_TENSOR_INFO_INIT;

    (void)state;
    assert_string_equal(ctxfit_model_name(NULL), "");
    assert_string_equal(ctxfit_model_arch(NULL), "");
    assert_null(ctxfit_model_tensor_name(NULL, 0));
    assert_int_equal(ctxfit_model_get_info(NULL, &info), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_get_layer(NULL, 0, &layer), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_get_tensor(NULL, 0, &facts), CTXFIT_E_INVALID_ARG);
    ctxfit_model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_put_where_they_are_used),
        cmocka_unit_test(a_model_without_a_name_has_that_of_its_base_or_architecture),
        cmocka_unit_test(lfm2_calls_its_output_norm_an_embedding_norm),
        cmocka_unit_test(unused_prediction_blocks_are_left_out_tensor_by_tensor),
        cmocka_unit_test(deepseek4_without_its_prediction_block_has_none),
        cmocka_unit_test(parameters_count_what_is_loaded_and_what_a_token_uses),
        cmocka_unit_test(cuda_pads_quantized_rows_to_512_elements),
        cmocka_unit_test(an_output_matrix_of_its_own_is_not_tied),
        cmocka_unit_test(tensors_decide_the_feed_forward_part),
        cmocka_unit_test(experts_where_the_metadata_expect_none_are_used_as_stated),
        cmocka_unit_test(a_doubled_up_matrix_holds_the_gate),
        cmocka_unit_test(an_unknown_architecture_is_read_from_its_tensors),
        cmocka_unit_test(the_long_rope_tensor_is_enough),
        cmocka_unit_test(what_is_no_model_is_unsupported),
        cmocka_unit_test(missing_facts_are_incomplete),
        cmocka_unit_test(contradicting_tensors_are_malformed),
        cmocka_unit_test(keys_of_another_type_are_refused),
        cmocka_unit_test(null_and_half_an_allocator_are_invalid),
        cmocka_unit_test(each_failing_allocation_is_reported_and_nothing_leaks),
        cmocka_unit_test(getters_answer_by_place),
        cmocka_unit_test(getters_take_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
