/* Eyes and ears that stand beside a decoder, of a configuration alone: counted where hf_towers.def has their kind. Of others there is an
 * estimate: blocks of a transformer, its patches, and a projector to the decoder.
 * Source: transformers 5.23.0 models/{clip,siglip,whisper,qwen2_5_vl,qwen3_vl,llava}/modeling_*.py (2026-11). */
#include "hf_towers.h"

#include <inttypes.h>

/* ---- tables: the texts of a row behind each other ---- */
#define ROW_OF_LINE(line) CFI_PASTE(row_, line)
#define CFI_PASTE(a, b) a##b

static const struct tower_texts {
#define CFI_TOWER(type, letters, matrices, rest) char ROW_OF_LINE(__LINE__)[sizeof(type "\0" letters "\0" matrices "\0" rest)];
#include "hf_towers.def"
    char end[1];
} tower_texts = {
#define CFI_TOWER(type, letters, matrices, rest) type "\0" letters "\0" matrices "\0" rest,
#include "hf_towers.def"
    ""
};

static const struct model_texts {
#define CFI_TOWER_OF(model, part, tower, letters, matrices, rest) \
    char ROW_OF_LINE(__LINE__)[sizeof(model "\0" part "\0" tower "\0" letters "\0" matrices "\0" rest)];
#include "hf_towers.def"
    char end[1];
} model_texts = {
#define CFI_TOWER_OF(model, part, tower, letters, matrices, rest) \
    model "\0" part "\0" tower "\0" letters "\0" matrices "\0" rest,
#include "hf_towers.def"
    ""
};

static const char *find_kind(const char *type)
{
    for (const char *row = (const char *)&tower_texts; *row != '\0'; row = cfi_hf_column(row, 4))
        if (strcmp(row, type) == 0)
            return row;
    return NULL;
}

/* ---- an estimate ---- */

#define MOST_OF_A_SIZE 65536.0 /* what is above it is no size of a tower: then there is no estimate */
#define MOST_OF_A_WIDTH 6.0    /* a feed-forward that is wider is not that of the blocks: GLM-4.1V states its merger's */

typedef struct tower_keys {
    char key[4][24]; /* the first that is stated counts */
} tower_keys;

/* embed_dim comes first: beside it hidden_size is the decoder's (Qwen2-VL). vt_: Kimi. */
static const tower_keys width_keys = {{"embed_dim", "hidden_size", "d_model", "vt_hidden_size"}};
static const tower_keys feed_keys = {{"intermediate_size", "encoder_ffn_dim", "vt_intermediate_size", ""}};
static const tower_keys layer_keys = {{"num_hidden_layers", "depth", "encoder_layers", "vt_num_hidden_layers"}};
static const tower_keys channel_keys = {{"num_channels", "in_channels", "in_chans", ""}};

static double tower_size(const cfi_json_value *tower, const tower_keys *keys, double fallback)
{
    double value;

    for (size_t i = 0; i < CFI_COUNT(keys->key); i++)
        if (cfi_json_as_number(cfi_json_get(tower, keys->key[i]), &value))
            return value >= 1 && value <= MOST_OF_A_SIZE ? value : 0;
    return fallback;
}

static double one_size(const cfi_json_value *tower, const char *key, double fallback)
{
    double value;

    return cfi_json_as_number(cfi_json_get(tower, key), &value) && value >= 1 && value <= MOST_OF_A_SIZE ? value : fallback;
}

/* A gate makes three matrices of two: with SiLU, as in decoders. */
static double feed_matrices(const cfi_json_value *tower)
{
    const char *act = cfi_json_as_text(cfi_json_get(tower, "hidden_act"), NULL);

    return act != NULL && strcmp(act, "silu") == 0 ? 3 : 2;
}

