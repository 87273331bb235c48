/* What each layer weighs. Sums of tensors are the model's; only the matrices that can be moved are looked at one by one. */
#include "place_internal.h"

typedef struct piece_name {
    char     name[16];
    uint32_t piece;
} piece_name;

static const piece_name ledger_expert_pieces[] = {
    {"up_exps", CFI_PIECE_UP},       {"gate_exps", CFI_PIECE_GATE},     {"gate_up_exps", CFI_PIECE_GATE_UP}, {"down_exps", CFI_PIECE_DOWN},
    {"up_chexps", CFI_PIECE_UP},     {"gate_chexps", CFI_PIECE_GATE},   {"down_chexps", CFI_PIECE_DOWN},
};
static const piece_name ledger_dense_pieces[] = {
    {"up", CFI_PIECE_UP},
    {"gate", CFI_PIECE_GATE},
    {"down", CFI_PIECE_DOWN},
};

/* The piece that a tensor belongs to, by "ffn_<name>." behind its block; CFI_PIECE_COUNT: none. */
static uint32_t ledger_piece_of(const cfi_ledger *ledger, const cfi_tensor *tensor)
{
    const piece_name *names = ledger->experts ? ledger_expert_pieces : ledger_dense_pieces;
    size_t            count = ledger->experts ? CFI_COUNT(ledger_expert_pieces) : CFI_COUNT(ledger_dense_pieces);
    uint64_t          block;
    const char       *base = cfi_model_split_name(tensor->name, &block);

    if (base == NULL || strncmp(base, "ffn_", 4) != 0 || strncmp(tensor->name, "blk.", 4) != 0)
        return CFI_PIECE_COUNT;
    if (ledger->experts != ((tensor->flags & CFI_TENSOR_F_EXPERT) != 0))
        return CFI_PIECE_COUNT;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i].name);

        if (strncmp(base + 4, names[i].name, len) == 0 && (ledger->experts ? base[4 + len] == '.' : strcmp(base + 4 + len, ".weight") == 0))
            return names[i].piece;
    }
    return CFI_PIECE_COUNT;
}

static double ledger_used_share(const ctxfit_model *model, const cfi_tensor *tensor)
{
    const ctxfit_layer_info *layer = &model->layer[tensor->layer > 0 ? tensor->layer : 0];

    return (tensor->flags & CFI_TENSOR_F_EXPERT) != 0 && layer->experts > 0 ? (double)layer->experts_used / layer->experts : 1.0;
}

/* Adds a tensor to the sums behind entry `index`, which are made cumulative later. */
static bool ledger_add_tensor(cfi_ledger *ledger, const ctxfit_model *model, uint32_t index, const cfi_tensor *tensor, bool movable)
{
    cfi_ledger_sum *sum = &ledger->sum[index + 1];
    uint32_t        piece = movable ? ledger_piece_of(ledger, tensor) : CFI_PIECE_COUNT;
    uint64_t        bytes;

    for (int p = 0; p < CFI_PADDING_COUNT; p++) {
        uint64_t *total = piece < CFI_PIECE_COUNT ? &sum->moved[p] : &sum->kept[p];

        if (!cfi_model_padded_bytes(tensor, (cfi_padding)p, &bytes) || !cfi_add_u64(*total, bytes, total))
            return false;
        if (piece < CFI_PIECE_COUNT)
            ledger->layer[index].piece[piece][p] += bytes; /* within the total */
    }
    if (piece < CFI_PIECE_COUNT)
        sum->read_moved += (double)tensor->bytes * ledger_used_share(model, tensor);
    else
        sum->read_kept += (double)tensor->bytes * ledger_used_share(model, tensor);
    return true;
}

/* Whether fixed options leave a tensor where its layer is. */
static bool ledger_stays(const cfi_overrides *overrides, const cfi_run *run, const cfi_tensor *tensor)
{
    if (overrides == NULL)
        return true;
    return cfi_overrides_device(overrides, run, tensor, CFI_MAX_DEVICES) == CFI_MAX_DEVICES;
}

static bool ledger_add_tensors(cfi_ledger *ledger, const cfi_question *q, const cfi_overrides *overrides, const cfi_run *run, bool may_move)
{
    const ctxfit_model *model = q->model;

    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];
        uint32_t          index = tensor->role == CFI_ROLE_OUTPUT ? ledger->entries - 1 : tensor->layer > 0 ? (uint32_t)tensor->layer : 0;

        if ((tensor->role == CFI_ROLE_LAYER || tensor->role == CFI_ROLE_OUTPUT) && ledger_stays(overrides, run, tensor) &&
            !ledger_add_tensor(ledger, model, index, tensor, may_move && tensor->role == CFI_ROLE_LAYER))
            return false;
    }
    return true;
}

/* The output layer of tied embeddings is a copy of them on its device. */
static bool ledger_add_tied(cfi_ledger *ledger, const ctxfit_model *model)
{
    cfi_tensor copy;

    if (model->has_output || model->token_embd == NULL)
        return true;
    copy = *model->token_embd;
    copy.layer = -1;
    return ledger_add_tensor(ledger, model, ledger->entries - 1, &copy, false);
}

