/* What metadata mean for each layer, architecture by architecture. Expected values follow llama.cpp b10472 src/models/<name>.cpp. */
#include "test_support.h"

#include "model/arch_internal.h"

static ctxfit_model *describe(const char *text)
{
    ctxfit_model *model = cfi_model_new(NULL);
    ctxfit_error  error = {0};
    cfi_meta      meta;

    assert_non_null(model);
    if (cfi_meta_open_text(&meta, text, &model->arena, &error) != CTXFIT_OK || cfi_model_describe(model, &meta) != CTXFIT_OK)
        fail_msg("%s\n%s", text, error.message);
    return model;
}

static void assert_fails(const char *text, ctxfit_status status, const char *message)
{
    ctxfit_model *model = cfi_model_new(NULL);
    ctxfit_error  error = {0};
    cfi_meta      meta;
    ctxfit_status got;

    assert_non_null(model);
    got = cfi_meta_open_text(&meta, text, &model->arena, &error);
    if (got == CTXFIT_OK)
        got = cfi_model_describe(model, &meta);
    if (got != status || error.status != status || strstr(error.message, message) == NULL)
        fail_msg("%s\ngot %s: %s", text, ctxfit_status_name(got), error.message);
    ctxfit_model_free(model);
}

/* One letter a layer: F full, S sliding, C chunked, L latent attention; M Mamba, 2 Mamba 2, D delta net, K Kimi's, V convolution, R RWKV;
 * B both attention and state; '-' feed-forward only; lower case: attention without a cache of its own. */
static void kinds(const ctxfit_model *model, char *out, size_t cap)
{
    uint32_t count = model->info.layers + model->info.nextn_layers;

    assert_true(count < cap);
    for (uint32_t i = 0; i < count; i++) {
        const ctxfit_layer_info *layer = &model->layer[i];
        char                     kind = "-FSCL"[layer->attention];

        if (layer->state != CTXFIT_STATE_NONE)
            kind = layer->attention != CTXFIT_ATTENTION_NONE ? 'B' : "-M2DKVR"[layer->state];
        else if (kind != '-' && (layer->flags & CTXFIT_LAYER_F_CACHE) == 0)
            kind = (char)(kind - 'A' + 'a');
        out[i] = kind;
    }
    out[count] = '\0';
}

static void assert_kinds(const char *text, const char *expected)
{
    ctxfit_model *model = describe(text);
    char          found[128];

    kinds(model, found, sizeof found);
    if (strcmp(found, expected) != 0)
        fail_msg("%s\n%s, expected %s", text, found, expected);
    ctxfit_model_free(model);
}

#define HEADS "embedding_length=512 attention.head_count=8 attention.head_count_kv=2 feed_forward_length=1024 "
#define WINDOW HEADS "attention.sliding_window=128 "

/* ---- attention ---- */

static void each_kv_head_caches_a_key_and_a_value(void **state)
{
    ctxfit_model *model = describe("llama block_count=2 " HEADS "attention.key_length=80 attention.value_length=48");

    (void)state;
    assert_int_equal(model->layer[1].cache_k_elems, 2 * 80);
    assert_int_equal(model->layer[1].cache_v_elems, 2 * 48);
    assert_int_equal(model->layer[1].attention, CTXFIT_ATTENTION_FULL);
    ctxfit_model_free(model);
}

static void heads_share_the_width_where_no_size_is_stated(void **state)
{
    ctxfit_model *model = describe("llama block_count=1 embedding_length=512 attention.head_count=8");

    (void)state;
    assert_int_equal(model->layer[0].kv_heads, 8);
    assert_int_equal(model->layer[0].key_size, 64);
    assert_int_equal(model->layer[0].rope_size, 64);
    assert_int_equal(model->layer[0].cache_v_elems, 512);
    ctxfit_model_free(model);
}

static void a_list_gives_each_layer_its_heads(void **state)
{
    ctxfit_model *model = describe("deci block_count=3 embedding_length=512 attention.head_count=[8,8,0] attention.head_count_kv=[4,2,0] "
                                   "attention.key_length=64 attention.value_length=64 feed_forward_length=[0,256,512]");

    (void)state;
    assert_int_equal(model->layer[0].cache_k_elems, 256);
    assert_int_equal(model->layer[1].cache_k_elems, 128);
    assert_int_equal(model->layer[2].attention, CTXFIT_ATTENTION_NONE);
    assert_int_equal(model->layer[0].feed_forward, CTXFIT_FF_NONE);
    assert_int_equal(model->layer[2].ff_width, 512);
    ctxfit_model_free(model);
}

