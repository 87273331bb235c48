#include "cli.h"

#include <stddef.h>
#include <string.h>

/* How a value is read. */
enum {
    KIND_TEXT,   /* borrowed, into a const char * */
    KIND_TOKENS, /* into a uint64_t */
    KIND_COUNT,  /* 1 or more, into a uint32_t */
    KIND_CHOICE, /* yes or no, into a CTXFIT_CHOICE_* */
    KIND_FORMAT, /* a cache type, into a ctxfit_quant */
    KIND_REAL,   /* above 0, into a double */
    KIND_OTHER   /* by a function of its own */
};

static bool expected(cli_request *r, const char *what)
{
    (void)snprintf(r->expected, sizeof r->expected, "%s", what);
    return false;
}

static bool is_one_of(const char *value, const char *a, const char *b, const char *c)
{
    return strcmp(value, a) == 0 || strcmp(value, b) == 0 || strcmp(value, c) == 0;
}

static bool read_file_type(cli_request *r, const char *value, ctxfit_file_type *out)
{
    cli_nearest nearest;
    char        names[160];

    *out = ctxfit_file_type_from_name(value);
    if (*out != 0)
        return true;
    if (strstr(value, "exl3") != NULL || strstr(value, "EXL3") != NULL || strstr(value, "bpw") != NULL)
        return expected(r, "EXL3 of 1 to 8 bits per weight, two decimals at most, and 1 to 8 of the output matrix: exl3-4.25bpw-h6");
    cli_nearest_init(&nearest, value);
    for (uint32_t i = 0; i < ctxfit_file_type_count(); i++) {
        const char *name = ctxfit_file_type_name(ctxfit_file_type_at(i));

        cli_nearest_offer(&nearest, name, strlen(name));
    }
    cli_nearest_write(&nearest, names, sizeof names);
    (void)snprintf(r->expected, sizeof r->expected, "a file type such as Q4_K_M (ctxfit quant lists them)%s", names);
    return false;
}

/* The second is of the model under the second engine. */
static bool set_file_type(cli_request *r, const char *value)
{
    if (r->with_file_type != 0)
        r->file_type = r->with_file_type;
    return read_file_type(r, value, r->quants++ == 0 ? &r->file_type : &r->with_file_type);
}

static bool set_ctx(cli_request *r, const char *value)
{
    if (strcmp(value, "native") == 0)
        r->options.ctx_tokens = 0;
    else if (strcmp(value, "max") == 0)
        r->options.ctx_tokens = CTXFIT_CTX_LARGEST;
    else if (!cli_parse_tokens(value, &r->options.ctx_tokens))
        return expected(r, "a number of tokens (131072, 128k), native or max");
    return true;
}

/* -1 is llama-server's own choice: four slots that share one cache (b10472 tools/server/server.cpp:151). */
static bool set_sequences(cli_request *r, const char *value)
{
    uint64_t n;

    if (is_one_of(value, "-1", "-1", "auto")) {
        r->options.sequences = 4;
        r->options.kv_unified = CTXFIT_CHOICE_ON;
        return true;
    }
    if (!cli_parse_uint(value, UINT32_MAX, &n) || n == 0)
        return expected(r, "a number of sequences, 1 or more (-1: as llama-server chooses)");
    r->options.sequences = (uint32_t)n;
    return true;
}

bool cli_read_cache_type(cli_request *r, const char *value, ctxfit_quant *out)
{
    ctxfit_quant_info info = CTXFIT_QUANT_INFO_INIT;
    const char        bits[3] = {'q', value[0], '\0'}; /* "8" of "8,4" */

    *out = ctxfit_quant_from_name(value[0] >= '2' && value[0] <= '8' && value[1] == '\0' ? bits : value);
    if (ctxfit_quant_get_info(*out, &info) == CTXFIT_OK && (info.flags & (CTXFIT_QUANT_F_CACHE | CTXFIT_QUANT_F_CACHE_OTHER)) != 0)
        return true;
    return expected(r, "a cache type: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl; for exllamav3 f16 or q2 to q8");
}

