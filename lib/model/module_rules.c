/* Modules of a checkpoint of transformers that its method of quantization lists (lib/hf/hf_modules.c), and the tensors that they are. */
#include "checkpoint_internal.h"

#define MOST_WORK     (UINT64_C(1) << 21) /* steps of patterns x tensors that they are held against: half a second */
#define MOST_NAME     160u
#define KEPT          2.0f /* bytes of a weight; the tensor's own count */

static const struct hf_module {
    char module[40];
    char tensor[20];
} hf_modules[] = {
#define CFI_HF_MODULE(module, tensor) {module, tensor},
#include "hf_modules.def"
#undef CFI_HF_MODULE
};

/* A tensor by one of the names that its module may have. */
typedef struct rule_cell {
    uint64_t tensor;
    uint32_t row;
    float    bytes; /* of a weight; 0: nothing is said */
} rule_cell;

typedef struct rule_table {
    ctxfit_model    *model;
    bool             inner;    /* of a model with eyes or ears */
    bool             backbone; /* "backbone" is what the others call "model" */
    float            output;
    rule_cell       *cell; /* in the order of tensors */
    size_t           count;
    cfi_pattern_set *patterns;
    uint64_t         work;
    uint32_t         left; /* patterns that are not followed */
    const char      *first_left;
    bool             no_memory;
} rule_table;

static bool is_of(const struct hf_module *row, const char *name)
{
    const size_t len = strlen(row->tensor);

    return strncmp(name, row->tensor, len) == 0 && name[len] == '.';
}

static void find_cells(rule_table *t)
{
    t->count = 0;
    for (uint64_t i = 0; i < t->model->info.tensor_count; i++) {
        uint64_t    block;
        const char *name = cfi_model_split_name(t->model->tensor[i].name, &block);

        for (uint32_t row = 0; name != NULL && row < CFI_COUNT(hf_modules); row++) {
            const rule_cell cell = {i, row, 0};

            if (!is_of(&hf_modules[row], name) || !cfi_model_is_stored_narrow(t->model, &t->model->tensor[i]))
                continue;
            if (t->cell != NULL)
                t->cell[t->count] = cell;
            t->count++;
        }
    }
}

/* ---- does a rule hold ---- */

/* `part` is whole parts of the path. */
static bool has_part(const char *path, const char *part)
{
    const size_t len = strlen(part);

    for (const char *at = strstr(path, part); at != NULL; at = strstr(at + 1, part))
        if ((at == path || at[-1] == '.') && (at[len] == '.' || at[len] == '\0'))
            return true;
    return false;
}

