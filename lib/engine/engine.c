#include "engine_internal.h"

#define ENGINE_NAME "llama.cpp"

typedef struct engine_version {
    const char *version;
    uint32_t    build;
} engine_version;

_Static_assert(sizeof(ctxfit_engine_info) == CFI_V1_ENGINE_INFO, "a member of another struct cannot grow");

static const engine_version engine_versions[] = {
#define CFI_ENGINE_VERSION(version, build, since, source) {version, build},
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

static ctxfit_status engine_write_info(ctxfit_engine_info *out, const char *version, uint32_t build, bool known)
{
    ctxfit_engine_info info = CTXFIT_ENGINE_INFO_INIT;

    info.build = build;
    info.known = known ? 1 : 0;
    memcpy(info.name, ENGINE_NAME, sizeof ENGINE_NAME);
    memcpy(info.version, version, (size_t)cfi_min_u64(strlen(version), sizeof info.version - 1));
    return cfi_copy_out(out, &info, sizeof info, CFI_V1_ENGINE_INFO);
}

uint32_t ctxfit_engine_count(void)
{
    return (uint32_t)CFI_COUNT(engine_versions);
}

ctxfit_status ctxfit_engine_get(uint32_t index, ctxfit_engine_info *out)
{
    if (out == NULL)
        return CTXFIT_E_INVALID_ARG;
    if (index >= CFI_COUNT(engine_versions))
        return cfi_copy_none(out, CFI_V1_ENGINE_INFO, CTXFIT_E_NOT_FOUND);
    return engine_write_info(out, engine_versions[index].version, engine_versions[index].build, true);
}

/* "b11000" or "11000" is a build; "0.8.0" is a release. */
static bool parse_build(const char *text, uint32_t *out)
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

static bool is_release(const char *text)
{
    const char *end;
    uint64_t    part;
    int         parts = 0;

    for (;; text = end + 1) {
        if (!cfi_parse_u64(text, &end, &part))
            return false;
        parts++;
        if (*end != '.')
            return *end == '\0' && parts >= 2 && parts <= 4;
    }
}

static ctxfit_status engine_from_version(const char *version, ctxfit_engine_info *out, ctxfit_error *error)
{
    ctxfit_engine_info sizes;
    uint32_t           build;
    char               name[sizeof sizes.version];
    cfi_writer         w;
    size_t             len;

    for (size_t i = 0; i < CFI_COUNT(engine_versions); i++) {
        if (cfi_equal_nocase(version, engine_versions[i].version))
            return engine_write_info(out, engine_versions[i].version, engine_versions[i].build, true);
    }
    if (parse_build(version, &build)) {
        for (size_t i = 0; i < CFI_COUNT(engine_versions); i++) {
            if (build == engine_versions[i].build)
                return engine_write_info(out, engine_versions[i].version, build, true);
        }
        cfi_writer_init(&w, name, sizeof name);
        cfi_write(&w, "b%u", (unsigned)build);
        (void)cfi_writer_finish(&w, &len);
        return engine_write_info(out, name, build, false);
    }
    if (is_release(version) && strlen(version) < sizeof name)
        return engine_write_info(out, version, engine_versions[0].build, false);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "engine version '%.40s': expected a build (b10472), or a release (%s)", version,
                    engine_versions[0].version);
}

ctxfit_status ctxfit_engine_from_name(const char *name, ctxfit_engine_info *out, ctxfit_error *error)
{
    const size_t len = sizeof ENGINE_NAME - 1;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "engine: out is NULL");
    (void)cfi_copy_none(out, CFI_V1_ENGINE_INFO, CTXFIT_OK);
    if (name == NULL || *name == '\0')
        return ctxfit_engine_get(0, out);
    for (size_t i = 0; i < len; i++) {
        if (cfi_ascii_lower((unsigned char)name[i]) != ENGINE_NAME[i])
            return cfi_fail(error, CTXFIT_E_NOT_FOUND, "engine '%.60s' is unknown; known: %s", name, ENGINE_NAME);
    }
    if (name[len] == '\0')
        return ctxfit_engine_get(0, out);
    if (name[len] != '@')
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "engine '%.60s' is unknown; known: %s", name, ENGINE_NAME);
    return engine_from_version(name + len + 1, out, error);
}
