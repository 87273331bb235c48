/* Embeddings that are the output matrix too, on a CPU that packs matrices anew.
 * Measured: llama.cpp 0.7.0 with its CPU library for x86 with AVX2, llama-bench -v: "CPU_Mapped" and "CPU_REPACK model buffer size". */
#include <math.h>

#include "test_support.h"

#include "engine_case.h"
#include "gguf_writer.h"

#define WIDTH 512u
#define FEED  1024u
#define MIB   1048576.0

static const cfi_engine_device rpc  = {CTXFIT_BACKEND_RPC, UINT64_C(24) << 30};
static const cfi_engine_device cuda = {CTXFIT_BACKEND_CUDA, UINT64_C(24) << 30};

static void add_tensor(gguf_writer *w, const char *name, ctxfit_quant type, uint64_t columns, uint64_t rows)
{
    const uint64_t    dims[2] = {columns, rows};
    ctxfit_quant_info info    = CTXFIT_QUANT_INFO_INIT;

    assert_int_equal(ctxfit_quant_get_info(type, &info), CTXFIT_OK);
    gw_tensor(w, name, info.ggml_type, rows > 1 ? 2 : 1, dims, columns / info.block_elems * info.block_bytes * rows);
}

static void add_layer(gguf_writer *w, unsigned layer)
{
    static const struct {
        const char *name;
        uint64_t    columns, rows;
    } matrices[] = {{"attn_q", WIDTH, WIDTH},      {"attn_k", WIDTH, WIDTH},   {"attn_v", WIDTH, WIDTH},  {"attn_output", WIDTH, WIDTH},
                    {"ffn_gate", WIDTH, FEED},     {"ffn_up", WIDTH, FEED},    {"ffn_down", FEED, WIDTH}};
    char name[64];

    for (size_t i = 0; i < CFI_COUNT(matrices); i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, matrices[i].name);
        add_tensor(w, name, CTXFIT_QUANT_Q8_0, matrices[i].columns, matrices[i].rows);
    }
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", layer);
    add_tensor(w, name, CTXFIT_QUANT_F32, WIDTH, 1);
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", layer);
    add_tensor(w, name, CTXFIT_QUANT_F32, WIDTH, 1);
}

/* A Llama of two layers whose embedding has this format and so many rows. */
static ctxfit_model *model_with(ctxfit_quant type, uint32_t rows)
{
    gguf_writer   w;
    ctxfit_gguf  *gguf  = NULL;
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "llama");
    gw_key_u32(&w, "llama.context_length", 4096);
    gw_key_u32(&w, "llama.embedding_length", WIDTH);
    gw_key_u32(&w, "llama.block_count", 2);
    gw_key_u32(&w, "llama.feed_forward_length", FEED);
    gw_key_u32(&w, "llama.attention.head_count", 8);
    gw_key_u32(&w, "llama.vocab_size", rows);
    add_tensor(&w, "token_embd.weight", type, WIDTH, rows);
    add_tensor(&w, "output_norm.weight", CTXFIT_QUANT_F32, WIDTH, 1);
    add_layer(&w, 0);
    add_layer(&w, 1);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, &error), CTXFIT_OK);
    if (ctxfit_model_from_gguf(gguf, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
    return model;
}

static uint64_t host_weights(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_device *device, uint32_t count)
{
    cfi_run      run = engine_run(model, options, device, count);
    cfi_memory   memory;
    ctxfit_error error;

    if (cfi_memory_measure(model, device, &run, &memory, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return memory.device[count].weights;
}

static void the_host_holds_what_was_measured(void **state)
{
    static const struct {
        ctxfit_quant type;
        uint32_t     rows;
        double       mapped, repacked; /* MiB, as the log rounds them */
    } measured[] = {
        {CTXFIT_QUANT_Q4_0, 32000, 14.11, 8.79}, {CTXFIT_QUANT_Q4_K, 32000, 14.11, 8.79},  {CTXFIT_QUANT_IQ4_NL, 32000, 14.11, 8.79},
        {CTXFIT_QUANT_MXFP4, 32000, 13.62, 8.30}, {CTXFIT_QUANT_Q6_K, 32000, 18.14, 0},    {CTXFIT_QUANT_Q8_0, 32000, 21.92, 0},
        {CTXFIT_QUANT_Q2_K, 32000, 10.45, 0},     {CTXFIT_QUANT_Q4_0, 32003, 14.11, 0},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(measured); i++) {
        ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
        ctxfit_model       *model   = model_with(measured[i].type, measured[i].rows);
        double              bytes   = (double)host_weights(model, &options, NULL, 0);

        assert_true(fabs(bytes / MIB - measured[i].mapped - measured[i].repacked) <= 0.011);
        options.repack = CTXFIT_CHOICE_OFF;
        bytes = (double)host_weights(model, &options, NULL, 0);
        assert_true(fabs(bytes / MIB - measured[i].mapped) <= 0.006);
        ctxfit_model_free(model);
    }
}

static void pinned_memory_takes_the_place_of_repacked(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_model       *model   = model_with(CTXFIT_QUANT_Q4_0, 32000);
    const uint64_t      twice   = host_weights(model, &options, NULL, 0);

    (void)state;
    options.gpu_layers = CTXFIT_GPU_LAYERS_NONE;
    assert_int_equal(host_weights(model, &options, &rpc, 1), twice);
    assert_int_equal(host_weights(model, &options, &cuda, 1), twice - model->token_embd->bytes);
    ctxfit_model_free(model);
}

static void a_plan_says_what_an_arm_cpu_would_hold_beside_it(void **state)
{
    ctxfit_model *model = model_with(CTXFIT_QUANT_Q6_K, 32000);
    ctxfit_hw    *hw    = NULL;
    ctxfit_plan  *plan  = NULL;
    bool          said  = false;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("host:8GiB", NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_make(model, hw, NULL, NULL, &plan, NULL), CTXFIT_OK);
    for (uint32_t i = 0; ctxfit_plan_warning(plan, i) != NULL; i++)
        said = said || strstr(ctxfit_plan_warning(plan, i), "12 MiB more than counted there (--no-repack: not)") != NULL;
    assert_true(said);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_holds_what_was_measured),
        cmocka_unit_test(pinned_memory_takes_the_place_of_repacked),
        cmocka_unit_test(a_plan_says_what_an_arm_cpu_would_hold_beside_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
