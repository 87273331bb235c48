/* Any options for any model and machine are refused with a reason, or give a plan whose answers agree with each other. A byte of the
 * input chooses each value; what is missing is 0. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctxfit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct input {
    const uint8_t *data;
    size_t         size;
} input;

static void require(int condition)
{
    if (!condition)
        abort();
}

static size_t take(input *in, size_t count)
{
    size_t chosen = in->size > 0 ? in->data[0] % count : 0;

    if (in->size > 0) {
        in->data++;
        in->size--;
    }
    return chosen;
}

static uint32_t take_u32(input *in)
{
    static const uint32_t values[] = {0, 1, 2, 3, 4, 7, 32, 48, 49, 255, 256, 257, 512, 2048, 65536, UINT32_MAX - 1, UINT32_MAX};

    return values[take(in, COUNT(values))];
}

static uint64_t take_u64(input *in)
{
    static const uint64_t values[] = {0, 1, 255, 256, 257, 4096, 8192, 131072, 262144, UINT64_C(1) << 30, UINT32_MAX - 255u, UINT32_MAX,
                                      UINT64_C(1) << 32, UINT64_MAX - 1, UINT64_MAX};

    return values[take(in, COUNT(values))];
}

static double take_double(input *in)
{
    static const double values[] = {0, 0, 0, 0.25, 1, 3, 400, 1e-300, 1e30, 1e300, -1};

    return values[take(in, COUNT(values))];
}

static void take_options(input *in, ctxfit_plan_options *o)
{
    static const ctxfit_quant types[] = {0, CTXFIT_QUANT_F32, CTXFIT_QUANT_BF16, CTXFIT_QUANT_Q8_0, CTXFIT_QUANT_Q4_0, CTXFIT_QUANT_IQ4_NL,
                                         CTXFIT_QUANT_Q6_K, 9999};
    static const char *const overrides[] = {"", "exps=CPU", ".*=CPU", "blk\\.[0-9]+=CUDA0", "token_embd=CUDA0,output=CPU", "(", "x"};
    static const char *const engines[] = {"", "llama.cpp@b10472", "llama.cpp@0.7.0", "llama.cpp@b99999", "other"};

    o->ctx_tokens = take_u64(in);
    o->sequences = take_u32(in);
    o->kv_unified = (uint32_t)take(in, 3);
    o->batch_tokens = take_u32(in);
    o->ubatch_tokens = take_u32(in);
    o->outputs_max = take_u32(in);
    o->kv_key = types[take(in, COUNT(types))];
    o->kv_value = types[take(in, COUNT(types))];
    o->flash_attention = (uint32_t)take(in, 3);
    o->swa_full = (uint32_t)take(in, 3);
    o->kv_offload = (uint32_t)take(in, 3);
    o->op_offload = (uint32_t)take(in, 4);
    o->gpu_layers = take_u32(in);
    o->cpu_expert_layers = take_u32(in);
    o->split_mode = (uint32_t)take(in, 5);
    o->limit_tokens = take_u64(in);
    o->reserve_bytes = take_u64(in);
    o->flags = (uint32_t)take(in, 2);
    strcpy(o->overrides, overrides[take(in, COUNT(overrides))]);
    strcpy(o->engine, engines[take(in, COUNT(engines))]);
    o->measured_prefill_tokens_per_s = take_double(in);
    o->measured_decode_tokens_per_s = take_double(in);
    for (size_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        o->tensor_split[i] = take_double(in);
}

static void check_sums(const ctxfit_plan *plan, const ctxfit_plan_summary *s)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < s->device_count; i++) {
        ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

        require(ctxfit_plan_get_device(plan, i, &d) == CTXFIT_OK);
        require(d.compute_low_bytes <= d.compute_bytes);
        require(d.total_bytes == d.weights_bytes + d.kv_bytes + d.kv_swa_bytes + d.recurrent_bytes + d.kv_other_bytes + d.compute_bytes +
                                     d.output_bytes);
        total += d.total_bytes;
    }
    require(total == s->total_bytes);
    require((s->margin_bytes < 0) == (s->fit == CTXFIT_FIT_NONE));
}

/* What is said to fit fits, and the limits do not deny it. */
static void check_limits(const ctxfit_plan_summary *s, const ctxfit_plan_options *o, uint64_t trained_tokens)
{
    uint64_t padded = (s->max_ctx_seq_tokens + 255) / 256 * 256;

    if ((o->flags & CTXFIT_PLAN_F_NO_LIMITS) != 0)
        return;
    if (s->fit != CTXFIT_FIT_NONE)
        require(s->n_ctx_seq <= padded || s->max_ctx_seq_tokens == trained_tokens);
    else if (o->ctx_tokens == CTXFIT_CTX_LARGEST)
        require(s->max_ctx_seq_tokens == 0);
    if (!s->kv_unified)
        require((s->max_sequences >= s->n_seq) == (s->fit != CTXFIT_FIT_NONE));
}

