/* Names and versions of engines, and which file resolves for which. */
#include "engine_internal.h"

typedef struct engine_version {
    uint32_t engine;
    uint32_t build;
    char     version[16];
} engine_version;

_Static_assert(sizeof(ctxfit_engine_info) == CFI_V1_ENGINE_INFO, "a member of another struct cannot grow");

static const cfi_engine_traits engine_traits[] = {
#define CFI_ENGINE(id, name, per_sequence, step, sequences, source) {name, per_sequence, step, sequences},
#include "engines.def"
#undef CFI_ENGINE
};

static const struct {
    char     name[16];
    uint32_t engine;
} engine_aliases[] = {
#define CFI_ENGINE_ALIAS(engine, name) {name, CFI_ENGINE_##engine},
#include "engine_aliases.def"
#undef CFI_ENGINE_ALIAS
};

static const engine_version engine_versions[] = {
#define CFI_ENGINE_VERSION(engine, version, build, since, source) {CFI_ENGINE_##engine, build, version},
#include "versions.def"
#undef CFI_ENGINE_VERSION
};

static const uint32_t change_builds[] = {
#define CFI_ENGINE_CHANGE(name, build, source) build,
#include "changes.def"
#undef CFI_ENGINE_CHANGE
};

bool cfi_engine_changed(uint32_t build, cfi_engine_change change)
{
    return build >= change_builds[change];
}

const cfi_engine_traits *cfi_engine_traits_of(cfi_engine_id id)
{
    return &engine_traits[id];
}

static bool ends_a_release(char c)
{
    return cfi_is_digit((unsigned char)c) || (cfi_ascii_lower((unsigned char)c) >= 'a' && cfi_ascii_lower((unsigned char)c) <= 'z') ||
           c == '.' || c == '-' || c == '+' || c == '_';
}

/* "0.32.1" is 3201, so are "v0.32.1", "0.32.1rc2" and "0.32.1.post1"; `*exact` is false where something follows the numbers. Two parts at
 * least, which count as 99 from a hundred on; false for anything else. */
static bool read_release(const char *text, uint32_t *out, bool *exact)
{
    uint64_t part, number = 0;
    int      parts = 0;

    if (*text == 'v' || *text == 'V')
        text++;
    for (;; text++) {
        const char *end;

        if (!cfi_parse_u64(text, &end, &part) || part > 9999)
            return false;
        if (parts < 3)
            number = number * 100 + cfi_min_u64(part, 99);
        parts++;
        text = end;
        if (*text != '.' || !cfi_is_digit((unsigned char)text[1]))
            break;
    }
    for (int i = parts; i < 3; i++)
        number *= 100;
    *out = (uint32_t)number;
    *exact = *text == '\0';
    for (; *text != '\0'; text++)
        if (!ends_a_release(*text))
            return false;
    return parts >= 2 && parts <= 4;
}

static uint32_t release_of(const engine_version *row)
{
    uint32_t release = 0;
    bool     exact;

    return read_release(row->version, &release, &exact) ? release : 0;
}

static void choice_set(cfi_engine_choice *out, const engine_version *row, const char *version, uint32_t build, bool known)
{
    const cfi_engine_traits *traits = &engine_traits[row->engine];

    memset(out, 0, sizeof *out);
    out->id = (cfi_engine_id)row->engine;
    out->release = release_of(row);
    out->info.struct_size = (uint32_t)sizeof out->info;
    out->info.build = build;
    out->info.known = known ? 1 : 0;
    memcpy(out->info.name, traits->name, sizeof traits->name);
    memcpy(out->info.version, version, (size_t)cfi_min_u64(strlen(version), sizeof out->info.version - 1));
    memcpy(out->rules, row->version, sizeof row->version);
}

uint32_t ctxfit_engine_count(void)
{
    return (uint32_t)CFI_COUNT(engine_versions);
}

ctxfit_status ctxfit_engine_get(uint32_t index, ctxfit_engine_info *out)
{
    const engine_version *row = &engine_versions[index < CFI_COUNT(engine_versions) ? index : 0];
    cfi_engine_choice     choice;

    if (out == NULL)
        return CTXFIT_E_INVALID_ARG;
    if (index >= CFI_COUNT(engine_versions))
        return cfi_copy_none(out, CFI_V1_ENGINE_INFO, CTXFIT_E_NOT_FOUND);
    choice_set(&choice, row, row->version, row->build, true);
    return cfi_copy_out(out, &choice.info, sizeof choice.info, CFI_V1_ENGINE_INFO);
}

/* "b11000" or "11000": a build of llama.cpp. */
static bool read_build(const char *text, uint32_t *out)
{
    const char *end;
    uint64_t    build;

    if (*text == 'b' || *text == 'B')
        text++;
    if (!cfi_parse_u64(text, &end, &build) || *end != '\0' || build == 0 || build > UINT32_MAX)
        return false;
    *out = (uint32_t)build;
    return true;
}

