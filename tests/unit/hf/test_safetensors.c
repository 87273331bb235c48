/* Headers of safetensors files: a good one, and every way in which one can be wrong. */
#include <stdbool.h>

#include "test_support.h"

#include "ctxfit/hf.h"
#include "ctxfit.h"

static size_t put_file(char *out, const char *json)
{
    size_t len = strlen(json);

    for (int i = 0; i < 8; i++)
        out[i] = (char)(unsigned char)(len >> 8 * i);
    memcpy(out + 8, json, len);
    return len + 8;
}

static ctxfit_status parse(const char *json, uint64_t data_bytes, ctxfit_safetensors **out, ctxfit_error *error)
{
    static char file[1 << 16];
    size_t      size = put_file(file, json);

    return ctxfit_safetensors_parse(file, size, size + data_bytes, NULL, out, error);
}

#define GOOD "{\"__metadata__\": {\"format\": \"pt\"}, \"b\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [12, 20]}, " \
             "\"a\": {\"dtype\": \"BF16\", \"shape\": [3, 2], \"data_offsets\": [0, 12]}}   "

static void a_header_gives_names_types_shapes_and_places(void **state)
{
    ctxfit_safetensors *t = NULL;
    ctxfit_hf_tensor    info = CTXFIT_HF_TENSOR_INIT;
    uint64_t            place = 7;

    (void)state;
    assert_int_equal(parse(GOOD, 20, &t, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_safetensors_tensor_count(t), 2);
    assert_int_equal(ctxfit_safetensors_tensor_bytes(t), 20);
    assert_int_equal(ctxfit_safetensors_shard_count(t), 1);
    assert_string_equal(ctxfit_safetensors_tensor_name(t, 0), "a");
    assert_null(ctxfit_safetensors_tensor_name(t, 2));
    assert_int_equal(ctxfit_safetensors_find_tensor(t, "b", &place), CTXFIT_OK);
    assert_int_equal(place, 1);
    assert_int_equal(ctxfit_safetensors_find_tensor(t, "c", &place), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_safetensors_get_tensor(t, 0, &info), CTXFIT_OK);
    assert_string_equal(ctxfit_dtype_name(info.dtype), "BF16");
    assert_int_equal(info.n_dims, 2);
    assert_int_equal(info.dims[0], 3);
    assert_int_equal(info.dims[2], 1);
    assert_int_equal(info.bytes, 12);
    assert_int_equal(ctxfit_safetensors_get_tensor(t, 2, &info), CTXFIT_E_NOT_FOUND);
    ctxfit_safetensors_free(t);
    ctxfit_safetensors_free(NULL);
    assert_null(ctxfit_dtype_name(0));
}

static void a_prefix_asks_for_what_it_lacks(void **state)
{
    char                file[512];
    size_t              size = put_file(file, GOOD);
    ctxfit_safetensors *t = NULL;
    ctxfit_error        error = {0};

    (void)state;
    for (size_t n = 0; n < size; n++) {
        assert_int_equal(ctxfit_safetensors_parse(file, n, 0, NULL, &t, &error), CTXFIT_E_TRUNCATED);
        assert_int_equal(error.detail, n < 8 ? 8 : size);
        assert_null(t);
    }
    assert_int_equal(ctxfit_safetensors_parse(file, size, 0, NULL, &t, &error), CTXFIT_OK);
    ctxfit_safetensors_free(t);
}

#define TENSOR(name, dtype, shape, from, to) \
    "\"" name "\": {\"dtype\": \"" dtype "\", \"shape\": " shape ", \"data_offsets\": [" from ", " to "]}"

static void defects_are_refused(void **state)
{
    static const struct {
        const char   *json;
        uint64_t      data;
        ctxfit_status status;
    } cases[] = {
        {"{", 0, CTXFIT_E_MALFORMED},
        {"[]", 0, CTXFIT_E_MALFORMED},
        {"{\"a\": 1}", 0, CTXFIT_E_MALFORMED},
        {"{" TENSOR("a", "F32", "[1]", "0", "8") "}", 8, CTXFIT_E_MALFORMED},                                       /* shape and size */
        {"{" TENSOR("a", "F32", "[1]", "4", "8") "}", 8, CTXFIT_E_MALFORMED},                                       /* a hole */
        {"{" TENSOR("a", "F32", "[1]", "0", "4") ", " TENSOR("b", "F32", "[1]", "2", "6") "}", 8, CTXFIT_E_MALFORMED}, /* overlap */
        {"{" TENSOR("a", "F32", "[1]", "0", "4") ", " TENSOR("a", "F32", "[1]", "4", "8") "}", 8, CTXFIT_E_MALFORMED}, /* twice */
        {"{" TENSOR("a", "F32", "[2]", "0", "8") "}", 4, CTXFIT_E_MALFORMED},                                       /* beyond the file */
        {"{" TENSOR("a", "F32", "[1]", "8", "4") "}", 8, CTXFIT_E_MALFORMED},                                       /* backwards */
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "}", 5, CTXFIT_E_MALFORMED},                                       /* bytes of no tensor */
        {"{" TENSOR("a", "WAT", "[1]", "0", "4") "}", 4, CTXFIT_E_UNSUPPORTED},                                     /* none of the types */
        {" {" TENSOR("a", "F32", "[1]", "0", "4") "}", 4, CTXFIT_E_MALFORMED},
        {"{\"__metadata__\": {\"a\": 1}}", 0, CTXFIT_E_MALFORMED},
        {"{\"__metadata__\": []}", 0, CTXFIT_E_MALFORMED},
        {"{" TENSOR("a", "F32", "[-1]", "0", "4") "}", 8, CTXFIT_E_MALFORMED},
        {"{" TENSOR("a", "F32", "7", "0", "4") "}", 8, CTXFIT_E_MALFORMED},
        {"{" TENSOR("a", "F4", "[3]", "0", "2") "}", 8, CTXFIT_E_MALFORMED}, /* half a byte */
        {"{" TENSOR("a", "F32", "[4294967296, 4294967296]", "0", "4") "}", 8, CTXFIT_E_OVERFLOW},
        {"{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 8, CTXFIT_E_UNSUPPORTED},
        {"{\"a\":[[[[[[[[[[[[", 0, CTXFIT_E_LIMIT},
    };
    char                file[16] = {(char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, 0x40};
    ctxfit_safetensors *t = NULL;
    ctxfit_error        error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ctxfit_status status = parse(cases[i].json, cases[i].data, &t, &error);

        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].json, ctxfit_status_name(status), error.message);
        assert_null(t);
    }
    assert_int_equal(ctxfit_safetensors_parse(file, 16, 0, NULL, &t, &error), CTXFIT_E_MALFORMED);
    file[7] = file[6] = file[5] = file[4] = 0;
    assert_int_equal(ctxfit_safetensors_parse(file, 16, 0, NULL, &t, &error), CTXFIT_E_LIMIT);
    assert_int_equal(ctxfit_safetensors_parse(file, 16, 4, NULL, &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(ctxfit_safetensors_parse("version https://git-lfs", 23, 0, NULL, &t, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message, "a pointer of Git LFS"));
    assert_int_equal(ctxfit_safetensors_parse(NULL, 16, 4, NULL, &t, &error), CTXFIT_E_INVALID_ARG);
}

static void files_of_a_checkpoint_are_joined(void **state)
{
    ctxfit_safetensors *parts[2] = {NULL, NULL};
    ctxfit_safetensors *whole = NULL;
    ctxfit_hf_tensor    info = CTXFIT_HF_TENSOR_INIT;

    (void)state;
    assert_int_equal(parse("{" TENSOR("b", "U8", "[4]", "0", "4") "}", 4, &parts[0], NULL), CTXFIT_OK);
    assert_int_equal(parse("{" TENSOR("a", "U8", "[6]", "0", "6") "}", 6, &parts[1], NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_safetensors_join((const ctxfit_safetensors *const *)parts, 2, NULL, &whole, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_safetensors_tensor_bytes(whole), 10);
    assert_int_equal(ctxfit_safetensors_shard_count(whole), 2);
    assert_int_equal(ctxfit_safetensors_get_tensor(whole, 0, &info), CTXFIT_OK);
    assert_int_equal(info.shard, 1);
    ctxfit_safetensors_free(whole);
    ctxfit_safetensors_free(parts[1]);
    parts[1] = parts[0];
    assert_int_equal(ctxfit_safetensors_join((const ctxfit_safetensors *const *)parts, 2, NULL, &whole, NULL), CTXFIT_E_MALFORMED);
    assert_int_equal(ctxfit_safetensors_join((const ctxfit_safetensors *const *)parts, 0, NULL, &whole, NULL), CTXFIT_E_INVALID_ARG);
    ctxfit_safetensors_free(parts[0]);
}

/* ---- files ---- */

static void write_file(const char *name, const char *data, size_t size)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

#define INDEX REFERENCE_DATA "/test_model.safetensors.index.json"

static void write_shards(void)
{
    char   file[512];
    size_t size = put_file(file, "{" TENSOR("a", "U8", "[4]", "0", "4") "}");

    memset(file + size, 0, 4);
    write_file(REFERENCE_DATA "/test_model-1.safetensors", file, size + 4);
    size = put_file(file, "{" TENSOR("b", "U8", "[6]", "0", "6") "}");
    memset(file + size, 0, 6);
    write_file(REFERENCE_DATA "/test_model-2.safetensors", file, size + 6);
}

static ctxfit_status open_index(const char *json, ctxfit_safetensors **out, ctxfit_error *error)
{
    write_file(INDEX, json, strlen(json));
    return ctxfit_safetensors_open(INDEX, NULL, out, error);
}

static void an_index_opens_the_files_beside_it(void **state)
{
    ctxfit_safetensors *t = NULL;
    ctxfit_error        error = {0};

    (void)state;
    write_shards();
    assert_int_equal(open_index("{\"weight_map\": {\"a\": \"test_model-1.safetensors\", \"b\": \"test_model-2.safetensors\"}}", &t, &error),
                     CTXFIT_OK);
    assert_int_equal(ctxfit_safetensors_tensor_bytes(t), 10);
    ctxfit_safetensors_free(t);
    assert_int_equal(ctxfit_safetensors_open(REFERENCE_DATA "/test_model-2.safetensors", NULL, &t, &error), CTXFIT_OK);
    assert_int_equal(ctxfit_safetensors_tensor_bytes(t), 6);
    ctxfit_safetensors_free(t);
    assert_int_equal(open_index("{\"weight_map\": {\"c\": \"test_model-1.safetensors\"}}", &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(open_index("{\"weight_map\": {\"a\": \"test_model-9.safetensors\"}}", &t, &error), CTXFIT_E_NOT_FOUND);
    assert_int_equal(open_index("{\"weight_map\": {\"a\": \"../test_model-1.safetensors\"}}", &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(open_index("{\"weight_map\": {\"a\": 7}}", &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(open_index("{\"weight_map\": {}}", &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(open_index("{}", &t, &error), CTXFIT_E_MALFORMED);
    assert_int_equal(ctxfit_safetensors_open(REFERENCE_DATA "/none.safetensors", NULL, &t, &error), CTXFIT_E_IO);
    (void)remove(INDEX);
}

static void a_file_that_ends_in_its_header_is_broken(void **state)
{
    ctxfit_safetensors *t = NULL;

    (void)state;
    write_file(REFERENCE_DATA "/test_cut.safetensors", "\x40\0\0\0\0\0\0\0{\"a\"", 12);
    assert_int_equal(ctxfit_safetensors_open(REFERENCE_DATA "/test_cut.safetensors", NULL, &t, NULL), CTXFIT_E_MALFORMED);
}

static void opening_survives_the_nth_failed_allocation(void **state)
{
    const char *index = "{\"weight_map\": {\"a\": \"test_model-1.safetensors\", \"b\": \"test_model-2.safetensors\"}}";
    test_failing f = {0};

    (void)state;
    write_shards();
    write_file(INDEX, index, strlen(index));
    while (test_failing_next(&f)) {
        ctxfit_safetensors *t = NULL;

        f.status = ctxfit_safetensors_open(INDEX, &f.allocator, &t, NULL);
        assert_true((t != NULL) == (f.status == CTXFIT_OK));
        ctxfit_safetensors_free(t);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds >= 5);
    (void)remove(INDEX);
}

/* ---- a model with its checkpoint ---- */

#define CONFIG "{\"architectures\": [\"Qwen3MoeForCausalLM\"], \"model_type\": \"qwen3_moe\", \"hidden_size\": 64, " \
               "\"intermediate_size\": 128, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, " \
               "\"head_dim\": 32, \"num_experts\": 4, " \
               "\"num_experts_per_tok\": 2, \"moe_intermediate_size\": 32, \"vocab_size\": 256, \"max_position_embeddings\": 1024"

static void bytes_of_a_checkpoint_are_told_by_part_and_layer(void **state)
{
    ctxfit_safetensors     *t = NULL;
    ctxfit_model           *model = NULL, *copy = NULL;
    ctxfit_checkpoint_info  info = CTXFIT_CHECKPOINT_INFO_INIT;
    ctxfit_checkpoint_layer layer = CTXFIT_CHECKPOINT_LAYER_INIT;
    const char             *config = CONFIG ", \"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}}";

    (void)state;
    assert_int_equal(parse("{" TENSOR("lm_head.weight", "U8", "[1]", "0", "1") ", "
                           TENSOR("model.embed_tokens.weight", "U8", "[2]", "1", "3") ", "
                           TENSOR("model.layers.0.mlp.experts.3.up_proj.weight", "U8", "[4]", "3", "7") ", "
                           TENSOR("model.layers.0.self_attn.q_proj.weight", "U8", "[8]", "7", "15") ", "
                           TENSOR("model.layers.1.mlp.shared_experts.up_proj.weight", "U8", "[16]", "15", "31") ", "
                           TENSOR("model.layers.2.mlp.experts.0.up_proj.weight", "U8", "[32]", "31", "63") ", "
                           TENSOR("model.norm.weight", "U8", "[64]", "63", "127") ", "
                           TENSOR("visual.blocks.0.attn.qkv.weight", "U8", "[128]", "127", "255") "}", 255, &t, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_from_hf(config, strlen(config), t, 0, NULL, &model, NULL), CTXFIT_OK);
    ctxfit_safetensors_free(t);
    assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name("Q4_0"), NULL, &copy, NULL), CTXFIT_OK);
    ctxfit_model_free(model);
    assert_int_equal(ctxfit_model_get_checkpoint(copy, &info), CTXFIT_OK);
    assert_int_equal(info.total_bytes, 255);
    assert_int_equal(info.output_bytes, 1 + 64);
    assert_int_equal(info.embedding_bytes, 2);
    assert_int_equal(info.expert_bytes, 4);
    assert_int_equal(info.layer_bytes, 8 + 16);
    assert_int_equal(info.nextn_bytes, 32);
    assert_int_equal(info.other_bytes, 128);
    assert_int_equal(info.quant, CTXFIT_CHECKPOINT_QUANT_FP8);
    assert_int_equal(info.quant_group, 128);
    assert_string_equal(info.quant_method, "fp8");
    assert_int_equal(ctxfit_model_get_checkpoint_layer(copy, 0, &layer), CTXFIT_OK);
    assert_int_equal(layer.dense_bytes, 8);
    assert_int_equal(layer.expert_bytes, 4);
    assert_int_equal(ctxfit_model_get_checkpoint_layer(copy, 2, &layer), CTXFIT_E_NOT_FOUND);
    ctxfit_model_free(copy);
}

static void the_quantization_is_read_in_every_form(void **state)
{
    static const struct {
        const char *json;
        uint32_t    quant, bits, group;
    } cases[] = {
        {"}", CTXFIT_CHECKPOINT_QUANT_NONE, 0, 0},
        {", \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 64}}", CTXFIT_CHECKPOINT_QUANT_AWQ, 4, 64},
        {", \"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": 32}}", CTXFIT_CHECKPOINT_QUANT_GPTQ, 8, 32},
        {", \"quantization_config\": {\"quant_method\": \"mxfp4\"}}", CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32},
        {", \"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"}}", CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16},
        {", \"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"}}", CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0},
        {", \"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}}",
         CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES, 4, 64},
        {", \"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"format\": \"pack-quantized\", "
         "\"config_groups\": {\"group_0\": "
         "{\"weights\": {\"num_bits\": 4, \"group_size\": 128, \"type\": \"int\"}}}}}", CTXFIT_CHECKPOINT_QUANT_INTEGER, 4, 128},
        {", \"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"group_0\": {\"format\": "
         "\"nvfp4-pack-quantized\", \"weights\": {\"num_bits\": 4}}}}}", CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16},
        {", \"quantization\": {\"group_size\": 64, \"bits\": 6}}", CTXFIT_CHECKPOINT_QUANT_MLX, 6, 64},
        {", \"quantization_config\": {\"quant_method\": \"exl3\", \"bits\": 3.06, \"head_bits\": 6}}", CTXFIT_CHECKPOINT_QUANT_EXL3, 3, 0},
        {", \"quantization_config\": {\"quant_method\": \"exl3\"}}", CTXFIT_CHECKPOINT_QUANT_EXL3, 0, 0},
        {", \"quantization_config\": {\"quant_method\": \"novel\", \"bits\": 3}}", CTXFIT_CHECKPOINT_QUANT_OTHER, 3, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                   json[1024];
        ctxfit_model          *model = NULL;
        ctxfit_checkpoint_info info = CTXFIT_CHECKPOINT_INFO_INIT;

        (void)snprintf(json, sizeof json, "%s%s", CONFIG, cases[i].json);
        assert_int_equal(ctxfit_model_from_config(json, strlen(json), 0, NULL, &model, NULL), CTXFIT_OK);
        assert_int_equal(ctxfit_model_get_checkpoint(model, &info), CTXFIT_OK);
        if (info.quant != cases[i].quant || info.quant_bits != cases[i].bits || info.quant_group != cases[i].group)
            fail_msg("%s: %u, %u bits, group %u", cases[i].json, (unsigned)info.quant, (unsigned)info.quant_bits,
                     (unsigned)info.quant_group);
        assert_int_equal(info.flags & CTXFIT_CHECKPOINT_F_MEASURED, 0);
        ctxfit_model_free(model);
    }
}

/* The files' own bytes count under ExLlamaV3; other bits are planned by the converter's rule, other engines do not run it. */
static void an_exl3_folder_is_planned_as_it_is_stored(void **state)
{
    static const char  config[] = CONFIG ", \"quantization_config\": {\"quant_method\": \"exl3\", \"version\": \"1.4.1\", \"bits\": 4.25, "
                                         "\"head_bits\": 8, \"codebook\": \"mul1\"}}";
    static const char  awq[] = CONFIG ", \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 64}}";
    ctxfit_error           error;
    ctxfit_safetensors    *t = NULL;
    ctxfit_model          *model = NULL, *other = NULL;
    ctxfit_hw             *hw = NULL;
    ctxfit_plan           *plan = NULL;
    ctxfit_checkpoint_info info = CTXFIT_CHECKPOINT_INFO_INIT;
    ctxfit_plan_options    o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_plan_device     d = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_model_info      m = CTXFIT_MODEL_INFO_INIT;
    char                   name[32];

    (void)state;
    assert_int_equal(parse("{" TENSOR("lm_head.trellis", "I16", "[8, 16, 128]", "0", "32768") ", "
                           TENSOR("model.embed_tokens.weight", "F16", "[256, 64]", "32768", "65536") ", "
                           TENSOR("model.layers.0.mlp.experts.3.up_proj.trellis", "I16", "[8, 8, 64]", "65536", "73728") ", "
                           TENSOR("model.layers.0.self_attn.q_proj.suh", "F16", "[128]", "73728", "73984") ", "
                           TENSOR("model.layers.1.self_attn.q_proj.mcg", "I32", "[]", "73984", "73988") ", "
                           TENSOR("model.norm.weight", "F16", "[64]", "73988", "74116") "}", 74116, &t, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_from_hf(config, strlen(config), t, 0, NULL, &model, NULL), CTXFIT_OK);
    ctxfit_safetensors_free(t);
    assert_int_equal(ctxfit_model_get_checkpoint(model, &info), CTXFIT_OK);
    assert_int_equal(info.quant_bits_hundredths, 425);
    assert_int_equal(info.output_bits, 8);
    assert_int_equal(ctxfit_model_get_info(model, &m), CTXFIT_OK);
    assert_int_equal(ctxfit_file_type_write_name(m.file_type, name, sizeof name, NULL), CTXFIT_OK);
    assert_string_equal(name, "EXL3-4.25bpw-h8");
    assert_int_equal(ctxfit_hw_parse("rtx-4090 host:64GiB", NULL, &hw, NULL), CTXFIT_OK);
    memcpy(o.engine, "exllamav3", sizeof "exllamav3");
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    assert_int_equal(d.weights_bytes, 32768 + 8192 + 256 + 4 + 128);
    ctxfit_plan_free(plan);
    assert_int_equal(ctxfit_model_requantize(model, ctxfit_file_type_from_name("exl3-2.0bpw"), NULL, &other, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_make(other, hw, &o, NULL, &plan, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    assert_true(d.weights_bytes > 100000);
    ctxfit_plan_free(plan);
    memcpy(o.engine, "vllm", sizeof "vllm");
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, NULL), CTXFIT_E_REFUSED);
    ctxfit_model_free(other);
    ctxfit_model_free(model);
    assert_int_equal(ctxfit_model_from_config(awq, strlen(awq), 0, NULL, &model, NULL), CTXFIT_OK);
    memcpy(o.engine, "exllamav3", sizeof "exllamav3");
    assert_int_equal(ctxfit_plan_make(model, hw, &o, NULL, &plan, &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "'awq'"));
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

static void other_models_have_no_checkpoint(void **state)
{
    ctxfit_model          *model = NULL;
    ctxfit_checkpoint_info info = CTXFIT_CHECKPOINT_INFO_INIT;

    (void)state;
    assert_int_equal(ctxfit_model_from_catalog("qwen3-8b", 0, NULL, &model, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_get_checkpoint(model, &info), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_model_get_checkpoint(NULL, &info), CTXFIT_E_INVALID_ARG);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_gives_names_types_shapes_and_places),
        cmocka_unit_test(a_prefix_asks_for_what_it_lacks),
        cmocka_unit_test(defects_are_refused),
        cmocka_unit_test(files_of_a_checkpoint_are_joined),
        cmocka_unit_test(an_index_opens_the_files_beside_it),
        cmocka_unit_test(a_file_that_ends_in_its_header_is_broken),
        cmocka_unit_test(opening_survives_the_nth_failed_allocation),
        cmocka_unit_test(bytes_of_a_checkpoint_are_told_by_part_and_layer),
        cmocka_unit_test(the_quantization_is_read_in_every_form),
        cmocka_unit_test(an_exl3_folder_is_planned_as_it_is_stored),
        cmocka_unit_test(other_models_have_no_checkpoint),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
