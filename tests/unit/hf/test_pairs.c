/* A configuration against the header that llama.cpp's converter makes of it: one model, read from both sides. */
#include "test_support.h"

#include "ctxfit/model.h"
#include "pair_models.h"

#define PAIRS   REFERENCE_DATA "/pairs/pairs.txt"
#define CONFIGS REFERENCE_DATA "/configs/"

static size_t faults; /* all are printed */

#define FAULT(...) (print_error(__VA_ARGS__), (void)faults++)

/* A configuration that was made for its pair stands in it; those of models lie beside. */
static char *read_published(const char *name)
{
    char   path[512];
    FILE  *f;
    char  *text = calloc(1, 1 << 20);
    size_t size;

    (void)snprintf(path, sizeof path, "%s%s.json", CONFIGS, name);
    f = fopen(path, "rb");
    if (f == NULL || text == NULL)
        fail_msg("%s: not there", path);
    size = fread(text, 1, (1 << 20) - 1, f);
    text[size] = '\0';
    (void)fclose(f);
    return text;
}

/* ---- what is compared ---- */

static const struct field {
    char   name[24];
    size_t offset;
} info_fields[] = {
#define FIELD(name) {#name, offsetof(ctxfit_model_info, name)}
    FIELD(layers), FIELD(nextn_layers), FIELD(embedding), FIELD(embedding_inputs), FIELD(vocabulary), FIELD(heads), FIELD(experts),
    FIELD(experts_used), FIELD(per_layer_embedding),
#undef FIELD
}, layer_fields[] = {
#define FIELD(name) {#name, offsetof(ctxfit_layer_info, name)}
    FIELD(flags), FIELD(attention), FIELD(state), FIELD(feed_forward), FIELD(heads), FIELD(kv_heads), FIELD(key_size), FIELD(value_size),
    FIELD(window_tokens), FIELD(cache_k_elems), FIELD(cache_v_elems), FIELD(kv_rank), FIELD(q_rank), FIELD(rope_size),
    FIELD(indexer_heads), FIELD(indexer_size), FIELD(conv_kernel), FIELD(state_size), FIELD(state_inner), FIELD(state_heads),
    FIELD(state_groups), FIELD(conv_state_elems), FIELD(recurrent_elems), FIELD(ff_width), FIELD(experts), FIELD(experts_used),
    FIELD(expert_width), FIELD(shared_width), FIELD(compress_ratio),
#undef FIELD
};

static uint32_t field_of(const void *record, const struct field *field)
{
    uint32_t value;

    memcpy(&value, (const char *)record + field->offset, sizeof value);
    return value;
}

static void compare_u64(const char *name, const char *what, uint64_t config, uint64_t gguf)
{
    if (config != gguf)
        FAULT("%s: %s is %llu by config.json, %llu by the GGUF\n", name, what, (unsigned long long)config, (unsigned long long)gguf);
}

static void compare_info(const char *name, const ctxfit_model_info *config, const ctxfit_model_info *gguf, bool tensors)
{
    for (size_t i = 0; i < sizeof info_fields / sizeof info_fields[0]; i++)
        if (field_of(config, &info_fields[i]) != field_of(gguf, &info_fields[i]))
            FAULT("%s: %s is %u by config.json, %u by the GGUF\n", name, info_fields[i].name, (unsigned)field_of(config, &info_fields[i]),
                  (unsigned)field_of(gguf, &info_fields[i]));
    compare_u64(name, "trained_tokens", config->trained_tokens, gguf->trained_tokens);
    /* Factors that are tensors (llama3) leave neither kind nor length among the keys. */
    if (tensors || config->rope_scaling != CTXFIT_ROPE_SCALING_LLAMA3)
        compare_u64(name, "rope_scaling", config->rope_scaling, gguf->rope_scaling);
    if (gguf->rope_original_tokens != 0 || config->rope_scaling != CTXFIT_ROPE_SCALING_LLAMA3)
        compare_u64(name, "rope_original_tokens", config->rope_original_tokens, gguf->rope_original_tokens);
    if (config->rope_factor - gguf->rope_factor > 1e-5 || gguf->rope_factor - config->rope_factor > 1e-5)
        FAULT("%s: rope_factor is %g by config.json, %g by the GGUF\n", name, config->rope_factor, gguf->rope_factor);
    if (!tensors)
        return;
    if (gguf->file_type != 0) /* GPT-NeoX's converter does not state it */
        compare_u64(name, "file_type", config->file_type, gguf->file_type);
    compare_u64(name, "parameters", config->parameters, gguf->parameters);
    compare_u64(name, "parameters_active", config->parameters_active, gguf->parameters_active);
    compare_u64(name, "data_bytes", config->data_bytes, gguf->data_bytes);
}

