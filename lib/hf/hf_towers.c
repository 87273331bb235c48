/* Eyes and ears that stand beside a decoder. Their tensors are in the checkpoint's files; of a configuration alone their size is an
 * estimate: blocks of a transformer, its patches, and a projector to the decoder.
 * Source: transformers 5.23.0 models/{clip,siglip,whisper,qwen2_5_vl,qwen3_vl,llava}/modeling_*.py (2026-11). */
#include "hf_internal.h"

#include <inttypes.h>

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

static const cfi_json_value *find_tower(const cfi_hf_config *c, const char *name)
{
    const cfi_json_value *tower = cfi_json_get(c->outer, name);

    if (cfi_json_kind_of(tower) != CFI_JSON_OBJECT)
        tower = cfi_json_get(cfi_json_get(c->outer, "thinker_config"), name);
    return cfi_json_kind_of(tower) == CFI_JSON_OBJECT && cfi_json_count(tower) > 0 ? tower : NULL;
}

ctxfit_status cfi_hf_towers(cfi_hf_config *c, const char **out)
{
    static const char names[][16] = {"vision_config", "vit_config", "visual", "audio_config"};
    char              list[80] = "", text[320];
    cfi_writer        w;
    double            sum = 0;
    bool              any = false, all = true;

    cfi_writer_init(&w, list, sizeof list);
    for (size_t i = 0; i < CFI_COUNT(names); i++) {
        const cfi_json_value *tower = find_tower(c, names[i]);
        const double          parameters = tower != NULL ? tower_parameters(c, tower) : 0;

        if (tower == NULL)
            continue;
        cfi_write(&w, "%s%s", any ? " and " : "", names[i]);
        any = true;
        all = all && parameters > 0;
        sum += parameters;
    }
    (void)cfi_writer_finish(&w, NULL);
    *out = NULL;
    if (!any)
        return CTXFIT_OK;
    cfi_writer_init(&w, text, sizeof text);
    cfi_write(&w, "the weights of %s in config.json, beside the decoder, are not counted", list);
    if (sum > 0)
        cfi_write(&w, ": by its sizes %sabout %" PRIu64 " bytes in 16 bits, an estimate", all ? "" : "at least ", (uint64_t)(2 * sum));
    cfi_write(&w, "%s the checkpoint's files say them exactly", sum > 0 ? ";" : ":");
    (void)cfi_writer_finish(&w, NULL);
    *out = cfi_arena_copy(c->arena, text, strlen(text));
    return *out != NULL ? CTXFIT_OK : cfi_fail(c->error, CTXFIT_E_NO_MEMORY, "config.json: out of memory");
}
