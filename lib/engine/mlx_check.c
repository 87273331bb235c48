/* Which checkpoints mlx-lm loads: by the model_type, and by how the weights are quantized. mlx-lm 0.32.2, mlx_lm/utils.py: _get_classes,
 * load_model. */
#include "engine_internal.h"

/* "0type" or, of a class that makes 16 bits of FP8, "1type"; one behind the other. */
static const char mlx_classes[] =
#define CFI_MLX_CLASS(type, fp8, file) #fp8 type "\0"
#include "mlx_classes.def"
#undef CFI_MLX_CLASS
    "";

/* NULL: it has none. */
static const char *mlx_class_of(const char *type)
{
    for (const char *row = mlx_classes; *row != '\0'; row += strlen(row) + 1)
        if (strcmp(row + 1, type) == 0)
            return row;
    return NULL;
}

/* A class that wraps a decoder leaves the weights to that one's. */
static bool mlx_widens(const ctxfit_model *model)
{
    const char *outer = mlx_class_of(model->config_type), *inner = mlx_class_of(model->decoder_type);

    return (outer != NULL && *outer == '1') || (inner != NULL && *inner == '1');
}

/* As they lie in the files, or nearly. */
static bool mlx_keeps(const ctxfit_checkpoint_info *c)
{
    static const struct {
        char    method[20]; /* quant_method */
        uint8_t quant;      /* CTXFIT_CHECKPOINT_QUANT_* */
        uint8_t bits;       /* of a weight, 0: any */
    } rows[] = {
        {"mlx",                CTXFIT_CHECKPOINT_QUANT_MLX,     0},
        {"bitnet",             CTXFIT_CHECKPOINT_QUANT_OTHER,   0},
        {"mxfp4",              CTXFIT_CHECKPOINT_QUANT_MXFP4,   0},
        {"mxfp8",              CTXFIT_CHECKPOINT_QUANT_OTHER,   0},
        {"compressed-tensors", CTXFIT_CHECKPOINT_QUANT_INTEGER, 4},
        {"compressed-tensors", CTXFIT_CHECKPOINT_QUANT_NVFP4,   0},
        {"compressed-tensors", CTXFIT_CHECKPOINT_QUANT_MXFP4,   0},
        {"modelopt",           CTXFIT_CHECKPOINT_QUANT_NVFP4,   0},
        {"awq",                CTXFIT_CHECKPOINT_QUANT_AWQ,     4},
        {"gptq",               CTXFIT_CHECKPOINT_QUANT_GPTQ,    4},
    };

    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        if (rows[i].quant == c->quant && (rows[i].bits == 0 || rows[i].bits == c->quant_bits) &&
            strcmp(rows[i].method, c->quant_method) == 0)
            return true;
    return c->quant == CTXFIT_CHECKPOINT_QUANT_FP8 && strcmp(c->quant_method, "fp8") == 0 && c->quant_group == 32; /* is MXFP8 */
}

ctxfit_status cfi_mlx_check_model(const ctxfit_model *model, bool *widened, ctxfit_error *error)
{
    const ctxfit_checkpoint_info *c = model->checkpoint;

    *widened = false;
    if (model->config_type == NULL) /* no configuration says what it is */
        return CTXFIT_OK;
    if (mlx_class_of(model->config_type) == NULL)
        return cfi_fail(error, CTXFIT_E_REFUSED, "mlx-lm: Model type %s not supported",
                        *model->config_type != '\0' ? model->config_type : "(unstated)");
    if (c == NULL || !model->as_stored || c->quant == CTXFIT_CHECKPOINT_QUANT_NONE || mlx_keeps(c))
        return CTXFIT_OK;
    *widened = c->quant == CTXFIT_CHECKPOINT_QUANT_FP8 && strcmp(c->quant_method, "fp8") == 0 && mlx_widens(model);
    if (*widened)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_REFUSED, "mlx-lm does not load checkpoints of the method '%s'%s", c->quant_method,
                    c->quant == CTXFIT_CHECKPOINT_QUANT_FP8 ? " (FP8) into this model" : " in this format");
}
