/* Options that name what runs beside the model. */
#include "cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool wants(cli_request *r, const char *what)
{
    (void)snprintf(r->expected, sizeof r->expected, "%s", what);
    return false;
}

/* Before it meant a model, llama-server's --draft was the number of tokens. */
static bool set_draft(cli_request *r, const char *value)
{
    uint64_t tokens;

    if (cli_parse_uint(value, UINT32_MAX, &tokens)) {
        r->beside.draft_options.draft_tokens = (uint32_t)tokens;
        return tokens > 0 || wants(r, "a model that drafts");
    }
    r->beside.draft = value;
    return *value != '\0' || wants(r, "a model that drafts: a catalog name or a .gguf file");
}

static bool set_draft_type(cli_request *r, const char *value)
{
    r->beside.draft_type = ctxfit_file_type_from_name(value);
    return r->beside.draft_type != 0 || wants(r, "a file type such as Q8_0 (ctxfit quant lists them)");
}

static bool set_draft_tokens(cli_request *r, const char *value)
{
    uint64_t n;

    if (!cli_parse_uint(value, UINT32_MAX, &n) || n == 0)
        return wants(r, "a number of tokens, 1 or more");
    r->beside.draft_options.draft_tokens = (uint32_t)n;
    return true;
}

static bool set_draft_ctx(cli_request *r, const char *value)
{
    return cli_parse_tokens(value, &r->beside.draft_options.ctx_tokens) || wants(r, "a number of tokens; 0: as the model");
}

static bool set_draft_layers(cli_request *r, const char *value)
{
    uint64_t layers = 0;

    if (strcmp(value, "all") != 0 && strcmp(value, "auto") != 0 && strcmp(value, "-1") != 0) {
        if (!cli_parse_uint(value, UINT32_MAX - 1, &layers))
            return wants(r, "a number of layers, all or auto");
        if (layers == 0)
            layers = CTXFIT_GPU_LAYERS_NONE;
    }
    r->beside.draft_options.gpu_layers = (uint32_t)layers;
    return true;
}

static bool set_draft_cpu_moe(cli_request *r, const char *value)
{
    uint32_t choice;

    if (!cli_read_choice(r, value, &choice))
        return false;
    r->beside.draft_options.cpu_expert_layers = choice == CTXFIT_CHOICE_ON ? CTXFIT_ALL_LAYERS : 0;
    return true;
}

static bool set_draft_n_cpu_moe(cli_request *r, const char *value)
{
    uint64_t layers;

    if (!cli_parse_uint(value, CTXFIT_ALL_LAYERS - 1, &layers))
        return wants(r, "a number of layers, 0 or more");
    r->beside.draft_options.cpu_expert_layers = (uint32_t)layers;
    return true;
}

static bool set_draft_key(cli_request *r, const char *value)
{
    return cli_read_cache_type(r, value, &r->beside.draft_options.kv_key);
}

static bool set_draft_value(cli_request *r, const char *value)
{
    return cli_read_cache_type(r, value, &r->beside.draft_options.kv_value);
}

static bool set_draft_overrides(cli_request *r, const char *value)
{
    char *text = r->beside.draft_options.overrides;

    if (strchr(value, '=') == NULL || strlen(value) >= sizeof r->beside.draft_options.overrides)
        return wants(r, "pattern=buffer, at most 1,023 characters in all");
    memcpy(text, value, strlen(value) + 1);
    return true;
}

static bool set_draft_devices(cli_request *r, const char *value)
{
    r->beside.draft_devices = value;
    return *value != '\0' || wants(r, "devices with commas between (CUDA0,CUDA1), or none");
}

/* Kinds of drafting, with commas between. The model's own blocks draft where no other model is named. */
static bool set_spec_type(cli_request *r, const char *value)
{
    static const char *const with_model[] = {"draft-simple", "draft-eagle3", "draft-dflash", "draft-dspark"};

    for (const char *p = value;; p++) {
        size_t length = strcspn(p, ",");
        bool   known = length == strlen("none") && strncmp(p, "none", length) == 0;

        r->beside.typed = 1;
        for (size_t i = 0; i < CLI_COUNT(with_model); i++)
            known = known || (strlen(with_model[i]) == length && strncmp(p, with_model[i], length) == 0);
        if (length == strlen("draft-mtp") && strncmp(p, "draft-mtp", length) == 0) {
            r->beside.own_blocks = 1;
        } else if (length > 6 && strncmp(p, "ngram-", 6) == 0) {
            r->beside.ngrams = 1;
        } else if (!known) {
            return wants(r, "none, draft-simple, draft-mtp, draft-eagle3, draft-dflash, draft-dspark or ngram-..., with commas between");
        }
        p += length;
        if (*p == '\0')
            return true;
    }
}

static bool add_adapters(cli_request *r, const char *value, bool scaled)
{
    if (*value == '\0' || r->beside.adapter_count == CLI_MOST_ADAPTERS)
        return wants(r, "a LoRA adapter, a .gguf file; at most 8 times");
    r->beside.adapter_scaled[r->beside.adapter_count] = scaled;
    r->beside.adapter[r->beside.adapter_count++] = value;
    return true;
}

