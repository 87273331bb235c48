/* ExLlamaV3: what was published and measured of it (tests/data/engines/exllamav3.csv), and what its sources make exact. */
#include "plan_fixture.h"

#include "csv_reader.h"

#define MIB 1048576.0

/* The published figure's model is in no catalog: baidu/ERNIE-4.5-300B-A47B-PT, config.json */
static const char ernie[] = "ernie4_5-moe layers=54 ctx=131072 width=8192 ff=28672 leading_dense_block_count=3 heads=64 kv_heads=8 "
                            "experts=64 expert_ff=3584 experts_used=8 interleave_moe_layer_step=1 vocab=103424";

static ctxfit_file_type exl3(const char *bits)
{
    char             name[32];
    ctxfit_file_type type;

    (void)snprintf(name, sizeof name, "exl3-%sbpw", bits);
    type = ctxfit_file_type_from_name(name);
    assert_true(type != 0);
    return type;
}

static ctxfit_model *model_of(const char *name, const char *bits)
{
    ctxfit_model *model;
    ctxfit_error  error;
    ctxfit_status status;

    if (strcmp(name, "ernie-4.5-300b") == 0)
        status = ctxfit_model_from_text(ernie, exl3(bits), NULL, &model, &error);
    else
        status = ctxfit_model_from_catalog(name, exl3(bits), NULL, &model, &error);
    if (status != CTXFIT_OK)
        fail_msg("%s: %s", name, error.message);
    return model;
}

static ctxfit_plan_options options_of(const char *version, uint64_t context)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;

    (void)snprintf(o.engine, sizeof o.engine, "exllamav3%s%s", version[0] != '\0' ? "@" : "", version);
    o.ctx_tokens = context;
    return o;
}

static ctxfit_plan_device planned_device(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options, uint32_t at)
{
    ctxfit_plan       *plan = planned(model, hw, options);
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, at, &d), CTXFIT_OK);
    ctxfit_plan_free(plan);
    return d;
}

static void set_cache(ctxfit_plan_options *o, const char *text)
{
    char        key[16];
    const char *comma = strchr(text, ',');

    (void)snprintf(key, sizeof key, "%.*s", (int)(comma != NULL ? comma - text : (long)strlen(text)), text);
    o->kv_key = ctxfit_quant_from_name(key);
    o->kv_value = ctxfit_quant_from_name(comma != NULL ? comma + 1 : key);
    assert_true(o->kv_key != 0 && o->kv_value != 0);
}

static void published_weights_and_measured_memory_agree(void **state)
{
    ctxfit_hw *hw = machine("h200 host:2TiB");
    csv_reader csv;
    int        weights = 0, measured = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/engines/exllamav3.csv"));
    while (csv_read(&csv)) {
        ctxfit_model       *model = model_of(csv_text(&csv, "model"), csv_text(&csv, "bits"));
        ctxfit_plan_options o = options_of(csv_text(&csv, "version"), (uint64_t)strtod(csv_text(&csv, "context"), NULL));
        ctxfit_plan_device  d;
        double              gib = strtod(csv_text(&csv, "weights_gib"), NULL), vram = strtod(csv_text(&csv, "vram_mib"), NULL);

        o.flags = CTXFIT_PLAN_F_NO_LIMITS;
        set_cache(&o, csv_text(&csv, "cache"));
        d = planned_device(model, hw, &o, 0);
        if (gib > 0 && fabs((double)d.weights_bytes / MIB / 1024 - gib) > strtod(csv_text(&csv, "digits"), NULL))
            fail_msg("%s: %.3f GiB of weights, published are %.1f", csv_text(&csv, "model"), (double)d.weights_bytes / MIB / 1024, gib);
        if (vram > 0 && ((double)d.total_bytes / MIB < vram ||
                         (double)(d.total_bytes - d.compute_bytes + d.compute_low_bytes) / MIB > vram))
            fail_msg("%s, %s tokens: %.0f to %.0f MiB, measured %.0f", csv_text(&csv, "model"), csv_text(&csv, "context"),
                     (double)(d.total_bytes - d.compute_bytes + d.compute_low_bytes) / MIB, (double)d.total_bytes / MIB, vram);
        weights += gib > 0;
        measured += vram > 0;
        ctxfit_model_free(model);
    }
    assert_true(weights >= 7 && measured >= 10);
    csv_close(&csv);
    ctxfit_hw_free(hw);
}