static void windows_follow_the_pattern_of_the_architecture(void **state)
{
    (void)state;
    assert_kinds("gemma2 block_count=4 " HEADS, "SFSF");
    assert_kinds("gemma3 block_count=7 " WINDOW, "SSSSSFS");
    assert_kinds("gemma3 block_count=7 " HEADS, "FFFFFFF");
    assert_kinds("gpt-oss block_count=4 " WINDOW, "SFSF");
    assert_kinds("cohere2 block_count=5 " WINDOW, "SSSFS");
    assert_kinds("olmo2 block_count=5 " WINDOW, "SSSFS");
    assert_kinds("olmo2 block_count=5 " HEADS, "FFFFF");
    assert_kinds("plamo3 block_count=9 " WINDOW, "SSSSSSSFS");
    assert_kinds("afmoe block_count=5 " WINDOW, "SSSFS");
    assert_kinds("laguna block_count=5 " WINDOW, "FSSSF");
    assert_kinds("smallthinker block_count=5 " WINDOW, "FSSSF");
    assert_kinds("phi3 block_count=2 " WINDOW, "FF");
    assert_kinds("mellum block_count=3 " WINDOW "attention.sliding_window_pattern=[1,0,1]", "SFS");
    assert_kinds("mimo2 block_count=3 " WINDOW "attention.sliding_window_pattern=[0,1*2]", "FSS");
    assert_kinds("step35 block_count=3 " WINDOW "attention.sliding_window_pattern=[0,1,0]", "FSF");
    assert_kinds("lfm2 block_count=3 " HEADS "shortconv.l_cache=3", "FFF");
    assert_kinds("modern-bert block_count=4 " WINDOW, "fssf");
}

static void a_stated_period_overrides_the_architectures(void **state)
{
    (void)state;
    assert_kinds("gemma3 block_count=4 " WINDOW "attention.sliding_window_pattern=2", "SFSF");
    assert_kinds("gemma3 block_count=4 " WINDOW "attention.sliding_window_pattern=[0,1*2,0]", "FSSF");
    assert_kinds("smallthinker block_count=4 " WINDOW "attention.sliding_window_pattern=[1*2,0*2]", "SSFF");
    assert_kinds("gemma3 block_count=4 " WINDOW "attention.sliding_window_pattern=1", "FFFF");
    assert_kinds("gemma3 block_count=4 " WINDOW "attention.sliding_window_pattern=0", "SSSS");
    assert_kinds("cohere2moe block_count=4 " WINDOW "attention.sliding_window_pattern=2", "FSFS");
}

static void llama4_attends_in_chunks_unless_its_window_is_0(void **state)
{
    ctxfit_model *model = describe("llama4 block_count=4 " HEADS);

    (void)state;
    assert_int_equal(model->layer[0].window_tokens, 8192);
    ctxfit_model_free(model);
    assert_kinds("llama4 block_count=5 " HEADS, "CCCFC");
    assert_kinds("llama4 block_count=5 " HEADS "attention.sliding_window=0", "FFFFF");
}

static void exaone4_has_windows_only_in_the_64_block_model(void **state)
{
    char text[256];

    (void)state;
    assert_kinds("exaone4 block_count=4 " WINDOW, "FFFF");
    (void)snprintf(text, sizeof text, "exaone4 block_count=64 %s", HEADS);
    assert_kinds(text, "SSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSFSSSF");
}

static void window_layers_may_have_heads_of_another_size(void **state)
{
    ctxfit_model *model = describe("gemma4 block_count=2 embedding_length=512 attention.head_count=8 attention.head_count_kv=[4,1] "
                                   "attention.key_length=512 attention.value_length=512 attention.key_length_swa=256 "
                                   "attention.value_length_swa=256 attention.sliding_window=64 attention.sliding_window_pattern=[1,0]");

    (void)state;
    assert_int_equal(model->layer[0].cache_k_elems, 4 * 256);
    assert_int_equal(model->layer[1].cache_k_elems, 512);
    assert_int_equal(model->layer[0].window_tokens, 64);
    assert_int_equal(model->stated_key_size, 512);
    ctxfit_model_free(model);
}

