#include "cli.h"

#include <string.h>

static const char heading[] = "What to change (each of these alone makes it fit)";

void cli_say(cli_advice *a, const char *title, const char *change, const char *effect)
{
    const int column = 35;

    if (a->lines++ == 0)
        fprintf(a->out, "\n  %s\n", title);
    if (strlen(change) > 30)
        fprintf(a->out, "    %s\n%*s", change, column, "");
    else
        fprintf(a->out, "    %-30s ", change);
    cli_wrap(a->out, cli_style_of(a->out).width, column, effect);
}

bool cli_try(const cli_advice *a, const ctxfit_model *model, const ctxfit_plan_options *options, ctxfit_plan **out)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;

    if (ctxfit_plan_make_beside(model, a->hw, options, a->request->beside_list, NULL, out, NULL) != CTXFIT_OK)
        return false;
    (void)ctxfit_plan_get_summary(*out, &s);
    if (s.fit != CTXFIT_FIT_NONE)
        return true;
    ctxfit_plan_free(*out);
    *out = NULL;
    return false;
}

static bool fits(const cli_advice *a, ctxfit_plan_options options)
{
    ctxfit_plan *plan;

    if (options.ctx_tokens != CTXFIT_CTX_LARGEST)
        options.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    if (!cli_try(a, a->model, &options, &plan))
        return false;
    ctxfit_plan_free(plan);
    return true;
}

/* Options with a context of so many tokens for each sequence: some engines divide what is asked for, some give all of it to each. */
static bool fits_each(const cli_advice *a, uint64_t ctx_seq_tokens, uint32_t sequences, uint64_t *out_ctx)
{
    ctxfit_plan_options options = a->request->options;
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;

    options.sequences = sequences;
    options.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    for (int whole = 0; whole < 2; whole++) {
        *out_ctx = options.ctx_tokens = ctx_seq_tokens * (whole ? sequences : 1);
        if (!cli_try(a, a->model, &options, &plan))
            continue;
        (void)ctxfit_plan_get_summary(plan, &s);
        ctxfit_plan_free(plan);
        if (s.n_ctx_seq >= ctx_seq_tokens)
            return true;
    }
    return false;
}

static void advise_context(cli_advice *a, const ctxfit_plan_summary *s)
{
    char     option[64], effect[96];
    uint64_t ctx;

    if (s->max_ctx_seq_tokens == 0 || s->max_ctx_seq_tokens >= s->n_ctx_seq || !fits_each(a, s->max_ctx_seq_tokens, s->n_seq, &ctx))
        return;
    (void)snprintf(option, sizeof option, "-c %llu", (unsigned long long)ctx);
    (void)snprintf(effect, sizeof effect, "%s tokens for a sequence", cli_count(s->max_ctx_seq_tokens));
    cli_say(a, heading, option, effect);
}

static void advise_sequences(cli_advice *a, const ctxfit_plan_summary *s)
{
    char     option[64], effect[96];
    uint64_t ctx;

    if (s->max_sequences == 0 || s->max_sequences >= s->n_seq || s->kv_unified || !fits_each(a, s->n_ctx_seq, s->max_sequences, &ctx))
        return;
    (void)snprintf(option, sizeof option, "-np %u -c %llu", (unsigned)s->max_sequences, (unsigned long long)ctx);
    (void)snprintf(effect, sizeof effect, "fewer sequences of %s tokens each", cli_count(s->n_ctx_seq));
    cli_say(a, heading, option, effect);
}

static void advise_cache_type(cli_advice *a)
{
    ctxfit_plan_options options = a->request->options;

    if (options.kv_key != 0 || options.kv_value != 0)
        return;
    options.kv_key = options.kv_value = CTXFIT_QUANT_Q8_0;
    if (fits(a, options))
        cli_say(a, heading, "-ctk q8_0 -ctv q8_0", "half the KV cache");
}

/* Of a checkpoint these engines load its own format. */
bool cli_loads_as_stored(const cli_request *request, const ctxfit_model *model, const char *engine)
{
    static const char      engines[][16] = {"vllm", "sglang", "tensorrt-llm", "mlx-lm"};
    ctxfit_checkpoint_info c = CTXFIT_CHECKPOINT_INFO_INIT;

    if (request->file_type != 0 || ctxfit_model_get_checkpoint(model, &c) != CTXFIT_OK)
        return false;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (strcmp(engine, engines[i]) == 0)
            return true;
    return strcmp(engine, "lm-studio") == 0 && c.quant == CTXFIT_CHECKPOINT_QUANT_MLX;
}

static void advise_file_type(cli_advice *a, const ctxfit_plan_summary *s)
{
    ctxfit_file_type best = 0;
    char             option[64];

    if (cli_loads_as_stored(a->request, a->model, s->engine.name) ||
        ctxfit_plan_best_file_type_beside(a->model, a->hw, &a->request->options, a->request->beside_list, NULL, &best, NULL) !=
            CTXFIT_OK ||
        best == 0)
        return;
    (void)snprintf(option, sizeof option, "--quant %s", cli_file_type(best));
    cli_say(a, heading, option, "the best file type that fits");
}