/* q8_0 or q8_0,q4_0 */
static bool set_kv(cli_request *r, const char *value)
{
    char        key[32];
    const char *comma = strchr(value, ',');
    size_t      length = comma != NULL ? (size_t)(comma - value) : strlen(value);

    if (length >= sizeof key)
        return expected(r, "a cache type, or two with a comma between");
    memcpy(key, value, length);
    key[length] = '\0';
    return cli_read_cache_type(r, key, &r->options.kv_key) && cli_read_cache_type(r, comma != NULL ? comma + 1 : key, &r->options.kv_value);
}

static bool set_gpu_layers(cli_request *r, const char *value)
{
    uint64_t layers;

    if (is_one_of(value, "-1", "all", "auto")) {
        r->options.gpu_layers = 0;
        return true;
    }
    if (!cli_parse_uint(value, UINT32_MAX - 1, &layers))
        return expected(r, "a number of layers, all or -1");
    r->options.gpu_layers = layers == 0 ? CTXFIT_GPU_LAYERS_NONE : (uint32_t)layers;
    return true;
}

static bool set_flash(cli_request *r, const char *value)
{
    if (is_one_of(value, "on", "1", "true"))
        r->options.flash_attention = CTXFIT_CHOICE_ON;
    else if (is_one_of(value, "off", "0", "false"))
        r->options.flash_attention = CTXFIT_CHOICE_OFF;
    else if (strcmp(value, "auto") == 0)
        r->options.flash_attention = CTXFIT_CHOICE_DEFAULT;
    else
        return expected(r, "on, off or auto");
    return true;
}

static bool set_split_mode(cli_request *r, const char *value)
{
    static const struct {
        const char *name;
        uint32_t    mode;
    } modes[] = {{"layer", CTXFIT_SPLIT_LAYER}, {"none", CTXFIT_SPLIT_NONE}, {"row", CTXFIT_SPLIT_ROW}};

    for (size_t i = 0; i < CLI_COUNT(modes); i++) {
        if (strcmp(value, modes[i].name) == 0) {
            r->options.split_mode = modes[i].mode;
            return true;
        }
    }
    return expected(r, "layer, none or row");
}

static bool set_tensor_split(cli_request *r, const char *value)
{
    char     piece[32];
    double   split[CTXFIT_MAX_SPLIT] = {0};
    uint32_t count = 0;

    for (const char *p = value;; p++) {
        size_t length = strcspn(p, ",/");

        if (count == CTXFIT_MAX_SPLIT || length >= sizeof piece)
            return expected(r, "up to 16 proportions with commas between, such as 3,1");
        memcpy(piece, p, length);
        piece[length] = '\0';
        if (!cli_parse_real(piece, &split[count++]))
            return expected(r, "up to 16 proportions with commas between, such as 3,1");
        p += length;
        if (*p == '\0')
            break;
    }
    memcpy(r->options.tensor_split, split, sizeof split);
    return true;
}

static bool set_cpu_moe(cli_request *r, const char *value)
{
    (void)value;
    r->options.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    return true;
}

static bool set_n_cpu_moe(cli_request *r, const char *value)
{
    uint64_t layers;

    if (!cli_parse_uint(value, CTXFIT_ALL_LAYERS - 1, &layers))
        return expected(r, "a number of layers, 0 or more");
    r->options.cpu_expert_layers = (uint32_t)layers;
    return true;
}

/* One `pattern=buffer`, or several with commas between, behind those that are there. */
static bool add_override(cli_request *r, const char *value, size_t length)
{
    char  *text = r->options.overrides;
    size_t used = strlen(text), comma = used > 0 ? 1 : 0;

    if (memchr(value, '=', length) == NULL)
        return expected(r, "pattern=buffer, such as ffn_.*_exps=CPU");
    if (used + comma + length >= sizeof r->options.overrides)
        return expected(r, "at most 1,023 characters of overrides in all");
    if (comma)
        text[used] = ',';
    memcpy(text + used + comma, value, length);
    text[used + comma + length] = '\0';
    return true;
}

static bool set_override_tensor(cli_request *r, const char *value)
{
    return add_override(r, value, strlen(value));
}

