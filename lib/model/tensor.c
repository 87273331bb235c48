/* What a tensor's name says, and what it takes in memory. */
#include "arch_internal.h"

typedef struct known_name {
    char     name[24];
    char     arch[16]; /* "": any */
    uint32_t len;
    uint32_t role;
} known_name;

#define CFI_ROLE(name, role) {name, "", sizeof name - 1, CFI_ROLE_##role},
static const known_name roles[] = {
#include "roles.def"
};
#undef CFI_ROLE

#define CFI_NEXTN(arch, tensor) {tensor, arch, sizeof tensor - 1, CFI_ROLE_LAYER},
static const known_name nextn_loaded[] = {
#include "nextn.def"
};
#undef CFI_NEXTN

/* Routed experts, grouped ones included; llama.cpp b10472 common/common.h:1089 (LLM_FFN_EXPS_REGEX). */
#define EXPERT(name) {name, "", sizeof name - 1, CFI_ROLE_LAYER}
static const known_name expert_names[] = {
    EXPERT("ffn_up_exps"),   EXPERT("ffn_down_exps"),   EXPERT("ffn_gate_exps"),   EXPERT("ffn_gate_up_exps"),
    EXPERT("ffn_up_chexps"), EXPERT("ffn_down_chexps"), EXPERT("ffn_gate_chexps"),
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
    static const known_name suffixes[] = {
#define SUFFIX(text) {text, "", sizeof text - 1, 0}
        SUFFIX(".weight"), SUFFIX(".bias"), SUFFIX(".scale"), SUFFIX(".input_scale"),
#undef SUFFIX
    };
    size_t len = strlen(name);

    for (size_t i = 0; i < CFI_COUNT(suffixes); i++)
        if (len > suffixes[i].len && memcmp(name + len - suffixes[i].len, suffixes[i].name, suffixes[i].len) == 0)
            return len - suffixes[i].len;
    return len;
}

/* The row of a name, without its suffix, in a table; NULL when there is none. */
static const known_name *find_name(const known_name *names, size_t count, const char *arch, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len == len && memcmp(names[i].name, name, len) == 0 && (names[i].arch[0] == '\0' || strcmp(names[i].arch, arch) == 0))
            return &names[i];
    return NULL;
}

static bool is(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

static void classify_outside(const ctxfit_model *model, cfi_tensor *tensor)
{
    size_t            len = base_length(tensor->name);
    const known_name *known = find_name(roles, CFI_COUNT(roles), "", tensor->name, len);

    tensor->role = known != NULL ? known->role : CFI_ROLE_OUTPUT;
    if ((model->arch->flags & CFI_ARCH_NORM_AT_OUTPUT) != 0 && is(tensor->name, len, "token_embd_norm"))
        tensor->role = CFI_ROLE_OUTPUT;
    tensor->layer = tensor->role == CFI_ROLE_LAYER ? 0 : -1;
}

bool cfi_model_classify(const ctxfit_model *model, cfi_tensor *tensor)
{
    const ctxfit_model_info *info = &model->info;
    uint64_t                 block;
    const char              *base = cfi_model_split_name(tensor->name, &block);
    size_t                   len;

    tensor->flags = 0;
    if (base == NULL) {
        classify_outside(model, tensor);
        return true;
    }
    if (block >= (uint64_t)info->layers + info->nextn_layers)
        return false;
    len = base_length(base);
    tensor->layer = (int32_t)block;
    tensor->role = CFI_ROLE_LAYER;
    if (base[0] == 'f' && find_name(expert_names, CFI_COUNT(expert_names), "", base, len) != NULL)
        tensor->flags |= CFI_TENSOR_F_EXPERT;
    /* loaded for T5, never used; llama.cpp b10472 src/llama-arch.cpp:820 */
    if (is(base, len, "cross_attn_rel_b"))
        tensor->role = CFI_ROLE_UNUSED;
    if (block >= info->layers && find_name(nextn_loaded, CFI_COUNT(nextn_loaded), model->arch_name, base, len) == NULL)
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
