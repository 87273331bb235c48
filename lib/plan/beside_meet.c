/* Whether an engine runs a model with what is beside it: llama.cpp b10472 common/speculative.cpp, src/llama-adapter.cpp. A refusal carries
 * llama.cpp's own message. */
#include "plan_internal.h"

/* SPEC_VOCAB_MAX_SIZE_DIFFERENCE, common/speculative.cpp:23 */
#define VOCABULARY_DIFFERENCE 128u

static ctxfit_status check_engine(const cfi_question *q, const cfi_beside_item *item, ctxfit_error *error)
{
    const char *what = ctxfit_beside_name(item->kind);

    switch (q->engine.id) {
    case CFI_ENGINE_LLAMACPP:
    case CFI_ENGINE_LMSTUDIO: return CTXFIT_OK;
    case CFI_ENGINE_OLLAMA: /* `draft_num_predict` runs the model's own blocks: llm/llama_server.go:807, hasMTPDraft */
        if (item->kind != CTXFIT_BESIDE_DRAFT)
            return CTXFIT_OK;
        break;
    case CFI_ENGINE_MLX: /* 0.32.2 generate.py, speculative_generate_step */
        if (item->kind == CTXFIT_BESIDE_DRAFT)
            return CTXFIT_OK;
        break;
    case CFI_ENGINE_VLLM:
    case CFI_ENGINE_SGLANG:
        if (item->kind == CTXFIT_BESIDE_DRAFT)
            return CTXFIT_OK;
        break;
    default: break;
    }
    if (item->kind == CTXFIT_BESIDE_NEXTN && (cfi_ranks_engine(q->engine.id) || q->engine.id == CFI_ENGINE_EXLLAMAV3))
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED,
                        "%s drafts with the model's own blocks where draft_tokens is set (--num-speculative-tokens), not beside the model",
                        q->engine.info.name);
    return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "%s: what it does with a part of kind '%s' beside the model is not modelled",
                    q->engine.info.name, what);
}

static ctxfit_status check_devices(const cfi_question *q, uint64_t devices, ctxfit_error *error)
{
    if ((devices & ~CFI_ALL_DEVICES(q->device_count)) == 0)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_INVALID_ARG, "devices 0x%llx name one that the machine does not have: it has %u without the host",
                    (unsigned long long)devices, (unsigned)q->device_count);
}

/* Drafters of these kinds read hidden states of the model, and take back what it has seen of a draft token by token. */
static bool reads_states(const cfi_beside_item *item)
{
    return item->kind == CTXFIT_BESIDE_NEXTN || (item->draft->arch->flags & CFI_ARCH_READS_STATES) != 0;
}

/* Engines whose drafts have no other setting. */
static ctxfit_status meet_bare_draft(const cfi_question *q, const ctxfit_draft_options *o, ctxfit_error *error)
{
    if (o->ctx_tokens == 0 && o->devices == 0 && o->gpu_layers == 0 && o->cpu_expert_layers == 0 && o->kv_key == 0 && o->kv_value == 0 &&
        o->overrides[0] == '\0')
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_REFUSED, "%s has one setting of it, the tokens that are drafted", q->engine.info.name);
}

/* It drafts where all caches of the model can be shortened, which states cannot, and quantizes both caches alike. */
static ctxfit_status meet_mlx_draft(const cfi_question *q, const cfi_beside_item *item, ctxfit_error *error)
{
    if ((q->model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT)) != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "Speculative decoding requires a trimmable prompt cache");
    return meet_bare_draft(q, &item->draft_options, error);
}

/* A draft in the pool of the model: how many tokens it drafts is a setting of the request as well. vLLM has no default of it. The rest is
 * for the engine's own file to refuse. */