/* Pieces with semicolons between: `cmoe`, `ncmoe=N`, `ot=pattern=buffer`, `pattern=buffer`. */
static bool set_overrides(cli_request *r, const char *value)
{
    char piece[sizeof r->options.overrides];

    for (const char *p = value;; p++) {
        size_t length = strcspn(p, ";");
        bool   good;

        if (length >= sizeof piece)
            return expected(r, "at most 1,023 characters of overrides in all");
        memcpy(piece, p, length);
        piece[length] = '\0';
        if (strcmp(piece, "cmoe") == 0)
            good = set_cpu_moe(r, piece);
        else if (strncmp(piece, "ncmoe=", 6) == 0)
            good = set_n_cpu_moe(r, piece + 6);
        else if (strncmp(piece, "ot=", 3) == 0)
            good = add_override(r, piece + 3, length - 3);
        else
            good = add_override(r, piece, length);
        if (!good)
            return false;
        p += length;
        if (*p == '\0')
            return true;
    }
}

/* In the library 0 is the default; here it is llama.cpp's own 0, every token of a batch. */
static bool set_outputs_max(cli_request *r, const char *value)
{
    uint64_t n;

    if (!cli_parse_uint(value, UINT32_MAX, &n))
        return expected(r, "a number of rows; 0: every token of a batch");
    r->options.outputs_max = n == 0 ? UINT32_MAX : (uint32_t)n;
    return true;
}

static bool set_reserve(cli_request *r, const char *value)
{
    if (!cli_parse_bytes(value, &r->options.reserve_bytes))
        return expected(r, "a size such as 1GiB, or 0 for none");
    if (r->options.reserve_bytes == 0)
        r->options.reserve_bytes = CTXFIT_RESERVE_NONE;
    return true;
}

static bool set_hw_file(cli_request *r, const char *value)
{
    r->hw_file = value;
    return *value != '\0' || expected(r, "a JSON file of hardware");
}

static bool set_host_limit(cli_request *r, const char *value)
{
    r->has_detect = 1;
    return (cli_parse_bytes(value, &r->detect.host_limit_bytes) && r->detect.host_limit_bytes > 0) || expected(r, "a size such as 16GiB");
}

static bool set_device_limit(cli_request *r, const char *value)
{
    r->has_detect = 1;
    return cli_read_device_limits(value, &r->detect) || expected(r, "a size for each accelerator, such as 20GiB,8GiB; 0 for no limit");
}

static bool set_with_integrated(cli_request *r, const char *value)
{
    (void)value;
    r->has_detect = 1;
    r->detect.flags |= CTXFIT_HW_DETECT_WITH_INTEGRATED;
    return true;
}

static bool set_kv_cache_bytes(cli_request *r, const char *value)
{
    return (cli_parse_bytes(value, &r->options.kv_cache_bytes) && r->options.kv_cache_bytes > 0) || expected(r, "a size such as 8GiB");
}

/* As vLLM spells them. */
static bool set_kv_cache_dtype(cli_request *r, const char *value)
{
    if (strcmp(value, "auto") == 0)
        r->options.kv_key = CTXFIT_QUANT_DEFAULT;
    else if (strcmp(value, "bfloat16") == 0)
        r->options.kv_key = ctxfit_quant_from_name("BF16");
    else if (strcmp(value, "float16") == 0)
        r->options.kv_key = ctxfit_quant_from_name("F16");
    else if (is_one_of(value, "fp8", "fp8_e4m3", "fp8_e5m2"))
        r->options.kv_key = ctxfit_quant_from_name("FP8_E4M3");
    else if (strcmp(value, "nvfp4") == 0)
        r->options.kv_key = ctxfit_quant_from_name("NVFP4_G16");
    else if (is_one_of(value, "fp8_per_token_head", "int8_per_token_head", "int4_per_token_head") || strcmp(value, "fp8_ds_mla") == 0 ||
             strcmp(value, "nvfp4_ds_mla") == 0)
        r->options.kv_key = ctxfit_quant_from_name(value);
    else
        return expected(r, "auto, bfloat16, float16, fp8, fp8_e4m3, fp8_e5m2, fp8_ds_mla, nvfp4, nvfp4_ds_mla, fp8_per_token_head, "
                           "int8_per_token_head or int4_per_token_head");
    r->options.kv_value = r->options.kv_key;
    return true;
}