static void later_layers_reuse_the_cache_of_earlier_ones(void **state)
{
    ctxfit_model *model;

    (void)state;
    assert_kinds("gemma3n block_count=25 " WINDOW, "SSSSFSSSSFSSSSFSSSSFssssf");
    assert_kinds("gemma4 block_count=6 " WINDOW "attention.sliding_window_pattern=[1,1,0,1,1,0] attention.shared_kv_layers=2", "SSFSsf");
    assert_kinds("gemma4-assistant block_count=2 " WINDOW "attention.sliding_window_pattern=[1,0]", "sf");
    model = describe("gemma3n block_count=25 " WINDOW);
    assert_int_equal(model->layer[24].cache_k_elems, 0);
    assert_int_equal(model->info.per_layer_embedding, 256);
    ctxfit_model_free(model);
}

static void encoders_cache_nothing(void **state)
{
    (void)state;
    assert_kinds("bert block_count=2 " HEADS, "ff");
    assert_kinds("llada block_count=2 " HEADS, "ff");
}

static void passed_blocks_have_a_cache_for_each_pass(void **state)
{
    ctxfit_model *model = describe("nanbeige block_count=2 num_loops=3 " HEADS);

    (void)state;
    assert_int_equal(model->info.layers, 6);
    assert_int_equal(model->layer[5].cache_k_elems, 128);
    ctxfit_model_free(model);
}

/* ---- latent and sparse attention ---- */

#define LATENT                                                                                                                          \
    "embedding_length=512 attention.head_count=16 feed_forward_length=1024 attention.kv_lora_rank=512 attention.q_lora_rank=1536 "

static void absorbed_latent_attention_caches_one_compressed_key(void **state)
{
    ctxfit_model *model = describe("deepseek2 block_count=1 " LATENT "attention.head_count_kv=1 attention.key_length=576 "
                                   "attention.value_length=512 attention.key_length_mla=192 attention.value_length_mla=128");

    (void)state;
    assert_int_equal(model->layer[0].attention, CTXFIT_ATTENTION_LATENT);
    assert_int_equal(model->layer[0].cache_k_elems, 576);
    assert_int_equal(model->layer[0].cache_v_elems, 0);
    assert_int_equal(model->layer[0].key_size, 192);
    assert_int_equal(model->layer[0].value_size, 128);
    assert_int_equal(model->layer[0].kv_rank, 512);
    assert_int_equal(model->layer[0].q_rank, 1536);
    ctxfit_model_free(model);
}

static void files_from_before_absorption_cache_full_keys_and_values(void **state)
{
    ctxfit_model *model = describe("deepseek2 block_count=1 " LATENT "attention.key_length=192 attention.value_length=128");

    (void)state;
    assert_int_equal(model->layer[0].attention, CTXFIT_ATTENTION_FULL);
    assert_int_equal(model->layer[0].cache_k_elems, 16 * 192);
    assert_int_equal(model->layer[0].cache_v_elems, 16 * 128);
    ctxfit_model_free(model);
}

/* One letter a layer: I with an indexer, '.' without. */
static void assert_indexers(const char *text, const char *expected)
{
    ctxfit_model *model = describe(text);
    uint32_t      count = model->info.layers + model->info.nextn_layers;

    assert_int_equal(count, strlen(expected));
    for (uint32_t i = 0; i < count; i++)
        if ((model->layer[i].indexer_size == 128 && model->layer[i].indexer_heads == 64) != (expected[i] == 'I'))
            fail_msg("%s\nlayer %u: indexer of %u, expected %s", text, (unsigned)i, (unsigned)model->layer[i].indexer_size, expected);
    ctxfit_model_free(model);
}

static void indexers_are_where_the_architecture_puts_them(void **state)
{
    static const char indexer[] = "attention.indexer.head_count=64 attention.indexer.key_length=128";
    char              text[512];

    (void)state;
    (void)snprintf(text, sizeof text, "deepseek32 block_count=3 nextn_predict_layers=1 %s %s", LATENT, indexer);
    assert_indexers(text, "II.");
    (void)snprintf(text, sizeof text, "glm-dsa block_count=4 nextn_predict_layers=1 context_length=202752 %s %s", LATENT, indexer);
    assert_indexers(text, "III.");
    (void)snprintf(text, sizeof text, "glm-dsa block_count=8 nextn_predict_layers=1 context_length=1048576 %s %s", LATENT, indexer);
    assert_indexers(text, "III...I.");
    (void)snprintf(text, sizeof text, "glm-dsa block_count=4 indexer_layers=[0,1,0,1] %s %s", LATENT, indexer);
    assert_indexers(text, ".I.I");
    (void)snprintf(text, sizeof text, "minimax-m3 block_count=4 leading_dense_block_count=1 %s %s", HEADS, indexer);
    assert_indexers(text, ".III");
    (void)snprintf(text, sizeof text,
                   "deepseek4 block_count=3 attention.q_lora_rank=64 attention.compress_ratios=[0,4,128] %s %s", WINDOW, indexer);
    assert_indexers(text, ".I.");
}

