/* Modules of an MLX checkpoint whose weights are stored in a format of their own: `quantization` has an object, or false, by the module's
 * name. Source: mlx-lm 0.32.2 mlx_lm/utils.py (class_predicate of load_model). */
#include "checkpoint_internal.h"

static const struct module_row {
    char module[32];
    char tensor[20];
} modules[] = {
#define CFI_MLX_MODULE(module, tensor) {module, tensor},
#include "mlx_modules.def"
#undef CFI_MLX_MODULE
};

/* Of a model's layers by the rows above, and of what stands outside of them: bytes of a weight, 0 where nothing is said. */
typedef struct module_table {
    float    input, output;
    float   *layer;
    uint32_t layers;
} module_table;

static bool is_row_of(const struct module_row *row, const char *name)
{
    const size_t len = strlen(row->tensor);

    return strncmp(name, row->tensor, len) == 0 && name[len] == '.';
}

/* The number behind "layers.", and the module below it. */
static const char *split_module(const char *name, uint64_t *layer)
{
    const char *at = strstr(name, "layers.");
    const char *rest;

    return at != NULL && cfi_parse_u64(at + 7, &rest, layer) && *rest == '.' ? rest + 1 : NULL;
}

/* false: no tensor here goes by that name. */
static bool take_module(module_table *table, const char *name, float bytes)
{
    uint64_t    layer;
    const char *module = split_module(name, &layer);
    bool        found = false;

    if (module == NULL && cfi_ends_with(name, "embed_tokens")) {
        table->input = bytes;
        return true;
    }
    if (module == NULL && cfi_ends_with(name, "lm_head")) {
        table->output = bytes;
        return true;
    }
    for (size_t i = 0; module != NULL && layer < table->layers && i < CFI_COUNT(modules); i++)
        if (strcmp(modules[i].module, module) == 0) {
            table->layer[layer * CFI_COUNT(modules) + i] = bytes;
            found = true;
        }
    return found;
}

static float bytes_in_table(const module_table *table, const cfi_tensor *tensor)
{
    uint64_t    block;
    const char *name = cfi_model_split_name(tensor->name, &block);

    if (name == NULL)
        return tensor->n_dims < 2 ? 0 : tensor->role == CFI_ROLE_INPUT ? table->input : tensor->role == CFI_ROLE_OUTPUT ? table->output : 0;
    for (size_t i = 0; block < table->layers && i < CFI_COUNT(modules); i++)
        if (table->layer[block * CFI_COUNT(modules) + i] > 0 && is_row_of(&modules[i], name))
            return table->layer[block * CFI_COUNT(modules) + i];
    return 0;
}

ctxfit_status cfi_model_read_modules(ctxfit_model *model, cfi_hf_config *c, const cfi_hf_quant *quant, bool estimated, ctxfit_error *error)
{
    module_table     table = {.layers = model->info.layers};
    cfi_hf_quant     of_it;
    const char      *name, *first = NULL;
    uint32_t         count = 0, unknown = 0;

    for (cfi_json_iter it = cfi_hf_modules(c); cfi_hf_next_module(&it, quant, &name, &of_it); count++) {
        if (count == 0) {
            table.layer = cfi_arena_array(&model->arena, (size_t)table.layers * CFI_COUNT(modules), sizeof *table.layer);
            model->module_bytes = cfi_arena_array(&model->arena, (size_t)model->info.tensor_count, sizeof *model->module_bytes);
            if (table.layer == NULL || model->module_bytes == NULL)
                return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for a checkpoint");
        }
        if (!take_module(&table, name, (float)cfi_mlx_weight_bytes(of_it.bits, of_it.group, of_it.group_bytes)) && unknown++ == 0)
            first = name;
    }
    for (uint64_t i = 0; count > 0 && i < model->info.tensor_count; i++)
        model->module_bytes[i] = bytes_in_table(&table, &model->tensor[i]);
    if (unknown > 0 && estimated)
        cfi_hf_note_files(c, "%u modules have formats of their own that are not counted (the first: '%.60s')", (unsigned)unknown, first);
    return CTXFIT_OK;
}