static void choose_build(const engine_version *newest, uint32_t build, cfi_engine_choice *out)
{
    const engine_version *best = newest;
    char                  name[sizeof out->info.version];
    cfi_writer            w;
    size_t                len;

    for (const engine_version *row = newest; row < engine_versions + CFI_COUNT(engine_versions) && row->engine == newest->engine; row++) {
        best = row;
        if (row->build <= build)
            break;
    }
    cfi_writer_init(&w, name, sizeof name);
    cfi_write(&w, "b%u", (unsigned)build);
    (void)cfi_writer_finish(&w, &len);
    choice_set(out, best, build == best->build ? best->version : name, build, build == best->build);
}

/* Of Ollama before llama-server every tag from the oldest row on was read, and the rows are those with another llama.cpp or rule. */
static bool read_like(const engine_version *row, uint32_t release)
{
    return row->engine == CFI_ENGINE_OLLAMA && release >= release_of(row) && !cfi_ollama_changed(release, CFI_OLLAMA_NO_RELEASES);
}

/* The rules of the newest known release that is not newer; of the oldest one for what is older than all. */
static void choose_release(const engine_version *newest, const char *version, uint32_t release, bool exact, cfi_engine_choice *out)
{
    const engine_version *best = NULL;

    for (const engine_version *row = newest; row < engine_versions + CFI_COUNT(engine_versions) && row->engine == newest->engine; row++) {
        if (release_of(row) == 0)
            continue;
        best = row;
        if (release_of(row) <= release)
            break;
    }
    best = best != NULL ? best : newest;
    if (exact && release_of(best) == release)
        version = best->version;
    else
        exact = exact && read_like(best, release);
    choice_set(out, best, version, best->build, exact);
    out->release = release; /* rules that changed between known releases go by it */
}

static ctxfit_status choose_version(const engine_version *newest, const char *version, cfi_engine_choice *out, ctxfit_error *error)
{
    uint32_t number;
    bool     exact;

    for (const engine_version *row = newest; row < engine_versions + CFI_COUNT(engine_versions) && row->engine == newest->engine; row++) {
        if (cfi_equal_nocase(version, row->version)) {
            choice_set(out, row, row->version, row->build, true);
            return CTXFIT_OK;
        }
    }
    if (newest->engine == CFI_ENGINE_LLAMACPP && read_build(version, &number)) {
        choose_build(newest, number, out);
        return CTXFIT_OK;
    }
    if (strlen(version) < sizeof out->info.version && read_release(version, &number, &exact)) {
        choose_release(newest, version, number, exact, out);
        return CTXFIT_OK;
    }
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "engine version '%.40s': expected %sa release (%s)", version,
                    newest->engine == CFI_ENGINE_LLAMACPP ? "a build (b10472), or " : "", newest->version);
}

static ctxfit_status unknown_engine(const char *name, ctxfit_error *error)
{
    char       known[128];
    cfi_writer w;
    size_t     len;

    cfi_writer_init(&w, known, sizeof known);
    for (size_t i = 0; i < CFI_COUNT(engine_traits); i++)
        cfi_write(&w, "%s%s", i > 0 ? ", " : "", engine_traits[i].name);
    (void)cfi_writer_finish(&w, &len);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "engine '%.60s' is unknown; known: %s", name, known);
}

/* Behind what people write differently: "LM Studio", "llama-cpp", "tensorrt_llm". */
static const char *skip_marks(const char *text)
{
    while (*text == '.' || *text == '-' || *text == '_' || *text == ' ')
        text++;
    return text;
}

/* What follows the engine's name, "" or "@version"; NULL: `name` is of another one. */
static const char *behind_name(const char *name, const char *known)
{
    for (known = skip_marks(known), name = skip_marks(name); *known != '\0'; known = skip_marks(known + 1), name = skip_marks(name + 1))
        if (cfi_ascii_lower((unsigned char)*name) != *known)
            return NULL;
    return *name == '\0' || *name == '@' ? name : NULL;
}

/* CFI_ENGINE_COUNT: unknown. */
static uint32_t find_engine(const char *name, const char **rest)
{
    for (uint32_t i = 0; i < CFI_ENGINE_COUNT; i++) {
        *rest = behind_name(name, engine_traits[i].name);
        if (*rest != NULL)
            return i;
    }
    for (size_t i = 0; i < CFI_COUNT(engine_aliases); i++) {
        *rest = behind_name(name, engine_aliases[i].name);
        if (*rest != NULL)
            return engine_aliases[i].engine;
    }
    return CFI_ENGINE_COUNT;
}