static void deepseek4_keeps_keys_of_a_window_and_compressed_entries(void **state)
{
    ctxfit_model *model = describe("deepseek4 block_count=3 embedding_length=512 attention.head_count=8 attention.head_count_kv=1 "
                                   "attention.key_length=512 attention.value_length=512 attention.sliding_window=128 "
                                   "attention.q_lora_rank=64 "
                                   "attention.compress_ratios=[0,4,128] attention.indexer.head_count=64 attention.indexer.key_length=128");

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(model->layer[i].attention, CTXFIT_ATTENTION_SLIDING);
        assert_int_equal(model->layer[i].cache_k_elems, 512);
        assert_int_equal(model->layer[i].cache_v_elems, 0);
    }
    assert_int_equal(model->layer[0].compress_ratio, 0);
    assert_int_equal(model->layer[1].compress_ratio, 4);
    assert_int_equal(model->layer[2].compress_ratio, 128);
    ctxfit_model_free(model);
}

/* ---- layers with a state ---- */

#define SSM HEADS "ssm.conv_kernel=4 ssm.inner_size=1024 ssm.state_size=16 ssm.time_step_rank=32 "
#define SSM2 SSM "ssm.group_count=2 "

static void hybrids_have_a_state_where_there_are_no_kv_heads(void **state)
{
    static const char heads[] = "embedding_length=512 attention.head_count=8 attention.head_count_kv=[0,0,2,0] feed_forward_length=64 "
                                "ssm.conv_kernel=4 ssm.inner_size=1024 ssm.state_size=16 ssm.time_step_rank=32 ssm.group_count=2";
    char              text[512];

    (void)state;
    (void)snprintf(text, sizeof text, "jamba block_count=4 %s", heads);
    assert_kinds(text, "MMFM");
    (void)snprintf(text, sizeof text, "granitehybrid block_count=4 %s", heads);
    assert_kinds(text, "22F2");
    (void)snprintf(text, sizeof text, "plamo2 block_count=4 %s", heads);
    assert_kinds(text, "22F2");
    (void)snprintf(text, sizeof text, "lfm2 block_count=4 shortconv.l_cache=3 attention.sliding_window=64 %s", heads);
    assert_kinds(text, "VVSV");
    assert_kinds("mamba block_count=2 " SSM, "MM");
    assert_kinds("mamba2 block_count=2 " SSM2, "22");
    assert_kinds("falcon-h1 block_count=2 " SSM2, "BB");
}

static void nemotron_h_layers_do_one_thing_each(void **state)
{
    ctxfit_model *model;
    const char   *text = "nemotron_h block_count=4 embedding_length=512 attention.head_count=8 attention.head_count_kv=[0,0,2,0] "
                         "feed_forward_length=[0,256,0,0] attention.key_length=64 ssm.conv_kernel=4 ssm.inner_size=1024 ssm.state_size=16 "
                         "ssm.time_step_rank=32 ssm.group_count=2";

    (void)state;
    assert_kinds(text, "2-F2");
    model = describe(text);
    assert_int_equal(model->layer[1].feed_forward, CTXFIT_FF_PLAIN);
    assert_int_equal(model->layer[2].feed_forward, CTXFIT_FF_NONE);
    ctxfit_model_free(model);
}

static void delta_nets_attend_in_the_last_layer_of_an_interval_or_by_a_list(void **state)
{
    (void)state;
    assert_kinds("qwen35 block_count=5 " SSM2, "DDDFD");
    assert_kinds("qwen3next block_count=5 full_attention_interval=2 " SSM2, "DFDFD");
    assert_kinds("qwen35moe block_count=5 nextn_predict_layers=1 full_attention_interval=2 " SSM2, "DFDFF");
    assert_kinds("qwen35 block_count=3 attention.recurrent_layers=[0,1,1] " SSM2, "FDD");
}