static void ledger_count_blocks(cfi_ledger *ledger, const ctxfit_model *model)
{
    for (uint32_t i = 0; i < model->info.layers; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];

        ledger->sum[i + 1].blocks += layer->attention != CTXFIT_ATTENTION_NONE || layer->state != CTXFIT_STATE_NONE;
        ledger->sum[i + 1].blocks += layer->feed_forward != CTXFIT_FF_NONE;
    }
}

static bool ledger_accumulate(cfi_ledger *ledger)
{
    for (uint32_t i = 1; i <= ledger->entries; i++) {
        const cfi_ledger_sum *before = &ledger->sum[i - 1];
        cfi_ledger_sum       *sum = &ledger->sum[i];

        for (int p = 0; p < CFI_PADDING_COUNT; p++)
            if (!cfi_add_u64(sum->kept[p], before->kept[p], &sum->kept[p]) || !cfi_add_u64(sum->moved[p], before->moved[p], &sum->moved[p]))
                return false;
        sum->read_kept += before->read_kept;
        sum->read_moved += before->read_moved;
        sum->blocks += before->blocks;
    }
    return true;
}

ctxfit_status cfi_ledger_init(cfi_ledger *ledger, cfi_arena *arena, const cfi_question *q, bool may_move, ctxfit_error *error)
{
    const ctxfit_model *model = q->model;
    cfi_run             run = {0};
    cfi_overrides       overrides;
    bool                fixed = !may_move && (q->options.overrides[0] != '\0' || q->options.cpu_expert_layers != 0);
    ctxfit_status       status = CTXFIT_OK;

    memset(ledger, 0, sizeof *ledger);
    ledger->entries = model->info.layers + model->info.nextn_layers + 1;
    ledger->experts = model->info.experts > 0;
    ledger->layer = cfi_arena_array(arena, ledger->entries, sizeof *ledger->layer);
    ledger->sum = cfi_arena_array(arena, ledger->entries + 1, sizeof *ledger->sum);
    if (ledger->layer == NULL || ledger->sum == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the layers of a model");
    run.device_count = q->device_count;
    run.overrides = q->options.overrides;
    run.cpu_expert_layers = q->options.cpu_expert_layers;
    if (fixed)
        status = cfi_overrides_read(q->engine_device, &run, &overrides, error);
    if (status != CTXFIT_OK)
        return status;
    if (!ledger_add_tensors(ledger, q, fixed ? &overrides : NULL, &run, may_move) || !ledger_add_tied(ledger, model))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "weights: more than 64 bits");
    for (int p = 0; p < CFI_PADDING_COUNT; p++)
        ledger->rope[p] = model->rope_sums.padded[p][0];
    ledger_count_blocks(ledger, model);
    return ledger_accumulate(ledger) ? CTXFIT_OK : cfi_fail(error, CTXFIT_E_OVERFLOW, "weights: more than 64 bits");
}

/* What one token reads of a layer's caches: of a window all, of the whole context what is filled, of the state all, twice. */
static double ledger_cache_read(const cfi_run *run, const cfi_memory_device *m, uint64_t depth_tokens)
{
    double filled = run->n_ctx_seq > 0 ? (double)cfi_min_u64(depth_tokens, run->n_ctx_seq) / (double)run->n_ctx_seq : 0;
    double window = run->swa_cells > 0 ? (double)cfi_min_u64(depth_tokens, run->swa_cells) / (double)run->swa_cells : 0;

    return ((double)(m->kv + m->kv_other) * filled + (double)m->kv_swa * window) / run->streams + 2.0 * (double)m->recurrent / run->n_seq;
}

ctxfit_status cfi_ledger_set_caches(cfi_ledger *ledger, const ctxfit_model *model, const cfi_run *run, uint64_t depth_tokens,
                                    ctxfit_error *error)
{
    const uint32_t all = ledger->entries - 1;

    for (uint32_t i = 0, count; i < all; i += count) {
        uint64_t bytes[CFI_PADDING_COUNT];
        double   read = 0;

        count = model->layer_run[i];
        for (int p = 0; p < CFI_PADDING_COUNT; p++) {
            cfi_memory_device m = {0};
            ctxfit_status     status = cfi_memory_add_layer_caches(model, run, i, (cfi_padding)p, &m, error);

            if (status != CTXFIT_OK)
                return status;
            bytes[p] = cfi_memory_device_total(&m);
            if (p == CFI_PADDING_32)
                read = ledger_cache_read(run, &m, depth_tokens);
        }
        for (uint32_t k = i; k < i + count; k++) {
            for (int p = 0; p < CFI_PADDING_COUNT; p++)
                if (!cfi_add_u64(ledger->sum[k].cache[p], bytes[p], &ledger->sum[k + 1].cache[p]))
                    return cfi_fail(error, CTXFIT_E_OVERFLOW, "caches: more than 64 bits");
            ledger->sum[k + 1].read_cache = ledger->sum[k].read_cache + read;
        }
    }
    ledger->sum[all + 1].read_cache = ledger->sum[all].read_cache;
    for (int p = 0; p < CFI_PADDING_COUNT; p++)
        ledger->sum[all + 1].cache[p] = ledger->sum[all].cache[p];
    return CTXFIT_OK;
}
