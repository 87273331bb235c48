/* Caches that no measured row has, by hand: DeepSeek-V4, next-token-prediction blocks by version, overflow. */
#include "test_support.h"

#include "engine_case.h"

typedef struct made_model {
    ctxfit_model      model;
    cfi_arch          arch;
    ctxfit_layer_info layer[4];
    uint32_t          layer_run[4];
    cfi_tensor_sums   sums_before[5];
} made_model;

static void make(made_model *m, uint32_t layers, uint32_t nextn, uint32_t flags)
{
    memset(m, 0, sizeof *m);
    strcpy(m->arch.name, "made");
    m->arch.flags = flags;
    m->model.arch = &m->arch;
    m->model.info.layers = layers;
    m->model.info.nextn_layers = nextn;
    m->model.info.trained_tokens = 8192;
    m->model.info.vocabulary = 1000;
    m->model.layer = m->layer;
    m->model.layer_run = m->layer_run;
    m->model.sums_before = m->sums_before;
    for (uint32_t i = 0; i < layers + nextn; i++) {
        m->layer_run[i] = 1;
        m->layer[i].attention = CTXFIT_ATTENTION_FULL;
        m->layer[i].flags = CTXFIT_LAYER_F_CACHE | (i >= layers ? CTXFIT_LAYER_F_NEXTN : 0);
        m->layer[i].heads = m->layer[i].kv_heads = 4;
        m->layer[i].key_size = m->layer[i].value_size = 64;
        m->layer[i].cache_k_elems = m->layer[i].cache_v_elems = 256;
    }
    m->model.max_cache_v = 256;
    m->model.stated_key_size = m->model.stated_value_size = 64;
}

static cfi_memory_device measure(const made_model *m, const ctxfit_plan_options *options)
{
    cfi_run      run = engine_run(&m->model, options, NULL, 0);
    cfi_memory   memory;
    ctxfit_error error;

    if (cfi_memory_measure(&m->model, NULL, &run, &memory, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return memory.device[0];
}

static void prediction_blocks_have_a_cache_only_in_older_builds(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    const uint64_t      layer = UINT64_C(8192) * 256 * 2 * 2;
    made_model          m;

    (void)state;
    make(&m, 2, 1, CFI_ARCH_NEXTN_CACHED);
    snprintf(options.engine, sizeof options.engine, "llama.cpp@b10472");
    assert_int_equal(measure(&m, &options).kv, 3 * layer);
    snprintf(options.engine, sizeof options.engine, "llama.cpp@b11118");
    assert_int_equal(measure(&m, &options).kv, 2 * layer);
    make(&m, 2, 1, 0);
    snprintf(options.engine, sizeof options.engine, "llama.cpp@b10472");
    assert_int_equal(measure(&m, &options).kv, 2 * layer);
}

static void transposed_values_are_as_wide_as_the_widest(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    made_model          m;

    (void)state;
    make(&m, 2, 0, 0);
    m.layer[1].cache_v_elems = 512;
    m.model.max_cache_v = 512;
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 256 + 256 + 512));
    options.flash_attention = CTXFIT_CHOICE_OFF;
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 512 + 256 + 512));
    m.layer[0].cache_v_elems = 0; /* no V stays no V */
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 256 + 512));
}

static void layers_without_attention_hold_transposed_values_unless_the_model_is_hybrid(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    made_model          m;

    (void)state;
    make(&m, 2, 0, 0);
    m.layer[1] = (ctxfit_layer_info){.feed_forward = CTXFIT_FF_GATED};
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 256));
    options.flash_attention = CTXFIT_CHOICE_OFF;
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 256 + 256));
    m.arch.flags = CFI_ARCH_HYBRID;
    assert_int_equal(measure(&m, &options).kv, UINT64_C(8192) * 2 * (256 + 256));
}

