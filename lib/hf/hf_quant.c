/* How the weights of a checkpoint are quantized: `quantization_config` (transformers), `quantization` (MLX), or a file beside config.json.
 * Source: transformers 5.23 utils/quantization_config.py (2026-11), and the files that compressed-tensors, ModelOpt and MLX wrote
 * (tests/data/models/configs.tar.xz; lib/quant/formats.def names the formats' own). */
#include <inttypes.h>

#include "hf_quant.h"

uint32_t cfi_hf_small(const cfi_json_value *object, const char *key, uint32_t fallback)
{
    uint64_t value;

    return cfi_json_as_u64(cfi_json_get(object, key), &value) && value <= UINT16_MAX ? (uint32_t)value : fallback;
}

uint32_t cfi_hf_group_size(const cfi_json_value *object, const char *key, uint32_t fallback)
{
    double value;

    return cfi_json_as_number(cfi_json_get(object, key), &value) && value < 0 ? 0 : cfi_hf_small(object, key, fallback);
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

void cfi_hf_read_group(const cfi_json_value *config, const cfi_json_value *group, cfi_hf_quant *q)
{
    const cfi_json_value *weights = cfi_json_get(group, "weights");
    const char           *format = text_or_empty(*text_or_empty(group, "format") != '\0' ? group : config, "format");
    const uint32_t        bits = cfi_hf_small(weights, "num_bits", 0), elems = cfi_hf_small(weights, "group_size", 0);
    const bool            floats = strcmp(text_or_empty(weights, "type"), "float") == 0;

    if (strstr(format, "mxfp4") != NULL || (floats && bits == 4 && elems == 32))
        set(q, CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32);
    else if (strstr(format, "nvfp4") != NULL || (floats && bits == 4))
        set(q, CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16);
    else
        set(q, floats ? CTXFIT_CHECKPOINT_QUANT_FP8 : CTXFIT_CHECKPOINT_QUANT_INTEGER, bits, elems);
}

/* The first group names the checkpoint's format; what the others have counts by their modules (hf_modules.c). */
static void read_compressed(const cfi_json_value *config, cfi_hf_quant *q)
{
    cfi_json_iter it = cfi_json_items(cfi_json_get(config, "config_groups"));

    cfi_hf_read_group(config, cfi_json_next(&it) ? it.value : NULL, q);
}

/* Of the formats of config_groups the narrowest: it has most of the weights. */
static bool has_fp4_group(const cfi_json_value *config)
{
    for (cfi_json_iter it = cfi_json_items(cfi_json_get(config, "config_groups")); cfi_json_next(&it);)
        if (cfi_hf_small(cfi_json_get(it.value, "weights"), "num_bits", 0) == 4)
            return true;
    return false;
}

/* ---- ModelOpt ---- */

static const struct algo_row {
    char     name[28];
    uint16_t kind;
    uint8_t  bits;
    uint8_t  group; /* where the file states none */
} algos[] = {
#define CFI_MODELOPT_ALGO(name, kind, bits, group) {name, CTXFIT_CHECKPOINT_QUANT_##kind, bits, group},
#include "modelopt_algos.def"
#undef CFI_MODELOPT_ALGO
};

/* Letters in any case, as engines read them. */
static const struct algo_row *find_algo(const char *name)
{
    for (size_t i = 0; i < CFI_COUNT(algos); i++)
        if (cfi_equal_nocase(algos[i].name, name))
            return &algos[i];
    return NULL;
}

/* The older form has all in an object, and a list of modules that stay as they are under another name. */
const cfi_json_value *cfi_hf_modelopt_part(const cfi_json_value *config)
{
    const cfi_json_value *part = cfi_json_get(config, "quantization");

    return cfi_json_kind_of(part) == CFI_JSON_OBJECT ? part : config;
}

bool cfi_hf_read_algo(const cfi_json_value *object, cfi_hf_quant *q)
{
    const struct algo_row *row = find_algo(text_or_empty(object, "quant_algo"));

    if (row != NULL)
        set(q, row->kind, row->bits, cfi_hf_small(object, "group_size", row->group));
    return row != NULL;
}

/* Modules by their formats: the format that most of them have, as every expert is one. */
static const struct algo_row *most_common(const cfi_json_value *layers, uint64_t *of_it, uint64_t *all)
{
    uint64_t                count[CFI_COUNT(algos)] = {0};
    const struct algo_row  *most = NULL;

    *of_it = 0;
    *all = 0;
    for (cfi_json_iter it = cfi_json_items(layers); cfi_json_next(&it);) {
        const struct algo_row *row = find_algo(text_or_empty(it.value, "quant_algo"));

        ++*all;
        if (row != NULL && ++count[row - algos] > *of_it) {
            *of_it = count[row - algos];
            most = row;
        }
    }
    return most;
}

static void read_modelopt(const cfi_json_value *config, cfi_hf_quant *q)
{
    const cfi_json_value  *part = cfi_hf_modelopt_part(config);
    const struct algo_row *row = find_algo(text_or_empty(part, "quant_algo"));
    uint64_t               of_it, all;

    if (row == NULL)
        row = most_common(cfi_json_get(part, "quantized_layers"), &of_it, &all);
    if (row != NULL)
        set(q, row->kind, row->bits, cfi_hf_small(part, "group_size", row->group));
    else if (has_fp4_group(part))
        set(q, CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, cfi_hf_small(part, "group_size", 16));
    else if (*text_or_empty(part, "quant_algo") == '\0' || cfi_json_get(part, "config_groups") != NULL)
        set(q, CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0);
    else
        set(q, CTXFIT_CHECKPOINT_QUANT_OTHER, 0, 0);
}

/* The cache that the file's scales are for. ModelOpt: a word, or since 0.31 what compressed-tensors has. */
static cfi_hf_cache read_cache(const cfi_json_value *config)
{
    const cfi_json_value *part = cfi_hf_modelopt_part(config);
    const cfi_json_value *scheme = cfi_json_get(part, "kv_cache_scheme");
    const char           *word = cfi_json_as_text(scheme, NULL);

    if (cfi_json_kind_of(scheme) == CFI_JSON_OBJECT) {
        if (strcmp(text_or_empty(scheme, "type"), "float") != 0)
            return CFI_HF_CACHE_PLAIN;
        return cfi_hf_small(scheme, "num_bits", 0) == 8 ? CFI_HF_CACHE_FP8 : cfi_hf_small(scheme, "num_bits",
                                                                            0) == 4 ? CFI_HF_CACHE_NVFP4 : CFI_HF_CACHE_PLAIN;
    }
    if (word == NULL)
        word = text_or_empty(part, "kv_cache_quant_algo");
    return cfi_equal_nocase(word, "FP8") ? CFI_HF_CACHE_FP8 : cfi_equal_nocase(word, "NVFP4") ? CFI_HF_CACHE_NVFP4 : CFI_HF_CACHE_PLAIN;
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

void cfi_hf_read_quark(const cfi_json_value *weight, cfi_hf_quant *q)
{
    const char    *dtype = text_or_empty(weight, "dtype");
    const uint32_t bits = bits_of_name(dtype), group = cfi_hf_small(weight, "group_size", 0);

    if (bits == 4 && strstr(dtype, "fp4") != NULL)
        set(q, CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32);
    else
        set(q, strstr(dtype, "fp8") != NULL ? CTXFIT_CHECKPOINT_QUANT_FP8 : CTXFIT_CHECKPOINT_QUANT_INTEGER, bits, group);
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
    uint32_t              bits = cfi_hf_small(config, "bits", cfi_hf_small(hqq, "nbits", 0));
    uint32_t              group = cfi_hf_small(config, "group_size", cfi_hf_small(hqq, "group_size", cfi_hf_small(quark, "group_size", 0)));
    uint32_t              books = cfi_hf_small(config, "num_codebooks", 0), width = cfi_hf_small(config, "in_group_size", 0);

    if (bits == 0 && books > 0 && width > 0) /* AQLM: codes for groups of weights */
        bits = (cfi_hf_small(config, "nbits_per_codebook", 0) * books + width - 1) / width;
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
        set(q, CTXFIT_CHECKPOINT_QUANT_AWQ, cfi_hf_small(config, "bits", cfi_hf_small(config, "w_bit", 4)),
            cfi_hf_group_size(config, "group_size", cfi_hf_group_size(config, "q_group_size", 128)));
    } else if (strcmp(method, "gptq") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_GPTQ, cfi_hf_small(config, "bits", 4), cfi_hf_group_size(config, "group_size", 128));
    } else if (strcmp(method, "mxfp4") == 0) {
        set(q, CTXFIT_CHECKPOINT_QUANT_MXFP4, 4, 32);
    } else if (strcmp(method, "bitsandbytes") == 0) {
        bool four = cfi_json_is_true(cfi_json_get(config, "load_in_4bit")) || cfi_json_is_true(cfi_json_get(config, "_load_in_4bit"));

        set(q, CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES, four ? 4 : 8, four ? 64 : 0);
    } else if (strcmp(method, "exl3") == 0) {
        read_exl3(config, q);
    } else if (strcmp(method, "compressed-tensors") == 0) {
        read_compressed(config, q);
    } else if (strncmp(method, "modelopt", 8) == 0) {
        read_modelopt(config, q);
    } else {
        read_other(config, q);
    }
}