/* fnmatch(): `*` is any text, dots included. Linear but for the last star. */
static bool glob_holds(const char *glob, const char *text)
{
    const char *star = NULL, *mark = text;

    while (*text != '\0') {
        if (*glob == '*') {
            star = glob++;
            mark = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star != NULL) {
            glob = star + 1;
            text = ++mark;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

static bool rule_holds(const rule_table *t, const cfi_hf_module_rule *rule, const char *path)
{
    switch (rule->how) {
    case CFI_HF_MODULE_PART: return has_part(path, rule->name);
    case CFI_HF_MODULE_GLOB: return glob_holds(rule->name, path);
    default: return cfi_pattern_set_search(t->patterns, path) != CFI_PATTERN_NONE;
    }
}

/* The paths that the module may have in a checkpoint, experts with a number and without. */
static bool holds_for(const rule_table *t, const cfi_hf_module_rule *rule, const rule_cell *cell)
{
    static const char prefixes[][32] = {"model.layers.", "backbone.layers.", "model.language_model.layers.",
                                        "language_model.model.layers."};
    const char       *module = hf_modules[cell->row].module, *experts = strstr(module, "experts.");
    const int         head = experts != NULL && !cfi_ends_with(module, "gate_up_proj") ? (int)(experts + 8 - module) : 0;
    const size_t      first = t->inner ? 2 : t->backbone ? 1 : 0;

    for (size_t i = first; i < (t->inner ? 4 : first + 1); i++)
        for (int numbered = 0; numbered < (head > 0 ? 2 : 1); numbered++) {
            char       path[MOST_NAME];
            cfi_writer w;

            cfi_writer_init(&w, path, sizeof path);
            cfi_write(&w, "%s%u.", prefixes[i], (unsigned)t->model->tensor[cell->tensor].layer);
            if (numbered)
                cfi_write(&w, "%.*s0.%s", head, module, module + head);
            else
                cfi_write(&w, "%s", module);
            (void)cfi_writer_finish(&w, NULL);
            if (rule_holds(t, rule, path))
                return true;
        }
    return false;
}

/* ---- rules ---- */

static void set_cell(rule_cell *cell, const cfi_hf_module_rule *rule)
{
    if (cell->bytes == 0)
        cell->bytes = rule->bytes;
}

static void take_pattern(rule_table *t, const cfi_hf_module_rule *rule)
{
    uint64_t steps = 1;
    bool     known = true;

    if (rule->how == CFI_HF_MODULE_REGEX) {
        const size_t len = strlen(rule->name);
        char        *text = cfi_arena_alloc(&t->model->arena, len + 6);

        t->no_memory = t->no_memory || text == NULL;
        known = text != NULL;
        if (known) {
            memcpy(text, "^(?:", 4);
            memcpy(text + 4, rule->name, len);
            memcpy(text + 4 + len, ")", 2);
            cfi_pattern_set_init(t->patterns, text);
            known = cfi_pattern_set_add(t->patterns, text, len + 5, NULL) == CTXFIT_OK;
            steps = t->patterns->count;
        }
    }
    t->work += steps * t->count; /* both 32 bits, and no longer added to when it is too much */
    known = known && t->work <= MOST_WORK;
    if (!known && t->left++ == 0)
        t->first_left = rule->name;
    for (size_t i = 0; known && i < t->count; i++)
        if (t->cell[i].bytes == 0 && holds_for(t, rule, &t->cell[i]))
            set_cell(&t->cell[i], rule);
}

/* "mlp.experts.17.up_proj" is "mlp.experts.up_proj" here. */
static void without_number(const char *module, char out[MOST_NAME])
{
    const char *experts = strstr(module, "experts.");
    const char *rest = experts != NULL ? experts + 8 : module;
    uint64_t    number;
    cfi_writer  w;

    if (experts != NULL && cfi_parse_u64(rest, &rest, &number))
        rest += *rest == '.';
    else
        rest = experts != NULL ? experts + 8 : module;
    cfi_writer_init(&w, out, MOST_NAME);
    cfi_write(&w, "%.*s%s", experts != NULL ? (int)(experts + 8 - module) : 0, module, rest);
    (void)cfi_writer_finish(&w, NULL);
    if (cfi_ends_with(out, "."))
        out[strlen(out) - 1] = '\0';
}

/* The module itself or one that is in it; "" is a whole layer. */
static bool is_in(const char *row, const char *module)
{
    const size_t len = strlen(module);

    return len == 0 || (strncmp(row, module, len) == 0 && (row[len] == '\0' || row[len] == '.'));
}

/* Cells are in the order of tensors, and those of a layer are not together: so the names are sorted in by layer. */
static bool take_named(rule_table *t, const cfi_hf_module_rule *rule, const uint32_t *first_of_layer, const uint32_t *next)
{
    const char *at = strstr(rule->name, "layers."), *rest;
    uint64_t    layer, block = 0;
    char        module[MOST_NAME];
    bool        found = false;

    if (at == NULL || !cfi_parse_u64(at + 7, &rest, &layer) || (*rest != '.' && *rest != '\0')) {
        if (cfi_ends_with(rule->name, "lm_head"))
            t->output = rule->bytes;
        return true;
    }
    if (layer >= t->model->info.layers ||
        (*rest == '.' && cfi_checkpoint_part_of(rule->name, t->model->info.layers, &block) != CFI_CHECKPOINT_LAYER))
        return true; /* towers, blocks that draft */
    without_number(*rest == '.' ? rest + 1 : "", module);
    for (uint32_t i = first_of_layer[layer]; i != UINT32_MAX; i = next[i])
        if (is_in(hf_modules[t->cell[i].row].module, module)) {
            set_cell(&t->cell[i], rule);
            found = true;
        }
    return found;
}

static void fill_bytes(const rule_table *t, float rest)
{
    float *out = t->model->module_bytes;

    for (uint64_t i = 0; i < t->model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &t->model->tensor[i];

        if (tensor->role == CFI_ROLE_OUTPUT && tensor->n_dims > 1 && t->output != KEPT)
            out[i] = t->output;
        else if (tensor->role != CFI_ROLE_OUTPUT && cfi_model_is_stored_narrow(t->model, tensor))
            out[i] = rest;
    }
    for (size_t i = t->count; i-- > 0;) /* of several names of a tensor the first counts */
        if (t->cell[i].bytes > 0)
            out[t->cell[i].tensor] = t->cell[i].bytes;
    for (uint64_t i = 0; i < t->model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &t->model->tensor[i];

        if (out[i] == KEPT)
            out[i] = (float)((double)tensor->bytes / (double)(tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3]));
    }
}

static bool take_rules(rule_table *t, const cfi_hf_module_rules *rules, cfi_hf_config *c)
{
    uint32_t   *first = cfi_arena_array(&t->model->arena, t->model->info.layers, sizeof *first);
    uint32_t   *next = cfi_arena_array(&t->model->arena, t->count + 1, sizeof *next);
    uint32_t    unknown = 0;
    const char *of_it = NULL;

    if (first == NULL || next == NULL)
        return false;
    memset(first, 0xff, t->model->info.layers * sizeof *first);
    for (size_t i = t->count; i-- > 0;) {
        const int32_t layer = t->model->tensor[t->cell[i].tensor].layer;

        next[i] = first[layer];
        first[layer] = (uint32_t)i;
    }
    for (int keeps = 1; keeps >= 0; keeps--)
        for (size_t i = 0; i < rules->count; i++) {
            const cfi_hf_module_rule *rule = &rules->rule[i];

            if (rule->keeps != (keeps != 0))
                continue;
            if (rule->how != CFI_HF_MODULE_NAME)
                take_pattern(t, rule);
            else if (!take_named(t, rule, first, next) && !rule->keeps && unknown++ == 0)
                of_it = rule->name;
        }
    if (unknown > 0)
        cfi_hf_note_files(c, "%u modules have formats of their own that are not counted (the first: '%.60s')", (unsigned)unknown, of_it);
    if (t->left > 0)
        cfi_hf_note_files(c, "%u patterns of modules are not followed (the first: '%.60s')", (unsigned)t->left, t->first_left);
    return !t->no_memory;
}

ctxfit_status cfi_model_read_rules(ctxfit_model *model, cfi_hf_config *c, const cfi_hf_quant *quant, ctxfit_error *error)
{
    cfi_hf_module_rules rules;
    rule_table          t = {.model = model, .inner = c->inner != NULL, .backbone = strcmp(c->model_type, "nemotron_h") == 0};
    ctxfit_status       status = cfi_hf_read_rules(c, quant, &rules);

    if (status != CTXFIT_OK || (rules.count == 0 && rules.rest == 0))
        return status;
    find_cells(&t);
    t.cell = cfi_arena_array(&model->arena, t.count + 1, sizeof *t.cell);
    t.patterns = cfi_arena_alloc(&model->arena, sizeof *t.patterns);
    model->module_bytes = cfi_arena_array(&model->arena, (size_t)model->info.tensor_count, sizeof *model->module_bytes);
    if (t.cell == NULL || t.patterns == NULL || model->module_bytes == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    find_cells(&t);
    if (!take_rules(&t, &rules, c))
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
    fill_bytes(&t, rules.rest);
    return CTXFIT_OK;
}