/* 0: its sizes are not all stated. */
static double tower_parameters(const cfi_hf_config *c, const cfi_json_value *tower)
{
    const double width = tower_size(tower, &width_keys, 0), trunk = tower_size(tower, &layer_keys, 0);
    const double layers = trunk + one_size(tower, "num_global_layers", 0); /* Llama 3.2 */
    const double feed = tower_size(tower, &feed_keys, one_size(tower, "mlp_ratio", 0) * width);
    const double patch = one_size(tower, "patch_size", 0), bins = one_size(tower, "num_mel_bins", 0);
    const double merge = one_size(tower, "spatial_merge_size", 1), merged = width * merge * merge;
    double       decoder = 0, sum;

    (void)cfi_hf_number(c, "hidden_size", &decoder);
    if (width == 0 || trunk == 0 || feed == 0 || feed > MOST_OF_A_WIDTH * width || !(decoder >= 1 && decoder <= MOST_OF_A_SIZE))
        return 0;
    sum = layers * (4 * width * width + feed_matrices(tower) * width * feed);
    sum += patch * patch * tower_size(tower, &channel_keys, 3) * one_size(tower, "temporal_patch_size", 1) * width;
    sum += bins > 0 ? 3 * width * (bins + width) : 0; /* two convolutions of three steps */
    return sum + (merge > 1 ? merged * (merged + decoder) : (width + decoder) * decoder);
}

/* ---- what a configuration has ---- */

const cfi_json_value *cfi_hf_around_tower(const cfi_hf_config *c)
{
    const cfi_json_value *thinker = cfi_json_get(c->outer, "thinker_config");

    return cfi_json_kind_of(thinker) == CFI_JSON_OBJECT ? thinker : c->outer;
}

static const cfi_json_value *find_tower(const cfi_hf_config *c, const char *name)
{
    const cfi_json_value *tower = cfi_json_get(c->outer, name);

    if (cfi_json_kind_of(tower) != CFI_JSON_OBJECT)
        tower = cfi_json_get(cfi_hf_around_tower(c), name);
    return cfi_json_kind_of(tower) == CFI_JSON_OBJECT && cfi_json_count(tower) > 0 ? tower : NULL;
}

/* The row of the model for one of its parts; NULL: none has it. */
static const char *find_whole(const char *type, const char *part)
{
    for (const char *row = (const char *)&model_texts; *row != '\0'; row = cfi_hf_column(row, 6))
        if (strcmp(row, type) == 0 && strcmp(cfi_hf_column(row, 1), part) == 0)
            return row;
    return NULL;
}

/* false: its kind or that of the model is none of the tables. */
static bool count_tower(const cfi_hf_config *c, const char *name, const cfi_json_value *tower, cfi_hf_tower_count *sum)
{
    const char        *type = cfi_json_as_text(cfi_json_get(c->outer, "model_type"), NULL);
    const char        *stated = cfi_json_as_text(cfi_json_get(tower, "model_type"), NULL);
    const char        *row = type != NULL ? find_whole(type, name) : NULL, *kind;
    double             letter[CFI_HF_LETTERS] = {0};
    cfi_hf_tower_count within, behind;

    if (row == NULL)
        return false;
    if (*cfi_hf_column(row, 2) == '=')
        kind = find_kind(cfi_hf_column(row, 2) + 1);
    else
        kind = stated != NULL ? find_kind(stated) : NULL;
    if (kind == NULL && (stated == NULL || *stated == '\0' || strncmp(stated, type, strlen(type)) == 0))
        kind = find_kind(cfi_hf_column(row, 2)); /* "qwen3_5", "qwen3_5_vision" in qwen3_5 */
    if (kind == NULL || !cfi_hf_tower_size(c, tower, cfi_hf_column(kind, 1), letter, &within) ||
        !cfi_hf_tower_size(c, tower, cfi_hf_column(row, 3), letter, &behind))
        return false;
    sum->matrices += within.matrices + behind.matrices; /* a few parts below 2^51 each */
    sum->rest += within.rest + behind.rest;
    return true;
}

/* ---- quantized ones ---- */

static bool names_a_tower(const char *module)
{
    static const char words[][8] = {"visual", "vision", "audio", "speech", "tower", "vit"};

    for (size_t i = 0; i < CFI_COUNT(words); i++)
        if (strstr(module, words[i]) != NULL)
            return true;
    return false;
}