static bool set_overhead(cli_request *r, const char *value)
{
    return cli_parse_bytes(value, &r->options.overhead_bytes) || expected(r, "a size such as 512MiB");
}

/* llama.cpp's --fit-target counts MiB, one number for all devices or one each (b10472 common/arg.cpp, "-fitt"). */
static bool set_fit_target(cli_request *r, const char *value)
{
    static const char what[] = "a number of MiB, or one for each device with commas between";
    char              piece[16];
    uint64_t          mib, all[CTXFIT_MAX_SPLIT];
    uint32_t          count = 0;

    for (const char *p = value;; p++) {
        size_t length = strcspn(p, ",");

        if (count == CTXFIT_MAX_SPLIT || length >= sizeof piece)
            return expected(r, what);
        memcpy(piece, p, length);
        piece[length] = '\0';
        if (!cli_parse_uint(piece, UINT32_MAX, &mib))
            return expected(r, what);
        all[count++] = mib == 0 ? CTXFIT_RESERVE_NONE : mib << 20;
        p += length;
        if (*p == '\0')
            break;
    }
    if (count == 1)
        r->options.reserve_bytes = all[0];
    else
        memcpy(r->options.device_reserve_bytes, all, count * sizeof all[0]);
    return true;
}

static bool set_load_mode(cli_request *r, const char *value)
{
    if (is_one_of(value, "mmap", "mlock", "mmap+mlock"))
        r->options.mmap = strcmp(value, "mlock") == 0 ? CTXFIT_CHOICE_OFF : CTXFIT_CHOICE_ON;
    else if (is_one_of(value, "none", "dio", "dio"))
        r->options.mmap = CTXFIT_CHOICE_OFF;
    else
        return expected(r, "none, mmap, mlock, mmap+mlock or dio");
    return true;
}

static bool copy_text(cli_request *r, char *out, size_t cap, const char *value)
{
    if (*value == '\0' || strlen(value) >= cap) {
        (void)snprintf(r->expected, sizeof r->expected, "1 to %u characters", (unsigned)cap - 1);
        return false;
    }
    memcpy(out, value, strlen(value) + 1);
    return true;
}

bool cli_engine_is(const cli_request *r, const char *name)
{
    ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

    return ctxfit_engine_from_name(r->options.engine, &info, NULL) == CTXFIT_OK && strcmp(info.name, name) == 0;
}

static bool set_engine(cli_request *r, const char *value)
{
    if (r->with[0] != '\0')
        return expected(r, "two engines at most");
    if (r->options.engine[0] != '\0') /* a second --engine */
        return copy_text(r, r->with, sizeof r->with, value);
    return copy_text(r, r->options.engine, sizeof r->options.engine, value);
}

static bool set_limit_source(cli_request *r, const char *value)
{
    return copy_text(r, r->options.limit_source, sizeof r->options.limit_source, value);
}

/* USER/REPOSITORY[:TAG]: the file that llama-server would find on this disk; otherwise a name of the catalog and a file type, without
 * one Q4_K_M, which llama.cpp takes. */
static bool is_in_catalog(const char *name)
{
    ctxfit_model *model = NULL;
    bool          found = ctxfit_model_from_catalog(name, 0, NULL, &model, NULL) == CTXFIT_OK;

    ctxfit_model_free(model);
    return found;
}

/* Here, but not with that tag: its own message says which it has. What the catalog knows needs no file. */
static bool lacks_tag(const char *stored)
{
    char   untagged[sizeof ((cli_request *)NULL)->repository];
    size_t length = strcspn(stored + sizeof "hf:" - 1, ":") + sizeof "hf:" - 1;

    memcpy(untagged, stored, length);
    untagged[length] = '\0';
    return stored[length] == ':' && !is_in_catalog(untagged + sizeof "hf:" - 1) && cli_is_stored_file(untagged, false);
}

static bool set_repository(cli_request *r, const char *value)
{
    char *colon;

    if (strlen(value) + sizeof "hf:" <= sizeof r->repository) {
        (void)snprintf(r->repository, sizeof r->repository, "hf:%s", value);
        if (cli_is_stored_file(r->repository, true) || lacks_tag(r->repository)) {
            r->model = r->repository;
            return true;
        }
    }
    if (!copy_text(r, r->repository, sizeof r->repository, value))
        return false;
    colon = strchr(r->repository, ':');
    if (colon != NULL)
        *colon = '\0';
    r->model = r->repository;
    return read_file_type(r, colon != NULL ? colon + 1 : "Q4_K_M", &r->file_type);
}

