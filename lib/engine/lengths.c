/* How long a context the engines of checkpoints take of a model: each reads config.json by a rule of its own. */
#include "engine_internal.h"

#define LENGTH_UNKNOWN 2048u /* vLLM, SGLang, TensorRT-LLM: where no key says one */

/* What the configuration says; of a model that was made of something else, what its metadata say of the same. */
typedef struct length_facts {
    bool     of_config;
    double   fact[CFI_FACT_COUNT];
} length_facts;

static const cfi_fact length_keys[] = {CFI_FACT_CONFIG_POSITIONS, CFI_FACT_CONFIG_N_POSITIONS, CFI_FACT_CONFIG_MAX_SEQ_LEN,
                                       CFI_FACT_CONFIG_SEQ_LENGTH, CFI_FACT_CONFIG_MODEL_MAX_LENGTH, CFI_FACT_CONFIG_TARGETS,
                                       CFI_FACT_CONFIG_SEQUENCE_LENGTH, CFI_FACT_CONFIG_MAX_SEQ_LENGTH, CFI_FACT_CONFIG_SEQ_LEN};

/* Catalog rows and texts state the same facts in llama.cpp's words. A GGUF's rope is not read by engines of checkpoints. */
static void facts_of_metadata(const ctxfit_model *model, double *fact)
{
    const ctxfit_model_info *info = &model->info;

    if (info->trained_tokens != 0)
        fact[CFI_FACT_CONFIG_POSITIONS] = (double)info->trained_tokens;
    if ((info->flags & CTXFIT_MODEL_F_FROM_FILE) != 0)
        return;
    if (info->rope_original_tokens != 0)
        fact[CFI_FACT_CONFIG_ORIGINAL] = fact[CFI_FACT_CONFIG_ROPE_ORIGINAL] = (double)info->rope_original_tokens;
    if (info->rope_factor > 0)
        fact[CFI_FACT_CONFIG_ROPE_FACTOR] = info->rope_factor;
    switch (info->rope_scaling) {
    case CTXFIT_ROPE_SCALING_LINEAR: fact[CFI_FACT_CONFIG_ROPE_TYPE] = CFI_CONFIG_ROPE_OTHER; break;
    case CTXFIT_ROPE_SCALING_YARN: fact[CFI_FACT_CONFIG_ROPE_TYPE] = CFI_CONFIG_ROPE_YARN; break;
    case CTXFIT_ROPE_SCALING_LONGROPE: fact[CFI_FACT_CONFIG_ROPE_TYPE] = CFI_CONFIG_ROPE_LONGROPE; break;
    case CTXFIT_ROPE_SCALING_LLAMA3: fact[CFI_FACT_CONFIG_ROPE_TYPE] = CFI_CONFIG_ROPE_LLAMA3; break;
    }
}

static void read_facts(const ctxfit_model *model, length_facts *out)
{
    memcpy(out->fact, model->fact, sizeof out->fact);
    out->of_config = model->checkpoint != NULL;
    for (size_t i = 0; i < CFI_COUNT(length_keys); i++)
        out->of_config = out->of_config || cfi_fact_u32(out->fact, length_keys[i]) != 0;
    if (!out->of_config)
        facts_of_metadata(model, out->fact);
}

static uint64_t length_scaled(uint64_t tokens, double factor)
{
    double product = (double)tokens * factor;

    return factor > 0 && product < 9007199254740992.0 ? (uint64_t)product : tokens;
}

/* Gemma 3's scaling of the rope does not lengthen a context: vLLM 0.33.0 asks for that name ("gemma3" in model_type), SGLang 0.5.23 looks
 * for a factor beside parameters that are by kind of layer there, and finds none. */
static bool rope_leaves_length(const ctxfit_model *model)
{
    return strncmp(model->arch_name, "gemma3", 6) == 0;
}

/* The least of what the keys say, but for model_max_length, which goes over them all; 0: none says anything. vLLM's
 * transformers_utils/model_arch_config_convertor.py, derive_max_model_len_and_key(). */
static uint64_t length_least(const double *fact)
{
    uint64_t least = cfi_fact_u32(fact, CFI_FACT_CONFIG_MODEL_MAX_LENGTH);

    for (size_t i = 0; i < CFI_COUNT(length_keys) && cfi_fact_u32(fact, CFI_FACT_CONFIG_MODEL_MAX_LENGTH) == 0; i++) {
        uint64_t tokens = cfi_fact_u32(fact, length_keys[i]);

        if (tokens != 0 && (least == 0 || tokens < least))
            least = tokens;
    }
    return least;
}

static bool is_rope(double stated, cfi_config_rope kind) { return stated == (double)kind; }