/* Where the method is not named. */
static const char *find_method(const cfi_json_value *config, const char *file)
{
    const char *method = text_or_empty(config, "quant_method");

    if (*method != '\0')
        return method;
    if (strcmp(file, "quantize_config.json") == 0)
        return "gptq";
    if (strcmp(file, "quant_config.json") == 0)
        return "awq";
    if (*text_or_empty(cfi_hf_modelopt_part(config), "quant_algo") != '\0' ||
        strcmp(text_or_empty(cfi_json_get(config, "producer"), "name"), "modelopt") == 0)
        return "modelopt";
    if (cfi_json_is_true(cfi_json_get(config, "load_in_4bit")) || cfi_json_is_true(cfi_json_get(config, "load_in_8bit")))
        return "bitsandbytes"; /* before methods had names */
    return cfi_json_get(config, "config_groups") != NULL ? "compressed-tensors" : "";
}

static void read_config(const cfi_json_value *config, const char *file, cfi_hf_quant *q)
{
    q->method = find_method(config, file);
    read_method(config, q);
    if (strncmp(q->method, "modelopt", 8) == 0 || strcmp(q->method, "compressed-tensors") == 0)
        q->cache = read_cache(config);
}

static bool states_something(const cfi_json_value *config)
{
    return cfi_json_kind_of(config) == CFI_JSON_OBJECT && cfi_json_count(config) > 0;
}