/* The fewest layers whose experts must move to the host. */
static void advise_experts(cli_advice *a)
{
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_plan_options options = a->request->options;
    uint32_t            low = 0, high;
    char                option[64];

    (void)ctxfit_model_get_info(a->model, &info);
    if (info.experts == 0 || options.cpu_expert_layers != 0)
        return;
    high = options.cpu_expert_layers = info.layers;
    if (!fits(a, options))
        return;
    while (high - low > 1) {
        options.cpu_expert_layers = low + (high - low) / 2;
        if (fits(a, options))
            high = options.cpu_expert_layers;
        else
            low = options.cpu_expert_layers;
    }
    (void)snprintf(option, sizeof option, "--n-cpu-moe %u", (unsigned)high);
    cli_say(a, heading, option, "experts of these layers in host memory");
}

/* The most layers that can stay on the GPUs. */
static void advise_gpu_layers(cli_advice *a)
{
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_plan_options options = a->request->options;
    uint32_t            low = 0, high;
    char                option[64];

    (void)ctxfit_model_get_info(a->model, &info);
    if (options.gpu_layers != 0)
        return;
    high = info.layers + info.nextn_layers + 1;
    while (high - low > 1) {
        options.gpu_layers = low + (high - low) / 2;
        if (fits(a, options))
            low = options.gpu_layers;
        else
            high = options.gpu_layers;
    }
    if (low == 0)
        return;
    (void)snprintf(option, sizeof option, "-ngl %u", (unsigned)low);
    cli_say(a, heading, option, "the rest of the layers in host memory");
}

static bool is_exl3(ctxfit_file_type type)
{
    ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;

    return ctxfit_file_type_get_info(type, &info) == CTXFIT_OK && (info.flags & CTXFIT_FILE_TYPE_F_EXL3) != 0;
}

static bool is_better(ctxfit_file_type a, ctxfit_file_type b)
{
    ctxfit_file_type_info of_a = CTXFIT_FILE_TYPE_INFO_INIT, of_b = CTXFIT_FILE_TYPE_INFO_INIT;

    if (is_exl3(a) && is_exl3(b)) /* ids of formats rise with their bits */
        return ctxfit_file_type_get_info(a, &of_a) == CTXFIT_OK && ctxfit_file_type_get_info(b, &of_b) == CTXFIT_OK &&
               of_a.base > of_b.base;
    for (uint32_t i = 0; i < ctxfit_file_type_count(); i++) /* best first */
        if (ctxfit_file_type_at(i) == a || ctxfit_file_type_at(i) == b)
            return ctxfit_file_type_at(i) == a && a != b;
    return false;
}

/* Where the model fits by itself. */
static void advise_alone(cli_advice *a, const ctxfit_plan_summary *s)
{
    ctxfit_plan_summary alone = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan        *plan;
    char                effect[64];

    if (s->beside_count == 0 || ctxfit_plan_make(a->model, a->hw, &a->request->options, NULL, &plan, NULL) != CTXFIT_OK)
        return;
    (void)ctxfit_plan_get_summary(plan, &alone);
    ctxfit_plan_free(plan);
    if (alone.fit == CTXFIT_FIT_NONE)
        return;
    (void)snprintf(effect, sizeof effect, "%s less", cli_bytes(s->beside_bytes));
    cli_say(a, heading, "nothing beside the model", effect);
}

/* Memory to spare is quality to gain: said to who chose a file type. */
static void advise_better_file_type(const cli_advice *a)
{
    ctxfit_file_type best = 0;

    if (a->request->file_type == 0 || a->request->has_check ||
        ctxfit_plan_best_file_type_beside(a->model, a->hw, &a->request->options, a->request->beside_list, NULL, &best, NULL) != CTXFIT_OK)
        return;
    if (is_better(best, a->request->file_type))
        fprintf(a->out, "\n  Room for a better file: --quant %s fits this context as well\n", cli_file_type(best));
}

void cli_advise_fit(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan *plan, FILE *out)
{
    cli_advice          a = {request, model, hw, out, 0};
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan_device  first = CTXFIT_PLAN_DEVICE_INIT;

    (void)ctxfit_plan_get_summary(plan, &s);
    (void)ctxfit_plan_get_device(plan, 0, &first);
    if (s.fit != CTXFIT_FIT_NONE) {
        advise_better_file_type(&a);
        return;
    }
    advise_alone(&a, &s);
    advise_context(&a, &s);
    advise_sequences(&a, &s);
    advise_cache_type(&a);
    advise_file_type(&a, &s);
    if (first.kind == CTXFIT_DEVICE_GPU) {
        advise_experts(&a);
        advise_gpu_layers(&a);
    }
    if (a.lines == 0)
        fputs("\n  No single change of context, cache type, file type or placement makes it fit:\n"
              "  a larger machine or a smaller model is needed\n", out);
}