static bool set_lora(cli_request *r, const char *value) { return add_adapters(r, value, false); }
/* Each with a number behind its last colon: b10472 common/arg.cpp, "--lora-scaled". */
static bool all_scaled(const char *names)
{
    for (const char *p = names; *p != '\0';) {
        size_t length = strcspn(p, ","), colon = length;
        char  *end;

        while (colon > 0 && p[colon - 1] != ':')
            colon--;
        if (colon < 2 || colon == length || strchr(" +\t", p[colon]) != NULL)
            return false;
        (void)strtod(p + colon, &end);
        if (end != p + length)
            return false;
        p += length + (p[length] == ',');
    }
    return true;
}

static bool set_lora_scaled(cli_request *r, const char *value)
{
    return all_scaled(value) ? add_adapters(r, value, true) : wants(r, "FILE:SCALE, several with commas between");
}

static bool set_projector(cli_request *r, const char *value)
{
    r->beside.projector = value;
    return *value != '\0' || wants(r, "a projector, a .gguf file");
}

static bool set_no_projector(cli_request *r, const char *value)
{
    uint32_t choice;

    if (!cli_read_choice(r, value, &choice))
        return false;
    r->beside.no_projector = choice == CTXFIT_CHOICE_ON;
    return true;
}

static bool set_projector_offload(cli_request *r, const char *value)
{
    uint32_t choice;

    if (!cli_read_choice(r, value, &choice))
        return false;
    r->beside.projector_options.flags = choice == CTXFIT_CHOICE_ON ? 0 : CTXFIT_PROJECTOR_F_HOST;
    return true;
}

static bool set_projector_device(cli_request *r, const char *value)
{
    r->beside.projector_device = value;
    return *value != '\0' || wants(r, "a device (CUDA1), or none");
}

static bool set_image_tokens(cli_request *r, const char *value, uint32_t *out)
{
    uint64_t n;

    if (!cli_parse_uint(value, UINT32_MAX, &n) || n == 0)
        return wants(r, "a number of tokens, 1 or more");
    *out = (uint32_t)n;
    return true;
}

static bool set_image_min(cli_request *r, const char *value)
{
    return set_image_tokens(r, value, &r->beside.projector_options.image_min_tokens);
}

static bool set_image_max(cli_request *r, const char *value)
{
    return set_image_tokens(r, value, &r->beside.projector_options.image_max_tokens);
}

bool cli_read_image(const char *text, uint32_t *width, uint32_t *height)
{
    char         *end;
    unsigned long w = strtoul(text, &end, 10), h = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;

    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return *end == '\0' && w > 0 && h > 0 && w <= 65536 && h <= 65536;
}

static bool set_image(cli_request *r, const char *value)
{
    ctxfit_projector_options *o = &r->beside.projector_options;

    return cli_read_image(value, &o->image_width, &o->image_height) || wants(r, "pixels of an image, such as 1280x720");
}

#define TEXT   CLI_JSON_TEXT
#define NUMBER (CLI_JSON_NUMBER | CLI_JSON_TEXT)
#define BOOL   (CLI_JSON_BOOL | CLI_JSON_NUMBER | CLI_JSON_TEXT)
#define BESIDE_SETTING(key, json, set) {key, json, UINT32_MAX, 0, set}
static const cli_setting beside_settings[] = {
    BESIDE_SETTING("draft", TEXT, set_draft),
    BESIDE_SETTING("draft_quant", TEXT, set_draft_type),
    BESIDE_SETTING("draft_n_max", NUMBER, set_draft_tokens),
    BESIDE_SETTING("draft_ctx", NUMBER, set_draft_ctx),
    BESIDE_SETTING("draft_ngl", NUMBER, set_draft_layers),
    BESIDE_SETTING("draft_cpu_moe", BOOL, set_draft_cpu_moe),
    BESIDE_SETTING("draft_n_cpu_moe", NUMBER, set_draft_n_cpu_moe),
    BESIDE_SETTING("draft_type_k", TEXT, set_draft_key),
    BESIDE_SETTING("draft_type_v", TEXT, set_draft_value),
    BESIDE_SETTING("draft_overrides", TEXT, set_draft_overrides),
    BESIDE_SETTING("draft_devices", TEXT, set_draft_devices),
    BESIDE_SETTING("spec_type", TEXT, set_spec_type),
    BESIDE_SETTING("lora", TEXT, set_lora),
    BESIDE_SETTING("lora_scaled", TEXT, set_lora_scaled),
    BESIDE_SETTING("mmproj", TEXT, set_projector),
    BESIDE_SETTING("no_mmproj", BOOL, set_no_projector),
    BESIDE_SETTING("mmproj_offload", BOOL, set_projector_offload),
    BESIDE_SETTING("mmproj_device", TEXT, set_projector_device),
    BESIDE_SETTING("image", TEXT, set_image),
    BESIDE_SETTING("image_min_tokens", NUMBER, set_image_min),
    BESIDE_SETTING("image_max_tokens", NUMBER, set_image_max),
};

const cli_setting *cli_beside_setting_at(uint32_t index)
{
    return index < CLI_COUNT(beside_settings) ? &beside_settings[index] : NULL;
}