ctxfit_status cfi_engine_choose(const char *name, cfi_engine_choice *out, ctxfit_error *error)
{
    const engine_version *newest = engine_versions;
    const char           *rest;
    uint32_t              engine;

    if (name == NULL || *name == '\0')
        name = engine_traits[CFI_ENGINE_LLAMACPP].name;
    engine = find_engine(name, &rest);
    if (engine == CFI_ENGINE_COUNT)
        return unknown_engine(name, error);
    while (newest->engine != engine)
        newest++;
    if (*rest == '@')
        return choose_version(newest, rest + 1, out, error);
    choice_set(out, newest, newest->version, newest->build, true);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_engine_from_name(const char *name, ctxfit_engine_info *out, ctxfit_error *error)
{
    cfi_engine_choice choice;
    ctxfit_status     status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "engine: out is NULL");
    (void)cfi_copy_none(out, CFI_V1_ENGINE_INFO, CTXFIT_OK);
    status = cfi_engine_choose(name, &choice, error);
    return status == CTXFIT_OK ? cfi_copy_out(out, &choice.info, sizeof choice.info, CFI_V1_ENGINE_INFO) : status;
}

ctxfit_status cfi_engine_resolve_on(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_machine *machine,
                                    cfi_run *out, ctxfit_error *error)
{
    cfi_engine_choice choice;
    ctxfit_status     status;

    memset(out, 0, sizeof *out);
    status = cfi_engine_choose(options->engine, &choice, error);
    if (status != CTXFIT_OK)
        return status;
    out->id = choice.id;
    out->engine = choice.info;
    out->build = choice.info.build;
    out->release = choice.release;
    if (cfi_exl3_is(model->info.file_type) && choice.id != CFI_ENGINE_EXLLAMAV3)
        return cfi_fail(error, CTXFIT_E_REFUSED, "%s does not run EXL3; exllamav3 does", choice.info.name);
    status = cfi_settings_check(options, out, error);
    if (status != CTXFIT_OK)
        return status;
    switch (choice.id) {
    case CFI_ENGINE_OLLAMA:   return cfi_engine_resolve_ollama(model, options, machine, out, error);
    case CFI_ENGINE_LMSTUDIO: return cfi_engine_resolve_lmstudio(model, options, machine, out, error);
    case CFI_ENGINE_EXLLAMAV3: return cfi_engine_resolve_exllamav3(model, options, machine, out, error);
    case CFI_ENGINE_MLX:      return cfi_engine_resolve_mlx(model, options, machine, out, error);
    case CFI_ENGINE_SGLANG:   return cfi_engine_resolve_sglang(model, options, machine, out, error);
    case CFI_ENGINE_VLLM:     return cfi_engine_resolve_vllm(model, options, machine, out, error);
    case CFI_ENGINE_TRTLLM:   return cfi_engine_resolve_trtllm(model, options, machine, out, error);
    case CFI_ENGINE_LLAMACPP:
    case CFI_ENGINE_COUNT:    break;
    }
    return cfi_engine_resolve_llamacpp(model, options, machine, out, error);
}

uint64_t cfi_engine_participants(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_choice *engine,
                                 const cfi_engine_machine *machine)
{
    if (engine->id == CFI_ENGINE_OLLAMA)
        return cfi_engine_ollama_participants(model, options, engine->release, machine);
    if (engine->id == CFI_ENGINE_MLX)
        return CFI_ALL_DEVICES(machine->count > 0 ? 1 : 0);
    if (cfi_ranks_engine(engine->id)) {
        uint64_t ranks = (uint64_t)(options->tensor_parallel + !options->tensor_parallel) *
                         (options->pipeline_parallel + !options->pipeline_parallel);

        return ranks < machine->count ? CFI_ALL_DEVICES(ranks) : CFI_ALL_DEVICES(machine->count);
    }
    return CFI_ALL_DEVICES(machine->count);
}

uint32_t cfi_engine_usual_sequences(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_choice *engine,
                                    const cfi_engine_machine *machine)
{
    return engine->id == CFI_ENGINE_OLLAMA ? cfi_ollama_usual_sequences(model, options, engine->release, machine) : 1;
}

uint32_t cfi_engine_most_sequences(const ctxfit_model *model, const cfi_engine_choice *engine)
{
    return engine->id == CFI_ENGINE_OLLAMA && cfi_ollama_serial(model, engine->release) ? 1 : engine_traits[engine->id].most_sequences;
}

ctxfit_status cfi_engine_resolve(const ctxfit_model *model, const ctxfit_plan_options *options, const cfi_engine_device *devices,
                                 uint32_t device_count, cfi_run *out, ctxfit_error *error)
{
    cfi_engine_machine machine = {devices, NULL, device_count, 0, NULL, 0, 0, NULL, false};

    return cfi_engine_resolve_on(model, options, &machine, out, error);
}
