/* Modules of a checkpoint with a format of their own, as each method of quantization lists them. Sources: vLLM 0.33.0
 * model_executor/layers/quantization (compressed_tensors/utils.py, modelopt.py, utils/gptq_utils.py, inc.py, quark/utils.py,
 * utils/quant_utils.py), which SGLang's follow; names are those of transformers' modules. */
#include "hf_quant.h"

typedef struct rule_list {
    const cfi_hf_quant *whole;
    cfi_hf_module_rule *rule; /* NULL: they are counted */
    size_t              count;
    float               rest;
} rule_list;

#define PLAIN 2.0f /* bytes of a weight that stays as it is */

static float bytes_of(const cfi_hf_quant *q)
{
    return q->bits >= 16 ? PLAIN : (float)cfi_hf_weight_bytes(q);
}

static void add_rule(rule_list *list, const char *name, cfi_hf_module_how how, bool keeps, float bytes)
{
    cfi_hf_module_rule rule = {name, how, keeps, keeps ? PLAIN : bytes};

    if (name == NULL || *name == '\0')
        return;
    if (list->rule != NULL)
        list->rule[list->count] = rule;
    list->count++;
}

/* "re:..." is a regular expression that holds from the beginning (re.match()), what has wildcards a pattern of files, and a name without a
 * layer any module that has it in its path. */
static void add_module(rule_list *list, const char *name, bool keeps, float bytes)
{
    if (name != NULL && strncmp(name, "re:", 3) == 0)
        add_rule(list, name + 3, CFI_HF_MODULE_REGEX, keeps, bytes);
    else if (name != NULL && strpbrk(name, "*?") != NULL)
        add_rule(list, name, CFI_HF_MODULE_GLOB, keeps, bytes);
    else if (name != NULL && strstr(name, "layers.") == NULL && strcmp(name, "lm_head") != 0)
        add_rule(list, name, CFI_HF_MODULE_PART, keeps, bytes);
    else
        add_rule(list, name, CFI_HF_MODULE_NAME, keeps, bytes);
}

static void add_kept(rule_list *list, const cfi_json_value *config)
{
    static const char keys[][24] = {"ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers", "exclude"};

    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        for (cfi_json_iter it = cfi_json_items(cfi_json_get(config, keys[i])); cfi_json_next(&it);)
            add_module(list, cfi_json_as_text(it.value, NULL), true, 0);
}

/* ---- compressed-tensors, ModelOpt ---- */

/* "Linear" and its like: the class of modules, not one of them. */
static bool names_class(const char *target) { return *target >= 'A' && *target <= 'Z' && strchr(target, '.') == NULL; }

static void add_groups(rule_list *list, const cfi_json_value *config)
{
    const cfi_json_value *groups = cfi_json_get(config, "config_groups");
    bool                  classes = false;

    for (cfi_json_iter it = cfi_json_items(groups); cfi_json_next(&it);) {
        cfi_hf_quant q = {.method = ""};

        cfi_hf_read_group(config, it.value, &q);
        classes = classes || cfi_json_count(cfi_json_get(it.value, "targets")) == 0; /* all of them */
        for (cfi_json_iter targets = cfi_json_items(cfi_json_get(it.value, "targets")); cfi_json_next(&targets);) {
            const char *target = cfi_json_as_text(targets.value, NULL);

            if (target == NULL || !names_class(target)) {
                add_module(list, target, false, bytes_of(&q));
            } else if (!classes) {
                classes = true;
                list->rest = bytes_of(&q);
            }
        }
    }
    if (!classes && cfi_json_count(groups) > 0)
        list->rest = PLAIN;
}

static void add_modelopt(rule_list *list, const cfi_json_value *part)
{
    const cfi_json_value *layers = cfi_json_get(part, "quantized_layers");

    for (cfi_json_iter it = cfi_json_items(layers); cfi_json_next(&it);) {
        cfi_hf_quant q = {.method = ""};

        if (cfi_hf_read_algo(it.value, &q))
            add_rule(list, it.key, CFI_HF_MODULE_NAME, false, bytes_of(&q));
    }
    if (cfi_json_count(layers) > 0)
        list->rest = PLAIN;
    else
        add_groups(list, part);
}

