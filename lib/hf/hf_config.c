/* Opening a config.json and finding things in it. */
#include <stdio.h>

#include "hf_internal.h"

/* ---- tables ---- */
#define ROW_OF_LINE(line) CFI_PASTE(row_, line)
#define CFI_PASTE(a, b) a##b

static const struct class_texts {
#define CFI_HF_CLASS(name, type, arch, family, head) char ROW_OF_LINE(__LINE__)[sizeof(name "\0" type "\0" arch "\0" #family "\0" #head)];
#include "hf_classes.def"
#undef CFI_HF_CLASS
    char end[1];
} class_texts = {
#define CFI_HF_CLASS(name, type, arch, family, head) name "\0" type "\0" arch "\0" #family "\0" #head,
#include "hf_classes.def"
#undef CFI_HF_CLASS
    ""
};

static const struct default_texts {
#define CFI_HF_DEFAULT(type, json) char ROW_OF_LINE(__LINE__)[sizeof(type "\0" json)];
#include "hf_defaults.def"
#undef CFI_HF_DEFAULT
    char end[1];
} default_texts = {
#define CFI_HF_DEFAULT(type, json) type "\0" json,
#include "hf_defaults.def"
#undef CFI_HF_DEFAULT
    ""
};

/* The row of hf_classes.def of a class, of several the one of the model_type, NULL if there is none. */
static const char *find_class(const char *name, const char *model_type)
{
    const char *found = NULL;

    for (const char *row = (const char *)&class_texts; *row != '\0' && *name != '\0'; row = cfi_hf_column(row, 5))
        if (strcmp(row, name) == 0 && (found == NULL || strcmp(cfi_hf_column(row, 1), model_type) == 0))
            found = row;
    return found;
}

static const char *find_type(const char *model_type)
{
    for (const char *row = (const char *)&class_texts; *row != '\0' && *model_type != '\0'; row = cfi_hf_column(row, 5))
        if (strcmp(cfi_hf_column(row, 1), model_type) == 0)
            return row;
    return NULL;
}

static const char *find_defaults(const char *model_type)
{
    for (const char *row = (const char *)&default_texts; *row != '\0'; row = cfi_hf_column(row, 2))
        if (strcmp(row, model_type) == 0)
            return cfi_hf_column(row, 1);
    return NULL;
}

/* ---- values ---- */

/* The file's own answer to a key: NULL when it does not say, else a value, which may be null. */
static const cfi_json_value *own_answer(const cfi_hf_config *c, const char *key)
{
    const cfi_json_value *value = cfi_json_get(c->inner, key);

    return value != NULL ? value : cfi_json_get(c->outer, key);
}

static const cfi_json_value *stated_or_null(const cfi_hf_config *c, const char *path)
{
    const cfi_json_value *value = NULL;
    const char           *dot = strchr(path, '.');
    char                  key[64];

    if (*path == '@') {
        value = cfi_json_get(c->rope, path + 1);
        return cfi_json_kind_of(value) > CFI_JSON_NULL ? value : own_answer(c, path + 1);
    }
    if (dot == NULL || (size_t)(dot - path) >= sizeof key)
        return own_answer(c, path);
    memcpy(key, path, (size_t)(dot - path));
    key[dot - path] = '\0';
    return cfi_json_get(own_answer(c, key), dot + 1);
}

static const cfi_json_value *unless_null(const cfi_json_value *value)
{
    return cfi_json_kind_of(value) == CFI_JSON_NULL ? NULL : value;
}

const cfi_json_value *cfi_hf_get_stated(const cfi_hf_config *c, const char *path) { return unless_null(stated_or_null(c, path)); }

const cfi_json_value *cfi_hf_get(const cfi_hf_config *c, const char *path)
{
    const cfi_json_value *value = stated_or_null(c, path);

    if (value == NULL)
        value = cfi_json_get(c->defaults, *path == '@' ? path + 1 : path);
    return unless_null(value);
}

bool cfi_hf_u64(const cfi_hf_config *c, const char *path, uint64_t *out) { return cfi_json_as_u64(cfi_hf_get(c, path), out); }

uint64_t cfi_hf_u64_or(const cfi_hf_config *c, const char *path, uint64_t fallback)
{
    uint64_t value;

    return cfi_hf_u64(c, path, &value) ? value : fallback;
}

bool cfi_hf_as_number(const cfi_json_value *value, double *out)
{
    if (cfi_json_kind_of(value) == CFI_JSON_BOOL) {
        *out = cfi_json_is_true(value) ? 1 : 0;
        return true;
    }
    return cfi_json_as_number(value, out) && cfi_is_finite(*out);
}

bool cfi_hf_number(const cfi_hf_config *c, const char *path, double *out) { return cfi_hf_as_number(cfi_hf_get(c, path), out); }

bool cfi_hf_true(const cfi_hf_config *c, const char *path)
{
    double number;

    return cfi_hf_number(c, path, &number) && number > 0;
}

const char *cfi_hf_text(const cfi_hf_config *c, const char *path)
{
    const char *text = cfi_json_as_text(cfi_hf_get(c, path), NULL);

    return text != NULL ? text : "";
}

