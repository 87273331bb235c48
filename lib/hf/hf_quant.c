/* How the weights of a checkpoint are quantized: `quantization_config` (transformers), or `quantization` (MLX).
 * Source: transformers 5.23 utils/quantization_config.py (2026-11), and the files that compressed-tensors, ModelOpt and MLX wrote
 * (tests/data/models/configs.tar.xz; lib/quant/formats.def names the formats' own). */
#include "hf_internal.h"

static uint32_t small(const cfi_json_value *object, const char *key, uint32_t fallback)
{
    uint64_t value;

    return cfi_json_as_u64(cfi_json_get(object, key), &value) && value <= UINT16_MAX ? (uint32_t)value : fallback;
}

static const char *text_or_empty(const cfi_json_value *object, const char *key)
{
    const char *text = cfi_json_as_text(cfi_json_get(object, key), NULL);

    return text != NULL ? text : "";
}

static void set(cfi_hf_quant *q, uint32_t kind, uint32_t bits, uint32_t group)
{
    q->kind = kind;
    q->bits = bits;
    q->group = group;
}

/* The first group of config_groups speaks for all: published files have one, or several of one format. */
static void read_compressed(const cfi_json_value *config, cfi_hf_quant *q)
{
    cfi_json_iter         it = cfi_json_items(cfi_json_get(config, "config_groups"));
    const cfi_json_value *weights = cfi_json_next(&it) ? cfi_json_get(it.value, "weights") : NULL;
    const char           *format = text_or_empty(config, "format");
    uint32_t              bits = small(weights, "num_bits", 0);
    uint32_t              group = small(weights, "group_size", 0);

    if (it.value != NULL && *text_or_empty(it.value, "format") != '\0')
        format = text_or_empty(it.value, "format");
    if (strstr(format, "mxfp4") != NULL)
        set(q, CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32);
    else if (strstr(format, "nvfp4") != NULL)
        set(q, CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16);
    else if (strcmp(text_or_empty(weights, "type"), "float") == 0)
        set(q, CTXFIT_CHECKPOINT_QUANT_FP8, bits, group);
    else
        set(q, CTXFIT_CHECKPOINT_QUANT_INTEGER, bits, group);
}

/* Of mixed formats the narrowest: it has most of the weights. */
static bool has_fp4_group(const cfi_json_value *config)
{
    for (cfi_json_iter it = cfi_json_items(cfi_json_get(config, "config_groups")); cfi_json_next(&it);)
        if (small(cfi_json_get(it.value, "weights"), "num_bits", 0) == 4)
            return true;
    return false;
}

static void read_modelopt(const cfi_json_value *config, cfi_hf_quant *q)
{
    if (strstr(text_or_empty(config, "quant_algo"), "FP4") != NULL || has_fp4_group(config))
        set(q, CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, small(config, "group_size", 16));
    else
        set(q, CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0);
}

static void read_block_size(const cfi_json_value *config, cfi_hf_quant *q)
{
    cfi_json_iter it = cfi_json_items(cfi_json_get(config, "weight_block_size"));
    uint64_t      rows;

    if (it.left == 2 && cfi_json_next(&it) && cfi_json_as_u64(it.value, &rows) && rows <= UINT16_MAX)
        q->group = (uint32_t)rows;
}

/* The bits of the request, with a fraction; the head has whole ones. Source: exllamav3 1.6.5 conversion/compile.py. */
static void read_exl3(const cfi_json_value *config, cfi_hf_quant *q)
{
    double bits = 0, head = 0;

    (void)cfi_hf_as_number(cfi_json_get(config, "bits"), &bits);
    (void)cfi_hf_as_number(cfi_json_get(config, "head_bits"), &head);
    set(q, CTXFIT_CHECKPOINT_QUANT_EXL3, bits >= 1 && bits <= 8 ? (uint32_t)bits : 0, 0);
    if (bits >= 1 && bits <= 8)
        q->hundredths = (uint32_t)(bits * 100 + 0.5);
    q->output_bits = head >= 1 && head <= 8 ? (uint32_t)head : 6;
}

/* The width behind `prefix`, 0 where it is none that weights are quantized to ("int32"). */
static uint32_t width_behind(const char *text, const char *prefix)
{
    const char *end;
    uint64_t    bits;

    if (strncmp(text, prefix, strlen(prefix)) != 0 || !cfi_parse_u64(text + strlen(prefix), &end, &bits) || bits > 8)
        return 0;
    return (uint32_t)bits;
}

/* "int4", "fp8_e4m3", "mxfp4", "uint4", "Int8DynamicActivationInt4WeightConfig": the narrowest that is named, as activations are never
 * narrower than weights; 0: none. */