/* ---- MLX ---- */

/* Its modes have groups of their own: one byte of a scale, where the plain one has a scale and a bias of 16 bits.
 * Source: mlx.core.quantize() (mlx 0.31, 2026-03). */
static void read_mlx(const cfi_json_value *config, cfi_hf_quant *q)
{
    const char    *mode = text_or_empty(config, "mode");
    const bool     plain = *mode == '\0' || strcmp(mode, "affine") == 0;
    const uint32_t group = plain ? 64 : strcmp(mode, "nvfp4") == 0 ? 16 : 32;

    q->group_bytes = plain ? 4 : 1;
    set(q, CTXFIT_CHECKPOINT_QUANT_MLX, cfi_hf_small(config, "bits", strcmp(mode, "mxfp8") == 0 ? 8 : 4),
        cfi_hf_small(config, "group_size", group));
}

cfi_json_iter cfi_hf_modules(const cfi_hf_config *c) { return cfi_json_items(cfi_hf_get(c, "quantization")); }

bool cfi_hf_next_module(cfi_json_iter *it, const cfi_hf_quant *whole, const char **name, cfi_hf_quant *out)
{
    while (whole->kind == CTXFIT_CHECKPOINT_QUANT_MLX && cfi_json_next(it)) {
        const cfi_json_kind kind = cfi_json_kind_of(it->value);

        if (it->key == NULL || (kind != CFI_JSON_OBJECT && (kind != CFI_JSON_BOOL || cfi_json_is_true(it->value))))
            continue;
        memset(out, 0, sizeof *out);
        *name = it->key;
        if (kind == CFI_JSON_OBJECT)
            read_mlx(it->value, out);
        else
            set(out, CTXFIT_CHECKPOINT_QUANT_NONE, 16, 0);
        return true;
    }
    return false;
}