/* llama.cpp b10472 src/llama-kv-cache-dsv4.cpp:1158-1277 */
static void compressed_caches_keep_an_entry_for_many_tokens(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    made_model          m;
    cfi_memory_device   got;
    const uint64_t      n_seq = 2;

    (void)state;
    make(&m, 3, 0, CFI_ARCH_SAME_KV_TYPE);
    for (uint32_t i = 0; i < 3; i++) {
        m.layer[i].attention = CTXFIT_ATTENTION_SLIDING;
        m.layer[i].window_tokens = 128;
        m.layer[i].kv_heads = 1;
        m.layer[i].cache_k_elems = m.layer[i].key_size = 512;
        m.layer[i].cache_v_elems = 0;
    }
    m.layer[1].compress_ratio = 4;
    m.layer[1].indexer_heads = 64;
    m.layer[1].indexer_size = 128;
    m.layer[2].compress_ratio = 128;
    options.sequences = (uint32_t)n_seq;
    options.ctx_tokens = 16384;
    got = measure(&m, &options);
    assert_int_equal(got.kv_swa, 3 * n_seq * 768 * 512 * 2);           /* 128 + 512 tokens, padded to 256 */
    assert_int_equal(got.kv, n_seq * (2048 + 256) * 512 * 2);          /* 8192 / 4 and 8192 / 128, padded to 256 */
    assert_int_equal(got.kv_other, n_seq * 2048 * 128 * 2);
    assert_int_equal(got.recurrent, n_seq * 2 * 4 * (8 * 1024 + 8 * 256 + 128 * 512));
    options.kv_unified = CTXFIT_CHOICE_ON; /* the context is shared, the cells are not */
    got = measure(&m, &options);
    assert_int_equal(got.kv_swa, 3 * n_seq * 768 * 512 * 2);
    assert_int_equal(got.kv, n_seq * (4096 + 256) * 512 * 2);
    options.kv_value = CTXFIT_QUANT_Q8_0;
    assert_int_equal(cfi_engine_resolve(&m.model, &options, NULL, 0, &(cfi_run){0}, NULL), CTXFIT_E_REFUSED);
}

static void sizes_beyond_64_bits_are_an_overflow(void **state)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    made_model          m;
    cfi_run             run;
    cfi_memory          memory;
    ctxfit_error        error;

    (void)state;
    make(&m, 2, 0, 0);
    m.layer[0].cache_k_elems = UINT32_MAX;
    m.layer[1].cache_k_elems = UINT32_MAX;
    options.ctx_tokens = UINT32_MAX - 255;
    options.kv_key = CTXFIT_QUANT_F32;
    run = engine_run(&m.model, &options, NULL, 0);
    assert_int_equal(cfi_memory_measure(&m.model, NULL, &run, &memory, &error), CTXFIT_E_OVERFLOW);
    m.layer[0].cache_k_elems = m.layer[1].cache_k_elems = 256;
    m.model.input_sums.padded[CFI_PADDING_32][0] = UINT64_MAX;
    m.model.output_sums.padded[CFI_PADDING_32][0] = 1;
    assert_int_equal(cfi_memory_measure(&m.model, NULL, &run, &memory, &error), CTXFIT_E_OVERFLOW);
}

static void a_total_does_not_wrap(void **state)
{
    cfi_memory_device device = {0};

    (void)state;
    device.weights = UINT64_MAX - 1;
    device.kv = 1;
    assert_true(cfi_memory_device_total(&device) == UINT64_MAX);
    device.output = 1;
    assert_true(cfi_memory_device_total(&device) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prediction_blocks_have_a_cache_only_in_older_builds),
        cmocka_unit_test(transposed_values_are_as_wide_as_the_widest),
        cmocka_unit_test(layers_without_attention_hold_transposed_values_unless_the_model_is_hybrid),
        cmocka_unit_test(compressed_caches_keep_an_entry_for_many_tokens),
        cmocka_unit_test(sizes_beyond_64_bits_are_an_overflow),
        cmocka_unit_test(a_total_does_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