static uint32_t bits_of_name(const char *name)
{
    static const char prefixes[][8] = {"int", "fp", "float"};
    char              lower[64];
    uint32_t          narrowest = 0;
    size_t            len = 0;

    for (; name[len] != '\0' && len + 1 < sizeof lower; len++)
        lower[len] = name[len] >= 'A' && name[len] <= 'Z' ? (char)(name[len] - 'A' + 'a') : name[len];
    lower[len] = '\0';
    for (const char *at = lower; *at != '\0'; at++)
        for (size_t i = 0; i < CFI_COUNT(prefixes); i++) {
            uint32_t bits = width_behind(at, prefixes[i]);

            if (bits > 0 && (narrowest == 0 || bits < narrowest))
                narrowest = bits;
        }
    return narrowest;
}

static const cfi_json_value *inner(const cfi_json_value *config, const char *first, const char *second)
{
    return cfi_json_get(cfi_json_get(config, first), second);
}

/* Where methods that have no kind of their own say how wide a weight is. */
static void read_other(const cfi_json_value *config, cfi_hf_quant *q)
{
    const cfi_json_value *hqq = inner(config, "quant_config", "weight_quant_params");
    const cfi_json_value *quark = inner(config, "global_quant_config", "weight");
    const cfi_json_value *torchao = inner(config, "quant_type", "default");
    uint32_t              bits = small(config, "bits", small(hqq, "nbits", 0));
    uint32_t              group = small(config, "group_size", small(hqq, "group_size", small(quark, "group_size", 0)));
    uint32_t              books = small(config, "num_codebooks", 0), width = small(config, "in_group_size", 0);

    if (bits == 0 && books > 0 && width > 0) /* AQLM: codes for groups of weights */
        bits = (small(config, "nbits_per_codebook", 0) * books + width - 1) / width;
    if (bits == 0)
        bits = bits_of_name(text_or_empty(quark, "dtype"));
    if (bits == 0)
        bits = bits_of_name(text_or_empty(config, "quant_type"));
    if (bits == 0)
        bits = bits_of_name(text_or_empty(torchao, "_type"));
    if (bits == 0)
        bits = bits_of_name(text_or_empty(config, "weights")); /* quanto, EETQ */
    set(q, CTXFIT_CHECKPOINT_QUANT_OTHER, bits, group);
}

static void read_method(const cfi_json_value *config, cfi_hf_quant *q)
{
    const char *method = q->method;

    if (strcmp(method, "fp8") == 0 || strcmp(method, "fbgemm_fp8") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0);
        read_block_size(config, q);
    } else if (strcmp(method, "awq") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_AWQ, small(config, "bits", small(config, "w_bit", 4)),
            small(config, "group_size", small(config, "q_group_size", 128)));
    } else if (strcmp(method, "gptq") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_GPTQ, small(config, "bits", 4), small(config, "group_size", 128));
    } else if (strcmp(method, "mxfp4") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32);
    } else if (strcmp(method, "bitsandbytes") == 0) {
        bool four = cfi_json_is_true(cfi_json_get(config, "load_in_4bit")) || cfi_json_is_true(cfi_json_get(config, "_load_in_4bit"));

        set(q, CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES, four ? 4 : 8, four ? 64 : 0);
    } else if (strcmp(method, "exl3") == 0) {
        read_exl3(config, q);
    } else if (strcmp(method, "compressed-tensors") == 0) {
        read_compressed(config, q);
    } else if (strcmp(method, "modelopt") == 0 || strcmp(method, "modelopt_fp4") == 0) {
        read_modelopt(config, q);
    } else {
        read_other(config, q);
    }
}

void cfi_hf_read_quant(const cfi_hf_config *c, cfi_hf_quant *q)
{
    const cfi_json_value *config = cfi_hf_get(c, "quantization_config");
    const cfi_json_value *mlx = cfi_hf_get(c, "quantization");

    memset(q, 0, sizeof *q);
    q->method = "";
    if (cfi_json_kind_of(mlx) == CFI_JSON_OBJECT && small(mlx, "bits", 0) > 0) {
        q->method = "mlx";
        set(q, CTXFIT_CHECKPOINT_QUANT_MLX, small(mlx, "bits", 0), small(mlx, "group_size", 64));
    } else if (cfi_json_kind_of(config) == CFI_JSON_OBJECT && cfi_json_items(config).left > 0) {
        q->method = text_or_empty(config, "quant_method");
        if (*q->method == '\0' && *text_or_empty(config, "quant_algo") != '\0')
            q->method = "modelopt";
        if (*q->method == '\0' && (cfi_json_is_true(cfi_json_get(config, "load_in_4bit")) ||
                                   cfi_json_is_true(cfi_json_get(config, "load_in_8bit"))))
            q->method = "bitsandbytes"; /* before methods had names */
        if (*q->method == '\0' && cfi_json_get(config, "config_groups") != NULL)
            q->method = "compressed-tensors";
        read_method(config, q);
    }
}