static bool set_solve(cli_request *r, const char *value)
{
    if (strcmp(value, "none") == 0)
        r->options.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    else if (is_one_of(value, "ctx", "all", "all"))
        r->options.flags &= ~(uint32_t)CTXFIT_PLAN_F_NO_LIMITS;
    else
        return expected(r, "none, ctx or all");
    return true;
}

bool cli_read_choice(cli_request *r, const char *value, uint32_t *out)
{
    if (is_one_of(value, "1", "true", "on"))
        *out = CTXFIT_CHOICE_ON;
    else if (is_one_of(value, "0", "false", "off"))
        *out = CTXFIT_CHOICE_OFF;
    else
        return expected(r, "true or false");
    return true;
}

static bool set_flag(cli_request *r, const char *value, uint32_t flag)
{
    uint32_t choice;

    if (!cli_read_choice(r, value, &choice))
        return false;
    r->options.flags = choice == CTXFIT_CHOICE_ON ? r->options.flags | flag : r->options.flags & ~flag;
    return true;
}

static bool set_spread(cli_request *r, const char *value)
{
    return set_flag(r, value, CTXFIT_PLAN_F_SPREAD);
}

static bool set_eager(cli_request *r, const char *value)
{
    return set_flag(r, value, CTXFIT_PLAN_F_EAGER);
}

static bool set_prefix_cache(cli_request *r, const char *value)
{
    if (!set_flag(r, value, CTXFIT_PLAN_F_PREFIX_CACHE))
        return false;
    r->options.flags &= ~(uint32_t)CTXFIT_PLAN_F_NO_PREFIX_CACHE;
    if ((r->options.flags & CTXFIT_PLAN_F_PREFIX_CACHE) == 0)
        r->options.flags |= CTXFIT_PLAN_F_NO_PREFIX_CACHE;
    return true;
}

static bool set_text_only(cli_request *r, const char *value)
{
    return set_flag(r, value, CTXFIT_PLAN_F_TEXT_ONLY);
}

static bool set_vision(cli_request *r, const char *value)
{
    return set_flag(r, value, CTXFIT_PLAN_F_VISION);
}

static bool set_json(cli_request *r, const char *value)
{
    (void)value;
    r->json = 1;
    return true;
}

#define REQUEST(member) offsetof(cli_request, member)
#define OPTION(member) offsetof(cli_request, options.member)
#define CHECK(member) offsetof(cli_request, check.member)
#define TEXT CLI_JSON_TEXT
#define NUMBER (CLI_JSON_NUMBER | CLI_JSON_TEXT)
#define BOOL (CLI_JSON_BOOL | CLI_JSON_NUMBER | CLI_JSON_TEXT)

