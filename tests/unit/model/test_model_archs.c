/* Small models of every architecture that llama.cpp can make without weights, against what it measured. */
#include "test_support.h"

#include "arch_models.h"
#include "model/arch_internal.h"

#define DATA TEST_DATA "/models/archs.txt"

typedef void (*check)(const arch_model *source, const ctxfit_model *model);

static void for_each(check what)
{
    arch_models  models;
    arch_model   source = {0};
    ctxfit_error error = {0};

    arch_models_open(&models, DATA);
    while (arch_models_next(&models, &source)) {
        ctxfit_model *model = NULL;

        if (ctxfit_model_from_gguf(source.gguf, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s: %s", source.name, error.message);
        what(&source, model);
        ctxfit_model_free(model);
    }
    arch_models_close(&models, &source);
}

static void equal(const arch_model *source, const char *what, uint64_t computed, uint64_t measured)
{
    if (computed != measured)
        fail_msg("%s: %s %llu, measured %llu", source->name, what, (unsigned long long)computed, (unsigned long long)measured);
}

/* A tensor of F16 cache on a device of alignment 128. */
static uint64_t cache_bytes(uint64_t elems, uint64_t cells)
{
    uint64_t bytes = 0;

    assert_true(cfi_align_u64(2 * elems * cells, 128, &bytes));
    return bytes;
}

static uint64_t state_bytes(uint64_t elems)
{
    uint64_t bytes = 0;

    assert_true(cfi_align_u64(4 * elems, 128, &bytes));
    return bytes;
}

static bool is_cached(const ctxfit_model *model, uint32_t layer)
{
    return (model->layer[layer].flags & CTXFIT_LAYER_F_CACHE) != 0 &&
           (layer < model->info.layers || (model->arch->flags & CFI_ARCH_NEXTN_CACHED) != 0);
}

static void check_caches(const arch_model *source, const ctxfit_model *model)
{
    uint64_t kv[2] = {0, 0}; /* of all tokens, of a window */
    uint64_t recurrent = 0;
    uint64_t other = 0;

    for (uint32_t i = 0; i < model->info.layers + model->info.nextn_layers; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];
        bool                     window = layer->window_tokens > 0;
        uint64_t                 cells = source->measured[window ? ARCH_WINDOW_CELLS : ARCH_CELLS];

        if (is_cached(model, i))
            kv[window] += cache_bytes(layer->cache_k_elems, cells) + cache_bytes(layer->cache_v_elems, cells);
        recurrent += state_bytes(layer->conv_state_elems) + state_bytes(layer->recurrent_elems);
        other += cache_bytes(layer->indexer_size, cells);
        if (layer->indexer_size > 0 && (model->arch->flags & CFI_ARCH_INDEXER_VALUES) != 0)
            other += cache_bytes(layer->value_size, cells);
    }
    equal(source, "cache", kv[0], source->measured[ARCH_KV]);
    equal(source, "window cache", kv[1], source->measured[ARCH_KV_WINDOW]);
    equal(source, "recurrent state", recurrent, source->measured[ARCH_RECURRENT]);
    equal(source, "indexer cache", other, source->measured[ARCH_OTHER]);
}

static void caches_of_every_architecture_are_those_that_llama_cpp_allocates(void **state)
{
    (void)state;
    for_each(check_caches);
}

static uint64_t sum(const cfi_tensor_sums *sums, cfi_padding padding)
{
    return sums->padded[padding][0] + sums->padded[padding][1];
}

static void check_weights(const arch_model *source, const ctxfit_model *model)
{
    uint64_t device = sum(&model->output_sums, CFI_PADDING_CUDA) + sum(&model->rope_sums, CFI_PADDING_CUDA);
    uint64_t copy = 0;

    for (uint32_t i = 0; i < model->info.layers + model->info.nextn_layers; i++)
        device += sum(&model->layer_sums[i], CFI_PADDING_CUDA);
    if ((model->info.flags & CTXFIT_MODEL_F_TIED) != 0 && (model->arch->flags & CFI_ARCH_TIED_IN_PLACE) == 0)
        assert_true(cfi_model_padded_bytes(model->token_embd, CFI_PADDING_CUDA, &copy));
    equal(source, "weights on the device", device + copy, source->measured[ARCH_WEIGHTS]);
    equal(source, "weights on the host", sum(&model->input_sums, CFI_PADDING_32), source->measured[ARCH_HOST_WEIGHTS]);
}

static void weights_of_every_architecture_are_those_that_llama_cpp_allocates(void **state)
{
    (void)state;
    for_each(check_weights);
}

static void check_layer(const arch_model *source, const ctxfit_layer_info *layer, bool encoder)
{
    bool attends = layer->attention != CTXFIT_ATTENTION_NONE;
    bool experts = layer->feed_forward == CTXFIT_FF_MOE;

    equal(source, "has heads where it attends", layer->heads > 0 && layer->kv_heads > 0 && layer->key_size > 0, attends);
    equal(source, "does something", attends || layer->state != CTXFIT_STATE_NONE || layer->feed_forward != CTXFIT_FF_NONE, true);
    equal(source, "caches where it attends", (layer->flags & CTXFIT_LAYER_F_CACHE) != 0, attends && !encoder);
    equal(source, "has experts", layer->experts > 0 && layer->expert_width > 0, experts);
    equal(source, "uses some of them", layer->experts_used > 0 && layer->experts_used <= layer->experts, experts);
    equal(source, "keeps a state", layer->conv_state_elems > 0, layer->state != CTXFIT_STATE_NONE);
    if (layer->feed_forward == CTXFIT_FF_PLAIN || layer->feed_forward == CTXFIT_FF_GATED)
        assert_true(layer->ff_width > 0);
}

static void check_facts(const arch_model *source, const ctxfit_model *model)
{
    bool     encoder = (model->arch->flags & CFI_ARCH_NO_CACHE) != 0;
    uint64_t parameters = 0;

    equal(source, "is unknown", (model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0, false);
    equal(source, "is read from a file", (model->info.flags & CTXFIT_MODEL_F_FROM_FILE) != 0, true);
    equal(source, "caches nothing", (model->info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0, encoder);
    equal(source, "recurrent", (model->info.flags & CTXFIT_MODEL_F_RECURRENT) != 0, (model->arch->flags & CFI_ARCH_RECURRENT) != 0);
    equal(source, "hybrid", (model->info.flags & CTXFIT_MODEL_F_HYBRID) != 0, (model->arch->flags & CFI_ARCH_HYBRID) != 0);
    equal(source, "has a vocabulary", model->info.vocabulary > 0, true);
    for (uint32_t i = 0; i < model->info.layers; i++)
        check_layer(source, &model->layer[i], encoder);
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        if (model->tensor[i].role != CFI_ROLE_UNUSED)
            parameters += model->tensor[i].dims[0] * model->tensor[i].dims[1] * model->tensor[i].dims[2] * model->tensor[i].dims[3];
    equal(source, "parameters", model->info.parameters, parameters);
    equal(source, "fewer are active", model->info.parameters_active < parameters, model->info.experts_used < model->info.experts);
}

static void facts_of_every_architecture_fit_together(void **state)
{
    (void)state;
    for_each(check_facts);
}

static void architectures_are_sorted_and_found(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < cfi_arch_count(); i++) {
        assert_ptr_equal(cfi_arch_find(cfi_arch_at(i)->name), cfi_arch_at(i));
        if (i > 0)
            assert_true(strcmp(cfi_arch_at(i - 1)->name, cfi_arch_at(i)->name) < 0);
    }
    assert_null(cfi_arch_at(cfi_arch_count()));
    assert_null(cfi_arch_find("no-such-architecture"));
    assert_null(cfi_arch_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_of_every_architecture_are_those_that_llama_cpp_allocates),
        cmocka_unit_test(weights_of_every_architecture_are_those_that_llama_cpp_allocates),
        cmocka_unit_test(facts_of_every_architecture_fit_together),
        cmocka_unit_test(architectures_are_sorted_and_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