static void compare_layers(const char *name, const ctxfit_model *config, const ctxfit_model *gguf, uint32_t count)
{
    for (size_t f = 0; f < sizeof layer_fields / sizeof layer_fields[0]; f++)
        for (uint32_t i = 0; i < count; i++) {
            ctxfit_layer_info a = CTXFIT_LAYER_INFO_INIT, b = CTXFIT_LAYER_INFO_INIT;

            (void)ctxfit_model_get_layer(config, i, &a);
            (void)ctxfit_model_get_layer(gguf, i, &b);
            if (field_of(&a, &layer_fields[f]) != field_of(&b, &layer_fields[f])) {
                FAULT("%s: layer %u: %s is %u by config.json, %u by the GGUF\n", name, (unsigned)i, layer_fields[f].name,
                      (unsigned)field_of(&a, &layer_fields[f]), (unsigned)field_of(&b, &layer_fields[f]));
                break;
            }
        }
}

static const char *find_tensor(const ctxfit_model *model, const char *wanted, ctxfit_tensor_info *out)
{
    const char *name;

    for (uint64_t i = 0; (name = ctxfit_model_tensor_name(model, i)) != NULL; i++)
        if (strcmp(name, wanted) == 0) {
            ctxfit_tensor_info info = CTXFIT_TENSOR_INFO_INIT;

            (void)ctxfit_model_get_tensor(model, i, &info);
            *out = info;
            return name;
        }
    return NULL;
}

/* The first few of those that only one has, or that are of another shape or format. */
static void compare_tensors(const char *name, const ctxfit_model *a, const ctxfit_model *b, const char *who)
{
    const char *tensor;
    size_t      shown = 0;

    for (uint64_t i = 0; (tensor = ctxfit_model_tensor_name(a, i)) != NULL; i++) {
        ctxfit_tensor_info ta = CTXFIT_TENSOR_INFO_INIT, tb = CTXFIT_TENSOR_INFO_INIT;
        bool               there = find_tensor(b, tensor, &tb) != NULL;

        (void)ctxfit_model_get_tensor(a, i, &ta);
        if (there && ta.quant == tb.quant && memcmp(ta.dims, tb.dims, sizeof ta.dims) == 0)
            continue;
        if (shown++ < 6)
            FAULT("%s: %s: %s %s (%llu,%llu,%llu format %u; %llu,%llu,%llu format %u)\n", name, who, tensor,
                  there ? "differs" : "alone has it", (unsigned long long)ta.dims[0], (unsigned long long)ta.dims[1],
                  (unsigned long long)ta.dims[2], (unsigned)ta.quant, (unsigned long long)tb.dims[0], (unsigned long long)tb.dims[1],
                  (unsigned long long)tb.dims[2], (unsigned)tb.quant);
    }
    if (shown > 6)
        FAULT("%s: %s: and %zu more\n", name, who, shown - 6);
}

