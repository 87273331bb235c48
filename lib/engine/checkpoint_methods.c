/* Which quantized checkpoints vLLM and SGLang load: _verify_quantization() of their configurations of a model. */
#include "engine_internal.h"

#define ANY UINT8_MAX

typedef struct checkpoint_method {
    char     method[20];
    uint16_t since, until, deprecated; /* releases of vLLM */
    uint8_t  stored; /* CTXFIT_CHECKPOINT_QUANT_*, ANY */
    uint8_t  least[2]; /* compute capability for vLLM and SGLang; 0: not known to it */
} checkpoint_method;

static bool names_method(const char *row, const char *method)
{
    size_t len = strlen(row);

    return row[len - 1] == '*' ? strncmp(row, method, len - 1) == 0 : strcmp(row, method) == 0;
}

/* NULL: not known to it. */
static const checkpoint_method *find_checkpoint_method(const ctxfit_checkpoint_info *c, cfi_engine_id id, uint32_t release)
{
    enum { STORED_FP8 = CTXFIT_CHECKPOINT_QUANT_FP8, STORED_ANY = ANY };
    static const checkpoint_method methods[] = {
#define CFI_CHECKPOINT_METHOD(method, stored, since, until, deprecated, vllm, sglang) \
    {method, since, until, deprecated, STORED_##stored, {vllm, sglang}},
#include "checkpoint_methods.def"
#undef CFI_CHECKPOINT_METHOD
    };
    const bool sglang = id == CFI_ENGINE_SGLANG;

    for (size_t i = 0; i < CFI_COUNT(methods); i++)
        if ((sglang || (release >= methods[i].since && (methods[i].until == 0 || release < methods[i].until))) &&
            (methods[i].stored == ANY || methods[i].stored == c->quant) && names_method(methods[i].method, c->quant_method))
            return methods[i].least[sglang] != 0 ? &methods[i] : NULL;
    return NULL;
}

bool cfi_ranks_deprecates(const ctxfit_model *model, cfi_engine_id id, uint32_t release)
{
    const checkpoint_method *method = NULL;

    if (id == CFI_ENGINE_VLLM && model->checkpoint != NULL && model->as_stored)
        method = find_checkpoint_method(model->checkpoint, id, release);
    return method != NULL && method->deprecated != 0 && release >= method->deprecated;
}

/* The least of the ranks. */
uint32_t cfi_ranks_capability(const cfi_engine_machine *machine, const cfi_run *run)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t d = 0; machine->memory != NULL && d < run->paged.tensor_ranks * run->paged.stages; d++)
        least = machine->memory[d].capability < least ? machine->memory[d].capability : least;
    return least == UINT32_MAX ? 0 : least;
}

ctxfit_status cfi_ranks_check_checkpoint(const ctxfit_model *model, const cfi_engine_machine *machine, const cfi_run *run,
                                         ctxfit_error *error)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;
    const uint32_t                capability = cfi_ranks_capability(machine, run);
    const checkpoint_method      *method;

    if (c == NULL || !model->as_stored || c->quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        return CTXFIT_OK;
    method = find_checkpoint_method(c, run->id, run->release);
    if (method == NULL)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s: Unknown quantization method: '%s'%s", run->engine.name, c->quant_method,
                        c->quant == CTXFIT_CHECKPOINT_QUANT_MLX ? " (the checkpoint is of MLX, and states no quant_method)" : "");
    if (capability != 0 && capability < method->least[run->id == CFI_ENGINE_SGLANG])
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "%s: the quantization method %s is not supported for this GPU: minimum capability %lu, it has %lu",
                        run->engine.name, c->quant_method, (unsigned long)method->least[run->id == CFI_ENGINE_SGLANG],
                        (unsigned long)capability);
    return CTXFIT_OK;
}