static ctxfit_status meet_pooled_draft(cfi_question *q, const cfi_beside_item *item, ctxfit_error *error)
{
    ctxfit_status status = meet_bare_draft(q, &item->draft_options, error);

    if (status != CTXFIT_OK)
        return status;
    if (item->draft_options.draft_tokens != 0)
        q->options.draft_tokens = item->draft_options.draft_tokens;
    if (q->options.draft_tokens == 0 && q->engine.id == CFI_ENGINE_VLLM)
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "A speculative model was provided, but `num_speculative_tokens` was not provided (--num-speculative-tokens)");
    if (q->options.draft_tokens == 0)
        q->options.draft_tokens = cfi_beside_draft_tokens(item);
    return CTXFIT_OK;
}

/* Both models have the same tokens. Of these only the number is known here. */
static ctxfit_status meet_draft(cfi_question *q, const cfi_beside_item *item, ctxfit_error *error)
{
    uint64_t a = q->model->info.vocabulary, b = item->draft->info.vocabulary;

    if (cfi_ranks_engine(q->engine.id))
        return meet_pooled_draft(q, item, error);
    if (a != 0 && b != 0 && !reads_states(item) && (a > b ? a - b : b - a) > VOCABULARY_DIFFERENCE)
        return cfi_fail(error, CTXFIT_E_REFUSED,
                        "draft model vocab must closely match target model to use speculation but target vocab size %llu does not match "
                        "draft vocab size %llu, max allowed difference %u",
                        (unsigned long long)a, (unsigned long long)b, VOCABULARY_DIFFERENCE);
    if (q->engine.id == CFI_ENGINE_MLX)
        return meet_mlx_draft(q, item, error);
    return item->draft_options.devices == CTXFIT_DEVICES_NONE ? CTXFIT_OK
                                                              : check_devices(q, item->draft_options.devices, error);
}

static ctxfit_status meet_nextn(const cfi_question *q, ctxfit_error *error)
{
    uint32_t from = cfi_engine_able_from(q->model, CFI_DRAFTS_ITSELF);

    if (q->model->info.nextn_layers == 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "context type MTP requested but model doesn't contain MTP layers");
    if (from == UINT32_MAX)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "nextn: how the prediction blocks of '%s' draft is not known", q->model->arch_name);
    if (q->engine.info.build < from)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "nextn: the prediction blocks of '%s' draft from build %u on, as far as known",
                        q->model->arch_name, (unsigned)from);
    return CTXFIT_OK;
}

/* ---- adapters ---- */

static bool pair_fits(const cfi_tensor *tensor, const cfi_beside_pair *pair, bool embedding)
{
    if (embedding) /* A and B are flipped */
        return tensor->dims[0] == pair->b[1] && tensor->dims[1] == pair->a[1];
    return tensor->dims[0] == pair->a[0] && tensor->dims[1] == pair->b[1];
}

static ctxfit_status meet_pair(const ctxfit_model *model, const cfi_gguf_index *index, const cfi_beside_pair *pair, const cfi_tensor **out,
                               ctxfit_error *error)
{
    uint32_t at = cfi_gguf_index_find(index, pair->name);
    bool     embedding = strcmp(pair->name, "token_embd.weight") == 0;

    if (at == UINT32_MAX || model->tensor[at].role == CFI_ROLE_UNUSED)
        return cfi_fail(error, CTXFIT_E_REFUSED, "LoRA tensor '%.64s' does not exist in base model (hint: maybe wrong base model?)",
                        pair->name);
    *out = &model->tensor[at];
    if (!pair_fits(*out, pair, embedding))
        return cfi_fail(error, CTXFIT_E_REFUSED, "tensor '%.64s' has incorrect shape (hint: maybe wrong base model?)", pair->name);
    if (!embedding && pair->a[1] != pair->b[0])
        return cfi_fail(error, CTXFIT_E_REFUSED, "lora_a tensor of '%.64s' is not transposed", pair->name);
    return CTXFIT_OK;
}