static void states_have_the_sizes_of_their_kind(void **state)
{
    ctxfit_model *model = describe("mamba block_count=1 " SSM);

    (void)state;
    assert_int_equal(model->layer[0].conv_state_elems, 3 * 1024);
    assert_int_equal(model->layer[0].recurrent_elems, 16 * 1024);
    assert_int_equal(model->stated_key_size, 64); /* no layer has it, cache types are still held against it */
    ctxfit_model_free(model);
    model = describe("mamba2 block_count=1 " SSM2);
    assert_int_equal(model->layer[0].conv_state_elems, 3 * (1024 + 2 * 2 * 16));
    ctxfit_model_free(model);
    model = describe("lfm2 block_count=1 embedding_length=512 attention.head_count=8 attention.head_count_kv=[0] shortconv.l_cache=3");
    assert_int_equal(model->layer[0].conv_state_elems, 2 * 512);
    assert_int_equal(model->layer[0].recurrent_elems, 0);
    ctxfit_model_free(model);
    model = describe("rwkv7 block_count=1 embedding_length=512 feed_forward_length=2048 wkv.head_size=64");
    assert_int_equal(model->layer[0].conv_state_elems, 2 * 512);
    assert_int_equal(model->layer[0].recurrent_elems, 512 * 64);
    ctxfit_model_free(model);
    model = describe("arwkv7 block_count=1 embedding_length=512 wkv.head_size=64 token_shift_count=1");
    assert_int_equal(model->layer[0].conv_state_elems, 512);
    ctxfit_model_free(model);
    model = describe("kimi-linear block_count=2 " LATENT
                     "attention.head_count_kv=[0,1] attention.key_length=576 attention.value_length=512 "
                     "attention.key_length_mla=192 attention.value_length_mla=128 ssm.conv_kernel=4 kda.head_dim=128");
    assert_int_equal(model->layer[0].state, CTXFIT_STATE_KDA);
    assert_int_equal(model->layer[0].conv_state_elems, 3 * 3 * 16 * 128);
    assert_int_equal(model->layer[0].recurrent_elems, 128 * 128 * 16);
    assert_int_equal(model->layer[1].cache_k_elems, 576);
    ctxfit_model_free(model);
}

/* ---- blocks behind the trunk ---- */

static void nextn_blocks_stand_behind_the_trunk(void **state)
{
    ctxfit_model *model = describe("glm4moe block_count=3 nextn_predict_layers=1 " HEADS);

    (void)state;
    assert_int_equal(model->info.layers, 2);
    assert_int_equal(model->info.nextn_layers, 1);
    assert_int_equal(model->layer[2].flags & CTXFIT_LAYER_F_NEXTN, CTXFIT_LAYER_F_NEXTN);
    assert_int_equal(model->layer[1].flags & CTXFIT_LAYER_F_NEXTN, 0);
    ctxfit_model_free(model);
    /* llama: reads no such key */
    model = describe("llama block_count=3 nextn_predict_layers=1 " HEADS);
    assert_int_equal(model->info.layers, 3);
    ctxfit_model_free(model);
}

/* ---- feed-forward ---- */

#define EXPERTS HEADS "expert_count=16 expert_used_count=4 "

static void assert_feed_forward(const char *text, uint32_t layer, uint32_t kind, uint32_t dense, uint32_t expert, uint32_t shared)
{
    ctxfit_model            *model = describe(text);
    const ctxfit_layer_info *found = &model->layer[layer];

    if (found->feed_forward != kind || found->ff_width != dense || found->expert_width != expert || found->shared_width != shared)
        fail_msg("%s\nlayer %u: kind %u, dense %u, expert %u, shared %u", text, (unsigned)layer, (unsigned)found->feed_forward,
                 (unsigned)found->ff_width, (unsigned)found->expert_width, (unsigned)found->shared_width);
    ctxfit_model_free(model);
}

static void dense_layers_come_before_experts_or_between(void **state)
{
    const char *lead = "deepseek block_count=3 leading_dense_block_count=1 expert_feed_forward_length=128 expert_shared_count=2 " EXPERTS;
    const char *step = "llama4 block_count=3 interleave_moe_layer_step=2 expert_feed_forward_length=128 " EXPERTS;
    const char *list = "jamba block_count=2 expert_layers=[0,1] " SSM "expert_count=16 expert_used_count=2";
    const char *every = "nomic-bert-moe block_count=2 moe_every_n_layers=2 " EXPERTS;

    (void)state;
    assert_feed_forward(lead, 0, CTXFIT_FF_GATED, 1024, 0, 0);
    assert_feed_forward(lead, 1, CTXFIT_FF_MOE, 0, 128, 256);
    assert_feed_forward(step, 0, CTXFIT_FF_GATED, 1024, 0, 0);
    assert_feed_forward(step, 1, CTXFIT_FF_MOE, 0, 128, 128);
    assert_feed_forward(list, 0, CTXFIT_FF_GATED, 1024, 0, 0);
    assert_feed_forward(list, 1, CTXFIT_FF_MOE, 0, 1024, 0);
    assert_feed_forward(every, 0, CTXFIT_FF_PLAIN, 1024, 0, 0);
    assert_feed_forward(every, 1, CTXFIT_FF_MOE, 0, 1024, 0);
}