static void check_request(const ctxfit_plan *plan, input *in)
{
    ctxfit_request r = CTXFIT_REQUEST_INIT;
    ctxfit_check   c = CTXFIT_CHECK_INIT;

    r.output_tokens = take_u32(in);
    r.cached_tokens = take_u32(in);
    r.prompt_tokens = r.cached_tokens + take_u32(in);
    r.deadline_s = 37.0 * (double)take(in, 256);
    require(ctxfit_plan_check(plan, &r, &c) == CTXFIT_OK);
    if (c.largest_prompt_tokens == 0)
        return;
    r.prompt_tokens = c.largest_prompt_tokens;
    require(ctxfit_plan_check(plan, &r, &c) == CTXFIT_OK && c.outcome == CTXFIT_CHECK_OK);
    r.prompt_tokens++;
    require(ctxfit_plan_check(plan, &r, &c) == CTXFIT_OK && c.outcome != CTXFIT_CHECK_OK);
}

static void check_plan(const ctxfit_plan *plan, const ctxfit_model *model, const ctxfit_plan_options *o, input *in)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    size_t              length;

    require(ctxfit_plan_get_summary(plan, &s) == CTXFIT_OK && ctxfit_model_get_info(model, &info) == CTXFIT_OK);
    check_sums(plan, &s);
    check_limits(&s, o, info.trained_tokens);
    for (int i = 0; i < 4; i++)
        check_request(plan, in);
    require(ctxfit_plan_write_json(plan, NULL, NULL, 0, &length) == CTXFIT_E_BUFFER_SIZE && length > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {"qwen3-coder-30b-a3b", "llama-3.1-8b", "gemma-3-27b", "deepseek-v3.2", "gpt-oss-20b",
                                         "mamba-2.8b", "qwen3-next-80b-a3b", "llama-4-scout", "deepseek-v4-pro"};
    static const char *const machines[] = {
        "rtx-4090 host:64GiB", "2*rtx-3090 host:64GiB", "mac-studio-m2-ultra-64gb", "2*dgx-spark", "host:32GiB", "rtx-4090",
        "gpu(backend=vulkan,mem=1B)", "62*rtx-4090 host:1GiB", "gpu(backend=cuda,mem=24GiB,free=1MiB) host:64GiB(free=1GiB)",
        "mac-studio-m2-ultra-64gb(free=1GiB)", "gpu(backend=rpc,mem=24GiB) rtx-4090 host:0B",
    };
    input               in = {data, size};
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_file_type    file_type = take(&in, 2) == 0 ? CTXFIT_FILE_TYPE_Q4_K_M : 0;
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error = {0};

    require(ctxfit_model_from_catalog(models[take(&in, COUNT(models))], file_type, NULL, &model, NULL) == CTXFIT_OK);
    require(ctxfit_hw_parse(machines[take(&in, COUNT(machines))], NULL, &hw, NULL) == CTXFIT_OK);
    take_options(&in, &o);
    if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) == CTXFIT_OK) {
        require(error.status == CTXFIT_OK);
        check_plan(plan, model, &o, &in);
    } else {
        require(plan == NULL && error.status != CTXFIT_OK && error.message[0] != '\0');
    }
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return 0;
}