static const cli_setting settings[] = {
    {"model", TEXT, KIND_TEXT, REQUEST(model), NULL},
    {"quant", TEXT, KIND_OTHER, 0, set_file_type},
    {"header_only", BOOL, KIND_CHOICE, REQUEST(header_only), NULL},
    {"hw", TEXT, KIND_TEXT, REQUEST(hw), NULL},
    {"engine", TEXT, KIND_OTHER, 0, set_engine},
    {"n_ctx", NUMBER, KIND_OTHER, 0, set_ctx},
    {"n_seq", NUMBER, KIND_OTHER, 0, set_sequences},
    {"n_batch", NUMBER, KIND_COUNT, OPTION(batch_tokens), NULL},
    {"n_ubatch", NUMBER, KIND_COUNT, OPTION(ubatch_tokens), NULL},
    {"type_k", TEXT, KIND_FORMAT, OPTION(kv_key), NULL},
    {"type_v", TEXT, KIND_FORMAT, OPTION(kv_value), NULL},
    {"flash_attn", BOOL, KIND_OTHER, 0, set_flash},
    {"kv_unified", BOOL, KIND_CHOICE, OPTION(kv_unified), NULL},
    {"swa_full", BOOL, KIND_CHOICE, OPTION(swa_full), NULL},
    {"ngl", NUMBER, KIND_OTHER, 0, set_gpu_layers},
    {"split_mode", TEXT, KIND_OTHER, 0, set_split_mode},
    {"tensor_split", TEXT | CLI_JSON_ARRAY | CLI_JSON_MAY_BE_EMPTY, KIND_OTHER, 0, set_tensor_split},
    {"overrides", TEXT | CLI_JSON_MAY_BE_EMPTY, KIND_OTHER, 0, set_overrides},
    {"offload_kqv", BOOL, KIND_CHOICE, OPTION(kv_offload), NULL},
    {"op_offload", BOOL, KIND_CHOICE, OPTION(op_offload), NULL},
    {"n_outputs_max", NUMBER, KIND_OTHER, 0, set_outputs_max},
    {"repack", BOOL, KIND_CHOICE, OPTION(repack), NULL},
    {"mmap", BOOL, KIND_CHOICE, OPTION(mmap), NULL},
    {"solve", TEXT, KIND_OTHER, 0, set_solve},
    {"reserve_bytes", NUMBER, KIND_OTHER, 0, set_reserve},
    {"model_ctx", NUMBER, KIND_TOKENS, OPTION(model_ctx_tokens), NULL},
    {"default_ctx", NUMBER, KIND_TOKENS, OPTION(default_ctx_tokens), NULL},
    {"overhead_bytes", NUMBER, KIND_OTHER, 0, set_overhead},
    {"memory_fraction", NUMBER, KIND_REAL, OPTION(memory_fraction), NULL},
    {"kv_cache_bytes", NUMBER, KIND_OTHER, 0, set_kv_cache_bytes},
    {"kv_cache_dtype", TEXT, KIND_OTHER, 0, set_kv_cache_dtype},
    {"tensor_parallel", NUMBER, KIND_COUNT, OPTION(tensor_parallel), NULL},
    {"pipeline_parallel", NUMBER, KIND_COUNT, OPTION(pipeline_parallel), NULL},
    {"block_tokens", NUMBER, KIND_COUNT, OPTION(block_tokens), NULL},
    {"batch_sequences", NUMBER, KIND_COUNT, OPTION(batch_sequences), NULL},
    {"draft_tokens", NUMBER, KIND_COUNT, OPTION(draft_tokens), NULL},
    {"eager", BOOL, KIND_OTHER, 0, set_eager},
    {"prefix_cache", BOOL, KIND_OTHER, 0, set_prefix_cache},
    {"spread", BOOL, KIND_OTHER, 0, set_spread},
    {"text_only", BOOL, KIND_OTHER, 0, set_text_only},
    {"vision", BOOL, KIND_OTHER, 0, set_vision},
    {"limit_tokens", NUMBER, KIND_TOKENS, OPTION(limit_tokens), NULL},
    {"limit_source", TEXT, KIND_OTHER, 0, set_limit_source},
    {"prefill_rate", NUMBER, KIND_REAL, OPTION(measured_prefill_tokens_per_s), NULL},
    {"decode_rate", NUMBER, KIND_REAL, OPTION(measured_decode_tokens_per_s), NULL},
    {"prompt_tokens", NUMBER, KIND_TOKENS, CHECK(prompt_tokens), NULL},
    {"cached_tokens", NUMBER, KIND_TOKENS, CHECK(cached_tokens), NULL},
    {"output_tokens", NUMBER, KIND_TOKENS, CHECK(output_tokens), NULL},
    {"deadline_s", NUMBER, KIND_REAL, CHECK(deadline_s), NULL},
    /* of the command line only */
    {"kv", 0, KIND_OTHER, 0, set_kv},
    {"cpu_moe", 0, KIND_OTHER, 0, set_cpu_moe},
    {"n_cpu_moe", 0, KIND_OTHER, 0, set_n_cpu_moe},
    {"override_tensor", 0, KIND_OTHER, 0, set_override_tensor},
    {"hw_file", 0, KIND_OTHER, 0, set_hw_file},
    {"host_limit", 0, KIND_OTHER, 0, set_host_limit},
    {"device_limit", 0, KIND_OTHER, 0, set_device_limit},
    {"with_integrated", 0, KIND_OTHER, 0, set_with_integrated},
    {"fit_target", 0, KIND_OTHER, 0, set_fit_target},
    {"load_mode", 0, KIND_OTHER, 0, set_load_mode},
    {"hf_repo", 0, KIND_OTHER, 0, set_repository},
    {"json", 0, KIND_OTHER, 0, set_json},
};

