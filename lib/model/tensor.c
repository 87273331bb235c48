/* What a tensor's name says, and what it takes in memory. */
#include "arch_internal.h"

#define CFI_ROLE(name, role) {name, CFI_ROLE_##role},
static const struct {
    const char *name;
    uint32_t    role;
} roles[] = {
#include "roles.def"
};
#undef CFI_ROLE

#define CFI_NEXTN(arch, tensor) {arch, tensor},
static const struct {
    const char *arch;
    const char *tensor;
} nextn_loaded[] = {
#include "nextn.def"
};
#undef CFI_NEXTN

/* Routed experts, grouped ones included; llama.cpp b10472 common/arg.cpp (LLM_FFN_EXPS_REGEX). */
static const char *const expert_names[] = {
    "ffn_up_exps", "ffn_down_exps", "ffn_gate_exps", "ffn_gate_up_exps", "ffn_up_chexps", "ffn_down_chexps", "ffn_gate_chexps",
};

const char *cfi_model_split_name(const char *name, uint64_t *block)
{
    static const char *const prefixes[] = {"blk.", "enc.blk.", "dec.blk."};
    const char              *rest;

    for (size_t i = 0; i < CFI_COUNT(prefixes); i++) {
        size_t len = strlen(prefixes[i]);

        if (strncmp(name, prefixes[i], len) == 0 && cfi_parse_u64(name + len, &rest, block) && rest[0] == '.' && rest[1] != '\0')
            return rest + 1;
    }
    return NULL;
}

/* Length of a name without ".weight", ".bias" and the like. */
static size_t base_length(const char *name)
{
    static const char *const suffixes[] = {".weight", ".bias", ".scale", ".input_scale"};
    size_t                   len = strlen(name);

    for (size_t i = 0; i < CFI_COUNT(suffixes); i++) {
        size_t tail = strlen(suffixes[i]);

        if (len > tail && memcmp(name + len - tail, suffixes[i], tail) == 0)
            return len - tail;
    }
    return len;
}

bool cfi_model_name_is(const char *name, const char *base)
{
    size_t len = base_length(name);

    return strlen(base) == len && memcmp(name, base, len) == 0;
}

static bool is_expert(const char *name)
{
    if (strncmp(name, "ffn_", 4) != 0)
        return false;
    for (size_t i = 0; i < CFI_COUNT(expert_names); i++)
        if (cfi_model_name_is(name, expert_names[i]))
            return true;
    return false;
}

static bool nextn_is_loaded(const char *arch, const char *name)
{
    for (size_t i = 0; i < CFI_COUNT(nextn_loaded); i++)
        if (strcmp(nextn_loaded[i].arch, arch) == 0 && cfi_model_name_is(name, nextn_loaded[i].tensor))
            return true;
    return false;
}

static void classify_outside(const ctxfit_model *model, cfi_tensor *tensor)
{
    tensor->role = CFI_ROLE_OUTPUT;
    for (size_t i = 0; i < CFI_COUNT(roles); i++)
        if (cfi_model_name_is(tensor->name, roles[i].name))
            tensor->role = roles[i].role;
    if ((model->arch->flags & CFI_ARCH_NORM_AT_OUTPUT) != 0 && cfi_model_name_is(tensor->name, "token_embd_norm"))
        tensor->role = CFI_ROLE_OUTPUT;
    tensor->layer = tensor->role == CFI_ROLE_LAYER ? 0 : -1;
}

bool cfi_model_classify(const ctxfit_model *model, cfi_tensor *tensor)
{
    const ctxfit_model_info *info = &model->info;
    uint64_t                 block;
    const char              *base = cfi_model_split_name(tensor->name, &block);

    tensor->flags = 0;
    if (base == NULL) {
        classify_outside(model, tensor);
        return true;
    }
    if (block >= (uint64_t)info->layers + info->nextn_layers)
        return false;
    tensor->layer = (int32_t)block;
    tensor->role = CFI_ROLE_LAYER;
    if (is_expert(base))
        tensor->flags |= CFI_TENSOR_F_EXPERT;
    /* loaded for T5, never used; llama.cpp b10472 src/llama-arch.cpp:820 */
    if (cfi_model_name_is(base, "cross_attn_rel_b"))
        tensor->role = CFI_ROLE_UNUSED;
    if (block >= info->layers && !nextn_is_loaded(model->arch_name, base))
        tensor->role = CFI_ROLE_UNUSED;
    return true;
}

/* CUDA's matrix kernels read rows of quantized weights in steps of 512 elements; ggml b10472 ggml/src/ggml-cuda/ggml-cuda.cu:906
 * (ggml_backend_cuda_buffer_type_get_alloc_size), alignment 128 in the same file, 32 in ggml/src/ggml-backend.cpp (CPU). */
#define CUDA_ROW_ELEMS   512u
#define CUDA_ALIGNMENT   128u
#define HOST_ALIGNMENT   32u

bool cfi_model_padded_bytes(const cfi_tensor *tensor, cfi_padding padding, uint64_t *out)
{
    ctxfit_quant_info quant = CTXFIT_QUANT_INFO_INIT;
    uint64_t          bytes = tensor->bytes;
    uint64_t          rest = tensor->dims[0] % CUDA_ROW_ELEMS;
    uint64_t          missing;

    if (padding != CFI_PADDING_CUDA)
        return cfi_align_u64(bytes, HOST_ALIGNMENT, out);
    if (rest != 0 && ctxfit_quant_get_info(tensor->quant, &quant) == CTXFIT_OK && quant.block_elems > 1) {
        if (ctxfit_quant_row_bytes(tensor->quant, CUDA_ROW_ELEMS - rest, &missing) != CTXFIT_OK || !cfi_add_u64(bytes, missing, &bytes))
            return false;
    }
    return cfi_align_u64(bytes, CUDA_ALIGNMENT, out);
}