/* What llama-quantize makes of both. */
static void compare_quantized(const char *name, const ctxfit_model *config, const ctxfit_model *gguf)
{
    ctxfit_model_info a = CTXFIT_MODEL_INFO_INIT, b = CTXFIT_MODEL_INFO_INIT;
    ctxfit_model     *of_config = NULL, *of_gguf = NULL;

    assert_int_equal(ctxfit_model_requantize(config, CTXFIT_FILE_TYPE_Q4_K_M, NULL, &of_config, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_model_requantize(gguf, CTXFIT_FILE_TYPE_Q4_K_M, NULL, &of_gguf, NULL), CTXFIT_OK);
    (void)ctxfit_model_get_info(of_config, &a);
    (void)ctxfit_model_get_info(of_gguf, &b);
    if (a.data_bytes != b.data_bytes)
        FAULT("%s: as Q4_K_M %llu bytes by config.json, %llu by the GGUF\n", name, (unsigned long long)a.data_bytes,
              (unsigned long long)b.data_bytes);
    ctxfit_model_free(of_config);
    ctxfit_model_free(of_gguf);
}

/* `tensors`: the header has some; else it is known by its keys alone, and both lists of tensors come from the same recipe. */
static void compare(const char *name, const ctxfit_model *config, const ctxfit_model *gguf, bool tensors)
{
    ctxfit_model_info a = CTXFIT_MODEL_INFO_INIT, b = CTXFIT_MODEL_INFO_INIT;

    (void)ctxfit_model_get_info(config, &a);
    (void)ctxfit_model_get_info(gguf, &b);
    if (strcmp(ctxfit_model_arch(config), ctxfit_model_arch(gguf)) != 0) {
        FAULT("%s: architecture %s by config.json, %s by the GGUF\n", name, ctxfit_model_arch(config), ctxfit_model_arch(gguf));
        return;
    }
    compare_info(name, &a, &b, tensors);
    if (a.layers + a.nextn_layers == b.layers + b.nextn_layers)
        compare_layers(name, config, gguf, a.layers + a.nextn_layers);
    if (!tensors)
        return;
    compare_tensors(name, config, gguf, "config.json");
    compare_tensors(name, gguf, config, "the GGUF");
    compare_quantized(name, config, gguf);
}

/* No architecture for its class: the model says so, and nothing more is promised. */
static bool is_said_unknown(const ctxfit_model *model)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;

    (void)ctxfit_model_get_info(model, &info);
    return (info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0 && strstr(ctxfit_model_note(model, 0), "is not known") != NULL;
}

static void check_pair(pair_models *pairs, size_t *unknown)
{
    char         *text = pairs->config[0] != '\0' ? pair_copy(pairs->config) : read_published(pairs->name);
    ctxfit_model *config = NULL, *gguf = NULL;
    ctxfit_error  error = {0};

    if (ctxfit_model_from_config(text, strlen(text), 0, NULL, &config, &error) != CTXFIT_OK)
        FAULT("%s: config.json: %s\n", pairs->name, error.message);
    else if (is_said_unknown(config))
        (*unknown)++;
    else if ((pairs->has_tensors ? ctxfit_model_from_gguf(pairs->gguf, NULL, &gguf, &error)
                                 : ctxfit_model_from_text(pairs->keys, 0, NULL, &gguf, &error)) != CTXFIT_OK)
        FAULT("%s: GGUF: %s\n", pairs->name, error.message);
    else
        compare(pairs->name, config, gguf, pairs->has_tensors);
    ctxfit_model_free(gguf);
    ctxfit_model_free(config);
    free(text);
}

static void a_configuration_and_the_header_of_its_gguf_are_the_same_model(void **state)
{
    pair_models pairs;
    size_t      count = 0, with_tensors = 0, unknown = 0;

    (void)state;
    pair_models_open(&pairs, PAIRS);
    for (; pair_models_next(&pairs); count++) {
        check_pair(&pairs, &unknown);
        with_tensors += pairs.has_tensors;
    }
    pair_models_close(&pairs);
    printf("reference: %zu pairs of config.json and the converter's GGUF header, %zu with tensors, agree; %zu of no known class say so\n",
           count - unknown, with_tensors, unknown);
    assert_in_range(with_tensors, 400, 2000);
    assert_in_range(unknown, 0, count / 20);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_and_the_header_of_its_gguf_are_the_same_model),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
