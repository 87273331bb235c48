/* Where Ollama before 0.30 puts layers, against the table of its own test (llm/memory_test.go before f560bd077, TestEstimateGPULayers) and
 * what its logs print (tests/data/engines/ollama_estimates.csv). */
#include "test_support.h"

#include "csv_reader.h"
#include "engine_case.h"

/* The model of that test: a graph of 171,968,512 and 202,377,216 bytes. Weights are larger here, which the table does not depend on. */
#define ESTIMATED                                                                                                                      \
    "llama block_count=5 context_length=2048 embedding_length=4096 feed_forward_length=256 attention.head_count=32 "                   \
    "attention.head_count_kv=32 attention.layer_norm_rms_epsilon=1e-05 rope.dimension_count=128 vocab_size=1"

static cfi_ollama_load load_of(const ctxfit_model *model, uint32_t release, uint64_t ctx, uint32_t sequences)
{
    return (cfi_ollama_load){.model = model, .release = release, .sequences = sequences, .ctx_tokens = ctx, .batch = 512,
                             .kv = CTXFIT_QUANT_F16, .requested = UINT32_MAX};
}

static uint64_t layer_bytes(const ctxfit_model *model, uint64_t ctx)
{
    return model->layer_sums[0].bytes[0] + ctx * 2 * 32 * 128 * 2;
}

static void graphs_are_those_of_its_test(void **state)
{
    ctxfit_model    *model = engine_model(ESTIMATED);
    cfi_ollama_load  load = load_of(model, 1210, 2048, 1);
    uint64_t         full, partial;

    (void)state;
    cfi_ollama_graph(&load, 0, &full, &partial);
    assert_int_equal(full, 171968512);
    assert_int_equal(partial, 202377216);
    ctxfit_model_free(model);
}

static void layers_go_where_its_test_has_them(void **state)
{
    static const struct {
        uint64_t space[2];
        uint32_t expected[2];
    } cases[] = {
        {{1, 1}, {1, 1}}, {{2, 1}, {2, 1}}, {{2, 2}, {2, 2}}, {{1, 2}, {1, 2}},
        {{3, 3}, {3, 3}}, {{4, 4}, {3, 3}}, {{6, 6}, {3, 3}}, {{0, 3}, {0, 3}},
    };
    ctxfit_model  *model = engine_model(ESTIMATED);
    const uint64_t size = layer_bytes(model, 2048), output = model->output_sums.bytes[0];

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_ollama_load    load = load_of(model, 1210, 2048, 1);
        cfi_engine_device  device[2];
        cfi_engine_machine machine = {device, NULL, 2, 0, NULL, 0, 0, NULL, false};
        cfi_ollama_layout  layout;

        for (int d = 0; d < 2; d++)
            device[d] = (cfi_engine_device){CTXFIT_BACKEND_CUDA, cfi_ollama_reserve(CTXFIT_BACKEND_CUDA, 0) + size +
                                                                     cases[i].space[d] * size + 1 + 202377216};
        device[cases[i].space[0] > 0 ? 0 : 1].free_bytes += output;
        load.spread = true;
        cfi_ollama_place(&load, &machine, &layout);
        assert_int_equal(layout.count[0], cases[i].expected[0]);
        assert_int_equal(layout.count[1], cases[i].expected[1]);
        assert_int_equal(layout.all, layout.layers == 6);
    }
    ctxfit_model_free(model);
}

/* server/sched.go, llm/server.go: one GPU that is enough; before 0.11.5 else all, then the fewest */
static void it_takes_no_more_gpus_than_it_needs(void **state)
{
    static const struct {
        uint32_t release;
        bool     spread;
        uint64_t space[3]; /* in layers */
        uint64_t mask;
    } cases[] = {
        {900, false, {2, 9, 9}, 2}, {900, true, {9, 9, 9}, 7}, {900, false, {4, 4, 4}, 7},
        {1105, false, {4, 4, 4}, 3}, {1305, false, {4, 4, 4}, 3}, {1305, false, {2, 9, 9}, 2}, {1305, true, {9, 9, 9}, 7},
    };
    ctxfit_model  *model = engine_model(ESTIMATED);
    const uint64_t size = layer_bytes(model, 2048);

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_ollama_load    load = load_of(model, cases[i].release, 2048, 1);
        cfi_engine_device  device[3];
        cfi_engine_machine machine = {device, NULL, 3, 0, NULL, 0, 0, NULL, false};
        cfi_ollama_layout  layout;

        for (int d = 0; d < 3; d++)
            device[d] = (cfi_engine_device){CTXFIT_BACKEND_CUDA, cfi_ollama_reserve(CTXFIT_BACKEND_CUDA, 0) + size +
                                                                     cases[i].space[d] * size + 1 + 202377216};
        load.spread = cases[i].spread;
        cfi_ollama_place(&load, &machine, &layout);
        assert_int_equal(layout.mask, cases[i].mask);
        assert_true(layout.all);
    }
    ctxfit_model_free(model);
}

/* format.HumanBytes2 */
static void as_printed(uint64_t bytes, char out[16])
{
    if (bytes >= UINT64_C(1) << 30)
        (void)snprintf(out, 16, "%.1f GiB", (double)bytes / (double)(UINT64_C(1) << 30));
    else
        (void)snprintf(out, 16, "%.1f MiB", (double)bytes / (double)(UINT64_C(1) << 20));
}

static void compare(const csv_reader *csv, const char *column, uint64_t bytes)
{
    char text[16];

    as_printed(bytes, text);
    if (csv_text(csv, column)[0] != '\0' && strcmp(csv_text(csv, column), text) != 0)
        fail_msg("%s %s, %s: %s, the log prints %s", csv_text(csv, "version"), csv_text(csv, "model"), column, text,
                 csv_text(csv, column));
}

static void logs_print_what_it_estimates(void **state)
{
    csv_reader csv;
    int        rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/ollama_estimates.csv"));
    for (; csv_read(&csv); rows++) {
        ctxfit_model            *model = engine_catalog(csv_text(&csv, "model"), csv_text(&csv, "quant"));
        const cfi_engine_device  device = {CTXFIT_BACKEND_CUDA, (uint64_t)csv_number(&csv, "free_mib") << 20};
        const cfi_engine_machine machine = {&device, NULL, 1, 0, NULL, 0, 0, NULL, false};
        cfi_ollama_load          load = load_of(model, (uint32_t)csv_number(&csv, "release"), (uint64_t)csv_number(&csv, "ctx"),
                                                (uint32_t)csv_number(&csv, "sequences"));
        cfi_ollama_layout        layout;

        load.window_tokens = (uint64_t)csv_number(&csv, "window");
        cfi_ollama_place(&load, &machine, &layout);
        if (layout.layers != (uint32_t)csv_number(&csv, "layers"))
            fail_msg("%s %s: %u layers, the log has %s", csv_text(&csv, "version"), csv_text(&csv, "model"), (unsigned)layout.layers,
                     csv_text(&csv, "layers"));
        compare(&csv, "kv", layout.kv_bytes);
        compare(&csv, "full", layout.full_bytes);
        compare(&csv, "partial", layout.partial_bytes);
        compare(&csv, "required", layout.bytes);
        ctxfit_model_free(model);
    }
    assert_true(rows >= 14);
    csv_close(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_are_those_of_its_test),
        cmocka_unit_test(layers_go_where_its_test_has_them),
        cmocka_unit_test(it_takes_no_more_gpus_than_it_needs),
        cmocka_unit_test(logs_print_what_it_estimates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