static void unstated_expert_widths_follow_the_architecture(void **state)
{
    (void)state;
    assert_feed_forward("llama block_count=1 " EXPERTS, 0, CTXFIT_FF_MOE, 0, 1024, 0);
    assert_feed_forward("qwen3moe block_count=1 " EXPERTS, 0, CTXFIT_FF_MOE, 0, 256, 0);
    assert_feed_forward("qwen2moe block_count=1 " EXPERTS, 0, CTXFIT_FF_MOE, 0, 256, 1024);
    assert_feed_forward("arctic block_count=1 " EXPERTS, 0, CTXFIT_FF_MOE, 512, 1024, 0);
    assert_feed_forward("gemma4 block_count=1 expert_feed_forward_length=64 attention.sliding_window_pattern=[0] "
                        "attention.sliding_window=8 " EXPERTS,
                        0, CTXFIT_FF_MOE, 1024, 64, 0);
    assert_feed_forward("bailingmoe2 block_count=1 expert_feed_forward_length=64 expert_shared_count=3 " EXPERTS, 0, CTXFIT_FF_MOE, 0, 64,
                        192);
    assert_feed_forward("bailingmoe2 block_count=1 expert_feed_forward_length=64 expert_shared_feed_forward_length=32 "
                        "expert_shared_count=3 " EXPERTS, 0, CTXFIT_FF_MOE, 0, 64, 96);
    assert_feed_forward("gpt2 block_count=1 " HEADS, 0, CTXFIT_FF_PLAIN, 1024, 0, 0);
    assert_feed_forward("hunyuan-dense block_count=1 expert_count=1 expert_used_count=1 " HEADS, 0, CTXFIT_FF_GATED, 1024, 0, 0);
}

/* ---- whole model ---- */

static void rope_scaling_is_read(void **state)
{
    ctxfit_model *model = describe("llama block_count=1 context_length=131072 rope.scaling.type=yarn rope.scaling.factor=4.0 "
                                   "rope.scaling.original_context_length=32768 " HEADS);

    (void)state;
    assert_int_equal(model->info.rope_scaling, CTXFIT_ROPE_SCALING_YARN);
    assert_true(model->info.rope_factor == 4.0);
    assert_int_equal(model->info.rope_original_tokens, 32768);
    assert_int_equal(model->info.trained_tokens, 131072);
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_CONTEXT_UNSTATED, 0);
    ctxfit_model_free(model);
    model = describe("llama block_count=1 rope.scale_linear=2 " HEADS);
    assert_int_equal(model->info.rope_scaling, CTXFIT_ROPE_SCALING_LINEAR);
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_CONTEXT_UNSTATED, CTXFIT_MODEL_F_CONTEXT_UNSTATED);
    ctxfit_model_free(model);
}

static void deepstack_features_widen_the_embedding_input(void **state)
{
    ctxfit_model *model = describe("qwen3vl block_count=1 n_deepstack_layers=3 " HEADS);

    (void)state;
    assert_int_equal(model->info.embedding_inputs, 4 * 512);
    ctxfit_model_free(model);
    model = describe("granite block_count=4 deepstack_mapping=[-1,0,0,2] " HEADS);
    assert_int_equal(model->info.embedding_inputs, 3 * 512);
    ctxfit_model_free(model);
}

/* ---- what is wrong is named ---- */

