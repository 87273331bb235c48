/* Weights of a quantized checkpoint in the engines that load checkpoints: as its configuration says, as the headers of its files say. */
#include <stdbool.h>
#include <stdlib.h>

#include "test_support.h"

#include "ctxfit.h"

#define GIB 1073741824.0

/* Qwen3-8B */
#define QWEN "{\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\", \"hidden_size\": 4096, " \
             "\"intermediate_size\": 12288, \"num_hidden_layers\": 36, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, " \
             "\"head_dim\": 128, " \
             "\"vocab_size\": 151936, \"max_position_embeddings\": 40960, \"tie_word_embeddings\": false"

static ctxfit_plan *planned_for(const ctxfit_model *model, const char *engine, const char *spec)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error;

    assert_int_equal(ctxfit_hw_parse(spec, NULL, &hw, &error), CTXFIT_OK);
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    o.ctx_tokens = 4096;
    if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_hw_free(hw);
    return plan;
}

static uint64_t weights_of(const ctxfit_model *model, const char *engine, const char *spec)
{
    ctxfit_plan       *plan = planned_for(model, engine, spec);
    ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
    ctxfit_plan_free(plan);
    return device.weights_bytes;
}

/* Of each of so many ranks under vLLM in that release, with these flags. */
static ctxfit_plan_device on_ranks(const ctxfit_model *model, const char *engine, uint32_t ranks, uint32_t flags)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;

    assert_int_equal(ctxfit_hw_parse("4*h200 host:64GiB", NULL, &hw, NULL), CTXFIT_OK);
    (void)snprintf(o.engine, sizeof o.engine, "%s", engine);
    o.ctx_tokens = 4096;
    o.tensor_parallel = ranks;
    o.flags = flags;
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, ranks - 1, &device), CTXFIT_OK);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    return device;
}

static bool warns_of(const ctxfit_model *model, const char *engine, const char *words)
{
    ctxfit_plan *plan = planned_for(model, engine, strcmp(engine, "mlx-lm") == 0 ? "mac-studio-m2-ultra-64gb" : "h200 host:64GiB");
    const char  *text;
    bool         found = false;

    for (uint32_t i = 0; (text = ctxfit_plan_warning(plan, i)) != NULL; i++)
        found = found || strstr(text, words) != NULL;
    ctxfit_plan_free(plan);
    return found;
}