void cfi_hf_format(char *out, size_t cap, const char *fmt, va_list args) { (void)vsnprintf(out, cap, fmt, args); }

void cfi_hf_fail(cfi_hf_config *c, ctxfit_status status, const char *fmt, ...)
{
    char    message[232]; /* as in ctxfit_error */
    va_list args;

    if (c->status != CTXFIT_OK)
        return;
    va_start(args, fmt);
    cfi_hf_format(message, sizeof message, fmt, args);
    va_end(args);
    c->status = cfi_fail(c->error, status, "config.json: %s", message);
}

/* ---- opening ---- */

static const char *class_of(const cfi_json_value *object)
{
    const cfi_json_value *names = cfi_json_get(object, "architectures");
    cfi_json_iter         it = cfi_json_items(names);
    const char           *name = cfi_json_kind_of(names) == CFI_JSON_ARRAY && cfi_json_next(&it) ? cfi_json_as_text(it.value, NULL) : NULL;

    return name != NULL ? name : "";
}

static const char *type_of(const cfi_json_value *object)
{
    const char *type = cfi_json_as_text(cfi_json_get(object, "model_type"), NULL);

    return type != NULL ? type : "";
}

/* The decoder of a model with eyes or ears. llama.cpp b10472 conversion/base.py load_hparams; transformers get_text_config. */
static const cfi_json_value *find_inner(const cfi_json_value *outer)
{
    static const char names[][28] = {"text_config", "llm_config", "language_config", "lm_config", "thinker_config",
                                     "transformer_layer_config"};

    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        const cfi_json_value *inner = cfi_json_get(outer, names[i]);

        if (cfi_json_kind_of(inner) == CFI_JSON_OBJECT) {
            const cfi_json_value *deeper = cfi_json_get(inner, "text_config");

            return cfi_json_kind_of(deeper) == CFI_JSON_OBJECT ? deeper : inner;
        }
    }
    return NULL;
}

/* Class before model_type, and that of the whole before its decoder's, where it is known: it may be built otherwise (DeepSeek-OCR has
 * DeepSeek-V2's class without latent attention). A LLaVA is not: it says what it wraps. */
static const char *find_class_row(const cfi_hf_config *c, const char *outer_class, const char *inner_class)
{
    const char *outer = find_class(outer_class, c->model_type);
    const char *inner = find_class(inner_class, c->model_type);

    return outer != NULL ? outer : inner != NULL ? inner : find_type(c->model_type);
}

/* The sizes of latent attention (DeepSeek-V2 and on), which no other kind has. */
static bool states_latents(const cfi_hf_config *c)
{
    static const char sizes[][20] = {"kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"};
    uint64_t          size;

    for (size_t i = 0; i < CFI_COUNT(sizes); i++)
        if (!cfi_hf_u64(c, sizes[i], &size) || size == 0)
            return false;
    return true;
}

static void find_class_of(cfi_hf_config *c)
{
    const char *inner_class = class_of(c->inner);
    const char *outer_class = class_of(c->outer);
    const char *row;

    c->class_name = *inner_class != '\0' ? inner_class : outer_class;
    c->model_type = *type_of(c->inner) != '\0' ? type_of(c->inner) : type_of(c->outer);
    c->wrapper = c->inner != NULL && find_class(outer_class, c->model_type) == NULL ? outer_class : "";
    row = find_class_row(c, outer_class, inner_class);
    if (row == NULL) {
        c->arch = states_latents(c) ? "deepseek2" : "llama";
        c->family = states_latents(c) ? "generic_latent" : "generic";
        return;
    }
    c->arch = cfi_hf_column(row, 2);
    c->family = cfi_hf_column(c->arch, 1);
    c->headless = strcmp(row, c->class_name) == 0 && strcmp(cfi_hf_column(c->family, 1), "none") == 0;
    c->tied = strcmp(cfi_hf_column(c->family, 1), "tied") == 0;
    /* A class of its own may change its model_type's shape: a decoder within a larger model, which states none, does not. */
    c->class_known = c->inner != NULL || *c->class_name == '\0' || strcmp(row, c->class_name) == 0;
    c->known = *c->arch != '~' && c->class_known;
    if (*c->arch == '~')
        c->arch++;
    if (*c->model_type == '\0' && strcmp(cfi_hf_column(row, 1), "-") != 0)
        c->model_type = cfi_hf_column(row, 1);
}

