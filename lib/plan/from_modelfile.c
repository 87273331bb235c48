/* What a model of Ollama says of itself: parameters as options, files and own blocks as what runs beside. Source: Ollama v0.33.0-rc2
 * server/sched.go, server/routes.go, llm/llama_server.go; server/create.go, setParameters, for the model that it is made from. */
#include "plan_internal.h"

#define OLLAMA_LEAST_CTX 4 /* server/sched.go:170 */

/* E_NOT_FOUND: neither has it. */
static ctxfit_status get_parameter(const ctxfit_modelfile *file, const ctxfit_modelfile *base, const char *name, int64_t *out)
{
    ctxfit_status status = ctxfit_modelfile_get_i64(file, name, out);

    return status == CTXFIT_E_NOT_FOUND && base != NULL ? ctxfit_modelfile_get_i64(base, name, out) : status;
}

/* What 32 bits hold of it, and no number that means something else. */
static uint32_t cut_parameter(int64_t value)
{
    return value < 0 ? 0 : value < (int64_t)UINT32_MAX ? (uint32_t)value : UINT32_MAX - 1;
}

/* False where the options state it. */
static bool set_parameter(ctxfit_plan_options *o, uint32_t which, int64_t value)
{
    const uint32_t number = cut_parameter(value);

    switch (which) {
    case CTXFIT_PARAMETER_NUM_CTX:
        if (o->ctx_tokens != 0 || o->model_ctx_tokens != 0)
            return false;
        o->model_ctx_tokens = value < OLLAMA_LEAST_CTX ? OLLAMA_LEAST_CTX : number;
        return true;
    case CTXFIT_PARAMETER_NUM_BATCH: /* llm/llama_server.go:406: 0 leaves it to llama-server */
        if (o->batch_tokens != 0)
            return false;
        o->batch_tokens = number;
        return true;
    case CTXFIT_PARAMETER_NUM_GPU: /* llm/llama_server.go:590: below 0 they are chosen */
        if (o->gpu_layers != 0)
            return false;
        if (value >= 0)
            o->gpu_layers = number == 0 ? CTXFIT_GPU_LAYERS_NONE : number;
        return true;
    default:
        if (o->mmap != CTXFIT_CHOICE_DEFAULT)
            return false;
        o->mmap = value != 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
        return true;
    }
}

ctxfit_status ctxfit_plan_apply_parameters(ctxfit_plan_options *options, const ctxfit_modelfile *file, const ctxfit_modelfile *base,
                                           uint32_t *out_set, ctxfit_error *error)
{
    static const struct {
        char     name[12];
        uint32_t which;
    } known[] = {{"num_ctx", CTXFIT_PARAMETER_NUM_CTX},
                 {"num_batch", CTXFIT_PARAMETER_NUM_BATCH},
                 {"num_gpu", CTXFIT_PARAMETER_NUM_GPU},
                 {"use_mmap", CTXFIT_PARAMETER_USE_MMAP}};
    ctxfit_plan_options o;
    cfi_engine_choice   engine;
    ctxfit_status       status;
    int64_t             value;
    uint32_t            set = 0;

    if (out_set != NULL)
        *out_set = 0;
    if (options == NULL || file == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "options and file must not be NULL");
    status = cfi_copy_in(&o, sizeof o, CFI_V1_PLAN_OPTIONS, options);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    o.engine[sizeof o.engine - 1] = '\0';
    status = cfi_engine_choose(o.engine, &engine, error);
    if (status != CTXFIT_OK || engine.id != CFI_ENGINE_OLLAMA)
        return status;
    for (size_t i = 0; i < CFI_COUNT(known); i++)
        if (get_parameter(file, base, known[i].name, &value) == CTXFIT_OK && set_parameter(&o, known[i].which, value))
            set |= known[i].which;
    if (out_set != NULL)
        *out_set = set;
    return cfi_copy_out(options, &o, sizeof o, CFI_V1_PLAN_OPTIONS);
}

/* Of the tensors of a file; 0 where that is not known. */
static uint64_t tensors_of(const char *path, const ctxfit_allocator *allocator)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_tensor_info  tensor = CTXFIT_TENSOR_INFO_INIT;
    ctxfit_gguf        *gguf;
    uint64_t            sum = 0;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    if (ctxfit_gguf_open(path, &options, allocator, &gguf, NULL) != CTXFIT_OK)
        return 0;
    for (uint64_t i = 0; ctxfit_gguf_get_tensor(gguf, i, &tensor) == CTXFIT_OK; i++)
        if (!cfi_add_u64(sum, tensor.bytes, &sum))
            break;
    ctxfit_gguf_free(gguf);
    return sum;
}

/* The last part of a path. */
static const char *name_in_path(const char *path)
{
    const char *name = path;

    for (const char *p = path; *p != '\0'; p++)
        if ((*p == '/' || *p == '\\') && p[1] != '\0')
            name = p + 1;
    return name;
}

static ctxfit_status add_file(ctxfit_beside *beside, uint32_t kind, const char *path, ctxfit_error *error)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf;
    ctxfit_status       status;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    status = ctxfit_gguf_open(path, &options, &beside->arena.allocator, &gguf, error);
    if (status != CTXFIT_OK)
        return status;
    status = kind == CTXFIT_PART_PROJECTOR ? ctxfit_beside_add_projector(beside, gguf, NULL, error)
                                           : ctxfit_beside_add_adapter(beside, gguf, error);
    ctxfit_gguf_free(gguf);
    return status;
}

ctxfit_status ctxfit_beside_add_parts(ctxfit_beside *beside, const ctxfit_modelfile *file, const ctxfit_model *model, ctxfit_error *error)
{
    static const uint32_t kinds[] = {CTXFIT_PART_PROJECTOR, CTXFIT_PART_ADAPTER};
    ctxfit_draft_options  draft = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_status         status = CTXFIT_OK;
    const char           *path;
    int64_t               tokens;

    if (beside == NULL || file == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "beside and file must not be NULL");
    for (size_t k = 0; k < CFI_COUNT(kinds); k++)
        for (uint32_t i = 0; status == CTXFIT_OK && (path = ctxfit_modelfile_part(file, kinds[k], i)) != NULL; i++)
            status = add_file(beside, kinds[k], path, error);
    for (uint32_t i = 0; status == CTXFIT_OK && (path = ctxfit_modelfile_part(file, CTXFIT_PART_DRAFT, i)) != NULL; i++)
        status = ctxfit_beside_leave_out(beside, CTXFIT_PART_DRAFT, name_in_path(path), tensors_of(path, &beside->arena.allocator), error);
    /* llm/llama_server.go:807 appendDraftArgs: without a draft, and with a number that is set */
    if (status != CTXFIT_OK || model == NULL || model->info.nextn_layers == 0)
        return status;
    if (ctxfit_modelfile_part(file, CTXFIT_PART_DRAFT, 0) != NULL ||
        get_parameter(file, NULL, "draft_num_predict", &tokens) != CTXFIT_OK || tokens <= 0)
        return CTXFIT_OK;
    draft.draft_tokens = cut_parameter(tokens);
    return ctxfit_beside_add_nextn(beside, &draft, error);
}