/* vllm/config/model.py, _get_and_verify_max_len() */
static cfi_engine_length length_vllm(const ctxfit_model *model, const double *fact, uint32_t release)
{
    const double      rope = rope_leaves_length(model) ? CFI_FACT_UNSTATED : fact[CFI_FACT_CONFIG_ROPE_TYPE];
    const bool        whole = cfi_vllm_changed(release, CFI_VLLM_YARN_WHOLE);
    const uint64_t    original = cfi_fact_u32(fact, CFI_FACT_CONFIG_ORIGINAL), before = cfi_fact_u32(fact, CFI_FACT_CONFIG_ROPE_ORIGINAL);
    uint64_t          derived = length_least(fact);
    cfi_engine_length out = {LENGTH_UNKNOWN, 0}; /* without a key no length is too long */

    if (derived == 0)
        return out;
    if (is_rope(rope, CFI_CONFIG_ROPE_YARN) && !whole && before != 0)
        derived = before;
    if (is_rope(rope, CFI_CONFIG_ROPE_OTHER) ||
        (!whole && (is_rope(rope, CFI_CONFIG_ROPE_YARN) || is_rope(rope, CFI_CONFIG_ROPE_YARN_LIKE))))
        derived = length_scaled(derived, fact[CFI_FACT_CONFIG_ROPE_FACTOR]);
    out.most = derived;
    out.by_default = derived;
    if (is_rope(rope, CFI_CONFIG_ROPE_LONGROPE) && original != 0 && cfi_vllm_changed(release, CFI_VLLM_LONGROPE_SHORT))
        out.by_default = original;
    return out;
}

/* sglang/srt/utils/hf_transformers/common.py, get_context_length(): the first key counts. Kinds of scaling that have an original length get
 * it from transformers where the file has none (standardize_rope_params()). */
static cfi_engine_length length_sglang(const ctxfit_model *model, const double *fact)
{
    static const cfi_fact keys[] = {CFI_FACT_CONFIG_SEQUENCE_LENGTH, CFI_FACT_CONFIG_SEQ_LENGTH, CFI_FACT_CONFIG_MAX_SEQ_LEN,
                                    CFI_FACT_CONFIG_MODEL_MAX_LENGTH, CFI_FACT_CONFIG_POSITIONS};
    const bool        scales = is_rope(fact[CFI_FACT_CONFIG_ROPE_TYPE], CFI_CONFIG_ROPE_OTHER) && !rope_leaves_length(model) &&
                        cfi_fact_u32(fact, CFI_FACT_CONFIG_ROPE_ORIGINAL) == 0;
    cfi_engine_length out = {LENGTH_UNKNOWN, LENGTH_UNKNOWN};

    for (size_t i = 0; i < CFI_COUNT(keys); i++) {
        uint64_t tokens = cfi_fact_u32(fact, keys[i]);

        if (tokens == 0)
            continue;
        out.most = out.by_default = scales ? length_scaled(tokens, fact[CFI_FACT_CONFIG_ROPE_FACTOR]) : tokens;
        break;
    }
    return out;
}

/* tensorrt_llm/_torch/models/modeling_utils.py, infer_max_seq_len() */
static cfi_engine_length length_trtllm(const double *fact)
{
    const double      type = fact[CFI_FACT_CONFIG_ROPE_TYPE], factor = fact[CFI_FACT_CONFIG_ROPE_FACTOR];
    const bool        scales = is_rope(type, CFI_CONFIG_ROPE_OTHER) || is_rope(type, CFI_CONFIG_ROPE_YARN_LIKE);
    uint64_t          tokens = cfi_fact_u32(fact, CFI_FACT_CONFIG_POSITIONS);
    cfi_engine_length out;

    tokens = tokens != 0 ? tokens : LENGTH_UNKNOWN;
    out.most = scales ? length_scaled(tokens, factor) : tokens;
    if (scales && (double)out.most < (double)tokens * factor && out.most != tokens) /* math.ceil() */
        out.most++;
    out.by_default = out.most;
    return out;
}

/* mlx-lm has no limit; TabbyAPI reads max_position_embeddings. What they take by default is here what the model is made for. */
static cfi_engine_length length_stated(const ctxfit_model *model, const double *fact)
{
    uint64_t          tokens = cfi_fact_u32(fact, CFI_FACT_CONFIG_POSITIONS);
    cfi_engine_length out;

    out.most = out.by_default = tokens != 0 ? tokens : model->info.trained_tokens;
    return out;
}

cfi_engine_length cfi_engine_length_of(const ctxfit_model *model, cfi_engine_id id, uint32_t release)
{
    cfi_engine_length of_gguf = {model->info.trained_tokens, model->info.trained_tokens};
    length_facts      facts;

    if (!cfi_ranks_engine(id) && id != CFI_ENGINE_MLX && id != CFI_ENGINE_EXLLAMAV3)
        return of_gguf;
    read_facts(model, &facts);
    if (!facts.of_config && model->info.trained_tokens == 0)
        return of_gguf;
    switch (id) {
    case CFI_ENGINE_VLLM: return length_vllm(model, facts.fact, release);
    case CFI_ENGINE_SGLANG: return length_sglang(model, facts.fact);
    case CFI_ENGINE_TRTLLM: return length_trtllm(facts.fact);
    default: return length_stated(model, facts.fact);
    }
}