/* Methods that quantize every linear layer but those that they name; the others are for the layers of a decoder. */
static bool takes_all(uint32_t kind)
{
    return kind == CTXFIT_CHECKPOINT_QUANT_FP8 || kind == CTXFIT_CHECKPOINT_QUANT_NVFP4 || kind == CTXFIT_CHECKPOINT_QUANT_MXFP4 ||
           kind == CTXFIT_CHECKPOINT_QUANT_INTEGER;
}

static ctxfit_status read_matrix_bytes(const cfi_hf_config *c, float *out)
{
    cfi_hf_quant        whole;
    cfi_hf_module_rules rules;
    ctxfit_status       status;

    cfi_hf_read_quant(c, &whole);
    *out = 0;
    if (!takes_all(whole.kind) || strcmp(whole.method, "mxfp4") == 0) /* of gpt-oss: of the experts alone */
        return CTXFIT_OK;
    if (cfi_json_kind_of(cfi_json_get(c->inner, "quantization_config")) == CFI_JSON_OBJECT) /* Kimi-K2.5: that of the decoder */
        return CTXFIT_OK;
    status = cfi_hf_read_rules(c, &whole, &rules);
    if (status != CTXFIT_OK)
        return status;
    for (size_t i = 0; i < rules.count; i++)
        if (rules.rule[i].keeps && names_a_tower(rules.rule[i].name))
            return CTXFIT_OK;
    *out = rules.rest > 0 ? rules.rest : (float)cfi_hf_weight_bytes(&whole);
    return CTXFIT_OK;
}

typedef struct tower_list {
    char       text[96];
    cfi_writer w;
    uint32_t   count;
} tower_list;

static void add_name(tower_list *list, const char *name)
{
    if (list->count == 0)
        cfi_writer_init(&list->w, list->text, sizeof list->text);
    cfi_write(&list->w, "%s%s", list->count++ > 0 ? " and " : "", name);
    (void)cfi_writer_finish(&list->w, NULL);
}

static ctxfit_status keep_text(const cfi_hf_config *c, const char *text, const char **out)
{
    *out = cfi_arena_copy(c->arena, text, strlen(text));
    return *out != NULL ? CTXFIT_OK : cfi_fail(c->error, CTXFIT_E_NO_MEMORY, "config.json: out of memory");
}

static ctxfit_status say_uncounted(const cfi_hf_config *c, const char *names, double parameters, bool all, const char **out)
{
    char       text[320];
    cfi_writer w;

    cfi_writer_init(&w, text, sizeof text);
    cfi_write(&w, "the weights of %s in config.json, beside the decoder, are not counted", names);
    if (parameters > 0)
        cfi_write(&w, ": by its sizes %sabout %" PRIu64 " bytes in 16 bits, an estimate", all ? "" : "at least ",
                  (uint64_t)(2 * parameters));
    cfi_write(&w, "%s the checkpoint's files say them exactly", parameters > 0 ? ";" : ":");
    (void)cfi_writer_finish(&w, NULL);
    return keep_text(c, text, out);
}

ctxfit_status cfi_hf_towers(const cfi_hf_config *c, cfi_hf_towers_found *out)
{
    static const char names[][20] = {"vision_config", "vit_config", "visual", "audio_config", "encoder_config", "projector_config"};
    const size_t      told = 4; /* the others are eyes or ears only where a row says so */
    tower_list        counted = {.count = 0}, uncounted = {.count = 0};
    double            sum = 0;
    bool              all = true;
    ctxfit_status     status = CTXFIT_OK;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        const cfi_json_value *tower = find_tower(c, names[i]);
        double                parameters;

        if (tower == NULL)
            continue;
        if (count_tower(c, names[i], tower, &out->count)) {
            add_name(&counted, names[i]);
            continue;
        }
        if (i >= told)
            continue;
        parameters = tower_parameters(c, tower);
        add_name(&uncounted, names[i]);
        all = all && parameters > 0;
        sum += parameters;
    }
    if (counted.count > 0)
        status = keep_text(c, counted.text, &out->counted);
    if (status == CTXFIT_OK && counted.count > 0)
        status = read_matrix_bytes(c, &out->matrix_bytes);
    if (status == CTXFIT_OK && uncounted.count > 0)
        status = say_uncounted(c, uncounted.text, sum, all, &out->note);
    return status;
}