const cli_setting *cli_setting_at(uint32_t index)
{
    return index < CLI_COUNT(settings) ? &settings[index] : cli_beside_setting_at(index - (uint32_t)CLI_COUNT(settings));
}

void cli_request_init(cli_request *r)
{
    static const ctxfit_plan_options      default_options = CTXFIT_PLAN_OPTIONS_INIT;
    static const ctxfit_request           no_request = CTXFIT_REQUEST_INIT;
    static const ctxfit_hw_detect_options everything = CTXFIT_HW_DETECT_OPTIONS_INIT;
    static const ctxfit_draft_options     default_draft = CTXFIT_DRAFT_OPTIONS_INIT;
    static const ctxfit_projector_options default_projector = CTXFIT_PROJECTOR_OPTIONS_INIT;

    memset(r, 0, sizeof *r);
    r->options = default_options;
    r->check = no_request;
    r->detect = everything;
    r->beside.draft_options = default_draft;
    r->beside.projector_options = default_projector;
}

bool cli_set(cli_request *r, const cli_setting *setting, const char *value)
{
    void    *target = (char *)r + setting->offset;
    uint64_t n;

    switch (setting->kind) {
    case KIND_TEXT:
        *(const char **)target = value;
        return *value != '\0' || expected(r, "a name");
    case KIND_TOKENS:
        r->has_check |= target == (void *)&r->check.prompt_tokens || target == (void *)&r->check.output_tokens;
        return cli_parse_tokens(value, target) || expected(r, "a number of tokens (131072, 128k)");
    case KIND_COUNT:
        if (!cli_parse_uint(value, UINT32_MAX, &n) || n == 0)
            return expected(r, "a whole number, 1 or more");
        *(uint32_t *)target = (uint32_t)n;
        return true;
    case KIND_CHOICE:
        return cli_read_choice(r, value, target);
    case KIND_FORMAT:
        return cli_read_cache_type(r, value, target);
    case KIND_REAL:
        return (cli_parse_real(value, target) && *(double *)target > 0) || expected(r, "a number above 0");
    }
    return setting->set(r, value);
}

const char *cli_request_fault(cli_request *r)
{
    const ctxfit_request *c = &r->check;

    if (r->lists && (r->model != NULL || r->header_only || r->has_check)) {
        (void)expected(r, "no model and no request: all models of the catalog are listed");
        return "model";
    }
    if (r->lists && r->with[0] != '\0') {
        (void)expected(r, "one engine");
        return "engine";
    }
    if (r->options.ctx_tokens == CTXFIT_CTX_LARGEST && r->lists) {
        (void)expected(r, "tokens: models are listed for a context");
        return "n_ctx";
    }
    if (r->with[0] != '\0' && r->quants > 2) {
        (void)expected(r, "two file types at most, one for each engine");
        return "quant";
    }
    if (r->model == NULL && !r->lists) {
        (void)expected(r, "a model: a catalog name or a .gguf file");
        return "model";
    }
    if (r->hw == NULL && !r->may_detect) {
        (void)expected(r, "a machine: mac-studio-m2-ultra-64gb, \"2*rtx-4090 host:64GiB\", host:64GiB");
        return "hw";
    }
    if (r->hw == NULL && r->hw_file != NULL) {
        (void)expected(r, "--hw SPEC, which names an entry of the file");
        return "hw_file";
    }
    if (r->hw != NULL && r->has_detect) {
        (void)expected(r, "the limits of a machine that is written down in it: free= and budget=, not --host-limit, --device-limit or "
                          "--with-integrated");
        return "hw";
    }
    if (c->cached_tokens > c->prompt_tokens) {
        (void)expected(r, "no more than the tokens of the prompt");
        return "cached_tokens";
    }
    if (c->deadline_s > 0 && !r->has_check) {
        (void)expected(r, "a prompt or an output to hold against it");
        return "deadline_s";
    }
    return NULL;
}