/* ---- others ---- */

/* What an entry says otherwise than the whole. */
static float overridden(const cfi_hf_quant *whole, const cfi_json_value *entry)
{
    cfi_hf_quant q = *whole;

    q.bits = cfi_hf_small(entry, "bits", q.bits);
    q.group = cfi_hf_group_size(entry, "group_size", q.group);
    return bytes_of(&q);
}

/* "-:pattern": as it is; "+:pattern" or the pattern alone: as it says. */
static void add_dynamic(rule_list *list, const cfi_json_value *dynamic)
{
    for (cfi_json_iter it = cfi_json_items(dynamic); cfi_json_next(&it);) {
        const char *name = it.key != NULL ? it.key : "";
        bool        keeps = strncmp(name, "-:", 2) == 0;

        add_rule(list, name + (keeps || strncmp(name, "+:", 2) == 0 ? 2 : 0), CFI_HF_MODULE_REGEX, keeps,
                 overridden(list->whole, it.value));
    }
}

/* AutoRound: names, or regular expressions where something in them is special. */
static void add_extra(rule_list *list, const cfi_json_value *extra)
{
    for (cfi_json_iter it = cfi_json_items(extra); cfi_json_next(&it);) {
        const char *name = it.key != NULL ? it.key : "";

        add_rule(list, name, strpbrk(name, "*+?^$()[]{}|\\") != NULL ? CFI_HF_MODULE_REGEX : CFI_HF_MODULE_NAME, false,
            overridden(list->whole, it.value));
    }
}

static void add_quark(rule_list *list, const cfi_json_value *layers)
{
    for (cfi_json_iter it = cfi_json_items(layers); cfi_json_next(&it);) {
        const cfi_json_value *weight = cfi_json_get(it.value, "weight");
        cfi_hf_quant          q = {.method = ""};

        cfi_hf_read_quark(weight, &q);
        add_module(list, it.key, q.bits == 0, bytes_of(&q));
    }
}

static void add_all(rule_list *list, const cfi_json_value *config)
{
    const char           *method = list->whole->method;
    const cfi_json_value *part = cfi_hf_modelopt_part(config);

    list->count = 0;
    if (strcmp(method, "compressed-tensors") == 0)
        add_groups(list, config);
    else if (strncmp(method, "modelopt", 8) == 0)
        add_modelopt(list, part);
    add_dynamic(list, cfi_json_get(config, "dynamic"));
    add_extra(list, cfi_json_get(config, "extra_config"));
    add_quark(list, cfi_json_get(config, "layer_quant_config"));
    add_kept(list, part);
}

ctxfit_status cfi_hf_read_rules(const cfi_hf_config *c, const cfi_hf_quant *whole, cfi_hf_module_rules *out)
{
    const cfi_json_value *config = cfi_hf_quant_config(c);
    rule_list             list = {whole, NULL, 0, 0};

    memset(out, 0, sizeof *out);
    if (config == NULL || whole->kind == CTXFIT_CHECKPOINT_QUANT_NONE || whole->kind == CTXFIT_CHECKPOINT_QUANT_MLX ||
        whole->kind == CTXFIT_CHECKPOINT_QUANT_EXL3 || strcmp(whole->method, "mxfp4") == 0) /* of which experts alone are quantized */
        return CTXFIT_OK;
    add_all(&list, config);
    out->rest = list.rest;
    out->count = list.count;
    if (list.count == 0)
        return CTXFIT_OK;
    list.rule = cfi_arena_array(c->arena, list.count, sizeof *list.rule);
    if (list.rule == NULL)
        return cfi_fail(c->error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    out->rule = list.rule;
    add_all(&list, config);
    return CTXFIT_OK;
}
