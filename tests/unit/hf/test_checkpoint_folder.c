/* The folder of a checkpoint: which files are its weights, what is said of a download that did not end, of files that are of another model
 * than config.json describes, and of how weights are quantized where that stands beside it. */
#define _POSIX_C_SOURCE 200809L
#include "store_tree.h"

#include <stdbool.h>

#include "ctxfit.h"

#define FOLDER "checkpoint_folder"
#define CONFIG "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 128, " \
               "\"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 256, " \
               "\"max_position_embeddings\": 1024, \"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\""
/* Bytes of its tensors in BF16: embeddings and output 2 x 256 x 64, a layer 4,096 + 2 x 2,048 + 4,096 + 3 x 8,192 + 2 x 64, a norm. */
#define OUTSIDE_BYTES (2 * (2 * 256 * 64 + 64))
#define LAYER_BYTES (2 * (4096 + 2 * 2048 + 4096 + 3 * 8192 + 2 * 64))
#define ALL_BYTES (OUTSIDE_BYTES + 2 * LAYER_BYTES)

/* ---- files ---- */

/* A header under way, and how much data follow it. */
typedef struct header {
    char     json[8192];
    size_t   len;
    uint64_t bytes;
} header;

static void begin(header *h)
{
    h->len = (size_t)snprintf(h->json, sizeof h->json, "{\"__metadata__\": {\"format\": \"pt\"}");
    h->bytes = 0;
}

static void add(header *h, const char *name, unsigned rows, unsigned columns)
{
    const uint64_t bytes = 2 * (uint64_t)rows * (columns > 0 ? columns : 1);
    char           shape[32];

    (void)snprintf(shape, sizeof shape, columns > 0 ? "%u, %u" : "%u", rows, columns);
    h->len += (size_t)snprintf(h->json + h->len, sizeof h->json - h->len,
                               ", \"%s\": {\"dtype\": \"BF16\", \"shape\": [%s], \"data_offsets\": [%llu, %llu]}", name, shape,
                               (unsigned long long)h->bytes, (unsigned long long)(h->bytes + bytes));
    assert_true(h->len < sizeof h->json);
    h->bytes += bytes;
}

static void add_layer(header *h, unsigned layer)
{
    static const struct {
        char     name[32];
        unsigned rows, columns;
    } tensors[] = {{"self_attn.q_proj", 64, 64},  {"self_attn.k_proj", 32, 64}, {"self_attn.v_proj", 32, 64},
                   {"self_attn.o_proj", 64, 64},  {"mlp.gate_proj", 128, 64},   {"mlp.up_proj", 128, 64},
                   {"mlp.down_proj", 64, 128},    {"input_layernorm", 64, 0},   {"post_attention_layernorm", 64, 0}};
    char name[96];

    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        (void)snprintf(name, sizeof name, "model.layers.%u.%s.weight", layer, tensors[i].name);
        add(h, name, tensors[i].rows, tensors[i].columns);
    }
}

static void add_outside(header *h)
{
    add(h, "model.embed_tokens.weight", 256, 64);
    add(h, "lm_head.weight", 256, 64);
    add(h, "model.norm.weight", 64, 0);
}

/* `missing`: bytes that the file lacks at its end; less than 0: that it has too many */
static void put(store_tree *t, const char *name, header *h, long missing)
{
    char  path[320];
    FILE *file;
    long  bytes;

    h->len += (size_t)snprintf(h->json + h->len, sizeof h->json - h->len, "}");
    bytes = 8 + (long)h->len + (long)h->bytes - missing;
    (void)snprintf(path, sizeof path, FOLDER "/%s", name);
    tree_folders(t, path);
    tree_note(t, path);
    file = fopen(path, "wb");
    assert_non_null(file);
    for (long i = 0; i < bytes; i++)
        assert_int_not_equal(fputc(i < 8 ? (int)(h->len >> 8 * i & 0xff) : i < 8 + (long)h->len ? h->json[i - 8] : 0, file), EOF);
    assert_int_equal(fclose(file), 0);
}