/* Groups of 32 elements with a scale of 16 bits. Qwen3-Coder: 48 layers, 4 heads of 128. */
static void a_cache_has_as_many_bits_as_were_asked_for(void **state)
{
    static const char *const names[] = {"f16", "q8", "q7", "q6", "q5", "q4", "q3", "q2", "Q8_0", "Q4_0"};
    static const uint32_t    bytes[] = {64, 34, 30, 26, 22, 18, 14, 10, 34, 18}; /* of a group */
    ctxfit_model            *model = coder("exl3-4.0bpw");
    ctxfit_hw               *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options      o = options_of("", 10000);

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        o.kv_key = o.kv_value = ctxfit_quant_from_name(names[i]);
        assert_int_equal(planned_device(model, hw, &o, 0).kv_bytes, UINT64_C(10240) * 48 * 2 * (512 / 32) * bytes[i]); /* pages of 256 */
    }
    set_cache(&o, "q8,q4");
    assert_int_equal(planned_device(model, hw, &o, 0).kv_bytes, UINT64_C(10240) * 48 * (512 / 32) * (34 + 18));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* 512 elements compressed and 64 rotated: 1152, 672, 544 and 416 bytes a token, as cache/mla.py says. */
static void a_latent_cache_keeps_the_rotated_part_in_16_bits(void **state)
{
    static const char *const names[] = {"f16", "q8", "q6", "q4"};
    static const uint32_t    bytes[] = {1152, 672, 544, 416};
    ctxfit_model            *model = model_of("deepseek-v3", "2.0");
    ctxfit_hw               *hw = machine("8*h200 host:2TiB");
    ctxfit_plan_options      o = options_of("", 4096);

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ctxfit_plan        *plan;
        ctxfit_plan_summary s;

        o.kv_key = o.kv_value = ctxfit_quant_from_name(names[i]);
        plan = planned(model, hw, &o);
        s = summary_of(plan);
        assert_int_equal(s.kv_bytes, UINT64_C(4096) * 61 * bytes[i]);
        ctxfit_plan_free(plan);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* theroyallab/tabbyAPI pull 467: 4 slots x 5 states of 148 MiB each, 2910 MiB; 728 MiB a slot. */
static void states_are_those_that_tabbyapi_reported(void **state)
{
    ctxfit_model       *model = model_of("qwen3.5-27b", "3.0");
    ctxfit_hw          *hw = machine("rtx-3090 host:64GiB");
    ctxfit_plan_options o = options_of("1.4.9", 8192);

    (void)state;
    o.draft_tokens = 4;
    assert_int_equal(planned_device(model, hw, &o, 0).recurrent_bytes, UINT64_C(2910) << 20);
    o.batch_sequences = 1;
    assert_int_equal(planned_device(model, hw, &o, 0).recurrent_bytes * 4, UINT64_C(2910) << 20);
    o.draft_tokens = 0;
    assert_near((double)planned_device(model, hw, &o, 0).recurrent_bytes / MIB, 148, 0.5);
    /* 1.6.5: two states of 16 bits a slot, a convolution, and the inputs of one token that a rewind replays */
    o = options_of("1.6.5", 8192);
    assert_int_equal(planned_device(model, hw, &o, 0).recurrent_bytes,
                     UINT64_C(48) * 4 * (2 * 48 * 128 * 128 * 2 + 10240 * 4 * 2 + 10240 * 2 + 48 * 2 + 48 * 4));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* gpt-oss: 12 layers with a window of 128, 8 heads of 64. 128 + 512 tokens are three pages. */
static void windows_are_slots_where_the_release_has_them(void **state)
{
    ctxfit_model       *oss = model_of("gpt-oss-20b", "4.0"), *gemma = model_of("gemma-3-27b", "4.0");
    ctxfit_hw          *hw = machine("rtx-3090 host:64GiB");
    ctxfit_plan_options o = options_of("1.0.0", 32768);
    ctxfit_plan_device  d;

    (void)state;
    d = planned_device(oss, hw, &o, 0);
    assert_int_equal(d.kv_swa_bytes, UINT64_C(12) * 4 * 768 * 8 * 64 * 2 * 2);
    assert_int_equal(d.kv_bytes, UINT64_C(12) * 32768 * 8 * 64 * 2 * 2);
    o.kv_key = o.kv_value = ctxfit_quant_from_name("q4"); /* slots stay 16 bits */
    assert_int_equal(planned_device(oss, hw, &o, 0).kv_swa_bytes, d.kv_swa_bytes);
    o = options_of("", 32768); /* Gemma 3: all 62 layers keep the whole length */
    d = planned_device(gemma, hw, &o, 0);
    assert_int_equal(d.kv_swa_bytes, 0);
    assert_int_equal(d.kv_bytes, UINT64_C(62) * 32768 * 16 * 128 * 2 * 2);
    ctxfit_hw_free(hw);
    ctxfit_model_free(gemma);
    ctxfit_model_free(oss);
}

static void all_requests_share_the_cache(void **state)
{
    ctxfit_model       *model = coder("exl3-4.0bpw");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_of("", 32768);
    ctxfit_plan_summary one = plan_once(model, hw, &o), four;

    (void)state;
    o.sequences = 4;
    four = plan_once(model, hw, &o);
    assert_int_equal(one.kv_bytes, four.kv_bytes);
    assert_int_equal(four.n_ctx_seq, 32768);
    assert_int_equal(four.kv_unified, 1);
    /* The largest context and the most sequences are the same bytes. */
    assert_int_equal(four.max_sequences, one.max_sequences);
    assert_true(one.max_sequences * UINT64_C(32768) <= one.max_ctx_seq_tokens);
    o = options_of("", 0); /* as long as the model is trained for, in pages */
    assert_int_equal(plan_once(model, hw, &o).n_ctx, 262144);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* The first GPU is filled, what is left of the layers and the output goes to the next; one that is not needed stays empty. */
static void layers_fill_one_gpu_after_the_other(void **state)
{
    ctxfit_model       *model = model_of("qwen2.5-32b", "8.0");
    ctxfit_hw          *hw = machine("3*rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_of("", 8192);
    ctxfit_plan        *plan = planned(model, hw, &o);
    ctxfit_plan_device  d[4];
    ctxfit_plan_summary s = summary_of(plan);

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        d[i].struct_size = (uint32_t)sizeof d[i];
        assert_int_equal(ctxfit_plan_get_device(plan, i, &d[i]), CTXFIT_OK);
    }
    assert_int_equal(d[0].layers + d[1].layers, 64);
    assert_true(d[0].layers > d[1].layers && d[1].layers > 0);
    assert_int_equal(d[2].total_bytes, 0);
    assert_int_equal(s.output_device, 1);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    assert_true(d[0].free_bytes >= 0 && d[0].free_bytes < (int64_t)(d[0].weights_bytes / d[0].layers * 2));
    assert_int_equal(d[0].capacity_bytes - d[0].usable_bytes, UINT64_C(256) << 20);
    assert_int_equal(d[1].capacity_bytes - d[1].usable_bytes, UINT64_C(512) << 20);
    assert_true(d[3].weights_bytes == UINT64_C(152064) * 5120 * 2);
    ctxfit_plan_free(plan);
    o = options_of("1.4.1", 8192);
    assert_int_equal(planned_device(model, hw, &o, 0).usable_bytes, (UINT64_C(24) << 30) - (UINT64_C(96) << 20));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* A GPU that has no room for a layer is passed over. */
static void a_gpu_that_is_too_small_stays_empty(void **state)
{
    ctxfit_model       *model = model_of("qwen3-32b", "4.0");
    ctxfit_hw          *hw = machine("rtx-4090(free=12GiB) rtx-4090(free=2GiB) rtx-4090(free=22GiB) host:64GiB");
    ctxfit_plan_options o = options_of("", 40960);

    (void)state;
    assert_true(planned_device(model, hw, &o, 0).layers > 0);
    assert_int_equal(planned_device(model, hw, &o, 1).total_bytes, 0);
    assert_int_equal(planned_device(model, hw, &o, 0).layers + planned_device(model, hw, &o, 2).layers, 64);
    assert_int_equal(plan_once(model, hw, &o).fit, CTXFIT_FIT_ALL);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void refused(const ctxfit_model *model, const char *spec, const ctxfit_plan_options *options, ctxfit_status status, const char *word)
{
    ctxfit_hw   *hw = machine(spec);
    ctxfit_plan *plan;
    ctxfit_error error;

    assert_int_equal(ctxfit_plan_make(model, hw, options, NULL, &plan, &error), status);
    assert_null(plan);
    if (strstr(error.message, word) == NULL)
        fail_msg("'%s' is not in: %s", word, error.message);
    ctxfit_hw_free(hw);
}

static void what_it_cannot_do_is_refused_with_the_reason(void **state)
{
    static const char   card[] = "rtx-4090 host:64GiB";
    ctxfit_model       *exl = coder("exl3-4.0bpw"), *gguf = coder("Q4_K_M"), *oss = model_of("gpt-oss-20b", "4.0");
    ctxfit_model       *scout = model_of("llama-4-scout", "2.0");
    ctxfit_plan_options o = options_of("", 8192);

    (void)state;
    refused(exl, "mac-studio-m2-ultra-64gb", &o, CTXFIT_E_REFUSED, "CUDA");
    refused(exl, "host:64GiB", &o, CTXFIT_E_REFUSED, "GPU");
    refused(gguf, card, &o, CTXFIT_E_REFUSED, "Q4_K_M");
    refused(scout, "h200 host:2TiB", &o, CTXFIT_E_REFUSED, "llama4");
    o.kv_key = o.kv_value = ctxfit_quant_from_name("IQ4_NL");
    refused(exl, card, &o, CTXFIT_E_REFUSED, "IQ4_NL");
    o.kv_key = CTXFIT_QUANT_F16;
    o.kv_value = ctxfit_quant_from_name("q8");
    refused(exl, card, &o, CTXFIT_E_REFUSED, "both");
    o = options_of("", 8192);
    o.kv_unified = CTXFIT_CHOICE_OFF;
    refused(exl, card, &o, CTXFIT_E_REFUSED, "share");
    o = options_of("", 8192);
    o.gpu_layers = 3;
    refused(exl, card, &o, CTXFIT_E_REFUSED, "gpu_layers");
    o = options_of("", 8192);
    o.tensor_parallel = 2;
    refused(exl, card, &o, CTXFIT_E_UNSUPPORTED, "tensor_parallel");
    o = options_of("", 8192);
    o.sequences = 4;
    o.batch_sequences = 2;
    refused(exl, card, &o, CTXFIT_E_REFUSED, "max_batch_size");
    o = options_of("0.0.43", 8192);
    refused(oss, card, &o, CTXFIT_E_REFUSED, "1.0.0");
    memcpy(o.engine, "llama.cpp", sizeof "llama.cpp");
    refused(exl, card, &o, CTXFIT_E_REFUSED, "EXL3");
    ctxfit_model_free(scout);
    ctxfit_model_free(oss);
    ctxfit_model_free(gguf);
    ctxfit_model_free(exl);
}

static void sixteen_bits_run_as_well(void **state)
{
    ctxfit_model       *model = catalog_model("qwen3-8b", "BF16");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = options_of("", 8192);
    ctxfit_plan_summary s = plan_once(model, hw, &o);
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    assert_int_equal(s.weights_bytes, 2 * info.parameters);
    assert_int_equal(s.fit, CTXFIT_FIT_ALL);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* The next ones up do not fit; GGUF's types are none of it. */
static void the_best_file_type_is_one_that_it_runs(void **state)
{
    static const char *const above[] = {"BF16", "exl3-8bpw", "exl3-6bpw"};
    ctxfit_model            *model = model_of("llama-3.3-70b", "2.0");
    ctxfit_hw               *hw = machine("2*rtx-4090 host:64GiB");
    ctxfit_plan_options      o = options_of("", 8192);
    ctxfit_file_type         best;
    ctxfit_model            *other;

    (void)state;
    assert_int_equal(ctxfit_plan_best_file_type(model, hw, &o, NULL, &best, NULL), CTXFIT_OK);
    assert_int_equal(best, exl3("5.0"));
    for (size_t i = 0; i < sizeof above / sizeof above[0]; i++) {
        assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name(above[i]), NULL, &other, NULL), CTXFIT_OK);
        assert_int_equal(plan_once(other, hw, &o).fit, CTXFIT_FIT_NONE);
        ctxfit_model_free(other);
    }
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

/* GLM-4.5-Air: its first layer has no experts, so the first two with some are the second and the third. */
static void experts_of_the_first_layers_stay_on_the_host(void **state)
{
    ctxfit_model       *model = model_of("glm-4.5-air", "4.0");
    ctxfit_hw          *hw = machine("rtx-pro-6000-blackwell host:256GiB");
    ctxfit_plan_options o = options_of("", 8192);
    ctxfit_plan_device  gpu = planned_device(model, hw, &o, 0), host = planned_device(model, hw, &o, 1), moved, kept;
    uint64_t            experts = 0, tensors;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    tensors = info.tensor_count;
    for (uint64_t i = 0; i < tensors; i++) {
        ctxfit_tensor_info t = CTXFIT_TENSOR_INFO_INIT;
        const char        *name = ctxfit_model_tensor_name(model, i);

        assert_int_equal(ctxfit_model_get_tensor(model, i, &t), CTXFIT_OK);
        if ((strncmp(name, "blk.1.", 6) == 0 || strncmp(name, "blk.2.", 6) == 0) && strstr(name, "_exps.weight") != NULL)
            experts += t.bytes;
    }
    assert_true(experts > 0);
    o.cpu_expert_layers = 2;
    moved = planned_device(model, hw, &o, 0);
    kept = planned_device(model, hw, &o, 1);
    assert_int_equal(gpu.weights_bytes - moved.weights_bytes, experts);
    assert_int_equal(kept.weights_bytes - host.weights_bytes, experts);
    assert_int_equal(plan_once(model, hw, &o).fit, CTXFIT_FIT_SPLIT);
    o.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    assert_true(planned_device(model, hw, &o, 0).weights_bytes < gpu.weights_bytes / 4);
    o = options_of("1.1.0", 8192);
    o.cpu_expert_layers = 2;
    refused(model, "rtx-pro-6000-blackwell host:256GiB", &o, CTXFIT_E_REFUSED, "1.2.0");
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_weights_and_measured_memory_agree),
        cmocka_unit_test(a_cache_has_as_many_bits_as_were_asked_for),
        cmocka_unit_test(a_latent_cache_keeps_the_rotated_part_in_16_bits),
        cmocka_unit_test(states_are_those_that_tabbyapi_reported),
        cmocka_unit_test(windows_are_slots_where_the_release_has_them),
        cmocka_unit_test(all_requests_share_the_cache),
        cmocka_unit_test(layers_fill_one_gpu_after_the_other),
        cmocka_unit_test(a_gpu_that_is_too_small_stays_empty),
        cmocka_unit_test(what_it_cannot_do_is_refused_with_the_reason),
        cmocka_unit_test(sixteen_bits_run_as_well),
        cmocka_unit_test(experts_of_the_first_layers_stay_on_the_host),
        cmocka_unit_test(the_best_file_type_is_one_that_it_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