static ctxfit_model *with(const char *quantization, ctxfit_file_type file_type)
{
    char          json[2048];
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    (void)snprintf(json, sizeof json, QWEN "%s%s}", *quantization != '\0' ? ", " : "", quantization);
    if (ctxfit_model_from_config(json, strlen(json), file_type, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", json, error.message);
    return model;
}

/* Published: Qwen3-8B 16.38 GB, -AWQ 6.10 GB, -FP8 9.44 GB (files of the repositories). The others by arithmetic: 6.946 billion weights of
 * linear matrices, 1.245 billion of embeddings and output in 16 bits. */
static void a_configuration_says_how_wide_weights_are(void **state)
{
    static const struct {
        const char *quantization;
        double      gib;
        const char *warning;
    } cases[] = {
        {"", 15.26, NULL},
        {"\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128}", 6.10e9 / GIB, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}", 9.44e9 / GIB, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": -1}", 8.79, "estimate"},
        {"\"quantization_config\": {\"load_in_4bit\": true}", 5.96, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"auto-round\", \"bits\": 4, \"group_size\": 128}", 5.68, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"hqq\", \"quant_config\": {\"weight_quant_params\": {\"nbits\": 4, "
         "\"group_size\": 64}}}", 5.81, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"quark\", \"global_quant_config\": {\"weight\": {\"dtype\": \"fp8_e4m3\"}}}", 8.79,
         "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"torchao\", \"quant_type\": {\"default\": {\"_type\": \"Int8WeightOnlyConfig\"}}}",
         8.79, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"aqlm\", \"nbits_per_codebook\": 16, \"num_codebooks\": 1, \"in_group_size\": 8}",
         3.94, "estimate"},
        {"\"quantization\": {\"bits\": 4, \"group_size\": 64}", 8.191e9 * 0.5625 / GIB, "estimate"},
        {"\"quantization\": {\"bits\": 4, \"group_size\": 32, \"mode\": \"mxfp4\"}", 8.191e9 * 17 / 32 / GIB, "estimate"},
        {"\"quantization\": {\"bits\": 4, \"mode\": \"nvfp4\"}", 8.191e9 * 9 / 16 / GIB, "estimate"},
        {"\"quantization\": {\"bits\": 8, \"mode\": \"mxfp8\"}", 8.191e9 * 33 / 32 / GIB, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": -1}", (6.946e9 / 2 + 2 * 1.245e9) / GIB,
         "estimate"},
        {"\"quantization_config\": {\"config_groups\": {\"group_0\": {\"format\": \"nvfp4-pack-quantized\"}}}", 5.96, "estimate"},
        {"\"quantization_config\": {\"quant_method\": \"experts_int8\"}", 15.26, "not known"},
        {"\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 0}", 15.26, "not known"},
        {"\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 400}", 15.26, "not known"},
        {"\"quantization_config\": {}", 15.26, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model *model = with(cases[i].quantization, 0);
        const bool    mlx = strncmp(cases[i].quantization, "\"quantization\"", 14) == 0;
        const char   *engine = mlx ? "mlx-lm" : "vllm@0.9.2"; /* that has them all */
        double        gib = (double)weights_of(model, engine, mlx ? "macbook-air-m4-16gb" : "h200 host:64GiB") / GIB;

        if (gib < cases[i].gib * 0.99 || gib > cases[i].gib * 1.01)
            fail_msg("%s: %.3f GiB, not %.3f", cases[i].quantization, gib, cases[i].gib);
        if (cases[i].warning != NULL && !warns_of(model, engine, cases[i].warning))
            fail_msg("%s: nothing says '%s'", cases[i].quantization, cases[i].warning);
        ctxfit_model_free(model);
    }
}

/* A file type that is asked for is what is planned, and engines of GGUF files do not load the checkpoint. */
static void a_file_type_takes_the_place_of_the_checkpoint(void **state)
{
    static const char awq[] = "\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128}";
    ctxfit_model     *model = with(awq, 0), *plain = with("", 0), *asked = with(awq, ctxfit_file_type_from_name("BF16"));

    (void)state;
    assert_int_equal(weights_of(asked, "vllm", "h200 host:64GiB"), weights_of(plain, "vllm", "h200 host:64GiB"));
    assert_int_equal(weights_of(model, "llama.cpp", "h200 host:64GiB"), weights_of(plain, "llama.cpp", "h200 host:64GiB"));
    assert_true(warns_of(model, "llama.cpp", "the checkpoint is quantized (awq)"));
    assert_false(warns_of(plain, "llama.cpp", "quantized"));
    assert_false(warns_of(asked, "vllm", "estimate"));
    ctxfit_model_free(model);
    ctxfit_model_free(plain);
    ctxfit_model_free(asked);
}

/* A checkpoint whose headers are `header`; `more` stands in its config.json. */
static ctxfit_model *of_headers(const char *header, const char *more)
{
    const size_t        len = strlen(header);
    char                json[1024];
    uint8_t             file[2048] = {(uint8_t)(len & 0xff), (uint8_t)(len >> 8)};
    ctxfit_safetensors *weights = NULL;
    ctxfit_model       *model = NULL;
    ctxfit_error        error;

    assert_true(len + 8 <= sizeof file);
    memcpy(file + 8, header, len);
    (void)snprintf(json, sizeof json,
                   "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": "
                   "256, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"num_key_value_heads\": 2, \"vocab_size\": 1024, "
                   "\"max_position_embeddings\": 8192%s}", more);
    if (ctxfit_safetensors_parse(file, 8 + len, 0, NULL, &weights, &error) != CTXFIT_OK ||
        ctxfit_model_from_hf(json, strlen(json), weights, 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_safetensors_free(weights);
    return model;
}

/* With headers: every byte of the files, on one rank and by halves on two. */
static void headers_say_it_exactly(void **state)
{
    static const char header[] =
        "{\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[1024,64],\"data_offsets\":[0,131072]},"
        "\"model.layers.0.mlp.down_proj.qweight\":{\"dtype\":\"I32\",\"shape\":[128,64],\"data_offsets\":[131072,163840]},"
        "\"model.layers.1.mlp.down_proj.qweight\":{\"dtype\":\"I32\",\"shape\":[64,64],\"data_offsets\":[163840,180224]},"
        "\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[1024,64],\"data_offsets\":[180224,311296]},"
        "\"visual.blocks.0.weight\":{\"dtype\":\"BF16\",\"shape\":[64,64],\"data_offsets\":[311296,319488]}}";
    ctxfit_model *model = of_headers(header, ", \"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4, "
                                             "\"group_size\": 128}");
    uint64_t      one, two;

    (void)state;
    one = weights_of(model, "vllm", "2*h200 host:64GiB");
    assert_int_equal(one, 319488);
    two = weights_of(model, "sglang", "2*h200 host:64GiB");
    assert_int_equal(one, two);
    assert_false(warns_of(model, "vllm", "estimate"));
    ctxfit_model_free(model);
}

#define MAC "mac-studio-m2-ultra-64gb"

/* vLLM and SGLang have no model in F32, TensorRT-LLM has one where config.json says so, mlx-lm takes the files' types. 16 bits a weight
 * but for A_log; the tower is not loaded by mlx-lm. */
static void files_in_32_bits_are_counted_as_the_engine_loads_them(void **state)
{
    static const char wide[] =
        "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[1024,64],\"data_offsets\":[0,262144]},"
        "\"model.layers.0.mlp.down_proj.weight\":{\"dtype\":\"F32\",\"shape\":[64,64],\"data_offsets\":[262144,278528]},"
        "\"model.layers.1.mlp.down_proj.weight\":{\"dtype\":\"BF16\",\"shape\":[64,64],\"data_offsets\":[278528,286720]},"
        "\"model.layers.1.linear_attn.A_log\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[286720,286976]},"
        "\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[1024,64],\"data_offsets\":[286976,549120]},"
        "\"visual.blocks.0.weight\":{\"dtype\":\"F32\",\"shape\":[64,64],\"data_offsets\":[549120,565504]},"
        "\"visual.blocks.0.scale\":{\"dtype\":\"F64\",\"shape\":[8],\"data_offsets\":[565504,565568]}}";
    static const char fp8[] =
        "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[1024,64],\"data_offsets\":[0,262144]},"
        "\"model.layers.0.mlp.down_proj.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[64,64],\"data_offsets\":[262144,266240]},"
        "\"model.layers.0.mlp.down_proj.weight_scale_inv\":{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[266240,266304]},"
        "\"model.layers.1.mlp.gate.weight\":{\"dtype\":\"F32\",\"shape\":[16,64],\"data_offsets\":[266304,270400]},"
        "\"model.layers.1.input_layernorm.weight\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[270400,270656]},"
        "\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[270656,270912]}}";
    static const char quantized[] = ", \"tie_word_embeddings\": true, "
                                    "\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [16, 16]}";
    static const uint64_t all = 565568, towers = 16384 + 64, halves = 2 * (65536 + 4096 + 4096 + 65536 + 4096 + 8) + 4 * 64;
    const struct {
        const char *header, *config, *engine, *spec;
        uint64_t    bytes;
    } cases[] = {
        {wide, "", "vllm", "h200 host:64GiB", halves},
        {wide, "", "sglang", "h200 host:64GiB", halves},
        {wide, "", "tensorrt-llm", "h200 host:64GiB", halves},
        {wide, "", "mlx-lm", MAC, all - towers},
        {wide, ", \"torch_dtype\": \"float32\"", "vllm", "h200 host:64GiB", halves},
        {wide, ", \"dtype\": \"float32\"", "sglang", "h200 host:64GiB", halves},
        {wide, ", \"torch_dtype\": \"float32\"", "tensorrt-llm", "h200 host:64GiB", all},
        {wide, ", \"torch_dtype\": \"float32\"", "mlx-lm", MAC, all - towers},
        {fp8, quantized, "vllm", "h200 host:64GiB", 131072 + 4096 + 64 + 4096 + 2 * 128},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model *model = of_headers(cases[i].header, cases[i].config);
        uint64_t      bytes = weights_of(model, cases[i].engine, cases[i].spec);

        if (bytes != cases[i].bytes)
            fail_msg("case %zu, %s: %llu bytes, not %llu", i, cases[i].engine, (unsigned long long)bytes,
                     (unsigned long long)cases[i].bytes);
        assert_false(warns_of(model, "vllm", "32 bits"));
        assert_false(warns_of(model, "vllm", "in F32"));
        ctxfit_model_free(model);
    }
}

/* The same of a configuration alone. What is asked for in F32 is planned in it. */
static void a_configuration_in_32_bits_is_counted_as_the_engine_loads_it(void **state)
{
    static const char awq[] = "\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128}";
    static const char wide_awq[] = "\"torch_dtype\": \"float32\", "
                                   "\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128}";
    static const char *const engines[] = {"vllm", "sglang", "exllamav3"};
    static const char        spec[] = "h200 host:64GiB";
    ctxfit_model            *half = with("", 0), *wide = with("\"torch_dtype\": \"float32\"", 0);
    ctxfit_model            *tied = with("\"tie_word_embeddings\": true", 0);
    ctxfit_model            *wide_tied = with("\"torch_dtype\": \"float32\", \"tie_word_embeddings\": true", 0);
    ctxfit_model            *packed = with(awq, 0), *wide_packed = with(wide_awq, 0), *asked = with("", ctxfit_file_type_from_name("F32"));
    uint64_t                 doubled;

    (void)state;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        assert_int_equal(weights_of(wide, engines[i], spec), weights_of(half, engines[i], spec));
        assert_int_equal(weights_of(wide_tied, engines[i], spec), weights_of(tied, engines[i], spec));
    }
    assert_int_equal(weights_of(wide_packed, "vllm", spec), weights_of(packed, "vllm", spec));
    doubled = weights_of(wide, "tensorrt-llm", spec);
    assert_true(doubled > weights_of(half, "tensorrt-llm", spec) / 1000 * 1999);
    assert_int_equal(weights_of(wide, "mlx-lm", MAC), doubled);
    assert_int_equal(weights_of(asked, "vllm", spec), doubled);
    ctxfit_model_free(half);
    ctxfit_model_free(wide);
    ctxfit_model_free(tied);
    ctxfit_model_free(wide_tied);
    ctxfit_model_free(packed);
    ctxfit_model_free(wide_packed);
    ctxfit_model_free(asked);
}

/* What a reading left open or took for something else is said by the plan too. A key that stands twice: the last holds, as in Python. */
static void notes_of_a_configuration_are_warnings_of_its_plan(void **state)
{
    ctxfit_model *model = with("", 0), *odd = with("\"max_position_embeddings\": -7", 0), *thin = with("\"num_hidden_layers\": 4", 0);

    (void)state;
    assert_false(warns_of(model, "vllm", "no size"));
    assert_true(warns_of(odd, "vllm", "'max_position_embeddings' is no size"));
    assert_true(warns_of(odd, "llama.cpp", "'max_position_embeddings' is no size"));
    assert_true(weights_of(thin, "vllm", "h200") < weights_of(model, "vllm", "h200") / 2);
    ctxfit_model_free(thin);
    ctxfit_model_free(odd);
    ctxfit_model_free(model);
}

#define MODELOPT "\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\""
#define SCHEME ", \"kv_cache_scheme\": {\"dynamic\": false, \"num_bits\": 8, \"type\": \"float\"}}"
#define COMPRESSED "\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"group_0\": {\"weights\": " \
                   "{\"num_bits\": 8, \"type\": \"float\"}}}"

/* One sequence of 4,096 tokens of Qwen3-8B: 36 layers of 2 x 8 heads of 128. */
static void the_cache_that_a_checkpoint_states_is_the_default(void **state)
{
    static const uint64_t sixteen = (uint64_t)4096 * 36 * 2 * 8 * 128 * 2;
    static const struct {
        const char *quantization, *engine;
        bool        half;
        const char *words;
    } cases[] = {
        {MODELOPT SCHEME, "vllm", true, "the cache is of FP8_E4M3, as the checkpoint states"},
        {MODELOPT SCHEME, "vllm@0.14.0", true, "as the checkpoint states"},
        {MODELOPT SCHEME, "vllm@0.12.0", false, "states a cache of FP8_E4M3: counted are 16 bits"},
        {MODELOPT SCHEME, "sglang", true, "as the checkpoint states"},
        {MODELOPT SCHEME, "tensorrt-llm", true, "as the checkpoint states"},
        {MODELOPT "}", "vllm", false, NULL},
        {MODELOPT ", \"kv_cache_quant_algo\": \"NVFP4\"}", "vllm", false, "states a cache of NVFP4_G16: counted are 16 bits"},
        {COMPRESSED SCHEME, "vllm", true, "as the checkpoint states"},
        {COMPRESSED SCHEME, "vllm@0.14.0", false, "counted are 16 bits"},
        {COMPRESSED SCHEME, "sglang", false, "counted are 16 bits"},
        {COMPRESSED SCHEME, "tensorrt-llm", false, "counted are 16 bits"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_model       *model = with(cases[i].quantization, 0);
        ctxfit_model       *asked = with(cases[i].quantization, ctxfit_file_type_from_name("BF16"));
        ctxfit_plan        *plan = planned_for(model, cases[i].engine, "h200 host:64GiB");
        ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
        const uint64_t      wanted = cases[i].half ? sixteen / 2 : sixteen;

        assert_int_equal(ctxfit_plan_get_summary(plan, &summary), CTXFIT_OK);
        if (summary.kv_bytes < wanted || summary.kv_bytes > wanted / 100 * 101)
            fail_msg("%s: %s: %llu bytes", cases[i].quantization, cases[i].engine, (unsigned long long)summary.kv_bytes);
        if (cases[i].words != NULL)
            assert_true(warns_of(model, cases[i].engine, cases[i].words));
        assert_false(warns_of(asked, cases[i].engine, "the checkpoint states"));
        ctxfit_plan_free(plan);
        ctxfit_model_free(asked);
        ctxfit_model_free(model);
    }
}

/* By the module: the embeddings (151,936 x 4,096) of 8 bits, the head of 6, one matrix (4,096 x 12,288) of 8, one plain. What a module does
 * not state is MLX's default, not the whole's. */
static void modules_of_mlx_have_formats_of_their_own(void **state)
{
    static const struct {
        const char *modules;
        double      more; /* bytes than with 4 bits in groups of 64 */
        const char *warning;
    } cases[] = {
        {"\"model.embed_tokens\": {\"bits\": 8, \"group_size\": 64}", 151936.0 * 4096 / 2, NULL},
        {"\"lm_head\": {\"bits\": 6, \"group_size\": 64}", 151936.0 * 4096 / 4, NULL},
        {"\"language_model.model.layers.0.mlp.down_proj\": {\"bits\": 8}", 4096.0 * 12288 / 2, NULL},
        {"\"model.layers.1.mlp.down_proj\": false", 4096.0 * 12288 * (2 - 0.5625), NULL},
        {"\"model.layers.1.self_attn.q_proj\": {\"mode\": \"mxfp4\"}", 4096.0 * 4096 * (17.0 / 32 - 0.5625), NULL},
        {"\"model.layers.1.mlp.down_proj\": true", 0, NULL},
        {"\"model.layers.36.mlp.down_proj\": false, \"model.layers.0.novel\": {\"bits\": 8}", 0,
         "2 modules have formats of their own that are not counted (the first: 'model.layers.36.mlp.down_proj')"},
    };
    ctxfit_model  *plain = with("\"quantization\": {\"bits\": 4, \"group_size\": 64}", 0);
    const uint64_t base = weights_of(plain, "mlx-lm", "macbook-air-m4-16gb");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          text[512];
        ctxfit_model *model;
        double        more;

        (void)snprintf(text, sizeof text, "\"quantization\": {\"bits\": 4, \"group_size\": 64, %s}", cases[i].modules);
        model = with(text, 0);
        more = (double)weights_of(model, "mlx-lm", "macbook-air-m4-16gb") - (double)base;
        if (more < cases[i].more - 512 || more > cases[i].more + 512) /* padding */
            fail_msg("%s: %.0f bytes more, not %.0f", cases[i].modules, more, cases[i].more);
        assert_int_equal(warns_of(model, "mlx-lm", "formats of their own"), cases[i].warning != NULL);
        assert_true(cases[i].warning == NULL || warns_of(model, "mlx-lm", cases[i].warning));
        ctxfit_model_free(model);
    }
    ctxfit_model_free(plain);
}

static void a_method_that_is_text_is_refused(void **state)
{
    static const char text[] = QWEN ", \"quantization_config\": \"awq\"}";
    ctxfit_model     *none = NULL;
    ctxfit_error      error;

    (void)state;
    assert_int_equal(ctxfit_model_from_config(text, strlen(text), 0, NULL, &none, &error), CTXFIT_E_TYPE);
    assert_non_null(strstr(error.message, "'quantization_config'"));
}

/* Qwen2.5-VL-7B's tower is 676,550,144 parameters (modeling_qwen2_5_vl.py); ranks share the weights of its linear layers. Its class has no
 * ears. */
#define EYES "\"vision_config\": {\"depth\": 32, \"hidden_act\": \"silu\", \"hidden_size\": 1280, \"intermediate_size\": 3420, " \
             "\"in_chans\": 3, \"patch_size\": 14, \"spatial_merge_size\": 2, \"temporal_patch_size\": 2}"
#define LINEAR (UINT64_C(32) * (4 * 1280 * 1280 + 3 * 1280 * 3420) + 5120 * (5120 + 3584))
#define REST   (UINT64_C(676550144) - LINEAR)
#define STRANGE_EYES "\"vision_config\": {\"model_type\": \"strange\", \"num_hidden_layers\": 24, \"hidden_size\": 1024, " \
                     "\"intermediate_size\": 4096, \"patch_size\": 16}"
#define EARS "\"audio_config\": {\"encoder_layers\": 32, \"d_model\": 1280, \"num_mel_bins\": 128}"

static ctxfit_model *qwen_vl(const char *towers)
{
    char          json[2048];
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    (void)snprintf(json, sizeof json,
                   "{\"architectures\": [\"Qwen2_5_VLForConditionalGeneration\"], \"model_type\": \"qwen2_5_vl\", \"hidden_size\": 3584, "
                   "\"intermediate_size\": 18944, \"num_hidden_layers\": 28, \"num_attention_heads\": 28, \"num_key_value_heads\": 4, "
                   "\"max_position_embeddings\": 128000, \"vocab_size\": 152064, %s}", towers);
    if (ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static uint64_t profile_of(const ctxfit_model *model, const char *engine)
{
    ctxfit_plan       *plan = planned_for(model, engine, "h200 host:64GiB");
    ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
    ctxfit_plan_free(plan);
    return device.compute_bytes;
}

/* 3,584 of 16 bits for each of 8,192 tokens; SGLang's activations are outside of its part. */
static void what_eyes_give_is_profiled_by_vllm(void **state)
{
    ctxfit_model *eyes = qwen_vl(EYES), *strange = qwen_vl(STRANGE_EYES), *none = qwen_vl("\"vision_config\": {}"), *packed = NULL;

    (void)state;
    assert_int_equal(profile_of(eyes, "vllm") - profile_of(none, "vllm"), 2 * 3584 * 8192);
    assert_int_equal(profile_of(strange, "vllm"), profile_of(eyes, "vllm"));
    assert_int_equal(profile_of(eyes, "sglang"), profile_of(none, "sglang"));
    assert_true(warns_of(eyes, "vllm", "With --limit-mm-per-prompt of 0 vLLM has neither"));
    assert_false(warns_of(none, "vllm", "--limit-mm-per-prompt"));
    assert_int_equal(ctxfit_model_requantize(eyes, ctxfit_file_type_from_name("Q4_K_M"), NULL, &packed, NULL), CTXFIT_OK);
    assert_false(warns_of(packed, "vllm", "--limit-mm-per-prompt"));
    ctxfit_model_free(packed);
    ctxfit_model_free(none);
    ctxfit_model_free(strange);
    ctxfit_model_free(eyes);
}

static void eyes_of_a_configuration_are_weights(void **state)
{
    static const char *const loads[] = {"vllm", "sglang", "tensorrt-llm"}, *const drops[] = {"mlx-lm", "exllamav3", "llama.cpp"};
    static const char        wide[] = ", \"torch_dtype\": \"float32\"";
    const uint64_t           linear = LINEAR, rest = REST;
    ctxfit_model            *eyes = qwen_vl(EYES), *none = qwen_vl("\"vision_config\": {}"), *in_f32 = NULL, *copy = NULL, *packed = NULL;
    char                     json[1024];

    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        assert_int_equal(weights_of(eyes, loads[i], "h200 host:64GiB"),
                         weights_of(none, loads[i], "h200 host:64GiB") + 2 * (linear + rest));
        assert_true(warns_of(eyes, loads[i], "vision_config of config.json has 676550144 parameters"));
        assert_false(warns_of(eyes, loads[i], "not counted"));
    }
    for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        const char *spec = i == 0 ? "mac-studio-m2-ultra-64gb" : "h200 host:64GiB";

        assert_int_equal(weights_of(eyes, drops[i], spec), weights_of(none, drops[i], spec));
        assert_false(warns_of(eyes, drops[i], "vision_config"));
    }
    assert_int_equal(on_ranks(eyes, "vllm", 2, 0).tower_bytes, 2 * (linear / 2 + rest));
    assert_int_equal(on_ranks(eyes, "vllm", 2, 0).weights_bytes, on_ranks(none, "vllm", 2, 0).weights_bytes + 2 * (linear / 2 + rest));
    (void)snprintf(json, sizeof json, "%s%s", EYES, wide);
    in_f32 = qwen_vl(json);
    assert_int_equal(weights_of(in_f32, "vllm", "h200 host:64GiB"), weights_of(eyes, "vllm", "h200 host:64GiB"));
    assert_int_equal(ctxfit_model_requantize(eyes, ctxfit_file_type_from_name("BF16"), NULL, &copy, NULL), CTXFIT_OK);
    assert_int_equal(weights_of(copy, "vllm", "h200 host:64GiB"), weights_of(eyes, "vllm", "h200 host:64GiB"));
    assert_int_equal(ctxfit_model_requantize(eyes, ctxfit_file_type_from_name("Q4_K_M"), NULL, &packed, NULL), CTXFIT_OK);
    assert_true(warns_of(packed, "vllm", "of a GGUF they are a file of their own"));
    ctxfit_model_free(packed);
    ctxfit_model_free(copy);
    ctxfit_model_free(in_f32);
    ctxfit_model_free(none);
    ctxfit_model_free(eyes);
}

/* The lists of published files: Qwen3-VL-FP8 excepts "visual", others the tower by a pattern, or name what is quantized. */
static void eyes_are_quantized_unless_they_are_excepted(void **state)
{
    static const struct {
        const char *config;
        double      each; /* bytes of a weight of its linear layers */
    } cases[] = {
        {"\"quant_method\": \"fp8\", \"modules_to_not_convert\": [\"lm_head\", \"visual.merger\", \"visual.blocks.0.attn.qkv\"]", 2},
        {"\"quant_method\": \"fp8\", \"modules_to_not_convert\": [\"lm_head\"]", 1},
        {"\"quant_method\": \"compressed-tensors\", \"ignore\": [\"re:.*vision_tower.*\"], \"config_groups\": {\"a\": {\"targets\": "
         "[\"Linear\"], \"weights\": {\"num_bits\": 4, \"type\": \"int\", \"group_size\": 32}}}", 2},
        {"\"quant_method\": \"compressed-tensors\", \"ignore\": [\"lm_head\"], \"config_groups\": {\"a\": {\"targets\": "
         "[\"Linear\"], \"weights\": {\"num_bits\": 4, \"type\": \"int\", \"group_size\": 32}}}", 0.5 + 2.0 / 32},
        {"\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"a\": {\"targets\": [\"re:.*language_model.*\"], \"weights\": "
         "{\"num_bits\": 4, \"type\": \"int\", \"group_size\": 32}}}", 2},
        {"\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model;

        (void)snprintf(json, sizeof json, "%s, \"quantization_config\": {%s}", EYES, cases[i].config);
        model = qwen_vl(json);
        assert_int_equal(on_ranks(model, "vllm", 1, 0).tower_bytes, (uint64_t)((double)LINEAR * cases[i].each) + 2 * REST);
        ctxfit_model_free(model);
    }
}

static void eyes_are_left_out_where_only_text_is_served(void **state)
{
    ctxfit_model       *eyes = qwen_vl(EYES), *none = qwen_vl("\"vision_config\": {}");
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_error        error;

    (void)state;
    assert_int_equal(on_ranks(eyes, "vllm", 1, CTXFIT_PLAN_F_TEXT_ONLY).weights_bytes, on_ranks(none, "vllm", 1, 0).weights_bytes);
    assert_int_equal(on_ranks(eyes, "vllm@0.16.0", 1, CTXFIT_PLAN_F_TEXT_ONLY).tower_bytes, 0);
    assert_int_equal(on_ranks(eyes, "vllm@0.14.0", 1, CTXFIT_PLAN_F_TEXT_ONLY).tower_bytes, 2 * 676550144);
    assert_int_equal(ctxfit_hw_parse("h200 host:64GiB", NULL, &hw, NULL), CTXFIT_OK);
    o.ctx_tokens = 4096;
    o.flags = CTXFIT_PLAN_F_TEXT_ONLY;
    (void)snprintf(o.engine, sizeof o.engine, "vllm");
    assert_int_equal(ctxfit_plan_make(none, hw, &o, NULL, &plan, NULL), CTXFIT_OK);
    assert_non_null(strstr(ctxfit_plan_warning(plan, 1), "the model has no eyes or ears beside it"));
    ctxfit_plan_free(plan);
    (void)snprintf(o.engine, sizeof o.engine, "sglang");
    assert_int_equal(ctxfit_plan_make(eyes, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    ctxfit_hw_free(hw);
    ctxfit_model_free(none);
    ctxfit_model_free(eyes);
}

/* Qwen2-Audio's are modules of transformers: every rank has them in full. */
static void ears_of_transformers_are_on_every_rank(void **state)
{
    static const char json[] = "{\"architectures\": [\"Qwen2AudioForConditionalGeneration\"], \"model_type\": \"qwen2_audio\", "
                               "\"audio_config\": {\"model_type\": \"qwen2_audio_encoder\"}, \"text_config\": {\"model_type\": \"qwen2\", "
                               "\"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 2, "
                               "\"num_attention_heads\": 32, \"num_key_value_heads\": 32, \"vocab_size\": 156032}}";
    const uint64_t    all = 2 * UINT64_C(642215936); /* modeling_qwen2_audio.py, with 4096 behind it */
    ctxfit_model     *model = NULL;

    (void)state;
    assert_int_equal(ctxfit_model_from_config(json, sizeof json - 1, 0, NULL, &model, NULL), CTXFIT_OK);
    assert_int_equal(on_ranks(model, "vllm", 1, 0).tower_bytes, all);
    assert_int_equal(on_ranks(model, "vllm", 4, 0).tower_bytes, all);
    assert_true(on_ranks(model, "sglang", 4, 0).tower_bytes < all);
    ctxfit_model_free(model);
}

static void eyes_and_ears_of_no_known_kind_are_told(void **state)
{
    static const char *const loads[] = {"vllm", "sglang", "tensorrt-llm"};
    ctxfit_model            *both = qwen_vl(EYES ", " EARS), *strange = qwen_vl(STRANGE_EYES ", " EARS), *copy = NULL;
    ctxfit_model            *absurd = qwen_vl("\"vision_config\": {\"depth\": 1e300, \"hidden_size\": -1, \"intermediate_size\": 2}");

    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        assert_true(warns_of(both, loads[i], "the weights of audio_config in config.json, beside the decoder, are not counted"));
        assert_true(warns_of(both, loads[i], "vision_config of config.json has 676550144 parameters"));
        /* 24 blocks 1024 wide, 4096 within, patches of 16, and (1024 + 3584) by 3584 behind them; ears do not say how wide they are */
        assert_true(warns_of(strange, loads[i], "the weights of vision_config and audio_config in config.json"));
        assert_true(warns_of(strange, loads[i], "at least about 638582784 bytes"));
        assert_true(warns_of(absurd, loads[i], "are not counted: the checkpoint's files"));
    }
    assert_int_equal(ctxfit_model_requantize(strange, ctxfit_file_type_from_name("BF16"), NULL, &copy, NULL), CTXFIT_OK);
    assert_true(warns_of(copy, "vllm", "vision_config"));
    assert_false(warns_of(strange, "mlx-lm", "vision_config"));
    ctxfit_model_free(copy);
    ctxfit_model_free(absurd);
    ctxfit_model_free(strange);
    ctxfit_model_free(both);
}

static void a_wrapper_that_no_table_has_is_told(void **state)
{
    static const char inner[] = "\"llm_config\": {\"model_type\": \"qwen2\", \"architectures\": [\"Qwen2ForCausalLM\"], "
                                "\"hidden_size\": 3584, \"intermediate_size\": 18944, \"num_hidden_layers\": 28, "
                                "\"num_attention_heads\": 28, \"num_key_value_heads\": 4, \"vocab_size\": 152064}";
    static const struct {
        const char *around;
        bool        told;
    } cases[] = {
        {"\"model_type\": \"superv_chat\", \"architectures\": [\"SuperVLChat\"]", true},
        {"\"model_type\": \"qwen2_audio\", \"architectures\": [\"Qwen2AudioForConditionalGeneration\"]", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[1024];
        ctxfit_model *model = NULL;

        (void)snprintf(json, sizeof json, "{%s, %s}", cases[i].around, inner);
        assert_int_equal(ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, NULL), CTXFIT_OK);
        assert_int_equal(warns_of(model, "vllm", "class 'SuperVLChat' is not known: counted is the decoder within it, qwen2"),
                         cases[i].told);
        assert_int_equal(warns_of(model, "vllm", "is not known"), cases[i].told);
        ctxfit_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_says_how_wide_weights_are),
        cmocka_unit_test(a_file_type_takes_the_place_of_the_checkpoint),
        cmocka_unit_test(headers_say_it_exactly),
        cmocka_unit_test(files_in_32_bits_are_counted_as_the_engine_loads_them),
        cmocka_unit_test(a_configuration_in_32_bits_is_counted_as_the_engine_loads_it),
        cmocka_unit_test(notes_of_a_configuration_are_warnings_of_its_plan),
        cmocka_unit_test(the_cache_that_a_checkpoint_states_is_the_default),
        cmocka_unit_test(modules_of_mlx_have_formats_of_their_own),
        cmocka_unit_test(a_method_that_is_text_is_refused),
        cmocka_unit_test(eyes_of_a_configuration_are_weights),
        cmocka_unit_test(what_eyes_give_is_profiled_by_vllm),
        cmocka_unit_test(eyes_are_quantized_unless_they_are_excepted),
        cmocka_unit_test(eyes_are_left_out_where_only_text_is_served),
        cmocka_unit_test(ears_of_transformers_are_on_every_rank),
        cmocka_unit_test(eyes_and_ears_of_no_known_kind_are_told),
        cmocka_unit_test(a_wrapper_that_no_table_has_is_told),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