#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"

/* What a folder is made of. */
typedef struct parts {
    const char *config; /* behind CONFIG */
    bool        single; /* one file instead of two */
    bool        index;
    bool        second;
    long        cut;    /* bytes of the last file */
    unsigned    layers;
    const char *other;  /* one more file, "name=text", or NULL */
} parts;

static void make_folder(store_tree *t, const parts *p)
{
    char   text[4096];
    header h;

    t->count = 0;
    (void)snprintf(text, sizeof text, "config.json=" CONFIG "%s}", p->config);
    tree_add(t, FOLDER, text);
    if (p->other != NULL)
        tree_add(t, FOLDER, p->other);
    begin(&h);
    add_outside(&h);
    for (unsigned i = 0; p->single && i < p->layers; i++)
        add_layer(&h, i);
    if (p->single) {
        put(t, "model.safetensors", &h, p->cut);
        return;
    }
    add_layer(&h, 0);
    put(t, FIRST, &h, 0);
    begin(&h);
    for (unsigned i = 1; i < p->layers; i++)
        add_layer(&h, i);
    if (p->second)
        put(t, SECOND, &h, p->cut);
    if (p->index)
        tree_add(t, FOLDER,
                 "model.safetensors.index.json={\"metadata\": {\"total_size\": 198000}, \"weight_map\": {\"lm_head.weight\": \"" FIRST
                            "\", \"model.layers.1.mlp.up_proj.weight\": \"" SECOND "\"}}");
}

/* ---- what is made of it ---- */

static ctxfit_model *opened(const char *path, const char *what)
{
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    if (ctxfit_model_open_checkpoint(path, 0, NULL, &model, &error) != CTXFIT_OK)
        fail_msg("%s: %s", what, error.message);
    return model;
}