/* The defaults are JSON with ' for ", parsed when a configuration needs them. */
static ctxfit_status open_defaults(cfi_hf_config *c)
{
    const char   *row = find_defaults(c->model_type);
    char         *json;
    ctxfit_status status;

    if (row == NULL)
        return CTXFIT_OK;
    json = cfi_arena_copy(c->arena, row, strlen(row));
    if (json == NULL)
        return cfi_fail(c->error, CTXFIT_E_NO_MEMORY, "config.json: out of memory");
    for (char *at = json; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    status = cfi_json_read(json, strlen(json), NULL, &c->arena->allocator, &c->defaults_doc, c->error);
    c->defaults = cfi_json_root(c->defaults_doc);
    return status;
}

/* DeepSeek-VL2's small decoders are of DeepSeek-V2's class and attend as DeepSeek-OCR's does, which has a class of its own: vLLM 0.33.0
 * model_executor/models/deepseek_v2.py takes plain attention where there are no latents. */
static void find_plain_attention(cfi_hf_config *c)
{
    const cfi_json_value *use = cfi_hf_get_stated(c, "use_mla");
    uint64_t              rank;

    if (strcmp(c->arch, "deepseek2") != 0 || cfi_hf_distance(c->family, "latent") == SIZE_MAX ||
        ((use == NULL || cfi_json_is_true(use)) && cfi_hf_u64(c, "kv_lora_rank", &rank) && rank > 0))
        return;
    if (use == NULL && cfi_hf_get_stated(c, "kv_lora_rank") == NULL) /* it is missing, which is another matter */
        return;
    c->arch = "deepseek2-ocr";
    c->family = "deepseek";
    c->no_latents = true;
    c->known = false;
}

/* jina-embeddings-v3 is of XLM-RoBERTa's class, with a rope: llama.cpp b10472 conversion/bert.py XLMRobertaModel. */
static void find_adapted_encoder(cfi_hf_config *c)
{
    if (strcmp(c->arch, "bert") == 0 && cfi_hf_get_stated(c, "lora_adaptations") != NULL)
        c->arch = "jina-bert-v3";
}

const char *cfi_hf_rope_type(const cfi_hf_config *c)
{
    const char *type = cfi_json_as_text(cfi_json_get(c->rope, "rope_type"), NULL);

    return type != NULL ? type : cfi_json_as_text(cfi_json_get(c->rope, "type"), NULL);
}

/* Of several ropes that of layers that see the whole context: "compress" in DeepSeek-V4 (transformers 5.23.0
 * configuration_deepseek_v4.py). */
static void find_rope(cfi_hf_config *c)
{
    static const char     parts[][16] = {"full_attention", "compress"};
    const cfi_json_value *rope = cfi_hf_get(c, "rope_parameters");

    cfi_hf_expect_object(c, "rope_parameters");
    cfi_hf_expect_object(c, "rope_scaling");
    if (cfi_json_kind_of(rope) != CFI_JSON_OBJECT)
        rope = cfi_hf_get(c, "rope_scaling");
    c->rope = rope;
    for (size_t i = 0; i < CFI_COUNT(parts); i++)
        if (cfi_json_kind_of(cfi_json_get(rope, parts[i])) == CFI_JSON_OBJECT)
            c->rope = cfi_json_get(rope, parts[i]);
}

ctxfit_status cfi_hf_config_open(cfi_hf_config *c, const char *json, size_t len, cfi_arena *arena, ctxfit_error *error)
{
    memset(c, 0, sizeof *c);
    c->arena = arena;
    c->error = error;
    c->status = cfi_json_read(json, len, NULL, &arena->allocator, &c->doc, error);
    if (c->status != CTXFIT_OK)
        return c->status;
    c->outer = cfi_json_root(c->doc);
    if (cfi_json_kind_of(c->outer) != CFI_JSON_OBJECT) {
        cfi_hf_fail(c, CTXFIT_E_TYPE, "%s, expected an object", cfi_json_kind_name(c->outer));
        return c->status;
    }
    c->inner = find_inner(c->outer);
    find_class_of(c);
    c->status = open_defaults(c);
    find_plain_attention(c);
    find_adapted_encoder(c);
    cfi_hf_expect_object(c, "quantization_config");
    cfi_hf_expect_object(c, "quantization");
    if (cfi_hf_get_stated(c, "quantization.bits") != NULL)
        cfi_hf_expect_number(c, "quantization.bits", cfi_hf_get_stated(c, "quantization.bits"));
    if (c->status == CTXFIT_OK)
        find_rope(c);
    return c->status;
}

ctxfit_status cfi_hf_config_add_quant(cfi_hf_config *c, const char *name, const char *json, size_t len)
{
    ctxfit_error found = {0};

    c->quant_name = name;
    c->status = cfi_json_read(json, len, NULL, &c->arena->allocator, &c->quant_doc, &found);
    if (c->status != CTXFIT_OK)
        return cfi_fail_at(c->error, c->status, found.offset, found.detail, "%s: %s", name, found.message);
    if (cfi_json_kind_of(cfi_json_root(c->quant_doc)) != CFI_JSON_OBJECT)
        return cfi_fail(c->error, CTXFIT_E_TYPE, "%s: %s, expected an object", name, cfi_json_kind_name(cfi_json_root(c->quant_doc)));
    return CTXFIT_OK;
}

void cfi_hf_config_close(cfi_hf_config *c)
{
    cfi_json_free(c->doc);
    cfi_json_free(c->defaults_doc);
    cfi_json_free(c->quant_doc);
    c->quant_doc = NULL;
    c->doc = NULL;
    c->defaults_doc = NULL;
}