static bool states_mlx(const cfi_hf_config *c)
{
    const cfi_json_value *mlx = cfi_hf_get(c, "quantization");

    return cfi_json_kind_of(mlx) == CFI_JSON_OBJECT && cfi_hf_small(mlx, "bits", 0) > 0;
}

/* config.json comes first, as in vLLM and SGLang; compressed-tensors had another key before it had its place. */
static const cfi_json_value *find_config(const cfi_hf_config *c, const char **file)
{
    static const char keys[][20] = {"quantization_config", "compression_config"};

    *file = "";
    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        if (states_something(cfi_hf_get(c, keys[i])))
            return cfi_hf_get(c, keys[i]);
    *file = c->quant_name;
    return states_something(cfi_json_root(c->quant_doc)) ? cfi_json_root(c->quant_doc) : NULL;
}

const cfi_json_value *cfi_hf_quant_config(const cfi_hf_config *c)
{
    const char *file;

    return states_mlx(c) ? NULL : find_config(c, &file);
}

void cfi_hf_read_quant(const cfi_hf_config *c, cfi_hf_quant *q)
{
    const cfi_json_value *config;
    const char           *file;

    memset(q, 0, sizeof *q);
    q->method = "";
    if (states_mlx(c)) {
        q->method = "mlx";
        read_mlx(cfi_hf_get(c, "quantization"), q);
        return;
    }
    config = find_config(c, &file);
    if (config != NULL)
        read_config(config, file, q);
}

/* AutoAWQ and AutoGPTQ keep a scale of 16 bits and a zero point of the weight's own bits per group, compressed-tensors a scale, FP8 one of
 * 32 bits a tile, NF4 one of 32 bits per 64: lib/quant/formats.def has each with its source. */
double cfi_hf_weight_bytes(const cfi_hf_quant *q)
{
    const double bits = q->bits <= CFI_HF_MOST_BITS ? q->bits : 0, group = q->group;

    if (bits == 0)
        return 0;
    switch (q->kind) {
    case CTXFIT_CHECKPOINT_QUANT_FP8: return bits / 8 + (group == 32 ? 1.0 / 32 : group > 0 ? 4 / (group * group) : 0); /* 32: MXFP8 */
    case CTXFIT_CHECKPOINT_QUANT_MXFP4: return bits / 8 + 1.0 / 32;
    case CTXFIT_CHECKPOINT_QUANT_NVFP4: return bits / 8 + 1.0 / 16;
    case CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES: return bits / 8 + (group > 0 ? 4 / group : 0);
    case CTXFIT_CHECKPOINT_QUANT_INTEGER: return bits / 8 + (group > 0 ? 2 / group : 0);
    default: return bits / 8 + (group > 0 ? (2 + bits / 8) / group : 0); /* AWQ, GPTQ and their like */
    }
}

void cfi_hf_note_quant(cfi_hf_config *c)
{
    const cfi_json_value *beside = cfi_json_root(c->quant_doc);
    cfi_hf_quant          inside, other = {.method = ""};

    cfi_hf_read_quant(c, &inside);
    if (!states_something(beside))
        return;
    if (inside.kind != CTXFIT_CHECKPOINT_QUANT_NONE && strcmp(c->quant_name, "hf_quant_config.json") != 0 &&
        !states_something(cfi_hf_get(c, "quantization_config")) && !states_something(cfi_hf_get(c, "quantization")))
        cfi_hf_note_files(c, "%s alone says how weights are quantized (%s, %" PRIu32 " bits): vLLM reads it with --quantization",
                          c->quant_name,
                          inside.method, inside.bits);
    read_config(beside, c->quant_name, &other);
    if (other.kind != inside.kind || other.bits != inside.bits || other.cache != inside.cache)
        cfi_hf_note_files(c,
                          "config.json states %.30s of %" PRIu32 " bits, %s %.30s of %" PRIu32 ": the former counts; TensorRT-LLM goes by "
                          "the latter", inside.method, inside.bits, c->quant_name, other.method, other.bits);
}