static ctxfit_plan *planned(const ctxfit_model *model)
{
    ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_error        error;

    (void)snprintf(o.engine, sizeof o.engine, "vllm");
    o.ctx_tokens = 256;
    assert_int_equal(ctxfit_hw_parse("h200 host:64GiB", NULL, &hw, &error), CTXFIT_OK);
    if (ctxfit_plan_make(model, hw, &o, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_hw_free(hw);
    return plan;
}

static uint64_t weights_of(const ctxfit_model *model)
{
    ctxfit_plan       *plan = planned(model);
    ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

    assert_int_equal(ctxfit_plan_get_device(plan, 0, &device), CTXFIT_OK);
    ctxfit_plan_free(plan);
    return device.weights_bytes;
}

/* Said by the model, and by its plan. */
static bool says(const ctxfit_model *model, const char *words)
{
    ctxfit_plan *plan = planned(model);
    const char  *text;
    bool         noted = false, warned = false;

    for (uint32_t i = 0; (text = ctxfit_model_note(model, i)) != NULL; i++)
        noted = noted || strstr(text, words) != NULL;
    for (uint32_t i = 0; (text = ctxfit_plan_warning(plan, i)) != NULL; i++)
        warned = warned || strstr(text, words) != NULL;
    ctxfit_plan_free(plan);
    assert_int_equal(noted, warned);
    return noted;
}

static ctxfit_checkpoint_info checkpoint_of(const ctxfit_model *model)
{
    ctxfit_checkpoint_info info = CTXFIT_CHECKPOINT_INFO_INIT;

    assert_int_equal(ctxfit_model_get_checkpoint(model, &info), CTXFIT_OK);
    return info;
}

static void the_weights_are_the_bytes_of_the_files(void **state)
{
    static const parts folders[] = {{"", true, false, false, 0, 2, NULL}, {"", false, true, true, 0, 2, NULL}, {"", false, false, true, 0,
                                                                                                                2, NULL}};
    static const char *const paths[] = {FOLDER, FOLDER "/", FOLDER "/" FIRST, FOLDER "/" SECOND, FOLDER "/model.safetensors.index.json"};

    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        store_tree t;

        make_folder(&t, &folders[i]);
        for (size_t k = 0; k < (folders[i].single ? 2u : folders[i].index ? 5u : 4u); k++) {
            ctxfit_model          *model = opened(paths[k], paths[k]);
            ctxfit_checkpoint_info info = checkpoint_of(model);

            assert_int_equal(info.flags, CTXFIT_CHECKPOINT_F_MEASURED);
            assert_int_equal(info.total_bytes, ALL_BYTES);
            assert_int_equal(info.shards, folders[i].single ? 1 : 2);
            assert_int_equal(weights_of(model), ALL_BYTES);
            assert_false(says(model, "checkpoint:"));
            ctxfit_model_free(model);
        }
        tree_remove(&t);
    }
}

/* A plan of half a checkpoint is never one of half its bytes, and both figures are said. */
static void what_is_missing_is_told(void **state)
{
    static const struct {
        parts       folder;
        uint32_t    flags;
        uint64_t    bytes; /* 0: as the configuration describes it, where norms have 32 bits */
        const char *words;
    } cases[] = {
        {{"", false, true, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0, "1 of 2 files are missing (the first: '" SECOND "'): "},
        {{"", false, true, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0, " of 198000 by the index"},
        {{"", false, true, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0, "weights are counted as config.json describes them, "},
        {{"", false, false, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0, "1 of 2 files are missing (the first: '" SECOND "'): "},
        {{"", false, true, true, 70000, 2, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_INCOMPLETE, ALL_BYTES,
         "'" SECOND "' is cut off: its tensors are 73984 bytes, the whole file has "},
        {{"", true, false, false, ALL_BYTES + 20, 2, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0,
         "1 of 1 files end within their header (the first: 'model.safetensors')"},
        {{"", false, true, true, 0, 1, NULL}, CTXFIT_CHECKPOINT_F_INCOMPLETE, 0, "the index names 1 tensors that no file has"},
        {{"", true, false, false, 0, 1, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, 0,
         "config.json says 2 layers, the files have tensors of 1 of them, none of layer 1"},
        {{"", true, false, false, 0, 5, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, ALL_BYTES,
         "config.json says 2 layers, the files have tensors of layer 4 ('model.layers.4."},
        {{", \"num_nextn_predict_layers\": 3", true, false, false, 0, 5, NULL}, CTXFIT_CHECKPOINT_F_MEASURED, ALL_BYTES, NULL},
        {{", \"vocab_size\": 320", true, false, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, ALL_BYTES,
         "config.json says 320 tokens of width 64, 'model.embed_tokens.weight' has 256 of 64"},
        {{", \"hidden_size\": 128", true, false, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, ALL_BYTES,
         "config.json says 256 tokens of width 128, 'model.embed_tokens.weight' has 256 of 64"},
        {{", \"intermediate_size\": 136", true, false, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS,
         ALL_BYTES,
         "2 of 2: layer 0 has 38528 weights by it, 36992 in the files"},
        {{", \"num_key_value_heads\": 2", true, false, false, 0, 2, NULL}, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS,
         ALL_BYTES,
         "2 of 2: layer 0 has 41088 weights by it, 36992 in the files"},
        {{", \"quantization_config\": {\"quant_method\": \"fp8\"}", true, false, false, 0, 2, NULL},
         CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, ALL_BYTES,
             "states a quantization (fp8, 8 bits), the files have all weights in 16"},
        {{", \"torch_dtype\": \"float32\"", true, false, false, 0, 2, NULL},
         CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, ALL_BYTES,
         "config.json means 32 bits a weight, the files have 0 of 213632"},
        {{"", true, false, false, 0, 2, "adapter_model.safetensors=x"}, CTXFIT_CHECKPOINT_F_MEASURED, ALL_BYTES,
         "'adapter_model.safetensors' is an adapter: its 1 bytes are not counted"},
        {{"", true, false, false, 0, 2, "consolidated.safetensors=x"}, CTXFIT_CHECKPOINT_F_MEASURED, ALL_BYTES, NULL},
        {{"", false, true, true, 0, 2, "rest.safetensors=x"}, CTXFIT_CHECKPOINT_F_MEASURED, ALL_BYTES, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store_tree             t;
        ctxfit_model          *model;
        ctxfit_checkpoint_info info;
        uint64_t               bytes;

        make_folder(&t, &cases[i].folder);
        model = opened(FOLDER, cases[i].words != NULL ? cases[i].words : cases[i].folder.config);
        info = checkpoint_of(model);
        bytes = weights_of(model);
        if (cases[i].words != NULL ? !says(model, cases[i].words) : says(model, "checkpoint:"))
            fail_msg("case %zu: %s: the first note is %s", i, cases[i].words != NULL ? cases[i].words : "", ctxfit_model_note(model, 0));
        if (info.flags != cases[i].flags || (cases[i].bytes == 0 ? bytes < ALL_BYTES || bytes > ALL_BYTES + 1024 : bytes != cases[i].bytes))
            fail_msg("case %zu: flags %u, %llu bytes", i, (unsigned)info.flags, (unsigned long long)bytes);
        assert_true((info.flags & CTXFIT_CHECKPOINT_F_MEASURED) != 0 || info.total_bytes == 0);
        ctxfit_model_free(model);
        tree_remove(&t);
    }
}

/* Qwen3-0.6B is published with its tied matrix twice, and engines load it once; a matrix that is nowhere is no matrix of 0 bytes. */
static void an_output_matrix_counts_as_the_configuration_has_it(void **state)
{
    static const struct {
        const char *config;
        bool        head;
        uint32_t    flags;
        uint64_t    stored; /* of the files' bytes those of the output */
        const char *words;
    } cases[] = {
        {", \"tie_word_embeddings\": true", true, CTXFIT_CHECKPOINT_F_MEASURED, 2 * (256 * 64 + 64),
         "ties the output matrix to the embeddings, and the files have one, 'lm_head.weight': its 32768 bytes are not counted"},
        {", \"tie_word_embeddings\": true", false, CTXFIT_CHECKPOINT_F_MEASURED, 2 * 64, NULL},
        {"", false, CTXFIT_CHECKPOINT_F_MEASURED | CTXFIT_CHECKPOINT_F_DIFFERS, 2 * 64, "the files have none: it is counted as"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t         head = 2 * 256 * 64;
        const bool             tied = *cases[i].config != '\0';
        store_tree             t;
        header                 h;
        char                   config[1024];
        ctxfit_model          *model;
        ctxfit_checkpoint_info info;

        t.count = 0;
        (void)snprintf(config, sizeof config, "config.json=" CONFIG "%s}", cases[i].config);
        tree_add(&t, FOLDER, config);
        begin(&h);
        if (cases[i].head)
            add_outside(&h);
        else {
            add(&h, "model.embed_tokens.weight", 256, 64);
            add(&h, "model.norm.weight", 64, 0);
        }
        add_layer(&h, 0);
        add_layer(&h, 1);
        put(&t, "model.safetensors", &h, 0);
        model = opened(FOLDER, cases[i].config);
        info = checkpoint_of(model);
        assert_int_equal(info.flags, cases[i].flags);
        assert_int_equal(info.output_bytes, cases[i].stored);
        assert_int_equal(info.total_bytes, ALL_BYTES - (cases[i].head ? 0 : head));
        assert_int_equal(weights_of(model), tied ? ALL_BYTES - head : ALL_BYTES);
        assert_true(cases[i].words != NULL ? says(model, cases[i].words) : !says(model, "checkpoint:"));
        ctxfit_model_free(model);
        tree_remove(&t);
    }
}

static void folders_without_safetensors_say_what_they_have(void **state)
{
    static const struct {
        const char *const tree[4];
        const char       *words;
    } cases[] = {
        {{"config.json=" CONFIG "}", NULL}, "the folder has no weights (*.safetensors)"},
        {{"config.json=" CONFIG "}", "pytorch_model-00001-of-00002.bin=123", "pytorch_model-00002-of-00002.bin=4567", NULL},
         "the weights are pickles, which are not read: 2 files of 7 bytes (the first: 'pytorch_model-00001-of-00002.bin')"},
        {{"config.json=" CONFIG "}", "optimizer.pt=123", "training_args.bin=4567", NULL}, "the folder has no weights (*.safetensors)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store_tree    t;
        ctxfit_model *model;

        tree_make(&t, FOLDER, cases[i].tree);
        model = opened(FOLDER, cases[i].words);
        assert_true(says(model, cases[i].words));
        assert_true(says(model, "weights are counted as config.json describes them, "));
        assert_in_range(weights_of(model), ALL_BYTES, ALL_BYTES + 1024);
        ctxfit_model_free(model);
        tree_remove(&t);
    }
}

/* Mistral's own names. */
static void consolidated_files_alone_are_the_weights(void **state)
{
    store_tree             t;
    header                 h;
    ctxfit_model          *model;
    ctxfit_checkpoint_info info;

    (void)state;
    t.count = 0;
    tree_add(&t, FOLDER, "config.json=" CONFIG "}");
    begin(&h);
    add(&h, "tok_embeddings.weight", 256, 64);
    add(&h, "layers.0.feed_forward.w1.weight", 256, 64);
    add(&h, "layers.1.feed_forward.w1.weight", 256, 64);
    add(&h, "output.weight", 256, 64);
    put(&t, "consolidated.safetensors", &h, 0);
    model = opened(FOLDER, "consolidated");
    info = checkpoint_of(model);
    assert_int_equal(info.embedding_bytes, 2 * 256 * 64);
    assert_int_equal(info.output_bytes, 2 * 256 * 64);
    assert_int_equal(info.layer_bytes, 2 * 2 * 256 * 64);
    ctxfit_model_free(model);
    tree_remove(&t);
}

/* Of a variant beside the plain files each tensor counts once. */
static void tensors_in_two_files_count_once(void **state)
{
    static const parts folder = {"", true, false, false, 0, 2, NULL};
    store_tree         t;
    header             h;
    ctxfit_model      *model;

    (void)state;
    make_folder(&t, &folder);
    begin(&h);
    add_outside(&h);
    put(&t, "model.fp16.safetensors", &h, 0);
    model = opened(FOLDER, "variant");
    assert_int_equal(weights_of(model), ALL_BYTES);
    assert_true(says(model, "3 tensors stand in more than one file"));
    ctxfit_model_free(model);
    tree_remove(&t);
}

static void what_is_no_checkpoint_is_refused(void **state)
{
    static const parts long_file = {"", true, false, false, -100, 2, NULL};
    static const struct {
        const char   *other;
        ctxfit_status status;
        const char   *words;
    } cases[] = {
        {"hf_quant_config.json={", CTXFIT_E_MALFORMED, "hf_quant_config.json: "},
        {"hf_quant_config.json=[]", CTXFIT_E_TYPE, "hf_quant_config.json: a list, expected an object"},
        {"model.safetensors.index.json={}", CTXFIT_E_MALFORMED, "weight_map"},
        {"model.safetensors.index.json={\"weight_map\": {\"a\": \"../x.safetensors\"}}", CTXFIT_E_MALFORMED, "no file beside it"},
        {"x.safetensors=\x02\1\1\1\1\1\1\1{}", CTXFIT_E_MALFORMED, "'x.safetensors': a header of"},
        {"config.json={", CTXFIT_E_MALFORMED, ""},
    };
    store_tree    t;
    ctxfit_model *model = NULL;
    ctxfit_error  error;

    (void)state;
    make_folder(&t, &long_file);
    assert_int_equal(ctxfit_model_open_checkpoint(FOLDER, 0, NULL, &model, &error), CTXFIT_E_MALFORMED);
    assert_non_null(strstr(error.message,
                           "'model.safetensors': tensors of 213632 bytes, and 100 bytes behind the last that belong to none"));
    tree_remove(&t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const parts   folder = {"", true, false, false, 0, 2, cases[i].other};
        ctxfit_status status;

        make_folder(&t, &folder);
        status = ctxfit_model_open_checkpoint(FOLDER, 0, NULL, &model, &error);
        assert_null(model);
        if (status != cases[i].status || strstr(error.message, cases[i].words) == NULL)
            fail_msg("%s: %s (%s)", cases[i].other, ctxfit_status_name(status), error.message);
        tree_remove(&t);
    }
    assert_int_equal(ctxfit_model_open_checkpoint("no_such_folder", 0, NULL, &model, &error), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_model_open_checkpoint(NULL, 0, NULL, &model, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_open_checkpoint(FOLDER, 0, NULL, NULL, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_model_open_checkpoint(FOLDER, 9999, NULL, &model, &error), CTXFIT_E_NOT_FOUND);
}

#define MODELOPT(inner) \
    "hf_quant_config.json={\"producer\": {\"name\": \"modelopt\", \"version\": \"0.27\"}, \"quantization\": {" inner "}}"

static void a_file_beside_it_says_how_weights_are_quantized(void **state)
{
    static const struct {
        const char  *file;
        const char  *method;
        uint32_t     quant, bits, group;
        const char  *cache; /* NULL: the model's own */
        const char  *config;
        const char  *words;
    } cases[] = {
        {MODELOPT("\"quant_algo\": \"FP8\", \"kv_cache_quant_algo\": \"FP8\", \"exclude_modules\": [\"lm_head\"]"), "modelopt",
         CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0, "FP8_E4M3", "", NULL},
        {MODELOPT("\"quant_algo\": \"nvfp4\", \"kv_cache_quant_algo\": null, \"group_size\": 16"), "modelopt",
         CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16,
         NULL, "", NULL},
        {MODELOPT("\"quant_algo\": \"NVFP4\", \"kv_cache_quant_algo\": \"NVFP4\""), "modelopt", CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16,
         "NVFP4_G16", "", NULL},
        {MODELOPT("\"quant_algo\": \"NVFP4\", \"exclude_modules\": [\"lm_head\", \"*self_attn*\", \"model.layers.0.mlp.gate\", "
                  "\"*.mlp.gate_proj\"]"), "modelopt", CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16, NULL, "",
         NULL},
        {MODELOPT("\"quant_algo\": \"W4A8_AWQ\", \"group_size\": 64"), "modelopt", CTXFIT_CHECKPOINT_QUANT_AWQ, 4, 64, NULL, "", NULL},
        {MODELOPT("\"quant_algo\": \"MXFP8\""), "modelopt", CTXFIT_CHECKPOINT_QUANT_FP8, 8, 32, NULL, "", NULL},
        {MODELOPT("\"quant_algo\": \"UNHEARD_OF\""), "modelopt", CTXFIT_CHECKPOINT_QUANT_OTHER, 0, 0, NULL, "", NULL},
        {MODELOPT("\"quant_algo\": \"MIXED_PRECISION\", \"quantized_layers\": {\"a\": {\"quant_algo\": \"FP8\"}, "
                  "\"b\": {\"quant_algo\": \"NVFP4\"}, "
                  "\"c\": {\"quant_algo\": \"NVFP4\", \"group_size\": 16}}"),
         "modelopt", CTXFIT_CHECKPOINT_QUANT_NVFP4, 4, 16, NULL, "", NULL},
        {"hf_quant_config.json={\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\", \"kv_cache_scheme\": {\"dynamic\": false, "
         "\"num_bits\": 8, \"type\": \"float\"}}", "modelopt", CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0, "FP8_E4M3", "", NULL},
        {"quantize_config.json={\"bits\": 8, \"group_size\": 32, \"desc_act\": true}", "gptq", CTXFIT_CHECKPOINT_QUANT_GPTQ, 8, 32, NULL,
         "",
         "quantize_config.json alone says how weights are quantized (gptq, 8 bits)"},
        {"quant_config.json={\"zero_point\": true, \"q_group_size\": 64, \"w_bit\": 4, \"version\": \"GEMM\"}", "awq",
         CTXFIT_CHECKPOINT_QUANT_AWQ, 4,
         64, NULL, "", "quant_config.json alone says"},
        {"quantize_config.json={\"bits\": 4, \"group_size\": 128}", "gptq", CTXFIT_CHECKPOINT_QUANT_GPTQ, 4, 128, NULL,
         ", \"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 128}", NULL},
        {MODELOPT("\"quant_algo\": \"NVFP4\""), "modelopt", CTXFIT_CHECKPOINT_QUANT_FP8, 8, 0, NULL,
         ", \"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"}",
         "config.json states modelopt of 8 bits, hf_quant_config.json modelopt of 4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                   config[1024];
        const char            *tree[] = {config, cases[i].file, NULL};
        store_tree             t;
        ctxfit_model          *model;
        ctxfit_checkpoint_info info;

        (void)snprintf(config, sizeof config, "config.json=" CONFIG "%s}", cases[i].config);
        tree_make(&t, FOLDER, tree);
        model = opened(FOLDER, cases[i].file);
        info = checkpoint_of(model);
        if (info.quant != cases[i].quant || info.quant_bits != cases[i].bits || info.quant_group != cases[i].group ||
            strcmp(info.quant_method, cases[i].method) != 0)
            fail_msg("%s: %s %u, %u bits, groups of %u", cases[i].file, info.quant_method, (unsigned)info.quant, (unsigned)info.quant_bits,
                     (unsigned)info.quant_group);
        assert_int_equal(info.kv_quant, cases[i].cache != NULL ? ctxfit_quant_from_name(cases[i].cache) : 0);
        if (cases[i].words != NULL)
            assert_true(says(model, cases[i].words));
        ctxfit_model_free(model);
        tree_remove(&t);
    }
}

static void opening_a_folder_survives_the_nth_failed_allocation(void **state)
{
    static const parts folder = {", \"vocab_size\": 300", false, true, true, 100, 2, "hf_quant_config.json={\"quant_algo\": \"FP8\"}"};
    store_tree         t;
    test_failing       f = {0};

    (void)state;
    make_folder(&t, &folder);
    while (test_failing_next(&f)) {
        ctxfit_model *model = NULL;

        f.status = ctxfit_model_open_checkpoint(FOLDER, 0, &f.allocator, &model, NULL);
        assert_true((model != NULL) == (f.status == CTXFIT_OK));
        ctxfit_model_free(model);
    }
    assert_int_equal(f.status, CTXFIT_OK);
    assert_true(f.rounds >= 20);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_weights_are_the_bytes_of_the_files),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(an_output_matrix_counts_as_the_configuration_has_it),
        cmocka_unit_test(folders_without_safetensors_say_what_they_have),
        cmocka_unit_test(consolidated_files_alone_are_the_weights),
        cmocka_unit_test(tensors_in_two_files_count_once),
        cmocka_unit_test(what_is_no_checkpoint_is_refused),
        cmocka_unit_test(a_file_beside_it_says_how_weights_are_quantized),
        cmocka_unit_test(opening_a_folder_survives_the_nth_failed_allocation),
    };
    ctxfit_model *model = NULL;

    if (ctxfit_model_from_config("{}", 2, 0, NULL, &model, NULL) == CTXFIT_E_UNSUPPORTED)
        return 0; /* a library without JSON */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