static void missing_keys_are_named(void **state)
{
    (void)state;
    assert_fails("llama " HEADS, CTXFIT_E_INCOMPLETE, "block_count");
    assert_fails("llama block_count=1 attention.head_count=1", CTXFIT_E_INCOMPLETE, "embedding_length");
    assert_fails("llama block_count=1 embedding_length=64", CTXFIT_E_INCOMPLETE, "attention.head_count");
    assert_fails("gpt-oss block_count=1 " HEADS, CTXFIT_E_INCOMPLETE, "attention.sliding_window");
    assert_fails("gemma4 block_count=1 " WINDOW, CTXFIT_E_INCOMPLETE, "attention.sliding_window_pattern");
    assert_fails("deepseek2 block_count=1 " HEADS, CTXFIT_E_INCOMPLETE, "attention.kv_lora_rank");
    assert_fails("deepseek2 block_count=1 attention.key_length_mla=64 " LATENT, CTXFIT_E_INCOMPLETE, "attention.value_length_mla");
    assert_fails("deepseek block_count=1 expert_count=4 expert_used_count=2 " HEADS, CTXFIT_E_INCOMPLETE, "expert_feed_forward_length");
    assert_fails("llama block_count=1 expert_count=4 " HEADS, CTXFIT_E_INCOMPLETE, "expert_used_count");
    assert_fails("mamba block_count=1 embedding_length=64", CTXFIT_E_INCOMPLETE, "ssm.conv_kernel");
    assert_fails("rwkv7 block_count=1 embedding_length=64", CTXFIT_E_INCOMPLETE, "wkv.head_size");
    assert_fails("deepseek4 block_count=3 attention.q_lora_rank=64 attention.compress_ratios=[4] attention.indexer.head_count=1 "
                 "attention.indexer.key_length=1 " WINDOW, CTXFIT_E_INCOMPLETE, "attention.compress_ratios");
}

static void contradictions_are_malformed(void **state)
{
    (void)state;
    assert_fails("llama block_count=0 " HEADS, CTXFIT_E_MALFORMED, "block_count: 0");
    assert_fails("llama block_count=4097 " HEADS, CTXFIT_E_MALFORMED, "block_count: 4097");
    assert_fails("llama block_count=4294967295 " HEADS, CTXFIT_E_MALFORMED, "block_count");
    assert_fails("llama block_count=4294967296 " HEADS, CTXFIT_E_MALFORMED, "block_count");
    assert_fails("llama block_count=-1 " HEADS, CTXFIT_E_MALFORMED, "block_count");
    assert_fails("llama block_count=1 embedding_length=0 attention.head_count=1", CTXFIT_E_MALFORMED, "embedding_length");
    assert_fails("llama block_count=1 embedding_length=64 attention.head_count=8 attention.head_count_kv=3", CTXFIT_E_MALFORMED, "8 heads");
    assert_fails("llama block_count=3 embedding_length=64 attention.head_count=[8,8]", CTXFIT_E_MALFORMED, "2 values");
    assert_fails("llama block_count=1 embedding_length=64 attention.head_count=[8,8]", CTXFIT_E_MALFORMED, "2 values");
    assert_fails("llama block_count=1 expert_count=4 expert_used_count=5 " HEADS, CTXFIT_E_MALFORMED, "expert_used_count");
    assert_fails("qwen35 block_count=1 nextn_predict_layers=1 " SSM2, CTXFIT_E_MALFORMED, "nextn_predict_layers");
    assert_fails("qwen35 block_count=1 full_attention_interval=0 " SSM2, CTXFIT_E_MALFORMED, "full_attention_interval");
    assert_fails("gemma4 block_count=2 attention.shared_kv_layers=3 attention.sliding_window_pattern=[0,1] " WINDOW, CTXFIT_E_MALFORMED,
                 "shared_kv_layers");
    assert_fails("nanbeige block_count=2 num_loops=4000 " HEADS, CTXFIT_E_MALFORMED, "num_loops");
    assert_fails("granite block_count=1 deepstack_mapping=[5000] " HEADS, CTXFIT_E_MALFORMED, "deepstack_mapping");
    assert_fails("llama block_count=1 embedding_length=64 attention.head_count=8.5", CTXFIT_E_TYPE, "attention.head_count");
}

static void sizes_beyond_their_type_overflow(void **state)
{
    (void)state;
    assert_fails("llama block_count=1 embedding_length=64 attention.head_count=4000000000 attention.key_length=4000000000",
                 CTXFIT_E_OVERFLOW, "K of a layer");
    assert_fails("mamba2 block_count=1 embedding_length=64 ssm.conv_kernel=4000000000 ssm.inner_size=4000000000 ssm.state_size=1 "
                 "ssm.time_step_rank=1 ssm.group_count=1", CTXFIT_E_OVERFLOW, "state");
    assert_fails("qwen3vl block_count=1 n_deepstack_layers=4000000000 " HEADS, CTXFIT_E_OVERFLOW, "embedding input");
    assert_fails("deepseek block_count=1 expert_count=4 expert_used_count=2 expert_feed_forward_length=4000000000 "
                 "expert_shared_count=2 " HEADS,
                 CTXFIT_E_OVERFLOW, "shared experts");
}