static ctxfit_status meet_adapter(cfi_question *q, uint32_t index, cfi_arena *arena, ctxfit_error *error)
{
    const cfi_beside_item *item = &q->beside->item[index];
    const ctxfit_model    *model = q->model;
    const cfi_tensor     **tensor = cfi_arena_array(arena, (size_t)item->pair_count + 1, sizeof *tensor);
    cfi_gguf_index         names;
    ctxfit_status          status = CTXFIT_OK;

    if (strcmp(item->companion.name, model->arch_name) != 0)
        return cfi_fail(error, CTXFIT_E_REFUSED, "model arch and LoRA arch mismatch: '%s' and '%s'", model->arch_name,
                        item->companion.name);
    if (tensor == NULL || model->info.tensor_count > UINT32_MAX ||
        !cfi_gguf_index_make(&names, arena, model->tensor, sizeof *model->tensor, (uint32_t)model->info.tensor_count))
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an adapter");
    for (uint32_t i = 0; i < item->pair_count && status == CTXFIT_OK; i++)
        status = meet_pair(model, &names, &item->pair[i], &tensor[i], error);
    q->beside_tensor[index] = tensor;
    return status;
}

/* The pairs of all adapters by the tensors that they belong to, in the order of the adapters. */
static ctxfit_status gather_pairs(cfi_question *q, cfi_arena *arena, ctxfit_error *error)
{
    const ctxfit_model *model = q->model;
    uint32_t            count = 0, at = 0, *first;
    cfi_adapted_pair   *pair;
    cfi_adapted        *adapted;

    for (uint32_t i = 0; i < q->beside->count; i++)
        count += q->beside->item[i].pair_count;
    if (count == 0)
        return CTXFIT_OK;
    adapted = cfi_arena_array(arena, 1, sizeof *adapted);
    pair = cfi_arena_array(arena, count, sizeof *pair);
    first = cfi_arena_array(arena, (size_t)model->info.tensor_count, sizeof *first);
    if (adapted == NULL || pair == NULL || first == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for an adapter");
    for (uint32_t i = q->beside->count; i-- > 0;) { /* each goes before those that are there */
        const cfi_beside_item *item = &q->beside->item[i];

        for (uint32_t p = 0; p < item->pair_count; p++) {
            const cfi_beside_pair *from = &item->pair[p];
            uint32_t              *head = &first[q->beside_tensor[i][p] - model->tensor];

            memcpy(pair[at].a, from->a, sizeof pair[at].a);
            memcpy(pair[at].b, from->b, sizeof pair[at].b);
            pair[at].quant_a = from->quant_a;
            pair[at].quant_b = from->quant_b;
            pair[at].next = *head;
            *head = ++at;
        }
    }
    *adapted = (cfi_adapted){pair, first};
    q->adapted = adapted;
    return CTXFIT_OK;
}

/* ---- projectors ---- */

/* The first GPU that is no other machine's, or the one that was chosen. */
static uint32_t projector_device(const cfi_question *q, const ctxfit_projector_options *o)
{
    if ((o->flags & CTXFIT_PROJECTOR_F_HOST) != 0)
        return q->device_count;
    for (uint32_t d = 0; d < q->device_count; d++) {
        if (o->devices != 0 ? (o->devices >> d & 1) != 0 : q->engine_device[d].backend != CTXFIT_BACKEND_RPC)
            return d;
    }
    return q->device_count > 0 ? 0 : q->device_count;
}

/* tools/mtmd/mtmd.cpp:595, llama_model_n_embd_inp(). */
static ctxfit_status meet_width(const cfi_question *q, ctxfit_error *error)
{
    uint32_t text = q->model->info.embedding_inputs, eyes = q->projector.embedding;

    if (text == 0 || eyes == 0 || text == eyes)
        return CTXFIT_OK;
    return cfi_fail(error, CTXFIT_E_REFUSED, "mismatch between text model (n_embd = %u) and mmproj (n_embd = %u)", (unsigned)text,
                    (unsigned)eyes);
}

/* Where Ollama has its llama-server keep it, though nobody asked. */
static bool stays_on_host(const cfi_question *q, const cfi_beside_item *item)
{
    const cfi_engine_machine machine = cfi_plan_machine(q);

    return q->engine.id == CFI_ENGINE_OLLAMA && q->device_count > 0 && cfi_ollama_changed(q->engine.release, CFI_OLLAMA_LLAMA_SERVER) &&
           (item->projector_options.flags & CTXFIT_PROJECTOR_F_HOST) == 0 &&
           cfi_ollama_projector_on_host(q->model, &q->options, &machine, q->engine.release, item->projector.info.weight_bytes);
}

/* What it takes depends on nothing that a plan varies: measured once. */
static ctxfit_status meet_projector(cfi_question *q, const cfi_beside_item *item, const cfi_arena *arena, ctxfit_error *error)
{
    ctxfit_projector_options o = item->projector_options;
    ctxfit_status            status = check_devices(q, o.devices, error);
    uint32_t                 backend;

    if (status != CTXFIT_OK)
        return status;
    if (o.flash_attention == CTXFIT_CHOICE_DEFAULT)
        o.flash_attention = q->options.flash_attention;
    q->takes_images = true; /* whatever it projects: Ollama fb30760 server/images.go:393 */
    q->projector_kept = stays_on_host(q, item);
    if (q->projector_kept)
        o.flags |= CTXFIT_PROJECTOR_F_HOST;
    q->projector_device = projector_device(q, &o);
    backend = q->projector_device < q->device_count ? q->engine_device[q->projector_device].backend : (uint32_t)CTXFIT_BACKEND_CPU;
    status = cfi_projector_measure(&item->projector, q->engine.info.build, backend, &o, &arena->allocator, &q->projector, error);
    return status == CTXFIT_OK ? meet_width(q, error) : status;
}

static cfi_engine_speculation speculation_of(const cfi_question *q, const cfi_beside_item *item)
{
    if (cfi_ranks_engine(q->engine.id))
        return (cfi_engine_speculation){q->options.draft_tokens, reads_states(item), item->draft};
    return (cfi_engine_speculation){cfi_beside_draft_tokens(item), reads_states(item), NULL};
}

static ctxfit_status meet_item(cfi_question *q, uint32_t index, cfi_arena *arena, ctxfit_error *error)
{
    const cfi_beside_item *item = &q->beside->item[index];

    switch (item->kind) {
    case CTXFIT_BESIDE_DRAFT: return meet_draft(q, item, error);
    case CTXFIT_BESIDE_NEXTN: return meet_nextn(q, error);
    case CTXFIT_BESIDE_ADAPTER: return meet_adapter(q, index, arena, error);
    default: return meet_projector(q, item, arena, error);
    }
}

/* Which of them the message speaks of: there may be several of a kind. */
static ctxfit_status name_item(const cfi_question *q, const cfi_beside_item *item, const ctxfit_error *found, ctxfit_error *error)
{
    if (item->kind == CTXFIT_BESIDE_NEXTN) {
        if (error != NULL)
            *error = *found;
        return found->status;
    }
    return cfi_fail(error, found->status, "%s '%.48s': %s", ctxfit_beside_name(item->kind), cfi_beside_item_name(q->model, item),
                    found->message);
}

ctxfit_status cfi_plan_meet_beside(cfi_question *q, const ctxfit_beside *beside, cfi_arena *arena, ctxfit_error *error)
{
    ctxfit_status status = CTXFIT_OK;

    q->left_out = beside;
    q->beside = beside != NULL && beside->count > 0 ? beside : NULL;
    for (uint32_t i = 0; q->beside != NULL && i < beside->count; i++) {
        const cfi_beside_item *item = &beside->item[i];
        ctxfit_error           found;

        status = check_engine(q, item, error);
        if (status != CTXFIT_OK)
            return status;
        if (meet_item(q, i, arena, &found) != CTXFIT_OK)
            return name_item(q, item, &found, error);
        if (item->kind == CTXFIT_BESIDE_DRAFT || item->kind == CTXFIT_BESIDE_NEXTN)
            q->speculation = speculation_of(q, item);
    }
    return q->beside != NULL ? gather_pairs(q, arena, error) : status;
}
