/* A model in words and a request, resolved. */
#ifndef ENGINE_CASE_H
#define ENGINE_CASE_H

#include "memory/memory_internal.h"

#define ENGINE_DENSE \
    "llama block_count=4 context_length=8192 embedding_length=512 feed_forward_length=1024 attention.head_count=8 " \
    "attention.head_count_kv=2 attention.layer_norm_rms_epsilon=1e-05 rope.dimension_count=64 vocab_size=1000"
#define ENGINE_EXPERTS \
    "qwen3moe block_count=4 context_length=8192 embedding_length=512 feed_forward_length=1024 attention.head_count=8 " \
    "attention.head_count_kv=2 attention.key_length=64 attention.value_length=64 expert_count=8 expert_used_count=2 " \
    "expert_feed_forward_length=256 attention.layer_norm_rms_epsilon=1e-05 vocab_size=1000"
#define ENGINE_WINDOWED \
    "gemma3 block_count=12 context_length=32768 embedding_length=512 feed_forward_length=1024 attention.head_count=8 " \
    "attention.head_count_kv=2 attention.key_length=64 attention.value_length=64 attention.sliding_window=512 " \
    "attention.layer_norm_rms_epsilon=1e-05 vocab_size=1000"

static inline ctxfit_model *engine_model(const char *text)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    if (ctxfit_model_from_text(text, ctxfit_file_type_from_name("F16"), NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static inline ctxfit_model *engine_catalog(const char *name, const char *file_type)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    if (ctxfit_model_from_catalog(name, ctxfit_file_type_from_name(file_type), NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return model;
}

static inline cfi_run engine_run(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_device *devices,
                                 uint32_t count)
{
    cfi_run      run;
    ctxfit_error error;

    if (cfi_engine_resolve(model, options, devices, count, &run, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return run;
}

#endif