static void an_unknown_architecture_gets_the_generic_layout(void **state)
{
    ctxfit_model *model = describe("martian block_count=2 " HEADS);

    (void)state;
    assert_int_equal(model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH, CTXFIT_MODEL_F_UNKNOWN_ARCH);
    assert_int_equal(model->layer[1].cache_k_elems, 128);
    assert_string_equal(ctxfit_model_arch(model), "martian");
    ctxfit_model_free(model);
}

static void every_architecture_survives_missing_and_absurd_metadata(void **state)
{
    static const char *const texts[] = {
        "block_count=2", "block_count=2 embedding_length=64",
        "block_count=2 embedding_length=4294967295 attention.head_count=4294967295 attention.key_length=4294967295 "
        "attention.value_length=4294967295 attention.sliding_window=4294967295 attention.sliding_window_pattern=4294967295 "
        "feed_forward_length=4294967295 expert_count=4294967295 expert_used_count=4294967295 expert_shared_count=4294967295 "
        "ssm.conv_kernel=4294967295 ssm.inner_size=4294967295 ssm.state_size=4294967295 ssm.time_step_rank=4294967295 "
        "ssm.group_count=4294967295 wkv.head_size=4294967295 shortconv.l_cache=4294967295 kda.head_dim=4294967295",
        "block_count=2 embedding_length=0 attention.head_count=0 attention.head_count_kv=0 ssm.conv_kernel=0 ssm.inner_size=0 "
        "ssm.state_size=0 ssm.time_step_rank=0 ssm.group_count=0 wkv.head_size=0 shortconv.l_cache=0 kda.head_dim=0 num_loops=0 "
        "attention.sliding_window=0 full_attention_interval=0 attention.kv_lora_rank=0",
    };

    (void)state;
    for (uint32_t i = 0; i < cfi_arch_count(); i++) {
        for (size_t k = 0; k < CFI_COUNT(texts); k++) {
            ctxfit_model *model = cfi_model_new(NULL);
            ctxfit_error  error = {0};
            cfi_meta      meta;
            char          text[1024];
            ctxfit_status status;

            (void)snprintf(text, sizeof text, "%s %s", cfi_arch_at(i)->name, texts[k]);
            assert_int_equal(cfi_meta_open_text(&meta, text, &model->arena, &error), CTXFIT_OK);
            status = cfi_model_describe(model, &meta);
            assert_true(status == CTXFIT_OK || error.status == status);
            ctxfit_model_free(model);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kv_head_caches_a_key_and_a_value),
        cmocka_unit_test(heads_share_the_width_where_no_size_is_stated),
        cmocka_unit_test(a_list_gives_each_layer_its_heads),
        cmocka_unit_test(windows_follow_the_pattern_of_the_architecture),
        cmocka_unit_test(a_stated_period_overrides_the_architectures),
        cmocka_unit_test(llama4_attends_in_chunks_unless_its_window_is_0),
        cmocka_unit_test(exaone4_has_windows_only_in_the_64_block_model),
        cmocka_unit_test(window_layers_may_have_heads_of_another_size),
        cmocka_unit_test(later_layers_reuse_the_cache_of_earlier_ones),
        cmocka_unit_test(encoders_cache_nothing),
        cmocka_unit_test(passed_blocks_have_a_cache_for_each_pass),
        cmocka_unit_test(absorbed_latent_attention_caches_one_compressed_key),
        cmocka_unit_test(files_from_before_absorption_cache_full_keys_and_values),
        cmocka_unit_test(indexers_are_where_the_architecture_puts_them),
        cmocka_unit_test(deepseek4_keeps_keys_of_a_window_and_compressed_entries),
        cmocka_unit_test(hybrids_have_a_state_where_there_are_no_kv_heads),
        cmocka_unit_test(nemotron_h_layers_do_one_thing_each),
        cmocka_unit_test(delta_nets_attend_in_the_last_layer_of_an_interval_or_by_a_list),
        cmocka_unit_test(states_have_the_sizes_of_their_kind),
        cmocka_unit_test(nextn_blocks_stand_behind_the_trunk),
        cmocka_unit_test(dense_layers_come_before_experts_or_between),
        cmocka_unit_test(unstated_expert_widths_follow_the_architecture),
        cmocka_unit_test(rope_scaling_is_read),
        cmocka_unit_test(deepstack_features_widen_the_embedding_input),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(contradictions_are_malformed),
        cmocka_unit_test(sizes_beyond_their_type_overflow),
        cmocka_unit_test(an_unknown_architecture_gets_the_generic_layout),
        cmocka_unit_test(every_architecture_survives_missing_and_absurd_metadata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
